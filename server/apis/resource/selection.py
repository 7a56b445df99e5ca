"""What is answered: `fields=id,title,author.name,-secret` and `include=author,reviews.customer`.

    nothing said                   every column
    title,price                    just these
    -body                          every column but this one
    id,author.name                 just these, and of the author just the name
    *,author.name                  every column, and of the author just the name
    include=author                 every column, and the author with every column
    include=author&fields=-author.biography

Rule: the number of rows an answer can have is known before the question is asked. Related rows of a relationship to
many come in the order of their key, so many and no more at each level; and what the whole tree could hold is limited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from reflector.catalog.model import Column
from reflector.errors import InvalidRequest, LimitExceeded, UnknownColumn
from reflector.query.nodes import Embed, Field, Order, Output, Read, Selected
from reflector.query.scope import Scope, TableScope
from server.apis.resource.faults import FaultList, in_query
from server.config.limits import EffectiveLimits

EMBEDDED_ROWS: Final = 100
"""Rows that a relationship to many answers for each row."""
EMBEDS: Final = 50
"""Relationships of one answer."""
EVERY: Final = "*"


@dataclass(slots=True)
class Wanted:
    """What is wanted of the rows of one table. `whole`: every column, unless some are listed."""

    table: TableScope
    whole: bool
    listed: dict[str, Column] = field(default_factory=dict)
    every: bool = False
    left_out: set[str] = field(default_factory=set)
    related: dict[str, Wanted] = field(default_factory=dict)

    def columns(self) -> list[tuple[str, Column]]:
        all_of_them = self.every or (self.whole and not self.listed)
        chosen = self.table.answered if all_of_them else self.listed
        return [(name, column) for name, column in chosen.items() if name not in self.left_out]


def trimmed(entry: str, table: TableScope) -> str:
    """An entry of a list without the spaces around it, unless they are part of a name."""
    return entry if entry.removeprefix("-") in table.answered or entry in table.relationships else entry.strip()


def row_key(table: TableScope) -> tuple[Column, ...]:
    """The primary key, where there is one and all of it may be read; nothing otherwise."""
    key = table.table.primary_key
    if key is None or not all(table.readable.get(column.name) is column for column in key.columns):
        return ()
    return key.columns


def key_order(table: TableScope) -> tuple[Order, ...]:
    """By primary key, as far as there is one that may be read."""
    return tuple([Order(Field(column)) for column in row_key(table)])


class Selection:
    """Reads `fields` and `include` of one request."""

    def __init__(self, scope: Scope, limits: EffectiveLimits, faults: FaultList) -> None:
        self.scope, self.limits, self.faults = scope, limits, faults
        self.embeds = 0

    def read(self, table: TableScope, fields: str | None, include: str | None) -> tuple[Selected, ...]:
        """The members of the answered rows; what is wrong is noted."""
        entries = [] if fields is None else [trimmed(entry, table) for entry in fields.split(",")]
        minus = [entry for entry in entries if entry.startswith("-") and entry not in table.answered]
        plus = [entry for entry in entries if entry not in minus]
        root = Wanted(table, whole=not plus)
        for entry in [] if include is None else include.split(","):
            with self.faults.at(in_query("include")):
                self._include(root, trimmed(entry, table))
        with self.faults.at(in_query("fields")):
            self._fields(root, plus, minus)
        below = self._members(root)
        with self.faults.at(in_query("fields")):
            if not below and not self.faults.found:
                raise InvalidRequest("no column is left to be answered")
        return below

    # ── what is wanted ───────────────────────────────────────────────────────────────────────

    def _include(self, wanted: Wanted, path: str) -> None:
        for depth, name in enumerate(path.split("."), start=1):
            wanted = self._step(wanted, name, depth)
            wanted.whole = True

    def _fields(self, root: Wanted, plus: list[str], minus: list[str]) -> None:
        for entry in plus:
            with self.faults.at(in_query("fields")):
                self._add(root, entry)
        for entry in minus:
            with self.faults.at(in_query("fields")):
                self._leave_out(root, entry[1:])

    def _add(self, wanted: Wanted, text: str, depth: int = 1) -> None:
        """Follow the path, including each relationship on the way, and list the column at its end."""
        if text == EVERY:
            wanted.every = True
        elif (column := wanted.table.answered.get(text)) is not None:
            wanted.listed[text] = column
        elif text in wanted.table.relationships:
            self._step(wanted, text, depth).whole = True
        else:
            head, dot, rest = text.partition(".")
            if not dot:
                raise _unknown(wanted.table, text)
            self._add(self._step(wanted, head, depth), rest, depth + 1)

    def _leave_out(self, wanted: Wanted, text: str) -> None:
        if text in wanted.table.answered:
            wanted.left_out.add(text)
            return
        head, dot, rest = text.partition(".")
        if not dot:
            raise _unknown(wanted.table, text)
        wanted.table.relationship(head)
        if head not in wanted.related:
            raise InvalidRequest(f"{head!r} is not answered, so nothing of it can be left out", hint=f"include={head}")
        self._leave_out(wanted.related[head], rest)

    def _step(self, wanted: Wanted, name: str, depth: int) -> Wanted:
        relationship = wanted.table.relationship(name)
        if depth > self.limits.depth:
            raise LimitExceeded(f"a path goes through at most {self.limits.depth} relationships")
        if name not in wanted.related:
            self.embeds += 1
            if self.embeds > EMBEDS:
                raise LimitExceeded(f"an answer has at most {EMBEDS} relationships")
            wanted.related[name] = Wanted(self.scope.on(relationship.target), whole=False)
        return wanted.related[name]

    # ── the members ──────────────────────────────────────────────────────────────────────────

    def _members(self, wanted: Wanted) -> tuple[Selected, ...]:
        columns = [Output(name, Field(column)) for name, column in wanted.columns()]
        embeds = [self._embed(wanted.table, name, inner) for name, inner in wanted.related.items()]
        return (*columns, *embeds)

    def _embed(self, table: TableScope, name: str, inner: Wanted) -> Embed:
        relationship = table.relationships[name]
        select = self._members(inner)
        if not relationship.many:
            return Embed(name, relationship, Read(inner.table.table, select))
        limit = min(EMBEDDED_ROWS, self.limits.rows)
        return Embed(name, relationship, Read(inner.table.table, select, order=key_order(inner.table), limit=limit))


def _unknown(table: TableScope, name: str) -> UnknownColumn:
    return UnknownColumn(table.table.label, name, [*table.answered, *table.relationships])
