"""The protocol of `/ws` as a table of states: frames go in, effects come out; no socket and no clock.

    WAITING    nobody yet: only a credential is heard
    OPEN       somebody: subscriptions are heard
    CLOSED     nothing is heard

Rule: what is not in the table is an error in OPEN and the end in WAITING; no state without a caller reaches a
subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

import orjson

from reflector.errors import InvalidRequest, LimitExceeded, ReflectorError, UnknownParameter, suggestion
from server.apis.realtime.frames import error_frame

SUBSCRIPTIONS: Final = 100
LONGEST_ID: Final = 64
UNAUTHENTICATED: Final = 4401
TOO_MANY: Final = 4429

Frame: TypeAlias = Mapping[str, Any]


class State(Enum):
    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Say:
    frame: Frame


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    token: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`request` is the frame, without its type and id."""

    id: str
    request: Frame


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    id: str


Effect: TypeAlias = Say | Close | Authenticate | Subscribe | Unsubscribe


class Conversation:
    """One socket's. `ids` are those of its subscriptions."""

    def __init__(self, *, known: bool) -> None:
        self.state = State.OPEN if known else State.WAITING
        self.ids: set[str] = set()

    def hear(self, text: str | bytes) -> list[Effect]:
        """What is to be done about a frame."""
        if self.state is State.CLOSED:
            return []
        frame = _document(text)
        kind = frame.get("type") if frame is not None else None
        turn = TURNS.get((self.state, kind)) if isinstance(kind, str) else None
        if turn is None or frame is None:
            return [self._not_heard(kind)]
        try:
            return list(turn(self, frame))
        except ReflectorError as error:
            return [Say(error_frame(error, _id_of(frame)))]

    def authenticated(self) -> Effect:
        """The credential holds."""
        self.state = State.OPEN
        return Say({"type": "authenticated"})

    def refused(self) -> Effect:
        """The credential does not hold, or none came."""
        self.state = State.CLOSED
        return Close(UNAUTHENTICATED, "a credential is required")

    def expired(self) -> Effect:
        self.state = State.CLOSED
        return Close(UNAUTHENTICATED, "the credential has ended")

    def ended(self, id_: str) -> None:
        """A subscription is no more."""
        self.ids.discard(id_)

    # ── the turns ────────────────────────────────────────────────────────────────────────────

    def _not_heard(self, kind: Any) -> Effect:
        if self.state is State.WAITING:
            return self.refused()
        if not isinstance(kind, str):
            return Say(error_frame(InvalidRequest('a frame is a JSON object with a "type"')))
        known = [name for state, name in TURNS if state is State.OPEN]
        return Say(error_frame(InvalidRequest(f"there is no frame {kind[:40]!r}", hint=suggestion(kind[:40], known))))

    def auth(self, frame: Frame) -> Iterator[Effect]:
        _only(frame, {"type", "token"})
        token = frame.get("token")
        if not isinstance(token, str) or not token:
            raise InvalidRequest('"token" is a text', pointer="/token")
        yield Authenticate(token)

    def ping(self, frame: Frame) -> Iterator[Effect]:
        yield Say({"type": "pong"} | ({"id": frame["id"]} if isinstance(frame.get("id"), str) else {}))

    def subscribe(self, frame: Frame) -> Iterator[Effect]:
        id_ = _wanted_id(frame)
        if id_ in self.ids:
            raise InvalidRequest(f"the id {id_!r} is in use", pointer="/id")
        if len(self.ids) >= SUBSCRIPTIONS:
            raise LimitExceeded(f"a socket has at most {SUBSCRIPTIONS} subscriptions", hint="open another socket")
        self.ids.add(id_)
        yield Subscribe(id_, {name: value for name, value in frame.items() if name not in ("type", "id")})

    def unsubscribe(self, frame: Frame) -> Iterator[Effect]:
        _only(frame, {"type", "id"})
        id_ = _wanted_id(frame)
        if id_ not in self.ids:
            raise InvalidRequest(f"there is no subscription {id_!r}", pointer="/id")
        self.ids.discard(id_)
        yield Unsubscribe(id_)
        yield Say({"type": "closed", "id": id_})


Turn = Callable[[Conversation, Frame], Iterator[Effect]]
TURNS: Final[Mapping[tuple[State, str], Turn]] = {
    (State.WAITING, "auth"): Conversation.auth,
    (State.WAITING, "ping"): Conversation.ping,
    (State.OPEN, "auth"): Conversation.auth,
    (State.OPEN, "subscribe"): Conversation.subscribe,
    (State.OPEN, "unsubscribe"): Conversation.unsubscribe,
    (State.OPEN, "ping"): Conversation.ping,
}


def _document(text: str | bytes) -> Frame | None:
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return frame if isinstance(frame, dict) else None


def _id_of(frame: Frame) -> str | None:
    given = frame.get("id")
    return given if isinstance(given, str) and len(given) <= LONGEST_ID else None


def _wanted_id(frame: Frame) -> str:
    given = _id_of(frame)
    if not given:
        raise InvalidRequest(f'"id" is a text of at most {LONGEST_ID} characters', pointer="/id")
    return given


def _only(frame: Frame, known: set[str]) -> None:
    for name in frame:
        if name not in known:
            raise UnknownParameter(name, known, pointer=f"/{name}")
