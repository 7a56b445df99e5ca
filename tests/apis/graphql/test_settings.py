"""What `graphql:` says: who is told the schema, whether it is served, and what one request may hold, on three databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from reflector.catalog.model import DatabaseKind
from tests.apis.graphql.asking import data, post, refused
from tests.cache.conftest import bearer
from tests.server.harness import Served, reloadable, served
from tests.server.test_jwt import SECRET

CONFIG = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{}}, developer: {{extends: guest}}, chief: {{extends: developer}}, clerk: {{extends: guest}}}}
tables: {{"*": {{allow: {{guest: {{read: true, aggregate: true}}}}}}}}
graphql: {{introspection: %s}}
"""
SCHEMA = "{__schema {queryType {name}}}"
WRONG: list[tuple[str, dict[str, Any] | None]] = [
    ("{bok {id}}", None),
    ("{book(wher: {}) {id}}", None),
    ("{book {titel}}", None),
    ("{book(where: {titel: {_eq: 1}}) {id}}", None),
    ("{book(where: {title: {_eqq: 1}}) {id}}", None),
    ("{book(order_by: {title: ascc}) {id}}", None),
    ("{book @skip(iff: true) {id}}", None),
    ("query ($w: book_bool_ex) {book(where: $w) {id}}", None),
    ("query ($w: book_bool_exp!) {book(where: $w) {id}}", {"w": {"titel": {"_eq": "x"}}}),
    ("query ($w: book_bool_exp!) {book(where: $w) {id}}", {"w": {"title": {"_eqq": "x"}}}),
    ("query ($o: [book_order_by!]) {book(order_by: $o) {id}}", {"o": [{"title": "ascc"}]}),
    ("{book {...on boo {id}}}", None),
]


@pytest.fixture
async def some(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """A shop that tells developers its schema."""
    async with served(shops[kind], CONFIG % "[developer]") as api:
        yield api


async def test_the_schema_is_told_to_named_roles_and_to_those_who_extend_them(some: Served) -> None:
    for role in ("developer", "chief"):
        found = await data(some, get_introspection_query(), None, bearer(role))
        assert "book" in {each["name"] for each in found["__schema"]["types"]}
    for headers, roles in (({}, '"guest"'), (bearer("clerk"), '"clerk"')):
        for query in (SCHEMA, '{__type(name: "book") {name}}', "{book(limit: 1) {id} it: __schema {types {name}}}"):
            assert await refused(some, query, None, headers) == (
                "not-supported",
                "$",
                f"introspection is disabled for role: {roles}",
            )
    # What was answered to one role is nobody else's answer.
    assert await data(some, SCHEMA, None, bearer("chief")) == {"__schema": {"queryType": {"name": "query_root"}}}
    assert (await refused(some, SCHEMA))[0] == "not-supported"


async def test_whoever_is_not_told_asks_as_before(some: Served) -> None:
    query = "{__typename book(limit: 1, order_by: {id: asc}) {__typename id} book_aggregate {aggregate {count}}}"
    assert await data(some, query) == await data(some, query, None, bearer("developer"))
    skipped = "query ($told: Boolean!) {__typename __schema @include(if: $told) {queryType {name}}}"
    assert await data(some, skipped, {"told": False}) == {"__typename": "query_root"}
    assert (await refused(some, skipped, {"told": True}))[0] == "not-supported"


@pytest.mark.parametrize(("query", "variables"), WRONG, ids=[query for query, _ in WRONG])
async def test_a_wrong_name_is_told_no_right_one(
    shops: Mapping[DatabaseKind, str], query: str, variables: dict[str, Any] | None
) -> None:
    async with served(shops[DatabaseKind.SQLITE], CONFIG % "[developer]") as api:
        told = await post(api, query, variables, bearer("developer"))
        hidden = await post(api, query, variables)
        assert "Did you mean" in told.body.decode()
        assert "mean" not in hidden.body.decode()
        assert [each["extensions"] for each in hidden.json["errors"]] == [
            each["extensions"] for each in told.json["errors"]
        ]


async def test_a_recipe_suggests_nothing_either(some: Served) -> None:
    """Read once with variables that fit, asked again with others that do not."""
    query = "query ($w: book_bool_exp!) {book(where: $w, limit: 1) {id}}"
    await data(some, query, {"w": {"title": {"_gt": ""}}})
    assert "mean" not in (await post(some, query, {"w": {"titel": {"_gt": ""}}})).body.decode()


@pytest.mark.parametrize(("said", "told"), [("true", True), ("false", False), ("guest", True), ("developer", False)])
async def test_it_is_everybody_nobody_or_a_role(shops: Mapping[DatabaseKind, str], said: str, told: bool) -> None:
    async with served(shops[DatabaseKind.SQLITE], CONFIG % said) as api:
        assert ("data" in (await post(api, SCHEMA)).json) is told


async def test_where_nobody_has_a_role_the_words_name_none(shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[DatabaseKind.SQLITE], "graphql: {introspection: false}") as api:
        assert await refused(api, SCHEMA) == ("not-supported", "$", "introspection is disabled")


async def test_by_get_it_is_refused_alike_and_kept_by_nobody(some: Served) -> None:
    strict = {"Accept": "application/graphql-response+json"}
    reply = await some.get("/graphql?query={__schema{queryType{name}}}", strict)
    assert (reply.status, reply.headers["Cache-Control"]) == (400, "private, no-store")


# ── what a request may hold ──────────────────────────────────────────────────────────────────

LIMITS = "defaults: {read: true}\ngraphql: {document: 1KiB, tokens: 100, root_fields: 2, batch: 3}"


async def test_what_a_request_may_hold_is_what_is_said(shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[DatabaseKind.SQLITE], LIMITS) as api:
        long = "{tag(limit: 1) {name}} #"
        assert (await post(api, long + "x" * (1024 - len(long)))).json["data"]["tag"]
        assert await refused(api, long + "x" * (1025 - len(long))) == (
            "limit-exceeded",
            "$.query",
            "a document has at most 1024 bytes",
        )
        assert (await post(api, "{tag(limit: 1) {" + "name " * 90 + "}}")).json["data"]["tag"]
        assert "100 tokens" in (await refused(api, "{tag(limit: 1) {" + "name " * 100 + "}}"))[2]
        await data(api, "{a: tag(limit: 1) {name} b: tag {name} __typename}")
        assert "at most 2 root fields" in (await refused(api, "{a: tag {name} b: tag {name} c: tag {name}}"))[2]
        one = {"query": "{__typename}"}
        assert len((await api.post("/graphql", [one] * 3)).json) == 3
        assert "1 to 3 operations" in (await api.post("/graphql", [one] * 4)).json["errors"][0]["message"]


async def test_the_most_that_can_be_said_is_answered(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> None:
    most = "defaults: {read: true}\ngraphql: {root_fields: 100, batch: 100, tokens: 10000, document: 256KiB}"
    async with served(shops[kind], most) as api:
        fields = " ".join(
            f"a{number}: book(where: {{id: {{_eq: {number + 1}}}}}) {{id title}}" for number in range(100)
        )
        found = await data(api, f"{{{fields}}}")
        assert [found[f"a{number}"][0]["id"] for number in range(100)] == list(range(1, 101))
        assert len((await api.post("/graphql", [{"query": "{tag(limit: 1) {name}}"}] * 100)).json) == 100


# ── whether it is served ─────────────────────────────────────────────────────────────────────

PLACES = ("/graphql?query={__typename}", "/v1/graphql?query={__typename}", "/graphiql", "/assets/graphiql/page.js")


async def test_it_is_served_or_not_also_after_another_reading(
    shops: Mapping[DatabaseKind, str], tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    for first in (True, False):
        file.write_text(_serving(first))
        async with reloadable(shops[DatabaseKind.SQLITE], file) as api:
            for serves in (first, not first, first):
                file.write_text(_serving(serves))
                assert api.running.reloading is not None
                await api.running.reloading.reload()
                assert {(await api.get(place)).status for place in PLACES} == {200 if serves else 404}
                posted = await post(api, "{tag(limit: 1) {name}}")
                assert posted.status == (200 if serves else 404)
                assert ("/graphql" in (await api.get("/openapi.json")).body.decode()) is serves


def _serving(serves: bool) -> str:
    return f"version: 1\ndefaults: {{read: true}}\ngraphql: {{served: {json.dumps(serves)}}}\n"
