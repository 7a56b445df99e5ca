"""The rows of a database, put there and read back past the product.

Rule: plain drivers, plain SQL; values come back as the evaluator has them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pg8000.native
import pymysql

from reflector.catalog.model import DatabaseKind
from tests.properties.worlds import insert
from tests.reference.model import COLUMNS, KEYS, State

Run = Callable[[str], Sequence[Sequence[Any]]]
READ: dict[str, Callable[[Any], Any]] = {
    "truth": bool,
    "decimal": lambda value: Decimal(str(value)).quantize(Decimal("0.01")),
    "date": lambda value: value if isinstance(value, date) else date.fromisoformat(value),
    "moment": lambda value: value if isinstance(value, datetime) else datetime.fromisoformat(value),
}


@dataclass(frozen=True)
class Store:
    """One database of the six tables."""

    kind: DatabaseKind
    run: Run

    def reset(self, state: State) -> None:
        """Make the database hold just these rows."""
        self.run("UPDATE person SET boss_id = NULL")
        for table in reversed(list(COLUMNS)):
            self.run(f"DELETE FROM {table}")
        for table, rows in state.items():
            for row in rows:
                plain = {**row, "boss_id": None} if table == "person" else row
                self.run(insert(table, *plain.values()))
        for row in state["person"]:
            if row["boss_id"] is not None:
                self.run(f"UPDATE person SET boss_id = {row['boss_id']} WHERE id = {row['id']}")

    def state(self) -> State:
        return {
            table: [
                {
                    name: None if value is None else READ.get(kind, lambda plain: plain)(value)
                    for (name, kind), value in zip(columns.items(), row, strict=True)
                }
                for row in self.run(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(KEYS[table])}")
            ]
            for table, columns in COLUMNS.items()
        }


@contextmanager
def stored(kind: DatabaseKind, url: str) -> Iterator[Store]:
    with _connected(kind, url) as run:
        yield Store(kind, run)


@contextmanager
def _connected(kind: DatabaseKind, url: str) -> Iterator[Run]:
    if kind is DatabaseKind.SQLITE:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)) as connection:
            yield lambda statement: connection.execute(statement).fetchall()
        return
    parts = urlsplit(url)
    where: Any = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:]}
    if kind is DatabaseKind.POSTGRESQL:
        with closing(pg8000.native.Connection(parts.username or "", password=parts.password, **where)) as plain:
            yield lambda statement: plain.run(statement) or ()
        return
    with closing(
        pymysql.connect(user=parts.username or "", password=parts.password or "", autocommit=True, **where)
    ) as other:

        def run(statement: str) -> Sequence[Sequence[Any]]:
            with other.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())

        yield run
