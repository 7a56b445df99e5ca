"""A bookshop of its own for each test that writes, and one for all that only read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from examples.bookshop import load_sqlite
from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases


@pytest.fixture(scope="session")
def bookshop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a bookshop in SQLite that nobody writes to."""
    file = tmp_path_factory.mktemp("bookshop") / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def bookshops(databases: Databases) -> Callable[[DatabaseKind], str]:
    """Gives the URL of a bookshop of a kind that nobody writes to, made when it is first asked for."""
    return cache(lambda kind: databases.lasting(databases.bookshop(kind)))


@pytest.fixture
def each_bookshop(bookshops: Callable[[DatabaseKind], str], kind: DatabaseKind) -> str:
    """The URL of one of each kind in turn."""
    return bookshops(kind)


@pytest.fixture
def own_bookshop(tmp_path: Path) -> str:
    """The URL of a bookshop in SQLite that this test may change."""
    file = tmp_path / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"
