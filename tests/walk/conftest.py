"""A bookshop on each database for the walk, on servers that it may kill because nobody else uses them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from examples import bookshop
from tests.servers import MariaDBServer, PostgreSQLServer
from tests.servers.programs import find_postgresql, find_program

NAME = "bookshop"


@dataclass(frozen=True, slots=True)
class Shop:
    """A bookshop: its URL, SQL from outside, and its server, None where it is a file. With `environ` the database's own
    client finds it by its name."""

    kind: str
    url: str
    run: Callable[[str], object]
    server: PostgreSQLServer | MariaDBServer | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the walk begins."""
    made = tmp_path / "checkout"
    made.mkdir()
    return made


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def shop(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shop]:
    """A new bookshop of each kind."""
    if request.param == "sqlite":
        find_program(("sqlite3",), "sqlite3")
        yield shop_in_a_file(folder / "bookshop.sqlite")
        return
    with PostgreSQLServer() if request.param == "postgresql" else MariaDBServer() as server:
        url = server.create_database(NAME)
        server.run(NAME, bookshop.script(request.param))
        environ = clients(server) if isinstance(server, PostgreSQLServer) else {}
        yield Shop(request.param, url, lambda statements: server.run(NAME, statements), server, environ)


def clients(server: PostgreSQLServer) -> dict[str, str]:
    """Lead `psql` to the server."""
    path = f"{find_postgresql('psql').parent}:{os.environ['PATH']}"
    return {"PATH": path, "PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": "postgres"}


def shop_in_a_file(file: Path) -> Shop:
    bookshop.load_sqlite(file)

    def run(statements: str) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(statements)

    return Shop("sqlite", f"sqlite:///{file}", run)
