"""One server over the blog, asked as one of its people, by each API; and what the database holds, asked past it.

Rule: an answer is told apart from a refusal by what the API says, and what was written by what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.properties.asking import Api, Counted, asking
from tests.reference.store import stored
from tests.security.blog import CONFIG, TOKENS, blog
from tests.server.harness import Reply


class Blog:
    """A server, and its database."""

    def __init__(self, api: Api, kind: DatabaseKind, url: str, run: Any) -> None:
        self.api, self.kind, self.url, self.run = api, kind, url, run
        self.counted = Counted(api.served.running.engine.driver)
        api.served.running.engine.driver = self.counted

    def __repr__(self) -> str:
        return "blog"

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.ask(method, path, text, {**TOKENS[who], **named})

    def graphql(self, who: str, query: str, **variables: Any) -> Any:
        reply = self.ask(who, "POST", "/graphql", {"query": query, "variables": variables})
        assert reply.status == 200, reply.body
        return reply.json

    def rows(self, query: str) -> list[list[Any]]:
        return [list(row) for row in self.run(query)]

    def titles(self) -> dict[int, str]:
        return {row[0]: row[1] for row in self.rows("SELECT id, title FROM article ORDER BY id")}


@contextmanager
def served_blog(
    databases: Databases, kind: DatabaseKind, config: str = CONFIG, url: str | None = None
) -> Iterator[Blog]:
    """A server over a new blog, or over the one of that URL."""
    url = url or blog(databases, kind)
    with stored(kind, url) as store, asking(url, config) as api:
        yield Blog(api, kind, url, store.run)
