"""What is told of changes is the same in two worlds in which different things happen that a reader may not see.

In each step something hidden happens in each world, another number of times in each, and something visible in both alike.
What every subscription was told is then compared frame by frame, and so is what is told anew from a cursor. Left out are
`at`, which is time, and cursors, which are sealed and never the same twice.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.setup import Choices
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, uninstall, writer
from tests.properties.test_two_worlds import SEED
from tests.properties.worlds import CALLERS, CONFIG, ME, ROLES, WORDS, insert, script
from tests.server.harness import Served, served

STEPS = {DatabaseKind.SQLITE: 40, DatabaseKind.POSTGRESQL: 15}
SECONDS = 20.0
FENCES = """
UPDATE account SET listed = TRUE WHERE id = 7;
INSERT INTO article VALUES (99, 7, 'fence', 'b', 'published', 1, '2024-01-01', NULL, NULL);
INSERT INTO note VALUES (98, 7, 'fence', TRUE, '2024-01-01', NULL);
INSERT INTO comment VALUES (97, 99, 7, 'fence', FALSE);
INSERT INTO article VALUES (30, 1, 'mine to come', 'shared', 'published', 1, '2024-01-01', NULL, NULL);
"""
"""Rows that everybody sees who sees anything of their table: when their change is told, all before it was."""
FENCED = {
    "account": "UPDATE account SET name = '{}' WHERE id = 7",
    "article": "UPDATE article SET title = '{}' WHERE id = 99",
    "note": "UPDATE note SET text = '{}' WHERE id = 98",
    "tag": "UPDATE tag SET label = '{}' WHERE name = 'red'",
    "team": "UPDATE team SET name = '{}' WHERE id = 1",
    "comment": "UPDATE comment SET text = '{}' WHERE id = 97",
}
FOLLOWED: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "guest": (
        {"table": "account"},
        {"table": "account", "filter": {"_or": [{"id": 7}, {"team_id": {"_isnull": False}}]}, "columns": ["name"]},
        {"table": "article"},
        {"table": "article", "filter": {"_or": [{"id": 99}, {"score": {"_gte": 1}}]}, "columns": ["id", "title"]},
        {"table": "tag", "events": ["update"]},
        {"table": "team"},
    ),
    "user": (
        {"table": "account"},
        {"table": "article", "initial": True},
        {"table": "article", "filter": {"_or": [{"id": 99}, {"body": {"_eq": "apple"}}]}},
    ),
    "both": ({"table": "note"}, {"table": "note", "columns": ["text"]}),
    "all": (
        {"table": "account"},
        {"table": "article"},
        {"table": "note"},
        {"table": "note", "filter": {"_or": [{"text": {"_like": "fence%"}}, {"pinned": True}]}},
    ),
}
DEPENDENT: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "guest": ({"table": "comment"},),
    "user": ({"table": "comment", "columns": ["text", "article_id"]},),
}
"""Under rules that read articles: these are told to read afresh by any change of one, which is documented."""
REFUSED: tuple[Mapping[str, Any], ...] = (
    *({"table": name} for name in ("vault", "artikle", "account_tag", "nosuch")),
    *({"table": "account", "columns": [name]} for name in ("salary", "salarx", "email")),
    *(
        {"table": "article", "filter": {name: "x"}}
        for name in ("draft_secret", "bodi_secret", "titel_secret", "nosuch")
    ),
)


# ── what happens ─────────────────────────────────────────────────────────────────────────────


class Hidden:
    """What nobody sees in one world, of the tables named, all where none are."""

    def __init__(self, world: int, *tables: str) -> None:
        self.world, self.tables = world, tables
        self.chance = random.Random(f"{SEED} {world}")
        self.numbers = itertools.count(10_000)

    def word(self) -> str:
        return self.chance.choice(("'x'", "'y'", "'hunter2'", "''"))

    def number(self) -> int:
        return self.chance.randrange(1, 25)

    def deeds(self) -> Iterator[tuple[str, str]]:
        secret, gold = (("artikle", "amount"), ("vault", "gold"))[self.world]
        new = next(self.numbers)
        yield "article", f"UPDATE article SET title = {self.word()}, score = {self.number()} WHERE id IN (61, 62)"
        yield "article", f"UPDATE article SET draft_secret = {self.word()} WHERE id < 30"
        yield "article", f"UPDATE article SET body = {self.word()} WHERE owner_id <> {ME}"
        yield "article", insert("article", new, 2, "t", "b", "draft", 1, "2024-01-01", None, None)
        yield "article", "DELETE FROM article WHERE id > 9000 AND id % 3 = 0"
        yield "account", f"UPDATE account SET email = {self.word()}, salary = {self.number()} WHERE id IN (1, 2, 3)"
        yield "account", f"UPDATE account SET salary = {self.number()} WHERE id = {ME}"
        yield "account", f"UPDATE account SET name = {self.word()} WHERE id IN (11, 12)"
        yield "account", insert("account", new, "n", None, None, 1, 1, False, None, None, None)
        yield "team", f"UPDATE team SET name = {self.word()} WHERE id IN (3, 4)"
        yield "note", f"UPDATE note SET text = {self.word()} WHERE id >= 200"
        yield "note", f"UPDATE note SET remark_secret = {self.word()}"
        yield "note", f"UPDATE note SET owner_id = {self.chance.choice([1, 2, 3])} WHERE id BETWEEN 100 AND 199"
        yield "note", insert("note", new, 1, "n", False, "2024-06-01", None)
        yield "comment", insert("comment", new, self.number(), 2, "c", True)
        yield "comment", f"UPDATE comment SET text = {self.word()} WHERE hidden = TRUE AND author_id <> {ME}"
        yield "comment", f"DELETE FROM comment WHERE hidden = TRUE AND author_id <> {ME} AND id % 3 = 0"
        yield secret, f"UPDATE {secret} SET {gold} = {self.number()}"

    def some(self) -> str:
        """One to four of them."""
        fitting = [deed for table, deed in self.deeds() if not self.tables or table in self.tables]
        return "; ".join(self.chance.sample(fitting, self.chance.randrange(1, 5)))


def seen_by_some(step: int, chance: random.Random) -> str:
    """What somebody sees and others may not: one row, because rows of one statement come in the order they lie in."""
    word = chance.choice([each for each in WORDS if "'" not in each])
    mine = f"id = {chance.randrange(1, 25)} AND owner_id = {ME}"
    truth, day = chance.choice(["TRUE", "FALSE"]), f"2024-07-{chance.randrange(1, 28):02}"
    return chance.choice(
        (
            f"UPDATE article SET title = '{word}', score = {chance.choice([0, 1, 5])} WHERE id = {chance.randrange(1, 25)}",
            f"UPDATE article SET body = '{word}' WHERE {mine}",
            f"UPDATE article SET status = '{chance.choice(['draft', 'published', 'locked'])}' WHERE {mine}",
            f"UPDATE article SET owner_id = 1 WHERE id = 30 AND owner_id = {ME}",
            f"UPDATE article SET owner_id = {ME}, body = '{word}' WHERE id = 30",
            insert("article", 5000 + step, chance.choice([ME, 1]), word, "b", "published", 2, day, None, None),
            f"DELETE FROM article WHERE id = {5000 + chance.randrange(step + 1)}",
            f"UPDATE account SET name = '{word}', team_id = {chance.choice([1, 2])} WHERE id = {chance.choice([1, 2, 3, ME])}",
            f"UPDATE account SET listed = {truth} WHERE id = {chance.choice([1, 2, 3])}",
            f"UPDATE note SET text = '{word}', pinned = {truth} WHERE id = {chance.randrange(1, 13)}",
            f"UPDATE note SET at = '{day}' WHERE text = 'pinned {chance.randrange(6)}'",
            f"UPDATE tag SET label = '{word}' WHERE name = 'green'",
            f"UPDATE team SET name = '{word}', open = {truth} WHERE id = 2",
        )
    )


def comments(step: int, chance: random.Random) -> str:
    """The same of comments alone."""
    word, number = chance.choice(("apple", "fig", "")), chance.randrange(1, 41)
    return chance.choice(
        (
            f"UPDATE comment SET text = '{word}' WHERE id = {number}",
            f"UPDATE comment SET hidden = {chance.choice(['TRUE', 'FALSE'])} WHERE id = {number} AND author_id = {ME}",
            insert("comment", 5000 + step, chance.choice([99, 61]), chance.choice([ME, 1]), word, False),
            f"UPDATE comment SET article_id = {chance.choice([99, 61])} WHERE id = {5000 + chance.randrange(step + 1)}",
        )
    )


# ── two worlds, and who listens in them ──────────────────────────────────────────────────────


@dataclass
class Listener:
    """One caller's socket in one world. `told` are the frames of each subscription."""

    ws: aiohttp.ClientWebSocketResponse
    followed: tuple[Mapping[str, Any], ...]
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def follow(self, since: Mapping[str, str] | None = None) -> None:
        for number, asked in enumerate(self.followed):
            more = {} if since is None else {"since": since[str(number)]}
            frame = {"type": "subscribe", "id": str(number), **asked, **more}
            await self.ws.send_json({**frame, "initial": False} if since is not None else frame)
            # The rows as they are come a moment after the first frame: whatever is written before then is in them or is not.
            awaited = 2 if since is None and asked.get("initial") else 1
            while len(self.told.get(str(number), ())) < awaited:
                await self.hear()

    async def hear(self) -> None:
        frame = await self.ws.receive_json(timeout=SECONDS)
        self.told.setdefault(frame.get("id", ""), []).append(frame)

    async def until(self, word: str) -> None:
        """Hear until every subscription has been told of the fence of its table."""
        while not all(any(word in frame.get("new", {}).values() for frame in told) for told in self.told.values()):
            await self.hear()

    def cursors(self) -> dict[str, str]:
        return {id_: frames[0]["cursor"] for id_, frames in self.told.items()}


def shown(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Frames without time and place; a token in place of a key is the number of the row in the order of its coming."""
    rows: dict[str, int] = {}
    found = []
    for frame in frames:
        plain = {name: value for name, value in frame.items() if name not in ("cursor", "at")}
        if isinstance(frame.get("key"), str):
            plain["key"] = rows.setdefault(frame["key"], len(rows))
        found.append(plain)
    return found


@dataclass
class World:
    """A server, and the program that writes into its database."""

    api: Served
    write: Write

    async def listening(self, stack: AsyncExitStack, caller: str, followed: tuple[Mapping[str, Any], ...]) -> Listener:
        headers = CALLERS[caller]
        ws = await stack.enter_async_context(self.api.session.ws_connect(self.api.base + "/ws", headers=headers))
        return Listener(ws, followed)


@pytest.fixture(params=STEPS, ids=str)
async def pair(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[tuple[World, World]]:
    kind: DatabaseKind = request.param
    urls = [databases.database(kind, script(kind, world, SEED) + FENCES) for world in (0, 1)]
    async with AsyncExitStack() as stack:
        worlds = []
        for url in urls:
            await install(url, Choices(unbounded=True))
            stack.push_async_callback(uninstall, url)
            api = await stack.enter_async_context(served(url, CONFIG))
            worlds.append(World(api, writer(url, databases.postgresql)))
        yield worlds[0], worlds[1]


Both = tuple[World, World]
Pairs = dict[str, tuple[Listener, Listener]]


async def listeners(stack: AsyncExitStack, both: Both, followed: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Pairs:
    first, second = both
    return {
        caller: (await first.listening(stack, caller, asked), await second.listening(stack, caller, asked))
        for caller, asked in followed.items()
    }


def compare(found: Pairs) -> int:
    """Hold both worlds against one another; how many changes were told."""
    count = 0
    for caller, (first, second) in found.items():
        for id_, frames in first.told.items():
            asked = first.followed[int(id_)]
            assert shown(frames) == shown(second.told[id_]), (f"REFLECTOR_SEED={SEED}", caller, asked)
            count += len(frames)
    return count


def steps_of(both: Both) -> int:
    return STEPS[both[0].api.running.engine.driver.kind]


async def fence(both: Both, found: Pairs, word: str) -> None:
    """Wait until all that was done before now has been told."""
    tables = sorted({each["table"] for first, _ in found.values() for each in first.followed})
    for world in both:
        world.write(";".join(FENCED[table].format(word) for table in tables))
    for pair_of in found.values():
        await asyncio.gather(*(each.until(word) for each in pair_of))


async def refused_alike(both: Both) -> None:
    """What one world alone has is no more to be followed there than elsewhere."""
    async with AsyncExitStack() as stack:
        found = await listeners(stack, both, dict.fromkeys(ROLES, REFUSED))
        for each in (each for pair_of in found.values() for each in pair_of):
            await each.follow()
            assert [frames[0]["type"] for frames in each.told.values()].count("error") > 8
        compare(found)


async def test_what_is_hidden_is_not_told(pair: Both) -> None:
    secrets, chance = [Hidden(0), Hidden(1)], random.Random(SEED)
    await refused_alike(pair)
    async with AsyncExitStack() as stack:
        found = await listeners(stack, pair, FOLLOWED)
        for each in (each for both in found.values() for each in both):
            await each.follow()
        for step in range(steps_of(pair)):
            deed = seen_by_some(step, chance)
            for world, secret in zip(pair, secrets, strict=True):
                world.write(f"{secret.some()}; {deed}")
        await fence(pair, found, "fence of all")
        assert compare(found) > steps_of(pair)
        cursors = {caller: [each.cursors() for each in both] for caller, both in found.items()}
    async with AsyncExitStack() as stack:  # and whoever was away is told the same
        again = await listeners(stack, pair, FOLLOWED)
        for caller, both in again.items():
            for each, since in zip(both, cursors[caller], strict=True):
                await each.follow(since)
                await each.until("fence of all")
        compare(again)
        for caller, both in again.items():
            assert [shown(each.told["0"]) for each in both] == [shown(each.told["0"]) for each in found[caller]]


async def test_what_is_hidden_is_not_told_where_a_rule_reads_another_table(pair: Both) -> None:
    tables = ("comment", "account", "note", "team", "artikle", "vault")
    secrets, chance = [Hidden(0, *tables), Hidden(1, *tables)], random.Random(SEED)
    async with AsyncExitStack() as stack:
        found = await listeners(stack, pair, DEPENDENT)
        for each in (each for both in found.values() for each in both):
            await each.follow()
        for step in range(steps_of(pair) // 2):
            deed = comments(step, chance)
            for world, secret in zip(pair, secrets, strict=True):
                world.write(secret.some())
                world.write(deed)
            await fence(pair, found, f"fence {step}")
        assert compare(found) > steps_of(pair) // 2
