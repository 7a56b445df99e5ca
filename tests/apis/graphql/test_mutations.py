"""Mutations on three databases: what is written, in which order, and that a fault leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.apis.graphql.asking import data, post, refused
from tests.server.harness import Served

PUBLISHER = '{code: "$", name: "The $ Press", country: "PE"}'


def publisher(code: str) -> str:
    return PUBLISHER.replace("$", code)


async def publishers(api: Served) -> list[str]:
    found = await api.get("/api/publisher?fields=code&limit=1000")
    return [row["code"] for row in found.json["items"]]


async def test_a_row_is_made_and_answered_with_related_rows(own_shop: Served) -> None:
    found = await data(
        own_shop,
        """mutation ($object: book_insert_input!) {insert_book_one(object: $object) {
            title price in_print attributes status publisher {name} review {id} review_aggregate {aggregate {count}} __typename}}""",
        {
            "object": {
                "isbn": "9780000000001",
                "title": "New",
                "publisher_code": (await publishers(own_shop))[0],
                "price": 12.5,
                "in_print": False,
                "attributes": {"deep": [1, {"er": None}]},
            }
        },
    )
    row = found["insert_book_one"]
    assert row.pop("publisher")["name"]
    assert row == {
        "title": "New",
        "price": 12.5,
        "in_print": False,
        "attributes": {"deep": [1, {"er": None}]},
        "status": "draft",
        "review": [],
        "review_aggregate": {"aggregate": {"count": 0}},
        "__typename": "book",
    }


async def test_a_literal_of_json_may_hold_variables_and_what_is_not_given_is_left_to_the_database(
    own_shop: Served,
) -> None:
    query = """mutation ($code: String!, $x: jsonb, $title: String, $status: String) {
        insert_book_one(object: {isbn: "9780000000002", title: "T", subtitle: $title, publisher_code: $code, price: "1.10",
                                 attributes: {a: [$x, 1.5], b: null}}) {subtitle attributes price}}""".replace(
        ", $status: String", ""
    )
    found = await data(own_shop, query, {"code": (await publishers(own_shop))[0], "x": {"y": 1}})
    assert found["insert_book_one"] == {"subtitle": None, "attributes": {"a": [{"y": 1}, 1.5], "b": None}, "price": 1.1}


async def test_rows_are_changed_and_removed_by_key_and_answered_as_they_are_and_were(own_shop: Served) -> None:
    found = await data(
        own_shop,
        """mutation ($set: review_set_input!) {
          one: update_review_by_pk(pk_columns: {id: 1}, _set: $set) {id title rating book {id}}
          two: update_review_by_pk(pk_columns: {id: 1}, _set: {rating: null}) {title rating}
          same: update_review_by_pk(pk_columns: {id: 1}, _set: {}) {title rating}
          gone: delete_review_by_pk(id: 1) {id title rating book {id} customer {review_aggregate {aggregate {count}}}}
          missing: delete_review_by_pk(id: 1) {id}
          none: update_review_by_pk(pk_columns: {id: 1}, _set: {rating: 3}) {id}
          __typename
        }""",
        {"set": {"title": "Changed", "rating": 4}},
    )
    assert list(found) == ["one", "two", "same", "gone", "missing", "none", "__typename"]
    book = found["one"].pop("book")
    assert found["one"] == {"id": 1, "title": "Changed", "rating": 4}
    assert found["two"] == found["same"] == {"title": "Changed", "rating": None}
    assert found["gone"].pop("customer")["review_aggregate"]["aggregate"]["count"] >= 1
    assert found["gone"] == {"id": 1, "title": "Changed", "rating": None, "book": book}
    assert (found["missing"], found["none"], found["__typename"]) == (None, None, "mutation_root")
    assert (await data(own_shop, "{review_by_pk(id: 1) {id}}"))["review_by_pk"] is None


FAULTS: list[tuple[str, str, str, str]] = [
    (
        f"x: insert_publisher_one(object: {publisher('one')}) {{code}}",
        "constraint-violation",
        "$.selectionSet.insert_publisher_one.args.object",
        "Uniqueness violation. ",
    ),
    (
        "x: update_book_by_pk(pk_columns: {id: 1}, _set: {price: -1}) {id}",
        "permission-error",
        "$.selectionSet.update_book_by_pk.args._set",
        "Check constraint violation. ",
    ),
    (
        'x: update_book_by_pk(pk_columns: {id: 1}, _set: {publisher_code: "nobody"}) {id}',
        "constraint-violation",
        "$.selectionSet.update_book_by_pk.args._set",
        "Foreign key violation. ",
    ),
    (
        'x: insert_publisher_one(object: {name: "no key"}) {code}',
        "constraint-violation",
        "$.selectionSet.insert_publisher_one.args.object",
        "Not-NULL violation. ",
    ),
    (
        "x: update_book_by_pk(pk_columns: {id: 1}, _set: {title: null}) {id}",
        "validation-failed",
        "$.selectionSet.update_book_by_pk.args._set.title",
        "'title' must not be null",
    ),
    (
        'x: update_book_by_pk(pk_columns: {id: 1}, _set: {price: "dear"}) {id}',
        "validation-failed",
        "$.selectionSet.update_book_by_pk.args._set.price",
        "'dear' is not a decimal number",
    ),
    (
        "x: update_book_by_pk(pk_columns: {id: 1}) {id}",
        "validation-failed",
        "$.selectionSet.update_book_by_pk.args",
        "at least any one of _set is expected",
    ),
]


@pytest.mark.parametrize(("fault", "code", "path", "message"), FAULTS, ids=[each[0][:60] for each in FAULTS])
async def test_a_fault_is_told_with_its_place_and_leaves_nothing_behind(
    own_shop: Served, fault: str, code: str, path: str, message: str
) -> None:
    before = await publishers(own_shop)
    title = (await data(own_shop, "{book_by_pk(id: 2) {title}}"))["book_by_pk"]["title"]
    told = await refused(
        own_shop,
        f"""mutation {{
          a: insert_publisher_one(object: {publisher("one")}) {{code}}
          b: update_book_by_pk(pk_columns: {{id: 2}}, _set: {{title: "never"}}) {{id}}
          c: delete_review_by_pk(id: 2) {{id}}
          {fault}
        }}""",
    )
    assert told[:2] == (code, path)
    assert told[2].startswith(message)
    assert await publishers(own_shop) == before
    after = await data(own_shop, "{book_by_pk(id: 2) {title} review_by_pk(id: 2) {id}}")
    assert after == {"book_by_pk": {"title": title}, "review_by_pk": {"id": 2}}


async def test_each_field_sees_what_the_ones_before_it_wrote(own_shop: Served) -> None:
    found = await data(
        own_shop,
        f"""mutation {{
          a: insert_publisher_one(object: {publisher("first")}) {{code}}
          b: update_publisher_by_pk(pk_columns: {{code: "first"}}, _set: {{code: "second"}}) {{code book {{id}}}}
          c: update_book_by_pk(pk_columns: {{id: 1}}, _set: {{publisher_code: "second"}}) {{publisher {{name book {{id}}}}}}
          d: delete_publisher_by_pk(code: "first") {{code}}
        }}""",
    )
    assert found == {
        "a": {"code": "first"},
        "b": {"code": "second", "book": []},
        "c": {"publisher": {"name": "The first Press", "book": [{"id": 1}]}},
        "d": None,
    }


async def test_writers_of_one_row_wait_for_one_another_and_all_of_them_write(own_shop: Served) -> None:
    """Each has read before it writes that row, and meets what others committed meanwhile."""
    first, *_ = await publishers(own_shop)

    def mutation(number: int) -> str:
        update = f'update_publisher_by_pk(pk_columns: {{code: "{first}"}}, _set: {{name: "Press {number}"}}) {{name}}'
        return f"mutation {{insert_publisher_one(object: {publisher(f'NEW-{number}')}) {{code}} {update}}}"

    written = await asyncio.gather(*(data(own_shop, mutation(number)) for number in range(8)))
    assert [each["insert_publisher_one"]["code"] for each in written] == [f"NEW-{number}" for number in range(8)]
    assert [each["update_publisher_by_pk"]["name"] for each in written] == [f"Press {number}" for number in range(8)]


async def test_a_composite_key_finds_its_row(own_shop: Served) -> None:
    row = (await data(own_shop, "{stock(limit: 1) {shop_id book_id quantity}}"))["stock"][0]
    query = f"pk_columns: {{shop_id: {row['shop_id']}, book_id: {row['book_id']}}}, _set: {{quantity: 777}}"
    found: Any = await data(own_shop, f"mutation {{update_stock_by_pk({query}) {{shop_id book_id quantity}}}}")
    assert found["update_stock_by_pk"] == {**row, "quantity": 777}


async def test_nothing_is_written_where_the_server_is_not_writable(shop: Served) -> None:
    reply = await post(shop, "mutation {delete_review_by_pk(id: 1) {id}}")
    (error,) = reply.json["errors"]
    assert error["extensions"] == {"code": "validation-failed", "path": "$"}
    assert "data" not in reply.json
