"""An extension that the tests serve: whatever one can do, and whatever one can do wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from aiohttp import web

from reflector.extension import Caller, Extension, Observation, Refused, Server

CANARY = "canary-7f3a-nobody-may-hear-this"
offers = Extension()
happened: list[Any] = []
waiting = asyncio.Event()
left = asyncio.Event()


@dataclass
class Offer:
    """What can be answered."""

    book: int
    price: Decimal


@offers.function
async def notes(caller: Caller, most: int = 10) -> dict[str, Any]:
    """What the caller may see of the notes.

    Nothing more of this stands in documents.
    """
    page = await caller.get(f"/api/note?fields=id,body&sort=id&limit={most}")
    return {"seen": page["items"], "roles": sorted(caller.roles), "subject": caller.subject}


@offers.function
async def note_of(caller: Caller, id: int) -> Any:  # noqa: A002 - callers give it under this name
    """One note."""
    return await caller.get(f"/api/note/{id}")


@offers.function
async def prices_of(caller: Caller) -> Any:
    """Asks for what not everybody may see."""
    return await caller.get("/api/note?fields=secret")


@offers.function
async def written(caller: Caller, method: str, address: str, body: Any = None) -> Any:
    """Whatever the caller may write."""
    match method:
        case "POST":
            return await caller.post(address, body)
        case "PATCH":
            return await caller.patch(address, body)
        case _:
            return await caller.delete(address)


@offers.function
async def claimed(caller: Caller, given: dict[str, Any]) -> Any:
    """What it was told, before it spoils all of it."""
    found = {"sub": caller.claims["sub"], "roles": [*caller.claims["roles"]], "given": dict(given)}
    caller.claims["roles"].append("editor")
    caller.claims["sub"] = "8"  # type: ignore[index]  # which is what nobody should do
    given["spoilt"] = True
    return found


@offers.function(read_only=True)
async def promised(caller: Caller, keeps: bool = False) -> Any:
    """Keeps its promise, or breaks it."""
    if keeps:
        return await caller.get("/api/note/1?fields=id")
    return await caller.post("/api/note", {"id": 20, "body": "x"})


@offers.function(read_only=True)
async def told(
    whole: int,
    exact: Decimal,
    text: str,
    yes: bool,
    day: date,
    hour: time,
    moment: datetime,
    id: UUID,  # noqa: A002 - callers give it under this name
    raw: bytes,
    size: Literal["small", "large"],
    numbers: list[int],
    ids: list[UUID] | None = None,
    rough: float = 0.5,
    json: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What was given, by the types that it came as."""
    given = dict(locals())
    return {name: [type(value).__name__, value] for name, value in given.items()}


@offers.function(read_only=True)
async def total(copies: int, price: Decimal = Decimal("2.50")) -> Decimal:
    """A number."""
    return copies * price


@offers.function(read_only=True, name="list_of")
async def listed(most: int) -> list[str]:
    """Texts."""
    return [str(number) for number in range(most)]


@offers.function
async def offer(book: int) -> Offer:
    """An object."""
    happened.append(("offer", book))
    return Offer(book, Decimal("12.30"))


@offers.function
async def nothing() -> None:
    """Answers nothing."""


@offers.function
async def sold_out(status: int = 409) -> None:
    """Refuses."""
    raise Refused("there is none left", status=status, code="sold_out", hint="come again")


class Unforeseen(BaseException):
    """What programs rarely raise."""


@offers.function
async def broken(how: str) -> Any:
    """Goes wrong, with words that are nobody's."""
    if how == "exit":
        sys.exit(CANARY)
    if how == "answer":
        return {CANARY: object()}
    if how == "endless":
        endless: list[Any] = [CANARY]
        endless.append(endless)
        return endless
    if how == "timeout":
        raise TimeoutError(CANARY)
    if how == "cancelled":
        raise asyncio.CancelledError(CANARY)
    if how == "unforeseen":
        raise Unforeseen(CANARY)
    raise RuntimeError(CANARY)


@offers.function
async def forever() -> None:
    """Never ends."""
    waiting.set()
    try:
        await asyncio.sleep(3600)
    finally:
        left.set()


@offers.function
async def nobodys() -> str:
    """Named for nobody."""
    return CANARY


@offers.route("GET", "/status")
async def status(caller: Caller, _: web.Request) -> Mapping[str, Any]:
    """Who asks."""
    return {"subject": caller.subject, "rows": len((await caller.get("/api/note"))["items"])}


@offers.route("POST", "/echo/{word}")
async def echo(_: Caller, request: web.Request) -> web.Response:
    """What was sent."""
    return web.Response(body=await request.read(), headers={"X-Word": request.match_info["word"]}, status=202)


@offers.route("GET", "/broken")
async def broken_route(_: Caller, __: web.Request) -> None:
    """Goes wrong."""
    raise RuntimeError(CANARY)


@offers.route("GET", "/begun/{how}")
async def begun_route(_: Caller, request: web.Request) -> Any:
    """Begins an answer, and then fails or gives another."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"begun")
    if request.match_info["how"] == "fails":
        raise RuntimeError(CANARY)
    return answer if request.match_info["how"] == "ends" else {}


@offers.route("DELETE", "/refused")
async def refused_route(_: Caller, __: web.Request) -> None:
    """Refuses."""
    raise Refused("no", status=403, code="not_today")


@offers.route("PUT", "/nothing")
async def nothing_route(_: Caller, __: web.Request) -> None:
    """Answers nothing."""


@offers.started
async def begin(server: Server) -> None:
    """Remembers."""
    happened.append(("started", server.name, dict(server.settings), await server.fetch("SELECT count(*) FROM note")))


@offers.started
async def begin_again(_: Server) -> None:
    """Remembers the order."""
    happened.append(("started again",))


@offers.stopping
async def end(server: Server) -> None:
    """Remembers, and goes wrong."""
    happened.append(("stopping", server.name, datetime.now(UTC).year > 2000))
    raise RuntimeError(CANARY)


@offers.stopping
async def end_first(_: Server) -> None:
    """Ends before the one above."""
    happened.append(("stopping first",))


@offers.observes
def hear(event: Observation) -> None:
    """Remembers."""
    happened.append(("heard", type(event).__name__))


@offers.observes
def hear_badly(event: Observation) -> None:
    """Goes wrong each time."""
    raise RuntimeError(CANARY + type(event).__name__)
