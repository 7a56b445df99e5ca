"""SQLite: correlated subqueries, `json_object` and `json_group_array`, values bound in the form they are stored in.

SQLite keeps whatever it is given, so what is shown is guarded value by value: a blob where text was declared is
base64, text that is no JSON is shown as text, an infinite number is a string. An answer is always valid JSON.

Rule: no statement of ours names a column without its table (a name in double quotes that is no column would be a
string), and functions that SQLite lacks are the driver's, registered under names that begin with `reflector_`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from reflector.catalog.model import Column, DatabaseKind, Fill
from reflector.datatypes import DataType, Kind, Value
from reflector.dialects import masks
from reflector.dialects.casts import sqlite_cast
from reflector.dialects.documents import SQLiteDocuments
from reflector.dialects.forms import sqlite_form
from reflector.dialects.sqlite_sets import SQLiteSets
from reflector.errors import InvalidValue, NotSupported
from reflector.query.aggregates import AggregateFunction
from reflector.query.bytewise import Sides, loose
from reflector.query.comparisons import ILIKE, Comparison, pattern_marks
from reflector.query.forms import Form
from reflector.sql.dialect import Dialect
from reflector.sql.json_text import json_text
from reflector.sql.making_documents import KeptPages, Linked, Member, Source
from reflector.sql.operands import iso
from reflector.sql.plan import Encode
from reflector.sql.shaped import Shaped, Sql, text

ONE: Sql = sa.literal_column("1")
TWO: Sql = sa.literal_column("2")
PAIRS = 60
"""Members of one `json_object` call: it takes 127 arguments."""


class SQLite(KeptPages, Dialect):
    kind = DatabaseKind.SQLITE
    name = "SQLite"
    engine = sqlite.dialect(paramstyle="qmark")
    position = "_rowid_"
    deepest = 16
    masks = masks.SQLITE
    among_items = (
        "(CASE WHEN {x} IS NULL THEN NULL WHEN typeof({x}) = 'blob' OR NOT json_valid({x}) THEN 0 "
        "ELSE CASE json_type({x}) WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each({x}) AS item "
        "WHERE item.type = 'text' AND item.value = {y}) WHEN 'null' THEN NULL ELSE 0 END END)"
    )
    sets = SQLiteSets()
    documents = SQLiteDocuments()

    # ── values going in ──────────────────────────────────────────────────────────────────────

    def encoder(self, type_: DataType, many: bool = False) -> Encode | None:
        encode = ENCODERS.get(type_.kind)
        if not many:
            return encode
        if type_.kind is Kind.BYTES:
            return lambda values: json_text([value.hex() for value in values])
        if type_.kind is Kind.FLOAT:
            return lambda values: f"[{','.join(_listed_float(value) for value in values)}]"
        return lambda values: json_text([value if encode is None else encode(value) for value in values])

    def pattern_encoder(self, comparison: Comparison) -> Encode:
        return glob_lowered if comparison is ILIKE else glob

    def operand(self, bind: Sql, type_: DataType, many: bool = False) -> Any:
        if many and type_.kind is Kind.BYTES:
            return _listed(sa.func.reflector_unhex(sa.literal_column("value")), bind)
        if many:
            return _listed(sa.literal_column("value"), bind)
        return bind

    # ── comparing ────────────────────────────────────────────────────────────────────────────

    def aggregate(self, function: AggregateFunction, expression: Sql | None, type_: DataType | None) -> Sql:
        said = super().aggregate(function, expression, type_)
        # Decimals are stored as floats, which add up to what no decimal of that scale is.
        if function.name != "sum" or type_ is None or type_.kind is not Kind.DECIMAL or type_.scale is None:
            return said
        return sa.func.round(said, sa.literal_column(str(type_.scale)))

    def compared(self, expression: Sql, type_: DataType) -> Sql:
        """A column without a type we know may hold anything: it is compared by its text."""
        return sa.cast(expression, sa.Text()) if type_.kind is Kind.SPECIAL else expression

    def contained(self, left: Sql, right: Any) -> Sql:
        return left.in_(right)

    def path(self, expression: Sql, type_: DataType, path: Sequence[str | int], text: bool) -> Sql:
        """Only what is JSON is looked into, and what comes out as text loses its mark of being JSON."""
        where = sa.literal("$" + "".join(map(_step, path)))
        valid = Shaped("typeof({x}) <> 'blob' AND json_valid({x})", expression)
        found: Sql = expression.op("->")(where)
        if text:
            kind = sa.func.json_type(expression, where)
            plain = expression.op("->>")(where)
            found = sa.case(
                (kind == sa.literal_column("'text'"), plain),
                (kind != sa.literal_column("'null'"), found.op("||")(sa.literal_column("''"))),
            )
        return sa.case((valid, found))

    def cast(self, expression: Sql, source: DataType, target: DataType) -> Sql:
        return Shaped(sqlite_cast(source, target), expression)

    def like(self, left: Sql, pattern: Sql) -> Sql:
        return left.op("GLOB", is_comparison=True)(pattern)

    def ilike(self, left: Sql, pattern: Sql) -> Sql:
        return self.lower(left).op("GLOB", is_comparison=True)(pattern)

    def lower(self, text: Sql) -> Sql:
        return sa.func.reflector_lower(text)

    def exact(self, comparison: Comparison, left: Sql, right: Any, sides: Sides) -> Sql:
        bytewise = left.collate("BINARY") if loose(sides.type) or loose(sides.other) else left
        return sa.type_coerce(comparison.sql(self, bytewise, right), sa.Boolean())

    # ── values coming out ────────────────────────────────────────────────────────────────────

    def show(self, expression: Sql, type_: DataType, column: Column | None = None) -> Sql:
        if column is not None and column.fill is Fill.IDENTITY:
            return expression
        shape = SHAPES.get(type_.kind) or (TEXT if _keeps_text(type_) else PLAIN)
        return Shaped(shape, expression)

    def formed(self, expression: Sql, type_: DataType, form: Form, column: Column | None = None) -> Sql:
        if type_.kind is Kind.INSTANT:
            return Shaped(sqlite_form(form, STAMP, PLAIN), expression)
        shape = WORDS.get(type_.kind)
        return self.show(expression, type_, column) if shape is None else Shaped(shape, expression)

    def one(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        return self.taken(sa.select(self.document(members).label("body")), source)

    def many(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        return self.listed(self.taken(sa.select(self.document(members).label("document")), source))

    def listed(self, documents: sa.Select[Any]) -> sa.Select[Any]:
        gathered = sa.func.json_group_array(sa.func.json(sa.literal_column("r.document")))
        return sa.select(gathered.label("body")).select_from(documents.subquery("r"))

    def taken(self, select: sa.Select[Any], source: Source) -> sa.Select[Any]:
        taken = select.select_from(source.rows).where(*source.where).order_by(*source.order)
        limit = source.limit
        if limit is None and source.order:
            limit = sa.literal_column("-1")  # keeps the order of the rows: a subquery without LIMIT may lose it
        if limit is not None:
            taken = taken.limit(limit).offset(sa.literal_column("0") if source.offset is None else source.offset)
        return taken

    def parallel(self, shown: Sql, source: Source) -> Sql:
        """Each value is an array of one on its way, so that it keeps being JSON."""
        rows = self.taken(sa.select(sa.func.json_array(shown).label("document")), source).subquery("r")
        gathered = sa.func.json_group_array(sa.literal_column("r.document -> '$[0]'"))
        return self.nested(sa.select(gathered).select_from(rows))

    def related(self, linked: Linked) -> Sql:
        """The documents stand in a view of their own at the head of the statement, and only what joins them stands in
        the row's document: SQLite unfolds the view where it is used, but its parser has no room for what is nested."""
        if not linked.apart:
            return super().related(linked)
        columns = [far.label(f"end{index}") for index, (_, far) in enumerate(linked.ends)]
        columns += [each.by.label(f"order{index}") for index, each in enumerate(linked.order)]
        documents = sa.select(*columns, self.document(linked.members).label("document"))
        view = documents.select_from(linked.rows).where(*linked.where).cte(linked.name)
        where = [near == self.named(linked.name, f"end{index}") for index, (near, _) in enumerate(linked.ends)]
        where += [] if linked.guard is None else [linked.guard]
        order = [replace(each, by=self.named(linked.name, f"order{i}")) for i, each in enumerate(linked.order)]
        document = sa.select(self.named(linked.name, "document").label("document"))
        if not linked.many:
            return self.nested(self.taken(document, Source(view, where, limit=ONE)))
        source = Source(view, where, self.sorted(order), linked.limit, linked.offset)
        return self.nested(self.listed(self.taken(document, source)))

    def document(self, members: Sequence[Member]) -> Sql:
        """A JSON object of any number of members: beyond PAIRS, the texts of several are joined."""
        groups = [members[start : start + PAIRS] for start in range(0, len(members), PAIRS)] or [[]]
        texts = [sa.func.json_object(*_pairs(group)) for group in groups]
        if len(texts) == 1:
            return texts[0]
        joined: Any = sa.func.substr(texts[0], ONE, sa.func.length(texts[0]) - ONE)
        for chunk in texts[1:-1]:
            body = sa.func.substr(chunk, TWO, sa.func.length(chunk) - TWO)
            joined = joined.op("||")(sa.literal_column("','")).op("||")(body)
        joined = joined.op("||")(sa.literal_column("','")).op("||")(sa.func.substr(texts[-1], TWO))
        return sa.func.json(joined)

    def bare_document(self, members: Sequence[Member]) -> Sql:
        return self.document(members)

    def clamped(self, count: Sql, offset: int, limit: int | None) -> Sql:
        if offset:
            count = sa.func.max(count - sa.literal_column(str(offset)), sa.literal_column("0"))
        return count if limit is None else sa.func.min(count, sa.literal_column(str(limit)))

    def nested(self, document: sa.Select[Any]) -> Sql:
        return sa.func.json(document.scalar_subquery())

    def nothing(self, many: bool) -> Sql:
        return _json("'[]'") if many else sa.null()

    def values(self, shown: Sequence[Sql]) -> Sql:
        return sa.func.json_array(*shown)


# ── shown value by value ─────────────────────────────────────────────────────────────────────

TEXT = "CASE typeof({x}) WHEN 'blob' THEN reflector_base64({x}) ELSE {x} END"
"""A column that keeps text keeps no number: only a blob is no text."""

PLAIN = (
    "CASE WHEN typeof({x}) = 'blob' THEN reflector_base64({x}) WHEN typeof({x}) <> 'real' THEN {x}"
    " WHEN {x} = 9e999 THEN 'Infinity' WHEN {x} = -9e999 THEN '-Infinity'"
    " WHEN CAST(printf('%!.15g', {x}) AS REAL) = {x} THEN {x}"
    " WHEN abs({x}) < 1e100 THEN json(printf('%!.17g', {x})) ELSE json(reflector_double({x})) END"
)
"""The value as it is stored, but for what JSON cannot hold: blobs are base64, infinite numbers are strings. A number
gets as many digits as it takes to be read back as the same: SQLite's own JSON writes fifteen, and its printf errs in
the seventeenth of very large ones. One CASE and no other inside of it: SQLite's parser is a hundred tokens deep at
most, and what stands here stands at the bottom of every tree of related rows."""

STAMP = "{x} GLOB '????-??-??[ T]??:??*'"
WITH_T = "replace({x}, ' ', 'T')"
SHAPES: dict[Kind, str] = {
    Kind.BOOLEAN: f"CASE {{x}} WHEN 0 THEN json('false') WHEN 1 THEN json('true') ELSE {PLAIN} END",
    Kind.JSON: "CASE WHEN typeof({x}) = 'blob' THEN reflector_base64({x}) WHEN json_valid({x}) THEN json({x}) ELSE {x} END",
    Kind.TIMESTAMP: f"CASE WHEN {STAMP} THEN {WITH_T} ELSE {PLAIN} END",
    # Another offset than zero is turned into it, to the millisecond, as SQLite counts.
    Kind.INSTANT: (
        f"CASE WHEN {STAMP} THEN CASE WHEN {{x}} GLOB '*+00:00' THEN {WITH_T}"
        " WHEN substr({x}, 12) GLOB '*[-+Zz]*' THEN strftime('%Y-%m-%dT%H:%M:%f', {x}) || '+00:00'"
        f" ELSE {WITH_T} || '+00:00' END ELSE {PLAIN} END"
    ),
}


WORDS: dict[Kind, str] = {
    Kind.TIMESTAMP: f"CASE WHEN {STAMP} THEN replace({{x}}, 'T', ' ') ELSE {PLAIN} END",
    Kind.BYTES: "CASE typeof({x}) WHEN 'blob' THEN '\\x' || lower(hex({x})) ELSE {x} END",
}
"""Values as PostgreSQL writes them as texts, where a document has them otherwise."""


def _listed(item: Sql, bind: Sql) -> Any:
    """The items of a JSON array as a subquery."""
    return sa.select(item).select_from(sa.func.json_each(bind))


def _json(text: str) -> Sql:
    return sa.func.json(sa.literal_column(text))


def _pairs(members: Sequence[Member]) -> list[Any]:
    return [part for member in members for part in (text(member.label), member.shown)]


def _step(step: str | int) -> str:
    """One step of a path, as SQLite writes it: its keys know no escapes."""
    if isinstance(step, int):
        return f"[{step}]" if step >= 0 else f"[#{step}]"
    if '"' in step or "\\" in step:
        raise NotSupported("SQLite cannot look into a document by a key with a quotation mark or a backslash")
    return f'."{step}"'


def _keeps_text(type_: DataType) -> bool:
    """Whether the declared type has SQLite's TEXT affinity."""
    declared = type_.native.upper()
    return "INT" not in declared and any(word in declared for word in ("CHAR", "CLOB", "TEXT"))


def glob(pattern: str) -> str:
    """A LIKE pattern as a GLOB pattern: GLOB tells case apart, LIKE does not."""
    marks = {"%*": "*", "_?": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(marks.get(mark, mark) for mark in pattern_marks(pattern))


def glob_lowered(pattern: str) -> str:
    return glob(pattern.lower())


def _number(value: Decimal) -> int | float | str:
    """As SQLite stores decimals: a whole number while it fits, a double otherwise."""
    if value == value.to_integral_value() and abs(value) < 1 << 63:
        return int(value)
    found = float(value)
    if math.isinf(found):
        raise InvalidValue("SQLite keeps no decimal number beyond 1.8e308: it would become infinite")
    return found


def _float(value: float) -> float:
    if math.isnan(value):
        raise InvalidValue("SQLite keeps no NaN: it would become null")
    return value


def _listed_float(value: float) -> str:
    """JSON has no infinite numbers, but numbers beyond any double."""
    return repr(_float(value)).replace("inf", "9e999")


def _set(value: Value) -> str:
    return ",".join(value)


ENCODERS: dict[Kind, Encode] = {
    Kind.BOOLEAN: int,
    Kind.DECIMAL: _number,
    Kind.FLOAT: _float,
    Kind.DATE: iso,
    Kind.TIME: iso,
    Kind.TIMESTAMP: iso,
    Kind.INSTANT: iso,
    Kind.JSON: json_text,
    Kind.ARRAY: json_text,
    Kind.SET: _set,
}
