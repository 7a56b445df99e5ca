"""Changes of a SQLite file: what triggers write down, what evictions are, and what becomes of them when the file changes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.bookshop import load_sqlite
from reflector.changes.sources import sqlite_setup
from reflector.changes.sources.sqlite import SQLiteSource
from reflector.changes.sources.sqlite_setup import KEPT, OUTBOX, install_sqlite
from reflector.database_url import parse_database_url
from reflector.errors import ChangesNotCaptured, DatabaseUnavailable
from tests.changes.capturing import followed, install, uninstall

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v);
CREATE TABLE two (a INTEGER, b TEXT, c TEXT COLLATE NOCASE UNIQUE, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE keyless (x UNIQUE, y);
CREATE TABLE "odd "" 'name" ("a ""b" TEXT, "select" BLOB, "_rowid_" INTEGER UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE CASCADE ON UPDATE CASCADE);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file.sqlite"
    run(made, SCHEMA)
    return made


def run(path: Path, script: str, *, recursive: bool = False, foreign_keys: bool = True) -> None:
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {int(recursive)}")
        connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
        connection.executescript(script)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def objects(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()


async def told(path: Path, script: str, count: int, **more: Any) -> list[tuple[str, str, Any, Any]]:
    """What is told of a script: table, event, the key before and after (or the whole row, without one)."""
    async with followed(url_of(path)) as (_, kept):
        run(path, script, **more)
        changes = await kept.changes(count)
        assert kept.lost == []
        return [(each.table[1], str(each.op), brief(each.old), brief(each.new)) for each in changes]


def brief(stored: Any) -> Any:
    return None if stored is None else tuple(stored.values())


# ── evictions ────────────────────────────────────────────────────────────────────────────────

ROWS = "INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y');"


@pytest.mark.parametrize("recursive", [False, True], ids=["", "recursive triggers"])
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("REPLACE INTO t VALUES (1, 'a', 'z')", [("update", (1, "a", "x"), (1, "a", "z"))]),
        (
            "REPLACE INTO t VALUES (3, 'a', 'z')",
            [("delete", (1, "a", "x"), None), ("insert", None, (3, "a", "z"))],
        ),
        (
            "REPLACE INTO t VALUES (1, 'b', 'z')",
            [("delete", (2, "b", "y"), None), ("update", (1, "a", "x"), (1, "b", "z"))],
        ),
        (
            "INSERT OR IGNORE INTO t VALUES (1, 'c', 'z'), (3, 'b', 'z'), (4, 'd', 'z')",
            [("insert", None, (4, "d", "z"))],
        ),
        (
            "INSERT INTO t VALUES (1, 'c', 'z') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
            [("update", (1, "a", "x"), (1, "a", "z"))],
        ),
        (
            "UPDATE OR REPLACE t SET u = 'b' WHERE id = 1",
            [("delete", (2, "b", "y"), None), ("update", (1, "a", "x"), (1, "b", "x"))],
        ),
        (
            "UPDATE OR IGNORE t SET u = 'b' WHERE id = 1; UPDATE t SET v = 'w' WHERE id = 2",
            [("update", (2, "b", "y"), (2, "b", "w"))],
        ),
        ("UPDATE t SET u = u, id = id WHERE id = 1", [("update", (1, "a", "x"), (1, "a", "x"))]),
        (
            "REPLACE INTO t (u, v) VALUES ('a', 'auto')",
            [("delete", (1, "a", "x"), None), ("insert", None, (3, "a", "auto"))],
        ),
    ],
)
async def test_rows_that_are_evicted_are_told(
    path: Path, script: str, expected: list[tuple[str, Any, Any]], recursive: bool
) -> None:
    run(path, ROWS)
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        run(path, script + "; INSERT INTO child VALUES (0, NULL)", recursive=recursive)
        await kept.until(lambda: kept.told and kept.told[-1].table[1] == "child")
        found = [(str(each.op), brief(each.old), brief(each.new)) for each in kept.told[:-1]]
    # With recursive triggers a row that is replaced is told as gone and come.
    assert (merged(found) if recursive else found) == expected


def merged(found: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    """A deletion and an insertion under one key as the update that they are together."""
    gone = {old[0]: old for event, old, _ in found if event == "delete"}
    come = {new[0]: new for event, _, new in found if event == "insert"}
    result: list[tuple[str, Any, Any]] = []
    for event, old, new in found:
        if event == "insert" and new[0] in gone:
            result.append(("update", gone[new[0]], new))
        elif event != "delete" or old[0] not in come:
            result.append((event, old, new))
    return result


async def test_composite_keys_and_collations_evict_alike(path: Path) -> None:
    run(path, "INSERT INTO two VALUES (1, 'p', 'Q'), (2, 'p', 'R')")
    await install(url_of(path))
    assert await told(path, "REPLACE INTO two VALUES (1, 'p', 'r')", 2) == [
        ("two", "delete", (2, "p", "R"), None),
        ("two", "update", (1, "p", "Q"), (1, "p", "r")),
    ]


async def test_a_table_without_key_tells_evictions_as_deletions(path: Path) -> None:
    run(path, "INSERT INTO keyless VALUES (1, 'a'), (NULL, 'n'), (NULL, 'n')")
    await install(url_of(path))
    assert await told(path, "REPLACE INTO keyless VALUES (1, 'b'), (NULL, 'n')", 3) == [
        ("keyless", "delete", (1, "a"), None),
        ("keyless", "insert", None, (1, "b")),
        ("keyless", "insert", None, (None, "n")),
    ]


async def test_cascades_are_told_with_what_caused_them(path: Path) -> None:
    run(path, ROWS + "INSERT INTO child VALUES (10, 1), (11, 1)")
    await install(url_of(path))
    found = await told(path, "UPDATE t SET id = 5 WHERE id = 1; DELETE FROM t WHERE id = 5", 6)
    assert sorted(each[:2] for each in found) == [
        ("child", "delete"),
        ("child", "delete"),
        ("child", "update"),
        ("child", "update"),
        ("t", "delete"),
        ("t", "update"),
    ]


# ── values and names ─────────────────────────────────────────────────────────────────────────


async def test_every_stored_value_comes_through_exactly(path: Path) -> None:
    await install(url_of(path))
    values = [
        None,
        0,
        -(2**63),
        2**63 - 1,
        0.1,
        1e300,
        5e-324,
        1 / 3,
        float("inf"),
        -float("inf"),
        "",
        "'\"\\",
        "a\x00b",
        "é猫🐈",
        b"",
        b"\x00\xff",
    ]
    async with followed(url_of(path)) as (_, kept):
        with closing(sqlite3.connect(path)) as connection:
            connection.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in values])
            connection.commit()
        changes = await kept.changes(len(values))
        found = [each.new["v"] for each in changes if each.new is not None]
        assert found == values
        assert list(map(type, found)) == list(map(type, values))


async def test_awkward_names_and_wide_tables_are_captured(path: Path) -> None:
    columns = ", ".join(f'"column {number}"' for number in range(230))
    run(path, f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {columns})")
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        run(path, """INSERT INTO "odd "" 'name" VALUES ('x', x'00ff', 1)""")
        run(path, 'INSERT INTO wide (id, "column 229") VALUES (1, 0.5)')
        odd, wide = await kept.changes(2)
        assert odd.table == ("main", "odd \" 'name")
        assert odd.new == {'a "b': "x", "select": b"\x00\xff", "_rowid_": 1}
        assert wide.new is not None
        assert (len(wide.new), wide.new["column 229"]) == (231, 0.5)


async def test_the_writer_notices_nothing(path: Path) -> None:
    await install(url_of(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("INSERT INTO t VALUES (41, 'q', 1)").lastrowid == 41
        assert connection.execute("SELECT last_insert_rowid(), changes()").fetchone() == (41, 1)
        assert connection.execute("UPDATE t SET v = 2").rowcount == 1


# ── gaps, and what is done about them ────────────────────────────────────────────────────────


async def test_the_ring_stays_small_and_a_gap_is_told(path: Path) -> None:
    await install(url_of(path))
    many = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {KEPT + 500}) INSERT INTO t (v) SELECT i FROM n"
    async with followed(url_of(path)) as (_, kept):
        run(path, many)
        await kept.until(lambda: kept.lost)
        run(path, "INSERT INTO t VALUES (1000000, 'after', 1)")
        [after] = await kept.changes(1)
        assert brief(after.new) == (1000000, "after", 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f'SELECT count(*) FROM "{OUTBOX}"').fetchone()[0] <= KEPT


async def test_a_column_that_comes_or_is_renamed_never_stands_under_another_name(path: Path) -> None:
    run(path, "CREATE TABLE s (id INTEGER PRIMARY KEY, a, b)")
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        run(path, "INSERT INTO s VALUES (1, 'is-a', 'is-b')")
        await kept.changes(1)
        run(
            path,
            "ALTER TABLE s RENAME COLUMN a TO c; ALTER TABLE s RENAME COLUMN b TO a;"
            "INSERT INTO s (id, c, a) VALUES (2, 'is-a', 'is-b'); ALTER TABLE s ADD COLUMN d DEFAULT 'is-d'",
        )
        await kept.until(lambda: kept.lost)
        await kept.until(lambda: ready(path))
        await asyncio.sleep(0.1)
        assert kept.told == []
        run(path, "INSERT INTO s (id, c, a) VALUES (3, 'is-a', 'is-b')")
        [change] = await kept.changes(1)
        assert change.new == {"id": 3, "c": "is-a", "a": "is-b", "d": "is-d"}


def ready(path: Path) -> bool:
    """Whether the triggers fit the tables."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return not list(sqlite_setup.install_steps(connection))


async def test_a_new_table_is_captured_as_soon_as_it_is_noticed(path: Path) -> None:
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        run(path, "CREATE TABLE later (id INTEGER PRIMARY KEY)")
        await kept.until(lambda: ready(path))
        await asyncio.sleep(0.1)
        run(path, "INSERT INTO later VALUES (1)")
        assert [each.table[1] for each in await kept.changes(1)] == ["later"]


async def test_another_file_in_its_place_is_told_as_a_gap(path: Path, tmp_path: Path) -> None:
    await install(url_of(path))
    copy = tmp_path / "copy.sqlite"
    shutil.copy(path, copy)
    async with followed(url_of(path)) as (_, kept):
        copy.rename(path)
        await kept.until(lambda: kept.lost)
        run(path, "INSERT INTO t VALUES (1, 'new file', 1)")
        assert [brief(each.new) for each in await kept.changes(1)] == [(1, "new file", 1)]


async def test_what_is_uninstalled_under_our_feet_is_reported(path: Path) -> None:
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        await uninstall(url_of(path))
        await kept.until(lambda: False in [active for active, _ in kept.reports])
        await install(url_of(path))
        await kept.until(lambda: kept.reports[-1][0])
        assert kept.lost
        run(path, "INSERT INTO t VALUES (1, 'back', 1)")
        assert len(await kept.changes(1)) == 1


# ── installing ───────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_installed_is_refused_with_the_command(path: Path) -> None:
    with pytest.raises(ChangesNotCaptured) as refused:
        async with followed(url_of(path)):
            pass
    assert refused.value.hint == "reflector changes install"


async def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with followed(url_of(tmp_path / "nothing.sqlite")):
            pass


async def test_uninstalling_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    load_sqlite(path)
    before = objects(path)
    await install(url_of(path))
    assert len(objects(path)) > len(before) + 50
    setup = await SQLiteSource(parse_database_url(url_of(path))).setup()
    assert (setup.installed, setup.install) == (True, ())
    await uninstall(url_of(path))
    assert objects(path) == before


def test_installing_twice_does_nothing_the_second_time(path: Path) -> None:
    install_sqlite(path)
    first = objects(path)
    install_sqlite(path)
    assert objects(path) == first


async def test_what_is_overlooked_is_said(path: Path) -> None:
    run(path, "CREATE UNIQUE INDEX some ON t (v) WHERE v > 5; CREATE UNIQUE INDEX lowered ON t (lower(u))")
    await install(url_of(path))
    setup = await SQLiteSource(parse_database_url(url_of(path))).setup()
    said = [each for each in sorted(setup.misses) if "no primary key" not in each]
    assert [("some" in each, "lowered" in each) for each in said] == [(False, True), (True, False)]
    assert len(said) < len(setup.misses), "a table without a key is told of as well"


async def test_a_change_is_told_within_some_milliseconds(path: Path) -> None:
    await install(url_of(path))
    async with followed(url_of(path)) as (_, kept):
        took = []
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for number in range(20):
                began = time.perf_counter()
                connection.execute("INSERT INTO t (v) VALUES (?)", (number,))
                await kept.until(lambda number=number: len(kept.told) > number)  # type: ignore[misc]
                took.append(time.perf_counter() - began)
        assert sorted(took)[10] < 0.5
