"""The channel between workers: what one tells, the others hear whole and in order; what they miss they are told of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from server.siblings import LONGEST, Channel, Siblings


class Ear:
    """Keeps what is heard on a topic."""

    def __init__(self, siblings: Siblings, topic: bytes = b"writes") -> None:
        self.heard: list[bytes] = []
        self.missed = 0
        siblings.topic(topic).hear(self.heard.append, self._miss)

    def _miss(self) -> None:
        self.missed += 1


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel(3)
    yield made
    made.close()


def test_all_but_the_teller_hear_in_order(channel: Channel) -> None:
    first, second, third = (channel.end_of(number) for number in (1, 2, 3))
    ears = [Ear(each) for each in (first, second, third)]
    other = Ear(second, b"other")
    for number in range(100):
        first.topic(b"writes").tell(b"%d" % number)
    third.topic(b"other").tell(b"\0with\0marks\0")
    for each in (first, second, third):
        each.catch_up()
    assert ears[0].heard == []
    assert ears[1].heard == ears[2].heard == [b"%d" % number for number in range(100)]
    assert other.heard == [b"\0with\0marks\0"]
    assert [ear.missed for ear in ears] == [0, 0, 0]


async def test_messages_come_by_themselves(channel: Channel) -> None:
    first, second = channel.end_of(1), channel.end_of(2)
    ear, came = Ear(second), asyncio.Event()
    second.topic(b"wake").hear(lambda _: came.set(), came.set)
    second.start()
    first.tell(b"writes", b"x")
    first.tell(b"wake", b"")
    await asyncio.wait_for(came.wait(), 10)
    assert ear.heard == [b"x"]
    second.close()


def test_a_full_inbox_is_missed_once_and_the_teller_does_not_wait(channel: Channel) -> None:
    first, second, third = (channel.end_of(number) for number in (1, 2, 3))
    ears = [Ear(each) for each in (second, third)]
    told = 0
    while channel.missed(2) == 0:
        first.tell(b"writes", b"x" * 1000)
        third.catch_up()
        told += 1
        assert told < 100_000
    second.catch_up()
    assert (ears[0].missed, ears[1].missed) == (1, 0)
    assert len(ears[0].heard) == told - 1
    assert len(ears[1].heard) == told
    first.tell(b"writes", b"after")
    second.catch_up()
    assert ears[0].heard[-1] == b"after"
    assert ears[0].missed == 1


def test_a_message_that_is_too_long_is_missed(channel: Channel) -> None:
    first, second = channel.end_of(1), channel.end_of(2)
    ear = Ear(second)
    first.tell(b"writes", b"x" * LONGEST)
    second.catch_up()
    assert (ear.heard, ear.missed) == ([], 1)


def test_the_death_of_a_worker_is_missed_by_the_others(channel: Channel) -> None:
    ears = {number: Ear(channel.end_of(number)) for number in (1, 2, 3)}
    ends = {number: channel.end_of(number) for number in (1, 2, 3)}
    for number, end in ends.items():
        ears[number] = Ear(end)
    channel.died(2)
    for end in ends.values():
        end.catch_up()
    assert {number: ear.missed for number, ear in ears.items()} == {1: 1, 2: 0, 3: 1}


def test_forks_tell_one_another(channel: Channel) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        own = channel.end_of(2)
        own.hear(b"asked", lambda message: own.tell(b"answered", message.upper()), lambda: None)
        os.write(writing, b"r")
        while not own._channel.missed(2):
            own.catch_up()
        os._exit(0)
    first = channel.end_of(1)
    ear = Ear(first, b"answered")
    assert os.read(reading, 1) == b"r"
    first.tell(b"asked", b"word")
    while not ear.heard:
        first.catch_up()
    channel.died(1)  # counted in memory that both see
    assert os.waitpid(pid, 0)[1] == 0
    assert ear.heard == [b"WORD"]
    os.close(reading)
    os.close(writing)
