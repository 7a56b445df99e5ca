"""Conditions: `price__gte=50`, `customer.country=PE`, `filter={"price":{"_gte":50}}`, `filter[price][gte]=50`.

A path through a relationship is an `Exists` of its own: of a relationship to many, at least one row fulfils that
condition. Conditions that one and the same related row is to fulfil stand together in one object of the JSON form,
which `reflector.query.conditions` reads.

Rule: no condition a caller wrote is dropped. What cannot be understood is a fault, never a filter that vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from reflector.catalog.model import Column, Relationship
from reflector.errors import InvalidRequest, RequestError, UnknownColumn, UnknownParameter, UnknownRelationship, nearest
from reflector.query.conditions import EQ, ConditionReader, Written
from reflector.query.nodes import TRUE, Exists, Filter
from reflector.query.operators import OPERATORS, Operator
from reflector.query.scope import TableScope
from server.apis.resource.faults import in_query
from server.apis.resource.parameters import RESERVED
from server.apis.resource.selection import row_key

BRACKETS: Final = re.compile(r"filter((?:\[[^\[\]]+\])+)\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """What the name of a parameter means."""

    path: tuple[Relationship, ...]
    column: Column
    operator: Operator


class FilterReader(ConditionReader):
    """Reads the conditions of one request, those in the names of parameters too."""

    # ── one parameter, one condition ─────────────────────────────────────────────────────────

    def parameter(self, table: TableScope, name: str, text: str) -> Filter:
        """The condition of `name=text`; TRUE when it is at fault, which is noted."""
        with self.faults.at(in_query(name)):
            target = self._find(table, name)
            where = self._condition(target.operator, target.column, Written(text))
            for relationship in reversed(target.path):
                where = Exists(relationship, where)
            return where
        return TRUE

    def _find(self, table: TableScope, text: str, path: tuple[Relationship, ...] = ()) -> Target:
        if (column := table.readable.get(text)) is not None:
            return Target(path, column, EQ)
        name, mark, word = text.rpartition("__")
        if mark and (column := table.readable.get(name)) is not None:
            return Target(path, column, self._operator(word, column))
        for end in _dots(text):
            if (relationship := table.relationships.get(text[:end])) is not None:
                self._check_depth(len(path) + 1)
                return self._find(self.scope.on(relationship.target), text[end + 1 :], (*path, relationship))
        raise self._unknown(table, text, first=not path)

    def _unknown(self, table: TableScope, text: str, *, first: bool) -> RequestError:
        """Say what a name that means nothing was most likely meant to be."""
        label = table.table.label
        head, dot, _ = text.partition(".")
        if dot:
            return UnknownRelationship(label, head, table.relationships)
        stem, mark, word = text.rpartition("__")
        name = stem if mark and nearest(word, OPERATORS) else text
        if (relationship := table.relationships.get(name)) is not None:
            there = self.scope.on(relationship.target)
            column = next(iter(key.name for key in row_key(there)), there.example())
            operator = "" if name == text else f"__{word}"
            return InvalidRequest(
                f"{name!r} is a relationship: a condition names one of its columns",
                hint=None if column is None else f"{name}.{column}{operator}=…",
            )
        offered = [each.name for each in RESERVED.values() if each.offered]
        if first and nearest(name, [*table.readable, *offered]) in offered:
            return UnknownParameter(name, offered)
        return UnknownColumn(label, name, [*table.readable, *table.relationships])


def _dots(text: str) -> Iterable[int]:
    return (index for index, letter in enumerate(text) if letter == ".")


# ── brackets ─────────────────────────────────────────────────────────────────────────────────


class Brackets:
    """Parameters in brackets, put together to the object that they spell."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}

    def add(self, name: str, text: str) -> None:
        """Put one in; raises InvalidRequest when it is no such name, or contradicts an earlier one."""
        matched = BRACKETS.match(name)
        if matched is None:
            raise InvalidRequest(f"{name!r} cannot be read", hint="filter[price][gte]=50, for example")
        *path, last = matched[1][1:-1].split("][")
        here = self.document
        for each in path:
            here = here.setdefault(each, {})
            if not isinstance(here, dict):
                raise InvalidRequest(f"{name!r} contradicts another parameter")
        if last in here:
            raise InvalidRequest(f"{name!r} is given more than once, or contradicts another parameter")
        here[last] = Written(text)
