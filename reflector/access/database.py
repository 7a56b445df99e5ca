"""What roles may do where the database itself decides: its grants as rights, of all the rows that it lets them see.

The rules of rows are the database's own, and it holds every statement against them; here they are all TRUE, so that
questions are asked as they are. What a role was not granted does not exist for it: not in names, hints or documents.

Rule: nothing here opens what the database would refuse. Roles that no rule of the database binds are told, and nobody
serves with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reflector.access.description import Complaint, Severity
from reflector.access.permissions import (
    CreateRight,
    DeleteRight,
    Grants,
    Permission,
    Permissions,
    ReadRight,
    UpdateRight,
    open_permission,
)
from reflector.catalog.model import Catalog, Column, Function, Table
from reflector.catalog.roles import DatabaseRole, DatabaseRoles, Privileges, UnboundView
from reflector.errors import Forbidden, UnknownRole
from reflector.query.nodes import TRUE

SHOWN_TABLES = 3
Hidden = Mapping[Table, frozenset[Column]]
Opened = Callable[[str, Function], bool]
"""Whether a role may be let at a function that the database grants it."""


@dataclass(frozen=True, eq=False, slots=True)
class DatabasePermissions(Permissions):
    """The grants of a database. A caller has exactly one role: the one that the transaction runs as.

    `hidden` are columns that are nobody's, `opened` the functions that any role may be let at, whoever was granted them.
    """

    roles: DatabaseRoles | None = None
    hidden: Hidden = field(default_factory=dict)
    opened: frozenset[Function] = frozenset()

    def effective(self, roles: Iterable[str]) -> tuple[str, ...]:
        """The one role; raises UnknownRole, and Forbidden for one that our login cannot take."""
        named = tuple(roles)
        if len(named) != 1:
            raise Forbidden("a credential names one role where the database decides, and not several")
        if named[0] in self.ancestors:
            return named
        if self.roles is not None and named[0] in self.roles.others:
            raise Forbidden(f'permission denied to set role "{named[0]}"')
        raise UnknownRole(f'role "{named[0]}" does not exist')

    def all_grants(self) -> Grants:
        """All that is served, whoever was granted it: nothing that the file hides or does not open."""
        rights = {
            table: (open_permission(table, writable=True, hidden=self.hidden.get(table, frozenset())),)
            for table in self.catalog.tables.values()
            if table not in self.closed and not self.hidden.get(table, frozenset()).issuperset(table.columns)
        }
        return Grants((), rights, functions=self.opened)


def database_permissions(
    catalog: Catalog, hidden: Hidden, opened: Opened, unfit: Collection[Table] = ()
) -> DatabasePermissions:
    """The rights that the catalog's roles have by their grants; columns that are `hidden` are nobody's, and functions that
    are not `opened`: a database grants everybody every function, unless somebody thought of it. Tables that are `unfit` are closed:
    what the file says of them does not fit."""
    roles = DatabaseRoles("", {}) if catalog.roles is None else catalog.roles
    granted = {name: dict(_rights(role, catalog, hidden)) for name, role in roles.taken.items()}
    closed = {table: frozenset(name for name, tables in granted.items() if table in tables) for table in unfit}
    rights = {
        name: {table: right for table, right in tables.items() if table not in closed}
        for name, tables in granted.items()
    }
    functions = {
        name: frozenset(
            each
            for each in catalog.functions
            if each.callable and (each.extension is not None or each.key in role.functions) and opened(name, each)
        )
        for name, role in roles.taken.items()
    }
    ancestors = {name: (name,) for name in roles.taken}
    for_any = frozenset(
        each for each in catalog.functions if each.callable and any(opened(name, each) for name in roles.taken)
    )
    return DatabasePermissions(
        catalog, ancestors, rights, closed, functions, roles=roles, hidden=hidden, opened=for_any
    )


def _rights(role: DatabaseRole, catalog: Catalog, hidden: Hidden) -> Iterator[tuple[Table, Permission]]:
    for table in catalog.tables.values():
        granted = role.tables.get((table.schema, table.name))
        # A table of which every column is hidden is nobody's: its rows are not removed by anybody either.
        if granted is not None and not hidden.get(table, frozenset()).issuperset(table.columns):
            permission = _permission(table, granted, hidden.get(table, frozenset()))
            if not permission.empty:
                yield table, permission


def _permission(table: Table, granted: Privileges, hidden: frozenset[Column]) -> Permission:
    def of(names: frozenset[str] | None) -> frozenset[Column]:
        return frozenset(each for each in table.columns if names is None or each.name in names) - hidden

    seen, writable = of(granted.select), frozenset(column for column in table.columns if column.writable)
    creates, updates = of(granted.insert), of(granted.update)
    return Permission(
        ReadRight(TRUE, seen) if seen else None,
        CreateRight(TRUE, creates & writable) if creates and table.insertable else None,
        UpdateRight(TRUE, TRUE, updates & writable) if updates and table.updatable else None,
        DeleteRight(TRUE) if granted.delete and table.deletable else None,
        aggregate=bool(seen),
    )


# ── what is there and was not granted ────────────────────────────────────────────────────────


def denied_table(catalog: Catalog, role: DatabaseRole, schema: str, name: str) -> str | None:
    """`table name`, where there is one and the role was granted nothing of it; else None."""
    there = any(table.schema == schema and table.name == name for table in catalog.tables.values())
    return f"table {name}" if there and (schema, name) not in role.tables else None


def denied_function(catalog: Catalog, role: DatabaseRole, schema: str, name: str) -> str | None:
    """`function name`, where there are some and the role was granted none; else None."""
    named = [each for each in catalog.functions if each.schema == schema and each.name == name]
    found = [each for each in named if each.gathers is None and each.extension is None]  # no database grants code
    granted = any(each.key in role.functions for each in found)
    return f"function {name}" if found and not granted else None


def denied_column(catalog: Catalog, role: DatabaseRole, schema: str, table: str, column: str) -> str | None:
    """`table name`, where it has the column and the role may not read that; else None."""
    select = role.tables.get((schema, table), Privileges()).select
    if select is None or column in select:
        return None
    found = (each for each in catalog.tables.values() if each.schema == schema and each.name == table)
    there = any(each.name == column for one in found for each in one.columns)
    return f"table {table}" if there else None


# ── roles that no rule binds ─────────────────────────────────────────────────────────────────


def unbound_roles(roles: DatabaseRoles, allowed: Collection[str] = ()) -> Iterator[Complaint]:
    """Why nobody may be served by this login, each with the SQL that mends it.

    `allowed` are the roles that row level security is not to bind. Neither the login nor a superuser can be one of them: what
    the login may do it may do before any role is taken, and a superuser can do more than read rows.
    """
    for role in roles.taken.values():
        if role.name in allowed and role.name != roles.login and not role.superuser:
            continue
        for reason, mends in _unbound(role, roles.login):
            yield Complaint(Severity.ERROR, "role_unbound", reason, mends)


def views_beyond(roles: DatabaseRoles) -> Iterator[Complaint]:
    """What shows or writes rows that no rule of the database has let through, each with the SQL that mends it."""
    for found in roles.beyond:
        between = [name for name in (found.by, found.part) if name is not None and name != found.view]
        way = f", by way of {' and '.join(between)}" if between else ""
        message = (
            f"{found.view} reads {found.table} past its row level security{way}: "
            "whoever may read it sees every row that it shows"
        )
        writes = ", and whoever may write it writes past it too" if found.written else ""
        yield Complaint(Severity.WARNING, "view_unbound", message + writes, _binding(found))
    for call in roles.calls:
        way = "" if call.by == call.view else f", by way of {call.by}"
        message = (
            f"{call.view} shows what {call.function} gives{way}, which runs as its owner: "
            "row level security need not bind that, and whoever may read the view sees every row of it"
        )
        mends = f"ALTER FUNCTION {call.function} SECURITY INVOKER, or let it ask who calls"
        yield Complaint(Severity.WARNING, "view_unbound", message, mends)
    for rule in roles.rules:
        message = (
            f"the rule {rule.rule} of {rule.relation} reaches {rule.table} past its row level security: "
            f"what it does, it does as the owner of {rule.relation}"
        )
        mends = f"ALTER VIEW {rule.relation} OWNER TO a role that row level security binds, or an INSTEAD OF trigger for the rule"
        yield Complaint(Severity.WARNING, "view_unbound", message, mends)


def _binding(found: UnboundView) -> str:
    """What would bind it. Row level security cannot be had of a copy: it is read by nobody who asks."""
    if found.copies:
        plain = f"replace {found.by} by a plain view WITH (security_invoker = true)"
        return f"REVOKE SELECT ON {found.view} FROM the roles that are not to see every row, or {plain}"
    if found.part is not None:
        return f"ALTER TABLE {found.part} ENABLE ROW LEVEL SECURITY, with policies of its own"
    asking = f"ALTER VIEW {found.by} SET (security_invoker = true)"
    return f"{asking}, or ALTER VIEW {found.by} OWNER TO a role that row level security binds"


def _unbound(role: DatabaseRole, login: str) -> Iterator[tuple[str, str]]:
    name = quoted(role.name)
    who = f"the login {name}" if role.name == login else f"the role {name}, which the login {quoted(login)} can take,"
    away = "" if role.name == login else f"; or REVOKE {name} FROM {quoted(login)}"
    if role.superuser:
        mends = "log in as a role made by CREATE ROLE … LOGIN NOINHERIT" if role.name == login else ""
        yield f"{who} is a superuser: no rule of the database binds it", mends or f"ALTER ROLE {name} NOSUPERUSER{away}"
        return
    if away:
        away += "; or name it in postgrest.allow_unbound_roles"
    if role.bypasses:
        yield f"{who} has BYPASSRLS: rules of rows do not bind it", f"ALTER ROLE {name} NOBYPASSRLS{away}"
    if role.owns:
        shown = ", ".join(role.owns[:SHOWN_TABLES]) + (" and others" if len(role.owns) > SHOWN_TABLES else "")
        yield (
            f"{who} owns {shown}: rules of rows do not bind an owner",
            f"ALTER TABLE {role.owns[0]} OWNER TO another role, or FORCE ROW LEVEL SECURITY{away}",
        )


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
