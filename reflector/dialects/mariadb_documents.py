"""One JSON document in another on MariaDB, said member by member and item by item.

`JSON_CONTAINS` is another question: it unwraps arrays at any depth, compares numbers as floats and texts by their
spelling. What is asked instead is written out along the outline of the operand, which the statement holds once:

    EXISTS (SELECT 1 FROM (SELECT ? AS document) AS operand WHERE JSON_TYPE(t0.facts) = 'OBJECT' AND …)

Rule: whatever lies at a path is asked for its type before its value; what is not there makes nothing true.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from reflector.errors import InternalError
from reflector.query.outlines import NULL, Items, Members, Outline
from reflector.query.speaker import DocumentSpeaker
from reflector.sql.shaped import Shaped, Sql

Path: TypeAlias = tuple[str | int, ...]
ONE: Final[Sql] = sa.literal_column("1")
NUMBERS: Final = ("INTEGER", "DOUBLE")
WORTH: Final = "JSON_COMPACT(/*M!100700 JSON_NORMALIZE*/({x}))"
"""A number in one spelling for each number there is; as it is written where MariaDB is older than 10.7."""


@dataclass(frozen=True, slots=True)
class Place:
    """A document and the way into it."""

    document: Sql
    path: Path = ()

    def to(self, step: str | int) -> Place:
        return Place(self.document, (*self.path, step))

    @property
    def way(self) -> str:
        """The path as MariaDB writes it."""
        return "$" + "".join(map(step_of, self.path))

    @property
    def found(self) -> Sql:
        """What lies there."""
        return sa.func.json_extract(self.document, sa.literal(self.way)) if self.path else self.document

    @property
    def exists(self) -> Sql:
        """1 where anything lies there."""
        return sa.func.json_contains_path(self.document, sa.literal_column("'one'"), sa.literal(self.way))

    def is_a(self, *types: str) -> Sql:
        return sa.func.json_type(self.found).in_([sa.literal_column(f"'{each}'") for each in types])


def step_of(step: str | int) -> str:
    """One step of a path, as MariaDB writes it."""
    return f"[{step}]" if isinstance(step, int) else "." + json.dumps(step, ensure_ascii=False)


class MariaDBDocuments(DocumentSpeaker):
    def contains(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        whole, part, made = Place(document), Place(OPERAND), _known(outline)
        asked = _holds(whole, part, made, 0)
        return _asked(
            document, operand, sa.or_(asked, _has_item(whole, part, made, 0)) if isinstance(made, str) else asked
        )

    def contained(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        part, whole, made = Place(document), Place(OPERAND), _known(outline)
        asked = [_held(part, whole, made, 0)]
        if isinstance(made, Items):
            asked += [_same(part, whole.to(index), each) for index, each in enumerate(made.of) if isinstance(each, str)]
        return _asked(document, operand, sa.or_(*asked))


def _known(outline: Outline | None) -> Outline:
    if outline is None:
        raise InternalError("MariaDB has to know what a document is made of that it compares with")
    return outline


OPERAND: Final[Sql] = sa.literal_column("operand.document")


def _asked(document: Sql, operand: Any, asked: Sql) -> Sql:
    """Unknown for no document and what is none, otherwise true or false."""
    given = sa.select(sa.type_coerce(operand, sa.types.NULLTYPE).label("document")).subquery("operand")
    return sa.case((sa.func.json_valid(document), sa.select(ONE).select_from(given).where(asked).exists()))


def _holds(whole: Place, part: Place, outline: Outline, depth: int) -> Sql:
    match outline:
        case Members(members):
            inner = [_holds(whole.to(name), part.to(name), each, depth) for name, each in members]
            return sa.and_(whole.is_a("OBJECT"), *inner)
        case Items(items):
            inner = [_has_item(whole, part.to(index), each, depth) for index, each in enumerate(items)]
            return sa.and_(whole.is_a("ARRAY"), *inner)
        case _:
            return _same(whole, part, outline)


def _has_item(whole: Place, part: Place, outline: Outline, depth: int) -> Sql:
    rows, item = _items(whole, depth)
    asked = _holds(item, part, outline, depth + 1)
    return sa.and_(whole.is_a("ARRAY"), sa.select(ONE).select_from(rows).where(asked).exists())


def _held(part: Place, whole: Place, outline: Outline, depth: int) -> Sql:
    match outline:
        case Members(members):
            places = [(part.to(name), whole.to(name), each) for name, each in members]
            known = sum((at.exists for at, _, _ in places), sa.literal_column("0"))
            inner = [sa.or_(at.exists == sa.literal_column("0"), _held(at, to, each, depth)) for at, to, each in places]
            return sa.and_(part.is_a("OBJECT"), sa.func.json_length(part.found) == known, *inner)
        case Items(items):
            rows, item = _items(part, depth)
            fits = [_held(item, whole.to(index), each, depth + 1) for index, each in enumerate(items)]
            other = sa.func.coalesce(sa.or_(sa.false(), *fits), sa.false())
            alien = sa.select(ONE).select_from(rows).where(sa.not_(other)).exists()
            return sa.and_(part.is_a("ARRAY"), sa.not_(alien))
        case _:
            return _same(part, whole, outline)


def _items(place: Place, depth: int) -> tuple[sa.FromClause, Place]:
    """The items of an array as rows, and what each of them holds."""
    name = f"item{depth}"
    columns = Shaped("{x} COLUMNS (document JSON PATH '$')", sa.literal(place.way + "[*]"))
    rows = sa.func.json_table(place.document, columns).table_valued("document").alias(name)
    return rows, Place(sa.literal_column(f"{name}.document"))


def _same(left: Place, right: Place, type_: str) -> Sql:
    """The plain value `left` is the plain value `right`, which is of that type."""
    if type_ == "NUMBER":
        return sa.and_(left.is_a(*NUMBERS), Shaped(WORTH, left.found) == Shaped(WORTH, right.found))
    if type_ == "STRING":
        return sa.and_(left.is_a(type_), _bytes(left.found) == _bytes(right.found))
    if type_ == NULL:
        return left.is_a(type_)
    return sa.and_(left.is_a(type_), left.found == right.found)


def _bytes(text: Sql) -> Sql:
    """What a text of JSON says, to be compared as it is."""
    return Shaped("CAST(CONVERT(JSON_UNQUOTE({x}) USING utf8mb4) AS BINARY)", text)
