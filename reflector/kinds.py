"""The kinds of value that there are.

Rule: a kind is what values of a type are to us, whatever the database calls the type; it has one row in each table that
speaks of kinds.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    UUID = "uuid"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    """A timestamp with time zone: a point in time, shown in UTC."""
    INTERVAL = "interval"
    JSON = "json"
    ENUM = "enum"
    SET = "set"
    ARRAY = "array"
    SPECIAL = "special"
    """A type whose text form the database itself reads and writes: inet, ranges, timetz, money, bit strings, xml …"""
    OPAQUE = "opaque"
    """A type whose values we do not read: shown as text, filtered only for being null, and written only where PostgreSQL makes
    them of JSON."""
