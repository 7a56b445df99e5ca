"""`POST /rest/v1/{table}` on three databases: rows made, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apis.postgrest.workshop import fault, rows, send
from tests.server.harness import Served

ROWS = "return=representation"
NEW = "thing?select=code,name,amount&id=gt.3&order=code"


async def test_one_object_is_one_row(workshop: Served) -> None:
    made = await send(workshop, "POST", "thing", {"code": "d", "name": "four", "facts": {"a": [1, None]}})
    assert (made.status, made.body, made.headers["Content-Range"]) == (201, b"", "*/*")
    assert not {"Location", "Preference-Applied", "Content-Type"} & set(made.headers)
    assert await rows(workshop, "thing?id=gt.3&select=code,name,amount,doubled,facts") == [
        {"code": "d", "name": "four", "amount": 7, "doubled": 14, "facts": {"a": [1, None]}}
    ]


async def test_an_array_is_as_many_rows_in_their_order(workshop: Served) -> None:
    given = [{"code": code, "amount": amount} for code, amount in (("z", 1), ("d", 2), ("m", 3))]
    made = await send(workshop, "POST", "thing?select=code,amount", given, f"{ROWS}, count=exact")
    assert (made.status, made.json) == (201, given)
    assert made.headers["Content-Range"] == "*/3"
    assert made.headers["Content-Type"] == "application/json; charset=utf-8"
    assert made.headers["Preference-Applied"] == "return=representation, count=exact"
    counted = await send(workshop, "POST", "thing", {"code": "x"}, "count=exact")
    assert (counted.body, counted.headers["Content-Range"]) == (b"", "*/1")


async def test_empty_objects_are_rows_of_defaults_and_an_empty_array_is_none(workshop: Served) -> None:
    one = await send(workshop, "POST", "counter?select=name", {}, ROWS)
    two = await send(workshop, "POST", "counter?select=name", [{}, {}], ROWS)
    assert (one.status, one.json) == (201, [{"name": "unnamed"}])
    assert (two.status, two.json) == (201, [{"name": "unnamed"}] * 2)
    for nothing in (b"[]", b"7", b'"text"', b"null"):
        none = await send(workshop, "POST", "counter", nothing, f"{ROWS}, count=exact")
        assert (none.status, none.json, none.headers["Content-Range"]) == (201, [], "*/0")
    assert len(await rows(workshop, "counter")) == 3


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [(ROWS, [{"x": 1, "y": None}, {"x": None, "y": "b"}]), (f"{ROWS},missing=default", [{"x": 1, "y": "none"}, {"x": None, "y": "b"}])],
)  # fmt: skip
async def test_only_the_columns_that_are_named_count(workshop: Served, prefer: str, expected: Any) -> None:
    made = await send(workshop, "POST", "plain?columns=x,y", [{"x": 1, "z": 9}, {"y": "b"}], prefer)
    assert (made.status, made.json) == (201, expected)
    told = made.headers["Preference-Applied"]
    assert told == ("missing=default, return=representation" if "missing" in prefer else ROWS)


async def test_the_missing_preference_is_about_columns_that_are_named(workshop: Served) -> None:
    made = await send(
        workshop, "POST", "counter?columns=id,name&select=name", [{"name": "a"}, {}], f"{ROWS},missing=default"
    )
    assert made.json == [{"name": "a"}, {"name": "unnamed"}]
    refused = await send(workshop, "POST", "counter", [{"name": "a"}, {}], "missing=default")
    assert fault(refused) == (400, "PGRST102")


@pytest.mark.parametrize(
    ("address", "body", "code", "message"),
    [
        ("plain", b'[{"x":1},{"y":"b"}]', "PGRST102", "All object keys must match"),
        ("plain", b'[{"x":1},3]', "PGRST102", "All object keys must match"),
        ("plain", b"", "PGRST102", "Empty or invalid json"),
        ("plain", b'{"x":', "PGRST102", "Empty or invalid json"),
        ("plain", b'{"nope":1}', "PGRST204", "Could not find the 'nope' column of 'plain' in the schema cache"),
        ("plain?columns=x,nope", b'{"x":1}', "PGRST204", "Could not find the 'nope' column of 'plain' in the schema cache"),
        ("plain?columns=x,", b'{"x":1}', "PGRST100", None),
        ("plain?select=nope", b'{"x":1}', "42703", "column plain.nope does not exist"),
        ("plain?select=owner(id)", b'{"x":1}', "PGRST200", None),
    ],
)  # fmt: skip
async def test_a_body_that_cannot_be_written_writes_nothing(
    workshop: Served, address: str, body: bytes, code: str, message: str | None
) -> None:
    reply = await send(workshop, "POST", address, body, ROWS)
    assert fault(reply) == (400, code)
    assert message is None or reply.json["message"] == message
    assert await rows(workshop, "plain") == []


async def test_lines_of_csv_are_rows(workshop: Served) -> None:
    body = b'code,name,amount\r\nd,NULL,4\r\n"e ""x"", y",,5\r\n'
    made = await send(workshop, "POST", "thing?select=code,name,amount", body, ROWS, Content_Type="text/csv")
    expected = [{"code": "d", "name": None, "amount": 4}, {"code": 'e "x", y', "name": "", "amount": 5}]
    assert (made.status, made.json) == (201, expected)
    uneven = await send(workshop, "POST", "thing", b"code,name\nf", Content_Type="text/csv")
    assert fault(uneven) == (400, "PGRST102")
    assert uneven.json["message"] == "All lines must have same number of fields"
    assert await rows(workshop, NEW) == [expected[0], expected[1]]


async def test_a_form_is_one_row(workshop: Served) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    made = await send(workshop, "POST", "thing?select=code,name", b"code=d+e&name=%C3%A9&amount=3", ROWS, **form)
    assert (made.status, made.json) == (201, [{"code": "d e", "name": "é"}])
    other = await send(workshop, "POST", "thing", b"code=d", Content_Type="image/png")
    assert fault(other) == (400, "PGRST102")
    assert other.json["message"] == "Content-Type not acceptable: image/png"


async def test_values_are_taken_as_postgresql_takes_them(workshop: Served) -> None:
    given = {"code": 12, "name": True, "amount": "5", "facts": "text"}
    made = await send(workshop, "POST", "thing?select=code,name,amount,facts", given, ROWS)
    assert made.json == [{"code": "12", "name": "true", "amount": 5, "facts": "text"}]


# ── what is told ─────────────────────────────────────────────────────────────────────────────


async def test_headers_only_tells_where_the_row_is(workshop: Served) -> None:
    made = await send(workshop, "POST", "line", {"a": 5, "b": "ü &"}, "return=headers-only")
    assert (made.status, made.body) == (201, b"")
    assert made.headers["Location"] == "/line?a=eq.5&b=eq.%C3%BC%20%26"
    assert made.headers["Preference-Applied"] == "return=headers-only"
    assert await rows(workshop, made.headers["Location"].removeprefix("/")) == [{"a": 5, "b": "ü &", "note": "none"}]
    keyless = await send(workshop, "POST", "plain", {"x": 1}, "return=headers-only")
    assert (keyless.status, "Location" in keyless.headers) == (201, False)
    whole = await send(workshop, "POST", "thing", {"code": "d"}, ROWS)
    assert "Location" not in whole.headers


async def test_what_is_answered_can_be_shaped(workshop: Served) -> None:
    given = [{"code": code, "owner_id": owner} for code, owner in (("d", 1), ("e", 2), ("f", None))]
    made = await send(workshop, "POST", "thing?select=c:code,owner(name)&order=code.desc&limit=2", given, ROWS)
    assert made.json == [{"c": "f", "owner": None}, {"c": "e", "owner": {"name": "Bo"}}]
    inner = await send(
        workshop, "POST", "owner?select=id,thing!inner(code)", [{"id": 8, "name": "N"}, {"id": 9, "name": "O"}], ROWS
    )
    assert inner.json == []
    assert len(await rows(workshop, "owner?id=gt.7")) == 2
    assert len(await rows(workshop, NEW)) == 3


async def test_media_of_written_rows(workshop: Served) -> None:
    csv = await send(workshop, "POST", "thing?select=code,name", {"code": "d", "name": "x y"}, ROWS, Accept="text/csv")
    assert (csv.status, csv.body) == (201, b'code,name\nd,"x y"')
    accept = "application/vnd.pgrst.object+json;nulls=stripped"
    one = await send(workshop, "POST", "thing?select=code,name", {"code": "e"}, ROWS, Accept=accept)
    assert (one.status, one.json) == (201, {"code": "e"})
    assert one.headers["Content-Type"] == "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
    refused = await send(workshop, "POST", "thing", {"code": "f"}, Accept="image/png")
    assert fault(refused) == (406, "PGRST107")
    assert len(await rows(workshop, NEW)) == 2


@pytest.mark.parametrize("prefer", [ROWS, "return=minimal", "return=headers-only"])
async def test_who_wants_one_object_writes_one_row_or_none(workshop: Served, prefer: str) -> None:
    accept = "application/vnd.pgrst.object+json"
    two = await send(workshop, "POST", "thing", [{"code": "d"}, {"code": "e"}], prefer, Accept=accept)
    assert fault(two) == (406, "PGRST116")
    assert two.json["details"] == "The result contains 2 rows"
    assert fault(await send(workshop, "POST", "thing", [], prefer, Accept=accept)) == (406, "PGRST116")
    assert await rows(workshop, NEW) == []
    assert (await send(workshop, "POST", "thing", [{"code": "d"}], prefer, Accept=accept)).status == 201


# ── preferences ──────────────────────────────────────────────────────────────────────────────


async def test_preferences_are_told_in_their_order(workshop: Served) -> None:
    prefer = (
        "handling=lenient, return=representation, missing=null, unknown=1, return=minimal, max-affected=1, count=exact"
    )
    made = await send(workshop, "POST", "thing?select=code", {"code": "d"}, prefer)
    assert made.headers["Preference-Applied"] == "missing=null, return=representation, count=exact, handling=lenient"


async def test_strict_handling_refuses_what_is_not_known(workshop: Served) -> None:
    reply = await send(workshop, "POST", "thing", {"code": "d"}, "handling=strict, anything=1, count=none, tx=maybe")
    assert fault(reply) == (400, "PGRST122")
    assert reply.json["details"] == "Invalid preferences: anything=1, count=none, tx=maybe"
    assert await rows(workshop, NEW) == []
