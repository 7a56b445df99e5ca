"""Bookshops of the test's own whose changes are captured, served by the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, with_changes, writer
from tests.server.harness import Served, served


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> AsyncIterator[str]:
    """A bookshop of the test's own, with its changes captured."""
    async with with_changes(databases.bookshop(kind)) as made:
        yield made


@pytest.fixture
def write(url: str, databases: Databases) -> Write:
    """Another program that writes into it."""
    return writer(url, databases.postgresql)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    """It, served and open."""
    async with served(url) as running:
        yield running


@pytest.fixture
async def quiet_url(databases: Databases) -> str:
    """SQLite, for what has nothing to do with the database."""
    made = databases.bookshop(DatabaseKind.SQLITE)
    await install(made)
    return made
