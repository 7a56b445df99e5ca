"""Addresses that differ in plain values alone: `id=eq.77` and `id=eq.78` are read once.

Whatever else an address says is part of its form, and so the same for all that are alike: embedded resources with their own
conditions, trees of conditions, lists, the order.

Rule: only comparisons of columns with plain values are taken for alike, and only where nothing else that the address says
is about those columns, and each value of the first request was found in its plan exactly once. Everything else is read anew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from reflector.datatypes import KINDS, DataType, Kind, Value
from reflector.query.scope import TableScope
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.zoned import UTC, Clock

Made = TypeVar("Made")
PLAIN: Final = re.compile(
    r"&((?!(?:select|columns|on_conflict|order|limit|offset|and|or)=)[A-Za-z_]\w*+=(?:eq|neq|gte?|lte?)\.)"
    r"([\w:.-]++)(?=&|\Z)",
    re.ASCII,
)
"""A whole parameter that compares a column with a plain value: what comes before the value, and the value. It begins with a
character of its own, which is looked for at once in a long text."""
NOWHERE: Final = "\x00"
"""A value that no plain one is, in the place of one."""
OTHER_WORDS: Final = frozenset({Kind.JSON, Kind.ARRAY, Kind.OPAQUE})
"""Kinds whose values are written in a way of this API's own."""


class Shape(NamedTuple):
    """A query string without its plain values: `form` is what stands around them, in turns between parameters and before a
    value. What is between begins with its `&`, and so does the whole, so that every parameter begins alike."""

    form: tuple[str, ...]
    values: tuple[str, ...]


def shape_of(query: str) -> Shape | None:
    """The shape, None where there is nothing plain in it."""
    parts = PLAIN.split(f"&{query}")
    if len(parts) == 1:
        return None
    values = tuple(parts[2::3])
    del parts[2::3]
    return Shape(tuple(parts), values)


@dataclass(frozen=True, eq=False, slots=True)
class Template(Generic[Made]):
    """What a request was read as, and where the values that others of its shape bring belong.

    `values` are those of its plan; each of `places` says how a text is read, and where among them it then stands. `address` is the one that is
    told, with gaps for texts in that `order`.
    """

    made: Made
    values: tuple[Value, ...]
    places: tuple[tuple[Callable[[str], Value], int], ...]
    address: str
    order: tuple[int, ...]

    @classmethod
    def of(
        cls,
        shape: Shape,
        made: Made,
        table: TableScope,
        values: Sequence[Value],
        limits: Limits,
        clock: Clock = UTC,
        *,
        named: Collection[str],
    ) -> Template[Made] | None:
        """The template of a request whose plan has these values; None where it is not certain which are whose.

        `named`: the fields of all conditions on the table's rows, once for each condition.
        """
        names = [before.partition("=")[0] for before in shape.form[1::2]]
        columns = [column for name in names if (column := table.readable.get(name)) is not None]
        if len(columns) < len(names) or any(_worded_otherwise(column.type) for column in columns):
            return None
        # Of two conditions that say the same one is left in the plan. Whether another one of such a column says the same
        # as this value does hangs on the value, and the plan of the two of them would be taken for that of every value.
        if Counter(name for name in named if name in names) != Counter(names):
            return None
        readers = [_reader(column.type, clock) for column in columns]
        given = [read(text) for read, text in zip(readers, shape.values, strict=True)]
        slots = [slot for value in given if (slot := _only_place(value, values)) is not None]
        address = _spaced(shape, table.table.name, limits)
        if len(set(slots)) < len(names) or address is None:
            return None
        order = tuple(sorted(range(len(names)), key=names.__getitem__))
        return cls(made, tuple(values), tuple(zip(readers, slots, strict=True)), address, order)

    def filled(self, texts: tuple[str, ...]) -> tuple[list[Value], str]:
        """The values of the plan for another request, and what `content_location` says of it; raises InvalidValue."""
        values = list(self.values)
        for (read, slot), text in zip(self.places, texts, strict=True):
            values[slot] = read(text)
        if len(texts) > 1:
            texts = tuple([texts[number] for number in self.order])
        # A colon is the one plain character that is not told as it is.
        return values, (self.address % texts).replace(":", "%3A")


def _reader(type_: DataType, clock: Clock) -> Callable[[str], Value]:
    """How a text is read as a value of the type."""
    return partial(clock.value, type_) if clock.reads(type_) else partial(KINDS[type_.kind].from_text, type_)


def _worded_otherwise(type_: DataType) -> bool:
    return type_.kind in OTHER_WORDS or (type_.represented is not None and type_.represented.from_text is not None)


def _only_place(value: Value, values: Sequence[Value]) -> int | None:
    """Where the value is, None where it is in no place or in several."""
    places = [number for number, each in enumerate(values) if each == value]
    return places[0] if len(places) == 1 else None


def _spaced(shape: Shape, table: str, limits: Limits) -> str | None:
    """The address that is told, with `%s` for each value; None where another parameter holds what stands for them."""
    before, *others = shape.form
    pairs = zip(others[::2], others[1::2], strict=True)
    query = before + "".join(f"&{begin}{NOWHERE}{after}" for begin, after in pairs)
    told = content_location(f"/{table}", split_query(query, limits)).split("%00")
    if len(told) != len(shape.values) + 1:
        return None
    return "%s".join(part.replace("%", "%%") for part in told)
