"""PostgreSQL 13 and later: some set queries over pg_catalog, whatever the search path.

What is shown: tables, partitioned tables (their partitions are folded into them), views, materialized views and
foreign tables of every schema that the role can use and that is not the system's. What belongs to an extension is
hidden. Views are written where the database can; foreign tables and materialized views are not.

Rule: this only reads, and says what it read in facts; a table whose columns were dropped between two queries is told
without the keys that named them, and the next fingerprint asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reflector.catalog.facts import CheckFact, ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.model import Argument, Column, DatabaseKind, Fill, Function, Notice, Table, TableKind
from reflector.datatypes import DataType
from reflector.reflection import Fetch
from reflector.reflection.postgresql_handlers import read_handlers
from reflector.reflection.postgresql_queries import COLUMNS, FINGERPRINT, FUNCTIONS, KEYS, RELATIONS, SERVER, TYPES
from reflector.reflection.postgresql_records import read_records
from reflector.reflection.postgresql_types import NAMES, TypeRow, Types
from reflector.reflection.postgresql_views import inherited_keys, views_read

KINDS: Mapping[str, TableKind] = {
    "r": TableKind.TABLE,
    "p": TableKind.TABLE,
    "v": TableKind.VIEW,
    "m": TableKind.MATERIALIZED_VIEW,
    "f": TableKind.FOREIGN,
}
ACTIONS: Mapping[str, str] = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
MODES: Mapping[str, str] = {"i": "in", "o": "out", "b": "inout", "v": "variadic", "t": "table"}
VOLATILITIES: Mapping[str, str] = {"i": "immutable", "s": "stable", "v": "volatile"}
# The bits of pg_relation_is_updatable.
UPDATE, INSERT, DELETE = 4, 8, 16


async def read_facts(fetch: Fetch, schemas: Sequence[str] | None, path: Sequence[str] = ()) -> Facts:
    """Everything in the schemas, in the order given; None: in all that the role can use, the current one first. Of the
    schemas `path`, the functions that take a row of one of theirs."""
    (number, usable), *_ = await fetch(SERVER, None if schemas is None else list(schemas))
    rows = {row[0]: TypeRow(*row[1:]) for row in await fetch(TYPES)}
    made_of = {oid: row.element or row.base for oid, row in rows.items() if not NAMES.fullmatch(row.name)}
    types = Types(rows, await read_records(fetch, made_of))
    relations = {row[0]: _Relation(*row) for row in await fetch(RELATIONS, usable)}
    oids = list(relations)
    for column in map(_ColumnRow._make, await fetch(COLUMNS, oids)):
        relations[column.relation].columns[column.number] = _column(column, types)
    for key in map(_KeyRow._make, await fetch(KEYS, oids)):
        relations[key.relation].keys.append(key)
    return Facts(
        kind=DatabaseKind.POSTGRESQL,
        version=(number // 10_000, number % 10_000),
        schemas=tuple(usable),
        tables=tuple(_table(relation) for relation in relations.values()),
        foreign_keys=tuple(_foreign_keys(relations)),
        functions=tuple(
            _function(_FunctionRow._make(row), types) for row in await fetch(FUNCTIONS, usable, list(path))
        ),
        notices=tuple(_notices(relations.values())),
        inherited=await inherited_keys(fetch),
        reads=await views_read(fetch),
        handlers=await read_handlers(fetch, usable, types),
    )


async def fingerprint(fetch: Fetch, _schemas: Sequence[str] | None = None) -> str:
    """Counts and sums over the rows that describe the schema. A sum, for a maximum would miss who commits late."""
    return ":".join(str(value) for value in (await fetch(FINGERPRINT))[0])


class _ColumnRow(NamedTuple):
    relation: int
    number: int
    name: str
    type: int
    modifier: int
    native: str
    not_null: bool
    expression: str | None
    identity: str
    generated: str
    writable: bool
    comment: str | None
    collation: str | None
    case_insensitive: bool


class _KeyRow(NamedTuple):
    """`form` is p for a primary key, u unique, f foreign, c check. Columns are numbers, as text. The expression of a foreign
    key is there where its last columns are periods, one of which contains the other."""

    relation: int
    form: str
    name: str
    columns: Sequence[str] | None
    target: int | None
    target_schema: str
    target_name: str
    target_columns: Sequence[str] | None
    on_update: str
    on_delete: str
    expression: str | None


class _FunctionRow(NamedTuple):
    schema: str
    name: str
    types: Sequence[str]
    natives: Sequence[str]
    modes: Sequence[str] | None
    names: Sequence[str] | None
    defaults: int
    returns: str | None
    volatility: str
    returns_set: bool
    security_definer: bool
    comment: str | None
    kind: str
    result: int
    result_form: str
    result_name: str
    relation_schema: str | None
    relation_name: str | None
    columns: Sequence[str]
    column_types: Sequence[str]
    column_natives: Sequence[str]
    argument_schema: str | None
    argument_name: str | None
    at_most_one: bool
    settings: Sequence[str] | None


@dataclass(slots=True)
class _Relation:
    """A row of RELATIONS, and what the other queries add to it: columns by number, keys in the order of names."""

    oid: int
    schema: str
    name: str
    kind: str
    comment: str | None
    row_estimate: int | None
    writable: int
    row_security: bool
    selectable: bool
    columns: dict[int, ColumnFact] = field(default_factory=dict)
    keys: list[_KeyRow] = field(default_factory=list)

    def names(self, numbers: Sequence[str] | None) -> tuple[str, ...]:
        """The columns' names; nothing when one of them is not there any more."""
        at = [int(number) for number in numbers or ()]
        return tuple(self.columns[number].name for number in at) if self.columns.keys() >= set(at) else ()


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def _table(relation: _Relation) -> TableFact:
    return TableFact(
        schema=relation.schema,
        name=relation.name,
        kind=KINDS[relation.kind],
        columns=tuple(relation.columns.values()),
        primary_key=next(_keys(relation, "p"), None),
        uniques=tuple(_keys(relation, "u")),
        checks=tuple(CheckFact(key.name, _condition(key.expression or "")) for key in relation.keys if key.form == "c"),
        comment=relation.comment,
        row_estimate=relation.row_estimate,
        insertable=bool(relation.writable & INSERT),
        updatable=bool(relation.writable & UPDATE),
        deletable=bool(relation.writable & DELETE),
    )


def _column(row: _ColumnRow, types: Types) -> ColumnFact:
    default = types.default(row.type) if row.expression is None else row.expression
    return ColumnFact(
        name=row.name,
        type=types.of(row.type, row.modifier, row.native, case_insensitive=row.case_insensitive),
        nullable=not (row.not_null or types.not_null(row.type)),
        fill=_fill(row, default),
        default=None if row.generated else default,
        comment=row.comment,
        collation=row.collation,
    )


def _fill(row: _ColumnRow, default: str | None) -> Fill:
    if row.generated or not row.writable:
        return Fill.COMPUTED
    if row.identity:
        return Fill.ALWAYS if row.identity == "a" else Fill.IDENTITY
    if default is None:
        return Fill.NONE
    return Fill.IDENTITY if default.startswith("nextval(") else Fill.DEFAULT


def _keys(relation: _Relation, form: str) -> Iterator[KeyFact]:
    for key in relation.keys:
        if key.form == form and (columns := relation.names(key.columns)):
            yield KeyFact(key.name, columns)


def _condition(definition: str) -> str:
    """`CHECK ((price > 0)) NOT VALID` → `(price > 0)`."""
    start = definition.find("(") + 1
    return definition[start : definition.rfind(")")]


def _foreign_keys(relations: Mapping[int, _Relation]) -> Iterator[ForeignKeyFact]:
    """Those that say which values are the same. One of periods finds several rows, and no action comes of it."""
    for relation in relations.values():
        for key in relation.keys:
            if key.form != "f" or key.target is None or key.expression is not None:
                continue
            if columns := relation.names(key.columns):
                target = relations.get(key.target)
                yield ForeignKeyFact(
                    name=key.name,
                    schema=relation.schema,
                    table=relation.name,
                    columns=columns,
                    target_schema=key.target_schema,
                    target_table=key.target_name,
                    target_columns=target.names(key.target_columns) if target else (),
                    on_update=ACTIONS[key.on_update],
                    on_delete=ACTIONS[key.on_delete],
                )


def _notices(relations: Iterable[_Relation]) -> Iterator[Notice]:
    for relation in relations:
        name = f"{relation.schema}.{relation.name}"
        if relation.row_security:
            yield Notice("row_security", f"{name} has row level security: it binds our role unless that bypasses it")
        for key in relation.keys:
            if key.form == "f" and key.expression is not None:
                yield Notice("foreign_key_skipped", f"{name}: {key.name} compares periods: no relationship comes of it")
        if not relation.selectable:
            yield Notice("not_granted", f"{name} cannot be read by the role that we connect as")


# ── functions ────────────────────────────────────────────────────────────────────────────────


def _function(row: _FunctionRow, types: Types) -> Function:
    arguments = tuple(_arguments(row, types))
    columns, scalar = _result(row, arguments, types)
    return Function(
        schema=row.schema,
        name=row.name,
        arguments=arguments,
        returns=row.returns or "",
        volatility=VOLATILITIES[row.volatility],
        returns_set=row.returns_set,
        security_definer=row.security_definer,
        comment=row.comment,
        rows=Table(row.schema, row.name, row.name, TableKind.VIEW, columns) if columns else None,
        scalar=scalar,
        value=columns[0].type if scalar else _value(row, types),
        row_type=(row.relation_schema or "", row.relation_name) if row.relation_name else None,
        row_argument=(row.argument_schema or "", row.argument_name) if row.argument_name else None,
        at_most_one=row.at_most_one,
        media=row.result_name if row.result_form == "d" and "/" in row.result_name else None,
        callable=row.kind == "f" and (bool(columns) or row.result_name == "void"),
        settings=tuple(
            (name.lower(), value) for name, _, value in (each.partition("=") for each in row.settings or ())
        ),
    )


def _result(row: _FunctionRow, arguments: Sequence[Argument], types: Types) -> tuple[tuple[Column, ...], bool]:
    """The columns of what a function gives, and whether it gives bare values."""
    given = [each for each in arguments if each.mode in {"out", "inout", "table"}]
    if given:
        # Without a name a column has that of its place, as the database counts them.
        named = ((each.name or f"column{number}", each.type) for number, each in enumerate(given, 1))
        return tuple(Column(name, type_, nullable=True) for name, type_ in named), False
    if row.columns:
        found = zip(row.columns, row.column_types, row.column_natives, strict=True)
        return tuple(Column(name, types.of(int(oid), -1, native), nullable=True) for name, oid, native in found), False
    if row.result_form == "p":
        return (), False  # void, or rows of which the caller would have to say what they are
    native = (row.returns or "").removeprefix("SETOF ")
    return (Column(row.name, types.of(row.result, -1, native), nullable=True),), True


def _value(row: _FunctionRow, types: Types) -> DataType | None:
    """The composite type of what a function gives, where it stands for itself."""
    found = types.of(row.result, -1, (row.returns or "").removeprefix("SETOF ")) if row.columns else None
    return found if found is not None and found.writable else None


def _arguments(row: _FunctionRow, types: Types) -> Iterator[Argument]:
    modes = [MODES[mode] for mode in row.modes or "i" * len(row.types)]
    names = row.names or [""] * len(row.types)
    given = [number for number, mode in enumerate(modes) if mode not in {"out", "table"}]
    defaulted = set(given[len(given) - row.defaults :])
    for number, (name, type_, native, mode) in enumerate(zip(names, row.types, row.natives, modes, strict=True)):
        yield Argument(name, types.of(int(type_), -1, native), mode, number in defaulted)
