"""Functions of the database that are asked of the row in hand: what they give as a value, or as rows.

Rule: a statement that calls a function says so (`Writer.calls`): its plan gets a
transaction of its own, and nothing of its answer is believed for longer than a time to live.
"""

from __future__ import annotations

import sqlalchemy as sa

from reflector.catalog.model import Function
from reflector.errors import InternalError
from reflector.sql.routine import Routine
from reflector.sql.shaped import Shaped, Sql
from reflector.sql.statement import Writer


def of_row(writer: Writer, function: Function, alias: str) -> Routine:
    """The function, called for the row `alias`."""
    table = function.of_row
    if table is None:
        raise InternalError(f"{function.name} is not asked of rows")
    writer.calls = True
    dialect = writer.dialect
    name = f"{dialect.quote(function.schema)}.{dialect.quote(function.name)}"
    return Routine(name, [""], [dialect.whole(alias, table, made=alias in writer.made)])


def rows_of_row(writer: Writer, function: Function, near: str, far: str) -> tuple[sa.FromClause, list[Sql]]:
    """FROM of the rows `far` that the function gives for the row `near`, and which of them are there: a function of one
    row gives one without any value where it found none."""
    rows = of_row(writer, function, near).alias(far)
    return rows, [] if function.returns_set else [writer.dialect.present(far)]


def as_key(document: Sql) -> Sql:
    """The document of such rows as something to group by; functions of a row are PostgreSQL's alone."""
    return Shaped("CAST({x} AS pg_catalog.text)", document)


def as_document(key: Sql) -> Sql:
    """The document that was grouped by."""
    return Shaped("CAST({x} AS pg_catalog.json)", key)
