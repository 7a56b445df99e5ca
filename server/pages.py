"""Pages for people, and the packaged files that they load: every byte comes from this server.

    /docs                          a page; it may be asked for the access token as every page
    /assets/docs/swagger-ui.css    a file of it; public, because it says nothing of the database

Rule: a page runs no script but ours, asks nobody but this server, is shown inside no other page, and takes nothing from
its address but the access token that the gate has already judged; where people sign in it is told a token of whoever did.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

ASSETS: Final = "/assets/"
PARAMETER: Final = "token"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
}
REVALIDATED: Final = "public, no-cache"
"""Kept by browsers, and used after asking whether it is still the same: an upgrade shows at once."""
PAGE_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NO_TOKEN: Final = b'<meta name="access-token" content="">'
NO_SESSION: Final = b'<meta name="session" content="">'


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page of a server where people sign in: with what its requests go out, and whether they did."""

    token: str
    known: bool


VISIT: Final = web.RequestKey("visit", Visit)
"""Where a page finds it; nowhere, where nobody signs in."""


@dataclass(slots=True)
class Asset:
    """A packaged file. It is compressed when it is first asked for, and kept that way."""

    file: Path
    tag: str = ""
    compressed: bytes = b""
    preparing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The file, compressed for those who take that; 304 for those who have it."""
        async with self.preparing:
            if not self.tag:
                self.compressed, self.tag = await asyncio.to_thread(self._read)
        headers = {hdrs.ETAG: self.tag, hdrs.CACHE_CONTROL: REVALIDATED, "Cross-Origin-Resource-Policy": "same-origin"}
        if self.tag in {each.strip() for each in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")}:
            return web.Response(status=304, headers=headers)
        body = self.compressed
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        else:
            body = await asyncio.to_thread(gzip.decompress, body)
        return web.Response(body=body, headers=headers, content_type=TYPES[self.file.suffix], charset="utf-8")

    def _read(self) -> tuple[bytes, str]:
        content = self.file.read_bytes()
        # A weak tag: the same file goes out in two encodings.
        return gzip.compress(content, 6, mtime=0), f'W/"{sha256(content).hexdigest()[:32]}"'


def page_routes(path: str, folder: Path, files: Iterable[str], *, guarded: bool) -> list[web.RouteDef]:
    """`page.html` of a folder under a path, and files of it under `/assets{path}/`.

    guarded: whether an access token is asked for; it is written into the page, so that its requests can carry it.
    """
    shown = web.get(path, page(folder / "page.html", path, guarded=guarded))
    return [shown, *asset_routes(path.strip("/"), folder, files)]


def asset_routes(name: str, folder: Path, files: Iterable[str]) -> list[web.RouteDef]:
    """Files of a folder under `/assets/name/`."""
    return [web.get(f"{ASSETS}{name}/{file}", Asset(folder / file).answer) for file in files]


def page(file: Path, path: str, *, guarded: bool) -> Handler:
    """The handler of a page. Whatever stands in its address beside the token leads back to the plain address."""
    content = file.read_bytes()
    allowed = {PARAMETER} if guarded else frozenset()

    async def show_page(request: web.Request) -> web.StreamResponse:
        if set(request.query) - allowed:
            # Relative, so that it holds under any prefix a proxy may put in front.
            raise web.HTTPFound(path.rpartition("/")[2])
        return web.Response(
            body=filled(content, request), headers=PAGE_HEADERS, content_type="text/html", charset="utf-8"
        )

    return show_page


def filled(content: bytes, request: web.Request) -> bytes:
    """The page with the token that the gate has let through, if there was one in the address, or that of whoever signed in."""
    visit = request.get(VISIT)
    token = request.query.get(PARAMETER, "") if visit is None else visit.token
    if visit is not None:
        content = content.replace(NO_SESSION, NO_SESSION.replace(b'""', b'"in"' if visit.known else b'"out"'), 1)
    return content.replace(NO_TOKEN, NO_TOKEN.replace(b'""', f'"{escape(token)}"'.encode()), 1)
