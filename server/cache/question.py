"""What was asked, so exactly that two requests with one key cannot have different answers.

    name      roles · statement, and where its values come from · what renders the answer
    values    those of the request, spelled with their types
    claims    those that the statement uses, and no others

The schema and the rules are in the statement, as far as they have a say in it; which of them were in force is the number in the
key. Nothing else of them is in the name, because entity tags are made of it: a hidden table must not show in them.

Rule: a value that cannot be spelled unmistakably makes its answer one that is not kept. 1, 1.0, True and Decimal(1) are
equal to Python and different to a database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from reflector.access.principal import Principal, bind_claim
from reflector.datatypes import Value
from reflector.sql.plan import FromClaim, Plan
from reflector.versions import TableName

PLAIN: Final = frozenset(
    {type(None), bool, int, float, Decimal, str, bytes, dt.date, dt.time, dt.datetime, dt.timedelta}
)
"""Types whose repr tells any two values apart, also from those of other types."""

Key = tuple[int, bytes, str]
"""The snapshot's number, the question's name, and the spelling of values and claims."""


class Unspelled(Exception):
    """A value of a type that nobody has looked at."""


@dataclass(frozen=True, eq=False, slots=True)
class Question:
    """What all callers of the same roles ask with the same request, values left open.

    `name` is equal in every process that serves the same. `ttl` in seconds is the least of all tables': 0 where one has
    none and relies on its changes being heard. `stale` is for how many more an answer may be shown while a new one is
    fetched. `settled`: the answer is a function of the tables' rows alone. `public`: every table says so.
    """

    number: int
    name: bytes
    tables: tuple[TableName, ...]
    ttl: float
    settled: bool
    public: bool
    claims: tuple[FromClaim, ...]
    stale: float = 0.0

    def key(self, values: Sequence[Value], principal: Principal) -> Key | None:
        """The key of one caller's answer, None where it cannot be spelled; raises MissingClaim."""
        try:
            spelling = spelled(values)
            if self.claims:
                used = (bind_claim(principal, each.path, each.type, each.many) for each in self.claims)
                spelling = f"{spelling}|{spelled(used)}"
        except Unspelled:
            return None
        return self.number, self.name, spelling


def spelled(values: Iterable[Any]) -> str:
    """The values, each unmistakably; raises Unspelled."""
    return ",".join([repr(each) if type(each) in PLAIN else _nested(each) for each in values])


def _nested(value: Any) -> str:
    if type(value) is tuple:
        return f"({spelled(value)})"
    if type(value) is list:
        return f"[{spelled(value)}]"
    if type(value) is dict:
        return f"{{{spelled(part for pair in value.items() for part in pair)}}}"
    raise Unspelled(type(value).__name__)


def name_of(plan: Plan, roles: Sequence[str], rendering: Sequence[str]) -> bytes:
    """What is asked and how it is shown, in 32 bytes. Every part is counted, so that no two are spelled alike."""
    sources = [repr(bind.source) for step in plan.steps for bind in step.binds]
    texts = [step.text for step in plan.steps]
    digest = blake2b(digest_size=32)
    for group in (roles, rendering, texts, sources):
        digest.update(b"%d;" % len(group))
        for text in group:
            part = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(part) + part)
    return digest.digest()
