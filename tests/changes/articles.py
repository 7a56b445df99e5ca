"""A table, a rule, and changes to rows of it, made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from reflector.catalog.model import Catalog, Column, DatabaseKind, Key, Table, TableKind
from reflector.changes.change import Change, Codec, Committed, Cursor, Op, bound
from reflector.changes.hub import Hub
from reflector.changes.notices import Notice
from reflector.changes.question import EVENTS, Question
from reflector.changes.subscription import Subscription
from reflector.datatypes import DataType, Kind, Value
from reflector.errors import ReflectorError
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Compare, Exists, Field, Filter, Literal, Now

INTEGER, TEXT = DataType(Kind.INTEGER, "integer"), DataType(Kind.TEXT, "text")
ID, TITLE, OWNER, SALARY = (
    Column("id", INTEGER, nullable=False),
    Column("title", TEXT, nullable=True),
    Column("owner", INTEGER, nullable=True),
    Column("salary", INTEGER, nullable=True),
)
ARTICLE = Table("main", "article", "article", TableKind.TABLE, (ID, TITLE, OWNER, SALARY), Key(None, (ID,)))
MEMBER_ID = Column("id", INTEGER, nullable=False)
MEMBER = Table("main", "member", "member", TableKind.TABLE, (MEMBER_ID,), Key(None, (MEMBER_ID,)))
NAME, MEMBERS = ("main", "article"), ("main", "member")
CODEC = Codec(lambda _, stored: stored, lambda _, stored: orjson.dumps(stored))
CATALOG = Catalog(DatabaseKind.SQLITE, (3,), ("main",), {"article": ARTICLE, "member": MEMBER}, {})
ALL = (ID, TITLE, OWNER, SALARY)


def is_(column: Column, value: Value) -> Filter:
    return Compare(Field(column), EQ, Literal(value, column.type), exact=True)


ELSEWHERE: Filter = Exists(MEMBER, TRUE)
"""A rule that only the database can decide."""


@dataclass
class Database:
    """What answers when it is asked for a row."""

    rows: dict[tuple[Value, ...], bytes] = field(default_factory=dict)
    asked: list[Sequence[Value]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    fault: Exception | None = None

    async def row(self, key: Sequence[Value]) -> bytes | None:
        self.asked.append(tuple(key))
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return self.rows.get(tuple(key))


def question(
    rule: Filter = TRUE,
    where: Filter = TRUE,
    columns: Sequence[Column] = ALL,
    *,
    guards: Mapping[Column, Filter] | None = None,
    events: Sequence[str] = EVENTS,
    sighted: bool | None = None,
    key_seen: bool = True,
    database: Database | None = None,
    roles: tuple[str, ...] = (),
) -> Question:
    guarded = guards or {}
    return Question(
        ARTICLE,
        roles,
        rule,
        where,
        tuple((column, guarded.get(column, TRUE)) for column in columns),
        frozenset(events),
        tuple(columns) == ALL and not guarded if sighted is None else sighted,
        key_seen,
        (database or Database()).row,
        lambda plain: f"opaque of {len(plain)}",
    )


def row(id: int = 1, title: str | None = "t", owner: int | None = 7, salary: int = 1) -> dict[str, Any]:  # noqa: A002
    return {"id": id, "title": title, "owner": owner, "salary": salary}


def committed(new: Mapping[str, Any] | None, old: Mapping[str, Any] | None = None, op: Op | None = None) -> Committed:
    found = op or (Op.DELETE if new is None else Op.INSERT if old is None else Op.UPDATE)
    return Committed(NAME, found, new, old, 1.0, size=100)


def change(new: Mapping[str, Any] | None, old: Mapping[str, Any] | None = None, op: Op | None = None) -> Change:
    return bound(committed(new, old, op), Cursor(1, 1), ARTICLE, CODEC)


def clock(node: object) -> Value:
    assert isinstance(node, Now)
    raise AssertionError("no rule here asks for the time")


@dataclass(eq=False)
class Listener:
    """A reader that keeps what it is told."""

    asks: Question
    told: list[Notice] = field(default_factory=list)
    resyncs: list[str] = field(default_factory=list)
    ended: list[ReflectorError] = field(default_factory=list)
    refuses: ReflectorError | None = None

    def tell(self, notice: Notice) -> None:
        self.told.append(notice)

    def resync(self, cursor: Cursor, reason: str) -> None:
        self.resyncs.append(reason)

    def end(self, error: ReflectorError) -> None:
        self.ended.append(error)

    def renew(self) -> Question:
        if self.refuses is not None:
            raise self.refuses
        return replace(self.asks)

    def take(self) -> list[tuple[str, Any]]:
        """What was told: the event and the key's id."""
        taken, self.told = self.told, []
        return [(notice.op, orjson.loads(notice.key)["id"]) for notice in taken]


def joined(hub: Hub, listener: Listener) -> Subscription:
    subscription = hub.join(listener.asks, listener)
    hub.release(subscription)
    return subscription


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
