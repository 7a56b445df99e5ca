"""What gets past row level security by functions in views, by rules, and by writing views is told, and nothing that does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import CONFIG, MAKE_ROLES, SCRIPT, bearer
from tests.bookshops import Databases
from tests.server.harness import reflector, served
from tests.servers import PostgreSQLServer

WORK = """
CREATE SCHEMA den;
CREATE TABLE den.plan (id integer, owner text, open boolean);
INSERT INTO den.plan VALUES (1, 'ann', false), (2, 'bob', false);
ALTER TABLE den.plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON den.plan USING (owner = current_setting('request.jwt.claims')::json->>'sub');
GRANT USAGE ON SCHEMA den TO author;
GRANT SELECT ON den.plan TO author;

CREATE FUNCTION den.every_plan() RETURNS SETOF den.plan LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM den.plan';
CREATE FUNCTION den.own_plan() RETURNS SETOF den.plan LANGUAGE sql STABLE AS 'SELECT * FROM den.plan';
CREATE FUNCTION den.is_author() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT true';
CREATE FUNCTION den.bound_plan() RETURNS SETOF den.plan LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM den.plan';
CREATE VIEW den.halfway WITH (security_invoker) AS SELECT id FROM den.every_plan();
GRANT SELECT ON den.halfway TO author;

CREATE VIEW api.definer WITH (security_invoker) AS SELECT id FROM den.every_plan();
CREATE VIEW api.deep WITH (security_invoker) AS SELECT id FROM den.halfway;
CREATE VIEW api.invoker AS SELECT id FROM den.own_plan();
CREATE VIEW api.asked WITH (security_invoker) AS SELECT id FROM den.plan WHERE den.is_author();
CREATE VIEW api.bound WITH (security_invoker) AS SELECT id FROM den.bound_plan();
CREATE VIEW api.kept AS SELECT id FROM den.plan;
CREATE VIEW api.written AS SELECT id, owner, open FROM den.plan;
CREATE VIEW api.ruled WITH (security_invoker) AS SELECT id, open FROM den.plan;
CREATE RULE "do it" AS ON UPDATE TO api.ruled DO INSTEAD UPDATE den.plan SET open = NEW.open WHERE id = OLD.id;
CREATE VIEW api.unruled WITH (security_invoker) AS SELECT id, open FROM den.plan;
CREATE RULE nobody AS ON UPDATE TO api.unruled DO INSTEAD UPDATE den.plan SET open = NEW.open WHERE id = OLD.id;
GRANT SELECT ON api.definer, api.deep, api.invoker, api.asked, api.bound, api.written, api.ruled, api.unruled TO author;
GRANT UPDATE ON api.written, api.ruled TO author;
GRANT SELECT ON api.kept TO robot;
GRANT USAGE ON SCHEMA den TO warden;
GRANT SELECT ON den.plan TO warden;
ALTER FUNCTION den.bound_plan() OWNER TO warden;
"""
ROLES = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'warden') THEN CREATE ROLE warden; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'robot') THEN CREATE ROLE robot BYPASSRLS; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hallkeeper') THEN CREATE ROLE hallkeeper LOGIN NOINHERIT; END IF;
    GRANT web_anon, author, robot TO hallkeeper; END $$"""
ALLOWED = CONFIG.replace("postgrest:", "postgrest:\n  allow_unbound_roles: [robot]", 1)


@pytest.fixture(scope="module")
def url(postgresql_server: PostgreSQLServer, databases: Databases) -> str:
    postgresql_server.run("postgres", MAKE_ROLES)
    postgresql_server.run("postgres", ROLES)
    made = databases.database(DatabaseKind.POSTGRESQL, SCRIPT + WORK)
    return made.replace("//postgres@", "//hallkeeper@")


def test_functions_rules_and_writes_past_policies_are_named(url: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\n" + ALLOWED)
    status, out, err = reflector("check", url, "--config", "config.yaml", folder=tmp_path)
    assert status == 0, err
    lines = [line for line in (out + err).splitlines() if "warning" in line]
    assert set(re.findall(r"api\.(\w+) shows what (\S+) gives(?:, by way of (\S+))?, which", "\n".join(lines))) == {
        ("definer", "den.every_plan", ""), ("deep", "den.every_plan", "den.halfway")
    }  # fmt: skip
    assert re.findall(r"the rule (.+) of (\S+) reaches (\S+) past", "\n".join(lines)) == [
        ('"do it"', "api.ruled", "den.plan")
    ]
    read = {line for line in lines if "reads den.plan past" in line}
    assert {re.findall(r"api\.(\w+) reads", line)[0] for line in read} == {"written"}
    assert all("whoever may write it writes past it too" in line for line in read)


async def test_what_is_named_is_what_shows_and_changes_the_rows_of_others(url: str) -> None:
    ann = bearer(sub="ann")
    async with served(url, ALLOWED) as api:
        seen = {
            name: [row["id"] for row in (await api.get(f"/rest/v1/{name}?select=id&order=id", ann)).json]
            for name in ("definer", "deep", "invoker", "asked", "bound", "written", "ruled", "unruled")
        }
        mine, every = [1], [1, 2]
        assert seen == {
            "definer": every, "deep": every, "written": every,
            "invoker": mine, "asked": mine, "bound": mine, "ruled": mine, "unruled": mine,
        }  # fmt: skip
        changed = await api.patch("/rest/v1/written?id=eq.2", {"open": True}, ann)
        assert changed.status == 204
        assert (await api.get("/rest/v1/written?id=eq.2&select=open", ann)).json == [{"open": True}]
