"""The ring, the mailbox and cursors: bounded, in order, and honest about what is gone."""

from __future__ import annotations

import pytest

from reflector.changes.change import Committed, Cursor, Op
from reflector.changes.log import Log
from reflector.changes.mailbox import Mailbox
from reflector.errors import InvalidCursor
from server.apis.realtime.frames import ChangeCursors

A, B = ("main", "a"), ("main", "b")


def change(table: tuple[str, str], size: int = 100) -> Committed:
    return Committed(table, Op.INSERT, {}, None, 0.0, size=size)


def test_what_followed_a_cursor_is_given_by_table_and_in_order() -> None:
    log = Log(7)
    first, second, third = log.append([change(A), change(B), change(A)])
    assert log.since(Cursor(7, 0), A) == [first, third]
    assert log.since(first.cursor, A) == [third]
    assert log.since(third.cursor, A) == []
    assert log.since(Cursor(7, 0), B) == [second]
    assert log.head == third.cursor


def test_what_was_dropped_is_known_to_be() -> None:
    log = Log(7, capacity=300)
    entries = log.append([change(A) for _ in range(10)])
    assert (len(log), log.size) == (3, 300)
    assert log.since(entries[5].cursor, A) is None
    assert log.since(entries[6].cursor, A) == entries[7:]
    # Of a table of which nothing is kept, what was dropped is not known either.
    assert log.since(entries[5].cursor, B) is None
    assert log.since(entries[6].cursor, B) == []


def test_another_epoch_and_the_future_are_not_ours() -> None:
    log = Log(7)
    log.append([change(A)])
    assert log.since(Cursor(8, 0), A) is None
    assert log.since(Cursor(7, 2), A) is None
    log.begin(8)
    assert (log.head, len(log), log.size) == (Cursor(8, 0), 0, 0)
    assert log.since(Cursor(7, 1), A) is None
    assert log.since(Cursor(8, 0), A) == []


def test_one_change_that_is_larger_than_the_ring_leaves_it_empty() -> None:
    log = Log(7, capacity=50)
    [entry] = log.append([change(A)])
    assert (len(log), log.size, log.floor) == (0, 0, entry.cursor)
    assert log.since(Cursor(7, 0), A) is None


def test_a_mailbox_that_overflows_keeps_nothing_until_it_is_opened_again() -> None:
    mailbox: Mailbox[str] = Mailbox(capacity=10)
    assert mailbox.put("a", 6)
    assert not mailbox.put("b", 6)
    assert (mailbox.overflown, mailbox.take()) == (True, [])
    assert not mailbox.put("c", 1)
    mailbox.reopen()
    assert mailbox.put("d", 6)
    assert mailbox.take() == ["d"]
    assert (mailbox.size, mailbox.take()) == (0, [])


def test_a_cursor_tells_its_reader_nothing_and_cannot_be_made() -> None:
    cursors, others = ChangeCursors(b"k" * 64), ChangeCursors(b"j" * 64)
    place = Cursor(3, 12345)
    text = cursors.text(place)
    assert cursors.read(text) == place
    assert len(text) == len(cursors.text(Cursor(3, 1)))
    again = cursors.text(place)
    assert again != text, "equal ones would tell that nothing has happened in between"
    assert cursors.read(again) == place
    assert cursors.of_change(place) == cursors.of_change(place), "but one change has one, for all who are told of it"
    # What another key sealed may be of the time before a restart: it is no place here, and no fault.
    for foreign in (others.text(place), "A" * 54, ("B" if text[0] != "B" else "C") + text[1:]):
        assert cursors.read(foreign) is None
    for malformed in (text[:-2], "", "é", "A" * 2000, "*" * 54):
        with pytest.raises(InvalidCursor):
            cursors.read(malformed)


def test_what_came_too_long_ago_is_not_given() -> None:
    now = [0.0]
    log = Log(7, clock=lambda: now[0])
    [first] = log.append([change(A)])
    now[0] = 60.0
    [second] = log.append([change(A)])
    assert log.since(Cursor(7, 0), A, 59.0) is None
    assert log.since(Cursor(7, 0), A, 60.0) == [first, second]
    assert log.since(first.cursor, A, 1.0) == [second]
    assert log.since(Cursor(7, 0), B, 1.0) == [], "nothing of it is missing"
