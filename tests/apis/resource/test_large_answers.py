"""`limits.bytes`: a larger answer is refused in one way on every database, and the server does not hold it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served
from tests.server.test_jwt import token

TEXTS = {DatabaseKind.POSTGRESQL: "text", DatabaseKind.MARIADB: "longtext", DatabaseKind.SQLITE: "text"}
FILL = {
    DatabaseKind.POSTGRESQL: "INSERT INTO huge SELECT n, repeat('é', 100000) FROM generate_series(1, 100) AS n;"
    "INSERT INTO note SELECT n, 1, repeat('n', 20000) FROM generate_series(1, 100) AS n;",
    DatabaseKind.MARIADB: "INSERT INTO huge SELECT seq, repeat('é', 100000) FROM seq_1_to_100;"
    "INSERT INTO note SELECT seq, 1, repeat('n', 20000) FROM seq_1_to_100;",
    DatabaseKind.SQLITE: "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100)"
    " INSERT INTO huge SELECT n, replace(hex(zeroblob(50000)), '0', 'é') FROM s;"
    "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100)"
    " INSERT INTO note SELECT n, 1, hex(zeroblob(10000)) FROM s;",
}
SECRET = "a secret of thirty-two bytes at least"
CONFIG = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
limits: {{bytes: 1MiB}}
roles: {{guest: {{}}, poor: {{limits: {{bytes: 64KiB}}}}, rich: {{limits: {{bytes: 64MiB}}}}}}
tables: {{"*": {{allow: {{guest: {{read: true}}, poor: {{read: true}}, rich: {{read: true}}}}}}}}
"""


@pytest.fixture(scope="session")
def huge(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Twenty megabytes of rows, and two megabytes that belong to one of them."""
    return {
        kind: databases.database(
            kind,
            f"CREATE TABLE huge (id integer PRIMARY KEY, body {TEXTS[kind]} NOT NULL);"
            f"CREATE TABLE note (id integer PRIMARY KEY, huge_id integer NOT NULL, body {TEXTS[kind]} NOT NULL,"
            f" FOREIGN KEY (huge_id) REFERENCES huge (id)); {FILL[kind]}",
        )
        for kind in KINDS
    }


@pytest.fixture
async def shop(kind: DatabaseKind, huge: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(huge[kind], "limits: {bytes: 1MiB}\ndatabase: {pool: {max: 2}}", writable=True) as api:
        yield api


async def test_a_larger_answer_is_refused_with_a_way_out(shop: Served) -> None:
    refused = await shop.get("/api/huge")
    assert (refused.status, refused.code) == (422, "answer_too_large")
    assert "smaller limit" in refused.json["errors"][0]["hint"]
    fewer = await shop.get("/api/huge?limit=4")
    assert (fewer.status, len(fewer.json["items"])) == (200, 4)
    assert len((await shop.get("/api/huge?fields=id")).json["items"]) == 100


async def test_so_is_one_row_with_what_belongs_to_it(shop: Served) -> None:
    assert (await shop.get("/api/huge/1?include=note")).code == "answer_too_large"
    assert (await shop.get("/api/huge?limit=1&include=note")).code == "answer_too_large"
    assert (await shop.get("/api/huge/1?include=note&fields=id,note.id")).status == 200


async def test_refusals_leave_the_connections_fit_for_use(shop: Served) -> None:
    for _ in range(6):
        assert (await shop.get("/api/huge")).code == "answer_too_large"
        assert (await shop.get("/api/huge/2")).status == 200
    for columns in ("id", "body", "huge_id", "huge_id,id", "id,body"):  # a little too much, and then what is new
        assert (await shop.get("/api/note?limit=54")).code == "answer_too_large"
        assert (await shop.get(f"/api/note?limit=3&fields={columns}")).status == 200


async def test_graphql_is_refused_alike(shop: Served) -> None:
    refused = (await shop.post("/graphql", {"query": "{ huge { id body } }"})).json
    assert refused["errors"][0]["extensions"]["code"] == "limit-exceeded"
    together = "{ " + " ".join(f"a{n}: huge(limit: 3, offset: {n}) {{ id body }}" for n in range(4)) + " }"
    refused = (await shop.post("/graphql", {"query": together})).json
    assert refused["errors"][0]["extensions"]["code"] == "limit-exceeded"
    fewer = (await shop.post("/graphql", {"query": "{ huge(limit: 2) { id body } }"})).json
    assert len(fewer["data"]["huge"]) == 2


async def test_a_write_whose_answer_is_larger_is_taken_back(shop: Served) -> None:
    before = (await shop.get("/api/huge/3")).body
    refused = await shop.patch("/api/note/7?include=huge.note", {"huge_id": 3, "body": "another"})
    assert refused.status == 200
    refused = await shop.patch("/api/note/7?include=huge.note", {"huge_id": 1, "body": "a third"})
    assert (refused.status, refused.code) == (422, "answer_too_large")
    assert (await shop.get("/api/note/7")).json == {"id": 7, "huge_id": 3, "body": "another"}
    assert (await shop.get("/api/huge/3")).body == before
    made = await shop.patch("/api/note/7", {"huge_id": 1, "body": "n" * 20000})
    assert made.status == 200


async def test_the_server_never_holds_what_it_refuses(shop: Served) -> None:
    assert (await shop.get("/api/huge")).status == 422
    tracemalloc.start()
    try:
        assert (await shop.get("/api/huge")).status == 422
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * 1024**2


async def test_each_role_has_its_own_limit(kind: DatabaseKind, huge: Mapping[DatabaseKind, str]) -> None:
    def bearer(role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token({'exp': time.time() + 60, 'role': role}, key=SECRET)}"}

    async with served(huge[kind], CONFIG) as api:
        assert (await api.get("/api/huge?limit=4")).status == 200
        assert (await api.get("/api/huge")).code == "answer_too_large"
        assert (await api.get("/api/huge?limit=1", bearer("poor"))).code == "answer_too_large"
        assert (await api.get("/api/huge?fields=id", bearer("poor"))).status == 200
        if kind is not DatabaseKind.MARIADB:  # the server's own max_allowed_packet comes first there
            assert len((await api.get("/api/huge", bearer("rich"))).body) > 20_000_000
