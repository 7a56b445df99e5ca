"""How many rows there are in all: counted, or guessed where a guess tells of nothing that its reader may not see."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from reflector.catalog.model import DatabaseKind
from server.apis.postgrest.counting import expected_by_mariadb, expected_by_postgresql
from tests.apis.postgrest.native import MAKE_ROLES, SECRET
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

POSTGRESQL, MARIADB, SQLITE = DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE
ROWS = 3000
TABLES = """
CREATE TABLE item (id integer PRIMARY KEY, owner integer NOT NULL, email varchar(40));
CREATE TABLE part (id integer PRIMARY KEY, item_id integer REFERENCES item (id));
CREATE VIEW shown AS SELECT id, owner FROM item;
"""
SCRIPT = {
    POSTGRESQL: f"""{TABLES}
INSERT INTO item SELECT n, n % 10, 'boss@x' FROM generate_series(1, {ROWS}) n;
ANALYZE item;
DELETE FROM item WHERE id > {ROWS // 2};
""",
    MARIADB: f"""{TABLES}
INSERT INTO item SELECT seq, seq % 10, 'boss@x' FROM seq_1_to_{ROWS};
ANALYZE TABLE item;
""",
    SQLITE: f"""{TABLES}
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})
INSERT INTO item SELECT n, n % 10, 'boss@x' FROM s;
""",
}
EXACT = {POSTGRESQL: ROWS // 2, MARIADB: ROWS, SQLITE: ROWS}
"""Half of the rows went after the planner last looked at PostgreSQL's."""
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}, owner: {{}}, half: {{}}}}
tables:
  part: {{allow: {{guest: {{read: true}}}}}}
  shown: {{allow: {{guest: {{read: true}}}}}}
  item:
    cache: {{ttl: 1h}}
    allow:
      guest: {{read: true}}
      owner: {{read: owner == claims.sub}}
      half: {{read: true, columns: [id, owner]}}
"""
ALLOWED = "  allow_estimated_counts: true\n"
BOTH = ("planned", "estimated")


@pytest.fixture(scope="module")
def items(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {kind: databases.database(kind, script) for kind, script in SCRIPT.items()}


def configured(most: int = 50, allowed: str = ALLOWED) -> str:
    return f"limits: {{rows: 10000}}\npostgrest:\n  db_max_rows: {most}\n{allowed}{RULES}"


def token(*roles: str, sub: int = 3) -> dict[str, str]:
    claims = {"role": list(roles), "sub": sub, "exp": int(time.time()) + 86_400}
    return {"Authorization": "Bearer " + jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))}


async def asked(api: Served, count: str, query: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    path = query if query.startswith("/") else f"/item?select=id{query}"
    reply = await api.get(f"/rest/v1{path}", {"Prefer": f"count={count}", **(headers or {})})
    assert reply.headers["Preference-Applied"] == f"count={count}"
    return reply


async def total(api: Served, count: str, query: str = "", headers: Mapping[str, str] | None = None) -> tuple[int, int]:
    """Status, and what Content-Range says of the total."""
    reply = await asked(api, count, query, headers)
    return reply.status, int(reply.headers["Content-Range"].partition("/")[2])


async def test_everything_is_counted_unless_a_setting_says_so(
    kind: DatabaseKind, items: Mapping[DatabaseKind, str]
) -> None:
    async with served(items[kind], configured(allowed="")) as api:
        for count in BOTH:
            assert await total(api, count, "&limit=5") == (206, EXACT[kind])


async def test_a_table_that_is_seen_whole_is_guessed(kind: DatabaseKind, items: Mapping[DatabaseKind, str]) -> None:
    async with served(items[kind], configured()) as api:
        assert await total(api, "exact", "&limit=5") == (206, EXACT[kind])
        for count in BOTH:
            for _ in range(2):
                status, told = await total(api, count, "&limit=5")
                assert status == 206
                assert told == ROWS if kind is not MARIADB else abs(told - ROWS) < ROWS // 5
                if kind is SQLITE:
                    assert told == EXACT[kind]
        _, filtered = await total(api, "planned", "&owner=eq.3&limit=1")
        if kind is POSTGRESQL:
            assert abs(filtered - ROWS // 10) < ROWS // 20
        # No more rows are shown than are told of, and a page is not beyond what is there.
        status, told = await total(api, "planned", "&id=lte.7")
        assert (status in {200, 206}, told >= 7) == (True, True)
        status, told = await total(api, "planned", f"&id=not.is.null&email=in.(boss@x,{'x' * 30})&offset=1400&limit=9")
        assert (status, told >= 1409) == (206, True)


async def test_as_many_as_an_answer_may_hold_are_counted(kind: DatabaseKind, items: Mapping[DatabaseKind, str]) -> None:
    exact = EXACT[kind]
    async with served(items[kind], configured(exact)) as api:
        assert await total(api, "estimated", "&limit=1") == (206, exact)
        assert await total(api, "estimated", "&id=lte.7") == (200, 7)
        assert await total(api, "estimated", "&id=lte.7&email=eq.nobody@x") == (200, 0)
    async with served(items[kind], configured(exact - 1)) as api:
        _, told = await total(api, "estimated", "&limit=1")
        assert told == ROWS if kind is not MARIADB else told >= exact


async def test_what_hidden_rows_hold_does_not_show(kind: DatabaseKind, items: Mapping[DatabaseKind, str]) -> None:
    both = token("half", "owner")
    async with served(items[kind], configured()) as api:
        for count in BOTH:
            assert await total(api, count, "&limit=1", token("owner")) == (206, EXACT[kind] // 10)
            for email in ("boss@x", "nobody@x"):
                assert await total(api, count, f"&email=eq.{email}&id=gt.{ROWS * 2}", token("owner")) == (200, 0)
            # Of the mails such a caller sees those of some rows alone.
            assert await total(api, count, "&email=eq.boss@x&limit=1", both) == (206, EXACT[kind] // 10)
            assert await total(api, count, "/item?select=id,part!inner(id)&limit=1") == (200, 0)
            assert await total(api, count, "/shown?select=id&limit=1") == (206, EXACT[kind])
        if kind is POSTGRESQL:
            assert await total(api, "planned", "&limit=1", both) == (206, ROWS)


async def test_a_guess_is_not_kept(items: Mapping[DatabaseKind, str]) -> None:
    async with served(items[POSTGRESQL], configured()) as api:
        for _ in range(2):
            for count, found in (("planned", ROWS), ("exact", EXACT[POSTGRESQL]), ("estimated", ROWS)):
                reply = await asked(api, count, "&limit=5")
                assert reply.headers["Content-Range"] == f"0-4/{found}"
                assert ("ETag" in reply.headers) is (count == "exact")
        head = await api.request("HEAD", "/rest/v1/item?limit=5", {"Prefer": "count=planned"})
        assert (head.status, head.headers["Content-Range"]) == (206, f"0-4/{ROWS}")


async def test_row_security_of_the_database_is_not_guessed_around(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    postgresql_server.run("postgres", MAKE_ROLES)
    script = SCRIPT[POSTGRESQL] + "GRANT SELECT ON item TO web_anon;"
    secured = "ALTER TABLE item ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON item USING (owner = 3);"
    config = f"auth: {{enforce: database}}\npostgrest:\n  db_max_rows: 50\n  db_anon_role: web_anon\n{ALLOWED}"
    for more, found in (("", ROWS), (secured, EXACT[POSTGRESQL] // 10)):
        url = databases.database(POSTGRESQL, script + more).replace("//postgres@", "//gatekeeper@")
        async with served(url, config) as api:
            for count in BOTH:
                assert await total(api, count, "&limit=1") == (206, found)


def test_the_rows_of_a_plan_are_those_that_are_gathered() -> None:
    page = {"Node Type": "Seq Scan", "Subplan Name": "CTE page", "Plan Rows": 70}
    assert expected_by_postgresql({"Node Type": "Result", "Plan Rows": 1, "Plans": [{"Plan Rows": 9}, page]}) == 70
    assert expected_by_postgresql({"Node Type": "Aggregate", "Plan Rows": 1, "Plans": [{"Plan Rows": 9}]}) == 9
    assert expected_by_postgresql({"Node Type": "Result", "Plan Rows": 0}) == 0
    block = {"query_block": {"nested_loop": [{"table": {"rows": 300, "filtered": 10.5}}]}}
    assert expected_by_mariadb([block]) == 32
    assert expected_by_mariadb([{"query_block": {"table": {"message": "Impossible WHERE"}}}]) == 0
