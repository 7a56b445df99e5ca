"""The bookshop's own code: what an offer costs, and where the payment provider tells that somebody has paid.

Named by `config.yaml` beside this file; docs/extensions.md walks through it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from aiohttp import web

from reflector.events import CatalogLoaded
from reflector.extension import Caller, Extension, Observation, Refused, Server

extension = Extension()
settings: Mapping[str, Any] = {}
books_at_start = 0
changes_of_the_schema: list[str] = []

SHIPPING: Mapping[str, Decimal] = {"collect": Decimal(0), "post": Decimal("3.90"), "courier": Decimal("9.50")}


@extension.started
async def begin(server: Server) -> None:
    """Before anybody is served."""
    global settings, books_at_start  # noqa: PLW0603
    settings = server.settings
    (books,) = await server.fetch("SELECT count(*) FROM book")
    books_at_start = books[0]


@extension.function
async def quote_price(
    caller: Caller, book: int, copies: int = 1, shipping: Literal["collect", "post", "courier"] = "collect"
) -> dict[str, Any]:
    """What some copies of a book cost, for whoever may see the book."""
    if not 1 <= copies <= settings["most_copies"]:
        raise Refused("so many copies are not sold at once", status=409, code="too_many_copies")
    found = await caller.get(f"/api/book/{book}?fields=title,price")
    return {"title": found["title"], "total": found["price"] * copies + SHIPPING[shipping]}


@extension.function(read_only=True)
async def shipping_price(shipping: str) -> Decimal:
    """What it costs to send something."""
    if shipping not in SHIPPING:
        raise Refused(f"nobody ships by {shipping!r}", code="unknown_shipping", hint=", ".join(SHIPPING))
    return SHIPPING[shipping]


@extension.route("POST", "/payments")
async def paid(_: Caller, request: web.Request) -> dict[str, Any]:
    """Where the payment provider calls, who signs what it sends."""
    body = await request.read()
    expected = hmac.new(settings["payment_key"].encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(request.headers.get("X-Signature", ""), expected):
        raise Refused("the signature does not hold", status=403, code="bad_signature")
    return {"received": len(body)}


@extension.observes
def hear(event: Observation) -> None:
    """What happens inside."""
    if isinstance(event, CatalogLoaded):
        changes_of_the_schema.extend(event.changes)
