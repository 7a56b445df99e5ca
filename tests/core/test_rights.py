"""Rules rewrite the question: who sees and does what, on three databases, down to the row that must not change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    CreateRules,
    DeleteRules,
    PresetText,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
    UpdateRules,
)
from reflector.access.permissions import Permissions
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, DatabaseKind
from reflector.engine import Engine
from reflector.errors import CheckRefused, Forbidden, MissingClaim, RowNotFound, UnknownColumn
from reflector.query.nodes import Delete, Exists, Field, Insert, Not, Order, Output, Read, Related, Update
from reflector.snapshot import Snapshot
from tests.bookshops import Databases, serving
from tests.core.questions import ask, by_key, outputs, values, where, whole


def reads(rule: str, *columns: str) -> ReadRules:
    return ReadRules(RuleText(rule), ColumnList(columns) if columns else None)


OWN = "customer_id == claims.sub"
DESCRIPTION = AccessDescription(
    roles={name: RoleRules() for name in ("guest", "customer", "editor", "once", "reviewer")},
    policies={"own": RuleText(OWN)},
    tables=(
        TableRules(
            "book",
            {
                "guest": AllowRules(reads("status == 'published'", "id", "title", "price", "status")),
                "customer": AllowRules(reads("status == 'published'")),
                "editor": AllowRules(
                    reads("True"),
                    update=UpdateRules(
                        RuleText("status == 'draft'"), RuleText("price < 100"), ColumnList(("title", "price", "status"))
                    ),
                ),
            },
        ),
        TableRules(
            "review",
            {
                "guest": AllowRules(reads("status == 'published'", "id", "book_id", "rating", "title")),
                "customer": AllowRules(
                    reads("own"),
                    CreateRules(
                        RuleText("own and exists(book, status == 'published')"),
                        ColumnList(("book_id", "rating", "title", "body")),
                        {"customer_id": PresetText("claims.sub"), "status": PresetText("'draft'")},
                    ),
                    UpdateRules(RuleText("own"), None, ColumnList(("rating", "title", "body", "customer_id"))),
                    DeleteRules(RuleText("own and status == 'draft'")),
                ),
                "once": AllowRules(
                    reads("own"),
                    CreateRules(
                        RuleText("own and not exists(review, customer_id == row.customer_id and id != row.id)"),
                        ColumnList(("book_id", "customer_id", "body")),
                    ),
                    UpdateRules(
                        RuleText("own"),
                        RuleText("not exists(review, rating == row.rating and id != row.id)"),
                        ColumnList(("rating",)),
                    ),
                ),
                "reviewer": AllowRules(
                    reads("True"), update=UpdateRules(RuleText("own"), None, ColumnList(("rating",)))
                ),
                "editor": AllowRules(
                    reads("status != 'draft'"),
                    update=UpdateRules(
                        RuleText("status == 'published'"), RuleText("rating >= 3"), ColumnList(("rating",))
                    ),
                ),
            },
        ),
        TableRules("customer", {"customer": AllowRules(reads("id == claims.sub", "id", "name", "email"))}),
        TableRules("author", {role: AllowRules(reads("True")) for role in ("guest", "customer")}),
        TableRules("book_author", {"guest": AllowRules(reads("position == 1", "book_id", "author_id"))}),
        TableRules("category", {"customer": AllowRules(reads("parent_id is None"))}),
    ),
    anonymous_role="guest",
)


def bind(catalog: Catalog) -> Permissions:
    permissions, complaints = bind_permissions(DESCRIPTION, catalog)
    assert not complaints
    return permissions


@pytest.fixture
async def engine(databases: Databases, kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(databases.bookshop(kind), bind=bind) as served:
        yield served


def caller(*roles: str, sub: int | None = None) -> Principal:
    return Principal(roles, {} if sub is None else {"sub": str(sub)})


async def seen(engine: Engine, label: str, who: Principal, **conditions: str) -> list[dict[str, Any]]:
    """Rows of the table as the caller sees them, with the columns their scope has."""
    catalog = engine.snapshot.catalog
    table = catalog.tables[label]
    scope = engine.snapshot.access(who).scope.table(label)
    select = tuple(Output(name, Field(column)) for name, column in scope.readable.items())
    order = (Order(Field(table.by_name["id"])),)
    query = Read(table, select, where=where(table, **conditions), order=order, limit=5000, count=True)
    rows: list[dict[str, Any]] = await ask(engine, query, who)
    return rows


async def everything(engine: Engine, label: str) -> list[dict[str, Any]]:
    """All rows, without any rule: what the database holds."""
    table = engine.snapshot.catalog.tables[label]
    snapshot = engine.snapshot
    free = Snapshot(snapshot.number, snapshot.catalog, None, True)
    answer = await engine.answer(
        free, free.access(Principal()), whole(snapshot.catalog, table, limit=5000), Principal()
    )
    rows: list[dict[str, Any]] = json.loads(answer.body or b"")
    return rows


async def test_a_row_rule_and_a_column_list_hold_in_every_read(engine: Engine) -> None:
    held = await everything(engine, "book")
    rows = await seen(engine, "book", caller("guest"))
    assert [row["id"] for row in rows] == [row["id"] for row in held if row["status"] == "published"]
    assert set(rows[0]) == {"id", "title", "price", "status"}


async def test_what_may_not_be_read_does_not_exist(engine: Engine) -> None:
    scope = engine.snapshot.access(caller("guest")).scope
    with pytest.raises(UnknownColumn) as hidden:
        scope.table("book").column("weight")
    with pytest.raises(UnknownColumn) as absent:
        scope.table("book").column("wxyzght")
    assert hidden.value.message.replace("weight", "?") == absent.value.message.replace("wxyzght", "?")
    assert "staff" not in scope.tables
    assert "customer" not in scope.table("review").relationships


async def test_two_roles_see_the_union_of_rows_and_each_column_where_a_role_shows_it(engine: Engine) -> None:
    held = {row["id"]: row for row in await everything(engine, "review")}
    me = next(row["customer_id"] for row in held.values() if row["status"] == "draft")
    rows = await seen(engine, "review", caller("guest", "customer", sub=me))
    visible = {key for key, row in held.items() if row["status"] == "published" or row["customer_id"] == me}
    assert {row["id"] for row in rows} == visible
    for row in rows:
        mine = held[row["id"]]["customer_id"] == me
        assert row["body"] == (held[row["id"]]["body"] if mine else None)
        assert row["customer_id"] == (me if mine else None)
        assert row["rating"] == held[row["id"]]["rating"]


async def test_a_column_seen_in_some_rows_is_null_in_filters_too(engine: Engine) -> None:
    held = {row["id"]: row for row in await everything(engine, "review")}
    me = next(row["customer_id"] for row in held.values() if row["status"] == "draft")
    both = caller("guest", "customer", sub=me)
    other = next(r["customer_id"] for r in held.values() if r["customer_id"] != me and r["status"] == "published")
    assert await seen(engine, "review", both, customer_id=str(other)) == []
    nulls = await seen(engine, "review", both, customer_id__isnull="true")
    assert {row["id"] for row in nulls} == {
        key for key, row in held.items() if row["customer_id"] != me and row["status"] == "published"
    }


async def test_exists_and_paths_go_over_rows_that_may_be_seen(engine: Engine) -> None:
    catalog = engine.snapshot.catalog
    book = catalog.tables["book"]
    guest = caller("guest")
    reviews = catalog.relationships[book]["review"]
    select = (Output("id", Field(book.by_name["id"])),)
    order = (Order(Field(book.by_name["id"])),)
    found = Read(book, select, where=Exists(reviews, where(reviews.target, rating__gte="1")), order=order, limit=5000)
    held = await everything(engine, "review")
    published = {row["id"] for row in await seen(engine, "book", guest)}
    rated = [row for row in held if row["status"] == "published" and row["rating"] is not None]
    reviewed = {row["book_id"] for row in rated} & published
    assert {row["id"] for row in await ask(engine, found, guest)} == reviewed
    without = Read(
        book, select, where=Not(Exists(reviews, where(reviews.target, rating__gte="1"))), order=order, limit=5000
    )
    assert {row["id"] for row in await ask(engine, without, guest)} == published - reviewed


async def test_a_relationship_through_a_junction_counts_its_rows_that_may_be_seen(engine: Engine) -> None:
    catalog = engine.snapshot.catalog
    book = catalog.tables["book"]
    rows = await ask(engine, whole_book_with_authors(catalog), caller("guest"))
    links = [row for row in await everything(engine, "book_author") if row["position"] == 1]
    first = {row["book_id"]: row["author_id"] for row in links}
    assert rows
    for row in rows:
        assert [author["id"] for author in row["author"]] == ([first[row["id"]]] if row["id"] in first else [])
    assert book.label == "book"


def whole_book_with_authors(catalog: Catalog) -> Read:
    book = catalog.tables["book"]
    read = whole(catalog, book, embeds=["author"], limit=5000)
    names = ("id", "title", "author")
    return Read(book, tuple(each for each in read.select if each.label in names), order=read.order, limit=5000)


async def test_a_hidden_row_is_null_on_a_path_and_in_its_order(engine: Engine) -> None:
    catalog = engine.snapshot.catalog
    book = catalog.tables["book"]
    related = Related(
        catalog.relationships[book]["category"], Field(catalog.tables["category"].by_name["name"]), where(book)
    )
    select = (Output("id", Field(book.by_name["id"])), Output("category", related))
    query = Read(book, select, order=(Order(related), Order(Field(book.by_name["id"]))), limit=5000, keyset=True)
    rows = await ask(engine, query, caller("customer", sub=1))
    names = [row["category"] for row in rows]
    roots = {row["name"] for row in await everything(engine, "category") if row["parent_id"] is None}
    assert set(names) <= roots | {None}
    assert None in names
    assert set(names[names.index(None) :]) == {None}


async def test_a_preset_fills_its_column_and_a_check_reads_other_tables(engine: Engine) -> None:
    catalog = engine.snapshot.catalog
    review = catalog.tables["review"]
    me = caller("customer", sub=3)
    books = {row["status"]: row["id"] for row in await everything(engine, "book")}
    good = Insert(
        review,
        values(review, book_id=books["published"], rating=5, title="fine", body="good"),
        returning=Read(review, outputs(review), single=True),
    )
    row = await ask(engine, good, me)
    assert (row["customer_id"], row["status"], row["rating"]) == (3, "draft", 5)
    before = len(await everything(engine, "review"))
    with pytest.raises(CheckRefused):
        await ask(engine, Insert(review, values(review, book_id=books["draft"], rating=5, title="no", body="bad")), me)
    with pytest.raises(UnknownColumn):
        await ask(
            engine, Insert(review, values(review, book_id=books["published"], customer_id=4, rating=1, body="x")), me
        )
    with pytest.raises(MissingClaim):
        await ask(engine, good, caller("customer"))
    with pytest.raises(MissingClaim):
        await ask(engine, good, Principal(("customer",), {"sub": "3abc"}))
    with pytest.raises(Forbidden):
        await ask(engine, good, caller("editor"))
    assert len(await everything(engine, "review")) == before


async def test_an_update_meets_the_row_rule_before_and_the_check_after(engine: Engine) -> None:
    review = engine.snapshot.catalog.tables["review"]
    held = await everything(engine, "review")
    mine = held[0]
    me = caller("customer", sub=mine["customer_id"])
    other = next(row for row in held if row["customer_id"] != mine["customer_id"])
    changed = Update(
        review,
        by_key(review, mine["id"]),
        values(review, title="better"),
        returning=Read(review, outputs(review), single=True),
    )
    assert (await ask(engine, changed, me))["title"] == "better"
    with pytest.raises(RowNotFound):
        await ask(engine, Update(review, by_key(review, other["id"]), values(review, title="stolen")), me)
    given_away = values(review, customer_id=other["customer_id"])
    with pytest.raises(CheckRefused):
        await ask(engine, Update(review, by_key(review, mine["id"]), given_away), me)
    after = {row["id"]: row for row in await everything(engine, "review")}
    assert after[mine["id"]] == {**mine, "title": "better", **_touched(after[mine["id"]])}
    assert after[other["id"]] == other


def _touched(row: dict[str, Any]) -> dict[str, Any]:
    """Columns a database changes by itself (ON UPDATE)."""
    return {name: row[name] for name in ("updated_at",) if name in row}


async def test_a_row_found_by_one_right_is_not_judged_by_the_check_of_another(engine: Engine) -> None:
    """The customer may change own reviews, the editor published ones to a rating of three and more."""
    review = engine.snapshot.catalog.tables["review"]
    held = await everything(engine, "review")
    me = next(row["customer_id"] for row in held if row["status"] == "published")
    both = caller("customer", "editor", sub=me)
    theirs = next(row for row in held if row["status"] == "published" and row["customer_id"] != me)
    mine = next(row for row in held if row["customer_id"] == me)
    with pytest.raises(CheckRefused):
        await ask(engine, Update(review, by_key(review, theirs["id"]), values(review, rating=1)), both)
    await ask(engine, Update(review, by_key(review, theirs["id"]), values(review, rating=4)), both)
    await ask(engine, Update(review, by_key(review, mine["id"]), values(review, rating=1)), both)
    after = {row["id"]: row["rating"] for row in await everything(engine, "review")}
    assert (after[theirs["id"]], after[mine["id"]]) == (4, 1)


async def test_a_right_without_its_claim_grants_nothing_and_takes_nothing_from_another(engine: Engine) -> None:
    """A reviewer changes their own reviews, an editor published ones: nobody knows which are this reviewer's."""
    review, both = engine.snapshot.catalog.tables["review"], caller("reviewer", "editor")
    held = await everything(engine, "review")
    published = next(row for row in held if row["status"] == "published" and row["rating"] != 4)
    draft = next(row for row in held if row["status"] == "draft")
    with pytest.raises((RowNotFound, MissingClaim)):
        await ask(engine, Update(review, by_key(review, draft["id"]), values(review, rating=4)), both)
    assert await everything(engine, "review") == held
    await ask(engine, Update(review, by_key(review, published["id"]), values(review, rating=4)), both)
    with pytest.raises(MissingClaim):
        await ask(engine, Update(review, by_key(review, published["id"]), values(review, rating=5)), caller("reviewer"))
    after = {row["id"]: row["rating"] for row in await everything(engine, "review")}
    assert after == {row["id"]: row["rating"] for row in held} | {published["id"]: 4}


async def test_a_delete_takes_only_rows_of_its_rule(engine: Engine) -> None:
    review = engine.snapshot.catalog.tables["review"]
    held = await everything(engine, "review")
    draft = next(row for row in held if row["status"] == "draft")
    me = caller("customer", sub=draft["customer_id"])
    published = next(row for row in held if row["status"] == "published")
    await ask(engine, Delete(review, by_key(review, draft["id"])), me)
    with pytest.raises(RowNotFound):
        await ask(
            engine, Delete(review, by_key(review, published["id"])), caller("customer", sub=published["customer_id"])
        )
    with pytest.raises(Forbidden):
        await ask(engine, Delete(review, by_key(review, published["id"])), caller("editor"))
    assert {row["id"] for row in await everything(engine, "review")} == {row["id"] for row in held} - {draft["id"]}


async def test_a_check_may_read_the_very_table_that_is_written(engine: Engine) -> None:
    """One review per customer, and no rating that another review has: told of the rows as they stand after the write."""
    catalog = engine.snapshot.catalog
    review = catalog.tables["review"]
    held = await everything(engine, "review")
    without = next(
        each["id"]
        for each in await everything(engine, "customer")
        if each["id"] not in {r["customer_id"] for r in held}
    )
    me = caller("once", sub=without)
    mine = values(review, customer_id=without, book_id=held[0]["book_id"], body="first")
    row = await ask(engine, Insert(review, mine, returning=Read(review, outputs(review), single=True)), me)
    assert row["customer_id"] == without
    other = next(each["id"] for each in await everything(engine, "book") if each["id"] != held[0]["book_id"])
    second = values(review, customer_id=without, book_id=other, body="second")
    with pytest.raises(CheckRefused):
        await ask(engine, Insert(review, second), me)
    with pytest.raises(CheckRefused):
        await ask(engine, Update(review, by_key(review, row["id"]), values(review, rating=held[0]["rating"] or 5)), me)
    after = await everything(engine, "review")
    assert [each for each in after if each["id"] not in {r["id"] for r in held}] == [row]
