"""Databases for the properties: each test makes those it asks about."""

from __future__ import annotations

import pytest

from tests.bookshops import Databases


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        tmp_path_factory.mktemp("properties"),
    )
