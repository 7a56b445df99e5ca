"""A query that was read once, ready for other values of its variables: what is asked, and how the response is put
together around what the database answers.

    query ($id: Int!) {book_by_pk(id: $id) {title}}      one recipe for every id

Rule: a recipe holds for the roles and the snapshot that it was made under, and only while every variable that decides
what is asked has the value it had. Whatever it cannot serve is executed anew, which then says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import orjson
from graphql import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from reflector.datatypes import Value
from reflector.engine import Prepared
from reflector.errors import RequestError
from reflector.query.scope import TableScope
from reflector.snapshot import weight
from server.apis.graphql.arguments import ABSENT, Slot
from server.cache.question import Question
from server.callers import Recent

KEPT_BYTES: Final = 16 * 1024 * 1024
LONGEST_VALUE: Final = 256
"""Characters of a variable's value that can decide which recipe serves."""
PLAIN: Final = (str, int, bool, Decimal)


@dataclass(frozen=True, eq=False, slots=True)
class Recipe:
    """`slots[i]` says which value of `prepared` is the variable's. `pieces` make the response: bytes as they are, and
    numbers of members. `table` and `path` are for what may go wrong. `types` are the variables' scalars. `questions` are
    those whose answers are kept, by media type."""

    prepared: Prepared
    slots: tuple[tuple[int, Slot], ...]
    pieces: tuple[bytes | int, ...]
    table: TableScope
    path: str
    types: Mapping[str, str]
    questions: dict[str, Question | None] = field(default_factory=dict)

    def filled(self, variables: Mapping[str, Any]) -> Prepared | None:
        """The question with these values; None where they have to be looked at by others."""
        values = list(self.prepared.values)
        try:
            for index, slot in self.slots:
                given = variables.get(slot.name)
                if given is None or not fits(self.types[slot.name], given):
                    return None
                values[index] = slot.value(given)
        except RequestError:
            return None
        return Prepared(self.prepared.plans, values, self.prepared.snapshot)

    def response(self, members: Sequence[bytes | None]) -> bytes:
        """The body of the response."""
        return b"".join([piece if isinstance(piece, bytes) else members[piece] or b"null" for piece in self.pieces])

    @property
    def size(self) -> int:
        return 4_000 + weight(self.prepared.plans) + sum(len(each) for each in self.pieces if isinstance(each, bytes))


def find_slots(values: Sequence[Value], slots: Sequence[Slot]) -> tuple[tuple[int, Slot], ...]:
    """Where in a prepared question's values the slots are; a list's slot stands in a tuple."""
    wanted = {id(slot): slot for slot in slots}
    found: list[tuple[int, Slot]] = []
    for index, value in enumerate(values):
        inner = value[0] if type(value) is tuple and len(value) == 1 else value
        if id(inner) in wanted:
            found.append((index, wanted[id(inner)]))
    return tuple(found)


def pieces_of(keys: Sequence[str], members: Mapping[str, int], fixed: Mapping[str, Any]) -> tuple[bytes | int, ...]:
    """The response's pieces, its members in the order of the keys."""
    pieces: list[bytes | int] = []
    text = b'{"data":{'
    for index, key in enumerate(keys):
        text += (b"," if index else b"") + orjson.dumps(key) + b":"
        if key in members:
            pieces += [text, members[key]]
            text = b""
        else:
            text += orjson.dumps(fixed[key])
    return (*pieces, text + b"}}")


FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "Int": lambda given: type(given) is int and GRAPHQL_MIN_INT <= given <= GRAPHQL_MAX_INT,
    "String": lambda given: type(given) is str,
    "Boolean": lambda given: type(given) is bool,
}
"""The library's own scalars, as it coerces them; what they refuse is refused by it. The others take anything."""


def fits(scalar: str, given: Any) -> bool:
    """Whether the library would take this for a variable of the scalar, or of lists of it."""
    test = FITS.get(scalar)
    return test is None or all(test(each) for each in (given if isinstance(given, list) else (given,)))


class RecipeCache:
    """Recipes by whom, what and which. Bounded in bytes: callers choose what there is to keep."""

    def __init__(self, capacity: int = KEPT_BYTES) -> None:
        self._kept: Recent[Recipe] = Recent(capacity)
        self._deciding: Recent[frozenset[str]] = Recent(capacity // 8)

    def get(self, key: tuple[Hashable, ...], variables: Mapping[str, Any]) -> Recipe | None:
        deciding = self._deciding.get(key)
        if deciding is None:
            return None
        values = _decided(deciding, variables)
        return None if values is None else self._kept.get((*key, values))

    def put(
        self, key: tuple[Hashable, ...], deciding: frozenset[str], variables: Mapping[str, Any], made: Recipe
    ) -> None:
        """Keep a recipe; `deciding` are the variables whose values it depends on."""
        known = self._deciding.get(key)
        if known is not None and not deciding <= known:
            return  # another use of the same text decides by less: that is rare, and executed anew each time
        values = _decided(deciding if known is None else known, variables)
        if values is None:
            return
        self._deciding.put(key, deciding, 400)
        self._kept.put((*key, values), made, made.size)

    def clear(self) -> None:
        self._kept.clear()
        self._deciding.clear()


def _decided(names: frozenset[str], variables: Mapping[str, Any]) -> tuple[Hashable, ...] | None:
    """The values that decide, told apart by type as well; None where they are too long to be a key."""
    found: list[Hashable] = []
    for name in sorted(names):
        value = variables.get(name, ABSENT)
        if value is not ABSENT and value is not None:
            if type(value) not in PLAIN or (type(value) is str and len(value) > LONGEST_VALUE):
                return None
            value = (type(value), value)
        found.append(value)
    return tuple(found)
