"""How the tests read a loaded bookshop: one shape for the three databases, one value for what their drivers hand over."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from examples import bookshop
from examples.bookshop.values import SPELLINGS, Json, Value
from tests.servers import MariaDBServer, PostgreSQLServer

ROOT = Path(bookshop.__file__).parents[2]
ROWS: Mapping[str, Sequence[Mapping[str, Any]]] = bookshop.rows()

Run = Callable[[str], list[Any]]


@dataclass(frozen=True, slots=True)
class Shop:
    """One loaded bookshop. `run` takes SQL and returns its rows; names in double quotes are respelt."""

    dialect: str
    execute: Run

    def run(self, sql: str) -> list[Any]:
        return self.execute(sql.replace('"', "`") if self.dialect == "mariadb" else sql)

    def name(self, name: str) -> str:
        return SPELLINGS[self.dialect].name(name)

    def number(self, sql: str) -> int:
        return int(self.run(sql)[0][0])


def sqlite_runner(path: Path) -> Run:
    def run(sql: str) -> list[Any]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(sql).fetchall()

    return run


def server_shop(dialect: str, server: PostgreSQLServer | MariaDBServer, database: str) -> Shop:
    server.create_database(database)
    server.run(database, bookshop.script(dialect))
    return opened(dialect, server, database)


def opened(dialect: str, server: PostgreSQLServer | MariaDBServer, database: str) -> Shop:
    return Shop(dialect, lambda sql: server.run(database, sql))


# How a driver's value is read as the value that `rows()` has: drivers differ, what they mean must not.


def moment(value: Any) -> datetime:
    return datetime.fromisoformat(str(value))


def instant(value: Any) -> datetime:
    return moment(value) if moment(value).tzinfo else moment(value).replace(tzinfo=UTC)


def clock(value: Any) -> time:
    since_midnight = (datetime.min + value).time() if isinstance(value, timedelta) else value  # noqa: DTZ901
    return time.fromisoformat(str(since_midnight))


def truth(value: Any) -> bool:
    assert value in {0, 1}
    return bool(value)


def itself(value: Any) -> Any:
    return value


READERS: dict[type, Callable[[Any], Any]] = {
    bool: truth,
    int: itself,
    float: itself,
    str: itself,
    bytes: bytes,
    Decimal: lambda value: Decimal(str(value)).normalize() + 0,
    UUID: lambda value: UUID(str(value)),
    date: lambda value: date.fromisoformat(str(value)),
    time: clock,
    datetime: moment,
    Json: lambda value: json.dumps(json.loads(str(value)), sort_keys=True),
}


def plain(value: Value) -> Any:
    match value:
        case Json(document):
            return json.dumps(document, sort_keys=True)
        case Decimal():
            return value.normalize() + 0
        case datetime():
            return value.astimezone(UTC) if value.tzinfo else value
        case _:
            return value


def kind_of(table: str, column: str) -> type:
    kinds = {type(row[column]) for row in ROWS[table] if row[column] is not None}
    assert len(kinds) == 1, f"{table}.{column} should have values of one kind"
    return kinds.pop()


def reader(table: str, column: str) -> Callable[[Any], Any]:
    if any(isinstance(found := row[column], datetime) and found.tzinfo for row in ROWS[table]):
        return instant
    return READERS[kind_of(table, column)]


def written(table: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(repr(plain(value)) for value in row.values()) for row in ROWS[table])


def as_text(shop: Shop, column: str) -> str:
    """Because PostgreSQL's driver parses JSON, and then gives None for NULL as for the JSON null."""
    return f"cast({shop.name(column)} AS text)" if shop.dialect == "postgresql" else shop.name(column)


def stored(shop: Shop, table: str) -> Counter[tuple[str, ...]]:
    columns = list(ROWS[table][0])
    asked = [as_text(shop, name) if kind_of(table, name) is Json else shop.name(name) for name in columns]
    readers = [reader(table, column) for column in columns]
    return Counter(
        tuple(repr(None if value is None else read(value)) for read, value in zip(readers, row, strict=True))
        for row in shop.execute(f"SELECT {', '.join(asked)} FROM {shop.name(table)}")
    )
