"""What is told of an error of the database: columns that its reader may know, in words of ours, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Catalog, Check, Column, DatabaseKind, ForeignKey, Key, Relationship, Table
from reflector.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidData,
    NotNullViolation,
    StatementTimeout,
    UniqueViolation,
)
from reflector.query.scope import TableScope
from tests.unit.access.blog import INTEGER, TEXT, column, table

AUTHOR = table("author", column("id", INTEGER), column("name", TEXT), label="authors")
PLAIN = table("book", column("id", INTEGER), column("isbn", TEXT), column("a/b~c", TEXT), column("author_id", INTEGER))
COLUMNS = PLAIN.by_name
BOOK = replace(
    PLAIN,
    uniques=(Key("isbn_key", (COLUMNS["isbn"],)), Key("pair", (COLUMNS["isbn"], COLUMNS["author_id"]))),
    checks=(Check("isbn_long", "length(isbn) > 3"), Check(None, "author_id > 0"), Check("other", "id > isbn")),
)
REVIEW = table("review", column("id", INTEGER), column("book_id", INTEGER))
WRITTEN = ForeignKey("book_author", BOOK, (COLUMNS["author_id"],), AUTHOR, (AUTHOR.by_name["id"],))
READ = ForeignKey("review_book", REVIEW, (REVIEW.by_name["book_id"],), BOOK, (COLUMNS["id"],))
ELSEWHERE = ForeignKey("review_book", AUTHOR, (AUTHOR.by_name["id"],), REVIEW, (REVIEW.by_name["id"],))
TWIN = ForeignKey("twice", BOOK, (COLUMNS["author_id"],), AUTHOR, (AUTHOR.by_name["id"],))
OTHER_TWIN = ForeignKey("twice", REVIEW, (REVIEW.by_name["book_id"],), BOOK, (COLUMNS["id"],))
CATALOG = Catalog(
    DatabaseKind.POSTGRESQL,
    (15,),
    ("public",),
    {each.label: each for each in (AUTHOR, BOOK, REVIEW)},
    {},
    foreign_keys=(WRITTEN, READ, ELSEWHERE, TWIN, OTHER_TWIN),
)
WAYS = {
    "author": Relationship("author", BOOK, AUTHOR, False, (), foreign_key=WRITTEN),
    "review": Relationship("review", BOOK, REVIEW, True, (), foreign_key=READ),
}


def scope(
    *readable: str, creatable: tuple[str, ...] = (), updatable: tuple[str, ...] = (), ways: tuple[str, ...] = ()
) -> TableScope:
    """Of books, what somebody may name."""

    def named(names: tuple[str, ...]) -> dict[str, Column]:
        return {name: COLUMNS[name] for name in names}

    known = {name: WAYS[name] for name in ways}
    return TableScope(BOOK, named(readable), named(creatable), named(updatable), known, True, True, True, True)


def told(
    error: DatabaseError, known: TableScope, where: Table | None = None
) -> tuple[str, str | None, tuple[str, ...]]:
    catalog = CATALOG if where is None else replace(CATALOG, tables={**CATALOG.tables, where.label: where})
    found = disclosed(error, known if where is None else replace(known, table=where), catalog)
    assert type(found) is type(error)
    assert (found.constraint, found.table) == (None, None)
    return found.message, found.pointer, found.columns


ALL = ("id", "isbn", "a/b~c", "author_id")
OURS = "a row with these values exists already"


@pytest.mark.parametrize(
    ("constraint", "columns", "message", "pointer"),
    [
        ("isbn_key", (), "a row with this isbn exists already", "/isbn"),
        ("pair", (), "a row with this isbn and author_id exists already", None),
        (None, ("id", "isbn", "author_id"), "a row with this id, isbn and author_id exists already", None),
        (None, ("a/b~c",), "a row with this a/b~c exists already", "/a~1b~0c"),
        ("nosuch", (), OURS, None),
        (None, (), OURS, None),
        ("primary", (), "a row with this id exists already", "/id"),
    ],
)
def test_a_key_that_is_broken_is_told_by_its_columns(
    constraint: str | None, columns: tuple[str, ...], message: str, pointer: str | None
) -> None:
    error = UniqueViolation(OURS, hint="try another", constraint=constraint, columns=columns, sqlstate="23505")
    assert told(error, scope(*ALL))[:2] == (message, pointer)
    found = disclosed(error, scope(*ALL), CATALOG)
    assert (found.hint, found.sqlstate) == ("try another", "23505")


@pytest.mark.parametrize("name", ["primary", "PRIMARY", "book_pkey"])
def test_a_primary_key_has_many_names(name: str) -> None:
    keyless = replace(BOOK, primary_key=None)
    assert told(UniqueViolation(OURS, constraint=name), scope(*ALL), keyless) == (OURS, None, ())
    assert told(UniqueViolation(OURS, constraint="isbn_key"), scope(*ALL), keyless)[2] == ("isbn",)
    keyed = replace(BOOK, primary_key=Key(None if name != "book_pkey" else name, (COLUMNS["id"],)))
    message = "a row with this id exists already"
    assert told(UniqueViolation(OURS, constraint=name), scope(*ALL), keyed) == (message, "/id", ("id",))
    assert told(UniqueViolation(OURS), scope(*ALL), keyed) == (OURS, None, ())
    assert told(UniqueViolation(OURS, constraint="isbn_key"), scope(*ALL), keyed)[2] == ("isbn",)
    assert told(UniqueViolation(OURS, constraint="nosuch"), scope(*ALL), keyed)[2] == ()


def test_when_one_column_may_not_be_named_none_is() -> None:
    error = UniqueViolation(OURS, constraint="pair")
    for known in (scope("isbn"), scope("author_id"), scope()):
        assert told(error, known) == (OURS, None, ())
    for known in (
        scope("isbn", "author_id"),
        scope("isbn", creatable=("author_id",)),
        scope(creatable=("isbn",), updatable=("author_id",)),
        replace(scope("isbn"), creatable_by_json={"author_id": COLUMNS["author_id"]}),
        replace(scope("isbn"), updatable_by_json={"author_id": COLUMNS["author_id"]}),
    ):
        assert told(error, known)[2] == ("isbn", "author_id")


def test_what_is_said_of_another_table_names_no_column() -> None:
    for table_named, columns in ((None, ("isbn",)), ("book", ("isbn",)), ("review", ())):
        error = NotNullViolation("a value is missing", table=table_named, columns=("isbn",))
        assert told(error, scope(*ALL))[2] == columns


@pytest.mark.parametrize(
    ("error", "known", "message"),
    [
        (NotNullViolation("missing", columns=("isbn",)), ALL, "isbn must not be null"),
        (NotNullViolation("missing", columns=("isbn",)), (), "missing"),
        (InvalidData("unfit", columns=("isbn", "id")), ALL, "the value does not fit isbn and id"),
        (InvalidData("unfit", columns=("isbn", "id")), ("id",), "unfit"),
        (CheckViolation("no", constraint="isbn_long"), ALL, "isbn: a rule of the table refuses the value"),
        (CheckViolation("no", constraint="isbn_long"), ("id",), "no"),
        (CheckViolation("no", constraint="author_id > 0"), ALL, "author_id: a rule of the table refuses the value"),
        (CheckViolation("no", constraint="other"), ALL, "id and isbn: a rule of the table refuses the value"),
        (CheckViolation("no", constraint="nosuch"), ALL, "no"),
        (CheckViolation("no"), ALL, "no"),
        (StatementTimeout("too slow", columns=("isbn",)), ALL, "too slow"),
    ],
)
def test_other_faults_are_told_by_columns_as_well(error: DatabaseError, known: tuple[str, ...], message: str) -> None:
    found = told(error, scope(*known))
    assert found[0] == message
    assert bool(found[2]) == (message != error.message)


@pytest.mark.parametrize(
    ("constraint", "table_named", "known", "ways", "message", "columns"),
    [
        ("book_author", None, ALL, ("author",), "author_id: there is no such authors", ("author_id",)),
        ("book_author", "book", ALL, (), "author_id: there is no such row", ("author_id",)),
        ("book_author", None, ALL, ("review",), "author_id: there is no such row", ("author_id",)),
        ("book_author", None, (), ("author",), "no", ()),
        ("review_book", None, ALL, ("review",), "rows of review still refer to this row", ()),
        ("review_book", "review", ALL, ("review",), "rows of review still refer to this row", ()),
        ("review_book", "review", ALL, (), "no", ()),
        ("review_book", "book", ALL, ("review",), "no", ()),
        ("nosuch", None, ALL, ("author", "review"), "no", ()),
        (None, None, ALL, ("author", "review"), "no", ()),
        (None, "review", ALL, ("author", "review"), "no", ()),
        ("twice", None, ALL, ("author", "review"), "no", ()),
        ("twice", "book", ALL, (), "author_id: there is no such row", ("author_id",)),
    ],
)
def test_a_foreign_key_is_told_by_what_its_reader_may_reach(
    constraint: str | None,
    table_named: str | None,
    known: tuple[str, ...],
    ways: tuple[str, ...],
    message: str,
    columns: tuple[str, ...],
) -> None:
    error = ForeignKeyViolation("no", constraint=constraint, table=table_named)
    assert told(error, scope(*known, ways=ways)) == (message, f"/{columns[0]}" if columns else None, columns)


def test_a_key_without_a_name_is_no_key_that_was_named() -> None:
    nameless = replace(WRITTEN, name=None)
    catalog = replace(CATALOG, foreign_keys=(nameless,))
    found = disclosed(ForeignKeyViolation("no"), scope(*ALL, ways=("author",)), catalog)
    assert (found.message, found.columns) == ("no", ())
    unnamed = replace(BOOK, checks=(Check(None, "length(isbn) > 3"),))
    assert told(CheckViolation("no"), scope(*ALL), unnamed) == ("no", None, ())


def test_a_table_that_refers_to_itself_tells_of_what_is_missing() -> None:
    own = ForeignKey("book_book", BOOK, (COLUMNS["author_id"],), BOOK, (COLUMNS["id"],))
    catalog = replace(CATALOG, foreign_keys=(own,))
    for table_named, message in ((None, "author_id: there is no such row"), ("review", "no")):
        error = ForeignKeyViolation("no", constraint="book_book", table=table_named)
        assert disclosed(error, scope(*ALL), catalog).message == message
