"""The trace of the request that is answered here, for whoever has something to tell of it.

    note(cache="hit")                                something about the request itself
    with part("authenticate"): …                     something that takes time, and is waited for
    with part("GET", ("GET", url)) as asking: …      the same of somebody else, who may go on with the trace
    observe(PlanCompiled(…))                         what happened inside

Where nothing is traced, which is most of the time, each of these is a look at a variable and nothing else.

Rule: nobody who tells knows what becomes of it, nor whether anything does; nothing told here is a value of a row, a filter, a
claim or a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol, TypeAlias

from aiohttp import web

from reflector.errors import ReflectorError
from reflector.events import Observation, Observer

Said: TypeAlias = str | int | bool
UPGRADED: Final = 101


class Part(Protocol):
    """A part of a trace that is under way: a request, or something within it that is waited for."""

    id: str
    """The trace's, 32 hexadecimal digits."""

    @property
    def over(self) -> bool:
        """Whether the request has ended: nothing is taken of what goes on behind it."""

    @property
    def carried(self) -> Mapping[str, str]:
        """The headers by which somebody else goes on with the trace."""

    def note(self, facts: Mapping[str, Said]) -> None:
        """Say something about the request."""

    def observe(self, event: Observation) -> None:
        """Take something that happened within this part, just now."""

    def begin(self, name: str, asked: tuple[str, str] | None) -> Part:
        """A part within this one; `asked` are method and address of what is asked of somebody else."""

    def end(self, error: str | None = None) -> None:
        """It is over; `error` is the code of what came of it, or its kind. Where it was the request, nothing told afterwards is taken."""

    def answered(self, status: int) -> None:
        """What was asked, here or of somebody else, was answered by this status."""


class Tracing(Protocol):
    """Decides which requests are traced."""

    def begin(
        self, request: web.BaseRequest, route: str | None, roles: Callable[[], Sequence[str]], *, trusted: bool
    ) -> Part | None:
        """The trace of a request that has come in, None where it is not traced. `roles` tells its caller's, once they are
        known. `trusted`: whoever sent it may say that it is part of a trace of theirs."""

    async def close(self) -> None:
        """Send what waits to be sent, within a moment."""


TRACE: Final[ContextVar[Part | None]] = ContextVar("trace", default=None)
"""What is traced here, None for nothing."""


def present() -> Part | None:
    """What is traced here; None for nothing, and for what goes on behind a request that has ended."""
    trace = TRACE.get()
    return None if trace is None or trace.over else trace


def note(**facts: Said) -> None:
    """Say something about the request that is answered here."""
    trace = present()
    if trace is not None:
        trace.note(facts)


def observe(event: Observation) -> None:
    """Take something that happened."""
    trace = present()
    if trace is not None:
        trace.observe(event)


def listening() -> Observer | None:
    """Who listens to what happens here; None where nobody does."""
    trace = present()
    return None if trace is None else trace.observe


def upgraded() -> None:
    """From here on it is a conversation, for as long as both like: what was asked has been answered."""
    trace = TRACE.get()
    if trace is not None:
        TRACE.set(None)
        trace.answered(UPGRADED)
        trace.end()


def code_of(fault: BaseException) -> str:
    """What an error is called in a trace, which has none of its words."""
    if isinstance(fault, ReflectorError):
        return fault.code
    return str(fault.status) if isinstance(fault, web.HTTPException) else type(fault).__name__


@contextmanager
def part(name: str, asked: tuple[str, str] | None = None) -> Iterator[Part | None]:
    """Something that takes time, until left; None where nothing is traced."""
    trace = present()
    if trace is None:
        yield None
        return
    own, error = trace.begin(name, asked), None
    before = TRACE.set(own)
    try:
        yield own
    except BaseException as fault:
        error = code_of(fault)
        raise
    finally:
        TRACE.reset(before)
        own.end(error)
