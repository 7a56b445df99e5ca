"""Attacks on what is written, by name, by every API and on every database."""

from __future__ import annotations

import re

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.security.asking import Blog, served_blog
from tests.security.blog import CONFIG

OWN = re.compile(rb'"request_id":"[^"]*"')
BEFORE = {1: "mine", 2: "mine too", 8: "theirs", 9: "secret"}


@pytest.mark.parametrize("condition", ["id=eq.9", "note=eq.hunter2", "note=like.hunter*", "status=eq.draft"])
def test_a_write_finds_no_row_that_its_caller_does_not_see(own_blog: Blog, condition: str) -> None:
    """An editor may change all articles and sees those that are out: what is changed must not tell of the others."""
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        reply = own_blog.ask(
            "editor", method, f"/rest/v1/article?{condition}", body, Prefer="return=representation,count=exact"
        )
        assert (reply.status, reply.json) == (200, [])
        assert reply.headers["Content-Range"] == "*/0"
    assert own_blog.titles() == BEFORE


def test_a_row_out_of_sight_is_neither_changed_nor_removed_by_its_key(own_blog: Blog) -> None:
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        hidden = own_blog.ask("editor", method, "/api/article/9", body)
        absent = own_blog.ask("editor", method, "/api/article/99", body)
        assert (hidden.status, hidden.code, hidden.json["detail"]) == (404, "row_not_found", absent.json["detail"])
    for field in ('update_article_by_pk(pk_columns: {id: 9}, _set: {title: "x"})', "delete_article_by_pk(id: 9)"):
        assert own_blog.graphql("editor", f"mutation {{it: {field} {{id}}}}")["data"] == {"it": None}
    assert own_blog.titles() == BEFORE
    assert own_blog.ask("editor", "PATCH", "/api/article/8", {"title": "seen"}).status == 200


def test_who_sees_nothing_may_still_empty_a_table_that_is_theirs_to_empty(own_blog: Blog) -> None:
    own_blog.run("DELETE FROM comment")
    assert own_blog.ask("cleaner", "DELETE", "/rest/v1/article?id=eq.9").status in {400, 401, 403, 404}
    assert own_blog.titles() == BEFORE
    assert own_blog.ask("cleaner", "DELETE", "/rest/v1/article").status == 204
    assert own_blog.titles() == {}


# ── what may not be given ────────────────────────────────────────────────────────────────────

JSON, CSV, FORM = "application/json", "text/csv", "application/x-www-form-urlencoded"
GIVEN = (
    ("/api/article", JSON, '{"id": 70, "title": "x", "{}": 8}'),
    ("/api/article", JSON, '[{"id": 70, "title": "x"}, {"id": 71, "{}": 8}]'),
    ("/rest/v1/article", JSON, '{"id": 70, "title": "x", "{}": 8}'),
    ("/rest/v1/article?columns=id,title,{}", JSON, '{"id": 70, "title": "x", "{}": 8}'),
    ("/rest/v1/article", CSV, "id,title,{}\n70,x,8\n"),
    ("/rest/v1/article", FORM, "id=70&title=x&{}=8"),
    ("/rest/v1/article?on_conflict=id", JSON, '[{"id": 1, "title": "x", "{}": 8}]'),
    ("/graphql", JSON, '{"query": "mutation {insert_article_one(object: {id: 70, title: \\"x\\", {}: 8}) {id}}"}'),
)


@pytest.mark.parametrize(("path", "type_", "body"), GIVEN)
def test_a_column_that_is_preset_is_given_by_nobody(own_blog: Blog, path: str, type_: str, body: str) -> None:
    """`owner_id` is set by the rule: who gives it is told what they are told of a column that is not there."""
    told = []
    for name in ("owner_id", "ower_ndi"):
        reply = own_blog.ask("alice", "POST", path.replace("{}", name), body.replace("{}", name), Content_Type=type_)
        assert reply.status in ({400, 422} if path != "/graphql" else {200})
        told.append((reply.status, OWN.sub(b"", reply.body).replace(name.encode(), b"...")))
    assert told[0] == told[1]
    assert own_blog.titles() == BEFORE


def test_a_row_is_made_as_the_rule_says(own_blog: Blog) -> None:
    assert own_blog.ask("alice", "POST", "/api/article", {"id": 70, "title": "x"}).status == 201
    assert own_blog.ask("alice", "POST", "/rest/v1/article", {"id": 71, "title": "x"}).status == 201
    made = own_blog.graphql("alice", 'mutation {insert_article_one(object: {id: 72, title: "x"}) {owner_id}}')
    assert made["data"] == {"insert_article_one": {"owner_id": 7}}
    assert own_blog.rows("SELECT owner_id FROM article WHERE id >= 70") == [[7]] * 3


# ── rows of others ───────────────────────────────────────────────────────────────────────────


def test_a_row_is_neither_given_away_nor_pulled_in(own_blog: Blog) -> None:
    given = {"owner_id": 8}
    assert own_blog.ask("alice", "PATCH", "/api/article/1", given).status == 403
    assert own_blog.ask("alice", "PATCH", "/rest/v1/article?id=eq.1", given).status == 403
    away = own_blog.graphql("alice", "mutation {update_article_by_pk(pk_columns: {id: 1}, _set: {owner_id: 8}) {id}}")
    assert away["errors"][0]["extensions"]["code"] == "permission-error"
    assert own_blog.ask("alice", "PATCH", "/api/article/9", {"title": "x"}).status == 404
    assert own_blog.ask("alice", "PATCH", "/api/article/8", {"title": "x"}).status == 403
    assert own_blog.ask("alice", "PATCH", "/rest/v1/article?id=in.(8,9)", {"title": "x"}).status in {200, 204, 404}
    assert own_blog.rows("SELECT owner_id FROM article ORDER BY id") == [[7], [7], [8], [8]]
    assert own_blog.titles() == BEFORE


TRIGGER = "CREATE TRIGGER told AFTER DELETE ON article FOR EACH ROW "
REMOVALS = {
    DatabaseKind.SQLITE: (f"{TRIGGER} BEGIN INSERT INTO gone VALUES (OLD.id); END",),
    DatabaseKind.MARIADB: (f"{TRIGGER} INSERT INTO gone VALUES (OLD.id)",),
    DatabaseKind.POSTGRESQL: (
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO gone VALUES (OLD.id); RETURN OLD; END'",
        f"{TRIGGER} EXECUTE FUNCTION tell()",
    ),
}
"""What writes down which rows were removed."""
MERGED = (
    ("POST", "/rest/v1/article", {"id": 9, "title": "x", "status": "draft"}),
    (
        "POST",
        "/rest/v1/article",
        [{"id": 1, "title": "x", "status": "draft"}, {"id": 9, "title": "x", "status": "draft"}],
    ),
    ("PUT", "/rest/v1/article?id=eq.9", {"id": 9, "title": "x", "status": "draft"}),
)


@pytest.mark.parametrize(("method", "path", "body"), MERGED)
def test_an_upsert_is_no_way_to_change_a_row_of_another(own_blog: Blog, method: str, path: str, body: object) -> None:
    """Refused as a whole, not passed over in silence; and no row was ever removed to be made anew."""
    own_blog.run("CREATE TABLE gone (id int)")
    for statement in REMOVALS[own_blog.kind]:
        own_blog.run(statement)
    reply = own_blog.ask("alice", method, path, body, Prefer="resolution=merge-duplicates")
    assert reply.status in {403, 409}, reply.body
    assert b"secret" not in reply.body
    assert b"hunter2" not in reply.body
    assert own_blog.titles() == BEFORE
    assert own_blog.rows("SELECT id FROM gone") == []


def test_an_upsert_needs_the_right_to_make_and_the_right_to_change(own_blog: Blog) -> None:
    row = {"id": 8, "title": "x", "status": "published", "note": "n", "owner_id": 8}
    for who in ("maker", "reviser"):
        reply = own_blog.ask(who, "POST", "/rest/v1/article", row, Prefer="resolution=merge-duplicates")
        assert (reply.status, reply.json["code"]) == (403, "42501"), (who, reply.body)
    for number in (8, 9, 70):
        changed = {**row, "id": number}
        assert own_blog.ask("reviser", "PUT", f"/rest/v1/article?id=eq.{number}", changed).status == 403
        # Who sees no key cannot name one.
        assert own_blog.ask("maker", "PUT", f"/rest/v1/article?id=eq.{number}", changed).status == 405
        assert own_blog.ask("reviser", "PUT", f"/api/article/{number}", changed).status == 405
    assert own_blog.titles() == BEFORE


def test_a_row_is_not_joined_to_one_out_of_sight_where_the_check_says_so(own_blog: Blog) -> None:
    comment = {"id": 70, "article_id": 9, "text": "x"}
    assert own_blog.ask("alice", "POST", "/api/comment", comment).status == 403
    assert own_blog.ask("alice", "POST", "/rest/v1/comment", comment).status == 403
    refused = own_blog.graphql(
        "alice", 'mutation {insert_comment_one(object: {id: 70, article_id: 9, text: "x"}) {id}}'
    )
    assert refused["errors"][0]["extensions"]["code"] == "permission-error"
    assert own_blog.rows("SELECT count(*) FROM comment") == [[3]]
    assert own_blog.ask("alice", "POST", "/api/comment", {**comment, "article_id": 8}).status == 201


# ── conditions that vanish ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "condition", ["id=in.()", "id=eq.", "and=()", "id=eq.null", "or=()", "not.and=()", "id=in.(null)", "article=eq.1"]
)
def test_no_condition_of_a_write_vanishes(own_blog: Blog, condition: str) -> None:
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        reply = own_blog.ask("alice", method, f"/rest/v1/article?{condition}", body)
        assert reply.status in {200, 204, 400}, reply.body
        assert own_blog.titles() == BEFORE


@pytest.mark.parametrize("key", ["null", "{}", '{"_eq": 1}', "[1]", '""'])
def test_a_key_of_a_mutation_is_a_value(own_blog: Blog, key: str) -> None:
    query = f"mutation {{delete_article_by_pk(id: {key}) {{id}}}}".replace('"_eq"', "_eq")
    assert "errors" in own_blog.graphql("alice", query)
    assert own_blog.titles() == BEFORE


def test_a_write_of_every_row_is_refused_unless_a_setting_allows_it(databases: Databases, kind: DatabaseKind) -> None:
    with served_blog(databases, kind, CONFIG.replace(", allow_unfiltered_writes: true", "")) as blog:
        for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
            assert blog.ask("alice", method, "/rest/v1/article", body).status == 400
            assert blog.ask("alice", method, "/api/article", body).status in {405, 422}
        assert blog.titles() == BEFORE


# ── what an answer shows of what was written ─────────────────────────────────────────────────


def test_who_may_make_and_not_read_is_shown_nothing(own_blog: Blog) -> None:
    row = {"id": 70, "owner_id": 8, "title": "x", "status": "draft", "note": "n"}
    reply = own_blog.ask("maker", "POST", "/api/article", row)
    assert (reply.status, reply.body) == (201, b"")
    reply = own_blog.ask("maker", "POST", "/rest/v1/article", {**row, "id": 71})
    assert (reply.status, reply.body) == (201, b"")
    shown = own_blog.ask("maker", "POST", "/rest/v1/article", {**row, "id": 72}, Prefer="return=representation")
    assert b"draft" not in shown.body
    assert "errors" in own_blog.graphql("maker", "mutation {insert_article_one(object: {id: 73, owner_id: 8}) {id}}")


def test_a_refusal_of_the_database_shows_no_row(own_blog: Blog) -> None:
    """Not the values of others, nor defaults that the caller may not read."""
    for path in ("/api/article", "/rest/v1/article"):
        for row, statuses in (({"id": 9, "title": "x"}, {403, 409}), ({"id": 70, "status": None}, {400, 409, 422})):
            reply = own_blog.ask("alice", "POST", path, row)
            assert reply.status in statuses, reply.body
            for word in (
                b"hunter2",
                b"secret",
                b"article_pkey",
                b"Failing",
                b"PRIMARY",
                b"Duplicate",
                b"UNIQUE constraint",
            ):
                assert word not in reply.body
    assert own_blog.titles() == BEFORE
