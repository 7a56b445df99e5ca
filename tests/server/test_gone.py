"""A name of the file whose table or column is not there: what was dropped closes what it named alone, and a typo opens nothing.

A database cannot tell one from the other. So whatever is closed by it may be closed in both cases; where something open may
be what was meant, and nothing tells which, a server does not begin.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from reflector.catalog.model import DatabaseKind
from server.commands.check import check, to_check
from server.config import ConfigError, Flags
from tests.bookshops import Databases
from tests.cache.conftest import write_outside
from tests.server.harness import Served, reloadable, served

GONE = "CREATE TABLE gone (id INTEGER PRIMARY KEY, owner INTEGER, secret VARCHAR(20));"
COLUMN = "mark INTEGER"
SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, owner INTEGER, body VARCHAR(20){column});
CREATE TABLE other (id INTEGER PRIMARY KEY, note_id INTEGER);
{table}
INSERT INTO note (id, owner) VALUES (1, 1);
"""
ADMIN = {"X-Reflector-Admin-Secret": "the-administrators-secret-is-forty-letters"}
AUTH = f"""version: 1
auth: {{anonymous_role: guest, admin_role: admin, admin_secret: {ADMIN["X-Reflector-Admin-Secret"]}}}
server: {{secret: a-secret-of-at-least-thirty-two-bytes}}
roles: {{guest: {{}}, admin: {{}}}}
database: {{watch: off, exclude: [EXCLUDED]}}
"""
READ = "allow: {guest: {read: true}}"
NAMED = f"note: {{{READ}}}, other: {{{READ}}}"
ALL = f'"*": {{{READ}}}'
SERVES, CLOSES, REFUSES = (200, 200), (503, 200), None
"""What is answered of `note` and `other`, or that nothing is served."""


class Row(NamedTuple):
    """What the file says of something that is not there. `starts`: what is served from the start; `ready`: whether readiness
    is none the worse; `live`: what is served, and `calm` readiness, where it goes while it is served."""

    said: str
    what: str
    starts: tuple[int, int] | None
    live: tuple[int, int] = SERVES
    ready: bool = False
    calm: bool = False


TABLE, OWN, EXTRA = "DROP TABLE gone", "ALTER TABLE note DROP COLUMN mark", "EXCLUDED"
ROWS: Final = (
    # Where each table has an entry of its own, nothing that is open can have been meant.
    Row(f"{NAMED}, gone: {{allow: {{guest: {{read: owner == 1}}}}}}", TABLE, SERVES),
    Row(f"{NAMED}, gone: {{columns: {{secret: hidden}}}}", TABLE, SERVES),
    Row(f"{ALL}, {NAMED}, gone: {{columns: {{secret: hidden}}}}", TABLE, SERVES),
    Row(f'"x*": {{columns: {{x: hidden}}}}, {NAMED}, gone: {{allow: {{guest: {{read: owner == 1}}}}}}', TABLE, SERVES),
    Row(f"{ALL}, gone: {{cache: {{ttl: 1s}}, name: went}}", TABLE, SERVES),
    Row(f"{ALL}, gone: {{changes: {{events: [insert]}}}}", TABLE, SERVES),
    # Where a pattern or a default opens others, one of those may have been.
    Row(f"{ALL}, gone: {{columns: {{secret: hidden}}}}", TABLE, REFUSES),
    Row(f"{ALL}, note: {{{READ}}}, gone: {{allow: {{guest: {{read: owner == 1}}}}}}", TABLE, REFUSES),
    # A column closes the table of which it is said, and that alone.
    Row(f"{ALL}, note: {{columns: {{mark: hidden}}}}", OWN, CLOSES, CLOSES),
    Row("note: {allow: {guest: {read: true, mask: {mark: last4}}}}, " + f"other: {{{READ}}}", OWN, CLOSES, CLOSES),
    Row("note: {allow: {guest: {read: true, columns: [id, mark]}}}, " + f"other: {{{READ}}}", OWN, CLOSES, CLOSES),
    Row("note: {allow: {guest: {read: mark is None}}}, " + f"other: {{{READ}}}", OWN, CLOSES, CLOSES),
    Row(
        "note: {allow: {guest: {read: true, create: {check: true, presets: {mark: 1}}}}}, " + f"other: {{{READ}}}",
        OWN,
        CLOSES,
        CLOSES,
    ),
    Row('note: {allow: {guest: {read: "exists(gone, id == row.id)"}}}, ' + f"other: {{{READ}}}", TABLE, CLOSES, CLOSES),
    # A pattern of columns, or of tables that are only hidden, waits for what it hides.
    Row(f'{ALL}, note: {{columns: {{"mar*": hidden}}}}', OWN, SERVES, ready=True, calm=True),
    Row(f'{NAMED}, "gon*": {{columns: {{secret: hidden}}}}', TABLE, SERVES, ready=True, calm=True),
    # Of many tables none has the column: any of them may have one that was meant.
    Row(f'"*": {{columns: {{mark: hidden}}, {READ}}}', OWN, REFUSES, calm=True),
    Row('"*": {allow: {guest: {read: true, mask: {mark: last4}}}}', OWN, REFUSES),
    Row(f'{NAMED}, "gon*": {{{READ}}}', TABLE, REFUSES),
    # What was to be left out is open by a pattern or a default alone.
    Row(NAMED, EXTRA, SERVES),
    Row(ALL, EXTRA, REFUSES, calm=True),
)  # fmt: skip
AFTER: Final = (
    Row(f"tables: {{{NAMED}}}\nrelationships: {{other.note: {{to: gone, join: {{note_id: id}}}}}}", TABLE, SERVES),
    Row(f"tables: {{{NAMED}}}\nrelationships: {{note.own: {{to: other, join: {{mark: id}}}}}}", OWN, SERVES),
    Row(f"tables: {{{NAMED}}}\npolicies: {{unused: mark == 1}}", OWN, SERVES),
    Row(f"tables: {{{NAMED}}}\nfunctions: {{gone: {{allow: [guest]}}}}", "", SERVES),
    Row("defaults: {read: true}\ntables: {gone: {columns: {secret: hidden}}}", TABLE, REFUSES),
)
EVERY: Final = tuple(row._replace(said=f"tables: {{{row.said}}}") for row in ROWS) + AFTER


def put(file: Path, content: str) -> None:
    file.write_text(content)


def text(row: Row) -> str:
    return AUTH.replace("[EXCLUDED]", "[gone]" if row.what == EXTRA else "[]") + row.said + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture(scope="module")
def without(databases: Databases) -> Callable[[DatabaseKind], str]:
    """The URL of a database of a kind in which none of it is."""
    made: dict[DatabaseKind, str] = {}

    def url(kind: DatabaseKind) -> str:
        if kind not in made:
            made[kind] = databases.lasting(databases.database(kind, SCHEMA.format(column="", table="")))
        return made[kind]

    return url


async def answered(api: Served) -> tuple[int, int]:
    return (await api.get("/api/note")).status, (await api.get("/api/other")).status


async def ready(api: Served) -> bool:
    said = (await api.get("/health/ready")).json
    return bool(said == {"status": "ready"})


async def checked(file: Path, url: str) -> bool:
    """Whether `reflector check` takes it."""
    config, known = to_check(file, {}, Flags(url=url))
    try:
        return not await check(config, lambda _: None, known)
    except ConfigError:
        return False


async def began(url: str, file: Path) -> tuple[tuple[int, int] | None, bool]:
    """What is answered by a server that begins now, and whether it is ready."""
    try:
        async with reloadable(url, file) as api:
            return await answered(api), await ready(api)
    except ConfigError:
        return REFUSES, False


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.said)
async def test_what_is_not_there_when_a_server_begins(
    row: Row, without: Callable[[DatabaseKind], str], file: Path
) -> None:
    await missing(row, without(DatabaseKind.SQLITE), file)


@pytest.mark.parametrize("row", EVERY[::3], ids=lambda row: row.said)
@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB], ids=str)
async def test_it_is_not_there_elsewhere_either(
    row: Row, kind: DatabaseKind, without: Callable[[DatabaseKind], str], file: Path
) -> None:
    await missing(row, without(kind), file)


async def missing(row: Row, url: str, file: Path) -> None:
    put(file, text(row))
    assert await began(url, file) == (row.starts, row.ready)
    assert await checked(file, url) is row.ready


LIVE: Final = tuple(row for row in EVERY if row.what)


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.said)
async def test_what_goes_while_it_is_served(row: Row, databases: Databases, file: Path) -> None:
    await lost(row, databases, DatabaseKind.SQLITE, file)


@pytest.mark.parametrize("row", LIVE[::4], ids=lambda row: row.said)
@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB], ids=str)
async def test_it_goes_elsewhere_as_well(row: Row, kind: DatabaseKind, databases: Databases, file: Path) -> None:
    await lost(row, databases, kind, file)


async def lost(row: Row, databases: Databases, kind: DatabaseKind, file: Path) -> None:
    """Serve with all that the file names, and take it away; a server that reads the file again, or begins, does as one that
    never saw it."""
    url = databases.database(kind, SCHEMA.format(column=f", {COLUMN}", table=GONE))
    put(file, text(row))
    async with reloadable(url, file) as api:
        assert (await answered(api), await ready(api)) == (SERVES, True)
        write_outside(databases, url, TABLE if row.what == EXTRA else row.what)
        await api.running.engine.refresh()
        assert (await answered(api), await ready(api)) == (row.live, row.calm)
        put(file, text(row) + "limits: {page: 3}\n")
        # What would refuse the start is refused here as well: what was served serves on, and readiness tells.
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert reply.status == (422 if row.starts is REFUSES else 200)
        assert await answered(api) == row.live
        assert await ready(api) is row.ready
    assert await began(url, file) == (row.starts, row.ready)


# ── another name ─────────────────────────────────────────────────────────────────────────────

RENAMED = AUTH.replace("[EXCLUDED]", "[]") + f"tables: {{{ALL}, gone: {{columns: {{secret: hidden}}}}}}\n"


async def test_a_table_that_is_renamed_does_not_show_what_its_entry_hid(
    kind: DatabaseKind, databases: Databases, file: Path
) -> None:
    url = databases.database(kind, SCHEMA.format(column="", table=GONE))
    put(file, RENAMED)

    async def after(sql: str) -> tuple[int, int, int]:
        write_outside(databases, url, sql)
        await api.running.engine.refresh()
        return *(await answered(api)), (await api.get("/api/went")).status

    async with reloadable(url, file) as api:
        assert (await api.get("/api/gone?fields=secret")).status == 422
        assert await after("CREATE TABLE earlier (id INTEGER PRIMARY KEY)") == (200, 200, 404)
        assert (await api.get("/api/earlier")).status == 200
        assert await after("ALTER TABLE gone RENAME TO went") == (200, 200, 503)
        [closed, *_] = [
            each
            for each in (await api.get("/health/ready", ADMIN)).json["configuration"]["closed"]
            if each.endswith("went is closed")
        ]
        assert "'gone' is gone, and may be what went is now, of which no entry speaks; name it in an entry" in closed
        assert (await api.get("/rest/v1/went?select=secret")).status == 503
        # Whatever else comes meanwhile may be it as well; what was there before is not.
        assert await after("CREATE TABLE came (id INTEGER PRIMARY KEY)") == (200, 200, 503)
        assert ((await api.get("/api/came")).status, (await api.get("/api/earlier")).status) == (503, 200)
        # An entry of its own opens it, and the name's return all of them.
        put(file, RENAMED.replace("gone: {", "went: {"))
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 200
        assert [(await api.get(f"/api/{name}")).status for name in ("went", "came")] == [200, 200]
        assert await after("ALTER TABLE went RENAME TO gone") == (200, 200, 404)
        assert (await api.get("/api/gone")).status == 503
        put(file, RENAMED)
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 200
        assert await ready(api)


@pytest.mark.parametrize("opens", [f"tables: {{{ALL}}}", "defaults: {read: true}"])
async def test_a_table_that_was_left_out_is_not_served_under_another_name(
    kind: DatabaseKind, databases: Databases, file: Path, opens: str
) -> None:
    url = databases.database(kind, SCHEMA.format(column="", table=GONE))
    said = f"{AUTH.replace('[EXCLUDED]', '[gone]')}{opens}\n"
    put(file, said)

    async def after(sql: str) -> tuple[tuple[int, ...], bool]:
        write_outside(databases, url, sql)
        await api.running.engine.refresh()
        found = [(await api.get(path)).status for path in ("/api/went", "/rest/v1/went?select=secret", "/api/earlier")]
        assert await answered(api) == SERVES
        return tuple(found), await ready(api)

    async with reloadable(url, file) as api:
        assert await after("CREATE TABLE earlier (id INTEGER PRIMARY KEY)") == ((404, 404, 200), True)
        assert await after("ALTER TABLE gone RENAME TO went") == ((503, 503, 200), False)
        [closed] = (await api.get("/health/ready", ADMIN)).json["configuration"]["closed"]
        assert "'gone' is gone, and may be what went is now" in closed
        # Read again the file is refused, as it is where a server begins, until it names what is there.
        put(file, f"{said}limits: {{page: 3}}\n")
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 422
        assert (await api.get("/api/went")).status == 503
        put(file, said.replace("[gone]", "[went]"))
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 200
        assert ((await api.get("/api/went")).status, await ready(api)) == (404, True)


async def test_a_table_that_was_left_out_is_not_open_to_everybody_under_another_name_either(
    kind: DatabaseKind, databases: Databases, file: Path
) -> None:
    """Where nothing says who may what."""
    url = databases.database(kind, SCHEMA.format(column="", table=GONE))
    said = "version: 1\ndatabase: {watch: off, exclude: [gone]}\n"
    put(file, said)

    async def after(sql: str) -> tuple[int, ...]:
        write_outside(databases, url, sql)
        await api.running.engine.refresh()
        asked = await api.post("/graphql", {"query": "{went{secret}}"})
        assert ("data" in asked.json, await answered(api)) == (False, SERVES)
        paths = ("/api/went", "/rest/v1/went?select=secret", "/api/came", "/api/earlier")
        return tuple([(await api.get(path)).status for path in paths])

    async with reloadable(url, file) as api:
        reloading = api.running.reloading
        assert reloading is not None
        assert await after("CREATE TABLE earlier (id INTEGER PRIMARY KEY)") == (404, 404, 404, 200)
        assert await ready(api)
        assert await after("ALTER TABLE gone RENAME TO went") == (503, 503, 404, 200)
        assert await after("CREATE TABLE came (id INTEGER PRIMARY KEY)") == (503, 503, 503, 200)
        first, second = api.running.binding.closed
        assert "database.exclude[0]: 'gone' is gone, and may be what came is now, which everybody would read" in first
        assert (second.endswith("; went is closed"), await ready(api)) == (True, False)
        put(file, f"{said}limits: {{page: 3}}\n")
        with pytest.raises(ConfigError, match="no table matches 'gone'"):
            await reloading.reload()
        assert (await api.get("/api/went")).status == 503
        put(file, said.replace("[gone]", "[went]"))
        await reloading.reload()
        assert [(await api.get(path)).status for path in ("/api/went", "/api/came")] == [404, 200]
        assert await after("ALTER TABLE went RENAME TO gone") == (404, 404, 200, 200)
        assert (await api.get("/api/gone")).status == 503


async def test_tables_that_come_one_by_one_are_open_when_all_are_there(databases: Databases, file: Path) -> None:
    url = databases.database(DatabaseKind.SQLITE, "")
    put(file, RENAMED)
    async with reloadable(url, file) as api:
        write_outside(databases, url, "CREATE TABLE note (id INTEGER PRIMARY KEY)")
        with pytest.raises(ConfigError):
            await api.running.engine.refresh()
        assert ((await api.get("/api/note")).status, await ready(api)) == (404, False)
        write_outside(databases, url, GONE)
        await api.running.engine.refresh()
        assert ((await api.get("/api/note")).status, await ready(api)) == (200, True)


async def test_what_hides_nothing_opens_nothing_when_the_first_tables_come(
    kind: DatabaseKind, databases: Databases, file: Path
) -> None:
    """A server that begins over an empty database judges the first tables as if it began with them."""
    url = databases.database(kind, "SELECT 1;")
    said = AUTH.replace("[EXCLUDED]", "[]") + f'tables: {{"*": {{columns: {{sceret: hidden}}, {READ}}}}}\n'
    put(file, said)
    async with reloadable(url, file) as api:
        assert (await api.get("/api/gone")).status == 404
        write_outside(databases, url, GONE)
        for _ in range(2):
            with pytest.raises(ConfigError):
                await api.running.engine.refresh()
            assert ((await api.get("/api/gone?fields=secret")).status, await ready(api)) == (404, False)
        put(file, said.replace("sceret", "secret"))
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 200
        await api.running.engine.refresh()
        found = [(await api.get(f"/api/gone?fields={column}")).status for column in ("secret", "owner")]
        assert (found, await ready(api)) == ([422, 200], True)


# ── where the database decides ───────────────────────────────────────────────────────────────

GRANTED = """
CREATE SCHEMA api;
CREATE TABLE api.note (id integer PRIMARY KEY, secret text, body text);
CREATE TABLE api.other (id integer PRIMARY KEY);
INSERT INTO api.note VALUES (1, 'hidden', 'shown');
CREATE FUNCTION api.notes() RETURNS SETOF api.note LANGUAGE sql STABLE AS 'SELECT * FROM api.note';
DO $$ BEGIN
  CREATE ROLE gone_login LOGIN; CREATE ROLE gone_guest; GRANT gone_guest TO gone_login;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA api TO gone_guest;
GRANT SELECT, INSERT, UPDATE, DELETE ON api.note, api.other TO gone_guest;
"""
DECIDED = """
auth: {enforce: database, anonymous_role: gone_guest, jwt: {secret: a-signing-key-of-forty-letters-at-least-}}
database: {schemas: [api]EXCLUDED}
functions: {notes: {allow: gone_guest}}
"""


@pytest.fixture(scope="module")
def granted(databases: Databases) -> str:
    made = databases.lasting(databases.database(DatabaseKind.POSTGRESQL, GRANTED))
    return made.replace("//postgres@", "//gone_login@")


async def test_a_misspelt_column_closes_its_table_where_the_database_decides(granted: str) -> None:
    right = DECIDED.replace("EXCLUDED", "") + "tables: {note: {columns: {secret: hidden}}}\n"
    async with served(granted, right) as api:
        assert (await api.get("/rest/v1/note")).json == [{"id": 1, "body": "shown"}]
        assert await ready(api)
    async with served(granted, right.replace("secret: hidden", "secrt: hidden")) as api:
        for path in ("/api/note", "/rest/v1/note", "/rest/v1/note?select=id", "/api/note/1", "/rest/v1/rpc/notes"):
            reply = await api.get(path)
            assert b"hidden" not in reply.body, path
            assert reply.status in (503, 401), (path, reply.body)
        assert (await api.request("DELETE", "/rest/v1/note?id=eq.1")).status == 503
        assert (await api.request("POST", "/rest/v1/note", json={"id": 2})).status == 503
        asked = {"query": "{note{id}}"}
        assert b"hidden" not in (await api.post("/graphql", asked)).body
        assert (await api.get("/rest/v1/other")).json == []
        assert not await ready(api)


@pytest.mark.parametrize(
    ("excluded", "tables", "before"),
    [("", "tables: {note: {columns: {secret: hidden}}}\n", 200), (", exclude: [note]", "", 404)],
)
async def test_a_table_that_is_renamed_keeps_its_grants_and_shows_nothing_where_the_database_decides(
    databases: Databases, excluded: str, tables: str, before: int
) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, GRANTED)
    config = DECIDED.replace("EXCLUDED", excluded) + tables
    async with served(url.replace("//postgres@", "//gone_login@"), config) as api:
        for name, statuses in (("went", (404, 503)), ("note", (before, 404))):
            other = "went" if name == "note" else "note"
            write_outside(databases, url, f"ALTER TABLE api.{other} RENAME TO {name}")
            await api.running.engine.refresh()
            replies = [await api.get(f"/rest/v1/{each}") for each in ("note", "went")]
            assert tuple(reply.status for reply in replies) == statuses
            assert not any(b"hidden" in reply.body for reply in replies)


@pytest.mark.parametrize(
    ("excluded", "tables"),
    [("", "noet: {columns: {secret: hidden}}"), ("", '"*": {columns: {secrt: hidden}}'), (", exclude: [noet]", "")],
)
async def test_a_misspelt_table_refuses_to_start_where_the_database_opens_it(
    granted: str, excluded: str, tables: str
) -> None:
    config = DECIDED.replace("EXCLUDED", excluded) + f"tables: {{{tables}}}\n"
    with pytest.raises(ConfigError, match=r"'noet'|'secrt'"):
        async with served(granted, config):
            pass
