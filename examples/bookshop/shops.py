"""The rows of the house itself: shops, the people who work there, what stands on the shelves and how it moved."""

from __future__ import annotations

import unicodedata
from datetime import time
from decimal import Decimal

from examples.bookshop import words
from examples.bookshop.draw import Draw
from examples.bookshop.values import Row, Rows, Value

STAFF = 28
MOVEMENTS = 520
REASONS = ("sale", "sale", "sale", "return", "delivery", "theft?", "found behind the shelf")
AWKWARD_CHECKSUMS: tuple[Value, ...] = (
    -(2**63), 2**63 - 1, 2**53, 2**53 + 1, -(2**53) - 1, -1, 0, 2**31, -(2**31) - 1, None
)  # fmt: skip


def plain(name: str) -> str:
    """The name as it stands in an address of electronic mail."""
    letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "".join(letter for letter in letters if letter.isalnum())


def shops(_draw: Draw, _made: Rows) -> list[Row]:
    return [
        {
            "id": number,
            "name": name,
            "city": city,
            "opens_at": time.fromisoformat(opens),
            "closes_at": time.fromisoformat(closes),
            "latitude": latitude,
            "longitude": longitude,
        }
        for number, (name, city, opens, closes, latitude, longitude) in enumerate(words.SHOPS, start=1)
    ]


def _employee(draw: Draw, number: int, made: Rows) -> Row:
    given, family = draw.pick(words.GIVEN_NAMES), draw.pick(words.FAMILY_NAMES)
    return {
        "id": number,
        "shop_id": made["shop"][(number - 1) % len(made["shop"])]["id"],
        "manager_id": (number + 2) // 4 if number > 2 else None,
        "given_name": given,
        "family_name": family,
        "email": f"{plain(given)}.{plain(family)}.{number}@bookshop.example",
        "badge": draw.uuid(),
        "salary": draw.decimal(180_000, 620_000, 2) if number > 1 else Decimal("12345.60"),
        "hired_on": draw.wall_clock(2005, 18).date(),
        "shift_starts_at": time(draw.integer(6, 14), draw.pick((0, 15, 30)), 0) if draw.chance(0.8) else None,
        "active": draw.chance(0.85),
    }


def staff(draw: Draw, made: Rows) -> list[Row]:
    return [_employee(draw, number, made) for number in range(1, STAFF + 1)]


def stock(draw: Draw, made: Rows) -> list[Row]:
    """Null Island has opened one second a day so far and holds nothing."""
    return [
        {
            "shop_id": shop["id"],
            "book_id": book["id"],
            "quantity": draw.integer(0, 40) if draw.chance(0.9) else 0,
            "shelf": f"{draw.pick('ABCDE')}-{draw.integer(1, 40)}" if draw.chance(0.8) else None,
            "counted_at": draw.wall_clock() if draw.chance(0.6) else None,
        }
        for shop in made["shop"]
        if shop["name"] != "Null Island Books"
        for book in made["book"]
        if draw.chance(0.5)
    ]


def _signed(bits: int) -> int:
    return bits - 2**64 if bits >= 2**63 else bits


def _movement(draw: Draw, number: int, made: Rows) -> Row:
    place = draw.pick(made["stock"])
    reason = draw.pick(REASONS)
    amount = draw.integer(1, 30)
    awkward = number < len(AWKWARD_CHECKSUMS)
    return {
        "shop_id": place["shop_id"],
        "book_id": place["book_id"],
        "staff_id": draw.pick(made["staff"])["id"] if draw.chance(0.8) else None,
        "quantity": amount if reason in {"return", "delivery"} else -amount,
        "reason": reason,
        "moved_at": draw.instant(),
        "checksum": AWKWARD_CHECKSUMS[number] if awkward else _signed(draw.bits(64)),
    }


def stock_movements(draw: Draw, made: Rows) -> list[Row]:
    """The last rows repeat earlier ones, because nothing in a table without key forbids it."""
    movements = [_movement(draw, number, made) for number in range(MOVEMENTS)]
    return movements + [dict(movement) for movement in movements[:5]]
