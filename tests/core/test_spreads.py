"""Members of related rows in the document itself, and rows that are there only where related ones are, or are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
from reflector.catalog.model import Catalog, DatabaseKind, Relationship, Table
from reflector.engine import Engine
from reflector.errors import Forbidden, InvalidRequest
from reflector.query.aggregates import AGGREGATES
from reflector.query.casts import CASTS
from reflector.query.nodes import (
    Aggregate,
    Cast,
    Embed,
    Exists,
    Field,
    Group,
    Insert,
    Not,
    Order,
    Output,
    Read,
    Spread,
    Update,
    all_of,
)
from tests.bookshops import KINDS, Databases, serving
from tests.core.questions import NOBODY, ask, by_key, values, where

JSON = {DatabaseKind.POSTGRESQL: "jsonb", DatabaseKind.MARIADB: "json", DatabaseKind.SQLITE: "json"}
SCRIPT = """
CREATE TABLE studio (id integer NOT NULL PRIMARY KEY, name varchar(20) NOT NULL, open boolean NOT NULL);
CREATE TABLE director (id integer NOT NULL PRIMARY KEY, name varchar(20) NOT NULL, studio_id integer, secret varchar(9),
    FOREIGN KEY (studio_id) REFERENCES studio (id));
CREATE TABLE film (id integer NOT NULL PRIMARY KEY, title varchar(20) NOT NULL, director_id integer, minutes integer,
    facts {json}, good boolean, FOREIGN KEY (director_id) REFERENCES director (id));
CREATE TABLE actor (id integer NOT NULL PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE role (film_id integer NOT NULL, actor_id integer NOT NULL, PRIMARY KEY (film_id, actor_id),
    FOREIGN KEY (film_id) REFERENCES film (id), FOREIGN KEY (actor_id) REFERENCES actor (id));
INSERT INTO studio VALUES (1, 'big', true), (2, 'small', false);
INSERT INTO director VALUES (1, 'Ann', 1, 'x'), (2, 'Bob', 2, 'y'), (3, 'Cid', NULL, 'z');
INSERT INTO film VALUES (1, 'first', 1, 90, '{{"a": [1]}}', true), (2, 'second', 1, 120, NULL, false),
    (3, 'third', 2, 60, '"text"', NULL), (4, 'orphan', NULL, NULL, '7', true);
INSERT INTO actor VALUES (1, 'Xia'), (2, 'Yan'), (3, 'Zoe');
INSERT INTO role VALUES (1, 1), (1, 2), (2, 2), (3, 3);
"""


def everything(*columns: str, rows: str = "True", aggregate: bool = True) -> AllowRules:
    return AllowRules(ReadRules(RuleText(rows), ColumnList(columns) if columns else None), aggregate=aggregate)


DESCRIPTION = AccessDescription(
    roles={"some": RoleRules(), "more": RoleRules()},
    tables=(
        TableRules(
            "film",
            {
                "some": everything(rows="title != 'second'"),
                "more": everything("id", "title", "minutes", aggregate=False),
            },
        ),
        TableRules("director", {"some": everything(rows="name != 'Bob'", aggregate=False)}),
        TableRules("actor", {"some": everything(rows="name != 'Xia'")}),
        TableRules("role", {"some": everything()}),
    ),
)
SOME, BOTH = Principal(("some",), {}), Principal(("more", "some"), {})
"""`more` shows the second film as well, and not whose it is."""


def bind(catalog: Catalog) -> Permissions:
    permissions, complaints = bind_permissions(DESCRIPTION, catalog)
    assert not complaints
    return permissions


@pytest.fixture(scope="module")
def films(databases: Databases) -> dict[DatabaseKind, str]:
    return {kind: databases.database(kind, SCRIPT.format(json=JSON[kind])) for kind in KINDS}


@pytest.fixture
async def engine(films: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(films[kind]) as served:
        yield served


@pytest.fixture
async def ruled(films: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(films[kind], bind=bind) as served:
        yield served


class Films:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.catalog = engine.snapshot.catalog
        self.film, self.director = self.table("film"), self.table("director")

    def table(self, name: str) -> Table:
        return self.catalog.tables[name]

    def way(self, source: str, name: str) -> Relationship:
        return self.catalog.relationships[self.table(source)][name]

    def out(self, table: str, *columns: str) -> tuple[Output, ...]:
        return tuple(Output(column, Field(self.table(table).by_name[column])) for column in columns)

    def by(self, table: str, column: str = "id", *, descending: bool = False) -> tuple[Order, ...]:
        return (Order(Field(self.table(table).by_name[column]), descending=descending),)

    def spread(self, source: str, name: str, *select: Any, **more: Any) -> Spread:
        way = self.way(source, name)
        return Spread(way, Read(way.target, select, **more))

    def embed(self, source: str, name: str, *select: Any, **more: Any) -> Embed:
        way = self.way(source, name)
        return Embed(name, way, Read(way.target, select, **more))

    async def rows(self, table: str, *select: Any, by: Principal = NOBODY, **more: Any) -> Any:
        more.setdefault("order", self.by(table))
        return await ask(self.engine, Read(self.table(table), select, limit=more.pop("limit", 20), **more), by)


async def test_the_members_of_one_row_are_lifted(engine: Engine) -> None:
    films = Films(engine)
    director = films.spread("film", "director", Output("by", films.out("director", "name")[0].expression))
    found = await films.rows("film", *films.out("film", "title"), director, keyset=True)
    assert found == [
        {"title": "first", "by": "Ann"},
        {"title": "second", "by": "Ann"},
        {"title": "third", "by": "Bob"},
        {"title": "orphan", "by": None},
    ]
    one = await films.rows("film", director, where=where(films.film, id="3"), order=(), limit=None, single=True)
    assert one == {"by": "Bob"}


async def test_a_spread_lifts_what_lies_further_off(engine: Engine) -> None:
    films = Films(engine)
    studio = films.spread(
        "director", "studio", *films.out("studio", "open"), Output("at", films.out("studio", "name")[0].expression)
    )
    whole = films.embed("director", "studio", *films.out("studio", "name", "open"))
    theirs = films.embed("director", "film", *films.out("film", "id"), order=films.by("film"), limit=5)
    director = films.spread("film", "director", *films.out("director", "name"), studio, whole, theirs)
    found = await films.rows("film", *films.out("film", "id"), director)
    assert found[2] == {
        "id": 3,
        "name": "Bob",
        "open": False,
        "at": "small",
        "studio": {"name": "small", "open": False},
        "film": [{"id": 3}],
    }
    assert found[3] == {"id": 4, "name": None, "open": None, "at": None, "studio": None, "film": None}
    assert list(found[0]) == ["id", "name", "open", "at", "studio", "film"]


async def test_the_members_of_many_rows_are_arrays_side_by_side(engine: Engine) -> None:
    films = Films(engine)
    inner = films.out("film", "title", "minutes", "facts", "good")
    spread = films.spread("director", "film", *inner, order=films.by("film", "minutes", descending=True), limit=5)
    found = await films.rows("director", *films.out("director", "name"), spread)
    assert found == [
        {
            "name": "Ann",
            "title": ["second", "first"],
            "minutes": [120, 90],
            "facts": [None, {"a": [1]}],
            "good": [False, True],
        },
        {"name": "Bob", "title": ["third"], "minutes": [60], "facts": ["text"], "good": [None]},
        {"name": "Cid", "title": [], "minutes": [], "facts": [], "good": []},
    ]
    page = films.spread("director", "film", *films.out("film", "title"), order=films.by("film"), limit=1, offset=1)
    assert [row["title"] for row in await films.rows("director", page)] == [["second"], [], []]


async def test_arrays_of_arrays_come_of_spreads_within(engine: Engine) -> None:
    films = Films(engine)
    cast = films.spread("film", "actor", *films.out("actor", "name"), order=films.by("actor"), limit=9)
    beside = films.embed("film", "director", *films.out("director", "name"))
    spread = films.spread("director", "film", *films.out("film", "id"), cast, beside, order=films.by("film"), limit=9)
    found = await films.rows("director", spread)
    assert [row["name"] for row in found] == [[["Xia", "Yan"], ["Yan"]], [["Zoe"]], []]
    assert [row["director"] for row in found] == [[{"name": "Ann"}, {"name": "Ann"}], [{"name": "Bob"}], []]
    inside = films.embed("director", "film", cast, order=films.by("film"), limit=9)
    found = await films.rows("director", inside)
    assert found[0] == {"film": [{"name": ["Xia", "Yan"]}, {"name": ["Yan"]}]}
    grouped = await films.rows(
        "director", Group("in", (films.spread("director", "studio", *films.out("studio", "name")),))
    )
    assert grouped[0] == {"in": {"name": "big"}}


async def test_aggregates_are_hoisted_out_of_one_row(engine: Engine) -> None:
    films = Films(engine)
    highest = Output("most", Aggregate(AGGREGATES["max"], films.out("director", "name")[0].expression))
    as_text = Output(
        "text", Cast(Aggregate(AGGREGATES["min"], films.out("director", "id")[0].expression), CASTS["text"])
    )
    count = Output("count", Aggregate(AGGREGATES["count"]))
    spread = films.spread("film", "director", highest, as_text, count)
    found = await films.rows(
        "film", *films.out("film", "good"), spread, where=where(films.film, id__lt="4"), order=films.by("film", "good")
    )
    assert found == [
        {"good": False, "most": "Ann", "text": "1", "count": 1},
        {"good": True, "most": "Ann", "text": "1", "count": 1},
        {"good": None, "most": "Bob", "text": "2", "count": 1},
    ]
    by_name = films.spread("film", "director", *films.out("director", "name"))
    found = await films.rows("film", by_name, count, order=())
    assert sorted(found, key=lambda row: row["name"] or "") == [
        {"name": None, "count": 1},
        {"name": "Ann", "count": 2},
        {"name": "Bob", "count": 1},
    ]
    with pytest.raises(InvalidRequest):
        await films.rows("director", films.spread("director", "film", count))


async def test_rows_are_there_only_where_related_ones_are(engine: Engine) -> None:
    films = Films(engine)
    way = films.way("director", "film")
    long = where(films.film, minutes__gt="80")
    inner = films.embed("director", "film", *films.out("film", "id"), where=long, order=films.by("film"), limit=9)
    found = await films.rows("director", *films.out("director", "name"), inner, where=Exists(way, long))
    assert found == [{"name": "Ann", "film": [{"id": 1}, {"id": 2}]}]
    assert await films.rows("director", *films.out("director", "name"), where=Not(Exists(way, where(films.film)))) == [
        {"name": "Cid"}
    ]
    zoe = Exists(films.way("film", "actor"), where(films.table("actor"), name="Zoe"))
    deep = await films.rows("director", *films.out("director", "name"), where=Exists(way, all_of(long, zoe)))
    assert deep == []
    assert await films.rows("director", *films.out("director", "name"), where=Exists(way, zoe)) == [{"name": "Bob"}]


async def test_a_written_row_is_answered_with_what_it_leads_to(databases: Databases, kind: DatabaseKind) -> None:
    url = databases.database(kind, SCRIPT.format(json=JSON[kind]))
    async with serving(url) as engine:
        films = Films(engine)
        director = films.spread("film", "director", *films.out("director", "name"))
        cast = films.spread("film", "actor", *films.out("actor", "id"), order=films.by("actor"), limit=9)
        shown = Read(films.film, (*films.out("film", "title"), director, cast), single=True)
        made = Insert(films.film, values(films.film, id=9, title="new", director_id=3), returning=shown)
        assert await ask(engine, made) == {"title": "new", "name": "Cid", "id": []}
        changed = Update(films.film, by_key(films.film, 3), values(films.film, director_id=1), returning=shown)
        assert await ask(engine, changed) == {"title": "third", "name": "Ann", "id": [3]}


async def test_a_spread_has_only_what_may_be_seen(ruled: Engine) -> None:
    films = Films(ruled)
    director = films.spread("film", "director", *films.out("director", "name"))
    titles = films.out("film", "title")
    assert await films.rows("film", *titles, director, by=SOME) == [
        {"title": "first", "name": "Ann"},
        {"title": "third", "name": None},
        {"title": "orphan", "name": None},
    ]
    both = await films.rows("film", *titles, director, by=BOTH)
    assert both[1] == {"title": "second", "name": None}
    spread = films.spread("director", "film", *titles, *films.out("film", "good"), order=films.by("film"), limit=9)
    found = await films.rows("director", *films.out("director", "name"), spread, by=SOME)
    assert found == [{"name": "Ann", "title": ["first"], "good": [True]}, {"name": "Cid", "title": [], "good": []}]
    assert await films.rows("director", *films.out("director", "name"), spread, by=BOTH) == found
    cast = films.spread("film", "actor", *films.out("actor", "name"), order=films.by("actor"), limit=9)
    assert await films.rows("film", *titles, cast, by=BOTH) == [
        {"title": "first", "name": ["Yan"]},
        {"title": "second", "name": ["Yan"]},
        {"title": "third", "name": ["Zoe"]},
        {"title": "orphan", "name": []},
    ]
    hidden = films.embed("director", "film", *titles, order=films.by("film"), limit=9)
    whole = films.spread("film", "director", hidden)
    assert await films.rows("film", whole, by=BOTH) == [
        {"film": [{"title": "first"}]},
        *({"film": None} for _ in range(3)),
    ]
    count = Output("count", Aggregate(AGGREGATES["count"]))
    with pytest.raises(Forbidden):
        await films.rows("film", films.spread("film", "director", count), by=SOME, order=())
