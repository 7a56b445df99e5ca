"""A short way to write an access description, as a config would say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    CreateRules,
    DeleteRules,
    PresetText,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
    UpdateRules,
)


def described(
    tables: Mapping[str, Any],
    roles: Mapping[str, tuple[str, ...]] | None = None,
    policies: Mapping[str, Any] | None = None,
    **more: Any,
) -> AccessDescription:
    """`tables` maps a name to `{role: {read: …, create: …, …}}`, with `hidden` for its hidden columns."""
    named = {role for entry in tables.values() for role in entry if role != "hidden"}
    return AccessDescription(
        {
            role: RoleRules(extends, f"roles.{role}")
            for role, extends in (roles or dict.fromkeys(sorted(named), ())).items()
        },
        {name: RuleText(rule, f"policies.{name}") for name, rule in (policies or {}).items()},
        tuple(_table(name, entry) for name, entry in tables.items()),
        **more,
    )


def _table(name: str, entry: Mapping[str, Any]) -> TableRules:
    allow = {role: _allow(f"{name}.{role}", given) for role, given in entry.items() if role != "hidden"}
    hidden = {column: f"{name}.columns.{column}" for column in entry.get("hidden", ())}
    return TableRules(name, allow, hidden, name)


def _allow(where: str, given: Mapping[str, Any]) -> AllowRules:
    read = {"filter": given["read"], "columns": given.get("columns")} if "read" in given else None
    return AllowRules(
        None if read is None else ReadRules(_rule(read["filter"], where, "read"), _columns(read, where, "read")),
        _create(given.get("create"), where),
        _update(given.get("update"), where),
        None if "delete" not in given else DeleteRules(_rule(given["delete"], where, "delete")),
        given.get("aggregate", False),
        where,
    )


def _long(given: Any, short: str) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {short: given}


def _create(given: Any, where: str) -> CreateRules | None:
    if given is None:
        return None
    said = _long(given, "check")
    return CreateRules(
        _rule(said["check"], where, "create"), _columns(said, where, "create"), _presets(said, where, "create")
    )


def _update(given: Any, where: str) -> UpdateRules | None:
    if given is None:
        return None
    said = _long(given, "filter")
    check = None if "check" not in said else _rule(said["check"], where, "update.check")
    return UpdateRules(
        _rule(said["filter"], where, "update"), check, _columns(said, where, "update"), _presets(said, where, "update")
    )


def _rule(rule: Any, where: str, part: str) -> RuleText:
    return RuleText(rule, f"{where}.{part}")


def _columns(said: Mapping[str, Any], where: str, part: str) -> ColumnList | None:
    return None if said.get("columns") is None else ColumnList(tuple(said["columns"]), f"{where}.{part}.columns")


def _presets(said: Mapping[str, Any], where: str, part: str) -> Mapping[str, PresetText]:
    presets = said.get("presets", {})
    return {name: PresetText(value, f"{where}.{part}.presets.{name}") for name, value in presets.items()}
