"""What a set of roles may name: relationships whose both ends they read, functions that they may call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reflector.access.permissions import CreateRight, DeleteRight, Grants, Permission, ReadRight, UpdateRight
from reflector.access.scoping import scope_for
from reflector.catalog.model import Catalog, Column, Function, Relationship, Table
from reflector.datatypes import DataType, Kind
from reflector.query.masks import Mask, MaskKind
from reflector.query.nodes import FALSE, TRUE
from reflector.query.scope import Scope
from tests.unit.access.blog import (
    ARTICLE,
    ARTICLE_TAG,
    AUTHOR,
    BLOG,
    COMMENT,
    LOG,
    STATS,
    TAG,
    TEAM,
    TEXT,
    column,
    key,
    table,
)


def of(table: Table, *names: str) -> frozenset[Column]:
    return frozenset(table.by_name[name] for name in names)


def reads(table: Table, *names: str) -> dict[Table, tuple[Permission, ...]]:
    """All of the table's columns where no names are given."""
    return {table: (Permission(ReadRight(TRUE, of(table, *names) if names else frozenset(table.columns))),)}


def deletes(table: Table) -> dict[Table, tuple[Permission, ...]]:
    return {table: (Permission(delete=DeleteRight(TRUE)),)}


def scope(*rights: dict[Table, tuple[Permission, ...]], catalog: Catalog = BLOG, **more: Any) -> Scope:
    return scope_for(catalog, Grants(("user",), {table: each for one in rights for table, each in one.items()}, **more))


def ways(*rights: dict[Table, tuple[Permission, ...]]) -> set[str]:
    """The relationships of articles."""
    return set(scope(*rights).table("articles").relationships)


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def test_a_scope_holds_the_tables_of_the_grants_and_nothing_else() -> None:
    found = scope(reads(COMMENT, "id", "body"), {TAG: (Permission(),)}, broken=frozenset({LOG}))
    assert (found.roles, list(found.tables)) == (("user",), ["comment", "tag"])
    assert found.broken == {"audit.log": LOG}
    comment = found.table("comment")
    assert found.by_table == {COMMENT: comment, TAG: found.table("tag")}
    assert list(comment.readable) == list(comment.answered) == ["id", "body"]
    assert (comment.may_read, found.table("tag").may_read) == (True, False)
    assert scope().tables == {}


def test_each_right_has_columns_of_its_own_in_the_tables_order() -> None:
    creates = (CreateRight(TRUE, of(ARTICLE, "title", "id")), CreateRight(TRUE, of(ARTICLE, "body")))
    update = UpdateRight(TRUE, TRUE, of(ARTICLE, "status", "slug"))
    rights = (Permission(None, creates[0], update), Permission(None, creates[1], None, DeleteRight(TRUE)))
    found = scope({ARTICLE: rights}).table("articles")
    assert (list(found.creatable), list(found.updatable)) == (["id", "title", "body"], ["slug", "status"])
    assert (found.may_create, found.may_update, found.may_delete, found.may_read) == (True, True, True, False)
    none = scope(reads(ARTICLE)).table("articles")
    assert (none.creatable, none.updatable) == ({}, {})
    assert (none.may_create, none.may_update, none.may_delete, none.may_read) == (False, False, False, True)


def test_values_that_the_database_makes_of_json_are_given_apart_from_those_that_we_read() -> None:
    place = table("place", key(), column("name", TEXT), column("at", DataType(Kind.OPAQUE, "", by_json="public.spot")))
    rights = Permission(
        create=CreateRight(TRUE, of(place, "name", "at")), update=UpdateRight(TRUE, TRUE, of(place, "at"))
    )
    found = scope({place: (rights,)}, catalog=replace(BLOG, tables={"place": place})).table("place")
    assert (list(found.creatable), list(found.creatable_by_json)) == (["name"], ["at"])
    assert (list(found.updatable), list(found.updatable_by_json)) == ([], ["at"])


def test_counting_rows_needs_reading_them() -> None:
    read = ReadRight(TRUE, of(ARTICLE, "id"))
    for right, able in ((read, True), (None, False), (ReadRight(FALSE, of(ARTICLE, "id")), False)):
        assert scope({ARTICLE: (Permission(right, aggregate=True),)}).table("articles").may_aggregate is able
    assert not scope({ARTICLE: (Permission(read),)}).table("articles").may_aggregate


def test_rows_of_which_no_column_is_shown_are_not_read() -> None:
    masks = {ARTICLE.by_name["title"]: Mask(MaskKind.LAST4)}
    for right, able in ((ReadRight(TRUE, frozenset()), False), (ReadRight(TRUE, frozenset(), masks=masks), True)):
        found = scope({ARTICLE: (Permission(right, aggregate=True),)}).table("articles")
        assert (found.may_read, found.may_aggregate) == (able, able)


def test_what_is_masked_can_be_selected_alone() -> None:
    masks = {ARTICLE.by_name["title"]: Mask(MaskKind.LAST4)}
    found = scope({ARTICLE: (Permission(ReadRight(TRUE, of(ARTICLE, "id"), masks=masks)),)}).table("articles")
    assert (list(found.readable), list(found.masked), list(found.answered)) == (["id"], ["title"], ["id", "title"])


# ── relationships ────────────────────────────────────────────────────────────────────────────


def test_a_relationship_exists_for_those_who_read_the_columns_that_join() -> None:
    every = reads(ARTICLE)
    assert ways(every) == set()
    assert ways(every, reads(AUTHOR)) == {"author", "editor"}
    assert ways(reads(ARTICLE, "author_id"), reads(AUTHOR, "id")) == {"author"}
    assert ways(reads(ARTICLE, "id", "title"), reads(AUTHOR)) == set()
    assert ways(every, reads(AUTHOR, "name")) == set()
    assert ways(every, reads(COMMENT, "article_id")) == {"comments"}
    assert ways(every, reads(TEAM), reads(COMMENT)) == {"team", "comments"}


def test_the_rows_at_its_end_must_be_readable() -> None:
    create = Permission(create=CreateRight(TRUE, frozenset(AUTHOR.columns)))
    nobody = Permission(ReadRight(FALSE, frozenset(AUTHOR.columns)))
    for right in (create, nobody):
        assert ways(reads(ARTICLE), {AUTHOR: (right,)}) == set()


def test_a_junction_must_be_readable_with_the_columns_of_both_its_ends() -> None:
    ends = (reads(ARTICLE, "id"), reads(TAG, "id"))
    assert ways(*ends) == set()
    assert ways(*ends, reads(ARTICLE_TAG)) == {"tags"}
    for one in ("article_id", "tag_id"):
        assert ways(*ends, reads(ARTICLE_TAG, one)) == set()
    assert ways(reads(ARTICLE, "title"), ends[1], reads(ARTICLE_TAG)) == set()
    assert ways(ends[0], reads(TAG, "name"), reads(ARTICLE_TAG)) == set()


# ── functions ────────────────────────────────────────────────────────────────────────────────


def function(name: str, **more: Any) -> Function:
    return Function("public", name, (), "text", **more)


FIRST, SECOND, OTHER = function("say"), function("say", returns_set=True), function("other")


def test_functions_that_may_be_called_stand_by_name_in_the_catalogs_order() -> None:
    gathering = function("say", gathers=TEXT, media="text/csv")
    catalog = replace(BLOG, functions=(SECOND, FIRST, gathering, OTHER))
    found = scope(catalog=catalog, functions=frozenset({FIRST, SECOND, gathering}))
    assert found.functions == {("public", "say"): (SECOND, FIRST)}
    assert scope(catalog=catalog).functions == {}
    assert found.beside == {}


def test_code_of_extensions_that_may_be_called_stands_by_its_name() -> None:
    quote, closed = function("quote", extension="shop"), function("closed", extension="shop")
    catalog = replace(BLOG, functions=(FIRST, quote, closed))
    found = scope(catalog=catalog, functions=frozenset({FIRST, quote}))
    assert found.beside == {"quote": quote}
    assert found.functions == {("public", "say"): (FIRST,), ("public", "quote"): (quote,)}
    assert scope(catalog=catalog).beside == {}


def test_aggregates_that_answer_in_a_media_type_are_handlers() -> None:
    """Of several for one table and type the first; of a table that is not served none."""
    tab = {"gathers": TEXT, "media": "text/tab"}
    first, second = function("first", **tab), function("second", **tab)
    of_tags = function("tags", **tab, rows=TAG, row_type=("public", "tag"), of_table=True)
    unserved = function("unserved", gathers=TEXT, media="text/gone", row_type=("public", "gone"))
    plain = function("plain", media="text/plain")
    untyped = function("untyped", gathers=TEXT)
    closed = function("closed", gathers=TEXT, media="text/closed")
    features = function("features", gathers=TEXT, media="application/geo", scalar=True)
    every = (first, second, of_tags, unserved, plain, untyped, closed, features)
    found = scope(catalog=replace(BLOG, functions=every), functions=frozenset(every) - {closed, features})
    assert found.handlers == {
        (None, "text/tab"): first,
        (TAG, "text/tab"): of_tags,
        (None, "application/geo"): features,
    }


def test_fields_that_functions_make_are_there_for_readers_who_may_call_them() -> None:
    """Of one name the first counts."""
    catalog = replace(BLOG, computed_fields={ARTICLE: (FIRST, SECOND, OTHER)})
    read, write = reads(ARTICLE, "id"), deletes(ARTICLE)
    for rights, called, found in (
        (read, {FIRST, SECOND}, {"say": FIRST}),
        (read, {SECOND, OTHER}, {"say": SECOND, "other": OTHER}),
        (read, set(), {}),
        (write, {FIRST, SECOND, OTHER}, {}),
    ):
        made = scope(rights, catalog=catalog, functions=frozenset(called))
        assert made.table("articles").computed_fields == found
    assert scope(reads(TAG), catalog=catalog, functions=frozenset({FIRST})).table("tag").computed_fields == {}


def test_ways_that_functions_make_lead_to_rows_that_may_be_read() -> None:
    first, second, other = (Relationship(f.name, ARTICLE, STATS, True, (), function=f) for f in (FIRST, SECOND, OTHER))
    catalog = replace(BLOG, computed_relationships={ARTICLE: (first, second, other)})
    read, write = reads(ARTICLE, "id"), deletes(ARTICLE)
    stats, every = reads(STATS, "views"), {FIRST, SECOND, OTHER}
    for rights, called, found in (
        ((read, stats), every, {"say": first, "other": other}),
        ((read, stats), {SECOND}, {"say": second}),
        ((read, stats), set(), {}),
        ((read,), every, {}),
        ((write, stats), every, {}),
    ):
        made = scope(*rights, catalog=catalog, functions=frozenset(called))
        assert made.table("articles").computed_relationships == found
