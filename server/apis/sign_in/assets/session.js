// Whoever signed in at this server: offers to sign in or out, and keeps the page's token fresh. Only the page keeps it.
"use strict";

window.session = (() => {
  const RENEWED_MILLISECONDS = 4 * 60 * 1000;
  const state = document.querySelector('meta[name="session"]').content;
  let token = document.querySelector('meta[name="access-token"]').content;

  const renew = async () => {
    const answer = await fetch("auth/session", { method: "POST", credentials: "same-origin" });
    if (answer.ok) token = (await answer.json()).access_token;
  };

  const signIn = () => {
    const link = document.createElement("a");
    link.href = `auth/login?next=${encodeURIComponent(window.location.pathname.split("/").pop())}`;
    link.textContent = "Sign in";
    return link;
  };

  // Asked by script: a form's own request would carry no origin from a page that tells nobody where its visitors come from.
  const signOut = () => {
    const button = document.createElement("button");
    button.textContent = "Sign out";
    button.addEventListener("click", async () => {
      const answer = await fetch("auth/logout", { method: "POST", credentials: "same-origin" });
      if (answer.status === 200) window.location.assign((await answer.json()).provider);
      else window.location.reload();
    });
    return button;
  };

  if (state) {
    const bar = document.createElement("div");
    bar.id = "session";
    bar.append(state === "in" ? signOut() : signIn());
    document.body.prepend(bar);
  }
  if (state === "in") window.setInterval(renew, RENEWED_MILLISECONDS);
  return { token: () => token, signedIn: state === "in" };
})();
