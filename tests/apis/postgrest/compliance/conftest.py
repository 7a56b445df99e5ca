"""One set of servers for the whole suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio

from tests.apis.postgrest.compliance.servers import Servers
from tests.bookshops import Databases


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(databases: Databases) -> AsyncIterator[Servers]:
    """The servers that cases are about."""
    async with AsyncExitStack() as stack:
        yield Servers(databases, stack)
