"""Which of PostgreSQL's views show rows of a table past its row level security, however many views lie between.

A view's tables are read as the view's owner. One with `security_invoker` (PostgreSQL 15) reads as whoever runs the
statement, even inside a view that reads as its owner; only what fills a materialized view is run by its owner. So what
counts is the view that names the table, and whether a materialized view lies on the way to it.

Rule: it is told where rows get past, never that they do not: what functions read is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reflector.catalog.roles import UnboundView
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


# `ways` are the views on the way from a served one, with what was materialized first and the roles that get so far. No way
# is gone twice, so views that read one another, which PostgreSQL lets one make and refuses to read, end as well.
UNBOUND: Final = f"""
WITH RECURSIVE taken AS MATERIALIZED (SELECT r.oid FROM pg_catalog.pg_roles r WHERE {TAKEN}),
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
      AND d.refobjid >= {_FIRST_USER_OID} AND d.refobjid <> w.ev_class),
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
SELECT DISTINCT {_name("w.shown")}, {_name("p.guarded")}, {_name("COALESCE(w.copy, w.view)")}, w.copy IS NOT NULL, {_name("p.part")}
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


async def read_unbound_views(fetch: Fetch, schemas: Sequence[str]) -> tuple[UnboundView, ...]:
    """The views of the schemas that a role which our login can take may read, each with what it shows too much of."""
    return tuple(UnboundView(*row) for row in await fetch(UNBOUND, list(schemas)))
