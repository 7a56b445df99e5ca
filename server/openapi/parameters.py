"""The query parameters of one table: what to answer, what to include, in which order, and which rows.

A parameter for each column and operator would be 140 a table. So each column has one, for equality, and everything
else is one object spread over the query (`style: form`, `explode: true`): its keys are the parameters' names.

Rule: what these schemas accept is what the server accepts, and every name in them is one of the caller's scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from reflector.query.operators import OPERATORS
from reflector.query.paging import can_page
from reflector.query.scope import TableScope
from server.apis.resource.parameters import word_of
from server.apis.resource.selection import EVERY
from server.apis.resource.sorting import NULLS
from server.openapi.schemas import Json, reference, text_schema

FIELDS: Final = "What is answered: columns, related ones by path (`relationship.column`), or with `-` all but these."
INCLUDE: Final = "Related rows to answer with each row; nested ones by path (`relationship.relationship`)."
SORT: Final = "The order: `-` for descending, `.nullsfirst` or `.nullslast` behind, by path where rows to one lead."
CONDITIONS: Final = "`column__operator`, and the same of related rows by path: each key is a parameter of its own."

_SYNTAX = re.compile(r"[\^$\\.*+?()\[\]{}|/]")
_BEYOND_LISTS = re.compile(r",|\A\s|\s\Z")
_BEYOND_PATHS = re.compile(r"[.,]|\A\s|\s\Z|\A-")


def parameters(scope: TableScope, schema: str) -> Mapping[str, Json]:
    """The table's own parameters; those whose list of names would be empty are not there."""
    found = {"Fields": _list("fields", FIELDS, f"{schema}Field")}
    if _paths(scope):
        found["Include"] = _list("include", INCLUDE, f"{schema}Include")
    if _sortable(scope):
        found["Sort"] = _list("sort", SORT, f"{schema}Sort")
    found["Conditions"] = {
        "name": _free("conditions", scope.readable),
        "in": "query",
        "description": CONDITIONS,
        "style": "form",
        "explode": True,
        "schema": reference("schemas", f"{schema}Conditions"),
        # Pages that try a request would otherwise make names up, and send them.
        "example": {},
    }
    return found


def _list(name: str, description: str, schema: str) -> Json:
    items = {"type": "array", "minItems": 1, "items": reference("schemas", schema)}
    return {
        "name": name,
        "in": "query",
        "description": description,
        "style": "form",
        "explode": True,
        "schema": items,
    }


def _free(name: str, taken: Mapping[str, object]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def equalities(scope: TableScope) -> list[Json]:
    """`column=value` for every column that can be compared and is no reserved word."""
    return [
        {"name": column.name, "in": "query", "schema": text_schema(column.type)}
        for column in scope.readable.values()
        if column.type.facts.comparable and word_of(column.name) is None
    ]


# ── the names they take ──────────────────────────────────────────────────────────────────────


def name_schemas(scope: TableScope, schema: str) -> Mapping[str, Json]:
    """The component schemas of the names that `fields`, `include`, `sort` and the conditions take."""
    made = {f"{schema}Field": _field_names(scope), f"{schema}Conditions": _condition_names(scope)}
    if paths := _paths(scope):
        made[f"{schema}Include"] = _names(paths, [f"{_any(paths)}\\..+"])
    if sortable := _sortable(scope):
        made[f"{schema}Sort"] = _sort_names(scope, sortable)
    return made


def _field_names(scope: TableScope) -> Json:
    columns, paths = _listable(scope.answered), _paths(scope)
    listed = [*columns, *paths, EVERY, *(f"-{name}" for name in columns)]
    return _names(listed, [f"-?{_any(paths)}\\..+"] if paths else [])


def _sort_names(scope: TableScope, columns: list[str]) -> Json:
    patterns = [f"-?{_any(columns)}{_any(NULLS)}"]
    if to_one := [name for name in _paths(scope) if not scope.relationships[name].many]:
        patterns.append(f"-?{_any(to_one)}\\..+")
    return _names([each for name in columns for each in (name, f"-{name}")], patterns)


def _condition_names(scope: TableScope) -> Json:
    """Columns that take the same operators stand together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for column in scope.readable.values():
        allowed = tuple(each.name for each in OPERATORS.values() if each.allowed(column.type.facts))
        together.setdefault(allowed, []).append(column.name)
    patterns = [f"{_any(columns)}__{_any(operators)}" for operators, columns in together.items()]
    if scope.relationships:
        patterns.append(f"{_any(scope.relationships)}\\..+")
    text = {"type": "string"}
    return {"type": "object", "propertyNames": {"pattern": _whole(patterns)}, "additionalProperties": text}


def _names(listed: Iterable[str], patterns: list[str]) -> Json:
    """Names that are listed, and names made of several, which patterns tell."""
    plain: Json = {"type": "string", "enum": list(listed)}
    return {"anyOf": [plain, {"type": "string", "pattern": _whole(patterns)}]} if patterns else plain


def _listable(names: Iterable[str]) -> list[str]:
    """The names that can stand in a list that is parted by commas."""
    return [name for name in names if not _BEYOND_LISTS.search(name)]


def _paths(scope: TableScope) -> list[str]:
    """The relationships that a path in a list can name."""
    return [name for name in scope.relationships if not _BEYOND_PATHS.search(name)]


def _sortable(scope: TableScope) -> list[str]:
    return _listable(name for name, column in scope.readable.items() if can_page(column.type))


def _any(names: Iterable[str]) -> str:
    """A pattern for any of the names, in the dialect of JSON Schema (ECMA 262)."""
    return f"(?:{'|'.join(_SYNTAX.sub(_escaped, name) for name in names)})"


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _whole(patterns: list[str]) -> str:
    return f"^(?:{'|'.join(patterns)})$"
