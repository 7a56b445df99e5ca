"""From what a table, or this server's file, says of somebody to whom they are.

Rule: what cannot be understood makes nobody: an end that is no moment, claims that are no object, a flag that is neither
true nor false are as bad as a key that does not hold, and the log says which column it was.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reflector.access.principal import Principal
from reflector.errors import Forbidden, UnknownRole
from server.auth.own_table import Row
from server.problems import InvalidToken

LOG: Final = logging.getLogger("reflector.auth")
YES: Final = (True, 1, "1", "t", "true", "yes", "y")
NO: Final = (None, False, 0, "0", "f", "false", "no", "n", "")


@dataclass(frozen=True, slots=True)
class People:
    """How rows of one table make callers. `known`: the declared roles, None where the database knows them. `refusal`: the one
    sentence for whoever is nobody."""

    method: str
    known: Collection[str] | None
    default_role: str | None
    refusal: str

    def principal(self, row: Row, until: float | None = None) -> Principal:
        """Whom the row is about. Raises InvalidToken where it cannot be understood, Forbidden, and UnknownRole."""
        subject = text_of(row.get("subject"))
        claims = self._claims(row.get("claims"))
        roles = self._roles(row.get("role"))
        if subject is not None:
            claims["sub"] = subject
        claims["role"] = roles[0] if len(roles) == 1 else list(roles)
        return Principal(roles, claims, subject=subject, method=self.method, until=until)

    def _roles(self, said: Any) -> tuple[str, ...]:
        named = names_of(said) or ([] if self.default_role is None else [self.default_role])
        if not named:
            raise Forbidden("the credential names no role")
        unknown = None if self.known is None else next((each for each in named if each not in self.known), None)
        if unknown is not None:
            raise UnknownRole(f'role "{unknown}" does not exist')
        return tuple(dict.fromkeys(named))

    def _claims(self, said: Any) -> dict[str, Any]:
        try:
            read = json.loads(said) if isinstance(said, str) else said
        except (ValueError, RecursionError):
            read = said
        if read is None:
            return {}
        if not isinstance(read, Mapping):
            raise self.unclear("claims")
        return dict(read)

    def nobody(self) -> InvalidToken:
        """The refusal of a credential that proves nobody: the same for all reasons."""
        return InvalidToken(self.refusal)

    def unclear(self, column: str) -> InvalidToken:
        """The same refusal; the log is told why."""
        LOG.error("a row of a table of auth cannot be understood: its %s", column)
        return self.nobody()

    def is_on(self, row: Row, column: str) -> bool:
        """Whether a flag is set, or a moment stands in its place; raises InvalidToken for what is neither."""
        said = row.get(column)
        said = said.lower() if isinstance(said, str) else said
        if said in NO:
            return False
        if said in YES or moment_of(said) is not None:
            return True
        raise self.unclear(column)

    def end(self, row: Row, column: str) -> float | None:
        """When it ends, in seconds of the wall clock, None for never; raises InvalidToken for what is no moment."""
        said = row.get(column)
        if said is None:
            return None
        moment = moment_of(said)
        if moment is None:
            raise self.unclear(column)
        return moment


def text_of(said: Any) -> str | None:
    """Whom a row is about, as text."""
    return str(said) if isinstance(said, str | int) and not isinstance(said, bool) else None


def names_of(said: Any) -> list[str]:
    """A name, or several: a list, a JSON array, or names with commas between them."""
    if isinstance(said, str):
        try:
            read = json.loads(said) if said.lstrip().startswith("[") else said.split(",")
        except ValueError:
            return [said]
        said = read
    listed = said if isinstance(said, Sequence) else []
    return [each.strip() for each in listed if isinstance(each, str) and each.strip()]


def moment_of(said: Any) -> float | None:
    """Seconds of the wall clock: of a number of them, or of a date in ISO form, in UTC where it has no offset."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said)
    try:
        moment = dt.datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)).timestamp()
