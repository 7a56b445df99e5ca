"""Labels, overlays and their complaints, notices, the hash of the content, and what changed in words."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from reflector.catalog.build import Overlay, RelationshipRule, build
from reflector.catalog.diff import changes
from reflector.catalog.facts import CheckFact, ColumnFact, Facts, KeyFact
from reflector.catalog.model import Argument, Fill, Function, Misfit, Notice, TableKind
from reflector.datatypes import DataType, Kind
from tests.unit.catalog.examples import INTEGER, TEXT, column, facts, foreign_key, table, ways, with_column

LIBRARY = facts(
    table("author", "id name"),
    table("book", "id author_id"),
    foreign_key("book(author_id) -> author(id)"),
    table("article_stats", "article_id views", key="article_id"),
    table("article", "id"),
    table("log", "id", schema="audit"),
    schemas=("public", "audit"),
)


def complaints(overlay: Overlay, of: Facts = LIBRARY) -> list[str]:
    return [
        f"{'.'.join(map(str, each.path))}: {each.message}" + (f" ({each.hint})" if each.hint else "")
        for each in build(of, overlay).misfits
    ]


def test_labels_carry_the_schema_outside_of_the_first() -> None:
    assert list(build(LIBRARY).tables) == ["article", "article_stats", "author", "book", "audit.log"]
    turned = build(replace(LIBRARY, schemas=("audit", "public")))
    assert list(turned.tables)[:2] == ["log", "public.article"]


def test_a_label_is_given_once() -> None:
    catalog = build(facts(table("audit.log", "id"), *LIBRARY.tables, schemas=("public", "audit")))
    assert catalog.tables["audit.log"].schema == "public"
    assert [notice.code for notice in catalog.notices] == ["table_skipped"]


@pytest.mark.parametrize("pattern", ["author", "auth*", "public.author", "*.author", "*uthor"])
def test_an_excluded_table_is_not_there_nor_are_ways_to_it(pattern: str) -> None:
    catalog = build(LIBRARY, Overlay(exclude=(pattern,)))
    assert "author" not in catalog.tables
    assert ways(catalog, "book") == {}
    assert catalog.foreign_keys == ()
    assert catalog.notices == ()


def test_a_pattern_that_hides_nothing_is_told() -> None:
    catalog = build(LIBRARY, Overlay(exclude=("auhtor", "AUTHOR")))
    assert catalog.misfits == (
        Misfit(("database", "exclude", 0), "no table matches 'auhtor'", "did you mean 'author'?"),
        Misfit(("database", "exclude", 1), "no table matches 'AUTHOR'", "did you mean 'author'?"),
    )


def test_a_table_takes_the_name_that_the_overlay_gives() -> None:
    catalog = build(LIBRARY, Overlay(names={"book": "books", "audit.log": "events"}))
    assert catalog.tables["books"].name == "book"
    assert catalog.tables["events"].schema == "audit"
    assert ways(catalog, "author") == {"books": "many books"}


def test_tables_may_exchange_their_names() -> None:
    catalog = build(LIBRARY, Overlay(names={"book": "author", "author": "book"}))
    assert catalog.tables["book"].name == "author"


def test_a_relationship_is_renamed() -> None:
    rule = RelationshipRule("author.book", rename="works")
    assert ways(build(LIBRARY, Overlay(relationships=(rule,))), "author") == {"works": "many book"}


def test_two_relationships_may_exchange_their_names() -> None:
    of = facts(
        table("user", "id"),
        table("post", "id a_id b_id"),
        foreign_key("post(a_id) -> user(id)"),
        foreign_key("post(b_id) -> user(id)"),
    )
    rules = (RelationshipRule("post.a", rename="b"), RelationshipRule("post.b", rename="a"))
    catalog = build(of, Overlay(relationships=rules))
    post = catalog.tables["post"]
    assert catalog.relationships[post]["a"].pairs[0][0] is post.by_name["b_id"]


@pytest.mark.parametrize(
    ("many", "to", "join", "expected"),
    [
        (None, "article", {"article_id": "id"}, "one article"),
        (None, "book", {"article_id": "author_id"}, "many book"),
        (False, "book", {"article_id": "author_id"}, "one book"),
        (True, "article", {"article_id": "id"}, "many article"),
        (None, "audit.log", {"views": "id"}, "one audit.log"),
    ],
)
def test_a_relationship_is_added(many: bool | None, to: str, join: dict[str, str], expected: str) -> None:
    rule = RelationshipRule("article_stats.it", to=to, join=join, many=many)
    catalog = build(LIBRARY, Overlay(relationships=(rule,)))
    assert ways(catalog, "article_stats") == {"it": expected}
    assert catalog.relationships[catalog.tables["article_stats"]]["it"].nullable


def test_rules_speak_of_labels_in_the_database_whatever_the_names() -> None:
    rules = (RelationshipRule("article_stats.it", to="article", join={"article_id": "id"}),)
    catalog = build(LIBRARY, Overlay(names={"article": "articles", "article_stats": "stats"}, relationships=rules))
    assert ways(catalog, "stats") == {"it": "one articles"}


def test_every_complaint_is_told_at_once_with_the_nearest_name() -> None:
    overlay = Overlay(
        schemas=("publik", "audit"),
        names={"bok": "books", "author": "book"},
        relationships=(
            RelationshipRule("boook.author", rename="writer"),
            RelationshipRule("book.autor", rename="writer"),
            RelationshipRule("article_stats.a", to="artikle", join={"article_id": "id"}),
            RelationshipRule("article_stats.b", to="article", join={"artikle_id": "idd"}),
            RelationshipRule("article_stats.views", to="article", join={"article_id": "id"}),
            RelationshipRule("author.book", to="book", join={"id": "author_id"}),
            RelationshipRule("article_stats.c"),
        ),
    )
    assert complaints(overlay) == [
        "database.schemas: there is no schema 'publik' (did you mean 'public'?)",
        "tables.bok.name: there is no table 'bok' (did you mean 'book'?)",
        "tables.author.name: 'book' is the name of the table 'book' too",
        "relationships.boook.author: there is no table 'boook' (did you mean 'book'?)",
        "relationships.book.autor: there is no relationship 'autor' (did you mean 'author'?)",
        "relationships.article_stats.a.to: there is no table 'artikle' (did you mean 'article'?)",
        "relationships.article_stats.b.join.artikle_id: article_stats has no column 'artikle_id' (did you mean 'article_id'?)",
        "relationships.article_stats.b.join.artikle_id: article has no column 'idd' (did you mean 'id'?)",
        "relationships.article_stats.views: article_stats has a column 'views'",
        "relationships.author.book: author has a relationship 'book' already",
        "relationships.article_stats.c: a relationship is added with `to` and `join`, or renamed with `rename`",
    ]


@pytest.mark.parametrize(
    ("names", "labels", "clashing"),
    [
        ({"author": "book"}, {"author", "book"}, {"author": "'book' is the name of the table 'book' too"}),
        (
            {"author": "x", "book": "x"},
            {"author", "book"},
            {"author": "'x' is the name of the table 'book' too", "book": "'x' is the name of the table 'author' too"},
        ),
        (
            {"author": "book", "book": "author", "article": "book"},
            {"author", "book", "article"},
            {
                "author": "'book' is the name of the table 'article' too",
                "article": "'book' is the name of the table 'author' too",
                "book": "'author' is the name of the table 'author' too",
            },
        ),
    ],
)
def test_names_that_clash_are_given_to_none(names: dict[str, str], labels: set[str], clashing: dict[str, str]) -> None:
    catalog = build(LIBRARY, Overlay(names=names))
    assert labels < set(catalog.tables)
    assert {each.path[1]: each.message for each in catalog.misfits} == clashing
    assert all(each.fatal for each in catalog.misfits)


def test_what_a_rule_says_in_vain_is_left_out_and_the_others_hold() -> None:
    rules = (
        RelationshipRule("gone.author", rename="writer"),
        RelationshipRule("article_stats.a", to="gone", join={"article_id": "id"}),
        RelationshipRule("article_stats.it", to="article", join={"article_id": "id"}),
        RelationshipRule("book.author", rename="id"),
    )
    catalog = build(LIBRARY, Overlay(names={"gone": "went", "author": "writer"}, relationships=rules))
    assert [each.path[1] for each in catalog.misfits] == ["gone", "gone.author", "article_stats.a", "book.author"]
    assert not any(each.fatal for each in catalog.misfits)
    assert "writer" in catalog.tables
    assert ways(catalog, "article_stats") == {"it": "one article"}
    assert ways(catalog, "book") == {}


@pytest.mark.parametrize("name", ["id", "author_id"])
def test_a_relationship_cannot_be_renamed_to_a_column(name: str) -> None:
    rule = RelationshipRule("book.author", rename=name)
    assert complaints(Overlay(relationships=(rule,))) == [
        f"relationships.book.author.rename: book has a column {name!r}"
    ]


def test_a_relationship_cannot_be_renamed_to_another() -> None:
    of = facts(
        *LIBRARY.tables,
        *LIBRARY.foreign_keys,
        table("note", "id author_id"),
        foreign_key("note(author_id) -> author(id)"),
    )
    rule = RelationshipRule("author.note", rename="book")
    assert complaints(Overlay(relationships=(rule,)), of) == [
        "relationships.author.note.rename: author has another relationship 'book'"
    ]


def test_columns_that_cannot_be_compared_are_not_joined() -> None:
    named = table("named", "id")
    of = facts(*LIBRARY.tables, with_column(named, ColumnFact("name", TEXT, nullable=False)))
    rule = RelationshipRule("named.book", to="book", join={"name": "id"})
    assert complaints(Overlay(relationships=(rule,)), of) == [
        "relationships.named.book.join.name: name = id compares text with integer"
    ]


def test_what_a_reader_of_the_log_should_know() -> None:
    opaque = ColumnFact("shape", DataType(Kind.OPAQUE, "polygon"), nullable=True)
    of = facts(
        with_column(table("area", "id"), opaque),
        table("keyless", "a", key=""),
        table("nothing", "", key=""),
        replace(table("seen", "a", key=""), kind=TableKind.VIEW),
        table("lost", "id other_id"),
        foreign_key("lost(other_id) -> other(id)", to="elsewhere"),
        table("wrong", "id area_id"),
        foreign_key("wrong(area_id) -> area(uid)"),
    )
    catalog = build(replace(of, notices=(Notice("row_security", "first"),)))
    assert [(notice.code, notice.message) for notice in catalog.notices] == [
        ("row_security", "first"),
        ("table_skipped", "public.nothing has no columns: it is not served"),
        ("opaque_type", "area.shape is of type polygon: it is shown as text, read-only"),
        ("table_without_key", "keyless has no primary key: its rows have no address and no cursor"),
        ("foreign_key_skipped", "lost: other_id refers to elsewhere.other (id), which is not served"),
        ("foreign_key_skipped", "wrong: area_id refers to public.area (uid), which is not served"),
    ]
    assert "nothing" not in catalog.tables


BOOK = LIBRARY.tables[1]
FUNCTION = Function("public", "double", (Argument("n", INTEGER),), "integer")
ENUM = DataType(Kind.ENUM, "mood", labels=("sad",))


def changed(**parts: object) -> Facts:
    tables = [replace(BOOK, **parts) if fact is BOOK else fact for fact in LIBRARY.tables]  # type: ignore[arg-type]
    return replace(LIBRARY, tables=tuple(tables))


def with_author(fact: ColumnFact) -> Facts:
    return changed(columns=(BOOK.columns[0], fact))


AUTHOR_ID = BOOK.columns[1]
REFERENCE = "author (id) ON UPDATE NO ACTION ON DELETE "
CHANGES: dict[str, tuple[Facts, list[str]]] = {
    "table added": (
        replace(LIBRARY, tables=(*LIBRARY.tables, table("shelf", "id"))),
        ["table shelf was added"],
    ),
    "table dropped": (
        replace(LIBRARY, tables=LIBRARY.tables[:-1]),
        ["table audit.log was dropped"],
    ),
    "column added": (changed(columns=(*BOOK.columns, column("year"))), ["column book.year was added"]),
    "columns reordered": (
        changed(columns=BOOK.columns[::-1]),
        ["table book, columns: was id, author_id, is author_id, id"],
    ),
    "type": (
        with_author(replace(AUTHOR_ID, type=replace(INTEGER, native="bigint", bits=64))),
        ["column book.author_id, type: was integer, is bigint"],
    ),
    "nullable": (
        with_author(replace(AUTHOR_ID, nullable=True)),
        [
            "column book.author_id, nullable: was False, is True",
            "relationship book.author: was one author on author_id = id, is one author on author_id = id or none",
        ],
    ),
    "default": (
        with_author(replace(AUTHOR_ID, fill=Fill.DEFAULT, default="1")),
        [
            "column book.author_id, filled by: was none, is default",
            "column book.author_id, default: was None, is 1",
        ],
    ),
    "comments": (
        changed(comment="All"),
        ["table book, comment: was None, is 'All'"],
    ),
    "primary key": (
        changed(primary_key=None),
        ["table book, primary key: was book_pkey(id), is none"],
    ),
    "unique key": (
        changed(uniques=(KeyFact("one", ("author_id",)),)),
        [
            "table book, unique keys: was none, is one(author_id)",
            "relationship author.book: was many book on id = author_id or none, is one book on id = author_id or none",
        ],
    ),
    "check": (
        changed(checks=(CheckFact("positive", "id > 0"),)),
        ["table book, checks: was none, is positive(id > 0)"],
    ),
    "kind": (
        changed(kind=TableKind.FOREIGN, updatable=False, deletable=False),
        ["table book, kind: was table, is foreign", "table book, writable: was insert, update, delete, is insert"],
    ),
    "foreign key": (
        replace(LIBRARY, foreign_keys=()),
        [
            "foreign key book.book_author_id_fkey(author_id) was dropped",
            "relationship author.book was dropped",
            "relationship book.author was dropped",
        ],
    ),
    "action": (
        replace(LIBRARY, foreign_keys=(replace(LIBRARY.foreign_keys[0], on_delete="CASCADE"),)),
        [
            f"foreign key book.book_author_id_fkey: was {REFERENCE}NO ACTION, is {REFERENCE}CASCADE",
        ],
    ),
    "function": (replace(LIBRARY, functions=(FUNCTION,)), ["function public.double(integer) was added"]),
    "schemas": (
        replace(LIBRARY, schemas=("public", "audit", "more")),
        ["schemas: was public, audit, is public, audit, more"],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_told_and_changes_the_hash(case: str) -> None:
    new, lines = CHANGES[case]
    before, after = build(LIBRARY), build(new)
    assert list(changes(before, after)) == lines
    assert before.fingerprint != after.fingerprint


def test_labels_of_an_enum_and_a_replaced_function_are_told() -> None:
    before = replace(with_author(replace(AUTHOR_ID, type=ENUM)), functions=(FUNCTION,))
    after = replace(
        with_author(replace(AUTHOR_ID, type=replace(ENUM, labels=("sad", "happy")))),
        functions=(replace(FUNCTION, volatility="stable"),),
    )
    assert list(changes(build(before), build(after))) == [
        "column book.author_id, type: was mood['sad'], is mood['sad', 'happy']",
        "function public.double(integer) was replaced",
    ]


def test_what_no_caller_notices_is_no_change() -> None:
    grown = [replace(fact, row_estimate=1_000_000) for fact in LIBRARY.tables]
    later = replace(LIBRARY, tables=tuple(grown), version=(17, 2), notices=(Notice("x", "y"),))
    assert build(later).fingerprint == build(LIBRARY).fingerprint
    assert changes(build(LIBRARY), build(later)) == ()


def test_the_hash_is_the_same_in_every_process() -> None:
    program = "from tests.unit.catalog.test_build import LIBRARY, build; print(build(LIBRARY).fingerprint)"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.decode()
        for seed in ("1", "2")
    }
    assert printed == {build(LIBRARY).fingerprint + "\n"}
