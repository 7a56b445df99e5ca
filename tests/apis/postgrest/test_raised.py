"""What triggers raise, where the rules are ours: the status is honoured and none of the words is told."""

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
