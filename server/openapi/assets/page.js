// Shows the server's own document, and nothing that the page's address says. A token goes to this origin alone.
"use strict";

(() => {
  const SCHEME = "bearer";
  const form = document.getElementById("credential");
  const withToken = (token) => (request) => {
    const here = new URL(request.url, document.baseURI).origin === window.location.origin;
    const current = token || window.session.token();
    if (current && here && !("Authorization" in request.headers)) {
      request.headers.Authorization = `Bearer ${current}`;
    }
    return request;
  };

  // Whether a token is of use, only the document says; where it is refused, it is.
  const noteRefusal = (response) => {
    if (!response.ok && response.url === new URL("openapi.json", document.baseURI).href) form.hidden = false;
    return response;
  };

  const show = (token) => {
    const ready = () => {
      const schemes = ui.getState().getIn(["spec", "json", "components", "securitySchemes"]);
      form.hidden = !schemes || (window.session.signedIn && !token);
      if (token && schemes) ui.preauthorizeApiKey(SCHEME, token);
    };
    const ui = window.SwaggerUIBundle({
      domNode: document.getElementById("document"),
      url: "openapi.json",
      queryConfigEnabled: false,
      validatorUrl: null,
      deepLinking: true,
      displayRequestDuration: true,
      docExpansion: "none",
      defaultModelsExpandDepth: 0,
      filter: true,
      persistAuthorization: false,
      tryItOutEnabled: true,
      withCredentials: false,
      requestInterceptor: withToken(token),
      responseInterceptor: noteRefusal,
      onComplete: ready,
    });
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(document.getElementById("token").value.trim());
  });
  // Whoever signed in has a token that is renewed behind the page's back, so none is shown as given.
  show(window.session.signedIn ? "" : window.session.token());
})();
