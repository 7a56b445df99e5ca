"""Names that we make ourselves: the singular of a table, the stem of a key column, and what happens when names clash.

Rule: a name depends on what is named and on its rivals, never on the order in which a database lists them. Whoever
clashes gives the short name up, all rivals alike, so that no name changes hands when a table is added.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

_UNCHANGED = frozenset(
    [
        "aws",
        "bus",
        "chassis",
        "cms",
        "corps",
        "css",
        "data",
        "dns",
        "gas",
        "gps",
        "headquarters",
        "https",
        "information",
        "ios",
        "lens",
        "means",
        "media",
        "metadata",
        "news",
        "pos",
        "series",
        "sms",
        "species",
        "sos",
        "this",
        "tls",
    ]
)
_IRREGULAR: Mapping[str, str] = {
    "aliases": "alias",
    "analyses": "analysis",
    "apis": "api",
    "atlases": "atlas",
    "axes": "axis",
    "biases": "bias",
    "caches": "cache",
    "canoes": "canoe",
    "canvases": "canvas",
    "children": "child",
    "cookies": "cookie",
    "cpus": "cpu",
    "crises": "crisis",
    "criteria": "criterion",
    "diagnoses": "diagnosis",
    "emojis": "emoji",
    "feet": "foot",
    "gases": "gas",
    "geese": "goose",
    "gpus": "gpu",
    "halves": "half",
    "hypotheses": "hypothesis",
    "indices": "index",
    "knives": "knife",
    "kpis": "kpi",
    "leaves": "leaf",
    "lenses": "lens",
    "lives": "life",
    "matrices": "matrix",
    "men": "man",
    "menus": "menu",
    "mice": "mouse",
    "movies": "movie",
    "niches": "niche",
    "people": "person",
    "phenomena": "phenomenon",
    "quizzes": "quiz",
    "shelves": "shelf",
    "shoes": "shoe",
    "skis": "ski",
    "skus": "sku",
    "taxis": "taxi",
    "teeth": "tooth",
    "theses": "thesis",
    "thieves": "thief",
    "toes": "toe",
    "uris": "uri",
    "vertices": "vertex",
    "wives": "wife",
    "wolves": "wolf",
    "women": "woman",
    "zombies": "zombie",
}
# The first ending that fits decides: what is cut off, and what stands in its place.
_ENDINGS: Sequence[tuple[re.Pattern[str], int, str]] = (
    (re.compile(r"(ss|us|is)$"), 0, ""),
    (re.compile(r"..ies$"), 3, "y"),
    (re.compile(r"(ss|x|ch|sh|zz)es$"), 2, ""),
    (re.compile(r"[^oa]uses$"), 2, ""),
    (re.compile(r".oes$"), 2, ""),
    (re.compile(r"..s$"), 1, ""),
)
_LETTERS = re.compile(r"[^\W\d_]+$")
_KEY_SUFFIX = re.compile(r"(?:_id|_fk|_ID|_FK|(?<=[a-z0-9])Id)$")


def singular(name: str) -> str:
    """The singular of an English plural, of its last word only: `order_items` → `order_item`. Others stay."""
    found = _LETTERS.search(name)
    if found is None:
        return name
    start = found.start()
    humps = [at for at in range(start + 1, len(name)) if name[at].isupper() and name[at - 1].islower()]
    start = humps[-1] if humps else start
    word = name[start:]
    return name[:start] + _in_case_of(word, _singular_word(word.lower()))


def _singular_word(word: str) -> str:
    if word in _UNCHANGED:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, cut, instead in _ENDINGS:
        if ending.search(word):
            return word[: len(word) - cut] + instead
    return word


def _in_case_of(example: str, word: str) -> str:
    if len(example) > 1 and example.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if example[:1].isupper() else word


def stem(column: str) -> str | None:
    """A key column's name without `_id`, `_fk` or `Id`; None where it has none of them or nothing else."""
    found = _KEY_SUFFIX.search(column)
    return column[: found.start()] if found and found.start() else None


@dataclass(frozen=True, slots=True)
class Wish:
    """The names that one thing would take, the dearest first. `key` tells it from all others and orders numbers."""

    names: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """Several wished for `name`, or it was taken; `instead` are the names that they were given."""

    name: str
    instead: tuple[str, ...]


def settle(wishes: Collection[Wish], taken: Collection[str]) -> tuple[Mapping[Wish, str], tuple[Clash, ...]]:
    """A name of its own for each wish, none of them in `taken`; and what had to give way."""
    level = dict.fromkeys(wishes, 0)
    while rising := [wish for wish in _clashing(level, taken) if level[wish] + 1 < len(wish.names)]:
        for wish in rising:
            level[wish] += 1
    settled = {wish: wish.names[at] for wish, at in level.items()}
    _number(settled, sorted(_clashing(level, taken), key=lambda wish: (settled[wish], wish.key)), taken)
    return settled, tuple(_clashes(settled))


def _clashing(level: Mapping[Wish, int], taken: Collection[str]) -> Iterable[Wish]:
    rivals: defaultdict[str, list[Wish]] = defaultdict(list)
    for wish, at in level.items():
        rivals[wish.names[at]].append(wish)
    return [wish for name, several in rivals.items() if len(several) > 1 or name in taken for wish in several]


def _number(settled: dict[Wish, str], homeless: Sequence[Wish], taken: Collection[str]) -> None:
    used = {*taken, *settled.values()}
    for wish in homeless:
        number = 1
        while f"{settled[wish]}_{number}" in used:
            number += 1
        settled[wish] = f"{settled[wish]}_{number}"
        used.add(settled[wish])


def _clashes(settled: Mapping[Wish, str]) -> Iterable[Clash]:
    moved: defaultdict[str, list[str]] = defaultdict(list)
    for wish, name in settled.items():
        if name != wish.names[0]:
            moved[wish.names[0]].append(name)
    return [Clash(name, tuple(sorted(instead))) for name, instead in sorted(moved.items())]
