"""What MariaDB and MySQL say of themselves: six questions to information_schema → `Facts`.

A schema here is a database. Without a list of schemas the connection's own database is the only one.

Rule: what the database hides stays hidden. Sequences, invisible columns and the row_start and row_end of a
versioned table are left out, except for an invisible column that a key needs: without it the key would lie.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reflector.catalog.facts import CheckFact, ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.model import Argument, Column, DatabaseKind, Fill, Function, Notice, Table, TableKind
from reflector.datatypes import Kind
from reflector.errors import CatalogError
from reflector.reflection import Fetch
from reflector.reflection.mysql_queries import SCHEMAS, SERVER, digest, questions, quiet
from reflector.reflection.mysql_types import data_type, json_type
from reflector.reflection.mysql_views import joins, json_columns, read_by, standing_on, unquoted

Row = Sequence[Any]
Place = tuple[str, str]
"""Schema and table."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of each question, grouped by schema and table, without those two."""

    tables: Mapping[Place, Sequence[Row]]
    columns: Mapping[Place, Sequence[Row]]
    unique_indexes: Mapping[Place, Sequence[Row]]
    foreign_keys: Mapping[Place, Sequence[Row]]
    checks: Mapping[Place, Sequence[Row]]
    routines: Mapping[Place, Sequence[Row]]
    names: Mapping[Place, Mapping[str, str]]
    """The columns of each table as it spells them, by their folded names."""


async def read_facts(fetch: Fetch, schemas: Sequence[str] | None, _path: Sequence[str] = ()) -> Facts:
    """Everything in the given databases, or in the connection's own; those that do not exist are left out.

    Raises CatalogError when no database is given and the connection has none.
    """
    kind, version, current = await _server(fetch)
    names = await _existing(fetch, current, schemas)
    if not names:
        return Facts(kind, version, (), (), ())
    rows = [await fetch(quiet(kind, each.rows(len(names))), *names * each.schemas_taken) for each in questions(kind)]
    return facts_of(kind, version, names, rows)


async def fingerprint(fetch: Fetch, schemas: Sequence[str] | None = None) -> str:
    """A digest of the rows that `read_facts` would read, made by the server in one statement."""
    kind, _, current = await _server(fetch)
    names = tuple(schemas or _own(current))
    asked = questions(kind)
    statement = quiet(kind, digest(asked, len(names)))
    rows = await fetch(statement, *names * sum(each.schemas_taken for each in asked))
    return hashlib.sha256(repr([tuple(map(int, row)) for row in rows]).encode()).hexdigest()


async def _server(fetch: Fetch) -> tuple[DatabaseKind, tuple[int, ...], str | None]:
    [(said, current, mariadb)] = await fetch(SERVER)
    kind = DatabaseKind.MARIADB if mariadb else DatabaseKind.MYSQL
    number = re.match(r"\d+(?:\.\d+)*", said)
    return kind, tuple(map(int, number.group().split("."))) if number else (), current


async def _existing(fetch: Fetch, current: str | None, schemas: Sequence[str] | None) -> tuple[str, ...]:
    if schemas is None:
        return _own(current)
    if not schemas:
        return ()
    rows = await fetch(SCHEMAS.rows(len(schemas)), *schemas)
    there = {row[0] for row in rows}
    return tuple(name for name in schemas if name in there)


def _own(current: str | None) -> tuple[str, ...]:
    if current is None:
        raise CatalogError("the URL names no database", hint="end it with the name of one: mysql://host/name")
    return (current,)


def facts_of(
    kind: DatabaseKind, version: tuple[int, ...], names: tuple[str, ...], rows: Sequence[Sequence[Row]]
) -> Facts:
    """The facts in the rows of `questions(kind)`, in that order."""
    found, columns, indexes, foreign_keys, checks, routines = (_grouped(each, names) for each in rows)
    spelled = {place: {row[1].lower(): row[1] for row in each} for place, each in columns.items()}
    answers = Answers(found, columns, indexes, foreign_keys, checks, routines, spelled)
    tables, notices = [], []
    needed, json, lasting = _needed(answers), _json(answers), _lasting(answers)
    for place in sorted(answers.tables):
        table, hidden = _table(kind, place, answers, needed[place], json)
        if place in lasting:
            table = replace(table, insertable=False, updatable=False, deletable=False)
            notices.append(Notice("no_transactions", f"{'.'.join(place)}: {lasting[place]}: it is read-only"))
        tables.append(table)
        if hidden:
            text = f"{'.'.join(place)}: its invisible columns are not served: {', '.join(hidden)}"
            notices.append(Notice("invisible_column", text))
    keys = tuple(key for place in sorted(answers.foreign_keys) for key in _foreign_keys(place, answers))
    functions = tuple(_function(place, each) for place, each in _overloaded(answers.routines))
    definitions = {place: row[4] for place, [row] in answers.tables.items() if row[1] == "VIEW"}
    reads = tuple(sorted(read_by(definitions, answers.tables)))
    return Facts(kind, version, names, tuple(tables), keys, functions, tuple(notices), reads=reads)


def _grouped(rows: Iterable[Row], names: Sequence[str]) -> Mapping[Place, list[Row]]:
    """By place. The server's comparison ignores case: a database that only sounds like one of `names` is dropped."""
    groups: defaultdict[Place, list[Row]] = defaultdict(list)
    for schema, table, *rest in rows:
        if schema in names:
            groups[schema, table].append(rest)
    return groups


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def _table(
    kind: DatabaseKind, place: Place, answers: Answers, needed: set[str], json: set[tuple[str, str, str]]
) -> tuple[TableFact, list[str]]:
    """The table, and the names of the columns that it hides."""
    [(_, type_, comment, updatable, definition, _, _, estimate)] = answers.tables[place]
    is_view = type_ == "VIEW"
    shown, hidden = _shown(answers.columns.get(place, ()), needed)
    is_json = {(*place, name) for name in json_columns(definition, json)} | json if is_view else json
    keys = dict(_keys(place, answers))
    writable = not is_view or updatable == "YES"
    one_source = writable and not (is_view and joins(definition))
    return TableFact(
        schema=place[0],
        name=place[1],
        kind=TableKind.VIEW if is_view else TableKind.TABLE,
        columns=tuple((_view_column if is_view else _column)(kind, row, (*place, row[1]) in is_json) for row in shown),
        primary_key=keys.pop("PRIMARY", None),
        uniques=tuple(keys.values()),
        checks=_checks(place, answers),
        comment=comment or None,
        row_estimate=None if estimate is None else int(estimate),
        insertable=one_source,
        updatable=writable,
        deletable=one_source,
    ), hidden


def _lasting(answers: Answers) -> Mapping[Place, str]:
    """The tables of which a write could not be taken back when a rule refuses it, and the views of them; each with why."""
    rows = {place: row for place, [row] in answers.tables.items()}
    tables = {place: f"its engine {row[-3]} takes no write back" for place, row in rows.items() if not row[-2]}
    definitions = {place: row[4] for place, row in rows.items() if row[1] == "VIEW"}
    views = standing_on(tables, definitions)
    return {**tables, **dict.fromkeys(views, "it shows a table whose engine takes no write back")}


def _shown(rows: Iterable[Row], needed: set[str]) -> tuple[list[Row], list[str]]:
    """The columns that are served, and the names of the others; those that mark a period are not even named."""
    shown, hidden = [], []
    for row in rows:
        if row[1] in needed or not _is_invisible(row):
            shown.append(row)
        elif not _marks_a_period(row):
            hidden.append(row[1])
    return shown, hidden


def _checks(place: Place, answers: Answers) -> tuple[CheckFact, ...]:
    """The checks that people wrote: that a column holds JSON is said by its type."""
    rows = answers.checks.get(place, ())
    return tuple(CheckFact(row[1], row[2]) for row in rows if not (row[3] and _only_json(row[1], row[2])))


def _json(answers: Answers) -> set[tuple[str, str, str]]:
    """Schema, table and column of all JSON that MariaDB calls text."""
    return {
        (*place, row[1])
        for place, rows in answers.checks.items()
        for row in rows
        if row[3] and _keeps_json(row[1], row[2])
    }


def _only_json(column: str, clause: str) -> bool:
    """Whether a column's check is the one that MariaDB gives to JSON."""
    return clause in _json_checks(column)


def _keeps_json(column: str, clause: str) -> bool:
    """Whether a column's check lets nothing but JSON in; what follows `and` may narrow it, `or` might widen it."""
    if " or " in unquoted(clause):
        return False
    return any(clause == check or clause.startswith(f"{check} and ") for check in _json_checks(column))


def _json_checks(column: str) -> list[str]:
    """The check as it is spelled with and without ANSI_QUOTES."""
    return [f"json_valid({mark}{column.replace(mark, mark * 2)}{mark})" for mark in ("`", '"')]


# ── columns ──────────────────────────────────────────────────────────────────────────────────


def _column(kind: DatabaseKind, row: Row, is_json: bool) -> ColumnFact:
    _, name, type_, collation, nullable, default, extra, expression, comment = row
    native = data_type(type_, collation)
    fill = _fill(kind, default, extra)
    return ColumnFact(
        name=name,
        type=json_type(native) if is_json else native,
        nullable=nullable == "YES",
        fill=fill,
        default={Fill.DEFAULT: default, Fill.COMPUTED: expression or None}.get(fill),
        comment=comment or None,
        collation=collation,
    )


def _view_column(kind: DatabaseKind, row: Row, is_json: bool) -> ColumnFact:
    """A view's column shows a default of its own making ('0' for a numbered key): all it tells is that there is one."""
    _, name, type_, collation, nullable, default, _, _, comment = row
    fill = Fill.NONE if _fill(kind, default, "") is Fill.NONE else Fill.DEFAULT
    native = data_type(type_, collation)
    return ColumnFact(
        name=name,
        type=json_type(native) if is_json and native.kind is Kind.TEXT else native,
        nullable=nullable == "YES",
        fill=fill,
        comment=comment or None,
        collation=collation,
    )


_GENERATED = re.compile(r"\b(?:virtual|stored|persistent)\b(?: generated)?", re.IGNORECASE)


def _fill(kind: DatabaseKind, default: str | None, extra: str) -> Fill:
    if "auto_increment" in extra.lower():
        return Fill.IDENTITY
    if extra and _GENERATED.search(extra):
        return Fill.COMPUTED
    # MariaDB spells the default of a column that has none NULL, and quotes the text 'NULL'; MySQL does neither.
    without = default is None or (kind is DatabaseKind.MARIADB and default.upper() == "NULL")
    return Fill.NONE if without else Fill.DEFAULT


def _is_invisible(row: Row) -> bool:
    return "INVISIBLE" in row[6].upper()


def _marks_a_period(row: Row) -> bool:
    return row[7] in ("ROW START", "ROW END")


# ── keys ─────────────────────────────────────────────────────────────────────────────────────


def _keys(place: Place, answers: Answers) -> Iterable[tuple[str, KeyFact]]:
    """Unique indexes over whole columns. Versioning adds row_end to each: the rows of today are unique without it."""
    row_ends = {row[1] for row in answers.columns.get(place, ()) if row[7] == "ROW END"}
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    for row in answers.unique_indexes.get(place, ()):
        parts[row[1]].append(row)
    for name, rows in sorted(parts.items()):
        whole = all(row[2] is not None and row[3] is None for row in rows)
        columns = _spelled([row[2] for row in rows if row[2] not in row_ends], place, answers) if whole else None
        if columns:
            yield name, KeyFact(name, columns)


def _spelled(names: Sequence[str], place: Place, answers: Answers) -> tuple[str, ...] | None:
    """The columns as their table spells them, for a key may differ in case; None when one is not ours to see."""
    known = answers.names.get(place, {})
    found = tuple(known[name.lower()] for name in names if name.lower() in known)
    return found if len(found) == len(names) else None


def _needed(answers: Answers) -> defaultdict[Place, set[str]]:
    """The columns that keys are made of, on both sides of a foreign key."""
    needed: defaultdict[Place, set[str]] = defaultdict(set)
    for place in answers.unique_indexes:
        for _, key in _keys(place, answers):
            needed[place].update(key.columns)
    for place in answers.foreign_keys:
        for foreign_key in _foreign_keys(place, answers):
            needed[place].update(foreign_key.columns)
            needed[foreign_key.target_schema, foreign_key.target_table].update(foreign_key.target_columns)
    return needed


_UNKNOWN = ("NO ACTION", "NO ACTION")


def _foreign_keys(place: Place, answers: Answers) -> Iterable[ForeignKeyFact]:
    """Foreign keys whose columns are ours to see; the actions are not shown to who may only read."""
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    actions: dict[str, tuple[str, str]] = {}
    for position, name, *rest in answers.foreign_keys[place]:
        if position == 0:
            actions[name] = (rest[1], rest[2])
        else:
            parts[name].append(rest)
    for name, rows in sorted(parts.items()):
        target = (rows[0][1], rows[0][2])
        columns = _spelled([row[0] for row in rows], place, answers)
        target_columns = _spelled([row[3] for row in rows], target, answers) if target in answers.columns else ()
        if columns is not None and target_columns is not None:
            yield ForeignKeyFact(name, *place, columns, *target, target_columns, *actions.get(name, _UNKNOWN))


# ── routines ─────────────────────────────────────────────────────────────────────────────────


def _overloaded(routines: Mapping[Place, Sequence[Row]]) -> Iterable[tuple[Place, list[Row]]]:
    """A function and a procedure may share a name: each with the rows of its own parameters."""
    for place, rows in sorted(routines.items()):
        for type_ in sorted({row[1] for row in rows}):
            yield place, [row for row in rows if row[1] == type_]


def _function(place: Place, rows: Sequence[Row]) -> Function:
    _, kind, returns, deterministic, access, security, comment, *_ = rows[0]
    if kind == "PROCEDURE":
        return _procedure(place, rows)
    value = Column(place[1], data_type(returns, None), nullable=True) if returns else None
    return Function(
        schema=place[0],
        name=place[1],
        arguments=_arguments(rows),
        returns=returns or "void",
        volatility=_volatility(access, deterministic),
        security_definer=security == "DEFINER",
        comment=comment or None,
        rows=None if value is None else Table(*place, place[1], TableKind.VIEW, (value,)),
        scalar=value is not None,
        callable=value is not None,
    )


def _procedure(place: Place, rows: Sequence[Row]) -> Function:
    """A procedure may do anything, whatever it says of itself, and gives rows, or what its OUT arguments hold."""
    arguments = _arguments(rows)
    told = tuple(Column(each.name, each.type, nullable=True) for each in arguments if each.mode != "in")
    return Function(
        *place,
        arguments,
        returns="void",
        returns_set=not told,
        security_definer=rows[0][5] == "DEFINER",
        comment=rows[0][6] or None,
        rows=Table(*place, place[1], TableKind.VIEW, told) if told else None,
        procedure=True,
    )


def _arguments(rows: Sequence[Row]) -> tuple[Argument, ...]:
    return tuple(
        Argument(name, data_type(type_, collation), mode.lower())
        for *_, name, mode, type_, collation in rows
        if name is not None
    )


def _volatility(access: str, deterministic: str) -> str:
    """CONTAINS SQL is what a routine has that says nothing of itself: it may do anything."""
    if access == "READS SQL DATA":
        return "stable"
    return "immutable" if access == "NO SQL" and deterministic == "YES" else "volatile"
