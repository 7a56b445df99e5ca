"""The SQL of a handful of questions, per database, as golden files: a change of a statement is seen in its diff.

`UPDATE_GOLDEN=1 pytest tests/core/test_golden_sql.py` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reflector.catalog.model import Catalog, DatabaseKind
from reflector.query.nodes import Delete, Exists, Field, Insert, Literal, Order, Query, Related, Update
from reflector.query.parameterize import parameterize_any
from reflector.query.sets import (
    AnyQuery,
    Change,
    DeleteMany,
    How,
    InsertMany,
    Judge,
    Share,
    UpdateMany,
    conflict_on,
    given_rows,
)
from reflector.sql.compile import compile_any
from tests.bookshops import serving
from tests.core.questions import by_key, values, where, whole

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"


def page_with_related_rows(catalog: Catalog) -> Query:
    book = catalog.tables["book"]
    return whole(catalog, book, embeds=["publisher", "author", "review"], limit=20, keyset=True)


def row_by_key(catalog: Catalog) -> Query:
    stock = catalog.tables["stock"]
    return whole(catalog, stock, where=by_key(stock, 1, 2), single=True)


def filters_of_every_kind(catalog: Catalog) -> Query:
    book = catalog.tables["book"]
    conditions = where(
        book,
        price__between="5,20",
        title__icontains="sea",
        status__nin="draft,withdrawn",
        subtitle__isnull="false",
        publish_at__lt="2024-01-01T00:00:00Z",
    )
    return whole(catalog, book, where=conditions, limit=7, offset=14, count=True)


def order_by_a_related_column(catalog: Catalog) -> Query:
    book = catalog.tables["book"]
    category = catalog.relationships[book]["category"]
    name = Related(category, Field(category.target.by_name["name"]), where(category.target))
    reviewed = Exists(catalog.relationships[book]["review"], where(catalog.tables["review"], rating__gte="4"))
    order = (Order(name, descending=True), Order(Field(book.by_name["subtitle"])), Order(Field(book.by_name["id"])))
    return whole(catalog, book, where=reviewed, order=order, limit=10, keyset=True)


def insert(catalog: Catalog) -> Query:
    shop = catalog.tables["category"]
    return Insert(shop, values(shop, name="new", position=3), returning=whole(catalog, shop, single=True))


def update_with_check(catalog: Catalog) -> Query:
    book = catalog.tables["book"]
    return Update(
        book,
        by_key(book, 3),
        values(book, title="new", price="9.5"),
        check=where(book, status__ne="withdrawn"),
        returning=whole(catalog, book, embeds=["publisher"], single=True),
    )


def delete(catalog: Catalog) -> Query:
    stock = catalog.tables["stock"]
    return Delete(stock, by_key(stock, 1, 2))


def insert_of_many(catalog: Catalog) -> AnyQuery:
    category = catalog.tables["category"]
    name, position = category.by_name["name"], category.by_name["position"]
    rows = given_rows([{name: "a", position: 1}, {name: "b"}, {}], defaults=True)
    check = where(category, position__gte="0")
    return InsertMany(category, rows, check=check, returning=whole(catalog, category, order=()))


def upsert_of_many(catalog: Catalog) -> AnyQuery:
    stock = catalog.tables["stock"]
    columns = [*stock.primary_key.columns, stock.by_name["quantity"]] if stock.primary_key else []
    rows = given_rows([dict(zip(columns, (1, 2, 3), strict=True))], defaults=False)
    return InsertMany(
        stock,
        rows,
        conflict=conflict_on(stock, update=columns),
        returning=whole(catalog, stock, order=()),
    )


def insert_of_many_that_are_not_there(catalog: Catalog) -> AnyQuery:
    tag = catalog.tables["tag"]
    rows = given_rows([{tag.by_name["name"]: "a"}], defaults=False)
    return InsertMany(tag, rows, conflict=conflict_on(tag, [tag.by_name["name"]], update=None))


def update_of_many(catalog: Catalog) -> AnyQuery:
    book = catalog.tables["book"]
    price = book.by_name["price"]
    more = Change(price, Literal(1, price.type), How.INCREMENT)
    return UpdateMany(book, where(book, status="draft"), (more,), returning=whole(catalog, book, limit=10), most=100)


def update_of_many_under_several_rights(catalog: Catalog) -> AnyQuery:
    book = catalog.tables["book"]
    cheap = Judge(where(book, price__lt="5"), where(book, price__lt="6"))
    draft = Judge(where(book, status="draft"))
    title = Change(book.by_name["title"], Literal("new", book.by_name["title"].type))
    shares = (Share(judges=(cheap, draft)), Share(values(book, in_print=True)))
    return UpdateMany(book, where(book, id__in="1,2"), (title,), shares=shares)


def delete_of_many(catalog: Catalog) -> AnyQuery:
    book = catalog.tables["book"]
    return DeleteMany(book, where(book, status="draft"), whole(catalog, book, embeds=["publisher"], limit=3), most=7)


QUESTIONS: tuple[Callable[[Catalog], AnyQuery], ...] = (
    page_with_related_rows,
    row_by_key,
    filters_of_every_kind,
    order_by_a_related_column,
    insert,
    update_with_check,
    delete,
    insert_of_many,
    upsert_of_many,
    insert_of_many_that_are_not_there,
    update_of_many,
    update_of_many_under_several_rights,
    delete_of_many,
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.__name__)
async def test_a_question_is_said_as_it_was_agreed(
    question: Callable[[Catalog], AnyQuery], kind: DatabaseKind, shops: Mapping[DatabaseKind, str]
) -> None:
    async with serving(shops[kind]) as engine:
        shape, _ = parameterize_any(question(engine.snapshot.catalog), buckets=engine.dialect.buckets)
        plan = compile_any(engine.dialect, shape)
        database = engine.snapshot.catalog.tables["book"].schema
    said = "\n\n".join(f"-- {step.expect.name.lower()}\n{step.text}" for step in plan.steps)
    said = said.replace(f"`{database}`.", "`bookshop`.") + "\n"
    golden = GOLDEN / kind.value / f"{question.__name__}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(said)
    assert said == golden.read_text()
