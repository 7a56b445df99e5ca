"""A PostgreSQL database with everything awkward in it, held against SQLAlchemy's Inspector where that is right."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from reflector.catalog.build import Overlay, build
from reflector.catalog.facts import ColumnFact, Facts, TableFact
from reflector.catalog.model import Catalog, DatabaseKind, Fill, Function, TableKind
from reflector.datatypes import Kind
from reflector.reflection import Fetch, fingerprint, reflect
from reflector.reflection.postgresql import read_facts
from reflector.reflection.postgresql_types import BUILT_IN
from tests.servers import PostgreSQLServer

DATABASE = "awkward"
SCRIPT = Path(__file__).with_name("awkward_postgresql.sql")


@pytest.fixture(scope="module")
def url(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    url = postgresql_server.create_database(DATABASE)
    postgresql_server.run(DATABASE, SCRIPT.read_text())
    yield url
    postgresql_server.drop_database(DATABASE)


@pytest.fixture
async def fetch(url: str) -> AsyncIterator[Fetch]:
    connection = await asyncpg.connect(url)
    try:
        yield connection.fetch
    finally:
        await connection.close()


@pytest.fixture
async def facts(fetch: Fetch) -> Facts:
    return await read_facts(fetch, None)


@pytest.fixture
def catalog(facts: Facts) -> Catalog:
    return build(facts)


@pytest.fixture(scope="module")
def inspector(url: str) -> Iterator[sa.Inspector]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+pg8000://"))
    with engine.connect() as connection:
        yield sa.inspect(connection)
    engine.dispose()


def columns(facts: Facts, table: str) -> dict[str, ColumnFact]:
    return {column.name: column for column in table_fact(facts, table).columns}


def table_fact(facts: Facts, name: str) -> TableFact:
    schema, _, table = name.rpartition(".")
    return next(fact for fact in facts.tables if (fact.schema, fact.name) == (schema or "public", table))


# ── beside the oracle ────────────────────────────────────────────────────────────────────────


OF_EXTENSIONS = "SELECT objid::regclass::text FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'"


def oracle_tables(inspector: sa.Inspector, schema: str) -> set[str]:
    views = {*inspector.get_view_names(schema), *inspector.get_materialized_view_names(schema)}
    return {*inspector.get_table_names(schema), *inspector.get_foreign_table_names(schema), *views}  # type: ignore[attr-defined]


def test_tables_are_those_of_the_oracle_but_for_partitions_and_extensions(
    facts: Facts, inspector: sa.Inspector
) -> None:
    ours = {(fact.schema, fact.name) for fact in facts.tables}
    theirs = {(schema, name) for schema in ("public", "shop") for name in oracle_tables(inspector, schema)}
    assert ours == theirs - {
        ("public", "measurement_2023"),
        ("public", "measurement_2024"),
        ("public", "measurement_2024_rest"),
        *(("public", name) for name in theirs_of_extensions(inspector)),
    }


def theirs_of_extensions(inspector: sa.Inspector) -> set[str]:
    """The views that extensions brought; how many these are differs by version."""
    with inspector.engine.connect() as connection:
        return set(connection.scalars(sa.text(OF_EXTENSIONS)))


# It does not know every type.
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_columns_are_those_of_the_oracle(facts: Facts, inspector: sa.Inspector) -> None:
    """Names, order, defaults, comments, what is generated; and nullability, but for what only a domain says."""
    for fact in facts.tables:
        theirs = inspector.get_columns(fact.name, schema=fact.schema)
        assert [column.name for column in fact.columns] == [column["name"] for column in theirs]
        for ours, other in zip(fact.columns, theirs, strict=True):
            if ours.name != "c_strict":
                assert ours.nullable == other["nullable"], ours
            assert ours.comment == other["comment"]
            default = None if other.get("computed") else other["default"]
            # It writes the schema of a sequence even where the search path leads to it.
            assert ours.default == (default and default.replace('"public".', "")), ours
            identity = other.get("identity")
            assert (ours.fill is Fill.ALWAYS) == bool(identity and identity["always"])
            assert (ours.fill is Fill.IDENTITY) == bool(
                other["autoincrement"] and not (identity and identity["always"])
            )


def test_keys_are_those_of_the_oracle(facts: Facts, inspector: sa.Inspector) -> None:
    for fact in facts.tables:
        primary = inspector.get_pk_constraint(fact.name, schema=fact.schema)
        ours = fact.primary_key
        assert (list(ours.columns) if ours else []) == primary["constrained_columns"]
        assert (ours.name if ours else None) == primary["name"]
        theirs = {
            (index["name"], tuple(index["column_names"]))
            for index in inspector.get_indexes(fact.name, schema=fact.schema)
            if index["unique"]
            and None not in index["column_names"]
            and not index["dialect_options"].get("postgresql_where")
        }
        assert {(key.name, key.columns) for key in fact.uniques} == theirs


def test_foreign_keys_are_those_of_the_oracle(facts: Facts, inspector: sa.Inspector) -> None:
    theirs = set()
    for fact in facts.tables:
        for key in inspector.get_foreign_keys(fact.name, schema=fact.schema):
            if key["referred_table"].startswith("measurement_"):
                continue  # It tells of a key to a partitioned table once more for each partition.
            options = key["options"]
            target = (key["referred_schema"] or "public", key["referred_table"], tuple(key["referred_columns"]))
            actions = (options.get("onupdate", "NO ACTION"), options.get("ondelete", "NO ACTION"))
            theirs.add((fact.schema, fact.name, key["name"], tuple(key["constrained_columns"]), *target, *actions))
    ours = {
        (
            *(key.schema, key.table, key.name, key.columns),
            *(key.target_schema, key.target_table, key.target_columns, key.on_update, key.on_delete),
        )
        for key in facts.foreign_keys
    }
    assert ours == theirs
    assert len(facts.foreign_keys) == len(theirs)


def test_checks_and_comments_are_those_of_the_oracle(facts: Facts, inspector: sa.Inspector) -> None:
    for fact in facts.tables:
        assert fact.comment == inspector.get_table_comment(fact.name, schema=fact.schema)["text"]
        theirs = {
            (check["name"], check["sqltext"]) for check in inspector.get_check_constraints(fact.name, fact.schema)
        }
        assert {(check.name, check.expression) for check in fact.checks} == theirs


# ── where the oracle is silent or wrong ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "kind", "writable"),
    [
        ("book", TableKind.TABLE, (True, True, True)),
        ("measurement", TableKind.TABLE, (True, True, True)),
        ("cheap_book", TableKind.VIEW, (True, True, True)),
        ("book_count", TableKind.VIEW, (False, False, False)),
        ("triggered", TableKind.VIEW, (True, False, False)),
        ("book_stats", TableKind.MATERIALIZED_VIEW, (False, False, False)),
        ("far_away", TableKind.FOREIGN, (False, False, False)),
    ],
)
def test_a_table_is_of_a_kind_and_written_where_the_database_can(
    facts: Facts, table: str, kind: TableKind, writable: tuple[bool, bool, bool]
) -> None:
    fact = table_fact(facts, table)
    assert (fact.kind, (fact.insertable, fact.updatable, fact.deletable)) == (kind, writable)


def test_a_views_expressions_cannot_be_written(facts: Facts) -> None:
    assert {name: column.fill for name, column in columns(facts, "cheap_book").items()} == {
        "id": Fill.NONE,
        "title": Fill.NONE,
        "doubled": Fill.COMPUTED,
    }
    assert {column.fill for column in columns(facts, "triggered").values()} == {Fill.NONE}


def test_partitions_are_folded_into_their_table(facts: Facts, catalog: Catalog) -> None:
    assert not [fact.name for fact in facts.tables if fact.name.startswith("measurement_")]
    assert table_fact(facts, "measurement").primary_key.columns == ("taken", "id")  # type: ignore[union-attr]
    assert list(catalog.relationships[catalog.tables["measurement"]]) == ["author", "remark"]


async def test_a_row_estimate_is_none_until_the_table_is_analysed(fetch: Fetch, facts: Facts) -> None:
    names = ("measurement", "remark", "author")
    await fetch("ANALYZE measurement_2023, measurement_2024_rest, author")
    analysed = await read_facts(fetch, None)
    assert [table_fact(analysed, name).row_estimate for name in names] == [17, None, 0]
    assert table_fact(analysed, "cheap_book").row_estimate is None


def test_a_materialized_view_has_its_unique_index_and_no_primary_key(facts: Facts) -> None:
    fact = table_fact(facts, "book_stats")
    assert fact.primary_key is None
    assert [key.columns for key in fact.uniques] == [("author_id",)]


def test_only_plain_unique_indexes_are_keys(facts: Facts) -> None:
    """Neither an expression, nor a condition, nor what is merely included, nor an exclusion makes rows unique."""
    assert [(key.name, key.columns) for key in table_fact(facts, "book").uniques] == [("book_isbn", ("isbn",))]
    assert table_fact(facts, "room").uniques == ()


def test_a_domain_is_its_base_and_may_refuse_null(facts: Facts) -> None:
    of = columns(facts, "every_type")
    strict = of["c_strict"]
    assert (strict.type.kind, strict.type.cast, strict.type.native) == (
        Kind.INTEGER,
        "pg_catalog.int4",
        "strict_positive",
    )
    assert (strict.nullable, strict.fill) == (False, Fill.DEFAULT)
    assert of["c_positive"].nullable
    assert of["c_code"].type.length == 12
    assert (of["c_tags"].type.kind, of["c_tags"].type.cast) == (Kind.ARRAY, "pg_catalog.text[]")
    price = columns(facts, "book")["price"].type
    assert (price.kind, price.precision, price.scale) == (Kind.DECIMAL, 10, 2)


def test_enums_have_their_labels_in_order(facts: Facts) -> None:
    mood = columns(facts, "every_type")["c_mood"].type
    assert (mood.kind, mood.labels) == (Kind.ENUM, ("sad", "elated", "so 'so'", "happy"))


@pytest.mark.parametrize("name", ["c_loose", "c_citext"])
def test_what_compares_without_case_says_so(facts: Facts, name: str) -> None:
    type_ = columns(facts, "every_type")[name].type
    assert (type_.kind, type_.case_insensitive) == (Kind.TEXT, True)


def test_a_collation_is_named_unless_it_is_the_types_own_or_the_databases(facts: Facts) -> None:
    named = {name: each.collation for name, each in columns(facts, "every_type").items() if each.collation}
    assert named == {"c_code": "C", "c_loose": "loose", "c_ordered": "C"}


KINDS = {
    "c_bool": "boolean",
    "c_int2": "integer",
    "c_int8": "integer",
    "c_numeric": "decimal",
    "c_float4": "float",
    "c_text": "text",
    "c_char": "text",
    "c_name": "text",
    "c_bytea": "bytes",
    "c_date": "date",
    "c_time_3": "time",
    "c_timestamp": "timestamp",
    "c_timestamptz": "instant",
    "c_interval": "interval",
    "c_json": "json",
    "c_jsonb": "json",
    "c_inet": "special",
    "c_cidr": "special",
    "c_macaddr": "special",
    "c_range": "special",
    "c_multirange": "special",
    "c_own_range": "special",
    "c_timetz": "special",
    "c_money": "special",
    "c_bit": "special",
    "c_varbit": "special",
    "c_tsvector": "special",
    "c_hstore": "special",
    "c_ltree": "special",
    "c_oid": "special",
    "c_internal": "special",
    "c_xml": "opaque",
    "c_point": "opaque",
    "c_address": "opaque",
    "c_row": "opaque",
    "c_vector": "opaque",
    "c_int_array": "array",
    "c_matrix": "array",
    "c_mood_array": "array",
    "c_positive_array": "array",
    "c_jsonb_array": "array",
    "c_range_array": "array",
    "c_cidr_array": "array",
    "c_json_array": "opaque",
    "c_point_array": "opaque",
    "c_address_array": "opaque",
}


@pytest.mark.parametrize(("column", "kind"), KINDS.items())
def test_a_type_is_of_a_kind(facts: Facts, column: str, kind: str) -> None:
    assert columns(facts, "every_type")[column].type.kind.value == kind


@pytest.mark.parametrize(
    ("column", "measures"),
    [
        ("c_int2", (16, None, None, None)),
        ("c_int4", (32, None, None, None)),
        ("c_float4", (32, None, None, None)),
        ("c_varchar", (64, None, None, None)),
        ("c_varchar_20", (64, 20, None, None)),
        ("c_char", (64, 1, None, None)),
        ("c_char_7", (64, 7, None, None)),
        ("c_name", (64, 63, None, None)),
        ("c_numeric", (64, None, None, None)),
        ("c_numeric_12_3", (64, None, 12, 3)),
        ("c_negative_scale", (64, None, 5, -2)),
        ("c_time_3", (64, None, 3, None)),
        ("c_timestamptz", (64, None, 2, None)),
        ("c_bit", (64, 5, None, None)),
    ],
)
def test_a_type_has_measures(
    facts: Facts, column: str, measures: tuple[int, int | None, int | None, int | None]
) -> None:
    type_ = columns(facts, "every_type")[column].type
    assert (type_.bits, type_.length, type_.precision, type_.scale) == measures


def test_an_array_knows_its_element(facts: Facts) -> None:
    element = columns(facts, "every_type")["c_varchar_array"].type.element
    assert element is not None
    assert (element.kind, element.length) == (Kind.TEXT, 9)


def test_every_opaque_column_is_told(catalog: Catalog) -> None:
    told = {notice.message.split(" ")[0] for notice in catalog.notices if notice.code == "opaque_type"}
    assert told == {f"every_type.{name}" for name, kind in KINDS.items() if kind == "opaque"}
    message = "every_type.c_address is of type address: it is shown as text, and written at /rest/v1 alone"
    assert message in {notice.message for notice in catalog.notices}


@pytest.mark.parametrize("path", ["public", "''", "shop, pg_temp"])
async def test_every_cast_gives_what_the_column_compares_with(fetch: Fetch, path: str) -> None:
    """The whole promise of `cast`: a text, cast, stands on the right of the column's own `=`, whatever the search path."""
    await fetch(f"SET search_path TO {path}")
    types = {name: column.type for name, column in columns(await read_facts(fetch, None), "every_type").items()}
    for name, type_ in types.items():
        if type_.facts.comparable:
            await fetch(f'SELECT "{name}" = CAST(NULL::pg_catalog.text AS {type_.cast}) FROM public.every_type')
    assert types["c_hstore"].kind is (Kind.SPECIAL if path == "public" else Kind.OPAQUE)
    assert types["c_citext"].case_insensitive == (path == "public")


async def test_no_name_in_the_search_path_stands_in_for_the_catalogs(url: str, facts: Facts) -> None:
    connection = await asyncpg.connect(url, server_settings={"search_path": "shop, public, pg_catalog"})
    try:
        await connection.execute(
            "BEGIN; CREATE TABLE shop.pg_class (oid oid); CREATE TABLE shop.pg_attribute (attrelid oid)"
        )
        read = await read_facts(connection.fetch, None)
    finally:
        await connection.close()
    assert read.schemas == ("shop", "public")
    assert len(read.tables) == len(facts.tables) + 2


def test_row_security_is_told(catalog: Catalog) -> None:
    assert [notice.message for notice in catalog.notices if notice.code == "row_security"] == [
        "public.secret has row level security: it binds our role unless that bypasses it"
    ]


def test_awkward_names_survive(facts: Facts) -> None:
    fact = next(fact for fact in facts.tables if fact.name.startswith("Ü"))
    assert fact.name == 'Ünïcode table "q".t'
    assert [column.name for column in fact.columns] == ["a column", "select", "x.y"]


def functions(facts: Facts) -> dict[str, Function]:
    return {function.name: function for function in facts.functions}


def test_functions_are_recorded_without_triggers_constructors_and_extensions(facts: Facts) -> None:
    found = functions(facts)
    assert sorted(found) == ["many", "search_books", "split", "tidy"]
    search = found["search_books"]
    assert [(each.name, each.type.kind.value, each.mode, each.has_default) for each in search.arguments] == [
        ("words", "text", "in", False),
        ("at_most", "integer", "in", True),
    ]
    assert (search.returns, search.returns_set) == ("SETOF book", True)
    assert (search.volatility, search.security_definer, search.comment) == ("stable", True, "Finds books")
    assert [(each.name, each.mode) for each in found["split"].arguments] == [
        ("", "in"),
        ("head", "out"),
        ("tail", "out"),
    ]
    assert [each.mode for each in found["many"].arguments] == ["variadic", "table"]
    assert found["tidy"].arguments[0].mode == "inout"


def test_relationships_cross_schemas(catalog: Catalog) -> None:
    book = catalog.tables["book"]
    assert {name: each.target.label for name, each in catalog.relationships[book].items()} == {
        "author": "author",
        "editor": "author",
        "publisher_by_publisher": "publisher",
        "book": "shop.book",
    }
    assert not catalog.relationships[book]["book"].many


# ── schemas, roles, versions ─────────────────────────────────────────────────────────────────


async def test_listed_schemas_come_in_their_order(fetch: Fetch) -> None:
    catalog = await reflect(DatabaseKind.POSTGRESQL, fetch, Overlay(schemas=("shop", "public")))
    assert catalog.schemas == ("shop", "public")
    assert catalog.tables["book"].schema == "shop"
    only = await reflect(DatabaseKind.POSTGRESQL, fetch, Overlay(schemas=("shop",)))
    assert list(only.tables) == ["book", "orders"]
    assert {notice.code for notice in only.notices} == {"foreign_key_skipped"}


async def test_system_schemas_are_never_shown(fetch: Fetch) -> None:
    assert (await read_facts(fetch, ["pg_catalog", "information_schema"])).tables == ()


async def test_a_schema_that_the_role_cannot_use_is_not_shown(url: str, postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.run(
        DATABASE, "CREATE ROLE catalog_reader LOGIN; GRANT SELECT (id) ON public.author TO catalog_reader"
    )
    connection = await asyncpg.connect(url, user="catalog_reader")
    try:
        read = await read_facts(connection.fetch, None)
    finally:
        await connection.close()
        postgresql_server.run(DATABASE, "DROP OWNED BY catalog_reader; DROP ROLE catalog_reader")
    assert read.schemas == ("public",)
    told = {notice.message for notice in read.notices if notice.code == "not_granted"}
    assert "public.book cannot be read by the role that we connect as" in told
    assert not [message for message in told if message.startswith("public.author ")]


def test_the_version_is_read(facts: Facts) -> None:
    assert facts.version >= (12, 0)
    assert facts.kind is DatabaseKind.POSTGRESQL


async def test_the_built_in_types_exist(fetch: Fetch) -> None:
    rows = await fetch("SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace")
    assert BUILT_IN.keys() <= {row[0] for row in rows}


# ── noticing ─────────────────────────────────────────────────────────────────────────────────


CHANGES = [
    "CREATE TABLE watched_too (id int)",
    "ALTER TABLE watched ADD COLUMN more int",
    "ALTER TABLE watched DROP COLUMN b",
    "ALTER TABLE watched RENAME COLUMN a TO z",
    "ALTER TABLE watched RENAME TO renamed",
    "ALTER TABLE watched ALTER COLUMN b TYPE bigint",
    "ALTER TABLE watched ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE watched ALTER COLUMN a SET DEFAULT 3",
    "ALTER TABLE watched ALTER COLUMN b SET DEFAULT 3",
    "ALTER TABLE watched ALTER COLUMN b DROP DEFAULT",
    "ALTER TABLE watched ADD CHECK (a > 1)",
    "ALTER TABLE watched ADD PRIMARY KEY (a)",
    "ALTER TABLE watched ADD UNIQUE (a)",
    "CREATE UNIQUE INDEX ON watched (a, b)",
    "ALTER TABLE watched ADD FOREIGN KEY (a) REFERENCES author",
    "ALTER TABLE watched SET SCHEMA shop",
    "ALTER TABLE watched ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE part (a int, b int, mood mood); ALTER TABLE parted ATTACH PARTITION part FOR VALUES IN (7)",
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
    "ALTER DOMAIN price SET NOT NULL",
    "COMMENT ON TABLE watched IS 'new'",
    "COMMENT ON COLUMN watched.a IS 'new'",
    "CREATE FUNCTION another() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION search_books VOLATILE",
    "CREATE OR REPLACE VIEW watched_view AS SELECT a FROM watched LIMIT 1",
    "CREATE TRIGGER t INSTEAD OF INSERT ON watched_view FOR EACH ROW EXECUTE FUNCTION on_triggered()",
    "DROP VIEW watched_view",
    "CREATE SCHEMA fresh",
    "ALTER SCHEMA shop RENAME TO store",
    "SET LOCAL search_path TO shop",
]
NO_CHANGES = [
    "INSERT INTO watched VALUES (1, 2)",
    "TRUNCATE watched",
    "ANALYZE watched",
    "CREATE INDEX ON watched (a)",
    "CREATE TEMPORARY TABLE temporary (id int PRIMARY KEY)",
    "REFRESH MATERIALIZED VIEW book_stats",
    "CREATE TABLE rolled_back (id int); ROLLBACK TO SAVEPOINT before",
]


@pytest.fixture
async def watched(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that is rolled back. What follows the savepoint has a transaction number of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            """
            BEGIN;
            CREATE TABLE watched (a int, b int DEFAULT 1);
            CREATE VIEW watched_view AS SELECT a FROM watched;
            CREATE TABLE parted (a int, b int, mood mood) PARTITION BY LIST (a);
            SAVEPOINT before;
            """
        )
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("statement", CHANGES)
async def test_a_change_of_the_schema_changes_the_fingerprint(watched: asyncpg.Connection, statement: str) -> None:
    before = await fingerprint(DatabaseKind.POSTGRESQL, watched.fetch)
    await watched.execute(statement)
    assert await fingerprint(DatabaseKind.POSTGRESQL, watched.fetch) != before


@pytest.mark.parametrize("statement", NO_CHANGES)
async def test_what_is_no_change_of_the_schema_leaves_the_fingerprint(
    watched: asyncpg.Connection, statement: str
) -> None:
    before = await fingerprint(DatabaseKind.POSTGRESQL, watched.fetch)
    await watched.execute(statement)
    assert await fingerprint(DatabaseKind.POSTGRESQL, watched.fetch) == before


async def test_a_change_that_commits_after_a_later_one_is_noticed(url: str, fetch: Fetch) -> None:
    """A maximum of transaction numbers would not move: the one that commits last began first."""
    early, late = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await early.execute("CREATE TABLE overtaken (a int); CREATE TABLE overtaking (a int)")
        await early.execute("BEGIN; ALTER TABLE overtaken RENAME COLUMN a TO b")
        await late.execute("ALTER TABLE overtaking RENAME COLUMN a TO b")
        before = await fingerprint(DatabaseKind.POSTGRESQL, fetch)
        await early.execute("COMMIT")
        assert await fingerprint(DatabaseKind.POSTGRESQL, fetch) != before
    finally:
        await early.execute("DROP TABLE overtaken, overtaking")
        await early.close()
        await late.close()


# ── many tables ──────────────────────────────────────────────────────────────────────────────


def many_tables(count: int) -> Iterator[str]:
    """Eleven columns, a foreign key, a unique key, a check and an index each."""
    yield "CREATE TABLE root (id int PRIMARY KEY)"
    for number in range(count):
        yield f"""
            CREATE TABLE t{number} (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, root_id int REFERENCES root, code text UNIQUE,
                a int DEFAULT 3 CHECK (a > 0), b numeric(10, 2), c timestamptz DEFAULT now(), d text, e varchar(30),
                f bool, g jsonb, h date)"""
        yield f"CREATE INDEX ON t{number} (d)"


async def test_a_thousand_tables_are_read_at_once_by_few_questions(postgresql_server: PostgreSQLServer) -> None:
    connection = await asyncpg.connect(postgresql_server.create_database("many"))
    asked = []

    async def fetch(text: str, *values: Any) -> Sequence[Sequence[Any]]:
        asked.append(text)
        return await connection.fetch(text, *values)  # type: ignore[no-any-return]

    try:
        statements = list(many_tables(1_000))
        for start in range(0, len(statements), 200):
            await connection.execute(";".join(statements[start : start + 200]))
        seconds = [await timed(lambda: read_facts(fetch, None)) for _ in range(5)]
        noticing = [await timed(lambda: fingerprint(DatabaseKind.POSTGRESQL, fetch)) for _ in range(5)]
        catalog = await reflect(DatabaseKind.POSTGRESQL, connection.fetch)
    finally:
        await connection.close()
        postgresql_server.drop_database("many")
    assert len(catalog.tables) == 1_001
    assert len(catalog.relationships[catalog.tables["root"]]) == 1_000
    assert len(asked) == 5 * 10 + 5
    # Twenty times what it takes on an idle machine: this is about the order of magnitude.
    assert min(seconds) < 4
    assert min(noticing) < 1


async def timed(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    await act()
    return time.perf_counter() - start
