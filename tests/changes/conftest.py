"""The kinds of database whose changes are captured, and a hub that is told by hand."""

from __future__ import annotations

import itertools

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.hub import Hub
from tests.changes.articles import CATALOG, CODEC, clock


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
def hub() -> Hub:
    numbers = itertools.count(1)
    made = Hub(CODEC, clock, lambda: next(numbers))
    made.rebind(CATALOG)
    return made
