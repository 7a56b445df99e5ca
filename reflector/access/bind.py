"""From what a config says to permissions: roles, policies, tables, each checked, all complaints at once.

Rule: whatever does not fit the database closes its table for everybody, it alone, and nothing is ever opened by a
mistake: what cannot be bound grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reflector.access.description import AccessDescription, AllowRules, Complaint, ReservedTable, RuleText, Severity
from reflector.access.entries import NOTHING, Arrived, TableEntry, read_entries
from reflector.access.functions import bind_functions
from reflector.access.permissions import Permission, Permissions, open_permission
from reflector.access.policies import Policies, check_unused, names_in
from reflector.access.reserved import hidden_columns, narrowed, reserved_tables, shown_by, views_of
from reflector.access.rights import BrokenPolicyError, RightsBinder
from reflector.access.rules import Rule, bind_rule
from reflector.access.rules_bind import Unfoldings
from reflector.catalog.model import Catalog, Function, Table
from reflector.errors import RuleError, suggestion
from reflector.query.nodes import Filter


def bind_permissions(
    description: AccessDescription, catalog: Catalog, arrived: Arrived = NOTHING
) -> tuple[Permissions, tuple[Complaint, ...]]:
    """The permissions, and everything that is wrong. Never raises for what the description holds.

    With a complaint that is an ERROR the permissions must not be used. With UNBOUND ones they may be: the tables these
    name are closed. A strict caller refuses both.
    """
    binding = _Binding(description, catalog, arrived)
    binding.run()
    permissions = Permissions(catalog, binding.ancestors, binding.rights, binding.closed, binding.functions)
    return permissions, tuple(binding.complaints)


@dataclass(slots=True)
class _Binding:
    description: AccessDescription
    catalog: Catalog
    arrived: Arrived = NOTHING
    complaints: list[Complaint] = field(default_factory=list)
    ancestors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rights: dict[str, dict[Table, Permission]] = field(default_factory=dict)
    closed: dict[Table, frozenset[str]] = field(default_factory=dict)
    functions: Mapping[str, frozenset[Function]] = field(default_factory=dict)
    reserved: Mapping[Table, ReservedTable] = field(default_factory=dict)
    showing: frozenset[Table] = frozenset()

    def run(self) -> None:
        roles = self.description.roles
        self.rights = {role: {} for role in roles}
        self.ancestors = {role: self.all_of(role) for role in roles}
        self.check_roles()
        policies = Policies(self.description.policies)
        self.complaints.extend(policies.complaints)
        rules = BoundRules(policies, self.catalog)
        before = len(self.complaints)
        entries = read_entries(self.description, self.catalog, self.complaints.append, arrived=self.arrived)
        misfits = {each.table for each in self.complaints[before:] if each.severity is not Severity.WARNING}
        self.reserved = reserved_tables(self.description, self.catalog, self.complaints.append)
        self.showing = views_of(self.reserved, self.catalog)
        for entry in entries:
            self.table(entry, rules, fits=entry.table.label not in misfits)
        self.complaints.extend(rules.check_unused())
        self.functions = bind_functions(self.description, self.catalog, self.complaints.append)

    # ── roles ────────────────────────────────────────────────────────────────────────────────

    def all_of(self, role: str) -> tuple[str, ...]:
        """The role and all it extends, found without recursion, so that a circle ends."""
        roles, found, waiting = self.description.roles, {role: None}, [role]
        while waiting:
            for parent in roles[waiting.pop()].extends:
                if parent in roles and parent not in found:
                    found[parent] = None
                    waiting.append(parent)
        return tuple(found)

    def check_roles(self) -> None:
        for role, rules in self.description.roles.items():
            for parent in rules.extends:
                self.check_role(parent, rules.where)
                if role in self.ancestors.get(parent, ()):
                    message = f"role {role!r} extends itself through {parent!r}"
                    self.complaints.append(Complaint(Severity.ERROR, "circular_role", message, None, rules.where))
        for entry in self.description.tables:
            for role, allowed in entry.allow.items():
                self.check_role(role, allowed.where)
        for function in self.description.functions:
            for role in function.roles:
                self.check_role(role, function.where)
        if self.description.anonymous_role is not None:
            self.check_role(self.description.anonymous_role, None)

    def check_role(self, role: str, where: Any) -> None:
        if role not in self.ancestors:
            hint = suggestion(role, self.ancestors)
            self.complaints.append(Complaint(Severity.ERROR, "unknown_role", f"there is no role {role!r}", hint, where))

    # ── tables ───────────────────────────────────────────────────────────────────────────────

    def table(self, entry: TableEntry, rules: BoundRules, *, fits: bool) -> None:
        reserved = self.reserved.get(entry.table)
        if reserved is not None:
            entry.hidden.update(hidden_columns(entry.table, reserved))
            if not reserved.served:
                return
        if entry.table in self.showing and not self.named(entry):
            return
        binder = RightsBinder(entry, rules.bind, self.description.columns_listed, mask_key=self.description.mask_key)
        permissions = self.allowed(entry, binder) if entry.allowed else self.by_default(entry)
        self.complaints.extend(binder.complaints)
        self.complaints.extend(self.unread(entry, permissions))
        if not fits or any(each.severity is not Severity.WARNING for each in binder.complaints):
            meant = (role for role, each in entry.allowed.items() if _means_something(each.rules))
            self.closed[entry.table] = frozenset(meant if entry.allowed else permissions)
            return
        for role, said in permissions.items():
            permission = said if reserved is None else narrowed(said, entry.table, reserved)
            if not permission.empty:
                self.rights[role][entry.table] = permission

    def named(self, entry: TableEntry) -> bool:
        """Whether a view of a table that is nobody's is opened by its own name; what else would open it does not."""
        entry.allowed = {role: each for role, each in entry.allowed.items() if each.exact}
        for each in list(entry.allowed.values())[:1]:
            self.complaints.append(shown_by(entry.table, each.rules.where))
        return bool(entry.allowed)

    def allowed(self, entry: TableEntry, binder: RightsBinder) -> Mapping[str, Permission]:
        anonymous = self.ancestors.get(self.description.anonymous_role or "", ())
        # Also for a role that does not exist: what is wrong with its rules is told, and granted to nobody.
        permissions = {
            role: binder.permission(allowed, anonymous=role in anonymous) for role, allowed in entry.allowed.items()
        }
        return {role: permission for role, permission in permissions.items() if role in self.rights}

    def unread(self, entry: TableEntry, permissions: Mapping[str, Permission]) -> Iterator[Complaint]:
        """Rights of roles that read no row of the table: a row that cannot be read can be neither changed nor counted."""
        readers = {role for role, permission in permissions.items() if permission.read is not None}
        for role, permission in permissions.items():
            allowed = entry.allowed.get(role)
            if allowed is None or not allowed.exact or not readers.isdisjoint(self.ancestors[role]):
                continue
            for what, where in _written(allowed.rules, permission):
                message = f"no {what} can succeed: {role} reads no row of {entry.table.label}"
                yield Complaint(Severity.WARNING, "unread_right", message, None, where, table=entry.table.label)

    def by_default(self, entry: TableEntry) -> Mapping[str, Permission]:
        """What every role may do with a table of which no entry allows anybody anything."""
        description = self.description
        # Where columns must be listed, a table that lists none opens none.
        if description.columns_listed or not (description.default_read or description.default_write):
            return {}
        permission = open_permission(
            entry.table, description.default_write, description.default_read, frozenset(entry.hidden)
        )
        return dict.fromkeys(self.rights, permission)


def _written(rules: AllowRules, permission: Permission) -> Iterator[tuple[str, Any]]:
    """The rights that are of use on rows alone that can be read, and where each stands."""
    if rules.update is not None and permission.update is not None:
        yield "update", rules.update.rows.where
    if rules.delete is not None and permission.delete is not None:
        yield "delete", rules.delete.rows.where
    if rules.aggregate:
        yield "aggregate", rules.where


def _means_something(rules: AllowRules) -> bool:
    return any(part is not None for part in (rules.read, rules.create, rules.update, rules.delete))


# ── rules, bound once for each table ─────────────────────────────────────────────────────────


class BoundRules:
    """Rules by text and table: many roles say the same of a table, and it is bound once."""

    def __init__(self, policies: Policies, catalog: Catalog) -> None:
        self.policies = policies
        self.rules = {name: policy.rule for name, policy in policies.texts.items()}
        self.catalog = catalog
        self.used: set[str] = set()
        self.unfolded: Unfoldings = {}
        self.made: dict[tuple[str | bool, Table, bool], Filter | RuleError] = {}

    def bind(self, rule: RuleText, table: Table, check: bool) -> Filter:
        """The rule's filter; raises RuleError."""
        if not isinstance(rule.rule, str | bool):
            return self.fresh(rule.rule, table, check)
        key = (rule.rule, table, check)
        made = self.made.get(key)
        if made is None:
            made = self.made[key] = self.bound(rule.rule, table, check)
        if isinstance(made, RuleError):
            raise made.with_traceback(None)
        return made

    def bound(self, rule: str | bool, table: Table, check: bool) -> Filter | RuleError:
        try:
            used = self.policies.reached(names_in(rule))
            self.used.update(used)
            if self.policies.broken & used:
                return BrokenPolicyError("uses a policy that is wrong")
            return self.fresh(rule, table, check)
        except RuleError as fault:
            return fault

    def fresh(self, rule: Rule, table: Table, check: bool) -> Filter:
        return bind_rule(rule, table, self.catalog, self.rules, check=check, unfolded=self.unfolded)

    def check_unused(self) -> Iterator[Complaint]:
        """What is wrong with the policies that none of the rules bound so far uses."""
        return check_unused(self.policies, frozenset(self.used), self.catalog, self.bind)
