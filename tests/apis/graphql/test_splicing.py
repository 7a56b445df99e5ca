"""Spliced execution answers what the library's ordinary execution answers over plain rows, for random queries.

REFLECTOR_QUERIES=5000 asks more; REFLECTOR_SEED=… asks the same again. The seed is shown when a test fails.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, execute_sync, get_named_type, parse, validate

from reflector.access.principal import Principal
from reflector.catalog.model import DatabaseKind, Table
from reflector.query.nodes import Read
from server.apis.graphql.names import names_of
from server.apis.graphql.schema import Schema, make_schema
from tests.apis.graphql.plain_rows import PlainRows, Row
from tests.apis.graphql.random_queries import Drawing, Query
from tests.bookshops import Databases
from tests.core.questions import NOBODY, key_order, outputs
from tests.properties.asking import Api, asking, exact, written

QUERIES = int(os.environ.get("REFLECTOR_QUERIES", "200"))
SEED = int(os.environ.get("REFLECTOR_SEED", random.SystemRandom().randrange(1 << 32)))
LEFT_OUT = frozenset({"reading_survey", "customer_spending", "stock_movement"})
"""Wide, or without a key that orders it."""


class World:
    """A server, and its rows."""

    def __init__(self, api: Api, schema: Schema, plain: PlainRows) -> None:
        self.api, self.schema, self.plain = api, schema, plain
        self.rows = {table.label: rows for table, rows in plain.rows.items()}

    def __repr__(self) -> str:
        return "world"

    def ordinary(self, query: Query) -> Any:
        """What the library's own executor makes of it."""
        document = parse(query.text)
        assert validate(self.schema.graphql, document) == []
        result = execute_sync(
            self.schema.graphql, document, variable_values=query.variables, field_resolver=self.plain.resolve
        )
        assert result.errors is None, result.errors
        return exact(written(result.data))

    def spliced(self, query: Query) -> Any:
        body = written({"query": query.text, "variables": query.variables})
        found = self.api.told("POST", "/graphql", body)
        assert "errors" not in found, found
        return found["data"]


@pytest.fixture(scope="module")
def world(databases: Databases) -> Iterator[World]:
    url = databases.bookshop(DatabaseKind.SQLITE)
    with asking(url) as api:
        snapshot = api.served.running.engine.snapshot
        names = names_of(snapshot.catalog)
        catalog = snapshot.catalog
        schema = make_schema(snapshot.access(Principal()), names)
        rows = api.run(all_rows(api, list(names.tables)))
        yield World(api, schema, PlainRows(catalog, rows))


async def all_rows(api: Api, tables: list[Table]) -> dict[Table, list[Row]]:
    engine = api.served.running.engine
    snapshot = engine.snapshot
    found: dict[Table, list[Row]] = {}
    for table in tables:
        read = Read(table, outputs(table), order=key_order(table), limit=10_000)
        answer = await engine.answer(snapshot, snapshot.access(NOBODY), read, NOBODY)
        found[table] = exact(answer.body or b"")
    return found


def test_spliced_execution_is_the_ordinary_one(world: World) -> None:
    for type_ in world.schema.graphql.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name in [name for name, each in type_.fields.items() if leads_to(each) in LEFT_OUT]:
                del type_.fields[name]
    for number in range(QUERIES):
        query = Drawing(world.schema.graphql, world.rows, random.Random(SEED + number)).query()
        ordinary = world.ordinary(query)
        assert world.spliced(query) == ordinary, (
            f"REFLECTOR_SEED={SEED} number {number}: {query.text} {query.variables}"
        )
        again = world.spliced(query)
        assert again == ordinary
        assert keys(again) == keys(ordinary), "members in the order of the selection"


def leads_to(field: GraphQLField) -> str:
    """The table that a field shows rows of."""
    return get_named_type(field.type).name.removesuffix("_aggregate")


def keys(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, keys(each)) for name, each in value.items()]
    return [keys(each) for each in value] if isinstance(value, list) else None
