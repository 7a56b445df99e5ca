"""`reflector changes status|install|uninstall`: everything is shown before it is done, and nothing is done unasked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from server.cli import main
from tests.bookshops import Databases
from tests.server.harness import ServedProcess
from tests.servers import PostgreSQLServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def reflector(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command in this process, in a folder without configuration: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def url(kind: DatabaseKind, databases: Databases) -> str:
    return databases.database(kind, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")


def ours(url: str, databases: Databases) -> int:
    """How many things of ours the database holds."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE '%reflector%'").fetchone()[0]
            return int(found)
    [[found]] = databases.postgresql().run(
        url.rpartition("/")[2],
        "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())",
    )
    return int(found)


def test_install_shows_what_it_does_and_uninstall_undoes_it(url: str, databases: Databases, reflector: Run) -> None:
    status, out, _ = reflector("changes", "status", url)
    assert (status, "not installed" in out) == (0, True)
    status, shown, _ = reflector("changes", "install", url, "--dry-run")
    assert (status, ours(url, databases)) == (0, 0)
    assert "needs:" in shown
    assert ("CREATE TRIGGER" if url.startswith("sqlite") else "CREATE PUBLICATION reflector FOR TABLE") in shown
    status, done, _ = reflector("changes", "install", url, "--yes")
    assert (status, done.startswith(shown), "done:" in done) == (0, True, True)
    assert ours(url, databases) > 0
    status, out, _ = reflector("changes", "status", url)
    assert (status, "not installed" in out, "installed" in out) == (0, False, True)
    assert "nothing to do" in reflector("changes", "install", url, "--yes")[1]
    assert reflector("changes", "uninstall", url, "--yes")[0] == 0
    assert ours(url, databases) == 0
    assert "nothing to do" in reflector("changes", "uninstall", url, "--yes")[1]


def test_the_statements_that_are_shown_are_a_script_that_can_be_run(databases: Databases, reflector: Run) -> None:
    url = databases.database(DatabaseKind.SQLITE, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER UNIQUE)")
    script = reflector("changes", "install", url, "--dry-run")[1]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.executescript(script)
    assert "nothing to do" in reflector("changes", "install", url, "--yes")[1]


def test_without_a_word_nothing_is_done(url: str, databases: Databases, reflector: Run) -> None:
    status, _, err = reflector("changes", "install", url)
    assert (status, ours(url, databases)) == (2, 0)
    assert "--yes" in err


def test_what_is_in_the_way_is_told_and_nothing_is_done(reflector: Run) -> None:
    with PostgreSQLServer() as server:
        url = server.create_database("unbounded")
        status, _, err = reflector("changes", "install", url, "--yes")
        assert status == 2
        assert "max_slot_wal_keep_size" in err
        assert server.run("unbounded", "SELECT count(*) FROM pg_replication_slots") == [[0]]
        assert reflector("changes", "install", url, "--yes", "--unbounded")[0] == 0
        assert reflector("changes", "uninstall", url, "--yes")[0] == 0


def test_mariadb_is_not_offered(databases: Databases, reflector: Run) -> None:
    url = databases.database(DatabaseKind.MARIADB, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    status, _, err = reflector("changes", "status", url)
    assert (status, "not offered" in err) == (2, True)


async def test_the_sample_comes_with_its_changes_captured_and_hides_how(tmp_path: Path) -> None:
    with ServedProcess("serve", "--port", "0", environ={"XDG_CACHE_HOME": str(tmp_path)}, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        [sample] = (tmp_path / "reflector").glob("*.sqlite")
        async with aiohttp.ClientSession() as session:
            async with session.get(base + "/api") as response:
                assert "reflector" not in await response.text()
            async with session.get(base + "/api/_reflector_changes") as response:
                assert response.status == 404
            async with session.ws_connect(base + "/ws") as ws:
                await ws.send_json({"type": "subscribe", "id": "1", "table": "book", "columns": ["id", "title"]})
                assert (await ws.receive_json(timeout=5))["type"] == "ready"
                with closing(sqlite3.connect(sample, timeout=30)) as connection:
                    connection.execute("UPDATE book SET title = 'seen by all' WHERE id = 1")
                    connection.commit()
                frame = await ws.receive_json(timeout=5)
                assert frame["new"] == {"id": 1, "title": "seen by all"}
