// An OpenID provider that its makers had certified, told by lines of JSON what it is. Each line is answered by one.
//
//   {"listen": {"keys": [JWK…], "clients": [metadata…], …}}     there, as this; what it gave away before it does not know
//   {"listen": null}                                            there again, as it was
//   {"close": true}                                             away: nobody listens any more
//   {"count": "/jwks"}                                          how often that path was asked for so far
//
// Whoever signs in is whoever they say they are: any name, any password.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

// What it tells its developers is nothing to tests, and stdout is for answers.
console.info = console.warn = () => {};

const ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const asked = new Map();
let provider = null;
let server = null;
let port = 0;

// `thin`: its tokens say who somebody is, and nothing else of them. `audience`: for whom access tokens are that name a
// resource; of the others nobody says it.
const made = (issuer, { keys, clients, algorithm, audience, methods, roles, format, seconds, thin }) => {
  const resource = {
    scope: "read",
    audience,
    accessTokenTTL: seconds,
    accessTokenFormat: format,
    ...(format === "jwt" && { jwt: { sign: { alg: algorithm } } }),
  };
  const ages = ["AccessToken", "Grant", "IdToken", "Interaction", "RefreshToken", "Session"];
  return new Provider(issuer, {
    jwks: { keys },
    clients,
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, roles, email: `${id}@example` }) }),
    claims: { openid: ["sub"], roles: ["roles"], email: ["email"] },
    conformIdTokenClaims: thin,
    clientAuthMethods: methods,
    clientDefaults: { id_token_signed_response_alg: algorithm },
    cookies: { keys: ["a-key-of-cookies"] },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    extraTokenClaims: async () => ({ roles }),
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => resource,
      },
    },
    ttl: { ...Object.fromEntries(ages.map((each) => [each, 600])), ClientCredentials: seconds },
  });
};

const commands = {
  async listen(settings) {
    if (server === null) {
      server = createServer((request, response) => {
        const { pathname } = new URL(request.url, provider.issuer);
        asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
        provider.callback()(request, response);
      });
      await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
      ({ port } = server.address());
    }
    if (settings !== null) provider = made(`http://127.0.0.1:${port}`, settings);
    return { issuer: provider.issuer };
  },
  async close() {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    server = null;
    return {};
  },
  async count(path) {
    return { count: asked.get(path) ?? 0 };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, said]] = Object.entries(JSON.parse(line));
  const answer = await commands[name](said).catch((error) => ({ error: error.stack }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
