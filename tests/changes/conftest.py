"""A PostgreSQL whose slots keep no more than a bound, and databases of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.servers import MariaDBServer, PostgreSQLServer


@pytest.fixture(scope="session")
def bounded_postgresql() -> Iterator[PostgreSQLServer]:
    with PostgreSQLServer({"max_slot_wal_keep_size": "1GB", "max_replication_slots": "60"}) as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder: Path = tmp_path_factory.mktemp("changes")

    def mariadb() -> MariaDBServer:
        server: MariaDBServer = request.getfixturevalue("mariadb_server")
        return server

    return Databases(lambda: request.getfixturevalue("bounded_postgresql"), mariadb, folder)


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found
