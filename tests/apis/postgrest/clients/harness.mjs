// Runs PostgREST's JavaScript clients as they are published against a server, one case after the other, and prints what
// became of each as a line of JSON.
import assert from "node:assert/strict";
import { PostgrestClient } from "@supabase/postgrest-js";
import { createClient } from "@supabase/supabase-js";

export const [address, key] = process.argv.slice(2);
const headers = { apikey: key, Authorization: `Bearer ${key}` };
// Node 20 has no WebSocket, which the client wants to know of though no socket is opened here.
const realtime = { transport: globalThis.WebSocket ?? class {} };
const clients = {
  "postgrest-js": new PostgrestClient(`${address}/rest/v1`, { headers }),
  "supabase-js": createClient(address, key, { auth: { persistSession: false, autoRefreshToken: false }, realtime }),
};

export const same = assert.deepEqual;

// The answer to a query that has to succeed.
export async function good(query, status = 200) {
  const answer = await query;
  same([answer.error, answer.status], [null, status]);
  return answer;
}

// The error of a query that has to fail.
export async function bad(query, status, code) {
  const { error, status: found, data } = await query;
  same([found, error?.code, data], [status, code, null]);
  return error;
}

// Run one client's cases and print what became of each.
export async function reported(client, cases) {
  for (const [name, run] of Object.entries(cases)) {
    let failure = null;
    try {
      await run();
    } catch (error) {
      failure = String(error.stack ?? error);
    }
    console.log(JSON.stringify({ client, name, failure }));
  }
}

// Run the cases that are made for each client.
export async function report(cases) {
  for (const [name, client] of Object.entries(clients)) await reported(name, cases(client));
  process.exit(0);
}
