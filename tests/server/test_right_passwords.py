"""What is remembered of passwords that were right, who is asked about which, and what a row must hold to be somebody's."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from reflector.access.permissions import Permissions
from reflector.catalog.model import Catalog
from reflector.engine import Engine
from reflector.errors import InternalError, ReflectorError, UnknownRole
from server.auth.password_hashes import USUAL
from server.auth.passwords import REMEMBERED, REMEMBERED_SECONDS, WAITING, Passwords
from server.problems import InvalidToken, TooManyAttempts
from server.rates import Buckets
from tests.bookshops import serving
from tests.server.harness import configured
from tests.server.test_doubts import Clock

BASIC = """
auth:
  jwt: {secret: "a-signing-key-of-forty-letters-at-least"}
  basic: {table: person, columns: {name: email, disabled: locked}}
  anonymous_role: guest
"""
CONFIG = f"{BASIC}roles: {{guest: {{}}, user: {{}}}}"
DECIDED = BASIC.replace("auth:", "auth:\n  enforce: database")
REQUEST = make_mocked_request("GET", "/")


def hashed(word: str, rounds: int = 1) -> str:
    return f"pbkdf2:sha256:{rounds}$salt${hashlib.pbkdf2_hmac('sha256', word.encode(), b'salt', rounds).hex()}"


PEOPLE: tuple[tuple[str, Any, str], ...] = (
    ("ann", hashed("a"), "user"),
    ("bob", hashed("b"), "user"),
    ("cid", "", "user"),
    ("dan", None, "user"),
    ("eve", 7, "user"),
    ("fay", "plain", "user"),
    ("gus", hashed("g"), "boss"),
    ("hal", hashed("h"), "user"),
)


def closed(catalog: Catalog) -> Permissions:
    return Permissions(catalog, {}, {}, {}, {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "people.sqlite"
    with sqlite3.connect(made) as connection:
        connection.execute(
            "CREATE TABLE person (email text COLLATE NOCASE PRIMARY KEY, password_hash, role text, locked text)"
        )
        connection.executemany("INSERT INTO person VALUES (?, ?, ?, '')", PEOPLE)
        connection.execute("UPDATE person SET locked = '2020-01-01' WHERE email = 'hal'")
    return made


@pytest.fixture
async def engine(file: Path) -> AsyncIterator[Engine]:
    async with serving(f"sqlite:///{file}", bind=closed) as made:
        yield made


def passwords(
    engine: Engine | None, clock: Clock | None = None, text: str = CONFIG, attempts: Buckets | str | None = "still"
) -> Passwords:
    """Those of the table. How often somebody was wrong is counted by a clock that stands still, unless it is said where."""
    config = configured("postgresql://u@127.0.0.1:1/x" if text is DECIDED else "sqlite:///x.db", text)
    assert config.auth is not None
    assert config.auth.basic is not None
    counted = Buckets(Clock()) if isinstance(attempts, str) else attempts
    return Passwords(config.auth.basic, config, engine, clock or Clock(), counted)


async def told(made: Passwords, name: str, word: str) -> str:
    """Who that is, or the code of the refusal."""
    try:
        return str((await made.principal(name, word, REQUEST)).subject)
    except ReflectorError as error:
        return error.code


async def wrong(made: Passwords, times: int) -> None:
    """As many wrong passwords as that, of names that are not there."""
    assert [await told(made, f"nobody {number}", "x") for number in range(times)] == ["invalid_token"] * times


async def test_a_password_is_its_person_s_and_nobody_else_s(engine: Engine) -> None:
    made = passwords(engine)
    for _ in range(2):
        assert [await told(made, name, name[0]) for name in ("ann", "bob")] == ["ann", "bob"]
        for name, word in (("ann", "b"), ("bob", "a"), ("ann", ""), ("ANN", "a"), ("Bob", "b")):
            assert await told(made, name, word) == "invalid_token", name
    assert await told(made, "hal", "h") == "invalid_token"  # who is locked out


async def test_who_was_wrong_is_counted_where_it_is_said_else_by_the_clock_of_its_own(engine: Engine) -> None:
    clock, shared = Clock(), Buckets(Clock())
    one, other = (passwords(engine, clock, attempts=shared) for _ in range(2))
    await wrong(one, 20)
    assert await told(other, "bob", "b") == "too_many_attempts"
    clock.now += 3600
    assert await told(other, "bob", "b") == "too_many_attempts"
    alone = passwords(engine, clock, attempts=None)
    await wrong(alone, 20)
    assert await told(alone, "bob", "b") == "too_many_attempts"
    clock.now += 3
    assert await told(alone, "bob", "b") == "bob"


async def test_a_role_that_is_not_declared_is_refused_where_this_file_declares_them(engine: Engine) -> None:
    with pytest.raises(UnknownRole):
        await passwords(engine).principal("gus", "g", REQUEST)
    assert (await passwords(engine, text=DECIDED).principal("gus", "g", REQUEST)).roles == ("boss",)


async def test_what_is_no_hash_is_nobody_s_and_told_where_it_is_one_of_an_unknown_form(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    made = passwords(engine)
    with caplog.at_level(logging.ERROR):
        assert [await told(made, name, "") for name in ("cid", "dan", "eve")] == ["invalid_token"] * 3
        assert caplog.messages == []
        assert await told(made, "fay", "plain") == "invalid_token"
    assert caplog.messages == ["a row of a table of auth cannot be understood: its password_hash"]


async def test_odd_names_and_passwords_are_looked_up_nowhere() -> None:
    nowhere = passwords(None)
    for name, word in (("", "a"), ("a" * 1025, "a"), ("ann", "a" * 1025), ("a\0b", "a"), ("ann", "a\0")):
        with pytest.raises(InvalidToken):
            await nowhere.principal(name, word, REQUEST)
    for name, word in (("ann", ""), ("a" * 1024, "a"), ("ann", "a" * 1024)):
        with pytest.raises(InternalError):
            await nowhere.principal(name, word, REQUEST)


async def test_a_password_that_was_right_is_not_looked_at_again_for_a_while(engine: Engine) -> None:
    clock = Clock()
    made = passwords(engine, clock)
    assert await told(made, "ann", "a") == "ann"
    made.close()  # from now on nothing can be looked at
    assert await told(made, "ann", "a") == "ann"
    for name, word in (("ann", "b"), ("bob", "b"), ("nobody", "a")):
        with pytest.raises(RuntimeError):
            await made.principal(name, word, REQUEST)
    clock.now += REMEMBERED_SECONDS - 1
    assert await told(made, "ann", "a") == "ann"  # which remembers the pair of name and password anew, and not the hash
    clock.now += 1
    with pytest.raises(RuntimeError):
        await made.principal("ann", "a", REQUEST)


async def test_who_was_right_comes_in_where_others_have_to_wait_and_waits_once_they_are_not(
    file: Path, engine: Engine
) -> None:
    made = passwords(engine)
    assert await told(made, "ann", "a") == "ann"
    await wrong(made, 20)
    assert await told(made, "bob", "b") == "too_many_attempts"
    assert await told(made, "ann", "a") == "ann"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE person SET password_hash = ? WHERE email = 'ann'", (hashed("new"),))
    # Who was right is asked about until they are wrong; whoever has to wait is not looked for.
    assert [await told(made, "ann", "a") for _ in range(2)] == ["too_many_attempts"] * 2
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE person RENAME TO people")
    await engine.refresh()
    assert await told(made, "bob", "b") == "too_many_attempts"
    assert await told(passwords(engine), "bob", "b") not in {"too_many_attempts", "bob"}


async def test_who_was_right_and_is_no_more_waits_with_the_others(file: Path, engine: Engine) -> None:
    made = passwords(engine)
    assert await told(made, "ann", "a") == "ann"
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM person WHERE email = 'ann'")
    assert await told(made, "ann", "a") == "invalid_token"
    await wrong(made, 19)
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE person RENAME TO people")
    await engine.refresh()
    assert await told(made, "ann", "a") == "too_many_attempts"


async def test_who_is_right_is_not_counted_however_often(engine: Engine) -> None:
    clock = Clock()
    made = passwords(engine, clock)
    for _ in range(25):
        assert await told(made, "ann", "a") == "ann"
        clock.now += REMEMBERED_SECONDS
    await wrong(made, 20)
    assert await told(made, "bob", "b") == "too_many_attempts"


async def test_so_many_passwords_are_looked_at_at_once_and_then_as_many_again(engine: Engine) -> None:
    made = passwords(engine)
    for _ in range(2):
        looked = await asyncio.gather(
            *(made._look("a", hashed("a")) for _ in range(WAITING + 2)), return_exceptions=True
        )
        assert looked[:WAITING] == [True] * WAITING
        assert [type(each) for each in looked[WAITING:]] == [TooManyAttempts] * 2


async def test_at_the_end_nothing_is_waited_for_and_nothing_begun(engine: Engine) -> None:
    made = passwords(engine)
    looks = [asyncio.create_task(made._look("a", hashed("a", rounds=300_000))) for _ in range(4)]
    await asyncio.sleep(0)
    made.close()
    assert any(thread.is_alive() for thread in made._threads._threads)
    ended = await asyncio.gather(*looks, return_exceptions=True)
    assert ended[:2] == [True, True]
    assert [type(each) for each in ended[2:]] == [asyncio.CancelledError] * 2


async def test_for_who_is_not_there_a_hash_like_those_of_the_table_is_looked_at(file: Path, engine: Engine) -> None:
    def left(written: object) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM person")
            connection.execute("INSERT INTO person VALUES ('ann', ?, 'user', '')", (written,))

    for written, looked_at in (("", USUAL), (None, USUAL), (7, USUAL), (hashed("a"), hashed("a"))):
        left(written)
        assert await passwords(engine)._anybodys() == looked_at
    made = passwords(engine)
    assert await told(made, "ann", "a") == "ann"
    left(hashed("b"))
    assert await made._anybodys() == hashed("a")  # as it was seen
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM person")
    assert await passwords(engine)._anybodys() == USUAL


async def test_what_is_remembered_is_bounded_and_what_was_right_last_is_kept(engine: Engine) -> None:
    made = passwords(engine)
    for number in range(REMEMBERED):
        made._remember(str(number).encode())
    made._remember(b"0")
    made._remember(b"one more")
    assert len(made._right) == REMEMBERED
    assert [made._was_right(each) for each in (b"0", b"1", b"2", b"one more")] == [True, False, True, True]
