"""A request may ask for one of its caller's roles, at every API and when a socket is opened, and for no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from multidict import CIMultiDict

from reflector.catalog.model import DatabaseKind
from tests.access.test_masks import bearer
from tests.apis.realtime.following import connected
from tests.bookshops import KINDS, Databases
from tests.changes.capturing import with_changes, writer
from tests.server.harness import Reply, Served, served
from tests.server.test_jwt import SECRET

ADMIN = "an administrator's secret of these tests"
CONFIG = f"""
server: {{cors: {{origins: ["https://page.example"]}}}}
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
  admin_role: admin
  admin_secret: {ADMIN}
roles: {{guest: {{}}, clerk: {{extends: guest}}, boss: {{extends: guest}}, admin: {{}}}}
tables:
  note:
    cache: {{ttl: 1h}}
    allow:
      guest: {{read: id == 1, columns: [id]}}
      clerk: {{read: id <= 2}}
      boss: {{read: true, columns: [id, secret]}}
"""
SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, title VARCHAR(40), secret VARCHAR(40));
INSERT INTO note VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z');
"""
BOTH = bearer("clerk", "boss")
NAMES = ("X-Role", "X-Hasura-Role")


@pytest.fixture(scope="session")
def notes(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases that nobody writes into."""
    return {kind: databases.database(kind, SCHEMA) for kind in KINDS}


@pytest.fixture
async def api(kind: DatabaseKind, notes: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(notes[kind], CONFIG) as running:
        yield running


async def ids(api: Served, headers: Mapping[str, str]) -> list[list[int]]:
    """The rows that are seen by each API."""
    plain = (await api.get("/api/note", headers)).json["items"]
    rest = (await api.get("/rest/v1/note", headers)).json
    graph = (await api.post("/graphql", {"query": "{note(order_by: {id: asc}) {id}}"}, headers)).json["data"]["note"]
    return [[row["id"] for row in rows] for rows in (plain, rest, graph)]


@pytest.mark.parametrize("name", NAMES)
async def test_the_role_that_is_asked_for_holds_alone(api: Served, name: str) -> None:
    assert await ids(api, BOTH) == [[1, 2, 3]] * 3
    for _ in range(2):  # what is kept of one role is not answered to the other
        assert await ids(api, {**BOTH, name: "clerk"}) == [[1, 2]] * 3
        assert (await api.get("/api/note/2", {**BOTH, name: "boss"})).json == {"id": 2, "secret": "y"}
        assert (await api.get("/api/note/2", {**BOTH, name: "clerk"})).json == {"id": 2, "title": "b", "secret": "y"}
    document = (await api.get("/openapi.json", {**BOTH, name: "boss"})).json
    assert "title" not in document["components"]["schemas"]["Note"]["properties"]


async def everywhere(api: Served, headers: Mapping[str, str]) -> list[Reply]:
    return [
        await api.get("/api/note", headers),
        await api.get("/rest/v1/note", headers),
        await api.post("/graphql", {"query": "{note {id}}"}, headers),
        await api.get("/openapi.json", headers),
    ]


@pytest.mark.parametrize("role", ["admin", "nosuch", "", "guest", "clerk,boss"])
async def test_a_role_that_the_caller_has_not_is_refused_whether_it_exists_or_not(api: Served, role: str) -> None:
    plain, rest, graph, document = await everywhere(api, {**BOTH, "X-Role": role})
    assert (plain.status, plain.code) == (403, "forbidden")
    assert (rest.status, rest.json["code"]) == (403, "42501")
    assert graph.json["errors"][0]["extensions"]["code"] == "access-denied"
    assert document.status == 403
    others = await everywhere(api, {**BOTH, "X-Role": "nobody-has-it"})
    assert [each.json.get("detail") for each in (plain, document)] == [
        each.json.get("detail") for each in (others[0], others[3])
    ]


async def test_several_roles_are_refused(api: Served) -> None:
    differ = {**BOTH, "X-Role": "clerk", "X-Hasura-Role": "boss"}
    assert [reply.status for reply in await everywhere(api, differ)] == [400] * 4
    assert (await api.get("/api/note", differ)).code == "ambiguous_role"
    assert await ids(api, {**BOTH, "X-Role": "clerk", "X-Hasura-Role": "clerk"}) == [[1, 2]] * 3
    twice = [*BOTH.items(), ("X-Role", "clerk"), ("X-Role", "clerk")]
    async with api.session.get(f"{api.base}/api/note", headers=CIMultiDict(twice)) as reply:
        assert reply.status == 400


async def test_who_carries_no_credential_has_the_role_of_guests_and_no_other(api: Served) -> None:
    assert (await api.get("/api/note", {"X-Role": "guest"})).json["items"] == [{"id": 1}]
    assert (await api.get("/api/note", {"X-Role": "clerk"})).status == 403


async def test_an_administrator_may_take_any_role_that_there_is(api: Served) -> None:
    admin = {"X-Reflector-Admin-Secret": ADMIN}
    assert await ids(api, {**admin, "X-Role": "clerk"}) == [[1, 2]] * 3
    assert await ids(api, {**admin, "X-Hasura-Role": "boss"}) == [[1, 2, 3]] * 3
    assert (await api.get("/api/note", {**admin, "X-Role": "nosuch"})).status == 403
    assert (await api.get("/metrics", admin)).status == 200
    assert (await api.get("/metrics", {**admin, "X-Role": "clerk"})).status in (403, 404)


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_a_socket_is_opened_under_the_role_that_is_asked_for(databases: Databases, kind: DatabaseKind) -> None:
    url = databases.database(kind, SCHEMA)
    async with with_changes(url):
        write = writer(url, databases.postgresql)
        async with served(url, CONFIG) as api:
            async with connected(api, {**BOTH, "X-Role": "boss"}) as client:
                await client.follow("note")
                write("INSERT INTO note VALUES (4, 'd', 's')")
                (told,) = await client.changes(1)
                assert told["new"] == {"id": 4, "secret": "s"}
            for wrong in ({"X-Role": "admin"}, {"X-Role": "clerk", "X-Hasura-Role": "boss"}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with connected(api, {**BOTH, **wrong}):
                        pass
                assert refused.value.status == (403 if len(wrong) == 1 else 400)


async def test_pages_may_send_the_headers_and_proxies_are_told_of_them(api: Served) -> None:
    asked = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-role,x-hasura-role",
    }
    for path in ("/api/note", "/graphql", "/rest/v1/note"):
        allowed = (await api.request("OPTIONS", path, asked)).headers["Access-Control-Allow-Headers"]
        assert {"x-role", "x-hasura-role"} <= set(allowed.lower().replace(" ", "").split(","))
    assert "X-Role, X-Hasura-Role" in (await api.get("/api/note")).headers["Vary"]
