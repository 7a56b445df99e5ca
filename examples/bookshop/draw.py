"""Chance that falls the same way every time.

Rule: only `Random.random()` is used, because Python promises its sequence across versions and promises nothing of
`choice`, `sample` or `randint`. Each table draws from a seed of its own, so a new table moves no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

FRACTIONS = (0, 0, 0, 500_000, 120_000, 123_456, 1)  # microseconds


class Draw:
    """The chance of one table."""

    def __init__(self, table: str) -> None:
        self._random = Random(f"bookshop {table}").random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def integer(self, low: int, high: int) -> int:
        """From `low` to `high`, both included; exact up to 2**53 possibilities."""
        return low + int(self._random() * (high - low + 1))

    def real(self, low: float, high: float, digits: int) -> float:
        return round(low + self._random() * (high - low), digits)

    def decimal(self, low: int, high: int, scale: int) -> Decimal:
        """`low` and `high` count the last digit: `decimal(1, 999, 2)` is 0.01 to 9.99."""
        return Decimal(self.integer(low, high)).scaleb(-scale)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.integer(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """`count` different ones of them (or all, when there are fewer), in the order drawn."""
        left = list(choices)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(min(count, len(left)))]

    def bits(self, count: int) -> int:
        """`count` is a multiple of 32."""
        return sum(self.integer(0, 2**32 - 1) << (32 * place) for place in range(count // 32))

    def blob(self, length: int) -> bytes:
        return bytes(self.integer(0, 255) for _ in range(length))

    def uuid(self) -> UUID:
        return UUID(int=self.bits(128), version=4)

    def wall_clock(self, first_year: int = 2021, years: int = 4) -> datetime:
        """A timestamp without zone, with every length of fraction."""
        seconds = self.integer(0, years * 365 * 86_400)
        return datetime(first_year, 1, 1) + timedelta(seconds=seconds, microseconds=self.pick(FRACTIONS))  # noqa: DTZ001

    def instant(self, first_year: int = 2021, years: int = 4) -> datetime:
        return self.wall_clock(first_year, years).replace(tzinfo=UTC)
