"""What a role may not see is in no schema, no answer and no count, and what it may not write cannot be written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.graphql.asking import data, post, refused
from tests.apis.resource.test_roles import CLERK, CONFIG, CUSTOMER, WRITER, bearer
from tests.bookshops import Databases
from tests.server.harness import Served, served


@pytest.fixture
async def api(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(shops[kind], CONFIG) as found:
        yield found


@pytest.fixture
async def own_api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.bookshop(kind), CONFIG) as found:
        yield found


@pytest.fixture
async def sqlite_api(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(shops[DatabaseKind.SQLITE], CONFIG) as found:
        yield found


async def fields(api: Served, type_: str, headers: dict[str, str] | None = None) -> list[str] | None:
    """The fields of a type, those of an input type too; None where there is no such type."""
    found = (await data(api, f'{{__type(name: "{type_}") {{fields {{name}} inputFields {{name}}}}}}', None, headers))[
        "__type"
    ]
    return None if found is None else [each["name"] for each in (found["fields"] or found["inputFields"])]


async def test_a_schema_holds_what_a_role_may_use_and_no_word_more(sqlite_api: Served) -> None:
    assert await fields(sqlite_api, "query_root") == ["book", "book_by_pk", "publisher", "review", "review_by_pk"]
    assert await fields(sqlite_api, "mutation_root") is None
    assert await fields(sqlite_api, "book") == ["id", "price", "publisher_code", "review", "status", "title"]
    assert await fields(sqlite_api, "book_bool_exp") == [
        "_and", "_not", "_or", "id", "price", "publisher_code", "review", "status", "title"
    ]  # fmt: skip
    for hidden in (
        "staff",
        "customer",
        "order",
        "book_insert_input",
        "book_set_input",
        "staff_bool_exp",
        "mutation_root",
    ):
        assert await fields(sqlite_api, hidden) is None
    assert await fields(sqlite_api, "query_root", CLERK) == [
        "book",
        "book_by_pk",
        "publisher",
        "publisher_by_pk",
        "staff",
        "staff_by_pk",
    ]
    assert await fields(sqlite_api, "mutation_root", CLERK) == [
        "delete_publisher_by_pk", "insert_staff_one", "update_book_by_pk", "update_publisher_by_pk"
    ]  # fmt: skip
    assert await fields(sqlite_api, "book_set_input", CLERK) == ["price", "title"]
    assert await fields(sqlite_api, "staff_insert_input", CLERK) == ["family_name", "given_name", "hired_on", "shop_id"]
    assert await fields(sqlite_api, "query_root", WRITER) == ["no_queries_available"]
    assert "no_queries_available" in (await data(sqlite_api, "{no_queries_available}", None, WRITER))


async def test_a_hidden_name_and_an_absent_one_are_told_alike(sqlite_api: Served) -> None:
    for template in (
        "{book {$}}",
        "{book(where: {$: {_eq: 1}}) {id}}",
        "{book(order_by: {$: asc}) {id}}",
        "{$ {id}}",
        "{book {review {$ {id}}}}",
    ):
        told = []
        for name in ("weight", "wxyght") if "{$" in template.replace("{$ {id}", "") else ("staff", "stxff"):
            reply = await post(sqlite_api, template.replace("$", name))
            told.append(reply.body.replace(name.encode(), b"?"))
        assert told[0] == told[1]


async def test_rows_and_columns_are_those_of_the_role_at_every_depth(api: Served) -> None:
    found = await data(api, "{book(limit: 400) {id status review(limit: 100) {id book {status}}}}")
    assert {row["status"] for row in found["book"]} == {"published"}
    assert all(each["book"]["status"] == "published" for row in found["book"] for each in row["review"])
    everything = (await data(api, "{review(limit: 1000) {id book {id}}}"))["review"]
    assert any(row["book"] is None for row in everything), "a review of a hidden book shows no book"
    by_filter = await data(api, '{review(where: {book: {status: {_neq: "published"}}}) {id}}')
    assert by_filter == {"review": []}


async def test_an_object_is_nullable_where_a_rule_may_hide_it(sqlite_api: Served) -> None:
    query = '{__type(name: "review") {fields {name type {kind}}}}'
    kinds = {each["name"]: each["type"]["kind"] for each in (await data(sqlite_api, query))["__type"]["fields"]}
    assert kinds == {"book": "OBJECT", "book_id": "NON_NULL", "id": "NON_NULL", "rating": "SCALAR", "title": "SCALAR"}
    # A customer sees some columns on own reviews alone, so they may be null elsewhere.
    kinds = {
        each["name"]: each["type"]["kind"]
        for each in (await data(sqlite_api, query, None, CUSTOMER))["__type"]["fields"]
    }
    assert (kinds["body"], kinds["id"]) == ("SCALAR", "NON_NULL")


async def test_who_may_not_count_has_nothing_to_count_with(shops: Mapping[DatabaseKind, str]) -> None:
    config = CONFIG.replace(
        "  staff:", "  tag: {allow: {guest: {read: true}, clerk: {read: true, aggregate: true}}}\n  staff:"
    )
    async with served(shops[DatabaseKind.SQLITE], config) as api:
        assert "tag_aggregate" not in (await fields(api, "query_root") or [])
        assert "tag_aggregate" in (await fields(api, "query_root", CLERK) or [])
        assert (await data(api, "{tag_aggregate {aggregate {count}}}", None, CLERK))["tag_aggregate"]["aggregate"][
            "count"
        ] > 1
        assert (await refused(api, "{tag_aggregate {aggregate {count}}}"))[0] == "validation-failed"


async def test_a_count_counts_what_may_be_seen(shops: Mapping[DatabaseKind, str], kind: DatabaseKind) -> None:
    config = CONFIG.replace(
        "guest: {read: status == 'published', columns: [id, book_id",
        "guest: {aggregate: true, read: status == 'published', columns: [id, book_id",
    )
    async with served(shops[kind], config) as api:
        found = await data(
            api,
            "{review_aggregate {aggregate {count}} review(limit: 1000) {id} book(limit: 400) {review_aggregate {aggregate {count}} review(limit: 1000) {id}}}",
        )
        assert found["review_aggregate"]["aggregate"]["count"] == len(found["review"])
        assert all(row["review_aggregate"]["aggregate"]["count"] == len(row["review"]) for row in found["book"])


async def test_limits_of_a_role_bound_its_lists(api: Served) -> None:
    found = await data(api, "{book {id} publisher(limit: 100) {name}}", None, CLERK)
    assert (len(found["book"]), len(found["publisher"])) == (5, 5)


async def test_writes_meet_the_rules_presets_and_checks(own_api: Served) -> None:
    me = bearer("customer", "3")
    published = (await data(own_api, "{book(limit: 400) {id}}"))["book"]
    taken = {row["book_id"] for row in (await data(own_api, "{review(limit: 1000) {book_id}}", None, me))["review"]}
    book = next(row["id"] for row in published if row["id"] not in taken)
    made = await data(
        own_api,
        'mutation ($b: $t!) {insert_review_one(object: {book_id: $b, rating: 5, title: "t", body: "b"}) {id book_id customer_id status}}'.replace(
            "$t", "bigint"
        ),
        {"b": book},
        me,
    )
    row = made["insert_review_one"]
    assert (row["book_id"], row["customer_id"]) == (book, 3)
    theirs = next(
        each["id"] for each in (await data(own_api, "{review(limit: 1000) {id}}"))["review"] if each["id"] != row["id"]
    )
    found: Any = await data(
        own_api,
        f"mutation {{a: update_review_by_pk(pk_columns: {{id: {theirs}}}, _set: {{rating: 1}}) {{id}} b: delete_review_by_pk(id: {theirs}) {{id}} c: delete_review_by_pk(id: {row['id']}) {{id}}}}",
        None,
        me,
    )
    assert found == {"a": None, "b": None, "c": {"id": row["id"]}}


async def test_a_refused_check_says_so_and_takes_all_back(own_api: Served) -> None:
    draft = (await data(own_api, '{book(where: {status: {_eq: "draft"}}, limit: 1) {id price}}', None, CLERK))["book"][
        0
    ]
    code, path, message = await refused(
        own_api,
        f"mutation {{a: update_book_by_pk(pk_columns: {{id: {draft['id']}}}, _set: {{price: 1}}) {{id}} b: update_book_by_pk(pk_columns: {{id: {draft['id']}}}, _set: {{price: 1000}}) {{id}}}}",
        None,
        CLERK,
    )
    assert (code, path) == ("permission-error", "$.selectionSet.update_book_by_pk.args._set")
    assert message == "check constraint of an insert/update permission has failed"
    after = await data(own_api, f"{{book_by_pk(id: {draft['id']}) {{price}}}}", None, CLERK)
    assert after["book_by_pk"]["price"] == draft["price"]


async def test_a_missing_claim_is_an_error_and_a_bad_credential_a_status(sqlite_api: Served) -> None:
    claimless = bearer("customer", "seven")
    code, path, _ = await refused(sqlite_api, "{customer {id}}", None, claimless)
    assert (code, path) == ("not-found", "$.selectionSet.customer")
    for headers, status, told in (
        ({"Authorization": "Bearer nonsense"}, 401, "invalid-jwt"),
        (bearer("nosuch"), 403, "access-denied"),
    ):
        reply = await post(sqlite_api, "{book {id}}", None, headers)
        assert (reply.status, reply.json["errors"][0]["extensions"]["code"]) == (status, told)
    assert (await post(sqlite_api, "{book {id}}", None, {"Authorization": "Bearer x"})).headers[
        "WWW-Authenticate"
    ] == "Bearer"


async def test_what_one_caller_read_serves_no_other(api: Served) -> None:
    """Claims are bound anew each time, and roles have texts of their own."""
    query = "{customer {id} }"
    for subject in ("3", "5", "3"):
        found = await data(api, query, None, bearer("customer", subject))
        assert found == {"customer": [{"id": int(subject)}]}
    assert (await refused(api, query))[0] == "validation-failed"
    everybody = await data(api, "{book(limit: 400) {status}}", None, CLERK)
    assert await data(api, "{book(limit: 400) {status}}") != everybody
