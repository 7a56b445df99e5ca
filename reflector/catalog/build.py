"""From facts to a catalog: names become objects, keys become relationships, and an overlay has its say.

Labels are the database's names in the first schema and `schema.name` elsewhere, unless the overlay renames.

Rule: this is the one place where a catalog is made, for every database; it is pure, so equal facts and overlays make
equal catalogs in every process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from reflector.catalog.computed import computed_fields, computed_relationships, of_rows
from reflector.catalog.diff import content_hash
from reflector.catalog.facts import ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.inherited import inherited
from reflector.catalog.model import (
    Catalog,
    Check,
    Column,
    ForeignKey,
    Function,
    Key,
    Misfit,
    Notice,
    Reaction,
    Table,
    TableKind,
)
from reflector.catalog.overlay import (
    NO_OVERLAY,
    OWN_PREFIX,
    Overlay,
    RelationshipRule,
    apply_rules,
    excluded,
    fitting_names,
)
from reflector.catalog.relationships import Spelling, identity, link
from reflector.datatypes import Kind
from reflector.errors import suggestion

__all__ = ["NO_OVERLAY", "Overlay", "RelationshipRule", "build"]

Place = tuple[str, str]
"""Schema and name: what a table is called in the database."""


def build(facts: Facts, overlay: Overlay = NO_OVERLAY) -> Catalog:
    """The catalog of what was seen. What the overlay says in vain is left out, and stands in `misfits`."""
    shown, notices, vain = _shown(facts, overlay.exclude)
    labels, label_notices = _labels(facts, shown)
    names, misfits = fitting_names(overlay.names, list(labels))
    tables = {label: _table(fact, names.get(label, label)) for label, fact in labels.items()}
    foreign_keys, key_notices = _foreign_keys(facts, tables.values())
    relationships, clashes = link(tables.values(), foreign_keys, _spelling(tables, names))
    misfits += apply_rules(overlay.relationships, tables, relationships)
    functions = tuple(_function(each, tables.values()) for each in facts.functions)
    ranked = of_rows(functions, overlay.search_path)
    catalog = Catalog(
        kind=facts.kind,
        version=facts.version,
        schemas=facts.schemas,
        tables=MappingProxyType({table.label: table for table in tables.values()}),
        relationships=MappingProxyType({table: MappingProxyType(named) for table, named in relationships.items()}),
        foreign_keys=foreign_keys,
        functions=functions,
        notices=(*facts.notices, *notices, *label_notices, *_table_notices(tables.values()), *key_notices, *clashes),
        reactions=tuple(
            Reaction((each.schema, each.table), _target(each), each.on_update, each.on_delete)
            for each in facts.foreign_keys
        ),
        misfits=(*_unknown_schemas(facts, overlay), *vain, *misfits),
        inherited=MappingProxyType(inherited(facts.inherited, tables.values())),
        computed_fields=computed_fields(ranked),
        computed_relationships=computed_relationships(ranked),
        stands_on=MappingProxyType(dict(_stands_on(facts, tables.values()))),
    )
    handlers = tuple(_function(each, tables.values()) for each in facts.handlers)
    catalog = replace(catalog, functions=(*catalog.functions, *handlers))
    return replace(catalog, fingerprint=content_hash(catalog))


def _stands_on(facts: Facts, tables: Iterable[Table]) -> Iterator[tuple[Table, frozenset[Table]]]:
    """What each view reads in the end; also by way of views that are not served."""
    reads: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for view, read in facts.reads:
        reads.setdefault(view, set()).add(read)
    served = {(table.schema, table.name): table for table in tables}
    for place in reads.keys() & served.keys():
        found: set[tuple[str, str]] = set()
        waiting = [place]
        while waiting:
            new = reads.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        yield served[place], frozenset(served[each] for each in found & served.keys() if each != place)


def _unknown_schemas(facts: Facts, overlay: Overlay) -> Iterable[Misfit]:
    for schema in overlay.schemas or ():
        if schema not in facts.schemas:
            hint = suggestion(schema, facts.schemas)
            yield Misfit(("database", "schemas"), f"there is no schema {schema!r}", hint, fatal=True)


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def _shown(facts: Facts, exclude: Sequence[str]) -> tuple[list[TableFact], list[Notice], list[Misfit]]:
    """The tables that are served, by schema and name; a notice for each that cannot be, and what hides nothing."""
    rank = {schema: number for number, schema in enumerate(facts.schemas)}
    others = [fact for fact in facts.tables if not fact.name.startswith(OWN_PREFIX)]
    ordered = sorted(others, key=lambda fact: (rank.get(fact.schema, len(rank)), fact.schema, fact.name))
    vain = [
        Misfit(("database", "exclude", index), f"no table matches {pattern!r}", suggestion(pattern, _spelt(ordered)))
        for index, pattern in enumerate(exclude)
        if not any(excluded(fact, (pattern,)) for fact in ordered)
    ]
    wanted = [fact for fact in ordered if not excluded(fact, exclude)]
    notices = [
        Notice("table_skipped", f"{fact.schema}.{fact.name} has no columns: it is not served")
        for fact in wanted
        if not fact.columns
    ]
    return [fact for fact in wanted if fact.columns], notices, vain


def _spelt(facts: Iterable[TableFact]) -> list[str]:
    return [spelling for fact in facts for spelling in (fact.name, f"{fact.schema}.{fact.name}")]


def _labels(facts: Facts, shown: Iterable[TableFact]) -> tuple[dict[str, TableFact], list[Notice]]:
    labels: dict[str, TableFact] = {}
    notices = []
    for fact in shown:
        first = fact.schema == facts.schemas[0]
        label = fact.name if first else f"{fact.schema}.{fact.name}"
        if labels.setdefault(label, fact) is not fact:
            text = f"{fact.name!r} in schema {fact.schema!r} would be called {label!r} like another: it is not served"
            notices.append(Notice("table_skipped", text))
    return labels, notices


def _table(fact: TableFact, label: str) -> Table:
    columns = {column.name: _column(column) for column in fact.columns}
    return Table(
        schema=fact.schema,
        name=fact.name,
        label=label,
        kind=fact.kind,
        columns=tuple(columns.values()),
        primary_key=None if fact.primary_key is None else _key(fact.primary_key, columns),
        uniques=tuple(_key(unique, columns) for unique in fact.uniques),
        checks=tuple(Check(check.name, check.expression) for check in fact.checks),
        comment=fact.comment,
        row_estimate=fact.row_estimate,
        insertable=fact.insertable,
        updatable=fact.updatable,
        deletable=fact.deletable,
    )


def _column(fact: ColumnFact) -> Column:
    return Column(fact.name, fact.type, fact.nullable, fact.fill, fact.default, fact.comment, fact.collation)


def _function(function: Function, tables: Iterable[Table]) -> Function:
    """The function; where rows that it gives or takes are those of a table that is served, they are that very table's."""
    for table in tables:
        place = (table.schema, table.name)
        if place == function.row_argument:
            function = replace(function, of_row=table)
        if place == function.row_type:
            function = replace(function, rows=table, of_table=True)
    return function


def _key(fact: KeyFact, columns: Mapping[str, Column]) -> Key:
    return Key(fact.name, tuple(columns[name] for name in fact.columns))


READ_ONLY = "it is shown as text, read-only"


def _table_notices(tables: Iterable[Table]) -> Iterable[Notice]:
    for table in tables:
        for column in table.columns:
            if column.type.kind is Kind.OPAQUE:
                how = "it is shown as text, and written at /rest/v1 alone" if column.writable else READ_ONLY
                yield Notice("opaque_type", f"{table.label}.{column.name} is of type {column.type.native}: {how}")
        if table.kind is TableKind.TABLE and table.primary_key is None:
            yield Notice(
                "table_without_key", f"{table.label} has no primary key: its rows have no address and no cursor"
            )


# ── foreign keys ─────────────────────────────────────────────────────────────────────────────


def _foreign_keys(facts: Facts, tables: Iterable[Table]) -> tuple[tuple[ForeignKey, ...], list[Notice]]:
    """The keys between tables that are served, in an order of their own; a notice for each that leads elsewhere."""
    served = {(table.schema, table.name): table for table in tables}
    seen = {(fact.schema, fact.name) for fact in facts.tables}
    keys, notices = [], []
    for fact in facts.foreign_keys:
        table, target = served.get((fact.schema, fact.table)), served.get(_target(fact))
        if table is not None and target is not None and _columns_exist(fact, table, target):
            keys.append(_foreign_key(fact, table, target))
        elif table is not None and (target is not None or _target(fact) not in seen):
            columns = f" ({', '.join(fact.target_columns)})" if fact.target_columns else ""
            what = f"{'.'.join(_target(fact))}{columns}"
            text = f"{table.label}: {', '.join(fact.columns)} refers to {what}, which is not served"
            notices.append(Notice("foreign_key_skipped", text))
    keys.sort(key=identity)
    return tuple(keys), sorted(notices, key=lambda notice: notice.message)


def _target(fact: ForeignKeyFact) -> Place:
    return fact.target_schema, fact.target_table


def _columns_exist(fact: ForeignKeyFact, table: Table, target: Table) -> bool:
    """Not every database checks what a foreign key names."""
    return table.by_name.keys() >= set(fact.columns) and target.by_name.keys() >= set(fact.target_columns)


def _foreign_key(fact: ForeignKeyFact, table: Table, target: Table) -> ForeignKey:
    return ForeignKey(
        name=fact.name,
        table=table,
        columns=tuple(table.by_name[name] for name in fact.columns),
        target=target,
        target_columns=tuple(target.by_name[name] for name in fact.target_columns),
        on_update=fact.on_update,
        on_delete=fact.on_delete,
    )


def _spelling(tables: Mapping[str, Table], names: Mapping[str, str]) -> Spelling:
    """A table's name inside the names of relationships is its public one; the schema comes in where names clash."""
    short = {table: names.get(label, table.name) for label, table in tables.items()}
    long = {
        table: short[table] if label in names else f"{table.schema}_{table.name}" for label, table in tables.items()
    }
    return Spelling(short, long)
