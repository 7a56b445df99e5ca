"""How a database compares values, looks into them and makes others of them.

Rule: what a comparison means stands in `query.comparisons` and `query.native`; a method here is how a database says one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa

from reflector.datatypes import DataType
from reflector.query.aggregates import AggregateFunction
from reflector.query.bytewise import Sides
from reflector.query.comparisons import Comparison
from reflector.query.masks import MaskKind
from reflector.query.speaker import Speaker
from reflector.sql.names import Names
from reflector.sql.shaped import Shaped, Sql


class Comparing(Names, Speaker):
    """What every `Speaker` says: as SQL has it everywhere, and as nothing where only some databases can say it."""

    masks: ClassVar[Mapping[MaskKind, str]]
    """How it says each mask."""
    letters: ClassVar[str] = "{x}"
    """A text whose collation does not tell all letters apart, as patterns look into it."""
    among_items: ClassVar[str]
    """Whether the document `{x}` is an array that has the text `{y}`; NULL for none, and for JSON's null."""

    # ── any database ─────────────────────────────────────────────────────────────────────────

    def compared(self, expression: Sql, type_: DataType) -> Sql:
        """The expression as it is compared with a value of its type."""
        return expression

    @abstractmethod
    def exact(self, comparison: Comparison, left: Sql, right: Any, sides: Sides) -> Sql:
        """A comparison of text, or of arrays of it, bytewise and whatever the collation."""

    def text_member(self, document: Sql, text: Sql) -> Sql:
        return sa.type_coerce(Shaped(self.among_items, document, y=text), sa.Boolean())

    # ── databases that can ───────────────────────────────────────────────────────────────────

    def match(self, left: Sql, pattern: Sql) -> Sql:
        raise self.unsupported("look for regular expressions")

    def imatch(self, left: Sql, pattern: Sql) -> Sql:
        raise self.unsupported("look for regular expressions")

    def by_operator(self, sign: str, left: Sql, right: Sql) -> Sql:
        raise self.unsupported(f"compare by {sign}")

    def member(self, array: Sql, item: Sql) -> Sql:
        raise self.unsupported("look for the items of an array")

    def exact_member(self, array: Sql, item: Sql) -> Sql:
        raise self.unsupported("look for the items of an array")

    def search(self, function: str, language: str | None, left: Sql, text: Sql, *, vector: bool) -> Sql:
        raise self.unsupported("search texts by words")

    # ── made of a value ──────────────────────────────────────────────────────────────────────

    @abstractmethod
    def path(self, expression: Sql, type_: DataType, path: Sequence[str | int], text: bool) -> Sql:
        """What lies at the path in a JSON document, as JSON or as text. `type_` is the expression's own."""

    @abstractmethod
    def cast(self, expression: Sql, source: DataType, target: DataType) -> Sql:
        """The expression, which is of type `source`, as one of `query.casts.CASTS`."""

    def aggregate(self, function: AggregateFunction, expression: Sql | None, type_: DataType | None) -> Sql:
        """What the rows of a group give together, or values of this type."""
        said: Sql = getattr(sa.func, function.name)(*(() if expression is None else (expression,)))
        return said

    def lower(self, text: Sql) -> Sql:
        return sa.func.lower(text)

    def masked(self, kind: MaskKind, text: Sql, *pads: Sql) -> Sql:
        """A text as a mask shows it; `pads` are those of a hash, as texts."""
        return Shaped(self.masks[kind], text, **dict(zip(("ipad", "opad"), pads, strict=False)))

    def clamped(self, count: Sql, offset: int, limit: int | None) -> Sql:
        """How many of `count` rows are left behind `offset`, and within `limit`."""
        if offset:
            count = sa.func.greatest(count - sa.literal_column(str(offset)), sa.literal_column("0"))
        return count if limit is None else sa.func.least(count, sa.literal_column(str(limit)))
