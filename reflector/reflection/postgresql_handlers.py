"""Aggregates that answer in media types of their own: what they make of rows is a domain named like one.

    CREATE DOMAIN "application/vnd.points" AS bytea;
    CREATE AGGREGATE points (place) (SFUNC = …, STYPE = "application/vnd.points");

Rule: one question for all of them. What they take is one row, of a table's own type or of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from reflector.catalog.model import Argument, Function
from reflector.datatypes import DataType, Kind
from reflector.reflection import Fetch
from reflector.reflection.postgresql_types import Types

HANDLERS: Final = """
SELECT n.nspname::pg_catalog.text AS schema, p.proname::pg_catalog.text AS name,
       pg_catalog.format_type(a.oid, NULL) AS takes, y.oid, pg_catalog.lower(y.typname::pg_catalog.text),
       pg_catalog.format_type(y.oid, NULL), d.description,
       s.nspname::pg_catalog.text, r.relname::pg_catalog.text
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type y ON y.oid = p.prorettype
JOIN pg_catalog.pg_type a ON a.oid = p.proargtypes[0]
LEFT JOIN pg_catalog.pg_class r ON r.oid = a.typrelid
LEFT JOIN pg_catalog.pg_namespace s ON s.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d
       ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objsubid = 0
WHERE n.nspname = ANY ($1::pg_catalog.text[]) AND p.prokind = 'a' AND g.aggkind = 'n'
  AND p.pronargs = 1 AND p.provariadic = 0
  AND y.typtype = 'd' AND pg_catalog.strpos(y.typname::pg_catalog.text, '/') > 0
  AND (r.oid IS NOT NULL OR a.oid = 'pg_catalog.anyelement'::pg_catalog.regtype)
UNION ALL
SELECT n.nspname::pg_catalog.text, p.proname::pg_catalog.text, 'record',
       'pg_catalog.json'::pg_catalog.regtype::pg_catalog.oid, 'application/geo+json', 'text', NULL, NULL, NULL
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.objid = p.oid AND x.deptype = 'e'
JOIN pg_catalog.pg_extension e ON x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = x.refobjid
WHERE e.extname = 'postgis' AND p.proname = 'st_asgeojson'
  AND p.proargtypes[0] = 'pg_catalog.record'::pg_catalog.regtype
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
ORDER BY schema, name, takes
"""
"""Beside the aggregates, what makes a feature of a row: PostGIS 3 and later."""
ANY_ROW: Final = "record"
"""What no aggregate takes."""


async def read_handlers(fetch: Fetch, schemas: Sequence[str], types: Types) -> tuple[Function, ...]:
    """The aggregates of these schemas; last PostGIS' own function, where there is one."""
    found = [_handler(row, types) for row in await fetch(HANDLERS, list(schemas))]
    return tuple(sorted(found, key=lambda each: each.features))


def _handler(row: Sequence[Any], types: Types) -> Function:
    schema, name, takes, oid, media, returns, comment, table_schema, table = row
    return Function(
        schema=schema,
        name=name,
        arguments=(Argument("", DataType(Kind.OPAQUE, takes)),),
        returns=returns,
        comment=comment,
        scalar=takes == ANY_ROW,
        row_type=None if table is None else (table_schema, table),
        media=media,
        callable=takes != ANY_ROW,
        gathers=types.of(oid, -1, returns),
    )
