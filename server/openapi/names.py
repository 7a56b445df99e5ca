"""What tables are called in the document: `Book` for its schemas, `book` in its operations.

Rule: a name depends on the table's own label; only where two would be told apart by nothing but case or punctuation
does the less plain of them take a number. Names are given among the tables of one scope: a hidden one leaves no mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count

FAMILY = ("", "Create", "Update", "Page", "Field", "Include", "Sort", "Conditions")
"""What follows the table's name in the names of its schemas."""
APOSTROPHES = "'’"

_PLAIN = re.compile(r"[A-Za-z0-9_]+\Z")
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Names:
    """`schema` is in PascalCase, `operation` its words joined by `_`; both are ASCII letters, digits and `_`."""

    schema: str
    operation: str


def table_names(labels: Iterable[str], reserved: Iterable[str] = ()) -> Mapping[str, Names]:
    """A name for each label; no schema of theirs is called like a reserved one.

    Names differ by more than case, as generated files may be on a disk that knows none.
    """
    taken = {name.casefold() for name in reserved}
    named: dict[str, Names] = {}
    for label in sorted(labels, key=lambda label: (not _PLAIN.match(label), label)):
        named[label] = next(each for each in _candidates(label) if taken.isdisjoint(_family(each)))
        taken.update(_family(named[label]))
    return named


def words(text: str) -> list[str]:
    """The words of the text in ASCII letters and digits: without apostrophes and accents, other letters by number."""
    return _WORD.findall("".join(map(_ascii, text)))


def _ascii(character: str) -> str:
    if character in APOSTROPHES:
        return ""
    if character.isascii():
        return character
    bare = "".join(part for part in unicodedata.normalize("NFKD", character) if part.isascii())
    return bare or (f"u{ord(character):x}" if character.isalnum() else " ")


def _candidates(label: str) -> Iterable[Names]:
    found = words(label) or ["table"]
    pascal, joined = "".join(word[:1].upper() + word[1:] for word in found), "_".join(found)
    yield Names(pascal, joined)
    for number in count(2):
        yield Names(f"{pascal}{number}", f"{joined}_{number}")


def _family(names: Names) -> set[str]:
    """Everything that must not be another's; operations are marked so that they meet only operations."""
    return {f"{names.schema}{end}".casefold() for end in FAMILY} | {f"list_{names.operation}".casefold()}
