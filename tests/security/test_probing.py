"""Attacks on what may not be read, by name, by every API and on every database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.properties.worlds import bearer
from tests.security.asking import Blog, served_blog
from tests.security.blog import CONFIG

ITS_OWN = re.compile(rb'"request_id":"[^"]*"')


@pytest.fixture(scope="module", params=KINDS, ids=str)
def blog(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Blog]:
    """One for all that only read."""
    with served_blog(databases, request.param) as found:
        yield found


def told(
    blog: Blog, who: str, method: str, path: str, body: Any, name: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """A refusal without its id, its date and the name that was asked for."""
    before = blog.counted.runs
    reply = blog.ask(who, method, path, body)
    assert blog.counted.runs == before, "what is refused is refused before any SQL"
    own = {"date", "x-request-id", "content-length"}
    headers = [
        (key.lower(), value.replace(name, "…")) for key, value in reply.headers.items() if key.lower() not in own
    ]
    return reply.status, sorted(headers), ITS_OWN.sub(b"", reply.body).replace(name.encode(), b"...")


HIDDEN_COLUMNS = (
    ("GET", "/api/account?{}__gte=1", None),
    ("GET", "/api/account?{}=1", None),
    ("GET", "/api/account?sort={}", None),
    ("GET", "/api/account?fields={}", None),
    ("GET", "/api/account?t0.{}=1", None),
    ("GET", "/api/article?owner.{}__gt=1", None),
    ("GET", "/api/article?sort=owner.{}", None),
    ("GET", "/api/article?fields=owner.{}", None),
    ("GET", '/api/account?filter=%7B"{}":1%7D', None),
    ("GET", "/api/account?filter[{}][gte]=1", None),
    ("GET", "/api/account?where[{}]=1", None),
    ("GET", "/api/account?fields=-{}", None),
    ("GET", "/api/account?include={}", None),
    ("GET", "/api/article?filter[owner][{}][gte]=1", None),
    ("GET", "/api/article?include=owner&fields=owner.-{}", None),
    ("HEAD", "/api/account?{}=1", None),
    ("POST", "/api/account:search", {"filter": {"{}": 1}}),
    ("POST", "/api/account", [{"id": 70, "{}": 1}]),
    ("PATCH", "/api/account/7", {"{}": 1}),
    ("PATCH", "/api/account/7?fields={}", {"name": "x"}),
    ("DELETE", "/api/account/7?fields={}", None),
    ("POST", "/api/account", {"id": 70, "{}": 1}),
    ("GET", "/rest/v1/account?{}=gte.1", None),
    ("GET", "/rest/v1/account?or=({}.gt.1,id.eq.1)", None),
    ("GET", "/rest/v1/account?select={}", None),
    ("GET", "/rest/v1/account?select=x:{}::text", None),
    ("GET", "/rest/v1/account?select={}.max()", None),
    ("GET", "/rest/v1/account?select={}::integer.sum()", None),
    ("GET", "/rest/v1/account?select={},count()", None),
    ("GET", "/rest/v1/account?select={}-%3E%3Ea", None),
    ("GET", "/rest/v1/account?{}-%3E%3Ea=eq.1", None),
    ("GET", "/rest/v1/account?not.and=({}.gt.1,id.eq.1)", None),
    ("GET", "/rest/v1/account?{}=fts.x", None),
    ("GET", "/rest/v1/article?select=...account({})", None),
    ("GET", "/rest/v1/article?select=account({}.max())", None),
    ("GET", "/rest/v1/article?select=id&account.order={}&select=account(id)", None),
    ("HEAD", "/rest/v1/account?{}=gte.1", None),
    ("GET", "/rest/v1/account?order={}", None),
    ("GET", "/rest/v1/article?select=owner:account({})", None),
    ("GET", "/rest/v1/article?select=id,account(id)&account.{}=eq.1", None),
    ("GET", "/rest/v1/article?select=id&order=account({})", None),
    ("POST", "/rest/v1/account?on_conflict={}", [{"id": 70}]),
    ("POST", "/rest/v1/account?columns=id,{}", [{"id": 70}]),
    ("PATCH", "/rest/v1/account?{}=eq.1", {"name": "x"}),
    ("DELETE", "/rest/v1/account?{}=eq.1", None),
    ("PATCH", "/rest/v1/account?id=eq.7", {"{}": 1}),
    ("PATCH", "/rest/v1/account?id=eq.7&select={}", {"name": "x"}),
    ("PUT", "/rest/v1/account?id=eq.7", {"id": 7, "{}": 1}),
    ("POST", "/graphql", {"query": "{account {{} }}"}),
    ("POST", "/graphql", {"query": "{account(where: {{}: {_gte: 1}}) {id}}"}),
    ("POST", "/graphql", {"query": "{account(order_by: {{}: asc}) {id}}"}),
    ("POST", "/graphql", {"query": "{article(where: {owner: {{}: {_gte: 1}}}) {id}}"}),
    ("POST", "/graphql", {"query": "{article(order_by: {owner: {{}: asc}}) {id}}"}),
    ("POST", "/graphql", {"query": "{account_aggregate {aggregate {max {{}}}}}"}),
    ("POST", "/graphql", {"query": "{account_aggregate(where: {{}: {_gte: 1}}) {aggregate {count}}}"}),
    ("POST", "/graphql", {"query": "{account_aggregate {nodes {{}}}}"}),
    ("POST", "/graphql", {"query": "{account(distinct_on: {}) {id}}"}),
    ("POST", "/graphql", {"query": "{account(order_by: {article_aggregate: {max: {{}: asc}}}) {id}}"}),
    (
        "POST",
        "/graphql",
        {"query": "query ($w: account_bool_exp) {account(where: $w) {id}}", "variables": {"w": {"{}": {"_gte": 1}}}},
    ),
    ("GET", "/graphql?query=%7Baccount%7B{}%7D%7D", None),
    ("POST", "/graphql", {"query": "mutation {update_account_by_pk(pk_columns: {id: 7}, _set: {{}: 1}) {id}}"}),
    ("POST", "/graphql", {"query": "mutation {delete_account_by_pk(id: 7) {{}}}"}),
    ("POST", "/graphql", {"query": "mutation {insert_account_one(object: {id: 70, {}: 1}) {id}}"}),
)


@pytest.mark.parametrize("who", ["guest", "alice"])
@pytest.mark.parametrize(("method", "path", "body"), HIDDEN_COLUMNS)
def test_a_hidden_column_is_told_like_one_that_is_not_there(
    blog: Blog, who: str, method: str, path: str, body: Any
) -> None:
    answers = []
    for name in ("salary", "yralas"):
        text = None if body is None else json.dumps(body).replace("{}", name)
        answers.append(told(blog, who, method, path.replace("{}", name), text, name))
    assert answers[0] == answers[1]
    assert answers[0][0] >= 400 or b'"errors"' in answers[0][2]
    assert b"7000" not in answers[0][2]


HIDDEN_TABLES = (
    *(("GET", f"/api/{{}}{more}", None) for more in ("", "/1", "?id=1", "?sort=hash")),
    *((method, "/api/{}/1", {"hash": "x"}) for method in ("PATCH", "PUT", "DELETE", "OPTIONS", "HEAD")),
    ("OPTIONS", "/api/{}", None),
    ("POST", "/api/{}", {"id": 1}),
    ("GET", "/api/article?include={}", None),
    ("GET", "/api/article?{}.id=1", None),
    *(
        (method, "/rest/v1/{}?id=eq.1", {"hash": "x"})
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS")
    ),
    ("GET", "/rest/v1/article?select=id,{}(id)", None),
    ("POST", "/graphql", {"query": "{{} {id}}"}),
    ("POST", "/graphql", {"query": '{__type(name: "{}") {name}}'}),
    ("POST", "/graphql", {"query": "{article {{} {id}}}"}),
    ("POST", "/graphql", {"query": "mutation {insert_{}_one(object: {id: 1}) {id}}"}),
)


@pytest.mark.parametrize(("method", "path", "body"), HIDDEN_TABLES)
def test_a_hidden_table_is_told_like_one_that_is_not_there(blog: Blog, method: str, path: str, body: Any) -> None:
    answers = []
    for name in ("api_key", "yek_ipa"):
        text = None if body is None else json.dumps(body).replace("{}", name)
        answers.append(told(blog, "alice", method, path.replace("{}", name), text, name))
    assert answers[0] == answers[1]


def test_no_document_names_what_is_hidden(blog: Blog) -> None:
    """Suggestions, OPTIONS, the lists of tables and both documents, introspection."""
    everything = "{__schema {types {name fields {name} inputFields {name} enumValues {name}}}}"
    for who in ("guest", "alice", "editor"):
        for path in ("/api", "/openapi.json", "/rest/v1/"):
            body = blog.ask(who, "GET", path).body
            assert b"salary" not in body
            assert b"api_key" not in body
        shown = json.dumps(blog.graphql(who, everything))
        assert "salary" not in shown
        assert "api_key" not in shown
        for near in ("salarry", "api_kei"):
            for path in (f"/api/account?{near}=1", f"/api/{near}", f"/rest/v1/account?{near}=eq.1", f"/rest/v1/{near}"):
                assert near[:5].encode() not in blog.ask(who, "GET", path).body.replace(near.encode(), b"")


def test_related_rows_out_of_sight_count_for_nothing(blog: Blog) -> None:
    """Article 2 has one comment, and it is hidden: it is an article without comments."""
    without = '/api/article?fields=id&sort=id&filter={"_not":{"comment":{}}}'.replace('"', "%22")
    assert [row["id"] for row in blog.ask("alice", "GET", without).json["items"]] == [1, 2]
    found = blog.ask("alice", "GET", "/rest/v1/article?select=id,comment(id)&comment=is.null&order=id").json
    assert [row["id"] for row in found] == [1, 2]
    inner = blog.ask("alice", "GET", "/rest/v1/article?select=id,comment!inner(id)&order=id").json
    assert inner == [{"id": 8, "comment": [{"id": 2}]}]
    query = "{article(where: {_not: {comment: {}}}, order_by: {id: asc}) {id comment_aggregate {aggregate {count}}}}"
    counted = {"aggregate": {"count": 0}}
    assert blog.graphql("alice", query)["data"]["article"] == [
        {"id": 1, "comment_aggregate": counted},
        {"id": 2, "comment_aggregate": counted},
    ]


@pytest.mark.parametrize("prefer", ["count=exact", "count=planned", "count=estimated"])
def test_counts_are_of_rows_in_sight(blog: Blog, prefer: str) -> None:
    for title, count in (("secret", "*/0"), ("nobody", "*/0"), ("theirs", "0-0/1")):
        reply = blog.ask("alice", "GET", f"/rest/v1/article?title=eq.{title}&select=id", Prefer=prefer)
        assert reply.headers["Content-Range"] == count
    for prefer_to in ("", "+json", "+json; options=analyze", '+text; for="application/json"'):
        for who in ("guest", "alice"):
            for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
                accept = f"application/vnd.pgrst.plan{prefer_to}"
                reply = blog.ask(who, method, "/rest/v1/article?id=eq.9", body, Accept=accept)
                assert reply.status in ({406, 415} if who == "alice" or method == "GET" else {401, 406}), reply.body
                assert b"Scan" not in reply.body


@pytest.mark.parametrize("name", ["regclass", "regrole", "xml", "oid", "regtype"])
def test_a_cast_to_a_type_of_the_system_is_one_to_no_type(blog: Blog, name: str) -> None:
    path = "/rest/v1/article?select=x:id::{}"
    assert told(blog, "alice", "GET", path.format(name), None, name) == told(
        blog, "alice", "GET", path.format("nosuchtype"), None, "nosuchtype"
    )
    assert blog.ask("alice", "GET", path.format(name)).status == 400


def test_aggregates_are_of_rows_in_sight_and_for_who_may(blog: Blog) -> None:
    assert blog.ask("guest", "GET", "/rest/v1/article?select=count(),id.max()").json == [{"count": 2, "max": 8}]
    assert blog.ask("alice", "GET", "/rest/v1/article?select=count(),id.max()").json == [{"count": 3, "max": 8}]
    assert blog.ask("reviser", "GET", "/rest/v1/article?select=count()").status >= 400
    query = "{article_aggregate {aggregate {count}}}"
    assert blog.graphql("guest", query)["data"]["article_aggregate"]["aggregate"] == {"count": 2}
    assert "errors" in blog.graphql("reviser", query)


@pytest.mark.parametrize(
    ("subject", "name", "status", "seen"),
    [("7abc", "Alice", 403, []), (7, "Alice", 200, [7]), (7, "ALICE", 200, []), (7, "Alice ", 200, [])],
)
def test_a_claim_is_compared_letter_by_letter(
    databases: Databases, kind: DatabaseKind, subject: int | str, name: str, status: int, seen: list[int]
) -> None:
    """No number is read out of `7abc`, and neither case nor spaces are nothing."""
    rules = "read: id == claims.sub, aggregate: true"
    config = CONFIG.replace(rules, "read: name == claims.name").replace("guest: {read: true,", "guest: {read: id > 7,")
    with served_blog(databases, kind, config) as blog:
        headers = bearer(roles="user", sub=subject, name=name)
        assert blog.api.ask("GET", "/api/article?fields=id", None, headers).status == status
        found = blog.api.ask("GET", "/api/account?fields=id&id=7", None, headers).json["items"]
        assert [row["id"] for row in found] == (seen or ([7] if status == 403 else []))
