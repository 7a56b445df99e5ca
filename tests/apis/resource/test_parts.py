"""The parts that need no server: JSON read exactly, cursors, keys, what is kept, what is disclosed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflector.access.disclosure import disclosed
from reflector.catalog.model import (
    Catalog,
    Check,
    Column,
    DatabaseKind,
    ForeignKey,
    Key,
    Relationship,
    Table,
    TableKind,
)
from reflector.datatypes import DataType, Kind
from reflector.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidCursor,
    InvalidData,
    NotNullViolation,
    ReflectorError,
    StatementTimeout,
    UniqueViolation,
)
from reflector.query.scope import TableScope
from server.apis.resource.backwards import turned
from server.apis.resource.caller import Recent
from server.apis.resource.cursors import Cursors, Way
from server.apis.resource.keys import read_key, write_key
from server.apis.resource.parameters import RESERVED, split_query
from server.documents import read_json
from tests.bookshops import Databases
from tests.server.harness import served

INTEGER, TEXT = DataType(Kind.INTEGER, "bigint"), DataType(Kind.TEXT, "text")
BYTES, TRUTH = DataType(Kind.BYTES, "bytea"), DataType(Kind.BOOLEAN, "boolean")
EXACT = DataType(Kind.DECIMAL, "numeric")

# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def test_numbers_keep_every_digit() -> None:
    assert read_json("[12345678901234567890.12, 0.1, 1e-7, 123456789012345678901234567890]") == [
        Decimal("12345678901234567890.12"),
        Decimal("0.1"),
        Decimal("1E-7"),
        123456789012345678901234567890,
    ]


def test_depth_counts_levels_and_not_brackets() -> None:
    assert read_json("[" + ",".join(["[]"] * 1000) + "]") == [[]] * 1000
    assert read_json("[" * 64 + "]" * 64)
    with pytest.raises(ReflectorError, match="64 levels"):
        read_json("[" * 65 + "]" * 65)


def test_a_text_may_hold_what_would_be_deep() -> None:
    assert read_json('"' + "[" * 1000 + '"') == "[" * 1000


# ── a page that was read from its end ────────────────────────────────────────────────────────

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.text(), ANYTHING, max_size=4), max_size=5), st.sampled_from([None, 1]), st.booleans()
)
def test_rows_are_turned_and_not_touched(rows: list[Any], indent: int | None, ascii_only: bool) -> None:
    written = [json.dumps(row, indent=indent, ensure_ascii=ascii_only).encode() for row in rows]
    assert turned(b"[" + b", ".join(written) + b"]") == b"[" + b",".join(reversed(written)) + b"]"


def test_neither_digits_nor_depth_trouble_it() -> None:
    deep = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    exact = b'{"a": 1.0000000000000000000000000000010, "b": "\\"}]"}'
    assert turned(b"[" + deep + b"," + exact + b"]") == b"[" + exact + b"," + deep + b"]"
    assert turned(b"[]") == b"[]"


@pytest.mark.parametrize("way", [Way(), Way(back=True), Way(including=True), Way(back=True, including=True)])
def test_a_cursor_keeps_its_way(way: Way) -> None:
    opened = CURSORS.open(b"place", CURSORS.seal(b"place", b"[7]", way), [INTEGER])
    assert (opened.way, opened.sealed) == (way, b"[7]")
    assert way.round.round == way


# ── cursors ──────────────────────────────────────────────────────────────────────────────────

CURSORS = Cursors(bytes(range(64)))


def test_a_cursor_gives_back_its_values_by_type() -> None:
    text = CURSORS.seal(b"place", b'[1.50, "x", null, "AP8="]')
    assert CURSORS.open(b"place", text, [EXACT, TEXT, INTEGER, BYTES]).values == [
        Decimal("1.50"),
        "x",
        None,
        b"\x00\xff",
    ]
    assert text == Cursors(bytes(range(64))).seal(b"place", b'[1.50, "x", null, "AP8="]')


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_cursor_with_one_byte_changed_is_refused(at: int, change: int) -> None:
    text = CURSORS.seal(b"place", b"[7]").encode()
    forged = bytearray(text)
    forged[at % len(text)] ^= change
    with pytest.raises(InvalidCursor):
        CURSORS.open(b"place", forged.decode("latin-1"), [INTEGER])


@pytest.mark.parametrize(
    ("place", "text", "types"),
    [
        (b"elsewhere", CURSORS.seal(b"place", b"[7]"), [INTEGER]),
        (b"place", Cursors(bytes(64)).seal(b"place", b"[7]"), [INTEGER]),
        (b"place", CURSORS.seal(b"place", b"[7]") + "=", [INTEGER]),
        (b"place", CURSORS.seal(b"place", b"[7]"), [INTEGER, INTEGER]),
        (b"place", CURSORS.seal(b"place", b'["x"]'), [INTEGER]),
        (b"place", "", [INTEGER]),
        (b"place", "A" * 100_000, [INTEGER]),
        (b"place", "\ud800", [INTEGER]),
    ],
)
def test_what_is_no_cursor_of_this_list(place: bytes, text: str, types: list[DataType]) -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.open(place, text, types)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    st.booleans(),
    st.binary(),
)
def test_a_key_is_read_as_it_is_written(number: int, text: str, truth: bool, data: bytes) -> None:
    import base64
    import json

    columns = [Column(type_.native, type_, nullable=False) for type_ in (INTEGER, TEXT, TRUTH, BYTES)]
    shown = json.dumps([number, text, truth, base64.b64encode(data).decode()]).encode()
    written = write_key(shown)
    assert "/" not in written
    assert "?" not in written
    assert written.count(",") == 3
    assert read_key(columns, written) == [number, text, truth, data]


# ── parameters ───────────────────────────────────────────────────────────────────────────────


def test_a_query_string_is_taken_apart_as_forms_are() -> None:
    found = [(each.name, each.value) for each in split_query("a=b+c%2Bd&&é%C3%A9=&f&g==h&%zz=%")]
    assert found == [("a", "b c+d"), ("éé", ""), ("f", ""), ("g", "=h"), ("%zz", "%")]


def test_words_that_are_not_offered_are_reserved_all_the_same() -> None:
    assert {name for name, word in RESERVED.items() if not word.offered} == {
        "q",
        "deep",
        "aggregate",
        "group",
        "having",
        "all",
        "on_conflict",
    }


# ── what is kept ─────────────────────────────────────────────────────────────────────────────


def test_what_is_kept_is_bounded_and_the_least_used_goes_first() -> None:
    kept: Recent[str] = Recent(capacity=100)
    for number in range(10):
        kept.put(number, str(number), 30)
        kept.get(0)
    assert [kept.get(number) for number in (0, 7, 8, 9)] == ["0", None, "8", "9"]
    assert (len(kept), kept.size) == (3, 90)
    kept.put("large", "x", 1000)
    assert (len(kept), kept.size) == (0, 0)


async def test_a_new_schema_is_served_to_whoever_asked_before(databases: Databases) -> None:
    url = databases.bookshop(DatabaseKind.SQLITE)
    async with served(url, writable=True) as api:
        before = (await api.get("/api/tag?limit=1")).json
        row = (await api.get("/api/tag/c++")).json
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("ALTER TABLE tag ADD COLUMN colour TEXT DEFAULT 'red'")
            connection.commit()
        await api.running.engine.refresh()
        assert (await api.get("/api/tag/c++")).json == {**row, "colour": "red"}
        assert "colour" in (await api.get("/api/tag?limit=1")).json["items"][0]
        assert (await api.get("/api/tag?limit=1&colour=red")).status == 200
        old = await api.get(before["page"]["next"])
        assert (old.status, old.code) == (422, "invalid_cursor")


# ── what is disclosed ────────────────────────────────────────────────────────────────────────


def column(name: str) -> Column:
    return Column(name, TEXT, nullable=True)


EMAIL, SECRET, AGE, FRIEND = column("email"), column("secret"), column("age"), column("friend/of")
PERSON = Table(
    "public",
    "person",
    "people",
    TableKind.TABLE,
    (EMAIL, SECRET, AGE, FRIEND),
    primary_key=Key("person_pkey", (EMAIL,)),
    uniques=(Key("both", (EMAIL, SECRET)), Key("pair", (EMAIL, AGE))),
    checks=(Check("age_check", "(age > '0')"), Check("secret_check", "((age)::text <> secret)")),
)
OTHER = Table("public", "other", "other", TableKind.TABLE, (column("person"),))
OWN_KEY = ForeignKey("friend_fkey", PERSON, (FRIEND,), PERSON, (EMAIL,))
HIDDEN_KEY = ForeignKey("other_fkey", OTHER, OTHER.columns, PERSON, (EMAIL,))
FRIENDS = Relationship("friend", PERSON, PERSON, False, ((FRIEND, EMAIL),), foreign_key=OWN_KEY)
SEEN = {each.name: each for each in (EMAIL, AGE, FRIEND)}
SCOPE = TableScope(PERSON, SEEN, {}, {}, {"friend": FRIENDS}, True, True, True, True)
CATALOG = Catalog(
    DatabaseKind.POSTGRESQL, (15,), ("public",), {"people": PERSON, "other": OTHER}, {}, (OWN_KEY, HIDDEN_KEY)
)


@pytest.mark.parametrize(
    ("error", "message", "pointer"),
    [
        (UniqueViolation("m", constraint="person_pkey"), "a row with this email exists already", "/email"),
        (UniqueViolation("m", constraint="PRIMARY"), "a row with this email exists already", "/email"),
        (UniqueViolation("m", constraint="pair"), "a row with this email and age exists already", None),
        (UniqueViolation("m", constraint="both"), "m", None),
        (UniqueViolation("m", constraint="an_index"), "m", None),
        (UniqueViolation("m"), "m", None),
        (UniqueViolation("m", table="person", columns=("email",)), "a row with this email exists already", "/email"),
        (UniqueViolation("m", table="other", columns=("email",)), "m", None),
        (NotNullViolation("m", table="person", columns=("age",)), "age must not be null", "/age"),
        (NotNullViolation("m", table="person", columns=("secret",)), "m", None),
        (InvalidData("m", columns=("age",)), "the value does not fit age", "/age"),
        (CheckViolation("m", constraint="age_check"), "age: a rule of the table refuses the value", "/age"),
        (CheckViolation("m", constraint="secret_check"), "m", None),
        (CheckViolation("m", constraint="of_a_domain"), "m", None),
        (
            ForeignKeyViolation("m", constraint="friend_fkey", table="person"),
            "friend/of: there is no such people",
            "/friend~1of",
        ),
        (ForeignKeyViolation("m", constraint="other_fkey", table="other"), "m", None),
        (ForeignKeyViolation("m"), "m", None),
        (StatementTimeout("m", columns=("secret",)), "m", None),
    ],
)
def test_only_what_may_be_known_is_named(error: DatabaseError, message: str, pointer: str | None) -> None:
    told = disclosed(error, SCOPE, CATALOG)
    assert (type(told), told.message, told.pointer) == (type(error), message, pointer)
    assert told.constraint is None
    assert "secret" not in (told.message, *told.columns)
