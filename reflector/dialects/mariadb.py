"""MariaDB: `JSON_ARRAYAGG` with its own ORDER BY and LIMIT, lists bound item by item, text compared with its collation.

Rule: MariaDB has no LATERAL and a derived table sees no outer row, so embedded rows are gathered by one aggregate in
a correlated subquery. Names are quoted with backticks; a backslash in a name or a value never escapes anything of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

from reflector.catalog.model import Column, DatabaseKind
from reflector.datatypes import DataType, Kind, Value
from reflector.dialects import masks
from reflector.dialects.casts import mariadb_cast
from reflector.dialects.documents import MySQLDocuments
from reflector.dialects.forms import array_item, mariadb_form
from reflector.dialects.mariadb_documents import MariaDBDocuments, step_of
from reflector.dialects.mariadb_sets import MariaDBSets
from reflector.query.bytewise import Sides
from reflector.query.casts import CASTS
from reflector.query.comparisons import Comparison
from reflector.query.forms import Form
from reflector.query.speaker import DocumentSpeaker
from reflector.sql.dialect import Dialect
from reflector.sql.json_text import json_text
from reflector.sql.making_documents import Member, Page, Source
from reflector.sql.names import PERCENT
from reflector.sql.operands import iso
from reflector.sql.plan import Encode
from reflector.sql.shaped import Shaped, Sql, text

ONE: Sql = sa.literal_column("1")
EMPTY_ARRAY: Sql = sa.literal_column("JSON_ARRAY()")


class Gathered(ColumnElement[Any]):
    """`JSON_ARRAYAGG(document ORDER BY … LIMIT offset, count)`."""

    inherit_cache = False

    def __init__(self, document: Sql, order: Sequence[Sql], limit: Sql | None, offset: Sql | None) -> None:
        self.document, self.order, self.limit, self.offset = document, tuple(order), limit, offset


@compiles(Gathered)
def _gathered(element: Gathered, compiler: Any, **more: Any) -> str:
    text = compiler.process(element.document, **more)
    if element.order:
        text += " ORDER BY " + ", ".join(compiler.process(each, **more) for each in element.order)
    if element.limit is not None:
        offset = "" if element.offset is None else compiler.process(element.offset, **more) + ", "
        text += f" LIMIT {offset}{compiler.process(element.limit, **more)}"
    return f"JSON_ARRAYAGG({text})"


class MariaDB(Dialect):
    kind = DatabaseKind.MARIADB
    name = "MariaDB"
    engine = mysql.dialect(paramstyle="format", is_mariadb=True)
    percent = "%%"
    buckets = True
    update_returning = False
    lateral = False
    masks = masks.MARIADB
    among_items = (
        "(CASE JSON_TYPE({x}) WHEN 'ARRAY' THEN EXISTS (SELECT 1 FROM JSON_TABLE({x}, '$[*]' COLUMNS (document JSON PATH '$')) AS item "
        "WHERE JSON_TYPE(item.document) = 'STRING' AND CAST(CONVERT(JSON_UNQUOTE(item.document) USING utf8mb4) AS BINARY) "
        "= CAST(CONVERT({y} USING utf8mb4) AS BINARY)) "
        "WHEN 'NULL' THEN NULL ELSE NULLIF({x} IS NULL, 1) END)"
    )
    sets = MariaDBSets()
    documents: ClassVar[DocumentSpeaker] = MariaDBDocuments()

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``").replace("%", PERCENT) + "`"

    # ── values going in ──────────────────────────────────────────────────────────────────────

    def operand(self, bind: Sql, type_: DataType, many: bool = False) -> Any:
        if many:
            rows = sa.func.json_table(bind, sa.literal_column("'$[*]' COLUMNS (item LONGTEXT PATH '$')"))
            return sa.select(sa.literal_column("listed.item")).select_from(rows.table_valued("item").alias("listed"))
        if type_.kind is Kind.FLOAT and type_.native.startswith("float"):
            return Shaped("CAST({x} AS FLOAT)", bind)
        return bind

    def encoder(self, type_: DataType, many: bool = False) -> Encode | None:
        encode = ENCODERS.get(type_.kind)
        if not many:
            return encode
        return lambda values: json_text([str(value if encode is None else encode(value)) for value in values])

    # ── comparing ────────────────────────────────────────────────────────────────────────────

    def contained(self, left: Sql, right: Any) -> Sql:
        if isinstance(right, sa.Tuple) and not right.clauses:
            return sa.false()
        found: Sql = left.in_(right.clauses if isinstance(right, sa.Tuple) else right)
        return found

    def path(self, expression: Sql, type_: DataType, path: Sequence[str | int], text: bool) -> Sql:
        steps = ["$", *map(step_of, path)]
        found = sa.func.json_extract(expression, sa.literal("".join(steps)))
        # An index leads into arrays alone: MariaDB takes anything else for an array of one.
        arrays = [
            sa.func.json_type(sa.func.json_extract(expression, sa.literal("".join(steps[: index + 1]))))
            == sa.literal_column("'ARRAY'")
            for index, step in enumerate(path)
            if isinstance(step, int)
        ]
        if not text:
            return sa.case((sa.and_(*arrays), found)) if arrays else found
        known = sa.and_(*arrays, sa.func.json_type(found) != sa.literal_column("'NULL'"))
        return sa.case((known, sa.func.json_unquote(found)))

    def cast(self, expression: Sql, source: DataType, target: DataType) -> Sql:
        return Shaped(mariadb_cast(source, target), expression)

    def like(self, left: Sql, pattern: Sql) -> Sql:
        matched: Sql = _text(left).collate("utf8mb4_bin").like(pattern)
        return matched

    def ilike(self, left: Sql, pattern: Sql) -> Sql:
        return sa.func.lower(_text(left)).collate("utf8mb4_bin").like(sa.func.lower(pattern))

    def match(self, left: Sql, pattern: Sql) -> Sql:
        found: Sql = _text(left).collate("utf8mb4_bin").op("REGEXP", is_comparison=True)(pattern)
        return found

    def imatch(self, left: Sql, pattern: Sql) -> Sql:
        return self.match(left, sa.func.concat(sa.literal_column("'(?i)'"), pattern))

    def by_operator(self, sign: str, left: Sql, right: Sql) -> Sql:
        """Of a SET, whose labels are bits, and of other bits."""
        match sign:
            case "@>":
                return Shaped("({x}) = 0", right.op("&")(Shaped("~{x}", left)))
            case "<@":
                return Shaped("({x}) = 0", left.op("&")(Shaped("~{x}", right)))
            case "&&":
                return Shaped("({x}) <> 0", left.op("&")(right))
            case _:
                return super().by_operator(sign, left, right)

    def member(self, labels: Sql, label: Sql) -> Sql:
        """Of a SET."""
        return sa.type_coerce(Shaped("(FIND_IN_SET({y}, {x}) > 0)", _bytes(labels), y=_bytes(label)), sa.Boolean())

    def exact(self, comparison: Comparison, left: Sql, right: Any, sides: Sides) -> Sql:
        """Bytewise, length included; a plain column is compared by its collation too, so that its index serves."""
        bytewise: Sql = comparison.sql(self, _bytes(left), _bytes_of(right))
        if sides.bare and sides.alike and comparison.name == "eq":
            return sa.and_(left == right, bytewise)
        return sa.type_coerce(bytewise, sa.Boolean())

    def order(self, expression: Sql, descending: bool, nulls_last: bool, nullable: bool) -> list[Sql]:
        ordered = expression.desc() if descending else expression.asc()
        if not nullable or nulls_last == descending:  # MariaDB takes NULL for the least value
            return [ordered]
        null = expression.is_(sa.null())
        return [null.asc() if nulls_last else null.desc(), ordered]

    # ── values coming out ────────────────────────────────────────────────────────────────────

    def show(self, expression: Sql, type_: DataType, column: Column | None = None) -> Sql:
        if column is not None and column.collation not in ALIKE:
            # One document holds no texts of two collations.
            expression = Shaped("CONVERT({x} USING utf8mb4) COLLATE utf8mb4_bin", expression)
        if type_.kind in NUMBERS and (type_.native.startswith(("bit", "year")) or type_.native.endswith("zerofill")):
            # Written as it is, a number would be bytes, or have zeros in front, which JSON has not.
            return Shaped("({x} + 0)", expression)
        if type_.kind is Kind.OPAQUE and type_.native in GEOMETRY:
            return Shaped("ST_AsText({x})", expression)
        if type_ is CASTS["numeric"]:
            return Shaped(EXACT, expression)
        shape = SHAPES.get(type_.kind)
        if type_.kind is Kind.FLOAT and type_.native.startswith("float"):
            shape = SINGLE
        return expression if shape is None else Shaped(shape, expression)

    def formed(self, expression: Sql, type_: DataType, form: Form, column: Column | None = None) -> Sql:
        if type_.kind is Kind.INSTANT:
            return Shaped(mariadb_form(form, STAMP), expression)
        if type_.kind is Kind.SET:
            return Shaped(_braces(type_), expression)
        shape = WORDS.get(type_.kind)
        return self.show(expression, type_, column) if shape is None else Shaped(shape, expression)

    def one(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        select = sa.select(self.document(members).label("body")).select_from(source.rows).where(*source.where)
        select = select.order_by(*source.order)
        return select if source.limit is None else select.limit(source.limit)

    def many(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        gathered = self.gathered(self.document(members), source.order, source.limit, source.offset)
        return sa.select(gathered.label("body")).select_from(source.rows).where(*source.where)

    def gathered(self, document: Sql, order: Sequence[Sql], limit: Sql | None, offset: Sql | None = None) -> Sql:
        return sa.func.coalesce(Gathered(document, order, limit, offset), EMPTY_ARRAY)

    def parallel(self, shown: Sql, source: Source) -> Sql:
        gathered = self.gathered(shown, source.order, source.limit, source.offset)
        return sa.select(gathered).select_from(source.rows).where(*source.where).scalar_subquery()

    def document(self, members: Sequence[Member]) -> Sql:
        return sa.func.json_object(*(part for m in members for part in (text(m.label), m.shown)))

    def bare_document(self, members: Sequence[Member]) -> Sql:
        return self.document(members)

    def nothing(self, many: bool) -> Sql:
        return EMPTY_ARRAY if many else sa.null()

    def values(self, shown: Sequence[Sql]) -> Sql:
        return sa.func.json_array(*shown)

    def page(self, page: Page) -> sa.Select[Any]:
        rows = page.rows.subquery(page.alias)
        body = self.gathered(self.document(page.members), page.order, page.limit)
        columns: list[Any] = [body.label("body"), sa.func.count().label("seen")]
        if page.keys is not None:
            last = Gathered(self.values(page.keys), page.order, ONE, page.before_last)
            columns.append(sa.func.json_extract(last, sa.literal_column("'$[0]'")).label("last"))
        return sa.select(*columns).select_from(rows)


class MySQL(MariaDB):
    """Not served: MySQL 8 has neither MariaDB's ordered `JSON_ARRAYAGG` nor `JSON_COMPACT`, and the driver refuses it."""

    kind = DatabaseKind.MYSQL
    name = "MySQL"
    engine = mysql.dialect(paramstyle="format")
    documents = MySQLDocuments()


# ── pieces ───────────────────────────────────────────────────────────────────────────────────


ALIKE = frozenset({None, "binary", "utf8mb4_general_ci", "utf8mb4_bin"})
"""Collations that texts of one document may have beside one another, and that of what is no text."""


def _text(expression: Sql) -> Any:
    return sa.func.convert(expression.op("USING")(sa.literal_column("utf8mb4")))


def _bytes(expression: Any) -> Sql:
    return sa.cast(_text(expression), sa.BINARY())


def _bytes_of(right: Any) -> Any:
    if isinstance(right, sa.Tuple):
        return sa.tuple_(*(_bytes(item) for item in right.clauses))
    if isinstance(right, sa.Select):
        return sa.select(_bytes(sa.literal_column("listed.item"))).select_from(*right.get_final_froms())
    return _bytes(right)


STAMP = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM DATE_FORMAT(NULLIF({x}, 0), '%Y-%m-%dT%H:%i:%s.%f')))"
SHAPES: dict[Kind, str] = {
    Kind.BOOLEAN: "({x} <> 0)",
    Kind.JSON: "JSON_COMPACT({x})",
    Kind.BYTES: "REPLACE(TO_BASE64({x}), '\\n', '')",
    # A zero date is null; fractions lose the zeros that end them.
    Kind.DATE: "DATE_FORMAT(NULLIF({x}, 0), '%Y-%m-%d')",
    Kind.TIMESTAMP: STAMP,
    Kind.INSTANT: f"CONCAT({STAMP}, '+00:00')",
    Kind.TIME: "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM TIME_FORMAT({x}, '%H:%i:%s.%f')))",
    # A SET's text as an array of its labels; a label holds no comma.
    Kind.SET: (
        "CASE WHEN {x} IS NULL THEN NULL WHEN {x} = '' THEN JSON_ARRAY()"
        " ELSE JSON_COMPACT(CONCAT('[', REPLACE(JSON_QUOTE({x}), ',', '\",\"'), ']')) END"
    ),
    Kind.UUID: "CAST({x} AS CHAR)",
    Kind.SPECIAL: "CAST({x} AS CHAR)",
    Kind.INTERVAL: "CAST({x} AS CHAR)",
    Kind.OPAQUE: "CAST({x} AS CHAR)",
}

SINGLE = (
    "JSON_COMPACT(CASE WHEN CAST(CONCAT({x}) AS FLOAT) = {x} THEN CONCAT({x}) ELSE CONCAT(CAST({x} AS DOUBLE)) END)"
)
"""A float of single precision: MariaDB writes six digits, which are not always enough to be read back as the same."""

EXACT = "JSON_COMPACT(TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {x})))"
"""A number of thirty decimals, without the zeros that nobody wrote."""

WORDS: dict[Kind, str] = {
    Kind.TIMESTAMP: STAMP.replace("T%H", " %H"),
    Kind.BYTES: "CONCAT('\\\\x', LOWER(HEX({x})))",
}
"""Values as PostgreSQL writes them as texts, where a document has them otherwise."""

NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})

GEOMETRY = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
    }
)


def _braces(type_: DataType) -> str:
    """A SET as PostgreSQL writes an array, in the order of its labels."""
    labels = ", ".join(
        f"CASE WHEN FIND_IN_SET({_said(label)}, {{x}}) THEN {_said(array_item(label))} END" for label in type_.labels
    )
    return "CASE WHEN {x} IS NOT NULL THEN CONCAT('{', CONCAT_WS(',', " + labels + "), '}') END"


def _said(label: str) -> str:
    """A label of the catalog as a text of ours, whatever is in it."""
    return f"CONVERT(X'{label.encode().hex()}' USING utf8mb4)"


def _set(value: Value) -> str:
    return ",".join(value)


ENCODERS: dict[Kind, Encode] = {
    Kind.DATE: iso,
    Kind.TIME: iso,
    Kind.TIMESTAMP: iso,
    Kind.INSTANT: lambda value: iso(value.replace(tzinfo=None)),
    Kind.JSON: json_text,
    Kind.ARRAY: json_text,
    Kind.SET: _set,
    Kind.DECIMAL: str,
}
