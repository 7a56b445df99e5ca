"""Bookshops on three databases, served by the real server: one for reading, shared, and one each for tests that write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Served, served


@pytest.fixture
async def shop(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """A bookshop to read from, open to everybody."""
    async with served(shops[kind]) as api:
        yield api


@pytest.fixture
async def own_shop(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    """A bookshop of the test's own, to write into."""
    async with served(databases.bookshop(kind), writable=True) as api:
        yield api


@pytest.fixture
async def sqlite_shop(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """For what has nothing to do with the database."""
    async with served(shops[DatabaseKind.SQLITE]) as api:
        yield api


@pytest.fixture
async def own_sqlite_shop(databases: Databases) -> AsyncIterator[Served]:
    """For writes that have nothing to do with the database."""
    async with served(databases.bookshop(DatabaseKind.SQLITE), writable=True) as api:
        yield api
