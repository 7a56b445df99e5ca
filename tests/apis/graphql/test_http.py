"""GraphQL over HTTP: methods, media types, statuses, batches."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.apis.graphql.asking import post
from tests.server.harness import Served

STRICT = {"Accept": "application/graphql-response+json"}
QUERY = "{book_by_pk(id: 1) {id}}"
DATA = {"data": {"book_by_pk": {"id": 1}}}


@pytest.mark.parametrize("path", ["/graphql", "/v1/graphql"])
async def test_queries_are_posted_or_got(sqlite_shop: Served, path: str) -> None:
    posted = await sqlite_shop.post(path, {"query": QUERY})
    assert (posted.status, posted.json, posted.headers["Content-Type"]) == (
        200,
        DATA,
        "application/json; charset=utf-8",
    )
    got = await sqlite_shop.get(f"{path}?query={quote(QUERY)}")
    assert (got.status, got.json) == (200, DATA)
    query, variables = quote("query A($x: bigint!) {book_by_pk(id: $x) {id}} query B {tag {name}}"), quote('{"x": 1}')
    named = await sqlite_shop.get(f"{path}?query={query}&variables={variables}&operationName=A")
    assert named.json == DATA


async def test_a_mutation_is_never_got(own_sqlite_shop: Served) -> None:
    mutation = quote("mutation {delete_review_by_pk(id: 1) {id}}")
    reply = await own_sqlite_shop.get(f"/graphql?query={mutation}")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    left = await post(own_sqlite_shop, "{review_by_pk(id: 1) {id}}")
    assert left.json == {"data": {"review_by_pk": {"id": 1}}}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/graphql", ""])
async def test_what_is_posted_is_json(sqlite_shop: Served, content_type: str) -> None:
    body = json.dumps({"query": QUERY}).encode()
    reply = await sqlite_shop.request("POST", "/graphql", {"Content-Type": content_type}, data=body)
    assert reply.status == 415
    charset = {"Content-Type": "application/json; charset=latin-1"}
    assert (await sqlite_shop.request("POST", "/graphql", charset, data=body)).status == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_with_those_that_are_not(sqlite_shop: Served, method: str) -> None:
    reply = await sqlite_shop.request(method, "/graphql", json={"query": QUERY})
    assert (reply.status, reply.headers["Allow"]) == (405, "GET,HEAD,OPTIONS,POST")
    assert (await sqlite_shop.request("OPTIONS", "/graphql")).headers["Allow"] == "GET, HEAD, OPTIONS, POST"


BROKEN: list[tuple[Any, str, str]] = [
    (b"{", "invalid-json", "$"),
    (b"\xff", "invalid-json", "$"),
    (b'{"query": "{a}", "query": "{b}"}', "validation-failed", "$"),
    (b'"text"', "validation-failed", "$"),
    (b"null", "validation-failed", "$"),
    (b"[]", "limit-exceeded", "$"),
    (b"{}", "validation-failed", "$.query"),
    (b'{"query": ""}', "validation-failed", "$.query"),
    (b'{"query": 5}', "validation-failed", "$.query"),
    (b'{"query": "{a}", "variables": []}', "validation-failed", "$.variables"),
    (b'{"query": "{a}", "variables": "{}"}', "validation-failed", "$.variables"),
    (b'{"query": "{a}", "operationName": 1}', "validation-failed", "$.operationName"),
    (b'{"query": "{a}", "extensions": 1}', "validation-failed", "$.extensions"),
]


@pytest.mark.parametrize(("body", "code", "path"), BROKEN, ids=[str(each[0]) for each in BROKEN])
async def test_what_is_no_request_is_400_for_everybody(sqlite_shop: Served, body: bytes, code: str, path: str) -> None:
    for accept in ({}, STRICT):
        headers = {"Content-Type": "application/json", **accept}
        reply = await sqlite_shop.request("POST", "/graphql", headers, data=body)
        assert reply.status == 400
        (error,) = reply.json["errors"]
        assert error["extensions"] == {"code": code, "path": path}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": QUERY}, 200),
        ({"query": "{"}, 400),
        ({"query": "{nothing}"}, 400),
        ({"query": "{book(limit: -1) {id}}"}, 422),
        ({"query": "query ($x: bigint!) {book_by_pk(id: $x) {id}}"}, 400),
        ({"query": f"query A {QUERY} query B {QUERY}"}, 400),
        ({"query": f"query A {QUERY}", "operationName": "B"}, 400),
    ],
)
async def test_a_status_tells_how_it_went_to_those_who_accept_it(
    sqlite_shop: Served, body: dict[str, Any], status: int
) -> None:
    strict = await sqlite_shop.post("/graphql", body, STRICT)
    assert strict.status == status
    assert strict.headers["Content-Type"] == "application/graphql-response+json; charset=utf-8"
    plain = await sqlite_shop.post("/graphql", body, {"Accept": "application/json"})
    assert (plain.status, plain.body) == (200, strict.body)
    assert ("data" in plain.json) == (status in (200, 422))


@pytest.mark.parametrize(
    ("accept", "strict"),
    [
        ("*/*", False),
        ("application/json", False),
        ("application/graphql-response+json, application/json;q=0.9", True),
        ("application/json, application/graphql-response+json;q=0.5", False),
        ("application/json;q=0.1, application/graphql-response+json;q=0.5", True),
        ("application/graphql-response+json;q=0", False),
        ("application/graphql-response+json;q=what", False),
    ],
)
async def test_the_preferred_media_type_is_answered(sqlite_shop: Served, accept: str, strict: bool) -> None:
    reply = await sqlite_shop.post("/graphql", {"query": QUERY}, {"Accept": accept})
    assert reply.headers["Content-Type"].startswith(
        "application/graphql-response+json" if strict else "application/json"
    )


async def test_a_batch_is_answered_one_by_one_in_its_order(own_sqlite_shop: Served) -> None:
    batch = [
        {"query": QUERY},
        {"query": "{nothing}"},
        {"query": "mutation {delete_review_by_pk(id: 1) {id}}"},
        {"query": "{review_by_pk(id: 1) {id}}"},
    ]
    reply = await own_sqlite_shop.post("/graphql", batch)
    first, second, third, fourth = reply.json
    assert (first, third, fourth) == (
        DATA,
        {"data": {"delete_review_by_pk": {"id": 1}}},
        {"data": {"review_by_pk": None}},
    )
    assert second["errors"][0]["extensions"]["path"] == "$.selectionSet.nothing"
    assert len((await own_sqlite_shop.post("/graphql", [{"query": QUERY}] * 10)).json) == 10
    too_many = await own_sqlite_shop.post("/graphql", [{"query": QUERY}] * 11)
    assert (too_many.status, too_many.json["errors"][0]["extensions"]["code"]) == (400, "limit-exceeded")


async def test_a_browser_is_led_to_the_page(sqlite_shop: Served) -> None:
    for path, target in (("/graphql", "graphiql"), ("/v1/graphql", "../graphiql")):
        reply = await sqlite_shop.get(path, {"Accept": "text/html,*/*"})
        assert (reply.status, reply.headers["Location"]) == (303, target)


async def test_the_page_asks_nobody_else(sqlite_shop: Served) -> None:
    page = await sqlite_shop.get("/graphiql")
    assert page.status == 200
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    assert "http:" not in text
    assert "https:" not in text
    assert "<script>" not in text
    for part in text.split('"'):
        if part.startswith("assets/"):
            asset = await sqlite_shop.get(f"/{part}")
            assert asset.status == 200, part
            assert asset.headers["X-Content-Type-Options"] == "nosniff"
            assert len(asset.body) > 50


async def test_a_page_of_another_origin_may_not_write(own_sqlite_shop: Served) -> None:
    reply = await post(
        own_sqlite_shop, "mutation {delete_review_by_pk(id: 1) {id}}", headers={"Origin": "http://evil.example"}
    )
    assert reply.status == 403
    left = await post(own_sqlite_shop, "{review_by_pk(id: 1) {id}}")
    assert left.json == {"data": {"review_by_pk": {"id": 1}}}
