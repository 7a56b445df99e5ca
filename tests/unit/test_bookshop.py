"""The sample holds the same bookshop on every database, and everything awkward that it promises."""

import sqlite3
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pg8000.exceptions
import pymysql
import pytest

from examples import bookshop
from examples.bookshop.script import COUNTED
from examples.bookshop.values import Value
from tests.servers import MariaDBServer, PostgreSQLServer
from tests.servers.programs import find_postgresql, find_program
from tests.unit.bookshop_reading import ROOT, ROWS, Run, Shop, opened, server_shop, sqlite_runner, stored, written

NOTE = "reader's note"
REFUSALS = (sqlite3.Error, pg8000.exceptions.DatabaseError, pymysql.MySQLError)


@pytest.fixture(scope="module", params=bookshop.DIALECTS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    dialect: str = request.param
    if dialect == "sqlite":
        path = tmp_path_factory.mktemp("bookshop") / "bookshop.sqlite"
        bookshop.load_sqlite(path)
        yield Shop(dialect, sqlite_runner(path))
    else:
        server: PostgreSQLServer | MariaDBServer = request.getfixturevalue(f"{dialect}_server")
        yield server_shop(dialect, server, "bookshop_sample")
        server.drop_database("bookshop_sample")


@pytest.mark.parametrize("table", bookshop.TABLES)
def test_every_database_holds_exactly_the_rows_we_made(shop: Shop, table: str) -> None:
    assert stored(shop, table) == written(table)


def test_there_are_a_few_thousand_rows_and_no_table_is_empty() -> None:
    sizes = {table: len(found) for table, found in ROWS.items()}
    assert min(sizes.values()) > 0
    assert 3_000 <= sum(sizes.values()) <= 9_000


def test_rows_follow_the_tables_they_refer_to(tmp_path: Path) -> None:
    bookshop.load_sqlite(tmp_path / "bookshop.sqlite")
    run = sqlite_runner(tmp_path / "bookshop.sqlite")
    for place, table in enumerate(bookshop.TABLES):
        for foreign in run(f"SELECT \"table\" FROM pragma_foreign_key_list('{table.replace(chr(39), chr(39) * 2)}')"):
            assert bookshop.TABLES.index(foreign[0]) <= place
    assert run("PRAGMA foreign_key_check") == []
    assert run("PRAGMA integrity_check") == [("ok",)]


FOREIGN_KEYS = {
    "sqlite": "SELECT count(*) FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' AND f.seq = 0",
    "postgresql": "SELECT count(*) FROM pg_constraint WHERE contype = 'f'",
    "mariadb": "SELECT count(*) FROM information_schema.referential_constraints WHERE constraint_schema = database()",
}


def test_every_database_keeps_the_same_foreign_keys(shop: Shop) -> None:
    assert shop.number(FOREIGN_KEYS[shop.dialect]) == 28


BROKEN_WRITES = {
    "foreign key": "INSERT INTO book_tag (book_id, tag) VALUES (1, 'no such tag')",
    "composite foreign key": "INSERT INTO stock_movement (shop_id, book_id, quantity) VALUES (4, 1, 1)",
    "unique": "INSERT INTO shop (name, city, latitude, longitude) VALUES ('Buch & Bohne', 'Bonn', 0, 0)",
    "composite unique": "UPDATE address SET label = 'same'",
    "check": "UPDATE review SET rating = 6",
    "check of two columns": "UPDATE author SET died_on = '1000-01-01' WHERE born_on IS NOT NULL",
    "enum": "UPDATE book SET status = 'burnt'",
    "not null": "UPDATE book SET title = NULL",
    "generated": "INSERT INTO order_line (order_id, line_number, book_id, price, amount) VALUES (1001, 99, 1, 1, 1)",
    "address": "UPDATE customer SET email = 'nobody' WHERE id = 1",
    "negative stock": "UPDATE stock SET quantity = -1",
}


@pytest.mark.parametrize("sql", BROKEN_WRITES.values(), ids=BROKEN_WRITES)
def test_what_breaks_a_rule_of_the_shop_is_refused_everywhere(shop: Shop, sql: str) -> None:
    with pytest.raises(REFUSALS):
        shop.run(sql)


def test_the_database_computes_the_generated_columns(shop: Shop) -> None:
    names = {(row[0], row[1]) for row in shop.run("SELECT id, full_name FROM staff")}
    assert names == {(row["id"], f"{row['given_name']} {row['family_name']}") for row in ROWS["staff"]}
    amounts = {
        tuple(row[:2]): Decimal(str(row[2])) for row in shop.run("SELECT order_id, line_number, amount FROM order_line")
    }
    for line in ROWS["order_line"]:
        assert amounts[line["order_id"], line["line_number"]] == line["quantity"] * line["price"]


def test_the_views_say_what_the_tables_say(shop: Shop) -> None:
    published = [book for book in ROWS["book"] if book["status"] == "published"]
    assert {row[0] for row in shop.run("SELECT id FROM published_book")} == {book["id"] for book in published}
    sold = {order["id"]: order["customer_id"] for order in ROWS["order"] if order["status"] in {"paid", "shipped"}}
    spent: dict[Value, Decimal] = defaultdict(Decimal)
    for line in ROWS["order_line"]:
        if line["order_id"] in sold:
            spent[sold[line["order_id"]]] += line["quantity"] * line["price"]
    orders = Counter(sold.values())
    found = shop.run("SELECT customer_id, orders, spent FROM customer_spending")
    assert len(found) == len(ROWS["customer"])
    for customer, count, total in found:
        assert (count, None if total is None else Decimal(str(total))) == (orders[customer], spent.get(customer))


def test_new_rows_get_keys_behind_the_old_ones(shop: Shop) -> None:
    for table, columns, values in (
        ("category", "name", "'New'"),
        ("order", "customer_id, billing_address_id", "1, 1"),
        ("customer", "email, name, login_secret", "'new@mail.example', 'New', 'x'"),
        (NOTE, "customer_id", "1"),
    ):
        last = max(row["id"] for row in ROWS[table])
        shop.run(f'INSERT INTO "{table}" ({columns}) VALUES ({values})')
        assert shop.number(f'SELECT max(id) FROM "{table}"') == last + 1
        shop.run(f'DELETE FROM "{table}" WHERE id = {last + 1}')


def client_command(server: PostgreSQLServer | MariaDBServer, database: str) -> list[str]:
    if isinstance(server, PostgreSQLServer):
        return [str(find_postgresql("psql")), "--quiet", "--set=ON_ERROR_STOP=1", server.url(database)]
    client = find_program(("mariadb", "mysql"), "mariadb-client")
    return [str(client), f"--host={server.host}", f"--port={server.port}", "--user=root", database]


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_the_databases_own_client_loads_the_same(dialect: str, request: pytest.FixtureRequest) -> None:
    server: PostgreSQLServer | MariaDBServer = request.getfixturevalue(f"{dialect}_server")
    server.create_database("bookshop_client")
    printed = subprocess.run([sys.executable, "-m", "examples.bookshop", dialect], cwd=ROOT, stdout=PIPE, check=True)
    subprocess.run(client_command(server, "bookshop_client"), input=printed.stdout, stdout=PIPE, check=True)
    for table in bookshop.TABLES:
        assert stored(opened(dialect, server, "bookshop_client"), table) == written(table)
    server.drop_database("bookshop_client")


def test_every_sequence_of_postgresql_stands_behind_its_rows(postgresql_server: PostgreSQLServer) -> None:
    shop = server_shop("postgresql", postgresql_server, "bookshop_sequences")
    last = dict(map(tuple, shop.run("SELECT sequencename, last_value FROM pg_sequences")))
    assert last == {f"{table}_id_seq": max(row["id"] for row in ROWS[table]) for table in COUNTED}
    postgresql_server.drop_database("bookshop_sequences")


def test_a_second_loading_is_refused_and_changes_nothing(shop: Shop) -> None:
    first_table = next(sql for sql in bookshop.statements(shop.dialect) if "CREATE TABLE" in sql)
    with pytest.raises(REFUSALS, match="already exists"):
        shop.execute(first_table)
    assert not any("DROP" in sql for sql in bookshop.schema(shop.dialect))
    assert stored(shop, "book") == written("book")


# Everything awkward that the sample promises.

COLUMNS = {
    "sqlite": "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT table_name, column_name, CASE data_type WHEN 'USER-DEFINED' THEN 'enum ' || udt_name ELSE data_type END "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "mariadb": "SELECT table_name, column_name, column_type FROM information_schema.columns WHERE table_schema = database()",
}
TYPES = {  # what is awkward → column, and how its type begins in SQLite, PostgreSQL and MariaDB
    "text key": ("publisher.code", "varchar", "character varying", "varchar"),
    "uuid key": ("author.id", "uuid", "uuid", "uuid"),
    "enum": ("book.status", "varchar", "enum publication_status", "enum('draft','published','withdrawn')"),
    "decimal": ("order.exchange_rate", "decimal(14,8)", "numeric", "decimal(14,8)"),
    "json": ("book.attributes", "json", "jsonb", "longtext"),
    "with zone": ("book.publish_at", "timestamptz", "timestamp with time zone", "timestamp(6)"),
    "without zone": ("order.collect_at", "timestamp", "timestamp without time zone", "datetime(6)"),
    "date": ("author.born_on", "date", "date", "date"),
    "time": ("shop.opens_at", "time", "time without", "time"),
    "boolean": ("customer_profile.newsletter", "boolean", "boolean", "tinyint(1)"),
    "float": ("book.weight", "double", "double precision", "double"),
    "blob": ("author.portrait", "blob", "bytea", "blob"),
    "large integer": ("stock_movement.checksum", "bigint", "bigint", "bigint"),
    "quoted column": (f'{NOTE}.say "hi"', "text", "text", "text"),
    "percent column": (f"{NOTE}.100%", "decimal", "numeric", "decimal"),
    "reserved column": (f"{NOTE}.order", "integer", "integer", "int"),
    "padded text": ("book.isbn", "char(13)", "character", "char(13)"),
}


@pytest.mark.parametrize("awkward", TYPES)
def test_every_awkward_type_is_there(shop: Shop, awkward: str) -> None:
    column, *kinds = TYPES[awkward]
    found = {f"{table}.{name}": kind.lower() for table, name, kind in shop.execute(COLUMNS[shop.dialect])}
    assert found[column].startswith(dict(zip(("sqlite", "postgresql", "mariadb"), kinds, strict=True))[shop.dialect])


def test_one_table_is_seventy_columns_wide(shop: Shop) -> None:
    widths = Counter(table for table, _, _ in shop.execute(COLUMNS[shop.dialect]))
    assert set(widths) == {*bookshop.TABLES, *bookshop.VIEWS}
    assert widths["reading_survey"] == 70


def test_tables_and_columns_have_comments_where_the_database_has_them(shop: Shop) -> None:
    comments = {
        "sqlite": "SELECT sql FROM sqlite_schema WHERE name = 'reader''s note'",
        "postgresql": "SELECT obj_description('\"reader''s note\"'::regclass)",
        "mariadb": "SELECT table_comment FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name = 'reader''s note'",
    }
    columns = {
        "postgresql": "SELECT col_description('staff'::regclass, attnum) FROM pg_attribute WHERE attname = 'salary'",
        "mariadb": "SELECT column_comment FROM information_schema.columns"
        " WHERE table_schema = database() AND column_name = 'salary'",
    }
    (comment,) = shop.execute(comments[shop.dialect])[0]
    assert ("spreadsheet" in comment) == (shop.dialect != "sqlite")
    if shop.dialect in columns:
        assert shop.execute(columns[shop.dialect])[0][0] == "Gross, a month. For nobody's eyes but the owner's."


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sqlite_runner(bookshop.ensure_sample(tmp_path_factory.mktemp("sample")))


def key(run: Run, table: str) -> list[str]:
    return [name for (name,) in run(f'SELECT name FROM pragma_table_info("{table}") WHERE pk ORDER BY pk')]


def test_keys_and_foreign_keys_are_awkward(embedded: Run) -> None:
    foreign: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for table, number, far, column in embedded(
        'SELECT t.name, f.id, f."table", f."from" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f ORDER BY f.seq'
    ):
        foreign[table][number].append((far, column))
    assert key(embedded, "order_line") == ["order_id", "line_number"]
    assert key(embedded, "book_author") == ["book_id", "author_id"]
    assert len(ROWS["book_author"][0]) > 2, "the junction carries something"
    assert key(embedded, "stock_movement") == []
    assert key(embedded, "customer_profile") == ["customer_id"]
    assert [("category", "parent_id")] in foreign["category"].values()
    assert [("stock", "shop_id"), ("stock", "book_id")] in foreign["stock_movement"].values()
    assert {("address", "billing_address_id"), ("address", "shipping_address_id")} <= {
        pair for pairs in foreign["order"].values() for pair in pairs
    }
    assert {name for (name,) in embedded("SELECT name FROM pragma_table_list WHERE wr = 1")} == {
        "tag",
        "book_tag",
        "stock",
    }


def holds(table: str, column: str, test: Callable[[Any], bool]) -> bool:
    return any(row[column] is not None and test(row[column]) for row in ROWS[table])


VALUES: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "beyond a float": ("customer", "id", lambda value: value > 2**53),
    "largest integer": ("stock_movement", "checksum", lambda value: value == 2**63 - 1),
    "smallest integer": ("stock_movement", "checksum", lambda value: value == -(2**63)),
    "negative integer": ("stock_movement", "quantity", lambda value: value < 0),
    "negative decimal": ("customer", "credit", lambda value: value < 0),
    "negative float": ("shop", "longitude", lambda value: value < 0),
    "very small float": ("review", "sentiment", lambda value: 0 < value < 1e-4),
    "four-byte text": ("book", "title", lambda value: any(ord(letter) > 0xFFFF for letter in value)),
    "combining text": ("book", "subtitle", lambda value: unicodedata.normalize("NFC", value) != value),
    "text from right to left": ("customer", "name", lambda value: unicodedata.bidirectional(value[0]) == "AL"),
    "single quote": ("book", "title", lambda value: "'" in value),
    "double quote": ("book", "title", lambda value: '"' in value),
    "backslash": ("book", "title", lambda value: "\\" in value),
    "line break": ("book", "title", lambda value: "\n" in value),
    "pattern signs": ("book", "title", lambda value: "%" in value and "_" in value),
    "empty text": ("book", "subtitle", lambda value: value == ""),
    "a comma in a key": ("tag", "name", lambda value: "," in value),
    "a slash in a key": ("tag", "name", lambda value: "/" in value),
    "very long text": ("review", "body", lambda value: len(value) > 10_000),
    "empty bytes": ("author", "portrait", lambda value: value == b""),
    "every byte": ("author", "portrait", lambda value: set(value) == set(range(256))),
    "JSON null": ("book", "attributes", lambda value: value.document is None),
    "JSON that is no object": ("book", "attributes", lambda value: isinstance(value.document, list)),
    "microseconds": ("review", "created_at", lambda value: value.microsecond == 1),
    "half a second": ("review", "created_at", lambda value: value.microsecond == 500_000),
    "whole seconds": ("review", "created_at", lambda value: value.microsecond == 0),
    "still to be published": ("book", "publish_at", lambda value: value.year == 2037),
    "long before 1970": ("author", "born_on", lambda value: value.year < 1600),
}


@pytest.mark.parametrize("awkward", VALUES)
def test_every_awkward_value_is_there(awkward: str) -> None:
    table, column, test = VALUES[awkward]
    assert holds(table, column, test)


@pytest.mark.parametrize(
    ("table", "column"),
    [("book", "pages"), ("book", "publish_at"), ("book", "category_id"), ("order", "shipping_address_id"),
     ("customer_profile", "newsletter"), ("review", "rating"), ("order", "details")],
)  # fmt: skip
def test_sortable_columns_and_foreign_keys_have_gaps(table: str, column: str) -> None:
    assert {row[column] is None for row in ROWS[table]} == {True, False}


def test_a_table_without_key_has_equal_rows_and_sorting_meets_ties() -> None:
    assert max(written("stock_movement").values()) == 2
    assert max(Counter(book["title"] for book in ROWS["book"]).values()) > 1


def test_the_readme_says_what_every_table_and_view_is_there_for() -> None:
    text = (ROOT / "examples" / "bookshop" / "README.md").read_text()
    assert [name for name in (*bookshop.TABLES, *bookshop.VIEWS) if f"**{name}**" not in text] == []
