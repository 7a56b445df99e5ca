"""What a SQLite file says of itself: six set queries over pragma functions and the CREATE statements it keeps.

Rule: the pragmas decide; the text of a statement adds only what they do not tell. What SQLite itself would refuse to
use (a view over a lost table, a foreign key that fits no key) is left out with a notice, never guessed at.

A primary key that is neither the rowid nor of a WITHOUT ROWID or STRICT table may hold NULL in SQLite, and its
columns say so. A view's columns have the types of the columns they show, and none where they show an expression.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reflector.catalog.facts import CheckFact, ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.model import DatabaseKind, Fill, Notice, TableKind
from reflector.errors import (
    CatalogError,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    PoolExhausted,
    SerializationFailure,
    StatementTimeout,
)
from reflector.reflection import Fetch
from reflector.reflection.sqlite_ddl import TableText, folded, instead_of, read_table, tokens
from reflector.reflection.sqlite_types import data_type

Row = Sequence[Any]

OLDEST = (3, 37)
"""The first version with pragma_table_list, which alone tells shadow tables from others."""

DATABASES = "SELECT name, sqlite_version() FROM pragma_database_list"

STATEMENTS = """
SELECT name, type, tbl_name, sql FROM {schema}.sqlite_master
WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite^_%' ESCAPE '^'
"""

# A view or a virtual table that does not work has no columns here, and asking for them fails the whole query. When
# there is one, SQLite gives up counting, and some that do work have none either: those are asked for one by one.
COLUMNS = """
SELECT l.name, x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden
FROM pragma_table_list AS l CROSS JOIN pragma_table_xinfo(l.name, l.schema) AS x
WHERE l.schema = ? AND l.type <> 'shadow' AND l.ncol > 0 AND l.name NOT LIKE 'sqlite^_%' ESCAPE '^'
"""
COLUMNS_OF_ONE = """SELECT ?, name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, ?)"""

UNIQUE_INDEXES = """
SELECT m.name, i.name, i.origin, x.name, x.coll
FROM {schema}.sqlite_master AS m
CROSS JOIN pragma_index_list(m.name, ?) AS i CROSS JOIN pragma_index_xinfo(i.name, ?) AS x
WHERE m.type = 'table' AND i."unique" AND NOT i.partial AND x.key
ORDER BY m.name, i.seq DESC, x.seqno
"""

# SQLite numbers the foreign keys of a table backwards.
FOREIGN_KEYS = """
SELECT m.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM {schema}.sqlite_master AS m CROSS JOIN pragma_foreign_key_list(m.name, ?) AS f
WHERE m.type = 'table'
ORDER BY m.name, f.id DESC, f.seq
"""

# The first number of a line is the number of rows; a partial index counts only its own.
ESTIMATES = "SELECT tbl, max(CAST(stat AS INTEGER)) FROM {schema}.sqlite_stat1 GROUP BY tbl"
HAS_ESTIMATES = "SELECT EXISTS (SELECT 1 FROM {schema}.sqlite_master WHERE name = 'sqlite_stat1')"


@dataclass(frozen=True, slots=True)
class Answers:
    """What was read of one schema. `statements` is by table, `triggers` by view, the rest by table without its name."""

    schema: str
    statements: Mapping[str, Row]
    triggers: Mapping[str, set[str]]
    columns: Mapping[str, Sequence[Row]]
    unique_indexes: Mapping[str, Sequence[Row]]
    foreign_keys: Mapping[str, Sequence[Row]]
    estimates: Mapping[str, int]


async def read_facts(fetch: Fetch, schemas: Sequence[str] | None, _path: Sequence[str] = ()) -> Facts:
    """Everything in `main`, or in the given attached databases; those that do not exist are left out.

    Raises CatalogError when the SQLite library is too old to tell.
    """
    databases = {row[0]: row[1] for row in await fetch(DATABASES)}
    said = databases["main"]
    version = tuple(int(part) for part in re.findall(r"\d+", said))
    if version < OLDEST:
        raise CatalogError(f"SQLite {said} is too old: version {OLDEST[0]}.{OLDEST[1]} is needed")
    names = tuple(name for name in (("main",) if schemas is None else schemas) if name in databases)
    answers = [await _answers(fetch, name) for name in names]
    facts = [facts_of(each) for each in answers]
    return Facts(
        kind=DatabaseKind.SQLITE,
        version=version,
        schemas=names,
        tables=tuple(table for tables, _, _ in facts for table in tables),
        foreign_keys=tuple(key for _, keys, _ in facts for key in keys),
        notices=tuple(notice for _, _, notices in facts for notice in notices),
        reads=tuple(sorted(each for answer in answers for each in _reads(answer))),
    )


async def fingerprint(fetch: Fetch, schemas: Sequence[str] | None = None) -> str:
    """The number that SQLite counts up in the file's header with every change of the schema, whoever makes it."""
    there = None if schemas is None else {row[0] for row in await fetch(DATABASES)}
    names = [name for name in schemas or ("main",) if there is None or name in there]
    rows = [await fetch(f"PRAGMA {_quoted(name)}.schema_version") for name in names]
    return ",".join(str(number) for [(number,)] in rows)


async def _answers(fetch: Fetch, schema: str) -> Answers:
    within = _quoted(schema)
    statements = await fetch(STATEMENTS.format(schema=within))
    triggers: defaultdict[str, set[str]] = defaultdict(set)
    for _, type_, table, sql in statements:
        if type_ == "trigger" and (event := instead_of(sql)):
            triggers[folded(table)].add(event)
    [(has_estimates,)] = await fetch(HAS_ESTIMATES.format(schema=within))
    tables = {row[0]: row for row in statements if row[1] != "trigger"}
    return Answers(
        schema,
        statements=tables,
        triggers=triggers,
        columns=await _columns(fetch, schema, tables),
        unique_indexes=_grouped(await fetch(UNIQUE_INDEXES.format(schema=within), schema, schema)),
        foreign_keys=_grouped(await fetch(FOREIGN_KEYS.format(schema=within), schema)),
        estimates={row[0]: row[1] for row in await fetch(ESTIMATES.format(schema=within))} if has_estimates else {},
    )


async def _columns(fetch: Fetch, schema: str, tables: Mapping[str, Row]) -> Mapping[str, Sequence[Row]]:
    rows = list(await fetch(COLUMNS, schema))
    seen = {row[0] for row in rows}
    for name, (_, type_, _, sql) in tables.items():
        if name not in seen and _kind(type_, sql) is not TableKind.TABLE:
            rows += await _columns_of_one(fetch, schema, name)
    return _grouped(rows)


async def _columns_of_one(fetch: Fetch, schema: str, name: str) -> Sequence[Row]:
    """The columns of a view or a virtual table; none when SQLite refuses to open it."""
    try:
        return await fetch(COLUMNS_OF_ONE, name, name, schema)
    except (DatabaseUnavailable, PoolExhausted, StatementTimeout, SerializationFailure):
        raise
    except (DatabaseError, Forbidden):
        return ()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _grouped(rows: Iterable[Row]) -> Mapping[str, Sequence[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for table, *rest in rows:
        groups[table].append(rest)
    return groups


def _reads(answers: Answers) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Each view with each table that its text names, be it only as a word: SQLite tells no more."""
    names = {folded(name): name for name in answers.statements}
    for view, (_, type_, _, sql) in answers.statements.items():
        named = {folded(each.name) for each in tokens(sql) if each.name} if type_ == "view" else set()
        for name in named & names.keys() - {folded(view)}:
            yield (answers.schema, view), (answers.schema, names[name])


def facts_of(answers: Answers) -> tuple[list[TableFact], list[ForeignKeyFact], list[Notice]]:
    """The tables of one schema, their foreign keys, and what had to be left out."""
    texts: dict[str, TableText] = {}
    tables: dict[str, TableFact] = {}
    for name, (_, type_, _, sql) in sorted(answers.statements.items()):
        kind = _kind(type_, sql)
        if kind is TableKind.TABLE and name not in answers.columns:
            continue  # a shadow table: it holds the insides of a virtual one
        texts[name] = read_table(sql) if kind is TableKind.TABLE else TableText()
        tables[name] = _table(name, kind, answers, texts[name])
    found = [
        each
        for name in sorted(answers.foreign_keys.keys() & tables.keys())
        for each in _foreign_keys(tables[name], tables, answers, texts[name])
    ]
    keys = [each for each in found if isinstance(each, ForeignKeyFact)]
    return list(tables.values()), keys, [each for each in found if isinstance(each, Notice)]


_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\b", re.IGNORECASE)


def _kind(type_: str, sql: str) -> TableKind:
    if type_ == "view":
        return TableKind.VIEW
    return TableKind.VIRTUAL if _VIRTUAL.match(sql) else TableKind.TABLE


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def _table(name: str, kind: TableKind, answers: Answers, text: TableText) -> TableFact:
    is_table = kind is TableKind.TABLE
    rows = [row for row in answers.columns.get(name, ()) if row[5] != 1]
    indexes = answers.unique_indexes.get(name, ())
    numbered = is_table and sum(row[4] > 0 for row in rows) == 1 and not any(row[1] == "pk" for row in indexes)
    triggers = answers.triggers.get(folded(name), set()) if kind is TableKind.VIEW else set()
    return TableFact(
        schema=answers.schema,
        name=name,
        kind=kind,
        columns=tuple(_column(row, numbered, text) for row in rows),
        primary_key=_primary_key(rows, text) if is_table else None,
        uniques=tuple(_uniques(indexes, text)),
        checks=tuple(CheckFact(each.name, each.expression) for each in text.constraints if each.kind == "CHECK"),
        row_estimate=answers.estimates.get(name),
        insertable=is_table or "INSERT" in triggers,
        updatable=is_table or "UPDATE" in triggers,
        deletable=is_table or "DELETE" in triggers,
    )


def _column(row: Row, numbered: bool, text: TableText) -> ColumnFact:
    """`numbered` says that the table's primary key is its rowid: never NULL, though no pragma says so."""
    name, declared, not_null, default, place_in_key, hidden = row
    collation = text.collations.get(folded(name)) if text.collations else None
    is_rowid = numbered and place_in_key > 0
    fill = Fill.IDENTITY if is_rowid else _fill(default, hidden)
    return ColumnFact(
        name=name,
        type=data_type(declared, collation),
        nullable=not not_null and not is_rowid,
        fill=fill,
        default=default if fill is Fill.DEFAULT else None,
        collation=collation,
    )


def _fill(default: str | None, hidden: int) -> Fill:
    if hidden in (2, 3):
        return Fill.COMPUTED
    return Fill.NONE if default is None or default.upper() == "NULL" else Fill.DEFAULT


def _primary_key(rows: Iterable[Row], text: TableText) -> KeyFact | None:
    columns = tuple(row[0] for row in sorted(rows, key=lambda row: row[4]) if row[4] > 0)
    name = next((each.name for each in text.constraints if each.kind == "PRIMARY"), None)
    return KeyFact(name, columns) if columns else None


def _uniques(indexes: Iterable[Row], text: TableText) -> Iterator[KeyFact]:
    """Unique constraints and indexes over columns, under a collation that tells no more values apart than `=` does."""
    named = {tuple(map(folded, each.columns)): each.name for each in text.constraints if each.kind == "UNIQUE"}
    for name, rows in _grouped(indexes).items():
        columns = tuple(row[1] for row in rows)
        if rows[0][0] == "pk" or not all(_identifies(row[1], row[2], text) for row in rows):
            continue
        yield KeyFact(name if rows[0][0] == "c" else named.get(tuple(map(folded, columns))), columns)


def _identifies(column: str | None, collation: str, text: TableText) -> bool:
    if column is None:
        return False
    own = text.collations.get(folded(column), "BINARY").upper()
    return own in ("BINARY", collation.upper())


# ── foreign keys ─────────────────────────────────────────────────────────────────────────────


def _foreign_keys(
    table: TableFact, tables: Mapping[str, TableFact], answers: Answers, text: TableText
) -> Iterator[ForeignKeyFact | Notice]:
    """The foreign keys in the order in which they are written, each as a fact or as why it is none."""
    groups: defaultdict[int, list[Row]] = defaultdict(list)
    for number, *rest in answers.foreign_keys[table.name]:
        groups[number].append(rest)
    written = [each for each in text.constraints if each.kind == "FOREIGN"]
    for place, rows in enumerate(groups.values()):
        columns = tuple(row[1] for row in rows)
        same = len(written) == len(groups) and tuple(map(folded, written[place].columns)) == tuple(map(folded, columns))
        target = _named(rows[0][0], tables)
        target_columns = None if target is None else _target_columns(target, [row[2] for row in rows])
        if target is not None and target_columns is None:
            said = f"{table.name}: {', '.join(columns)} refers to no key of {target.name}: the foreign key is left out"
            yield Notice("foreign_key_skipped", said)
            continue
        yield ForeignKeyFact(
            name=written[place].name if same else None,
            schema=table.schema,
            table=table.name,
            columns=columns,
            target_schema=table.schema,
            target_table=rows[0][0] if target is None else target.name,
            target_columns=target_columns or (),
            on_update=rows[0][3],
            on_delete=rows[0][4],
        )


def _named(name: str, tables: Mapping[str, TableFact]) -> TableFact | None:
    if name in tables:
        return tables[name]
    return next((table for each, table in tables.items() if folded(each) == folded(name)), None)


def _target_columns(target: TableFact, written: Sequence[str | None]) -> tuple[str, ...] | None:
    """The columns referred to, the primary key's when none are written; None when they are not a key."""
    keys = [key.columns for key in (target.primary_key, *target.uniques) if key is not None]
    if written[0] is None:
        columns = target.primary_key.columns if target.primary_key else ()
        return columns if len(columns) == len(written) else None
    known = {folded(column.name): column.name for column in target.columns}
    found = tuple(known.get(folded(name or ""), "") for name in written)
    return found if any(sorted(found) == sorted(columns) for columns in keys) else None
