"""Files that whoever runs the server may not read: the system itself refuses them here.

Who runs the tests may be root, whom it refuses nothing; what is run here is humble.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.server.harness import ServedProcess, reflector

SECRET: Final = "a-signing-key-of-forty-letters-at-least-"
CONFIG: Final = """version: 1
server: {watch: off}
auth:
  anonymous_role: guest
  jwt:
    secret: file:key
roles: {guest: {}}
tables: {note: {allow: {guest: {read: true}}}}
"""
REFUSED: Final = "config.yaml:6:13: auth.jwt.secret: the file it names: may not be read by this user\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a database and a configuration."""
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as connection:
        connection.executescript("CREATE TABLE note (id INTEGER PRIMARY KEY); INSERT INTO note VALUES (1)")
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "key").write_text(SECRET)
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    return reflector(*arguments, "--config", "config.yaml", folder=folder, humble=True)


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_secret_that_may_not_be_read_is_told_with_its_place(folder: Path, command: str) -> None:
    url = "sqlite:///shop.sqlite"
    assert run(folder, "check", url)[0] == 0
    (folder / "key").chmod(0)
    more = ("--port", "0") if command == "serve" else ()
    assert run(folder, command, url, *more) == (2, "", REFUSED)


def test_a_configuration_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / "config.yaml").chmod(0)
    status, out, err = run(folder, "check", "sqlite:///shop.sqlite")
    assert (status, out) == (2, "")
    assert err.startswith("config.yaml")
    assert "may not be read by this user" in err


def test_a_secret_in_a_folder_that_may_not_be_entered_is_told(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    (folder / "config.yaml").write_text(CONFIG.replace("file:key", "file:closed/key"))
    assert run(folder, "check", "sqlite:///shop.sqlite") == (2, "", REFUSED)
    (folder / "closed").chmod(0o700)


def test_a_database_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / "shop.sqlite").chmod(0)
    status, out, err = run(folder, "check", "sqlite:///shop.sqlite")
    assert (status, out) == (2, "")
    assert "may not be read" in err


def asked(base: str) -> tuple[str, list[dict[str, int]]]:
    """How ready a server says that it is, and which notes it serves."""
    with urllib.request.urlopen(f"{base}/health/ready", timeout=20) as ready:
        status = json.load(ready)["status"]
    with urllib.request.urlopen(f"{base}/api/note", timeout=20) as notes:
        return status, json.load(notes)["items"]


def test_a_secret_that_may_not_be_read_any_more_leaves_in_force_what_was_served(folder: Path) -> None:
    arguments = ("serve", "sqlite:///shop.sqlite", "--port", "0", "--config", "config.yaml")
    with ServedProcess(*arguments, folder=folder, humble=True) as process:
        base = process.wait_until_it_serves()
        assert asked(base) == ("ready", [{"id": 1}])
        (folder / "key").chmod(0)
        process.signal(signal.SIGHUP)
        process.wait_until_it_says("the configuration is refused, the one before it serves on")
        assert REFUSED.strip() in process.said
        assert asked(base) == ("degraded", [{"id": 1}])
        (folder / "key").chmod(0o666)
        process.signal(signal.SIGHUP)
        process.wait_until_it_says("the configuration was read again: nothing has changed")
        assert asked(base) == ("ready", [{"id": 1}])
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
