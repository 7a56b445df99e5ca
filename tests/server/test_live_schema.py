"""The schema changes under the rules: what they no longer fit closes, it alone, and what appears unnamed is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.cache.conftest import write_outside
from tests.server.harness import Served, reloadable
from tests.server.test_reload import ADMIN, AUTH, ordered, rewritten

RULES = """tables:
  tag: {allow: {guest: {read: owner == 1}, user: {read: owner == 1, columns: [name]}}}
  category: {allow: {guest: {read: true}}}
"""
Alter = Callable[[str], None]


@pytest.fixture
def url(kind: DatabaseKind, databases: Databases) -> str:
    return databases.bookshop(kind)


@pytest.fixture
def alter(url: str, databases: Databases) -> Alter:
    """Change the schema past the server."""
    return lambda sql: write_outside(databases, url, sql)


@pytest.fixture
async def api(url: str, alter: Alter, tmp_path: Path) -> AsyncIterator[Served]:
    alter("ALTER TABLE tag ADD COLUMN owner INTEGER NOT NULL DEFAULT 1")
    file = tmp_path / "config.yaml"
    rewritten(file, AUTH + "database: {watch: off}\n" + RULES)
    async with reloadable(url, file) as running:
        yield running


async def exposed(api: Served) -> list[str]:
    found: list[str] = (await api.get("/health/ready", ADMIN)).json["configuration"]["exposed"]
    return found


async def test_a_rule_whose_column_goes_closes_its_table_alone_until_it_comes_back(api: Served, alter: Alter) -> None:
    assert len((await api.get("/api/tag?limit=2")).json["items"]) == 2
    alter("ALTER TABLE tag DROP COLUMN owner")
    await api.running.engine.refresh()
    reply = await api.get("/api/tag")
    assert (reply.status, reply.code) == (503, "rule_unbound")
    assert (await api.get("/api/category")).status == 200
    assert (await api.get("/health/ready")).json == {"status": "degraded"}
    [closed, *_] = (await api.get("/health/ready", ADMIN)).json["configuration"]["closed"]
    assert "'owner'" in closed
    alter("ALTER TABLE tag ADD COLUMN owner INTEGER NOT NULL DEFAULT 1")
    await api.running.engine.refresh()
    assert len((await api.get("/api/tag?limit=2")).json["items"]) == 2
    assert (await api.get("/health/ready")).json == {"status": "ready"}


async def test_a_column_that_appears_unnamed_is_told(
    api: Served, alter: Alter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert await exposed(api) == []
    alter("ALTER TABLE tag ADD COLUMN ssn VARCHAR(20)")
    await api.running.engine.refresh()
    assert "ssn" in (await api.get("/api/tag?limit=1")).json["items"][0]
    [told] = await exposed(api)
    assert "column_exposed: tag.ssn appeared, and guest may read it" in told
    assert "tag.ssn" in caplog.text
    assert "reflector_columns_exposed 1.0" in (await api.get("/metrics", ADMIN)).body.decode()
    assert (await api.get("/health/ready")).json == {"status": "ready"}
    rewritten(tmp_path / "config.yaml", AUTH + "database: {watch: off}\n" + RULES + "limits: {page: 3}\n")
    await ordered(api)
    assert len(await exposed(api)) == 1  # another configuration that opens it all the same
    named = RULES.replace("guest: {read: owner == 1}", "guest: {read: owner == 1, columns: [name]}")
    rewritten(tmp_path / "config.yaml", AUTH + "database: {watch: off}\n" + named)
    await ordered(api)
    assert await exposed(api) == []
    assert "ssn" not in (await api.get("/api/tag?limit=1")).json["items"][0]


async def test_where_columns_must_be_listed_it_is_not_there(api: Served, alter: Alter, tmp_path: Path) -> None:
    listed = RULES.replace("guest: {read: owner == 1}", "guest: {read: owner == 1, columns: [name, description]}")
    rewritten(tmp_path / "config.yaml", AUTH + "defaults: {columns: listed}\n" + listed)
    await ordered(api)
    alter("ALTER TABLE tag ADD COLUMN ssn VARCHAR(20)")
    alter("ALTER TABLE category ADD COLUMN ssn VARCHAR(20)")
    await api.running.engine.refresh()
    assert set((await api.get("/api/tag?limit=1")).json["items"][0]) == {"name", "description"}
    assert (await api.get("/api/category?fields=ssn")).status in {403, 404, 422}
    assert await exposed(api) == []
