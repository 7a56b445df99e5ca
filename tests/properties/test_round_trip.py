"""A value that is written is the value that is read, found and paged by: every type of every database, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.properties.asking import Api, asking, written
from tests.properties.kinds_of_value import CASES, Case, script

EXAMPLES = int(os.environ.get("REFLECTOR_ROUND_TRIPS", "2"))
"""Lists of values that are drawn for each type, beside its corners."""
EACH = [pytest.param(kind, case, id=f"{kind}-{case.name}") for kind in KINDS for case in CASES[kind]]


@pytest.fixture(scope="module")
def apis(databases: Databases) -> Iterator[dict[DatabaseKind, Api]]:
    with (
        asking(databases.database(KINDS[0], script(KINDS[0])), writable=True) as first,
        asking(databases.database(KINDS[1], script(KINDS[1])), writable=True) as second,
        asking(databases.database(KINDS[2], script(KINDS[2])), writable=True) as third,
    ):
        yield dict(zip(KINDS, (first, second, third), strict=True))


@pytest.mark.parametrize(("kind", "case"), EACH)
def test_what_is_written_is_read_found_and_paged_by(
    kind: DatabaseKind, case: Case, apis: dict[DatabaseKind, Api]
) -> None:
    round_trip(apis[kind], case, [*case.corners, None, None])

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values=st.lists(st.one_of(case.values, case.values, case.values, st.none()), min_size=4, max_size=6))
    def drawn(values: list[Any]) -> None:
        round_trip(apis[kind], case, values)

    drawn()


def round_trip(api: Api, case: Case, values: list[Any]) -> None:
    """Write the values into rows 1, 2, 3 …, and look at them in every way there is; afterwards they are gone."""
    path = f"/api/{case.name}"
    rows = dict(enumerate(values, start=1))
    try:
        for number, value in rows.items():
            made = api.told("POST", path, written({"id": number, "v": value}), 201)
            assert same_shown(case, value, made["v"]), (value, made["v"])
            assert api.told("GET", f"{path}/{number}")["v"] == made["v"]
            changed = api.told("PATCH", f"{path}/{number}", written({"v": made["v"]}))
            assert changed["v"] == made["v"], (value, made["v"], changed["v"])
        shown = {row["id"]: row["v"] for row in listed(api, f"{path}?limit=1000")}
        together(api, path, values, list(shown.values()))
        for number, value in rows.items():
            if value is not None:
                found_by_its_value(api, case, number, value)
                found_by_its_value(api, case, number, shown[number])
        paged(api, case, shown)
    finally:
        for number in rows:
            api.ask("DELETE", f"{path}/{number}")


def together(api: Api, path: str, values: list[Any], shown: list[Any]) -> None:
    """What is written in one set is what was written row by row."""
    rows = [{"id": number, "v": value} for number, value in enumerate(values, start=1001)]
    try:
        made = api.told("POST", path, written(rows), 201)["items"]
        assert [row["v"] for row in made] == shown
        assert [row["id"] for row in made] == [row["id"] for row in rows]
    finally:
        for row in rows:
            api.ask("DELETE", f"{path}/{row['id']}")


def same_shown(case: Case, value: Any, shown: Any) -> bool:
    if value is None or shown is None:
        return value is None and shown is None
    wanted, found = case.shown(value), case.read(shown)
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def listed(api: Api, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.told("GET", path)["items"]
    return items


def found_by_its_value(api: Api, case: Case, number: int, value: Any) -> None:
    if not case.comparable:
        return
    text = quote(case.text(value), safe="")
    asked = [f"v__eq={text}", "filter=" + quote(written({"v": {"_in": [value]}}))]
    if case.ordered:
        asked.append(f"v__gte={text}&v__lte={text}")
    for each in asked:
        found = {row["id"] for row in listed(api, f"/api/{case.name}?fields=id&limit=1000&{each}")}
        assert number in found, (each, value)


def paged(api: Api, case: Case, shown: dict[int, Any]) -> None:
    """Pages of two, forwards and backwards: every row once, in the order of one long page, NULLs where they belong."""
    for sort in ("id", "v", "-v") if case.sortable else ("id",):
        whole = [row["id"] for row in listed(api, f"/api/{case.name}?fields=id&limit=1000&sort={sort}")]
        assert sorted(whole) == sorted(shown)
        assert pages(api, f"/api/{case.name}?fields=id&limit=2&sort={sort}") == whole, sort
        if sort != "id":
            in_order(case, [shown[number] for number in whole], descending=sort == "-v")


def pages(api: Api, path: str) -> list[int]:
    found: list[int] = []
    following: str | None = path
    while following is not None:
        answer = api.told("GET", following)
        found += [row["id"] for row in answer["items"]]
        following = answer["page"]["next"]
    return found


def in_order(case: Case, shown: list[Any], *, descending: bool) -> None:
    ascending = shown[::-1] if descending else shown
    kept = [value for value in ascending if value is not None]
    assert ascending == kept + [None] * (len(ascending) - len(kept))
    if case.place is not None:
        places = [case.place(value) for value in kept]
        assert places == sorted(places), shown


BEYOND: Mapping[str, list[Any]] = {
    "smallint": [32768, -32769],
    "bigint": [2**63, 1.5, True, "1e3", "١"],
    "tinyint_unsigned": [-1, 256],
    "bigint_unsigned": [-1, 2**64],
    "unsigned_big_int": [-(2**63) - 1, 2**63],
    "decimal_12_3": ["NaN", "x", True],
    "decimal_65_30": ["1e36", "NaN"],
    "float": ["NaN", "Infinity", 1e39],
    "real": ["x", "1e400"],
    "double": ["x", "1e400", True],
    "boolean": [1, "true", "yes"],
    "varchar": [7, "nul \0", "half \ud800"],
    "text": ["nul \0", "half \udfff", ["a"]],
    "uuid": ["x", "00000000-0000-0000-0000-00000000000", 1],
    "bytea": ["*", "a", 1],
    "blob": ["*", "a", 1],
    "date": ["0000-00-00", "2024-02-30", "10000-01-01", "today", 20240101],
    "time": ["25:00", "24:00:01", "noon", 5],
    "timestamp": ["2024-01-01T00:00:00+01:00", "now", "2024-13-01T00:00:00"],
    "instant": ["yesterday", "2024-01-01T25:00:00Z", "0001-01-01T00:00:00+10:00"],
    "interval": ["a while", 5],
    "jsonb": [{"nul": "\0"}, "half \ud800", {"half \ud800": 1}],
    "json": [{"nul": "\0"}, "half \ud800"],
    "enum": ["SAD", "", "no"],
    "set": [["pink"], "red", [1]],
    "integers": [[1, [2]], [[1], [2, 3]], "1", [["x"]], [[]], {"0": 1}],
    "blobs": [["*"], [1]],
    "inet": ["10.0.0.256", "host", ""],
    "range": ["[5,1)", "x"],
    "bits": ["1", "2", "101010101"],
    "money": ["many"],
    "inet4": ["10.0.0.256", ""],
    "inet6": ["x"],
}
"""What no column of the type could hold."""
REFUSING = [
    pytest.param(kind, case, id=f"{kind}-{case.name}") for kind in KINDS for case in CASES[kind] if case.name in BEYOND
]


@pytest.mark.parametrize(("kind", "case"), REFUSING)
def test_what_a_column_cannot_hold_is_refused_and_nothing_is_kept(
    kind: DatabaseKind, case: Case, apis: dict[DatabaseKind, Api]
) -> None:
    api, path = apis[kind], f"/api/{case.name}"
    beyond = [*BEYOND[case.name], *(["NaN"] if kind is DatabaseKind.SQLITE and case.name == "real" else [])]
    for value in beyond:
        reply = api.ask("POST", path, written({"id": 1, "v": value}))
        assert reply.status == 422, (value, reply.body)
        told = reply.json["errors"][0]
        assert told["code"] in {"invalid_value", "invalid_data"}, told
    for value in beyond if case.comparable else ():
        for asked in (
            "v__eq=" + quote(case.text(value).encode("utf-8", "surrogatepass")),
            "filter=" + quote(written({"v": {"_in": [value]}})),
        ):
            assert api.ask("GET", f"{path}?{asked}").status in {200, 422}, (asked, value)
    assert listed(api, path) == []
