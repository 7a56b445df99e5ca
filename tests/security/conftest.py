"""A blog of each test's own on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.security.asking import Blog, served_blog


@pytest.fixture
def own_blog(databases: Databases, kind: DatabaseKind) -> Iterator[Blog]:
    with served_blog(databases, kind) as found:
        yield found
