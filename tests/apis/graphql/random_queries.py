"""Random queries of a schema, with values that its rows have, some of them in variables."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
)

from tests.apis.graphql.plain_rows import Row
from tests.properties.asking import written

UNASKED = frozenset({"bytea", "jsonb", "any", "timestamptz", "timestamp", "time", "float8"})
"""Scalars whose values compare in a way of their own; they are selected, and not asked about."""
DEEPEST = 2


@dataclass
class Query:
    text: str
    variables: dict[str, Any]


@dataclass
class Drawing:
    """One query being drawn."""

    schema: GraphQLSchema
    rows: Mapping[str, Sequence[Row]]
    dice: random.Random
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    keys: int = 0
    lists: int = 0

    def query(self) -> Query:
        root = self.schema.query_type
        assert root is not None
        names = self.dice.choices(list(root.fields), k=self.dice.randint(1, 3))
        roots = [self.field_of(root, name, 0) for name in names]
        if self.chance(0.2):
            roots.append("__typename")
        heading = f"query Q({', '.join(self.declared)}) " if self.declared else ""
        text = f"{heading}{{{' '.join(roots)}}} {' '.join(self.fragments)}"
        return Query(text, self.variables)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}" + self.dice.choice(["", "", "_" * 70])

    # ── selections ───────────────────────────────────────────────────────────────────────────

    def field_of(self, parent: GraphQLObjectType, name: str, depth: int) -> str:
        definition = parent.fields[name]
        given = self.arguments(definition.args, name, depth)
        named = get_named_type(definition.type)
        inner = self.selection(named, depth + 1) if isinstance(named, GraphQLObjectType) else ""
        return f"{self.key()}: {name}{given}{self.directive()}{inner}"

    def selection(self, type_: GraphQLObjectType, depth: int) -> str:
        leaves = [
            name for name, each in type_.fields.items() if not isinstance(get_named_type(each.type), GraphQLObjectType)
        ]
        nested = [name for name in type_.fields if name not in leaves]
        chosen = [
            self.field_of(type_, name, depth)
            for name in self.dice.sample(leaves, min(len(leaves), self.dice.randint(1, 4)))
        ]
        aggregate = type_.name.endswith("_aggregate")
        if nested and (aggregate or (depth < DEEPEST and self.lists < 4 and self.chance(0.6))):
            chosen.append(self.field_of(type_, self.dice.choice(nested), depth))
        if self.chance(0.3):
            chosen.append(self.dice.choice(["__typename", f"{self.key()}: __typename"]))
        if leaves and self.chance(0.2):
            plain = self.dice.choice(leaves)
            chosen += [plain, plain]
        self.dice.shuffle(chosen)
        if self.chance(0.2):
            cut = self.dice.randint(0, len(chosen) - 1)
            chosen = [*chosen[:cut], self.spread(type_, chosen[cut:])]
        return f" {{{' '.join(chosen)}}}"

    def spread(self, type_: GraphQLObjectType, chosen: list[str]) -> str:
        if self.chance(0.5):
            return f"... on {type_.name}{self.directive()} {{{' '.join(chosen)}}}"
        name = f"f{len(self.fragments)}"
        self.fragments.append("")
        self.fragments[int(name[1:])] = f"fragment {name} on {type_.name} {{{' '.join(chosen)}}}"
        return f"...{name}"

    def directive(self) -> str:
        if not self.chance(0.08):
            return ""
        value = self.chance(0.7)
        word, value = ("include", value) if self.chance(0.5) else ("skip", not value)
        return f" @{word}(if: {self.variable('Boolean!', value) if self.chance(0.5) else json.dumps(value)})"

    # ── arguments ────────────────────────────────────────────────────────────────────────────

    def arguments(self, defined: Mapping[str, Any], name: str, depth: int) -> str:
        if not defined:
            return ""
        if "where" not in defined:
            row = self.dice.choice(self.rows[name.removesuffix("_by_pk")])
            given = [
                f"{each}: {self.operand(get_named_type(argument.type), row[each])}"
                for each, argument in defined.items()
            ]
            return f"({', '.join(given)})"
        self.lists += 1
        type_ = get_named_type(defined["where"].type)
        assert isinstance(type_, GraphQLInputObjectType)
        given = [f"limit: {self.number(1, 6 if depth else 30)}"] if depth or self.chance(0.8) else []
        if self.chance(0.5):
            given.append(f"where: {self.conditions(type_, 0)}")
        if self.chance(0.3):
            given.append(f"offset: {self.number(0, 5)}")
        if "order_by" in defined and self.chance(0.5):
            order = get_named_type(defined["order_by"].type)
            assert isinstance(order, GraphQLInputObjectType)
            given.append(f"order_by: {self.orders(order)}")
        return f"({', '.join(given)})" if given else ""

    def number(self, least: int, most: int) -> str:
        value = self.dice.randint(least, most)
        return self.variable("Int!", value) if self.chance(0.3) else str(value)

    def conditions(self, type_: GraphQLInputObjectType, level: int) -> str:
        parts: dict[str, str] = {}
        for name in self.dice.sample(list(type_.fields), self.dice.randint(0, 2)):
            named = get_named_type(type_.fields[name].type)
            assert isinstance(named, GraphQLInputObjectType)
            if name in ("_and", "_or", "_not") or named.name.endswith("_bool_exp"):
                if level > 2:
                    continue
                if name in ("_and", "_or") and self.chance(0.7):
                    inner = [self.conditions(named, level + 1) for _ in range(self.dice.randint(0, 2))]
                    parts[name] = f"[{', '.join(inner)}]"
                else:
                    parts[name] = self.conditions(named, level + 1)
            elif (asked := self.comparison(type_.name.removesuffix("_bool_exp"), name, named)) is not None:
                parts[name] = asked
        return f"{{{', '.join(f'{name}: {each}' for name, each in parts.items())}}}"

    def comparison(self, table: str, column: str, type_: GraphQLInputObjectType) -> str | None:
        if type_.name == "jsonb_comparison_exp":
            return None  # a null of JSON and no value at all are shown alike
        scalar = get_named_type(type_.fields["_eq"].type) if "_eq" in type_.fields else None
        if not isinstance(scalar, GraphQLScalarType) or scalar.name in UNASKED:
            return f"{{_is_null: {json.dumps(self.chance(0.5))}}}"
        values = [row[column] for row in self.rows[table] if row[column] is not None] or [None]
        word = self.dice.choice(list(type_.fields))
        if word == "_is_null" or values == [None]:
            return f"{{_is_null: {json.dumps(self.chance(0.5))}}}"
        if word in ("_in", "_nin"):
            listed = self.dice.choices(values, k=self.dice.randint(0, 3))
            if self.chance(0.3):
                return f"{{{word}: {self.variable(f'[{scalar.name}!]', listed)}}}"
            return f"{{{word}: [{', '.join(map(written, listed))}]}}"
        value = self.dice.choice(values)
        if word.endswith("like"):
            return f"{{{word}: {self.operand(scalar, pattern(self.dice, value))}}}"
        return f"{{{word}: {self.operand(scalar, value)}}}"

    def orders(self, type_: GraphQLInputObjectType) -> str:
        found = []
        offered = self.sortable(type_)
        for name in self.dice.sample(offered, min(len(offered), self.dice.randint(1, 2))):
            named = get_named_type(type_.fields[name].type)
            if isinstance(named, GraphQLEnumType):
                direction = self.dice.choice(list(named.values))
                found.append(f"{{{name}: {self.variable('order_by!', direction) if self.chance(0.2) else direction}}}")
            elif isinstance(named, GraphQLInputObjectType):
                plain = [
                    each
                    for each in self.sortable(named)
                    if isinstance(get_named_type(named.fields[each].type), GraphQLEnumType)
                ]
                found.append(f"{{{name}: {{{self.dice.choice(plain)}: desc_nulls_last}}}}")
        return f"[{', '.join(found)}]"

    def sortable(self, type_: GraphQLInputObjectType) -> list[str]:
        """What an order can name, but for bytes: they are shown in base64, which has another order."""
        row = self.schema.type_map[type_.name.removesuffix("_order_by")]
        assert isinstance(row, GraphQLObjectType)
        return [name for name in type_.fields if get_named_type(row.fields[name].type).name != "bytea"]

    def operand(self, scalar: GraphQLNamedType, value: Any) -> str:
        if self.chance(0.5):
            return self.variable(f"{scalar.name}!", value)
        return written(value)

    def variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        self.declared.append(f"${name}: {type_}")
        return f"${name}"


def pattern(dice: random.Random, text: str) -> str:
    """A pattern that a text like this may match."""
    start = dice.randint(0, max(0, len(text) - 1))
    middle = "".join(each if each.isalnum() else "_" for each in text[start : start + 4])
    return dice.choice(["", "%"]) + middle + "%"
