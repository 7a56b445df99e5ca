"""Pages that an aggregate of the database makes a document of: `SELECT f(row) FROM the page`.

    WITH page AS (the rows, one beyond the limit)  ─►  f of the page's rows, in their order

Rule: the aggregate is given rows as they may be seen, cell by cell, and never the table itself.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Function, Table
from reflector.datatypes import Kind
from reflector.errors import InternalError
from reflector.query.calls import Gathered
from reflector.query.nodes import Output, Read, Selected
from reflector.query.walk import tables_of
from reflector.sql.dialect import Dialect
from reflector.sql.filters import raw
from reflector.sql.groups import Names, followed, names_of
from reflector.sql.making_documents import Member
from reflector.sql.members import members
from reflector.sql.plan import Called, Expect, Part, Plan
from reflector.sql.reads import PAGE, page_rows, total
from reflector.sql.routine import Routine
from reflector.sql.shaped import Shaped, Sql
from reflector.sql.slices import amount
from reflector.sql.statement import Writer

FEATURES = (
    "pg_catalog.json_build_object('type', 'FeatureCollection', 'features', "
    "COALESCE(pg_catalog.json_agg(CAST({x} AS pg_catalog.json)), '[]'))"
)
"""What is made of the features of a page, as RFC 7946 says."""
LONGEST_LABEL = 63
"""Bytes of a name that PostgreSQL keeps."""


def gathered_plan(dialect: Dialect, query: Gathered) -> Plan:
    """The plan, in a transaction that is read-only: an aggregate may be made of functions that do anything."""
    writer, read = Writer(dialect), query.read
    statement = gathered(writer, query.function, read)
    parts: tuple[Part, ...] = (Part.BODY, Part.SEEN)
    if read.count:
        statement = statement.add_columns(total(writer, read).label("total"))
        parts = (*parts, Part.TOTAL)
    step = writer.finish(statement, Expect.ANSWER, parts)
    return Plan((step,), transaction=True, volatile=True, reads=tables_of(read), called=Called())


def gathered(writer: Writer, function: Function, read: Read) -> sa.Select[Any]:
    """The document of the page, and how many rows the page has, one beyond the limit included."""
    dialect = writer.dialect
    if not dialect.function_rows:
        raise dialect.unsupported("answer by an aggregate of its own")
    page = page_rows(writer, read, 1).cte(PAGE).prefix_with("MATERIALIZED")
    rows = sa.select(*_columns(writer, read)).select_from(page).limit(amount(writer, read.limit)).subquery("r")
    row = sa.literal_column("r.*") if function.rows is None else _of_table(dialect, function.rows, read)
    name = f"{dialect.quote(function.schema)}.{dialect.quote(function.name)}"
    document: Sql = Routine(name, [""], [row])
    if function.features:
        document = Shaped(FEATURES, document)
    if function.gathers is not None and function.gathers.kind is not Kind.BYTES:
        document = sa.cast(document, sa.Text())
    body = sa.select(document).select_from(rows).scalar_subquery()
    seen = sa.select(sa.func.count()).select_from(page).scalar_subquery()
    return sa.select(body.label("body"), seen.label("seen"))


def _of_table(dialect: Dialect, table: Table, read: Read) -> Sql:
    """The row in hand as a row of the table's own type."""
    if [each.label for each in read.select] != [column.name for column in table.columns]:
        raise InternalError(f"an aggregate of rows of {table.label} was to be given others")
    cells = ", ".join(f"r.{dialect.quote(column.name)}" for column in table.columns)
    type_ = f"{dialect.quote(table.schema)}.{dialect.quote(table.name)}"
    return sa.literal_column(f"CAST(ROW({cells}) AS {type_})")


# ── what it is given ─────────────────────────────────────────────────────────────────────────


def _columns(writer: Writer, read: Read) -> list[Sql]:
    """What is selected of a row of the page, as columns: values as they are, related rows as JSON."""
    names = names_of(read)
    found: list[Member] = []
    for each in followed(read.select) if names else read.select:
        found += _members(writer, each, names)
    for member in found:
        if not 0 < len(member.label.encode()) <= LONGEST_LABEL:
            raise writer.dialect.unsupported(f"give an aggregate a column of this name: {member.label[:80]!r}")
    return [member.shown.label(writer.dialect.key(member.label)) for member in found]


def _members(writer: Writer, selected: Selected, names: Names) -> list[Member]:
    match selected:
        case Output(label=label, expression=expression) if expression in names:
            return [Member(label, writer.dialect.named(PAGE, names[expression]))]
        case Output(label=label, expression=expression):
            return [Member(label, raw(writer, expression, (PAGE,)))]
        case _:
            return members(writer, (selected,), (PAGE,), names)
