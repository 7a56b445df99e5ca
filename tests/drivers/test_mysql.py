"""What only MariaDB and MySQL need: literals, what their messages name, warnings, files that a server asks for."""

# ruff: noqa: DTZ001 - a DATETIME has no zone, and neither has the value it holds
import asyncio
import json
import struct
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.drivers.mysql_errors import MEANINGS, Named, named_in
from reflector.drivers.mysql_literals import LITERALS, LONGEST_DECIMAL, literal
from reflector.errors import (
    AnswerTooLarge,
    ConnectionRefused,
    DatabaseError,
    DatabaseUnavailable,
    InvalidData,
    OutcomeUnknown,
)
from reflector.sql.plan import Expect, RowList
from tests.drivers.conftest import Prepare, settings
from tests.drivers.worlds import World, plan
from tests.servers import MariaDBServer


@pytest.fixture
async def world(prepare: Prepare) -> AsyncIterator[World]:
    made = prepare("mariadb")
    await made.driver.open()
    yield made
    await made.driver.close()


VALUES: list[tuple[Any, str, Any]] = [
    (None, "int", None),
    (True, "boolean", 1),
    (-(2**63), "bigint", -(2**63)),
    (2**64 - 1, "bigint unsigned", 2**64 - 1),
    (1.5e300, "double", 1.5e300),
    (0.1, "double", 0.1),
    (1.0, "double", 1.0),
    (Decimal("123456789012345678901234567890.12345"), "decimal(40,5)", Decimal("123456789012345678901234567890.12345")),
    (Decimal("1E+3"), "decimal(40,0)", Decimal(1000)),
    ('it\'s \\ "x" %s 😀\n\t\x1a', "text", 'it\'s \\ "x" %s 😀\n\t\x1a'),
    ("\\' OR 1=1 -- ", "text", "\\' OR 1=1 -- "),
    (bytes(range(256)), "blob", bytes(range(256))),
    (date(2024, 2, 29), "date", date(2024, 2, 29)),
    (datetime(2024, 2, 29, 1, 2, 3, 450), "datetime(6)", datetime(2024, 2, 29, 1, 2, 3, 450)),
    (datetime(2024, 1, 1, 3, tzinfo=timezone(timedelta(hours=2))), "datetime", datetime(2024, 1, 1, 1)),
    (datetime(2024, 1, 1, 3, tzinfo=UTC), "timestamp", datetime(2024, 1, 1, 3)),
    (time(23, 59, 59, 5), "time(6)", timedelta(hours=23, minutes=59, seconds=59, microseconds=5)),
    (-timedelta(hours=30, microseconds=7), "time(6)", -timedelta(hours=30, microseconds=7)),
]


def test_every_literal_of_one_value_has_a_row_above() -> None:
    """A `RowList` is many: what is made of those is tested where sets of rows are written."""
    assert {type(value) for value, _, _ in VALUES} == set(LITERALS) - {RowList}


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES", "PIPES_AS_CONCAT,ANSI"])
async def test_values_survive_whatever_mode_the_server_has(world: World, mode: str) -> None:
    world.script(f"SET GLOBAL sql_mode = '{mode}'")
    try:
        driver = open_driver(world.driver._url, settings())  # type: ignore[attr-defined]
        columns = ", ".join(f"c{n} {kind}" for n, (_, kind, _) in enumerate(VALUES))
        world.script(f"CREATE OR REPLACE TABLE kept ({columns}) CHARACTER SET utf8mb4")
        marks = ", ".join("%s" for _ in VALUES)
        insert = plan((f"INSERT INTO kept VALUES ({marks})", tuple(v for v, _, _ in VALUES), Expect.DONE), writes=True)
        await driver.run(insert)
        (row,) = await driver.fetch("SELECT * FROM kept")
        assert list(row) == [wanted for _, _, wanted in VALUES]
        await driver.close()
    finally:
        world.script("SET GLOBAL sql_mode = DEFAULT")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_no_number_is_refused(value: float | Decimal) -> None:
    with pytest.raises(InvalidData):
        literal(value)


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_decimal_is_as_long_as_the_database_reads_it_and_a_longer_one_is_refused(
    world: World, sign: int
) -> None:
    longest = sign * (Decimal(10) ** LONGEST_DECIMAL).next_minus()
    text = f"SELECT CAST(1 AS decimal(10,2)) {'<' if sign > 0 else '>'} %s"
    assert (await world.driver.fetch(text, longest))[0][0] == 1
    with pytest.raises(InvalidData):
        await world.driver.fetch(text, sign * Decimal(10) ** LONGEST_DECIMAL)
    with pytest.raises(DatabaseError):  # so the bound is the database's, and neither a guess nor too low
        await world.driver.fetch(text.replace("%s", f"{sign}{'0' * LONGEST_DECIMAL}"))


@pytest.mark.parametrize("value", [[1], (1,), {"a": 1}, {1}, object()])
def test_what_is_no_scalar_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        literal(value)


@pytest.mark.parametrize(
    ("number", "message", "named"),
    [
        (1062, "Duplicate entry 'for key 'x'' for key 'item_name'", Named("item_name")),
        (1062, "Duplicate entry 'a-b' for key 'item.item_name'", Named("item_name")),
        (1062, "Duplikat", Named()),
        (
            1452,
            "a foreign key constraint fails (`d`.`i``t`, CONSTRAINT `c` FOREIGN KEY (`a`, `b``b`) REFERENCES `s` (`i`, `x`))",
            Named("c", "i`t", ("a", "b`b")),
        ),
        (
            1452,
            "a foreign key constraint fails (`d`.`t`, CONSTRAINT `a`b` FOREIGN KEY (`a`) REFERENCES `s` (`i`))",
            Named("a`b", "t", ("a",)),
        ),
        (4025, "CONSTRAINT `item_size` failed for `d`.`item`", Named("item_size", "item")),
        (3819, "Check constraint 'item_size' is violated.", Named("item_size")),
        (1048, "Column 'name' cannot be null", Named(columns=("name",))),
        (1364, "Field 'name' doesn't have a default value", Named(columns=("name",))),
        (1406, "Data too long for column 'name' at row 1", Named(columns=("name",))),
        (1264, "Out of range value for column 'size' at row 1", Named(columns=("size",))),
        (
            1366,
            "Incorrect integer value: 'for column 'x' at row 1' for column `d`.`item`.`size` at row 1",
            Named(None, "item", ("size",)),
        ),
        (1292, "Truncated incorrect DOUBLE value: 'abc'", Named()),
    ],
)
def test_names_are_taken_from_messages_and_values_are_not(number: int, message: str, named: Named) -> None:
    assert named_in(number, message) == named


def test_our_words_carry_nothing_of_the_servers() -> None:
    assert all(meaning.words and "%" not in meaning.words for meaning in MEANINGS.values())


async def test_a_column_that_a_value_does_not_fit_is_named(world: World) -> None:
    world.script(
        "CREATE OR REPLACE TABLE typed (small tinyint, day date, kind enum('a', 'b'), short varchar(3), n decimal(4,1))"
    )
    for column, value in {
        "small": 1000,
        "day": "2024-02-30",
        "kind": "c",
        "short": "four",
        "n": Decimal(123456),
    }.items():
        with pytest.raises(InvalidData) as caught:
            await world.driver.run(world.write(f"INSERT INTO typed ({column}) VALUES (?)", value))
        assert caught.value.columns == (column,)
    assert (await world.driver.fetch("SELECT count(*) FROM typed"))[0][0] == 0


async def test_a_large_array_comes_whole(world: World) -> None:
    answer = await world.driver.run(world.read("SELECT JSON_ARRAYAGG(seq) FROM seq_1_to_300000"))
    assert len(json.loads(answer.body or b"")) == 300000
    assert len(answer.body or b"") > 1_900_000


async def test_an_answer_that_was_cut_is_an_error(world: World) -> None:
    cut = plan(
        ("SET STATEMENT group_concat_max_len=1024 FOR SELECT JSON_ARRAYAGG(seq) FROM seq_1_to_9999", (), Expect.ROW)
    )
    with pytest.raises(AnswerTooLarge):
        await world.driver.run(cut)
    assert await world.count() == 1


async def test_two_statements_are_never_one(world: World) -> None:
    with pytest.raises(DatabaseError):
        await world.driver.fetch("SELECT 1; DELETE FROM item")
    assert await world.count() == 1


async def test_the_session_is_ours_whatever_the_server_prefers(mariadb_server: MariaDBServer, world: World) -> None:
    (row,) = await world.driver.fetch(
        "SELECT @@sql_mode, @@time_zone, @@character_set_client, @@group_concat_max_len, @@local_infile, @@autocommit, "
        "@@max_statement_time, @@collation_connection, 0 /*M!110602 + @@innodb_snapshot_isolation */"
    )
    assert set(str(row[0]).split(",")) == {
        "STRICT_ALL_TABLES",
        "ERROR_FOR_DIVISION_BY_ZERO",
        "NO_ENGINE_SUBSTITUTION",
        "NO_AUTO_VALUE_ON_ZERO",
    }
    assert tuple(row[1:4]) == ("+00:00", "utf8mb4", 32 * 1024**2)
    assert tuple(row[5:]) == (1, 5.0, "utf8mb4_general_ci", 0)


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


OK = b"\x00\x00\x00\x02\x00\x00\x00"
GREETING = (
    b"\x0a5.5.5-10.11.0-MariaDB\x00"
    + struct.pack("<I", 7)
    + b"12345678\x00"
    + b"\xff\xf7"
    + b"\x2d\x02\x00"
    + b"\xff\x81"
    + b"\x15"
    + b"\x00" * 10
    + b"123456789012\x00"
    + b"mysql_native_password\x00"
)
NUMBER = b"\x03def\x00\x00\x00\x01a\x00\x0c\x3f\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00"
END = b"\xfe\x00\x00\x02\x00"
MARIADB = b"".join(
    packet(number, each) for number, each in enumerate((b"\x02", NUMBER, NUMBER, END, b"\x011\x011", END), 1)
)
"""The answer of a recent MariaDB to the question whether it is one."""


@pytest.mark.parametrize("known", [True, False], ids=["later", "at once"])
async def test_a_server_that_asks_for_a_file_gets_nothing(tmp_path: Path, known: bool) -> None:
    """A rogue server answers a statement by asking for a file of ours."""
    secret = tmp_path / "secret"
    secret.write_text("do not send")
    after: list[bytes] = []
    asked = asyncio.Event()
    talks: list[asyncio.Task[None] | None] = []

    async def rogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        writer.write(packet(0, GREETING))
        await reader.read(65536)
        writer.write(packet(2, OK))
        while sent := await reader.read(65536):
            if known and b"/*M!" in sent:
                writer.write(MARIADB)
                continue
            if b"SELECT" in sent:
                writer.write(packet(1, b"\xfb" + str(secret).encode()))
                asked.set()
                after.append(await reader.read(65536))
                break
            writer.write(packet(1, OK))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(rogue, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = open_driver(parse_database_url(f"mysql://root@127.0.0.1:{port}/x?ssl_mode=disabled"), settings())
    if known:
        await driver.open()
        write = plan(("INSERT INTO t SELECT 1", (), Expect.DONE), writes=True)
        with pytest.raises(OutcomeUnknown):
            await driver.run(write)
    else:
        with pytest.raises(ConnectionRefused, match="answers, but not as a MariaDB server"):
            await driver.open()
    with pytest.raises(DatabaseUnavailable):
        await driver.fetch("SELECT 1")
    assert asked.is_set()
    assert all(b"do not send" not in sent and len(sent) == 0 for sent in after)
    await driver.close()
    await asyncio.gather(*filter(None, talks))
    server.close()


async def test_tls_that_is_required_is_not_given_up(mariadb_server: MariaDBServer) -> None:
    driver = open_driver(parse_database_url(mariadb_server.url("mysql") + "?ssl_mode=verify_identity"), settings())
    with pytest.raises(ConnectionRefused, match="TLS"):
        await driver.open()
    await driver.close()
