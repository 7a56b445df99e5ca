"""The types that a caller may cast to, by every name that PostgreSQL knows them by.

Rule: a type is one row here and one in the table of each dialect (`dialects/casts.py`), under its native name.
"""

from __future__ import annotations

from collections.abc import Mapping

from reflector.datatypes import DataType, Kind

_TYPES: tuple[tuple[DataType, tuple[str, ...]], ...] = (
    (DataType(Kind.TEXT, "text", cast="pg_catalog.text"), ("text", "varchar", "character varying")),
    (DataType(Kind.INTEGER, "smallint", cast="pg_catalog.int2", bits=16), ("smallint", "int2")),
    (DataType(Kind.INTEGER, "integer", cast="pg_catalog.int4", bits=32), ("integer", "int", "int4")),
    (DataType(Kind.INTEGER, "bigint", cast="pg_catalog.int8"), ("bigint", "int8")),
    (DataType(Kind.DECIMAL, "numeric", cast="pg_catalog.numeric"), ("numeric", "decimal")),
    (DataType(Kind.FLOAT, "float4", cast="pg_catalog.float4", bits=32), ("real", "float4")),
    (DataType(Kind.FLOAT, "double precision", cast="pg_catalog.float8"), ("double precision", "float8")),
    (DataType(Kind.BOOLEAN, "boolean", cast="pg_catalog.bool"), ("boolean", "bool")),
    (DataType(Kind.DATE, "date", cast="pg_catalog.date"), ("date",)),
    (
        DataType(Kind.TIMESTAMP, "timestamp", cast="pg_catalog.timestamp"),
        ("timestamp", "timestamp without time zone"),
    ),
    (DataType(Kind.INSTANT, "timestamptz", cast="pg_catalog.timestamptz"), ("timestamptz", "timestamp with time zone")),
    (DataType(Kind.UUID, "uuid", cast="pg_catalog.uuid"), ("uuid",)),
    (DataType(Kind.JSON, "json", cast="pg_catalog.json"), ("json",)),
    (DataType(Kind.JSON, "jsonb", cast="pg_catalog.jsonb"), ("jsonb",)),
)
CASTS: Mapping[str, DataType] = {name: type_ for type_, names in _TYPES for name in names}
"""Types by their names in lower case."""
