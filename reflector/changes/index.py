"""Which questions a change may concern, found without asking each.

A question that holds only where a column has one value stands under that value; the others are asked every time.

Rule: the index only ever leaves out what is surely false. A value that is not of its column's type, and an image that
lacks the column, concern everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

from reflector.catalog.model import Column
from reflector.changes.change import Change, Op, Row
from reflector.changes.question import Question
from reflector.datatypes import DataType, Kind, Value
from reflector.query.comparisons import EQ
from reflector.query.nodes import And, Compare, Field, Filter, Literal

FORMS: Final[dict[Kind, type]] = {Kind.INTEGER: int, Kind.UUID: str, Kind.ENUM: str, Kind.TEXT: str}
"""Kinds whose equality is the same in memory as in every database, and the form of their values."""


class Asked(Protocol):
    """Whoever stands in the index."""

    @property
    def question(self) -> Question: ...


G = TypeVar("G", bound=Asked)
Place = tuple[Column, Any]


class Index(Generic[G]):
    """The questions about one table."""

    def __init__(self) -> None:
        self._anywhere: dict[G, None] = {}
        self._by_value: dict[Column, defaultdict[Any, dict[G, None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._anywhere or self._by_value)

    def __iter__(self) -> Iterator[G]:
        yield from self._anywhere
        for values in self._by_value.values():
            for groups in values.values():
                yield from groups

    def add(self, group: G) -> None:
        place = place_of(group.question)
        if place is None:
            self._anywhere[group] = None
        else:
            self._by_value.setdefault(place[0], defaultdict(dict))[place[1]][group] = None

    def remove(self, group: G) -> None:
        place = place_of(group.question)
        if place is None:
            self._anywhere.pop(group, None)
            return
        column, value = place
        values = self._by_value.get(column)
        if values is None or group not in values.get(value, ()):
            return
        del values[value][group]
        if not values[value]:
            del values[value]
        if not values:
            del self._by_value[column]

    def candidates(self, change: Change) -> list[G]:
        """Every group that the change may concern, each once."""
        found = list(self._anywhere)
        for column, values in self._by_value.items():
            rows = _images(change)
            if all(row is not None and _known(row, column) for row in rows):
                for key in {_key(column.type, row[column]) for row in rows if row is not None}:
                    found.extend(values.get(key, ()))
            else:
                found.extend(group for groups in values.values() for group in groups)
        return found


def _images(change: Change) -> tuple[Row | None, ...]:
    """The images that decide; None for one that ought to be there and is not."""
    match change.op:
        case Op.INSERT:
            return (change.new,)
        case Op.DELETE:
            return (change.old,)
        case _:
            return change.new, change.old


def _known(row: Row, column: Column) -> bool:
    if column not in row:
        return False
    value = row[column]
    return value is None or type(value) is FORMS[column.type.kind]


def _key(type_: DataType, value: Value) -> Any:
    # Some collations, and char(n), do not count spaces at the end.
    return value.rstrip(" ") if type_.kind is Kind.TEXT and value is not None else value


def place_of(question: Question) -> Place | None:
    """A column and the one value it must have, None where no such thing is surely asked."""
    own = set(question.table.columns)
    for compare in _parts((question.rule, question.where)):
        match compare:
            case Compare(Field(column), comparison, Literal(value, type_, False)) if (
                comparison is EQ and column in own and _indexed(column.type, type_) and value is not None
            ):
                return column, _key(column.type, value)
    return None


def _indexed(left: DataType, right: DataType) -> bool:
    if left.kind not in FORMS or right.kind is not left.kind:
        return False
    return not (left.case_insensitive or right.case_insensitive)


def _parts(filters: Iterable[Filter]) -> Iterator[Filter]:
    for each in filters:
        if isinstance(each, And):
            yield from _parts(each.parts)
        else:
            yield each
