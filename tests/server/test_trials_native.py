"""Permission tests where PostgreSQL decides: each policy and grant is held to its examples, and none of them leaves a trace."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.reflection import fingerprint
from server.app import engine_of
from server.binding import Binding
from server.commands.check import Wanted, check
from server.config import Config, ConfigError
from server.trials import Outcome, Result, bound_trials, run_each, run_trials
from tests.bookshops import Databases
from tests.server.harness import REPOSITORY, ServedProcess, configured, reflector
from tests.servers import PostgreSQLServer

EXAMPLE = REPOSITORY / "examples" / "row_security"
SCHEMA = (EXAMPLE / "schema.sql").read_text()
RULES, _, TESTS = (EXAMPLE / "config.yaml").read_text().partition("tests:\n")


@pytest.fixture(scope="module")
def notes(databases: Databases) -> str:
    """The URL of the example's database, as its owner; nothing that is done to it here stays."""
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA)


@pytest.fixture
def own_notes(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA)


def as_login(url: str, name: str = "notes_login") -> str:
    return url.replace("//postgres@", f"//{name}@")


def written(tests: str, testing: str = 'testing: {url: "${TESTING_URL}"}\n') -> str:
    """The example's file, without its version, with these tests."""
    return re.sub(r"version: 1\n", "", RULES) + f"{testing}tests:\n{tests}"


def listed(*tests: str) -> str:
    return "".join(f"  - {each}\n" for each in tests)


def config_of(url: str, config: str) -> Config:
    return configured(as_login(url), config, environ={"DATABASE_URL": as_login(url), "TESTING_URL": url})


async def results(url: str, config: str, names: Collection[str] = ()) -> Sequence[Result]:
    """What comes of the tests: of all, or of those with these names, without their group's."""
    wanted = config_of(url, config)
    engine = await engine_of(wanted, Binding(wanted))
    try:
        bound = bound_trials(engine, wanted)
        picked = [each for each in bound if not names or each.trial.name.partition(": ")[2] in names]
        return [result async for result in run_each(engine, wanted, picked)]
    finally:
        await engine.close()


async def lines(url: str, config: str) -> list[list[str]]:
    """What is told of each test; nothing of those that pass."""
    return [[*each.lines] for each in await results(url, config)]


async def passing(url: str, config: str) -> int:
    found = await results(url, config)
    assert [(each.bound.trial.name, each.lines) for each in found if each.outcome is not Outcome.PASSED] == []
    return len(found)


async def complaints(url: str, config: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        await check(config_of(url, config), lambda _: None)
    return [f"{each.path}: {each.message}; {each.hint}" for each in refused.value.complaints]


def whole(server: PostgreSQLServer, url: str) -> list[list[object]]:
    """Every row that a test could have left something in."""
    asked = "SELECT n::text FROM api.note n UNION ALL SELECT t::text FROM api.team t UNION ALL SELECT m::text FROM api.member m"
    return server.run(url.rpartition("/")[2], asked)


# ── what holds, and what does not ────────────────────────────────────────────────────────────


async def test_the_example_holds_and_leaves_nothing(notes: str, postgresql_server: PostgreSQLServer) -> None:
    assert await passing(notes, written(TESTS)) == 22
    assert whole(postgresql_server, notes) == []


LEAKS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("ALTER POLICY published ON api.note USING (true)", {"anonymous: read note where id > 9000": "+ {id: 9001}"}),
    ("ALTER TABLE api.note DISABLE ROW LEVEL SECURITY", {"anonymous: read note where flagged_by == 'eve'": "+ 1 row: {id: 9003}"}),
    ("ALTER POLICY own_teams ON api.member USING (true)", {"notes_author, sub 'ann': read member where team_id > 9000": '+ {team_id: 9001, user_id: "cid"}'}),
    ("ALTER POLICY in_my_name ON api.note WITH CHECK (true)", {"notes_author, sub 'ann': create note": "+ 1 row written"}),
    ("ALTER POLICY my_own ON api.note USING (true)", {"notes_author, sub 'cid': update note where id == 9001": "+ 1 row written"}),
    ("ALTER POLICY my_drafts ON api.note USING (owner = api.uid())", {"notes_author, sub 'ann': delete note where id == 9002": "+ 1 row written"}),
    ("GRANT SELECT (owner) ON api.note TO notes_guest", {"anonymous: read note": "+ columns: owner"}),
    ("GRANT SELECT ON api.team TO notes_guest", {"anonymous: read team": "+ 2 rows"}),
    ("GRANT INSERT (flagged_by) ON api.note TO notes_author", {"notes_author, sub 'ann': create note": "+ 1 row written"}),
    ("DROP POLICY of_my_teams ON api.note", {"notes_author, sub 'ann': read note where id > 9000": "- {id: 9001}"}),
    ("REVOKE DELETE ON api.note FROM notes_author", {"notes_author, sub 'ann': delete note where id == 9001": "- allowed"}),
)  # fmt: skip


@pytest.mark.parametrize(("change", "told"), LEAKS, ids=[change for change, _ in LEAKS])
async def test_a_policy_or_grant_that_is_changed_fails_the_tests_of_it(
    own_notes: str, postgresql_server: PostgreSQLServer, change: str, told: Mapping[str, str]
) -> None:
    postgresql_server.run(own_notes.rpartition("/")[2], change)
    found = {
        each.bound.trial.name.partition(": ")[2]: each.lines
        for each in await results(own_notes, written(TESTS), told)
        if each.lines
    }
    assert {name: line for name, line in told.items() if line not in found.get(name, ())} == {}, found


# ── who makes and picks rows ─────────────────────────────────────────────────────────────────

READING = listed("{as: anonymous, read: note, where: published, keys: [5001]}")
TESTER = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'notes_tester') THEN
        CREATE ROLE notes_tester NOLOGIN;
        CREATE ROLE notes_bypasser NOLOGIN BYPASSRLS;
        CREATE ROLE notes_stranger NOLOGIN;
        CREATE ROLE notes_owner LOGIN;
        GRANT notes_guest, notes_author TO notes_owner;
        CREATE ROLE notes_deputy LOGIN NOINHERIT;
        GRANT notes_guest, notes_author, notes_tester TO notes_deputy;
    END IF;
END $$;
GRANT USAGE ON SCHEMA api TO notes_tester, notes_bypasser;
GRANT ALL ON ALL TABLES IN SCHEMA api TO notes_tester, notes_bypasser;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA api TO notes_tester, notes_bypasser;
INSERT INTO api.team VALUES (1, 'red');
INSERT INTO api.note VALUES (5001, 1, 'ann', 'out', true), (5002, 1, 'bob', 'draft', false);
"""
WHOLE = "CREATE POLICY whole ON api.{table} FOR {command} TO notes_tester {rule}"


@pytest.fixture
def world(own_notes: str, postgresql_server: PostgreSQLServer) -> str:
    postgresql_server.run(own_notes.rpartition("/")[2], TESTER)
    return own_notes


async def by_deputy(url: str, config: str) -> list[list[str]]:
    """What is told of tests whose server logs in as somebody who can take the role of a tester as well."""
    wanted = configured(as_login(url, "notes_deputy"), config.replace("${DATABASE_URL}", as_login(url, "notes_deputy")))
    engine = await engine_of(wanted, Binding(wanted))
    try:
        return [[*each.lines] for each in await run_trials(engine, wanted)]
    finally:
        await engine.close()


async def test_a_role_that_the_login_can_take_makes_and_picks_rows(
    world: str, postgresql_server: PostgreSQLServer
) -> None:
    config, database = written(READING, "testing: {by: notes_tester}\n"), world.rpartition("/")[2]
    ((hidden,),) = await by_deputy(world, config)
    assert 'row security may hide rows from the role "notes_tester"' in hidden
    postgresql_server.run(database, WHOLE.format(table="note", command="SELECT", rule="USING (true)"))
    assert await by_deputy(world, config) == [[]]
    making = written(TESTS, "testing: {by: notes_tester}\n")
    (first, *_) = await by_deputy(world, making)
    assert first[0].startswith("given: ")
    for table in ("note", "member"):
        postgresql_server.run(
            database, WHOLE.format(table=table, command="INSERT", rule="WITH CHECK (true)").replace("whole", "made")
        )
    postgresql_server.run(database, WHOLE.format(table="member", command="SELECT", rule="USING (true)"))
    # A view with the rights of its caller is the one table here of which nobody but its owner surely sees every row.
    assert [each for each in await by_deputy(world, making) if each] == [[REFUSED]]


REFUSED = (
    'where: the database does not allow this (query would be affected by row-level security policy for table "note"); '
    'row security may hide rows from the role "notes_tester", and then from the test: '
    'CREATE POLICY … FOR SELECT TO "notes_tester" USING (true), or testing.url with a login that has BYPASSRLS'
)
HIDING = (
    "CREATE POLICY one ON api.note FOR SELECT TO notes_tester USING (id = 5001)",
    "CREATE POLICY whole ON api.note FOR SELECT TO notes_author USING (true)",
    "CREATE POLICY whole ON api.note FOR UPDATE TO notes_tester USING (true)",
    "CREATE POLICY whole ON api.note TO notes_tester USING (true); CREATE POLICY less ON api.note AS RESTRICTIVE USING (id = 5001)",
)


@pytest.mark.parametrize("policies", HIDING)
async def test_what_may_be_hidden_from_who_picks_is_never_left_out_in_silence(
    world: str, postgresql_server: PostgreSQLServer, policies: str
) -> None:
    postgresql_server.run(world.rpartition("/")[2], policies)
    for testing in ("{by: notes_tester}", '{by: notes_tester, url: "${TESTING_URL}"}'):
        ((told, *_),) = await (by_deputy if "url" not in testing else lines)(
            world, written(READING, f"testing: {testing}\n")
        )
        assert "query would be affected by row-level security" in told


@pytest.mark.parametrize("testing", ['{by: notes_bypasser, url: "${TESTING_URL}"}', '{url: "${TESTING_URL}"}'])
async def test_a_login_of_the_tests_own_makes_and_picks_rows(world: str, testing: str) -> None:
    assert await passing(world, written(TESTS + READING, f"testing: {testing}\n")) == 23


async def test_an_owner_of_the_tables_makes_and_picks_rows(world: str, postgresql_server: PostgreSQLServer) -> None:
    database, testing = world.rpartition("/")[2], f"testing: {{url: '{as_login(world, 'notes_owner')}'}}\n"
    owned = "".join(f"ALTER TABLE api.{table} OWNER TO notes_owner;" for table in ("team", "member", "note", "shelf"))
    postgresql_server.run(database, owned + "GRANT USAGE ON SCHEMA api TO notes_owner")
    assert await passing(world, written(TESTS + READING, testing)) == 23
    postgresql_server.run(database, "ALTER TABLE api.note FORCE ROW LEVEL SECURITY")
    ((told,),) = await lines(world, written(READING, testing))
    assert 'row security may hide rows from the login "notes_owner"' in told


async def test_who_lacks_a_grant_is_told_what_to_grant(world: str, postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.run(world.rpartition("/")[2], "REVOKE ALL ON api.note FROM notes_bypasser")
    testing = 'testing: {by: notes_bypasser, url: "${TESTING_URL}"}\n'
    ((told,),) = await lines(world, written(READING, testing))
    assert told == (
        'where: the database does not allow this (permission denied for table note); the role "notes_bypasser" makes and picks rows of tests: '
        'GRANT USAGE ON SCHEMA "api" TO "notes_bypasser"; GRANT SELECT, INSERT ON "api"."note" TO "notes_bypasser"'
    )
    ((alone,),) = await lines(world, written(READING, ""))
    assert alone.endswith(
        'the login "notes_login" makes and picks rows of tests, unless testing.by or testing.url names another'
    )


WRONG: tuple[tuple[str, str, str], ...] = (
    ("testing: {by: notes_testr, url: '${TESTING_URL}'}\n", READING, "testing.by: there is no role 'notes_testr'; did you mean 'notes_tester'?"),
    ("testing: {by: notes_stranger}\n", READING, "testing.by: the login \"notes_login\" cannot take the role 'notes_stranger'; GRANT \"notes_stranger\" TO \"notes_login\""),
    ("testing: {url: 'postgresql://notes_owner@{host}/postgres'}\n", READING, "testing.url: leads to another database than database.url, or its schema has just changed; another login of the same database"),
    ("testing: {url: 'postgresql://notes_stranger@{host}/{database}'}\n", READING, "testing.url: credentials"),
    ("testing: {url: 'mysql://root@localhost/x'}\n", READING, "testing.url: must lead to the database of database.url, by another login; None"),
    ("testing: {url: 'postgresql://notes_login@{host}/{database}', by: notes_bypasser}\n", READING, "testing.by: the login \"notes_login\" cannot take the role 'notes_bypasser'"),
    ("testing: {byy: x}\n", READING, "testing.byy: unknown setting; did you mean 'by'?"),
    ("", listed("{as: notes_gust, read: note, rows: 1}"), "tests[0].as: there is no role 'notes_gust'; did you mean 'notes_guest'?"),
    ("", listed("{as: notes_stranger, read: note, rows: 1}"), "tests[0].as: the login \"notes_login\" cannot take the role 'notes_stranger'; GRANT \"notes_stranger\" TO \"notes_login\""),
    ("", listed("{as: {role: [notes_guest, notes_author]}, read: note, rows: 1}"), "tests[0].as: names several roles, and where the database decides a credential has one; None"),
    ("", listed("{as: anonymous, read: not, rows: 1}"), "tests[0].read: there is no table 'not'; did you mean 'note'?"),
    ("", listed("{as: anonymous, read: note, filter: {ownr: {_eq: x}}, denied: forbidden}"), "tests[0].filter: note has no column 'ownr'; did you mean 'owner'?"),
    ("", listed("{as: anonymous, read: note, where: ownr == 'x', rows: 1}"), "tests[0].where: note has no column 'ownr'; did you mean 'owner'?"),
)  # fmt: skip


@pytest.mark.parametrize(("testing", "tests", "told"), WRONG)
async def test_what_does_not_fit_is_told_with_its_place(world: str, testing: str, tests: str, told: str) -> None:
    host, database = world.rpartition("@")[2].split("/")
    config = written(tests, testing.replace("{host}", host).replace("{database}", database))
    found = await complaints(world, config)
    assert [each[: len(told)] for each in found] == [told]


async def test_a_login_that_cannot_take_a_caller_s_role_is_told_of(
    world: str, postgresql_server: PostgreSQLServer
) -> None:
    database = world.rpartition("/")[2]
    testing = f"testing: {{url: '{as_login(world, 'notes_lonely')}'}}\n"
    if not postgresql_server.run(database, "SELECT 1 FROM pg_roles WHERE rolname = 'notes_lonely'"):
        postgresql_server.run(database, "CREATE ROLE notes_lonely LOGIN BYPASSRLS")
    assert await complaints(world, written(READING, testing)) == [
        'testing.url: the login "notes_lonely" cannot take the role \'notes_guest\'; GRANT "notes_guest" TO "notes_lonely"'
    ]


async def test_a_role_that_the_server_cannot_take_denies_nothing(
    world: str, postgresql_server: PostgreSQLServer
) -> None:
    database = world.rpartition("/")[2]
    if not postgresql_server.run(database, "SELECT 1 FROM pg_roles WHERE rolname = 'notes_leaver'"):
        postgresql_server.run(database, "CREATE ROLE notes_leaver LOGIN NOINHERIT")
    postgresql_server.run(database, "GRANT notes_guest TO notes_leaver")
    tests = written(listed("{as: anonymous, read: note, fields: [body], denied: true}"))
    url = as_login(world, "notes_leaver")
    wanted = configured(url, tests, environ={"DATABASE_URL": url, "TESTING_URL": world})
    engine = await engine_of(wanted, Binding(wanted))
    try:
        postgresql_server.run(database, "REVOKE notes_guest FROM notes_leaver")
        engine.seen_fingerprint = await fingerprint(DatabaseKind.POSTGRESQL, engine.driver.fetch, engine.overlay)
        (result,) = await run_trials(engine, wanted)
    finally:
        await engine.close()
    assert result.lines == ('as: the database does not allow this (permission denied to set role "notes_guest")',)


async def test_elsewhere_testing_says_nothing() -> None:
    with pytest.raises(ConfigError) as refused:
        configured("postgresql://x@localhost/x", "testing: {by: x}\ntests: []\n")
    (told,) = refused.value.complaints
    assert told.message.startswith("is for auth.enforce: database")


# ── the session of a request ─────────────────────────────────────────────────────────────────

BY_HEADER = """
ALTER POLICY published ON api.note USING (published AND body = current_setting('request.headers', true)::json->>'x-team');
CREATE FUNCTION api.headers() RETURNS json LANGUAGE sql STABLE AS $$ SELECT current_setting('request.headers')::json $$;
GRANT EXECUTE ON FUNCTION api.headers() TO PUBLIC
"""
HEADED = """
  - name: teams
    as: anonymous
    headers: {X-Team: red, X-Other: o}
    given:
      team: {id: 9001, name: t}
      note:
        - {id: 9001, team_id: 9001, owner: ann, body: red, published: true}
        - {id: 9002, team_id: 9001, owner: ann, body: blue, published: true}
    tests:
      - {read: note, where: id > 9000, keys: [9001]}
      - {read: note, where: id > 9000, keys: [9002], headers: {x-team: blue}}
      - {read: note, where: id > 9000, rows: 0, headers: {X-Team: green}}
      - {call: headers, headers: {X-TEAM: blue}, returns: {x-team: blue, x-other: o}}
  - {as: anonymous, call: headers, returns: {}}
"""


async def test_policies_and_functions_see_the_headers_that_a_test_says(
    own_notes: str, postgresql_server: PostgreSQLServer
) -> None:
    postgresql_server.run(own_notes.rpartition("/")[2], BY_HEADER)
    headed = written(HEADED) + "functions: {headers: {allow: notes_guest}}\n"
    assert await passing(own_notes, headed) == 5
    leaking = headed.replace("headers: {X-Team: green}", "headers: {X-Team: red}")
    assert [each for each in await lines(own_notes, leaking) if each] == [["- 0 rows", "+ 1 row: {id: 9001}"]]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{}", "must be a mapping of headers and their texts, such as {X-Tenant: north}"),
        ("{X-A: [b]}", "must be text: put it in quotes"),
        ("{a b: c}", "must be the name of a header: letters, digits and -"),
        ("{X-A: b, x-a: c}", "names a header twice, in large and small letters"),
        ("{Cookie: a=b}", "has cookies, which no function finds among headers"),
    ],
)
def test_headers_that_are_none_are_complaints(notes: str, said: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config_of(notes, written(listed(f"{{as: anonymous, read: note, rows: 0, headers: {said}}}")))
    assert [(each.path, each.message) for each in refused.value.complaints] == [("tests[0].headers", told)]


def test_headers_are_for_policies_of_the_database() -> None:
    with pytest.raises(ConfigError) as refused:
        configured(
            "sqlite:///x.db",
            "roles: {a: {}}\nauth: {anonymous_role: a}\ntests:\n"
            "  - {read: b, rows: 0, headers: {A: b}}\n  - {headers: {A: b}, tests: [{read: b, rows: 0}]}\n",
        )
    assert [each.path for each in refused.value.complaints] == ["tests[0].headers", "tests[1].headers"]
    assert all("is for auth.enforce: database" in each.message for each in refused.value.complaints)


CABINET = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cabinet_fussy') THEN
        CREATE ROLE cabinet_fussy NOLOGIN;
        ALTER ROLE cabinet_fussy SET cabinet.taste = 'sour';
        ALTER ROLE notes_login SET cabinet.taste = 'sweet';
        ALTER ROLE notes_login SET cabinet.size = 'large';
        ALTER ROLE cabinet_fussy SET default_transaction_isolation = 'serializable';
        GRANT cabinet_fussy TO notes_login;
    END IF;
END $$;
CREATE FUNCTION api.enter() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('request.jwt.claims')::json->>'sub' = 'mallory' THEN RAISE 'not you' USING ERRCODE = 'PT402'; END IF;
    IF session_user <> 'notes_login' THEN RAISE 'this is no request'; END IF;
    PERFORM set_config('cabinet.entered', current_user || ' ' || current_setting('request.method') || ' ' ||
        current_setting('request.path') || ' ' || current_setting('search_path'), true);
END $$;
CREATE TABLE api.drawer (id integer PRIMARY KEY, label text, stamp text, place integer DEFAULT 1,
    next integer REFERENCES api.drawer DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE api.pair (a integer, b integer, word text, PRIMARY KEY (a, b));
CREATE TABLE api.loose (word text, secret text);
CREATE TABLE api.log (line text);
CREATE TABLE api.vacant (id integer PRIMARY KEY);
CREATE TABLE api.host (id integer PRIMARY KEY, ip inet);
INSERT INTO api.host VALUES (1, '::1');
CREATE VIEW api.veil AS SELECT id, CASE current_user WHEN 'cabinet_fussy' THEN NULL ELSE label END AS label, NULL::text AS never
    FROM api.drawer;
CREATE VIEW api.told AS SELECT 1 AS id, session_user::text AS session, current_user::text AS role,
    current_setting('cabinet.entered', true) AS entered, current_setting('cabinet.taste', true) AS taste,
    current_setting('cabinet.size', true) AS size, current_setting('app.settings.flavour', true) AS flavour, current_setting('transaction_read_only') AS read_only,
    current_setting('transaction_isolation') AS isolation, current_setting('request.jwt.claims') AS claims;
CREATE FUNCTION api.stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.stamp := session_user || ' ' || current_user || ' ' || current_setting('cabinet.taste', true);
    RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE INSERT OR UPDATE ON api.drawer FOR EACH ROW EXECUTE FUNCTION api.stamped();
CREATE FUNCTION api.whoami() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user || session_user || api.uid()';
CREATE FUNCTION api.noted(line text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
    'INSERT INTO api.log VALUES (line) RETURNING line';
CREATE FUNCTION api.drawers() RETURNS SETOF api.drawer LANGUAGE sql STABLE AS 'SELECT * FROM api.drawer';
CREATE FUNCTION api.sly() RETURNS text LANGUAGE sql STABLE AS $$ SELECT set_config('role', 'postgres', true) $$;
ALTER TABLE api.drawer ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON api.drawer TO cabinet_fussy USING (session_user = 'notes_login' AND id <> 2);
CREATE POLICY not_bottom ON api.drawer AS RESTRICTIVE FOR UPDATE TO cabinet_fussy USING (id <> 3);
ALTER TABLE api.pair ENABLE ROW LEVEL SECURITY;
CREATE POLICY same ON api.pair TO cabinet_fussy USING (a = b);
GRANT USAGE ON SCHEMA api TO cabinet_fussy;
GRANT SELECT ON api.told, api.pair, api.vacant, api.host, api.veil TO cabinet_fussy;
GRANT SELECT (id, label, place, next), INSERT, UPDATE, DELETE ON api.drawer TO cabinet_fussy;
GRANT SELECT (word) ON api.loose TO cabinet_fussy;
GRANT SELECT (word) ON api.pair TO notes_guest;
CREATE FUNCTION api.level() RETURNS text LANGUAGE sql STABLE SET default_transaction_isolation = 'repeatable read' AS
    $$ SELECT current_setting('transaction_isolation') || ' ' || current_setting('transaction_read_only') $$;
INSERT INTO api.drawer (id, label) VALUES (1, 'top'), (2, 'middle'), (3, 'bottom');
INSERT INTO api.pair VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z'), (2, 2, 'w');
INSERT INTO api.loose VALUES ('loose', 'ends');
INSERT INTO api.drawer (id, place) SELECT n, 0 FROM generate_series(10000, 11500) n;
"""
SETTINGS = """
  db_pre_request: api.enter
  app_settings: {flavour: vanilla}
functions: {level: {allow: cabinet_fussy}, whoami: {allow: cabinet_fussy}, noted: {allow: cabinet_fussy}, drawers: {allow: cabinet_fussy}, sly: {allow: cabinet_fussy}}
"""
FUSSY = "{role: cabinet_fussy, sub: ann}"
WHERE_KEPT = "by which rows are kept to: say where with columns of the table that the caller may read, or none"


@pytest.fixture(scope="module")
def cabinet(databases: Databases) -> str:
    """Another database with the example's roles; nothing that is done to it here stays."""
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA + CABINET)


def asked(*tests: str) -> str:
    """A file with the tests, all as somebody fussy, whose requests have a function of their own called first."""
    config = written(listed(*(f"{{as: {FUSSY}, {each}}}" for each in tests)))
    return re.sub(r"(  jwt_secret: .*)\n", lambda found: found[1] + SETTINGS, config)


HOLDING = (
    "read: told, rows: [{role: cabinet_fussy, session: notes_login}]",
    'read: told, rows: [{entered: \'cabinet_fussy GET /told "api", "public"\', taste: sour, size: large, flavour: vanilla}]',
    'read: told, rows: [{read_only: \'on\', isolation: serializable, claims: \'{"role":"cabinet_fussy","sub":"ann"}\'}]',
    "read: drawer, where: place == 1, keys: [1, 3]",
    "read: drawer, where: stamp == 'postgres postgres ' and place == 1, keys: [1, 3]",
    "read: drawer, columns: [id, label, place, next], hidden: [stamp]",
    "read: drawer, where: id == 1, fields: [stamp], denied: forbidden",
    "read: drawer, where: id == 1, filter: {stamp: {_eq: x}}, denied: unknown_column",
    "read: host, where: id == 1, filter: {ip: {_eq: nowhere}}, denied: invalid_data",
    "read: drawer, where: place == 1, filter: {id: {_eq: 2}}, rows: 0",
    "read: drawer, filter: {id: {_eq: 2}}, keys: []",
    "delete: drawer, filter: {id: {_eq: 2}}, denied: true",
    "delete: drawer, where: place == 1, filter: {id: {_eq: 3}}, affected: 1",
    "aggregate: drawer, filter: {id: {_eq: 2}}, count: 0",
    "read: veil, where: id == 1, hidden: [label]",
    "read: veil, hidden: [label]",
    "read: veil, where: id == 1, sees: {label: null}",
    "aggregate: drawer, where: id == 2, max: {label: null}",
    "read: drawer, where: place == 1, sees: {next: null, id: 1}, filter: {id: {_eq: 1}}",
    "update: drawer, where: place == 1, values: {label: x}, affected: 1, sets: {label: x, stamp: notes_login cabinet_fussy sour}",
    "update: drawer, where: id == 3, values: {label: x}, denied: row_not_found",
    "update: drawer, where: id == 1",
    "update: drawer, where: id == 1, values: {id: 77}, sets: {id: 77}",
    "update: drawer, where: id == 1, values: {id: 2}, denied: forbidden",
    "update: drawer, where: id == 1, values: {id: 10000}, denied: unique_violation",
    "delete: drawer, where: place == 1, affected: 2",
    "create: drawer, values: {id: 50, next: 51}, denied: foreign_key_violation",
    "create: drawer, values: [{id: 50, next: 51}, {id: 51, label: x}], sets: {stamp: notes_login cabinet_fussy sour, place: 1}",
    "given: {team: [{id: 77, name: x}]}, create: drawer, values: [{id: 50, next: 51}, {id: 51, label: x}]",
    "create: drawer, values: {id: 2}, denied: true",
    "create: loose, values: {word: x}, denied: forbidden",
    "read: log, denied: forbidden",
    "read: log, denied: unknown_table",
    "read: pair, where: a == 1, keys: [[1, 1]]",
    "read: pair, where: word == 'y', rows: 0",
    "aggregate: pair, where: b == 2, count: 1, max: {word: w}",
    "aggregate: pair, where: word == 'y', count: 0, max: {word: null}",
    "read: loose, where: word == 'loose', rows: 1",
    "read: loose, rows: [{word: loose}]",
    "call: whoami, returns: cabinet_fussynotes_loginann",
    "call: noted, arguments: {line: x}, returns: x",
    "call: level, returns: repeatable read on",
    "call: sly, denied: forbidden",
)


async def test_the_caller_has_the_session_of_a_request(cabinet: str) -> None:
    assert await passing(cabinet, asked(*HOLDING)) == len(HOLDING)


BOTH = (
    "`where` and `filter` pick no row whoever asks, so nothing was {}: this test cannot fail; make a row with `given`"
)
NULL = "{} may be read by this caller, and holds nothing in the rows that they see, whoever asks: this test cannot fail; make a row with `given`"
VOID = "there is nothing in {} of the rows that `where` picks, whoever asks: this test cannot fail; make a row with `given`"
GIVEN_LATE = "given: {drawer: [{id: 60, next: 61}]}"
NOT_HOLDING: tuple[tuple[str, Sequence[str]], ...] = (
    ("read: drawer, where: id == 1, rows: 0", ["- 0 rows", "+ 1 row: {id: 1}"]),
    ("read: drawer, where: id == 4, rows: 0", ["`where` picks no row whoever asks, so nothing was hidden: this test cannot fail; make a row with `given`"]),
    ("aggregate: vacant, count: 0", ["there are none in the table, so nothing was left out: this test cannot fail; make a row with `given`"]),
    ("aggregate: vacant, by: [id], groups: []", ["there are none in the table, so nothing was left out: this test cannot fail; make a row with `given`"]),
    ("aggregate: drawer, where: id == 4, max: {id: null}", ["`where` picks no row whoever asks, so nothing was left out: this test cannot fail; make a row with `given`"]),
    ("read: drawer, where: id == 2, filter: {id: {_eq: 999}}, rows: 0", [BOTH.format("hidden")]),
    ("delete: drawer, where: id == 2, filter: {id: {_eq: 999}}, denied: true", [BOTH.format("denied")]),
    ("update: drawer, where: id == 2, filter: {id: {_eq: 999}}, values: {label: x}, affected: 0", [BOTH.format("left alone")]),
    ("aggregate: drawer, where: id == 2, filter: {id: {_eq: 999}}, count: 0", [BOTH.format("left out")]),
    ("read: drawer, where: id == 1, hidden: [next]", [NULL.format("next")]),
    ("read: veil, where: id == 1, hidden: [never]", [NULL.format("never")]),
    ("read: drawer, where: id == 1, sees: {next: null}", [VOID.format("next")]),
    ("read: veil, where: id == 1, sees: {never: null}", [VOID.format("never")]),
    ("aggregate: drawer, where: place == 1, max: {next: null}", [VOID.format("next")]),
    ("read: vacant, rows: 0", ["there are none in the table, so nothing was hidden: this test cannot fail; make a row with `given`"]),
    ("read: vacant, keys: []", ["there are none in the table, so nothing was hidden: this test cannot fail; make a row with `given`"]),
    ("delete: drawer", ["- 1504 rows written", "+ 1503 rows written, of 1504 that `where` picks: {id: 1}, {id: 2}, {id: 3}, {id: 10000}, {id: 10001}"]),
    ("update: drawer, where: id == 4, denied: true", ["`where` picks no row whoever asks, so nothing was denied: this test cannot fail; make a row with `given`"]),
    ("delete: log, affected: 0", ["- affected: 0", "+ refused: unknown_table: there is no table 'log'"]),
    ("update: drawer, where: id == 2", ["- 1 row written", "+ 0 rows written, of 1 that `where` picks: {id: 2}"]),
    ("update: drawer, where: id == 1, values: {label: x}, sets: {label: y}", ['- label: "y"', '+ label: "x"']),
    ("create: drawer, values: {id: 50, next: 51}", ["- allowed", '+ refused: foreign_key_violation: a row that is referred to is missing, or is still referred to (insert or update on table "drawer" violates foreign key constraint "drawer_next_fkey" DETAIL: Key is not present in table "drawer".)']),
    ("create: drawer, values: {id: 2}, denied: row_not_found", ["- denied: row_not_found", '+ refused: forbidden: the database does not allow this (new row violates row-level security policy for table "drawer")']),
    ("read: drawer, where: place == 0, rows: 1501", ["where: picks more than 1000 rows: pick fewer"]),
    ("read: loose, where: secret == 'ends', rows: 0", [f"where: loose has no key, {WHERE_KEPT}"]),
    ('read: loose, where: "exists(drawer, label == row.word)", rows: 0', [f"where: loose has no key, {WHERE_KEPT}"]),
    ('read: loose, where: "exists(drawer, True)", rows: 0', [f"where: loose has no key, {WHERE_KEPT}"]),
    (f"{GIVEN_LATE}, read: drawer, where: id == 60, rows: 1", ['given: a row that is referred to is missing, or is still referred to (insert or update on table "drawer" violates foreign key constraint "drawer_next_fkey" DETAIL: Key (next)=(61) is not present in table "drawer".)']),
    (f"{GIVEN_LATE}, create: drawer, values: {{id: 50, next: 51}}, denied: foreign_key_violation", ['given: a row that is referred to is missing, or is still referred to (insert or update on table "drawer" violates foreign key constraint "drawer_next_fkey" DETAIL: Key (next)=(61) is not present in table "drawer".)']),
    ("given: {note: [{id: 1, team_id: 1, body: x}]}, read: drawer, rows: 2", ['given: a value is required (null value in column "owner" of relation "note" violates not-null constraint DETAIL: Failing row contains (1, 1, null, x, f, null).)']),
    ("read: drawer, where: id == claims.age, rows: 1", ["where: the credential carries no claim 'age'"]),
    ("call: noted, arguments: {line: x}, denied: true", ["- denied", "+ allowed"]),
)  # fmt: skip


async def test_what_does_not_hold_is_told_with_what_was_seen(cabinet: str) -> None:
    found = await lines(cabinet, asked(*(test for test, _ in NOT_HOLDING)))
    assert dict(zip((test for test, _ in NOT_HOLDING), found, strict=True)) == {
        test: [*told] for test, told in NOT_HOLDING
    }


async def test_the_function_called_first_refuses_a_caller(cabinet: str) -> None:
    config = asked("read: told, denied: check_violation", "read: told, rows: 1").replace("sub: ann", "sub: mallory")
    assert await lines(cabinet, config) == [
        [],
        ["- rows: 1", "+ refused: check_violation: the database refuses this (not you)"],
    ]


async def test_a_key_that_the_caller_may_not_read_is_told_of(cabinet: str) -> None:
    config = written(
        listed(
            "{as: anonymous, read: pair, where: a == 1, rows: 0}",
            "{as: anonymous, read: pair, where: word == 'x', rows: 0}",
        )
    )
    assert await lines(cabinet, config) == [[f"where: notes_guest may not read a, b, {WHERE_KEPT}"], []]


# ── coverage, and commands ───────────────────────────────────────────────────────────────────


async def test_coverage_names_policies_and_grants_that_no_test_touches(cabinet: str) -> None:
    told: list[str] = []
    tests = asked(
        "read: drawer, where: place == 1, keys: [1, 3]",
        "update: drawer, where: id == 1",
        "read: drawer, hidden: [stamp]",
    )
    status = await check(config_of(cabinet, tests), told.append, wanted=Wanted(coverage=True, least=100))
    assert status == 1
    found = {" ".join(line.split()) for line in told}
    assert {
        "drawer cabinet_fussy all policy mine: ((SESSION_USER = 'notes_login'::… 3 1",
        "drawer cabinet_fussy update policy not_bottom (restrictive): (id <> 3) 1 0",
        "pair cabinet_fussy all policy same: (a = b) 0 0 no test",
        "note notes_author update policy my_own: (owner = api.uid()) 0 0 no test",
        "drawer cabinet_fussy select grant id, label, place, next 2 1",
        "drawer cabinet_fussy update grant 1 -",
        "drawer cabinet_fussy delete grant 0 - no test",
        "whoami cabinet_fussy call grant 0 - no test",
    } <= found
    assert any(line.startswith("coverage is ") and line.endswith("%, and --coverage-min wants 100%") for line in told)


async def test_a_policy_of_a_table_without_row_security_is_never_touched(
    world: str, postgresql_server: PostgreSQLServer
) -> None:
    postgresql_server.run(world.rpartition("/")[2], "ALTER TABLE api.note DISABLE ROW LEVEL SECURITY")
    told: list[str] = []
    await check(
        config_of(world, written(listed("{as: anonymous, read: note, rows: 2}"))),
        told.append,
        wanted=Wanted(coverage=True),
    )
    assert "note public select policy published (row security is off): publi… 0 0 no test" in {
        " ".join(line.split()) for line in told
    }


def test_the_commands_hold_what_is_served_to_its_tests(world: str, postgresql_server: PostgreSQLServer) -> None:
    environ = {"DATABASE_URL": as_login(world), "REFLECTOR_TESTING_URL": world}
    status, said, _ = reflector("check", "--config", str(EXAMPLE / "config.yaml"), environ=environ)
    assert (status, said.splitlines()[1]) == (0, "22 permission tests: 22 passed")
    assert re.search(r", 4 tables, \d+ roles of the database$", said.rstrip())
    postgresql_server.run(world.rpartition("/")[2], "ALTER POLICY published ON api.note USING (true)")
    with ServedProcess(
        "serve", "--check", "--config", str(EXAMPLE / "config.yaml"), "--port", "0", environ=environ
    ) as process:
        assert process.wait() == 1
        assert "permission tests failed: nothing is served" in process.said
        assert "    + {id: 9001}" in process.said


# ── keys ─────────────────────────────────────────────────────────────────────────────────────

KEYS = {
    "uuid": "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "text": "'Ä %_x'",
    "char(5)": "'ab'",
    "varchar(9)": "'x '",
    "numeric": "1.10",
    "bigint": "9223372036854775807",
    "boolean": "true",
    "date": "'2020-01-01'",
    "timestamp": "'2020-01-01 10:00:00.123456'",
    "timestamptz": "'2020-01-01 10:00:00.123456+02'",
    "interval": "'1 mon 2 days'",
    "bytea": "'\\x00ff'",
    "inet": "'10.0.0.1/8'",
    "real": "0.1",
    "int4range": "'[1,5)'",
    "text[]": "'{a,b}'",
    "jsonb": """'{"a": 1}'""",
    "api.mood": "'good'",
    "api.odd": "5",
}


def of_kind(number: int, kind: str, value: str) -> str:
    """A table with a key of the kind, of whose rows its policy shows the first."""
    return f"""
CREATE TABLE api.key_{number} (id {kind} PRIMARY KEY, word text, secret text);
INSERT INTO api.key_{number} VALUES ({value}, 'x', 's');
ALTER TABLE api.key_{number} ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON api.key_{number} USING (true);
GRANT SELECT (id, word), UPDATE (word) ON api.key_{number} TO notes_author;
"""


async def test_rows_are_found_again_by_keys_of_every_kind(own_notes: str, postgresql_server: PostgreSQLServer) -> None:
    kinds = "CREATE TYPE api.mood AS ENUM ('good', 'bad'); CREATE DOMAIN api.odd AS integer CHECK (VALUE % 2 = 1);"
    tables = [of_kind(number, kind, value) for number, (kind, value) in enumerate(KEYS.items())]
    postgresql_server.run(own_notes.rpartition("/")[2], kinds + "".join(tables))
    tests = [
        f"{{as: notes_author, {each}}}"
        for number in range(len(KEYS))
        for each in (
            f"read: key_{number}, where: secret == 's', rows: 1",
            f"update: key_{number}, where: secret == 's', values: {{word: y}}, sets: {{word: y}}",
        )
    ]
    assert await passing(own_notes, written(listed(*tests))) == 2 * len(KEYS)


async def test_rows_that_are_not_found_again_are_told_of(own_notes: str, postgresql_server: PostgreSQLServer) -> None:
    made = "CREATE TYPE api.point AS (a integer, b integer);" + of_kind(0, "api.point", "'(1,2)'")
    postgresql_server.run(own_notes.rpartition("/")[2], made)
    ((told,),) = await lines(
        own_notes, written(listed("{as: notes_author, read: key_0, where: secret == 's', rows: 0}"))
    )
    assert told.startswith("where: '(1,2)' is not a value that can be given")


# ── who may write and not read ───────────────────────────────────────────────────────────────

LETTERS = """
CREATE TABLE api.letter (id integer PRIMARY KEY, word text, stamp text);
ALTER TABLE api.letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON api.letter FOR SELECT USING (id < 0);
CREATE POLICY made ON api.letter FOR INSERT WITH CHECK (true);
CREATE POLICY tended ON api.letter FOR UPDATE USING (true);
CREATE POLICY gone ON api.letter FOR DELETE USING (true);
GRANT INSERT, UPDATE, DELETE ON api.letter TO notes_author;
GRANT SELECT (word), INSERT, UPDATE, DELETE ON api.letter TO notes_guest;
"""
ONE_LETTER = "given: {letter: [{id: 1, word: a}]}"
UNFIT = "by which rows are kept to: say where with columns of the table that the caller may read, or none"
WRITING_ALONE: tuple[tuple[str, list[str]], ...] = (
    ("as: notes_author, create: letter, values: {id: 1, word: x}", []),
    ("as: notes_author, create: letter, values: [{id: 1}, {id: 2}]", []),
    ("as: notes_author, create: letter, values: {id: 1}, denied: true", ["- denied", "+ 1 row written"]),
    ("as: notes_author, create: letter, values: {id: 1, word: x}, sets: {word: x}", ['- sets: {word: "x"}', "+ refused: forbidden: the database does not allow this (permission denied for table letter)"]),
    (f"as: notes_author, {ONE_LETTER}, update: letter, values: {{word: y}}", []),
    (f"as: notes_author, {ONE_LETTER}, delete: letter", []),
    (f"as: notes_author, {ONE_LETTER}, update: letter, where: id == 1, values: {{word: y}}, denied: true", [f"where: notes_author may not read id, {UNFIT}"]),
    (f"as: notes_author, {ONE_LETTER}, update: letter, denied: true", ["update: notes_author may not read word, so it cannot stay as it is: say values"]),
    ("as: anonymous, create: letter, values: {id: 1, word: x}", []),
    (f"as: anonymous, {ONE_LETTER}, update: letter, where: word == 'a', values: {{word: y}}, denied: true", []),
    ("as: anonymous, given: {letter: [{id: -1, word: a}]}, delete: letter, where: word == 'a'", []),
    ("as: anonymous, given: {letter: [{id: -1, word: a}]}, delete: letter, where: id == -1, denied: true", [f"where: notes_guest may not read id, {UNFIT}"]),
)  # fmt: skip


async def test_a_write_needs_no_right_to_read_as_a_request_of_it_needs_none(
    own_notes: str, postgresql_server: PostgreSQLServer
) -> None:
    postgresql_server.run(own_notes.rpartition("/")[2], LETTERS)
    found = await lines(own_notes, written(listed(*(f"{{{test}}}" for test, _ in WRITING_ALONE))))
    assert dict(zip((test for test, _ in WRITING_ALONE), found, strict=True)) == dict(WRITING_ALONE)
