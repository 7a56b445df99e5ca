"""What a request costs before the database hears of it: reading an address, finding a plan, binding; and compiling a new one.

`python -m benchmarks.micro` runs on the bundled bookshop (SQLite is enough: nothing is sent) for each dialect, and prints
a Markdown table. Times are medians of repeated runs, in microseconds of processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from examples import bookshop
from reflector.access.bind import bind_permissions
from reflector.access.description import AccessDescription, AllowRules, ReadRules, RoleRules, RuleText, TableRules
from reflector.access.permissions import open_grants
from reflector.access.principal import Principal, bind_claim
from reflector.access.rewrite import rewrite
from reflector.access.scoping import scope_for
from reflector.catalog.model import Catalog, DatabaseKind, Table
from reflector.database_url import parse_database_url
from reflector.datatypes import Value
from reflector.dialects import DIALECTS
from reflector.drivers import open_driver
from reflector.query.comparisons import EQ, GTE
from reflector.query.nodes import (
    Assignment,
    Compare,
    Embed,
    Field,
    Insert,
    Literal,
    Order,
    Output,
    Query,
    Read,
    Selected,
    all_of,
)
from reflector.query.parameterize import parameterize
from reflector.reflection import reflect
from reflector.snapshot import Access, PlanCache, Snapshot
from reflector.sql.compile import bind_plan, compile_query
from reflector.sql.dialect import Dialect
from reflector.sql.plan import FromClaim
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.shapes import shape_of
from server.garbage import keep_what_is_here, look_seldom

NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def outputs(table: Table) -> tuple[Selected, ...]:
    return tuple(Output(column.name, Field(column)) for column in table.columns)


def keyed(table: Table, value: object) -> Compare:
    column = table.by_name["id"]
    return Compare(Field(column), EQ, Literal(value, column.type))


def one_row(catalog: Catalog) -> Query:
    table = catalog.tables["book"]
    return Read(table, outputs(table), where=keyed(table, 7), single=True)


def list_of_rows(catalog: Catalog) -> Query:
    table = catalog.tables["book"]
    price = table.by_name["price"]
    dear = Compare(Field(price), GTE, Literal(Decimal(20), price.type))
    order = (Order(Field(price), descending=True), Order(Field(table.by_name["id"])))
    return Read(table, outputs(table), where=all_of(dear), order=order, limit=100, keyset=True)


def nested_three_levels(catalog: Catalog) -> Query:
    publisher, book, review = (catalog.tables[name] for name in ("publisher", "book", "review"))
    reviews = Embed("review", catalog.relationships[book]["review"], Read(review, outputs(review), limit=100))
    books = Embed("book", catalog.relationships[publisher]["book"], Read(book, (*outputs(book), reviews), limit=100))
    order = (Order(Field(publisher.by_name["code"])),)
    return Read(publisher, (*outputs(publisher), books), order=order, limit=20, keyset=True)


def insert(catalog: Catalog) -> Query:
    table = catalog.tables["review"]
    given = {"book_id": 1, "customer_id": 2, "rating": 5, "title": "good", "body": "very"}
    values = tuple(
        Assignment(table.by_name[name], Literal(value, table.by_name[name].type)) for name, value in given.items()
    )
    return Insert(table, values, returning=Read(table, outputs(table), single=True))


QUESTIONS: tuple[tuple[str, Callable[[Catalog], Query]], ...] = (
    ("one row by key", one_row),
    ("100 rows, filter and order", list_of_rows),
    ("three levels", nested_three_levels),
    ("insert one", insert),
)


ADDRESSES = (
    ("one row", "id=eq.7"),
    ("a page", "select=id,title,price&status=eq.published&price=gte.20&order=price.desc,id&limit=20"),
    ("related rows", ("select=id,title,price,publisher(name),review(rating,title)&status=eq.published&price=gte.20"
     "&order=price.desc,id&limit=20&review.order=rating.desc&review.limit=3")),
    ("a tree of filters", "select=id,title&or=(price.lt.10,and(price.gte.20,price.lt.30))&status=in.(published,draft)&limit=20"),
)  # fmt: skip
"""Query strings of PostgREST's grammar."""


def microseconds(work: Callable[[], object], times: int) -> float:
    """The median of seven runs, of one call of each run's `times`."""
    runs = []
    for _ in range(7):
        began = time.process_time()
        for _ in range(times):
            work()
        runs.append((time.process_time() - began) / times * 1e6)
    return statistics.median(runs)


def row(dialect: Dialect, name: str, query: Query, access: Access) -> str:
    """A row of the table: parse is not in it, building the tree is the API's."""
    plans = PlanCache()
    shape, values = parameterize(query, buckets=dialect.buckets)
    plan = compile_query(dialect, rewrite(shape, access.grants)[0])
    plans.put((shape, access.roles), (plan,))

    def hit() -> None:
        again, _ = parameterize(query, buckets=dialect.buckets)
        plans.get((again, access.roles))

    def bind() -> None:
        bind_plan(plan, values, lambda claim: claim, NOW)

    def miss() -> None:
        compile_query(dialect, rewrite(shape, access.grants)[0])

    costs = (microseconds(hit, 2000), microseconds(bind, 2000), microseconds(miss, 20))
    return f"| {dialect.name} | {name} | {costs[0]:.0f} | {costs[1]:.0f} | {costs[2]:,.0f} |"


def address_row(name: str, query: str) -> str:
    """What an address costs when it is read, and what is looked at to find that one like it was read before."""
    read = microseconds(lambda: question(query), 500)
    told = microseconds(lambda: shape_of(query), 2000)
    return f"| {name} | {read:.0f} | {told:.1f} |"


RULES = (
    ("no rule", "True"),
    ("a rule without claims", "status == 'published'"),
    ("one claim", "customer_id == claims.sub"),
    ("three claims", "customer_id == claims.sub or title == claims.name or body == claims.org"),
)
CALLER = Principal(("customer",), {"sub": 7, "name": "a name", "org": "an organization"})


def rule_row(catalog: Catalog, dialect: Dialect, name: str, rule: str) -> str:
    """What a plan hit costs under a rule: the plan is looked up, its values and claims are bound."""
    allowed = TableRules("review", {"customer": AllowRules(ReadRules(RuleText(rule)))})
    permissions, complaints = bind_permissions(
        AccessDescription(roles={"customer": RoleRules()}, tables=(allowed,)), catalog
    )
    assert not complaints, complaints
    snapshot = Snapshot(0, catalog, permissions)
    access, plans, table = snapshot.access(CALLER), snapshot.plans, catalog.tables["review"]
    query = Read(table, outputs(table), where=keyed(table, 7), single=True)
    shape, _ = parameterize(query, buckets=dialect.buckets)
    plans.put((shape, access.roles), (compile_query(dialect, rewrite(shape, access.grants)[0]),))

    def claim(source: FromClaim) -> Value:
        return bind_claim(CALLER, source.path, source.type, source.many)

    def hit() -> None:
        again, values = parameterize(query, buckets=dialect.buckets)
        found = plans.get((again, access.roles))
        assert found is not None
        bind_plan(found[0], values, claim, NOW)

    return f"| {name} | {microseconds(hit, 2000):.1f} |"


async def catalog_of_the_bookshop() -> Catalog:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bookshop.sqlite"
        bookshop.load_sqlite(path)
        driver = open_driver(parse_database_url(f"sqlite:///{path}"))
        await driver.open()
        try:
            return await reflect(driver.kind, driver.fetch)
        finally:
            await driver.close()


def main() -> int:
    argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__).parse_args()
    look_seldom()  # as the server does
    catalog = asyncio.run(catalog_of_the_bookshop())
    keep_what_is_here()
    grants = open_grants(catalog, writable=True)
    access = Access(scope_for(catalog, grants), grants)
    print("| database | question | plan found, µs | values bound, µs | plan missed: compiled, µs |")
    print("| --- | --- | ---: | ---: | ---: |")
    for kind in ("postgresql", "mariadb", "sqlite"):
        dialect = next(each for each in DIALECTS.values() if each.kind.value == kind)
        for name, asks in QUESTIONS:
            print(row(dialect, name, asks(catalog), access))
    print("\n| a plan that is known, on PostgreSQL, under | µs |")
    print("| --- | ---: |")
    for name, rule in RULES:
        print(rule_row(catalog, DIALECTS[DatabaseKind.POSTGRESQL], name, rule))
    print("\n| an address of PostgREST's grammar | read by the parser, µs | its form told, µs |")
    print("| --- | ---: | ---: |")
    for name, query in ADDRESSES:
        print(address_row(name, query))
    return 0


if __name__ == "__main__":
    sys.exit(main())
