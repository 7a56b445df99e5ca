"""Bookshops whose answers are kept, on the databases that a test names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from server.cache.answers import AnswerCache
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder: Path = tmp_path_factory.mktemp("cache")
    return Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        folder,
    )


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
def own_shop(databases: Databases) -> Callable[[DatabaseKind], str]:
    """The URL of a bookshop of the test's own."""
    return databases.bookshop


def cache_of(api: Served) -> AnswerCache:
    """The cache of a server that has one."""
    keeping = api.running.keeping
    assert keeping is not None
    return keeping.cache
