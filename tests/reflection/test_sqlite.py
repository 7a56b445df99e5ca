"""A SQLite file with everything awkward in it, reflected and held against SQLAlchemy's Inspector where that is right."""

import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reflector.catalog.build import build
from reflector.catalog.facts import ColumnFact, Facts, ForeignKeyFact, TableFact
from reflector.catalog.model import Fill, TableKind
from reflector.database_url import parse_database_url
from reflector.datatypes import Kind
from reflector.drivers.protocol import Settings
from reflector.drivers.sqlite import SQLiteDriver
from reflector.errors import CatalogError, DatabaseError, DatabaseUnavailable
from reflector.reflection.sqlite import fingerprint, read_facts
from reflector.reflection.sqlite_ddl import instead_of, read_table
from reflector.reflection.sqlite_types import data_type

SCHEMA = """
CREATE TABLE author (
  id INTEGER PRIMARY KEY,
  name VARCHAR(40) COLLATE NOCASE NOT NULL DEFAULT 'it''s', -- a comment, with ( and CHECK (nothing)
  born DATE,
  "CHECK" TEXT CHECK ("CHECK" IN ('a', 'b)')),
  score NUMERIC(10, 2) DEFAULT 1.5 CONSTRAINT positive CHECK (score > 0 AND (score < 1e6)),
  active BOOLEAN NOT NULL DEFAULT 1,
  CONSTRAINT one_name UNIQUE (name, born)
);
CREATE TABLE book(isbn TEXT NOT NULL PRIMARY KEY, author_id INT CONSTRAINT written_by REFERENCES AUTHOR ON DELETE CASCADE ON UPDATE SET NULL, editor_id INT REFERENCES author(ID), double_price GENERATED ALWAYS AS (price * 2) VIRTUAL, price DECIMAL(8,2), tax REAL AS (price * 0.2) STORED, meta JSON, cover BLOB, bare, any_way ANY, at TIMESTAMP, seen "TIMESTAMP WITH TIME ZONE", key UUID);
CREATE TABLE shelf (room TEXT, place INT, note TEXT UNIQUE, PRIMARY KEY (place, room));
CREATE TABLE placed (
  isbn TEXT, room TEXT, place INT,
  CONSTRAINT at_shelf FOREIGN KEY (place, room) REFERENCES shelf (place, room) ON DELETE RESTRICT,
  FOREIGN KEY (isbn) REFERENCES book
);
CREATE TABLE setting (name TEXT, scope TEXT, value, PRIMARY KEY (scope, name)) WITHOUT ROWID;
CREATE TABLE strictly (a TEXT, b INT, c ANY, PRIMARY KEY (b, a)) STRICT;
CREATE TABLE backwards (id INTEGER PRIMARY KEY DESC, v TEXT);
CREATE TABLE short (id INT PRIMARY KEY, v TEXT);
CREATE TABLE keyless (a INT, b TEXT);
CREATE TABLE "o'dd ""name" ("a b" INT PRIMARY KEY, [c d] TEXT);
CREATE TABLE lost (id INTEGER PRIMARY KEY, gone_id INT REFERENCES gone, no_key INT REFERENCES keyless (a));
CREATE TABLE codes (code TEXT, folded TEXT COLLATE NOCASE, part TEXT, expr TEXT);
CREATE UNIQUE INDEX codes_code ON codes (code COLLATE NOCASE);
CREATE UNIQUE INDEX codes_folded ON codes (folded COLLATE BINARY);
CREATE UNIQUE INDEX codes_part ON codes (part) WHERE part <> '';
CREATE UNIQUE INDEX codes_expr ON codes (lower(expr));
CREATE INDEX codes_plain ON codes (part);
CREATE VIRTUAL TABLE search USING fts5(body);
CREATE VIRTUAL TABLE area USING rtree(id, low, high);
CREATE VIEW plain AS SELECT id, name, id + 1 AS next FROM author;
CREATE VIEW through AS SELECT id, name FROM author;
CREATE TRIGGER "instead of nothing" INSTEAD OF INSERT ON through BEGIN SELECT 1; END;
CREATE TRIGGER t2 /* INSTEAD OF DELETE */ INSTEAD OF UPDATE OF name ON through BEGIN SELECT 1; END;
CREATE TABLE temporary_base (x INT);
CREATE VIEW broken AS SELECT x FROM temporary_base;
DROP TABLE temporary_base;
"""

Fetch = Callable[..., Any]


def fetching(connection: sqlite3.Connection, asked: list[str] | None = None) -> Fetch:
    async def fetch(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        if asked is not None:
            asked.append(text)
        try:
            return connection.execute(text, values).fetchall()
        except sqlite3.OperationalError as error:  # in the words of a driver
            raise DatabaseError("the database could not do this") from error

    return fetch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "awkward.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


@pytest.fixture
async def facts(database: sqlite3.Connection) -> Facts:
    return await read_facts(fetching(database), None)


@pytest.fixture
def inspector(database: sqlite3.Connection, path: Path) -> Iterator[sa.Inspector]:
    engine = sa.create_engine(f"sqlite:///{path}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield sa.inspect(engine)
    engine.dispose()


def table(facts: Facts, name: str) -> TableFact:
    return next(each for each in facts.tables if each.name == name)


def column(facts: Facts, name: str) -> ColumnFact:
    table_name, _, column_name = name.partition(".")
    return next(each for each in table(facts, table_name).columns if each.name == column_name)


def keys_of(facts: Facts, name: str) -> list[ForeignKeyFact]:
    return [key for key in facts.foreign_keys if key.table == name]


async def reflected(script: str) -> Facts:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(script)
    try:
        return await read_facts(fetching(connection), None)
    finally:
        connection.close()


# ── beside the Inspector ─────────────────────────────────────────────────────────────────────

ORDINARY = [
    "author", "book", "shelf", "placed", "setting", "strictly", "backwards", "short", "keyless", 'o\'dd "name', "codes",
]  # fmt: skip


def test_the_tables_are_those_of_the_inspector_without_shadows_and_virtual_ones(
    facts: Facts, inspector: sa.Inspector
) -> None:
    tables = {each.name for each in facts.tables if each.kind is TableKind.TABLE}
    listed = set(inspector.get_table_names())
    assert listed - tables == {
        "search", "search_config", "search_content", "search_data", "search_docsize", "search_idx",
        "area", "area_node", "area_parent", "area_rowid",
    }  # fmt: skip
    assert tables - listed == set()


@pytest.mark.parametrize("name", ORDINARY)
def test_columns_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = [(each.name, each.default) for each in table(facts, name).columns]
    theirs = [(each["name"], each["default"]) for each in inspector.get_columns(name)]
    assert ours == theirs


@pytest.mark.parametrize("name", [each for each in ORDINARY if each != "author"])
def test_nullability_is_that_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    assert {each.name: each.nullable for each in table(facts, name).columns} == {
        each["name"]: each["nullable"] for each in inspector.get_columns(name)
    }


@pytest.mark.parametrize("name", ORDINARY)
def test_primary_keys_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    key = table(facts, name).primary_key
    assert list(key.columns if key else ()) == inspector.get_pk_constraint(name)["constrained_columns"]


@pytest.mark.parametrize("name", [each for each in ORDINARY if each != "codes"])
def test_unique_keys_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = {(each.name, each.columns) for each in table(facts, name).uniques}
    theirs = {(each["name"], tuple(each["column_names"])) for each in inspector.get_unique_constraints(name)}
    assert ours == theirs


@pytest.mark.parametrize("name", ["placed"])
def test_foreign_keys_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = {(key.name, key.columns, key.target_table, key.target_columns) for key in keys_of(facts, name)}
    theirs = {
        (each["name"], tuple(each["constrained_columns"]), each["referred_table"], tuple(each["referred_columns"]))
        for each in inspector.get_foreign_keys(name)
    }
    assert ours == theirs


# ── what the Inspector misses ────────────────────────────────────────────────────────────────


def test_a_generated_column_is_found_when_the_statement_is_one_line(facts: Facts) -> None:
    assert column(facts, "book.double_price").fill is Fill.COMPUTED
    assert column(facts, "book.tax").fill is Fill.COMPUTED
    assert column(facts, "book.price").fill is Fill.NONE


def test_references_without_columns_keep_their_name_their_action_and_lead_to_the_primary_key(facts: Facts) -> None:
    written, edited = keys_of(facts, "book")
    assert (written.name, written.columns, written.target_table, written.target_columns) == (
        "written_by", ("author_id",), "author", ("id",),
    )  # fmt: skip
    assert (written.on_delete, written.on_update) == ("CASCADE", "SET NULL")
    assert (edited.name, edited.target_columns, edited.on_delete) == (None, ("id",), "NO ACTION")


def test_a_composite_foreign_key_keeps_the_order_of_its_definition(facts: Facts) -> None:
    shelf, book = keys_of(facts, "placed")
    assert (shelf.columns, shelf.target_columns, shelf.on_delete) == (
        ("place", "room"), ("place", "room"), "RESTRICT",
    )  # fmt: skip
    assert (book.columns, book.target_columns) == (("isbn",), ("isbn",))


async def test_references_without_columns_follow_the_order_of_a_composite_primary_key() -> None:
    facts = await reflected(
        "CREATE TABLE p (a INT, b INT, PRIMARY KEY (b, a)); CREATE TABLE c (x INT, y INT, FOREIGN KEY (x, y) REFERENCES p)"
    )
    assert facts.foreign_keys[0].target_columns == ("b", "a")


def test_only_unique_indexes_that_identify_a_row_are_keys(facts: Facts) -> None:
    """Not a partial one, not one over an expression, not one that tells more values apart than the column does."""
    assert [(each.name, each.columns) for each in table(facts, "codes").uniques] == [("codes_code", ("code",))]


def test_a_table_that_has_only_its_rowid_has_no_key(facts: Facts) -> None:
    assert table(facts, "keyless").primary_key is None


def test_the_rowid_under_another_name_is_never_null_and_numbers_itself(facts: Facts) -> None:
    column_ = column(facts, "author.id")
    assert (column_.nullable, column_.fill) == (False, Fill.IDENTITY)


@pytest.mark.parametrize("name", ["backwards.id", "short.id"])
def test_what_only_looks_like_the_rowid_is_an_ordinary_column(
    facts: Facts, database: sqlite3.Connection, name: str
) -> None:
    assert (column(facts, name).nullable, column(facts, name).fill) == (True, Fill.NONE)
    database.execute(f"INSERT INTO {name.partition('.')[0]} VALUES (NULL, 'x')")


@pytest.mark.parametrize(("name", "nullable"), [("shelf", True), ("setting", False), ("strictly", False)])
def test_a_composite_key_may_be_null_only_in_an_ordinary_table(
    facts: Facts, database: sqlite3.Connection, name: str, nullable: bool
) -> None:
    key = table(facts, name).primary_key
    assert key is not None
    assert {column(facts, f"{name}.{each}").nullable for each in key.columns} == {nullable}
    insert = f"INSERT INTO {name} ({', '.join(key.columns)}) VALUES (NULL, NULL)"
    if nullable:
        database.execute(insert)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(insert)


def test_any_and_no_type_take_a_value_as_text_and_are_not_numbers(facts: Facts) -> None:
    assert column(facts, "book.bare").type.kind is Kind.SPECIAL
    assert column(facts, "book.any_way").type.kind is Kind.SPECIAL
    assert column(facts, "strictly.c").type.kind is Kind.SPECIAL


def test_virtual_tables_can_be_read_and_their_shadows_and_hidden_columns_are_not_there(facts: Facts) -> None:
    names = {each.name for each in facts.tables}
    assert {"search", "area"} <= names
    assert not [name for name in names if name.startswith(("search_", "area_", "sqlite_"))]
    search = table(facts, "search")
    assert (search.kind, search.insertable, search.updatable, search.deletable) == (
        TableKind.VIRTUAL, False, False, False,
    )  # fmt: skip
    assert [each.name for each in search.columns] == ["body"]


# ── the rest ─────────────────────────────────────────────────────────────────────────────────


def test_checks_are_read_whatever_stands_in_strings_names_and_comments(facts: Facts) -> None:
    assert [(each.name, each.expression) for each in table(facts, "author").checks] == [
        (None, "\"CHECK\" IN ('a', 'b)')"),
        ("positive", "score > 0 AND (score < 1e6)"),
    ]


def test_a_collation_says_whether_case_counts(facts: Facts) -> None:
    name, born = column(facts, "author.name"), column(facts, "author.CHECK")
    assert (name.collation, name.type.case_insensitive, name.type.length) == ("NOCASE", True, 40)
    assert (born.collation, born.type.case_insensitive) == (None, False)


def test_a_view_is_written_only_through_its_triggers(facts: Facts) -> None:
    plain, through = table(facts, "plain"), table(facts, "through")
    assert (plain.kind, plain.insertable, plain.updatable, plain.deletable) == (TableKind.VIEW, False, False, False)
    assert (through.insertable, through.updatable, through.deletable) == (True, True, False)
    assert column(facts, "plain.name").type.kind is Kind.TEXT
    assert column(facts, "plain.next").type.kind is Kind.SPECIAL


def test_a_broken_view_is_told_and_harms_nothing_else(facts: Facts) -> None:
    catalog = build(facts)
    assert "broken" not in catalog.tables
    assert "author" in catalog.tables
    assert any("broken" in notice.message for notice in catalog.notices)


async def test_a_connection_that_fails_is_not_taken_for_a_broken_view(database: sqlite3.Connection) -> None:
    working = fetching(database)

    async def fetch(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        if "broken" in values:
            raise DatabaseUnavailable("gone")
        rows: Sequence[Sequence[Any]] = await working(text, *values)
        return rows

    with pytest.raises(DatabaseUnavailable):
        await read_facts(fetch, None)


async def test_a_virtual_table_whose_module_is_missing_is_told_and_harms_nothing_else(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "module.sqlite", isolation_level=None)
    connection.executescript("""
        CREATE TABLE kept (id INTEGER PRIMARY KEY);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql)
        VALUES ('table', 'strange', 'strange', 0, 'CREATE VIRTUAL TABLE strange USING nobody_has_this(a)');
    """)
    connection.close()
    connection = sqlite3.connect(tmp_path / "module.sqlite")
    catalog = build(await read_facts(fetching(connection), None))
    connection.close()
    assert list(catalog.tables) == ["kept"]
    assert any("strange" in notice.message for notice in catalog.notices)


def test_a_foreign_key_to_nothing_is_left_out_with_a_notice(facts: Facts) -> None:
    catalog = build(facts)
    assert not [key for key in catalog.foreign_keys if key.table.name == "lost"]
    told = " ".join(notice.message for notice in catalog.notices if notice.code == "foreign_key_skipped")
    assert "gone" in told
    assert "keyless" in told


def test_names_with_quotes_and_spaces_are_what_they_are(facts: Facts) -> None:
    odd = table(facts, "o'dd \"name")
    assert odd.columns[0].name == "a b"
    assert odd.primary_key is not None
    assert odd.primary_key.columns == ("a b",)


async def test_row_estimates_come_from_analyze(database: sqlite3.Connection) -> None:
    database.executemany("INSERT INTO author (name) VALUES (?)", [(str(number),) for number in range(7)])
    before = await read_facts(fetching(database), None)
    database.execute("ANALYZE")
    after = await read_facts(fetching(database), None)
    assert (table(before, "author").row_estimate, table(after, "author").row_estimate) == (None, 7)


async def test_an_attached_database_is_read_when_it_is_asked_for(database: sqlite3.Connection) -> None:
    database.execute("""ATTACH ':memory:' AS "o'ther" """)
    database.executescript("""CREATE TABLE "o'ther".author (code TEXT UNIQUE, up TEXT REFERENCES author (code))""")
    facts = await read_facts(fetching(database), ["o'ther", "absent"])
    assert facts.schemas == ("o'ther",)
    assert [each.name for each in facts.tables[0].columns] == ["code", "up"]
    assert facts.tables[0].uniques[0].columns == ("code",)
    assert facts.foreign_keys[0].target_schema == "o'ther"
    before = await fingerprint(fetching(database), ["o'ther", "absent"])
    database.execute("""CREATE TABLE "o'ther".more (x)""")
    assert await fingerprint(fetching(database), ["o'ther", "absent"]) != before


async def test_the_driver_may_ask_all_of_this(facts: Facts, path: Path) -> None:
    driver = SQLiteDriver(parse_database_url(f"sqlite:///{path}"), Settings(pool_size=2))
    await driver.open()
    try:
        assert await read_facts(driver.fetch, None) == facts
        assert await fingerprint(driver.fetch) == await fingerprint(driver.fetch)
    finally:
        await driver.close()


async def test_an_empty_database_has_no_tables() -> None:
    facts = await reflected("")
    assert (facts.schemas, facts.tables) == (("main",), ())


async def test_a_library_that_is_too_old_is_refused() -> None:
    async def fetch(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        return [("main", "3.36.0")]

    with pytest.raises(CatalogError, match=r"3\.36\.0 is too old"):
        await read_facts(fetch, None)


async def test_the_number_of_questions_does_not_grow_with_the_tables() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for number in range(200):
        connection.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, up INT REFERENCES t0, a TEXT UNIQUE)")
    connection.execute("ANALYZE")
    asked: list[str] = []
    facts = await read_facts(fetching(connection, asked), None)
    connection.close()
    assert (len(facts.tables), len(facts.foreign_keys)) == (200, 200)
    assert len(asked) <= 7


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE keyless ADD COLUMN c INT",
        "ALTER TABLE keyless RENAME TO renamed",
        "CREATE TABLE more (a)",
        "DROP TABLE keyless",
        "CREATE UNIQUE INDEX more ON keyless (a)",
        "DROP VIEW plain",
        "CREATE TRIGGER t3 INSTEAD OF DELETE ON plain BEGIN SELECT 1; END",
    ],
)
async def test_the_fingerprint_sees_every_change_of_another_connection(
    database: sqlite3.Connection, path: Path, change: str
) -> None:
    fetch = fetching(database)
    before = await fingerprint(fetch)
    assert await fingerprint(fetch) == before
    database.execute("INSERT INTO keyless VALUES (1, 'x')")
    assert await fingerprint(fetch) == before
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA legacy_alter_table = ON")  # it renames beside a broken view
    other.execute(change)
    other.close()
    assert await fingerprint(fetch) != before


# ── types and text ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("declared", "kind", "length"),
    [
        ("BOOLEAN", Kind.BOOLEAN, None), ("bool", Kind.BOOLEAN, None),
        ("INTEGER", Kind.INTEGER, None), ("int", Kind.INTEGER, None), ("UNSIGNED BIG INT", Kind.INTEGER, None),
        ("BIGINT UNSIGNED", Kind.INTEGER, None), ("int8", Kind.INTEGER, None), ("TINYINT(1)", Kind.INTEGER, None),
        ("REAL", Kind.FLOAT, None), ("DOUBLE PRECISION", Kind.FLOAT, None), ("float(24)", Kind.FLOAT, None),
        ("FLOATING POINT", Kind.FLOAT, None),
        ("NUMERIC", Kind.DECIMAL, None), ("DECIMAL (8, 2)", Kind.DECIMAL, None),
        ("VARCHAR(255)", Kind.TEXT, 255), ("CHARACTER  VARYING(9)", Kind.TEXT, 9), ("NATIVE CHARACTER(70)", Kind.TEXT, 70),
        ("CLOB", Kind.TEXT, None), ("longtext", Kind.TEXT, None), ("STRING", Kind.TEXT, None),
        ("BLOB", Kind.BYTES, None), ("VARBINARY(16)", Kind.BYTES, 16), ("tinyblob", Kind.BYTES, None),
        ("DATE", Kind.DATE, None), ("TIME", Kind.TIME, None), ("DATETIME", Kind.TIMESTAMP, None),
        ("timestamp(6)", Kind.TIMESTAMP, None), ("TIMESTAMPTZ", Kind.INSTANT, None),
        ("timestamp with time zone", Kind.INSTANT, None), ("JSON", Kind.JSON, None), ("jsonb", Kind.JSON, None),
        ("UUID", Kind.UUID, None),
        ("", Kind.SPECIAL, None), ("ANY", Kind.SPECIAL, None), ("POINT", Kind.SPECIAL, None),
        ("INTERVAL", Kind.SPECIAL, None), ("GEOMETRY", Kind.SPECIAL, None),
    ],
)  # fmt: skip
def test_a_declared_type_means_what_its_name_says(declared: str, kind: Kind, length: int | None) -> None:
    type_ = data_type(declared)
    assert (type_.kind, type_.length) == (kind, length)
    assert type_.native == (declared or "ANY")


def test_a_decimal_keeps_its_precision_and_scale() -> None:
    assert [(data_type(each).precision, data_type(each).scale) for each in ("DECIMAL", "NUMERIC(8)", "DEC(8,2)")] == [
        (None, None), (8, 0), (8, 2),
    ]  # fmt: skip


def test_the_text_of_a_statement_is_read_token_by_token() -> None:
    read = read_table("""CREATE TABLE "x(" (/* CHECK (no) */ [a,b] TEXT DEFAULT 'COLLATE NOCASE', -- COLLATE x
        c TEXT COLLATE "rtrim" CHECK(c<>')') CONSTRAINT [n 1] CHECK ((c) > (1)),
        d TEXT DEFAULT (lower('x' COLLATE NOCASE)) NOT NULL,
        CONSTRAINT k UNIQUE ([a,b] COLLATE NOCASE DESC, c) CONSTRAINT f FOREIGN KEY (c, d) REFERENCES other (e, g),
        CHECK (d IN (SELECT 1)))""")
    assert read.collations == {"c": "rtrim"}
    assert [(each.kind, each.name, each.columns, each.expression) for each in read.constraints] == [
        ("CHECK", None, (), "c<>')'"),
        ("CHECK", "n 1", (), "(c) > (1)"),
        ("UNIQUE", "k", ("a,b", "c"), ""),
        ("FOREIGN", "f", ("c", "d"), ""),
        ("CHECK", None, (), "d IN (SELECT 1)"),
    ]


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("CREATE TRIGGER a INSTEAD OF DELETE ON v BEGIN SELECT 1; END", "DELETE"),
        (
            "create temp trigger if not exists main.[instead] instead /**/ of update of x on v begin select 1; end",
            "UPDATE",
        ),
        ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 'INSTEAD OF INSERT'; END", None),
    ],
)
def test_what_a_trigger_stands_in_for(text: str, event: str | None) -> None:
    assert instead_of(text) == event
