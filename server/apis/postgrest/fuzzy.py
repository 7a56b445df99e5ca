"""The name that was most likely meant, among those that a caller may see.

Names are compared by the pairs and triples of letters they share, then by how many letters have to change.

Rule: only names that are given here can be suggested, so a hint tells nothing that its caller could not list.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

GRAMS: Final = (3, 2)
LEAST: Final = 0.33
"""How alike two names must be, of 1."""
LONGEST: Final = 128
MOST: Final = 1000
"""Letters of a name, and names, that are compared; beyond them nothing is suggested."""
CLOSE: Final = 50


def nearest(name: str, known: Iterable[str], least: float = LEAST) -> str | None:
    """The known name most like it, or None; of equals the first by the alphabet."""
    names = sorted(set(known))
    if not name or len(name) > LONGEST or len(names) > MOST:
        return None
    wanted = name.lower()
    for size in GRAMS:
        near = _near(wanted, names, size)
        if near:
            score, found = max(((_alike(wanted, each.lower()), each) for each in near), key=lambda pair: pair[0])
            if score >= least:
                return found
    return None


def _near(wanted: str, names: Iterable[str], size: int) -> list[str]:
    grams = _grams(wanted, size)
    scored = [(_cosine(grams, _grams(each.lower(), size)), each) for each in names if len(each) <= LONGEST]
    scored.sort(key=lambda pair: -pair[0])
    return [each for score, each in scored[:CLOSE] if score > 0]


def _grams(name: str, size: int) -> Counter[str]:
    framed = f"-{name}-"
    return Counter(framed[index : index + size] for index in range(max(1, len(framed) - size + 1)))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[gram] for gram, count in one.items())
    return shared / (math.hypot(*one.values()) * math.hypot(*other.values()))


def _alike(one: str, other: str) -> float:
    """1 for equal names, 0 where every letter has to change."""
    longest = max(len(one), len(other))
    return 1 - _distance(one, other) / longest if longest else 1.0


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        before, row[0] = row[0], index
        for place, against in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != against))
    return row[-1]
