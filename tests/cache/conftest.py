"""Bookshops whose answers are kept, on the databases that a test names."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.database_url import parse_database_url
from server.cache.answers import AnswerCache
from tests.bookshops import Databases
from tests.cache.test_versions import Time
from tests.server.harness import Served
from tests.server.test_jwt import token


@pytest.fixture
def own_shop(databases: Databases) -> Callable[[DatabaseKind], str]:
    """The URL of a bookshop of the test's own."""
    return databases.bookshop


def cache_of(api: Served) -> AnswerCache:
    """The cache of a server that has one."""
    keeping = api.running.keeping
    assert keeping is not None
    return keeping.cache


def halted(api: Served) -> Time:
    """The clock of the server's cache, which stands still until the test moves it: an answer is as old as the test says, and
    not as old as a busy machine makes it."""
    cache, found = cache_of(api), Time()
    found.now = time.monotonic()
    cache._clock = cache.renewals._clock = cache.versions._clock = found
    return found


def write_outside(databases: Databases, url: str, sql: str) -> None:
    """Write into the database as any other program does, past the server."""
    found = parse_database_url(url)
    name = found.database or ""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(name)) as connection:
            connection.executescript(sql)
    elif url.startswith("postgres"):
        databases.postgresql().run(name, sql)
    else:
        databases.mariadb().run(name, sql)


def bearer(role: str, subject: str = "7", **more: object) -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": role, "sub": subject}
    return {"Authorization": f"Bearer {token({**claims, **more})}"}
