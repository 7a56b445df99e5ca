"""PostgreSQL: rows become JSON whole (`row_to_json`, `json_agg`), values travel as text and take their type by a cast.

Rule: an operand is cast to its column's own type without length or scale, so that comparing never rounds or cuts it,
indexes serve, and no cast of ours can fail on a value that `datatypes` let through but for what only PostgreSQL knows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

from reflector.catalog.model import Column, DatabaseKind, Table
from reflector.datatypes import DataType, Kind, Value
from reflector.dialects import masks
from reflector.dialects.documents import PostgreSQLDocuments
from reflector.dialects.forms import postgresql_form
from reflector.dialects.postgresql_sets import BY_JSON, PostgreSQLSets
from reflector.query.bytewise import Sides
from reflector.query.comparisons import Comparison
from reflector.query.forms import Form
from reflector.sql.dialect import Dialect
from reflector.sql.json_text import json_text
from reflector.sql.making_documents import FlatPages, KeptPages, Member, Source
from reflector.sql.operands import each, iso
from reflector.sql.plan import Encode
from reflector.sql.routine import Routine
from reflector.sql.shaped import Shaped, Sql

ARRAY_OF_NONE: Sql = sa.literal_column("'[]'::pg_catalog.json")
PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,62}\Z")
NATIVE = (Kind.BOOLEAN, Kind.INTEGER, Kind.BYTES)
"""Kinds that asyncpg binds as they are; every other kind is bound as text."""


class Native(UserDefinedType[Any]):
    """A type by its own name, as the catalog spells it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


def cast(expression: Any, name: str) -> Sql:
    return sa.cast(expression, Native(name))


class PostgreSQL(KeptPages, Dialect, FlatPages):
    kind = DatabaseKind.POSTGRESQL
    name = "PostgreSQL"
    engine = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    fused_writes = True
    function_rows = True
    position = "ctid"
    masks = masks.POSTGRESQL
    letters = '(CAST({x} AS pg_catalog.text) COLLATE pg_catalog."default")'
    among_items = (
        "(CASE pg_catalog.jsonb_typeof({x}) WHEN 'array' THEN {x} @> pg_catalog.jsonb_build_array(CAST({y} AS pg_catalog.text)) "
        "WHEN 'null' THEN NULL ELSE NULLIF({x} IS NULL, true) END)"
    )
    sets = PostgreSQLSets()
    documents = PostgreSQLDocuments()

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def whole(self, alias: str, table: Table, *, made: bool) -> Sql:
        # With the star it is the row, whatever column may have the alias for a name; an index over it serves.
        if not made:
            return sa.literal_column(f"{alias}.*")
        values = ", ".join(f"{alias}.{self.quote(column.name)}" for column in table.columns)
        return sa.literal_column(f"CAST(ROW({values}) AS {self.quote(table.schema)}.{self.quote(table.name)})")

    def present(self, alias: str) -> Sql:
        return sa.literal_column(f"(NOT {alias}.* IS NULL)", sa.Boolean())

    # ── values going in ──────────────────────────────────────────────────────────────────────

    def operand(self, bind: Sql, type_: DataType, many: bool = False) -> Any:
        if type_.by:
            return _made(bind, type_, many)
        if type_.by_json and type_.kind is Kind.JSON:
            return Shaped(BY_JSON.replace("{type}", type_.by_json), cast(cast(bind, "pg_catalog.text"), type_.cast))
        if many and type_.kind is Kind.ARRAY:
            return _arrays(bind, type_)
        target = (type_.cast or "pg_catalog.text") + ("[]" if many else "")
        if type_.kind in NATIVE or target in ("pg_catalog.text", "pg_catalog.text[]"):
            return cast(bind, target)
        carrier = "pg_catalog.text[]" if many or type_.kind is Kind.ARRAY else "pg_catalog.text"
        return cast(cast(bind, carrier), target)

    def encoder(self, type_: DataType, many: bool = False) -> Encode | None:
        encode = ENCODERS.get(type_.kind, str)
        if type_.kind is Kind.ARRAY:
            return partial(_literals if many else _array, _item_encoder(type_))
        if type_.kind in NATIVE:
            encode = None
        return each(encode) if many else encode

    # ── comparing ────────────────────────────────────────────────────────────────────────────

    def contained(self, left: Sql, right: Any) -> Sql:
        by = left.op("=", precedence=5, is_comparison=True)
        found: Sql = left.in_(right) if isinstance(right, sa.Select) else by(sa.func.any(right))
        return found

    def compared(self, expression: Sql, type_: DataType) -> Sql:
        return cast(expression, "pg_catalog.jsonb") if type_.kind is Kind.JSON else expression

    def ranked(self, expression: Sql, type_: DataType) -> Sql:
        return self.compared(expression, type_)

    def path(self, expression: Sql, type_: DataType, path: Sequence[str | int], text: bool) -> Sql:
        found: Any = expression if type_.kind is Kind.JSON else sa.func.pg_catalog.to_jsonb(expression)
        for index, step in enumerate(path):
            arrow = "->>" if text and index == len(path) - 1 else "->"
            key = sa.literal_column(f"({step})") if isinstance(step, int) else cast(sa.literal(step), "pg_catalog.text")
            found = found.op(arrow, precedence=15)(key).self_group()
        return sa.type_coerce(found, sa.types.NULLTYPE)

    def cast(self, expression: Sql, source: DataType, target: DataType) -> Sql:
        return Routine(target.by, [""], [expression]) if target.by else cast(expression, target.cast)

    def like(self, left: Sql, pattern: Sql) -> Sql:
        return cast(left, "pg_catalog.text").like(pattern)

    def ilike(self, left: Sql, pattern: Sql) -> Sql:
        return cast(left, "pg_catalog.text").ilike(pattern)

    def match(self, left: Sql, pattern: Sql) -> Sql:
        return self.by_operator("~", cast(left, "pg_catalog.text"), pattern)

    def imatch(self, left: Sql, pattern: Sql) -> Sql:
        return self.by_operator("~*", cast(left, "pg_catalog.text"), pattern)

    def by_operator(self, sign: str, left: Sql, right: Sql) -> Sql:
        return left.op(sign, is_comparison=True)(right)

    def member(self, array: Sql, item: Sql) -> Sql:
        found = "(CASE WHEN {x} IS NOT NULL THEN COALESCE({y} = ANY ({x}), false) END)"
        return sa.type_coerce(Shaped(found, array, y=item), sa.Boolean())

    def exact_member(self, array: Sql, item: Sql) -> Sql:
        # citext and a collation without case would find what is another's.
        bytewise = cast(array, "pg_catalog.text[]").collate("C")
        return self.member(bytewise, cast(item, "pg_catalog.text"))

    def search(self, function: str, language: str | None, left: Sql, text: Sql, *, vector: bool) -> Sql:
        said = "" if language is None else f"CAST('{language}' AS pg_catalog.regconfig), "
        words = left if vector else Shaped(f"pg_catalog.to_tsvector({said}{{x}})", left)
        return words.op("@@", is_comparison=True)(Shaped(f"pg_catalog.{function}({said}{{x}})", text))

    def lower(self, text: Sql) -> Sql:
        return sa.func.pg_catalog.lower(text)

    def exact(self, comparison: Comparison, left: Sql, right: Any, sides: Sides) -> Sql:
        carrier = "pg_catalog.text[]" if sides.type.kind is Kind.ARRAY else "pg_catalog.text"
        text = right if sides.other is None else cast(right, carrier)
        if sides.plain(comparison):
            # Arrays have no operators for two kinds of text.
            left, right = (cast(left, carrier), text) if sides.type.kind is Kind.ARRAY else (left, right)
            return sa.type_coerce(comparison.sql(self, left, right), sa.Boolean())
        bytewise: Sql = sa.type_coerce(comparison.sql(self, cast(left, carrier).collate("C"), text), sa.Boolean())
        if sides.bare and sides.other is None and comparison.name == "eq" and sides.type.kind is Kind.TEXT:
            # By the column's own equality too, so that its index serves.
            return sa.and_(left == cast(right, sides.type.cast), bytewise)
        return bytewise

    # ── values coming out ────────────────────────────────────────────────────────────────────

    def show(self, expression: Sql, type_: DataType, column: Column | None = None) -> Sql:
        shape = SHAPES.get(type_.kind)
        if type_.kind is Kind.SPECIAL and type_.cast.startswith("pg_catalog."):
            shape = None  # JSON has the type's own text, where a cast may add to it: 10.0.0.1 becomes 10.0.0.1/32
        if type_.element is not None and type_.element.kind is Kind.BYTES:
            shape = BLOBS
        return expression if shape is None else Shaped(shape, expression)

    def formed(self, expression: Sql, type_: DataType, form: Form, column: Column | None = None) -> Sql:
        return Shaped(postgresql_form(type_, form), expression)

    def fixed(self, said: str) -> Sql:
        return cast(super().fixed(said), "pg_catalog.text")

    def one(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        rows, row = self.rows(members, source)
        return sa.select(sa.func.pg_catalog.to_json(row).label("body")).select_from(rows)

    def many(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        rows, row = self.rows(members, source)
        gathered = sa.func.coalesce(sa.func.pg_catalog.json_agg(row), ARRAY_OF_NONE)
        return sa.select(gathered.label("body")).select_from(rows)

    def rows(self, members: Sequence[Member], source: Source | None) -> tuple[sa.FromClause, Sql]:
        """The documents as rows of a subquery, and what stands for one of them.

        A member's name is a label where PostgreSQL keeps it whole. Otherwise the document is put together as text,
        whose keys are bound: a label longer than 63 bytes would be cut, and two cut labels could be one.
        """
        if all(PLAIN_LABEL.match(member.label) or _kept_whole(member.label) for member in members) and members:
            columns = [member.shown.label(self.key(member.label)) for member in members]
            # Not plain `r`: that is first of all a column of this name, in whichever row further out.
            return self.taken(sa.select(*columns), source).subquery("r"), sa.literal_column("r.*")
        parts = [(sa.literal(json_text(m.label) + ":"), sa.func.pg_catalog.to_json(m.shown)) for m in members]
        text: Any = sa.literal_column("'{'")
        for index, (key, value) in enumerate(parts):
            text = text.op("||")(sa.literal_column("','")) if index else text
            shown = sa.func.coalesce(cast(value, "pg_catalog.text"), sa.literal_column("'null'"))
            text = text.op("||")(cast(key, "pg_catalog.text")).op("||")(shown)
        document = cast(text.op("||")(sa.literal_column("'}'")), "pg_catalog.json")
        rows = self.taken(sa.select(document.label("document")), source).subquery("r")
        return rows, sa.literal_column("r.document")

    def taken(self, select: sa.Select[Any], source: Source | None) -> sa.Select[Any]:
        """The select over its source; without one, over the row that is in hand."""
        if source is None:
            return select
        taken = select.select_from(source.rows).where(*source.where).order_by(*source.order)
        taken = taken if source.limit is None else taken.limit(source.limit)
        return taken if source.offset is None else taken.offset(source.offset)

    def parallel(self, shown: Sql, source: Source) -> Sql:
        rows = self.taken(sa.select(shown.label("value")), source).subquery("r")
        gathered = sa.func.coalesce(sa.func.pg_catalog.json_agg(sa.literal_column("r.value")), ARRAY_OF_NONE)
        return sa.select(gathered).select_from(rows).scalar_subquery()

    def bare_document(self, members: Sequence[Member]) -> Sql:
        rows, row = self.rows(members, None)
        return sa.select(sa.func.pg_catalog.to_json(row)).select_from(rows).scalar_subquery()

    def nothing(self, many: bool) -> Sql:
        return ARRAY_OF_NONE if many else sa.null()

    def values(self, shown: Sequence[Sql]) -> Sql:
        return sa.func.pg_catalog.json_build_array(*shown)

    def carried(self, expression: Sql, type_: DataType) -> Sql:
        return expression if type_.kind in NATIVE else cast(expression, "pg_catalog.text")

    def place(self, alias: str, name: str) -> Sql:
        return cast(sa.literal_column(f"{alias}.{name}"), "pg_catalog.text")

    def by_position(self, alias: str, name: str, bind: Sql) -> Sql:
        return sa.literal_column(f"{alias}.{name}") == cast(cast(bind, "pg_catalog.text"), "pg_catalog.tid")

    def flat_page(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        rows, row = self.rows(members, source)
        texts = cast(sa.func.pg_catalog.to_json(row), "pg_catalog.text")
        gathered = sa.func.pg_catalog.string_agg(texts, sa.literal_column("E'\\x1e'"))
        return sa.select(gathered.label("body")).select_from(rows)


def _kept_whole(label: str) -> bool:
    return 0 < len(label.encode()) <= 63


def _arrays(bind: Sql, type_: DataType) -> Any:
    """A list of arrays: of one dimension more they would have to be of one length, so they are bound as texts."""
    texts = sa.func.pg_catalog.unnest(cast(bind, "pg_catalog.text[]")).table_valued("item").render_derived("listed")
    return sa.select(cast(texts.c.item, type_.cast)).select_from(texts)


def _made(bind: Sql, type_: DataType, many: bool) -> Any:
    """What a function makes of a text, or of each of several."""
    if not many:
        return Routine(type_.by, [""], [cast(cast(bind, "pg_catalog.text"), type_.cast)])
    texts = sa.func.pg_catalog.unnest(cast(bind, "pg_catalog.text[]")).table_valued("item").render_derived("listed")
    return sa.select(Routine(type_.by, [""], [cast(texts.c.item, type_.cast)])).select_from(texts)


def _array(encode: Encode, values: Value) -> list[Any]:
    """An array's items as texts, to any depth."""
    return [None if item is None else _array(encode, item) if type(item) is tuple else encode(item) for item in values]


def _literals(encode: Encode, arrays: Value) -> list[str]:
    return [_literal(_array(encode, values)) for values in arrays]


def _literal(item: Any) -> str:
    """An array, or an item of one, as PostgreSQL writes it."""
    if item is None:
        return "NULL"
    if isinstance(item, list):
        return "{" + ",".join(map(_literal, item)) + "}"
    escaped = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _item_encoder(type_: DataType) -> Encode:
    return json_text if type_.element is not None and type_.element.kind is Kind.JSON else _item


def _item(value: Value) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    return iso(value) if hasattr(value, "isoformat") else _float(value) if isinstance(value, float) else str(value)


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else str(value)


SHAPES: dict[Kind, str] = {
    Kind.BYTES: "pg_catalog.translate(pg_catalog.encode({x}, 'base64'), E'\\n', '')",
    Kind.INTERVAL: "CAST({x} AS pg_catalog.text)",
    Kind.SPECIAL: "CAST({x} AS pg_catalog.text)",
    Kind.OPAQUE: "CAST({x} AS pg_catalog.text)",
}
BLOBS = (
    "CASE WHEN {x} IS NOT NULL THEN (SELECT coalesce(pg_catalog.json_agg("
    + SHAPES[Kind.BYTES].replace("{x}", "listed.item")
    + "), '[]') FROM pg_catalog.unnest({x}) AS listed(item)) END"
)
"""An array of bytes, in one dimension whatever it had: PostgreSQL's own JSON has them in hexadecimal."""
ENCODERS: dict[Kind, Encode | None] = {
    Kind.TEXT: None,
    Kind.UUID: None,
    Kind.ENUM: None,
    Kind.INTERVAL: None,
    Kind.SPECIAL: None,
    Kind.FLOAT: _float,
    Kind.DECIMAL: str,
    Kind.DATE: iso,
    Kind.TIME: iso,
    Kind.TIMESTAMP: iso,
    Kind.INSTANT: iso,
    Kind.JSON: json_text,
}
