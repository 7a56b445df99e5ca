"""What a connection to a SQLite file may never do, and what opening one never does."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.drivers.sqlite_file import FUNCTIONS
from reflector.errors import (
    CheckViolation,
    ConnectionRefused,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    InvalidData,
    ReadOnlyDatabase,
    UniqueViolation,
)
from reflector.sql.members import RELATED
from reflector.sql.reads import PAGE
from tests.drivers.conftest import Prepare, run_script, settings
from tests.drivers.worlds import ITEM


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def damage(path: Path) -> None:
    """Overwrite every page but the first."""
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[page:] = b"\xde" * (len(content) - page)
    path.write_bytes(bytes(content))


FORBIDDEN = [
    "ATTACH DATABASE 'other.db' AS other",
    "ATTACH DATABASE ':memory:' AS other",
    "DETACH DATABASE main",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA trusted_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 7",
    "PRAGMA wal_checkpoint",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple')",
]


@pytest.mark.parametrize("text", FORBIDDEN)
@pytest.mark.parametrize("writes", [False, True])
async def test_what_reaches_beyond_the_file_is_denied(prepare: Prepare, text: str, writes: bool) -> None:
    world = prepare("sqlite")
    with pytest.raises((Forbidden, DatabaseError)):
        await world.driver.run(world.write(text) if writes else world.read(text))
    assert (await world.driver.run(world.read(ITEM["sqlite"], 1))).body
    await world.driver.close()


async def test_pragmas_that_only_ask_are_allowed(prepare: Prepare) -> None:
    world = prepare("sqlite")
    columns = await world.driver.fetch(
        "SELECT x.name FROM pragma_table_list t, pragma_table_xinfo(t.name) x WHERE t.name = ?", "item"
    )
    assert [name for (name,) in columns] == ["id", "name", "size", "shelf_id"]
    keys = await world.driver.fetch("SELECT \"table\" FROM pragma_foreign_key_list('item')")
    assert [tuple(key) for key in keys] == [("shelf",)]
    assert len(await world.driver.fetch("PRAGMA data_version")) == 1
    await world.driver.close()


async def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    driver = open_driver(parse_database_url(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(ConnectionRefused, match="there is no database file"):
        await driver.open()
    with pytest.raises(DatabaseUnavailable):
        await driver.fetch("SELECT 1")
    await driver.close()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [("folder", None, "is not a file"), ("text.db", b"not a database" * 100, "is not a SQLite database")],
)
async def test_what_is_no_database_is_refused(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    driver = open_driver(parse_database_url(f"sqlite:///{path}"))
    with pytest.raises(ConnectionRefused, match=line):
        await driver.open()
    await driver.close()
    assert content is None or path.read_bytes() == content


async def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "closed.db"
    run_script(path, "CREATE TABLE t (a)")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: let the system say what it would say to others
        monkeypatch.setattr(os, "access", lambda *_: False)
    driver = open_driver(parse_database_url(f"sqlite:///{path}"))
    with pytest.raises(ConnectionRefused, match="may not be read"):
        await driver.open()
    await driver.close()


async def test_awkward_file_names_are_file_names(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&%20#é.db"
    run_script(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    name = str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    driver = open_driver(parse_database_url(f"sqlite:///{name}"))
    assert (await driver.fetch("SELECT a FROM t"))[0][0] == 1
    await driver.close()
    assert files(tmp_path) == [path]


async def test_the_url_can_forbid_writing(tmp_path: Path, prepare: Prepare) -> None:
    world = prepare("sqlite")
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    reading = open_driver(parse_database_url(f"sqlite:///{path}?mode=ro"), settings())
    with pytest.raises(ReadOnlyDatabase):
        await reading.run(world.write("DELETE FROM item"))
    await reading.close()
    assert await world.count() == 1
    await world.driver.close()


async def test_functions_pass_null_on(prepare: Prepare) -> None:
    world = prepare("sqlite")
    text = "SELECT reflector_lower('ÄÖ'), reflector_base64(x'00ff'), reflector_base64('é'), reflector_lower(NULL)"
    assert tuple((await world.driver.fetch(text))[0]) == ("äö", "AP8=", "w6k=", None)
    assert {"reflector_lower", "reflector_base64"} <= FUNCTIONS.keys()
    await world.driver.close()


async def test_a_hostile_schema_cannot_call_our_functions(prepare: Prepare) -> None:
    world = prepare("sqlite")
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    run_script(Path(path), "CREATE VIEW trap AS SELECT reflector_lower('X') AS a")
    with pytest.raises(DatabaseError):
        await world.driver.fetch("SELECT a FROM trap")
    await world.driver.close()


async def test_our_own_pages_call_our_functions(prepare: Prepare) -> None:
    """A list is a WITH query, which SQLite names to the authorizer just as it names a view."""
    world = prepare("sqlite")
    text = f"WITH {PAGE} AS MATERIALIZED (SELECT reflector_lower('Ä') AS a LIMIT 1) SELECT a FROM {PAGE}"
    assert [tuple(row) for row in await world.driver.fetch(text)] == [("ä",)]
    text = f"WITH {RELATED}t1 AS (SELECT reflector_lower('Ö') AS a) SELECT a FROM {RELATED}t1"
    assert [tuple(row) for row in await world.driver.fetch(text)] == [("ö",)]
    await world.driver.close()


async def test_a_schema_may_use_json_functions(prepare: Prepare) -> None:
    """Whatever SQLite thinks of them where schemas are not trusted: files with `CHECK (json_valid(x))` are many."""
    world = prepare("sqlite")
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    run_script(
        Path(path),
        """CREATE TABLE noted (id integer PRIMARY KEY, x text CHECK (json_valid(x)), log text);
        CREATE TRIGGER noting AFTER INSERT ON noted BEGIN UPDATE noted SET log = json_array(new.id) WHERE id = new.id; END;
        CREATE VIEW notes AS SELECT json_extract(x, '$[0]') AS first FROM noted""",
    )
    await world.driver.run(world.write("INSERT INTO noted (id, x) VALUES (?, ?)", 7, "[3]"))
    assert [tuple(row) for row in await world.driver.fetch("SELECT log FROM noted")] == [("[7]",)]
    assert [tuple(row) for row in await world.driver.fetch("SELECT first FROM notes")] == [(3,)]
    with pytest.raises(CheckViolation):
        await world.driver.run(world.write("INSERT INTO noted (id, x) VALUES (?, ?)", 8, "["))
    await world.driver.close()


async def test_sqlites_own_errors_name_their_columns(prepare: Prepare) -> None:
    world = prepare("sqlite")
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    run_script(
        Path(path),
        """CREATE TABLE pair (a int, b int, c text, UNIQUE (a, b));
        CREATE UNIQUE INDEX pair_low ON pair (lower(c));
        CREATE TABLE strictly (n integer) STRICT;
        CREATE TRIGGER no_nine BEFORE INSERT ON pair WHEN new.a = 9 BEGIN SELECT RAISE(ABORT, 'secret words'); END;
        INSERT INTO pair VALUES (1, 2, 'x')""",
    )
    insert = "INSERT INTO pair VALUES (?, ?, ?)"
    with pytest.raises(UniqueViolation) as unique:
        await world.driver.run(world.write(insert, 1, 2, "y"))
    assert (unique.value.table, unique.value.columns) == ("pair", ("a", "b"))
    with pytest.raises(UniqueViolation) as index:
        await world.driver.run(world.write(insert, 3, 4, "X"))
    assert (index.value.constraint, index.value.columns) == ("pair_low", ())
    with pytest.raises(CheckViolation) as trigger:
        await world.driver.run(world.write(insert, 9, 9, "z"))
    assert "secret" not in str(trigger.value)
    with pytest.raises(InvalidData) as strict:
        await world.driver.run(world.write("INSERT INTO strictly VALUES (?)", "no number"))
    assert strict.value.columns == ("n",)
    with pytest.raises(InvalidData):
        await world.driver.run(world.read("SELECT json_extract(?, '$.a')", "{broken"))
    await world.driver.close()


async def test_a_damaged_file_is_a_database_error(prepare: Prepare) -> None:
    world = prepare("sqlite")
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    damage(Path(path))
    await world.driver.close()
    again = open_driver(parse_database_url(f"sqlite:///{path}"), settings())
    for _ in range(5):
        with pytest.raises(DatabaseError):
            await again.run(world.read(ITEM["sqlite"], 1))
    await again.close()


def test_what_the_driver_counts_on_is_there() -> None:
    assert sqlite3.sqlite_version_info >= (3, 38), "json_* functions and pragma_table_list"
    assert sys.version_info >= (3, 11), "error codes"
