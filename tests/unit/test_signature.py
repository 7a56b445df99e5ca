"""What an extension's function takes and gives, read off its annotations; and what it answers, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, Optional
from uuid import UUID

import pytest

from reflector.datatypes import Kind
from reflector.extension import Caller
from reflector.signature import UnfitSignature, signature_of, written

ID = UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")
CALLER = Caller(("user",), {}, "7", False, lambda method, address, body: never())


async def never() -> None:
    raise AssertionError


async def everything(
    who: Caller,
    whole: int,
    id: UUID,  # noqa: A002 - callers give it under this name
    ids: list[UUID],
    size: Literal["s", "l"],
    json: dict[str, int],
    many: list[list[int]],
    *,
    other: Optional[str],  # noqa: UP045 - the older spelling is one too
    word: str | None = None,
    least: int = 1,
    anything: Any = None,
) -> Decimal:
    return Decimal(whole)


def test_annotations_are_types_of_arguments() -> None:
    found = signature_of(everything)
    assert [(each.name, each.type.kind, each.has_default, each.nullable) for each in found.arguments] == [
        ("whole", Kind.INTEGER, False, False),
        ("id", Kind.UUID, False, False),
        ("ids", Kind.ARRAY, False, False),
        ("size", Kind.ENUM, False, False),
        ("json", Kind.JSON, False, False),
        ("many", Kind.JSON, False, False),
        ("other", Kind.TEXT, False, True),
        ("word", Kind.TEXT, True, True),
        ("least", Kind.INTEGER, True, False),
        ("anything", Kind.JSON, True, True),
    ]
    by_name = {each.name: each.type for each in found.arguments}
    assert by_name["size"].labels == ("s", "l")
    element = by_name["ids"].element
    assert (by_name["ids"].native, element and element.kind) == ("uuid[]", Kind.UUID)
    assert (found.caller, found.gives and found.gives.kind) == ("who", Kind.DECIMAL)


def test_values_are_made_into_what_the_annotations_say() -> None:
    found = signature_of(everything)
    given = found.given({"id": str(ID), "ids": (str(ID), None), "word": None, "whole": 1}, CALLER)
    assert given == {"id": ID, "ids": [ID, None], "word": None, "whole": 1, "who": CALLER}

    async def alone(a: int) -> None: ...

    assert signature_of(alone).given({"a": 1}, CALLER) == {"a": 1}
    assert (signature_of(alone).caller, signature_of(alone).gives) == (None, None)


@pytest.mark.parametrize(
    ("gives", "kind"),
    [(int, Kind.INTEGER), (list[str], Kind.ARRAY), (dict[str, int], Kind.JSON), (int | None, Kind.JSON), (object, Kind.JSON)],
)  # fmt: skip
def test_what_is_given_is_json_where_it_is_no_type_of_value(gives: Any, kind: Kind) -> None:
    async def made() -> None: ...

    made.__annotations__["return"] = gives
    found = signature_of(made).gives
    assert found is not None
    assert found.kind is kind


def test_without_an_annotation_json_is_given() -> None:
    async def made(): ...  # type: ignore[no-untyped-def] # noqa: ANN202 - that is what this is about

    found = signature_of(made).gives
    assert found is not None
    assert found.kind is Kind.JSON


async def by_position(a: int, /) -> None: ...
async def any_number(*a: int) -> None: ...
async def any_name(**a: int) -> None: ...
async def numbers(a: Literal[1, 2]) -> None: ...
async def two(a: Caller, b: Caller) -> None: ...
async def several(a: int | str | None) -> None: ...
async def unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821 - that is what this is about
async def bare(a) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001 - that is what this is about
def waits(a: int) -> None: ...


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (by_position, "takes 'a' in a way that no caller can give: by position alone, or any number"),
        (any_number, "takes 'a' in a way that no caller can give: by position alone, or any number"),
        (any_name, "takes 'a' in a way that no caller can give: by position alone, or any number"),
        (numbers, "has an annotation for 'a' that is no type of value"),
        (two, "takes two callers"),
        (several, "has an annotation for 'a' that is several types at once"),
        (unknown, "has an annotation that cannot be read: NameError"),
        (bare, "has no annotation for 'a'"),
        (waits, "is no `async def`"),
    ],
)
def test_what_cannot_be_offered_is_told(action: Any, told: str) -> None:
    with pytest.raises(UnfitSignature) as refused:
        signature_of(action)
    assert str(refused.value) == told


@dataclass
class Offer:
    """An answer."""

    price: Decimal


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (Decimal("1E+3"), b"1000"),
        (Decimal("0.10"), b"0.10"),
        (Decimal("NaN"), b'"NaN"'),
        (b"\x00\x01", b'"AAE="'),
        ({3}, b"[3]"),
        (frozenset(("a",)), b'["a"]'),
        (MappingProxyType({"a": (1, 2)}), b'{"a":[1,2]}'),
        (Offer(Decimal("2.50")), b'{"price":2.50}'),
        ([1 << 63, {"a": (-(1 << 64), True)}, (1 << 63) - 1], b'[9223372036854775808,{"a":[-18446744073709551616,true]},9223372036854775807]'),
        ([ID, date(2024, 2, 29), time(10), datetime(2024, 1, 1, tzinfo=UTC)],
         b'["6f9619ff-8b86-d011-b42d-00cf4fc964ff","2024-02-29","10:00:00","2024-01-01T00:00:00+00:00"]'),
    ],
)  # fmt: skip
def test_answers_are_json(value: Any, json: bytes) -> None:
    assert written(value) == json


@pytest.mark.parametrize("value", [object(), {1: 2}, "\ud800", [1 << 64, object()]])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        written(value)
