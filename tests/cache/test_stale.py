"""Answers past their `ttl`: shown at once while one new one is fetched, by nobody's leave but the rules', and never after news."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reflector.catalog.model import Catalog, DatabaseKind, Table
from reflector.errors import InternalError, PoolExhausted, ReflectorError, RowNotFound, SchemaChanged, StatementTimeout
from reflector.written import Written
from server.cache.answers import Rendered
from server.cache.question import Question
from server.cache.renewals import AT_ONCE
from server.cache.rules import CacheRule, cache_rules, takes_part
from server.problems import OwnWords
from tests.bookshops import Databases
from tests.cache.conftest import bearer, cache_of, halted, write_outside
from tests.cache.test_answers import ROLES
from tests.cache.test_cache import A, Silent, World, key_of
from tests.server.harness import Served, configured, eventually, reloadable, served
from tests.servers import RedisServer

# ── the cache by itself ──────────────────────────────────────────────────────────────────────


@dataclass
class Bearing(World):
    """The same world, where old answers may be shown for `stale` more seconds. `answers` are those of the database."""

    stale: dict[str, float] = field(default_factory=lambda: dict.fromkeys("abcdv", 20.0))
    answers: list[bytes | Exception] = field(default_factory=list)

    def rules(self, catalog: Catalog) -> dict[Table, CacheRule]:
        return {catalog.tables[name]: CacheRule(ttl, False, self.stale[name]) for name, ttl in self.ttl.items()}

    async def shown(self, question: Question, *answers: bytes | Exception) -> bytes:
        """What a caller is shown, and what the database answers from now on."""
        self.answers += answers

        async def make() -> Rendered:
            self.asked += 1
            answer = self.answers.pop(0)
            await asyncio.sleep(0)
            if isinstance(answer, Exception):
                raise answer
            return Rendered(answer)

        found = self.cache.find(key_of(question)) or await self.cache.fill(question, key_of(question), make)
        return found.body

    async def settle(self) -> None:
        """Until nothing is fetched any more."""
        for _ in range(20):
            await asyncio.sleep(0)


async def test_an_old_answer_is_shown_at_once_and_one_new_one_is_fetched() -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 10.5
    assert [await world.shown(question, b"new")] + [await world.shown(question) for _ in range(9)] == [b"old"] * 10
    assert (world.cache.late, world.asked) == (10, 1)
    await world.settle()
    assert (await world.shown(question), world.asked, world.cache.hits) == (b"new", 2, 1)
    assert (world.cache.misses, world.cache.joined) == (2, 0)


async def test_an_answer_that_took_longer_than_its_ttl_is_kept_to_be_shown_meanwhile() -> None:
    world, slow = Bearing(), asyncio.Event()
    question = world.question("a")
    asking = asyncio.create_task(world.ask(question, b"1", slow))
    await world.settle()
    world.time.now += 12
    slow.set()
    await asking
    assert await world.shown(question, b"2") == b"1"
    await world.settle()
    assert await world.shown(question) == b"2"


async def test_no_answer_is_older_than_its_ttl_and_stale() -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 30.1
    assert await world.shown(question, b"new") == b"new"
    assert world.cache.late == 0


async def test_no_table_is_shown_older_than_it_says() -> None:
    world = Bearing(ttl={"a": 10.0, "b": 12.0}, stale={"a": 20.0, "b": 1.0})
    question = world.question("a", "b")
    assert (question.ttl, question.stale) == (10.0, 3.0)
    await world.shown(question, b"old")
    world.time.now += 12.9
    assert await world.shown(question, b"new") == b"old"
    await world.settle()
    world.time.now += 13.1
    assert await world.shown(question, b"newer") == b"newer"


async def test_a_table_that_is_only_heard_bears_no_old_answers() -> None:
    world = Bearing(ttl={"a": 10.0})
    world.cache.covered = lambda _: True
    question = world.question("a", "b")
    assert (question.ttl, question.stale) == (0.0, 0.0)
    await world.shown(question, b"old")
    world.time.now += 5
    assert await world.shown(question) == b"old"
    world.cache.covered = lambda _: False
    assert await world.shown(question, b"new") == b"new"


async def test_what_is_heard_of_whole_is_not_fetched_anew() -> None:
    world = Bearing()
    world.cache.covered = lambda _: True
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    assert (await world.shown(question), world.cache.hits, world.cache.late, world.asked) == (b"old", 1, 0, 1)


@pytest.mark.parametrize("certain", [True, False])
async def test_nothing_old_is_shown_after_a_write(certain: bool) -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    world.cache.written(Written(frozenset({A}), certain=certain))
    assert await world.shown(question, b"new") == b"new"


@pytest.mark.parametrize("late", [b"read before the write", RowNotFound("gone, and there again")], ids=["rows", "news"])
async def test_what_was_fetched_across_a_write_is_not_kept_and_ends_no_newer_answer(late: bytes | Exception) -> None:
    world, begun, go = Bearing(), asyncio.Event(), asyncio.Event()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15

    async def make() -> Rendered:
        begun.set()
        await go.wait()
        if isinstance(late, Exception):
            raise late
        return Rendered(late)

    assert (await world.cache.fill(question, key_of(question), make)).body == b"old"
    await begun.wait()
    world.cache.written(Written(frozenset({A})))
    assert await world.shown(question, b"new") == b"new"
    go.set()
    await world.settle()
    assert await world.shown(question) == b"new"


async def test_while_others_are_not_heard_nothing_old_is_shown() -> None:
    world, others = Bearing(), Silent()
    world.cache.others = others
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    others.hears = False
    assert await world.shown(question, b"new") == b"new"


@pytest.mark.parametrize("error", [PoolExhausted("busy"), StatementTimeout("slow")], ids=lambda error: error.code)
async def test_where_nobody_can_answer_the_old_one_is_shown_until_its_end(
    error: ReflectorError, caplog: pytest.LogCaptureFixture
) -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    with caplog.at_level(logging.WARNING):
        assert await world.shown(question, error) == b"old"
        await world.settle()
        assert await world.shown(question) == b"old"
        await world.settle()
        assert (world.asked, world.cache.renewals.failed) == (2, 1)  # and not again in the same second
        [line] = [record.getMessage() for record in caplog.records]
        assert error.code in line
    world.time.now += 1.1
    assert await world.shown(question, b"new") == b"old"
    await world.settle()
    assert await world.shown(question) == b"new"
    world.time.now += 30.1
    with pytest.raises(type(error)):
        await world.shown(question, error)


class Worded(OwnWords):
    """As an API tells of what it was told."""


@pytest.mark.parametrize("error", [RowNotFound("gone"), SchemaChanged("changed"), Worded("416"), Worded("by the row")])
async def test_news_of_the_rows_ends_the_old_answer(error: Exception) -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    if str(error) == "by the row":
        error.__cause__ = RowNotFound("gone")
    assert await world.shown(question, error) == b"old"
    await world.settle()
    assert len(world.cache.memory) == 0
    assert await world.shown(question, b"new") == b"new"


async def test_a_failure_that_nobody_foresaw_ends_the_old_answer_and_is_told_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    with caplog.at_level(logging.WARNING):
        assert await world.shown(question, ZeroDivisionError("unforeseen")) == b"old"
        await world.settle()
    assert (len(world.cache.memory), world.cache.renewals.failed) == (0, 1)
    [record] = caplog.records
    assert (record.levelname, record.name) == ("ERROR", "reflector.cache")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert "in make" in (record.exc_text or logging.Formatter().formatException(record.exc_info))
    # Whoever asks next meets it again, and not an old answer.
    with pytest.raises(ZeroDivisionError):
        await world.shown(question, ZeroDivisionError("again"))


async def test_a_fault_of_ours_keeps_the_old_answer_and_is_told_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert await world.shown(question, InternalError("a step brought nothing")) == b"old"
            await world.settle()
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], InternalError)


async def test_an_api_s_words_for_nobody_could_answer_are_known() -> None:
    world = Bearing()
    question = world.question("a")
    await world.shown(question, b"old")
    world.time.now += 15
    error = Worded("PGRST003")
    error.__cause__ = PoolExhausted("busy")
    assert await world.shown(question, error) == b"old"
    await world.settle()
    assert await world.shown(question) == b"old"


async def test_of_all_answers_so_many_are_fetched_at_once() -> None:
    world, slow = Bearing(), asyncio.Event()
    questions = []
    for number in range(AT_ONCE + 3):
        prepared = world.prepared("a", text=f"SELECT {number}")
        question = world.cache.question(prepared, (), "x")
        assert question is not None
        questions.append(question)
        await world.shown(question, b"old")
    world.time.now += 15
    asked = world.asked

    async def make() -> Rendered:
        world.asked += 1
        await slow.wait()
        return Rendered(b"new")

    for question in questions:
        assert (await world.cache.fill(question, key_of(question), make)).body == b"old"
    await world.settle()
    assert world.asked == asked + AT_ONCE
    await world.cache.close()
    assert "reflector-renewal" not in {task.get_name() for task in asyncio.all_tasks()}
    assert [await world.shown(question, b"late") for question in questions] == [b"old"] * len(questions)
    await world.cache.close()


async def test_what_is_fetched_under_an_older_snapshot_is_not_kept() -> None:
    world = Bearing()
    old = world.question("a")
    await world.shown(old, b"old")
    world.time.now += 15
    assert await world.shown(old, b"by rules of before") == b"old"
    world.snapshot = type(world.snapshot)(1, world.catalog, None, identity="two")
    new = world.question("a")
    await world.settle()
    assert len(world.cache.memory) == 0
    assert await world.shown(new, b"new") == b"new"


# ── what the configuration says ──────────────────────────────────────────────────────────────


def said(text: str, catalog: Catalog) -> dict[str, tuple[float, float, bool]]:
    rules = cache_rules(configured("sqlite:///x.db", text), catalog)
    return {table.name: (rule.ttl, rule.stale, rule.public) for table, rule in rules.items()}


def test_what_a_table_does_not_say_is_said_for_all() -> None:
    catalog = World().catalog
    every = {"a": (10.0, 5.0, False), "b": (10.0, 5.0, False), "c": (10.0, 5.0, False), "d": (10.0, 5.0, False)}
    every["v"] = every["a"]
    config = "defaults: {read: true}\ncache: {ttl: 10s, stale: 5s}\ntables: {%s}"
    assert said(config % "", catalog) == every
    assert said(config % "a: {cache: true}, b: {cache: {}}", catalog) == every
    own = "a: {cache: {public: true}}, b: {cache: {ttl: 1s}}, c: {cache: {stale: 0s}}, d: {cache: false}, v: {cache: {ttl: 0s}}"
    assert said(config % own, catalog) == {
        "a": (10.0, 5.0, True),
        "b": (1.0, 5.0, False),
        "c": (10.0, 0.0, False),
    }
    assert said(config % '"*": {cache: false}, b: {cache: {stale: 1s}}', catalog) == {"b": (10.0, 1.0, False)}
    alone = "defaults: {read: true}\ntables: {a: {cache: {ttl: 1s, stale: 2s}}, b: {}}"
    assert said(alone, catalog) == {"a": (1.0, 2.0, False)}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cache: {ttl: 1s}", True),
        ("cache: {memory: 1MiB}", False),
        ("tables: {a: {cache: false}}", False),
        ("tables: {a: {cache: {ttl: 0s}}}", False),
        ("tables: {a: {cache: {ttl: 1s}}}", True),
        ("cache: {ttl: 1s}\ntables: {a: {cache: false}}", True),
    ],
)
def test_where_nothing_is_kept_there_is_no_cache(text: str, kept: bool) -> None:
    assert takes_part(configured("sqlite:///x.db", text)) is kept


# ── served ───────────────────────────────────────────────────────────────────────────────────

BEARING = """
server: {secret: a-secret-of-at-least-thirty-two-bytes}
defaults: {read: true, write: true}
cache: {ttl: 50ms, stale: 5m}
tables: {customer: {cache: false}}
"""
QUESTION = {"query": "{book_by_pk(id: 1) {title}}"}
TITLE = re.compile(r"'title': '([^']*)'")
ASKED = ("/api/book/1?fields=title", "/api/book?id=1&fields=title", "/rest/v1/book?id=eq.1&select=title")


async def titles(api: Served) -> list[str]:
    """What each API shows of the first book."""
    bodies = [(await api.get(path)).json for path in ASKED]
    bodies.append((await api.post("/graphql", QUESTION)).json)
    return [str(body) if (found := TITLE.search(str(body))) is None else found[1] for body in bodies]


async def test_every_api_shows_the_old_answer_and_then_the_new_one(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, BEARING) as api:
        before = await titles(api)
        assert len(set(before)) == 1
        write_outside(databases, url, "UPDATE book SET title = 'told by nobody' WHERE id = 1;")
        await asyncio.sleep(0.1)
        assert await titles(api) == before
        assert cache_of(api).late == 4

        async def renewed() -> bool:
            return await titles(api) == ["told by nobody"] * 4

        assert await eventually(renewed)


async def test_what_is_there_no_more_is_shown_no_more_and_is_no_fault(
    databases: Databases,
    kind: DatabaseKind,
    own_shop: Callable[[DatabaseKind], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = own_shop(kind)
    async with served(url, BEARING + "database: {watch: 1h}\n") as api:
        paths = ("/api/review?fields=id&limit=1", "/rest/v1/review?select=id&limit=1")
        assert [(await api.get(path)).status for path in paths] == [200, 200]
        write_outside(databases, url, "DROP TABLE review;")
        await asyncio.sleep(0.1)

        async def gone() -> bool:
            return [(await api.get(path)).status for path in paths] == [404, 404]

        assert await eventually(gone)
        assert cache_of(api).late >= 1
    assert [
        record for record in caplog.records if record.name == "reflector.cache" and record.levelno > logging.INFO
    ] == []


async def test_an_own_write_ends_old_answers_at_once(
    kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    async with served(own_shop(kind), BEARING) as api:
        for number in range(3):
            await titles(api)
            await asyncio.sleep(0.1)
            assert (await api.patch("/api/book/1", {"title": f"number {number}"})).status == 200
            assert await titles(api) == [f"number {number}"] * 4


async def test_what_another_server_wrote_ends_old_answers_once_it_is_heard(
    own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    url, config = own_shop(DatabaseKind.SQLITE), f"{BEARING}\nredis: {{url: '{redis_server.url(6)}'}}"
    async with served(url, config) as one, served(url, config) as other:
        for number in range(3):
            await titles(other)
            await asyncio.sleep(0.1)
            moved = cache_of(other).versions.moved
            assert (await one.patch("/api/book/1", {"title": f"number {number}"})).status == 200

            async def heard(before: int = moved) -> bool:
                return cache_of(other).versions.moved > before

            assert await eventually(heard)
            assert await titles(other) == [f"number {number}"] * 4


async def test_a_row_that_is_gone_is_shown_no_more_once_that_is_known(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, BEARING) as api:
        made = await api.post("/api/category", {"name": "shortly there"})
        path = f"/api/category/{made.json['id']}"
        single = {"Accept": "application/vnd.pgrst.object+json"}
        by_rest = f"/rest/v1/category?id=eq.{made.json['id']}"
        assert ((await api.get(path)).status, (await api.get(by_rest, single)).status) == (200, 200)
        write_outside(databases, url, f"DELETE FROM category WHERE id = {made.json['id']};")
        await asyncio.sleep(0.1)
        assert ((await api.get(path)).status, (await api.get(by_rest, single)).status) == (200, 200)

        async def gone() -> bool:
            return ((await api.get(path)).status, (await api.get(by_rest, single)).status) == (404, 406)

        assert await eventually(gone)


async def test_tables_that_are_out_are_out(own_shop: Callable[[DatabaseKind], str]) -> None:
    async with served(own_shop(DatabaseKind.SQLITE), BEARING) as api:
        for path in ("/api/customer/1", "/api/review?include=customer&limit=1"):
            for _ in range(2):
                assert (await api.get(path)).headers["Cache-Control"].startswith("private")
        assert len(cache_of(api).memory) == cache_of(api).hits == cache_of(api).late == 0


OLD = ROLES.replace("ttl: 30s", "ttl: 50ms, stale: 5m")


async def test_old_answers_never_cross_callers(kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]) -> None:
    path = "/api/review?fields=customer_id&limit=50"
    async with served(own_shop(kind), OLD) as api:
        for _ in range(4):
            for subject in ("1", "2", "3"):
                reply = await api.get(path, bearer("customer", subject))
                assert {row["customer_id"] for row in reply.json["items"]} <= {int(subject)}
            assert len((await api.get(path, bearer("clerk"))).json["items"]) > 3
            await asyncio.sleep(0.1)
        assert cache_of(api).late > 4


async def test_whoever_fetches_it_anew_has_the_time_of_their_role_and_a_failure_costs_nobody_the_old_answer(
    databases: Databases, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url, server = own_shop(DatabaseKind.POSTGRESQL), databases.postgresql()
    name = url.rpartition("/")[2]
    locker = server._connect(name)
    config = OLD.replace("customer: {extends: guest}", "customer: {extends: guest, limits: {timeout: 200ms}}")
    config += "database: {timeout: 10m}\n"  # which is what others have
    path, caller = "/api/review?fields=title&limit=1&sort=id", bearer("customer", "1")
    try:
        async with served(url, config) as api:
            before = await api.get(path, caller)
            locker.run("BEGIN")
            locker.run("LOCK TABLE review IN ACCESS EXCLUSIVE MODE")
            locker.run("UPDATE review SET title = 'told by nobody'")
            await asyncio.sleep(0.1)
            assert (await api.get(path, caller)).body == before.body

            async def failed() -> bool:
                return cache_of(api).renewals.failed > 0

            assert await eventually(failed)
            assert (await api.get(path, caller)).body == before.body
            locker.run("COMMIT")

            async def renewed() -> bool:
                return b"told by nobody" in (await api.get(path, caller)).body

            assert await eventually(renewed)
    finally:
        locker.close()


async def test_an_old_answer_is_for_those_alone_who_are_let_in(own_shop: Callable[[DatabaseKind], str]) -> None:
    path = "/api/review?fields=customer_id&limit=50"
    async with served(own_shop(DatabaseKind.SQLITE), OLD) as api:
        assert (await api.get(path, bearer("customer", "1"))).status == 200
        await asyncio.sleep(0.1)
        assert (await api.get(path, bearer("customer", "1", exp=time.time() - 60))).status == 401
        assert (await api.get(path, bearer("customer", "1", aud="other"))).status == 401
        assert (await api.get(path, bearer("nosuch", "1"))).status == 403
        assert (await api.get(path)).status == 404
        assert cache_of(api).late == 0


async def test_others_on_the_way_are_told_how_old_it_is_and_for_how_long_they_may_show_it(
    own_shop: Callable[[DatabaseKind], str],
) -> None:
    config = ROLES.replace("ttl: 30s, public", "ttl: 1s, stale: 90s, public")
    async with served(own_shop(DatabaseKind.SQLITE), config) as api:
        clock = halted(api)
        first = await api.get("/api/book/1")
        assert first.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=90"
        assert first.headers["Age"] == "0"
        clock.now += 0.1
        assert (await api.get("/api/book/1")).headers["Age"] == "1"
        clock.now += 1.0
        old = await api.get("/api/book/1", {"If-None-Match": first.headers["ETag"]})
        assert (old.status, old.headers["Age"], old.headers["Cache-Control"]) == (
            304,
            "2",
            first.headers["Cache-Control"],
        )
        theirs = await api.get("/api/book/1", bearer("customer"))
        assert (theirs.headers["Cache-Control"], "Age" in theirs.headers) == ("private, no-cache", False)


async def test_other_rules_end_old_answers(own_shop: Callable[[DatabaseKind], str], tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    guest = "version: 1\nauth: {anonymous_role: guest}\nroles: {guest: {}}\ncache: {ttl: 50ms, stale: 5m}\n"
    file.write_text(guest + "tables: {book: {allow: {guest: {read: id < 3, columns: [id]}}}}\n")
    async with reloadable(own_shop(DatabaseKind.SQLITE), file) as api:
        assert [row["id"] for row in (await api.get("/api/book")).json["items"]] == [1, 2]
        await asyncio.sleep(0.1)
        file.write_text(guest + "tables: {book: {allow: {guest: {read: id == 2, columns: [id]}}}}\n")
        assert api.running.reloading is not None
        await api.running.reloading.reload()
        assert [row["id"] for row in (await api.get("/api/book")).json["items"]] == [2]
