"""Masks: how a value is shown to those who may know something of it and not all.

    partial   the first and the last letter: `a***z`; of a text of less than five letters nothing: `***`
    last4     the last four letters: `****1234`; of a text of less than eight nothing: `****`
    hash      32 letters that are the same wherever the value is the same, made with a key

Rule: a mask is a row of `MASKS` with its meaning in memory; `dialects/masks.py` says the same in SQL. What is shown has
the same length whatever the length of the value, and NULL stays NULL.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reflector.datatypes import DataType, Kind
from reflector.secret import Secret

if TYPE_CHECKING:
    from reflector.query.nodes import Expression, Filter

MASKED_KINDS: Final = frozenset({Kind.TEXT, Kind.ENUM, Kind.INTEGER, Kind.UUID})
"""Kinds of value whose text is the same on every database."""
HASH_LETTERS: Final = 32


class MaskKind(StrEnum):
    """Those that show most come first: of two that may be shown of one value it is the first."""

    LAST4 = "last4"
    PARTIAL = "partial"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Mask:
    """`key` is the key of a hash, in hexadecimal digits; the others have none."""

    kind: MaskKind
    key: Secret | None = field(default=None, repr=False)

    def of(self, text: str) -> str:
        """What is shown of the text."""
        return MASKS[self.kind](text, b"" if self.key is None else bytes.fromhex(self.key.reveal()))


@dataclass(frozen=True, slots=True)
class Masked:
    """A value as text: as it is where `plain` holds, else as the first of `ways` whose rule holds has it, else NULL.

    Only what is selected may be one: nothing is compared with it, and nothing is ordered or grouped by it.
    """

    expression: Expression
    plain: Filter
    ways: tuple[tuple[Filter, Mask], ...]


def keyed_hash(text: str, key: bytes) -> str:
    """HMAC-SHA-256, the first half of it."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:HASH_LETTERS]


MASKS: Final[Mapping[MaskKind, Callable[[str, bytes], str]]] = {
    MaskKind.LAST4: lambda text, _: "****" if len(text) < 8 else "****" + text[-4:],
    MaskKind.PARTIAL: lambda text, _: "***" if len(text) < 5 else f"{text[0]}***{text[-1]}",
    MaskKind.HASH: keyed_hash,
}


def pads(key: Secret) -> tuple[Secret, Secret]:
    """The inner and the outer pad of HMAC-SHA-256, in hexadecimal digits, for databases that know SHA-256 alone."""
    block = bytes.fromhex(key.reveal()).ljust(64, b"\0")
    inner, outer = (bytes(each ^ pad for each in block) for pad in (0x36, 0x5C))
    return Secret(inner.hex()), Secret(outer.hex())


def maskable(type_: DataType) -> bool:
    return type_.kind in MASKED_KINDS
