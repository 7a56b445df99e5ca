"""The masks of `query.masks` in SQL: the same on each database as in memory, letter by letter.

`{x}` stands for the value's text, which is NULL or not; what is made of NULL is NULL.

Rule: a mask is one row per database. The key of a hash is bound, as the hexadecimal digits of its pads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.query.masks import HASH_LETTERS, MaskKind

POSTGRESQL: Final[Mapping[MaskKind, str]] = {
    MaskKind.LAST4: (
        "CASE WHEN pg_catalog.char_length({x}) < 8 THEN '****' ELSE '****' || pg_catalog.right({x}, 4) END"
    ),
    MaskKind.PARTIAL: (
        "CASE WHEN pg_catalog.char_length({x}) < 5 THEN '***'"
        " ELSE pg_catalog.left({x}, 1) || '***' || pg_catalog.right({x}, 1) END"
    ),
    MaskKind.HASH: (
        "pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode({opad}, 'hex') || pg_catalog.sha256("
        f"pg_catalog.decode({{ipad}}, 'hex') || pg_catalog.convert_to({{x}}, 'UTF8'))), 'hex'), {HASH_LETTERS})"
    ),
}
MARIADB: Final[Mapping[MaskKind, str]] = {
    MaskKind.LAST4: "CASE WHEN CHAR_LENGTH({x}) < 8 THEN '****' ELSE CONCAT('****', RIGHT({x}, 4)) END",
    MaskKind.PARTIAL: ("CASE WHEN CHAR_LENGTH({x}) < 5 THEN '***' ELSE CONCAT(LEFT({x}, 1), '***', RIGHT({x}, 1)) END"),
    MaskKind.HASH: (
        "LEFT(SHA2(CONCAT(UNHEX({opad}), UNHEX(SHA2(CONCAT(UNHEX({ipad}), CAST({x} AS BINARY)), 256))), 256),"
        f" {HASH_LETTERS})"
    ),
}
SQLITE: Final[Mapping[MaskKind, str]] = {
    MaskKind.LAST4: "CASE WHEN length({x}) < 8 THEN '****' ELSE '****' || substr({x}, -4) END",
    MaskKind.PARTIAL: "CASE WHEN length({x}) < 5 THEN '***' ELSE substr({x}, 1, 1) || '***' || substr({x}, -1) END",
    MaskKind.HASH: "reflector_hash({x}, {ipad}, {opad})",
}
