"""An order that nobody asked for tells nothing: two shelves that differ only in hidden rows, few here and thousands there,
are answered row for row alike, whatever way the database takes to them.

Each way was one of the database's own once: PostgreSQL came to marks by way of articles in one of these worlds, MariaDB and
SQLite to tags by way of the table in between.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.properties.asking import Api, asking
from tests.server.harness import Reply

CONFIG = """
server: {secret: a-secret-that-both-of-the-servers-share-today}
postgrest: {db_aggregates_enabled: true}
auth: {anonymous_role: guest}
roles: {guest: {}}
policies: {marked: "exists(mark, hidden == False)", on_marked: "exists(article.mark, hidden == False)"}
tables:
  article:
    allow: {guest: {read: marked, aggregate: true, create: {check: True, columns: [id, title]}, update: {filter: marked, columns: [title]}}}
  mark: {allow: {guest: {read: hidden == False, aggregate: true}}}
  tag: {allow: {guest: {read: secret == False}}}
  article_tag: {allow: {guest: {read: hidden == False}}}
  loose: {allow: {guest: {read: on_marked}}}
  badge: {allow: {guest: {read: on_marked, columns: [article_id, name]}}}
  slip: {allow: {guest: {read: on_marked, columns: [article_id, word], delete: on_marked}}}
"""
SCHEMA = """
CREATE TABLE article (id int NOT NULL PRIMARY KEY, title varchar(40) NOT NULL);
CREATE TABLE mark (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id), hidden boolean NOT NULL);
CREATE TABLE tag (id int NOT NULL PRIMARY KEY, secret boolean NOT NULL);
CREATE TABLE article_tag (tag_id int NOT NULL REFERENCES tag (id), article_id int NOT NULL REFERENCES article (id),
  place int NOT NULL, hidden boolean NOT NULL, PRIMARY KEY (tag_id, article_id));
CREATE TABLE loose (word varchar(40), article_id int NOT NULL REFERENCES article (id));
CREATE TABLE badge (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id), name varchar(40) NOT NULL UNIQUE);
CREATE TABLE slip (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id), word varchar(40));
CREATE INDEX mark_article ON mark (article_id);
CREATE INDEX tag_article ON article_tag (article_id, place);
"""
TABLES = ("article", "mark", "tag", "article_tag", "loose", "badge", "slip")
HIDDEN = 5000
"""Hidden rows of each table in the world that has many."""
ARTICLES, WORDS = 400, ("fig", "apple", "pear")


class Shelf:
    """What a guest sees, the same in both worlds."""

    def __init__(self) -> None:
        chance = random.Random(7)
        self.marks = list(enumerate(chance.sample(range(1, ARTICLES + 1), 12), 1))
        self.titles = {number: chance.choice(WORDS) for number in range(1, ARTICLES + 1)}
        self.articles = sorted(article for _, article in self.marks)
        self.tags = {article: chance.sample(range(1, 9), 6) for _, article in self.marks}
        self.words = [(chance.choice(WORDS), article) for _, article in self.marks for _ in range(2)]
        self.chance = chance

    def script(self, kind: DatabaseKind, hidden: int) -> str:
        analyze = (
            "ANALYZE" if kind is not DatabaseKind.MARIADB else f"ANALYZE TABLE {', '.join(TABLES)} PERSISTENT FOR ALL"
        )
        return "\n".join([SCHEMA, *self._seen(), *(self._hidden(hidden) if hidden else ()), f"{analyze};"])

    def _seen(self) -> Iterator[str]:
        backwards = sorted(self.titles, reverse=True)
        yield insert("article", [(number, self.titles[number]) for number in backwards])
        yield insert("mark", [(number, article, False) for number, article in self.marks])
        yield insert("tag", [(number, False) for number in range(8, 0, -1)])
        placed = [(tag, article, place) for article, tags in self.tags.items() for place, tag in enumerate(tags)]
        yield insert("article_tag", [(*each, False) for each in placed])
        yield insert("loose", self.words)
        yield insert("badge", [(number, article, f"badge {99 - number}") for number, article in self.marks])
        yield insert("slip", [(number, article, word) for number, (word, article) in enumerate(self.words)])

    def _hidden(self, count: int) -> Iterator[str]:
        """Rows of marks, tags and what joins them; no article comes to be seen by them."""
        beyond = range(100, 100 + count)
        yield insert("mark", [(number, number % ARTICLES + 1, True) for number in beyond])
        yield insert("tag", [(number, True) for number in beyond])
        yield insert("article_tag", [(number, number // 50 % ARTICLES + 1, number % 100, True) for number in beyond])


def insert(table: str, rows: Sequence[tuple[Any, ...]]) -> str:
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    return f"INSERT INTO {table} VALUES {values};"


def literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).upper()


SHELF = Shelf()


class Worlds:
    """The same shelf twice. Not a dataclass: a failing example would print it all."""

    def __init__(self, few: Api, many: Api) -> None:
        self.both = (few, many)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What both worlds answer, in the same bytes."""
        text = None if body is None else json.dumps(body)
        few, many = (api.ask(method, path, text, headers) for api in self.both)
        assert told(few) == told(many)
        assert few.status in {200, 206}, few.body
        return few.json

    def rows(self, path: str, **headers: str) -> Any:
        return self.ask("GET", f"/rest/v1/{path}", **headers)


def told(reply: Reply) -> tuple[int, Any, bytes]:
    return reply.status, reply.headers.get("Content-Range"), reply.body


@pytest.fixture(scope="module", params=KINDS, ids=str)
def worlds(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Worlds]:
    kind: DatabaseKind = request.param
    few, many = (databases.database(kind, SHELF.script(kind, hidden)) for hidden in (0, HIDDEN))
    with asking(few, CONFIG) as first, asking(many, CONFIG) as second:
        yield Worlds(first, second)


# ── rows of a table ──────────────────────────────────────────────────────────────────────────


def test_rows_that_a_rule_finds_by_another_table_come_by_their_key(worlds: Worlds) -> None:
    assert [each["id"] for each in worlds.rows("article?select=id")] == SHELF.articles
    assert [each["id"] for each in worlds.rows("article?select=id&limit=3&offset=2")] == SHELF.articles[2:5]
    assert [each["id"] for each in worlds.rows("article?select=id", Range="4-6")] == SHELF.articles[4:7]


def test_rows_that_a_caller_finds_by_another_table_come_by_their_key(worlds: Worlds) -> None:
    for query in (
        "select=id,article!inner(title)",
        "select=id,article()&article=not.is.null",
        "select=id,...article!inner(title)",
    ):
        assert [each["id"] for each in worlds.rows(f"mark?{query}")] == [number for number, _ in SHELF.marks]
        assert [each["id"] for each in worlds.rows(f"mark?{query}&limit=4")] == [1, 2, 3, 4]


def test_an_order_that_leaves_rows_alike_is_ended_by_their_key(worlds: Worlds) -> None:
    by_title = sorted(SHELF.articles, key=lambda article: SHELF.titles[article])
    assert [each["id"] for each in worlds.rows("article?select=id&order=title")] == by_title
    backwards = sorted(SHELF.articles, key=lambda article: (SHELF.titles[article], -article), reverse=True)
    assert [each["id"] for each in worlds.rows("article?select=id&order=title.desc&limit=5")] == backwards[:5]


def test_related_rows_are_in_such_an_order_too(worlds: Worlds) -> None:
    wanted = [sorted(SHELF.tags[article]) for article in SHELF.articles]
    found = worlds.rows("article?select=id,tag(id)")
    assert [[tag["id"] for tag in each["tag"]] for each in found] == wanted
    found = worlds.rows("article?select=id,tag(id)&tag.limit=2")
    assert [[tag["id"] for tag in each["tag"]] for each in found] == [tags[:2] for tags in wanted]
    assert [each["id"] for each in worlds.rows("article?select=...tag(id)")] == wanted


def test_without_a_key_rows_come_by_all_that_is_seen(worlds: Worlds) -> None:
    wanted = [{"word": word, "article_id": article} for word, article in sorted(SHELF.words)]
    assert worlds.rows("loose") == wanted
    assert worlds.rows("loose?select=article_id&limit=5") == [{"article_id": each["article_id"]} for each in wanted[:5]]
    assert worlds.ask("GET", "/api/loose?limit=5")["items"] == wanted[:5]
    query = {"query": "{loose(limit: 5) {word article_id}}"}
    assert worlds.ask("POST", "/graphql", query)["data"]["loose"] == wanted[:5]


def test_nothing_is_ordered_by_a_key_out_of_sight(worlds: Worlds) -> None:
    """Names of badges fall as their keys rise; of slips nothing else is unique."""
    names = [f"badge {99 - number}" for number, _ in reversed(SHELF.marks)]
    assert [each["name"] for each in worlds.rows("badge?select=name")] == names
    slips = sorted((article, word) for word, article in SHELF.words)
    assert [tuple(each.values()) for each in worlds.rows("slip?select=article_id,word&limit=7")] == slips[:7]


# ── groups, and what was written ─────────────────────────────────────────────────────────────


def test_groups_come_by_what_they_are_made_of(worlds: Worlds) -> None:
    counts = {word: sum(SHELF.titles[article] == word for article in SHELF.articles) for word in WORDS}
    wanted = [{"title": word, "count": counts[word]} for word in sorted(WORDS) if counts[word]]
    assert worlds.rows("article?select=title,count()") == wanted
    assert worlds.rows("mark?select=...article!inner(title),count()") == wanted
    of_each = [{"article": {"title": SHELF.titles[article]}, "count": 1} for article in SHELF.articles]
    assert worlds.rows("mark?select=article(title),count()") == of_each
    assert worlds.rows("mark?select=article(title),count()&limit=4") == of_each[:4]
    found = worlds.rows("mark?select=article!inner(id),count()")
    assert [each["article"]["id"] for each in found] == SHELF.articles


def test_rows_that_were_changed_or_removed_are_told_by_what_is_seen_of_them(worlds: Worlds) -> None:
    shown = {"Prefer": "return=representation"}
    changed = worlds.ask("PATCH", "/rest/v1/article?select=id&id=gt.0&title=eq.fig", {"title": "fig"}, **shown)
    assert [each["id"] for each in changed] == [each for each in SHELF.articles if SHELF.titles[each] == "fig"]
    gone = worlds.ask("DELETE", "/rest/v1/slip?select=article_id,word&word=eq.fig", **shown)
    figs = sorted(article for word, article in SHELF.words if word == "fig")
    assert gone == [{"article_id": article, "word": "fig"} for article in figs]
    assert len(worlds.rows("slip")) == len(SHELF.words) - len(figs)


def test_an_order_that_was_asked_for_is_ended_for_rows_that_took_the_place_of_others_too(worlds: Worlds) -> None:
    given = [{"id": article, "title": SHELF.titles[article]} for article in reversed(SHELF.articles)]
    wanted = sorted(SHELF.articles, key=lambda article: (SHELF.titles[article], article))
    merging = {"Prefer": "return=representation, resolution=merge-duplicates"}
    for order, numbers in (("&order=title", wanted), ("", SHELF.articles[::-1])):
        found = worlds.ask("POST", f"/rest/v1/article?select=id{order}", given, **merging)
        assert [each["id"] for each in found] == numbers


# ── rows that a function gives ───────────────────────────────────────────────────────────────

FUNCTIONS = """
CREATE FUNCTION latest() RETURNS SETOF article STABLE LANGUAGE sql AS 'SELECT * FROM article ORDER BY id % 5, id DESC';
CREATE FUNCTION beside(mark) RETURNS SETOF article STABLE LANGUAGE sql
  AS 'SELECT * FROM article WHERE id <> $1.article_id ORDER BY id % 5, id DESC';
"""


@pytest.fixture(scope="module")
def calling(databases: Databases) -> Iterator[Worlds]:
    kind, config = (
        DatabaseKind.POSTGRESQL,
        f"{CONFIG}functions: {{latest: {{allow: guest}}, beside: {{allow: guest}}}}\n",
    )
    few, many = (databases.database(kind, f"{SHELF.script(kind, hidden)}{FUNCTIONS}") for hidden in (0, HIDDEN))
    with asking(few, config) as first, asking(many, config) as second:
        yield Worlds(first, second)


def test_rows_of_a_function_stay_in_the_order_in_which_it_gives_them(calling: Worlds) -> None:
    latest = sorted(SHELF.articles, key=lambda article: (article % 5, -article))
    for query in ("select=id,mark!inner(id)", "select=id,mark()&mark=not.is.null"):
        assert [each["id"] for each in calling.rows(f"rpc/latest?{query}")] == latest
        assert [each["id"] for each in calling.rows(f"rpc/latest?{query}&limit=3")] == latest[:3]
    found = {each["article_id"]: each["beside"] for each in calling.rows("mark?select=article_id,beside(id)")}
    assert {row: [article["id"] for article in beside] for row, beside in found.items()} == {
        row: [article for article in latest if article != row] for row in SHELF.articles
    }
