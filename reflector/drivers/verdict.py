"""What an error means for the request, for the connection it happened on, and for the other connections.

Rule: a translation is a table; the connection decides nothing else about errors. A message is ours, never the
database's; what it named (constraint, columns) travels beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from reflector.errors import (
    AnswerTooLarge,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    NotSupported,
    OutcomeUnknown,
    ReflectorError,
)


class After(Enum):
    """The state an error leaves a connection in."""

    SOUND = "the command ended; a transaction may be open"
    UNSETTLED = "the command may be under way still: the connection must come to rest, or be closed"
    LOST = "the connection is gone, or nothing can be said about it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` is what the caller is told. `unsent`: the statement had no effect, sending it again is safe even when it
    writes. `again`: sending it again is likely to work. `purge`: the other connections are as bad."""

    error: BaseException
    after: After
    again: bool = False
    unsent: bool = False
    purge: bool = False

    @property
    def undecided(self) -> bool:
        """Whether a statement that was sent may have taken effect nevertheless."""
        return self.after is not After.SOUND and not self.unsent


LOST_WORDS = "the connection to the database broke"


def outcome_unknown(verdict: Verdict) -> OutcomeUnknown:
    """The error for a write whose end nobody heard of."""
    return OutcomeUnknown(
        "the database was lost while it was writing: the change may or may not have been made",
        sqlstate=verdict.error.sqlstate if isinstance(verdict.error, DatabaseError) else None,
    )


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of a driver's table of errors: our error and our words. `lost`: the connection is of no use after it.
    `purge`: no other connection is either."""

    error: type[DatabaseError | Forbidden | NotSupported | AnswerTooLarge]
    words: str
    lost: bool = False
    purge: bool = False


GONE = Meaning(DatabaseUnavailable, LOST_WORDS, lost=True, purge=True)


def worded(meaning: Meaning, **facts: Any) -> ReflectorError:
    """The error of a row. `facts` are those of `DatabaseError`; an access error has no place for them, and an answer that
    is too large has its own words."""
    if issubclass(meaning.error, AnswerTooLarge):
        return meaning.error()
    if issubclass(meaning.error, DatabaseError):
        return meaning.error(meaning.words, **facts)
    return meaning.error(meaning.words)


def lost(*, unsent: bool = False) -> Verdict:
    """The verdict on a connection that is gone."""
    return Verdict(DatabaseUnavailable(LOST_WORDS), After.LOST, again=True, unsent=unsent, purge=True)
