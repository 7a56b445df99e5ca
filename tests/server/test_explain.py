"""What becomes of a request is told for every API that asks the database for rows, and nothing of it is carried out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.errors import Forbidden, InvalidRequest, ReflectorError
from server.commands.explain import explain
from tests.bookshops import Databases, serving
from tests.core.questions import ask, whole
from tests.server.harness import configured

RULES = """\
auth: {jwt: {secret: a-signing-key-of-forty-letters-at-least-}, anonymous_role: guest}
roles: {guest: {}, customer: {extends: guest}}
tables:
  book: {allow: {guest: {read: status == 'published', columns: [id, title, price]}}, cache: {ttl: 30s, stale: 5s}}
  tag: {allow: {customer: {read: true, create: {check: "name != 'x'", presets: {description: "'made'"}}, update: true, delete: "name != 'kept'"}}}
  review:
    allow:
      customer: {read: customer_id == claims.sub, update: {filter: customer_id == claims.sub, check: status == 'draft', columns: [body]}}
"""
SECTIONS = ("caller:", "query:", "rewritten:", "rules:", "cache:", "sql:", "plan:")
CALLER = "role=customer,sub=2"
REQUESTS: Mapping[str, tuple[str, ...]] = {
    "GET /api/book?price__lt=12&sort=-price&limit=2": (
        "Literal(value=Decimal('12'), type=",
        "book: guest reads where status == 'published'; columns id, title, price   (config.yaml:5:32)",
        "kept for 30 s, shown for 5 s more while a new one is fetched, or until one of its tables changes",
        "key: roles customer, guest; the statement; its values; no claim",
        "the request's Decimal('12')",
    ),
    "GET /api/review/3?fields=id": (
        "operand=Literal(value=3, type=",
        "review: customer reads where customer_id == claims.sub   (config.yaml:9:",
        "not kept: none of its tables has a cache",
        "its values; claims sub",
        ": claims.sub",
    ),
    "GET /rest/v1/book?select=title&price=gt.50&limit=1": ("select: [title]", "book: guest reads", "kept for 30 s"),
    "POST /graphql { book(limit: 1) { title } review { id } }": (
        "Apart",
        "book: guest reads",
        "review: customer reads",
    ),
    'POST /graphql {"query": "{ review { id } }"}': ("review: customer reads",),
    'POST /api/tag {"name": "y"}': (
        "tag: customer creates where name != 'x'; description = 'made'   (config.yaml:6:",
        "not kept: it writes",
        "INSERT INTO",
    ),
    'PATCH /api/review/3 {"body": "better"}': (
        "review: customer updates where customer_id == claims.sub; check status == 'draft'; columns body   (config.yaml:9:",
        "UPDATE ",
    ),
    "DELETE /rest/v1/tag?name=eq.unused": ("tag: customer deletes where name != 'kept'", "DELETE FROM"),
    'POST /rest/v1/tag [{"name": "y"}, {"name": "z"}]': ("InsertMany", "the rows of the request"),
    'POST /graphql mutation { delete_tag_by_pk(name: "unused") { name } }': ("tag: customer deletes",),
}


@pytest.fixture(scope="module")
def own_shops(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {kind: databases.bookshop(kind) for kind in DatabaseKind if kind is not DatabaseKind.MYSQL}


@pytest.fixture
def url(kind: DatabaseKind, own_shops: Mapping[DatabaseKind, str]) -> str:
    return own_shops[kind]


async def told(url: str, request: str, caller: str | None = CALLER, *headers: str) -> str:
    lines: list[str] = []
    await explain(configured(url, RULES), request, caller, lines.append, headers)
    return re.sub(r"\([^()\s]*/config.yaml", "(config.yaml", "\n".join(lines))


async def tags(url: str) -> Any:
    async with serving(url) as engine:
        catalog = engine.snapshot.catalog
        return [await ask(engine, whole(catalog, catalog.tables[name])) for name in ("tag", "review")]


async def test_the_way_of_every_kind_of_request_is_told_and_nothing_is_changed(url: str) -> None:
    before = await tags(url)
    for request, parts in REQUESTS.items():
        text = await told(url, request)
        places = [re.search(rf"^{section}", text, re.MULTILINE) for section in SECTIONS]
        found = [each.start() for each in places if each is not None]
        assert (len(found), found) == (len(SECTIONS), sorted(found)), f"{request}\n{text}"
        assert [part for part in parts if part not in text] == [], f"{request}\n{text}"
    assert await tags(url) == before


async def test_what_is_refused_is_refused_as_by_the_server(url: str) -> None:
    for request, caller, kind, words in (
        ("GET /api/boook", CALLER, ReflectorError, "there is no table 'boook'"),
        ("GET /api/review", None, ReflectorError, "there is no table 'review'"),
        ("DELETE /api/book/1", CALLER, ReflectorError, "may not delete"),
        ("GET /rest/v1/boook", CALLER, InvalidRequest, "PGRST205"),
        ("POST /graphql { boook { id } }", CALLER, InvalidRequest, "boook"),
        ("GET /nothing", CALLER, InvalidRequest, "404"),
        ("FETCH /api/book", CALLER, InvalidRequest, "a request is written"),
        ("GET /api/book", "role=custmer", Forbidden, "there is no role 'custmer'"),
        ("GET /api/book", "custmer", InvalidRequest, "role=user,sub=7"),
        ("GET /api/book", "role=customer,subb=2", InvalidRequest, "nothing says that callers have a claim 'subb'"),
    ):
        with pytest.raises(kind, match=re.escape(words)):
            await told(url, request, caller)


async def test_headers_are_part_of_the_request(url: str) -> None:
    counted = await told(url, "GET /rest/v1/book?select=title&limit=1", None, "Prefer: count=exact")
    assert "count: True" in counted
    assert "caller: roles guest" in counted
    assert "count: True" not in await told(url, "GET /rest/v1/book?select=title&limit=1", None)
