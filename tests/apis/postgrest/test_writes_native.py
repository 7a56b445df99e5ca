"""Writes where PostgreSQL decides: its grants, its row rules and its words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import CONFIG, MAKE_ROLES, SCRIPT, bearer
from tests.apis.postgrest.workshop import fault, rows, send
from tests.bookshops import Databases
from tests.server.harness import Served, served
from tests.servers import PostgreSQLServer

ROWS = "return=representation"
ANN, BOB, READER = bearer(sub="ann"), bearer(sub="bob"), bearer("reader")


@pytest.fixture
async def api(postgresql_server: PostgreSQLServer, databases: Databases) -> AsyncIterator[Served]:
    postgresql_server.run("postgres", MAKE_ROLES)
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT).replace("//postgres@", "//gatekeeper@")
    async with served(url, f"{CONFIG}  db_tx_end: commit-allow-override\n") as found:
        yield found


async def test_the_row_rules_of_the_database_judge_a_write(api: Served) -> None:
    made = await send(api, "POST", "note?select=id,owner", {"id": 7, "body": "new"}, ROWS, **ANN)
    assert (made.status, made.json) == (201, [{"id": 7, "owner": "ann"}])
    foreign = await send(api, "POST", "note", [{"id": 8, "body": "x", "owner": "ann"}, {"id": 9, "body": "x", "owner": "bob"}], **ANN)  # fmt: skip
    assert fault(foreign) == (403, "42501")
    assert foreign.json["message"] == 'new row violates row-level security policy for table "note"'
    assert fault(await send(api, "PATCH", "note?id=eq.1", {"owner": "bob"}, **ANN)) == (403, "42501")
    others = await send(api, "PATCH", "note?id=gt.0", {"body": "mine"}, f"{ROWS}, count=exact", **BOB)
    assert ([each["id"] for each in others.json], others.headers["Content-Range"]) == ([2], "0-0/1")
    gone = await send(api, "DELETE", "note?id=gt.1", None, "count=exact", **ANN)
    assert (gone.status, gone.headers["Content-Range"]) == (204, "*/2")
    ids = [each["id"] for each in (await api.get("/rest/v1/note?select=id&order=id", ANN)).json]
    assert ids == [1]
    assert (await api.get("/rest/v1/note?select=body", BOB)).json == [{"body": "mine"}]


async def test_upserts_and_put_are_judged_as_well(api: Served) -> None:
    merge = "resolution=merge-duplicates"
    taken = await send(api, "POST", "note", {"id": 2, "body": "mine", "owner": "ann"}, merge, **ANN)
    assert taken.status in {403, 409}
    own = await send(api, "POST", "note?select=body", {"id": 1, "body": "mine"}, f"{merge}, {ROWS}", **ANN)
    assert (own.status, own.json) == (200, [{"body": "mine"}])
    put = await send(api, "PUT", "visit?id=eq.50", {"id": 50, "what": "put"}, ROWS, **ANN)
    assert (put.status, put.json) == (201, [{"id": 50, "what": "put"}])
    assert (await api.get("/rest/v1/note?select=body&id=eq.2", BOB)).json == [{"body": "his"}]


async def test_grants_judge_and_the_database_words_its_refusals(api: Served) -> None:
    for method, body in (("POST", {"id": 9, "body": "x"}), ("PATCH", {"body": "x"}), ("DELETE", None)):
        assert fault(await send(api, method, "note?id=eq.1", body, **READER)) == (403, "42501")
        assert fault(await send(api, method, "note?id=eq.1", body)) == (401, "42501")
    taken = await send(api, "POST", "visit", [{"id": 1, "what": "a"}, {"id": 1, "what": "b"}], **ANN)
    assert fault(taken) == (409, "23505")
    assert taken.json["details"] == "Key (id)=(1) already exists."
    late = await send(api, "POST", "child", {"id": 1, "parent": 99}, ROWS, **ANN)
    assert fault(late) == (409, "23503")
    raised = await send(api, "POST", "visit", {"what": "a"}, X_Raise="status", **ANN)
    assert (raised.status, raised.json["code"]) == (402, "PT402")
    assert (await api.get("/rest/v1/visit", ANN)).json == []


async def test_a_write_can_be_tried_and_its_answer_changed(api: Served) -> None:
    tried = await send(api, "POST", "visit?select=what", {"what": "a"}, f"{ROWS}, tx=rollback", X_Status="202", **ANN)
    assert (tried.status, tried.json) == (202, [{"what": "a"}])
    assert tried.headers["Preference-Applied"] == "return=representation, tx=rollback"
    assert await rows(api, "told?select=method") == [{"method": "GET"}]
    assert (await api.get("/rest/v1/visit", ANN)).json == []
