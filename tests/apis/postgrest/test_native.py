"""PostgreSQL decides: roles, grants, row rules and functions of the database, as PostgREST lets it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from reflector.access.principal import Principal
from reflector.catalog.model import DatabaseKind
from reflector.errors import InternalError
from reflector.query.nodes import Read
from server.config import ConfigError
from tests.apis.postgrest.native import CONFIG, MAKE_ROLES, SCRIPT, SECRET, bearer
from tests.bookshops import Databases
from tests.core.questions import outputs
from tests.server.harness import Reply, Served, eventually, served
from tests.servers import PostgreSQLServer

ANN, BOB = bearer(sub="ann"), bearer(sub="bob")


@pytest.fixture(scope="module")
def roles(postgresql_server: PostgreSQLServer) -> PostgreSQLServer:
    postgresql_server.run("postgres", MAKE_ROLES)
    return postgresql_server


def as_gatekeeper(url: str, name: str = "gatekeeper") -> str:
    return url.replace("//postgres@", f"//{name}@")


@pytest.fixture(scope="module")
def world(roles: PostgreSQLServer, databases: Databases) -> str:
    """The URL of the database under the login that takes the roles; nobody writes into it."""
    return as_gatekeeper(databases.database(DatabaseKind.POSTGRESQL, SCRIPT))


@pytest.fixture
def own_world(roles: PostgreSQLServer, databases: Databases) -> str:
    return as_gatekeeper(databases.database(DatabaseKind.POSTGRESQL, SCRIPT))


@pytest.fixture
async def api(world: str) -> AsyncIterator[Served]:
    async with served(world, CONFIG) as found:
        yield found


async def told(api: Served, headers: dict[str, str] | None = None, path: str = "/rest/v1/told") -> dict[str, object]:
    reply = await api.get(path, headers)
    assert reply.status == 200, reply.body
    row = reply.json[0] if path.startswith("/rest") else reply.json["items"][0]
    assert isinstance(row, dict)
    return row


# ── who sees what ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/rest/v1/note?select=id&order=id", "/api/note?fields=id&sort=id"])
async def test_each_caller_sees_their_own_rows(api: Served, path: str) -> None:
    def ids(reply: Reply) -> list[int]:
        assert reply.status == 200, reply.body
        rows = reply.json if path.startswith("/rest") else reply.json["items"]
        return [row["id"] for row in rows]

    assert ids(await api.get(path, ANN)) == [1, 3]
    assert ids(await api.get(path, BOB)) == [2]


async def test_graphql_is_decided_by_the_database_as_well(api: Served) -> None:
    reply = await api.post("/graphql", {"query": "{note(order_by: {id: asc}) {id}}"}, BOB)
    assert reply.json == {"data": {"note": [{"id": 2}]}}


async def test_callers_who_share_connections_never_meet(api: Served) -> None:
    async def mine(name: str) -> None:
        for _ in range(25):
            reply = await api.get("/rest/v1/note?select=owner", bearer(sub=name))
            assert {row["owner"] for row in reply.json} == {name}

    await asyncio.gather(*(mine(name) for name in ("ann", "bob") * 6))


async def test_what_is_not_granted_is_in_no_document(api: Served) -> None:
    async def names(headers: dict[str, str] | None) -> set[str]:
        paths = (await api.get("/openapi.json", headers)).json["paths"]
        return {path.split("/")[2] for path in paths if path.startswith("/api/") and path.count("/") == 2}

    assert {"note", "mention", "told"} <= await names(ANN)
    assert "hidden" not in await names(ANN)
    assert "note" not in await names(None)


async def test_columns_are_granted_one_by_one(api: Served) -> None:
    reply = await api.get("/rest/v1/note?select=id,secret", bearer("reader"))
    assert (reply.status, reply.code, reply.json["message"]) == (403, "42501", "permission denied for table note")
    assert (await api.get("/rest/v1/note?select=id,secrit", bearer("reader"))).code == "42703"
    assert (await api.get("/rest/v1/note?select=id,body", bearer("reader"))).status == 200


async def test_a_refusal_is_401_for_who_is_unknown_and_403_for_who_is_known(api: Served) -> None:
    unknown, known = await api.get("/rest/v1/note"), await api.get("/rest/v1/hidden", ANN)
    assert (unknown.status, unknown.code, unknown.json["message"]) == (401, "42501", "permission denied for table note")
    assert unknown.headers["WWW-Authenticate"] == "Bearer"
    assert (known.status, known.code, known.json["message"]) == (403, "42501", "permission denied for table hidden")


async def test_a_grant_is_heard_of(own_world: str, roles: PostgreSQLServer) -> None:
    async with served(own_world, f"database: {{watch: 100ms}}\n{CONFIG}") as api:
        assert (await api.get("/rest/v1/hidden", ANN)).status == 403
        roles.run(own_world.rsplit("/", 1)[1], "GRANT SELECT ON api.hidden TO author")

        async def open_() -> bool:
            return (await api.get("/rest/v1/hidden", ANN)).status == 200

        await eventually(open_)


# ── what a transaction is told ───────────────────────────────────────────────────────────────


async def test_the_transaction_knows_the_request(api: Served) -> None:
    row = await told(api, {**ANN, "X-Flower": "rose", "Cookie": "a=1; b=2"}, "/rest/v1/told?select=*&limit=1")
    assert (row["role"], row["method"], row["path"]) == ("author", "GET", "/told")
    assert row["claims"]["sub"] == "ann"  # type: ignore[index]
    assert row["claims"]["role"] == "author"  # type: ignore[index]
    assert row["headers"]["x-flower"] == "rose"  # type: ignore[index]
    assert "cookie" not in row["headers"]  # type: ignore[operator]
    assert row["cookies"] == {"a": "1", "b": "2"}
    assert (row["search_path"], row["flavour"]) == ('"api", "public"', "vanilla")
    assert (row["isolation"], row["read_only"]) == ("read committed", "on")


async def test_who_brings_no_token_is_the_anonymous_role(api: Served) -> None:
    row = await told(api)
    assert (row["role"], row["claims"]) == ("web_anon", {"role": "web_anon"})


async def test_settings_of_the_role_hold(api: Served) -> None:
    row = await told(api, bearer("careful"))
    assert (row["isolation"], row["statement_timeout"]) == ("serializable", "3s")


async def test_the_resource_api_is_told_its_own_path(api: Served) -> None:
    assert (await told(api, ANN, "/api/told?fields=path"))["path"] == "/api/told"


async def test_a_time_zone_is_preferred(api: Served) -> None:
    assert (await told(api, {"Prefer": "timezone=America/Lima"}))["timezone"] == "America/Lima"
    reply = await api.get("/rest/v1/told", {"Prefer": "timezone=Nowhere/Land"})
    assert (reply.status, reply.code) == (400, "22023")


# ── nothing stays behind ─────────────────────────────────────────────────────────────────────


@pytest.fixture
async def narrow(world: str) -> AsyncIterator[Served]:
    """All requests share one connection."""
    async with served(world, f"database: {{pool: {{max: 1}}, watch: off}}\n{CONFIG}") as found:
        yield found


async def test_what_a_function_sets_for_the_session_does_not_meet_the_next_caller(narrow: Served) -> None:
    await narrow.get("/rest/v1/told", {**ANN, "X-Behind": "something"})
    reply = await narrow.get("/rest/v1/told", BOB)
    assert (reply.status, reply.json[0]["behind"] or None) == (200, None)


async def test_a_role_that_a_function_took_does_not_meet_the_next_caller(narrow: Served) -> None:
    await narrow.get("/rest/v1/told", {**ANN, "X-Become": "web_anon"})
    assert (await told(narrow, BOB))["role"] == "author"


async def test_an_error_leaves_nothing_behind(narrow: Served) -> None:
    await narrow.get("/rest/v1/told", {**ANN, "X-Raise": "plain"})
    row = await told(narrow)
    assert (row["role"], row["claims"]) == ("web_anon", {"role": "web_anon"})


async def test_a_client_that_leaves_leaves_nothing_behind(narrow: Served) -> None:
    going = asyncio.ensure_future(narrow.get("/rest/v1/told", {**ANN, "X-Sleep": "yes"}))
    busy = narrow.running.engine.driver.usage

    async def asking() -> bool:
        return busy()[0].busy == 1

    await eventually(asking)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert (await told(narrow))["role"] == "web_anon"


async def test_nothing_runs_as_nobody(api: Served) -> None:
    engine, author = api.running.engine, Principal(("author",))
    access = engine.snapshot.access(author)
    table = access.scope.table("visit").table
    with pytest.raises(InternalError):
        await engine.answer(engine.snapshot, access, Read(table, outputs(table)), author)


# ── what the database raises and says ────────────────────────────────────────────────────────


async def test_what_is_raised_is_answered(api: Served) -> None:
    reply = await api.get("/rest/v1/told", {"X-Raise": "plain"})
    assert reply.status == 400
    assert reply.json == {"code": "P0001", "message": "not today", "details": "some detail", "hint": "some hint"}


async def test_a_status_is_raised(api: Served) -> None:
    reply = await api.get("/rest/v1/told", {"X-Raise": "status"})
    assert (reply.status, reply.code, reply.json["hint"]) == (402, "PT402", "a card")


async def test_an_answer_is_raised_in_full(api: Served) -> None:
    reply = await api.get("/rest/v1/told", {"X-Raise": "full"})
    assert (reply.status, reply.headers["X-Kettle"]) == (418, "on")
    assert reply.json == {"code": "123", "message": "Full", "details": "D", "hint": "H"}


async def test_what_is_no_answer_is_told(api: Served) -> None:
    reply = await api.get("/rest/v1/told", {"X-Raise": "broken"})
    assert (reply.status, reply.code) == (500, "PGRST121")


async def test_another_api_tells_nothing_of_what_is_raised(api: Served) -> None:
    reply = await api.get("/api/told", {"X-Raise": "plain"})
    assert reply.status in {409, 422}, reply.body
    assert not any(word in reply.body for word in (b"not today", b"some detail", b"some hint"))


async def test_headers_and_a_status_are_set(api: Served) -> None:
    set_ = json.dumps([{"X-Tea": "green"}, {"Content-Location": "/elsewhere"}])
    reply = await api.get("/rest/v1/told", {"X-Set": set_, "X-Status": "202"})
    assert (reply.status, reply.headers["X-Tea"], reply.headers["Content-Location"]) == (202, "green", "/elsewhere")


@pytest.mark.parametrize("text", ["no json", "{}", '[{"a": "b", "c": "d"}]', '[{"a": 1}]', '[{"a": "b\\r\\nc: d"}]'])
async def test_bad_headers_are_told(api: Served, text: str) -> None:
    reply = await api.get("/rest/v1/told", {"X-Set": text})
    assert (reply.status, reply.code) == (500, "PGRST111")


@pytest.mark.parametrize("text", ["many", "99999999", "12"])
async def test_a_bad_status_is_told(api: Served, text: str) -> None:
    reply = await api.get("/rest/v1/told", {"X-Status": text})
    assert (reply.status, reply.code) == (500, "PGRST112")


async def test_changes_are_not_told(api: Served) -> None:
    assert (await api.get("/ws", ANN)).code == "not_supported"


# ── tokens ───────────────────────────────────────────────────────────────────────────────────


async def test_a_role_that_nobody_made(api: Served) -> None:
    reply = await api.get("/rest/v1/told", bearer("nobody"))
    assert (reply.status, reply.code, reply.json["message"]) == (401, "22023", 'role "nobody" does not exist')


async def test_a_role_that_the_login_cannot_take(api: Served) -> None:
    reply = await api.get("/rest/v1/told", bearer("outsider"))
    assert (reply.status, reply.code) == (403, "42501")


async def test_no_token_where_nobody_is_anonymous(world: str) -> None:
    async with served(world, CONFIG.replace("  db_anon_role: web_anon\n", "")) as api:
        reply = await api.get("/rest/v1/told")
        assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "PGRST302", "Bearer")


async def test_a_token_where_there_is_no_key(world: str) -> None:
    async with served(world, "\n".join(line for line in CONFIG.splitlines() if "jwt_secret" not in line)) as api:
        reply = await api.get("/rest/v1/told", ANN)
        assert (reply.status, reply.code) == (500, "PGRST300")


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        ({"Authorization": "Bearer "}, "PGRST301", "Empty JWT is sent in Authorization header"),
        ({"Authorization": "Bearer a.b"}, "PGRST301", "Expected 3 parts in JWT; got 2"),
        (bearer(key="another-key-of-forty-letters-and-no-less"), "PGRST301", "No suitable key or wrong key type"),
        (bearer(exp=1), "PGRST303", "JWT expired"),
        (bearer(nbf=9_999_999_999), "PGRST303", "JWT not yet valid"),
        (bearer(iat=9_999_999_999), "PGRST303", "JWT issued at future"),
        (bearer(exp="tomorrow"), "PGRST303", "The JWT 'exp' claim must be a number"),
        (bearer(exp=None), "PGRST303", "The JWT must have an 'exp' claim"),
    ],
)
async def test_a_token_that_does_not_hold(api: Served, headers: dict[str, str], code: str, message: str) -> None:
    reply = await api.get("/rest/v1/told", headers)
    assert (reply.status, reply.code, reply.json["message"]) == (401, code, message)
    assert reply.headers["WWW-Authenticate"] == f'Bearer error="invalid_token", error_description="{message}"'


# ── who may not decide ───────────────────────────────────────────────────────────────────────


async def refusal(url: str, config: str = CONFIG) -> str:
    with pytest.raises(ConfigError) as refused:
        async with served(url, config):
            pass
    return "\n".join(map(str, refused.value.complaints))


async def test_a_superuser_does_not_serve(world: str) -> None:
    assert "superuser" in await refusal(world.replace("//gatekeeper@", "//postgres@"))


async def test_roles_that_no_rule_binds_are_refused_with_what_mends_it(own_world: str, roles: PostgreSQLServer) -> None:
    database = own_world.rsplit("/", 1)[1]
    for role in ("bypasser", "almighty", "web_anon", "author"):
        roles.run("postgres", f"GRANT {role} TO careless_gatekeeper")
    roles.run(database, "ALTER TABLE api.note OWNER TO author")
    said = await refusal(as_gatekeeper(own_world.replace("//gatekeeper@", "//postgres@"), "careless_gatekeeper"))
    assert 'ALTER ROLE "bypasser" NOBYPASSRLS' in said
    assert 'ALTER ROLE "almighty" NOSUPERUSER' in said
    assert "ALTER TABLE api.note OWNER TO" in said


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("roles: {auther: {limits: {max_rows: 1}}}", "roles.auther"),
        ("graphql: {introspection: [reader, auther]}", "graphql.introspection[1]"),
        ("functions: {add: {allow: auther}}", "functions.add.allow"),
        ("roles: {author: {limits: {max_rows: 1}}}", None),
    ],
)
async def test_a_misspelt_role_of_the_database_refuses_to_start(world: str, said: str, where: str | None) -> None:
    """Its limits, which hold for nobody, would be those of the role that was meant."""
    if where is None:
        async with served(world, f"{CONFIG}{said}\n") as api:
            assert len((await api.get("/rest/v1/note?select=id", ANN)).json) == 1
        return
    told = await refusal(world, f"{CONFIG}{said}\n")
    assert f"{where}: there is no role 'auther'; did you mean 'author'?" in told


async def test_a_role_of_limits_that_the_login_cannot_take_is_told_with_its_grant(world: str) -> None:
    assert 'GRANT "almighty" TO "gatekeeper"' in await refusal(
        world, CONFIG + "roles: {almighty: {limits: {max_rows: 1}}}\n"
    )


@pytest.mark.parametrize("path", ["/rest/v1/told", "/api/told"])
@pytest.mark.parametrize("role", [["author"], [], 5, True, {"a": 1}, "", None])
async def test_who_names_a_role_in_an_odd_way_is_not_the_guest(api: Served, path: str, role: Any) -> None:
    """A list is how other issuers name roles: taken for a claim that is missing, its bearers would be served as somebody else."""
    claims = {"exp": int(time.time()) + 80_000, "sub": "ann", "role": role}
    signed = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    reply = await api.get(path, {"Authorization": f"Bearer {signed}"})
    assert (reply.status, reply.code) == ((401, "22023") if path.startswith("/rest") else (403, "forbidden"))


NAMED = "  allow_unbound_roles: [{}]\n"


async def test_a_role_past_all_rules_is_served_where_the_file_names_it(own_world: str, roles: PostgreSQLServer) -> None:
    """As Supabase's service_role, which its authenticator can take."""
    database = own_world.rsplit("/", 1)[1]
    roles.run("postgres", "GRANT bypasser, web_anon, author TO trusted_gatekeeper")
    roles.run(database, "GRANT USAGE ON SCHEMA api TO bypasser; GRANT SELECT ON api.note TO bypasser")
    url = as_gatekeeper(own_world.replace("//gatekeeper@", "//postgres@"), "trusted_gatekeeper")
    async with served(url, CONFIG + NAMED.format("bypasser")) as api:
        some = (await api.get("/rest/v1/note?select=id", ANN)).json
        every = (await api.get("/rest/v1/note?select=id", bearer("bypasser"))).json
        assert 0 < len(some) < len(every)
    assert "did you mean 'bypasser'?" in await refusal(url, CONFIG + NAMED.format("bypaser"))
    said = await refusal(url, CONFIG + NAMED.format("trusted_gatekeeper"))
    assert 'ALTER ROLE "bypasser" NOBYPASSRLS' in said
    assert "or name it in postgrest.allow_unbound_roles" in said


async def test_a_view_that_shows_rows_past_their_rules_is_told(
    own_world: str, roles: PostgreSQLServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one that asks as its reader, that nobody may read, or whose owner is bound by the rules himself."""
    roles.run(
        own_world.rsplit("/", 1)[1],
        """
        CREATE VIEW api.shown AS SELECT id, body FROM api.note; GRANT SELECT ON api.shown TO reader;
        CREATE VIEW api.parted AS SELECT id, body FROM api.note; GRANT SELECT (id) ON api.parted TO reader;
        CREATE VIEW api.asking WITH (security_invoker = on) AS SELECT id FROM api.note; GRANT SELECT ON api.asking TO reader;
        CREATE VIEW api.unread AS SELECT id FROM api.note;
        CREATE VIEW api.bound AS SELECT id FROM api.note; ALTER VIEW api.bound OWNER TO author; GRANT SELECT ON api.bound TO reader;
        CREATE MATERIALIZED VIEW api.copied AS SELECT id FROM api.note WITH NO DATA; GRANT SELECT ON api.copied TO reader;
        """,
    )
    async with served(own_world, CONFIG, strict=True):
        said = [each.getMessage() for each in caplog.records if "past its row level security" in each.getMessage()]
    named = sorted(re.findall(r"api\.(\w+) reads api\.note", " ".join(said)))
    assert named == ["copied", "parted", "shown"]


async def test_an_anonymous_role_that_is_not_there_is_told(world: str) -> None:
    assert "did you mean 'web_anon'?" in await refusal(world, CONFIG.replace("web_anon", "web_anom"))


# ── functions ────────────────────────────────────────────────────────────────────────────────


async def callable_(api: Served, role: str) -> set[str]:
    snapshot = api.running.engine.snapshot
    return {each.name for each in snapshot.access(Principal((role,))).grants.functions}


async def test_functions_are_closed_unless_they_are_named_and_granted(world: str) -> None:
    async with served(world, CONFIG) as api:
        assert await callable_(api, "author") == set()
    async with served(world, f"functions: {{add: {{allow: [web_anon, author]}}}}\n{CONFIG}") as api:
        assert (await callable_(api, "author"), await callable_(api, "web_anon")) == ({"add"}, set())


async def test_functions_are_open_by_grants_where_that_is_said(world: str) -> None:
    async with served(world, f"{CONFIG}  allow_granted_functions: true\n") as api:
        assert await callable_(api, "author") == {"add", "spread", "begin_request"}
        assert await callable_(api, "web_anon") == {"spread", "begin_request"}


async def test_a_function_that_was_not_granted_is_denied_and_one_that_is_not_opened_is_not_there(world: str) -> None:
    async with served(world, f"{CONFIG}  allow_granted_functions: true\n") as api:
        reply = await api.post("/rest/v1/rpc/add", {"a": 2})
        assert (reply.status, reply.code) == (401, "42501")
        assert (await api.post("/rest/v1/rpc/add", {"a": 2}, ANN)).json == 3
    async with served(world, CONFIG) as api:
        assert (await api.post("/rest/v1/rpc/add", {"a": 2}, ANN)).status == 404


# ── writing ──────────────────────────────────────────────────────────────────────────────────


async def test_a_row_that_a_policy_refuses_is_refused_in_its_words(own_world: str) -> None:
    async with served(own_world, CONFIG) as api:
        own = await api.post("/rest/v1/note", {"id": 10, "body": "x"}, ANN)
        assert own.status == 201
        reply = await api.post("/rest/v1/note", {"id": 11, "body": "x", "owner": "bob"}, ANN)
        assert (reply.status, reply.code) == (403, "42501")
        assert reply.json["message"] == 'new row violates row-level security policy for table "note"'
        assert (await api.get("/rest/v1/note?select=id&order=id", BOB)).json == [{"id": 2}]


async def test_a_transaction_is_rolled_back_where_its_caller_may_say_so(own_world: str) -> None:
    gone, kept = {**ANN, "Prefer": "tx=rollback"}, {**ANN, "Prefer": "tx=commit"}
    async with served(own_world, f"{CONFIG}  db_tx_end: commit-allow-override\n") as api:
        assert (await api.post("/rest/v1/visit", {"what": "gone"}, gone)).status == 201
        assert (await api.post("/rest/v1/visit", {"what": "kept"}, kept)).status == 201
        assert (await api.get("/rest/v1/visit?select=what", ANN)).json == [{"what": "kept"}]
        # What would be refused at the end is refused all the same.
        for headers in (gone, kept):
            reply = await api.post("/rest/v1/child", {"id": 1, "parent": 99}, headers)
            assert (reply.status, reply.code) == (409, "23503")
    async with served(own_world, CONFIG) as api:
        assert (await api.post("/rest/v1/visit", {"what": "kept too"}, gone)).status == 201
        assert len((await api.get("/rest/v1/visit", ANN)).json) == 2


# ── what else the section says ───────────────────────────────────────────────────────────────


async def test_a_page_of_any_origin_may_call_where_that_is_said(world: str) -> None:
    page = {"Origin": "https://app.example"}
    asking = {**page, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "X-Own"}
    async with served(world, CONFIG) as api:
        assert "Access-Control-Allow-Origin" not in (await api.get("/rest/v1/told", page)).headers
        assert (await api.request("OPTIONS", "/rest/v1/told", asking)).status == 403
    async with served(world, CONFIG + "  server_cors_allowed_origins: ['*']\n") as api:
        assert (await api.get("/rest/v1/told", page)).headers["Access-Control-Allow-Origin"] == "*"
        reply = await api.request("OPTIONS", "/rest/v1/told", asking)
        assert (reply.status, reply.headers["Access-Control-Max-Age"]) == (200, "86400")
        assert "X-Own" in reply.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Origin" not in (await api.get("/api/told", page)).headers


async def test_pages_of_any_origin_call_nothing_else_at_the_root_of_all(world: str) -> None:
    page = {"Origin": "https://app.example"}
    async with served(world, f"{CONFIG}  path: /\n  server_cors_allowed_origins: ['*']\n") as api:
        assert (await api.get("/told", page)).headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Origin" not in (await api.get("/api/told", page)).headers
        assert (await api.post("/api/visit", {"what": "x"}, page)).code == "origin_refused"


async def test_a_header_is_repeated_and_errors_are_terse_where_that_is_said(world: str) -> None:
    async with served(world, f"{CONFIG}  server_trace_header: X-Trace\n  client_error_verbosity: minimal\n") as api:
        reply = await api.get("/rest/v1/told", {"X-Trace": "t-1", "X-Raise": "plain"})
        assert (reply.headers["X-Trace"], reply.json) == ("t-1", {"code": "P0001", "message": "not today"})


async def test_the_api_may_stand_at_the_root_of_all(world: str) -> None:
    async with served(world, f"{CONFIG}  path: /\n") as api:
        assert (await api.get("/told")).json[0]["path"] == "/told"
        assert (await api.get("/api/told")).status == 200
        assert (await api.get("/health/live")).status == 200


async def test_statements_need_not_be_prepared(world: str) -> None:
    async with served(world, f"{CONFIG}  db_prepared_statements: false\n") as api:
        assert (await told(api, ANN))["role"] == "author"
