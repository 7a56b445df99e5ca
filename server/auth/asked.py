"""Methods for which somebody outside is asked who carries a credential.

    word            the caller, believed until the credential ends, and no longer than the word says without asking again
    no word         401
    no answer       503: nobody is anonymous because a server is away

Rule: many requests with one credential are one question, and one of them leaving ends it for nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from server.auth.claims import ClaimRules
from server.auth.method import Method, Proof
from server.auth.outbound import Away
from server.cache.flights import Flights
from server.problems import IdentityUnavailable, InvalidToken


@dataclass(frozen=True, slots=True)
class Word:
    """What was answered of a credential that holds: the claims, for how many seconds they may be believed without asking
    again, and the size of question and answer in characters."""

    claims: Mapping[str, Any]
    seconds: float
    size: int


class AskedMethod(Method):
    """A subclass says what it answers where the credential does not hold (`refused`) and where nobody can be asked (`away`), and
    has its questions answered by `word_of`. `clock` gives seconds of the wall clock."""

    refused: ClassVar[str]
    away: ClassVar[str]
    asks = True

    def __init__(self, rules: ClaimRules, clock: Callable[[], float]) -> None:
        self._rules, self._clock = rules, clock
        self._flights: Flights[Proof] = Flights()
        self._away = False

    async def word_of(self, key: Hashable, question: Callable[[], Awaitable[Word | None]]) -> Proof:
        """What the question under this key comes to; it answers None for a credential that does not hold, and raises Away."""
        flight = self._flights.find(key) or self._flights.begin(key, 0.0, lambda: self._asked(question))
        return await self._flights.wait(key, flight)

    async def _asked(self, question: Callable[[], Awaitable[Word | None]]) -> Proof:
        try:
            word = await question()
        except Away as away:
            self._away = True
            raise IdentityUnavailable(self.away) from away
        self._away = False
        if word is None:
            raise InvalidToken(self.refused)
        principal = self._rules.principal(word.claims, self.name, self._clock())
        return Proof(principal, principal.until, word.seconds, 500 + 4 * word.size)

    @property
    def degraded(self) -> bool:
        return self._away
