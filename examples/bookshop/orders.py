"""The rows of what was bought: orders and their lines."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from examples.bookshop import words
from examples.bookshop.draw import Draw
from examples.bookshop.values import Json, Row, Rows, Value

ORDERS = 420
FIRST_ORDER = 1001
STATUSES = ("cart", "paid", "paid", "shipped", "shipped", "shipped", "cancelled")
CURRENCIES = {
    "EUR": "1.00000000",
    "GBP": "0.85123456",
    "PEN": "4.01230000",
    "JPY": "161.87000001",
    "COP": "4205.12345678",
}
DETAILS: tuple[Json | None, ...] = (
    None,
    None,
    Json({"source": "web", "coupon": None, "parcels": [{"kg": 1.25}, {"kg": 0.3}]}),
    Json({"source": "till", "coupon": "SPRING'24"}),
    Json(None),
    Json([]),
)


def _homes(made: Rows) -> dict[Value, list[Value]]:
    homes: dict[Value, list[Value]] = {}
    for address in made["address"]:
        homes.setdefault(address["customer_id"], []).append(address["id"])
    return homes


def _order(draw: Draw, number: int, homes: dict[Value, list[Value]], made: Rows) -> Row:
    # The last customers never bought anything, except the one with the very large key.
    customer = made["customer"][-1] if number % 60 == 0 else draw.pick(made["customer"][:120])
    status, collected = draw.pick(STATUSES), draw.chance(0.25)
    currency = draw.pick(tuple(CURRENCIES)) if draw.chance(0.3) else "EUR"
    return {
        "id": FIRST_ORDER + number,
        "customer_id": customer["id"],
        "billing_address_id": draw.pick(homes[customer["id"]]),
        "shipping_address_id": None if collected else draw.pick(homes[customer["id"]]),
        "handled_by": None if status == "cart" else draw.pick(made["staff"])["id"],
        "status": status,
        "placed_at": draw.instant(),
        "collect_at": draw.wall_clock() if collected else None,
        "currency": currency,
        "exchange_rate": Decimal(CURRENCIES[currency]),
        "gift": draw.chance(0.15),
        "remark": draw.pick(words.REMARKS) if draw.chance(0.3) else None,
        "details": draw.pick(DETAILS),
    }


def orders(draw: Draw, made: Rows) -> list[Row]:
    homes = _homes(made)
    return [_order(draw, number, homes, made) for number in range(ORDERS)]


def _lines(draw: Draw, order: Row, made: Rows) -> Iterator[Row]:
    # An empty cart is a row without lines.
    count = draw.integer(0, 2) if order["status"] == "cart" else draw.integer(1, 5)
    for line_number, book in enumerate(draw.some(made["book"], count), start=1):
        yield {
            "order_id": order["id"],
            "line_number": line_number,
            "book_id": book["id"],
            "quantity": draw.integer(1, 4) if draw.chance(0.3) else 1,
            "price": book["price"] if draw.chance(0.9) else draw.decimal(100, 2_000, 2),
        }


def order_lines(draw: Draw, made: Rows) -> list[Row]:
    return [line for order in made["order"] for line in _lines(draw, order, made)]
