"use strict";

/* Everything is asked of this server alone. An access token that let the page in goes with each request; whoever has a
   credential of their own writes it under "Headers", where it wins. Nothing is kept that could be a credential. */

async function ask(operation, options) {
  const headers = { "Content-Type": "application/json", "Accept": "application/json" };
  const token = window.session.token();
  if (token) headers.Authorization = `Bearer ${token}`;
  const given = (options && options.headers) || {};
  for (const name of Object.keys(headers)) {
    if (Object.keys(given).some((other) => other.toLowerCase() === name.toLowerCase())) delete headers[name];
  }
  const response = await fetch("graphql", {
    method: "POST",
    headers: { ...headers, ...given },
    body: JSON.stringify(operation),
    credentials: "omit",
  });
  return response.json();
}

const greeting = `# What you may ask is in the documentation, behind the book on the left.
#
#   Ctrl-Enter runs the operation, Ctrl-Space completes a name.
`;

const page = React.createElement(GraphiQL, {
  fetcher: ask,
  defaultQuery: greeting,
  defaultEditorToolsVisibility: true,
  isHeadersEditorEnabled: true,
  shouldPersistHeaders: false,
});
ReactDOM.createRoot(document.getElementById("graphiql")).render(page);
