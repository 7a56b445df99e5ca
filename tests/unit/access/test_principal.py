"""What a claim is worth as a value of a column."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reflector.access.principal import Principal, bind_claim
from reflector.datatypes import DataType, Kind
from reflector.errors import AccessError, MissingClaim
from tests.unit.access.blog import (
    BOOLEAN,
    BYTES,
    DATE,
    DECIMAL,
    FLOAT,
    INSTANT,
    INTEGER,
    JSON,
    OPAQUE,
    SMALL,
    STATUS,
    TEXT,
    UUID,
)

UNSIGNED = DataType(Kind.INTEGER, "int unsigned", bits=32, unsigned=True)
WORDS = DataType(Kind.ARRAY, "text[]", element=TEXT)

TAKEN: list[tuple[DataType, Any, Any]] = [
    (INTEGER, 7, 7),
    (INTEGER, "7", 7),
    (INTEGER, "-7", -7),
    (INTEGER, "0", 0),
    (INTEGER, 2**63 - 1, 2**63 - 1),
    (TEXT, "alice", "alice"),
    (TEXT, "ALICE ", "ALICE "),
    (TEXT, "", ""),
    (TEXT, 7, "7"),
    (TEXT, -7, "-7"),
    (BOOLEAN, True, True),
    (BOOLEAN, False, False),
    (BOOLEAN, "true", True),
    (BOOLEAN, "false", False),
    (DECIMAL, "19.90", Decimal("19.90")),
    (DECIMAL, 19.9, Decimal("19.9")),
    (DECIMAL, 19, Decimal(19)),
    (FLOAT, 1.5, 1.5),
    (FLOAT, "1.5", 1.5),
    (UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    (STATUS, "draft", "draft"),
    (DATE, "2024-01-02", date(2024, 1, 2)),
    (BYTES, "AQI=", b"\x01\x02"),
    (JSON, {"a": [1]}, {"a": [1]}),
    (WORDS, ["a", "b"], ("a", "b")),
]
REFUSED: list[tuple[DataType, Any]] = [
    (INTEGER, None),
    (INTEGER, "7abc"),
    (INTEGER, " 7"),
    (INTEGER, "7\n"),
    (INTEGER, "+7"),
    (INTEGER, "007"),
    (INTEGER, "-0"),
    (INTEGER, "٧"),
    (INTEGER, ""),
    (INTEGER, True),
    (INTEGER, 7.0),
    (INTEGER, 7.5),
    (INTEGER, [7]),
    (INTEGER, {"id": 7}),
    (INTEGER, 2**63),
    (INTEGER, "9" * 5000),
    (SMALL, 40000),
    (UNSIGNED, -1),
    (TEXT, True),
    (TEXT, 1.0),
    (TEXT, ["alice"]),
    (TEXT, "a\x00"),
    (TEXT, "\ud800"),
    (TEXT, 10**41),
    (BOOLEAN, 1),
    (BOOLEAN, "1"),
    (BOOLEAN, "True"),
    (DECIMAL, "1e5"),
    (DECIMAL, "01"),
    (DECIMAL, float("nan")),
    (DECIMAL, True),
    (DECIMAL, [1]),
    (FLOAT, {"a": 1}),
    (FLOAT, float("inf")),
    (FLOAT, "NaN"),
    (FLOAT, 10**400),
    (UUID, 7),
    (UUID, "x"),
    (STATUS, "Draft"),
    (STATUS, 1),
    (INSTANT, 1700000000),
    (DATE, "2024-02-30"),
    (OPAQUE, "x"),
    (WORDS, "a"),
]


@pytest.mark.parametrize(("type_", "given", "meant"), TAKEN)
def test_a_claim_takes_the_columns_type(type_: DataType, given: Any, meant: Any) -> None:
    value = bind_claim(Principal(claims={"x": given}), ("x",), type_)
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(("type_", "given"), REFUSED)
def test_a_claim_that_is_not_of_the_type_is_refused_and_not_repeated(type_: DataType, given: Any) -> None:
    with pytest.raises(MissingClaim) as caught:
        bind_claim(Principal(claims={"secret_claim": given}), ("secret_claim",), type_)
    assert "'secret_claim'" in caught.value.message
    assert "7abc" not in caught.value.message


def test_a_list_of_claims_is_a_list_of_values() -> None:
    caller = Principal(claims={"ids": [1, "2", 3], "none": [], "one": 1, "mixed": [1, None], "nested": [[1]]})
    assert bind_claim(caller, ("ids",), INTEGER, many=True) == (1, 2, 3)
    assert bind_claim(caller, ("none",), INTEGER, many=True) == ()
    for name in ("one", "mixed", "nested", "absent"):
        with pytest.raises(MissingClaim):
            bind_claim(caller, (name,), INTEGER, many=True)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("{}", ()), ("{ }", ()), ("{7}", (7,)), ("{1, 2,3}", (1, 2, 3)), ('{"1","2"}', (1, 2))],
)
def test_a_list_may_stand_in_braces(given: str, meant: tuple[int, ...]) -> None:
    assert bind_claim(Principal(claims={"ids": given}), ("ids",), INTEGER, many=True) == meant


@pytest.mark.parametrize("given", ["", "1", "1,2", "{1,2", "1,2}", "{1,{2}}", "{1}x", "{a}", '{"1}'])
def test_text_that_is_no_list_is_refused(given: str) -> None:
    with pytest.raises(MissingClaim):
        bind_claim(Principal(claims={"ids": given}), ("ids",), INTEGER, many=True)


@pytest.mark.parametrize("path", [("b",), ("a", "c"), ("a", "b", "c"), ("n",), ("s", "0"), ()])
def test_what_is_not_there_is_an_error_and_never_null(path: tuple[str, ...]) -> None:
    caller = Principal(claims={"a": {"b": 1}, "n": None, "s": "text"})
    with pytest.raises(AccessError):
        bind_claim(caller, path, INTEGER)


@pytest.mark.parametrize("path", [("b",), ("a", "c"), ("a", "b", "c"), ("n",)])
def test_a_claim_that_is_not_there_is_told_by_its_path(path: tuple[str, ...]) -> None:
    caller = Principal(claims={"a": {"b": 1}, "n": None})
    with pytest.raises(MissingClaim, match=f"^the credential carries no claim '{'.'.join(path)}'$"):
        caller.claim(path)


def test_a_claim_is_found_along_its_path() -> None:
    caller = Principal(roles=("user",), claims={"a": {"b": {"c": 5}}, "https://x/y": "z", "a.b": 1}, subject="7")
    assert caller.claim(("a", "b", "c")) == 5
    assert caller.claim(("https://x/y",)) == "z"
    assert "https" not in repr(caller)
    assert hash(caller) == hash(Principal(roles=("user",), subject="7"))
