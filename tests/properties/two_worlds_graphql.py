"""What a curious caller may send to GraphQL: queries of several fields, nested both ways, filtered, sorted and counted,
rows by their keys, mutations, questions about the schema, and all of it misspelt.

Rule: as in `two_worlds_requests`: names come from the catalogs of both worlds, and keys that only one world may have are
never written to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from reflector.datatypes import DataType, Kind
from tests.properties.two_worlds_requests import (
    ANYTHING,
    BY_KIND,
    MISSPELT,
    NULLED,
    NUMBERS,
    WRITES,
    Asked,
    Asking,
    Member,
    Names,
    bodies,
)
from tests.properties.worlds import CALLERS, ONE_WORLD, TAGS, WORDS

NAME = re.compile(r"[A-Za-z_]\w*")
MISNAMED = tuple(name for name in MISSPELT if NAME.fullmatch(name))
ORDERS = ("asc", "desc", "asc_nulls_first", "desc_nulls_last")
SINGLE = ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte")
PATTERNS = ("_like", "_nlike", "_ilike", "_nilike")
SCHEMA_QUESTIONS = (
    "{__schema {types {name fields {name args {name type {name}} type {name kind ofType {name}}} inputFields {name} enumValues {name}}}}",
    "{__schema {queryType {name fields {name}} mutationType {name fields {name args {name}}}}}",
    *(
        f'{{__type(name: "{name}") {{name fields {{name type {{name ofType {{name}}}}}}}}}}'
        for name in ("article", "account", "vault", "artikle", "account_tag", "article_bool_exp", "nosuch")
    ),
)
GRAPHQL = "application/graphql-response+json"


@st.composite
def operations(draw: st.DrawFn, names: Names) -> Asked:
    """One request to /graphql."""
    kind = draw(st.sampled_from(["query"] * 12 + ["insert", "insert", "update", "update", "delete", "schema"]))
    wild = draw(st.integers(0, 3)) == 0
    caller = draw(st.sampled_from([*CALLERS] if wild else ["user", "user", "all", "guest", "both"]))
    tables = names.all if wild else names.seen[caller]
    if kind == "schema":
        return draw(sent(caller, draw(st.sampled_from(SCHEMA_QUESTIONS)), {}))
    if kind != "query":
        table = draw(st.sampled_from(list(WRITES)))
        caller = draw(st.sampled_from([*CALLERS])) if wild else draw(st.sampled_from(WRITES[table]))
        tables = names.all if wild else names.seen[caller]
        return draw(mutation(Asking(caller, table, tables, wild), kind))
    words = Words(draw)
    pool = [*tables, "artcle", "vaul"] if wild else [*tables, *NULLED[caller]]
    fields = []
    for number in range(draw(st.sampled_from([1, 1, 1, 2]))):
        asking = Asking(caller, draw(st.sampled_from(pool)), tables, wild)
        fields.append(f"{'ab'[number]}: {words.root(asking)}")
    declared = f"query ({', '.join(f'${name}: {type_}' for name, (type_, _) in words.variables.items())}) "
    text = (declared if words.variables else "") + "{" + " ".join(fields) + "}"
    return draw(sent(caller, text, {name: value for name, (_, value) in words.variables.items()}))


@st.composite
def sent(draw: st.DrawFn, caller: str, query: str, variables: dict[str, Any]) -> Asked:
    accept = {"Accept": GRAPHQL} if draw(st.booleans()) else {}
    if not query.startswith("mutation") and draw(st.booleans()):
        said = {"query": query} | ({"variables": json.dumps(variables)} if variables else {})
        return Asked(caller, "GET", f"/graphql?{urlencode(said)}", headers=accept)
    return Asked(caller, "POST", "/graphql", json.dumps({"query": query, "variables": variables}), headers=accept)


class Words:
    """Draws the parts of one operation, and gathers its variables: name to type and value."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.variables: dict[str, tuple[str, Any]] = {}

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def root(self, asking: Asking) -> str:
        match self.one("list", "list", "list", "by_pk", "aggregate"):
            case "list":
                return f"{asking.table}{self.arguments(asking)} {self.selection(asking)}"
            case "by_pk":
                keys = (
                    f"article_id: {self.one(*NUMBERS)}, tag_name: {literal(self.one(*TAGS))}"
                    if asking.table == "article_tag"
                    else f"name: {literal(self.one(*TAGS))}"
                    if asking.table == "tag"
                    else f"id: {self.one(*NUMBERS, *ONE_WORLD, *range(1, 13))}"
                )
                return f"{asking.table}_by_pk({keys}) {self.selection(asking)}"
            case _:
                inner = self.one("aggregate {count}", f"nodes {self.selection(asking, 0)} aggregate {{count}}")
                return f"{asking.table}_aggregate{self.arguments(asking)} {{{inner}}}"

    def selection(self, asking: Asking, depth: int = 2) -> str:
        """Columns, and related rows both ways."""
        parts = [each.name for each in self.members(asking.columns, asking.wild)]
        for each in self.members(asking.related, False, 2) if depth else []:
            inner = asking.at(each.target or "")
            many = each.many and self.one(True, False)
            if each.many and self.one(True, False, False):
                parts.append(f"{each.name}_aggregate{self.arguments(inner)} {{aggregate {{count}}}}")
            parts.append(f"{each.name}{self.arguments(inner) if many else ''} {self.selection(inner, depth - 1)}")
        return "{" + " ".join(parts or ["__typename"]) + "}"

    def members(self, members: list[Member], wild: bool, most: int = 4) -> list[Member]:
        found = self.draw(st.lists(st.sampled_from(members), max_size=most, unique=True)) if members else []
        if wild and self.one(True, False, False, False):
            found.append(Member(self.one(*MISNAMED)))
        return [each for each in found if NAME.fullmatch(each.name)]

    def arguments(self, asking: Asking) -> str:
        parts = []
        if self.one(True, True, False):
            parts.append(f"where: {self.condition(asking)}")
        if self.one(True, False):
            parts.append(f"order_by: {self.order(asking)}")
        if self.one(True, False):
            parts.append(f"limit: {self.limit()}")
        if self.one(True, False, False, False):
            parts.append(f"offset: {self.one(0, 1, 2)}")
        return f"({', '.join(parts)})" if parts else ""

    def limit(self) -> str:
        if self.one(True, False):
            self.variables.setdefault("n", ("Int", self.one(1, 2, 3)))
            return "$n"
        return str(self.one(1, 2, 3, 100))

    def order(self, asking: Asking) -> str:
        path = self.path(asking, many=False)
        return "[" + nested(path[0], self.one(*ORDERS)) + "]"

    def path(self, asking: Asking, *, many: bool) -> tuple[list[str], DataType | None]:
        """Names down to a column, and its type; `many`: also through relationships to many rows."""
        names: list[str] = []
        for _ in range(3):
            if asking.wild and self.one(True, False, False, False, False):
                return [*names, self.one(*MISNAMED)], None
            related = [each for each in asking.related if many or not each.many] if len(names) < 2 else []
            columns = [each for each in asking.columns if each.type is not None and each.type.facts.comparable]
            members = [each for each in (*columns, *related, *related) if NAME.fullmatch(each.name)]
            if not members:
                return [*names, "nothing"], None
            member = self.one(*members)
            names.append(member.name)
            if member.target is None:
                return names, member.type
            asking = asking.at(member.target)
        return names, None

    def condition(self, asking: Asking, depth: int = 1) -> str:
        word = self.one("", "", "", "_and", "_or", "_not") if depth else ""
        if word == "_not":
            return f"{{_not: {self.condition(asking, depth - 1)}}}"
        if word:
            return f"{{{word}: [{self.condition(asking, depth - 1)}, {self.condition(asking, depth - 1)}]}}"
        path, type_ = self.path(asking, many=True)
        return nested(path, self.comparison(type_, wild=asking.wild))

    def comparison(self, type_: DataType | None, *, wild: bool) -> str:
        pool = ANYTHING if wild or type_ is None else BY_KIND[type_.kind]
        text = type_ is not None and type_.kind is Kind.TEXT
        operator = self.one(*SINGLE, *SINGLE, "_in", "_nin", "_is_null", *(PATTERNS if text or wild else ()))
        if operator == "_is_null":
            return f"{{_is_null: {self.one('true', 'false')}}}"
        if operator in ("_in", "_nin"):
            return f"{{{operator}: [{literal(self.one(*pool))}, {literal(self.one(*pool))}]}}"
        if text and operator in SINGLE and self.one(True, False):
            self.variables.setdefault("s", ("String", self.one(*WORDS)))
            return f"{{{operator}: $s}}"
        return f"{{{operator}: {literal(self.one(*pool))}}}"


def nested(path: list[str], inner: str) -> str:
    """An object in an object in an object."""
    for name in reversed(path):
        inner = f"{{{name}: {inner}}}"
    return inner


def literal(value: Any) -> str:
    """As GraphQL writes it."""
    return "{}" if isinstance(value, dict) else json.dumps(value)


@st.composite
def mutation(draw: st.DrawFn, asking: Asking, kind: str) -> Asked:
    words, table = Words(draw), asking.table
    near = st.sampled_from([*range(1, 25), *range(1, 13), *range(5000, 5010)])
    shown = words.selection(asking, 1)
    row = draw(bodies(asking))
    if kind == "insert":
        row = {"id": draw(st.integers(5000, 5300)), **row}
        field = f"insert_{table}_one(object: {members_of(row)}) {shown}"
    elif kind == "update":
        field = f"update_{table}_by_pk(pk_columns: {{id: {draw(near)}}}, _set: {members_of(row)}) {shown}"
    else:
        field = f"delete_{table}_by_pk(id: {draw(near)}) {shown}"
    second = ' again: update_tag_by_pk(pk_columns: {name: "red"}, _set: {label: "x"}) {name}' if asking.wild else ""
    return draw(sent(asking.caller, f"mutation {{it: {field}{second}}}", {}))


def members_of(row: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {literal(value)}" for name, value in row.items() if NAME.fullmatch(name)) + "}"


# ── every path, once ─────────────────────────────────────────────────────────────────────────


def every_field(names: Names, caller: str) -> Iterator[Asked]:
    """Conditions on, orders by and selections of every column that the caller reaches over up to one relationship; ten
    at a time, as a request may hold."""
    queries = [*_every_query(names, caller)]
    for start in range(0, len(queries), 10):
        yield Asked(caller, "POST", "/graphql", json.dumps([{"query": each} for each in queries[start : start + 10]]))


def _every_query(names: Names, caller: str) -> Iterator[str]:
    seen = names.seen[caller]
    for table, members in seen.items():
        for member in members:
            inner = [] if member.target is None else [each for each in seen[member.target] if each.target is None]
            for path, found in [([member.name, each.name], each) for each in inner] or [([member.name], member)]:
                if found.type is not None and found.type.facts.comparable:
                    yield from _about(table, path, found.type, sorted_by=not member.many)
            if inner:
                yield f"{{{table} {{{member.name} {{{' '.join(each.name for each in inner)}}}}}}}"
            if inner and member.many:
                yield f"{{{table} {{{member.name}_aggregate {{aggregate {{count}}}}}}}}"
    yield from SCHEMA_QUESTIONS


def _about(table: str, path: list[str], type_: DataType, *, sorted_by: bool) -> Iterator[str]:
    key = "tag_name" if table == "article_tag" else "name" if table == "tag" else "__typename"
    for value in dict.fromkeys(BY_KIND[type_.kind][-2:]):
        where = nested(path, f"{{_eq: {literal(value)}}}")
        yield f"{{{table}(where: {where}) {{{key}}} {table}_aggregate(where: {where}) {{aggregate {{count}}}}}}"
    if sorted_by:
        yield f"{{{table}(order_by: {nested(path, 'desc')}, limit: 5) {{{key}}}}}"
