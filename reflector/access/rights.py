"""What one entry of a config allows one role on one table, bound: rules, lists of columns, presets.

Rule: a part that cannot be bound is complained of and grants nothing; whoever binds closes the table for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reflector.access.description import (
    ColumnList,
    Complaint,
    CreateRules,
    DeleteRules,
    PresetText,
    ReadRules,
    RuleText,
    Severity,
    UpdateRules,
)
from reflector.access.entries import Allowed, TableEntry
from reflector.access.names import columns_named, is_pattern
from reflector.access.permissions import CreateRight, DeleteRight, Permission, ReadRight, UpdateRight
from reflector.access.rules import UnfitRule, bind_preset, claims_of
from reflector.catalog.model import Column, Table
from reflector.errors import RuleError, suggestion
from reflector.query.nodes import FALSE, Assignment, Claim, Filter

Rules = TypeVar("Rules")
Right = TypeVar("Right")
BindRule = Callable[[RuleText, Table, bool], Filter]


class BrokenPolicyError(RuleError):
    """The rule uses a policy that has been complained of already."""


class _NotGrantedError(Exception):
    """Something of a right does not bind, so that there is no right."""


@dataclass(slots=True)
class RightsBinder:
    """Binds for one table. `bind` makes filters of rules; `listed` says that omitted columns are none instead of all.

    `anonymous` says, while a role is being bound, that callers without a credential have it.
    """

    entry: TableEntry
    bind: BindRule
    listed: bool = False
    anonymous: bool = False
    exact: bool = True
    complaints: list[Complaint] = field(default_factory=list)
    table: Table = field(init=False)
    readable: frozenset[Column] = field(init=False)
    writable: frozenset[Column] = field(init=False)
    found: dict[tuple[tuple[str, ...], frozenset[Column]], frozenset[Column]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.table = self.entry.table
        self.readable = frozenset(self.table.columns) - self.entry.hidden
        self.writable = frozenset(column for column in self.readable if column.writable)

    def permission(self, allowed: Allowed, *, anonymous: bool) -> Permission:
        """What the role may do; what does not bind is missing from it, and complained of."""
        self.anonymous, self.exact = anonymous, allowed.exact
        rules = allowed.rules
        read = self.part(rules.read, self.read)
        return Permission(
            read,
            self.part(rules.create, self.create),
            self.part(rules.update, self.update),
            self.part(rules.delete, self.delete),
            aggregate=rules.aggregate and read is not None,
        )

    def part(self, rules: Rules | None, bind: Callable[[Rules], Right | None]) -> Right | None:
        try:
            return None if rules is None else bind(rules)
        except _NotGrantedError:
            return None

    # ── the four rights ──────────────────────────────────────────────────────────────────────

    def read(self, rules: ReadRules) -> ReadRight | None:
        rows = self.filter(rules.rows)
        columns = self.columns(rules.columns, self.readable)
        return None if rows == FALSE else ReadRight(rows, columns)

    def create(self, rules: CreateRules) -> CreateRight | None:
        check = self.filter(rules.check, check=True)
        presets = self.presets(rules.presets)
        columns = self.columns(rules.columns, self.given(presets))
        if check == FALSE or not self.possible(self.table.insertable, "inserted into", rules.check):
            return None
        return CreateRight(check, columns, presets)

    def update(self, rules: UpdateRules) -> UpdateRight | None:
        rows = self.filter(rules.rows)
        check = rows if rules.check is None else self.filter(rules.check, check=True)
        presets = self.presets(rules.presets)
        columns = self.columns(rules.columns, self.given(presets))
        if FALSE in (rows, check) or not self.possible(self.table.updatable, "updated", rules.rows):
            return None
        return UpdateRight(rows, check, columns, presets)

    def delete(self, rules: DeleteRules) -> DeleteRight | None:
        rows = self.filter(rules.rows)
        if rows == FALSE or not self.possible(self.table.deletable, "deleted from", rules.rows):
            return None
        return DeleteRight(rows)

    def possible(self, able: bool, what: str, rule: RuleText) -> bool:
        if not able and self.exact:
            self.warn("not_writable", f"{self.table.label} cannot be {what}", rule.where)
        return able

    # ── rules ────────────────────────────────────────────────────────────────────────────────

    def filter(self, rule: RuleText, *, check: bool = False) -> Filter:
        try:
            where = self.bind(rule, self.table, check)
        except RuleError as fault:
            raise self.unbound(fault, rule.where) from None
        claims = claims_of(where)
        if claims and self.anonymous:
            raise self.claims_of_nobody(min(claims), rule.where)
        return where

    def unbound(self, fault: RuleError, where: object) -> _NotGrantedError:
        unfit = isinstance(fault, UnfitRule)
        severity, code = (Severity.UNBOUND, "rule_unbound") if unfit else (Severity.ERROR, "rule_error")
        if not isinstance(fault, BrokenPolicyError):
            self.complaints.append(
                Complaint(severity, code, fault.message, fault.hint, where, fault.offset, self.table.label)
            )
        return _NotGrantedError()

    def claims_of_nobody(self, path: tuple[str, ...], where: object) -> _NotGrantedError:
        message = f"claims.{'.'.join(path)} is used where callers without a credential come"
        hint = "keep this rule from the anonymous role and from the roles it extends"
        self.complaints.append(
            Complaint(Severity.ERROR, "claim_without_caller", message, hint, where, table=self.table.label)
        )
        return _NotGrantedError()

    def warn(self, code: str, message: str, where: object) -> None:
        self.complaints.append(Complaint(Severity.WARNING, code, message, None, where, table=self.table.label))

    # ── columns and presets ──────────────────────────────────────────────────────────────────

    def given(self, presets: tuple[Assignment, ...]) -> frozenset[Column]:
        """The columns that a caller could give a value."""
        return self.writable.difference(each.column for each in presets)

    def columns(self, listed: ColumnList | None, possible: frozenset[Column]) -> frozenset[Column]:
        """The columns the list names, as far as they are possible."""
        if listed is None:
            return frozenset() if self.listed else possible
        # Many roles have the same list; one that is complained of is never remembered.
        key = (listed.names, possible)
        if key not in self.found:
            before = len(self.complaints)
            found = frozenset[Column]().union(*(self.named(name, listed, possible) for name in listed.names))
            if len(self.complaints) > before:
                return found
            self.found[key] = found
        return self.found[key]

    def named(self, name: str, listed: ColumnList, possible: frozenset[Column]) -> frozenset[Column]:
        found = columns_named(name, self.table)
        if not found and self.exact:
            raise self.unknown_column(name, listed.where)
        if found and possible.isdisjoint(found) and not is_pattern(name):
            why = "is hidden" if self.entry.hidden.intersection(found) else "cannot be given by a caller"
            self.warn("idle_column", f"{self.table.label}.{name} {why}", listed.where)
        return possible.intersection(found)

    def unknown_column(self, name: str, where: object) -> _NotGrantedError:
        message = f"{self.table.label} has no column {name!r}"
        self.complaints.append(
            Complaint(
                Severity.UNBOUND,
                "unknown_column",
                message,
                suggestion(name, self.table.by_name),
                where,
                table=self.table.label,
            )
        )
        return _NotGrantedError()

    def presets(self, presets: Mapping[str, PresetText]) -> tuple[Assignment, ...]:
        return tuple(self.preset(name, preset) for name, preset in presets.items())

    def preset(self, name: str, preset: PresetText) -> Assignment:
        column = self.table.by_name.get(name)
        if column is None:
            raise self.unknown_column(name, preset.where)
        try:
            if not column.writable:
                raise UnfitRule(f"{self.table.label}.{name} takes no value")
            operand = bind_preset(preset.value, column)
        except RuleError as fault:
            raise self.unbound(fault, preset.where) from None
        if isinstance(operand, Claim) and self.anonymous:
            raise self.claims_of_nobody(operand.path, preset.where)
        return Assignment(column, operand)
