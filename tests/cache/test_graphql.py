"""Answers to GraphQL's queries are kept by the same rules as those of the resource API, on three databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.cache.conftest import bearer, cache_of, halted, write_outside
from tests.cache.test_answers import OPEN, ROLES
from tests.server.harness import Reply, Served, served

GRAPHQL = "application/graphql-response+json"
ROLES_GRAPHQL = ROLES.replace("columns: [id, title]", "columns: [id, title], aggregate: true")


async def asked(
    api: Served, query: str, variables: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    """The data by POST."""
    body = {"query": query} if variables is None else {"query": query, "variables": variables}
    reply = await api.post("/graphql", body, headers)
    assert "errors" not in reply.json, reply.json
    return reply.json["data"]


def address(query: str, variables: str = "") -> str:
    return "/graphql?" + urlencode({"query": query} | ({"variables": variables} if variables else {}))


@pytest.fixture
async def api(kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[Served]:
    async with served(own_shop(kind), OPEN) as found:
        yield found


@pytest.fixture
async def shared(own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[Served]:
    async with served(own_shop(DatabaseKind.SQLITE), ROLES_GRAPHQL) as found:
        yield found


async def test_a_kept_answer_is_the_same_answer(api: Served) -> None:
    cache = cache_of(api)
    queries: list[tuple[str, dict[str, Any] | None]] = [
        ("{book(limit: 3) {id title publisher {name} review_aggregate {aggregate {count}}}}", None),
        ("query ($id: bigint!) {a: book_by_pk(id: $id) {title} publisher {code} b: book_by_pk(id: $id) {title}}", {"id": 2}),
        ('{book_aggregate(where: {publisher: {name: {_gt: "M"}}}) {aggregate {count}} __typename}', None),
    ]  # fmt: skip
    for query, variables in queries:
        first = await asked(api, query, variables)
        for _ in range(2):
            assert await asked(api, query, variables) == first
    assert (cache.hits, cache.misses) == (6, 3)


async def test_other_values_of_variables_are_other_questions(api: Served) -> None:
    query = "query ($id: [bigint!]!) {book(where: {id: {_in: $id}}, order_by: {id: asc}) {id}}"
    for _ in range(2):
        for ids in ([1], [2], [1, 2], [1, 2, 3]):
            assert [each["id"] for each in (await asked(api, query, {"id": ids}))["book"]] == ids
    assert (cache_of(api).hits, cache_of(api).misses) == (4, 4)


async def test_a_mutation_ends_kept_answers_at_once(api: Served) -> None:
    """Whichever API has them; and a write of the other API ends those of GraphQL."""
    both = "{book(limit: 2, order_by: {id: asc}) {id title} publisher(limit: 1) {code}}"
    for number in range(3):
        await asked(api, both)
        await api.get("/api/book/1?fields=title")
        change = f'mutation {{update_book_by_pk(pk_columns: {{id: 1}}, _set: {{title: "number {number}"}}) {{id}}}}'
        assert await asked(api, change) == {"update_book_by_pk": {"id": 1}}
        assert (await asked(api, both))["book"][0]["title"] == f"number {number}"
        assert (await api.get("/api/book/1?fields=title")).json == {"title": f"number {number}"}
        assert (await api.patch("/api/book/1", {"title": "by the other"})).status == 200
        assert (await asked(api, both))["book"][0]["title"] == "by the other"
    assert cache_of(api).hits == 2, "at the beginning of the second round and the third"


async def test_a_mutation_that_fails_ends_nothing(api: Served) -> None:
    query = "{book(limit: 1, order_by: {id: asc}) {title}}"
    kept = await asked(api, query)
    refused = await api.post(
        "/graphql",
        {
            "query": 'mutation {a: update_book_by_pk(pk_columns: {id: 1}, _set: {title: "lost"}) {id}'
            ' b: update_book_by_pk(pk_columns: {id: 1}, _set: {publisher_code: "NOSUCH"}) {id}}'
        },
    )
    assert refused.json["errors"][0]["extensions"]["code"] == "constraint-violation"
    assert await asked(api, query) == kept
    assert cache_of(api).hits == 1


async def test_every_table_of_the_statement_counts(api: Served) -> None:
    """One root field's table without a ttl, unless its changes are heard, and the answer is not kept."""
    query = "{book(limit: 1) {id} customer(limit: 1) {id}}"
    for _ in range(2):
        await asked(api, query)
    assert (cache_of(api).hits, len(cache_of(api).memory)) == (0, 0)
    for _ in range(2):
        await asked(api, "{customer(limit: 1) {id}}")
    assert cache_of(api).misses == 2
    cache_of(api).covered = lambda _: True
    for _ in range(2):
        await asked(api, query)
    assert cache_of(api).hits == 1


async def test_within_its_ttl_an_answer_asks_the_database_nothing(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, OPEN.replace("book: {cache: {ttl: 30s}}", "book: {cache: {ttl: 700ms}}")) as api:
        clock, path = halted(api), address("{book_by_pk(id: 1) {title}}")
        first = await api.get(path)
        write_outside(databases, url, "UPDATE book SET title = 'told by nobody' WHERE id = 1;")
        assert (await api.get(path, {"If-None-Match": first.headers["ETag"]})).status == 304
        clock.now += 0.8
        now = await api.get(path, {"If-None-Match": first.headers["ETag"]})
        assert (now.status, now.json["data"]) == (200, {"book_by_pk": {"title": "told by nobody"}})


async def test_many_who_ask_at_once_ask_once(api: Served) -> None:
    query = "{book(limit: 50) {title publisher {name}}}"
    await asked(api, query)
    cache_of(api).forget()
    cache_of(api).misses = 0
    found = await asyncio.gather(*(asked(api, query) for _ in range(20)))
    assert all(each == found[0] for each in found)
    assert cache_of(api).joined + cache_of(api).hits == 19


# ── GET ──────────────────────────────────────────────────────────────────────────────────────


async def test_who_has_the_answer_is_told_so(shared: Served) -> None:
    path = address("{book(limit: 2) {id title}}")
    headers = bearer("clerk")
    tags = []
    for accepted in ("application/json", GRAPHQL, "*/*"):
        first = await shared.get(path, {**headers, "Accept": accepted})
        assert (first.status, first.headers["Cache-Control"]) == (200, "private, no-cache")
        again = await shared.get(path, {**headers, "Accept": accepted, "If-None-Match": first.headers["ETag"]})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert "Content-Type" not in again.headers
        tags.append((first.headers["Content-Type"].partition(";")[0], first.headers["ETag"]))
    assert [media for media, _ in tags] == ["application/json", GRAPHQL, "application/json"]
    assert tags[0] == tags[2]
    assert tags[0][1] != tags[1][1], "a strong tag is of one representation"
    head = await shared.request("HEAD", path, headers)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tags[0][1])


async def test_a_body_that_is_posted_has_no_tag(shared: Served) -> None:
    for body in ({"query": "{book(limit: 2) {id}}"}, [{"query": "{book(limit: 2) {id}}"}]):
        reply = await shared.post("/graphql", body, {"If-None-Match": "*"})
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "private, no-store")
        assert "ETag" not in reply.headers
    assert cache_of(shared).hits == 1


async def test_what_is_no_answer_of_kept_tables_has_no_tag(shared: Served) -> None:
    for query in ("{__typename}", "{__schema {queryType {name}}}", "{nosuch}", "{book(limit: -1) {id}}"):
        for _ in range(2):
            reply = await shared.get(address(query))
            assert "ETag" not in reply.headers
            assert reply.headers["Cache-Control"] == "private, no-store"
    assert len(cache_of(shared).memory) == 0


async def test_only_what_everybody_reads_is_public(shared: Served) -> None:
    path = address("{book(limit: 2) {id} book_aggregate {aggregate {count}}}")
    reply = await shared.get(path)
    assert reply.headers["Cache-Control"] == "public, max-age=30"
    assert 1 <= int(reply.headers["Age"]) <= 5
    assert (await shared.get(path, bearer("customer"))).headers["Cache-Control"] == "private, no-cache"


# ── callers ──────────────────────────────────────────────────────────────────────────────────


async def test_callers_get_their_own_answers_and_share_where_rules_do_not_tell_them_apart(shared: Served) -> None:
    query = "{review(limit: 50) {customer_id}}"
    for subject in ("1", "2", "3"):
        for _ in range(2):
            found = await asked(shared, query, headers=bearer("customer", subject))
            assert {row["customer_id"] for row in found["review"]} <= {int(subject)}
    cache = cache_of(shared)
    assert (cache.hits, cache.misses) == (3, 3)
    for subject in ("1", "2", "3"):
        await asked(shared, "{book(limit: 2) {title}}", headers=bearer("customer", subject))
    assert (cache.hits, cache.misses) == (5, 4)


async def test_a_tag_is_of_its_caller_alone(shared: Served) -> None:
    path = address("{review(where: {customer_id: {_eq: 999999}}) {id}}")
    one, other = [await shared.get(path, bearer("customer", subject)) for subject in "12"]
    assert one.body == other.body
    assert one.headers["ETag"] != other.headers["ETag"]
    crossed = await shared.get(path, {**bearer("customer", "1"), "If-None-Match": other.headers["ETag"]})
    assert crossed.status == 200


async def test_a_missing_claim_is_refused_whatever_is_kept(shared: Served) -> None:
    query = {"query": "{review(limit: 1) {id}}"}
    told: list[Reply] = []
    for headers in (bearer("customer", "1"), bearer("customer", "1", sub=None)):
        told += [await shared.post("/graphql", query, headers) for _ in range(2)]
    assert [("errors" in reply.json) for reply in told] == [False, False, True, True]
    assert told[2].body == told[3].body


async def test_what_is_selected_and_how_it_is_called_is_part_of_the_question(shared: Served) -> None:
    for query, member in (
        ("{book(limit: 1) {id}}", "book"),
        ("{other: book(limit: 1) {id}}", "other"),
        ("{book(limit: 1) {id} __typename}", "book"),
    ):
        for _ in range(2):
            assert next(iter(await asked(shared, query))) == member
    assert cache_of(shared).misses == 3
    await asked(shared, "query Named {  book(limit: 1)   {id}}")  # the same, written otherwise
    assert cache_of(shared).misses == 3


async def test_a_change_of_the_schema_ends_every_answer(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, OPEN) as api:
        path = address('{publisher(where: {code: {_eq: "QUIPU"}}) {code name}}')
        before = await api.get(path)
        write_outside(
            databases,
            url,
            "ALTER TABLE publisher ADD COLUMN motto VARCHAR(20); UPDATE publisher SET name = 'new' WHERE code = 'QUIPU';",
        )
        assert await api.running.engine.refresh()
        after = await api.get(path, {"If-None-Match": before.headers["ETag"]})
        assert (after.status, after.json["data"]["publisher"][0]["name"]) == (200, "new")
