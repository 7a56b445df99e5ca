"""The kinds of database whose changes are captured."""

from __future__ import annotations

import pytest

from reflector.catalog.model import DatabaseKind


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found
