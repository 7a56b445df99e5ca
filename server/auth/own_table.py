"""Rows of a table that the server reads for itself, to know who calls: one row, found by one column.

It is read as the login that the server connects with, whatever rules and roles say: such a table is nobody's
(`reflector.access.reserved`), and what is read here goes to a method of `auth` and never into an answer.

Rule: what is looked for is a bound value; the column is compared as its index is, and whoever asks compares once more, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from reflector.access.names import database_names
from reflector.access.permissions import Grants, open_permission
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, Column, Table
from reflector.datatypes import Kind
from reflector.drivers.protocol import PLAIN, Session
from reflector.engine import Engine
from reflector.errors import InternalError, SchemaChanged
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Compare, Field, Filter, Literal, Output, Read
from reflector.query.scope import Scope
from reflector.snapshot import Access, PlanCache, Snapshot
from server.config.authentication import names_of

Row: TypeAlias = Mapping[str, Any]
NOBODY: Final = Principal()
PLAN_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Bound:
    """The table in one catalog."""

    snapshot: Snapshot
    access: Access
    table: Table
    columns: Mapping[str, Column]
    by: Column
    session: Session


class OwnTable:
    """A table of `auth`. `columns`: which column says what; what is None is read where the table has a column of that name, or of
    that name with `_at` behind it. `by`: what rows are found by, one of them. `engine` is None where a configuration is only
    looked at."""

    def __init__(self, engine: Engine | None, name: str, by: str, columns: Mapping[str, str | None]) -> None:
        self._made_with = engine
        self._name, self._by, self._columns = name, by, columns
        self._bound: _Bound | None = None

    @property
    def _engine(self) -> Engine:
        if self._made_with is None:
            raise InternalError("a table is read where something is served")
        return self._made_with

    async def find(self, value: str | bytes) -> Row | None:
        """The row, None where there is none, or more than one. Raises what the database reports, SchemaChanged where the
        table is not there any more."""
        bound = self._in_force()
        given = value if isinstance(value, bytes) or bound.by.type.kind is not Kind.BYTES else value.encode()
        literal = Literal(given, bound.by.type)
        rows = await self._rows(bound, Compare(Field(bound.by), EQ, literal), 2)
        return rows[0] if len(rows) == 1 else None

    async def any(self) -> Row | None:
        """Some row, None where there is none."""
        rows = await self._rows(self._in_force(), TRUE, 1)
        return rows[0] if rows else None

    @property
    def found_by_bytes(self) -> bool:
        """Whether rows are found by bytes, and not by text."""
        return self._in_force().by.type.kind is Kind.BYTES

    async def _rows(self, bound: _Bound, where: Filter, most: int) -> list[Row]:
        select = tuple(Output(label, Field(column)) for label, column in bound.columns.items())
        prepared = self._engine.prepare(bound.snapshot, bound.access, Read(bound.table, select, where, limit=most))
        answer = await self._engine.run(prepared, NOBODY, bound.session)
        rows: list[Row] = orjson.loads(answer.body or b"[]")
        return rows

    def _in_force(self) -> _Bound:
        """The table in the catalog that is served."""
        catalog = self._engine.snapshot.catalog
        if self._bound is None or self._bound.snapshot.catalog is not catalog:
            self._bound = self._bind(catalog)
        return self._bound

    def _bind(self, catalog: Catalog) -> _Bound:
        table = database_names(catalog).get(self._name)
        columns = {} if table is None else columns_of(table, self._columns)
        if table is None or self._by not in columns:
            raise SchemaChanged("a table that tells who calls is not what it was")
        grants = Grants((), {table: (open_permission(table, writable=False),)})
        access = Access(Scope((), {}, {}), grants)
        own = Snapshot(self._engine.snapshot.number, catalog, None, plans=PlanCache(PLAN_BYTES))
        login = None if catalog.roles is None else catalog.roles.login
        session = PLAIN if login is None else Session(role=login, read_only=True)
        return _Bound(own, access, table, columns, columns[self._by], session)


def columns_of(table: Table, wanted: Mapping[str, str | None]) -> Mapping[str, Column]:
    """Which of the table's columns say what."""
    found: dict[str, Column] = {}
    for label, name in wanted.items():
        column = next((table.by_name[each] for each in names_of(label, name) if each in table.by_name), None)
        if column is not None:
            found[label] = column
    return found
