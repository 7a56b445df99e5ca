"""Credentials that somebody outside has to be asked about: how often one address may be wrong before nobody is asked.

    refused a moment ago            refused again by what was said then
    known to have held              asked about at any time, whoever else calls from there
    any other                       asked about while its address has refusals left, else told to wait

Every refusal takes one of the address's refusals, and nothing else does: neither what holds nor what nobody could judge. So many
questions of an address are under way at once as it has refusals left; further ones wait for them, so that many at once
are no way around the count, and honest callers who all come at once are not taken for guessers.

Rule: what is remembered is bounded, is kept by keyed hashes alone, and a failure to ask is no refusal.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from reflector.errors import ReflectorError, Unauthenticated
from server.config.rates import Rate
from server.problems import TooManyAttempts, status_of
from server.rates import Buckets, Standing

REFUSED_SECONDS: Final = 2.5
"""For how long a refusal is believed without asking again."""
REMEMBERED: Final = 8_192
"""Refusals, and credentials that held, of each so many."""
WAITING: Final = 1_024
"""Questions of one address that wait for others of it."""

Answer = TypeVar("Answer")


class Refused(NamedTuple):
    error: ReflectorError
    until: float


@dataclass(slots=True, eq=False)
class Questions:
    """Those of one address: how many are under way, and who waits for one of them to end."""

    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def turn(self) -> asyncio.Future[None]:
        """What is done when one of them has ended; raises TooManyAttempts where too many wait for that."""
        if len(self.waiting) >= WAITING:
            raise TooManyAttempts("too many credentials are being looked at: try again in a moment")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        return turn

    def wake(self) -> None:
        """Let one of those who wait look again."""
        while self.waiting:
            first = self.waiting.popleft()
            if not first.done():
                first.set_result(None)
                return


class Doubts:
    """What is known of credentials that did not hold. `rate`: how many refusals an address has, `refusals` where they are
    counted; `steady` gives seconds of a clock that does not jump."""

    def __init__(
        self, rate: Rate, steady: Callable[[], float] = time.monotonic, refusals: Buckets | None = None
    ) -> None:
        self._rate, self._steady = rate, steady
        self._refusals = Buckets(steady) if refusals is None else refusals
        self._refused: OrderedDict[bytes, Refused] = OrderedDict()
        self._held: OrderedDict[bytes, None] = OrderedDict()
        self._questions: dict[str, Questions] = {}

    async def asked(self, key: bytes, address: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers of the credential of this key. Raises what it raises; what it raised a moment ago; TooManyAttempts
        where the address was refused too often."""
        self._look(key)
        if key in self._held:
            return await self._judged(key, address, ask)
        questions = await self._admitted(address)
        questions.running += 1
        try:
            # Whoever waited may have been waiting for the same question.
            self._look(key)
            return await self._judged(key, address, ask)
        finally:
            questions.running -= 1
            questions.wake()
            self._tidy(address, questions)

    def follow(self, before: Doubts) -> None:
        """Go on counting. What was refused under the configuration before may hold under this one."""
        self._refusals, self._held, self._questions = before._refusals, before._held, before._questions

    def _look(self, key: bytes) -> None:
        found = self._refused.get(key)
        if found is None:
            return
        if found.until > self._steady():
            raise _again(found.error)
        del self._refused[key]

    async def _judged(self, key: bytes, address: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await ask()
        except ReflectorError as error:
            if status_of(error) in (401, 403):
                self._remember(key, address, error)
            raise
        self._held[key] = None
        self._held.move_to_end(key)
        while len(self._held) > REMEMBERED:
            self._held.popitem(last=False)
        return answer

    def _remember(self, key: bytes, address: str, error: ReflectorError) -> None:
        """Refuse it by memory for a while. One that holds, of somebody without a right to be here, is nobody's guess."""
        self._refused[key] = Refused(_again(error), self._steady() + REFUSED_SECONDS)
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)
        if isinstance(error, Unauthenticated):
            self._held.pop(key, None)
            self._refusals.take(address, self._rate, 1)

    async def _admitted(self, address: str) -> Questions:
        """The questions of the address, once it may ask one more."""
        questions = self._questions.setdefault(address, Questions())
        try:
            while questions.running >= self._left(address).left:
                await questions.turn()
                # The one that ended may have been the last, and somebody else have begun since then.
                questions = self._questions.setdefault(address, questions)
        except BaseException:
            # Whoever leaves, or is told to wait, hands the turn on.
            questions.wake()
            self._tidy(address, questions)
            raise
        return questions

    def _left(self, address: str) -> Standing:
        """How many refusals the address has left; raises TooManyAttempts where there is none."""
        standing = self._refusals.look(address, self._rate)
        if standing.left < 1:
            message = "too many credentials that do not hold came from this address: wait before the next one"
            raise TooManyAttempts(message, retry=standing.wait)
        return standing

    def _tidy(self, address: str, questions: Questions) -> None:
        if not questions.running and not questions.waiting and self._questions.get(address) is questions:
            del self._questions[address]


def _again(error: ReflectorError) -> ReflectorError:
    """The same error without the places where it was raised, which would keep whole requests in memory."""
    copy = type(error).__new__(type(error))
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy
