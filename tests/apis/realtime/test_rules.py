"""Nobody is told what they could not have read: rows, columns, keys, and that anything happened at all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.setup import Choices
from tests.apis.realtime.following import Frame, connected, settled
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, uninstall, with_changes, writer
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET, token

CONFIG = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{}}, user: {{}}, clerk: {{}}, both: {{extends: [guest, user]}}}}
tables:
  article:
    allow:
      guest: {{read: status == 'published', columns: [id, title, status]}}
      user: {{read: owner == claims.sub, columns: [id, title, status, owner]}}
      clerk: {{read: true, columns: [title]}}
  note:
    allow:
      user: {{read: "exists(team.member, person == claims.sub)", columns: [id, body]}}
"""
SCHEMA = """
CREATE TABLE article (id INTEGER PRIMARY KEY, title VARCHAR(80), status VARCHAR(20), owner VARCHAR(40), salary INTEGER);
CREATE TABLE team (id INTEGER PRIMARY KEY);
CREATE TABLE member (team_id INTEGER NOT NULL REFERENCES team (id), person VARCHAR(40) NOT NULL, PRIMARY KEY (team_id, person));
CREATE TABLE note (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES team (id), body VARCHAR(80));
INSERT INTO article VALUES (1, 'mine', 'draft', '7', 10), (2, 'theirs', 'published', '8', 20), (3, 'hidden', 'draft', '8', 30);
INSERT INTO team VALUES (1), (2);
INSERT INTO member VALUES (1, '7'), (2, '8');
INSERT INTO note VALUES (1, 1, 'of team one'), (2, 2, 'of team two');
"""


def bearer(role: str | list[str], subject: str = "7", **more: Any) -> dict[str, str]:
    claims = {
        "exp": time.time() + 86_400,
        "aud": "api",
        "iss": "https://id.example",
        "roles": role,
        "sub": subject,
        **more,
    }
    return {"Authorization": f"Bearer {token(claims)}"}


USER, OTHER, CLERK = bearer("user"), bearer("user", "8"), bearer("clerk")


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> AsyncIterator[str]:
    async with with_changes(databases.database(kind, SCHEMA)) as made:
        yield made


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, CONFIG) as running:
        yield running


async def heard(api: Served, headers: dict[str, str] | None, table: str, act: Any, **more: Any) -> list[Frame]:
    """All that a caller is told of what is done."""
    async with connected(api, headers) as client:
        await client.follow(table, **more)
        act()
        await settled()
        frames = []
        await client.send(type="ping")
        while (frame := await client.next())["type"] != "pong":
            frames.append({name: value for name, value in frame.items() if name not in ("cursor", "at", "id")})
        return frames


async def test_rows_beyond_the_rule_are_told_to_nobody_else(api: Served, write: Write) -> None:
    def act() -> None:
        write("INSERT INTO article VALUES (10, 'a', 'draft', '8', 1)")
        write("UPDATE article SET title = 'b' WHERE id IN (3, 10)")
        write("DELETE FROM article WHERE id IN (3, 10)")

    assert await heard(api, USER, "article", act) == []


async def test_a_row_that_is_given_away_leaves_and_enters(api: Served, write: Write) -> None:
    async with connected(api, USER) as mine, connected(api, OTHER) as theirs:
        await mine.follow("article")
        await theirs.follow("article")
        write("UPDATE article SET owner = '8' WHERE id = 1")
        [left], [entered] = await mine.changes(1), await theirs.changes(1)
        assert (left["op"], left["key"], left.get("new")) == ("leave", {"id": 1}, None)
        assert (entered["op"], entered["new"]) == (
            "enter",
            {"id": 1, "title": "mine", "status": "draft", "owner": "8"},
        )


async def test_an_update_of_hidden_columns_alone_is_told_to_nobody(api: Served, write: Write) -> None:
    assert await heard(api, USER, "article", lambda: write("UPDATE article SET salary = 99")) == []
    assert await heard(api, None, "article", lambda: write("UPDATE article SET salary = 98, owner = 'x'")) == []


async def test_a_hidden_column_is_neither_told_nor_named(api: Served, write: Write) -> None:
    frames = await heard(api, USER, "article", lambda: write("UPDATE article SET salary = 1, title = 't' WHERE id = 1"))
    assert frames == [
        {
            "type": "change",
            "op": "update",
            "table": "article",
            "key": {"id": 1},
            "new": {"id": 1, "title": "t", "status": "draft", "owner": "7"},
            "changed": ["title"],
        }
    ]


async def test_a_deletion_is_told_to_those_who_saw_the_row(api: Served, write: Write) -> None:
    async with connected(api, USER) as mine, connected(api, OTHER) as theirs, connected(api) as guest:
        for client in (mine, theirs, guest):
            await client.follow("article")
        write("DELETE FROM article WHERE id = 2")
        write("DELETE FROM article WHERE id = 1")
        assert [frame["key"] for frame in await mine.changes(1)] == [{"id": 1}]
        assert [frame["key"] for frame in await theirs.changes(1)] == [{"id": 2}]
        assert [frame["key"] for frame in await guest.changes(1)] == [{"id": 2}]
        for client in (mine, theirs, guest):
            await client.silence()


async def test_a_key_that_may_not_be_read_is_a_token(api: Served, write: Write) -> None:
    def act() -> None:
        write("UPDATE article SET title = 't' WHERE id = 1")
        write("DELETE FROM article WHERE id = 1")

    updated, deleted = await heard(api, CLERK, "article", act)
    assert updated["new"] == {"title": "t"}
    assert isinstance(updated["key"], str)
    assert updated["key"] == deleted["key"]
    assert len(updated["key"]) == 32


async def test_a_column_that_is_seen_on_some_rows_is_null_on_the_others(api: Served, write: Write) -> None:
    """`both` sees published rows as a guest and own ones as a user: the owner is shown on own rows alone."""

    def act() -> None:
        write("UPDATE article SET title = 't' WHERE id = 2")
        write("UPDATE article SET title = 't' WHERE id = 1")

    frames = await heard(api, bearer("both"), "article", act)
    assert [(frame["key"]["id"], frame["new"]["owner"]) for frame in frames] == [(2, None), (1, "7")]


async def test_what_may_not_be_read_cannot_be_asked_for(api: Served) -> None:
    async with connected(api, USER) as client:
        answers = []
        for table, column in (("team", "x"), ("nothing", "x"), ("article", "salary"), ("article", "salarx")):
            asked = {"filter": {column: 1}, "columns": [column]} if table == "article" else {}
            frame = await client.ask(type="subscribe", id="1", table=table, **asked)
            assert frame["type"] == "error"
            answers.append(str(frame).replace(column, "…").replace(table, "…"))
        assert answers[0] == answers[1]
        assert answers[2] == answers[3]


async def test_a_rule_that_reads_another_table_is_asked_of_the_database(api: Served, write: Write) -> None:
    async with connected(api, USER) as client:
        await client.follow("note")
        write("UPDATE note SET body = 'x' WHERE id = 2")
        write("UPDATE note SET body = 'y' WHERE id = 1")
        [frame] = await client.changes(1)
        assert (frame["key"], frame["new"]) == ({"id": 1}, {"id": 1, "body": "y"})


async def test_whoever_loses_a_right_is_told_to_read_afresh_and_hears_no_more(api: Served, write: Write) -> None:
    async with connected(api, USER) as client:
        await client.follow("note")
        write("DELETE FROM member WHERE person = '7'")
        assert (await client.next())["type"] == "resync"
        write("UPDATE note SET body = 'secret' WHERE id = 1")
        await settled()
        await client.silence()


async def test_a_deletion_under_a_rule_that_reads_another_table_is_told_of_rows_that_were_told(
    api: Served, write: Write
) -> None:
    async with connected(api, OTHER) as client, connected(api, OTHER) as blind:
        await blind.follow("note")
        await client.follow("note", initial=True)
        assert [row["id"] for row in (await client.next())["items"]] == [2]
        write("INSERT INTO note VALUES (3, 1, 'hidden'), (4, 2, 'seen'), (5, 2, 'seen, then hidden')")
        assert [(frame["op"], frame["key"]["id"]) for frame in await client.changes(2)] == [
            ("insert", 4),
            ("insert", 5),
        ]
        write("UPDATE note SET team_id = 1 WHERE id = 5")
        assert [(frame["op"], frame["key"]["id"]) for frame in await client.changes(1)] == [("leave", 5)]
        write("DELETE FROM note WHERE id = 1")
        write("DELETE FROM note WHERE id = 3")
        write("DELETE FROM note WHERE id = 5")
        write("DELETE FROM note WHERE id = 2")
        write("UPDATE note SET id = 40 WHERE id = 4")
        told = [(frame["op"], frame["key"]["id"]) for frame in await client.changes(3)]
        write("DELETE FROM note WHERE id = 40")
        told += [(frame["op"], frame["key"]["id"]) for frame in await client.changes(1)]
        assert told == [("delete", 2), ("leave", 4), ("enter", 40), ("delete", 40)]
        await settled()
        await client.silence()
        assert 2 not in [frame["key"]["id"] for frame in await blind.changes(6)], "it was never told of it"


async def test_who_was_away_reads_afresh_where_what_was_told_decides(api: Served, write: Write) -> None:
    async with connected(api, OTHER) as client:
        cursor = (await client.follow("note"))["cursor"]
    async with connected(api, OTHER) as client:
        await client.follow("note", since=cursor)
        assert (await client.next())["type"] == "resync"


async def test_a_claim_that_is_missing_is_an_error_and_never_opens(api: Served) -> None:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": "user"}
    async with connected(api, {"Authorization": f"Bearer {token(claims)}"}) as client:
        frame = await client.ask(type="subscribe", id="1", table="article")
        assert frame["code"] == "missing_claim"


async def test_without_old_images_what_cannot_be_judged_is_withheld(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCHEMA)
    await install(url, Choices(keep_identity=True))
    write = writer(url, databases.postgresql)
    try:
        async with served(url, CONFIG) as api:

            def act() -> None:
                write("UPDATE article SET salary = 5 WHERE id = 1")  # hidden: but nobody can tell that it was only that
                write("UPDATE article SET owner = '8' WHERE id = 1")
                write("DELETE FROM article WHERE id = 2")

            assert await heard(api, USER, "article", act) == []
        async with served(url) as api, connected(api) as client:
            # Where every row may be read, the key is enough: filters alone are undecided.
            await client.follow("article", filter={"owner": "8"}, columns=["id"])
            write("DELETE FROM article WHERE id = 3")
            write("UPDATE article SET owner = 'nobody' WHERE id = 1")
            assert [(frame["op"], frame["key"]) for frame in await client.changes(2)] == [
                ("delete", {"id": 3}),
                ("leave", {"id": 1}),
            ]
    finally:
        await uninstall(url)


STREAM = [
    "UPDATE article SET title = 'one' WHERE id = 1",
    "UPDATE article SET title = 'two', status = 'published' WHERE id = 3",
    "UPDATE article SET status = 'draft' WHERE id = 3",
    "UPDATE article SET owner = '7' WHERE id = 2",
    "INSERT INTO article VALUES (20, 'n', 'published', '7', 0)",
    "DELETE FROM article WHERE id = 20",
    "UPDATE article SET salary = salary + 1",
    "DELETE FROM article",
]
HIDDEN = [
    "INSERT INTO article VALUES (50, 'x', 'draft', '8', 1), (51, 'y', 'draft', '9', 1)",
    "UPDATE article SET salary = 77",
    "UPDATE article SET title = 'z', salary = 3 WHERE id = 50",
    "UPDATE article SET owner = 'w' WHERE id = 51",
    "DELETE FROM article WHERE id = 51",
]


async def test_two_worlds_that_differ_in_what_is_hidden_are_told_alike(
    kind: DatabaseKind, databases: Databases
) -> None:
    """In one of them hidden rows and cells are other ones and change in between; what is told is the same."""
    told = []
    for busy in (False, True):
        url = databases.database(kind, SCHEMA)
        await install(url)
        write = writer(url, databases.postgresql)

        def act(write: Write = write, busy: bool = busy) -> None:
            for number, statement in enumerate(STREAM):
                if busy and number < len(HIDDEN):
                    write(HIDDEN[number])
                write(statement)

        async with served(url, CONFIG) as api:
            told.append(await heard(api, USER, "article", act))
        await uninstall(url)
    assert told[0] == told[1]
    assert len(told[0]) >= 5
