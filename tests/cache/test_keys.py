"""Two requests whose uncached answers differ never share a key.

The same database is served twice, once with kept answers and once without; whatever is asked by whomever, in whatever order
and spelling, both answer alike. The database does not change, so that an answer can only be wrong by being another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from server.cache.answers import AnswerCache
from tests.bookshops import Databases
from tests.cache.conftest import bearer, cache_of
from tests.server.harness import Reply, Served, served
from tests.server.test_jwt import SECRET

CONFIG = f"""
server: {{secret: a-secret-of-at-least-thirty-two-bytes}}
auth:
  claims: [favourite, friends]
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles:
  guest: {{limits: {{max_rows: 3}}}}
  customer: {{extends: guest, limits: {{max_rows: 4}}}}
  clerk: {{}}
tables:
  book:
    allow:
      guest: {{read: status == 'published', columns: [id, title, publisher_code, category_id]}}
      customer: {{read: id == claims.favourite, columns: [id, price, status]}}
      clerk: {{read: true}}
    CACHE
  publisher: {{allow: {{guest: {{read: country == 'PE'}}, clerk: {{read: true}}}}, CACHED}}
  category: {{allow: {{guest: {{read: true}}}}, CACHED}}
  review:
    allow:
      guest: {{read: status == 'published', columns: [id, book_id, rating]}}
      customer: {{read: customer_id == claims.sub or customer_id in claims.friends}}
      clerk: {{read: "exists(book, status == 'draft')"}}
    CACHE
"""
KEPT = CONFIG.replace("CACHED", "cache: {ttl: 1h}").replace("CACHE", "cache: {ttl: 1h}")
PLAIN = CONFIG.replace(", CACHED", "").replace("    CACHE\n", "")

CALLERS: st.SearchStrategy[tuple[Any, dict[str, Any]] | None] = st.one_of(
    st.none(),
    st.just(("clerk", {})),
    st.tuples(
        st.sampled_from([["customer"], ["customer", "guest"], ["guest", "customer"], ["clerk", "customer"]]),
        st.fixed_dictionaries(
            {
                "sub": st.sampled_from(["1", "2", "12", 1, 2]),
                "favourite": st.sampled_from([1, 2, "1", 12]),
                "friends": st.sampled_from([[], [1], [2], [1, 2], ["1", "2"], [12]]),
            }
        ),
    ),
)
"""Roles and claims; None for nobody."""
FILTERS = {
    "book": ["id=1", "id=2", "id__in=1,2", "id__in=2,1", "id__gte=1", "title__like=%25a%25", "publisher.country=PE",
             "category_id__isnull=true", "price__lt=20", "price__lt=20.0", "status=draft"],
    "publisher": ["code=QUIPU", "country=PE", "country__in=PE,ES", "name__icontains=a"],
    "category": ["id=1", "parent_id=1", "name__contains=a"],
    "review": ["rating=5", "rating__in=5,4", "book.id=1", "book_id=1", "customer_id=1", "book.publisher.country=PE"],
}  # fmt: skip
SHAPES = ["", "limit=1", "limit=2", "limit=02", "limit=3", "limit=7", "page=2&limit=2", "count=exact", "sort=-id", "fields=id",
          "fields=-id", "include=publisher", "include=book", "include=review", "count=none", "limit=0"]  # fmt: skip


@st.composite
def paths(draw: st.DrawFn) -> str:
    table = draw(st.sampled_from(list(FILTERS)))
    words = draw(st.lists(st.sampled_from([*FILTERS[table], *SHAPES]), max_size=3))
    place = draw(st.sampled_from(["", "", "", "/1", "/2", "/01", "/QUIPU", "/%31"]))
    spelled = draw(st.sampled_from([table, table[0] + f"%{ord(table[1]):02X}" + table[2:]]))
    words = [word for word in words if not place or word.startswith(("fields", "include"))]
    return f"/api/{spelled}{place}" + ("?" + "&".join(words) if words else "")


class Twins:
    """The two servers, in a loop of their own: hypothesis calls plain functions."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.contexts = [served(url, KEPT), served(url, PLAIN)]
        self.kept, self.plain = [self.runner.run(each.__aenter__()) for each in self.contexts]

    def __repr__(self) -> str:
        return "Twins()"

    @property
    def cache(self) -> AnswerCache:
        return cache_of(self.kept)

    def ask(self, server: Served, path: str, headers: dict[str, str]) -> Reply:
        return self.runner.run(server.get(path, headers))

    def close(self) -> None:
        for context in self.contexts:
            self.runner.run(context.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module", params=[DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
def twins(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Twins]:
    found = Twins(databases.bookshop(request.param))
    yield found
    assert found.cache.hits > 100
    found.close()


def headers_of(caller: tuple[Any, dict[str, Any]] | None) -> dict[str, str]:
    return {} if caller is None else bearer(caller[0], **caller[1])


def seen(reply: Reply) -> tuple[int, bytes, str | None]:
    body = reply.body if reply.status < 400 else reply.json["code"].encode()
    return reply.status, body, reply.headers.get("Link")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(paths(), CALLERS), min_size=1, max_size=6))
def test_what_is_kept_is_what_would_be_answered(
    twins: Twins, asked: list[tuple[str, tuple[Any, dict[str, Any]] | None]]
) -> None:
    tags: dict[str, bytes] = {}
    for path, caller in [*asked, *asked]:
        headers = headers_of(caller)
        kept, plain = twins.ask(twins.kept, path, headers), twins.ask(twins.plain, path, headers)
        assert seen(kept) == seen(plain), (path, caller)
        tag = kept.headers.get("ETag")
        if tag is not None:
            assert tags.setdefault(tag, kept.body) == kept.body
            assert twins.ask(twins.kept, path, {**headers, "If-None-Match": tag}).status == 304
