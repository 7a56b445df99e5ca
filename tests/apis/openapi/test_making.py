"""How a document is made: in slices, once for all who wait, under names that do not depend on what is hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest
from aiohttp import web
from aiohttp_apispec import docs, request_schema
from marshmallow import Schema, fields

from reflector.access.principal import Principal
from reflector.catalog.build import build
from reflector.catalog.model import Catalog
from reflector.snapshot import Access, Snapshot
from server.config import EffectiveLimits
from server.openapi import Setting, document, written
from server.openapi.cache import Documents
from server.openapi.described import described
from server.openapi.fixed import NotConvertible, fixed_endpoints
from server.openapi.names import table_names
from server.openapi.operations import placeholders
from tests.unit.catalog.examples import facts, foreign_key, table

SETTING = Setting(
    "shop", "PostgreSQL", "/", {}, EffectiveLimits(1000, 100, 7, 200, 16, 10_000, 100_000, 1 << 25, timedelta(0, 10))
)


def access_to(catalog: Catalog) -> Access:
    return Snapshot(0, catalog, None, writable=True).access(Principal())


def many(count: int) -> Catalog:
    columns = "id " + " ".join(f"column_{number}?" for number in range(9)) + " parent_id?"
    tables = [table(f"table_{number:04}", columns) for number in range(count)]
    keys = [foreign_key(f"table_{number:04}(parent_id) -> table_{number // 2:04}(id)") for number in range(1, count)]
    return build(facts(*tables, *keys))


# ── in slices ────────────────────────────────────────────────────────────────────────────────


async def test_slices_make_the_same_document() -> None:
    access = access_to(many(30))
    assert orjson.loads(await written(access, SETTING)) == document(access, SETTING)


async def test_equal_databases_have_equal_bytes() -> None:
    assert await written(access_to(many(30)), SETTING) == await written(access_to(many(30)), SETTING)


async def test_others_have_their_turn_while_a_thousand_tables_are_written() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    body = await written(access_to(many(1000)), SETTING)
    counting.cancel()
    assert len(orjson.loads(body)["paths"]) == 2001
    assert turns > 20


# ── the cache ────────────────────────────────────────────────────────────────────────────────


class Builder:
    """Builds `size` bytes once it is let."""

    def __init__(self, size: int = 10) -> None:
        self.size, self.built, self.go = size, 0, asyncio.Event()

    async def __call__(self) -> bytes:
        await self.go.wait()
        self.built += 1
        return bytes(self.size)


async def test_many_who_wait_have_one_builder_and_whoever_leaves_stops_nobody() -> None:
    documents, build_it = Documents(), Builder()
    waiting = [asyncio.create_task(documents.get("key", build_it)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    build_it.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [bytes(10)] * 4
    assert build_it.built == 1


async def test_the_cache_is_bounded_in_bytes_and_drops_what_was_longest_unused() -> None:
    documents = Documents(capacity=25)
    builders = {name: Builder() for name in "abc"}
    for each in builders.values():
        each.go.set()
    for name in "abaca":
        await documents.get(name, builders[name])
    await documents.get("b", builders["b"])
    assert {name: each.built for name, each in builders.items()} == {"a": 1, "b": 2, "c": 1}
    assert documents.size == 20


async def test_what_cannot_be_built_is_told_to_those_who_wait_and_tried_again() -> None:
    documents, tried = Documents(), 0

    async def fail() -> bytes:
        nonlocal tried
        tried += 1
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await documents.get("key", fail)
    assert tried == 2
    assert len(documents) == 0


# ── names ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("labels", "schemas"),
    [
        (["book", "order_line"], ["Book", "OrderLine"]),
        (["reader's note", "sales.order"], ["ReadersNote", "SalesOrder"]),
        (["Größe", "書籍", "!!"], ["Groudfe", "U66f8u7c4d", "Table"]),
        (["Book", "book"], ["Book", "Book2"]),
        (["a b", "a_b"], ["AB2", "AB"]),
        (["book_create", "book", "book_page"], ["BookCreate2", "Book", "BookPage2"]),
        (["problem"], ["Problem2"]),
    ],
)
def test_schemas_are_named_after_tables(labels: Sequence[str], schemas: Sequence[str]) -> None:
    named = table_names(labels, ["Problem"])
    assert [named[label].schema for label in labels] == schemas


def test_a_name_does_not_change_with_the_order_of_tables() -> None:
    labels = ["book", "Book", "book create", "book_create", "BOOK"]
    assert table_names(labels) == table_names(reversed(labels))


def test_a_key_is_named_by_its_columns_where_a_path_can_hold_their_names() -> None:
    catalog = build(facts(table("line", "order_id größe x.y x-y", key="order_id größe x.y x-y")))
    key = catalog.tables["line"].primary_key
    assert key is not None
    assert list(placeholders(key.columns)) == ["order_id", "key_groudfe", "key_x_y", "key_x_y_"]


# ── fixed endpoints ──────────────────────────────────────────────────────────────────────────


class Part(Schema):
    number = fields.Integer()


class Reply(Schema):
    word = fields.String(required=True, allow_none=True)
    parts = fields.List(fields.Nested(Part))


def routes(handler: object) -> list[web.AbstractRoute]:
    app = web.Application()
    app.router.add_get("/thing/{name}", handler)  # type: ignore[arg-type]
    return list(app.router.routes())


def test_what_the_decorators_say_becomes_openapi_3() -> None:
    @described("read_thing", "A thing", {200: (Reply, "It.")}, problems=("Failure",), public=True)
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    assert fixed_endpoints(routes(handler)) == fixed_endpoints(routes(handler))
    found = fixed_endpoints(routes(handler))
    operation = found.paths["/thing/{name}"]["get"]
    assert operation["security"] == []
    assert operation["parameters"] == [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert operation["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Reply"}}
    }
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Failure"}
    assert found.schemas["Reply"]["properties"] == {
        "word": {"type": ["string", "null"]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
    }


def test_what_has_no_converter_is_refused() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    taking_a_body = docs(summary="takes a body")(request_schema(Part)(handler))
    with pytest.raises(NotConvertible, match="body"):
        fixed_endpoints(routes(taking_a_body))


def test_routes_that_nobody_described_are_left_out() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    assert fixed_endpoints(routes(handler)).paths == {}
