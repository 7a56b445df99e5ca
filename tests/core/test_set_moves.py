"""An upsert whose right to change rows presets a part of their key: the rows are judged and told where they went."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    CreateRules,
    PresetText,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
    UpdateRules,
)
from reflector.access.permissions import Permissions
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, DatabaseKind
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.errors import CheckRefused, UniqueViolation
from reflector.query.nodes import Field, Order, Output, Read
from reflector.query.sets import InsertMany, conflict_on, given_rows
from reflector.snapshot import Snapshot
from reflector.sql.plan import Answer
from tests.bookshops import Databases, serving
from tests.core.questions import NOBODY, outputs

SCRIPT = """
CREATE TABLE seat (
    hall integer NOT NULL, place varchar(20) NOT NULL, code varchar(20) NOT NULL UNIQUE, rating integer,
    PRIMARY KEY (hall, place)
);
"""
STORED = ((1, "a", "c1", 1), (1, "b", "c2", 1), (2, "a", "c3", 1))
NAMES = ("hall", "place", "code", "rating")
ROLES = {"mover": "rating > 2", "witness": "not exists(seat, place == 'gone' and rating < 3)", "free": "True"}


def right(check: str) -> AllowRules:
    return AllowRules(
        ReadRules(RuleText("True"), None),
        CreateRules(RuleText("True"), ColumnList(NAMES)),
        UpdateRules(
            RuleText("True"), RuleText(check), ColumnList(("hall", "rating")), {"place": PresetText("claims.to")}
        ),
    )


def bind(catalog: Catalog) -> Permissions:
    tables = (TableRules("seat", {role: right(check) for role, check in ROLES.items()}),)
    permissions, complaints = bind_permissions(
        AccessDescription({role: RoleRules() for role in ROLES}, {}, tables), catalog
    )
    assert not complaints
    return permissions


@pytest.fixture
async def engine(databases: Databases, kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(databases.database(kind, SCRIPT), bind=bind) as served:
        snapshot = Snapshot(served.snapshot.number, served.snapshot.catalog, None, True)
        await served.answer(snapshot, snapshot.access(NOBODY), upsert(served, "hall", "place", *STORED), NOBODY)
        yield served


def upsert(engine: Engine, *on: str | tuple[Any, ...], update: tuple[str, ...] = ("rating",)) -> InsertMany:
    """The names of the key, then the rows."""
    seat = engine.snapshot.catalog.tables["seat"]
    names, rows = [each for each in on if isinstance(each, str)], [each for each in on if not isinstance(each, str)]
    given: list[dict[Any, Value]] = [
        {seat.by_name[name]: value for name, value in zip(NAMES, row, strict=True)} for row in rows
    ]
    conflict = conflict_on(seat, [seat.by_name[n] for n in names], update=[seat.by_name[n] for n in update])
    return InsertMany(seat, given_rows(given, defaults=True), conflict=conflict, returning=everything(engine))


def everything(engine: Engine) -> Read:
    seat = engine.snapshot.catalog.tables["seat"]
    return Read(seat, tuple(Output(name, Field(seat.by_name[name])) for name in NAMES))


async def run(engine: Engine, query: InsertMany, role: str) -> Answer:
    who = Principal((role,), {"sub": "7", "to": "gone"})
    return await engine.answer(engine.snapshot, engine.snapshot.access(who), query, who)


async def stored(engine: Engine) -> set[tuple[Any, ...]]:
    seat = engine.snapshot.catalog.tables["seat"]
    snapshot = Snapshot(engine.snapshot.number, engine.snapshot.catalog, None, True)
    query = Read(seat, outputs(seat), order=(Order(Field(seat.by_name["code"])),), limit=50)
    answer = await engine.answer(snapshot, snapshot.access(NOBODY), query, NOBODY)
    return rows_of(answer)


def rows_of(answer: Answer) -> set[tuple[Any, ...]]:
    return {tuple(row[name] for name in NAMES) for row in json.loads(answer.body or b"")}


@pytest.mark.parametrize("role", ROLES)
async def test_rows_met_by_the_key_that_is_preset_are_judged_and_told_where_they_went(
    engine: Engine, role: str
) -> None:
    given = (1, "a", "x", 5), (2, "a", "y", 6), (3, "new", "z", 7)
    answer = await run(engine, upsert(engine, "hall", "place", *given), role)
    told = {(1, "gone", "c1", 5), (2, "gone", "c3", 6), (3, "new", "z", 7)}
    assert (answer.affected, answer.inserted, rows_of(answer)) == (3, 1, told)
    assert sorted(json.loads(answer.keys or b"")) == [[1, "gone"], [2, "gone"], [3, "new"]]
    assert await stored(engine) == told | {STORED[1]}


@pytest.mark.parametrize("role", ROLES)
async def test_rows_met_by_another_key_are_found_under_the_one_they_were_given(engine: Engine, role: str) -> None:
    query = upsert(engine, "code", (9, "x", "c1", 5), (8, "y", "c2", 6), update=("hall", "rating"))
    answer = await run(engine, query, role)
    told = {(9, "gone", "c1", 5), (8, "gone", "c2", 6)}
    assert (answer.affected, answer.inserted, rows_of(answer)) == (2, 0, told)
    answer = await run(engine, upsert(engine, "code", (7, "x", "c3", 5)), role)  # the preset alone changes its key
    assert rows_of(answer) == {(2, "gone", "c3", 5)}
    assert await stored(engine) == told | rows_of(answer)


async def test_a_check_is_of_the_row_as_it_became_and_refuses_the_whole(engine: Engine) -> None:
    for role in ("mover", "witness"):
        for on in (("hall", "place"), ("code",)):
            with pytest.raises(CheckRefused):
                await run(engine, upsert(engine, *on, (1, "a", "c1", 5), (2, "a", "c3", 2)), role)
    with pytest.raises(UniqueViolation):
        await run(engine, upsert(engine, "hall", "place", (1, "a", "x", 5), (1, "b", "y", 5)), "free")
    assert await stored(engine) == set(STORED)
