"""What of PostgreSQL's gets past the row level security of tables: views, however many lie between, functions in them, and rules.

A view's tables are read as the view's owner. One with `security_invoker` (PostgreSQL 15) reads as whoever runs the
statement, even inside a view that reads as its owner; only what fills a materialized view is run by its owner. So what
counts is the view that names the table, and whether a materialized view lies on the way to it.

A function in a view runs as whoever runs the statement, or, with SECURITY DEFINER, as its owner; what it reads is not known, so
that one which gives rows is told where policies need not bind its owner. What a rule does, it does as the relation's owner.

Rule: it is told where rows get past, never that they do not: what functions read is not known. Roles that row level security
does not bind see every row anyway, so that what is theirs alone is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reflector.catalog.roles import UnboundCall, UnboundRule, UnboundView
from reflector.reflection import Fetch

TAKEN: Final = "pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')"
_FIRST_USER_OID = 16_384
_INVOKER = "^security_invoker=(t(r(u(e)?)?)?|y(e(s)?)?|on|1)$"


def _readable(relation: str) -> str:
    """A SELECT of any column of it was granted to the role `t`."""
    return f"""(pg_catalog.has_table_privilege(t.oid, {relation}, 'SELECT')
                     OR pg_catalog.has_any_column_privilege(t.oid, {relation}, 'SELECT'))"""


def _name(relation: str) -> str:
    return f"""(SELECT pg_catalog.format('%I.%I', m.nspname, z.relname) FROM pg_catalog.pg_class z
        JOIN pg_catalog.pg_namespace m ON m.oid = z.relnamespace WHERE z.oid = {relation})"""


_BOUND: Final = f"""taken AS MATERIALIZED (
    SELECT r.oid FROM pg_catalog.pg_roles r WHERE {TAKEN} AND NOT r.rolsuper AND NOT r.rolbypassrls)"""

# `ways` are the views on the way from a served one, with what was materialized first and the roles that get so far. No way
# is gone twice, so views that read one another, which PostgreSQL lets one make and refuses to read, end as well.
_WAYS: Final = f"""
WITH RECURSIVE {_BOUND},
views AS MATERIALIZED (
    SELECT c.oid, c.relkind = 'm' AS materialized, c.relowner, o.rolsuper OR o.rolbypassrls AS bypasses,
           c.relkind = 'v' AND EXISTS (SELECT FROM pg_catalog.unnest(c.reloptions) u(option)
                                       WHERE pg_catalog.lower(u.option) ~ '{_INVOKER}') AS invoker
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
    WHERE c.relkind IN ('v', 'm') AND c.oid >= {_FIRST_USER_OID}),
reads AS MATERIALIZED (
    SELECT DISTINCT w.ev_class AS view, d.refobjid AS relation
    FROM pg_catalog.pg_rewrite w
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE w.ev_type = '1' AND w.ev_class >= {_FIRST_USER_OID}
      AND d.refobjid >= {_FIRST_USER_OID} AND d.refobjid <> w.ev_class
      -- What calls a function that gives rows of a table's type depends on that table, and may not name it.
      AND (w.ev_action::pg_catalog.text NOT LIKE '%:rtekind 3 %'
           OR w.ev_action::pg_catalog.text LIKE '%:relid ' || d.refobjid || ' %')),
lines AS MATERIALIZED (
    SELECT i.inhrelid AS one, i.inhparent AS other, true AS up FROM pg_catalog.pg_inherits i
    UNION ALL SELECT i.inhparent, i.inhrelid, false FROM pg_catalog.pg_inherits i),
kin AS (
    SELECT c.oid AS guarded, l.other AS relation, l.up
    FROM pg_catalog.pg_class c JOIN lines l ON l.one = c.oid WHERE c.relrowsecurity
    UNION SELECT k.guarded, l.other, k.up FROM kin k JOIN lines l ON l.one = k.relation AND l.up = k.up),
relatives AS MATERIALIZED (SELECT k.relation, pg_catalog.min(k.guarded) AS guarded FROM kin k GROUP BY k.relation),
ways AS (
    SELECT v.oid AS shown, v.oid AS view, CASE WHEN v.materialized THEN v.oid END AS copy, a.roles
    FROM views v
    JOIN pg_catalog.pg_class c ON c.oid = v.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY ($1::pg_catalog.text[])
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT t.oid FROM taken t
        WHERE pg_catalog.has_schema_privilege(t.oid, n.oid, 'USAGE') AND {_readable("c.oid")} ORDER BY 1)) a(roles)
    WHERE a.roles <> '{{}}'
    UNION
    SELECT w.shown, v.oid, COALESCE(w.copy, CASE WHEN v.materialized THEN v.oid END), a.roles
    FROM ways w
    JOIN views x ON x.oid = w.view
    JOIN reads d ON d.view = w.view
    JOIN views v ON v.oid = d.relation
    CROSS JOIN LATERAL (SELECT CASE WHEN w.copy IS NULL AND x.invoker THEN ARRAY(
        SELECT t.oid FROM pg_catalog.unnest(w.roles) t(oid) WHERE {_readable("v.oid")} ORDER BY 1) ELSE w.roles END) a(roles)
    WHERE a.roles <> '{{}}')
"""
_UPDATE, _INSERT, _DELETE = 4, 8, 16
"""What may be done to a view, as pg_relation_is_updatable counts it."""
UNBOUND: Final = f"""{_WAYS}
SELECT DISTINCT {_name("w.shown")}, {_name("p.guarded")}, {_name("COALESCE(w.copy, w.view)")}, w.copy IS NOT NULL, {_name("p.part")},
       w.copy IS NULL AND EXISTS (
           SELECT FROM pg_catalog.unnest(w.roles) t(oid),
                       pg_catalog.pg_relation_is_updatable(w.shown, false) u(deeds)
           WHERE u.deeds & {_INSERT} <> 0 AND pg_catalog.has_any_column_privilege(t.oid, w.shown, 'INSERT')
              OR u.deeds & {_UPDATE} <> 0 AND pg_catalog.has_any_column_privilege(t.oid, w.shown, 'UPDATE')
              OR u.deeds & {_DELETE} <> 0 AND pg_catalog.has_table_privilege(t.oid, w.shown, 'DELETE'))
FROM ways w
JOIN views x ON x.oid = w.view
JOIN reads d ON d.view = w.view
JOIN pg_catalog.pg_class c ON c.oid = d.relation AND c.relkind IN ('r', 'p')
CROSS JOIN LATERAL (
    SELECT c.oid, NULL::pg_catalog.oid
    WHERE c.relrowsecurity AND (w.copy IS NOT NULL OR x.bypasses
          OR pg_catalog.pg_has_role(x.relowner, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity)
    UNION ALL
    SELECT k.guarded, c.oid FROM relatives k WHERE k.relation = c.oid AND NOT c.relrowsecurity) p(guarded, part)
WHERE w.copy IS NOT NULL OR NOT x.invoker
ORDER BY 1, 2, 3, 5
"""


_UNBOUND_OWNER: Final = """(o.rolsuper OR o.rolbypassrls OR EXISTS (
    SELECT FROM pg_catalog.pg_class g WHERE g.relrowsecurity AND NOT g.relforcerowsecurity
    AND pg_catalog.pg_has_role(o.oid, g.relowner, 'USAGE')))"""
CALLS: Final = f"""{_WAYS}
SELECT DISTINCT {_name("w.shown")}, pg_catalog.format('%I.%I', n.nspname, p.proname), {_name("w.view")}
FROM ways w
JOIN pg_catalog.pg_rewrite r ON r.ev_class = w.view AND r.ev_type = '1'
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid >= {_FIRST_USER_OID}
JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid AND p.prosecdef
JOIN pg_catalog.pg_type t ON t.oid = p.prorettype AND (p.proretset OR t.typtype = 'c' OR t.typname = 'record')
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner AND {_UNBOUND_OWNER}
WHERE w.copy IS NULL
ORDER BY 1, 2, 3
"""
RULES: Final = f"""
WITH {_BOUND}
SELECT DISTINCT {_name("c.oid")}, pg_catalog.quote_ident(r.rulename), {_name("g.oid")}
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.oid >= {_FIRST_USER_OID}
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY ($1::pg_catalog.text[])
JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> c.oid
JOIN pg_catalog.pg_class g ON g.oid = d.refobjid AND g.relkind IN ('r', 'p') AND g.relrowsecurity
WHERE r.ev_type IN ('2', '3', '4') AND r.ev_enabled <> 'D'
  AND (o.rolsuper OR o.rolbypassrls
       OR pg_catalog.pg_has_role(c.relowner, g.relowner, 'USAGE') AND NOT g.relforcerowsecurity)
  AND EXISTS (
    SELECT FROM taken t
    WHERE pg_catalog.has_schema_privilege(t.oid, n.oid, 'USAGE') AND CASE r.ev_type
        WHEN '2' THEN pg_catalog.has_any_column_privilege(t.oid, c.oid, 'UPDATE')
        WHEN '3' THEN pg_catalog.has_any_column_privilege(t.oid, c.oid, 'INSERT')
        ELSE pg_catalog.has_table_privilege(t.oid, c.oid, 'DELETE') END)
ORDER BY 1, 2, 3
"""


async def read_unbound_views(fetch: Fetch, schemas: Sequence[str]) -> tuple[UnboundView, ...]:
    """The views of the schemas that a role which our login can take may read, each with what it shows too much of."""
    return tuple(UnboundView(*row) for row in await fetch(UNBOUND, list(schemas)))


async def read_unbound_calls(fetch: Fetch, schemas: Sequence[str]) -> tuple[UnboundCall, ...]:
    """The same views, with functions in them that give rows which no policy may have let through."""
    return tuple(UnboundCall(*row) for row in await fetch(CALLS, list(schemas)))


async def read_unbound_rules(fetch: Fetch, schemas: Sequence[str]) -> tuple[UnboundRule, ...]:
    """The rules of relations of the schemas that a role which our login can take may set off by writing."""
    return tuple(UnboundRule(*row) for row in await fetch(RULES, list(schemas)))
