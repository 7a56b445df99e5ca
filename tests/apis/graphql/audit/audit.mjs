// Runs the audits of graphql-http against a server: `node audit.mjs URL`. Prints one JSON object for each, and nothing else.
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
for (const audit of serverAudits({ url })) {
  const { id, name, status, reason } = await audit.fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
