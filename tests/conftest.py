"""Servers and databases that the tests share: each starts when the first test asks for it and ends with the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, settings

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.servers import MariaDBServer, PostgreSQLServer, RedisServer

BOUNDED: Mapping[str, str] = {"max_slot_wal_keep_size": "1GB", "max_replication_slots": "60"}
"""Changes are captured only where a slot cannot fill the disk."""

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # how fast examples are made tells of the machine, not of the product


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    with PostgreSQLServer(BOUNDED) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    with MariaDBServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """New databases of each kind, on the servers that all share."""
    return Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        tmp_path_factory.mktemp("databases"),
    )


@pytest.fixture(scope="session")
def shops(databases: Databases) -> Mapping[DatabaseKind, str]:
    """URLs of bookshops that nobody writes into."""
    return {kind: databases.bookshop(kind) for kind in KINDS}


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    """Each kind of database in turn."""
    found: DatabaseKind = request.param
    return found
