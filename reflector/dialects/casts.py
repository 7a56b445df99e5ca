"""What a caller's cast becomes where the database's own CAST would rather answer something wrong than refuse.

SQLite and MariaDB cast `'abc'` to 0, so what does not fit is made NULL here. PostgreSQL refuses it by itself and needs
no table. `{x}` stands for the expression.

Rule: a type of `query.casts` is one row per database, under its native name.
"""

from __future__ import annotations

from collections.abc import Mapping

from reflector.datatypes import DataType, Kind
from reflector.readings import integer_bounds

NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN})
TRUE_WORDS = "('t', 'true', 'y', 'yes', 'on', '1')"
FALSE_WORDS = "('f', 'false', 'n', 'no', 'off', '0')"


def _within(template: str, type_: DataType) -> str:
    least, greatest = integer_bounds(type_)
    return template if type_.bits == 64 else f"CASE WHEN {template} BETWEEN {least} AND {greatest} THEN {template} END"


# ── SQLite: a value's own type decides, whatever the column's ────────────────────────────────

_TRIMMED = "trim({x})"
_WHOLE_TEXT = f"{_TRIMMED} GLOB '[-+0-9]*' AND substr({_TRIMMED}, 2) NOT GLOB '*[^0-9]*' AND {_TRIMMED} GLOB '*[0-9]'"
_WHOLE = (
    "CASE WHEN typeof({x}) = 'integer' THEN {x} WHEN typeof({x}) = 'real' THEN CAST(round({x}) AS INTEGER)"
    f" WHEN {_WHOLE_TEXT} THEN CAST({_TRIMMED} AS INTEGER) END"
)
_UNSIGNED = f"ltrim({_TRIMMED}, '+')"
_NUMBER = (
    "CASE WHEN typeof({x}) IN ('integer', 'real') THEN {x} WHEN typeof({x}) = 'text' AND"
    f" CASE WHEN json_valid({_UNSIGNED}) THEN json_type({_UNSIGNED}) END IN ('integer', 'real')"
    f" THEN CAST({_UNSIGNED} AS NUMERIC) END"
)
_MOMENT = "rtrim(rtrim(strftime('%Y-%m-%d %H:%M:%f', {x}), '0'), '.')"
_DATED = "{x} GLOB '????-??-??*'"
_HEX = "[0-9a-fA-F]"
_UUID = "-".join(_HEX * count for count in (8, 4, 4, 4, 12))
_SQLITE: Mapping[str, str] = {
    # A text that was JSON goes on being JSON through a CAST, and would be shown as what it says.
    "text": "CASE typeof({x}) WHEN 'blob' THEN reflector_base64({x}) ELSE CAST({x} AS TEXT) || '' END",
    "smallint": _WHOLE,
    "integer": _WHOLE,
    "bigint": _WHOLE,
    "numeric": _NUMBER,
    "float4": f"CAST({_NUMBER} AS REAL)",
    "double precision": f"CAST({_NUMBER} AS REAL)",
    "boolean": (
        "CASE WHEN typeof({x}) IN ('integer', 'real') THEN {x} <> 0"
        f" WHEN lower({_TRIMMED}) IN {TRUE_WORDS} THEN 1 WHEN lower({_TRIMMED}) IN {FALSE_WORDS} THEN 0 END"
    ),
    "date": f"CASE WHEN {_DATED} THEN date(substr({{x}}, 1, 10)) END",
    "timestamp": f"CASE WHEN {_DATED} THEN {_MOMENT} END",
    "timestamptz": f"CASE WHEN {_DATED} THEN {_MOMENT} || '+00:00' END",
    "uuid": f"CASE WHEN {{x}} GLOB '{_UUID}' THEN lower({{x}}) END",
    "json": "CASE WHEN typeof({x}) <> 'blob' AND json_valid({x}) THEN {x} END",
    "jsonb": "CASE WHEN typeof({x}) <> 'blob' AND json_valid({x}) THEN {x} END",
}


def sqlite_cast(source: DataType, target: DataType) -> str:
    if source.kind is target.kind and source.kind not in NUMBERS | {Kind.TEXT}:
        return "{x}"
    if source.kind is Kind.BOOLEAN and target.kind is Kind.TEXT:
        return "CASE {x} WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"
    template = _SQLITE[target.native]
    return _within(template, target) if target.kind is Kind.INTEGER else template


# ── MariaDB: the expression's type decides ───────────────────────────────────────────────────

_INTEGER_TEXT = "CASE WHEN {x} REGEXP '^[[:space:]]*[-+]?[0-9]+[[:space:]]*$' THEN CAST({x} AS DECIMAL(65)) END"
_NUMERIC_TEXT = (
    "CASE WHEN {x} REGEXP '^[[:space:]]*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?[[:space:]]*$'"
    " THEN CAST({x} AS $) END"
)
_DATED_TEXT = "{x} LIKE '____-__-__%'"
# Not AS SIGNED, which makes a number of its own of one that is too large: nobody could see then that it was.
_FROM_NUMBER: Mapping[str, str] = {
    "smallint": "CAST(ROUND({x}) AS DECIMAL(65))",
    "integer": "CAST(ROUND({x}) AS DECIMAL(65))",
    "bigint": "CAST(ROUND({x}) AS DECIMAL(65))",
    "numeric": "CAST({x} AS DECIMAL(65,30))",
    "float4": "CAST({x} AS FLOAT)",
    "double precision": "CAST({x} AS DOUBLE)",
    "boolean": "({x} <> 0)",
}
_MARIADB: Mapping[str, str] = {
    "text": "CAST({x} AS CHAR)",
    "smallint": _INTEGER_TEXT,
    "integer": _INTEGER_TEXT,
    "bigint": _INTEGER_TEXT,
    "numeric": _NUMERIC_TEXT.replace("$)", "DECIMAL(65,30))"),
    "float4": _NUMERIC_TEXT.replace("$)", "FLOAT)"),
    "double precision": _NUMERIC_TEXT.replace("$)", "DOUBLE)"),
    "boolean": (
        f"CASE WHEN LOWER(TRIM({{x}})) IN {TRUE_WORDS} THEN TRUE WHEN LOWER(TRIM({{x}})) IN {FALSE_WORDS} THEN FALSE END"
    ),
    "date": f"CASE WHEN {_DATED_TEXT} THEN CAST({{x}} AS DATE) END",
    "timestamp": f"CASE WHEN {_DATED_TEXT} THEN CAST({{x}} AS DATETIME(6)) END",
    "timestamptz": f"CASE WHEN {_DATED_TEXT} THEN CAST({{x}} AS DATETIME(6)) END",
    "uuid": f"CASE WHEN {{x}} REGEXP '^{_HEX}{{8}}-({_HEX}{{4}}-){{3}}{_HEX}{{12}}$' THEN CAST({{x}} AS UUID) END",
    "json": "CASE WHEN JSON_VALID({x}) THEN {x} END",
    "jsonb": "CASE WHEN JSON_VALID({x}) THEN {x} END",
}


def mariadb_cast(source: DataType, target: DataType) -> str:
    if source.kind is target.kind and source.kind not in NUMBERS | {Kind.TEXT}:
        return "{x}"
    if target.kind is Kind.TEXT and source.kind is Kind.BOOLEAN:
        return "CASE WHEN {x} <> 0 THEN 'true' WHEN {x} = 0 THEN 'false' END"
    if target.kind is Kind.TEXT and source.kind is Kind.BYTES:
        return "REPLACE(TO_BASE64({x}), '\\n', '')"
    template = _FROM_NUMBER.get(target.native) if source.kind in NUMBERS else None
    template = template or _MARIADB[target.native]
    return _within(template, target) if target.kind is Kind.INTEGER else template
