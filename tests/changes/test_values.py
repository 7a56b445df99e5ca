"""Every value of the bookshop, awkward ones included, is told in the very form in which the resource API answers it, and
is judged in the canonical form that rules are made for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from examples import bookshop
from reflector.catalog.model import DatabaseKind, Table
from reflector.changes.change import Codec, Committed, Row
from reflector.query.comparisons import EQ
from reflector.query.match import ASK, matches
from reflector.query.nodes import Compare, Field, Literal
from tests.bookshops import Databases
from tests.changes.capturing import followed, install, writer
from tests.server.harness import Served, served


def scripts(kind: DatabaseKind) -> tuple[str, str]:
    """The schema, and what fills it."""
    dialect = "postgresql" if kind is DatabaseKind.POSTGRESQL else "sqlite"
    schema = bookshop.schema(dialect)
    filling = [each for each in bookshop.statements(dialect) if each not in schema]
    return ";\n".join(schema), ";\n".join(filling)


async def test_a_row_is_told_as_it_is_answered(kind: DatabaseKind, databases: Databases) -> None:
    schema, filling = scripts(kind)
    url = databases.database(kind, schema)
    await install(url)
    wanted = sum(len(each) for each in bookshop.rows().values())
    # SQLite's numbers are doubles, which have many spellings; PostgreSQL's keep theirs.
    number = float if kind is DatabaseKind.SQLITE else Decimal
    async with followed(url) as (source, kept), served(url) as api:
        writer(url, databases.postgresql)(filling)
        await kept.until(lambda: sum(1 for each in kept.told if each.op == "insert") >= wanted, 60)
        tables = api.running.engine.snapshot.catalog.tables
        for label, told in images(kept.told, tables, source.codec, number).items():
            answered = await every(api, label, number)
            for row in answered if kind is DatabaseKind.POSTGRESQL else ():
                row.pop(bookshop.GENERATED.get(label, ""), None)  # the stream has no generated columns
            assert sorted(told) == sorted(map(written, answered)), label
        assert sum(1 for each in kept.told if each.op == "insert") == wanted


def images(
    changes: Sequence[Committed], tables: Mapping[str, Table], codec: Codec, number: Any
) -> dict[str, list[str]]:
    """The newest image of each row as a document, by table. A table without key has only insertions."""
    newest: dict[str, dict[object, str]] = {}
    for place, each in enumerate(changes):
        table = tables[each.table[1]]
        assert each.new is not None
        row = Row(table, each.new, codec)
        judged(row)
        document = {column.name: json.loads(row.shown(column), parse_float=number) for column in row}
        key = place if table.primary_key is None else str([document[c.name] for c in table.primary_key.columns])
        newest.setdefault(table.label, {})[key] = written(document)
    return {label: list(rows.values()) for label, rows in newest.items()}


def written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, default=str)


def judged(row: Row) -> None:
    """A value is equal to itself wherever it is judged at all."""
    for column in row:
        value = row[column]
        if value is not None:
            answer = matches(Compare(Field(column), EQ, Literal(value, column.type)), row, lambda _: None)
            assert answer in (True, ASK), (column, value)


async def every(api: Served, label: str, number: Any) -> list[dict[str, Any]]:
    """All rows of a table, page by page, with their decimals exact."""
    found: list[dict[str, Any]] = []
    path: str | None = f"/api/{quote(label)}?limit=1000"
    at = 1
    while True:
        reply = await api.get(f"{path}&page={at}")
        page = json.loads(reply.body, parse_float=number)["items"]
        found += page
        if len(page) < 1000:
            return found
        at += 1
