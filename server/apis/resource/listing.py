"""A list, from its query string to the tree, and from the answer to the envelope.

    {"items": […], "page": {"limit": 100, "number": 1, "total": null, "pages": null, "next": "/api/book?…", "previous": null}}

Where the table has a key that the caller surely sees, the order ends in it and `next` carries a cursor, and `previous`
another one behind a cursor; elsewhere, and where the request said `page`, they are numbers.

Rule: the database's JSON is passed on as it is; the envelope is put around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from reflector.catalog.model import Column
from reflector.errors import InternalError, InvalidCursor, InvalidRequest, InvalidValue, LimitExceeded
from reflector.query.cost import rows_below
from reflector.query.nodes import TRUE, Expression, Field, Filter, Order, Read, Related, Selected, all_of
from reflector.query.paging import after, reversed_order
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.resource.backwards import turned
from server.apis.resource.caller import Rights
from server.apis.resource.cursors import ONWARD, Cursors, Opened
from server.apis.resource.faults import FaultList, in_query
from server.apis.resource.filters import Brackets, FilterReader
from server.apis.resource.parameters import RESERVED, Given, put, refuse_word, split_query, word_of
from server.apis.resource.selection import Selection, key_order, row_key
from server.apis.resource.sorting import read_sort
from server.callers import LONGEST_KEPT
from server.documents import read_json

LONGEST_LAST: Final = 3 * 1024
"""Bytes of order values that a cursor is made of: an address has to hold it."""
HARMLESS: Final = "%/:?#[]@!$&'()*+,;=-._~"
"""Characters that stay as they are in a link; what else an address may have held is percent-encoded."""


ROOM_OF_A_PART: Final = 4 * 1024
"""Bytes that a part takes beside a hundred for each character that spells it."""

Part = TypeVar("Part")
Sorted: TypeAlias = tuple[tuple[Order, ...], bool, bytes | None]


@dataclass(frozen=True, eq=False, slots=True)
class Listing:
    """A list that was read. `place` is what its cursors are for, None where it goes on by number. `number` is None
    behind a cursor, which `opened` is: going back, `read` has the order reversed. `link` is the address up to where the cursor or the page's number belongs."""

    read: Read
    limit: int
    number: int | None
    place: bytes | None
    link: str
    opened: Opened | None = None


def read_listing(rights: Rights, table: TableScope, path: str, query: str, cursors: Cursors) -> Listing:
    """The list that an address asks for; raises what is wrong with it, all at once."""
    return ListingReader(rights, table, cursors).read(path, query)


class ListingReader:
    """Reads one list."""

    def __init__(self, rights: Rights, table: TableScope, cursors: Cursors) -> None:
        self.rights, self.table, self.cursors = rights, table, cursors
        self.faults = FaultList()
        self.filters = FilterReader(rights.access.scope, rights.limits, self.faults)
        self.words: dict[str, str] = {}
        self.where: list[Filter] = []
        self.brackets = Brackets()
        self.kept: list[str] = []

    def read(self, path: str, query: str) -> Listing:
        for given in split_query(query):
            self._parameter(given)
        if self.brackets.document:
            self.where.append(self.filters.document(self.table, self.brackets.document, in_query("filter")))
        select, below = self._select()
        order, by_cursor, place = self._order()
        limit = self._limit(below)
        number, offset = self._page(limit)
        count = self._count()
        if not by_cursor or "page" in self.words:
            place = None
        opened = self._opened(order, place)
        if opened is not None and opened.way.back:
            order = reversed_order(order)
        self.faults.check()
        read = Read(
            self.table.table,
            select,
            where=all_of(*self.where) if self.where else TRUE,
            order=order,
            limit=limit,
            offset=offset or None,
            count=count,
            keyset=place is not None and limit > 0,
            after=TRUE if opened is None else self._beyond(order, opened),
        )
        return Listing(read, limit, None if "cursor" in self.words else number, place, self._link(path), opened)

    # ── what is asked again and again with other values ─────────────────────────────────────

    def _select(self) -> tuple[tuple[Selected, ...], int]:
        """The members, and how many related rows one row can bring with it."""
        fields, include = self.words.get("fields"), self.words.get("include")
        selection = Selection(self.rights.access.scope, self.rights.limits, self.faults)

        def read() -> tuple[tuple[Selected, ...], int]:
            select = selection.read(self.table, fields, include)
            return select, rows_below(select)

        return self._read_once(("select", fields, include), read)

    def _order(self) -> Sorted:
        return self._read_once(("order", self.words.get("sort")), self._sorted)

    def _read_once(self, words: tuple[str | None, ...], read: Callable[[], Part]) -> Part:
        """A part of the list that hangs on these words alone: kept, where nothing is wrong with it."""
        rights = self.rights
        key = (*words, self.table.table.label, rights)
        kept: Part | None = rights.recent.get(key)
        if kept is None:
            faults = len(self.faults.found)
            kept = read()
            length = sum(len(word) for word in words if word is not None)
            if len(self.faults.found) == faults and length <= LONGEST_KEPT:
                rights.recent.put(key, kept, ROOM_OF_A_PART + 100 * length)
        return kept

    # ── parameters ───────────────────────────────────────────────────────────────────────────

    def _parameter(self, given: Given) -> None:
        word = word_of(given.name)
        if word not in ("cursor", "page"):
            self.kept.append(given.raw)
        if word is None:
            self.where.append(self.filters.parameter(self.table, given.name, given.value))
            return
        with self.faults.at(in_query(given.name)):
            refusal = refuse_word(RESERVED[word], one_row=False)
            if refusal is not None:
                raise refusal
            if given.name != word and word == "filter":
                self.brackets.add(given.name, given.value)
            elif given.name != word:
                raise InvalidRequest(f"{word!r} takes no brackets")
            else:
                put(self.words, word, given.value)
                if word == "filter":
                    document: Any = read_json(given.value, in_query("filter"))
                    self.where.append(self.filters.document(self.table, document, in_query("filter")))

    def _whole(self, name: str, least: int) -> int | None:
        """A parameter that is a whole number; None when it is not given or at fault."""
        text = self.words.get(name)
        if text is None:
            return None
        with self.faults.at(in_query(name)):
            if not (text.isascii() and text.isdecimal()) or int(text[:18]) < least:
                raise InvalidValue(f"{name!r} is a whole number from {least}")
            return int(text) if len(text) <= 18 else 10**18
        return None

    def _limit(self, below: int) -> int:
        asked = self._whole("limit", 0)
        limit = min(self.rights.limits.page if asked is None else asked, self.rights.limits.rows)
        if below > self.rights.limits.tree:
            fault = LimitExceeded(
                f"a row with all that is included could hold {below} rows", hint="include fewer levels"
            )
            self.faults.add(fault, in_query("include"))
        return min(limit, max(1, self.rights.limits.tree // (1 + below)))

    def _page(self, limit: int) -> tuple[int, int]:
        """The page's number, and how many rows come before it."""
        number = self._whole("page", 1)
        if number is None:
            return 1, 0
        if "cursor" in self.words:
            self.faults.add(InvalidRequest("a page begins at a number or at a cursor, not at both"), in_query("cursor"))
        skipped = (number - 1) * limit
        if skipped > self.rights.limits.offset:
            fault = LimitExceeded(
                f"a page begins at most {self.rights.limits.offset} rows in", hint="use cursor=, it has no end"
            )
            self.faults.add(fault, in_query("page"))
        return number, skipped

    def _count(self) -> bool:
        asked = self.words.get("count", "none")
        if asked not in ("exact", "none"):
            said = "is not offered by this version" if asked == "estimated" else "cannot be asked"
            self.faults.add(InvalidRequest(f"count={asked} {said}", hint="exact or none"), in_query("count"))
        return asked == "exact"

    # ── order and cursor ─────────────────────────────────────────────────────────────────────

    def _sorted(self) -> Sorted:
        """The order, ended by the key where it can be; whether it tells any two rows apart; what its cursors are for."""
        table, key = self.table.table, row_key(self.table)
        order: tuple[Order, ...] = ()
        if "sort" in self.words:
            text = self.words["sort"]
            order = read_sort(self.rights.access.scope, self.table, text, self.rights.limits, self.faults)
        sorted_by = {each.expression.column for each in order if isinstance(each.expression, Field)}
        order += tuple(each for each in key_order(self.table) if _column(each) not in sorted_by)
        by_cursor = bool(key) and all(self.rights.surely_seen(table, column) for column in key)
        return order, by_cursor, self._place(order) if by_cursor else None

    def _place(self, order: tuple[Order, ...]) -> bytes:
        """What a cursor of this list is for. Every part is ended, so that no two places are spelled alike.

        Of the database's shape it holds what the caller may see: a cursor that changed with the rest would tell of it.
        """
        shape = [repr((column.name, column.type.native, column.nullable)) for column in self.table.readable.values()]
        sorts = [f"{_spelled(each)} {each.descending} {each.nulls_come_last}" for each in order]
        parts = [self.table.table.label, *self.rights.access.roles, "", *shape, "", *sorts]
        return b"".join(part.encode() + b"\x00" for part in parts)

    def _beyond(self, order: tuple[Order, ...], opened: Opened) -> Filter:
        def never_null(column: Column) -> bool:
            return self.rights.never_null(self.table.table, column)

        return after(order, opened.values, never_null, including=opened.way.including)

    def _opened(self, order: tuple[Order, ...], place: bytes | None) -> Opened | None:
        text = self.words.get("cursor")
        if text is None:
            return None
        with self.faults.at(in_query("cursor")):
            if "page" in self.words or self.faults.found:
                return None
            if place is None:
                raise InvalidRequest(f"{self.table.table.label} has no key to go on from", hint="use page=")
            return self.cursors.open(place, text, [_last_column(each).type for each in order])
        return None

    def _link(self, path: str) -> str:
        kept = "&".join(self.kept)
        return quote(f"{path}?{kept}{'&' if kept else ''}", safe=HARMLESS, errors="surrogateescape")


def _column(order: Order) -> object:
    return order.expression.column if isinstance(order.expression, Field) else None


def _last_column(order: Order) -> Column:
    """The column at the end of an order's path."""
    return _path(order.expression)[1]


def _spelled(order: Order) -> str:
    """The path of an order, unmistakably."""
    names, column = _path(order.expression)
    return repr([*names, column.name, column.type.native])


def _path(expression: Expression) -> tuple[list[str], Column]:
    match expression:
        case Field(column=column):
            return [], column
        case Related(relationship=relationship, expression=inner):
            names, column = _path(inner)
            return [relationship.name, *names], column
        case _:
            raise InternalError("a list is sorted by what nobody can write")


# ── the answer ───────────────────────────────────────────────────────────────────────────────


def envelope(listing: Listing, answer: Answer, cursors: Cursors) -> tuple[bytes, str]:
    """The body, and the Link header, empty when there is nothing to link to; raises InvalidCursor."""
    limit, number, total, body = listing.limit, listing.number, answer.total, answer.body or b"[]"
    following = previous = None
    if limit and (answer.seen or 0) > limit:
        following = listing.link + _next(listing, answer, cursors)
    if number is not None and number > 1:
        previous = f"{listing.link}page={number - 1}"
    if listing.opened is not None and listing.place is not None and limit:
        previous = (
            f"{listing.link}cursor={cursors.seal(listing.place, listing.opened.sealed, listing.opened.way.round)}"
        )
        if listing.opened.way.back:
            following, previous, body = previous, following, turned(body)
    pages = None if total is None or not limit else -(-total // limit)
    page = (
        f',"page":{{"limit":{limit},"number":{_json(number)},"total":{_json(total)},"pages":{_json(pages)},'
        f'"next":{_quoted(following)},"previous":{_quoted(previous)}}}}}'
    )
    links = [f'<{url}>; rel="{name}"' for url, name in ((following, "next"), (previous, "prev")) if url is not None]
    return b'{"items":' + body + page.encode(), ", ".join(links)


def _next(listing: Listing, answer: Answer, cursors: Cursors) -> str:
    if listing.place is None:
        return f"page={(listing.number or 1) + 1}"
    if answer.last is None or len(answer.last) > LONGEST_LAST:
        if listing.number is None:
            raise InvalidCursor(
                "the last row's values are too long to make a cursor of", hint="use page=, or sort less"
            )
        return f"page={listing.number + 1}"
    onward = ONWARD if listing.opened is None else listing.opened.way.onward
    return f"cursor={cursors.seal(listing.place, answer.last, onward)}"


def _json(number: int | None) -> str:
    return "null" if number is None else str(number)


def _quoted(url: str | None) -> str:
    """A link holds no character that JSON would escape: it is percent-encoded."""
    return "null" if url is None else f'"{url}"'
