"""Execution plans: for whom they are, what they say on each database, and that nothing of them is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import routines, workshop
from tests.apis.postgrest.native import CONFIG, MAKE_ROLES, SCRIPT, SECRET, bearer
from tests.bookshops import Databases
from tests.server.harness import Served, served
from tests.servers import PostgreSQLServer

PLAN, JSON = "application/vnd.pgrst.plan", "application/vnd.pgrst.plan+json"
ADMIN, USER = bearer("admin"), bearer("user")
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest, admin_role: admin}}
roles: {{guest: {{}}, user: {{extends: guest}}, admin: {{extends: user}}}}
tables:
  "*": {{allow: {{guest: {{read: true}}, user: {{create: true, update: true, delete: true}}}}}}
"""
ENABLED = RULES + "postgrest: {db_plan_enabled: true}\n"
THING = "/rest/v1/thing"


@pytest.fixture(scope="module")
def workshops(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Workshops that nothing is left in, for what is written is taken back."""
    return {kind: databases.database(kind, workshop.script(kind)) for kind in DatabaseKind if kind != "mysql"}


@pytest.fixture
async def api(kind: DatabaseKind, workshops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(workshops[kind], ENABLED) as found:
        yield found


@pytest.fixture
async def postgresql(workshops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(workshops[DatabaseKind.POSTGRESQL], ENABLED) as found:
        yield found


def accepting(type_: str, caller: Mapping[str, str] = ADMIN, **more: str) -> dict[str, str]:
    return {"Accept": type_, **caller, **more}


# ── for whom ─────────────────────────────────────────────────────────────────────────────────


async def test_plans_are_for_administrators_and_told_to_others_like_a_type_that_does_not_exist(api: Served) -> None:
    assert (await api.get(THING, accepting(PLAN))).status == 200
    for caller in ({}, USER):
        for method, path in (("GET", THING), ("POST", THING), ("PATCH", f"{THING}?id=eq.1"), ("DELETE", THING)):
            plan = await api.request(method, path, accepting(PLAN, caller), json={"code": "z"})
            other = await api.request(method, path, accepting("application/vnd.other.plan", caller), json={"code": "z"})
            assert plan.status == other.status == 406
            assert plan.body.replace(PLAN.encode(), b"") == other.body.replace(b"application/vnd.other.plan", b"")
            assert plan.json["code"] == "PGRST107"
        assert (await api.get(THING, accepting(f"{PLAN}, application/json", caller))).json[0]["id"] == 1
    assert [row["code"] for row in (await api.get(f"{THING}?select=code", ADMIN)).json] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (RULES, 406),
        (RULES + "postgrest: {allow_plans: true}\n", 406),
        (ENABLED.replace(", admin_role: admin", ""), 406),
    ],
)
async def test_there_are_none_unless_they_are_enabled(
    workshops: Mapping[DatabaseKind, str], config: str, status: int
) -> None:
    async with served(workshops[DatabaseKind.SQLITE], config) as api:
        assert (await api.get(THING, accepting(PLAN))).status == status


async def test_one_setting_gives_them_to_everybody(workshops: Mapping[DatabaseKind, str]) -> None:
    config = RULES + "postgrest: {db_plan_enabled: true, allow_plans: true}\n"
    async with served(workshops[DatabaseKind.SQLITE], config) as api:
        assert (await api.get(THING, {"Accept": PLAN})).status == 200


async def test_where_the_database_decides_the_administrator_is_a_role_of_its_own(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    postgresql_server.run("postgres", MAKE_ROLES)
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT).replace("//postgres@", "//gatekeeper@")
    config = CONFIG.replace("enforce: database", "enforce: database, admin_role: author")
    async with served(url, f"{config}  db_plan_enabled: true\n") as api:
        plan = await api.get("/rest/v1/note", accepting(JSON, bearer("author")))
        assert plan.status == 200
        assert b"current_setting('request.jwt.claims'" in plan.body  # the policy of rows is part of it
        assert (await api.get("/rest/v1/note", accepting(JSON, bearer("reader")))).status == 406
        assert (await api.get("/rest/v1/told", accepting(JSON, {}))).status == 406
        assert (await api.get("/rest/v1/hidden", accepting(JSON, bearer("author")))).status == 403


# ── what they say ────────────────────────────────────────────────────────────────────────────

NAMED = {DatabaseKind.POSTGRESQL: b"Node Type", DatabaseKind.MARIADB: b"query_block", DatabaseKind.SQLITE: b"detail"}
WORDED = {DatabaseKind.POSTGRESQL: b"rows=", DatabaseKind.MARIADB: b"query_block", DatabaseKind.SQLITE: b"SEARCH"}


async def test_a_read_is_planned_as_text_and_as_json(api: Served, kind: DatabaseKind) -> None:
    address = f"{THING}?select=code,amount&id=gt.1&order=code&limit=2"
    for type_ in (PLAN, f"{PLAN}+text"):
        text = await api.get(address, accepting(type_))
        assert text.status == 200
        assert text.headers["Content-Type"] == f'{PLAN}+text; for="application/json"; charset=utf-8'
        assert WORDED[kind] in text.body
    json = await api.get(address, accepting(f'{JSON}; for="text/csv"'))
    assert json.headers["Content-Type"] == f'{JSON}; for="text/csv"; charset=utf-8'
    assert isinstance(json.json, list)
    assert len(json.json) == 1
    assert NAMED[kind] in json.body
    assert "Content-Range" not in json.headers


async def test_head_has_no_body(api: Served) -> None:
    reply = await api.request("HEAD", THING, accepting(JSON))
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Type"].startswith(JSON)


async def test_a_plan_is_never_kept(workshops: Mapping[DatabaseKind, str]) -> None:
    config = ENABLED.replace('"*": {', '"*": {cache: {ttl: 1h}, ')
    async with served(workshops[DatabaseKind.SQLITE], config) as api:
        for _ in range(2):
            assert "ETag" in (await api.get(THING, ADMIN)).headers
            plan = await api.get(THING, accepting(PLAN))
            assert (plan.status, "ETag" in plan.headers) == (200, False)
            assert (await api.get(THING, accepting(PLAN, USER))).status == 406


@pytest.mark.parametrize(
    ("method", "path", "body", "prefer"),
    [
        ("POST", THING, {"code": "new"}, "return=minimal"),
        ("POST", THING, [{"code": "new"}, {"code": "newer"}], "return=representation"),
        ("POST", f"{THING}?on_conflict=code", {"code": "a", "name": "other"}, "resolution=merge-duplicates"),
        ("PUT", f"{THING}?id=eq.1", {"id": 1, "code": "other"}, ""),
        ("PATCH", f"{THING}?id=lt.3", {"name": "other"}, "return=representation"),
        ("PATCH", f"{THING}?id=lt.3", {"name": "other"}, "count=exact"),
        ("DELETE", f"{THING}?id=eq.1", None, ""),
        ("DELETE", f"{THING}?id=eq.1", None, "return=representation"),
    ],
)
async def test_a_write_is_planned_and_not_done(
    api: Served, kind: DatabaseKind, method: str, path: str, body: object, prefer: str
) -> None:
    before = (await api.get(f"{THING}?order=id", ADMIN)).json
    options = [""] if kind is DatabaseKind.SQLITE else ["", "; options=analyze"]
    for option in options:
        reply = await api.request(method, path, accepting(JSON + option, Prefer=prefer), json=body)
        assert reply.status == 200, reply.body
        assert reply.headers["Content-Type"] == f'{JSON}; for="application/json"{option}; charset=utf-8'
        assert NAMED[kind] in reply.body
        assert (await api.get(f"{THING}?order=id", ADMIN)).json == before


async def test_analyze_tells_what_was_done_and_keeps_nothing(postgresql: Served) -> None:
    reply = await postgresql.request(
        "PATCH", f"{THING}?id=lt.3", accepting(f"{JSON};options=analyze|verbose"), json={"name": "other"}
    )
    assert reply.headers["Content-Type"].endswith("; options=analyze|verbose; charset=utf-8")
    assert reply.json[0]["Plan"]["Actual Rows"] == 2
    assert (await postgresql.get(f"{THING}?name=eq.other", ADMIN)).json == []


async def test_a_row_that_breaks_a_constraint_breaks_it_here_too(postgresql: Served) -> None:
    for option, status in (("", 200), (";options=analyze", 409)):
        reply = await postgresql.request("POST", THING, accepting(JSON + option), json={"code": "a"})
        assert reply.status == status


async def test_options_of_postgresql(postgresql: Served) -> None:
    told = await postgresql.get(THING, accepting(f"{JSON};options=analyze|verbose|settings|buffers|wal|other"))
    assert told.status == 200
    assert {"Execution Time", "Settings"} <= told.json[0].keys()
    assert {"Output", "WAL Bytes", "Shared Hit Blocks"} <= told.json[0]["Plan"].keys()
    text = await postgresql.get(THING, accepting(f"{PLAN};options=analyze"))
    assert b"Execution Time" in text.body
    assert b"Output" not in text.body


async def test_options_that_a_database_does_not_have_are_told(api: Served, kind: DatabaseKind) -> None:
    if kind is DatabaseKind.POSTGRESQL:
        refused = await api.get(THING, accepting(f"{JSON};options=wal"))  # without analyze
        assert refused.status == 400
        return
    reply = await api.get(THING, accepting(f"{JSON};options=verbose"))
    assert (reply.status, reply.json["code"]) == (400, "PGRST127")
    assert reply.json["details"].endswith("cannot tell a plan with verbose")


async def test_mariadb_tells_what_it_did(workshops: Mapping[DatabaseKind, str]) -> None:
    async with served(workshops[DatabaseKind.MARIADB], ENABLED) as api:
        assert b'"r_rows"' in (await api.get(THING, accepting(f"{JSON};options=analyze"))).body


WITHOUT_TRANSACTIONS = """
CREATE TABLE loose (id int PRIMARY KEY, n int) ENGINE=MyISAM;
CREATE TABLE firm (id int PRIMARY KEY, n int);
CREATE TRIGGER watched AFTER UPDATE ON firm FOR EACH ROW INSERT INTO loose VALUES (NEW.n, 0);
CREATE VIEW slow AS SELECT id, sleep(5) AS nap FROM firm;
CREATE FUNCTION noted(n int) RETURNS int DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO loose VALUES (n, n); RETURN n; END;
INSERT INTO loose VALUES (1, 1);
INSERT INTO firm VALUES (1, 1);
"""


@pytest.fixture
def loose(databases: Databases) -> Iterator[str]:
    """A database with a table that has no transactions, which others of this server are not to see."""
    url = databases.database(DatabaseKind.MARIADB, WITHOUT_TRANSACTIONS)
    yield url
    databases.mariadb().drop_database(url.rpartition("/")[2])


async def test_what_mariadb_would_not_take_back_is_not_carried_out(loose: str) -> None:
    config = f"{ENABLED}functions: {{noted: {{allow: [admin]}}}}\n"
    async with served(loose, config) as api:
        for method, path, body in (
            ("PATCH", "firm?id=eq.1", {"n": 77}),
            ("POST", "rpc/noted", {"n": 99}),
        ):
            reply = await api.request(method, f"/rest/v1/{path}", accepting(f"{JSON};options=analyze"), json=body)
            assert (reply.status, reply.code) == (400, "PGRST127"), reply.body
            assert reply.json["details"].startswith("MariaDB takes nothing back of tables without transactions")
            planned = await api.request(method, f"/rest/v1/{path}", accepting(JSON), json=body)
            # MariaDB asks a function of constants while it makes the plan.
            assert planned.status == (400 if path == "rpc/noted" else 200), planned.body
        assert (await api.get("/rest/v1/loose", ADMIN)).json == [{"id": 1, "n": 1}]
        assert (await api.get("/rest/v1/firm", ADMIN)).json == [{"id": 1, "n": 1}]
        assert (await api.get("/rest/v1/loose", accepting(f"{JSON};options=analyze"))).status == 200


async def test_what_mariadb_would_not_take_back_is_not_written(loose: str) -> None:
    config = ENABLED + "defaults: {read: true, write: true}\n"
    async with served(loose, config) as api:
        for method, path, body in (
            ("PATCH", "/rest/v1/loose?id=eq.1", {"n": 5}),
            ("POST", "/rest/v1/loose", {"id": 9}),
            ("DELETE", "/rest/v1/loose?id=eq.1", None),
        ):
            reply = await api.request(method, path, ADMIN, json=body)
            assert (reply.status, reply.code) == (405, "25006"), reply.body
            assert reply.json["message"].endswith(' table "loose"')
        for method, path, body in (("PATCH", "/api/loose/1", {"n": 5}), ("POST", "/api/loose", {"id": 9})):
            reply = await api.request(method, path, ADMIN, json=body)
            assert (reply.status, reply.code) == (405, "method_not_allowed"), reply.body
        assert (await api.get("/rest/v1/loose", ADMIN)).json == [{"id": 1, "n": 1}]


async def test_analyze_ends_when_the_time_of_a_role_is_over(loose: str) -> None:
    hasty = ENABLED.replace("admin: {extends: user}", "admin: {extends: user, limits: {timeout: 300ms}}")
    async with served(loose, hasty) as api:
        assert (await api.get("/rest/v1/slow", accepting(JSON))).status == 200
        reply = await api.get("/rest/v1/slow", accepting(f"{JSON};options=analyze"))
        assert (reply.status, reply.code) == (500, "57014")


async def test_calls_are_planned(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, routines.POSTGRESQL)
    config = f"{routines.config(routines.OPEN)}postgrest: {{db_plan_enabled: true, allow_plans: true}}\n"
    async with served(url, config) as api:
        for path, body in (
            ("numbers", {"a": 1, "b": 3}),
            ("hello", {}),
            ("cleared", {}),
            ("added", {"n": 1, "word": "x"}),
        ):
            for option in ("", ";options=analyze"):
                reply = await api.post(f"/rest/v1/rpc/{path}", body, {"Accept": JSON + option})
                assert reply.status == 200, reply.body
                assert b"Node Type" in reply.body
        assert len((await api.get("/rest/v1/shelf")).json) == 2
        assert (await api.post("/rest/v1/rpc/closed", {}, {"Accept": JSON})).status == 404
