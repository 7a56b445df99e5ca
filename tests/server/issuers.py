"""An issuer of tokens on this machine: it signs, publishes its keys on a port of its own, and misbehaves when told to.

async with issuer() as id:
    id.keys = [ONE]
    config = f"auth: {{jwt: {{jwks: '{id.url}'}}}}"
    token = signed(ONE, "RS256", sub="7", role="user")
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from server.auth.outbound import Outbound

Key = OctKey | RSAKey | ECKey | OKPKey
ONE: RSAKey = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
TWO: RSAKey = RSAKey.generate_key(2048, {"kid": "two"}, auto_kid=False)
CURVE: ECKey = ECKey.generate_key("P-256", {"kid": "curve"}, auto_kid=False)


def signed(key: Key, algorithm: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token of these claims, a minute long unless `exp` says otherwise; None leaves a claim out, its own `kid` put in."""
    said = {"role": "user", "sub": "7", "exp": time.time() + 60, **claims}
    kept = {name: value for name, value in said.items() if value is not None}
    head = {"alg": algorithm, **({"kid": key.kid} if key.kid else {}), **(header or {})}
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({name: each for name, each in head.items() if each is not None}, kept, key, registry=registry)


def public(*keys: Key) -> dict[str, Any]:
    """What an issuer publishes of its keys."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def pem(key: Key, *, private: bool = False) -> str:
    """A key as PEM."""
    assert not isinstance(key, OctKey)
    return key.as_pem(private=private).decode()


@dataclass
class Service:
    """A server that answers as `answer` says, and counts how often it was asked."""

    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    port: int = 0
    asked: int = 0
    seen: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        self.seen.append(request)
        self.bodies.append(await request.text())
        self.heard.set()
        return await self.answer(request)

    def says(self, document: Any, status: int = 200, **headers: str) -> None:
        """Answer with this from now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.json_response(document, status=status, headers=named)

        self.answer = answer


@asynccontextmanager
async def service(document: Any = None, status: int = 200, port: int = 0, **headers: str) -> AsyncIterator[Service]:
    """A server that says this."""
    made = Service(lambda _: asyncio.sleep(0, web.Response()))
    made.says(document, status, **headers)
    runner = web.ServerRunner(web.Server(made.handle, access_log=None), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def outbound(**limits: Any) -> AsyncIterator[Outbound]:
    """What asks others, within these limits."""
    made = Outbound(**limits)
    try:
        yield made
    finally:
        await made.close()
