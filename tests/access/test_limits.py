"""How often, how many and how much: what a role's limits say holds at every API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.config.rates import Rate
from server.rates import BUCKETS, Buckets, network_of
from tests.access.test_masks import bearer
from tests.apis.realtime.following import connected
from tests.bookshops import KINDS, Databases
from tests.changes.capturing import with_changes
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET
from tests.servers import RedisServer

CONFIG = f"""
postgrest: {{allow_unfiltered_writes: true}}
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles:
  guest: {{limits: {{rate: 3/h}}}}
  user: {{extends: guest, limits: {{rate: 5/h}}}}
  free: {{}}
  little: {{extends: free, limits: {{max_rows: 2}}}}
  writer: {{limits: {{max_affected: 2}}}}
  thrifty: {{limits: {{cost: 50}}}}
  short: {{limits: {{bytes: 1KiB, max_rows: 2}}}}
tables:
  team: {{allow: {{guest: {{read: true}}, free: {{read: true}}, writer: {{read: true, create: true, update: true, delete: true}}, thrifty: {{read: true, update: true, delete: true}}, short: {{read: true}}}}}}
  note: {{allow: {{writer: {{read: true}}, free: {{read: true}}, thrifty: {{read: true}}}}}}
"""
SCHEMA = """
CREATE TABLE team (id INTEGER PRIMARY KEY, name VARCHAR(40));
CREATE TABLE note (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES team (id));
INSERT INTO team VALUES (1, 'a'), (2, 'b'), (3, 'c');
"""
WRITER, THRIFTY, FREE = bearer("writer"), bearer("thrifty"), bearer("free")
BACK = {"Prefer": "return=representation"}


@pytest.fixture(scope="session")
def teams(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases that nobody writes into."""
    return {kind: databases.database(kind, SCHEMA) for kind in KINDS}


@pytest.fixture
async def api(kind: DatabaseKind, teams: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(teams[kind], CONFIG) as running:
        yield running


async def statuses(api: Served, count: int, headers: Mapping[str, str] | None = None) -> list[int]:
    return [(await api.get("/api/team", headers)).status for _ in range(count)]


# ── rate ─────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_asks_too_often_is_told_when_to_ask_again(api: Served) -> None:
    first = await api.get("/api/team")
    assert (first.status, first.headers["RateLimit-Policy"]) == (200, '"default";q=3;w=3600')
    assert first.headers["RateLimit"].startswith('"default";r=2;t=')
    assert await statuses(api, 2) == [200, 200]
    refused = await api.get("/api/team")
    assert (refused.status, refused.code) == (429, "rate_exceeded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 1200
    assert refused.headers["RateLimit"].startswith('"default";r=0;t=')
    rest = await api.get("/rest/v1/team")
    assert (rest.status, rest.json["code"]) == (429, "rate_exceeded")
    assert (await api.post("/graphql", {"query": "{team {id}}"})).status == 429
    assert (await api.get("/health/live")).status == 200
    assert (await api.request("OPTIONS", "/api/team", {"Origin": "https://x.example"})).status != 200


async def test_a_subject_has_a_bucket_of_its_own_wherever_it_calls_from(api: Served) -> None:
    assert await statuses(api, 6, bearer("user", subject="7")) == [200] * 5 + [429]
    assert await statuses(api, 1, bearer("user", subject="8")) == [200]
    assert await statuses(api, 1) == [200]
    assert await statuses(api, 1, bearer("user", subject="7")) == [429]  # another token of the same subject


async def test_a_write_that_answers_nothing_costs_no_rows(api: Served) -> None:
    for method, body in (("PATCH", {"name": "z"}), ("DELETE", None)):
        written = await api.request(method, "/rest/v1/team?id=eq.99", THRIFTY, json=body)
        assert written.status == 204, written.body
    assert (await api.get("/rest/v1/team", THRIFTY)).status == 400


async def test_credentials_that_do_not_hold_are_counted_with_those_of_guests(api: Served) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    assert await statuses(api, 4, wrong) == [401, 401, 401, 429]
    assert await statuses(api, 1) == [429]
    assert await statuses(api, 1, bearer("user", subject="9")) == [200]


async def test_a_forwarded_address_is_no_other_address(api: Served) -> None:
    found = [await statuses(api, 1, {"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(5)]
    assert found == [[200], [200], [200], [429], [429]]


async def test_who_has_no_rate_is_not_counted(api: Served) -> None:
    assert await statuses(api, 8, FREE) == [200] * 8
    assert "RateLimit" not in (await api.get("/api/team", FREE)).headers
    both = bearer("user", "free", subject="10")  # the most generous of both holds
    assert await statuses(api, 8, both) == [200] * 8


async def test_operations_of_a_batch_are_counted_one_by_one(api: Served) -> None:
    headers = bearer("user", subject="11")
    asked = [{"query": "{team {id}}"}] * 3
    assert (await api.post("/graphql", asked, headers)).status == 200
    refused = await api.post("/graphql", asked, headers)
    assert refused.status == 429
    assert refused.json["errors"][0]["extensions"]["code"] == "rate-limit-exceeded"


async def test_frames_of_a_socket_are_counted(api: Served) -> None:
    async with connected(api, bearer("user", subject="12")) as client:
        told = [(await client.ask(type="ping"))["type"] for _ in range(5)]
        assert told == ["pong"] * 4 + ["error"]
        assert (await client.ask(type="ping"))["code"] == "rate_exceeded"


async def test_servers_of_one_database_count_together_in_redis_and_alone_without(
    kind: DatabaseKind, teams: Mapping[DatabaseKind, str], redis_server: RedisServer
) -> None:
    redis_server.clear()
    shared = f"redis: {{url: '{redis_server.url(5)}'}}\n{CONFIG}"
    headers = bearer("user", subject="13")
    async with served(teams[kind], shared) as one, served(teams[kind], shared) as two:
        assert await statuses(one, 3, headers) + await statuses(two, 3, headers) == [200] * 5 + [429]
        assert await statuses(one, 1, headers) == [429]
    away = f"redis: {{url: 'redis://127.0.0.1:1/0'}}\n{CONFIG}"
    async with served(teams[kind], away) as one:
        assert await statuses(one, 6, headers) == [200] * 5 + [429]


def test_a_bucket_fills_evenly_and_never_beyond_its_rate() -> None:
    now = [0.0]
    buckets, rate = Buckets(lambda: now[0]), Rate(60, 60)
    assert all(buckets.take("a", rate, 1).granted for _ in range(60))
    refused = buckets.take("a", rate, 1)
    assert (refused.granted, refused.left, refused.wait, refused.filled) == (False, 0, 1, 60)
    now[0] = 2.5
    assert [buckets.take("a", rate, 1).granted for _ in range(3)] == [True, True, False]
    now[0] = 1000.0
    assert buckets.take("a", rate, 1).left == 59
    assert not buckets.take("a", rate, 60).granted
    assert buckets.take("b", rate, 1).left == 59


def test_a_look_takes_no_room_and_what_is_given_back_is_no_more_than_was_there() -> None:
    now = [0.0]
    buckets, rate = Buckets(lambda: now[0]), Rate(2, 60)
    assert (buckets.look("a", rate).left, len(buckets)) == (2, 0)
    buckets.give_back("a", rate, 1)
    assert len(buckets) == 0
    buckets.take("a", rate, 2)
    assert (buckets.look("a", rate).granted, buckets.look("a", rate).wait) == (False, 30)
    buckets.give_back("a", rate, 1)
    assert (buckets.look("a", rate).granted, buckets.look("a", rate).left) == (True, 1)
    now[0] = 30.0
    assert buckets.look("a", rate).left == 2
    now[0] = 0.0
    buckets.give_back("a", rate, 5)
    assert [buckets.take("a", rate, 1).granted for _ in range(3)] == [True, True, False]


def test_buckets_are_bounded_and_a_customer_of_ipv6_has_one() -> None:
    buckets = Buckets(lambda: 0.0)
    for number in range(BUCKETS + 10):
        buckets.take(str(number), Rate(1, 1), 1)
    assert len(buckets) == BUCKETS
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") == "10.0.0.1"


# ── rows that are written ────────────────────────────────────────────────────────────────────


@pytest.fixture
async def own_api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(kind, SCHEMA), CONFIG) as running:
        yield running


async def names(api: Served) -> list[str]:
    return [row["name"] for row in (await api.get("/rest/v1/team?order=id", WRITER)).json]


async def test_no_more_rows_are_written_than_may_be(own_api: Served) -> None:
    api, rows = own_api, [{"id": number, "name": "new"} for number in (4, 5, 6)]
    for reply in (
        await api.patch("/rest/v1/team", {"name": "x"}, WRITER),
        await api.delete("/rest/v1/team", WRITER),
        await api.post("/rest/v1/team", rows, WRITER),
        await api.patch("/rest/v1/team", {"name": "x"}, {**WRITER, "Prefer": "handling=strict, max-affected=9"}),
    ):
        assert (reply.status, reply.json["code"]) == (400, "PGRST124"), reply.body
    many = await api.post("/api/team", rows, WRITER)
    assert (many.status, many.code) == (422, "too_many_affected")
    fields = " ".join(f"t{number}: insert_team_one(object: {{id: {number}}}) {{id}}" for number in (4, 5, 6))
    refused = await api.post("/graphql", {"query": f"mutation {{{fields}}}"}, WRITER)
    assert refused.json["errors"][0]["extensions"]["code"] == "limit-exceeded"
    assert await names(api) == ["a", "b", "c"]
    changed = await api.patch("/rest/v1/team?id=lte.2", {"name": "x"}, {**WRITER, **BACK})
    assert (changed.status, len(changed.json)) == (200, 2)
    assert (await api.post("/api/team", rows[:2], WRITER)).status == 201
    assert (await api.delete("/rest/v1/team?id=gte.4", WRITER)).status == 204
    strict = {**WRITER, "Prefer": "handling=strict, max-affected=1"}
    assert (await api.delete("/rest/v1/team?id=gte.2", strict)).json["code"] == "PGRST124"
    assert await names(api) == ["x", "x", "c"]


# ── what a socket is told first ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_the_first_rows_of_a_subscription_are_within_the_limits_of_the_role(
    databases: Databases, kind: DatabaseKind
) -> None:
    url = databases.database(kind, SCHEMA.replace("'a'", f"'{'a' * 3000}'").replace("(40)", "(4000)"))
    async with with_changes(url), served(url, CONFIG) as api, connected(api, bearer("short")) as client:
        await client.follow("team", initial=True)
        refused = await client.next()
        assert (refused["type"], refused["code"]) == ("error", "answer_too_large")
        await client.follow("team", id_="2", columns=["id"], initial=True)
        first = await client.next()
        assert ([row["id"] for row in first["items"]], first["more"]) == ([1, 2], True)


# ── what a question could bring ──────────────────────────────────────────────────────────────


async def test_the_cost_of_a_question_is_that_of_all_its_levels(api: Served) -> None:
    assert (await api.get("/rest/v1/team?select=*,note(*)&limit=10&note.limit=4", THRIFTY)).status == 200
    dear = await api.get("/rest/v1/team?select=*,note(*)&limit=10&note.limit=5", THRIFTY)
    assert (dear.status, dear.json["code"]) == (400, "PGRST100")
    assert (await api.get("/rest/v1/team?select=*,note(*)&limit=10&note.limit=5", FREE)).status == 200
    query: Any = {"query": "{team(limit: 10) {id note(limit: 5) {id}}}"}
    graph = await api.post("/graphql", query, THRIFTY)
    assert graph.json["errors"][0]["extensions"]["code"] == "limit-exceeded"
    assert "errors" not in (await api.post("/graphql", query, FREE)).json
    assert (await api.get("/api/team?include=note", THRIFTY)).code == "limit_exceeded"
    assert (await api.get("/api/team?limit=100", THRIFTY)).json["page"]["limit"] == 50


# ── whose limits ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/rest/v1/team", "/rest/v1/team?id=gt.0", "/rest/v1/team?id=gt.0&select=id", "/api/team?limit=3"]
)
async def test_roles_that_see_the_same_keep_their_own_limits(api: Served, path: str) -> None:
    """`little` extends `free`, so that it may do what both may together: only its limits are other ones."""
    both, alone = bearer("free", "little"), bearer("little")
    found = []
    for headers in (both, alone, both):
        answer = await api.get(path, headers)
        assert answer.status in {200, 422}
        found.append(None if answer.status == 422 else len(answer.json if "rest" in path else answer.json["items"]))
    assert found[0] == found[2] == 3
    assert found[1] in {2, None}
