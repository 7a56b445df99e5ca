"""What tables are called in GraphQL: their own name, `schema_table` outside the first schema, `name:` of the config.

From a table's name come all names of its types and root fields, so a table is in the schema with all of them or not at
all: one whose name is no GraphQL name, or whose names are taken, is left out and told in the log.

Rule: a name depends on the catalog alone and never on who asks, so that it means the same to every role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reflector.catalog.model import Catalog, Function, Notice, Table
from server.apis.graphql.scalars import ARRAY_SUFFIX, BUILT_IN, comparison_name, element_type, scalar_name

GRAPHQL_NAME: Final = re.compile(r"[A-Za-z][_A-Za-z0-9]*|_[A-Za-z0-9][_A-Za-z0-9]*|_")
TYPE_SUFFIXES: Final = (
    "",
    "_aggregate",
    "_aggregate_fields",
    "_bool_exp",
    "_order_by",
    "_insert_input",
    "_set_input",
    "_pk_columns_input",
)
QUERY_SUFFIXES: Final = ("", "_by_pk", "_aggregate")
MUTATIONS: Final = ("insert_{}_one", "update_{}_by_pk", "delete_{}_by_pk")
OWN_TYPES: Final = frozenset({"query_root", "mutation_root", "subscription_root", "order_by"})
LOGICAL: Final = frozenset({"_and", "_or", "_not"})


@dataclass(frozen=True, eq=False, slots=True)
class Names:
    """The names of the tables that have one, and the functions of extensions that can be root fields; what was left out is in
    `notices`."""

    tables: Mapping[Table, str]
    notices: tuple[Notice, ...]
    functions: frozenset[Function] = frozenset()


def is_name(text: str) -> bool:
    """Whether the text can be a name here: GraphQL keeps those that begin with two underscores for itself."""
    return GRAPHQL_NAME.fullmatch(text) is not None


def names_of(catalog: Catalog) -> Names:
    """The names of the catalog's tables. Of two that clash the first keeps its name."""
    types = set(OWN_TYPES) | set(_scalar_types(catalog))
    fields: set[str] = {"no_queries_available"}
    names: dict[Table, str] = {}
    notices: list[Notice] = []
    for table in catalog.tables.values():
        name = base_name(table)
        own_types = {name + suffix for suffix in TYPE_SUFFIXES}
        own_fields = {name + suffix for suffix in QUERY_SUFFIXES}
        if not is_name(name):
            notices.append(_left_out(table.label, "its name is no GraphQL name"))
        elif own_types & types or own_fields & fields:
            notices.append(_left_out(table.label, "another table has its names already"))
        else:
            types |= own_types
            fields |= own_fields
            names[table] = name
            notices += _awkward_columns(table)
    fields |= {form.format(name) for form in MUTATIONS for name in names.values()}
    functions: set[Function] = set()
    for function in _beside(catalog):
        awkward = not all(is_name(each.name) for each in function.takes)
        if not is_name(function.name) or awkward or function.name in fields:
            because = "it, or an argument of it, has no GraphQL name, or one that a table has already"
            notices.append(_left_out(f"the function {function.name}", because))
        else:
            functions.add(function)
    return Names(names, tuple(notices), frozenset(functions))


def _beside(catalog: Catalog) -> list[Function]:
    """The functions that are code of extensions."""
    return [each for each in catalog.functions if each.extension is not None]


def base_name(table: Table) -> str:
    """What a table would be called."""
    if table.label == f"{table.schema}.{table.name}":
        return f"{table.schema}_{table.name}"
    return table.label


def _left_out(what: str, because: str) -> Notice:
    return Notice("graphql_name", f"{what} is left out of GraphQL: {because}")


def _awkward_columns(table: Table) -> Iterable[Notice]:
    for column in table.columns:
        if not is_name(column.name):
            yield _left_out(f"{table.label}.{column.name}", "its name is no GraphQL name")
        elif column.name in LOGICAL:
            yield Notice(
                "graphql_name",
                f"{table.label}.{column.name} cannot stand in conditions of GraphQL: it is a word of theirs",
            )


def _scalar_types(catalog: Catalog) -> Iterable[str]:
    yield from BUILT_IN
    yield from (comparison_name(name) for name in BUILT_IN)
    for table in catalog.tables.values():
        for column in table.columns:
            name = scalar_name(element_type(column.type))
            yield from (name, comparison_name(name), comparison_name(name + ARRAY_SUFFIX))
    for function in _beside(catalog):
        gives = () if function.value is None else (function.value,)
        yield from (scalar_name(element_type(type_)) for type_ in (*gives, *(each.type for each in function.takes)))
