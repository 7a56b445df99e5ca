"""Short words for queries, so that a test shows what is asked and not how a tree is built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, Column, Table
from reflector.engine import Engine
from reflector.query.comparisons import EQ
from reflector.query.nodes import Assignment, Compare, Embed, Field, Filter, Literal, Order, Output, Query, Read, all_of
from reflector.query.operators import OPERATORS, apply_text

NOBODY = Principal()


def outputs(table: Table) -> tuple[Output, ...]:
    return tuple(Output(column.name, Field(column)) for column in table.columns)


def key_order(table: Table) -> tuple[Order, ...]:
    """The key, or every column that has an order where there is no key."""
    columns: Sequence[Column] = table.primary_key.columns if table.primary_key else table.columns
    return tuple(Order(Field(column)) for column in columns if column.type.facts.ordered)


def whole(catalog: Catalog, table: Table, *, embeds: Sequence[str] = (), **more: Any) -> Read:
    """All columns of the table, with the named relationships in full."""
    related = catalog.relationships.get(table, {})
    inner = tuple(
        Embed(
            name,
            related[name],
            Read(
                related[name].target,
                outputs(related[name].target),
                order=key_order(related[name].target),
                limit=100 if related[name].many else None,
            ),
        )
        for name in embeds
    )
    more.setdefault("order", () if more.get("single") else key_order(table))
    return Read(table, (*outputs(table), *inner), **more)


def where(table: Table, **conditions: str) -> Filter:
    """`where(table, price__gte="5")` in the resource API's spelling."""
    parts = []
    for spelled, text in conditions.items():
        name, _, operator = spelled.partition("__")
        column = table.by_name[name]
        parts.append(apply_text(OPERATORS[operator or "eq"], Field(column), column.type, text))
    return all_of(*parts)


def values(table: Table, **given: Any) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(table.by_name[name], Literal(value, table.by_name[name].type)) for name, value in given.items()
    )


def by_key(table: Table, *key: Any) -> Filter:
    assert table.primary_key is not None
    return all_of(
        *(
            Compare(Field(column), EQ, Literal(value, column.type))
            for column, value in zip(table.primary_key.columns, key, strict=True)
        )
    )


async def ask(engine: Engine, query: Query, principal: Principal = NOBODY) -> Any:
    """The answer's document, decimals as they stand."""
    snapshot = engine.snapshot
    answer = await engine.answer(snapshot, snapshot.access(principal), query, principal)
    return None if answer.body is None else json.loads(answer.body)
