"""Whether two catalogs say the same, and if not, what differs in words for the log.

Rule: what enters the hash is what a caller could notice: names, types, keys, links, comments. Row estimates, the
server's version and notices do not, so that an ANALYZE or an upgrade swaps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TypeVar

from reflector.catalog.model import Catalog, Column, ForeignKey, Function, Key, Pairs, Relationship, Table
from reflector.datatypes import DataType

Thing = TypeVar("Thing")


def content_hash(catalog: Catalog) -> str:
    """A hash of the content in hexadecimal digits, equal in every process that built the same."""
    # By identity, which the catalog keeps: columns share their types, and to hash one costs as much as to spell it.
    spelled: dict[int, str] = {}

    def type_(of: DataType) -> str:
        if id(of) not in spelled:
            spelled[id(of)] = repr(of)
        return spelled[id(of)]

    content = (
        catalog.kind.value,
        catalog.schemas,
        [_table_content(table, type_) for table in catalog.tables.values()],
        [_foreign_key_content(key) for key in catalog.foreign_keys],
        [_relationship_content(each) for named in catalog.relationships.values() for each in named.values()],
        sorted(_function_content(function) for function in catalog.functions),
        [_relationship_content(each) for ways in catalog.inherited.values() for each in ways],
        sorted((view.label, sorted(each.label for each in tables)) for view, tables in catalog.stands_on.items()),
    )
    return sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()


def _table_content(table: Table, type_: Callable[[DataType], str]) -> object:
    return (
        (table.schema, table.name, table.label, table.kind.value, table.comment),
        (table.insertable, table.updatable, table.deletable),
        [
            (each.name, type_(each.type), each.nullable, each.fill.value, each.default, each.comment, each.collation)
            for each in table.columns
        ],
        _key_content(table.primary_key),
        sorted(repr(_key_content(key)) for key in table.uniques),
        sorted(repr((check.name, check.expression)) for check in table.checks),
    )


def _key_content(key: Key | None) -> object:
    return None if key is None else (key.name, _names(key.columns))


def _foreign_key_content(key: ForeignKey) -> object:
    from_, to = (key.table.label, _names(key.columns)), (key.target.label, _names(key.target_columns))
    return (key.name, from_, to, key.on_update, key.on_delete)


def _relationship_content(each: Relationship) -> tuple[object, ...]:
    through = each.junction and (each.junction.table.label, _pairs(each.junction.near), _pairs(each.junction.far))
    way = (each.source.label, each.name, each.target.label)
    return (*way, each.many, each.nullable, _pairs(each.pairs), through)


def _function_content(function: Function) -> str:
    arguments = [(each.name, each.type, each.mode, each.has_default) for each in function.arguments]
    traits = (function.returns, function.volatility, function.returns_set, function.security_definer)
    columns = () if function.rows is None else [(each.name, each.type) for each in function.rows.columns]
    given = (function.scalar, function.row_type, function.media, function.callable, function.procedure, columns)
    of_rows = (function.row_argument, function.at_most_one, function.gathers)
    return repr(
        (function.schema, function.name, arguments, traits, given, of_rows, function.settings, function.comment)
    )


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns]


def _pairs(pairs: Pairs) -> list[tuple[str, str]]:
    return [(ours.name, theirs.name) for ours, theirs in pairs]


# ── in words ─────────────────────────────────────────────────────────────────────────────────


def changes(old: Catalog, new: Catalog) -> tuple[str, ...]:
    """What became of the old catalog, a line each; none exactly when the two have one `content_hash`."""
    return (
        *_traits("schemas", ", ".join(old.schemas), ", ".join(new.schemas)),
        *_compared("table", old.tables, new.tables, _table_changes),
        *_compared("foreign key", _foreign_keys(old), _foreign_keys(new), _foreign_key_changes),
        *_compared("relationship", _relationships(old), _relationships(new), _relationship_changes),
        *_compared("function", _functions(old), _functions(new), _function_changes),
    )


def _traits(what: str, old: object, new: object) -> Iterable[str]:
    if old != new:
        yield f"{what}: was {_word(old)}, is {_word(new)}"


def _compared(
    what: str,
    old: Mapping[str, Thing],
    new: Mapping[str, Thing],
    within: Callable[[Thing, Thing], Iterable[str]],
) -> Iterable[str]:
    yield from (f"{what} {name} was dropped" for name in old if name not in new)
    yield from (f"{what} {name} was added" for name in new if name not in old)
    for name in old:
        if name in new:
            yield from within(old[name], new[name])


def _table_changes(old: Table, new: Table) -> Iterable[str]:
    def columns(table: Table) -> Mapping[str, Column]:
        return {f"{table.label}.{column.name}": column for column in table.columns}

    def column_changes(before: Column, after: Column) -> Iterable[str]:
        return _column_changes(f"{new.label}.{after.name}", before, after)

    yield from _compared("column", columns(old), columns(new), column_changes)
    for what, before, after in _table_traits(old, new):
        yield from _traits(f"table {new.label}, {what}", before, after)


def _table_traits(old: Table, new: Table) -> Iterable[tuple[str, str, str]]:
    yield "name", f"{old.schema}.{old.name}", f"{new.schema}.{new.name}"
    yield "columns", _order_words(old, new), _order_words(new, old)
    yield "kind", old.kind.value, new.kind.value
    yield "primary key", _key_words(old.primary_key), _key_words(new.primary_key)
    yield "unique keys", _all_key_words(old), _all_key_words(new)
    yield "checks", _check_words(old), _check_words(new)
    yield "comment", repr(old.comment), repr(new.comment)
    yield "writable", _writable_words(old), _writable_words(new)


def _order_words(table: Table, other: Table) -> str:
    """The order of the columns that both have: the others are told one by one."""
    return ", ".join(name for name in table.by_name if name in other.by_name)


def _key_words(key: Key | None) -> str:
    return "none" if key is None else f"{key.name or ''}({', '.join(_names(key.columns))})"


def _all_key_words(table: Table) -> str:
    return " ".join(sorted(_key_words(key) for key in table.uniques)) or "none"


def _check_words(table: Table) -> str:
    return " ".join(sorted(f"{check.name or ''}({check.expression})" for check in table.checks)) or "none"


def _writable_words(table: Table) -> str:
    allowed = (("insert", table.insertable), ("update", table.updatable), ("delete", table.deletable))
    return ", ".join(word for word, is_allowed in allowed if is_allowed) or "nothing"


def _column_changes(name: str, old: Column, new: Column) -> Iterable[str]:
    for what, before, after in (
        ("type", old.type, new.type),
        ("nullable", old.nullable, new.nullable),
        ("filled by", old.fill.value, new.fill.value),
        ("default", old.default, new.default),
        ("comment", old.comment, new.comment),
        ("collation", old.collation, new.collation),
    ):
        yield from _traits(f"column {name}, {what}", before, after)


def _word(value: object) -> str:
    """A type in the database's words; its labels too, for they may be all that differs."""
    if not isinstance(value, DataType):
        return str(value)
    return f"{value.native}{list(value.labels)}" if value.labels else value.native


def _relationships(catalog: Catalog) -> Mapping[str, Relationship]:
    return {
        f"{table.label}.{name}": each for table, named in catalog.relationships.items() for name, each in named.items()
    }


def _relationship_changes(old: Relationship, new: Relationship) -> Iterable[str]:
    if _relationship_content(old) != _relationship_content(new):
        yield f"relationship {new.source.label}.{new.name}: was {_way(old)}, is {_way(new)}"


def _way(each: Relationship) -> str:
    pairs = _pairs((*each.junction.near, *each.junction.far) if each.junction else each.pairs)
    joined = ", ".join(f"{ours} = {theirs}" for ours, theirs in pairs)
    via = f" via {each.junction.table.label}" if each.junction else ""
    return f"{'many' if each.many else 'one'} {each.target.label}{via} on {joined}{' or none' if each.nullable else ''}"


def _foreign_keys(catalog: Catalog) -> Mapping[str, ForeignKey]:
    return {
        f"{each.table.label}.{each.name or ''}({', '.join(_names(each.columns))})": each
        for each in catalog.foreign_keys
    }


def _foreign_key_changes(old: ForeignKey, new: ForeignKey) -> Iterable[str]:
    yield from _traits(f"foreign key {new.table.label}.{new.name or ''}", _reference(old), _reference(new))


def _reference(key: ForeignKey) -> str:
    to = f"{key.target.label} ({', '.join(_names(key.target_columns))})"
    return f"{to} ON UPDATE {key.on_update} ON DELETE {key.on_delete}"


def _functions(catalog: Catalog) -> Mapping[str, Function]:
    return {_signature(function): function for function in catalog.functions}


def _signature(function: Function) -> str:
    """Name and types of arguments: what tells overloaded functions apart."""
    types = ", ".join(each.type.native for each in function.arguments if each.mode not in {"out", "table"})
    return f"{function.schema}.{function.name}({types})"


def _function_changes(old: Function, new: Function) -> Iterable[str]:
    if _function_content(old) != _function_content(new):
        yield f"function {_signature(new)} was replaced"
