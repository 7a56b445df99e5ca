"""Queries on three databases, held against the rows that the bookshops were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from examples import bookshop
from tests.apis.graphql.asking import data, refused
from tests.server.harness import Served

ROWS: Mapping[str, list[dict[str, Any]]] = {name: [dict(row) for row in each] for name, each in bookshop.rows().items()}
BOOKS = ROWS["book"]
CATEGORIES = {row["id"]: row for row in ROWS["category"]}
REVIEWS: dict[int, list[dict[str, Any]]] = {}
for review in ROWS["review"]:
    REVIEWS.setdefault(review["book_id"], []).append(review)

PUBLISHERS = {row["code"]: row for row in ROWS["publisher"]}
AUTHORS = {row["id"]: row for row in ROWS["author"]}
WRITTEN_BY: dict[int, list[Any]] = {}
for line in ROWS["book_author"]:
    WRITTEN_BY.setdefault(line["book_id"], []).append(line["author_id"])

Keep = Callable[[dict[str, Any]], bool]


def like(word: str, *, cased: bool = True) -> Keep:
    return lambda row: word in (row["title"] if cased else row["title"].lower())


WHERE: list[tuple[str, Keep]] = [
    ("{}", lambda row: True),
    ("{id: {_eq: 3}}", lambda row: row["id"] == 3),
    ("{id: {_neq: 3}, price: {_gt: 20.27}}", lambda row: row["id"] != 3 and row["price"] > Decimal("20.27")),
    ('{price: {_gte: "20.28", _lt: 30}}', lambda row: Decimal("20.28") <= row["price"] < 30),
    ("{pages: {_lte: 300}}", lambda row: row["pages"] is not None and row["pages"] <= 300),
    ("{id: {_in: [1, 2, 99999]}}", lambda row: row["id"] in (1, 2)),
    ("{id: {_in: 2}}", lambda row: row["id"] == 2),
    ("{id: {_in: []}}", lambda row: False),
    ("{id: {_nin: []}, pages: {_is_null: true}}", lambda row: row["pages"] is None),
    ('{status: {_nin: ["draft", "withdrawn"]}}', lambda row: row["status"] == "published"),
    ("{pages: {_is_null: false}}", lambda row: row["pages"] is not None),
    ('{title: {_like: "%de%"}}', like("de")),
    ('{title: {_ilike: "%DE%"}}', like("de", cased=False)),
    ('{title: {_nlike: "%de%"}}', lambda row: "de" not in row["title"]),
    ('{title: {_nilike: "%DE%"}}', lambda row: "de" not in row["title"].lower()),
    ("{in_print: {_eq: false}}", lambda row: not row["in_print"]),
    ("{_or: [{id: {_eq: 1}}, {id: {_eq: 2}, price: {_lt: 0}}]}", lambda row: row["id"] == 1),
    ("{_or: {id: {_eq: 1}, price: {_gt: 0}}}", lambda row: row["id"] == 1 and row["price"] > 0),
    ("{_or: []}", lambda row: False),
    ("{_and: []}", lambda row: True),
    ("{_and: [{id: {_gt: 5}}, {id: {_lt: 9}}]}", lambda row: 5 < row["id"] < 9),
    ("{_not: {id: {_gt: 5}}}", lambda row: row["id"] <= 5),
    ("{_not: {pages: {_gt: 5}}}", lambda row: row["pages"] is not None and row["pages"] <= 5),
    ("{review: {}}", lambda row: bool(REVIEWS.get(row["id"]))),
    (
        "{review: {rating: {_eq: 5}, helpful: {_gt: 3}}}",
        lambda row: any(each["rating"] == 5 and each["helpful"] > 3 for each in REVIEWS.get(row["id"], ())),
    ),
    (
        "{_not: {review: {rating: {_gte: 3}}}}",
        lambda row: not any((each["rating"] or 0) >= 3 for each in REVIEWS.get(row["id"], ())),
    ),
    ('{publisher: {country: {_eq: "DE"}}}', lambda row: PUBLISHERS[row["publisher_code"]]["country"] == "DE"),
    (
        '{author: {name: {_like: "%o%"}}, category: {parent_id: {_is_null: true}}}',
        lambda row: (
            any("o" in AUTHORS[each]["name"] for each in WRITTEN_BY.get(row["id"], ()))
            and row["category_id"] is not None
            and CATEGORIES[row["category_id"]]["parent_id"] is None
        ),
    ),
]


@pytest.mark.parametrize(("where", "keep"), WHERE, ids=[where for where, _ in WHERE])
async def test_a_condition_finds_the_rows_it_says(shop: Served, where: str, keep: Keep) -> None:
    found = await data(shop, f"{{book(where: {where}) {{id}}}}")
    assert [row["id"] for row in found["book"]] == [row["id"] for row in BOOKS if keep(row)]


def nulls(name: str, *, last: bool, descending: bool = False) -> Callable[[dict[str, Any]], Any]:
    sign = -1 if descending else 1
    return lambda row: ((row[name] is None) == last, sign * (row[name] or 0), row["id"])


ORDERS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("{id: desc}", lambda row: -row["id"]),
    ("{pages: asc}", nulls("pages", last=True)),
    ("{pages: asc_nulls_first}", nulls("pages", last=False)),
    ("{pages: asc_nulls_last}", nulls("pages", last=True)),
    ("{pages: desc}", nulls("pages", last=False, descending=True)),
    ("{pages: desc_nulls_first}", nulls("pages", last=False, descending=True)),
    ("{pages: desc_nulls_last}", nulls("pages", last=True, descending=True)),
    ("[{in_print: asc}, {price: desc}]", lambda row: (row["in_print"], -row["price"], row["id"])),
    ("{price: desc, in_print: asc}", lambda row: (-row["price"], row["in_print"], row["id"])),
    ("{in_print: asc, price: desc}", lambda row: (row["in_print"], -row["price"], row["id"])),
    (
        "{category: {position: asc, id: desc}}",
        lambda row: (
            row["category_id"] is None,
            *(
                (CATEGORIES[row["category_id"]]["position"], -row["category_id"])
                if row["category_id"] is not None
                else ()
            ),
            row["id"],
        ),
    ),
]


@pytest.mark.parametrize(("order", "key"), ORDERS, ids=[order for order, _ in ORDERS])
async def test_rows_come_in_the_order_that_is_asked(
    shop: Served, order: str, key: Callable[[dict[str, Any]], Any]
) -> None:
    found = await data(shop, f"{{book(order_by: {order}, limit: 400) {{id}}}}")
    assert [row["id"] for row in found["book"]] == [row["id"] for row in sorted(BOOKS, key=key)]


async def test_an_order_in_a_variable_keeps_the_order_of_its_members(shop: Served) -> None:
    query = "query ($by: [book_order_by!]) {book(order_by: $by, limit: 400) {id}}"
    for by in ({"price": "desc", "in_print": "asc"}, {"in_print": "asc", "price": "desc"}):
        found = await data(shop, query, {"by": by})
        literal = await data(
            shop, f"{{book(order_by: {{{', '.join(f'{k}: {v}' for k, v in by.items())}}}, limit: 400) {{id}}}}"
        )
        assert found == literal


async def test_pages_do_not_overlap_and_leave_nothing_out(shop: Served) -> None:
    seen: list[int] = []
    query = "query ($n: Int!) {book(limit: 37, offset: $n, order_by: {status: asc}) {id}}"
    for start in range(0, len(BOOKS), 37):
        seen += [row["id"] for row in (await data(shop, query, {"n": start}))["book"]]
    assert sorted(seen) == [row["id"] for row in BOOKS]


async def test_one_row_by_its_key_and_null_where_there_is_none(shop: Served) -> None:
    query = "query ($id: $type!) {book_by_pk(id: $id) {id title}}".replace("$type", await id_type(shop))
    assert await data(shop, query, {"id": 3}) == {"book_by_pk": {"id": 3, "title": BOOKS[2]["title"]}}
    assert await data(shop, query, {"id": 4}) == {"book_by_pk": {"id": 4, "title": BOOKS[3]["title"]}}
    assert await data(shop, query, {"id": 99999}) == {"book_by_pk": None}
    stock = ROWS["stock"][0]
    found = await data(
        shop, f"{{stock_by_pk(shop_id: {stock['shop_id']}, book_id: {stock['book_id']}) {{quantity shelf}}}}"
    )
    assert found == {"stock_by_pk": {"quantity": stock["quantity"], "shelf": stock["shelf"]}}


async def id_type(shop: Served) -> str:
    """The scalar of the book's key: SQLite's integers have 64 bits."""
    found = await data(shop, '{__type(name: "book") {fields {name type {ofType {name}}}}}')
    return str(next(each["type"]["ofType"]["name"] for each in found["__type"]["fields"] if each["name"] == "id"))


async def test_related_rows_are_nested_both_ways_with_arguments_of_their_own(shop: Served) -> None:
    found = await data(
        shop,
        """{book(limit: 60) {id
            publisher {name}
            category {name parent {id}}
            author(order_by: {name: asc}, limit: 2, offset: 1) {id}
            review(where: {rating: {_gte: 3}}, order_by: {helpful: desc, id: asc}, limit: 2) {id book {id}}
        }}""",
    )
    for row, made in zip(found["book"], BOOKS, strict=False):
        assert row["publisher"] == {"name": PUBLISHERS[made["publisher_code"]]["name"]}
        category = CATEGORIES.get(made["category_id"])
        parent = None if category is None or category["parent_id"] is None else {"id": category["parent_id"]}
        assert row["category"] == (None if category is None else {"name": category["name"], "parent": parent})
        kept = [each for each in REVIEWS.get(made["id"], ()) if (each["rating"] or 0) >= 3]
        kept.sort(key=lambda each: (-each["helpful"], each["id"]))
        assert row["review"] == [{"id": each["id"], "book": {"id": made["id"]}} for each in kept[:2]]
        assert len(row["author"]) == max(0, min(2, len(WRITTEN_BY.get(made["id"], ())) - 1))


async def test_rows_are_counted_at_the_root_and_under_each_row(shop: Served) -> None:
    found = await data(
        shop,
        """{
          all: book_aggregate {aggregate {count}}
          some: book_aggregate(where: {status: {_eq: "draft"}}) {n: aggregate {drafts: count __typename} __typename}
          page: book_aggregate(limit: 5, offset: 2, order_by: {id: desc}) {aggregate {count} nodes {id}}
          beyond: book_aggregate(limit: 5, offset: 99999) {aggregate {count} nodes {id}}
          book(limit: 20) {id
            review_aggregate(where: {rating: {_gte: 3}}) {aggregate {count} nodes {rating}}
            few: review_aggregate(limit: 1, offset: 1) {aggregate {count}}
            author_aggregate {aggregate {count}}}
        }""",
    )
    drafts = sum(row["status"] == "draft" for row in BOOKS)
    assert found["all"] == {"aggregate": {"count": len(BOOKS)}}
    assert found["some"] == {
        "n": {"drafts": drafts, "__typename": "book_aggregate_fields"},
        "__typename": "book_aggregate",
    }
    last = [row["id"] for row in reversed(BOOKS)][2:7]
    assert found["page"] == {"aggregate": {"count": 5}, "nodes": [{"id": each} for each in last]}
    assert found["beyond"] == {"aggregate": {"count": 0}, "nodes": []}
    for row in found["book"]:
        ratings = [each["rating"] for each in REVIEWS.get(row["id"], ()) if (each["rating"] or 0) >= 3]
        assert row["review_aggregate"]["aggregate"] == {"count": len(ratings)}
        assert [each["rating"] for each in row["review_aggregate"]["nodes"]] == ratings
        assert row["few"]["aggregate"]["count"] == min(1, max(0, len(REVIEWS.get(row["id"], ())) - 1))
        assert row["author_aggregate"]["aggregate"]["count"] == len(WRITTEN_BY.get(row["id"], ()))


async def test_fields_come_in_the_order_of_the_selection_under_the_keys_it_gives(shop: Served) -> None:
    long, longer = "a" * 79 + "x", "a" * 79 + "y"
    found = await data(
        shop,
        f"""query Q {{
          z: book_by_pk(id: 1) {{{long}: title {longer}: isbn id ...more}}
          __typename
          {long}: book_by_pk(id: 2) {{__typename id}}
          {longer}: book_by_pk(id: 3) {{id}}
        }}
        fragment more on book {{publisher {{code}} ... on book {{publisher {{name}} kind: __typename}} id}}""",
    )
    assert list(found) == ["z", "__typename", long, longer]
    assert list(found["z"]) == [long, longer, "id", "publisher", "kind"]
    code = BOOKS[0]["publisher_code"]
    assert found["z"] == {
        long: BOOKS[0]["title"],
        longer: BOOKS[0]["isbn"],
        "id": 1,
        "publisher": {"code": code, "name": PUBLISHERS[code]["name"]},
        "kind": "book",
    }
    assert found["__typename"] == "query_root"
    assert found[long] == {"__typename": "book", "id": 2}
    assert found[longer] == {"id": 3}


async def test_equal_keys_are_merged_and_contradictions_refused(shop: Served) -> None:
    found = await data(shop, "{a: book_by_pk(id: 1) {id} a: book_by_pk(id: 1) {title author {id}} }")
    assert list(found["a"]) == ["id", "title", "author"]
    code, path, _ = await refused(shop, "{a: book_by_pk(id: 1) {id} a: book_by_pk(id: 2) {id}}")
    assert (code, path) == ("validation-failed", "$.selectionSet.book_by_pk")


async def test_what_is_skipped_is_not_there_and_another_value_of_the_variable_asks_another_question(
    shop: Served,
) -> None:
    query = """query ($no: Boolean!, $yes: Boolean = true) {
        book_by_pk(id: 1) {id title @skip(if: $no) isbn @include(if: $yes)}
        tag(limit: 1) @include(if: $no) {name}}"""
    assert list((await data(shop, query, {"no": True}))["book_by_pk"]) == ["id", "isbn"]
    found = await data(shop, query, {"no": False, "yes": False})
    assert (list(found), list(found["book_by_pk"])) == (["book_by_pk"], ["id", "title"])
    assert await data(shop, "query ($no: Boolean = false) {tag @include(if: $no) {name}}") == {}


async def test_variables_of_every_kind_mean_what_literals_mean(shop: Served) -> None:
    query = """query ($w: book_bool_exp!, $ids: [$id!], $from: numeric, $like: String, $n: Int, $by: order_by!) {
        book(where: {_and: [$w, {id: {_in: $ids}}, {price: {_gte: $from}, title: {_like: $like}}]},
             order_by: {id: $by}, limit: $n) {id}}""".replace("$id!", f"{await id_type(shop)}!")
    for values, literal in (
        (
            {
                "w": {"status": {"_eq": "published"}},
                "ids": [1, 2, 3, 4, 5],
                "from": 1.5,
                "like": "%",
                "n": 3,
                "by": "desc",
            },
            '{status: {_eq: "published"}}, {id: {_in: [1, 2, 3, 4, 5]}}, {price: {_gte: 1.5}}], }, order_by: {id: desc}, limit: 3',
        ),
        (
            {"w": {"_or": {"id": {"_gt": 2}}}, "ids": 4, "from": "0.5", "like": "%e%", "n": None, "by": "asc"},
            '{id: {_gt: 2}}, {id: {_in: [4]}}, {title: {_like: "%e%"}}]}, order_by: {id: asc}',
        ),
        (
            {"w": {}, "ids": [], "from": 0, "like": "", "n": 0, "by": "asc"},
            "{id: {_in: []}}]}, limit: 0",
        ),
    ):
        found = await data(shop, query, values)
        assert found == await data(shop, f"{{book(where: {{_and: [{literal}) {{id}}}}")


@pytest.mark.parametrize(
    ("type_", "argument", "value", "said"),
    [
        ("Int", "limit: $x", 1.5, "Int cannot represent non-integer value: 1.5"),
        ("String", "where: {title: {_eq: $x}}", 2.25, "String cannot represent a non string value: 2.25"),
        ("[book_order_by!]", "order_by: $x", [{"id": 0.5}], "Enum 'order_by' cannot represent non-string value: 0.5"),
        ("book_bool_exp", "where: $x", 0.1, "Expected value of type 'book_bool_exp' to be an object, found: 0.1"),
    ],
)
async def test_a_number_that_is_no_value_is_shown_as_it_was_given(
    sqlite_shop: Served, type_: str, argument: str, value: Any, said: str
) -> None:
    query = f"query ($x: {type_}) {{book({argument}) {{id}}}}"
    code, path, message = await refused(sqlite_shop, query, {"x": value})
    assert (code, path) == ("validation-failed", "$.variables.x")
    assert said in message


async def test_variables_stand_in_lists(shop: Served) -> None:
    query = "query ($a: $id!, $b: $id!) {book(where: {id: {_in: [$a, 3, $b]}}, order_by: {id: asc}) {id}}"
    query = query.replace("$id", await id_type(shop))
    for a, b in ((1, 2), (5, 4), (3, 3)):
        found = await data(shop, query, {"a": a, "b": b})
        assert [row["id"] for row in found["book"]] == sorted({a, 3, b})


async def test_values_of_every_kind_go_in_as_they_come_out(shop: Served) -> None:
    """Each column of the first rows of each table finds its row again by the value that was answered."""
    types = (
        await data(
            shop,
            "{__schema {queryType {fields {name type {ofType {ofType {ofType {name fields {name args {name} type {kind name ofType {kind name}}}}}}}}}}}",
        )
    )["__schema"]["queryType"]["fields"]
    for field in types:
        row = ((field["type"]["ofType"] or {}).get("ofType") or {}).get("ofType") or {}
        if not row.get("fields"):
            continue
        plain = [each["name"] for each in row["fields"] if _scalar(each["type"])]
        rows = (await data(shop, f"{{found: {field['name']}(limit: 3) {{{' '.join(plain)}}}}}"))["found"]
        for name, scalar in ((each["name"], _scalar(each["type"])) for each in row["fields"]):
            if scalar is None or scalar in ("jsonb", "json"):
                continue
            for value in {repr(each[name]): each[name] for each in rows if each[name] is not None}.values():
                query = (
                    f"query ($v: {scalar}!) {{{field['name']}(where: {{{name}: {{_eq: $v}}}}, limit: 1) {{{name}}}}}"
                )
                found = await data(shop, query, {"v": str(value) if scalar == "any" else value})
                assert found[field["name"]] == [{name: value}], (field["name"], name)


def _scalar(type_: dict[str, Any]) -> str | None:
    inner = type_["ofType"] if type_["kind"] == "NON_NULL" else type_
    return inner["name"] if inner["kind"] == "SCALAR" else None


async def test_equal_root_fields_are_asked_once_and_a_query_is_one_statement(shop: Served) -> None:
    driver = shop.running.engine.driver
    asked: list[str] = []
    run = driver.run

    async def counted(plan: Any, *more: Any) -> Any:
        asked.extend(step.text for step in plan.plan.steps)
        return await run(plan, *more)

    driver.run = counted  # type: ignore[method-assign, assignment]
    found = await data(
        shop,
        "{a: tag_aggregate {aggregate {count}} b: tag_aggregate {aggregate {count}} shop {name} c: tag(limit: 1) {name}}",
    )
    assert found["a"] == found["b"]
    assert len(set(asked)) == 1
    assert asked[0].count("count(") == 1
    asked.clear()
    assert await data(shop, "{__typename}") == {"__typename": "query_root"}
    assert await data(shop, "{tag @skip(if: true) {name}}") == {}
    assert asked == []
