"""PostgreSQL's row security, policy by policy, and from whom it hides rows.

Rule: it is asked when somebody wants to know and kept nowhere; what a policy means PostgreSQL alone says, and is not
worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reflector.catalog.model import Table
from reflector.reflection import Fetch

_OF_ROLE: Final = "EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) m(oid) WHERE m.oid = 0 OR pg_catalog.pg_has_role({}, m.oid, 'USAGE'))"
_READS: Final = f"p.polrelid = c.oid AND p.polcmd IN ('r', '*') AND {_OF_ROLE.format('r.oid')}"

POLICIES: Final = f"""
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, p.polname::pg_catalog.text, p.polcmd::pg_catalog.text,
       p.polpermissive, c.relrowsecurity,
       ARRAY(SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r WHERE {_OF_ROLE.format("r.oid")}),
       ARRAY(SELECT COALESCE(r.rolname::pg_catalog.text, 'public') FROM pg_catalog.unnest(p.polroles) m(oid)
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = m.oid ORDER BY 1),
       pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::pg_catalog.text[])
ORDER BY 1, 2, 3
"""

# Views are not asked about: whose rules hold in them depends on how they are made.
HIDING: Final = f"""
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles r ON r.rolname = $1::pg_catalog.text
JOIN ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) wanted(schema, name)
  ON wanted.schema = n.nspname AND wanted.name = c.relname
WHERE c.relkind NOT IN ('r', 'p')
   OR (c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
       AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
       AND (NOT EXISTS (SELECT FROM pg_catalog.pg_policy p
                        WHERE {_READS} AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true')
            OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE {_READS} AND NOT p.polpermissive)))
"""

COMMANDS: Final = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """A policy of a table. `command` is ALL, SELECT, INSERT, UPDATE or DELETE; `written` are the roles that it names, `roles`
    all that have it by them; `active`, whether row security is on for the table. `using` and `check` are its rules."""

    schema: str
    table: str
    name: str
    command: str
    permissive: bool
    active: bool
    roles: frozenset[str]
    written: tuple[str, ...]
    using: str | None
    check: str | None


async def row_policies(fetch: Fetch, schemas: Sequence[str]) -> tuple[RowPolicy, ...]:
    """The policies of all tables in the schemas."""
    rows = await fetch(POLICIES, list(schemas))
    return tuple(
        RowPolicy(
            schema, table, name, COMMANDS[command], permissive, active, frozenset(roles), tuple(written), using, check
        )
        for schema, table, name, command, permissive, active, roles, written, using, check in rows
    )


async def surely_whole(fetch: Fetch, role: str, tables: Sequence[Table]) -> bool:
    """Whether the role surely sees every row of the tables: none is a view, and row security does not bind the role or has a
    policy that shows it all rows."""
    schemas, names = [each.schema for each in tables], [each.name for each in tables]
    return not await fetch(HIDING, role, schemas, names)
