"""What we ask of PostgreSQL's catalogs: six questions about everything at once, and one about whether to ask again.

Rule: one query answers for all tables, never one per table; its columns are in the order of the class that reads them.
Everything is qualified with pg_catalog. Lists travel as text[], the one array that every driver knows without asking.
"""

from __future__ import annotations

from collections.abc import Mapping

_NOT_SYSTEM = "NOT pg_catalog.starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"
_FIRST_USER_OID = 16_384


def _made_by_another(catalog: str, oid: str) -> str:
    """Whether the object belongs to an extension, or was made for another one, as a range's constructors are."""
    return f"""EXISTS (
        SELECT FROM pg_catalog.pg_depend x
        WHERE x.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND x.objid = {oid} AND x.objsubid = 0
          AND x.deptype IN ('e', 'i'))"""


SERVER = f"""
SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       ARRAY(
           SELECT n.nspname::pg_catalog.text
           FROM pg_catalog.pg_namespace n
           WHERE {_NOT_SYSTEM}
             AND CASE WHEN $1::pg_catalog.text[] IS NULL THEN pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                      ELSE n.nspname::pg_catalog.text = ANY ($1::pg_catalog.text[]) END
           ORDER BY pg_catalog.array_position($1::pg_catalog.text[], n.nspname::pg_catalog.text),
                    n.nspname IS DISTINCT FROM pg_catalog.current_schema(),
                    n.nspname)
"""


def _by(source: str, target: str) -> str:
    """The function of an implicit cast of a domain's own. The database itself ignores such casts."""
    return f"""
       (SELECT pg_catalog.format('%I.%I', j.nspname, i.proname)
        FROM pg_catalog.pg_cast k
        JOIN pg_catalog.pg_proc i ON i.oid = k.castfunc AND i.pronargs = 1
        JOIN pg_catalog.pg_namespace j ON j.oid = i.pronamespace
        WHERE t.typtype = 'd' AND k.castmethod = 'f' AND k.castcontext = 'i'
          AND k.castsource = {source} AND k.casttarget = {target})"""


_JSON, _TEXT = "'pg_catalog.json'::pg_catalog.regtype", "'pg_catalog.text'::pg_catalog.regtype"

# Row types of tables, and their arrays, are left out: they are as many as tables, and opaque. An extension's type is
# compared by its own operator only where the search path leads to it.
TYPES = f"""
SELECT t.oid, n.nspname::pg_catalog.text, t.typname::pg_catalog.text, t.typtype::pg_catalog.text, e.oid,
       t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault, l.labels,
       t.oid IN (SELECT o.opcintype FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
                 WHERE o.opcdefault AND m.amname IN ('btree', 'hash'))
       AND t.oid IN (SELECT q.oprleft FROM pg_catalog.pg_operator q
                     WHERE q.oprname = '=' AND q.oprleft = q.oprright AND pg_catalog.pg_operator_is_visible(q.oid)),
       t.oid IN (SELECT o.opcintype FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
                 WHERE o.opcdefault AND m.amname = 'btree')
       AND t.oid IN (SELECT q.oprleft FROM pg_catalog.pg_operator q WHERE q.oprname = '<' AND q.oprleft = q.oprright),
       {_by("t.oid", _JSON)}, {_by(_JSON, "t.oid")}, {_by(_TEXT, "t.oid")},
       NOT EXISTS (SELECT FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_proc i ON i.oid = k.castfunc
                   WHERE t.typtype = 'd' AND t.oid IN (k.castsource, k.casttarget) AND i.provolatile <> 'i')
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
LEFT JOIN (SELECT u.enumtypid, pg_catalog.array_agg(u.enumlabel::pg_catalog.text ORDER BY u.enumsortorder) AS labels
           FROM pg_catalog.pg_enum u GROUP BY u.enumtypid) l ON l.enumtypid = t.oid
WHERE t.typtype NOT IN ('c', 'p') AND e.typtype IS DISTINCT FROM 'c' AND e.typtype IS DISTINCT FROM 'p'
"""

# Before PostgreSQL 14 a table that was never analysed has zero tuples on zero pages; since then -1.
_KNOWN = "{0}.reltuples >= 0 AND ({0}.relpages > 0 OR pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000)"

RELATIONS = f"""
SELECT c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text, d.description,
       CASE c.relkind
           WHEN 'v' THEN NULL
           WHEN 'p' THEN (SELECT pg_catalog.sum(p.reltuples) FILTER (WHERE {_KNOWN.format("p")})
                          FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class p ON p.oid = t.relid
                          WHERE t.isleaf)
           ELSE CASE WHEN {_KNOWN.format("c")} THEN c.reltuples END
       END::pg_catalog.int8,
       CASE WHEN c.relkind IN ('r', 'p') THEN 28
            WHEN c.relkind = 'v' THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
            ELSE 0 END,
       c.relrowsecurity,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_description d
       ON d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0
WHERE n.nspname = ANY ($1::pg_catalog.text[])
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND NOT {_made_by_another("pg_class", "c.oid")}
"""

# Since PostgreSQL 18 a column may be NOT NULL for what is written from then on, and still hold NULL: NOT VALID.
# In a view without INSTEAD OF triggers (64; 4 INSERT, 16 UPDATE) only what is a plain column below can be written.
COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname::pg_catalog.text, a.atttypid, a.atttypmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       a.attnotnull AND (a.attrelid, a.attnum) NOT IN (
           SELECT v.conrelid, v.conkey[1] FROM pg_catalog.pg_constraint v
           WHERE v.contype = 'n' AND v.conrelid <> 0 AND NOT v.convalidated),
       pg_catalog.pg_get_expr(f.adbin, f.adrelid), a.attidentity::pg_catalog.text, a.attgenerated::pg_catalog.text,
       CASE WHEN c.relkind <> 'v' THEN true
            WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger g
                         WHERE g.tgrelid = c.oid AND g.tgtype & 64 <> 0 AND g.tgtype & 20 <> 0) THEN true
            WHEN pg_catalog.pg_relation_is_updatable(c.oid, false) & 12 = 0 THEN true
            ELSE pg_catalog.pg_column_is_updatable(c.oid, a.attnum, false) END,
       d.description,
       CASE WHEN a.attcollation <> t.typcollation OR t.typtype = 'd' AND o.collname <> 'default'
            THEN o.collname::pg_catalog.text END,
       o.collisdeterministic IS FALSE
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum AND a.atthasdef
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_description d
       ON d.objoid = a.attrelid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = a.attnum
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# Unique indexes include those of primary keys and unique constraints. What refers to a partitioned table has a
# constraint for each partition besides; those have a parent. Before PostgreSQL 18 the catalog has no word of periods.
OF_PERIODS = "COALESCE((pg_catalog.to_jsonb(k) ->> 'conperiod')::pg_catalog.bool, false)"
KEYS = f"""
SELECT i.indrelid, CASE WHEN i.indisprimary THEN 'p' ELSE 'u' END, x.relname::pg_catalog.text AS name,
       (i.indkey::pg_catalog.text[])[0:i.indnkeyatts - 1],
       NULL::pg_catalog.oid, NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text[],
       NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
WHERE i.indrelid = ANY ($1::pg_catalog.oid[])
  AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
UNION ALL
SELECT k.conrelid, k.contype::pg_catalog.text, k.conname::pg_catalog.text, k.conkey::pg_catalog.text[],
       k.confrelid, n.nspname::pg_catalog.text, r.relname::pg_catalog.text, k.confkey::pg_catalog.text[],
       k.confupdtype::pg_catalog.text, k.confdeltype::pg_catalog.text,
       CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_constraintdef(k.oid, true)
            WHEN {OF_PERIODS} THEN 'PERIOD' END
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE k.conrelid = ANY ($1::pg_catalog.oid[]) AND k.contype IN ('f', 'c') AND k.conparentid = 0
ORDER BY name
"""

FUNCTIONS = f"""
SELECT n.nspname::pg_catalog.text, p.proname::pg_catalog.text, a.types::pg_catalog.text[],
       ARRAY(SELECT pg_catalog.format_type(u.type, NULL)
             FROM pg_catalog.unnest(a.types) WITH ORDINALITY u(type, number) ORDER BY u.number),
       p.proargmodes::pg_catalog.text[], p.proargnames, p.pronargdefaults::pg_catalog.int4,
       pg_catalog.pg_get_function_result(p.oid), p.provolatile::pg_catalog.text, p.proretset, p.prosecdef, d.description,
       p.prokind::pg_catalog.text, p.prorettype, y.typtype::pg_catalog.text, y.typname::pg_catalog.text,
       s.nspname::pg_catalog.text, r.relname::pg_catalog.text,
       ARRAY(SELECT b.attname::pg_catalog.text FROM pg_catalog.pg_attribute b
             WHERE b.attrelid = r.oid AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum),
       ARRAY(SELECT b.atttypid::pg_catalog.text FROM pg_catalog.pg_attribute b
             WHERE b.attrelid = r.oid AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum),
       ARRAY(SELECT pg_catalog.format_type(b.atttypid, b.atttypmod) FROM pg_catalog.pg_attribute b
             WHERE b.attrelid = r.oid AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum),
       o.schema, o.name, NOT p.proretset OR p.prorows = 1, p.proconfig
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type y ON y.oid = p.prorettype
LEFT JOIN pg_catalog.pg_class r ON r.oid = y.typrelid
LEFT JOIN pg_catalog.pg_namespace s ON s.oid = r.relnamespace
CROSS JOIN LATERAL (SELECT COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[])) a(types)
LEFT JOIN LATERAL (
    SELECT i.nspname::pg_catalog.text, c.relname::pg_catalog.text
    FROM pg_catalog.pg_type h
    JOIN pg_catalog.pg_class c ON c.oid = h.typrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_catalog.pg_namespace i ON i.oid = c.relnamespace
    WHERE h.oid = p.proargtypes[0]) o(schema, name) ON p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1
LEFT JOIN pg_catalog.pg_description d
       ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objsubid = 0
WHERE (n.nspname = ANY ($1::pg_catalog.text[])
       OR (n.nspname = ANY ($2::pg_catalog.text[]) AND o.schema = ANY ($1::pg_catalog.text[])))
  AND p.prokind IN ('f', 'p')
  AND p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
  AND NOT {_made_by_another("pg_proc", "p.oid")}
ORDER BY n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
"""


# ── whether anything changed ─────────────────────────────────────────────────────────────────

_VERSION_OF_ROW = "x.xmin::pg_catalog.text::pg_catalog.int8"

# What stands for a row of each catalog, and which of its rows are the schema's. Whoever rewrites a row stamps it with
# its transaction, but TRUNCATE and its like stamp pg_class for nothing: there the content stands for itself.
_WATCHED: Mapping[str, tuple[str, str]] = {
    "pg_namespace": (_VERSION_OF_ROW, "x.oid IN (SELECT n.oid FROM shown n)"),
    "pg_class": (
        """pg_catalog.hashtextextended(pg_catalog.concat_ws('/',
            x.oid, x.relname, x.relnamespace, x.relkind, x.relispartition, x.relrowsecurity), 0)""",
        "x.relkind IN ('r', 'p', 'v', 'm', 'f') AND x.relnamespace IN (SELECT n.oid FROM shown n)",
    ),
    "pg_attribute": (
        _VERSION_OF_ROW,
        "x.attnum > 0 AND x.attrelid IN (SELECT c.oid FROM tables c UNION ALL SELECT c.oid FROM records c)",
    ),
    "pg_attrdef": (_VERSION_OF_ROW, "x.adrelid IN (SELECT c.oid FROM tables c)"),
    "pg_constraint": (_VERSION_OF_ROW, "x.connamespace IN (SELECT n.oid FROM shown n)"),
    "pg_index": (_VERSION_OF_ROW, "x.indisunique AND x.indrelid IN (SELECT c.oid FROM tables c)"),
    "pg_type": (_VERSION_OF_ROW, "x.typtype IN ('d', 'e', 'r') AND x.typnamespace IN (SELECT n.oid FROM shown n)"),
    "pg_enum": (_VERSION_OF_ROW, "true"),
    "pg_cast": (_VERSION_OF_ROW, f"x.oid >= {_FIRST_USER_OID}"),
    "pg_proc": (_VERSION_OF_ROW, "x.pronamespace IN (SELECT n.oid FROM shown n)"),
    "pg_rewrite": (_VERSION_OF_ROW, "x.ev_class IN (SELECT c.oid FROM tables c)"),
    "pg_trigger": (_VERSION_OF_ROW, "x.tgtype & 64 <> 0"),
    "pg_description": (_VERSION_OF_ROW, f"x.objoid >= {_FIRST_USER_OID}"),
}

FINGERPRINT = f"""
WITH shown AS MATERIALIZED (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE {_NOT_SYSTEM}),
     tables AS MATERIALIZED (
         SELECT c.oid FROM pg_catalog.pg_class c
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
           AND c.relnamespace IN (SELECT n.oid FROM shown n)),
     records AS MATERIALIZED (
         SELECT c.oid FROM pg_catalog.pg_class c
         WHERE c.relkind = 'c' AND c.relnamespace IN (SELECT n.oid FROM shown n))
SELECT pg_catalog.current_schema()::pg_catalog.text, """ + ",\n".join(
    f"(SELECT pg_catalog.concat_ws('.', pg_catalog.count(*), pg_catalog.sum({value})) FROM pg_catalog.{catalog} x WHERE {rows})"
    for catalog, (value, rows) in _WATCHED.items()
)
