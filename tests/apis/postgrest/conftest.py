"""Bookshops on three databases, served by the real server, to read from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import cabinet
from tests.apis.postgrest import workshop as workshops
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder: Path = tmp_path_factory.mktemp("postgrest")
    return Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        folder,
    )


@pytest.fixture(scope="session")
def shops(databases: Databases) -> Mapping[DatabaseKind, str]:
    """URLs of bookshops that nobody writes into."""
    return {kind: databases.bookshop(kind) for kind in KINDS}


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
async def shop(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """A bookshop to read from, open to everybody."""
    async with served(shops[kind]) as api:
        yield api


@pytest.fixture
async def sqlite_shop(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """For what has nothing to do with the database."""
    async with served(shops[DatabaseKind.SQLITE]) as api:
        yield api


@pytest.fixture(scope="session")
def cabinets(databases: Databases) -> Mapping[DatabaseKind, str]:
    """URLs of cabinets that nobody writes into."""
    return {kind: databases.database(kind, cabinet.script(kind)) for kind in KINDS}


@pytest.fixture
async def things(kind: DatabaseKind, cabinets: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """A cabinet to read from, open to everybody, where rows may be aggregated."""
    said = "limits: {regex: true}\npostgrest:\n  db_aggregates_enabled: true"
    async with served(cabinets[kind], said) as api:
        yield api


@pytest.fixture
async def workshop(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    """A workshop of its own to write into, open to everybody."""
    async with served(databases.database(kind, workshops.script(kind)), writable=True) as api:
        yield api
