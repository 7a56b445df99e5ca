"""What is selected, compared and ordered beside columns: inside JSON documents, and as other types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
)
from reflector.access.permissions import Permissions
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, DatabaseKind
from reflector.engine import Engine
from reflector.errors import InvalidData, NotSupported
from reflector.query.casts import CASTS
from reflector.query.comparisons import EQ, GT, IN, LIKE
from reflector.query.expressions import type_of
from reflector.query.nodes import (
    DOCUMENT,
    TEXT,
    Cast,
    Compare,
    Expression,
    Field,
    Filter,
    IsNull,
    JsonPath,
    Literal,
    Not,
    Order,
    Output,
    Read,
    Related,
)
from tests.bookshops import Databases, serving
from tests.core.questions import NOBODY, ask, where

JSON = {DatabaseKind.POSTGRESQL: "jsonb", DatabaseKind.MARIADB: "json", DatabaseKind.SQLITE: "json"}
DOCUMENTS = (
    '{"name": "one", "size": {"cm": 5, "in": 1.5}, "tags": ["a", "b", {"c": null}], "ok": true, "a.b": "dot"}',
    '{"name": "two", "size": {"cm": 12}, "tags": [], "ok": false, "none": null, "ünï $": "odd"}',
    '[10, [20, 30], "x"]',
    None,
)
TEXTS = ("12", " -7 ", "abc", "1.5")
SCRIPT = """
CREATE TABLE thing (id integer NOT NULL PRIMARY KEY, kind varchar(10) NOT NULL, document {json}, said varchar(40),
    kept varchar(40) NOT NULL, thing_id integer, FOREIGN KEY (thing_id) REFERENCES thing (id));
"""


def script(kind: DatabaseKind) -> str:
    rows = [
        f"({number}, '{'open' if text != 'abc' else 'shut'}', {'NULL' if document is None else repr(document)}, '{text}',"
        f" '2024-05-0{number} 10:00:00', {number - 1 or 'NULL'})"
        for number, (document, text) in enumerate(zip(DOCUMENTS, TEXTS, strict=True), start=1)
    ]
    return SCRIPT.format(json=JSON[kind]) + f"INSERT INTO thing VALUES {', '.join(rows)};"


DEAR = " or ".join(f"kind == '{kind}'" for kind in ("ajar", "broken", "wide", "closing", "open"))
"""A rule that costs more than a cast: PostgreSQL asks the cheapest first of what it may ask in any order."""
DESCRIPTION = AccessDescription(
    roles={"some": RoleRules(), "few": RoleRules()},
    tables=(
        TableRules(
            "thing",
            {
                "some": AllowRules(ReadRules(RuleText(DEAR))),
                "few": AllowRules(ReadRules(RuleText("True"), ColumnList(("id", "thing_id", "kind")))),
            },
        ),
    ),
)
SOME = Principal(("some",), {})
PARTLY = Principal(("few", "some"), {})
"""Sees every row, and what was said only where the thing is open."""


def bind(catalog: Catalog) -> Permissions:
    permissions, complaints = bind_permissions(DESCRIPTION, catalog)
    assert not complaints
    return permissions


@pytest.fixture(scope="module")
def things(databases: Databases) -> dict[DatabaseKind, str]:
    return {kind: databases.database(kind, script(kind)) for kind in JSON}


@pytest.fixture
async def ruled(things: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(things[kind], bind=bind) as served:
        yield served


@pytest.fixture
async def engine(things: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(things[kind]) as served:
        yield served


class Things:
    """Expressions about the one table."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.table = engine.snapshot.catalog.tables["thing"]

    def field(self, name: str) -> Field:
        return Field(self.table.by_name[name])

    def inside(self, *path: str | int, text: bool = True) -> JsonPath:
        return JsonPath(self.field("document"), path, text)

    async def each(self, expression: Expression, by: Principal = NOBODY, **more: Any) -> Any:
        """The expression of every row, in the order of the key."""
        more.setdefault("order", (Order(self.field("id")),))
        rows = await ask(self.engine, Read(self.table, (Output("it", expression),), limit=9, **more), by)
        return [row["it"] for row in rows]

    async def found(self, condition: Filter, by: Principal = NOBODY) -> Any:
        return await self.each(self.field("id"), by, where=condition)


# ── inside documents ─────────────────────────────────────────────────────────────────────────

TEXT_PATHS: tuple[tuple[tuple[str | int, ...], list[str | None]], ...] = (
    (("name",), ["one", "two", None, None]),
    (("size", "cm"), ["5", "12", None, None]),
    (("size", "in"), ["1.5", None, None, None]),
    (("ok",), ["true", "false", None, None]),
    (("none",), [None, None, None, None]),
    (("a.b",), ["dot", None, None, None]),
    (("ünï $",), [None, "odd", None, None]),
    (("tags", 0), ["a", None, None, None]),
    (("tags", 2, "c"), [None, None, None, None]),
    ((0,), [None, None, "10", None]),
    ((1, 1), [None, None, "30", None]),
    ((-1,), [None, None, "x", None]),
    ((1, -2), [None, None, "20", None]),
    (("*",), [None, None, None, None]),
    (("nothing'); --",), [None, None, None, None]),
)


@pytest.mark.parametrize(("path", "wanted"), TEXT_PATHS, ids=str)
async def test_a_path_leads_to_the_same_text(
    engine: Engine, path: tuple[str | int, ...], wanted: list[str | None]
) -> None:
    things = Things(engine)
    assert await things.each(things.inside(*path)) == wanted
    assert await things.found(IsNull(things.inside(*path))) == [n for n, each in enumerate(wanted, 1) if each is None]


async def test_a_path_leads_to_json(engine: Engine) -> None:
    things = Things(engine)
    assert await things.each(things.inside("size", text=False)) == [{"cm": 5, "in": 1.5}, {"cm": 12}, None, None]
    assert await things.each(things.inside("tags", 2, text=False)) == [{"c": None}, None, None, None]
    assert await things.each(things.inside("name", text=False)) == ["one", "two", None, None]
    assert await things.each(things.inside("ok", text=False)) == [True, False, None, None]
    assert await things.each(things.inside(1, text=False)) == [None, None, [20, 30], None]
    deeper = JsonPath(things.inside("size", text=False), ("cm",), text=True)
    assert await things.each(deeper) == ["5", "12", None, None]
    assert (type_of(deeper), type_of(things.inside("size", text=False))) == (TEXT, DOCUMENT)


async def test_rows_are_found_and_ordered_by_what_lies_inside(engine: Engine) -> None:
    things = Things(engine)
    name, size = things.inside("name"), things.inside("size", "cm", text=False)
    assert await things.found(Compare(name, EQ, Literal("two", TEXT))) == [2]
    assert await things.found(Compare(name, IN, Literal(("one", "two", "three"), TEXT, many=True))) == [1, 2]
    assert await things.found(Compare(name, LIKE, Literal("t%", TEXT))) == [2]
    assert await things.found(Compare(size, EQ, Literal(5, DOCUMENT))) == [1]
    assert await things.found(Not(Compare(size, EQ, Literal(5, DOCUMENT)))) == [2]
    order = (Order(name, descending=True), Order(things.field("id")))
    assert await things.each(things.field("id"), order=order) == [3, 4, 2, 1]
    number = Cast(things.inside("size", "cm"), CASTS["int"])
    assert await things.each(things.field("id"), order=(Order(number, descending=True, nulls_last=True),)) in (
        [2, 1, 3, 4],
        [2, 1, 4, 3],
    )
    related = engine.snapshot.catalog.relationships[things.table].values()
    above = Related(next(each for each in related if not each.many), name, where(things.table))
    assert await things.each(above) == [None, "one", "two", None]


async def test_a_key_that_cannot_be_said_is_refused(engine: Engine, kind: DatabaseKind) -> None:
    things = Things(engine)
    for key in ('a"b', "back\\slash"):
        if kind is DatabaseKind.SQLITE:
            with pytest.raises(NotSupported):
                await things.each(things.inside(key))
        else:
            assert await things.each(things.inside(key)) == [None] * 4


async def test_what_a_rule_hides_has_nothing_inside(ruled: Engine) -> None:
    things = Things(ruled)
    assert await things.each(things.inside("name"), SOME) == ["one", "two", None]
    assert await things.each(things.inside("name"), PARTLY) == ["one", "two", None, None]
    assert await things.each(things.inside(0), PARTLY) == [None] * 4
    assert await things.found(Compare(things.inside(0), EQ, Literal("10", TEXT)), PARTLY) == []
    assert await things.found(Compare(things.inside(0), EQ, Literal("10", TEXT)), SOME) == []


# ── as other types ───────────────────────────────────────────────────────────────────────────


async def test_texts_become_what_they_say(engine: Engine) -> None:
    things = Things(engine)
    whole = where(things.table, id__in="1,2")
    for name in ("int", "integer", "bigint", "smallint"):
        assert await things.each(Cast(things.field("said"), CASTS[name]), where=whole) == [12, -7]
    numbers = where(things.table, id__ne="3")
    for name in ("numeric", "float8", "real", "double precision"):
        assert await things.each(Cast(things.field("said"), CASTS[name]), where=numbers) == [12, -7, 1.5]
    first = where(things.table, id="1")
    kept = things.field("kept")
    assert await things.each(Cast(kept, CASTS["date"]), where=first) == ["2024-05-01"]
    assert await things.each(Cast(kept, CASTS["timestamp"]), where=first) == ["2024-05-01T10:00:00"]
    assert await things.each(Cast(kept, CASTS["timestamptz"]), where=first) == ["2024-05-01T10:00:00+00:00"]
    identifier = Cast(things.field("id"), CASTS["text"])
    assert await things.each(identifier) == ["1", "2", "3", "4"]
    assert await things.each(Cast(things.field("id"), CASTS["varchar"]), where=first) == ["1"]
    for name in ("bool", "boolean"):
        assert await things.each(Cast(things.inside("ok"), CASTS[name])) == [True, False, None, None]
        assert await things.each(Cast(Cast(things.inside("ok"), CASTS[name]), CASTS["text"])) == [
            *("true", "false"),
            *(None, None),
        ]
    for name in ("json", "jsonb"):
        assert await things.each(Cast(things.field("said"), CASTS[name]), where=first) == [12]


async def test_what_does_not_fit_is_an_error_or_null(engine: Engine, kind: DatabaseKind) -> None:
    things = Things(engine)
    for name in ("int", "numeric", "float8", "bool", "date", "timestamp", "uuid", "json"):
        said = Cast(things.field("said"), CASTS[name])
        third = where(things.table, id="3")
        if kind is DatabaseKind.POSTGRESQL:
            with pytest.raises(InvalidData):
                await things.each(said, where=third)
        else:
            assert await things.each(said, where=third) == [None], name


async def test_rows_are_compared_as_another_type(engine: Engine) -> None:
    things = Things(engine)
    size = Cast(things.inside("size", "cm"), CASTS["int"])
    assert await things.found(Compare(size, GT, Literal(5, CASTS["int"]))) == [2]
    exact = Cast(things.inside("size", "in"), CASTS["numeric"])
    assert await things.found(Compare(exact, EQ, Literal(Decimal("1.5"), CASTS["numeric"]))) == [1]


async def test_a_row_out_of_sight_cannot_make_a_cast_fail(ruled: Engine) -> None:
    """Row three is hidden and says `abc`: neither filter, order nor selection may tell of it."""
    things = Things(ruled)
    number = Cast(things.field("said"), CASTS["numeric"])
    above = Compare(number, GT, Literal(Decimal(2), CASTS["numeric"]))
    assert await things.found(above, SOME) == [1]
    assert await things.found(Not(above), SOME) == [2, 4]
    assert await things.each(number, SOME, order=(Order(number),)) == [-7, 1.5, 12]
    assert await things.each(number, PARTLY) == [12, -7, None, 1.5]
    assert await things.found(above, PARTLY) == [1]


async def test_every_type_is_told_by_its_names(engine: Engine) -> None:
    """No name of the table is one that a database does not know."""
    things = Things(engine)
    for name, type_ in CASTS.items():
        cast = Cast(JsonPath(things.field("document"), ("missing",), text=True), type_)
        assert await things.each(cast) == [None] * 4, name
