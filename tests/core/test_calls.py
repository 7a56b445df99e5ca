"""Functions of the database: closed unless named, called with bound values, and read like tables, on two databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    FunctionRules,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
)
from reflector.access.permissions import Permissions
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, DatabaseKind, Function
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.errors import Forbidden, InternalError, NotSingular, ReadOnlyDatabase, TooManyAffected, UniqueViolation
from reflector.query.calls import Call, Given
from reflector.query.comparisons import EQ
from reflector.query.nodes import Compare, Embed, Field, Literal, Order, Output, Read
from reflector.sql.plan import Answer
from reflector.written import Written
from tests.bookshops import Databases, serving

POSTGRESQL = """
CREATE TABLE shelf (id int PRIMARY KEY, label text);
CREATE TABLE article (id int PRIMARY KEY, title text, secret text, shelf_id int REFERENCES shelf (id));
INSERT INTO shelf VALUES (1, 'left'), (2, 'right');
INSERT INTO article VALUES (1, 'one', 's1', 1), (2, 'two', 's2', 1), (3, 'three', 's3', 2), (4, 'four', 's4', NULL);
CREATE TYPE place AS (x int, y numeric);
CREATE FUNCTION twice(n int, by_what int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * by_what';
CREATE FUNCTION numbers(a int, b int) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT generate_series(a, b)';
CREATE FUNCTION found(lowest int) RETURNS SETOF article LANGUAGE sql STABLE
    AS 'SELECT * FROM article WHERE id >= lowest';
CREATE FUNCTION first_article() RETURNS article LANGUAGE sql STABLE AS 'SELECT * FROM article ORDER BY id LIMIT 1';
CREATE FUNCTION pairs() RETURNS TABLE (a int, "b c" text) LANGUAGE sql STABLE
    AS $$ VALUES (1, 'x'), (2, 'y') $$;
CREATE FUNCTION split(whole int, OUT half int, OUT rest int) LANGUAGE sql STABLE AS 'SELECT whole / 2, whole % 2';
CREATE FUNCTION somewhere() RETURNS place LANGUAGE sql STABLE AS 'SELECT 1, 2.5';
CREATE FUNCTION joined(VARIADIC parts text[]) RETURNS text LANGUAGE sql STABLE AS $$ SELECT array_to_string(parts, '-') $$;
CREATE FUNCTION said(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION added(n int, word text) RETURNS SETOF shelf LANGUAGE sql
    AS 'INSERT INTO shelf SELECT i, word FROM generate_series(10, 9 + n) i RETURNING *';
CREATE FUNCTION nothing(n int) RETURNS void LANGUAGE sql AS $$ UPDATE shelf SET label = 'changed' WHERE id = n $$;
CREATE FUNCTION remembers(v text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('my.secret', v, false) $$;
CREATE FUNCTION recalls() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('my.secret', true) $$;
CREATE FUNCTION lies() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION of_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION untold() RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT 1, 2';
CREATE PROCEDURE done() LANGUAGE sql AS 'SELECT 1';
"""
MARIADB = """
CREATE TABLE shelf (id int PRIMARY KEY, label varchar(20));
INSERT INTO shelf VALUES (1, 'left'), (2, 'right');
CREATE FUNCTION twice(n int, by_what int) RETURNS int DETERMINISTIC NO SQL RETURN n * by_what;
CREATE FUNCTION said(t varchar(200)) RETURNS varchar(200) DETERMINISTIC NO SQL RETURN t;
CREATE FUNCTION marked(n int) RETURNS int DETERMINISTIC MODIFIES SQL DATA
    BEGIN INSERT INTO shelf VALUES (n, 'marked'); RETURN n; END;
CREATE PROCEDURE done() SELECT 1;
"""
OPEN = ("twice", "numbers", "found", "first_article", "pairs", "split", "somewhere", "joined", "said", "added")
DESCRIPTION = AccessDescription(
    roles={"user": RoleRules(), "guest": RoleRules(), "boss": RoleRules(("user",))},
    tables=(
        TableRules(
            "article",
            {"user": AllowRules(ReadRules(RuleText("id != 2"), ColumnList(("id", "title", "shelf_id"))))},
        ),
        TableRules("shelf", {"user": AllowRules(ReadRules(RuleText("True")))}),
    ),
    functions=tuple(FunctionRules(name, ("user",)) for name in (*OPEN, "nothing", "remembers", "recalls", "marked")),
)
NAMES = {
    DatabaseKind.POSTGRESQL: {*OPEN, "nothing", "remembers", "recalls"},
    DatabaseKind.MARIADB: {"twice", "said", "marked"},
}
USER, GUEST, BOSS = Principal(("user",)), Principal(("guest",)), Principal(("boss",))


def bind(catalog: Catalog) -> Permissions:
    names = {function.name for function in catalog.functions}
    known = {table.name for table in catalog.tables.values()}
    description = AccessDescription(
        roles=DESCRIPTION.roles,
        tables=tuple(each for each in DESCRIPTION.tables if each.name in known),
        functions=tuple(each for each in DESCRIPTION.functions if each.name in names),
    )
    permissions, complaints = bind_permissions(description, catalog)
    assert not complaints
    return permissions


@pytest.fixture(scope="module")
def urls(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {
        DatabaseKind.POSTGRESQL: databases.database(DatabaseKind.POSTGRESQL, POSTGRESQL),
        DatabaseKind.MARIADB: databases.database(DatabaseKind.MARIADB, MARIADB),
    }


@pytest.fixture
async def engine(urls: Mapping[DatabaseKind, str]) -> AsyncIterator[Engine]:
    async with serving(urls[DatabaseKind.POSTGRESQL], bind=bind, pool=1) as served:
        yield served


@pytest.fixture
async def mariadb(urls: Mapping[DatabaseKind, str]) -> AsyncIterator[Engine]:
    async with serving(urls[DatabaseKind.MARIADB], bind=bind, pool=1) as served:
        yield served


def named(engine: Engine, name: str) -> Function:
    [found] = [each for each in engine.snapshot.catalog.functions if each.name == name]
    return found


def given(function: Function, values: Mapping[str, Value]) -> tuple[Given, ...]:
    by_name = {each.name: each for each in function.takes}
    return tuple(Given(by_name[name], Literal(value, by_name[name].type)) for name, value in values.items())


def called(engine: Engine, name: str, select: tuple[str, ...] = (), **values: Value) -> Call:
    function = named(engine, name)
    if function.rows is None:
        return Call(function, given(function, values))
    columns = [function.rows.by_name[each] for each in select] or function.rows.columns
    return Call(
        function, given(function, values), Read(function.rows, tuple(Output(c.name, Field(c)) for c in columns))
    )


async def run(engine: Engine, call: Call, who: Principal = USER) -> Answer:
    snapshot = engine.snapshot
    return await engine.answer(snapshot, snapshot.access(who), call, who)


async def body(engine: Engine, call: Call, who: Principal = USER) -> Any:
    return json.loads((await run(engine, call, who)).body or b"null")


async def test_values_rows_and_records_are_given(engine: Engine) -> None:
    assert await body(engine, called(engine, "twice", n=4)) == [8]
    assert await body(engine, called(engine, "twice", n=4, by_what=5)) == [20]
    assert await body(engine, called(engine, "twice", n=None)) == [None]
    assert await body(engine, called(engine, "numbers", a=2, b=4)) == [2, 3, 4]
    assert await body(engine, called(engine, "pairs")) == [{"a": 1, "b c": "x"}, {"a": 2, "b c": "y"}]
    assert await body(engine, called(engine, "split", whole=5)) == [{"half": 2, "rest": 1}]
    assert await body(engine, called(engine, "somewhere")) == [{"x": 1, "y": 2.5}]
    assert await body(engine, called(engine, "joined", parts=("a", "b"))) == ["a-b"]
    assert await body(engine, called(engine, "first_article", ("id", "title"))) == [{"id": 1, "title": "one"}]


async def test_a_value_is_never_sql(engine: Engine, mariadb: Engine) -> None:
    for evil in ("'; DROP TABLE shelf; --", "a') FROM x --", '"', "\\", "%s $1 :x ?", "`", "ü\n"):
        said = named(engine, "said")
        call = Call(said, (Given(said.takes[0], Literal(evil, said.takes[0].type)),), called(engine, "said").read)
        assert await body(engine, call) == [evil]
        assert await body(mariadb, called(mariadb, "said", t=evil)) == [evil]


async def test_rows_of_a_function_are_read_as_those_of_its_table(engine: Engine) -> None:
    found = named(engine, "found")
    table = engine.snapshot.catalog.tables["article"]
    assert found.rows is table
    assert found.of_table
    shelf = engine.snapshot.catalog.relationships[table]["shelf"]
    label = shelf.target.by_name["label"]
    number = table.by_name["id"]
    read = Read(
        table,
        (
            Output("id", Field(number)),
            Embed("shelf", shelf, Read(shelf.target, (Output("label", Field(label)),), single=True)),
        ),
        order=(Order(Field(number), descending=True),),
        limit=2,
        offset=1,
        count=True,
    )
    answer = await run(engine, Call(found, given(found, {"lowest": 1}), read))
    # The rows are those that the function gives, also one that the role may not read from the table itself.
    assert json.loads(answer.body or b"") == [
        {"id": 3, "shelf": {"label": "right"}},
        {"id": 2, "shelf": {"label": "left"}},
    ]
    assert (answer.seen, answer.total) == (3, 4)
    only = Read(table, (Output("id", Field(number)),), where=Compare(Field(number), EQ, Literal(3, number.type)))
    assert await body(engine, Call(found, given(found, {"lowest": 1}), only)) == [{"id": 3}]


async def test_a_column_that_is_hidden_stays_hidden(engine: Engine) -> None:
    with pytest.raises(InternalError):
        await run(engine, called(engine, "found", ("id", "secret"), lowest=1))
    rows = engine.snapshot.access(USER).scope.rows_of(named(engine, "found"))
    assert rows is not None
    assert "secret" not in rows.readable
    assert engine.snapshot.access(GUEST).scope.rows_of(named(engine, "found")) is None


async def test_functions_are_closed_unless_they_are_named(engine: Engine, mariadb: Engine) -> None:
    for served in (engine, mariadb):
        kind = served.snapshot.catalog.kind
        assert {name for _, name in served.snapshot.access(USER).scope.functions} == NAMES[kind]
        assert {name for _, name in served.snapshot.access(BOSS).scope.functions} == NAMES[kind]
        assert not served.snapshot.access(GUEST).scope.functions
    with pytest.raises(Forbidden):
        await run(engine, called(engine, "twice", n=1), GUEST)
    with pytest.raises(Forbidden):
        await run(engine, called(engine, "lies"))


async def test_what_cannot_be_called_cannot_be_named(engine: Engine) -> None:
    catalog = engine.snapshot.catalog
    named_so = AccessDescription(
        roles={"user": RoleRules()},
        functions=tuple(
            FunctionRules(name, ("user",), name) for name in ("of_trigger", "untold", "done", "twise", "lies")
        ),
    )
    permissions, complaints = bind_permissions(named_so, catalog)
    assert {each.where: each.code for each in complaints} == {
        "of_trigger": "unknown_function",
        "untold": "function_unbound",
        "done": "function_unbound",
        "twise": "unknown_function",
    }
    assert [each.hint for each in complaints if each.where == "twise"] == ["did you mean 'twice'?"]
    assert permissions.functions["user"] == {named(engine, "lies")}


async def test_what_a_function_does_is_told_and_taken_back_where_it_gives_too_much(
    urls: Mapping[DatabaseKind, str],
) -> None:
    async with serving(urls[DatabaseKind.POSTGRESQL], bind=bind, pool=1) as engine:
        told: list[Written] = []
        engine.on_write(told.append)
        call = called(engine, "added", n=3, word="new")
        for bounds, fault in (({"most": 2}, TooManyAffected), ({"exactly_one": True}, NotSingular)):
            bounded = Call(call.function, call.arguments, call.read, **bounds)
            with pytest.raises(fault):
                await run(engine, bounded)
        with pytest.raises(ReadOnlyDatabase):
            await run(engine, Call(call.function, call.arguments, call.read, read_only=True))
        assert told == []
        allowed = Call(call.function, call.arguments, call.read, most=3)
        assert [row["id"] for row in await body(engine, allowed)] == [10, 11, 12]
        assert told == [Written(None, True)]
        assert (await run(engine, called(engine, "nothing", n=2))).body is None
        shelf = engine.snapshot.catalog.tables["shelf"]
        changed = Read(
            shelf, (Output("id", Field(shelf.by_name["id"])),), order=(Order(Field(shelf.by_name["label"])),)
        )
        answer = await engine.answer(engine.snapshot, engine.snapshot.access(USER), changed, USER)
        assert json.loads(answer.body or b"")[0] == {"id": 2}


async def test_nothing_of_a_function_is_left_for_the_next_caller(engine: Engine) -> None:
    assert await body(engine, called(engine, "remembers", v="mine")) == ["mine"]
    assert await body(engine, called(engine, "recalls")) != ["mine"]


async def test_mariadb_gives_values(mariadb: Engine) -> None:
    assert await body(mariadb, called(mariadb, "twice", n=4, by_what=3)) == [12]
    assert await body(mariadb, called(mariadb, "twice", n=None, by_what=3)) == [None]
    marked = called(mariadb, "marked", n=50)
    with pytest.raises(ReadOnlyDatabase):
        await run(mariadb, Call(marked.function, marked.arguments, marked.read, read_only=True))
    assert await body(mariadb, marked) == [50]
    with pytest.raises(UniqueViolation):
        await run(mariadb, marked)
