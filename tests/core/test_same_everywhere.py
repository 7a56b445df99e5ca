"""The same question has the same answer on every database: all rows, all columns, all relationships."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from examples.bookshop import TABLES, VIEWS
from reflector.catalog.model import DatabaseKind
from tests.bookshops import serving
from tests.core.questions import ask, where, whole


def sorted_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as texts, in an order that no collation decides; so are the rows embedded in them.

    A whole number is one number, with a point or without: SQLite does not keep the scale of a decimal.
    """
    for row in rows:
        for name, value in row.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                row[name] = sorted_rows(value)
    return sorted(json.dumps(_numbers(row), sort_keys=True) for row in rows)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def everything(url: str, label: str) -> tuple[list[str], list[str]]:
    async with serving(url) as engine:
        catalog = engine.snapshot.catalog
        table = catalog.tables[label]
        embeds = list(catalog.relationships.get(table, {}))
        rows = await ask(engine, whole(catalog, table, embeds=embeds, limit=5000))
    return embeds, sorted_rows(rows)


@pytest.mark.parametrize("label", [*TABLES, *VIEWS])
async def test_a_table_reads_the_same_on_three_databases(label: str, shops: Mapping[DatabaseKind, str]) -> None:
    names, rows = await everything(shops[DatabaseKind.POSTGRESQL], label)
    assert rows
    for kind in (DatabaseKind.MARIADB, DatabaseKind.SQLITE):
        assert await everything(shops[kind], label) == (names, rows)


FILTERS: list[tuple[str, dict[str, str]]] = [
    ("book", {"price__gte": "20", "price__lt": "20.28"}),
    ("book", {"price__between": "19.99,20.5"}),
    ("book", {"status": "published"}),
    ("book", {"status__in": "draft,withdrawn"}),
    ("book", {"status__nin": "draft,withdrawn"}),
    ("book", {"status__in": ""}),
    ("book", {"status__nin": ""}),
    ("book", {"in_print": "false"}),
    ("book", {"subtitle__isnull": "true"}),
    ("book", {"subtitle__isnull": "false"}),
    ("book", {"title__contains": "de"}),
    ("book", {"title__icontains": "DE"}),
    ("book", {"title__startswith": "Don"}),
    ("book", {"title__istartswith": "don"}),
    ("book", {"title__endswith": "s"}),
    ("book", {"title__iendswith": "S"}),
    ("book", {"title__like": "D_n%"}),
    ("book", {"title__ilike": "d_N%"}),
    ("book", {"title__contains": "%"}),
    ("book", {"title__contains": "_"}),
    ("book", {"title__contains": "*"}),
    ("book", {"title__contains": "["}),
    ("book", {"publish_at__lte": "2020-01-01T00:00:00Z"}),
    ("book", {"publish_at__gt": "2020-01-01T02:00:00+02:00"}),
    ("book", {"weight__gt": "0.5"}),
    ("book", {"id__ne": "3", "id__lte": "5"}),
    ("publisher", {"founded_on__lt": "1950-06-01"}),
    ("shop", {"opens_at__gte": "09:00"}),
    ("customer", {"loyalty_number__gt": "9007199254740992"}),
    ("customer", {"credit__lt": "0"}),
    ("author", {"portrait__isnull": "false"}),
    ("author", {"id": "FD344936-55C2-4DBB-852A-FE5C3B85D9CD"}),
    ("staff", {"shift_starts_at__isnull": "true"}),
    ("stock", {"counted_at__lt": "2024-01-01T00:00:00"}),
    ("review", {"sentiment": "0.30000000000000004"}),
    ("tag", {"name__in": '["crime, noir","0"]'}),
]


@pytest.mark.parametrize(("label", "conditions"), FILTERS, ids=[f"{t}-{c}" for t, c in FILTERS])
async def test_a_filter_finds_the_same_rows_on_three_databases(
    label: str, conditions: dict[str, str], shops: Mapping[DatabaseKind, str]
) -> None:
    found = {}
    for kind, url in shops.items():
        async with serving(url) as engine:
            catalog = engine.snapshot.catalog
            table = catalog.tables[label]
            rows = await ask(engine, whole(catalog, table, where=where(table, **conditions), limit=5000))
            found[kind] = sorted_rows(rows)
    assert found[DatabaseKind.MARIADB] == found[DatabaseKind.POSTGRESQL]
    assert found[DatabaseKind.SQLITE] == found[DatabaseKind.POSTGRESQL]
