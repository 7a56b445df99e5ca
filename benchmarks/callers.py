"""What it costs to know who calls: a credential that memory knows, one that is held against a key, and none.

`python -m benchmarks.callers` prints a Markdown table of processor time in microseconds: the least of several runs, which other
work on the machine disturbs least. The request is a real one of the HTTP library; nothing is sent.

Rule: what is measured is checked first: each caller is found, and as who they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from reflector.access.principal import Principal
from reflector.secret import Secret
from server.auth.credentials import authenticator
from server.auth.frame import Authenticator
from server.auth.jwt import JwtBearer
from server.config import Config
from server.config.models import Auth, Jwt, Role

RUNS: Final = 9
SECRET: Final = "a-signing-key-of-forty-letters-at-least"
KEYS: Final[tuple[tuple[str, Any], ...]] = (
    ("HS256", OctKey.import_key(SECRET)),
    ("RS256", RSAKey.generate_key(2048)),
    ("ES256", ECKey.generate_key("P-256")),
    ("Ed25519", OKPKey.generate_key("Ed25519")),
)
PADDING: Final = {
    "name": "Ann Example",
    "email": "ann@shop.example",
    "scope": "openid profile email",
    "azp": "shop" * 8,
}
"""So that a token has the length that issuers give theirs."""


def signed(key: Any, algorithm: str) -> str:
    claims = {"role": "user", "sub": "7", "aud": "shop", "iss": "https://id.example", "exp": int(time.time()) + 9999}
    registry = jws.JWSRegistry(algorithms=[algorithm])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"alg": algorithm, "kid": "one"}, {**claims, **PADDING}, key, registry=registry)


def callers_of(key: Any) -> Authenticator:
    """Who tells who calls, where this key signs."""
    common: Mapping[str, Any] = {"audience": ("shop",), "issuer": "https://id.example"}
    if isinstance(key, OctKey):
        issuer = Jwt(secret=(Secret(SECRET),), **common)
    else:
        issuer = Jwt(keys=(Secret(json.dumps(key.as_dict(private=False))),), **common)
    config = Config(
        version=1, auth=Auth(jwt=(issuer,), anonymous_role="guest"), roles={"guest": Role(), "user": Role()}
    )
    made = authenticator(config)
    assert isinstance(made, Authenticator)
    return made


def asking(headers: Mapping[str, str]) -> web.Request:
    return make_mocked_request("GET", "/api/book/7", headers={"Host": "shop.example", "Accept": "*/*", **headers})


async def known(callers: Authenticator, request: web.Request) -> Principal:
    waiting = callers.waiting(request)
    if waiting is not None:
        await waiting
    return callers(request)


def microseconds(work: Callable[[], object], times: int) -> float:
    """The least processor time of one, of several runs of so many."""
    runs = []
    for _ in range(RUNS):
        began = time.process_time()
        for _ in range(times):
            work()
        runs.append((time.process_time() - began) / times * 1e6)
    return min(runs)


async def looked_up(callers: Authenticator, request: web.Request, times: int) -> list[tuple[str, float]]:
    """What it costs where memory knows, or where there is nothing to know."""
    bare, verified, credential = asking({}), callers.verified, callers.carried(request)
    assert credential is not None
    assert verified.find(verified.key(credential)) is not None
    assert (await known(callers, bare)).roles == ("guest",)
    whole = f"a known token of {len(credential.text)} letters: from the request to its caller"
    return [
        ("no credential", microseconds(lambda: (callers.waiting(bare), callers(bare)), times)),
        ("a known token: the look-up alone", microseconds(lambda: verified.find(verified.key(credential)), times)),
        (whole, microseconds(lambda: (callers.waiting(request), callers(request)), times)),
    ]


async def held_against(key: Any, algorithm: str, times: int) -> list[tuple[str, float]]:
    """What it costs to hold a token against a key, and for the first of them to look it up."""
    callers, token = callers_of(key), signed(key, algorithm)
    request = asking({"Authorization": f"Bearer {token}"})
    assert (await known(callers, request)).roles == ("user",)
    [bearer] = callers.methods
    assert isinstance(bearer, JwtBearer)
    before = await looked_up(callers, request, times) if algorithm == KEYS[0][0] else []
    return [*before, (f"a new token, {algorithm}", microseconds(lambda: bearer.judged(token), times // 20))]


async def rows(times: int) -> list[tuple[str, float]]:
    """What was measured, in the order in which it is told."""
    return [row for algorithm, key in KEYS for row in await held_against(key, algorithm, times)]


def main() -> int:
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("--times", type=int, default=20_000, help="how often each is done in a run")
    print("| who calls | µs |")
    print("| --- | ---: |")
    for name, least in asyncio.run(rows(reader.parse_args().times)):
        print(f"| {name} | {least:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
