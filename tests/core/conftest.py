"""Three bookshops for reading, shared by the whole run, and one at a time for writing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder: Path = tmp_path_factory.mktemp("sqlite")
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
