"""A MariaDB with everything awkward in it, reflected and held against SQLAlchemy's Inspector where that is right."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from reflector.catalog.build import build
from reflector.catalog.facts import ColumnFact, Facts, ForeignKeyFact, TableFact
from reflector.catalog.model import DatabaseKind, Fill, TableKind
from reflector.database_url import parse_database_url
from reflector.datatypes import Kind
from reflector.drivers.mysql import MySQLDriver
from reflector.drivers.protocol import Settings
from reflector.errors import CatalogError
from reflector.reflection.mysql import facts_of, fingerprint, read_facts
from reflector.reflection.mysql_types import data_type, ignores_case
from tests.servers import MariaDBServer

# The Inspector warns of every type that it does not know.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

SCHEMA = r"""
CREATE TABLE reflect_far.place (
  country CHAR(2), city VARCHAR(40), code VARCHAR(10) NULL, PRIMARY KEY (city, country), UNIQUE KEY by_code (code)
);
CREATE TABLE everything (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY COMMENT 'the ''number''',
  flag TINYINT(1) NOT NULL DEFAULT 0, digit TINYINT(1) UNSIGNED, tiny TINYINT, small SMALLINT UNSIGNED,
  medium MEDIUMINT, big BIGINT UNSIGNED, padded INT(5) UNSIGNED ZEROFILL, one_bit BIT, bits BIT(5), made YEAR,
  mood ENUM('a', 'it''s', 'x,y', 'b\\s', 'n\nl', 'é', '(p)', 'quo"te') NOT NULL DEFAULT 'it''s',
  tags SET('p', 'q r'), doc JSON, narrow JSON CHECK (JSON_VALID(narrow) AND JSON_LENGTH(narrow) < 5),
  loose LONGTEXT CHECK (JSON_VALID(loose) OR loose = ''), plain LONGTEXT,
  uid UUID, v4 INET4, v6 INET6, price DECIMAL(12,3) CHECK (price > 0), whole DECIMAL(5), approx FLOAT, exact_ DOUBLE,
  day DATE, hour TIME(2), local_ DATETIME(6) DEFAULT NULL,
  stamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, later TIMESTAMP(3) NULL,
  name VARCHAR(20) NOT NULL, word VARCHAR(20) COLLATE utf8mb4_bin DEFAULT 'NULL', latin CHAR(3) CHARACTER SET latin1,
  short_bytes VARBINARY(9), fixed_bytes BINARY(4), some_bytes BLOB, spot POINT,
  seed INT NOT NULL DEFAULT (1 + 1), later_on INT AS (seed + 1) VIRTUAL, kept INT AS (seed + 2) STORED,
  secret INT INVISIBLE DEFAULT 3,
  CONSTRAINT enough CHECK (seed > 0),
  UNIQUE KEY by_name (name), UNIQUE KEY by_start (plain(10)), UNIQUE KEY by_both (mood, made), KEY by_latin (latin)
) COMMENT 'all of it';
CREATE TABLE visit (
  id BIGINT PRIMARY KEY, city VARCHAR(40), country CHAR(2), code VARCHAR(10), thing INT UNSIGNED,
  CONSTRAINT went_to FOREIGN KEY (city, country) REFERENCES reflect_far.place (city, country)
    ON DELETE CASCADE ON UPDATE SET NULL,
  CONSTRAINT by_the_code FOREIGN KEY (code) REFERENCES reflect_far.place (code),
  CONSTRAINT saw FOREIGN KEY (thing) REFERENCES everything (ID) ON DELETE RESTRICT
);
CREATE TABLE Visit (id INT PRIMARY KEY, note TEXT);
CREATE TABLE kept_history (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING;
CREATE TABLE shown_history (
  id INT PRIMARY KEY, x INT UNIQUE,
  row_begin TIMESTAMP(6) GENERATED ALWAYS AS ROW START, row_finish TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE,
  PERIOD FOR SYSTEM_TIME (row_begin, row_finish)
) WITH SYSTEM VERSIONING;
CREATE TABLE loose_rows (id INT PRIMARY KEY, n INT) ENGINE=MyISAM;
CREATE VIEW `loose view` AS SELECT id, n FROM loose_rows;
CREATE VIEW `view of a view` AS SELECT id FROM `loose view` WHERE n > 0;
CREATE TABLE hidden_key (id BIGINT AUTO_INCREMENT INVISIBLE PRIMARY KEY, n INT, t INT INVISIBLE, UNIQUE (n));
CREATE TABLE keyless (a INT);
CREATE TABLE `o'dd ``"name` (`a ``b` JSON, `é` INT PRIMARY KEY);
CREATE SEQUENCE counter;
CREATE VIEW simple AS SELECT id, flag, name, id + 1 AS following, stamp FROM everything;
CREATE VIEW joined AS SELECT v.id, p.code FROM visit v JOIN reflect_far.place p ON p.city = v.city;
CREATE VIEW `a join b` AS SELECT id AS `x join y` FROM visit WHERE country <> ' join ';
CREATE VIEW documents AS
  SELECT e.id, e.doc AS paper, e.plain, CONCAT(e.plain, e.doc) AS text_of_it, d.`a ``b` AS `odd ``one`
  FROM everything e LEFT JOIN `o'dd ``"name` d ON d.`é` = e.id;
CREATE VIEW papers AS SELECT DISTINCT doc FROM everything;
CREATE VIEW mixed AS SELECT doc FROM everything UNION SELECT plain FROM everything;
CREATE VIEW counted AS SELECT COUNT(*) AS n FROM everything;
CREATE TABLE gone (x INT);
CREATE VIEW broken AS SELECT x FROM gone;
DROP TABLE gone;
CREATE FUNCTION tax(amount DECIMAL(5,2) UNSIGNED, kind ENUM('x','y')) RETURNS DECIMAL(5,2)
  DETERMINISTIC NO SQL SQL SECURITY INVOKER COMMENT 'a tenth' RETURN amount / 10;
CREATE PROCEDURE tax(IN a INT, OUT b TEXT, INOUT c JSON) SELECT 1;
"""

Fetch = Callable[..., Awaitable[Sequence[Sequence[Any]]]]


@pytest.fixture(scope="module")
def server(mariadb_server: MariaDBServer) -> Iterator[MariaDBServer]:
    mariadb_server.create_database("reflect_far")
    mariadb_server.create_database("reflect_near")
    mariadb_server.run("reflect_near", SCHEMA)
    yield mariadb_server
    mariadb_server.drop_database("reflect_near")
    mariadb_server.drop_database("reflect_far")


async def opened(url: str) -> MySQLDriver:
    driver = MySQLDriver(parse_database_url(url), Settings(pool_size=2))
    await driver.open()
    return driver


@pytest.fixture
async def fetch(server: MariaDBServer) -> AsyncIterator[Fetch]:
    driver = await opened(server.url("reflect_near"))
    yield driver.fetch
    await driver.close()


@pytest.fixture
async def facts(fetch: Fetch) -> Facts:
    return await read_facts(fetch, None)


@pytest.fixture
async def both(fetch: Fetch) -> Facts:
    return await read_facts(fetch, ["reflect_near", "reflect_far", "reflect_absent"])


@pytest.fixture(scope="module")
def inspector(server: MariaDBServer) -> Iterator[sa.Inspector]:
    engine = sa.create_engine(server.url("reflect_near").replace("mysql://", "mysql+pymysql://"))
    yield sa.inspect(engine)
    engine.dispose()


def table(facts: Facts, name: str) -> TableFact:
    return next(each for each in facts.tables if each.name == name)


def column(facts: Facts, name: str) -> ColumnFact:
    table_name, _, column_name = name.partition(".")
    return next(each for each in table(facts, table_name).columns if each.name == column_name)


def keys_of(facts: Facts, name: str) -> dict[str | None, ForeignKeyFact]:
    return {key.name: key for key in facts.foreign_keys if key.table == name}


# ── beside the Inspector ─────────────────────────────────────────────────────────────────────

ORDINARY = ["everything", "visit", "Visit", "kept_history", "keyless", "o'dd `\"name"]


def test_tables_and_views_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector) -> None:
    ours = {each.name for each in facts.tables if each.kind is TableKind.TABLE}
    assert ours == set(inspector.get_table_names())
    assert {each.name for each in facts.tables if each.kind is TableKind.VIEW} == set(inspector.get_view_names())


@pytest.mark.parametrize("name", ORDINARY[:-1])
def test_columns_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = [(each.name, each.nullable, each.comment) for each in table(facts, name).columns]
    theirs = [(each["name"], each["nullable"], each["comment"]) for each in inspector.get_columns(name)]
    assert ours == [each for each in theirs if each[0] != "secret"]


@pytest.mark.parametrize("name", ORDINARY)
def test_numbers_come_of_themselves_where_the_inspector_says_so(
    facts: Facts, inspector: sa.Inspector, name: str
) -> None:
    ours = {each.name: each.fill for each in table(facts, name).columns}
    for each in inspector.get_columns(name):
        if each["name"] in ours:
            expected = each.get("autoincrement") is True, each.get("computed") is not None
            assert (ours[each["name"]] is Fill.IDENTITY, ours[each["name"]] is Fill.COMPUTED) == expected


@pytest.mark.parametrize("name", ORDINARY)
def test_primary_keys_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    key = table(facts, name).primary_key
    assert list(key.columns if key else ()) == inspector.get_pk_constraint(name)["constrained_columns"]


@pytest.mark.parametrize("name", [each for each in ORDINARY if each != "everything"])
def test_unique_keys_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = {(each.name, each.columns) for each in table(facts, name).uniques}
    theirs = {(each["name"], tuple(each["column_names"])) for each in inspector.get_unique_constraints(name)}
    assert ours == theirs


@pytest.mark.parametrize("name", ORDINARY)
def test_foreign_keys_are_those_of_the_inspector(both: Facts, inspector: sa.Inspector, name: str) -> None:
    ours = {
        (key.name, key.columns, key.target_schema, key.target_table) for key in both.foreign_keys if key.table == name
    }
    theirs = {
        (each["name"], tuple(each["constrained_columns"]), each["referred_schema"] or "reflect_near", each["referred_table"])
        for each in inspector.get_foreign_keys(name)
    }  # fmt: skip
    assert ours == theirs


@pytest.mark.parametrize("name", ORDINARY)
def test_comments_of_tables_are_those_of_the_inspector(facts: Facts, inspector: sa.Inspector, name: str) -> None:
    assert table(facts, name).comment == inspector.get_table_comment(name)["text"]


# ── what the Inspector misses ────────────────────────────────────────────────────────────────


def test_json_is_known_by_the_check_that_mariadb_gives_it(facts: Facts) -> None:
    assert column(facts, "everything.doc").type.kind is Kind.JSON
    assert column(facts, "everything.narrow").type.kind is Kind.JSON
    assert column(facts, "everything.plain").type.kind is Kind.TEXT
    assert column(facts, "everything.loose").type.kind is Kind.TEXT
    assert table(facts, "o'dd `\"name").columns[0].type.kind is Kind.JSON


def test_a_view_shows_json_as_json_where_it_is_a_column_as_it_stands(facts: Facts) -> None:
    json = {
        (each.name, shown.name)
        for each in facts.tables
        if each.kind is TableKind.VIEW
        for shown in each.columns
        if shown.type.kind is Kind.JSON
    }
    assert json == {("documents", "paper"), ("documents", "odd `one"), ("papers", "doc")}


def test_checks_are_all_there_but_that_one(facts: Facts) -> None:
    assert {each.name: each.expression for each in table(facts, "everything").checks} == {
        "enough": "`seed` > 0",
        "price": "`price` > 0",
        "narrow": "json_valid(`narrow`) and json_length(`narrow`) < 5",
        "loose": "json_valid(`loose`) or `loose` = ''",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v4", Kind.SPECIAL), ("v6", Kind.SPECIAL), ("uid", Kind.UUID), ("spot", Kind.OPAQUE),
        ("exact_", Kind.FLOAT), ("approx", Kind.FLOAT), ("flag", Kind.BOOLEAN), ("digit", Kind.INTEGER),
        ("one_bit", Kind.BOOLEAN), ("bits", Kind.INTEGER), ("stamp", Kind.INSTANT), ("local_", Kind.TIMESTAMP),
        ("tags", Kind.SET), ("mood", Kind.ENUM), ("day", Kind.DATE), ("hour", Kind.TIME),
        ("short_bytes", Kind.BYTES), ("some_bytes", Kind.BYTES), ("fixed_bytes", Kind.BYTES),
    ],
)  # fmt: skip
def test_types_the_inspector_does_not_know_or_takes_for_others(facts: Facts, name: str, kind: Kind) -> None:
    assert column(facts, f"everything.{name}").type.kind is kind


def test_an_opaque_column_is_named_with_its_type(facts: Facts) -> None:
    told = [notice.message for notice in build(facts).notices if notice.code == "opaque_type"]
    assert any("everything.spot" in message and "point" in message for message in told)


def test_a_default_is_a_default_and_nothing_else(facts: Facts) -> None:
    stamp, word, name, local = (column(facts, f"everything.{each}") for each in ("stamp", "word", "name", "local_"))
    assert (stamp.fill, stamp.default) == (Fill.DEFAULT, "current_timestamp()")
    assert (word.fill, word.default) == (Fill.DEFAULT, "'NULL'")
    assert (name.fill, name.default) == (Fill.NONE, None)
    assert (local.fill, local.default) == (Fill.NONE, None)
    assert column(facts, "everything.seed").default == "(1 + 1)"
    assert column(facts, "everything.kept").default == "`seed` + 2"


def test_an_invisible_column_is_left_out_with_a_notice(facts: Facts) -> None:
    assert "secret" not in [each.name for each in table(facts, "everything").columns]
    told = [notice.message for notice in facts.notices if notice.code == "invisible_column"]
    assert any("everything" in message and "secret" in message for message in told)


@pytest.mark.parametrize("name", ["loose_rows", "loose view", "view of a view"])
def test_what_takes_no_write_back_is_not_written(facts: Facts, name: str) -> None:
    found = table(facts, name)
    assert (found.insertable, found.updatable, found.deletable) == (False, False, False)
    told = {notice.message for notice in facts.notices if notice.code == "no_transactions"}
    assert len(told) == 3
    assert any(f".{name}: " in each and each.endswith("takes no write back: it is read-only") for each in told)


def test_an_invisible_column_that_a_key_needs_stays(facts: Facts) -> None:
    hidden = table(facts, "hidden_key")
    assert [each.name for each in hidden.columns] == ["id", "n"]
    assert hidden.primary_key is not None
    assert hidden.primary_key.columns == ("id",)


def test_a_primary_key_has_the_name_that_the_database_gives_it(facts: Facts) -> None:
    key = table(facts, "visit").primary_key
    assert key is not None
    assert key.name == "PRIMARY"


def test_a_versioned_table_is_a_table_without_its_hidden_columns(facts: Facts) -> None:
    assert [each.name for each in table(facts, "kept_history").columns] == ["id", "x"]
    shown = table(facts, "shown_history")
    assert [each.name for each in shown.columns] == ["id", "x", "row_begin"]
    assert column(facts, "shown_history.row_begin").fill is Fill.COMPUTED
    assert shown.primary_key is not None
    assert shown.primary_key.columns == ("id",)
    assert [each.columns for each in shown.uniques] == [("x",)]
    assert not [each for each in facts.notices if "history" in each.message]


def test_a_backtick_in_a_name_is_one_backtick(facts: Facts) -> None:
    odd = table(facts, "o'dd `\"name")
    assert [(each.name, each.nullable) for each in odd.columns] == [("a `b", True), ("é", False)]
    assert odd.primary_key is not None
    assert odd.primary_key.columns == ("é",)


def test_a_sequence_is_no_table(facts: Facts) -> None:
    assert "counter" not in {each.name for each in facts.tables}


def test_a_numbered_column_of_a_view_has_no_default_of_its_own(facts: Facts) -> None:
    assert [(each.name, each.default) for each in table(facts, "simple").columns] == [
        ("id", None), ("flag", None), ("name", None), ("following", None), ("stamp", None),
    ]  # fmt: skip
    assert column(facts, "simple.id").fill is Fill.DEFAULT
    assert column(facts, "simple.name").fill is Fill.NONE


# ── the rest ─────────────────────────────────────────────────────────────────────────────────


def test_labels_are_what_they_were_declared_as(facts: Facts) -> None:
    assert column(facts, "everything.mood").type.labels == ("a", "it's", "x,y", "b\\s", "n\nl", "é", "(p)", 'quo"te')
    assert column(facts, "everything.tags").type.labels == ("p", "q r")


def test_numbers_keep_their_size_and_sign(facts: Facts) -> None:
    sizes = {
        each.name: (each.type.bits, each.type.unsigned)
        for each in table(facts, "everything").columns
        if each.type.kind is Kind.INTEGER
    }
    assert sizes == {
        "id": (32, True), "digit": (8, True), "tiny": (8, False), "small": (16, True), "medium": (24, False),
        "big": (64, True), "padded": (32, True), "bits": (5, True), "made": (16, False), "seed": (32, False),
        "later_on": (32, False), "kept": (32, False),
    }  # fmt: skip
    price, whole = column(facts, "everything.price").type, column(facts, "everything.whole").type
    assert ((price.precision, price.scale), (whole.precision, whole.scale)) == ((12, 3), (5, 0))


def test_text_knows_its_length_and_whether_case_counts(facts: Facts) -> None:
    name, word, latin = (column(facts, f"everything.{each}") for each in ("name", "word", "latin"))
    assert (name.type.length, name.type.case_insensitive) == (20, True)
    assert (word.type.case_insensitive, word.collation) == (False, "utf8mb4_bin")
    assert (latin.type.length, latin.type.case_insensitive, latin.collation) == (3, True, "latin1_swedish_ci")
    assert column(facts, "everything.short_bytes").type.length == 9


def test_only_unique_keys_over_whole_columns_are_keys(facts: Facts) -> None:
    assert {(each.name, each.columns) for each in table(facts, "everything").uniques} == {
        ("by_name", ("name",)),
        ("by_both", ("mood", "made")),
    }


def test_foreign_keys_keep_their_order_their_actions_and_the_spelling_of_columns(both: Facts) -> None:
    keys = keys_of(both, "visit")
    went = keys["went_to"]
    assert (went.target_schema, went.target_table) == ("reflect_far", "place")
    assert (went.columns, went.target_columns) == (("city", "country"), ("city", "country"))
    assert (went.on_delete, went.on_update) == ("CASCADE", "SET NULL")
    assert (keys["saw"].target_columns, keys["saw"].on_delete) == (("id",), "RESTRICT")


def test_a_foreign_key_into_a_database_that_is_not_served_is_left_out_with_a_notice(facts: Facts) -> None:
    catalog = build(facts)
    assert {key.name for key in catalog.foreign_keys} == {"saw"}
    assert any("reflect_far.place" in each.message for each in catalog.notices if each.code == "foreign_key_skipped")


def test_the_listed_databases_are_read_in_their_order(both: Facts) -> None:
    assert both.schemas == ("reflect_near", "reflect_far")
    assert build(both).tables["reflect_far.place"].primary_key is not None


def test_tables_that_differ_in_case_alone_are_two_tables(facts: Facts) -> None:
    assert [each.name for each in table(facts, "visit").columns] == ["id", "city", "country", "code", "thing"]
    assert [each.name for each in table(facts, "Visit").columns] == ["id", "note"]


@pytest.mark.parametrize(
    ("name", "insertable", "updatable", "deletable"),
    [
        ("simple", True, True, True), ("joined", False, True, False), ("a join b", True, True, True),
        ("counted", False, False, False), ("visit", True, True, True),
    ],
)  # fmt: skip
def test_what_can_be_written_through_a_view(
    facts: Facts, name: str, insertable: bool, updatable: bool, deletable: bool
) -> None:
    view = table(facts, name)
    assert (view.insertable, view.updatable, view.deletable) == (insertable, updatable, deletable)


def test_a_broken_view_is_told_and_harms_nothing_else(facts: Facts) -> None:
    catalog = build(facts)
    assert "broken" not in catalog.tables
    assert "simple" in catalog.tables
    assert any("broken" in notice.message for notice in catalog.notices)


def test_routines_are_recorded(facts: Facts) -> None:
    function, procedure = facts.functions
    assert (function.name, function.returns, function.volatility, function.security_definer, function.comment) == (
        "tax", "decimal(5,2)", "immutable", False, "a tenth",
    )  # fmt: skip
    assert [(each.name, each.type.kind, each.mode) for each in function.arguments] == [
        ("amount", Kind.DECIMAL, "in"),
        ("kind", Kind.ENUM, "in"),
    ]
    assert (procedure.returns, procedure.volatility, procedure.security_definer) == ("void", "volatile", True)
    assert [each.mode for each in procedure.arguments] == ["in", "out", "inout"]


def test_row_estimates_are_whole_numbers(facts: Facts) -> None:
    assert type(table(facts, "visit").row_estimate) is int
    assert table(facts, "simple").row_estimate is None


def test_the_server_is_known(facts: Facts) -> None:
    assert (facts.kind, facts.schemas) == (DatabaseKind.MARIADB, ("reflect_near",))
    assert facts.version >= (10, 5)


async def test_who_may_only_read_sees_the_same_keys(server: MariaDBServer, facts: Facts) -> None:
    """MariaDB hides the actions of foreign keys, the definitions of views and the routines from them, and no more."""
    server.run(
        "reflect_near",
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'x'; GRANT SELECT ON reflect_near.* TO reader@'127.0.0.1'",
    )
    driver = await opened(server.url("reflect_near").replace("root@", "reader:x@"))
    try:
        read = await read_facts(driver.fetch, None)
    finally:
        await driver.close()
        server.run("reflect_near", "DROP USER reader@'127.0.0.1'")
    for name in ORDINARY:
        theirs, ours = table(read, name), table(facts, name)
        assert (theirs.columns, theirs.primary_key, theirs.uniques) == (ours.columns, ours.primary_key, ours.uniques)
    assert keys_of(read, "visit")["saw"].target_columns == ("id",)


async def test_columns_that_may_not_be_seen_take_their_keys_with_them(server: MariaDBServer) -> None:
    server.run(
        "reflect_near",
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'x';"
        "GRANT SELECT (city, code, thing) ON reflect_near.visit TO reader@'127.0.0.1'",
    )
    driver = await opened(server.url("reflect_near").replace("root@", "reader:x@"))
    try:
        catalog = build(await read_facts(driver.fetch, None))
    finally:
        await driver.close()
        server.run("reflect_near", "DROP USER reader@'127.0.0.1'")
    assert [each.name for each in catalog.tables["visit"].columns] == ["city", "code", "thing"]
    assert catalog.tables["visit"].primary_key is None


async def test_a_url_without_a_database_is_refused() -> None:
    async def fetch(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        return [("10.11.4-MariaDB", None, 1)]

    with pytest.raises(CatalogError, match="names no database"):
        await read_facts(fetch, None)


async def test_the_number_of_questions_does_not_grow_with_the_tables(fetch: Fetch) -> None:
    asked: list[str] = []

    async def counting(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        asked.append(text)
        return await fetch(text, *values)

    await read_facts(counting, None)
    assert len([text for text in asked if "information_schema" in text]) == 6
    asked.clear()
    await fingerprint(counting)
    assert len(asked) == 2


# ── the fingerprint ──────────────────────────────────────────────────────────────────────────

CHANGES = """
ALTER TABLE watched ADD COLUMN c INT
ALTER TABLE watched MODIFY COLUMN c BIGINT
ALTER TABLE watched MODIFY COLUMN c BIGINT NOT NULL
ALTER TABLE watched ALTER COLUMN c SET DEFAULT 5
ALTER TABLE watched MODIFY COLUMN c BIGINT NOT NULL DEFAULT 5 COMMENT 'five'
ALTER TABLE watched MODIFY COLUMN c BIGINT NOT NULL DEFAULT 5 COMMENT 'five' FIRST
ALTER TABLE watched RENAME COLUMN c TO d
ALTER TABLE watched ADD UNIQUE by_d (d)
ALTER TABLE watched ADD CHECK (d > 1)
ALTER TABLE watched ADD CONSTRAINT up FOREIGN KEY (up) REFERENCES watched (id)
ALTER TABLE watched DROP FOREIGN KEY up, ADD CONSTRAINT up2 FOREIGN KEY (up) REFERENCES watched (id) ON DELETE CASCADE
ALTER TABLE watched COMMENT 'looked at'
ALTER TABLE watched DROP COLUMN d, DROP CONSTRAINT CONSTRAINT_1
CREATE VIEW watching AS SELECT id FROM watched
CREATE OR REPLACE VIEW watching AS SELECT DISTINCT id FROM watched
CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1
CREATE TABLE another (id INT)
RENAME TABLE another TO other
DROP TABLE other
""".strip().splitlines()


async def test_the_fingerprint_sees_every_change_even_within_one_second(mariadb_server: MariaDBServer) -> None:
    url = mariadb_server.create_database("reflect_watched")
    mariadb_server.run("reflect_watched", "CREATE TABLE watched (id INT PRIMARY KEY, up INT)")
    driver = await opened(url)
    seen = [await fingerprint(driver.fetch)]
    try:
        for change in CHANGES:
            if change.startswith("ALTER TABLE watched DROP COLUMN"):
                mariadb_server.run("reflect_watched", "ALTER TABLE watched DROP INDEX by_d")
            mariadb_server.run("reflect_watched", change)
            now = await fingerprint(driver.fetch)
            assert now != seen[-1], change
            seen.append(now)
        assert seen[-1] == seen[-4], "the schema is again as it was"
        mariadb_server.run("reflect_watched", "INSERT INTO watched (id) VALUES (1); ANALYZE TABLE watched")
        assert await fingerprint(driver.fetch) == seen[-1]
    finally:
        await driver.close()
        mariadb_server.drop_database("reflect_watched")


async def test_the_fingerprint_watches_the_databases_that_are_listed(server: MariaDBServer, fetch: Fetch) -> None:
    alone, listed = await fingerprint(fetch), await fingerprint(fetch, ["reflect_near", "reflect_far"])
    server.run("reflect_far", "CREATE TABLE new_here (id INT)")
    try:
        assert await fingerprint(fetch) == alone
        assert await fingerprint(fetch, ["reflect_near", "reflect_far"]) != listed
    finally:
        server.run("reflect_far", "DROP TABLE new_here")


# ── MySQL, of which there is none here ───────────────────────────────────────────────────────


def test_what_mysql_spells_otherwise_means_the_same() -> None:
    """Rows as MySQL 8 documents them: no widths, native JSON, defaults without quotes, NULL for no default."""
    at = ("shop", "item")
    columns = [
        (*at, 1, "id", "int unsigned", None, "NO", None, "auto_increment", "", ""),
        (*at, 2, "flag", "tinyint(1)", None, "NO", "0", "", "", ""),
        (*at, 3, "doc", "json", None, "YES", None, "", "", ""),
        (*at, 4, "name", "varchar(9)", "utf8mb4_0900_ai_ci", "YES", "NULL", "", "", ""),
        (*at, 5, "at", "timestamp", None, "YES", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED on update CURRENT_TIMESTAMP", "", ""),
        (*at, 6, "twice", "int", None, "YES", None, "VIRTUAL GENERATED", "(`id` * 2)", ""),
        (*at, 7, "my_row_id", "bigint unsigned", None, "NO", None, "auto_increment INVISIBLE", "", ""),
    ]  # fmt: skip
    facts = facts_of(
        DatabaseKind.MYSQL,
        (8, 4, 0),
        ("shop",),
        [
            [(*at, 0, "BASE TABLE", "", None, None, "InnoDB", 1, 12)],
            columns,
            [(*at, 1, "PRIMARY", "id", None), (*at, 1, "by_expression", None, None)],
            [],
            [(*at, 0, "item_chk_1", "(`id` > 0)", 0)],
            [],
        ],
    )
    item = table(facts, "item")
    assert [(each.name, each.type.kind, each.fill) for each in item.columns] == [
        ("id", Kind.INTEGER, Fill.IDENTITY),
        ("flag", Kind.BOOLEAN, Fill.DEFAULT),
        ("doc", Kind.JSON, Fill.NONE),
        ("name", Kind.TEXT, Fill.DEFAULT),
        ("at", Kind.INSTANT, Fill.DEFAULT),
        ("twice", Kind.INTEGER, Fill.COMPUTED),
    ]
    assert item.uniques == ()
    assert [each.name for each in item.checks] == ["item_chk_1"]
    assert item.row_estimate == 12


# ── types ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("collation", "ignores"),
    [
        ("utf8mb4_general_ci", True), ("utf8mb4_bin", False), ("latin1_general_cs", False), ("binary", False),
        ("utf8mb4_uca1400_ai_cs", True), ("utf8mb4_uca1400_as_cs", False), ("utf8mb4_0900_as_ci", True),
        ("utf8mb4_0900_bin", False), ("utf8mb4_nopad_bin", False), ("utf8mb4_thai_520_w2", True), (None, False),
    ],
)  # fmt: skip
def test_a_collation_says_whether_case_or_accents_count(collation: str | None, ignores: bool) -> None:
    assert ignores_case(collation) is ignores


@pytest.mark.parametrize(("label", "spelled"), [("a", "b"), ("0", "ZERO"), ("ünï", "b"), ("a)b", "c"), ("\\'", "d")])
def test_labels_round_trip_through_the_server(mariadb_server: MariaDBServer, label: str, spelled: str) -> None:
    mariadb_server.create_database("reflect_labels")
    try:
        literal = pymysql.converters.escape_string(label)
        mariadb_server.run("reflect_labels", f"CREATE TABLE t (a ENUM('{literal}', '{spelled}') NOT NULL)")
        [(said,)] = mariadb_server.run(
            "reflect_labels", "SELECT column_type FROM information_schema.columns WHERE table_schema = 'reflect_labels'"
        )
    finally:
        mariadb_server.drop_database("reflect_labels")
    assert data_type(said).labels == (label, spelled)


@pytest.mark.parametrize("native", ["geometry", "vector(3)", "multipolygon", "something_new"])
def test_an_unknown_type_is_opaque(native: str) -> None:
    assert data_type(native).kind is Kind.OPAQUE
    assert data_type(native).native == native


def test_a_compressed_column_is_of_its_own_type() -> None:
    assert data_type("varchar(20) /*M!100301 COMPRESSED*/").length == 20
    assert data_type("text /*M!100301 COMPRESSED*/").kind is Kind.TEXT
