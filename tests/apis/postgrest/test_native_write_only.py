"""Where PostgreSQL decides, a write asks for no more of the row than its answer shows: who may only write, writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import SECRET, bearer
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

MAKE_ROLES = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postman') THEN
        CREATE ROLE postman LOGIN NOINHERIT;
        CREATE ROLE nobody_yet; CREATE ROLE drops_in; CREATE ROLE tends; CREATE ROLE sees_words; CREATE ROLE sees_own;
        GRANT nobody_yet, drops_in, tends, sees_words, sees_own TO postman;
    END IF;
END $$
"""
SCRIPT = """
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA api TO PUBLIC;
CREATE TABLE api.letter (id serial PRIMARY KEY, word text DEFAULT 'none', stamp text UNIQUE);
CREATE TABLE api.slip (word text);
CREATE TABLE api.diary (id integer PRIMARY KEY, owner text);
GRANT USAGE ON ALL SEQUENCES IN SCHEMA api TO PUBLIC;
ALTER TABLE api.diary ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON api.diary FOR SELECT USING (owner = 'me');
CREATE POLICY made ON api.diary FOR INSERT WITH CHECK (owner <> 'nobody');
GRANT INSERT ON api.letter, api.slip TO drops_in;
GRANT INSERT, UPDATE, DELETE ON api.letter TO tends;
GRANT SELECT (word), INSERT, UPDATE, DELETE ON api.letter TO sees_words;
GRANT SELECT, INSERT ON api.diary TO sees_own;
INSERT INTO api.letter (id, word) VALUES (-1, 'a'), (-2, 'b');
"""
CONFIG = f"""
auth: {{enforce: database}}
postgrest: {{db_schemas: [api], db_anon_role: nobody_yet, jwt_secret: {SECRET}, allow_unfiltered_writes: true}}
"""
EXACT, BRIEF, HEADERS, FULL = "count=exact", "return=minimal", "return=headers-only", "return=representation"
IGNORE, MERGE = "resolution=ignore-duplicates", "resolution=merge-duplicates"


@pytest.fixture
def letters(postgresql_server: PostgreSQLServer, databases: Databases) -> str:
    postgresql_server.run("postgres", MAKE_ROLES)
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT)


@pytest.fixture
async def api(letters: str) -> AsyncIterator[Served]:
    async with served(letters.replace("//postgres@", "//postman@"), CONFIG) as found:
        yield found


async def write(api: Served, role: str, asked: str, body: object = None, prefer: str = "") -> Reply:
    """What is answered to `METHOD path`, below /rest/v1 unless it is whole; a text is CSV."""
    method, _, path = asked.partition(" ")
    sent = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "text/csv" if isinstance(body, str) else "application/json"}
    headers |= bearer(role) | ({"Prefer": prefer} if prefer else {})
    where = path if path.startswith("/") else f"/rest/v1/{path}"
    return await api.request(method, where, headers, data=None if body is None else sent.encode())


WORD = {"word": "x"}
WRITTEN: tuple[tuple[str, str, object, str, int, str], ...] = (
    ("drops_in", "POST letter", WORD, "", 201, "*/*"),
    ("drops_in", "POST letter", WORD, f"{BRIEF}, {EXACT}", 201, "*/1"),
    ("drops_in", "POST letter", [WORD, WORD, WORD], EXACT, 201, "*/3"),
    ("drops_in", "POST letter?columns=word,stamp", [WORD, {"stamp": "s"}], f"missing=default, {EXACT}", 201, "*/2"),
    ("drops_in", "POST letter", "word,stamp\nx,1\ny,2\n", EXACT, 201, "*/2"),
    ("drops_in", "POST letter", {}, EXACT, 201, "*/1"),
    ("drops_in", "POST slip", WORD, EXACT, 201, "*/1"),
    ("tends", "PATCH letter", WORD, EXACT, 204, "0-1/2"),
    ("tends", "PATCH letter?columns=word", {}, f"missing=default, {EXACT}", 204, "0-1/2"),
    ("tends", "DELETE letter", None, EXACT, 204, "*/2"),
    ("sees_words", "PATCH letter?word=eq.a", WORD, EXACT, 204, "0-0/1"),
    ("sees_words", "DELETE letter?word=eq.a", None, EXACT, 204, "*/1"),
    ("sees_own", "POST diary", {"id": 1, "owner": "somebody"}, EXACT, 201, "*/1"),
)


@pytest.mark.parametrize(("role", "asked", "body", "prefer", "status", "ranged"), WRITTEN)
async def test_who_may_write_and_not_read_writes(
    api: Served, role: str, asked: str, body: object, prefer: str, status: int, ranged: str
) -> None:
    reply = await write(api, role, asked, body, prefer)
    assert (reply.status, reply.body) == (status, b""), reply.body
    assert (reply.headers["Content-Range"], "Location" in reply.headers) == (ranged, False)


SOMEBODY, NOBODY, ME = [{"id": 1, "owner": owner} for owner in ("somebody", "nobody", "me")]
REFUSED: tuple[tuple[str, str, object, str], ...] = (
    ("drops_in", "POST letter", WORD, FULL),
    ("drops_in", "POST letter", WORD, HEADERS),
    ("drops_in", "POST letter", {"id": -1}, IGNORE),
    ("drops_in", "POST letter", {"id": -1}, MERGE),
    ("drops_in", "PATCH letter", WORD, ""),
    ("drops_in", "DELETE letter", None, ""),
    ("tends", "PATCH letter?id=eq.-1", WORD, ""),
    ("tends", "DELETE letter?id=eq.-1", None, ""),
    ("tends", "POST letter", {"id": -1, "word": "x"}, MERGE),
    ("sees_words", "PATCH letter?id=eq.-1", WORD, ""),
    ("sees_words", "DELETE letter?id=eq.-1", None, ""),
    ("sees_words", "POST letter", WORD, HEADERS),
    ("sees_own", "POST diary", SOMEBODY, FULL),
    ("sees_own", "POST diary", SOMEBODY, HEADERS),
    ("sees_own", "POST diary", SOMEBODY, MERGE),
    ("sees_own", "POST diary", NOBODY, ""),
    ("sees_own", "POST /api/diary", NOBODY, ""),
    ("sees_own", "POST /api/diary", NOBODY, BRIEF),
    ("sees_own", "POST /api/diary", [SOMEBODY, NOBODY], ""),
)


async def test_what_reads_wants_a_right_to_read_and_leaves_nothing(
    api: Served, letters: str, postgresql_server: PostgreSQLServer
) -> None:
    for role, asked, body, prefer in REFUSED:
        reply = await write(api, role, asked, body, prefer)
        told = "forbidden" if "/api/" in asked else "42501"
        assert (reply.status, reply.code) == (403, told), (role, asked, prefer, reply.body)
    reply = await api.post("/rest/v1/letter", WORD)
    assert (reply.status, reply.code) == (401, "42501")
    left = "SELECT id, word FROM api.letter UNION ALL SELECT id, owner FROM api.diary ORDER BY 1"
    assert postgresql_server.run(letters.rpartition("/")[2], left) == [[-2, "b"], [-1, "a"]]


async def test_of_a_row_that_is_shown_its_shown_columns_are_asked(api: Served) -> None:
    reply = await write(api, "sees_words", "POST letter?select=word", WORD, FULL)
    assert (reply.status, reply.json) == (201, [WORD])
    reply = await write(api, "sees_own", "POST diary", {"id": 5, "owner": "me"}, HEADERS)
    assert (reply.status, reply.headers["Location"]) == (201, "/diary?id=eq.5")


@pytest.mark.parametrize("prefer", ["", BRIEF])
@pytest.mark.parametrize(
    ("role", "asked", "body"),
    [
        ("drops_in", "POST /api/letter", WORD),
        ("drops_in", "POST /api/letter", [WORD, WORD]),
        ("sees_own", "POST /api/diary", SOMEBODY),
        ("sees_own", "POST /api/diary", [SOMEBODY]),
        ("sees_own", "POST /api/diary", [ME, {**SOMEBODY, "id": 2}]),
    ],
)
async def test_the_resource_api_makes_what_its_maker_does_not_see_and_answers_nothing_of_it(
    api: Served, letters: str, postgresql_server: PostgreSQLServer, role: str, asked: str, body: object, prefer: str
) -> None:
    reply = await write(api, role, asked, body, prefer)
    assert (reply.status, reply.body, "Location" in reply.headers) == (201, b"", False)
    assert reply.headers.get("Preference-Applied") == (prefer or None)
    made = "SELECT (SELECT count(*) FROM api.letter WHERE id > 0) + (SELECT count(*) FROM api.diary)"
    rows = len(body) if isinstance(body, list) else 1
    assert postgresql_server.run(letters.rpartition("/")[2], made) == [[rows]]


async def test_the_resource_api_answers_what_its_maker_sees(api: Served) -> None:
    for number, prefer, body in ((1, "", ME), (2, BRIEF, None)):
        reply = await write(api, "sees_own", "POST /api/diary", {**ME, "id": number}, prefer)
        assert (reply.status, reply.headers["Location"]) == (201, f"/api/diary/{number}")
        assert (reply.json if body else reply.body) == (body or b"")
    reply = await write(api, "sees_own", "POST /api/diary", [{**ME, "id": 3}])
    assert (reply.status, reply.json) == (201, {"items": [{**ME, "id": 3}]})
    again = await write(api, "sees_own", "POST /api/diary", {**SOMEBODY, "id": 3})
    assert (again.status, again.code) == (409, "unique_violation")
