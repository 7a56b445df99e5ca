"""What a reader was told decides what they are told of rows that are gone, where a rule reads other tables."""

from __future__ import annotations

import asyncio

import pytest

from reflector.changes import told as told_module
from reflector.changes.change import Committed, Op
from reflector.changes.hub import Hub
from reflector.changes.told import Memory, Told, keys_of
from reflector.query.nodes import TRUE
from tests.changes.articles import (
    ELSEWHERE,
    MEMBERS,
    OWNER,
    Database,
    Listener,
    committed,
    is_,
    joined,
    question,
    row,
    turns,
)


@pytest.fixture
def database() -> Database:
    return Database({(number,): b'{"id":%d}' % number for number in (1, 2, 3)})


def member_changed() -> Committed:
    return Committed(MEMBERS, Op.INSERT, {"id": 1}, None, 1.0)


async def test_a_row_that_was_told_and_goes_is_told_to_be_gone_and_another_is_not(hub: Hub, database: Database) -> None:
    early, late = (Listener(question(ELSEWHERE, database=database)) for _ in range(2))
    joined(hub, early)
    hub.publish([committed(row(id=1)), committed(row(id=9))])
    await turns()
    joined(hub, late)
    hub.publish([committed(row(id=2))])
    await turns()
    hub.publish([committed(None, row(id=number)) for number in (1, 2, 9, 1)])
    await turns()
    assert early.take() == [("insert", 1), ("insert", 2), ("delete", 1), ("delete", 2)]
    assert late.take() == [("insert", 2), ("delete", 2)]


async def test_rows_that_were_shown_at_first_count_as_told(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, database=database))
    subscription = hub.join(listener.asks, listener)
    hub.publish([committed(None, row(id=3)), committed(None, row(id=4))])
    subscription.remember(keys_of(b'[{"id": 3, "title": "t"}, {"id":5}]', ["id"]))
    hub.release(subscription)
    hub.publish([committed(None, row(id=number)) for number in (3, 4, 5)])
    assert listener.take() == [("delete", 3), ("delete", 5)]


async def test_a_row_that_leaves_is_told_once_and_its_end_is_not(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1))])
    await turns()
    del database.rows[(1,)]
    hub.publish([committed(row(id=1, title="hidden"), row(id=1)), committed(row(id=1, title="again"), row(id=1))])
    hub.publish([committed(None, row(id=1))])
    await turns()
    assert listener.take() == [("insert", 1), ("leave", 1)]


async def test_events_that_nobody_asked_for_count_all_the_same(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, events=("insert", "delete"), database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1))])
    await turns()
    gone = database.rows.pop((1,))
    hub.publish([committed(row(id=1, title="hidden"), row(id=1)), committed(None, row(id=1))])
    await turns()
    database.rows[(1,)] = gone
    assert listener.take() == [("insert", 1)], "it left, and what becomes of it then is nobody's business"


async def test_what_may_be_hidden_by_now_is_forgotten(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    for _ in range(2):  # the second time the reader is calmed, and yet nothing is told in between
        hub.publish([committed(row(id=1))])
        await turns()
        assert listener.take() == [("insert", 1)]
        hub.publish([member_changed()])
        hub.publish([committed(None, row(id=1))])
        await turns()
        assert listener.take() == []
    assert len(listener.resyncs) == 1
    await asyncio.sleep(0.6)
    assert len(listener.resyncs) == 2


async def test_what_is_shown_while_rights_change_is_stale(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, Listener(question(ELSEWHERE, database=database)))
    hub.publish([member_changed()])
    subscription = hub.join(listener.asks, listener)
    hub.publish([member_changed()])
    subscription.remember([b'{"id": 1}'])
    hub.release(subscription)
    hub.publish([committed(None, row(id=1))])
    assert (listener.take(), len(listener.resyncs)) == ([], 1)


async def test_a_key_that_changes_leaves_under_the_old_one(hub: Hub, database: Database) -> None:
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1)), committed(row(id=2), row(id=1)), committed(row(id=3), row(id=8))])
    await turns()
    assert listener.take() == [("insert", 1), ("leave", 1), ("enter", 2), ("enter", 3)]


async def test_what_is_remembered_is_bounded_for_one_and_for_all(
    hub: Hub, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told_module, "ROWS", 2)
    listener = Listener(question(ELSEWHERE, database=database))
    subscription = joined(hub, listener)
    hub.publish([committed(row(id=number)) for number in (1, 2, 3)])
    await turns()
    assert [id_ for _, id_ in listener.take()] == [1, 2, 3]
    assert listener.resyncs == ["more rows were told than are remembered"]
    hub.publish([committed(None, row(id=1))])
    assert listener.take() == []
    memory = Memory()
    one, other = Told(memory), Told(memory)
    one.remember([b"[1]", b"[2]"])
    monkeypatch.setattr(told_module, "ROWS_ALTOGETHER", 3)
    other.remember([b"[1]", b"[2]"])
    assert (len(one), len(other), memory.rows) == (2, 0, 2)
    one.forget()
    assert memory.rows == 0
    subscription.remember([b'{"id": 7}'])
    hub.leave(subscription)
    assert hub._memory.rows == 0


async def test_who_can_be_judged_in_memory_is_not_remembered(hub: Hub) -> None:
    assert joined(hub, Listener(question(is_(OWNER, 7)))).told is None
    assert joined(hub, Listener(question(TRUE, ELSEWHERE))).told is None


def test_keys_are_alike_however_they_are_spelled_and_numbers_are_exact() -> None:
    memory = Memory()
    assert memory.mark(b'{"a":1,"b":"x"}') == memory.mark(b'{"b": "\\u0078", "a": 1}')
    assert memory.mark(b'{"a":1.10}') != memory.mark(b'{"a":1.1}')
    assert memory.mark(b'{"a":9007199254740993}') != memory.mark(b'{"a":9007199254740992}')
    [key] = keys_of(b'[{"id": 12345678901234567890.10, "title": "t"}]', ["id"])
    assert memory.mark(key) == memory.mark(b'{"id":12345678901234567890.10}')
    assert memory.mark(b"{}") != Memory().mark(b"{}")
