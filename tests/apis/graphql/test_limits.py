"""What costs too much is refused before the database hears of it, at little cost, and without stopping anybody else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.apis.graphql import documents
from server.apis.graphql.documents import Document, read_document
from server.apis.graphql.schema import Schema
from server.config.graphql import Graphql
from tests.apis.graphql.asking import data, post
from tests.server.harness import Served, served

LITTLE = 1.0
"""Seconds of the processor's time, whoever else uses it: more than twenty times what any bomb takes. One that goes off takes
minutes."""
PATIENT = 30
"""Seconds that somebody is waited for."""


@pytest.fixture
async def limited(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    limits = "limits: {rows: 50, depth: 3, terms: 20, filter_depth: 5, list: 30, offset: 1000}\ndefaults: {read: true}"
    async with served(
        shops[DatabaseKind.SQLITE], f"{limits}\nauth: {{anonymous_role: guest}}\nroles: {{guest: {{}}}}"
    ) as api:
        yield api


@contextmanager
def no_sql(api: Served) -> Iterator[None]:
    """Nothing may be asked of the database meanwhile."""
    engine = api.running.engine
    run, run_all = engine.driver.run, engine.driver.run_all

    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the database was asked")

    engine.driver.run, engine.driver.run_all = never, never  # type: ignore[method-assign]
    try:
        yield
    finally:
        engine.driver.run, engine.driver.run_all = run, run_all  # type: ignore[method-assign]


def fragments(depth: int, width: int) -> str:
    """Each fragment spreads the next one under several keys: small to write, large to answer."""
    spreads = " ".join(f"k{each}: parent {{...f$}}" for each in range(width))
    parts = [f"fragment f{each} on category {{{spreads.replace('$', str(each + 1))}}}" for each in range(depth)]
    return " ".join(["{category {...f0}}", *parts, f"fragment f{depth} on category {{id}}"])


BOMBS: dict[str, tuple[str, Any]] = {
    "long": ("{tag {name}} #" + "x" * 40_000, None),
    "tokens": ("{" + " ".join(f"a{each}: tag {{name}}" for each in range(900)) + "}", None),
    "comments": ("#\n" * 5_000 + "{tag {name}}", None),
    "braces": ("{" * 1_500, None),
    "brackets": (f"{{book(where: {{id: {{_in: {'[' * 1_500}}}}}) {{id}}}}", None),
    "nesting": ("{category" + " {parent" * 400 + " {id}" + "}" * 401, None),
    "where": ("{category(where: " + "{_not: " * 60 + "{}" + "}" * 60 + ") {id}}", None),
    "aliases": ("{" + " ".join(f"a{each}: tag {{name}}" for each in range(21)) + "}", None),
    "relationships": ("{category {" + " ".join(f"a{each}: parent {{id}}" for each in range(51)) + "}}", None),
    "spreads": (fragments(3, 60), None),
    "deep spreads": (fragments(60, 4), None),
    "cycle": ("{category {...a}} fragment a on category {parent {...b}} fragment b on category {parent {...a}}", None),
    "rows": ("{author {book {review {id}}}}", None),
    "list": ("{book(where: {id: {_in: [" + "1," * 2_500 + "1]}}) {id}}", None),
    "list of a variable": ("query ($l: [bigint!]) {book(where: {id: {_in: $l}}) {id}}", {"l": list(range(20_000))}),
    "digits": ("{book(where: {id: {_eq: " + "1" * 5_000 + "}}) {id}}", None),
    "digits of an Int": ("{book(limit: " + "1" * 5_000 + ") {id}}", None),
    "offset": ("{book(offset: 200000) {id}}", None),
    "introspection": ("{" + " ".join(f"a{each}: __schema {{types {{name}}}}" for each in range(4)) + "}", None),
    "deep introspection": ("{__schema {types {fields {type {fields {type {fields {name}}}}}}}}", None),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_is_refused_at_little_cost_and_before_sql(sqlite_shop: Served, bomb: str) -> None:
    query, variables = BOMBS[bomb]
    await data(sqlite_shop, "{__typename}")
    with no_sql(sqlite_shop):
        began = time.process_time()
        reply = await post(sqlite_shop, query, variables)
        took = time.process_time() - began
    assert reply.status == 200
    assert reply.json.get("data") is None
    (*_, error) = reply.json["errors"]
    assert error["extensions"]["code"] in ("limit-exceeded", "validation-failed")
    assert took < LITTLE


async def test_a_long_document_stops_nobody_else(sqlite_shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    await data(sqlite_shop, "{__typename}")
    wide = "{" + " ".join(f"{'alias_' * 9}{each:03}: book_by_pk(id: {each}) {{id}}" for each in range(170)) + "}"
    assert 8 * 1024 < len(wide) < 32 * 1024
    begun, answered = threading.Event(), threading.Event()
    others_were_answered: list[bool] = []

    def read(schema: Schema, text: str, terms: Graphql) -> Document:
        if text == wide:
            begun.set()
            others_were_answered.append(answered.wait(PATIENT))
        return read_document(schema, text, terms)

    monkeypatch.setattr(documents, "read_document", read)
    asking = asyncio.create_task(post(sqlite_shop, wide))
    assert await asyncio.to_thread(begun.wait, PATIENT)
    await data(sqlite_shop, "{tag(limit: 1) {name}}")
    answered.set()
    assert (await asking).json["errors"][0]["extensions"]["code"] == "limit-exceeded"
    assert others_were_answered == [True]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("{category {parent {parent {parent {parent {id}}}}}}", "$.selectionSet.category" + ".selectionSet.parent" * 4),
        (
            "{category(where: {parent: {parent: {parent: {parent: {}}}}}) {id}}",
            "$.selectionSet.category.args.where" + ".parent" * 4,
        ),
        (
            "{category(order_by: {parent: {parent: {parent: {parent: {id: asc}}}}}) {id}}",
            "$.selectionSet.category.args.order_by[0]" + ".parent" * 4,
        ),
        (
            "{book(where: {_and: [" + "{id: {_gt: 0}}, " * 21 + "]}) {id}}",
            "$.selectionSet.book.args.where._and[20].id._gt",
        ),
        ("{book(where: {id: {_in: [" + "1, " * 31 + "]}}) {id}}", "$.selectionSet.book.args.where.id._in"),
        (
            "{book(where: {_not: {_not: {_not: {_not: {_not: {}}}}}}) {id}}",
            "$.selectionSet.book.args.where" + "._not" * 5,
        ),
        ("{book(offset: 1001) {id}}", "$.selectionSet.book.args.offset"),
    ],
)
async def test_the_limits_of_a_role_hold(limited: Served, query: str, path: str) -> None:
    reply = await post(limited, query)
    (error,) = reply.json["errors"]
    assert error["extensions"] == {"code": "limit-exceeded", "path": path}


async def test_no_list_is_longer_than_the_rows_a_role_may_have(limited: Served) -> None:
    found = await data(
        limited, "{a: book {id} b: book(limit: 400) {id} c: book_aggregate {aggregate {count} nodes {id}}}"
    )
    assert (len(found["a"]), len(found["b"]), len(found["c"]["nodes"])) == (50, 50, 50)
    assert found["c"]["aggregate"]["count"] > 50


async def test_variables_may_be_deep_but_not_too_deep(sqlite_shop: Served) -> None:
    query = "query ($w: book_bool_exp!) {book(where: $w) {id}}"
    deep: Any = {}
    for _ in range(60):
        deep = {"_not": deep}
    reply = await post(sqlite_shop, query, {"w": deep})
    assert reply.json["errors"][0]["extensions"]["code"] == "limit-exceeded"
    body = '{"query": "{tag {name}}", "variables": {"w": ' + "[" * 1_100 + "]" * 1_100 + "}}"
    headers = {"Content-Type": "application/json"}
    reply = await sqlite_shop.request("POST", "/graphql", headers, data=body.encode())
    assert (reply.status, reply.json["errors"][0]["extensions"]["code"]) == (400, "limit-exceeded")
