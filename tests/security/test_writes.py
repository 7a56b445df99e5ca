"""Attacks on what is written, by name, by every API and on every database."""

from __future__ import annotations

import pytest

from tests.security.asking import Blog

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
