"""The rules that speak of a query: what the file says of its tables for each role of a caller, and where.

Rule: rules are told as they are written, so that whoever reads them finds them in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reflector.access.description import RuleText
from reflector.access.entries import Allowed, read_entries
from reflector.catalog.model import Catalog, Table
from reflector.query.calls import Call, Gathered
from reflector.query.nodes import Delete, Insert, Overview, Read, Update
from reflector.query.reach import tables_of
from reflector.query.sets import AnyQuery, DeleteMany, InsertMany, UpdateMany
from server.binding import Binding
from server.trials.coverage import mask_worded, worded

VERBS: Final = {"read": "reads", "create": "creates", "update": "updates", "delete": "deletes"}


def spoken(binding: Binding, catalog: Catalog, roles: Sequence[str], query: AnyQuery) -> Iterator[str]:
    """The rules, a line each."""
    if binding.config.open:
        yield "  none: without auth, tables and defaults everybody reads"
        return
    if isinstance(query, Call):
        yield from _called(binding, roles, query)
    entries = {entry.table: entry for entry in read_entries(binding.description, catalog, lambda _: None)}
    written, rights = written_by(query)
    for table in sorted(tables_reached(query), key=lambda each: each.label):
        allowed = [(role, entries[table].allowed.get(role)) for role in roles]
        lines = [
            line
            for right in (*(rights if table is written else ()), "read")
            for role, said in allowed
            for line in _right(table, role, right, said)
        ]
        yield from lines or _default(binding, table)


def written_by(query: AnyQuery) -> tuple[Table | None, Sequence[str]]:
    """The table that a query writes, and by which rights."""
    match query:
        case Insert(table=table):
            return table, ("create",)
        case InsertMany(table=table, conflict=conflict):
            return table, ("create",) if conflict is None or conflict.update is None else ("create", "update")
        case Update(table=table) | UpdateMany(table=table):
            return table, ("update",)
        case Delete(table=table) | DeleteMany(table=table):
            return table, ("delete",)
        case _:
            return None, ()


def tables_reached(query: AnyQuery) -> frozenset[Table]:
    """The tables that the caller named."""
    match query:
        case Read() | Overview() | Insert() | Update() | Delete():
            return tables_of(query)
        case Gathered(read=read):
            return tables_of(read)
        case Call(read=read):
            return frozenset() if read is None or not query.function.of_table else tables_of(read)
        case _:
            returning = query.returning
            return frozenset({query.table}) | (frozenset() if returning is None else tables_of(returning))


def _right(table: Table, role: str, right: str, allowed: Allowed | None) -> Iterator[str]:
    rules: Any = None if allowed is None else getattr(allowed.rules, right)
    if rules is None:
        return
    rule: RuleText = rules.check if right == "create" else rules.rows
    check: RuleText | None = rules.check if right == "update" else None
    said = [f"  {table.label}: {role} {VERBS[right]} {rows_of(rule)}"]
    said += [f"check {worded(check)}"] if check is not None else []
    said += [f"columns {', '.join(rules.columns.names)}"] if getattr(rules, "columns", None) else []
    masks = getattr(rules, "masks", {}).items()
    said += [f"{column} as {mask_worded(mask)}" for column, mask in masks]
    said += [f"{column} = {preset.value}" for column, preset in getattr(rules, "presets", {}).items()]
    yield "; ".join(said) + place_of(rule, None if allowed is None else allowed.rules.where)


def rows_of(rule: RuleText) -> str:
    """Which rows a rule speaks of."""
    return "all rows" if rule.rule is True else f"where {worded(rule)}"


def place_of(rule: RuleText, otherwise: object) -> str:
    """Where the rule stands, to be told behind it."""
    position = getattr(rule.where, "position", None) or otherwise
    return "" if position is None else f"   ({position})"


def _called(binding: Binding, roles: Sequence[str], query: Call) -> Iterator[str]:
    for each in binding.description.functions:
        named = [role for role in roles if role in each.roles]
        if named and each.name in (query.function.name, f"{query.function.schema}.{query.function.name}"):
            yield f"  {each.name}: {', '.join(named)} may call it   ({each.where})"


def _default(binding: Binding, table: Table) -> Iterator[str]:
    reads = binding.description.default_read
    yield f"  {table.label}: {'defaults.read: everybody with a role reads' if reads else 'nothing opens it'}"
