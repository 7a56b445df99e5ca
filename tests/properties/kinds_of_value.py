"""Every type that reflection tells apart, with the values that it holds: what a round trip is made of.

Rule: a row says what a type's value looks like when it is written and when it is read. Where a database itself loses
something, the row's `shown` says what, and docs/types.md tells it to people.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from tests.properties.asking import written

Values = st.SearchStrategy[Any]
Place = Callable[[Any], Any]


def same(value: Any) -> Any:
    return value


def as_text(value: Any) -> str:
    """A value as it stands in a URL."""
    if isinstance(value, str):
        return value
    return written(value)


@dataclass(frozen=True, slots=True)
class Case:
    """One type. `corners` are always tried, `values` give others; `shown` is what is read of what was written, and
    `read` makes the two comparable.

    `place` tells where a shown value belongs in the order of its type; None where only the database knows.
    """

    name: str
    declared: str
    corners: tuple[Any, ...]
    values: Values
    shown: Place = same
    read: Place = same
    text: Callable[[Any], str] = as_text
    comparable: bool = True
    ordered: bool = True
    sortable: bool = True
    place: Place | None = None

    def __repr__(self) -> str:
        return self.name


# ── numbers ──────────────────────────────────────────────────────────────────────────────────


def integer(declared: str, bits: int, *, unsigned: bool = False) -> Case:
    least = 0 if unsigned else -(1 << (bits - 1))
    greatest = (1 << bits) - 1 if unsigned else (1 << (bits - 1)) - 1
    corners = (least, least + 1, 0, 1, greatest - 1, greatest)
    return Case(declared.replace(" ", "_"), declared, corners, st.integers(least, greatest), place=same)


EXACT = Context(prec=100)


def decimal(declared: str, precision: int, scale: int) -> Case:
    step = Decimal(1).scaleb(-scale)
    most = Decimal(10**precision - 1).scaleb(-scale, EXACT)
    values = st.integers(-(10**precision) + 1, 10**precision - 1).map(
        lambda number: Decimal(number).scaleb(-scale, EXACT)
    )
    corners = (Decimal(0), most, most.copy_negate(), step, -step, Decimal(1), Decimal("1.5"))
    return Case(f"decimal_{precision}_{scale}", declared, corners, values, shown=Decimal, read=Decimal, place=same)


def single(value: float) -> float:
    """The nearest float of 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


DOUBLES = (0.0, -0.0, 0.1, 0.1 + 0.2, 1.0, -1.5, 1e-300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e15)
INFINITE = ("NaN", "Infinity", "-Infinity")


def floating(name: str, declared: str, *, bits: int, non_finite: tuple[str, ...] = ()) -> Case:
    finite: Values = st.floats(width=64 if bits == 64 else 32, allow_nan=False, allow_infinity=False)
    corners = DOUBLES if bits == 64 else (0.0, 0.1, 1.5, -2.25, 16777216.0, 1e-30, 1e-45, 3.4028234e38, 1 / 3)
    values = st.one_of(finite, st.sampled_from(non_finite)) if non_finite else finite
    exactly = _float if bits == 64 else _single
    return Case(name, declared, (*corners, *non_finite), values, shown=exactly, read=exactly, place=_size)


def _float(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)


def _single(value: Any) -> Any:
    return value if isinstance(value, str) else single(float(value))


def _size(value: Any) -> tuple[int, float]:
    """NaN is greater than every number, as PostgreSQL has it."""
    number = float(value)
    return (1, 0.0) if math.isnan(number) else (0, number)


BOOLEAN_VALUES: Values = st.booleans()


def boolean(declared: str) -> Case:
    return Case(declared.replace("(", "").replace(")", ""), declared, (True, False), BOOLEAN_VALUES, place=same)


# ── text, bytes ──────────────────────────────────────────────────────────────────────────────

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a ",
    " a",
    "null",
    "[1]",
    "a,b",
    "100%",
    "a_b",
    "it's",
    'say "x"',
    "back\\slash",
    "line\nfeed\r\ttab",
    "\x01\x1f\x7f\x80",
    "é",
    "é",
    "ß",
    "日本語",
    "🙂👩‍👩‍👧",
    "\U0010fffd",
    "\ufeffmark",
    "\u2028\u2029",
    "%s %(p0)s :x ? $1 {}",
)


def text(
    name: str, declared: str, length: int, *, shown: Place = same, corners: tuple[str, ...] = TEXTS, tidy: bool = False
) -> Case:
    values = st.text(CHARACTERS, max_size=length)
    fitting = tuple(each for each in corners if len(each) <= length)
    return Case(name, declared, fitting, values.map(str.rstrip) if tidy else values, shown=shown)


def bytes_(name: str, declared: str, least: int, most: int) -> Case:
    corners = tuple(
        each for each in (b"", b"\x00", b"\xff", b"\x00\xff\x00\xff", bytes(range(256))) if len(each) <= most
    )
    kept = tuple(packed(each) for each in corners if len(each) >= least)
    values = st.binary(min_size=least, max_size=min(most, 40)).map(packed)
    return Case(name, declared, kept, values, place=base64.b64decode)


def packed(value: bytes) -> str:
    return base64.b64encode(value).decode()


UUIDS: Values = st.uuids(version=4).map(str)  # MariaDB refuses some that no version describes


def uuid(declared: str = "uuid", *, place: Place | None = same) -> Case:
    corners = ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", SHOUTED)
    return Case("uuid", declared, corners, UUIDS, shown=str.lower, place=place)


SHOUTED = "F0E1D2C3-B4A5-4687-9786-A5B4C3D2E1F0"

# ── dates and times ──────────────────────────────────────────────────────────────────────────


def trimmed(value: str) -> str:
    """A clock without the zeros that end its fraction."""
    return value.rstrip("0").rstrip(".") if "." in value else value


def date(least: dt.date = dt.date.min) -> Case:
    corners = (least, dt.date(1582, 10, 15), dt.date(1970, 1, 1), dt.date(2024, 2, 29), dt.date.max)
    values = st.dates(least).map(dt.date.isoformat)
    return Case("date", "date", tuple(map(dt.date.isoformat, corners)), values, place=same)


def time(declared: str, digits: int = 6) -> Case:
    corners = (dt.time.min, dt.time(9, 30), dt.time(12, 0, 0, 500000), dt.time(0, 0, 0, 1), dt.time.max)
    values = st.one_of(st.times(), st.times().map(lambda clock: clock.replace(microsecond=0)))
    named = "time" if digits else "time_without_fraction"
    return Case(
        named,
        declared,
        tuple(_clock(each, digits) for each in corners),
        values.map(lambda clock: _clock(clock, digits)),
        shown=trimmed,
        place=same,
    )


def _clock(clock: dt.time, digits: int) -> str:
    return (clock if digits else clock.replace(microsecond=0)).isoformat()


FIRST, LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001


def timestamp(declared: str, digits: int = 6, least: dt.datetime = FIRST) -> Case:
    corners = (least, LAST, least.replace(2024, microsecond=1), least.replace(2024, microsecond=500000))
    kept = tuple(_cut(each, digits).isoformat() for each in corners)
    values = st.datetimes(least, LAST).map(lambda moment: _cut(moment, digits).isoformat())
    named = "timestamp" if digits else "timestamp_without_fraction"
    return Case(named, declared, kept, values, shown=trimmed, place=same)


def _cut(moment: dt.datetime, digits: int) -> dt.datetime:
    return moment if digits else moment.replace(microsecond=0)


ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(-dt.timedelta(hours=8))])


def instant(declared: str, least: dt.datetime = FIRST, most: dt.datetime = LAST) -> Case:
    """Written with any offset, shown in UTC."""
    day = dt.timedelta(days=1)
    corners = tuple(moment.replace(tzinfo=dt.UTC).isoformat() for moment in (least, most, least.replace(year=2024)))
    values = st.datetimes(least + day, most - day, timezones=ZONES).map(dt.datetime.isoformat)
    return Case("instant", declared, (*corners, "2024-01-01T00:00:00Z"), values, shown=in_utc, place=same)


def in_utc(value: str) -> str:
    moment = dt.datetime.fromisoformat(value).astimezone(dt.UTC).replace(tzinfo=None)
    return trimmed(moment.isoformat()) + "+00:00"


def interval() -> Case:
    """Written as PostgreSQL reads it, shown as ISO 8601."""
    pairs = {"00:00:00": "PT0S", "1 day": "P1D", "2 days 03:04:05": "P2DT3H4M5S", "P1M": "P1M", "-00:00:01": "PT-1S"}
    days = st.integers(1, 400).map(lambda number: f"P{number}D")
    return Case("interval", "interval", tuple(pairs), days, shown=lambda value: pairs.get(value, value))


# ── the rest ─────────────────────────────────────────────────────────────────────────────────

KEYS = st.text(CHARACTERS, max_size=6)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**30), max_value=10**30),
    st.text(CHARACTERS, max_size=10),
)
INNER = st.one_of(SCALARS, st.none())
DOCUMENTS = st.recursive(
    INNER, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=6
).filter(lambda document: document is not None)
DOCUMENT_CORNERS: tuple[Any, ...] = (
    {},
    [],
    True,
    0,
    "",
    "text",
    {"": None},
    {"ключ 🙂": [1, [2, [3, {"a": None}]]]},
    {"quote\"'`\\": "quote\"'`\\", "%s": ":x ? $1"},
    [2**63, -(2**64), Decimal("0.1"), Decimal("123456789012345678901234567890.123456789")],
    {"$": 1, "*": 2, "[0]": 3, "a.b": 4},
)


def json_(declared: str) -> Case:
    return Case(declared, declared, DOCUMENT_CORNERS, DOCUMENTS, comparable=False, ordered=False, sortable=False)


def enum(declared: str, *labels: str) -> Case:
    return Case("enum", declared, labels, st.sampled_from(labels), ordered=False, place=labels.index)


def set_(declared: str, *labels: str) -> Case:
    def shown(value: list[str]) -> list[str]:
        return [label for label in labels if label in value]

    values = st.lists(st.sampled_from(labels), unique=True)
    corners: tuple[list[str], ...] = ([], [labels[0]], list(reversed(labels)))
    return Case("set", declared, corners, values, shown=shown, comparable=False, ordered=False, sortable=False)


def array(name: str, declared: str, items: Values, *corners: Any, each: Place = same) -> Case:
    def every(value: Any) -> Any:
        return None if value is None else [every(item) for item in value] if isinstance(value, list) else each(value)

    values = st.lists(st.one_of(items, st.none()), max_size=4)
    tried = ([], [None], *corners)
    return Case(name, declared, tried, values, shown=every, read=every, text=written, ordered=False, sortable=False)


def special(name: str, declared: str, *pairs: tuple[str, str] | str) -> Case:
    """A type that the database reads and writes: text as it is written, and as it is shown where that differs."""
    shown = dict(pair if isinstance(pair, tuple) else (pair, pair) for pair in pairs)
    return Case(
        name,
        declared,
        tuple(shown),
        st.sampled_from(list(shown)),
        shown=shown.__getitem__,
        ordered=False,
        sortable=False,
    )


POSTGRESQL = (
    integer("smallint", 16),
    integer("integer", 32),
    integer("bigint", 64),
    decimal("numeric(12,3)", 12, 3),
    decimal("numeric", 40, 20),
    floating("real", "real", bits=32, non_finite=INFINITE),
    floating("double", "double precision", bits=64, non_finite=INFINITE),
    boolean("boolean"),
    text("char", "char(5)", 5, shown=lambda value: value.ljust(5)),
    text("varchar", "varchar(20)", 20),
    text("text", "text", 40),
    uuid(),
    bytes_("bytea", "bytea", 0, 300),
    date(),
    time("time"),
    timestamp("timestamp"),
    instant("timestamptz"),
    interval(),
    json_("json"),
    json_("jsonb"),
    enum("mood", "sad", "ok", 'it\'s "fine"', "back\\slash"),
    array("integers", "integer[]", st.integers(-(2**31), 2**31 - 1), [1, 2, 3], [[1, 2], [3, 4]]),
    array("texts", "text[]", st.text(CHARACTERS, max_size=8), ["", "null", "NULL", 'a"b', "a\\b", "{a,b}", "a,b", " "]),
    array("doubles", "double precision[]", st.floats(allow_nan=False, allow_infinity=False), [0.1, 1e-300], each=float),
    array("instants", "timestamptz[]", st.just("2024-01-01T10:00:00.5+00:00")),
    array("blobs", "bytea[]", st.binary(max_size=6).map(packed), [packed(b"\x00\xff")]),
    array("documents", "jsonb[]", st.dictionaries(KEYS, INNER, max_size=3), [{"a": [1, None]}, {"b": "it's"}]),
    array("days", "date[]", st.dates().map(dt.date.isoformat)),
    array("booleans", "boolean[]", st.booleans(), [True, False]),
    array("uuids", "uuid[]", UUIDS),
    array("moods", "mood[]", st.sampled_from(["sad", 'it\'s "fine"'])),
    special("inet", "inet", "10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", ("2001:DB8:0:0::1", "2001:db8::1")),
    special("cidr", "cidr", "10.0.0.0/8", ("10.0.0.1", "10.0.0.1/32")),
    special("macaddr", "macaddr", "08:00:2b:01:02:03", ("08-00-2B-01-02-03", "08:00:2b:01:02:03")),
    special("range", "int4range", "[1,5)", ("[1,4]", "[1,5)"), "empty", ("(,)", "(,)")),
    special("timetz", "timetz", "09:30:00+00", "09:30:00.5+05:30"),
    special("money", "money", "$1.50", ("2", "$2.00"), "-$3.25"),
    special("bits", "bit(8)", "10101010", "00000000"),
    special("varbits", "bit varying(8)", "101", ""),
)

MARIADB = (
    integer("tinyint", 8),
    integer("tinyint unsigned", 8, unsigned=True),
    integer("smallint", 16),
    integer("smallint unsigned", 16, unsigned=True),
    integer("mediumint", 24),
    integer("mediumint unsigned", 24, unsigned=True),
    integer("int", 32),
    integer("int unsigned", 32, unsigned=True),
    integer("bigint", 64),
    integer("bigint unsigned", 64, unsigned=True),
    Case("bit_8", "bit(8)", (0, 1, 255), st.integers(0, 255), place=same),
    Case("bit_64", "bit(64)", (0, 1, 2**64 - 1), st.integers(0, 2**64 - 1), place=same),
    Case("year", "year", (0, 1901, 2024, 2155), st.integers(1901, 2155), place=same),
    Case("int_zerofill", "int(5) zerofill", (0, 7, 2**32 - 1), st.integers(0, 2**32 - 1), place=same),
    Case("double_zerofill", "double zerofill", (0.0, 7.5, 1024.25), st.sampled_from([0.25, 12.5]), place=same),
    boolean("boolean"),
    boolean("bit(1)"),
    decimal("decimal(12,3)", 12, 3),
    decimal("decimal(65,30)", 65, 30),
    floating("float", "float", bits=32),
    floating("double", "double", bits=64),
    text("char", "char(5)", 5, shown=lambda value: value.rstrip(" ")),
    text("varchar", "varchar(20)", 20),
    text("text", "text", 40),
    text("text_bytewise", "varchar(40) COLLATE utf8mb4_bin", 40),
    bytes_("binary", "binary(4)", 4, 4),
    bytes_("varbinary", "varbinary(8)", 0, 8),
    bytes_("blob", "blob", 0, 300),
    date(),
    time("time(6)"),
    time("time", digits=0),
    timestamp("datetime(6)"),
    timestamp("datetime", digits=0),
    instant("timestamp(6) NULL", dt.datetime(1970, 1, 1, 0, 0, 1), dt.datetime(2038, 1, 19, 3, 14, 7)),  # noqa: DTZ001
    json_("json"),
    enum("enum('sad','ok','it''s \"fine\"','a%s?')", "sad", "ok", 'it\'s "fine"', "a%s?"),
    set_("set('red','green','it''s \"blue\"')", "red", "green", 'it\'s "blue"'),
    uuid(place=None),
    special("inet4", "inet4", "10.0.0.1", "0.0.0.0", "255.255.255.255"),
    special("inet6", "inet6", "::1", "2001:db8::1", ("2001:DB8:0:0::1", "2001:db8::1")),
)

SQLITE = (
    integer("integer", 64),
    Case("unsigned_big_int", "unsigned big int", (0, 2**63 - 1), st.integers(0, 2**63 - 1), place=same),
    boolean("boolean"),
    # NUMERIC keeps a double: fifteen digits come back as they were.
    decimal("decimal(12,3)", 12, 3),
    floating("real", "real", bits=64, non_finite=("Infinity", "-Infinity")),
    text("varchar", "varchar(20)", 20),
    text("text", "text", 40),
    text("text_nocase", "text COLLATE NOCASE", 40),
    bytes_("blob", "blob", 0, 300),
    date(),
    time("time"),
    timestamp("timestamp"),
    instant("timestamptz"),
    json_("json"),
    uuid(),
    special("any", "", "text", "", "a'b", "[1]"),
)

CASES: Mapping[DatabaseKind, tuple[Case, ...]] = {
    DatabaseKind.POSTGRESQL: POSTGRESQL,
    DatabaseKind.MARIADB: MARIADB,
    DatabaseKind.SQLITE: SQLITE,
}


def script(kind: DatabaseKind) -> str:
    """A table for each type, with one column of it."""
    before = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s \"fine\"', E'back\\\\slash');"
    tables = [f"CREATE TABLE {case.name} (id integer PRIMARY KEY, v {case.declared});" for case in CASES[kind]]
    if kind is not DatabaseKind.POSTGRESQL:
        quote = "`" if kind is DatabaseKind.MARIADB else '"'
        tables = [
            each.replace(f"TABLE {case.name} ", f"TABLE {quote}{case.name}{quote} ")
            for each, case in zip(tables, CASES[kind], strict=True)
        ]
        return "\n".join(tables)
    quoted = [
        each.replace(f"TABLE {case.name} ", f'TABLE "{case.name}" ')
        for each, case in zip(tables, CASES[kind], strict=True)
    ]
    return "\n".join([before, *quoted])
