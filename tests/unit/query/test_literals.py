"""Values as they stand in a statement's text for MariaDB: none of them ends early, and what is none is refused."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from reflector.drivers.mysql_literals import LONGEST_DECIMAL, literal
from reflector.errors import InvalidData
from reflector.sql.plan import RowList

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "1"),
        (False, "0"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        ("", "''"),
        ("it's", "'it''s'"),
        ("'; DROP TABLE book; --", "'''; DROP TABLE book; --'"),
        ("\\", "'\\\\'"),
        ("\\'", "'\\\\'''"),
        ("''", "''''''"),
        ("%s %(a)s", "'%s %(a)s'"),
        (b"\x00'\\", "x'00275c'"),
        (b"", "x''"),
        (1.5, "1.5e0"),
        (1e300, "1e+300"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.10"), "-0.10"),
        (Decimal("9" * LONGEST_DECIMAL), "9" * LONGEST_DECIMAL),
        (date(2024, 5, 1), "'2024-05-01'"),
        (datetime.fromisoformat("2024-05-01T23:30:01"), "'2024-05-01 23:30:01'"),
        (datetime(2024, 5, 1, 1, tzinfo=EAST), "'2024-04-30 23:00:00'"),
        (datetime(2024, 5, 1, 23, 30, 1, 5, tzinfo=UTC), "'2024-05-01 23:30:01.000005'"),
        (time(23, 30, 1, 5), "'23:30:01.000005'"),
        (time(23, 30, tzinfo=UTC), "'23:30:00'"),
        (timedelta(hours=30, minutes=1, seconds=2, microseconds=3), "'30:01:02.000003'"),
        (-timedelta(hours=1, seconds=1), "'-01:00:01.000000'"),
        (timedelta(0), "'00:00:00.000000'"),
        (RowList([(1, "a'"), (None, b"b")]), "(1,'a'''),(NULL,x'62')"),
        (RowList([("a'",), (2,)], bare=True), "'a''',2"),
        (RowList([("a'",)]), "('a''')"),
    ],
)
def test_a_value_is_written_so_that_it_is_read_as_itself(value: Any, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "no infinity and no NaN"),
        (math.inf, "no infinity and no NaN"),
        (-math.inf, "no infinity and no NaN"),
        (Decimal("NaN"), "no infinity and no NaN"),
        (Decimal("-Infinity"), "no infinity and no NaN"),
        (Decimal("1" + "0" * LONGEST_DECIMAL), "no decimal of more than"),
        (RowList([(1, math.nan)]), "no infinity and no NaN"),
    ],
)
def test_what_the_database_does_not_keep_is_refused_before_anything_is_sent(value: Any, why: str) -> None:
    with pytest.raises(InvalidData, match=why):
        literal(value)


class Sly(str):
    """A text of another type, which could write itself as it likes."""

    __slots__ = ()

    def replace(self, *_: Any) -> str:
        return "' OR 1=1 -- "


@pytest.mark.parametrize("value", [[1], (1,), {"a": 1}, {1}, object(), Sly("x"), bytearray(b"x"), 1j])
def test_what_is_no_scalar_of_ours_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be sent to this database"):
        literal(value)
    with pytest.raises(TypeError):
        literal(RowList([(1, value)]))
