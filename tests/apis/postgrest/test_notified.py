"""The database says that something is new: by NOTIFY, as migrations for PostgREST do, and by its settings alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.config import ConfigError
from server.notified import NOTICES
from tests.apis.postgrest.test_database_settings import CONFIG, World, rows, world
from tests.server.harness import Served, configured, eventually, reloadable

__all__ = ["world"]

ON = "  db_channel_enabled: true\n"
STILL = "database: {watch: off}\nserver: {watch: off}\n"
"""Nothing is looked at by itself."""
LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@asynccontextmanager
async def told(world: World, folder: Path, config: str = STILL + CONFIG + ON) -> AsyncIterator[Served]:
    """A server that listens already."""
    file = folder / "config.yaml"
    file.write_text(f"version: 1\n{config}")
    async with reloadable(world.url, file) as api:
        if ON in config:
            await eventually(lambda: hears(api))
        yield api


async def hears(api: Served) -> bool:
    return api.running.parts.notified.hears


def taken(api: Served) -> int:
    """How often the configuration was read again."""
    return api.running.parts.grounds.reading.taken


async def test_a_migration_that_notifies_is_served(world: World, tmp_path: Path) -> None:
    async with told(world, tmp_path) as api:
        world.run("CREATE TABLE api.fresh (id int PRIMARY KEY); GRANT SELECT ON api.fresh TO web_anon")
        assert (await api.get("/rest/v1/fresh")).status == 404
        world.run("NOTIFY pgrst, 'reload schema'")

        async def is_there() -> bool:
            return (await api.get("/rest/v1/fresh")).status == 200

        await eventually(is_there)


@pytest.mark.parametrize("payload", [", 'reload config'", ""])
async def test_settings_are_read_again_where_a_notice_says_so(world: World, tmp_path: Path, payload: str) -> None:
    async with told(world, tmp_path) as api:
        world.role("db_max_rows", "1")
        assert await rows(api) == 2
        world.run(f"NOTIFY pgrst{payload}")

        async def is_so() -> bool:
            return await rows(api) == 1

        await eventually(is_so)


async def test_many_notices_are_one_and_others_are_none(world: World, tmp_path: Path) -> None:
    async with told(world, tmp_path) as api:
        for payload in ("drop everything", "reload", "RELOAD CONFIG", "x" * 7000):
            world.run(f"NOTIFY pgrst, '{payload}'")
        world.run("NOTIFY other, 'reload config'")
        for _ in range(20):
            world.run("NOTIFY pgrst, 'reload config'")

        async def is_read() -> bool:
            return taken(api) > 0

        await eventually(is_read)
        assert taken(api) <= 2


async def test_what_was_said_while_the_connection_was_gone_is_made_up_for(world: World, tmp_path: Path) -> None:
    async with told(world, tmp_path) as api:
        world.run(f"SELECT pg_terminate_backend(pid) FROM ({LISTENING.replace('count(*)', 'pid')}) AS of_ours")
        world.role("db_max_rows", "1")

        async def is_so() -> bool:
            return await rows(api) == 1

        await eventually(is_so)


async def test_the_channel_is_the_one_that_the_newest_configuration_names(world: World, tmp_path: Path) -> None:
    async with told(world, tmp_path) as api:
        for said, much in (('  db_channel_enabled: true\n  db_channel: "My own"\n', 1), ("", 0)):
            (tmp_path / "config.yaml").write_text(f"version: 1\n{STILL}{CONFIG}{said}")
            assert api.running.reloading is not None
            await api.running.reloading.reload()
            named = LISTENING.replace("LISTEN%", 'LISTEN "My own"%') if much else LISTENING

            async def is_so(query: str = named, count: int = much) -> bool:
                return int(world.server.run(world.name, query)[0][0]) == count

            await eventually(is_so)


async def test_settings_of_the_database_are_looked_at_by_themselves(world: World, tmp_path: Path) -> None:
    world.function(db_max_rows="2")
    config = "database: {watch: 50ms}\n" + CONFIG + "  db_pre_config: private.configure\n"
    async with told(world, tmp_path, config) as api:
        for wanted in (1, 2):
            world.function(db_max_rows=str(wanted), jwt_aud="")

            async def is_so(much: int = wanted) -> bool:
                return await rows(api) == much

            await eventually(is_so)
        assert taken(api) == 2
        world.run("DROP FUNCTION private.configure")

        async def is_refused() -> bool:
            return bool(api.running.parts.grounds.reading.refused)

        await eventually(is_refused)
        assert (await api.get("/health/ready")).json == {"status": "degraded"}
        await asyncio.sleep(0.3)  # several looks later
        assert api.running.parts.grounds.reading.refusals == 1
        world.function(db_max_rows="1")

        async def is_well() -> bool:
            return (await api.get("/health/ready")).json == {"status": "ready"} and await rows(api) == 1

        await eventually(is_well)


def test_a_notice_asks_for_no_more_than_is_looked_at_anyway() -> None:
    assert set(NOTICES) == {"", "reload schema", "reload config"}


@pytest.mark.parametrize("url", ["mysql://root@127.0.0.1/x", "sqlite:///x.db"])
def test_no_other_database_notifies(url: str) -> None:
    with pytest.raises(ConfigError, match="is for PostgreSQL"):
        configured(url, "postgrest: {db_channel_enabled: true}")
    configured(url, "postgrest: {db_channel_enabled: false}")


def test_a_channel_that_postgresql_could_not_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="of at most 63 bytes"):
        configured("postgresql://a@b/c", f"postgrest: {{db_channel: {'x' * 64}}}")
