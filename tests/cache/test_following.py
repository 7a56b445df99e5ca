"""Captured changes of any writer end kept answers: real triggers, a real file, a writer outside the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.sources.sqlite_setup import install_sqlite, opened, perform, uninstall_steps
from reflector.database_url import parse_database_url
from reflector.errors import ChangesNotCaptured
from reflector.versions import TableName, Versions
from server.cache.answers import AnswerCache, Touched
from server.cache.following import Following
from tests.bookshops import Databases
from tests.cache.conftest import cache_of, write_outside
from tests.server.harness import Served, eventually, served

CONFIG = "defaults: {read: true, write: true}\ntables: {book: {cache: {ttl: 100ms}}, publisher: {cache: {ttl: 1h}}}"


@pytest.fixture
def captured(own_shop: Callable[[DatabaseKind], str]) -> str:
    """A bookshop whose changes are captured."""
    url = own_shop(DatabaseKind.SQLITE)
    install_sqlite(Path(url.removeprefix("sqlite:///")))
    return url


@pytest.fixture
async def api(captured: str) -> AsyncIterator[Served]:
    async with served(captured, CONFIG) as found:
        yield found


async def test_a_list_is_304_until_somebody_else_changes_the_table(
    databases: Databases, captured: str, api: Served
) -> None:
    path = "/api/publisher?fields=code,name&sort=-code&code__in=QUIPU,ANDES"
    tag = (await api.get(path)).headers["ETag"]
    for number in range(30):
        misses = cache_of(api).misses
        for _ in range(3):
            assert (await api.get(path, {"If-None-Match": tag})).status == 304
        assert cache_of(api).misses == misses
        write_outside(databases, captured, f"UPDATE publisher SET name = 'n{number}' WHERE code = 'QUIPU';")

        async def changed(before: str = tag) -> bool:
            return (await api.get(path, {"If-None-Match": before})).status == 200

        await eventually(changed, 2)
        reply = await api.get(path)
        assert f"n{number}" in [row["name"] for row in reply.json["items"]]
        tag = reply.headers["ETag"]


async def test_what_is_heard_of_whole_outlasts_its_ttl(databases: Databases, captured: str, api: Served) -> None:
    path = "/api/book/1?fields=title,category.name"  # and needs none where every change is heard
    await api.get(path)
    await asyncio.sleep(0.3)
    await api.get(path)
    assert cache_of(api).hits == 1
    write_outside(databases, captured, "UPDATE category SET name = 'new ' || id;")

    async def fresh() -> bool:
        found = (await api.get(path)).json["category"]
        return found is None or bool(found["name"].startswith("new "))

    await eventually(fresh, 2)


async def test_a_write_to_another_table_leaves_answers_alone(databases: Databases, captured: str, api: Served) -> None:
    path = "/api/publisher?fields=code,name&limit=3"
    await api.get(path)
    moved = cache_of(api).versions.moved
    write_outside(databases, captured, "UPDATE category SET name = 'other ' || id;")

    async def heard() -> bool:
        return cache_of(api).versions.moved > moved

    await eventually(heard, 2)
    await api.get(path)
    assert cache_of(api).hits == 1


async def test_when_capturing_ends_answers_hold_for_their_ttl(databases: Databases, captured: str, api: Served) -> None:
    path = "/api/book/1?fields=title"
    await api.get(path)
    with closing(opened(parse_database_url(captured))) as connection:
        perform(connection, list(uninstall_steps(connection)))
    write_outside(databases, captured, "UPDATE book SET title = 'unheard' WHERE id = 1;")

    async def fresh() -> bool:
        return bool((await api.get(path)).json["title"] == "unheard")

    await eventually(fresh, 3)
    cache = cache_of(api)
    assert not cache.covered(("main", "book"))
    assert (await api.get("/health/ready")).json == {"status": "degraded"}


# ── the interface by itself ──────────────────────────────────────────────────────────────────


@dataclass
class Setup:
    noticed: frozenset[TableName]


@dataclass
class Told:
    tables: frozenset[TableName]
    lost: bool = False


@dataclass
class Source:
    """A source that the test moves; capturing is not possible before `ready`."""

    active: bool = True
    ready: bool = True
    noticed: frozenset[TableName] = frozenset({("main", "book")})
    listeners: list[Callable[[Touched], None]] = field(default_factory=list)

    async def subscribe(
        self, tables: Collection[TableName] | None, callback: Callable[[Touched], None]
    ) -> Callable[[], None]:
        if not self.ready:
            raise ChangesNotCaptured("not yet")
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    async def setup(self) -> Setup:
        return Setup(self.noticed)


BOOK, REVIEW = ("main", "book"), ("main", "review")


def a_cache() -> AnswerCache:
    return AnswerCache(1024, b"x", lambda _: {}, Versions(lambda: 0.0), lambda: 0.0, 1.0)


async def test_what_was_touched_moves_and_what_was_lost_moves_everything() -> None:
    cache, source = a_cache(), Source()
    following = Following(cache, source)
    await following.start()
    assert cache.covered(BOOK)
    [tell] = source.listeners
    book, review = cache.versions.read([BOOK, REVIEW])
    tell(Told(frozenset({BOOK})))
    assert cache.versions.read([BOOK])[0] != book
    assert cache.versions.read([REVIEW])[0] == review
    tell(Told(frozenset(), lost=True))
    assert cache.versions.read([REVIEW])[0] != review
    cache.renewed()  # another schema: nothing is known of its tables until they have been looked at
    assert not cache.covered(BOOK)
    await asyncio.sleep(0.01)
    assert cache.covered(BOOK)
    await following.close()
    assert source.listeners == []


@pytest.mark.parametrize(
    "source", [Source(active=False), Source(noticed=frozenset({("main", "review")})), Source(ready=False)], ids=str
)
async def test_what_is_not_surely_heard_does_not_count(source: Source) -> None:
    cache = a_cache()
    following = Following(cache, source)
    await following.start()
    assert not cache.covered(BOOK)
    await following.close()


async def test_following_begins_when_it_can_be_done_and_forgets_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.cache.following.AGAIN_SECONDS", 0.01)
    cache, source = a_cache(), Source(ready=False)
    following = Following(cache, source)
    await following.start()
    before = cache.versions.read([BOOK])
    await asyncio.sleep(0.05)
    assert (source.listeners, cache.covered(BOOK)) == ([], False)
    source.ready = True
    await asyncio.sleep(0.05)
    assert (len(source.listeners), cache.covered(BOOK)) == (1, True)
    assert cache.versions.read([BOOK]) != before
    await following.close()
