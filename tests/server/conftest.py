"""A bookshop of its own for each test that writes, and one for all that only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.bookshop import load_sqlite


@pytest.fixture(scope="session")
def bookshop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a bookshop in SQLite that nobody writes to."""
    file = tmp_path_factory.mktemp("bookshop") / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"


@pytest.fixture
def own_bookshop(tmp_path: Path) -> str:
    """The URL of a bookshop in SQLite that this test may change."""
    file = tmp_path / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"
