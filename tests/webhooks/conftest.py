"""Databases whose changes are captured, receivers, and what a configuration with webhooks is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.changes.capturing import Write, with_changes, writer
from tests.webhooks.receiving import SCHEMA, SECRET, Receiver, receiving

Configure = Callable[..., str]
RULES = """
server: {secret: a-secret-of-the-server-with-forty-letters}
auth:
  anonymous_role: guest
  admin_role: admin
  admin_secret: the-administrators-secret-is-forty-letters
  claims: least
roles: {guest: {}, admin: {}, own: {}, joined: {}}
policies: {named: title != 'draft'}
tables:
  note:
    allow:
      own: {read: owner_id == claims.sub, columns: [id, title, owner_id, phone], mask: {phone: last4}}
      joined: {read: "exists(member, owner_id == row.owner_id)"}
  tag: {allow: {own: {read: true}}}
"""
OPEN = ""


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> AsyncIterator[str]:
    async with with_changes(databases.database(kind, SCHEMA)) as made:
        yield made


@pytest.fixture
def write(url: str, databases: Databases) -> Write:
    return writer(url, databases.postgresql)


@pytest.fixture
async def small(databases: Databases) -> AsyncIterator[str]:
    """SQLite, for what has nothing to do with the database."""
    async with with_changes(databases.database(DatabaseKind.SQLITE, SCHEMA)) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
def configure(tmp_path: Path, receiver: Receiver) -> Configure:
    """A configuration with one webhook, or with these settings of it, and what else it says."""

    def made(said: str = "tables: note", more: str = OPEN, *, to: Receiver = receiver, **settings: Any) -> str:
        spool = ", ".join(f"{name}: {value}" for name, value in ({"path": tmp_path / "hooks.spool"} | settings).items())
        hook = f"{{url: '{to.url}', secret: '{SECRET}', {said}}}"
        return f"{more}\nchanges: {{spool: {{{spool}}}}}\nwebhooks:\n  search: {hook}\n"

    return made
