"""What several processes count together: nobody has guesses once more from each of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from server.config.rates import Rate
from server.siblings import INBOX, Channel
from server.tallies import ToldBuckets
from tests.bookshops import Databases
from tests.server.harness import ServedProcess
from tests.server.test_doubts import KEYS, SCRIPT, Clock
from tests.server.test_workers import ask

RATE = Rate(5, 60)


@pytest.fixture
def pair() -> Iterator[tuple[ToldBuckets, ToldBuckets, Clock]]:
    channel, clock = Channel(2), Clock()
    one, other = (ToldBuckets(channel.end_of(number).topic(b"refusals"), clock) for number in (1, 2))
    yield one, other, clock
    channel.close()


def test_what_one_takes_the_other_has_not(pair: tuple[ToldBuckets, ToldBuckets, Clock]) -> None:
    one, other, clock = pair
    for taker, left in ((one, 4), (other, 3), (one, 2), (one, 1), (other, 0)):
        assert taker.take("a", RATE, 1).left == left
    assert not one.take("a", RATE, 1).granted
    assert not other.take("a", RATE, 1).granted
    assert one.take("b", RATE, 1).granted
    clock.now += 12
    assert [each.look("a", RATE).left for each in pair[:2]] == [1, 1]


def test_what_is_given_back_everybody_has_again(pair: tuple[ToldBuckets, ToldBuckets, Clock]) -> None:
    one, other, _ = pair
    assert one.take("a", RATE, 3).granted
    assert other.look("a", RATE).left == 2
    one.give_back("a", RATE, 2)
    assert [each.look("a", RATE).left for each in (one, other)] == [4, 4]


def test_what_was_lost_on_the_way_is_counted_here_all_the_same(
    pair: tuple[ToldBuckets, ToldBuckets, Clock],
) -> None:
    one, other, _ = pair
    for number in range(INBOX // 100):
        one.take(f"{number}", RATE, 5)
    assert other.look("0", RATE).left == 0
    assert other.look(f"{INBOX // 100 - 1}", RATE).left == 5, "it was lost: the inbox has an end"
    assert other.take("a", RATE, 5).granted
    assert not other.take("a", RATE, 1).granted


def test_credentials_that_do_not_hold_are_counted_for_all_workers(databases: Databases, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "version: 1\nauth: {api_keys: {table: api_key}}\nroles: {user: {}}\nserver: {port: 0, workers: 3}\n"
        "tables: {note: {allow: {user: {read: true}}}}\nlimits: {refusals: 4/h}\n"
    )
    with ServedProcess("serve", databases.database(DatabaseKind.SQLITE, SCRIPT), "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        told = [
            ask(f"{base}/api/note", {"X-API-Key": f"rk_wrong-and-of-sufficient-length-{number}"})[0]
            for number in range(16)
        ]
        assert told == [401] * 4 + [429] * 12
        assert ask(f"{base}/api/note", {"X-API-Key": KEYS[1]})[0] == 429, "one that was never seen might be a guess"


def test_wrong_passwords_are_counted_for_all_workers(databases: Databases, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "version: 1\nauth:\n  jwt: {secret: a-signing-key-of-forty-letters-at-least, audience: api, issuer: 'https://us.example'}\n  basic: {table: person, columns: {name: email, password_hash: password}, default_role: user}\n"
        "roles: {user: {}}\nserver: {port: 0, workers: 3}\ntables: {note: {allow: {user: {read: true}}}}\n"
    )
    script = "CREATE TABLE person (email varchar(40) PRIMARY KEY, password varchar(99)); CREATE TABLE note (id integer PRIMARY KEY);"
    with ServedProcess("serve", databases.database(DatabaseKind.SQLITE, script), "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        told = []
        for number in range(12):
            wrong = base64.b64encode(f"ann@example:wrong {number}".encode()).decode()
            told.append(ask(f"{base}/api/note", {"Authorization": f"Basic {wrong}"})[0])
        assert told == [401] * 5 + [429] * 7
