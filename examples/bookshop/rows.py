"""All rows of the bookshop, the same on every database.

Rule: a table is one row of `MAKERS`, after every table it refers to; each gets its own chance and what was made so far.
"""

from __future__ import annotations

from collections.abc import Callable

from examples.bookshop import catalogue, orders, people, shops
from examples.bookshop.draw import Draw
from examples.bookshop.values import Row, Rows

MAKERS: dict[str, Callable[[Draw, Rows], list[Row]]] = {
    "publisher": catalogue.publishers,
    "category": catalogue.categories,
    "author": catalogue.authors,
    "book": catalogue.books,
    "book_author": catalogue.book_authors,
    "tag": catalogue.tags,
    "book_tag": catalogue.book_tags,
    "shop": shops.shops,
    "staff": shops.staff,
    "stock": shops.stock,
    "stock_movement": shops.stock_movements,
    "customer": people.customers,
    "customer_profile": people.profiles,
    "address": people.addresses,
    "order": orders.orders,
    "order_line": orders.order_lines,
    "review": people.reviews,
    "reader's note": people.notes,
    "reading_survey": people.sheets,
}
TABLES = tuple(MAKERS)
VIEWS = ("published_book", "customer_spending")
GENERATED = {"staff": "full_name", "order_line": "amount"}  # columns that the database computes and no row holds


def rows() -> Rows:
    """Table → rows in the order they can be inserted; every row of a table has the same columns in the same order.

    The columns of `GENERATED` are left out. Each call makes new lists, so the caller may change them.
    """
    made: Rows = {}
    for table, make in MAKERS.items():
        made[table] = make(Draw(table), made)
    return made
