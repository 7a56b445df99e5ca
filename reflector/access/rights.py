"""What one entry of a config allows one role on one table, bound: rules, lists of columns, presets.

Rule: a part that cannot be bound is complained of and grants nothing; whoever binds closes the table for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reflector.access.complaints import of_rule
from reflector.access.description import (
    HIDDEN,
    ColumnList,
    Complaint,
    CreateRules,
    DeleteRules,
    MaskRules,
    PresetText,
    ReadRules,
    RuleText,
    Severity,
    UpdateRules,
)
from reflector.access.entries import Allowed, TableEntry
from reflector.access.names import columns_named, is_pattern
from reflector.access.permissions import CreateRight, DeleteRight, Permission, ReadRight, UpdateRight
from reflector.access.rule_faults import faults_of
from reflector.access.rules import UnfitRule, bind_preset, claims_of
from reflector.catalog.model import Column, Fill, Table
from reflector.errors import RuleError, suggestion
from reflector.query.masks import Mask, MaskKind, maskable
from reflector.query.nodes import FALSE, Assignment, Claim, Filter
from reflector.secret import Secret

Rules = TypeVar("Rules")
Right = TypeVar("Right")
BindRule = Callable[[RuleText, Table, bool], Filter]


class BrokenPolicyError(RuleError):
    """The rule uses a policy that has been complained of already."""


@dataclass(slots=True)
class RightsBinder:
    """Binds for one table. `bind` makes filters of rules; `listed` says that omitted columns are none instead of all.

    `anonymous` says, while a role is being bound, that callers without a credential have it. `refused` counts what did
    not bind: a right in which something did not is not granted, and all of it has been complained of. `kept` are the columns
    that the role does not see as they are, and cannot write either.
    """

    entry: TableEntry
    bind: BindRule
    listed: bool = False
    anonymous: bool = False
    exact: bool = True
    mask_key: Secret | None = None
    complaints: list[Complaint] = field(default_factory=list)
    refused: int = 0
    table: Table = field(init=False)
    readable: frozenset[Column] = field(init=False)
    writable: frozenset[Column] = field(init=False)
    kept: frozenset[Column] = field(default=frozenset(), init=False)
    found: dict[tuple[tuple[str, ...], frozenset[Column]], frozenset[Column]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.table = self.entry.table
        self.readable = frozenset(self.table.columns) - self.entry.hidden
        self.writable = frozenset(column for column in self.readable if column.writable)

    def permission(self, allowed: Allowed, *, anonymous: bool) -> Permission:
        """What the role may do; what does not bind is missing from it, and complained of."""
        self.anonymous, self.exact, self.kept = anonymous, allowed.exact, frozenset()
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
        before = self.refused
        right = None if rules is None else bind(rules)
        return right if self.refused == before else None

    # ── the four rights ──────────────────────────────────────────────────────────────────────

    def read(self, rules: ReadRules) -> ReadRight | None:
        rows = self.filter(rules.rows)
        columns = self.columns(rules.columns, self.readable)
        self.check_listed(rules.columns, rules.rows)
        cells, masks = dict[Column, Filter](), dict[Column, Mask]()
        for name, mask in rules.masks.items():
            for column in self.masked(name, mask, columns):
                cells.pop(column, None)
                masks.pop(column, None)
                self.mask(column, mask, cells, masks)
        return None if rows == FALSE else ReadRight(rows, columns - self.kept, cells, masks)

    # ── masks ────────────────────────────────────────────────────────────────────────────────

    def masked(self, name: str, mask: MaskRules, columns: frozenset[Column]) -> list[Column]:
        """The columns that are meant, of those that the role reads."""
        found = columns_named(name, self.table)
        if not found and self.exact:
            self.unknown_column(name, mask.where)
        if found and columns.isdisjoint(found) and not is_pattern(name):
            self.warn("idle_column", f"{self.table.label}.{name} is masked, and not read at all", mask.where)
        return [column for column in found if column in columns]

    def mask(self, column: Column, mask: MaskRules, cells: dict[Column, Filter], masks: dict[Column, Mask]) -> None:
        """Put the column where its mask wants it."""
        if mask.rule is not None:
            self.kept -= {column}
            cells[column] = self.filter(mask.rule)
        else:
            self.kept |= {column}
        if mask.way == HIDDEN:
            return
        kind, label = MaskKind(mask.way), f"{self.table.label}.{column.name}"
        if not maskable(column.type):
            message = f"{label} is of type {column.type.native}, of which nothing can be shown in part"
            hint = "mask it by hidden or null_unless"
            self.refuse(Complaint(Severity.UNBOUND, "mask_unfit", message, hint, mask.where, table=self.table.label))
        elif kind is MaskKind.HASH and self.mask_key is None:
            message = f"{label} is masked by a hash, and there is no key to make it with"
            self.refuse(
                Complaint(Severity.ERROR, "mask_without_key", message, None, mask.where, table=self.table.label)
            )
        else:
            masks[column] = Mask(kind, self.mask_key if kind is MaskKind.HASH else None)

    def create(self, rules: CreateRules) -> CreateRight | None:
        check = self.filter(rules.check, check=True)
        presets = self.presets(rules.presets)
        columns = self.columns(rules.columns, self.given(presets))
        if check == FALSE or not self.possible(self.table.insertable, "inserted into", rules.check):
            return None
        self.check_complete(columns, presets, rules)
        return CreateRight(check, columns, presets)

    def update(self, rules: UpdateRules) -> UpdateRight | None:
        rows = self.filter(rules.rows)
        check = rows if rules.check is None else self.filter(rules.check, check=True)
        presets = self.presets(rules.presets)
        columns = self.columns(rules.columns, self.given(presets))
        if not presets:
            self.check_listed(rules.columns, rules.rows)
        if FALSE in (rows, check) or not self.possible(self.table.updatable, "updated", rules.rows):
            return None
        return UpdateRight(rows, check, columns, presets)

    def delete(self, rules: DeleteRules) -> DeleteRight | None:
        rows = self.filter(rules.rows)
        if rows == FALSE or not self.possible(self.table.deletable, "deleted from", rules.rows):
            return None
        return DeleteRight(rows)

    def check_listed(self, columns: ColumnList | None, rule: RuleText) -> None:
        """Where columns must be listed, a right without a list opens nothing, and was surely meant to."""
        if columns is None and self.listed and self.exact:
            label = self.table.label
            self.warn(
                "unlisted", f"opens no column of {label}: defaults.columns is listed, and no columns are", rule.where
            )

    def check_complete(self, given: frozenset[Column], presets: tuple[Assignment, ...], rules: CreateRules) -> None:
        """A column that must have a value and can get none lets no row in, unless a trigger fills it."""
        filled = given.union(each.column for each in presets)
        for column in self.table.columns:
            if column.fill is Fill.NONE and not column.nullable and column not in filled:
                where = rules.check.where if rules.columns is None else rules.columns.where
                name = f"{self.table.label}.{column.name}"
                message = f"no create can succeed: {name} is NOT NULL without a default, and neither given nor preset"
                self.warn("create_incomplete", message, where)

    def possible(self, able: bool, what: str, rule: RuleText) -> bool:
        if not able and self.exact:
            self.warn("not_writable", f"{self.table.label} cannot be {what}", rule.where)
        return able

    # ── rules ────────────────────────────────────────────────────────────────────────────────

    def filter(self, rule: RuleText, *, check: bool = False) -> Filter:
        try:
            where = self.bind(rule, self.table, check)
        except RuleError as fault:
            self.unbound(fault, rule.where)
            return FALSE
        claims = claims_of(where)
        if claims and self.anonymous:
            self.claims_of_nobody(min(claims), rule.where)
        return where

    def unbound(self, fault: RuleError, where: object) -> None:
        self.refused += 1
        for each in faults_of(fault):
            if not isinstance(each, BrokenPolicyError):
                self.complaints.append(of_rule(each, where, self.table))

    def claims_of_nobody(self, path: tuple[str, ...], where: object) -> None:
        message = f"claims.{'.'.join(path)} is used where callers without a credential come"
        hint = "keep this rule from the anonymous role and from the roles it extends"
        self.refuse(Complaint(Severity.ERROR, "claim_without_caller", message, hint, where, table=self.table.label))

    def refuse(self, complaint: Complaint) -> None:
        self.refused += 1
        self.complaints.append(complaint)

    def warn(self, code: str, message: str, where: object, trail: str | None = None) -> None:
        label = self.table.label
        self.complaints.append(Complaint(Severity.WARNING, code, message, None, where, table=label, trail=trail))

    # ── columns and presets ──────────────────────────────────────────────────────────────────

    def given(self, presets: tuple[Assignment, ...]) -> frozenset[Column]:
        """The columns that a caller could give a value."""
        return self.writable.difference(each.column for each in presets) - self.kept

    def columns(self, listed: ColumnList | None, possible: frozenset[Column]) -> frozenset[Column]:
        """The columns the list names, as far as they are possible."""
        if listed is None:
            return frozenset() if self.listed else possible
        # Many roles have the same list; one that is complained of is never remembered.
        key = (listed.names, possible)
        if key not in self.found:
            before = len(self.complaints)
            named = (self.named(name, index, listed, possible) for index, name in enumerate(listed.names))
            found = frozenset[Column]().union(*named)
            if len(self.complaints) > before:
                return found
            self.found[key] = found
        return self.found[key]

    def named(self, name: str, index: int, listed: ColumnList, possible: frozenset[Column]) -> frozenset[Column]:
        found = columns_named(name, self.table)
        if not found and self.exact:
            self.unknown_column(name, listed.where, f"[{index}]")
        if found and possible.isdisjoint(found) and not is_pattern(name):
            hidden, masked = self.entry.hidden.intersection(found), self.kept.intersection(found)
            why = "is hidden" if hidden else "is masked for this role" if masked else "cannot be given by a caller"
            self.warn("idle_column", f"{self.table.label}.{name} {why}", listed.where, f"[{index}]")
        return possible.intersection(found)

    def unknown_column(self, name: str, where: object, trail: str | None = None) -> None:
        label = self.table.label
        message, hint = f"{label} has no column {name!r}", suggestion(name, self.table.by_name)
        self.refuse(Complaint(Severity.UNBOUND, "unknown_column", message, hint, where, table=label, trail=trail))

    def presets(self, presets: Mapping[str, PresetText]) -> tuple[Assignment, ...]:
        made = [self.preset(name, preset) for name, preset in presets.items()]
        return tuple(each for each in made if each is not None)

    def preset(self, name: str, preset: PresetText) -> Assignment | None:
        column = self.table.by_name.get(name)
        if column is None:
            self.unknown_column(name, preset.where)
            return None
        try:
            if not column.writable:
                raise UnfitRule(f"{self.table.label}.{name} takes no value")
            operand = bind_preset(preset.value, column)
        except RuleError as fault:
            self.unbound(fault, preset.where)
            return None
        if isinstance(operand, Claim) and self.anonymous:
            self.claims_of_nobody(operand.path, preset.where)
        return Assignment(column, operand)
