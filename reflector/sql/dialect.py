"""How a database speaks, as whole constructs: gather these rows as JSON, be in this list, show this value.

The base class holds what SQL says everywhere; `reflector/dialects` has one subclass per database that overrides what
it says differently.

Rule: pure. A dialect sees expressions and types, never values or connections, and every name it writes goes through
`quote`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from reflector.catalog.model import Column, DatabaseKind, Table
from reflector.datatypes import DataType
from reflector.errors import NotSupported
from reflector.query.aggregates import AggregateFunction
from reflector.query.comparisons import Comparison, closed_pattern
from reflector.query.forms import Form
from reflector.query.masks import MaskKind
from reflector.sql.document_forms import DocumentForms
from reflector.sql.plan import Encode
from reflector.sql.set_forms import SetForms

Sql = sa.ColumnElement[Any]
PERCENT = "\x00"
"""Stands for `%` in names until the text is finished, so that no paramstyle takes a name for a placeholder: the one
character that no database has in a name."""


class Shaped(sa.ColumnElement[Any]):
    """SQL around an expression: `{x}` in the template stands for it, as often as needed, other names for `more`.

    A construct that names its operand five times would be written five times by a compiler; here it is written once.
    """

    inherit_cache = False
    type = sa.types.NULLTYPE

    def __init__(self, template: str, inner: Sql, **more: Sql) -> None:
        self.template, self.inner, self.more = template, inner, more


@compiles(Shaped)
def _shaped(element: Shaped, compiler: Any, **more: Any) -> str:
    template = element.template
    if compiler.preparer._double_percents:  # noqa: SLF001 - the one place that says how `%` is written
        template = template.replace("%", "%%")
    for name, operand in element.more.items():
        template = template.replace(f"{{{name}}}", compiler.process(operand, **more))
    text: str = compiler.process(element.inner, **more)
    return template.replace("{x}", text)


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents are made from: FROM, WHERE, ORDER BY, LIMIT."""

    rows: sa.FromClause
    where: Sequence[Sql] = ()
    order: Sequence[Sql] = ()
    limit: Sql | None = None
    offset: Sql | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """One ORDER BY element before a dialect says it. `nullable` says whether `by` can be NULL."""

    by: Sql
    descending: bool
    nulls_last: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a JSON object: `shown` is its value, already as the database puts it into JSON."""

    label: str
    shown: Sql


@dataclass(frozen=True, slots=True)
class Linked:
    """Rows related to the row in hand, to become a member of its document.

    `ends` pairs what joins: of the row in hand, and of the related row. `where` is about the related row alone, `guard`
    about the row in hand: where it does not hold, nothing is related. `name` is a name that nothing else of the
    statement has.
    """

    name: str
    members: Sequence[Member]
    many: bool
    rows: sa.FromClause
    ends: Sequence[tuple[Sql, Sql]]
    where: Sequence[Sql] = ()
    order: Sequence[Sorting] = ()
    limit: Sql | None = None
    offset: Sql | None = None
    guard: Sql | None = None
    apart: bool = True
    """Whether `rows` and `where` are about nothing but the related rows."""


class Dialect:
    """The constructs. `engine` is SQLAlchemy's dialect, used for its compiler alone."""

    kind: ClassVar[DatabaseKind]
    name: ClassVar[str]
    engine: ClassVar[Any]
    percent: ClassVar[str] = "%"
    """How a `%` of a name is written in a finished statement."""
    buckets: ClassVar[bool] = False
    """Whether lists are bound item by item."""
    update_returning: ClassVar[bool] = True
    fused_writes: ClassVar[bool] = False
    """Whether a write and the document of the written row are one statement."""
    flat_pages: ClassVar[bool] = False
    """Whether a page without related rows is gathered in one pass and cut afterwards."""
    deepest: ClassVar[int] = 24
    """How many levels of related rows one statement answers."""
    lateral: ClassVar[bool] = True
    """Whether a subquery that rows are taken from sees the rows further out."""
    function_rows: ClassVar[bool] = False
    """Whether rows can be taken from a function; otherwise it gives one value."""
    position: ClassVar[str | None] = None
    """The database's own name for a row's place, which finds a row without a key inside one transaction."""

    masks: ClassVar[Mapping[MaskKind, str]]
    among_items: ClassVar[str]
    """Whether the document `{x}` is an array that has the text `{y}`; NULL for none, and for JSON's null."""
    """How it says each mask."""
    sets: ClassVar[SetForms]
    """How it takes many rows at once."""
    documents: ClassVar[DocumentForms]

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def quote(self, name: str) -> str:
        """A name as an identifier; the one place where names become SQL."""
        return '"' + name.replace('"', '""').replace("%", PERCENT) + '"'

    def column(self, alias: str, column: Column) -> Sql:
        return self.named(alias, column.name)

    def named(self, alias: str, name: str) -> Sql:
        return sa.literal_column(f"{alias}.{self.quote(name)}")

    def table(self, table: Table) -> sa.TableClause:
        """The table by its own, qualified name; without a schema it is a view at the head of the statement."""
        schema = sa.sql.quoted_name(table.schema.replace("%", PERCENT), quote=True) if table.schema else None
        return sa.table(sa.sql.quoted_name(table.name.replace("%", PERCENT), quote=True), schema=schema)

    def whole(self, alias: str, table: Table, *, made: bool) -> Sql:
        """The row as one value of its table's row type. `made`: the row has the table's columns, and not its type."""
        raise self.unsupported("give a function a row")

    def present(self, alias: str) -> Sql:
        """That a row of a function has any value at all."""
        raise self.unsupported("take rows from a function")

    def key(self, label: str) -> str:
        return label.replace("%", PERCENT)

    def finished(self, text: str) -> str:
        """The statement's text with the names' `%` in it."""
        return text.replace(PERCENT, self.percent)

    # ── values going in ──────────────────────────────────────────────────────────────────────

    def operand(self, bind: Sql, type_: DataType, many: bool = False) -> Any:
        """A bound value, typed so that the database compares like with like."""
        return bind

    def encoder(self, type_: DataType, many: bool = False) -> Encode | None:
        """How a canonical value becomes what the driver binds; None when it is bound as it is."""
        raise NotImplementedError

    def pattern_encoder(self, comparison: Comparison) -> Encode:
        """How a LIKE pattern is bound."""
        return closed_pattern

    # ── comparing ────────────────────────────────────────────────────────────────────────────

    def compared(self, expression: Sql, type_: DataType) -> Sql:
        """The expression as it is compared with a value of its type."""
        return expression

    def contained(self, left: Sql, right: Any) -> Sql:
        """`left` is one of the list `right`."""
        raise NotImplementedError

    def ranked(self, expression: Sql, type_: DataType) -> Sql:
        """The expression as it is ordered by."""
        return expression

    def path(self, expression: Sql, type_: DataType, path: Sequence[str | int], text: bool) -> Sql:
        """What lies at the path in a JSON document, as JSON or as text. `type_` is the expression's own."""
        raise NotImplementedError

    def cast(self, expression: Sql, source: DataType, target: DataType) -> Sql:
        """The expression, which is of type `source`, as one of `query.casts.CASTS`."""
        raise NotImplementedError

    def aggregate(self, function: AggregateFunction, expression: Sql | None, type_: DataType | None) -> Sql:
        """What the rows of a group give together, or values of this type."""
        said: Sql = getattr(sa.func, function.name)(*(() if expression is None else (expression,)))
        return said

    def like(self, left: Sql, pattern: Sql) -> Sql:
        raise NotImplementedError

    def ilike(self, left: Sql, pattern: Sql) -> Sql:
        raise NotImplementedError

    def match(self, left: Sql, pattern: Sql) -> Sql:
        """The regular expression is found in the text."""
        raise self.unsupported("look for regular expressions")

    def imatch(self, left: Sql, pattern: Sql) -> Sql:
        """As `match`, whatever the case."""
        raise self.unsupported("look for regular expressions")

    def by_operator(self, sign: str, left: Sql, right: Sql) -> Sql:
        """A comparison by one of PostgreSQL's own operators, a row of `query.native`."""
        raise self.unsupported(f"compare by {sign}")

    def text_member(self, document: Sql, text: Sql) -> Sql:
        """The document is an array that has the text; not known of none, and of JSON's null."""
        return sa.type_coerce(Shaped(self.among_items, document, y=text), sa.Boolean())

    def search(self, function: str, language: str | None, left: Sql, text: Sql, *, vector: bool) -> Sql:
        """A full-text search, one of `query.native.SEARCHES`."""
        raise self.unsupported("search texts by words")

    def lower(self, text: Sql) -> Sql:
        return sa.func.lower(text)

    def masked(self, kind: MaskKind, text: Sql, *pads: Sql) -> Sql:
        """A text as a mask shows it; `pads` are those of a hash, as texts."""
        return Shaped(self.masks[kind], text, **dict(zip(("ipad", "opad"), pads, strict=False)))

    def exact(self, comparison: Comparison, left: Sql, right: Any, type_: DataType, bare: bool) -> Sql:
        """A comparison of text bytewise, whatever the collation. `bare` says `left` is a plain column."""
        raise NotImplementedError

    def order(self, expression: Sql, descending: bool, nulls_last: bool, nullable: bool) -> list[Sql]:
        """ORDER BY elements with the NULLs where they are wanted."""
        ordered = expression.desc() if descending else expression.asc()
        if not nullable:
            return [ordered]
        return [ordered.nulls_last() if nulls_last else ordered.nulls_first()]

    # ── values coming out ────────────────────────────────────────────────────────────────────

    def show(self, expression: Sql, type_: DataType, column: Column | None = None) -> Sql:
        """The expression as it goes into a JSON document in the type's one form."""
        return expression

    def formed(self, expression: Sql, type_: DataType, form: Form, column: Column | None = None) -> Sql:
        """The expression as it goes into a document in that form."""
        raise NotImplementedError

    def one(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """A select of one document, of the first row; no row without one."""
        raise NotImplementedError

    def many(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """A select of one JSON array of documents, in order; `[]` when there are none."""
        raise NotImplementedError

    def sorted(self, order: Sequence[Sorting]) -> list[Sql]:
        """The whole ORDER BY."""
        return [part for each in order for part in self.order(each.by, each.descending, each.nulls_last, each.nullable)]

    def related(self, linked: Linked) -> Sql:
        """Related rows as a member of a document: an object or null, or an array."""
        where = [*(near == far for near, far in linked.ends), *linked.where]
        if linked.many:
            source = Source(linked.rows, where, self.sorted(linked.order), linked.limit, linked.offset)
            document = self.nested(self.many(linked.members, source))
        else:
            document = self.nested(self.one(linked.members, Source(linked.rows, where, limit=sa.literal_column("1"))))
        if linked.guard is None:
            return document
        return sa.case((linked.guard, document), else_=self.nothing(linked.many))

    def parallel(self, shown: Sql, source: Source) -> Sql:
        """An array of the values `shown` of the source's rows, in order; empty when there are none."""
        raise NotImplementedError

    def nested(self, document: sa.Select[Any]) -> Sql:
        """A document as a member of another."""
        return document.scalar_subquery()

    def nothing(self, many: bool) -> Sql:
        """What stands where nothing is related."""
        return sa.literal_column("'[]'") if many else sa.null()

    def fixed(self, said: str) -> Sql:
        """A text of ours as a value."""
        return text(said)

    def grouped(self, members: Sequence[Member]) -> Sql:
        """An object of further members about the row in hand, as a member of its document."""
        return self.bare_document(members)

    def clamped(self, count: Sql, offset: int, limit: int | None) -> Sql:
        """How many of `count` rows are left behind `offset`, and within `limit`."""
        if offset:
            count = sa.func.greatest(count - sa.literal_column(str(offset)), sa.literal_column("0"))
        return count if limit is None else sa.func.least(count, sa.literal_column(str(limit)))

    def values(self, shown: Sequence[Sql]) -> Sql:
        """A JSON array of values."""
        raise NotImplementedError

    # ── written rows ─────────────────────────────────────────────────────────────────────────

    def carried(self, expression: Sql, type_: DataType) -> Sql:
        """A key value as a write returns it, in the very form in which `operand` binds it again."""
        return expression

    def place(self, alias: str, name: str) -> Sql:
        """The row's place, as it is bound again by `by_position`."""
        return sa.literal_column(f"{alias}.{name}")

    def by_position(self, alias: str, name: str, bind: Sql) -> Sql:
        return sa.literal_column(f"{alias}.{name}") == bind

    def bare_document(self, members: Sequence[Member]) -> Sql:
        """The document of the row in hand as a plain expression, for databases that have no relation of written rows."""
        raise NotImplementedError

    # ── a list ───────────────────────────────────────────────────────────────────────────────

    def flat_page(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """The documents as one text with a separator between them."""
        raise NotImplementedError

    def page(self, page: Page) -> sa.Select[Any]:
        """The statement of a list: the page's rows as a document, how many there were, the last one's order values."""
        raise NotImplementedError

    def unsupported(self, what: str) -> NotSupported:
        return NotSupported(f"{self.name} cannot {what}")


@dataclass(frozen=True, slots=True)
class Page:
    """A list to be answered: the rows of `rows` (one beyond `limit`), under the alias `alias`.

    `order` sorts the page's own columns again, for databases that cannot keep an order. `keys` are the shown order
    values, None when no cursor is wanted. `limit` None gives all rows.
    """

    rows: sa.Select[Any]
    alias: str
    members: Sequence[Member]
    order: Sequence[Sql]
    keys: Sequence[Sql] | None
    limit: Sql | None
    before_last: Sql | None


PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def text(label: str) -> Sql:
    """A key of a JSON object: in the statement where it is plain, bound where it is not."""
    return sa.literal_column(f"'{label}'") if PLAIN.match(label) else sa.literal(label)


def iso(value: Any) -> str:
    """Dates and times as ISO 8601 with a space, fractions without trailing zeros, offsets in UTC."""
    if isinstance(value, dt.datetime):
        zone = "+00:00" if value.tzinfo is not None else ""
        return _trimmed(value.replace(tzinfo=None).isoformat(" ")) + zone
    return _trimmed(str(value.isoformat()))


def _trimmed(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def each(encode: Encode | None) -> Encode:
    """The encoder of a list, from its items'."""
    if encode is None:
        return list
    item = encode
    return lambda values: [None if value is None else item(value) for value in values]
