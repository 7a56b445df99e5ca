"""Who is told: groups, the index, what waits, other snapshots, whole tables."""

from __future__ import annotations

import asyncio
import gc
import random

import pytest

from reflector.catalog.model import Catalog, DatabaseKind
from reflector.changes import hub as hub_module
from reflector.changes import subscription as subscription_module
from reflector.changes.change import Committed, Cursor, Op, bound
from reflector.changes.hub import Hub, Touched
from reflector.changes.index import Index, place_of
from reflector.changes.judging import judge
from reflector.errors import DatabaseUnavailable, UnknownTable
from reflector.query.nodes import TRUE, all_of
from tests.changes.articles import (
    ALL,
    ARTICLE,
    CATALOG,
    CODEC,
    ELSEWHERE,
    ID,
    MEMBERS,
    NAME,
    OWNER,
    TITLE,
    Database,
    Listener,
    change,
    clock,
    committed,
    is_,
    joined,
    question,
    row,
    turns,
)


async def test_equal_questions_are_judged_once_and_told_to_each(hub: Hub) -> None:
    listeners = [Listener(question(is_(OWNER, 7))) for _ in range(3)]
    for listener in listeners:
        joined(hub, listener)
    hub.publish([committed(row()), committed(row(id=2, owner=8))])
    assert [listener.take() for listener in listeners] == [[("insert", 1)]] * 3
    first = Listener(question(is_(OWNER, 7)))
    joined(hub, first)
    hub.publish([committed(row(id=3))])
    assert listeners[0].told[0] is first.told[0]


async def test_who_has_left_is_told_nothing(hub: Hub) -> None:
    one, other = Listener(question()), Listener(question())
    subscription = joined(hub, one)
    joined(hub, other)
    hub.leave(subscription)
    hub.leave(subscription)
    hub.publish([committed(row())])
    assert (one.take(), other.take()) == ([], [("insert", 1)])
    assert hub.subscriptions == 1


async def test_what_happens_before_a_subscription_is_released_is_held_and_told_after_what_is_replayed(hub: Hub) -> None:
    hub.publish([committed(row(id=1)), committed(row(id=2))])
    listener = Listener(question())
    subscription = hub.join(listener.asks, listener)
    entries = hub.log.since(Cursor(1, 1), NAME)
    assert entries is not None
    hub.publish([committed(row(id=3))])
    await hub.replay(subscription, entries)
    assert listener.take() == [("insert", 2)]
    hub.release(subscription)
    assert listener.take() == [("insert", 3)]
    hub.publish([committed(row(id=4))])
    assert listener.take() == [("insert", 4)]


async def test_what_cannot_be_held_becomes_a_resync(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_module, "WAITING", 3)
    listener = Listener(question())
    subscription = hub.join(listener.asks, listener)
    hub.publish([committed(row(id=number)) for number in range(5)])
    hub.release(subscription)
    assert (listener.take(), len(listener.resyncs)) == ([], 1)
    hub.publish([committed(row(id=9))])
    assert listener.take() == [("insert", 9)]


async def test_while_the_database_is_asked_what_follows_waits(hub: Hub) -> None:
    database = Database({(1,): b'{"id":1}', (3,): b'{"id":3}'}, gate=asyncio.Event())
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1)), committed(row(id=2)), committed(row(id=3))])
    await turns()
    assert (listener.take(), database.asked) == ([], [(1,)])
    assert database.gate is not None
    database.gate.set()
    await turns(20)
    assert listener.take() == [("insert", 1), ("insert", 3)]
    assert database.asked == [(1,), (2,), (3,)]


async def test_a_database_that_cannot_be_asked_means_a_resync(hub: Hub) -> None:
    database = Database(fault=DatabaseUnavailable("away"))
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1)), committed(row(id=2))])
    await turns()
    assert (listener.take(), len(listener.resyncs)) == ([], 1)
    database.fault, database.rows = None, {(3,): b'{"id":3}'}
    hub.publish([committed(row(id=3))])
    await turns()
    assert listener.take() == [("insert", 3)]


async def test_a_fault_that_nobody_foresaw_means_a_resync_too_and_is_told(hub: Hub) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: told.append(said.get("exception")))
    fault = ZeroDivisionError("a fault of ours")
    database = Database({(3,): b'{"id":3}'}, fault=fault)
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    hub.publish([committed(row(id=1)), committed(row(id=2))])
    await turns()
    assert (listener.take(), len(listener.resyncs)) == ([], 1)
    database.fault = None
    hub.publish([committed(row(id=3))])
    await turns()
    gc.collect()
    assert (listener.take(), told) == ([("insert", 3)], [fault])


async def test_more_than_can_wait_for_the_database_means_a_resync(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_module, "WAITING", 3)
    database = Database(gate=asyncio.Event())
    listener = Listener(question(ELSEWHERE, database=database))
    joined(hub, listener)
    for number in range(10):
        hub.publish([committed(row(id=number))])
        await turns(1)
    assert listener.resyncs


async def test_a_lost_log_is_a_new_epoch_and_a_resync_for_everybody(hub: Hub) -> None:
    listener, heard = Listener(question()), list[Touched]()
    joined(hub, listener)
    hub.subscribe(None, heard.append)
    hub.publish([committed(row())])
    before = hub.head
    hub.lose("because")
    assert listener.resyncs == ["because"]
    assert hub.head.epoch != before.epoch
    assert hub.log.since(before, NAME) is None
    assert [(each.lost, sorted(each.tables)) for each in heard] == [(False, [NAME]), (True, [])]


async def test_a_change_of_a_table_that_the_rule_reads_is_a_resync_and_many_are_few(hub: Hub) -> None:
    listener, other = Listener(question(ELSEWHERE)), Listener(question())
    joined(hub, listener)
    joined(hub, other)
    for number in range(20):
        hub.publish([Committed(MEMBERS, Op.INSERT, {"id": number}, None, 0.0)])
    assert (len(listener.resyncs), other.resyncs) == (1, [])
    await asyncio.sleep(hub_module.CALM_SECONDS + 0.1)
    assert len(listener.resyncs) == 2
    hub.close()


async def test_a_table_that_was_emptied_is_a_resync_for_its_readers_alone(hub: Hub) -> None:
    listener = Listener(question(is_(OWNER, 3)))
    joined(hub, listener)
    hub.publish([committed(None, None, Op.RESET)])
    assert len(listener.resyncs) == 1


async def test_another_catalog_asks_everybody_again(hub: Hub) -> None:
    stays, changes, ends = (Listener(question(is_(OWNER, number))) for number in (1, 2, 3))
    for listener in (stays, changes, ends):
        joined(hub, listener)
    changes.asks = question(is_(OWNER, 4))
    ends.refuses = UnknownTable("article")
    hub.rebind(CATALOG)
    assert (stays.resyncs, len(changes.resyncs), ends.resyncs) == ([], 1, [])
    assert [error.code for error in ends.ended] == ["unknown_table"]
    hub.publish([committed(row(id=number, owner=number)) for number in (1, 2, 3, 4)])
    assert (stays.take(), changes.take(), ends.take()) == ([("insert", 1)], [("insert", 4)], [])


async def test_a_table_that_is_gone_is_told_to_nobody(hub: Hub) -> None:
    listener = Listener(question())
    joined(hub, listener)
    hub.rebind(Catalog(DatabaseKind.SQLITE, (3,), ("main",), {}, {}))
    hub.publish([committed(row())])
    assert listener.take() == []


async def test_listeners_hear_of_whole_tables_until_they_end_it(hub: Hub) -> None:
    some, every = list[Touched](), list[Touched]()
    end = hub.subscribe([MEMBERS], some.append)
    hub.subscribe(None, every.append)
    hub.publish([committed(row())])
    hub.publish([Committed(MEMBERS, Op.INSERT, {"id": 1}, None, 0.0), committed(row(id=2))])
    assert [sorted(each.tables) for each in some] == [[MEMBERS]]
    assert [sorted(each.tables) for each in every] == [[NAME], sorted([NAME, MEMBERS])]
    end()
    end()
    hub.publish([Committed(MEMBERS, Op.INSERT, {"id": 2}, None, 0.0)])
    assert len(some) == 1


# ── the index ────────────────────────────────────────────────────────────────────────────────


class Member:
    def __init__(self, asked: object) -> None:
        self.question = asked


def test_the_index_leaves_out_only_what_is_surely_false() -> None:
    """Random questions and changes: whatever is told of a change is told by a candidate of the index."""
    chosen = random.Random(11)
    rules = [TRUE, *(is_(OWNER, n) for n in range(4)), *(is_(TITLE, t) for t in ("t", "u", "t "))]
    members = [Member(question(all_of(chosen.choice(rules), chosen.choice(rules)))) for _ in range(80)]
    index: Index[Member] = Index()
    for member in members:
        index.add(member)
    assert sorted(map(id, index)) == sorted(map(id, members))
    told = skipped = 0
    for _ in range(400):
        new = row(chosen.randrange(3), chosen.choice(["t", "u", None]), chosen.choice([0, 1, 2, 3, None]))
        old = row(new["id"], chosen.choice(["t", "u", None]), chosen.choice([0, 1, 2, 3, None]))
        made = chosen.choice(
            [change(new), change(new, old), change(None, old), change(None, {"id": 1}), change(new, {"id": 1})]
        )
        candidates = index.candidates(made)
        assert len(set(map(id, candidates))) == len(candidates)
        for member in members:
            if judge(member.question, made, clock):  # type: ignore[arg-type]
                told += 1
                assert member in candidates
            elif member not in candidates:
                skipped += 1
    assert told > 500
    assert skipped > 5000
    for member in members:
        index.remove(member)
    assert not index


def test_values_that_may_compare_in_other_ways_are_not_indexed() -> None:
    assert place_of(question(is_(ID, 1))) == (ID, 1)
    assert place_of(question(TRUE)) is None
    assert place_of(question(is_(OWNER, None))) is None
    odd = bound(committed({**row(), "owner": "7"}), Cursor(1, 1), ARTICLE, CODEC)
    index: Index[Member] = Index()
    index.add(Member(question(is_(OWNER, 7))))
    assert len(index.candidates(odd)) == 1
    assert ALL[0] is ID
