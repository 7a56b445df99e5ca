"""Where in a token its role stands: the paths of `jwt_role_claim_key`, in JSONPath and in PostgREST's older form.

    $.role    $["https://x/role"]    $.realm.roles[0]    $.roles[?(@ == "author")]
    .role     ."https://x/role"      .realm.roles[0]     .roles[?(@ ^== "api_")]

Rule: a path leads to one claim or to none. What stands there and is no text is named by its JSON, as PostgREST does: no role
is called so, and whoever carries it is refused. Only who has no such claim is anonymous.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from server.config.values import UnfitError

ABSENT: Final = object()
WORD: Final = re.compile(r"\.([A-Za-z_$@][A-Za-z0-9_$@-]*)")
QUOTED: Final = re.compile(r"""\."([^"]+)"|\["([^"]+)"\]|\['([^']+)'\]""")
INDEX: Final = re.compile(r"\[(-?[0-9]{1,9})\]")
CHOICE: Final = re.compile(r"""\[\?\s*\(?\s*@\s*(==|!=|\^==|==\^|\*==)\s*("[^"]*"|'[^']*')\s*\)?\s*\]""")
COMPARED: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "==": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "^==": lambda found, wanted: found.startswith(wanted),
    "==^": lambda found, wanted: found.endswith(wanted),
    "*==": lambda found, wanted: wanted in found,
}
"""How the members of a list are chosen: equal, other than, beginning with, ending in, holding."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The first text of a list that compares so."""

    operator: str
    text: str


Step: TypeAlias = str | int | Choice


@dataclass(frozen=True, slots=True)
class ClaimPath:
    """The steps to the role, and how they were written."""

    written: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.written

    def role_of(self, claims: Mapping[str, Any]) -> str | None:
        """The name at the end of the path, None where there is none."""
        found: Any = claims
        for step in self.steps:
            found = _at(found, step)
        return None if found is ABSENT else role_named(found)


def role_named(claim: Any) -> str:
    """The role that a claim names; of a claim that is no text one that there is not."""
    return claim if isinstance(claim, str) else json.dumps(claim, separators=(",", ":"))


def read_claim_path(given: Any) -> ClaimPath:
    """A path of either form."""
    if isinstance(given, ClaimPath):
        return given
    if not isinstance(given, str):
        raise UnfitError("must be text: put it in quotes")
    steps = tuple(_steps(given.removeprefix("$")))
    if not steps:
        raise UnfitError("must lead somewhere, as $.role does")
    return ClaimPath(str(given), steps)


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        if found := WORD.match(text, at):
            yield found[1]
        elif found := QUOTED.match(text, at):
            yield found[1] or found[2] or found[3]
        elif found := INDEX.match(text, at):
            yield int(found[1])
        elif found := CHOICE.match(text, at):
            yield Choice(found[1], found[2][1:-1])
        else:
            raise UnfitError(f"cannot be read from character {at + 1} on: a path is written as $.claim.list[0]")
        at = found.end()


def _at(value: Any, step: Step) -> Any:
    if isinstance(step, str):
        return value.get(step, ABSENT) if isinstance(value, Mapping) else ABSENT
    if not isinstance(value, list):
        return ABSENT
    if isinstance(step, int):
        return value[step] if -len(value) <= step < len(value) else ABSENT
    texts = (each for each in value if isinstance(each, str))
    return next((each for each in texts if COMPARED[step.operator](each, step.text)), ABSENT)
