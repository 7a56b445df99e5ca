"""An OpenID provider that others made and had certified, run by Node on this machine, and a browser's walk over its pages.

    with identity() as provider:
        provider.become(keys=[ONE], clients=[client("pages", "http://127.0.0.1:…/auth/callback")])
        provider.leave()                                  nobody listens any more
        provider.become()                                 there again, as it was

Rule: what it says is its own; nothing here makes or changes a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urljoin

import aiohttp
from joserfc.jwk import ECKey, OKPKey, RSAKey
from yarl import URL

from tests.apis.graphql.test_audit import node

PROGRAM = Path(__file__).parent / "provider.mjs"
SECRET = "a secret: 100% of a client's own + a:/slash"
"""Of every client: whoever does not write it as the standard says is another."""
NOWHERE = "http://127.0.0.1:1/back"
RESOURCE = "https://shop.example"
PLAIN: Mapping[str, Any] = {
    "clients": [],
    "algorithm": "RS256",
    "audience": "shop",
    "methods": ["client_secret_basic", "client_secret_post", "none"],
    "roles": ["user"],
    "format": "jwt",
    "seconds": 600,
    "thin": False,
}
"""What a provider is told that is like others."""
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
ABORT = re.compile(r'href="([^"]+/abort)"')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
PAGES = 12


def client(name: str, *back: str, grants: Sequence[str] = ("authorization_code", "refresh_token"), **more: Any) -> Any:
    """A client of that name; `back`: where people may be sent back to."""
    kept = {"client_id": name, "client_secret": SECRET, "redirect_uris": list(back), "grant_types": list(grants)}
    return {**kept, "response_types": ["code"] if back else [], **more}


@dataclass
class Identity:
    """The provider. `said` is what it was last told to be."""

    process: subprocess.Popen[str]
    issuer: str = ""
    said: dict[str, Any] = field(default_factory=dict)

    def become(self, keys: Sequence[RSAKey | ECKey | OKPKey] | None = None, **settings: Any) -> None:
        """Be there, as it was told before and now; what it gave away before it knows only where it is told nothing new."""
        if keys is not None:
            settings["keys"] = [{**key.as_dict(private=True), "use": "sig"} for key in keys]
        self.said |= settings
        self.issuer = self._tell({"listen": self.said if settings else None})["issuer"]

    def leave(self) -> None:
        """Be away."""
        self._tell({"close": True})

    def count(self, path: str) -> int:
        """How often somebody asked for it so far."""
        return int(self._tell({"count": path})["count"])

    def _tell(self, command: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return dict(answer)

    # ── what its clients do ──────────────────────────────────────────────────────────────────

    async def asked(self, path: str, name: str, **form: str) -> dict[str, Any]:
        """What it answers a client of that name."""
        pair = base64.b64encode(f"{name}:{quote_plus(SECRET)}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.issuer + path, data=form, headers=headers) as it,
        ):
            text = await it.text()
            assert it.status == 200, text
            return dict(json.loads(text)) if text else {}

    async def job_token(self, name: str = "job") -> str:
        """An access token of a client that nobody sits at."""
        asked = {"grant_type": "client_credentials", "resource": RESOURCE, "scope": "read"}
        return str((await self.asked("/token", name, **asked))["access_token"])

    async def tokens(self, name: str, person: str = "ann") -> dict[str, Any]:
        """The tokens of a client that somebody signed in at: to ask with, to renew it with, and of who they are."""
        verifier = secrets.token_urlsafe(40)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        page = {
            "client_id": name,
            "response_type": "code",
            "redirect_uri": NOWHERE,
            "scope": "openid offline_access read",
            "resource": RESOURCE,
            "prompt": "consent",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        async with visitor() as session:
            back = await through(session, f"{self.issuer}/auth?{urlencode(page)}", NOWHERE, person)
        code = parse_qs(URL(back).query_string)["code"][0]
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": NOWHERE, "code_verifier": verifier}
        return await self.asked("/token", name, **asked)


@contextmanager
def identity() -> Iterator[Identity]:
    """A provider that is nowhere yet."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [node(), str(PROGRAM)], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Identity(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


# ── a browser without scripts ────────────────────────────────────────────────────────────────


@asynccontextmanager
async def visitor() -> AsyncIterator[aiohttp.ClientSession]:
    """It keeps cookies, of this machine too."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def through(session: aiohttp.ClientSession, address: str, stop: str, person: str | None = "ann") -> str:
    """Walk from this address over the provider's pages, as that person, to the first one that begins with `stop`; its
    address. None gives up where a name is asked for."""
    form: dict[str, str] | None = None
    for _ in range(PAGES):
        if address.startswith(stop):
            return address
        method = "GET" if form is None else "POST"
        async with session.request(method, URL(address, encoded=True), data=form, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status in {200, 302, 303}, (answer.status, text)
        if "Location" in answer.headers:
            address, form = urljoin(address, answer.headers["Location"]), None
        else:
            address, form = _next(address, text, person)
    raise AssertionError(f"still at {address} after {PAGES} pages")


def _next(address: str, page: str, person: str | None) -> tuple[str, dict[str, str] | None]:
    """Where a page leads to, and what is sent there."""
    given_up, form = ABORT.search(page), FORM.search(page)
    if person is None and given_up is not None:
        return urljoin(address, unescape(given_up[1])), None
    assert form is not None, page
    sent = {unescape(name): unescape(value) for name, value in HIDDEN.findall(page)}
    named = {"login": str(person), "password": "any"} if 'name="login"' in page else {}
    if 'name="logout"' in page:
        named = {"logout": "yes"}
    return urljoin(address, unescape(form[1])), {**sent, **named}
