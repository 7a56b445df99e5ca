"""What rows give together: of whole tables, in groups, and of the rows related to each, under the rules of every row."""

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
from reflector.datatypes import Kind
from reflector.engine import Engine
from reflector.errors import Forbidden, InvalidRequest
from reflector.query.aggregates import AGGREGATES, check_aggregate
from reflector.query.casts import CASTS
from reflector.query.expressions import type_of
from reflector.query.nodes import (
    Aggregate,
    Apart,
    Cast,
    Embed,
    Expression,
    Field,
    Group,
    Order,
    Output,
    Overview,
    Read,
    Related,
    Update,
)
from tests.bookshops import KINDS, Databases, serving
from tests.core.questions import NOBODY, ask, by_key, values, where

SCRIPT = """
CREATE TABLE team (id integer NOT NULL PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE sale (id integer NOT NULL PRIMARY KEY, team_id integer NOT NULL, kind varchar(10) NOT NULL,
    amount decimal(10, 2) NOT NULL, pieces integer, weight double precision, said varchar(20),
    FOREIGN KEY (team_id) REFERENCES team (id));
INSERT INTO team VALUES (1, 'north'), (2, 'south'), (3, 'empty');
INSERT INTO sale VALUES (1, 1, 'a', 10.50, 1, 0.5, '1'), (2, 1, 'a', 20.00, NULL, 1.5, '2'), (3, 1, 'b', 5.25, 3, NULL, '3'),
    (4, 2, 'b', 7.00, 4, 2.5, '4'), (5, 2, 'hidden', 1000.00, 100, 100.5, 'abc'), (6, 2, 'b', 1.00, 2, 0.25, '6');
"""
DESCRIPTION = AccessDescription(
    roles={"some": RoleRules(), "few": RoleRules(), "plain": RoleRules()},
    tables=(
        TableRules(
            "sale",
            {
                "some": AllowRules(ReadRules(RuleText("kind != 'hidden'")), aggregate=True),
                "few": AllowRules(ReadRules(RuleText("True"), ColumnList(("id", "kind", "team_id"))), aggregate=True),
                "plain": AllowRules(ReadRules(RuleText("True"))),
            },
        ),
        TableRules("team", {role: AllowRules(ReadRules(RuleText("True"))) for role in ("some", "few", "plain")}),
    ),
)
SOME, PARTLY, PLAIN = Principal(("some",), {}), Principal(("few", "some"), {}), Principal(("plain",), {})


def bind(catalog: Catalog) -> Permissions:
    permissions, complaints = bind_permissions(DESCRIPTION, catalog)
    assert not complaints
    return permissions


@pytest.fixture(scope="module")
def sales(databases: Databases) -> dict[DatabaseKind, str]:
    return {kind: databases.database(kind, SCRIPT) for kind in KINDS}


@pytest.fixture
async def engine(sales: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(sales[kind]) as served:
        yield served


@pytest.fixture
async def ruled(sales: dict[DatabaseKind, str], kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(sales[kind], bind=bind) as served:
        yield served


class Sales:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        catalog = engine.snapshot.catalog
        self.sale, self.team = catalog.tables["sale"], catalog.tables["team"]
        self.of_team: Relationship = catalog.relationships[self.team]["sale"]
        self.its_team: Relationship = catalog.relationships[self.sale]["team"]

    def field(self, name: str, table: Table | None = None) -> Field:
        return Field((table or self.sale).by_name[name])

    def of(self, function: str, name: str | None = None) -> Output:
        return Output(function, Aggregate(AGGREGATES[function], None if name is None else self.field(name)))

    def out(self, name: str, table: Table | None = None) -> Output:
        return Output(name, self.field(name, table))

    async def rows(self, *select: Any, by: Principal = NOBODY, table: Table | None = None, **more: Any) -> Any:
        return await ask(self.engine, Read(table or self.sale, select, limit=more.pop("limit", 20), **more), by)


def close(rows: Any) -> Any:
    """Numbers to six digits: how many more an average has is each database's own."""
    if isinstance(rows, list):
        return [close(each) for each in rows]
    if isinstance(rows, dict):
        return {name: close(each) for name, each in rows.items()}
    return round(float(rows), 3) if isinstance(rows, int | float) else rows


async def test_all_rows_are_one_group(engine: Engine) -> None:
    sales = Sales(engine)
    assert await sales.rows(sales.of("count")) == [{"count": 6}]
    assert await sales.rows(sales.of("count", "pieces")) == [{"count": 5}]
    assert close(await sales.rows(sales.of("sum", "amount"), sales.of("avg", "pieces"))) == [
        {"sum": 1043.75, "avg": 22.0}
    ]
    assert close(await sales.rows(sales.of("min", "amount"), sales.of("max", "weight"))) == [{"min": 1.0, "max": 100.5}]
    assert await sales.rows(sales.of("min", "kind"), sales.of("max", "said"), where=where(sales.sale, id__lt="5")) == [
        {"min": "a", "max": "4"}
    ]
    nothing = where(sales.sale, id="99")
    assert await sales.rows(sales.of("count"), sales.of("sum", "amount"), where=nothing) == [{"count": 0, "sum": None}]
    one = await sales.rows(sales.of("count"), single=True, limit=None)
    assert one == {"count": 6}


async def test_rows_are_grouped_by_what_else_is_selected(engine: Engine) -> None:
    sales = Sales(engine)
    kinds = await sales.rows(sales.out("kind"), sales.of("count"), order=(Order(sales.field("kind")),))
    assert kinds == [{"kind": "a", "count": 2}, {"kind": "b", "count": 3}, {"kind": "hidden", "count": 1}]
    down = (Order(sales.field("kind"), descending=True),)
    assert await sales.rows(sales.out("kind"), sales.of("count"), order=down, limit=1, offset=1) == [
        {"kind": "b", "count": 3}
    ]
    both = await sales.rows(
        sales.out("kind"),
        Group("inside", (sales.out("team_id"), sales.of("sum", "pieces"))),
        order=(Order(sales.field("team_id")), Order(sales.field("kind"))),
    )
    assert close(both) == [
        {"kind": "a", "inside": {"team_id": 1.0, "sum": 1.0}},
        {"kind": "b", "inside": {"team_id": 1.0, "sum": 3.0}},
        {"kind": "b", "inside": {"team_id": 2.0, "sum": 6.0}},
        {"kind": "hidden", "inside": {"team_id": 2.0, "sum": 100.0}},
    ]
    name = Related(sales.its_team, sales.field("name", sales.team), where(sales.team))
    teams = await sales.rows(Output("team", name), sales.of("count"), order=(Order(name),))
    assert teams == [{"team": "north", "count": 3}, {"team": "south", "count": 3}]
    with pytest.raises(InvalidRequest):
        await sales.rows(sales.out("kind"), sales.of("count"), order=(Order(sales.field("id")),))


async def test_casts_stand_before_and_after(engine: Engine) -> None:
    sales = Sales(engine)
    number = Cast(sales.field("said"), CASTS["int"])
    total = Cast(Aggregate(AGGREGATES["sum"], number), CASTS["text"])
    found = await sales.rows(Output("total", total), where=where(sales.sale, id__ne="5"))
    assert found == [{"total": "16"}]
    assert type_of(total) == CASTS["text"]


async def test_a_group_has_the_row_it_leads_to(engine: Engine) -> None:
    sales = Sales(engine)
    team = Embed("team", sales.its_team, Read(sales.team, (sales.out("name", sales.team),)))
    found = await sales.rows(sales.of("count"), team, order=())
    assert sorted(found, key=lambda row: row["team"]["name"]) == [
        {"count": 3, "team": {"name": "north"}},
        {"count": 3, "team": {"name": "south"}},
    ]


def teams(sales: Sales, *select: Any, **more: Any) -> Read:
    """Of each team its name, and of its sales what is selected."""
    inner = Embed("sale", sales.of_team, Read(sales.sale, select, limit=10, **more))
    return Read(
        sales.team, (sales.out("name", sales.team), inner), order=(Order(sales.field("id", sales.team)),), limit=9
    )


async def test_related_rows_are_aggregated_for_each_row(engine: Engine) -> None:
    sales = Sales(engine)
    found = await ask(engine, teams(sales, sales.of("count"), sales.of("sum", "pieces")))
    assert close(found) == [
        {"name": "north", "sale": [{"count": 3.0, "sum": 4.0}]},
        {"name": "south", "sale": [{"count": 3.0, "sum": 106.0}]},
        {"name": "empty", "sale": [{"count": 0.0, "sum": None}]},
    ]
    order = (Order(sales.field("kind"), descending=True),)
    found = await ask(engine, teams(sales, sales.out("kind"), sales.of("max", "id"), order=order))
    assert found == [
        {"name": "north", "sale": [{"kind": "b", "max": 3}, {"kind": "a", "max": 2}]},
        {"name": "south", "sale": [{"kind": "hidden", "max": 5}, {"kind": "b", "max": 6}]},
        {"name": "empty", "sale": []},
    ]
    beside = Read(sales.team, (sales.out("name", sales.team),))
    deeper = teams(sales, sales.out("kind"), sales.of("count"), Embed("of", sales.its_team, beside), order=order)
    assert (await ask(engine, deeper))[0]["sale"] == [
        {"kind": "b", "count": 1, "of": {"name": "north"}},
        {"kind": "a", "count": 2, "of": {"name": "north"}},
    ]


async def test_members_of_one_question_are_aggregated_by_themselves(engine: Engine) -> None:
    sales = Sales(engine)
    order = (Order(sales.field("kind")),)
    overview = Overview(
        sales.sale,
        (
            Apart("all", Read(sales.sale, (sales.of("count"),), single=True)),
            Apart("kinds", Read(sales.sale, (sales.out("kind"), sales.of("count")), order=order, limit=2)),
        ),
    )
    snapshot = engine.snapshot
    answer = await engine.answer(snapshot, snapshot.access(NOBODY), overview, NOBODY)
    assert [b"".join((each or b"").split()) for each in answer.members] == [
        b'{"count":6}',
        b'[{"kind":"a","count":2},{"kind":"b","count":3}]',
    ]


async def test_only_rows_and_columns_in_sight_are_aggregated(ruled: Engine) -> None:
    sales = Sales(ruled)
    count, total = sales.of("count"), sales.of("sum", "pieces")
    assert close(await sales.rows(count, total, by=SOME)) == [{"count": 5.0, "sum": 10.0}]
    assert close(await sales.rows(count, total, by=PARTLY)) == [{"count": 6.0, "sum": 10.0}]
    number = Aggregate(AGGREGATES["sum"], Cast(sales.field("said"), CASTS["int"]))
    assert close(await sales.rows(Output("sum", number), by=SOME)) == [{"sum": 16.0}]
    assert close(await sales.rows(Output("sum", number), by=PARTLY)) == [{"sum": 16.0}]
    pieces = await sales.rows(sales.out("pieces"), count, by=PARTLY, order=(Order(sales.field("pieces")),))
    assert pieces == [*({"pieces": each, "count": 1} for each in (1, 2, 3, 4)), {"pieces": None, "count": 2}]
    found = await ask(ruled, teams(sales, count, total), PARTLY)
    assert close(found)[1] == {"name": "south", "sale": [{"count": 3.0, "sum": 6.0}]}
    found = await ask(ruled, teams(sales, count, total), SOME)
    assert close(found)[1] == {"name": "south", "sale": [{"count": 2.0, "sum": 6.0}]}
    order = (Order(sales.field("kind")),)
    found = await ask(ruled, teams(sales, sales.out("kind"), count, order=order), SOME)
    assert found[1] == {"name": "south", "sale": [{"kind": "b", "count": 2}]}


async def test_who_may_not_aggregate_is_refused(ruled: Engine) -> None:
    sales = Sales(ruled)
    with pytest.raises(Forbidden):
        await sales.rows(sales.of("count"), by=PLAIN)
    with pytest.raises(Forbidden):
        await ask(ruled, teams(sales, sales.of("count")), PLAIN)
    name: Expression = Related(sales.its_team, sales.field("name", sales.team), where(sales.team))
    with pytest.raises(Forbidden):
        await sales.rows(Output("max", Aggregate(AGGREGATES["max"], name)), by=SOME)
    assert ruled.snapshot.access(SOME).scope.table("sale").may_aggregate
    assert not ruled.snapshot.access(PLAIN).scope.table("sale").may_aggregate


async def test_what_was_written_is_not_aggregated(engine: Engine) -> None:
    sales = Sales(engine)
    with pytest.raises(InvalidRequest):
        await ask(
            engine,
            Update(
                sales.sale,
                by_key(sales.sale, 1),
                values(sales.sale, said="9"),
                returning=Read(sales.sale, (sales.of("count"),), single=True),
            ),
        )


def test_a_function_says_what_it_takes() -> None:
    check_aggregate(AGGREGATES["count"], None)
    check_aggregate(AGGREGATES["sum"], CASTS["int"])
    for function, type_ in (("sum", CASTS["text"]), ("avg", CASTS["date"]), ("min", CASTS["json"]), ("max", None)):
        with pytest.raises(InvalidRequest):
            check_aggregate(AGGREGATES[function], type_)
    assert AGGREGATES["sum"].result(CASTS["int"]).kind is Kind.DECIMAL
    assert AGGREGATES["avg"].result(CASTS["real"]).kind is Kind.FLOAT
    assert AGGREGATES["max"].result(CASTS["date"]) is CASTS["date"]
