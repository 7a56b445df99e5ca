"""What stands around every answer, whatever the method: what it depends on, how long it took, what was honoured, for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import routines
from tests.apis.postgrest import workshop as workshops
from tests.apis.postgrest.workshop import send
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served

SETTINGS = """
auth: {anonymous_role: guest}
roles: {guest: {}}
defaults: {read: true, write: true}
postgrest: {server_timing_enabled: true, db_tx_end: rollback-allow-override}
server: {cors: {origins: ["https://page.example"]}}
"""
WRITING = ["jwt", "parse", "plan", "transaction", "response"]


@pytest.fixture(scope="module")
def workshop_urls(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases that every request rolls back in."""
    return {kind: databases.database(kind, workshops.script(kind)) for kind in DatabaseKind if kind in SPOKEN}


SPOKEN = (DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE)


@pytest.fixture
async def api(kind: DatabaseKind, workshop_urls: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(workshop_urls[kind], SETTINGS) as found:
        yield found


def timed(reply: Reply) -> list[str]:
    return [part.partition(";")[0] for part in reply.headers["Server-Timing"].split(", ")]


async def test_every_method_tells_its_parts_and_what_it_depends_on(api: Served) -> None:
    for reply in (
        await send(api, "GET", "tag"),
        await send(api, "GET", "tag"),
        await send(api, "HEAD", "tag"),
        await send(api, "POST", "tag", {"name": "blue"}),
        await send(api, "PATCH", "tag?name=eq.red", {"name": "blue"}),
        await send(api, "PUT", "tag?name=eq.red", {"name": "red"}),
        await send(api, "DELETE", "tag?name=eq.red"),
    ):
        assert reply.status < 300, reply.body
        assert timed(reply) == WRITING
        assert reply.headers["Vary"] == "Accept, Prefer, Range"
    options = await send(api, "OPTIONS", "tag")
    assert (options.status, timed(options)) == (200, ["jwt", "parse", "response"])
    assert options.headers["Vary"] == "Accept, Prefer, Range"


@pytest.mark.parametrize("path", ["nothing", "tag?nope=eq.1", "rpc/nothing", "deeper/than/that", "tag?limit=-1"])
async def test_errors_depend_on_the_same(api: Served, path: str) -> None:
    reply = await send(api, "GET", path)
    assert reply.status >= 400
    assert reply.headers["Vary"] == "Accept, Prefer, Range"
    assert timed(reply)[-1] == "response"
    assert "Preference-Applied" not in reply.headers


async def test_how_a_transaction_is_to_end_is_told_on_every_method(api: Served) -> None:
    asked = "timezone=UTC, tx=rollback, handling=strict, count=exact"
    read, written = (
        "count=exact, tx=rollback, handling=strict, timezone=UTC",
        "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC",
    )
    for method, address, body, told in (
        ("GET", "tag", None, read),
        ("HEAD", "tag", None, read),
        ("POST", "tag", {"name": "blue"}, written),
        ("PATCH", "tag?name=eq.red", {"name": "blue"}, written),
        ("PUT", "tag?name=eq.red", {"name": "red"}, written),
        ("DELETE", "tag?name=eq.red", None, written),
    ):
        prefer = asked if told is read else f"{asked}, return=minimal"
        reply = await send(api, method, address, body, prefer)
        assert (reply.status < 300, reply.headers["Preference-Applied"]) == (True, told), method


async def test_pages_that_are_listed_may_send_what_clients_send(api: Served) -> None:
    page = {"Origin": "https://page.example"}
    asking = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "apikey, prefer, x-own"}
    for path in ("/rest/v1/tag", "/rest/v1/", "/rest/v1"):
        asked = await api.request("OPTIONS", path, {**page, **asking})
        assert (asked.status, asked.body) == (200, b"")
        assert asked.headers["Access-Control-Allow-Origin"] == "https://page.example"
        assert asked.headers["Access-Control-Allow-Credentials"] == "true"
        assert asked.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
        assert {"Authorization", "apikey", "prefer", "x-own"} <= set(
            asked.headers["Access-Control-Allow-Headers"].split(", ")
        )
        assert asked.headers["Access-Control-Max-Age"] == "86400"
    reply = await api.get("/rest/v1/tag", page)
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert exposed[:9] == [
        "Content-Encoding",
        "Content-Location",
        "Content-Range",
        "Content-Type",
        "Date",
        "Location",
        "Server",
        "Transfer-Encoding",
        "Range-Unit",
    ]
    elsewhere = await api.request("OPTIONS", "/rest/v1/tag", {**asking, "Origin": "https://other.example"})
    assert (elsewhere.status, "Access-Control-Allow-Origin" in elsewhere.headers) == (403, False)
    own = await api.request("OPTIONS", "/api/tag", {**page, **asking})
    assert (own.status, "Access-Control-Allow-Credentials" in own.headers) == (204, False)


CALLS = """
postgrest: {server_timing_enabled: true, db_tx_end: commit-allow-override}
"""


@pytest.fixture(scope="module")
def routines_url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, routines.POSTGRESQL)


async def test_calls_tell_the_same(routines_url: str) -> None:
    async with served(routines_url, CALLS + routines.config(routines.OPEN)) as api:
        path, prefer = "/rest/v1/rpc/numbers", {"Prefer": "tx=commit, count=exact, timezone=UTC"}
        read = await api.get(f"{path}?b=3&a=1", prefer)
        head = await api.request("HEAD", f"{path}?b=3&a=1", {**prefer, "Range": "0-0"})
        posted = await api.post(path, {"a": 1, "b": 3}, prefer)
        for reply in (read, head, posted):
            assert reply.status == 200
            assert timed(reply) == WRITING
            assert reply.headers["Vary"] == "Accept, Prefer, Range"
            assert reply.headers["Preference-Applied"] == "count=exact, tx=commit, timezone=UTC"
            assert reply.headers["Content-Range"] == "0-2/3"
        assert read.headers["Content-Location"] == "/rpc/numbers?a=1&b=3"
        assert (head.body, "Content-Length" in head.headers) == (b"", False)
        assert timed(await api.request("OPTIONS", path)) == ["jwt", "parse", "response"]


KEPT = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables: {book: {allow: {guest: {read: true}}, cache: {ttl: 1h, public: true}}}
"""


async def test_proxies_that_may_keep_an_answer_keep_it_for_its_readers(shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[DatabaseKind.SQLITE], KEPT) as api:
        for _ in range(2):
            reply = await api.get("/rest/v1/book?limit=1")
            assert reply.headers["Cache-Control"].startswith("public")
            told = set(reply.headers["Vary"].split(", "))
            assert {"Accept", "Prefer", "Range", "Authorization", "Accept-Profile"} <= told
