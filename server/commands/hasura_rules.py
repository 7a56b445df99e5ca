"""Hasura's permissions as ours: filters, columns, presets.

Rule: a filter keeps its words, which rules here understand; only what says nothing (`{}`, empty lists) is worked out, since
a rule that is empty is taken for one that has vanished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from reflector.access.rule_claims import claim_set, claims_asked
from reflector.access.rules_hasura import variable, word_of
from reflector.catalog.model import Column
from reflector.datatypes import Kind

Rule: TypeAlias = bool | dict[str, Any]
NameTable: TypeAlias = Callable[[Any], str]
EVERY: Final = "*"
NOW: Final = ("now", "now()")
CLOCKED: Final = {Kind.INSTANT: "now()", Kind.TIMESTAMP: "now()", Kind.DATE: "today()"}


class UnsaidError(ValueError):
    """Something of Hasura's that a rule here does not say."""


def rule_of(given: Any, name_table: NameTable) -> Rule:
    """A filter or check as a rule; an empty one means every row. Raises UnsaidError."""
    if not isinstance(given, Mapping):
        raise UnsaidError("a filter is a mapping")
    parts = [_member(str(word_of(key)), value, name_table) for key, value in given.items()]
    return _joined(parts, "_and")


def _member(key: str, value: Any, name_table: NameTable) -> Rule:
    match key:
        case "_and" | "_or":
            listed = value if isinstance(value, list) else [value]
            return _joined([rule_of(each, name_table) for each in listed], key)
        case "_not":
            part = rule_of(value, name_table)
            return not part if isinstance(part, bool) else {"_not": part}
        case "_exists":
            return _exists(value, name_table)
        case _:
            return _about(key, value, name_table)


def _exists(value: Any, name_table: NameTable) -> Rule:
    if not isinstance(value, Mapping):
        raise UnsaidError("_exists takes _table and _where")
    inner = rule_of(value.get("_where"), name_table)
    if inner is True:
        raise UnsaidError("_exists asks for any row of a table: say of which by a rule of yours")
    return inner and {"_exists": {"_table": name_table(value.get("_table")), "_where": inner}}


def _about(name: str, value: Any, name_table: NameTable) -> Rule:
    """What is asked of a column, or of the rows that a relationship leads to."""
    if not isinstance(value, Mapping):
        return {name: {"_eq": _said(value)}}
    if value and all(str(key).startswith(("_", "$")) and key not in JOINING for key in value):
        operators = {str(word_of(key)): _said(each) for key, each in value.items()}
        if operators.get("_in") == []:
            return False
        operators = {key: each for key, each in operators.items() if not (key == "_nin" and each == [])}
        return {name: operators} if operators else True
    inner = rule_of(value, name_table)
    return False if inner is False else {name: {} if inner is True else inner}


def _said(value: Any) -> Any:
    """A value, with today's name of the session variable that the oldest metadata write without one."""
    return USER if isinstance(value, str) and value.lower() == OLDEST_USER else value


OLDEST_USER: Final = "req_user_id"
USER: Final = "X-Hasura-User-Id"
JOINING: Final = frozenset({"_and", "_or", "_not", "_exists", "$and", "$or", "$not", "$exists"})


def _joined(parts: list[Rule], word: str) -> Rule:
    """All of the parts, or any of them, without those that decide nothing."""
    decides = word == "_or"
    if any(part is decides for part in parts):
        return decides
    left = [part for part in parts if not isinstance(part, bool)]
    if not left:
        return not decides
    return left[0] if len(left) == 1 else {word: left}


def columns_of(given: Any, presets: Mapping[str, Any]) -> list[str] | None:
    """The columns of a permission, None for all; those that are preset are no caller's to give."""
    if given == EVERY or given is None:
        return None
    if not isinstance(given, list) or any(isinstance(each, list | Mapping | None) for each in given):
        raise UnsaidError("columns are a list of names, or '*'")
    return [str(each) for each in given if str(each) not in presets]


def preset_of(given: Any, column: Column | None = None) -> Any:
    """What a column is set to as a term of ours; raises UnsaidError for what cannot be said. The clock is one word of a time."""
    path = variable(_said(given))
    if path is not None:
        return f"claims[{json.dumps(path[0])}]"
    if isinstance(given, str) and given.lower() in NOW and column is not None and column.type.kind in CLOCKED:
        return CLOCKED[column.type.kind]
    if isinstance(given, str):
        return json.dumps(given, ensure_ascii=False)
    if given is None or isinstance(given, bool | int | float):
        return given
    raise UnsaidError("a document cannot be a preset")


def variables_of(rights: Mapping[str, Any]) -> set[str]:
    """The session variables that rights of ours ask for, as claims."""
    said = [right for right in rights.values() if isinstance(right, Mapping)]
    rules = [claims_asked(right[name]) for right in said for name in ("filter", "check") if name in right]
    presets = [claim_set(each) for right in said for each in right.get("presets", {}).values()]
    return {claim.parts[0] for asked in (*rules, *presets) for _, claim in asked}
