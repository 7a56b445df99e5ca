"""What a subscriber is told of changes is what the reference evaluator says of the states before and after, over the socket.

Left out are rules that look into other tables, whose readers are told to read afresh, and what the database alone can judge: it
is asked for the row as it is then, of which no evaluator can say when that is.

REFLECTOR_REFERENCE=100 and REFLECTOR_SEED=… are as in `test_reference`.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from reflector.catalog.model import DatabaseKind
from reflector.changes.setup import Choices
from tests.apis.realtime.following import Client, connected
from tests.bookshops import Databases
from tests.changes.capturing import install, uninstall
from tests.properties.worlds import _literal, bearer, insert
from tests.reference.configurations import configuration
from tests.reference.deeds import Doing, plain
from tests.reference.evaluator import Reference, Sight
from tests.reference.model import COLUMNS, KEYS, SCHEMA, SPELLED, WAYS, Caller, State, rows, sound
from tests.reference.questions import canonical
from tests.reference.store import Store, stored
from tests.reference.test_reference import CONFIGURATIONS, SEED, WORLDS, caller
from tests.server.harness import served

FENCE = "CREATE TABLE fence (id int NOT NULL PRIMARY KEY, n int NOT NULL);\nINSERT INTO fence VALUES (1, 0);"
TOLD = [(kind, number) for kind, number in WORLDS if kind is not DatabaseKind.MARIADB]
"""MariaDB's changes are not captured by this version."""
LISTENERS, STEPS = 16, 60
ASKED = {"like", "ilike", "_like", "_ilike", "lower", "nick", "now", "today", "text of a filter"}
"""Words of what the database alone can judge."""


def words(reference: Reference, rule: Any) -> Iterator[str]:
    """The words of a rule, its policies unfolded."""
    for word in re.findall(r"\w+", str(rule)):
        yield word
        if word in reference.config["policies"]:
            yield from words(reference, reference.config["policies"][word])


@dataclass
class Listener:
    """One subscription."""

    who: Caller
    table: str
    where: Mapping[str, Any]
    columns: tuple[str, ...]
    told: list[Any] = field(default_factory=list)

    async def hear(self, client: Client) -> None:
        """Everything up to the fence."""
        while True:
            frame = await client.next(30)
            assert frame["type"] == "change", (self, frame)
            if frame["id"] == "fence":
                return
            named = frame["key"] if isinstance(frame["key"], dict) else None
            self.told.append((frame["op"], named, canonical(frame.get("new"))))

    def expected(self, reference: Reference, states: Sequence[State]) -> list[Any]:
        found = []
        for before, after in itertools.pairwise(states):
            first, second = (Sight(reference, state, self.who) for state in (before, after))
            for op, at, new in first.told(second, self.table, self.where, self.columns):
                found.append((op, dict(zip(KEYS[self.table], at, strict=True)), canonical(new and plain(new))))
        return found


def alike(told: Any, expected: Any) -> bool:
    """An address may be told as an opaque text."""
    return (told[0], told[2]) == (expected[0], expected[2]) and told[1] in (None, expected[1])


def listeners(dice: random.Random, reference: Reference, state: State) -> Iterator[Listener]:
    """Drawn of those who see anything, by rules that look into no other table."""
    found = 0
    while found < LISTENERS:
        who, table = caller(dice), dice.choice(list(COLUMNS))
        rights = reference.rights(who, table, "read")
        said = {word for right in rights for word in words(reference, (right.rows, right.unless))}
        names = sorted(reference.scope(who, table, masked=True))
        if not names or said & {"exists", "_exists", *WAYS[table]} or len(who.claims) not in {0, 5}:
            continue
        drawing = Doing(dice, reference, who, "resource")
        drawing.wild = False
        where = drawing.where(table, 0) if reference.scope(who, table) and dice.random() < 0.4 else {}
        columns = tuple(dice.sample(names, dice.randint(1, len(names))))
        asked = said | set(words(reference, where)) | {f"{COLUMNS[table].get(name)} of a filter" for name in where}
        if not asked & ASKED:
            found += 1
            yield Listener(who, table, where, columns)


def change(dice: random.Random, reference: Reference, state: State, table: str) -> tuple[str, State]:
    """A statement about one row, and the state after it."""
    doing = Doing(dice, reference, Caller(("guest",), {}), "resource")
    there = dice.choice(state[table]) if state[table] else None
    here = [f"{name} = {_literal(there[name])}" for name in KEYS[table]] if there else []
    form = dice.choice(("insert", "update", "update", "update", "delete")) if there else "insert"
    free = [name for name in COLUMNS[table] if name not in KEYS[table]]
    if form == "insert" or (form == "update" and not free):
        new = doing.row(state, table, list(COLUMNS[table]))
        return insert(table, *new.values()), {**state, table: [*state[table], new]}
    rest = [row for row in state[table] if row is not there]
    if form == "delete":
        return f"DELETE FROM {table} WHERE {' AND '.join(here)}", {**state, table: rest}
    news = doing.row(state, table, dice.sample(free, dice.randint(1, len(free))))
    given = ", ".join(f"{name} = {_literal(each)}" for name, each in news.items())
    after = {**state, table: [*rest, {**(there or {}), **news}]}
    return f"UPDATE {table} SET {given} WHERE {' AND '.join(here)}", after


async def happen(dice: random.Random, reference: Reference, store: Store, tables: Sequence[str]) -> list[State]:
    """Change the database row by row; the states that it went through."""
    states = [store.state()]
    for _ in range(STEPS):
        statement, after = change(dice, reference, states[-1], dice.choice(tables))
        if sound(after):
            store.run(statement)
            states.append(store.state())
            await asyncio.sleep(0)  # the server runs in this loop
    return states


def fenced(text: str) -> str:
    """The configuration with a table that everybody sees."""
    config = YAML(typ="safe", pure=True).load(text)
    config["tables"]["fence"] = {"allow": {role: {"read": True, "columns": ["id", "n"]} for role in config["roles"]}}
    told = io.StringIO()
    YAML(typ="safe", pure=True).dump(config, told)
    return told.getvalue()


@pytest.mark.parametrize(("kind", "number"), TOLD)
async def test_a_subscriber_is_told_what_the_reference_tells(
    databases: Databases, kind: DatabaseKind, number: int
) -> None:
    print(f"REFLECTOR_REFERENCE={CONFIGURATIONS} REFLECTOR_SEED={SEED}")  # noqa: T201 - shown when the test fails
    dice = random.Random(f"{SEED} told {number}")
    text, state = configuration(dice), rows(dice)
    reference = Reference(text)
    url = databases.database(kind, SCHEMA.format(**SPELLED[kind]) + FENCE)
    async with AsyncExitStack() as stack:
        store = stack.enter_context(stored(kind, url))
        store.reset(state)
        await install(url, Choices(unbounded=True))
        stack.push_async_callback(uninstall, url)
        api = await stack.enter_async_context(served(url, fenced(text)))
        found: list[tuple[Listener, Client]] = []
        for each in listeners(dice, reference, state):
            token = {} if each.who.roles == ("guest",) else bearer(roles=list(each.who.roles), **each.who.claims)
            client = await stack.enter_async_context(connected(api, token))
            await client.follow(each.table, "1", filter=each.where, columns=each.columns)
            await client.follow("fence", "fence")
            found.append((each, client))
        states = await happen(dice, reference, store, [each.table for each, _ in found])
        store.run("UPDATE fence SET n = 1")
        counted: Counter[str] = Counter()
        for each, client in found:
            await each.hear(client)
            judge(each, each.expected(reference, states), reference)
            counted.update(op for op, *_ in each.told)
    print(counted)  # noqa: T201
    assert sum(counted.values()) > LISTENERS // 2


def judge(listener: Listener, expected: list[Any], reference: Reference) -> None:
    """What is expected was told, in its order, and nothing else."""
    rights = [str(right) for right in reference.rights(listener.who, listener.table, "read")]
    told, meant = ("\n".join(map(str, found)) for found in (listener.told, expected))
    explained = "\n".join([str(replace(listener, told=[])), *rights, "told:", told, "expected:", meant])
    assert len(listener.told) == len(expected), explained
    assert all(map(alike, listener.told, expected)), explained
