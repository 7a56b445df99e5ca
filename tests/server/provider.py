"""A small OpenID provider on this machine: it asks nobody for a password, and says what it is told to say."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, PASSWORD = "pages", "a secret: 100% of the client's own + more"


@dataclass
class IdentityProvider:
    """`claims` are put over those of each token; `said` over what it says of itself. `more` is what it
    tells of somebody beside their token, `fails` what it answers to a code instead of
    one, with the status `failing`; `status` is that of its word of itself, `given` that of tokens. `codes` are those not yet used."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    more: Any = None
    fails: Any = None
    failing: int = 400
    status: int = 200
    given: int = 200
    access_token: str | None = "opaque"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signing: RSAKey | None = None
    redirects: bool = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/openid-configuration", self.discovery),
            web.get("/authorize", self.authorize),
            web.post("/token", self.token),
            web.get("/jwks", self.jwks),
            web.get("/userinfo", self.userinfo),
        ]

    async def discovery(self, _: web.Request) -> web.Response:
        self.asked.append("discovery")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/leave%41?from=here",
        }
        return web.json_response({**said, **self.said}, status=self.status)

    async def authorize(self, request: web.Request) -> web.Response:
        query = request.query
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = dict(query)
        back = f"{query['redirect_uri']}?code={code}&state={query['state']}"
        return web.Response(status=302, headers={"Location": back})

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        if self.redirects:
            raise web.HTTPTemporaryRedirect("http://169.254.169.254/")
        if self.fails is not None:
            return web.json_response(self.fails, status=self.failing)
        form = await request.post()
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{quote_plus(PASSWORD)}".encode()).decode()
        given = self.codes.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if request.headers.get("Authorization") != wanted or given is None or given["code_challenge"] != challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["redirect_uri"] == given["redirect_uri"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "7",
            "role": "user",
            "nonce": given["nonce"],
            "iat": now,
            "exp": now + 300,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": "one"}
        id_token = jwt.encode(header, claims, self.signing or self.key)
        return web.json_response(
            {"access_token": self.access_token, "token_type": "Bearer", "id_token": id_token}, status=self.given
        )

    async def userinfo(self, request: web.Request) -> web.Response:
        self.asked.append("userinfo")
        assert request.headers["Authorization"] == "Bearer opaque"
        return web.json_response(self.more, status=401 if self.more is None else 200)

    async def jwks(self, _: web.Request) -> web.Response:
        self.asked.append("jwks")
        return web.json_response({"keys": [self.key.as_dict(private=False)]})


@asynccontextmanager
async def providing() -> AsyncIterator[IdentityProvider]:
    """A provider that listens."""
    provider = IdentityProvider()
    app = web.Application()
    app.add_routes(provider.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    provider.issuer = f"http://127.0.0.1:{port}"
    try:
        yield provider
    finally:
        await runner.cleanup()
