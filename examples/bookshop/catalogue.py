"""The rows of what is for sale: publishers, categories, authors, books, tags.

Rule: a maker is a function of chance and of the tables before it; hand-written awkward rows first, drawn ones after.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from examples.bookshop import words
from examples.bookshop.draw import Draw
from examples.bookshop.values import Json, Row, Rows, Value

BOOKS = 320
DRAWN_AUTHORS = 60
LANGUAGES = ("en", "es", "de", "fr", "ja", "ru", "pt-BR")
FAR_FUTURE = datetime(2037, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)  # MariaDB's TIMESTAMP ends in 2038
AWKWARD_ATTRIBUTES: tuple[object, ...] = (
    None,
    [],
    [1, "two", None, {"three": 3.5}],
    'only a text with "quotes" and a \\',
    True,
    {"": "empty key", "a.b": 1, "$c[0]": 2, "d'e\"f\\": 3, "größe": "ü", "emoji 📚": "😀"},
    {"big": 9_007_199_254_740_993, "negative": -1, "nothing": None, "deep": {"deeper": {"deepest": [[[]]]}}},
)


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def publishers(_draw: Draw, _made: Rows) -> list[Row]:
    return [
        {
            "code": code,
            "name": name,
            "country": country,
            "founded_on": day(founded),
            "website": website,
            "note": note,
        }
        for code, name, country, founded, website, note in words.PUBLISHERS
    ]


def _tree() -> Iterator[tuple[str, int | None, int]]:
    """Name, number of the parent row, and position among the brothers and sisters (from -1, to have a negative)."""
    number = 0
    for place, (root, children) in enumerate(words.CATEGORIES):
        number += 1
        parent = number
        yield root, None, place - 1
        for child_place, child in enumerate(children):
            number += 1
            yield child, parent, child_place - 1
    for name in words.DEEP_CATEGORIES:
        yield name, number, 0
        number += 1


def categories(_draw: Draw, _made: Rows) -> list[Row]:
    return [
        {"id": number, "parent_id": parent, "name": name, "position": position}
        for number, (name, parent, position) in enumerate(_tree(), start=1)
    ]


def _known_authors(draw: Draw) -> Iterator[Row]:
    for number, (name, sort_name, born, died, biography) in enumerate(words.AUTHORS):
        awkward = words.AWKWARD_BYTES[number] if number < len(words.AWKWARD_BYTES) else words.PORTRAIT
        yield {
            "id": draw.uuid(),
            "name": name,
            "sort_name": sort_name,
            "born_on": day(born),
            "died_on": day(died),
            "biography": biography,
            "portrait": awkward if born else None,
        }


def _drawn_author(draw: Draw) -> Row:
    given, family = draw.pick(words.GIVEN_NAMES), draw.pick(words.FAMILY_NAMES)
    born = draw.wall_clock(1930, 70).date() if draw.chance(0.8) else None
    return {
        "id": draw.uuid(),
        "name": f"{given} {family}",
        "sort_name": f"{family}, {given}",
        "born_on": born,
        "died_on": draw.wall_clock(2004, 20).date() if draw.chance(0.2) else None,
        "biography": f"Writes about {draw.pick(words.NOUNS).lower()}s." if draw.chance(0.5) else None,
        "portrait": draw.blob(draw.integer(1, 48)) if draw.chance(0.3) else None,
    }


def authors(draw: Draw, _made: Rows) -> list[Row]:
    return [*_known_authors(draw), *(_drawn_author(draw) for _ in range(DRAWN_AUTHORS))]


def isbn(number: int) -> str:
    digits = f"978{number:09d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def _titled(draw: Draw, number: int) -> tuple[str, str | None]:
    if number < len(words.TITLES):
        return words.TITLES[number][:2]
    pattern = draw.pick(words.PATTERNS)
    title = pattern.format(adjective=draw.pick(words.ADJECTIVES), noun=draw.pick(words.NOUNS))
    return title, f"Volume {draw.integer(1, 9)}" if draw.chance(0.2) else None


def publication(draw: Draw) -> tuple[str, datetime | None]:
    """Status and planned instant: most are out, some wait for a day still to come, drafts may have one or none."""
    if draw.chance(0.75):
        return "published", FAR_FUTURE if draw.chance(0.06) else draw.instant()
    if draw.chance(0.6):
        return "draft", draw.pick((None, None, FAR_FUTURE, draw.instant(2035, 2)))
    return "withdrawn", draw.instant() if draw.chance(0.7) else None


def _price(draw: Draw, number: int) -> Decimal:
    awkward = {20: Decimal("0.00"), 21: Decimal("99999999.99"), 22: Decimal("0.01"), 23: Decimal("10.10")}
    return awkward.get(number, draw.decimal(399, 8_999, 2))


def _attributes(draw: Draw, number: int) -> Json:
    if 24 <= number < 24 + len(AWKWARD_ATTRIBUTES):
        return Json(AWKWARD_ATTRIBUTES[number - 24])
    height, width = draw.real(15, 32, 1), draw.integer(9, 24)
    document: dict[str, object] = {"language": draw.pick(LANGUAGES), "size": {"height": height, "width": width}}
    if draw.chance(0.5):
        document["formats"] = draw.some(("paper", "hard", "epub", "audio"), draw.integer(0, 3))
    if draw.chance(0.3):
        document["edition"] = draw.integer(1, 12) if draw.chance(0.8) else None
    return Json(document)


def _book(draw: Draw, number: int, made: Rows) -> Row:
    title, subtitle = _titled(draw, number)
    status, publish_at = publication(draw)
    created = draw.instant(2019, 2)
    return {
        "id": number + 1,
        "isbn": isbn(1_000 + number * 7_919),
        "title": title,
        "subtitle": subtitle,
        "publisher_code": draw.pick(made["publisher"][:-1])["code"],
        "category_id": draw.pick(made["category"])["id"] if draw.chance(0.9) else None,
        "status": status,
        "publish_at": publish_at,
        "price": _price(draw, number),
        "pages": draw.integer(24, 1_400) if draw.chance(0.85) else None,
        "weight": draw.real(0.08, 2.5, 3) if draw.chance(0.8) else None,
        "in_print": draw.chance(0.8),
        "attributes": _attributes(draw, number),
        "created_at": created,
        "updated_at": created if draw.chance(0.5) else draw.instant(2022, 2),
    }


def books(draw: Draw, made: Rows) -> list[Row]:
    return [_book(draw, number, made) for number in range(BOOKS)]


def _writers(draw: Draw, number: int, made: Rows) -> list[Value]:
    ids = [author["id"] for author in made["author"]]
    known = words.TITLES[number][2] if number < len(words.TITLES) else None
    first = [ids[known]] if known is not None else []
    others = [other for other in draw.some(ids, draw.pick((0, 0, 1, 1, 2, 4))) if other not in first]
    return first + others


def book_authors(draw: Draw, made: Rows) -> list[Row]:
    return [
        {
            "book_id": book["id"],
            "author_id": author,
            "contribution": "author" if place == 1 else draw.pick(("author", "editor", "translator", "illustrator")),
            "position": place,
            "share": draw.decimal(0, 10_000, 4) if draw.chance(0.7) else None,
        }
        for number, book in enumerate(made["book"])
        for place, author in enumerate(_writers(draw, number, made), start=1)
    ]


def tags(_draw: Draw, _made: Rows) -> list[Row]:
    return [{"name": name, "description": description} for name, description in words.TAGS]


def book_tags(draw: Draw, made: Rows) -> list[Row]:
    names = [tag["name"] for tag in made["tag"][:-1]]
    return [
        {"book_id": book["id"], "tag": name}
        for book in made["book"]
        for name in draw.some(names, draw.pick((0, 1, 1, 2, 3)))
    ]
