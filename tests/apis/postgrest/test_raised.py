"""What triggers and functions raise, where the rules are ours: the status is honoured, and no word is told but those that a
function says to its caller."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.workshop import fault, rows, send
from tests.bookshops import Databases
from tests.server.harness import Served, served

TABLE = "CREATE TABLE said (id integer NOT NULL PRIMARY KEY, word varchar(20));"
POSTGRESQL = f"""
{TABLE}
CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  CASE NEW.word
    WHEN 'plain' THEN RAISE EXCEPTION 'a secret' USING DETAIL = 'a secret', HINT = 'a secret';
    WHEN 'whole' THEN RAISE SQLSTATE 'PGRST' USING
      MESSAGE = '{{"code": "1", "message": "a secret"}}', DETAIL = '{{"status": 418, "headers": {{"X-Said": "a secret"}}}}';
    WHEN 'broken' THEN RAISE SQLSTATE 'PGRST' USING MESSAGE = 'a secret', DETAIL = 'a secret';
    ELSE RAISE EXCEPTION 'a secret' USING ERRCODE = NEW.word, DETAIL = 'a secret', HINT = 'a secret';
  END CASE;
  END $$;
CREATE TRIGGER judge BEFORE INSERT ON said FOR EACH ROW EXECUTE FUNCTION judge();
"""
MARIADB = f"""
{TABLE}
CREATE TRIGGER judge BEFORE INSERT ON said FOR EACH ROW BEGIN
  IF NEW.word = 'plain' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a secret'; END IF;
  IF NEW.word = 'PT402' THEN SIGNAL SQLSTATE 'PT402' SET MESSAGE_TEXT = 'a secret'; END IF;
  IF NEW.word = 'PT503' THEN SIGNAL SQLSTATE 'PT503' SET MESSAGE_TEXT = 'a secret'; END IF;
  IF NEW.word = 'PT9' THEN SIGNAL SQLSTATE 'PT999' SET MESSAGE_TEXT = 'a secret'; END IF;
  END;
"""
SQLITE = f"""
{TABLE}
CREATE TRIGGER judge BEFORE INSERT ON said WHEN NEW.word = 'plain' BEGIN SELECT RAISE(ABORT, 'a secret'); END;
"""
SCRIPTS = {DatabaseKind.POSTGRESQL: POSTGRESQL, DatabaseKind.MARIADB: MARIADB, DatabaseKind.SQLITE: SQLITE}
RAISED = {
    DatabaseKind.POSTGRESQL: [
        ("plain", 400, "P0001"),
        ("PT402", 402, "PT402"),
        ("PT503", 503, "PT503"),
        ("PT999", 500, "PT999"),
        ("whole", 418, "PT418"),
        ("broken", 500, "PGRST121"),
        ("ZZ123", 400, "ZZ123"),
        ("28000", 403, "28000"),
        ("0L000", 403, "0L000"),
        ("22023", 400, "22023"),
        ("23505", 409, "23505"),
        ("40001", 500, "40001"),
        ("P0002", 500, "PGRSTX00"),
        ("XX001", 500, "PGRSTX00"),
        ("42P20", 500, "PGRSTX00"),
    ],
    DatabaseKind.MARIADB: [
        ("plain", 400, "P0001"),
        ("PT402", 402, "PT402"),
        ("PT503", 503, "PT503"),
        ("PT9", 400, "P0001"),
    ],
    DatabaseKind.SQLITE: [("plain", 400, "P0001")],
}


@pytest.fixture
async def api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(kind, SCRIPTS[kind]), writable=True) as found:
        yield found


async def test_the_status_is_honoured_and_no_word_is_told(kind: DatabaseKind, api: Served) -> None:
    for word, status, code in RAISED[kind]:
        reply = await send(api, "POST", "said", {"id": 1, "word": word})
        assert fault(reply) == (status, code), word
        assert b"secret" not in reply.body
        assert "X-Said" not in reply.headers
    assert await rows(api, "said") == []


async def test_for_other_apis_what_was_raised_is_a_row_that_is_refused(kind: DatabaseKind, api: Served) -> None:
    for word in {"plain", "PT402"} & {each[0] for each in RAISED[kind]}:
        reply = await api.post("/api/said", {"id": 1, "word": word})
        assert (reply.status, reply.code) == (422, "check_violation")
        assert b"secret" not in reply.body


# ── what a function says to its caller ───────────────────────────────────────────────────────

SPOKEN = {
    DatabaseKind.POSTGRESQL: f"""
{TABLE}
CREATE FUNCTION paid(how text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO said VALUES (7, NULL);
  CASE how
    WHEN 'whole' THEN RAISE SQLSTATE 'PGRST' USING
      MESSAGE = '{{"code": "77", "message": "Full", "details": "of what", "hint": "wait"}}',
      DETAIL = '{{"status": 418, "status_text": "Teapot", "headers": {{"X-Kettle": "on"}}}}';
    WHEN 'framed' THEN RAISE SQLSTATE 'PGRST' USING MESSAGE = '{{"code": "77", "message": "Whole"}}', DETAIL =
      '{{"status": 418, "headers": {{"content-length": "3", "Transfer-Encoding": "chunked", "Connection": "x", "X-Kettle": "on"}}}}';
    WHEN 'broken' THEN RAISE SQLSTATE 'PGRST' USING MESSAGE = 'no JSON', DETAIL = 'none';
    WHEN 'plain' THEN RAISE EXCEPTION 'a secret' USING DETAIL = 'a secret';
    ELSE RAISE EXCEPTION 'pay first' USING ERRCODE = how, DETAIL = 'ten', HINT = 'a card';
  END CASE;
  END $$;
CREATE FUNCTION untold(how text) RETURNS int LANGUAGE sql AS 'SELECT paid(how)';
""",
    DatabaseKind.MARIADB: f"""
{TABLE}
CREATE FUNCTION paid(how varchar(20)) RETURNS int DETERMINISTIC MODIFIES SQL DATA BEGIN
  INSERT INTO said VALUES (7, NULL);
  IF how = 'PT402' THEN SIGNAL SQLSTATE 'PT402' SET MESSAGE_TEXT = 'pay first'; END IF;
  IF how = 'plain' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a secret'; END IF;
  RETURN 1; END;
CREATE PROCEDURE settled() MODIFIES SQL DATA SIGNAL SQLSTATE 'PT409' SET MESSAGE_TEXT = 'settled already';
""",
}
OPENED = """
auth: {anonymous_role: guest}
roles: {guest: {}}
defaults: {read: true}
"""
MARIADB_KIND = DatabaseKind.MARIADB


@pytest.mark.parametrize("kind", SPOKEN, ids=str)
async def test_a_function_that_was_called_says_what_it_says_to_callers(
    kind: DatabaseKind, databases: Databases
) -> None:
    more = "functions:\n  paid: {allow: [guest]}\n" + ("  settled: {allow: [guest]}\n" if kind is MARIADB_KIND else "")
    async with served(databases.database(kind, SPOKEN[kind]), OPENED + more) as api:
        reply = await api.post("/rest/v1/rpc/paid", {"how": "PT402"})
        details, hint = ("ten", "a card") if kind is DatabaseKind.POSTGRESQL else (None, None)
        assert (reply.status, reply.json) == (
            402,
            {"code": "PT402", "message": "pay first", "details": details, "hint": hint},
        )
        assert reply.headers["Proxy-Status"] == "PostgREST; error=PT402"
        plain = await api.post("/rest/v1/rpc/paid", {"how": "plain"})
        assert (plain.status, plain.code, b"secret" in plain.body) == (400, "P0001", False)
        if kind is MARIADB_KIND:
            settled = await api.post("/rest/v1/rpc/settled", {})
            assert (settled.status, settled.json["message"]) == (409, "settled already")
        else:
            whole = await api.post("/rest/v1/rpc/paid", {"how": "whole"})
            assert (whole.status, whole.headers["X-Kettle"]) == (418, "on")
            assert whole.json == {"code": "77", "message": "Full", "details": "of what", "hint": "wait"}
            framed = await api.post("/rest/v1/rpc/paid", {"how": "framed"})  # how an answer travels is not said by it
            assert (framed.status, framed.headers["X-Kettle"], framed.json["message"]) == (418, "on", "Whole")
            assert not {"Transfer-Encoding", "Connection"} & set(framed.headers)
            broken = await api.post("/rest/v1/rpc/paid", {"how": "broken"})
            assert (broken.status, broken.code) == (500, "PGRST121")
            for state in ("23505", "ZZ123", "P0001"):
                told = await api.post("/rest/v1/rpc/paid", {"how": state})
                assert b"pay first" not in told.body
            closed = await api.post("/rest/v1/rpc/untold", {"how": "PT402"})
            assert (closed.status, closed.code) == (404, "PGRST202")
        assert await rows(api, "said") == []
