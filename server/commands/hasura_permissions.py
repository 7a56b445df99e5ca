"""Permissions of a Hasura's metadata as rights of ours, one for each action.

Rule: what narrows a permission there and nothing here makes it none at all: nothing that is left out opens anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from server.commands.hasura_files import mapped
from server.commands.hasura_names import Names
from server.commands.hasura_roles import Rights
from server.commands.hasura_rules import Rule, UnsaidError, columns_of, preset_of, rule_of

Entry = Mapping[str, Any]
KNOWN_OF_A_PERMISSION: Final = frozenset(
    {"columns", "filter", "check", "set", "limit", "allow_aggregations", "computed_fields", "query_root_fields"}
    | {"subscription_root_fields", "backend_only", "allow_upsert"}
)
ROOTS: Final = ("query_root_fields", "subscription_root_fields")


class Permitted(NamedTuple):
    """What a permission is about."""

    table: str
    action: str
    role: str

    def __str__(self) -> str:
        return f"{self.table}: {self.action} of {self.role}"


@dataclass(slots=True)
class Permissions:
    """`left` gathers what is not carried over, `limits` what each permission to select says of how many rows."""

    names: Names
    left: list[str]
    limits: dict[str, list[int | None]] = field(default_factory=dict)

    def rights(self, permission: Entry, deed: Permitted) -> Rights:
        """What a permission is here; raises UnsaidError where it would open more."""
        _refuse_what_opens_more(permission)
        return ACTIONS[deed.action](self, permission, deed)

    def select(self, permission: Entry, deed: Permitted) -> Rights:
        if permission.get("computed_fields"):
            self.left.append(f"{deed}: computed_fields: open the functions under functions:")
        roots = [each for key in ROOTS if isinstance(each := permission.get(key), list)]
        if roots and not any("select" in each for each in roots):
            raise UnsaidError("query_root_fields: what is read through relationships alone is nobody's here")
        _refuse_without_columns(permission)
        limit = permission.get("limit")
        self.limits.setdefault(deed.role, []).append(limit if type(limit) is int and limit > 0 else None)
        read = _with_columns({"filter": self.rule(permission, "filter")}, columns_of(permission.get("columns"), {}))
        gathers = permission.get("allow_aggregations") and all("select_aggregate" in each for each in roots)
        return {"read": read, **({"aggregate": True} if gathers else {})}

    def insert(self, permission: Entry, deed: Permitted) -> Rights:
        presets = mapped(permission, "set")
        said = {"check": self.rule(permission, "check")}
        return {"create": self.written(said, permission, presets, deed.table)}

    def update(self, permission: Entry, deed: Permitted) -> Rights:
        _refuse_without_columns(permission)
        presets = mapped(permission, "set")
        check = True if permission.get("check") is None else self.rule(permission, "check")
        said = {"filter": self.rule(permission, "filter"), "check": check}
        return {"update": self.written(said, permission, presets, deed.table)}

    def delete(self, permission: Entry, deed: Permitted) -> Rights:
        return {"delete": {"filter": self.rule(permission, "filter")}}

    def written(self, said: dict[str, Any], permission: Entry, presets: Entry, label: str) -> dict[str, Any]:
        made = _with_columns(said, columns_of(permission.get("columns"), presets))
        table = self.names.table(label)
        known = {} if table is None else table.by_name
        set_ = {name: preset_of(each, known.get(name)) for name, each in presets.items()}
        return {**made, "presets": set_} if presets else made

    def rule(self, permission: Entry, key: str) -> Rule:
        if key not in permission:
            raise UnsaidError(f"it has no {key}")
        return rule_of(permission[key], self.names.label)


ACTIONS: Final[Mapping[str, Callable[[Permissions, Entry, Permitted], Rights]]] = {
    "select": Permissions.select,
    "insert": Permissions.insert,
    "update": Permissions.update,
    "delete": Permissions.delete,
}


def _refuse_what_opens_more(permission: Entry) -> None:
    """What narrows a permission there, and nothing here; raises UnsaidError."""
    if permission.get("backend_only"):
        raise UnsaidError("backend_only: nobody has it here, give it to a role of its own")
    if permission.get("validate_input"):
        raise UnsaidError("validate_input: say it as a check")
    for key in sorted(permission.keys() - KNOWN_OF_A_PERMISSION):
        if permission[key]:
            raise UnsaidError(f"{key}: there is nothing of the kind here")


def _refuse_without_columns(permission: Entry) -> None:
    """Columns must be named there, or `*`: a permission without any is none. Raises UnsaidError."""
    if permission.get("columns") is None:
        raise UnsaidError("it has no columns")


def _with_columns(said: dict[str, Any], columns: list[str] | None) -> dict[str, Any]:
    return said if columns is None else {**said, "columns": columns}
