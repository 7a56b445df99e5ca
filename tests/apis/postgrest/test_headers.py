"""Prefer, Range and Accept; statuses, Content-Range, Content-Type, locations."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.locations import content_location, location
from server.apis.postgrest.media import DATA, Body, Kind, Media, body_of, negotiate
from server.apis.postgrest.preferences import Kind as Preference
from server.apis.postgrest.preferences import Preferences, applied, honourable, preferences
from server.apis.postgrest.ranges import (
    Window,
    content_range,
    one_row,
    read_status,
    window,
    write_status,
    written_range,
)

# ── Prefer ───────────────────────────────────────────────────────────────────────────────────


def test_every_preference_is_read_from_several_headers() -> None:
    found = preferences(
        [
            "return=representation, count=exact",
            "resolution=merge-duplicates,missing=default , tx=rollback",
            "handling=lenient, timezone=America/Lima, max-affected=10, odd=1",
        ]
    )
    assert found == Preferences(
        "merge-duplicates", "default", "representation", "exact", "rollback", "lenient", "America/Lima", 10
    )


def test_the_first_of_a_kind_holds() -> None:
    assert preferences(["return=minimal, return=representation", "return=headers-only"]).returning == "minimal"
    assert preferences(["count=none, count=planned"]).count == "planned"


@pytest.mark.parametrize(
    "bad", ["count=none", "return=all", "max-affected=-1", "max-affected=x", "foo", "RETURN=minimal"]
)
def test_what_is_unknown_is_ignored_but_under_strict(bad: str) -> None:
    assert preferences([bad]) == Preferences()
    for headers in ([f"handling=strict, {bad}, bar"], [f"{bad}", "bar,handling=strict"]):
        with pytest.raises(PostgrestError) as caught:
            preferences(headers)
        assert caught.value.fault.code == "PGRST122"
        assert caught.value.fault.message == "Invalid preferences given with handling=strict"
        assert caught.value.fault.details == f"Invalid preferences: {bad}, bar"
    assert preferences([f"handling=lenient, handling=strict, {bad}"]).handling == "lenient"


def test_what_is_applied_has_one_order() -> None:
    texts = [
        "resolution=ignore-duplicates", "missing=default", "return=minimal", "count=exact", "tx=commit",
        "handling=strict", "timezone=UTC", "max-affected=5",
    ]  # fmt: skip
    for shuffled in (texts, texts[::-1], texts[3:] + texts[:3]):
        assert applied(preferences([",".join(shuffled)]), frozenset(Preference)) == ", ".join(texts)
    assert applied(preferences(["count=exact"]), frozenset({Preference.RETURN})) is None
    assert applied(Preferences(), frozenset(Preference)) is None


def test_only_what_means_something_is_honoured() -> None:
    strict = preferences(["handling=strict, max-affected=1"])

    def kinds(method: str, given: Preferences = strict, function: bool = False, end: bool = False) -> set[str]:
        found = honourable(given, method, function=function, upserts=True, inserts=True, may_choose_end=end)
        return {each.value for each in found} - {"count", "handling", "timezone"}

    assert kinds("GET") == set()
    assert kinds("POST") == {"resolution", "missing", "return"}
    assert kinds("PATCH") == {"missing", "return", "max-affected"}
    assert kinds("PATCH", Preferences()) == {"missing", "return"}
    assert kinds("DELETE", end=True) == {"return", "max-affected", "tx"}
    assert kinds("PUT") == {"return"}
    assert kinds("POST", function=True) == {"max-affected"}


# ── Range ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "limit", "offset", "expected"),
    [
        (None, None, 0, Window()),
        (None, 5, 2, Window(2, 5)),
        ("0-9", None, 0, Window(0, 10)),
        (" 10- ", None, 0, Window(10)),
        ("5-5", None, 0, Window(5, 1)),
        ("0-9", 3, 0, Window(0, 3)),
        ("0-2", 10, 0, Window(0, 3)),
        ("2-20", 10, 5, Window(5, 10)),
        ("7-", 10, 5, Window(7, 8)),
        ("3-9", 0, 0, Window(0, 0)),
        ("items=0-9", None, 0, Window()),
        ("-5", None, 0, Window()),
        ("a-b", 1, 0, Window(0, 1)),
        ("", None, 0, Window()),
    ],
)
def test_range_and_limit_are_both_held(header: str | None, limit: int | None, offset: int, expected: Window) -> None:
    assert window(header, limit, offset) == expected


@pytest.mark.parametrize(("header", "limit", "offset"), [("2-1", None, 0), ("10-20", 5, 0), ("0-3", 5, 4)])
def test_an_empty_range_cannot_be_satisfied(header: str, limit: int | None, offset: int) -> None:
    with pytest.raises(PostgrestError) as caught:
        window(header, limit, offset)
    assert (caught.value.fault.code, caught.value.fault.message) == ("PGRST103", "Requested range not satisfiable")


numbers = st.integers(0, 12)


@settings(max_examples=120, deadline=None)
@given(numbers, numbers, st.none() | numbers, numbers)
def test_a_window_is_the_intersection(first: int, last: int, limit: int | None, offset: int) -> None:
    rows = set(range(40))
    asked = {row for row in rows if offset <= row and (limit is None or row < offset + limit)}
    both = {row for row in asked if first <= row <= last}
    if limit == 0 and first <= last:
        both = set()
    elif not both:
        with pytest.raises(PostgrestError, match="PGRST103"):
            window(f"{first}-{last}", limit, offset)
        return
    found = window(f"{first}-{last}", limit, offset)
    assert found.limit is not None or not both
    assert {row for row in rows if found.offset <= row < found.offset + (found.limit or 0)} == both


def test_a_cap_only_narrows() -> None:
    assert Window(3).capped(None) == Window(3)
    assert Window(3).capped(10) == Window(3, 10)
    assert Window(3, 20).capped(10) == Window(3, 10)
    assert Window(3, 0).capped(10) == Window(3, 0)


@pytest.mark.parametrize(
    ("offset", "rows", "total", "header", "status"),
    [
        (0, 5, None, "0-4/*", 200),
        (0, 0, None, "*/*", 200),
        (50, 0, None, "*/*", 200),
        (0, 5, 5, "0-4/5", 200),
        (2, 3, 8, "2-4/8", 206),
        (0, 0, 0, "*/0", 200),
        (5, 0, 5, "*/5", 206),
    ],
)
def test_ranges_and_statuses_of_reads(offset: int, rows: int, total: int | None, header: str, status: int) -> None:
    assert content_range(offset, rows, total) == header
    assert read_status(offset, rows, total) == status


def test_an_offset_beyond_the_rows() -> None:
    with pytest.raises(PostgrestError) as caught:
        read_status(6, 0, 5)
    assert caught.value.fault.details == "An offset of 6 was requested, but there are only 5 rows."
    assert caught.value.headers == {"Content-Range": "*/5"}


def test_statuses_of_writes() -> None:
    assert write_status("POST", representation=False) == 201
    assert write_status("POST", representation=True, inserted=0) == 201
    assert write_status("POST", representation=False, inserted=0, merges=True) == 200
    assert write_status("POST", representation=False, inserted=1, merges=True) == 201
    for method in ("PATCH", "DELETE", "PUT"):
        assert write_status(method, representation=False) == 204
        assert write_status(method, representation=True, inserted=0) == 200
    assert write_status("PUT", representation=True, inserted=1) == 201
    assert written_range(None) == "*/*"
    assert written_range(3) == "*/3"
    assert one_row(0).fault.details == "The result contains 0 rows"


# ── Accept ───────────────────────────────────────────────────────────────────────────────────

EVERY = frozenset(Kind)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Media(Kind.JSON)),
        ("", Media(Kind.JSON)),
        ("*/*", Media(Kind.JSON)),
        ("application/*", Media(Kind.JSON)),
        ("text/*", Media(Kind.CSV)),
        ("application/json", Media(Kind.JSON)),
        ("Text/CSV; charset=utf-8", Media(Kind.CSV)),
        ("text/csv;q=0.5, application/json;q=0.8", Media(Kind.JSON)),
        ("text/csv, application/json", Media(Kind.CSV)),
        ("*/*, text/csv", Media(Kind.CSV)),
        ("*/*;q=0.9, text/csv;q=0.1", Media(Kind.JSON)),
        ("text/csv;q=0, */*", Media(Kind.JSON)),
        ("image/png, application/vnd.pgrst.object", Media(Kind.OBJECT)),
        ("application/vnd.pgrst.object+json", Media(Kind.OBJECT)),
        ("application/vnd.pgrst.object+json;nulls=stripped", Media(Kind.OBJECT, stripped=True)),
        ("application/vnd.pgrst.object; nulls=stripped;q=0.3", Media(Kind.OBJECT, stripped=True)),
        ("application/vnd.pgrst.array+json", Media(Kind.JSON)),
        ("application/vnd.pgrst.array;nulls=stripped", Media(Kind.ARRAY, stripped=True)),
        ("application/json;nulls=stripped", Media(Kind.JSON)),
        ("application/geo+json", Media(Kind.GEOJSON)),
        ("application/octet-stream", Media(Kind.OCTETS)),
        ("application/vnd.pgrst.plan", Media(Kind.PLAN)),
        ("application/vnd.pgrst.plan+json", Media(Kind.PLAN, as_json=True)),
        (
            'application/vnd.pgrst.plan+text; for="text/csv; charset=utf-8,x"; options=wal|analyze|odd',
            Media(Kind.PLAN, planned=Kind.CSV, options=("analyze", "wal")),
        ),
        ("application/json;q=nonsense", Media(Kind.JSON)),
    ],
)
def test_what_is_accepted_is_answered(accept: str | None, expected: Media) -> None:
    assert negotiate(accept, EVERY) == expected


@pytest.mark.parametrize(
    ("accept", "named"),
    [
        ("image/png", "image/png"),
        ("image/png;level=1, text/xml;q=0.2", "image/png;level=1, text/xml"),
        ("application/vnd.pgrst.plan", "application/vnd.pgrst.plan"),
        (
            'application/vnd.pgrst.plan; for="text/csv, application/json',
            "application/vnd.pgrst.plan;for=text/csv, application/json",
        ),
        ("application/json;q=0", ""),
    ],
)
def test_what_cannot_be_had_is_named(accept: str, named: str) -> None:
    with pytest.raises(PostgrestError) as caught:
        negotiate(accept, DATA)
    assert caught.value.fault.code == "PGRST107"
    assert caught.value.fault.message == f"None of these media types are available: {named}"


def test_content_types() -> None:
    assert Media(Kind.JSON).content_type == "application/json; charset=utf-8"
    assert Media(Kind.OCTETS).content_type == "application/octet-stream"
    assert (
        Media(Kind.OBJECT, stripped=True).content_type
        == "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
    )
    plan = Media(Kind.PLAN, options=("analyze", "wal"))
    assert (
        plan.content_type
        == 'application/vnd.pgrst.plan+text; for="application/json"; options=analyze|wal; charset=utf-8'
    )


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='abz/*;=,"\\ q01.+-', max_size=60))
def test_any_accept_is_answered_or_refused(accept: str) -> None:
    try:
        found: Media | str = negotiate(accept, DATA)
    except PostgrestError as refused:
        found = refused.fault.code
    assert isinstance(found, Media) or found == "PGRST107"


def test_bodies() -> None:
    assert body_of(None) is Body.JSON
    assert body_of("application/json; charset=utf-8") is Body.JSON
    assert body_of("TEXT/csv") is Body.CSV
    assert body_of("application/x-www-form-urlencoded") is Body.FORM
    assert body_of("text/plain", function=True) is Body.TEXT
    for wrong, function in (("text/plain", False), ("image/png", True), ("application/vnd.pgrst.object+json", False)):
        with pytest.raises(PostgrestError) as caught:
            body_of(wrong, function=function)
        assert caught.value.fault.message == f"Content-Type not acceptable: {wrong}"


# ── locations ────────────────────────────────────────────────────────────────────────────────


def test_locations() -> None:
    assert location("/book", []) is None
    assert location("/book", [("id", "7")]) == "/book?id=eq.7"
    assert location("/my book", [("a b", "x&y"), ("c", None)]) == "/my%20book?a%20b=eq.x%26y&c=is.null"


def test_content_locations_are_sorted_and_encoded_anew() -> None:
    pairs = [("select", "id,n:a->>b"), ("id", "eq.2"), ("id", "gt.1"), ("b", "")]
    for order in itertools.permutations(pairs[:2]):
        found = content_location("/bücher", [*order, *pairs[2:]])
        assert found == "/b%C3%BCcher?b=&id=eq.2&id=gt.1&select=id%2Cn%3Aa-%3E%3Eb"
    assert content_location("/book", []) == "/book"
