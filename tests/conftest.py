"""Servers that the tests share: each starts when the first test asks for it and ends with the run."""

from collections.abc import Iterator

import pytest

from tests.servers import MariaDBServer, PostgreSQLServer, RedisServer


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    with MariaDBServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server
