"""A plan's steps mean the same on every database."""

import asyncio
import json

import pytest

from reflector.drivers import Session
from reflector.errors import (
    CheckRefused,
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidData,
    NotNullViolation,
    NotSupported,
    ReadOnlyDatabase,
    RowNotFound,
    UniqueViolation,
)
from reflector.sql.plan import Answer, Expect, FromStep, Part
from tests.drivers.conftest import Prepare, settings
from tests.drivers.worlds import ITEM, World, plan


async def test_the_body_comes_as_bytes(world: World) -> None:
    answer = await world.driver.run(world.read(ITEM[world.name], 1))
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {"id": 1, "name": "one"}


async def test_no_row_is_an_error_and_null_is_no_body(world: World) -> None:
    with pytest.raises(RowNotFound):
        await world.driver.run(world.read(ITEM[world.name], 99))
    assert (await world.driver.run(world.read("SELECT NULL"))).body is None


async def test_every_part_finds_its_place_and_later_steps_overrule(world: World) -> None:
    parts = (Part.BODY, Part.SEEN, Part.TOTAL, Part.LAST, Part.KEY, Part.HOLDS, None)
    asked = plan(
        ("SELECT '[]', 3, 40, '[1]', '[2]', 1 = 1, 7", (), Expect.ANSWER, *parts),
        ("SELECT '{}'", (), Expect.ANSWER, Part.BODY),
    )
    assert await world.driver.run(asked) == Answer(b"{}", seen=3, last=b"[1]", total=40, key=b"[2]")


async def test_a_later_step_is_given_what_an_earlier_one_brought(world: World) -> None:
    find, show = "SELECT id, name FROM item WHERE name = ?", "SELECT name FROM item WHERE id = ? AND name = ?"
    asked = plan(
        (world.mark(find), ("one",), Expect.ROW),
        (world.mark(show), (FromStep(0, 0), FromStep(0, 1)), Expect.ANSWER, Part.BODY),
    )
    assert (await world.driver.run(asked)).body == b"one"


async def test_a_refused_check_takes_the_write_back(world: World) -> None:
    asked = plan(
        (world.mark("INSERT INTO item (id, name) VALUES (?, ?)"), (2, "two"), Expect.DONE),
        (world.mark("SELECT id <> ? FROM item WHERE id = ?"), (2, 2), Expect.ROW, Part.HOLDS),
        writes=True,
    )
    with pytest.raises(CheckRefused):
        await world.driver.run(asked)
    assert await world.count() == 1


async def test_a_single_writing_step_with_a_check_is_taken_back_too(world: World) -> None:
    text = world.mark("INSERT INTO item (id, name) VALUES (?, ?) RETURNING id <> 2")
    with pytest.raises(CheckRefused):
        await world.driver.run(plan((text, (2, "two"), Expect.ANSWER, Part.HOLDS), writes=True))
    assert await world.count() == 1


async def test_a_check_that_is_null_does_not_hold(world: World) -> None:
    with pytest.raises(CheckRefused):
        await world.driver.run(plan(("SELECT NULL", (), Expect.ROW, Part.HOLDS)))


async def test_several_plans_are_written_all_or_none(world: World) -> None:
    insert = "INSERT INTO item (id, name) VALUES (?, ?)"
    with pytest.raises(UniqueViolation):
        await world.driver.run_all([world.write(insert, 2, "two"), world.write(insert, 3, "one")])
    assert await world.count() == 1
    await world.driver.run_all([world.write(insert, 2, "two"), world.write(insert, 3, "three")])
    assert await world.count() == 3


async def test_a_reading_session_cannot_write(world: World) -> None:
    with pytest.raises(ReadOnlyDatabase):
        await world.driver.run(world.write("DELETE FROM item WHERE id = ?", 1), Session(read_only=True))
    assert await world.count() == 1


async def test_a_driver_that_is_not_writable_writes_nothing(world: World, prepare: Prepare) -> None:
    reading = prepare(world.name, settings(writable=False))
    try:
        with pytest.raises(ReadOnlyDatabase):
            await reading.driver.run(reading.write("DELETE FROM item WHERE id = ?", 1))
        assert await reading.count() == 1
    finally:
        await reading.driver.close()


INSERT = "INSERT INTO item (id, name, size, shelf_id) VALUES (?, ?, ?, ?)"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ((2, "one", 1, 1), UniqueViolation),
        ((2, "two", 0, 1), CheckViolation),
        ((2, None, 1, 1), NotNullViolation),
        ((2, "two", 1, 9), ForeignKeyViolation),
    ],
)
async def test_a_broken_constraint_has_its_error(
    world: World, values: tuple[object, ...], error: type[DatabaseError]
) -> None:
    with pytest.raises(error) as caught:
        await world.driver.run(world.write(INSERT, *values))
    named = {
        UniqueViolation: ("item_name", ("name",)),
        CheckViolation: ("item_size", ()),
        NotNullViolation: (None, ("name",)),
        ForeignKeyViolation: ("item_shelf", ("shelf_id",)),
    }[error]
    told = caught.value
    assert told.constraint in {named[0], None}
    assert told.columns in {named[1], ()}
    # One of the two says it, but for SQLite's foreign keys, of which SQLite says nothing.
    assert told.constraint or told.columns or (world.name, error) == ("sqlite", ForeignKeyViolation)
    assert "two" not in told.message
    assert "one" not in told.message.split()
    assert await world.count() == 1


async def test_a_row_that_is_referred_to_stays(world: World) -> None:
    with pytest.raises(ForeignKeyViolation):
        await world.driver.run(world.write("DELETE FROM shelf WHERE id = ?", 1))


async def test_a_value_too_long_is_invalid(server_world: World) -> None:
    with pytest.raises(InvalidData):
        await server_world.driver.run(server_world.write(INSERT, 2, "x" * 300, 1, 1))
    assert await server_world.count() == 1


async def test_a_number_beyond_64_bits_is_invalid(world: World) -> None:
    with pytest.raises(InvalidData):
        await world.driver.run(world.write(INSERT, 2, "two", 2**70, 1))
    assert await world.count() == 1


async def test_a_table_that_is_gone_is_an_error_without_its_name(world: World) -> None:
    with pytest.raises(DatabaseError) as caught:
        await world.driver.run(world.read("SELECT a FROM vanished"))
    assert "vanished" not in caught.value.message


async def test_values_are_values_whatever_is_in_them(world: World) -> None:
    awkward = "\\'\"; %s$1?:x`--\n😀"
    echo = {"postgresql": "SELECT json_build_object('v', ?::text)", "mariadb": "SELECT JSON_OBJECT('v', ?)"}
    answer = await world.driver.run(world.read(echo.get(world.name, "SELECT json_object('v', ?)"), awkward))
    assert json.loads(answer.body or b"") == {"v": awkward}


async def test_what_is_no_scalar_is_not_sent(world: World) -> None:
    if world.name == "postgresql":
        with pytest.raises(InvalidData):
            await world.driver.run(world.write(INSERT, 2, {"a": 1}, 1, 1))
    else:
        with pytest.raises(TypeError):
            await world.driver.run(world.write(INSERT, 2, {"a": 1}, 1, 1))
    assert await world.count() == 1
    assert (await world.driver.run(world.read(ITEM[world.name], 1))).body


async def test_a_role_is_a_matter_of_postgresql(world: World) -> None:
    if world.name == "postgresql":
        world.script("DROP ROLE IF EXISTS item_reader; CREATE ROLE item_reader; GRANT SELECT ON item TO item_reader")
        session = Session(role="item_reader", settings={"request.claims": '{"sub": "o\'x"}'})
        who = world.read("SELECT current_user || ' ' || current_setting('request.claims')")
        assert (await world.driver.run(who, session)).body == b'item_reader {"sub": "o\'x"}'
        states = await asyncio.gather(*(world.driver.run(world.read("SELECT current_user::text")) for _ in range(8)))
        assert {state.body for state in states} == {b"postgres"}
        world.script("DROP OWNED BY item_reader; DROP ROLE item_reader")
    else:
        with pytest.raises(NotSupported):
            await world.driver.run(world.read("SELECT 1"), Session(role="item_reader"))
    assert (await world.driver.run(world.read(ITEM[world.name], 1))).body


LOCKED = {
    "postgresql": ("SELECT pg_advisory_lock(7)", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
    "mariadb": ("SELECT GET_LOCK('seven', 0)", "SELECT 1 - IS_FREE_LOCK('seven')"),
}
"""Statements that only read and take a lock which outlives their transaction, and how many such locks there are."""


async def test_of_a_statement_that_is_not_ours_nothing_stays_with_its_connection(server_world: World) -> None:
    taking, held = LOCKED[server_world.name]
    await server_world.driver.read(taking)
    async with asyncio.timeout(10):
        while list(await server_world.driver.fetch(held)) != [(0,)]:
            pass
