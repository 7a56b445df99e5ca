"""Who may make rows and is shown nothing of them makes them, and is told that they are made."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import served
from tests.server.test_jwt import SECRET, token

SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, title VARCHAR(40), owner VARCHAR(40));
INSERT INTO note VALUES (1, 'first', 'a');
"""
CREATE = {"check": "title != 'bad'", "columns": ["id", "title"], "presets": {"owner": "claims.sub"}}
ROLES: dict[str, Any] = {
    "unread": {"create": CREATE},
    "listless": {"read": {"filter": True}, "columns": [], "create": CREATE},
    "hidden": {"read": {"filter": True}, "columns": ["owner"], "mask": {"owner": "hidden"}, "create": CREATE},
    "auditor": {"read": {"filter": True}},
}
CONFIG = "\n".join(
    f"{name}: {json.dumps(said)}"
    for name, said in {
        "auth": {"jwt": {"secret": SECRET, "audience": "api", "issuer": "https://id.example", "role_claim": "roles"}},
        "roles": {name: {} for name in ROLES},
        "tables": {"note": {"allow": ROLES}},
    }.items()
)


def bearer(role: str) -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": role, "sub": "7"}
    return {"Authorization": f"Bearer {token(claims)}"}


@pytest.mark.parametrize("role", ["unread", "listless", "hidden"])
async def test_rows_are_made_and_nothing_is_told_of_them(databases: Databases, kind: DatabaseKind, role: str) -> None:
    async with served(databases.database(kind, SCHEMA), CONFIG, strict=True) as api:
        one = await api.post("/api/note", {"id": 2, "title": "x"}, bearer(role))
        several = await api.post("/api/note", [{"id": 3, "title": "y"}, {"id": 4, "title": "z"}], bearer(role))
        for made in (one, several):
            assert (made.status, made.body, "Location" in made.headers) == (201, b"", False), made.body
        refused = await api.post("/api/note", {"id": 5, "title": "bad"}, bearer(role))
        assert (refused.status, refused.code) == (403, "check_refused")
        taken = await api.post("/api/note", {"id": 1, "title": "x"}, bearer(role))
        assert (taken.status, b"first" in taken.body) == (409, False)
        asked = [await api.get(path, bearer(role)) for path in ("/api/note", "/api/note?fields=title", "/api/note/1")]
        assert {reply.status for reply in asked} <= {403, 404, 422}
        assert not any(b"first" in reply.body for reply in asked)
        rows = (await api.get("/api/note?fields=id,title,owner", bearer("auditor"))).json["items"]
        assert rows[1:] == [
            {"id": number, "title": title, "owner": "7"} for number, title in ((2, "x"), (3, "y"), (4, "z"))
        ]


ASKED: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
    *(("GET", path, None, {}) for path in ("/api/note", "/api/note?fields=title", "/api/note?count=exact", "/api/note/1")),
    *(("GET", f"/rest/v1/note{query}", None, {}) for query in ("", "?select=*", "?select=title", "?id=eq.1", "?limit=0", "?select=count()")),
    ("HEAD", "/rest/v1/note", None, {"Prefer": "count=exact"}),
    ("GET", "/rest/v1/note", None, {"Accept": "text/csv"}),
    ("POST", "/rest/v1/note", {"id": 9, "title": "x"}, {"Prefer": "return=representation"}),
    ("GET", "/rest/v1/rpc/every_note", None, {}),
)  # fmt: skip


@pytest.mark.parametrize("role", ["unread", "listless", "hidden"])
async def test_to_ask_for_rows_of_which_nothing_is_told_is_refused(
    databases: Databases, kind: DatabaseKind, role: str
) -> None:
    made = "CREATE FUNCTION every_note() RETURNS SETOF note LANGUAGE sql STABLE AS 'SELECT * FROM note';"
    native = kind is DatabaseKind.POSTGRESQL
    functions = f"functions: {{every_note: {{allow: [{', '.join(ROLES)}]}}}}" if native else ""
    url = databases.database(kind, SCHEMA + made * native)
    async with served(url, f"{CONFIG}\n{functions}") as api:
        for method, path, body, headers in ASKED if native else ASKED[:-1]:
            reply = await api.request(method, path, {**bearer(role), **headers}, json=body)
            assert reply.status in (401, 403, 404), (method, path, reply.status, reply.body)
            assert b"first" not in reply.body
        assert len((await api.get("/api/note", bearer("auditor"))).json["items"]) == 1


@pytest.mark.parametrize("role", ["unread", "listless", "hidden"])
async def test_rows_of_which_nothing_is_told_are_written_by_the_right_to_write_them(
    databases: Databases, kind: DatabaseKind, role: str
) -> None:
    change = {"filter": "owner == 'a'", "check": "title != 'bad'", "columns": ["title"]}
    roles = {name: said | {"update": change, "delete": "owner == 'a'"} for name, said in ROLES.items()}
    config = f"{CONFIG.replace(json.dumps(ROLES), json.dumps(roles))}\npostgrest: {{allow_unfiltered_writes: true}}"
    others = "INSERT INTO note VALUES (6, 'second', 'b');"
    merge = bearer(role) | {"Prefer": "resolution=merge-duplicates"}
    async with served(databases.database(kind, SCHEMA + others), config, strict=True) as api:

        async def titles() -> dict[int, str]:
            rows = (await api.get("/api/note?fields=id,title", bearer("auditor"))).json["items"]
            return {row["id"]: row["title"] for row in rows}

        async def put(*rows: tuple[int, str]) -> tuple[int, bytes]:
            body = [{"id": number, "title": title} for number, title in rows]
            reply = await api.request("POST", "/rest/v1/note", merge, json=body)
            return reply.status, reply.body

        assert await put((1, "new"), (2, "made")) == (201, b"")
        assert await titles() == {1: "new", 2: "made", 6: "second"}
        for rows in [(6, "theirs")], [(1, "bad")], [(1, "x"), (6, "x")]:
            status, told = await put(*rows)
            assert (status, b"second" in told) == (403, False), told
        assert await titles() == {1: "new", 2: "made", 6: "second"}
        for method, body in ("PATCH", {"title": "all"}), ("DELETE", None):
            reply = await api.request(method, "/rest/v1/note", bearer(role), json=body)
            assert (reply.status, reply.body) == (204, b""), reply.body
            expected = {1: "all", 2: "made", 6: "second"}
            assert await titles() == (expected if method == "PATCH" else {2: "made", 6: "second"})
