"""Memory is bounded, and one question is asked once."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from server.cache.flights import Flights
from server.cache.memory import OVERHEAD, Entry, Memory
from server.cache.question import Key, Question

QUESTION = Question(0, b"", (), 1.0, True, False, ())


def entry(size: int) -> Entry:
    return Entry(QUESTION, b"x" * size, CIMultiDict(), "", 0.0, ())


def key(name: str) -> Key:
    return 0, b"", name


def test_the_least_recently_used_goes_first() -> None:
    memory = Memory(20 * (OVERHEAD + 1000))
    for number in range(20):
        memory.put(key(f"{number:02}"), entry(900))
    assert (len(memory), memory.evicted) == (20, 0)
    assert memory.get(key("00")) is not None
    memory.put(key("20"), entry(900 + 20 * 96))
    assert memory.get(key("00")) is not None
    assert memory.get(key("01")) is None
    assert memory.evicted == 1


def test_memory_never_holds_more_than_it_may_and_knows_how_much_it_holds() -> None:
    memory = Memory(100_000)
    for number in range(500):
        memory.put(key(str(number % 90)), entry(number * 37 % 9000))
        assert memory.size <= memory.capacity
    for number in range(90):
        memory.drop(key(str(number)))
    assert (memory.size, len(memory)) == (0, 0)


def test_one_answer_does_not_push_everything_else_out() -> None:
    memory = Memory(100_000)
    memory.put(key("a"), entry(100))
    memory.put(key("b"), entry(90_000))
    assert (memory.get(key("b")), memory.get(key("a")) is None) == (None, False)


def test_an_answer_is_found_by_the_last_of_its_aliases_for_as_long_as_it_is_kept() -> None:
    memory = Memory(100_000)
    first, second = ("somebody", "/a"), ("somebody", "/a?")
    memory.name(key("a"), first)
    assert memory.named(first) is None, "what is not kept has none"
    memory.put(key("a"), entry(100))
    plain = memory.size
    memory.name(key("a"), first)
    memory.name(key("a"), second)
    assert (memory.named(first), memory.named(second)) == (None, key("a"))
    assert memory.named(("somebody else", "/a?")) is None
    assert memory.size == plain + len("/a?")
    memory.put(key("a"), entry(100))
    assert (memory.named(second), memory.size) == (None, plain), "another answer has aliases of its own"
    memory.name(key("a"), second)
    memory.drop(key("a"))
    assert (memory.named(second), memory.size) == (None, 0)
    memory.put(key("a"), entry(100))
    memory.name(key("a"), first)
    memory.clear()
    assert (memory.named(first), memory.size) == (None, 0)


def test_aliases_take_room_and_leave_with_their_answers() -> None:
    memory = Memory(20 * (OVERHEAD + 1000))
    for number in range(200):
        memory.put(key(f"{number:03}"), entry(100))
        memory.name(key(f"{number:03}"), ("somebody", "x" * 1000 + str(number)))
        assert memory.size <= memory.capacity
    known = [number for number in range(200) if memory.named(("somebody", "x" * 1000 + str(number))) is not None]
    assert known == list(range(200 - len(memory), 200))


# ── one question at a time ───────────────────────────────────────────────────────────────────


class Asked:
    """A question that is answered when the test says so."""

    def __init__(self) -> None:
        self.times = 0
        self.cancelled = False
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.times += 1
        try:
            return await asyncio.shield(self.answer)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def join(flights: Flights[str], work: Asked) -> str:
    flight = flights.find("key") or flights.begin("key", 0.0, work)
    return await flights.wait("key", flight)


async def waiting(flights: Flights[str], work: Asked, count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(join(flights, work)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_many_ask_once() -> None:
    flights, work = Flights[str](), Asked()
    tasks = await waiting(flights, work, 20)
    work.answer.set_result("yes")
    assert await asyncio.gather(*tasks) == ["yes"] * 20
    assert (work.times, len(flights)) == (1, 0)


async def test_a_leader_who_leaves_fails_nobody() -> None:
    flights, work = Flights[str](), Asked()
    leader, *followers = await waiting(flights, work, 5)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    work.answer.set_result("yes")
    assert await asyncio.gather(*followers) == ["yes"] * 4
    assert work.times == 1


async def test_when_the_last_has_left_the_question_is_given_up() -> None:
    flights, work = Flights[str](), Asked()
    tasks = await waiting(flights, work, 3)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
    )
    await asyncio.sleep(0)
    assert (work.cancelled, len(flights)) == (True, 0)
    again = Asked()
    [late] = await waiting(flights, again, 1)
    again.answer.set_result("new")
    assert await late == "new"


async def test_all_hear_of_a_fault_and_it_is_not_kept() -> None:
    flights, work = Flights[str](), Asked()
    tasks = await waiting(flights, work, 3)
    work.answer.set_exception(ValueError("no"))
    assert [str(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == ["no"] * 3
    again = Asked()
    [late] = await waiting(flights, again, 1)
    again.answer.set_result("yes")
    assert await late == "yes"
