"""The rows that customers own: themselves, profiles, addresses, reviews, notes and survey sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal

from examples.bookshop import words
from examples.bookshop.catalogue import publication
from examples.bookshop.draw import Draw
from examples.bookshop.shops import plain
from examples.bookshop.values import Json, Row, Rows, Value

CUSTOMERS = 150
IMPORTED_CUSTOMER = 2**53 + 1  # a key that a float cannot hold
QUESTIONS = 67
SHEETS = 60
NOTES = 48
LOYALTY_NUMBERS = (2**63 - 1, 2**53 + 1, 2**53, -42, 0, 1)
AWKWARD_CREDITS = ("-12.50", "99999999.99", "-99999999.99", "0.10", "-0.01")
SENTIMENTS = (0.1 + 0.2, -1.0, 1.0, 1e-07, -1.5e-10, 0.0, 1 / 3)
PREFERENCES: tuple[Json | None, ...] = (
    Json({"theme": "dark", "genres": ["crime", "poetry"], "mail": {"weekly": True, "hour": 7.5}}),
    Json({"theme": None}),
    Json({}),
    Json([]),
    Json(None),
    Json("none"),
    Json(42),
    None,
)

# The kinds of column come round every five questions, as in the schemas.
ANSWERS: tuple[Callable[[Draw], Value], ...] = (
    lambda draw: draw.integer(-32_768, 32_767),
    lambda draw: draw.chance(0.5),
    lambda draw: draw.pick(words.ANSWERS),
    lambda draw: draw.decimal(-99_999, 999_999, 2),
    lambda draw: date(draw.integer(1900, 2100), draw.integer(1, 12), draw.integer(1, 28)),
)


def _name(draw: Draw, number: int) -> str:
    if number <= len(words.AWKWARD_NAMES):
        return words.AWKWARD_NAMES[number - 1]
    return f"{draw.pick(words.GIVEN_NAMES)} {draw.pick(words.FAMILY_NAMES)}"


def _loyalty_number(draw: Draw, number: int) -> int | None:
    if number <= len(LOYALTY_NUMBERS):
        return LOYALTY_NUMBERS[number - 1]
    return 2**60 + number * 1_000_003 if draw.chance(0.6) else None


def _credit(draw: Draw, number: int) -> Decimal:
    if number <= len(AWKWARD_CREDITS):
        return Decimal(AWKWARD_CREDITS[number - 1])
    return draw.decimal(-5_000, 20_000, 2) if draw.chance(0.4) else Decimal("0.00")


def _customer(draw: Draw, number: int) -> Row:
    name = _name(draw, number)
    return {
        "id": IMPORTED_CUSTOMER if number == CUSTOMERS else number,
        "email": f"{plain(name) or 'reader'}{number}@mail.example",
        "name": name,
        "phone": f"+{draw.integer(1, 99)} {draw.integer(100, 999)} {draw.integer(10_000, 99_999)}"
        if draw.chance(0.6)
        else None,
        "loyalty_number": _loyalty_number(draw, number),
        "credit": _credit(draw, number),
        "active": draw.chance(0.9),
        "login_secret": f"{draw.bits(128):032x}",
        "joined_at": datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) if number == 1 else draw.instant(2015, 9),
    }


def customers(draw: Draw, _made: Rows) -> list[Row]:
    return [_customer(draw, number) for number in range(1, CUSTOMERS + 1)]


def _profile(draw: Draw, customer: Row, place: int, made: Rows) -> Row:
    return {
        "customer_id": customer["id"],
        "referrer_id": draw.pick(made["customer"])["id"] if draw.chance(0.4) else None,
        "favourite_author_id": draw.pick(made["author"])["id"] if draw.chance(0.6) else None,
        "birthday": draw.wall_clock(1940, 65).date() if draw.chance(0.7) else None,
        "reads_at": time(draw.integer(0, 23), draw.integer(0, 59), draw.integer(0, 59)) if draw.chance(0.6) else None,
        "newsletter": draw.pick((True, False, None)),
        "preferences": PREFERENCES[place % len(PREFERENCES)],
        "avatar": draw.blob(draw.integer(0, 32)) if draw.chance(0.3) else None,
        "updated_at": draw.wall_clock() if draw.chance(0.7) else None,
    }


def profiles(draw: Draw, made: Rows) -> list[Row]:
    """Two of three customers have one."""
    return [_profile(draw, customer, place, made) for place, customer in enumerate(made["customer"]) if place % 3]


def _addresses(draw: Draw, customer: Row) -> Iterator[Row]:
    for place, label in enumerate(draw.some(words.LABELS, draw.pick((1, 1, 2, 3)))):
        city, country, postal_code = draw.pick(words.CITIES)
        yield {
            "customer_id": customer["id"],
            "label": label,
            "street": f"{draw.pick(words.STREETS)} {draw.integer(1, 240)}",
            "city": city,
            "postal_code": postal_code,
            "country": country,
            "preferred": place == 0,
        }


def addresses(draw: Draw, made: Rows) -> list[Row]:
    found = (address for customer in made["customer"] for address in _addresses(draw, customer))
    return [{"id": number, **address} for number, address in enumerate(found, start=1)]


def _review(draw: Draw, number: int, customer: Value, book: Value) -> Row:
    status, publish_at = publication(draw)
    drawn = " ".join(draw.some(words.OPINIONS, draw.integer(1, 4)))
    return {
        "id": number,
        "book_id": book,
        "customer_id": customer,
        "status": status,
        "publish_at": publish_at,
        "rating": draw.integer(1, 5) if draw.chance(0.85) else None,
        "title": draw.pick(words.REVIEW_TITLES) if draw.chance(0.7) else None,
        "body": words.AWKWARD_REVIEWS[number - 1] if number <= len(words.AWKWARD_REVIEWS) else drawn,
        "sentiment": draw.pick(SENTIMENTS) if draw.chance(0.2) else draw.pick((None, draw.real(-1, 1, 6))),
        "helpful": draw.integer(-3, 120),
        "created_at": draw.instant(),
    }


def reviews(draw: Draw, made: Rows) -> list[Row]:
    ids = [book["id"] for book in made["book"]]
    pairs = [
        (customer["id"], book) for customer in made["customer"] for book in draw.some(ids, draw.pick((0, 1, 2, 3, 8)))
    ]
    return [_review(draw, number, customer, book) for number, (customer, book) in enumerate(pairs, start=1)]


def _note(draw: Draw, number: int, made: Rows) -> Row:
    return {
        "id": number,
        "customer_id": draw.pick(made["customer"])["id"],
        "book_id": draw.pick(made["book"])["id"] if draw.chance(0.8) else None,
        'say "hi"': draw.pick(("hi", '"hi"', "it's me", "", None, "¡hola!", "やあ", "back\\slash")),
        "100%": draw.decimal(0, 10_000, 2) if draw.chance(0.8) else None,
        "order": draw.integer(-5, 60),
        "größe": draw.pick(("klein", "groß", "größer", None)),
        "back\\slash": draw.pick(("\\", "\\\\", "C:\\new\\table", None)),
        "page:line": f"{draw.integer(1, 400)}:{draw.integer(1, 40)}" if draw.chance(0.7) else None,
        "why?": draw.pick(("because", "why not?", "?", None)),
        "two words": draw.pick((True, False, None)),
    }


def notes(draw: Draw, made: Rows) -> list[Row]:
    return [_note(draw, number, made) for number in range(1, NOTES + 1)]


def _answer(draw: Draw, question: int) -> Value:
    return ANSWERS[(question - 1) % len(ANSWERS)](draw) if draw.chance(0.75) else None


def _sheet(draw: Draw, number: int, made: Rows) -> Row:
    head: Row = {
        "id": number,
        "customer_id": draw.pick(made["customer"])["id"] if draw.chance(0.7) else None,
        "taken_at": draw.instant(),
    }
    return head | {f"question_{question:02d}": _answer(draw, question) for question in range(1, QUESTIONS + 1)}


def sheets(draw: Draw, made: Rows) -> list[Row]:
    return [_sheet(draw, number, made) for number in range(1, SHEETS + 1)]
