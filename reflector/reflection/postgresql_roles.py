"""The roles that our login can take in PostgreSQL, and what each may do: set queries, whatever the number of tables.

Rule: what a role may do is what the database itself answers for it, membership and PUBLIC included; nothing is worked
out here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reflector.catalog.roles import DatabaseRole, DatabaseRoles, FunctionKey, Privileges, TableKey
from reflector.reflection import Fetch
from reflector.reflection.postgresql_unbound import (
    TAKEN,
    read_unbound_calls,
    read_unbound_rules,
    read_unbound_views,
)

_EXPOSED: Final = "n.nspname = ANY ($1::pg_catalog.text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"

ROLES: Final = f"""
SELECT r.rolname::pg_catalog.text, {TAKEN}, r.rolsuper, r.rolbypassrls, session_user::pg_catalog.text
FROM pg_catalog.pg_roles r
"""

OWNERS: Final = f"""
SELECT r.rolname::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_class c ON pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {TAKEN} AND NOT r.rolsuper AND {_EXPOSED} AND c.relkind IN ('r', 'p') AND NOT c.relforcerowsecurity
ORDER BY 1, 2
"""


def _columns(privilege: str) -> str:
    """NULL where the whole table is granted, else the columns that are."""
    return f"""CASE WHEN NOT pg_catalog.has_table_privilege(r.oid, c.oid, '{privilege}') THEN ARRAY(
        SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, '{privilege}')) END"""


TABLES: Final = f"""
SELECT r.rolname::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       {_columns("SELECT")}, {_columns("INSERT")}, {_columns("UPDATE")},
       pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE')
FROM pg_catalog.pg_roles r
CROSS JOIN pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {TAKEN} AND {_EXPOSED} AND NOT c.relispartition AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
  AND (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
       OR pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))
"""

FUNCTIONS: Final = f"""
SELECT r.rolname::pg_catalog.text, n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
       ARRAY(SELECT pg_catalog.format_type(u.type, NULL)
             FROM pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[]))
                  WITH ORDINALITY u(type, number)
             ORDER BY u.number)
FROM pg_catalog.pg_roles r
CROSS JOIN pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE {TAKEN} AND n.nspname = ANY ($1::pg_catalog.text[]) AND p.prokind IN ('f', 'p', 'a')
  AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
  AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
"""

# What is set for the role in this database comes after, and so instead of, what is set for it everywhere. A login can
# set for a transaction what any user can, what no extension has declared, and what it was granted.
SETTINGS: Final = f"""
SELECT r.rolname::pg_catalog.text, u.name, u.value
FROM pg_catalog.pg_db_role_setting s
JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY e(entry, number)
CROSS JOIN LATERAL (SELECT pg_catalog.lower(pg_catalog.split_part(e.entry, '=', 1)) AS name,
                           pg_catalog.substr(e.entry, pg_catalog.strpos(e.entry, '=') + 1) AS value) u
LEFT JOIN pg_catalog.pg_settings g ON pg_catalog.lower(g.name) = u.name
WHERE {TAKEN} AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                         WHERE d.datname = pg_catalog.current_database()))
  AND (g.context = 'user' OR (g.name IS NULL AND pg_catalog.strpos(u.name, '.') > 0) {{granted}})
ORDER BY s.setdatabase, e.number
"""
GRANTED: Final = "OR (g.context = 'superuser' AND pg_catalog.has_parameter_privilege(g.name, 'SET'))"
"""PostgreSQL 15 and later."""

FINGERPRINT: Final = """
SELECT (SELECT pg_catalog.concat_ws('.', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(
            pg_catalog.concat_ws('/', r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolinherit), 0)))
        FROM pg_catalog.pg_roles r),
       (SELECT pg_catalog.concat_ws('.', pg_catalog.count(*), pg_catalog.sum(x.xmin::pg_catalog.text::pg_catalog.int8))
        FROM pg_catalog.pg_auth_members x),
       (SELECT pg_catalog.concat_ws('.', pg_catalog.count(*), pg_catalog.sum(x.xmin::pg_catalog.text::pg_catalog.int8))
        FROM pg_catalog.pg_db_role_setting x),
       (SELECT pg_catalog.sum(pg_catalog.hashtextextended(
            pg_catalog.concat_ws('/', c.oid, c.relowner, c.relacl::pg_catalog.text, c.relforcerowsecurity,
                                 CASE c.relkind WHEN 'v' THEN c.reloptions::pg_catalog.text END), 0))
        FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f'))
"""
"""What the schema's own fingerprint does not tell of; grants on columns, schemas and functions change rows it sums."""

ISOLATION: Final = "default_transaction_isolation"


async def read_roles(
    fetch: Fetch, schemas: Sequence[str], version: Sequence[int], path: Sequence[str] = ()
) -> DatabaseRoles:
    """The roles, and what each may do in the schemas; of the schemas `path`, which functions it may call. `version` is
    the server's."""
    names = list(schemas)
    known = await fetch(ROLES)
    owned, tables = await fetch(OWNERS, names), await fetch(TABLES, names)
    functions = await fetch(FUNCTIONS, [*names, *path])
    settings = await fetch(SETTINGS.format(granted=GRANTED if version[0] >= 15 else ""))
    beyond = await read_unbound_views(fetch, names)
    around = await read_unbound_calls(fetch, names), await read_unbound_rules(fetch, names)
    owns, own_settings = _lists(owned), {name: dict(pairs) for name, pairs in _pairs(settings).items()}
    may: dict[str, dict[TableKey, Privileges]] = {}
    for role, schema, table, select, insert, update, delete in tables:
        granted = Privileges(_named(select), _named(insert), _named(update), delete)
        may.setdefault(role, {})[schema, table] = granted
    calls: dict[str, set[FunctionKey]] = {}
    for role, schema, name, types in functions:
        calls.setdefault(role, set()).add((schema, name, tuple(types)))
    roles = {
        name: _role(name, superuser, bypasses, owns.get(name, ()), own_settings.get(name, {}), may.get(name, {}), calls)
        for name, taken, superuser, bypasses, _ in known
        if taken
    }
    others = frozenset(name for name, taken, *_ in known if not taken)
    return DatabaseRoles(known[0][4], roles, others, beyond, *around)


async def roles_fingerprint(fetch: Fetch) -> str:
    """Text that changes whenever what `read_roles` reads does, and the schema's own fingerprint does not."""
    return ":".join(str(value) for value in (await fetch(FINGERPRINT))[0])


def _role(
    name: str,
    superuser: bool,
    bypasses: bool,
    owns: Sequence[str],
    settings: Mapping[str, str],
    tables: Mapping[TableKey, Privileges],
    calls: Mapping[str, set[FunctionKey]],
) -> DatabaseRole:
    isolation = settings.get(ISOLATION)
    rest = {setting: value for setting, value in settings.items() if setting not in {ISOLATION, "role"}}
    functions = frozenset(calls.get(name, ()))
    level = None if isolation is None else isolation.lower()
    return DatabaseRole(name, superuser, bypasses, tuple(owns), rest, level, tables, functions)


def _named(columns: Sequence[str] | None) -> frozenset[str] | None:
    return None if columns is None else frozenset(columns)


def _lists(rows: Sequence[Sequence[Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for role, name in rows:
        found.setdefault(role, []).append(name)
    return found


def _pairs(rows: Sequence[Sequence[Any]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for role, name, value in rows:
        found.setdefault(role, []).append((name, value))
    return found
