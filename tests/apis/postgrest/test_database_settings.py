"""PostgREST's settings that stand in the database: of the login's role, and of a function that is called first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from server.commands.check import check
from server.commands.show import settings_shown
from server.config import Config, ConfigError
from server.database_settings import informed
from tests.apis.postgrest.native import MAKE_ROLES, ROLES, SCRIPT, bearer
from tests.bookshops import Databases
from tests.server.harness import Served, configured, reflector, reloadable, served
from tests.servers import PostgreSQLServer

LOGIN = "told_gatekeeper"
ANOTHER_SECRET = "another-signing-key-of-forty-letters-or-so"
ANN = bearer(sub="ann")
CONFIG = """
auth: {enforce: database}
postgrest:
  db_config: true
  db_schemas: [api]
  db_anon_role: web_anon
  jwt_secret: a-signing-key-of-forty-letters-at-least
"""
CALLING = CONFIG + "  db_pre_config: private.configure\n"
MAKE_LOGIN = (
    f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{LOGIN}') THEN "
    f"CREATE ROLE {LOGIN} LOGIN NOINHERIT; GRANT {', '.join(ROLES)} TO {LOGIN}; END IF; END $$"
)
PRIVATE = f"""
CREATE SCHEMA private;
GRANT USAGE ON SCHEMA private TO {LOGIN};
"""


@dataclass(frozen=True)
class World:
    """A database of its own, under a login that has no settings at first."""

    server: PostgreSQLServer
    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2].partition("?")[0]

    def run(self, statement: str) -> None:
        self.server.run(self.name, statement)

    def role(self, name: str, text: str) -> None:
        """The role says it, in every database."""
        self.run(f"ALTER ROLE {LOGIN} SET pgrst.{name} = '{text}'")

    def role_here(self, name: str, text: str) -> None:
        """The role says it, in this database."""
        self.run(f"ALTER ROLE {LOGIN} IN DATABASE \"{self.name}\" SET pgrst.{name} = '{text}'")

    def function(self, **said: str) -> None:
        """The function says it."""
        calls = " ".join(f"PERFORM set_config('pgrst.{name}', '{text}', true);" for name, text in said.items())
        body = f"LANGUAGE plpgsql AS $$ BEGIN {calls} END $$"
        self.run(f"CREATE OR REPLACE FUNCTION private.configure() RETURNS void {body}")


@pytest.fixture
def world(postgresql_server: PostgreSQLServer, databases: Databases) -> Iterator[World]:
    postgresql_server.run("postgres", MAKE_ROLES)
    postgresql_server.run("postgres", MAKE_LOGIN)
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT + PRIVATE)
    yield World(postgresql_server, url.replace("//postgres@", f"//{LOGIN}@"))
    postgresql_server.run("postgres", f"ALTER ROLE {LOGIN} RESET ALL")


async def rows(api: Served) -> int:
    reply = await api.get("/rest/v1/note?select=id", ANN)
    assert reply.status == 200, reply.body
    return len(reply.json)


async def test_the_role_says_settings_and_the_database_of_it_wins(world: World) -> None:
    world.role("db_max_rows", "1")
    async with served(world.url, CONFIG) as api:
        assert await rows(api) == 1
    world.role_here("db_max_rows", "2")
    async with served(world.url, CONFIG) as api:
        assert await rows(api) == 2


async def test_nothing_is_asked_unless_the_file_says_so(world: World) -> None:
    world.role("db_max_rows", "1")
    async with served(world.url, CONFIG.replace("db_config: true", "db_config: false")) as api:
        assert await rows(api) == 2
    async with served(world.url, CONFIG.replace("  db_config: true\n", "")) as api:
        assert await rows(api) == 2


async def test_the_function_wins_over_the_role_and_the_file(world: World) -> None:
    world.role("db_max_rows", "1")
    world.role("jwt_aud", "api")
    world.function(db_max_rows="2", jwt_secret=ANOTHER_SECRET, db_extra_search_path="public, private")
    async with served(world.url, CALLING) as api:
        assert (await api.get("/rest/v1/note", ANN)).status == 401
        said = api.running.config.postgrest
        assert said.db_max_rows == 2
        assert said.jwt_aud == "api"
        assert said.db_extra_search_path == ("public", "private")
        assert said.jwt_secret is not None
        assert said.jwt_secret.reveal() == ANOTHER_SECRET
        assert (await api.get("/rest/v1/told")).json[0]["role"] == "web_anon"


async def test_the_role_names_the_function(world: World) -> None:
    world.role("db_pre_config", "private.configure")
    world.function(db_max_rows="1")
    async with served(world.url, CONFIG) as api:
        assert await rows(api) == 1


async def test_the_schemas_and_the_role_of_callers_may_stand_there_alone(world: World) -> None:
    world.function(db_schemas="api", db_anon_role="web_anon")
    said = "auth: {enforce: database}\npostgrest: {db_config: true, db_pre_config: private.configure}"
    async with served(world.url, said) as api:
        assert (await api.get("/rest/v1/told")).json[0]["role"] == "web_anon"
    assert await check(configured(world.url, said), lambda _: None) == 0


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("db_max_row", "1", "is no setting that a database may say; did you mean"),
        ("server_port", "1", "is no setting that a database may say"),
        ("allow_plans", "true", "is no setting that a database may say"),
        ("allow_unfiltered_writes", "true", "is no setting that a database may say"),
        ("path", "/other", "is no setting that a database may say"),
        ("db_tx_end", "rollback", "is no setting that a database may say"),
        ("db_max_rows", "hush", "must be a whole number"),
        ("db_plan_enabled", "hush", "must be true or false"),
        ("openapi_mode", "hush", "must be"),
        ("jwt_secret", "hush-hush", "is too short for a secret"),
        ("jwt_secret", "@/run/secrets/the-hush-hush-of-our-tokens", "must be the secret itself"),
        ("jwt_secret_is_base64", "true", "holds no key that can be used"),
        ("server_cors_allowed_origins", "*", "lets in every page"),
    ],
)
async def test_what_is_not_taken_is_named_and_changes_nothing(
    world: World, caplog: pytest.LogCaptureFixture, name: str, text: str, why: str
) -> None:
    world.role(name, text)
    before = configured(world.url, CONFIG)
    after = await informed(before)
    assert after.postgrest == before.postgrest
    [told] = [each.message for each in caplog.records if each.name == "reflector.server"]
    assert told.startswith(f"pgrst.{name} of the database, by ALTER ROLE, is not taken: it ")
    assert why in told
    assert "hush" not in told


async def test_what_the_file_says_elsewhere_stays(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.role("db_anon_role", "author")
    said = CONFIG.replace("  db_anon_role: web_anon\n", "").replace("database}", "database, anonymous_role: web_anon}")
    async with served(world.url, said) as api:
        assert (await api.get("/rest/v1/told")).json[0]["role"] == "web_anon"
    assert "it is said by auth.anonymous_role of the file" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        "RAISE 'hush'",
        "INSERT INTO api.visit (what) VALUES ('configured')",
    ],
)
async def test_a_function_that_fails_keeps_the_server_from_starting(world: World, body: str) -> None:
    world.run(f"CREATE FUNCTION private.configure() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    with pytest.raises(ConfigError) as refused:
        await informed(configured(world.url, CALLING))
    [complaint] = refused.value.complaints
    assert (complaint.path, complaint.message) == ("postgrest.db_pre_config", "could not be called")
    assert "hush" not in str(refused.value)


async def test_a_reload_asks_again(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\n" + CALLING)
    world.function(db_max_rows="1")
    async with reloadable(world.url, file) as api:
        assert api.running.reloading is not None
        assert (await api.running.reloading.reload()).changed == ()
        assert await rows(api) == 1
        world.function(db_max_rows="2", jwt_aud="api")
        assert (await api.running.reloading.reload()).changed == ("postgrest.db_max_rows", "postgrest.jwt_aud")
        assert (await api.get("/rest/v1/note", ANN)).status == 401
        world.function(db_max_rows="2")
        assert (await api.running.reloading.reload()).changed == ("postgrest.jwt_aud",)
        assert await rows(api) == 2
        world.run("DROP FUNCTION private.configure()")
        with pytest.raises(ConfigError):
            await api.running.reloading.reload()
        assert await rows(api) == 2
        assert "the one before it serves on" in caplog.text


async def test_a_secret_from_there_is_never_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.function(jwt_secret=ANOTHER_SECRET)
    config: Config = await informed(configured(world.url, CALLING))
    shown = await asyncio.to_thread(lambda: "\n".join(settings_shown(config)))
    [line] = [each for each in shown.splitlines() if each.strip().startswith("jwt_secret:")]
    assert "***" in line
    assert line.endswith("# the database, by db_pre_config")
    assert ANOTHER_SECRET not in shown + repr(config) + caplog.text


async def test_the_command_shows_what_the_database_says(world: World, tmp_path: Path) -> None:
    world.function(db_max_rows="7", jwt_secret=ANOTHER_SECRET)
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\n" + CALLING)
    environ = {"DATABASE_URL": world.url}
    status, out, said = await asyncio.to_thread(
        lambda: reflector("config", "show", "--config", str(file), environ=environ)
    )
    assert status == 0, said
    [line] = [each for each in out.splitlines() if each.strip().startswith("db_max_rows:")]
    assert line.split() == ["db_max_rows:", "7", "#", "the", "database,", "by", "db_pre_config"]
    assert ANOTHER_SECRET not in out + said
