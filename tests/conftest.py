"""Servers and databases that the tests share: each starts when the first test asks for it and ends with the run."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.servers import MariaDBServer, PostgreSQLServer, RedisServer
from tests.servers.process import in_memory

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


class Passing:
    """Knows what is made for one test alone, and has its databases removed when nothing uses them any more.

    A plugin of its own, because hooks of a conftest.py are not asked about fixtures of the whole run.
    """

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.databases: Databases | None = None

    def now(self) -> bool:
        """Whether what is made now is for one test alone."""
        return self.scopes[-1:] == ["function"]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        self.scopes.append(fixturedef.scope)
        try:
            return (yield)
        finally:
            self.scopes.pop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        self.scopes.append("function")
        try:
            yield
        finally:
            self.scopes.pop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        yield
        if self.databases is not None:
            self.databases.forget()


PASSING = pytest.StashKey[Passing]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PASSING] = Passing()
    config.pluginmanager.register(config.stash[PASSING])


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """New databases of each kind, on the servers that all share."""
    passing = request.config.stash[PASSING]
    with TemporaryDirectory(prefix="reflector-databases-", dir=next(iter(in_memory()), None)) as folder:
        made = Databases(
            lambda: request.getfixturevalue("postgresql_server"),
            lambda: request.getfixturevalue("mariadb_server"),
            Path(folder),
            passing.now,
        )
        passing.databases = made
        yield made
        passing.databases = None


@pytest.fixture(scope="session")
def shops(databases: Databases) -> Mapping[DatabaseKind, str]:
    """URLs of bookshops that nobody writes into."""
    return {kind: databases.bookshop(kind) for kind in KINDS}


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    """Each kind of database in turn."""
    found: DatabaseKind = request.param
    return found
