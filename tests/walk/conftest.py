"""A bookshop on each database for the walk, on servers that it may kill because nobody else uses them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples import bookshop
from tests.servers import MariaDBServer, PostgreSQLServer

NAME = "bookshop"


@dataclass(frozen=True, slots=True)
class Shop:
    """A bookshop: its URL, SQL from outside, and its server, None where it is a file."""

    kind: str
    url: str
    run: Callable[[str], object]
    server: PostgreSQLServer | MariaDBServer | None = None


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A new bookshop of each kind."""
    if request.param == "sqlite":
        yield shop_in_a_file(tmp_path / "bookshop.sqlite")
        return
    with PostgreSQLServer() if request.param == "postgresql" else MariaDBServer() as server:
        url = server.create_database(NAME)
        server.run(NAME, bookshop.script(request.param))
        yield Shop(request.param, url, lambda statements: server.run(NAME, statements), server)


def shop_in_a_file(file: Path) -> Shop:
    bookshop.load_sqlite(file)

    def run(statements: str) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(statements)

    return Shop("sqlite", f"sqlite:///{file}", run)
