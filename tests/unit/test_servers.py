"""The private servers: what they promise to the tests that stand on them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pg8000.exceptions
import pymysql
import pytest
import redis

from tests.servers import MariaDBServer, MissingProgram, PostgreSQLServer, RedisServer, ServerFailed, ServerProcess
from tests.servers.process import port_is_free, still_there
from tests.servers.programs import MARIADB, POSTGRESQL, Origin, find_program, find_server

Database: TypeAlias = PostgreSQLServer | MariaDBServer


@pytest.fixture(scope="module", params=[PostgreSQLServer, MariaDBServer], ids=lambda kind: kind.name)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server of its own: these tests kill it, which others that share one would notice."""
    with request.param() as server:
        yield server


def test_databases_do_not_see_each_other(database: Database) -> None:
    database.create_database("first")
    database.create_database("second")
    database.run("first", "CREATE TABLE item (id int PRIMARY KEY)")
    with pytest.raises((pg8000.exceptions.DatabaseError, pymysql.ProgrammingError)):
        database.run("second", "SELECT id FROM item")


def test_a_database_made_again_is_empty_and_its_sessions_are_gone(database: Database) -> None:
    database.create_database("again")
    database.run("again", "CREATE TABLE item (id int PRIMARY KEY)")
    database.create_database("again")
    assert values(database.run("again", "CREATE TABLE item (id int); SELECT count(*) FROM item")) == [0]


def test_committed_rows_outlive_a_killed_server(database: Database) -> None:
    for name in ("left", "right"):
        database.create_database(name)
        database.run(name, f"CREATE TABLE item (name varchar(10)); INSERT INTO item VALUES ('{name}')")
    port, crashed = database.port, database.pid
    database.kill()
    assert not still_there(crashed)
    database.start()
    assert database.port == port
    assert [values(database.run(name, "SELECT name FROM item")) for name in ("left", "right")] == [["left"], ["right"]]


def test_an_orderly_restart_keeps_port_and_rows(database: Database) -> None:
    database.create_database("kept")
    database.run("kept", "CREATE TABLE item (id int); INSERT INTO item VALUES (7)")
    before, port = database.pid, database.port
    database.restart()
    assert (database.pid != before, database.port) == (True, port)
    assert values(database.run("kept", "SELECT id FROM item")) == [7]


def test_an_awkward_name_is_quoted_everywhere(database: Database) -> None:
    name = 'we"ird `na/me?'
    url = database.create_database(name)
    assert url.endswith("/we%22ird%20%60na%2Fme%3F")
    assert values(database.run(name, "SELECT 1")) == [1]


def test_postgresql_is_ready_for_logical_replication(postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.create_database("decoded")
    rows = postgresql_server.run("decoded", "SELECT pg_create_logical_replication_slot('probe', 'pgoutput')")
    assert rows
    postgresql_server.run("decoded", "SELECT pg_drop_replication_slot('probe')")


def test_postgresql_copies_a_template(postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.create_database("pattern")
    postgresql_server.run("pattern", "CREATE TABLE item (id int); INSERT INTO item VALUES (3)")
    postgresql_server.create_database("copy", template="pattern")
    assert values(postgresql_server.run("copy", "SELECT id FROM item")) == [3]


def test_postgresql_folds_case_beyond_ascii(postgresql_server: PostgreSQLServer) -> None:
    assert values(postgresql_server.run("postgres", "SELECT lower('ÄÑ')")) == ["äñ"]


def test_mariadb_writes_full_row_images(mariadb_server: MariaDBServer) -> None:
    asked = "SELECT @@log_bin, @@binlog_format, @@binlog_row_metadata, @@binlog_row_image, @@time_zone"
    assert mariadb_server.run("mysql", asked) == [(1, "ROW", "FULL", "FULL", "+00:00")]


def test_redis_remembers_until_it_is_cleared_or_ends(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url(3)) as client:
        client.set("word", "kept")
        assert client.get("word") == b"kept"
        redis_server.clear()
        assert client.get("word") is None


def test_a_killed_redis_comes_back_empty() -> None:
    with RedisServer() as server:
        with redis.Redis.from_url(server.url()) as client:
            client.set("word", "lost")
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url()) as client:
            assert client.get("word") is None


def test_a_setting_reaches_the_server() -> None:
    with PostgreSQLServer({"work_mem": "7MB"}) as server:
        assert values(server.run("postgres", "SHOW work_mem")) == ["7MB"]


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = PostgreSQLServer({"no_such_setting": "1"})
    with pytest.raises(ServerFailed, match="no_such_setting"):
        server.start()
    assert server.folder == Path()
    with pytest.raises(ServerFailed, match="not running"):
        _ = server.pid


@pytest.mark.parametrize("kind", [PostgreSQLServer, MariaDBServer, RedisServer], ids=lambda kind: kind.name)
def test_a_stopped_server_leaves_no_process_folder_or_port(kind: Callable[[], ServerProcess]) -> None:
    server = kind()
    with server:
        folder, pid, port = server.folder, server.pid, server.port
        assert not port_is_free(port)
        if os.geteuid() == 0:
            assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert (folder.exists(), still_there(pid), port_is_free(port)) == (False, False, True)


@pytest.mark.parametrize("kind", ["PostgreSQLServer", "MariaDBServer", "RedisServer"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_dies_with_its_owner(kind: str, how: signal.Signals) -> None:
    script = f"""
import time
from tests.servers import {kind}
with {kind}() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        pid, folder = owner.stdout.readline().split()
    owner.send_signal(how)
    owner.wait(10)
    assert eventually(lambda: not still_there(int(pid)) and not Path(folder).exists())


def test_a_missing_program_names_the_command_that_installs_it() -> None:
    with pytest.raises(MissingProgram, match="apt-get install --no-install-recommends mariadb-server") as caught:
        find_program(("no-such-database",), "mariadb-server")
    assert "no-such-database" in str(caught.value)


@pytest.mark.parametrize(("names", "origin"), [(("postgres",), POSTGRESQL), (("mariadbd", "mysqld"), MARIADB)])
def test_a_folder_that_is_named_is_the_only_one_that_is_looked_into(
    tmp_path: Path, names: tuple[str, ...], origin: Origin
) -> None:
    installed = find_server(names, origin, {})
    assert find_server(names, origin, {origin.variable: ""}) == installed
    with pytest.raises(MissingProgram, match=f"{names[0]} cannot be run: it is not in {origin.variable}={tmp_path}"):
        find_server(names, origin, {origin.variable: str(tmp_path)})
    (tmp_path / names[-1]).symlink_to(installed)
    assert find_server(names, origin, {origin.variable: str(tmp_path)}) == tmp_path / names[-1]


def values(rows: list[Any]) -> list[Any]:
    return [row[0] for row in rows]


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
