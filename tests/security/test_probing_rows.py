"""Attacks on rows out of sight by what an answer carries along: values that cannot be read, tags, cursors, rules in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.security.asking import Blog, served_blog
from tests.security.blog import CONFIG

SECRET = "a-secret-that-all-of-the-servers-share-today"


@pytest.fixture(scope="module", params=KINDS, ids=str)
def blog(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Blog]:
    """One for all that only read; its answers are kept."""
    cached = CONFIG.replace("tables:\n", 'tables:\n  "*": {cache: {ttl: 1h}}\n')
    assert cached != CONFIG
    with served_blog(databases, request.param, cached) as found:
        yield found


# ── what cannot be read as what it is asked for ──────────────────────────────────────────────

NUMBERS: tuple[tuple[str, list[Any]], ...] = (
    ("select=id,n:note::integer&order=id", [{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 8, "n": 8}]),
    ("select=note::integer.sum()", [{"sum": 11}]),
    ("select=data->>n::integer.sum()", [{"sum": 11}]),
    ("select=data->>n::integer.max()&id=gt.0", [{"max": 8}]),
    ("select=id&data->n=gt.1&order=id", [{"id": 2}, {"id": 8}]),
    ("select=id&data->>n=eq.hunter2", []),
    ("select=id&not.and=(data->n.gt.1,data->n.lt.99)", [{"id": 1}]),
    ("select=id&order=data->n.desc&limit=2", [{"id": 8}, {"id": 2}]),
    (
        "select=n:data->>n,count()&order=data->>n",
        [{"n": "1", "count": 1}, {"n": "2", "count": 1}, {"n": "8", "count": 1}],
    ),
    ("select=id&note=like.h*", []),
    ("select=id&or=(note.eq.hunter2,data->>n.eq.hunter2)", []),
)


@pytest.mark.parametrize(("query", "found"), NUMBERS)
def test_a_row_out_of_sight_that_cannot_be_read_fails_no_question(blog: Blog, query: str, found: list[Any]) -> None:
    """`note` and `data` of article 9 are no numbers, and those of the others are."""
    reply = blog.ask("alice", "GET", f"/rest/v1/article?{quote(query, safe='=&(),.:*')}")
    assert (reply.status, reply.json) == (200, found)


def test_a_related_row_out_of_sight_fails_no_question_either(blog: Blog) -> None:
    """Comment 1 is on article 9, and hidden as well; of the others' articles all can be read."""
    for query in ("select=id,article!inner(n:data->>n::integer)", "select=id,...article!inner(n:note::integer)"):
        reply = blog.ask("alice", "GET", f"/rest/v1/comment?{quote(query, safe='=&(),.:!')}")
        assert (reply.status, len(reply.json)) == (200, 1)
    for inner in ("article.data->n=gt.0", "article.data->>n=eq.hunter2"):
        query = f"select=id,article(id)&{inner}&order=article(data->n)"
        reply = blog.ask("alice", "GET", f"/rest/v1/comment?{quote(query, safe='=&(),.:!')}")
        assert (reply.status, [row["id"] for row in reply.json]) == (200, [2])


def test_a_document_out_of_sight_that_is_none_fails_no_question(databases: Databases) -> None:
    """SQLite keeps any text in a column of JSON, and asks a rule that reads another table after everything else."""
    rule = "guest: {read: 'exists(comment, hidden == False)', aggregate: true}"
    config = CONFIG.replace("guest: {read: published, aggregate: true}", rule)
    assert config != CONFIG
    with served_blog(databases, DatabaseKind.SQLITE, config) as blog:
        blog.run("UPDATE article SET data = '{hunter2' WHERE id = 9")
        for query in ("data->>n=eq.8", "data->n=eq.8", "or=(data->>n.eq.8,id.eq.8)", "not.and=(data->>n.eq.7,id.gt.0)"):
            reply = blog.ask("guest", "GET", f"/rest/v1/article?select=id&{quote(query, safe='=(),.')}")
            assert (reply.status, reply.json) == (200, [{"id": 8}]), reply.body
        related = "select=id,article!inner(id)&article.data->>n=eq.8"
        reply = blog.ask("guest", "GET", f"/rest/v1/comment?{quote(related, safe='=(),.!&')}")
        assert (reply.status, [row["id"] for row in reply.json]) == (200, [2])
        seen = blog.ask("bob", "GET", "/rest/v1/article?select=id&data-%3E%3En=eq.8")  # nor where it is in sight
        assert (seen.status, seen.json) == (200, [{"id": 8}])


def test_a_value_that_the_caller_sees_is_told_of_in_their_own_words_alone(blog: Blog) -> None:
    """What fails on a row in sight is told without its value: the same words may be said of many rows."""
    reply = blog.ask("bob", "GET", "/rest/v1/article?select=note::integer&id=eq.9")
    assert reply.status in {200, 400}
    assert b"hunter2" not in reply.body


# ── tags ─────────────────────────────────────────────────────────────────────────────────────

TAGGED = ("/api/article?id__gt=99", "/rest/v1/article?id=gt.99", "/graphql?query={article(where:{id:{_gt:99}}){id}}")


@pytest.mark.parametrize("path", TAGGED)
def test_a_tag_of_another_caller_is_no_answer(blog: Blog, path: str) -> None:
    """Both are answered nothing, in the same bytes, and each has a tag of their own."""
    address = quote(path, safe="/?=&_.")
    replies = {who: blog.ask(who, "GET", address) for who in ("alice", "bob", "guest")}
    assert len({reply.body for reply in replies.values()}) == 1
    tags = {who: reply.headers["ETag"] for who, reply in replies.items()}
    assert len(set(tags.values())) == 3
    for who in tags:
        for other, tag in tags.items():
            assert blog.ask(who, "GET", address, If_None_Match=tag).status == (304 if who == other else 200)


def test_tags_and_cursors_are_made_with_the_secret_of_the_configuration(blog: Blog, databases: Databases) -> None:
    """Another process that has it reads them; one that has another makes other tags of the same bytes, and reads no cursor."""
    cached = CONFIG.replace("tables:\n", 'tables:\n  "*": {cache: {ttl: 1h}}\n')
    first = blog.ask("alice", "GET", "/api/article?sort=title&limit=1")
    following = first.json["page"]["next"]
    for config, same in ((cached, True), (cached.replace(SECRET, SECRET.upper()), False)):
        with served_blog(databases, blog.kind, config, blog.url) as other:
            again = other.ask("alice", "GET", "/api/article?sort=title&limit=1", If_None_Match=first.headers["ETag"])
            assert (again.status == 304) is same
            read = other.ask("alice", "GET", following)
            assert (read.status == 200) is same
            assert same or (read.status, read.code) == (422, "invalid_cursor")


# ── cursors ──────────────────────────────────────────────────────────────────────────────────


def test_a_cursor_is_of_its_list_its_order_and_its_readers_roles(blog: Blog) -> None:
    def cursor_of(who: str, path: str) -> str:
        following: str = blog.ask(who, "GET", path).json["page"]["next"]
        return following.partition("cursor=")[2]

    path = "/api/article?sort=title&limit=1"
    cursor = cursor_of("alice", path)
    assert "mine" not in cursor
    assert blog.ask("alice", "GET", f"{path}&cursor={cursor}").status == 200
    assert (
        blog.ask("bob", "GET", f"{path}&cursor={cursor}").status == 200
    )  # the same roles: a place in a list, not its rows
    before = blog.counted.runs
    for who, asked in (
        ("guest", path),
        ("editor", path),
        ("reviser", path),
        ("alice", "/api/article?sort=-title&limit=1"),
        ("alice", "/api/article?sort=note&limit=1"),
        ("alice", "/api/article?limit=1"),
        ("alice", "/api/comment?sort=text&limit=1"),
    ):
        reply = blog.ask(who, "GET", f"{asked}&cursor={cursor}")
        assert (reply.status, reply.code) == (422, "invalid_cursor"), (who, asked)
    for place in range(0, len(cursor), 3):
        flipped = cursor[:place] + ("B" if cursor[place] == "A" else "A") + cursor[place + 1 :]
        assert blog.ask("alice", "GET", f"{path}&cursor={flipped}").code == "invalid_cursor"
    assert blog.counted.runs == before


# ── rules that refer to one another ──────────────────────────────────────────────────────────


def test_rules_that_read_one_another_s_tables_come_to_an_end(databases: Databases, kind: DatabaseKind) -> None:
    """Each reads the other's rows as its author does: an article is seen for its comment, a comment for its article."""
    config = CONFIG.replace(
        "guest: {read: published, aggregate: true}", "guest: {read: 'exists(comment, hidden == False)'}"
    )
    rule = "guest: {read: \"article.status == 'published'\", columns: [id, article_id, text], aggregate: true}"
    config = config.replace("guest: {read: hidden == False, columns: [id, article_id, text], aggregate: true}", rule)
    with served_blog(databases, kind, config) as blog:
        articles = blog.ask("guest", "GET", "/api/article?fields=id&include=comment&sort=id").json["items"]
        assert [(row["id"], [each["id"] for each in row["comment"]]) for row in articles] == [(8, [2])]
        found = blog.ask("guest", "GET", "/rest/v1/comment?select=id,article(id,comment(id,article(id)))&order=id").json
        assert found == [
            {"id": 2, "article": {"id": 8, "comment": [{"id": 2, "article": {"id": 8}}]}},
            {"id": 3, "article": None},
        ]
        query = "{comment(order_by: {id: asc}, where: {article: {comment: {article: {}}}}) {id article {comment {id}}}}"
        assert blog.graphql("guest", query)["data"]["comment"] == [{"id": 2, "article": {"comment": [{"id": 2}]}}]
