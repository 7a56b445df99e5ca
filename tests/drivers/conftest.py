"""A driver on each kind of database, over the same tables."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import Driver, Settings, open_driver
from tests.drivers.worlds import TABLES, World, numbered, percent
from tests.servers import MariaDBServer, PostgreSQLServer

SETTINGS = Settings(pool_size=4, acquire_timeout=5.0, statement_timeout=5.0)
KINDS = ("postgresql", "mariadb", "sqlite")


def settings(**changes: object) -> Settings:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__slots__}
    return Settings(**{**values, **changes})


class Prepare(Protocol):
    def __call__(self, kind: str, chosen: Settings = SETTINGS) -> World: ...


@pytest.fixture
def prepare(request: pytest.FixtureRequest, tmp_path: Path) -> Prepare:
    """Make the tables anew on one kind of database; the driver is made but not opened."""

    def world(kind: str, chosen: Settings = SETTINGS) -> World:
        if kind == "postgresql":
            postgresql: PostgreSQLServer = request.getfixturevalue("postgresql_server")
            url = postgresql.create_database("drivers")
            postgresql.run("drivers", TABLES[kind])
            return World(kind, driver(url, chosen), numbered, lambda text: postgresql.run("drivers", text))
        if kind == "mariadb":
            mariadb: MariaDBServer = request.getfixturevalue("mariadb_server")
            url = mariadb.create_database("drivers")
            mariadb.run("drivers", TABLES[kind])
            return World(kind, driver(url, chosen), percent, lambda text: mariadb.run("drivers", text))
        path = tmp_path / "items.db"
        run_script(path, TABLES[kind])
        return World(kind, driver(f"sqlite:///{path}", chosen), str, lambda text: run_script(path, text))

    return world


def driver(url: str, chosen: Settings) -> Driver:
    return open_driver(parse_database_url(url), chosen)


def run_script(path: Path, text: str) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.executescript(text)
    finally:
        connection.close()


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, prepare: Prepare) -> AsyncIterator[World]:
    """Each kind of database in turn."""
    made = prepare(request.param)
    await made.driver.open()
    yield made
    await made.driver.close()


@pytest.fixture(params=("postgresql", "mariadb"))
async def server_world(request: pytest.FixtureRequest, prepare: Prepare) -> AsyncIterator[World]:
    """Each database that is reached through a network."""
    made = prepare(request.param)
    await made.driver.open()
    yield made
    await made.driver.close()
