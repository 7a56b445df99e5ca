// A program of supabase-js with a key of its own: before somebody signs in, and afterwards.
// Usage: node signed_in.mjs ADDRESS - KEY TOKEN WRONG_KEY
import { createClient } from "@supabase/supabase-js";
import { address, bad, good, reported, same } from "./harness.mjs";

const [key, token, wrong] = process.argv.slice(4);
const auth = { persistSession: false, autoRefreshToken: false };
const realtime = { transport: globalThis.WebSocket ?? class {} };
const made = (as, accessToken) => createClient(address, as, accessToken ? { accessToken, realtime } : { auth, realtime });
const texts = async (client) => (await good(client.from("note").select("text").order("id"))).data.map((each) => each.text);

await reported("supabase-js", {
  "nobody is signed in": async () => same(await texts(made(key)), ["of everybody"]),
  "somebody is signed in": async () => same(await texts(made(key, async () => token)), ["of ann"]),
  "somebody signs in later, and out again": async () => {
    let held = null;
    const client = made(key, async () => held);
    same(await texts(client), ["of everybody"]);
    held = token;
    same(await texts(client), ["of ann"]);
    held = null;
    same(await texts(client), ["of everybody"]);
  },
  "the key of another program": async () => {
    await bad(made(wrong, async () => token).from("note").select("text"), 401, "PGRST301");
    await bad(made(wrong).from("note").select("text"), 401, "PGRST301");
  },
  "a token that does not hold": async () => {
    await bad(made(key, async () => `${token}x`).from("note").select("text"), 401, "PGRST301");
  },
  "what the key may is not the person's": async () => {
    const written = made(key).from("note").insert({ id: 9, owner: "", text: "new" });
    await good(written, 201);
    await bad(made(key, async () => token).from("note").insert({ id: 10, owner: "ann", text: "new" }), 403, "42501");
    await good(made(key).from("note").delete().eq("id", 9), 204);
  },
});
process.exit(0);
