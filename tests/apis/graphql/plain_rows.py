"""What a schema means, said a second time and as plainly as can be: resolvers over lists of rows, for the library's
ordinary executor. Slow, and sure to share nothing with the product but the schema and the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key, partial
from operator import itemgetter
from typing import Any

from graphql import GraphQLResolveInfo

from reflector.catalog.model import Catalog, Pairs, Relationship, Table

Row = dict[str, Any]
ROOT_ROWS = 1000
EMBEDDED_ROWS = 100


class PlainRows:
    """All rows of a catalog, and the resolver that finds its way through them."""

    def __init__(self, catalog: Catalog, rows: Mapping[Table, Sequence[Row]]) -> None:
        self.catalog, self.rows = catalog, rows
        self.indexes: dict[tuple[Table, tuple[str, ...]], dict[tuple[Any, ...], list[Row]]] = {}

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        """A field of any type of the schema."""
        parent, name = info.parent_type.name, info.field_name
        if parent == "query_root":
            return self.root(name, arguments)
        if parent.endswith(("_aggregate", "_aggregate_fields")):
            return source[name]
        table = self.catalog.tables[parent]
        if name in table.by_name:
            return source[name]
        related = self.catalog.relationships[table]
        if name in related:
            found = self.related(related[name], source)
            if related[name].many:
                return self.page(related[name].target, found, arguments, EMBEDDED_ROWS)
            return found[0] if found else None
        relationship = related[name.removesuffix("_aggregate")]
        return self.aggregate(relationship.target, self.related(relationship, source), arguments, EMBEDDED_ROWS)

    def root(self, name: str, arguments: Row) -> Any:
        if name.endswith("_by_pk"):
            rows = self.rows[self.catalog.tables[name.removesuffix("_by_pk")]]
            return next((row for row in rows if all(same(row[key], value) for key, value in arguments.items())), None)
        if name.endswith("_aggregate"):
            table = self.catalog.tables[name.removesuffix("_aggregate")]
            return self.aggregate(table, self.rows[table], arguments, ROOT_ROWS)
        table = self.catalog.tables[name]
        return self.page(table, self.rows[table], arguments, ROOT_ROWS)

    def related(self, relationship: Relationship, row: Row) -> list[Row]:
        junction = relationship.junction
        if junction is None:
            return self.joined(relationship.target, relationship.pairs, row)
        lines = self.joined(junction.table, junction.near, row)
        found = [each for line in lines for each in self.joined(relationship.target, junction.far, line)]
        return sorted(found, key=self.rows[relationship.target].index) if len(found) > 1 else found

    def joined(self, target: Table, pairs: Pairs, row: Row) -> list[Row]:
        """The rows of a table that equal this one in each pair of columns; looked up, because there are many."""
        names = tuple(far.name for _, far in pairs)
        index = self.indexes.get((target, names))
        if index is None:
            index = self.indexes[target, names] = {}
            for each in self.rows[target]:
                index.setdefault(tuple(each[name] for name in names), []).append(each)
        values = tuple(row[near.name] for near, _ in pairs)
        return [] if None in values else index.get(values, [])

    # ── lists ────────────────────────────────────────────────────────────────────────────────

    def page(self, table: Table, rows: Sequence[Row], arguments: Row, most: int) -> list[Row]:
        found = self.cut(self.kept(table, rows, arguments), arguments)
        return found[: ROOT_ROWS if arguments.get("limit") is not None else most]

    def aggregate(self, table: Table, rows: Sequence[Row], arguments: Row, most: int) -> Row:
        found = self.cut(self.kept(table, rows, arguments), arguments)
        return {"aggregate": {"count": len(found)}, "nodes": self.page(table, rows, arguments, most)}

    def cut(self, rows: list[Row], arguments: Row) -> list[Row]:
        start = arguments.get("offset") or 0
        limit = arguments.get("limit")
        return rows[start:] if limit is None else rows[start : start + limit]

    def kept(self, table: Table, rows: Sequence[Row], arguments: Row) -> list[Row]:
        found = [row for row in rows if self.holds(table, row, arguments.get("where", {})) is True]
        keys = [key for each in arguments.get("order_by") or () for key in self.keys(table, each)]
        if table.primary_key is not None:
            keys += [(itemgetter(column.name), "asc") for column in table.primary_key.columns]
        return sorted(found, key=cmp_to_key(partial(compare, keys)))

    def keys(self, table: Table, given: Row) -> list[tuple[Callable[[Row], Any], str]]:
        found: list[tuple[Callable[[Row], Any], str]] = []
        for name, each in given.items():
            if name in table.by_name:
                found.append((itemgetter(name), each))
                continue
            relationship = self.catalog.relationships[table][name]
            for key, direction in self.keys(relationship.target, each):
                found.append((partial(self.of_one, relationship, key), direction))
        return found

    def of_one(self, relationship: Relationship, key: Callable[[Row], Any], row: Row) -> Any:
        found = self.related(relationship, row)
        return key(found[0]) if found else None

    # ── conditions: True, False, or None for what is not known ───────────────────────────────

    def holds(self, table: Table, row: Row, where: Row) -> bool | None:
        return every([self.member(table, row, name, each) for name, each in where.items()])

    def member(self, table: Table, row: Row, name: str, given: Any) -> bool | None:
        if name == "_and":
            return every([self.holds(table, row, each) for each in given])
        if name == "_or":
            answer = every([negated(self.holds(table, row, each)) for each in given])
            return negated(answer)
        if name == "_not":
            return negated(self.holds(table, row, given))
        if name in table.by_name:
            return every([operated(word, row[name], each) for word, each in given.items()])
        relationship = self.catalog.relationships[table][name]
        return any(self.holds(relationship.target, each, given) is True for each in self.related(relationship, row))


def every(answers: list[bool | None]) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True


def negated(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def operated(word: str, value: Any, operand: Any) -> bool | None:
    if word == "_is_null":
        return (value is None) == bool(operand)
    if word == "_in":
        return None if value is None and operand else any(same(value, each) for each in operand)
    if word == "_nin":
        return negated(operated("_in", value, operand))
    if value is None:
        return None
    if word.endswith("like"):
        fold = "i" in word.removesuffix("like")
        found = matches(value.lower() if fold else value, operand.lower() if fold else operand)
        return found != word.startswith("_n")
    left, right = comparable(value), comparable(operand)
    return bool(
        {
            "_eq": left == right,
            "_neq": left != right,
            "_gt": left > right,
            "_gte": left >= right,
            "_lt": left < right,
            "_lte": left <= right,
        }[word]
    )


def comparable(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def same(left: Any, right: Any) -> bool:
    return bool(comparable(left) == comparable(right))


def matches(text: str, pattern: str) -> bool:
    spelled = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(spelled, text, re.DOTALL) is not None


def compare(keys: Sequence[tuple[Callable[[Row], Any], str]], left: Row, right: Row) -> int:
    for key, direction in keys:
        a, b = key(left), key(right)
        descending = direction.startswith("desc")
        nulls_last = direction.endswith("nulls_last") or direction == "asc"
        if a is None or b is None:
            if a is b:
                continue
            return (1 if nulls_last else -1) if a is None else (-1 if nulls_last else 1)
        if a != b:
            return (-1 if a < b else 1) * (-1 if descending else 1)
    return 0
