"""Sets of rows on SQLite: one JSON text, each value in it marked with what it is.

JSON has no bytes, and SQLite reads a number of its text less exactly than one that is bound. So a value is a whole number,
or a text whose first character says what the rest is; `reflector_cell` gives it back as it was.

Rule: what is stored is what would have been stored had the value been bound by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from reflector.catalog.model import Column, Fill
from reflector.datatypes import DataType
from reflector.errors import InvalidData, NotSupported
from reflector.sql.plan import Cells
from reflector.sql.set_forms import IgnoringSets, Origin
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer

LARGEST = 1 << 63
TEXTS = re.compile(r"'(?:[^']|'')*'")
NAMES = re.compile(r"[\"`\[]")


class SQLiteSets(IgnoringSets):
    def relation(self, writer: Writer, types: Sequence[DataType | None], origin: Origin, name: str) -> sa.FromClause:
        bind = writer.bind(origin(_packed))
        shown = ["json_extract(listed.value, '$[0]') AS n"]
        shown += [
            f"reflector_cell(json_extract(listed.value, '$[{index + 1}]')) AS c{index}" for index in range(len(types))
        ]
        names = ["n", *(f"c{index}" for index in range(len(types)))]
        text = f"SELECT {', '.join(shown)} FROM json_each(:{bind.key}) AS listed"
        return sa.text(text).bindparams(bind).columns(*(sa.column(each) for each in names)).subquery(name)

    def insert(self, target: sa.TableClause) -> Any:
        return sqlite.insert(target)

    def ignoring(self, insert: Any, key: Sequence[str]) -> Any:
        return insert.on_conflict_do_nothing(index_elements=[sa.column(name) for name in key])

    def default(self, column: Column) -> Sql:
        """SQLite's UPDATE knows no DEFAULT: it is what the table's own definition says, as it says it."""
        if column.fill is Fill.NONE or column.default is None:
            return sa.null()
        if NAMES.search(TEXTS.sub("", column.default)):
            raise NotSupported(f"SQLite cannot set {column.name} to its default, which might be read as a name")
        text: Sql = sa.literal_column(f"({column.default})")
        return text


def _packed(rows: Sequence[tuple[int, Cells]]) -> str:
    return json.dumps([[place, *map(_marked, cells)] for place, cells in rows])


def _marked(value: float | str | bytes | None) -> int | str | None:
    if value is None or isinstance(value, int):
        if value is not None and not -LARGEST <= value < LARGEST:
            raise InvalidData("a value does not fit")
        return value
    if isinstance(value, float):
        return "f" + repr(value)
    if isinstance(value, bytes):
        return "b" + value.hex()
    # Text with a NUL in it would end there.
    return "x" + value.encode().hex() if "\x00" in value else "s" + value
