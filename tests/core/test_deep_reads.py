"""Related rows of related rows, level under level: the same document on every database, under rules on each level."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.query.parameterize import parameterize
from reflector.sql.compile import compile_query
from tests.bookshops import KINDS, Databases, serving
from tests.core.questions import ask, whole
from tests.properties.asking import Api, asking

GENERATIONS = 9
TO_MANY = 6
TO_ONE = 8
SCRIPT = f"""
CREATE TABLE person (id integer NOT NULL PRIMARY KEY, mother_id integer, generation integer NOT NULL,
    known integer NOT NULL, name varchar(40) NOT NULL, FOREIGN KEY (mother_id) REFERENCES person (id));
CREATE INDEX person_mother ON person (mother_id);
INSERT INTO person VALUES {
    ", ".join(
        f"({number}, {number // 2 or 'NULL'}, {number.bit_length()}, {int(number % 11 != 8)}, 'p{number}')"
        for number in range(1, 2**GENERATIONS)
    )
};
"""
"""A tree of mothers with two children each: the mother of number n is n // 2."""

CONFIG = """
limits: {depth: 32, rows: 5}
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  person:
    allow:
      guest: {read: known == 1 and generation < 10, columns: [id, mother_id, generation, known], aggregate: true}
"""


@pytest.fixture(scope="module")
def families(databases: Databases) -> Iterator[Mapping[DatabaseKind, Api]]:
    runs = {kind: asking(databases.database(kind, SCRIPT), CONFIG) for kind in KINDS}
    try:
        yield {kind: run.__enter__() for kind, run in runs.items()}
    finally:
        for run in runs.values():
            run.__exit__(None, None, None)


def known(number: int) -> bool:
    return number % 11 != 8


def row(number: int) -> dict[str, Any]:
    mother = number // 2 or None
    return {"id": number, "mother_id": mother, "generation": number.bit_length(), "known": 1}


def with_children(number: int, levels: int) -> dict[str, Any]:
    if levels == 0:
        return row(number)
    children = [each for each in (2 * number, 2 * number + 1) if known(each)]
    return {**row(number), "person": [with_children(each, levels - 1) for each in children]}


def with_mothers(number: int, levels: int) -> dict[str, Any]:
    if levels == 0:
        return row(number)
    mother = number // 2
    return {**row(number), "mother": with_mothers(mother, levels - 1) if mother and known(mother) else None}


def test_arrays_nest_in_rest(families: Mapping[DatabaseKind, Api]) -> None:
    for api in families.values():
        found = api.told("GET", f"/api/person/1?include={'.'.join(['person'] * TO_MANY)}")
        assert found == with_children(1, TO_MANY)
        listed = api.told("GET", f"/api/person?generation=2&include={'.'.join(['person'] * TO_MANY)}&limit=2")
        assert listed["items"] == [with_children(2, TO_MANY), with_children(3, TO_MANY)]


def test_objects_nest_in_rest(families: Mapping[DatabaseKind, Api]) -> None:
    for api in families.values():
        for number in (511, 2**8, 300, 2**8 + 31):
            found = api.told("GET", f"/api/person/{number}?include={'.'.join(['mother'] * TO_ONE)}")
            assert found == with_mothers(number, TO_ONE)
        path = ["mother", "person"] * 6
        assert api.ask("GET", f"/api/person/511?include={'.'.join(path)}").status == 200


FIELDS = "id mother_id generation known"


def test_arrays_and_objects_nest_in_graphql(families: Mapping[DatabaseKind, Api]) -> None:
    children = _nested("person(limit: 2, order_by: {id: asc})", TO_MANY)
    many = f"{{person(where: {{id: {{_eq: 1}}}}, limit: 1) {{{children}}}}}"
    one = f"{{person_by_pk(id: 511) {{{_nested('mother', TO_ONE)}}}}}"
    for api in families.values():
        assert _data(api, many) == {"person": [with_children(1, TO_MANY)]}
        assert _data(api, one) == {"person_by_pk": with_mothers(511, TO_ONE)}


def _nested(field: str, levels: int) -> str:
    return FIELDS if levels == 0 else f"{FIELDS} {field} {{{_nested(field, levels - 1)}}}"


def _data(api: Api, query: str) -> Any:
    answer = api.told("POST", "/graphql", json.dumps({"query": query}))
    assert "errors" not in answer, answer
    return answer["data"]


def test_what_is_too_deep_is_refused_by_its_number(families: Mapping[DatabaseKind, Api]) -> None:
    for kind, api in families.items():
        deepest = 16 if kind is DatabaseKind.SQLITE else 24
        fits, beyond = (".".join(["mother"] * levels) for levels in (deepest, deepest + 1))
        assert api.told("GET", f"/api/person/511?include={fits}")["id"] == 511
        refused = api.told("GET", f"/api/person/511?include={beyond}", status=422)
        assert refused["code"] == "not_supported"
        assert str(deepest) in refused["detail"]


async def test_sqlite_looks_related_rows_up_by_their_index(databases: Databases) -> None:
    """The views at the head of the statement are unfolded: nothing is scanned but the page."""
    async with serving(databases.database(DatabaseKind.SQLITE, SCRIPT)) as engine:
        catalog = engine.snapshot.catalog
        query = whole(catalog, catalog.tables["person"], embeds=["person", "mother"], limit=2)
        assert len(await ask(engine, query)) == 2
        shape, values = parameterize(query, buckets=engine.dialect.buckets)
        (step,) = compile_query(engine.dialect, shape).steps
        text = re.sub(r"\?", "0", step.text)
        steps = [str(tuple(each)[3]) for each in await engine.driver.fetch(f"EXPLAIN QUERY PLAN {text}")]
    assert not values or "?" not in text
    searched = [each for each in steps if re.match(r"SEARCH t\d", each)]
    assert len(searched) == 2, steps
    assert [each for each in steps if re.match(r"SCAN t\d", each)] == ["SCAN t0"], steps
