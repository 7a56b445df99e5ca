"""Views that show rows past their row level security are told, whatever lies between; PostgreSQL's answers are the measure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import CONFIG, MAKE_ROLES, SCRIPT, bearer
from tests.bookshops import Databases
from tests.server.harness import eventually, reflector, served
from tests.servers import PostgreSQLServer

VIEWS = """
CREATE SCHEMA den;
CREATE TABLE den.diary (id integer, owner text) PARTITION BY LIST (owner);
CREATE TABLE den.diary_ann PARTITION OF den.diary FOR VALUES IN ('ann');
CREATE TABLE den.diary_bob PARTITION OF den.diary FOR VALUES IN ('bob');
INSERT INTO den.diary VALUES (1, 'ann'), (2, 'bob');
CREATE TABLE den.animal (id integer, owner text);
CREATE TABLE den.cat () INHERITS (den.animal);
CREATE TABLE den.kitten () INHERITS (den.cat);
INSERT INTO den.animal VALUES (1, 'ann');
INSERT INTO den.kitten VALUES (2, 'bob');
ALTER TABLE den.diary ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON den.diary USING (owner = current_setting('request.jwt.claims')::json->>'sub');
ALTER TABLE den.kitten ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON den.kitten USING (owner = current_setting('request.jwt.claims')::json->>'sub');

CREATE VIEW den.open AS SELECT id, body FROM api.note;
CREATE VIEW den.shut AS SELECT id, body FROM api.note;
CREATE VIEW den.asking WITH (security_invoker) AS SELECT id, body FROM api.note;
CREATE MATERIALIZED VIEW den.copied AS SELECT id FROM den.asking;
CREATE VIEW den.ring AS SELECT 1 AS id;
CREATE VIEW den.round AS SELECT id FROM den.ring UNION SELECT id FROM api.note;
CREATE OR REPLACE VIEW den.ring AS SELECT id FROM den.round;

CREATE VIEW api.inner_owner WITH (security_invoker) AS SELECT * FROM den.open;
CREATE VIEW api.inner_owner_deep WITH (security_invoker) AS SELECT id FROM api.inner_owner WHERE id IN (SELECT id FROM den.open);
CREATE VIEW api.inner_refused WITH (security_invoker) AS SELECT id FROM den.shut;
CREATE VIEW api.owner_owner AS SELECT id FROM den.shut;
CREATE VIEW api.bound_owner AS SELECT id FROM den.shut;
CREATE VIEW api.bound_asking AS SELECT id FROM den.asking;
CREATE VIEW api.owner_asking AS SELECT id FROM den.asking;
CREATE VIEW api.asking_asking WITH (security_invoker) AS SELECT id FROM den.asking;
CREATE VIEW api.inner_copy WITH (security_invoker) AS SELECT id FROM den.copied;
CREATE MATERIALIZED VIEW api.copy AS SELECT id FROM den.asking;
CREATE VIEW api.whole AS SELECT id FROM den.diary;
CREATE VIEW api.whole_bound AS SELECT id FROM den.diary;
CREATE VIEW api.partition AS SELECT id FROM den.diary_bob;
CREATE VIEW api.partition_bound AS SELECT id FROM den.diary_bob;
CREATE VIEW api.children AS SELECT id FROM den.animal;
CREATE VIEW api.cycle WITH (security_invoker) AS SELECT id FROM den.round;

GRANT SELECT ON den.open, den.asking, den.copied, den.round, den.ring TO author;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO author;
GRANT USAGE, CREATE ON SCHEMA api TO keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA den, api TO keeper;
"""
VIEWS += "".join(
    f"ALTER VIEW api.{name} OWNER TO keeper;"
    for name in ("bound_owner", "bound_asking", "whole_bound", "partition_bound")
)
KEEPER = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keeper') THEN CREATE ROLE keeper; END IF; END $$"""
TOLD = {
    ("inner_owner", "api.note", "den.open"),
    ("inner_owner_deep", "api.note", "den.open"),
    ("owner_owner", "api.note", "den.shut"),
    ("bound_owner", "api.note", "den.shut"),
    ("inner_copy", "api.note", "den.copied"),
    ("copy", "api.note", None),
    ("whole", "den.diary", None),
    ("partition", "den.diary", "den.diary_bob"),
    ("partition_bound", "den.diary", "den.diary_bob"),
    ("children", "den.kitten", "den.animal"),
}
NOT_ANSWERED = {("cycle", "api.note", "den.round")}
LINE = re.compile(r"api\.(\w+) reads (\S+) past its row level security(?:, by way of (\S+))?: whoever")


@pytest.fixture(scope="module")
def made(postgresql_server: PostgreSQLServer, databases: Databases) -> str:
    postgresql_server.run("postgres", MAKE_ROLES)
    postgresql_server.run("postgres", KEEPER)
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT + VIEWS)


@pytest.fixture(scope="module")
def url(made: str) -> str:
    return made.replace("//postgres@", "//gatekeeper@")


def told(lines: str) -> set[tuple[str, str, str | None]]:
    return {(view, table, way or None) for view, table, way in LINE.findall(lines)}


def test_check_names_every_view_and_what_lies_between(url: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\n" + CONFIG)
    status, out, err = reflector("check", url, "--config", "config.yaml", folder=tmp_path)
    assert status == 0, err
    assert told(out + err) == TOLD | NOT_ANSWERED
    assert "ALTER VIEW den.open SET (security_invoker = true)" in out + err
    assert "REVOKE SELECT ON api.copy FROM" in out + err
    assert "ALTER VIEW api.copy " not in out + err
    assert "ALTER VIEW den.copied " not in out + err
    assert "ALTER TABLE den.diary_bob ENABLE ROW LEVEL SECURITY" in out + err


async def test_what_is_told_is_what_shows_the_rows_of_others(url: str) -> None:
    names = re.findall(r"VIEW api\.(\w+) ", VIEWS)
    async with served(url, CONFIG) as api:
        replies = {name: await api.get(f"/rest/v1/{name}?select=id", bearer(sub="ann")) for name in names}
    refused = {name for name, reply in replies.items() if reply.status != 200}
    assert refused == {"inner_refused", "cycle"}
    seen = {name for name in names if name not in refused and {"id": 2} in replies[name].json}
    assert seen == {name for name, *_ in TOLD}


@pytest.mark.usefixtures("made")
async def test_a_view_that_asks_no_longer_is_told_while_serving(
    databases: Databases, postgresql_server: PostgreSQLServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the view in between, of a schema that is not served, and nothing else of it changes."""
    database = databases.database(DatabaseKind.POSTGRESQL, SCRIPT + VIEWS)
    own = database.replace("//postgres@", "//gatekeeper@")

    async def named() -> bool:
        said = "\n".join(each.getMessage() for each in caplog.records)
        return ("asking_asking", "api.note", "den.asking") in told(said)

    async with served(own, f"database: {{watch: 100ms}}\n{CONFIG}"):
        assert not await named()
        postgresql_server.run(database.rsplit("/", 1)[1], "ALTER VIEW den.asking RESET (security_invoker)")
        await eventually(named)
