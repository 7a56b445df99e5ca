"""What the definition of a view tells that information_schema does not: whether it joins, which columns are JSON, and
whether it stands on given tables.

MariaDB keeps a definition in one spelling of its own: every name quoted, every column with its table. It shows it
only to who may SHOW VIEW; for others a view is taken to read one table, and its JSON to be text.

Rule: only a column that stands alone in the list of the outermost SELECT is followed to its table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

Place: TypeAlias = tuple[str, str]
"""Schema and name of a table or view."""

_NAME = "`((?:[^`]|``)*)`"
_QUOTED = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_JOIN = re.compile(r"\bjoin\b", re.IGNORECASE)
_SELECT = re.compile(r"\b(?:select|union|intersect|except|with)\b", re.IGNORECASE)
_SHOWN = re.compile(rf"(?:(?<=select )|(?<=distinct )|(?<=,))(?:{_NAME}\.)?{_NAME}\.{_NAME} AS {_NAME}", re.IGNORECASE)
_NAMED = re.compile(rf"{_NAME}\.{_NAME}")
_ALIAS = re.compile(rf"{_NAME}\.{_NAME} {_NAME}")


def unquoted(text: str) -> str:
    """The text without anything that stands in quotes."""
    return _QUOTED.sub("", text)


def joins(definition: str | None) -> bool:
    """Whether a view reads several tables: rows of it can be updated, but neither inserted nor deleted."""
    return _JOIN.search(unquoted(definition or "")) is not None


def read_by(definitions: Mapping[Place, str | None], tables: Collection[Place]) -> Iterator[tuple[Place, Place]]:
    """Each view with each of the tables that its definition names; of one that is not shown nothing is known."""
    for view, definition in definitions.items():
        named = {tuple(each.replace("``", "`") for each in pair) for pair in _NAMED.findall(definition or "")}
        yield from ((view, table) for table in tables if table in named and table != view)


def standing_on(tables: Collection[Place], definitions: Mapping[Place, str | None]) -> frozenset[Place]:
    """The views, by their definitions, that read one of these tables, or a view that does."""
    found: set[Place] = set()
    while True:
        known = [".".join(f"`{name.replace('`', '``')}`" for name in place) for place in (*tables, *found)]
        reading = {
            view
            for view, definition in definitions.items()
            if view not in found and any(name in (definition or "") for name in known)
        }
        if not reading:
            return frozenset(found)
        found |= reading


def json_columns(definition: str | None, json: Collection[tuple[str, str, str]]) -> frozenset[str]:
    """The columns of a view that are columns of tables in `json`: (schema, table, column)."""
    if not definition or not json or len(_SELECT.findall(unquoted(definition))) != 1:
        return frozenset()
    aliases = {alias: (schema, table) for schema, table, alias in _names(_ALIAS, definition)}
    shown = set()
    for schema, table, column, name in _names(_SHOWN, definition):
        place = (schema, table) if schema else aliases.get(table)
        if place is not None and (*place, column) in json:
            shown.add(name)
    return frozenset(shown)


def _names(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, ...]]:
    for found in pattern.finditer(text):
        yield tuple((name or "").replace("``", "`") for name in found.groups())
