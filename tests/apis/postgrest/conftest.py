"""Cabinets to read from, and workshops to write into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import cabinet
from tests.apis.postgrest import workshop as workshops
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """New databases that last for the run: what one test makes here, others ask as well."""
    return Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        tmp_path_factory.mktemp("postgrest"),
    )


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
