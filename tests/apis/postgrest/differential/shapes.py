"""Requests to the bookshop, made of tables of shapes: what all three databases can be asked, and all have to answer alike.

A shape is an address with `{}` in it, and what is put there. Every order of a list is total, so that pages are the same.

Rule: what is not answered alike is in `DIFFERENT`, with the reason, which is the database's nature and no fault; a row there that
nothing needs any more is a fault as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any, Final

from reflector.catalog.model import DatabaseKind

MARIADB, SQLITE = DatabaseKind.MARIADB, DatabaseKind.SQLITE
NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """A request below `/rest/v1/`. A body that is bytes goes out as it is, anything else as JSON."""

    address: str
    headers: Mapping[str, str] = field(default_factory=lambda: NONE)
    method: str = "GET"
    body: Any = ...

    @property
    def name(self) -> str:
        """How it is called where something is said of it."""
        told = [f"{name}: {text}" for name, text in self.headers.items()]
        body = [] if self.body is ... else [str(self.body)]
        return " ".join([*([self.method] if self.method != "GET" else []), self.address, *told, *body])


def each(shape: str, *parts: Sequence[str]) -> Iterable[Question]:
    """The shape with every combination of the parts."""
    return (Question(shape.format(*chosen)) for chosen in product(*parts))


COMPARISONS: Final = ("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct")
NOTHING_OR_NOT: Final = ("", "not.")
VALUES: Final[Mapping[str, str]] = {
    "id": "17",
    "isbn": "9780000000170",
    "title": "Emma",
    "subtitle": "Primera parte",
    "publisher_code": "A/B",
    "category_id": "4",
    "status": "published",
    "publish_at": "2015-06-01T00:00:00Z",
    "price": "19.90",
    "pages": "300",
    "weight": "0.5",
    "in_print": "true",
    "updated_at": "2020-01-01 00:00:00+02",
}
"""A column of a book, and a value to compare it with."""
PATTERNS: Final = (
    "*a*", "A*", "*s", "%25e%25", "_*", "*\\%25*", "*\\_*", "*[*", "*?*", "*''*", "*\\\\*", "*é*", "*É*", "*「*", "", "*", "**",
    '*"*', "*<*", "* *", "*{*", "*📚*", "*ß*", "*%0A*",
)  # fmt: skip
STATES: Final = ("null", "not_null", "NULL")
TRUTHS: Final = ("true", "false", "unknown", "null")
TREES: Final = (
    "or=(id.eq.1,id.eq.2)",
    "and=(id.gt.5,id.lt.9)",
    "not.or=(id.gt.5,in_print.is.false)",
    "not.and=(id.gt.5,id.lt.900)",
    "or=(and(id.gt.5,id.lt.9),and(id.gt.15,id.lt.19))",
    "or=(pages.is.null,category_id.is.null)",
    "or=(not.and(pages.gt.100,pages.lt.300),id.eq.3)&id=lt.40",
    'or=(title.eq."Emma",title.like."*,*",publisher_code.in.("A/B","50/50"))',
    "and=(or(id.eq.1,id.eq.2),or(id.eq.2,id.eq.3))",
    "or=(id.in.(1,2,3),id.not.in.(1,2,3))&id=lt.9",
    "or=(price.gt.50,weight.gt.1.5)&status=eq.published",
    "or=(title.ilike(any).{*emma*,*don*},id.eq(any).{4,5})",
    "or=(pages.isdistinct.300,id.eq.1)&id=lte.12",
    "id=gt.3&id=lt.20&id=not.in.(7,8)",
    "id=in.()",
    "id=not.in.()&id=lt.4",
    "or=(status.neq.draft,not.or(in_print.is.true,price.lt.10))&id=lt.30",
)
LISTS: Final = (
    "id=in.(3,1,2)", "id=not.in.(3,1,2)", "title=in.(Emma)", 'title=in.("Emma","nobody, ever")', "publisher_code=in.(A/B,50/50,B\\W)",
    "status=in.(draft,withdrawn)", "category_id=in.(1,2)", "category_id=not.in.(1,2)", "price=in.(19.90,0)", "in_print=in.(true)",
    "pages=eq(any).{100,200,300}", "id=gt(all).{3,5}", "id=lt(any).{3,5}", "title=like(all).{*a*,*e*}", "title=not.like(any).{*a*,*e*}",
    "title=ilike(any).{*QUI*,*emma*}", "status=eq(any).{draft,published}", "id=eq(any).{}", "id=neq.1&id=eq(all).{}",
)  # fmt: skip
SELECTS: Final = (
    "*", "id,title", "t:title,n:id", "id,id", "id::text,price::text", "price::integer", "pages::numeric", "in_print::text", "id::numeric",
    "publish_at::date", "title::varchar", "status::text", "attributes", "attributes->a", "attributes->>language", "attributes->awards->0",
    "x:attributes->nothing->>there", "attributes->awards->>-1", "id,publisher(code,name)", "id,category(id,name,parent_id(name))", "id,review(id,rating)",
    "id,tag(name)", "id,author(name)", "id,book_author(position,author(name))", "id,...publisher(country)", "id,...publisher(p:name,c:country)",
    "id,...category(name)", "id,...category(c:name,...parent_id(parent:name))", "id,...tag(tags:name)", "id,...review(rating,helpful)",
    "id,publisher!inner(code)", "id,review!inner(id)", "id,category!left(name)", "id,publisher()", "id,a:review(id),b:review(rating)",
    "id,publisher_code(name)", "id,stock(shop_id,quantity,shop(name))", "id,review(id,customer(name,customer_profile!customer_id(birthday)))",
    "id,order_line(order_id,quantity)", "id,publisher(code,book(id,title))",
)  # fmt: skip
LISTED: Final[Mapping[str, str]] = {
    "review": "id", "tag": "name", "author": "name", "book_author": "position", "stock": "shop_id", "order_line": "order_id,line_number",
    "a": "id", "b": "id",
}  # fmt: skip
"""What is selected as a list, and an order that is total."""


def inner_orders(select: str) -> str:
    """The orders of the lists that a select has."""
    labels = {
        part.removeprefix("...").partition("(")[0].partition("!")[0].partition(":")[0] for part in top_level(select)
    }
    orders = "".join(f"&{name}.order={order}" for name, order in LISTED.items() if name in labels)
    return orders + ("&publisher.book.order=id" if "book(id,title)" in select else "")


def top_level(select: str) -> list[str]:
    """The items of a select, those in parentheses left out."""
    depth, found = 0, [""]
    for letter in select:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return found


ORDERS: Final = (
    "id", "id.desc", "title,id", "title.desc,id.desc", "subtitle,id", "subtitle.desc,id", "subtitle.nullsfirst,id", "subtitle.desc.nullslast,id",
    "category_id.asc.nullsfirst,id", "category_id.desc.nullslast,id", "price,id", "price.desc,id", "weight.desc.nullslast,id", "pages.nullsfirst,id.desc",
    "in_print,id", "in_print.desc,id", "publish_at,id", "publish_at.desc.nullslast,id", "publisher_code,id", "isbn.desc", "attributes->>language,id",
    "attributes->>language.desc.nullslast,id", "updated_at.desc,id",
)  # fmt: skip
RELATED_ORDERS: Final = (
    "publisher(name),id",
    "publisher(name).desc,id",
    "publisher(founded_on).nullsfirst,id",
    "category(name).desc.nullslast,id",
    "category(position).asc.nullsfirst,id",
)
OF_RELATED: Final = (
    "publisher?select=code,book(id)&book.price=gt.30&book.order=id",
    "publisher?select=code,book!inner(id)&book.price=gt.30&book.order=id",
    "publisher?select=code,book(id)&book=is.null",
    "publisher?select=code,book()&book=not.is.null",
    "publisher?select=code,book()&book.status=eq.draft&book=is.null",
    "publisher?select=code,b:book(id,title)&b.or=(price.lt.10,pages.gt.900)&b.order=price.desc,id&b.limit=3",
    "publisher?select=code,b:book(id)&b.not.and=(price.gt.10,pages.gt.100)&b.order=id",
    "publisher?select=code,book(id,review(rating))&book.review.rating=gte.4&book.review.order=id&book.order=id&book.limit=2",
    "publisher?select=code,book(id,review!inner(rating))&book.review.rating=eq.5&book.review.order=id&book.order=id",
    "publisher?select=code,book!inner(id,review!inner(rating))&book.review.rating=eq.5&book.review.order=id&book.order=id",
    "publisher?select=code,book(id)&book.order=price.desc.nullslast,id&book.limit=2&book.offset=1",
    "publisher?select=code,...book(ids:id)&book.order=id&book.limit=4",
    "publisher?select=code,...book!inner(ids:id)&book.order=id&book.price=gt.100",
    "publisher?select=code,book(id)&or=(book.is.null,code.like.Q*)&book.id=lt.5&book.order=id",
)
OTHERS: Final = (
    "staff?select=id,staff(id),boss:manager_id(id,manager_id(id))&staff.order=id&order=id",
    "staff?select=id,manager_id!inner(full_name)&order=id",
    "category?select=id,name,category(name)&category.order=name&order=id",
    "category?select=id,parent_id(parent_id(name))&order=id&limit=30",
    "order?select=id,a:address!billing_address_id(label),shipping_address_id(label)&order=id&limit=20",
    "order?select=id,order_line(line_number,amount,book(title))&order_line.order=line_number&order=id&limit=10",
    "order?select=id,exchange_rate,placed_at,collect_at&order=id&limit=30",
    "customer?select=id,customer_profile!customer_id(birthday,newsletter)&order=id&limit=30",
    "customer?select=id,loyalty_number,credit&order=id",
    "customer?loyalty_number=gt.9007199254740993&select=loyalty_number&order=loyalty_number",
    "customer_profile?select=customer_id,preferences,reads_at,updated_at&order=customer_id&limit=30",
    "customer_profile?select=customer_id&newsletter=is.unknown&order=customer_id",
    "customer_profile?preferences=is.null&select=customer_id&order=customer_id",
    "tag?select=name,book(id)&book.order=id&order=name",
    "tag?name=eq.null&select=name",
    'tag?name=in.("crime, noir",null,"0")&select=name&order=name',
    "tag?name=eq.c%2B%2B&select=name",
    "tag?name=eq.x%3Dy%26z",
    "tag?name=eq.%231",
    "tag?name=eq.📚",
    "author?select=name,born_on&order=name,born_on&born_on=lt.1800-01-01",
    "author?select=name&name=ilike.*é*&order=name",
    "author?select=name,book(title)&book.order=id&order=born_on,name&limit=10",
    "shop?select=*&order=id",
    "shop?opens_at=gt.09:00&select=id&order=id",
    "stock?select=shop_id,book_id,counted_at,stock_movement(quantity)&stock_movement.order=moved_at,quantity&order=shop_id,book_id&limit=20",
    "stock?counted_at=gt.2020-01-01&select=shop_id,book_id&order=shop_id,book_id&limit=20",
    'reader\'s note?select=id,"100%25","größe","two words"&order=id',
    'reader\'s note?select=id,"why?"&"page:line"=not.is.null&order=id',
    'reader\'s note?select=id&"two words"=is.true&order=id',
    "reading_survey?order=id&limit=5",
    "published_book?select=id,title,publisher,price&order=id&limit=15",
    "customer_spending?order=customer_id&limit=20",
    "review?select=id,sentiment,rating&order=sentiment.desc.nullslast,id&limit=40",
    "review?sentiment=lt.0&select=id&order=id",
    "book_author?select=book_id,author_id,share&order=book_id,author_id&limit=30&share=not.is.null",
)
AGGREGATES: Final = (
    "book?select=count()", "book?select=count", "book?select=publisher_code,price.sum()&order=publisher_code", "book?select=pages.sum(),pages.min(),pages.max(),pages.count()", "book?select=status,count()&order=status",
    "book?select=category_id,n:count(),pages.max()&order=category_id.nullsfirst", "book?select=publisher(country),count()&publisher_code=eq.A/B",
    "book?select=...publisher(country),pages.sum()&id=lt.3&publisher_code=eq.A/B", "publisher?select=code,book(count(),pages.sum())&order=code",
    "publisher?select=code,book(status,count())&book.order=status&order=code", "review?select=rating,count()&order=rating.nullsfirst",
    "review?select=rating.sum()::text", "book?select=in_print,title.min()&order=in_print",
    "order_line?select=quantity.sum(),book_id&order=book_id&limit=10", "author?select=born_on.min(),born_on.max()", "book?select=publish_at.max()&id=lt.0",
    "book?select=count()&limit=0", "book?select=language:attributes->>language,count()&order=attributes->>language.nullsfirst",
)  # fmt: skip
PAGES: Final = (
    "limit=3",
    "limit=3&offset=5",
    "offset=5&limit=1000",
    "limit=0",
    "offset=100000",
    "limit=1&offset=0",
    "limit=",
    "offset=-1&limit=2",
)
COUNTED: Final[Sequence[Mapping[str, str]]] = (
    {"Prefer": "count=exact"}, {"Prefer": "count=exact", "Range": "0-4"}, {"Range": "3-4"}, {"Range": "3-"}, {"Range": "4-3"}, {"Range": "x"},
    {"Prefer": "count=exact", "Range": "90000-90001"}, {"Range": "90000-90001"}, {"Prefer": "count=planned"}, {"Prefer": "count=estimated"},
)  # fmt: skip
CSV: Final = (
    "book?select=id,title,subtitle,in_print,pages&order=id", "book?select=id,status,category_id&order=id&limit=9", "tag?select=name&order=name",
    "book?select=id,publisher(code)&order=id&limit=3", "book?id=lt.0", "author?select=name,born_on&order=name,born_on",
    "book?select=x:attributes->>language&order=id&limit=20",
)  # fmt: skip
ERRORS: Final = (
    "boks", "book/1", "book?titel=eq.1", "book?select=titel", "book?order=titel", "book?id=eq.x", "book?id=in.(1,x)", "book?id=1", "book?select=id,",
    "book?or=(id.eq.1", "book?or=()", "book?id=like.1", "book?title=is.true", "book?select=id,author!nope(*)", "order?select=address(*)",
    "book?publisher.name=eq.x", "book?select=review(id)&order=review(id)", "book?order=publisher(name)", "book?select=id,publisher(code)&publisher=eq.1",
    "book?select=id::nope", "book?select=title->x", "book?select=title.sum()", "book?status=eq.nope", "book?publish_at=eq.yesterday%2099",
    "book?price=eq.much", "book?in_print=eq.perhaps", "book?select=...review(count())", "book?select=count()&order=id", "book?limit=-1",
    "book?id=eq.99999999999999999999", "author?id=eq.nope", "book?pages=eq.1.5", "book?select=publisher(nope)", "book?select=nope(id)",
    "book?id=is.5", "book?id=neq(any).{1}", "book?id=eq(any).1", "book?select=attributes->>a->b", "customer_profile?birthday=eq.2020-13-01",
    "book?id=not.x", "book?select=publisher(", "shop?opens_at=eq.25:99", "book?title=eq.%FF", "book?id=lt.0&select=id&select=", "book?id=gt.1e3",
)  # fmt: skip


def questions() -> list[Question]:
    """All of them."""
    books = "book?select=id&order=id&"
    compared = [Question(f"{books}{column}={turned}{operator}.{value}") for (column, value), operator, turned
                in product(VALUES.items(), COMPARISONS, NOTHING_OR_NOT)]  # fmt: skip
    selected = [Question(f"book?select={select}&order=id&limit=12{inner_orders(select)}") for select in SELECTS]
    return [
        *compared,
        *each(f"{books}{{}}={{}}{{}}.{{}}", ("title", "subtitle"), NOTHING_OR_NOT, ("like", "ilike"), PATTERNS),
        *each(f"{books}{{}}={{}}is.{{}}", ("subtitle", "category_id", "attributes"), NOTHING_OR_NOT, STATES),
        *each(f"{books}in_print={{}}is.{{}}", NOTHING_OR_NOT, TRUTHS),
        *(Question(f"{books}{tree}") for tree in (*TREES, *LISTS)),
        *selected,
        *each("book?select=id&order={}", ORDERS),
        *each("book?select=id,publisher(),category()&order={}&limit=25", RELATED_ORDERS),
        *(Question(f"{address}&order=code") for address in OF_RELATED),
        *map(Question, (*OTHERS, *AGGREGATES, *ERRORS)),
        *each("book?select=id&order=id&{}", PAGES),
        *(Question(f"book?select=id&order=id&{page}", headers) for page, headers in product(("limit=3", "offset=2", ""), COUNTED)),
        *(Question(address, {"Accept": "text/csv"}) for address in CSV),
        *(Question(f"book?select=id&order=id&{page}", headers, "HEAD") for page in PAGES for headers in COUNTED[:1]),
        *(Question("book?select=id,subtitle&order=id&limit=9", {"Accept": accept}) for accept in (
            "application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.object+json", "application/vnd.pgrst.object", "image/png", "text/*")),
        *(Question("book?select=id,subtitle&id=eq.5", {"Accept": accept}) for accept in (
            "application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json")),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Different:
    """Questions that a database answers in its own way: `which` matches their names whole, `why` it is no fault."""

    kind: DatabaseKind
    which: str
    why: str


UNORDERED: Final = "an enum has an order on PostgreSQL; on SQLite it is a text, and its labels here stand in theirs"
NAMES: Final = "types and constraints have names of the database's own"
DIFFERENT: Final = (
    Different(
        MARIADB, r"book\?.*&(sub)?title=(not\.)?(gt|lt)e?\..*", "texts are compared by the collation of their column"
    ),
    Different(
        MARIADB,
        r"(book|tag|author)\?.*order=(title|subtitle|category\(name\)|name)(?![a-z_]).*",
        "texts are ordered by their collation",
    ),
    Different(MARIADB, r"book_author\?.*order=book_id,author_id.*", "a uuid is ordered in its own way"),
    Different(MARIADB, r"book\?.*&status=(not\.)?(gt|lt)e?\.published", UNORDERED),
    Different(SQLITE, r"book\?select=id::text,price::text.*", "a decimal is kept as a float: 10.10 is 10.1"),
    Different(SQLITE, r"book\?status=eq\.nope", "an enum is a text and a check: any text may be asked for"),
    *(
        Different(kind, rf"{re.escape(name)}", NAMES)
        for kind in (MARIADB, SQLITE)
        for name in (
            "book?id=like.1",
            "book?title=is.true",
            "order?select=address(*)",
            "book?select=title->x",
            "book?select=title.sum()",
        )
    ),
)
