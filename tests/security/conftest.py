"""A blog of each test's own on each database, notes, and an issuer of tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.security.asking import Blog, served_blog
from tests.security.notes import SCHEMA
from tests.server.issuers import ONE, Service, public, service


@pytest.fixture
def own_blog(databases: Databases, kind: DatabaseKind) -> Iterator[Blog]:
    with served_blog(databases, kind) as found:
        yield found


@pytest.fixture
def url(databases: Databases, kind: DatabaseKind) -> str:
    """Notes of each kind of database in turn."""
    return databases.database(kind, SCHEMA)


@pytest.fixture
def file_url(databases: Databases) -> str:
    """SQLite's, where whatever is tried has nothing to do with the database."""
    return databases.database(DatabaseKind.SQLITE, SCHEMA)


@pytest.fixture
async def issuer() -> AsyncIterator[Service]:
    async with service(public(ONE)) as running:
        yield running
