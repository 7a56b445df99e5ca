"""How often something may be done: `60/min`, as settings write it.

Rule: a rate is as many as it says at once, and then as many more in each such time, evenly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from server.config.values import REFERENCE, Reads, UnfitError

SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
WRITTEN: Final = re.compile(r"([0-9]{1,7})/(s|min|h)")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `seconds`."""

    count: int
    seconds: int

    @property
    def each_second(self) -> float:
        return self.count / self.seconds

    def __str__(self) -> str:
        return f"{self.count}/{next(unit for unit, seconds in SECONDS.items() if seconds == self.seconds)}"


def read_rate(given: Any) -> Rate:
    """`10/s`, `60/min`, `1000/h`."""
    if isinstance(given, Rate):
        return given
    found = WRITTEN.fullmatch(given) if isinstance(given, str) else None
    if found is None or int(found[1]) == 0:
        raise UnfitError("must be a number for a time, such as 10/s, 60/min or 1000/h")
    return Rate(int(found[1]), SECONDS[found[2]])


RateSetting: TypeAlias = Annotated[
    Rate, Reads(read_rate, {"anyOf": [{"type": "string", "pattern": rf"^{WRITTEN.pattern}$"}, REFERENCE]}, str)
]
