"""How workers of one machine tell one another things: short messages, through sockets that were there before they forked.

    worker.siblings                         None where one process serves alone
    topic = worker.siblings.topic(b"writes")
    topic.hear(heard, missed)               heard(message) for each message of a sibling, missed() when some were lost
    topic.tell(b"…")                        to all siblings; handed over when this returns, and never waits
    worker.siblings.catch_up()              hear now all that was told before now

`tell` before a writer is answered, and `catch_up` before something kept is shown: then nobody who was answered by one
worker meets at another what was before. `catch_up` costs a system call that mostly finds nothing.

Rule: what was not delivered is known not to be. A message that does not fit into a sibling's inbox, one that is too long,
and the death of a worker, who may have kept something to itself, all end in `missed`: whoever listens then assumes the
worst. A worker that takes another's place may hear what the other was told, so messages must bear repetition.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 32 * 1024
"""Bytes of a message with its topic."""
INBOX: Final = 1024 * 1024
"""What a socket may keep; the system may grant less."""
NUMBER: Final = 8
WAKE: Final = b"\0"
"""A message of no topic: look whether something was missed."""

Heard = Callable[[bytes], None]
Missed = Callable[[], None]


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends between which messages stay whole, neither of which ever waits."""
    try:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:  # not every system keeps the order of messages apart from their bounds
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for each in pair:
        each.setblocking(False)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, INBOX)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, INBOX)
    return pair


class Channel:
    """An inbox for each of `count` workers, made before the first fork and inherited by all of them.

    What each sender (0 is whoever looks after the workers) could not deliver to each worker is counted in memory that
    all of them share; every number has one writer.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        pairs = [_pair() for _ in range(count)]
        self.inboxes = [inbox for inbox, _ in pairs]
        self.outboxes = [outbox for _, outbox in pairs]
        self._shared = mmap.mmap(-1, (count + 1) * count * NUMBER)
        self._missed = memoryview(self._shared).cast("Q")

    def end_of(self, number: int) -> Siblings:
        """The end of the worker with this number, from 1; for its process alone."""
        return Siblings(self, number)

    def send(self, sender: int, receiver: int, message: bytes) -> None:
        """Into a worker's inbox, or into the count of what it missed."""
        try:
            self.outboxes[receiver - 1].send(message)
        except OSError:
            self.miss(sender, receiver)

    def miss(self, sender: int, receiver: int) -> None:
        """Have a worker know that it missed something."""
        self._missed[sender * self.count + receiver - 1] += 1
        try:
            self.outboxes[receiver - 1].send(WAKE)
        except OSError:
            return  # the inbox is still full, so its owner will read, and look at the count after that

    def missed(self, receiver: int) -> int:
        """How often so far, whoever sent; it only grows."""
        return sum(self._missed[receiver - 1 :: self.count])

    def died(self, number: int) -> None:
        """A worker has ended without telling all it knew; for whoever looks after the workers."""
        for receiver in range(1, self.count + 1):
            if receiver != number:
                self.miss(0, receiver)

    def close(self) -> None:
        """Give everything back, in this process."""
        for each in (*self.inboxes, *self.outboxes):
            each.close()
        self._missed.release()
        self._shared.close()


class Siblings:
    """One worker's end of the channel. Nothing is heard by itself before `start`."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._inbox = channel.inboxes[number - 1]
        self._known = channel.missed(number)
        self._topics: dict[bytes, tuple[Heard, Missed]] = {}
        self._listening: asyncio.AbstractEventLoop | None = None

    def topic(self, name: bytes) -> Topic:
        """One of several things that are told over the channel. No name contains a NUL, and none is empty."""
        return Topic(self, name)

    def start(self) -> None:
        """Hear messages as they come, in the running event loop."""
        self._listening = asyncio.get_running_loop()
        self._listening.add_reader(self._inbox.fileno(), self.catch_up)

    def close(self) -> None:
        """Hear nothing any more."""
        if self._listening is not None:
            self._listening.remove_reader(self._inbox.fileno())
            self._listening = None
        self._topics.clear()

    def hear(self, topic: bytes, heard: Heard, missed: Missed) -> None:
        """Call back for messages of the topic; neither may raise. In place of whoever heard the topic before."""
        self._topics[topic] = heard, missed

    def tell(self, topic: bytes, message: bytes) -> None:
        """Send to every sibling, in the order of calls."""
        whole = topic + b"\0" + message
        for receiver in range(1, self._channel.count + 1):
            if receiver == self._number:
                continue
            if len(whole) > LONGEST:
                self._channel.miss(self._number, receiver)
            else:
                self._channel.send(self._number, receiver, whole)

    def catch_up(self) -> None:
        """Hear all that was told before this call."""
        while True:
            try:
                whole = self._inbox.recv(LONGEST)
            except BlockingIOError:
                break
            topic, _, message = whole.partition(b"\0")
            if topic in self._topics:
                self._topics[topic][0](message)
        missed = self._channel.missed(self._number)
        if missed != self._known:
            self._known = missed
            for _, call in list(self._topics.values()):
                call()


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that is told."""

    siblings: Siblings
    name: bytes

    def hear(self, heard: Heard, missed: Missed) -> None:
        """See `Siblings.hear`."""
        self.siblings.hear(self.name, heard, missed)

    def tell(self, message: bytes) -> None:
        """See `Siblings.tell`."""
        self.siblings.tell(self.name, message)
