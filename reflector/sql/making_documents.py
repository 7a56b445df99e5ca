"""How a database makes JSON of rows: values, documents, arrays of documents, related rows inside of them.

Rule: a whole construct is what a dialect says differently: it is given rows and members, and answers with the select or
the expression that makes the document of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.datatypes import DataType
from reflector.query.forms import Form
from reflector.sql.ordering import Ordering, Sorting
from reflector.sql.shaped import Sql, text


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents are made from: FROM, WHERE, ORDER BY, LIMIT."""

    rows: sa.FromClause
    where: Sequence[Sql] = ()
    order: Sequence[Sql] = ()
    limit: Sql | None = None
    offset: Sql | None = None


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


class MakingDocuments(Ordering, ABC):
    # ── values ───────────────────────────────────────────────────────────────────────────────

    def show(self, expression: Sql, type_: DataType, column: Column | None = None) -> Sql:
        """The expression as it goes into a JSON document in the type's one form."""
        return expression

    @abstractmethod
    def formed(self, expression: Sql, type_: DataType, form: Form, column: Column | None = None) -> Sql:
        """The expression as it goes into a document in that form."""

    def fixed(self, said: str) -> Sql:
        """A text of ours as a value."""
        return text(said)

    @abstractmethod
    def values(self, shown: Sequence[Sql]) -> Sql:
        """A JSON array of values."""

    @abstractmethod
    def parallel(self, shown: Sql, source: Source) -> Sql:
        """An array of the values `shown` of the source's rows, in order; empty when there are none."""

    # ── documents ────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def one(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """A select of one document, of the first row; no row without one."""

    @abstractmethod
    def many(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """A select of one JSON array of documents, in order; `[]` when there are none."""

    @abstractmethod
    def page(self, page: Page) -> sa.Select[Any]:
        """The statement of a list: the page's rows as a document, how many there were, the last one's order values."""

    @abstractmethod
    def bare_document(self, members: Sequence[Member]) -> Sql:
        """The document of the row in hand as a plain expression, for databases that have no relation of written rows."""

    # ── members of a document ────────────────────────────────────────────────────────────────

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

    def nested(self, document: sa.Select[Any]) -> Sql:
        """A document as a member of another."""
        return document.scalar_subquery()

    def nothing(self, many: bool) -> Sql:
        """What stands where nothing is related."""
        return sa.literal_column("'[]'") if many else sa.null()

    def grouped(self, members: Sequence[Member]) -> Sql:
        """An object of further members about the row in hand, as a member of its document."""
        return self.bare_document(members)


class KeptPages(MakingDocuments):
    """Of a database that keeps the rows of a page once they are found, in their order."""

    @abstractmethod
    def taken(self, select: sa.Select[Any], source: Source) -> sa.Select[Any]:
        """The select over its source."""

    def page(self, page: Page) -> sa.Select[Any]:
        kept = page.rows.cte(page.alias).prefix_with("MATERIALIZED")
        body = self.many(page.members, Source(kept, limit=page.limit)).scalar_subquery()
        seen = sa.select(sa.func.count()).select_from(kept).scalar_subquery()
        columns = [body.label("body"), seen.label("seen")]
        if page.keys is not None:
            place = Source(kept, limit=sa.literal_column("1"), offset=page.before_last)
            last = self.taken(sa.select(self.values(page.keys)), place)
            columns.append(last.scalar_subquery().label("last"))
        return sa.select(*columns)


class FlatPages(ABC):
    """Of a dialect whose pages without related rows are better gathered in one pass and cut afterwards (`sql.flat`)."""

    @abstractmethod
    def flat_page(self, members: Sequence[Member], source: Source) -> sa.Select[Any]:
        """The documents as one text with a separator between them."""
