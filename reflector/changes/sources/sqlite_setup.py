"""What capturing needs in a SQLite file: one table that keeps the last changes, and triggers that write into it.

The table is a ring: each trigger deletes what is older than `KEPT` changes, so that it stays small even if nobody ever
reads it. Images are JSON arrays in the order of the table's columns, with blobs and reals in forms that lose nothing.

INSERT OR REPLACE removes rows without any trigger being told. So before each insert, and before each update of a
column that is unique, the rows that it might evict are written down as candidates; the reader tells which were.

Rule: triggers use functions that every SQLite has, and leave `changes()` and `last_insert_rowid()` of the writer alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflector.changes.setup import KEYLESS, PREFIX, Setup, Step
from reflector.database_url import DatabaseKind, DatabaseUrl
from reflector.drivers.protocol import Settings
from reflector.drivers.sqlite_file import connect

OUTBOX: Final = PREFIX + "changes"
KEPT: Final = 10_000
ARGUMENTS: Final = 100
"""Values of one json_array call: SQLite takes 127 arguments."""


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns that are unique together, each with its collation."""

    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as its triggers see it. `identity` tells its rows apart while it has them."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    identity: tuple[str, ...]
    uniques: tuple[Unique, ...]
    overlooked: tuple[str, ...]
    """Unique indexes over some rows or over expressions: rows that these evict are not noticed."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# ── what the file has ────────────────────────────────────────────────────────────────────────

TABLES: Final = (
    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    f" AND substr(name, 1, {len(PREFIX)}) <> '{PREFIX}' ORDER BY name"
)
COLUMNS: Final = "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid"
INDEXES: Final = 'SELECT name, origin, partial FROM pragma_index_list(?) WHERE "unique" ORDER BY name'
INDEX: Final = "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno"
OURS: Final = f"SELECT name, sql FROM sqlite_master WHERE substr(name, 1, {len(PREFIX)}) = '{PREFIX}' AND type IN ('table', 'trigger')"


def shapes(connection: sqlite3.Connection) -> list[Shape]:
    """Every table whose changes can be captured."""
    return [_shape(connection, name, bool(without)) for name, without in connection.execute(TABLES).fetchall()]


def _shape(connection: sqlite3.Connection, name: str, without_rowid: bool) -> Shape:
    columns = connection.execute(COLUMNS, (name,)).fetchall()
    key = tuple(column for column, place in sorted(columns, key=lambda each: each[1]) if place)
    uniques = [Unique(tuple((column, "BINARY") for column in key))] if len(key) == 1 else []
    overlooked = []
    for index, _, partial in connection.execute(INDEXES, (name,)).fetchall():
        parts = connection.execute(INDEX, (index,)).fetchall()
        if partial or any(column is None for column, _ in parts):
            overlooked.append(index)
        else:
            uniques.append(Unique(tuple(parts)))
    names = tuple(column for column, _ in columns)
    identity = key if without_rowid else (_rowid(names),)
    return Shape(name, names, key, identity, tuple(dict.fromkeys(uniques)), tuple(overlooked))


def _rowid(columns: Sequence[str]) -> str:
    """A name of the rowid that no column has taken."""
    taken = {column.lower() for column in columns}
    return next((name for name in ("_rowid_", "rowid", "oid") if name not in taken), "_rowid_")


# ── what is put into it ──────────────────────────────────────────────────────────────────────


def image(row: str, columns: Sequence[str]) -> str:
    """The row as a JSON array; in parts of ARGUMENTS where it is wider."""
    values = [_value(f"{row}.{quoted(column)}") for column in columns]
    if len(values) <= ARGUMENTS:
        return f"json_array({', '.join(values)})"
    parts = [f"json_array({', '.join(values[at : at + ARGUMENTS])})" for at in range(0, len(values), ARGUMENTS)]
    return f"json_array({', '.join(parts)})"


def _value(column: str) -> str:
    return (
        f"CASE typeof({column}) WHEN 'blob' THEN json_object('b', hex({column}))"
        f" WHEN 'real' THEN json_object('r', quote({column})) ELSE {column} END"
    )


def wanted(shape: Shape) -> dict[str, str]:
    """The table's triggers by name."""
    found = {
        "insert": _trigger(shape, "insert", "AFTER INSERT", _entry(shape, "I", None, "NEW")),
        "update": _trigger(shape, "update", "AFTER UPDATE", _entry(shape, "U", "OLD", "NEW")),
        "delete": _trigger(shape, "delete", "AFTER DELETE", _entry(shape, "D", "OLD", None)),
    }
    if shape.uniques:
        columns = ", ".join(quoted(name) for name in dict.fromkeys(c for u in shape.uniques for c, _ in u.columns))
        found["evict"] = _trigger(shape, "evict", "BEFORE INSERT", _candidates(shape, ""))
        others = " OR ".join(f"r.{_name(each)} <> OLD.{_name(each)}" for each in shape.identity)
        moved = _candidates(shape, f" AND ({others})")
        found["displace"] = _trigger(shape, "displace", f"BEFORE UPDATE OF {columns}", moved)
    return {trigger_name(shape, what): sql for what, sql in found.items()}


def _name(identity: str) -> str:
    return identity if identity in ("_rowid_", "rowid", "oid") else quoted(identity)


def trigger_name(shape: Shape, what: str) -> str:
    return f"{PREFIX}{what}_{shape.name}"


def _trigger(shape: Shape, what: str, when: str, body: str) -> str:
    return f"CREATE TRIGGER {quoted(trigger_name(shape, what))} {when} ON {quoted(shape.name)} BEGIN\n    {body}\nEND"


INTO: Final = f"INSERT INTO {quoted(OUTBOX)} (at, tab, op, old, new)"


def _entry(shape: Shape, op: str, old: str | None, new: str | None) -> str:
    images = [image(row, shape.columns) if row else "NULL" for row in (old, new)]
    return (
        f"{INTO} VALUES (julianday('now'), {literal(shape.name)}, '{op}', {', '.join(images)});\n"
        f"    DELETE FROM {quoted(OUTBOX)} WHERE seq <= last_insert_rowid() - {KEPT};"
    )


def _candidates(shape: Shape, others: str) -> str:
    alike = " OR ".join(
        "("
        + " AND ".join(f"r.{quoted(name)} = NEW.{quoted(name)} COLLATE {quoted(coll)}" for name, coll in each.columns)
        + ")"
        for each in shape.uniques
    )
    return (
        f"{INTO} SELECT julianday('now'), {literal(shape.name)}, 'E', {image('r', shape.columns)}, NULL"
        f" FROM {quoted(shape.name)} AS r WHERE ({alike}){others};"
    )


OUTBOX_SQL: Final = (
    f"CREATE TABLE {quoted(OUTBOX)} (seq INTEGER PRIMARY KEY, at REAL NOT NULL, tab TEXT NOT NULL, op TEXT NOT NULL,"
    " old TEXT, new TEXT)"
)


def ours(connection: sqlite3.Connection) -> dict[str, str]:
    """What is installed: SQL by name."""
    return dict(connection.execute(OURS).fetchall())


def needed(connection: sqlite3.Connection) -> dict[str, str]:
    """What is to be there, in the order in which it is made."""
    triggers = [wanted(shape) for shape in shapes(connection)]
    return {OUTBOX: OUTBOX_SQL} | {name: sql for each in triggers for name, sql in each.items()}


def install_steps(connection: sqlite3.Connection) -> Iterator[Step]:
    """What brings the file to what is needed; nothing when it is there."""
    present, wanted_ = ours(connection), needed(connection)
    for name in [each for each in present if each != OUTBOX and present[each] != wanted_.get(each)]:
        yield Step(f"DROP TRIGGER {quoted(name)}", "the table has changed since")
    for name, sql in wanted_.items():
        if present.get(name) != sql:
            yield Step(sql, "keeps the last changes" if name == OUTBOX else "writes changes down")


def uninstall_steps(connection: sqlite3.Connection) -> Iterator[Step]:
    """What removes every trace."""
    present = ours(connection)
    for name in present:
        if name != OUTBOX:
            yield Step(f"DROP TRIGGER {quoted(name)}", "no more changes are written down")
    if OUTBOX in present:
        yield Step(f"DROP TABLE {quoted(OUTBOX)}", "the last changes are forgotten")


def setup_of(connection: sqlite3.Connection) -> Setup:
    """What is installed, and what would be."""
    install = tuple(install_steps(connection))
    return Setup(
        "SQLite triggers",
        installed=not install,
        install=install,
        uninstall=tuple(uninstall_steps(connection)),
        privileges=("writing to the file",),
        misses=tuple(misses(connection)),
        noticed=frozenset(("main", shape.name) for shape in shapes(connection) if not shape.overlooked),
    )


def misses(connection: sqlite3.Connection) -> Iterator[str]:
    """What capturing does not notice."""
    for shape in shapes(connection):
        for index in shape.overlooked:
            yield f"{shape.name}: rows that REPLACE removes because of the index {index} are not noticed"
        if not shape.key:
            yield KEYLESS.format(table=shape.name)


def perform(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Do them all or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps:
            connection.execute(step.sql)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def opened(url: DatabaseUrl) -> sqlite3.Connection:
    """A connection that may write. Raises ConnectionRefused and sqlite3.Error."""
    return connect(url, Settings(writable=True), writer=True)


def install_sqlite(path: Path) -> None:
    """Install in a file of our own, such as the sample; does nothing where it is installed. Raises sqlite3.Error."""
    url = DatabaseUrl(  # a path needs no escaping here
        kind=DatabaseKind.SQLITE,
        scheme="sqlite",
        host=None,
        port=None,
        user=None,
        password=None,
        database=str(path),
        options=(),
    )
    with closing(opened(url)) as connection:
        steps = list(install_steps(connection))
        if steps:
            perform(connection, steps)
