"""What a caller may be told of an error that the database reported.

The database names constraints and columns; the catalog knows which columns a constraint is about. A caller is told of
those columns alone that their roles may read or give, in words for people.

Rule: when one column of a constraint may not be named, none is. No text of the database, and no name of a constraint,
goes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from reflector.catalog.model import Catalog, ForeignKey, Table
from reflector.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidData,
    NotNullViolation,
    UniqueViolation,
)
from reflector.query.scope import TableScope

PRIMARY: Final = ("primary", None)
"""What databases call the primary key when it has no name of its own."""


def disclosed(error: DatabaseError, table: TableScope, catalog: Catalog) -> DatabaseError:
    """The same error in words for this caller, who wrote to (or read) `table`; its columns are those they may know."""
    columns, message = _told(error, table, catalog)
    pointer = "/" + _escaped(columns[0]) if len(columns) == 1 else None
    return type(error)(
        message or error.message, hint=error.hint, pointer=pointer, columns=columns, sqlstate=error.sqlstate
    )


def _told(error: DatabaseError, table: TableScope, catalog: Catalog) -> tuple[Sequence[str], str | None]:
    match error:
        case UniqueViolation():
            columns = _nameable(table, error, _key_columns(table.table, error))
            return columns, _unique(columns)
        case ForeignKeyViolation():
            return _foreign_key(error, table, catalog)
        case CheckViolation():
            columns = _nameable(table, error, _check_columns(table.table, error))
            return columns, f"{_list(columns)}: a rule of the table refuses the value" if columns else None
        case NotNullViolation():
            columns = _nameable(table, error, error.columns)
            return columns, f"{_list(columns)} must not be null" if columns else None
        case InvalidData():
            columns = _nameable(table, error, error.columns)
            return columns, f"the value does not fit {_list(columns)}" if columns else None
        case _:
            return (), None


def _nameable(table: TableScope, error: DatabaseError, columns: Iterable[str]) -> Sequence[str]:
    """The columns, when all of them are the table's and may be named; otherwise none."""
    if error.table is not None and error.table != table.table.name:
        return ()
    named = tuple(dict.fromkeys(columns))
    known = {**table.readable, **table.creatable, **table.updatable}
    known |= {**table.creatable_by_json, **table.updatable_by_json}
    return named if all(name in known for name in named) else ()


def _unique(columns: Sequence[str]) -> str | None:
    return f"a row with this {_list(columns)} exists already" if columns else None


def _list(columns: Sequence[str]) -> str:
    if len(columns) < 2:
        return "".join(columns)
    return f"{', '.join(columns[:-1])} and {columns[-1]}"


def _key_columns(table: Table, error: DatabaseError) -> Iterable[str]:
    """The columns of the key that was broken; a unique index that is no key of the catalog has none."""
    if error.columns:
        return error.columns
    if (error.constraint or "").lower() in PRIMARY or error.constraint is None:
        keys = [table.primary_key] if table.primary_key is not None and error.constraint is not None else []
    else:
        every = [*table.uniques, *([table.primary_key] if table.primary_key is not None else [])]
        keys = [key for key in every if key.name == error.constraint]
    return [column.name for key in keys[:1] for column in key.columns]


def _check_columns(table: Table, error: DatabaseError) -> Iterable[str]:
    """The columns that the broken check mentions."""
    for check in table.checks:
        if error.constraint is not None and error.constraint in (check.name, check.expression):
            words = set(re.findall(r"\w+", check.expression))
            return [column.name for column in table.columns if column.name in words]
    return ()


def _foreign_key(error: ForeignKeyViolation, table: TableScope, catalog: Catalog) -> tuple[Sequence[str], str | None]:
    key = _broken(error, table.table, catalog)
    if key is None:
        return (), None
    visible = any(each.foreign_key is key for each in table.relationships.values())
    if key.table is table.table:
        columns = _nameable(table, error, [column.name for column in key.columns])
        target = key.target.label if visible else "row"
        return columns, f"{_list(columns)}: there is no such {target}" if columns else None
    return (), f"rows of {key.table.label} still refer to this row" if visible else None


def _broken(error: ForeignKeyViolation, table: Table, catalog: Catalog) -> ForeignKey | None:
    """The foreign key of that name, of this table or one that refers to it."""
    near = [key for key in catalog.foreign_keys if table in (key.table, key.target)]
    found = [key for key in near if error.constraint is not None and key.name == error.constraint]
    if error.table is not None:
        found = [key for key in found if key.table.name == error.table]
    return found[0] if len(found) == 1 else None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
