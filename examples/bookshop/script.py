"""The whole bookshop as SQL for one database: schema, rows, and sequences that stand behind the rows.

Rule: nothing is dropped and nothing is overwritten; the database must not hold such tables yet. The statements set
what they rely on in the session (encoding, zone, how a backslash reads), so use a connection of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.bookshop.rows import TABLES, rows
from examples.bookshop.values import SPELLINGS, Row, Rows, Spelling, literal

ROWS_PER_INSERT = 250
TOKEN = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|--[^\n]*|;|[^'"`;-]+|-""")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one database wants around schema and rows."""

    opening: tuple[str, ...]
    before_rows: tuple[str, ...]
    overriding: str
    closing: tuple[str, ...]


FRAMES = {
    "postgresql": Frame(
        opening=("SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "BEGIN"),
        before_rows=(),
        overriding=" OVERRIDING SYSTEM VALUE",
        closing=("COMMIT",),
    ),
    "mariadb": Frame(
        opening=(
            "SET NAMES utf8mb4",
            "SET time_zone = '+00:00'",
            "SET sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
        ),
        before_rows=("START TRANSACTION",),
        overriding="",
        closing=("COMMIT",),
    ),
    "sqlite": Frame(opening=("PRAGMA foreign_keys = ON", "BEGIN"), before_rows=(), overriding="", closing=("COMMIT",)),
}
DIALECTS = tuple(FRAMES)

# Where PostgreSQL counts on a sequence that explicit keys do not move.
COUNTED = (
    "category",
    "book",
    "shop",
    "staff",
    "customer",
    "address",
    "order",
    "review",
    "reader's note",
    "reading_survey",
)


def schema(dialect: str) -> list[str]:
    """The statements of the hand-written schema file, without their semicolons."""
    text = (Path(__file__).parent / f"{dialect}.sql").read_text(encoding="utf-8")
    return list(_split(text))


def _split(text: str) -> Iterator[str]:
    """Doubled quotes need no case of their own: they read as two quoted texts in a row."""
    statement: list[str] = []
    for token in TOKEN.findall(text):
        if token != ";":
            statement.append(token)
        elif complete := "".join(statement).strip():
            yield complete
            statement = []
    if any(token.strip() and not token.startswith("--") for token in statement):
        raise ValueError(f"the schema ends inside a statement: {''.join(statement).strip()[:60]}")


def _tuple(spelling: Spelling, row: Row) -> str:
    return f"({', '.join(literal(spelling, value) for value in row.values())})"


def _inserts(dialect: str, table: str, table_rows: list[Row]) -> Iterator[str]:
    spelling = SPELLINGS[dialect]
    columns = ", ".join(map(spelling.name, table_rows[0]))
    head = f"INSERT INTO {spelling.name(table)} ({columns}){FRAMES[dialect].overriding} VALUES\n"
    for start in range(0, len(table_rows), ROWS_PER_INSERT):
        batch = table_rows[start : start + ROWS_PER_INSERT]
        yield head + ",\n".join(_tuple(spelling, row) for row in batch)


def _positions(spelling: Spelling, made: Rows) -> Iterator[str]:
    for table in COUNTED:
        last = max(row["id"] for row in made[table] if isinstance(row["id"], int))
        yield f"SELECT setval(pg_get_serial_sequence({spelling.text(spelling.name(table))}, 'id'), {last})"


def _ending(dialect: str, made: Rows) -> Iterable[str]:
    if dialect != "postgresql":
        return FRAMES[dialect].closing
    spelling = SPELLINGS[dialect]
    # Without statistics PostgreSQL estimates every table as never counted.
    analyze = f"ANALYZE {', '.join(map(spelling.name, TABLES))}"
    return (*_positions(spelling, made), *FRAMES[dialect].closing, analyze)


def statements(dialect: str) -> list[str]:
    """Everything, one statement each and without semicolons, for a driver to run in order on one connection.

    Some are `BEGIN` and `COMMIT`: run them as they are, outside any transaction of the driver. KeyError for a dialect
    that is not in `DIALECTS`.
    """
    frame, made = FRAMES[dialect], rows()
    inserts = (insert for table in TABLES for insert in _inserts(dialect, table, made[table]))
    return [*frame.opening, *schema(dialect), *frame.before_rows, *inserts, *_ending(dialect, made)]


def script(dialect: str) -> str:
    """The same as one text, for `psql`, `mariadb` and `sqlite3` or a driver that takes many statements at once."""
    return "".join(f"{statement};\n\n" for statement in statements(dialect))
