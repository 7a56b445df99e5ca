"""What is asked: one row for each workload, with how to ask the baseline and how to ask Reflector for the same.

Rule: a workload is one row of `workloads`. The requests are drawn here from a fixed seed, once for both servers, and
`rows` of an `Ask` says what both answers must have in common.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias

from benchmarks.data import STATUSES, Sizes

SEED = 20_240_229
DRAWN = 10_000

Values: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire; an empty body is none."""

    method: str
    path: str
    body: str = ""


def everything(answer: Any) -> Any:
    return answer


@dataclass(frozen=True, slots=True)
class Ask:
    """How one server is asked. `path` takes drawn values by name, `body` makes JSON of them; `rows` reads an answer."""

    path: str
    body: Callable[[Values], object] | None = None
    rows: Callable[[Any], Any] = everything

    def request(self, method: str, values: Values) -> Request:
        body = "" if self.body is None else json.dumps(self.body(values))
        return Request(method, self.path.format_map(values), body)


@dataclass(frozen=True, slots=True)
class Workload:
    """One line of the report. `ours` is None where Reflector does not offer the like yet."""

    name: str
    title: str
    method: str
    status: int
    draw: Callable[[random.Random, Sizes], Values]
    baseline: Ask
    ours: Ask | None
    # Run before each measurement, so that what earlier ones left behind slows nobody down.
    before: str = ""
    # How many requests are drawn: fewer where each is always the same.
    drawn: int = field(default=DRAWN)

    def values(self, sizes: Sizes, count: int, salt: str = "") -> Iterator[Values]:
        """The drawn values, the same ones in the same order whoever asks; another salt draws others."""
        dice = random.Random(f"{SEED} {self.name} {salt}")
        return islice(iter(lambda: self.draw(dice, sizes), None), count)


# How answers are read


def items(answer: Any) -> Any:
    return answer["items"]


def without_id(answer: Any) -> Any:
    """The identity column counts on, whoever inserts."""
    return {name: value for name, value in answer.items() if name != "id"}


def customers_of_baseline(customers: Any) -> Any:
    """The baseline says `items` where the resource API names the relationship after its table."""
    return [
        customer | {"orders": [_renamed(order, "items", "order_items") for order in customer["orders"]]}
        for customer in customers
    ]


def _renamed(row: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in row.items()}


def baseline_graphql(answer: Any) -> Any:
    return customers_of_baseline(answer["data"]["customers"])


def our_graphql(answer: Any) -> Any:
    return answer["data"]["customers"]


def the_only(answer: Any) -> Any:
    (row,) = answer
    return row


def page_of_baseline(answer: Any) -> Any:
    return answer["total"], answer["rows"]


def page_of_ours(answer: Any) -> Any:
    return answer["page"]["total"], answer["items"]


# How values are drawn


def nothing(_dice: random.Random, _sizes: Sizes) -> Values:
    return {}


def an_order(dice: random.Random, sizes: Sizes) -> Values:
    return {"id": dice.randint(1, sizes.orders)}


def a_status(dice: random.Random, _sizes: Sizes) -> Values:
    return {"status": dice.choice(STATUSES)}


def a_place_among_customers(dice: random.Random, sizes: Sizes) -> Values:
    return {"after": dice.randint(0, sizes.customers - 20)}


def a_new_order(dice: random.Random, sizes: Sizes) -> Values:
    cents = Decimal(dice.randint(100, 99_999))
    return {
        "customer_id": dice.randint(1, sizes.customers),
        "status": dice.choice(STATUSES),
        "total": float(cents / 100),
        "created_at": f"2024-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T{dice.randint(0, 23):02}:30:00+00:00",
    }


GRAPHQL = """query ($after: bigint!) { customers(where: {id: {_gt: $after}}, order_by: {id: asc}, limit: 20) {
 id name email country created_at orders(order_by: {id: asc}) { id customer_id status total created_at
 order_items(order_by: {id: asc}) { id order_id product_id quantity unit_price } } } }"""


def graphql_body(values: Values) -> object:
    return {"query": GRAPHQL, "variables": {"after": values["after"]}}


def all_values(values: Values) -> object:
    return dict(values)


WORKLOADS = (
    Workload(
        "W1", "one order by its key", "GET", 200, an_order,
        baseline=Ask("/orders/{id}"),
        ours=Ask("/api/orders/{id}"),
    ),
    Workload(
        "W2", "100 orders of a status, newest first", "GET", 200, a_status,
        baseline=Ask("/orders?status={status}"),
        ours=Ask("/api/orders?status={status}&sort=-created_at&limit=100", rows=items),
    ),
    Workload(
        "W3", "20 customers, all their orders, all items of those", "GET", 200, a_place_among_customers,
        baseline=Ask("/customers?after={after}", rows=customers_of_baseline),
        ours=Ask("/api/customers?id__gt={after}&limit=20&include=orders,orders.order_items", rows=items),
    ),
    Workload(
        "W4", "insert an order and return it", "POST", 201, a_new_order,
        baseline=Ask("/new_orders", body=all_values, rows=without_id),
        ours=Ask("/api/new_orders", body=all_values, rows=without_id),
        before="TRUNCATE new_orders",
    ),
    Workload(
        "W5", "W3 asked in GraphQL", "POST", 200, a_place_among_customers,
        baseline=Ask("/graphql", body=graphql_body, rows=baseline_graphql),
        ours=Ask("/graphql", body=graphql_body, rows=our_graphql),
    ),
    Workload(
        "W6", "products 5,001 to 5,050 of 10,000 with the exact count", "GET", 200, nothing,
        baseline=Ask("/products?page=101&limit=50", rows=page_of_baseline),
        ours=Ask("/api/products?page=101&limit=50&count=exact", rows=page_of_ours),
        drawn=1,
    ),
    Workload(
        "P1", "W1 asked as PostgREST is asked", "GET", 200, an_order,
        baseline=Ask("/orders/{id}"),
        ours=Ask("/rest/v1/orders?id=eq.{id}", rows=the_only),
    ),
    Workload(
        "P2", "W2 asked as PostgREST is asked", "GET", 200, a_status,
        baseline=Ask("/orders?status={status}"),
        ours=Ask("/rest/v1/orders?status=eq.{status}&order=created_at.desc&limit=100"),
    ),
    Workload(
        "P3", "W3 asked as PostgREST is asked", "GET", 200, a_place_among_customers,
        baseline=Ask("/customers?after={after}", rows=customers_of_baseline),
        ours=Ask(
            "/rest/v1/customers?select=*,orders(*,order_items(*))&id=gt.{after}&order=id&limit=20"
            "&orders.order=id&orders.order_items.order=id"
        ),
    ),
    Workload(
        "W7", "count and sum of all orders by status", "GET", 200, nothing,
        baseline=Ask("/orders_by_status"),
        ours=None,
        drawn=1,
    ),
)  # fmt: skip
