"""What another program commits is told to those who follow, on both databases that capture changes."""

from __future__ import annotations

import asyncio

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.realtime.following import Picture, connected
from tests.bookshops import Databases
from tests.changes.capturing import Write
from tests.server.harness import Served, served

TAG = "INSERT INTO tag (name, description) VALUES ('{0}', 'of {0}')"


async def test_an_insertion_an_update_and_a_deletion_arrive_in_order(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag")
        write(TAG.format("newest"))
        write("UPDATE tag SET description = 'other' WHERE name = 'newest'")
        write("DELETE FROM tag WHERE name = 'newest'")
        inserted, updated, deleted = await client.changes(3)
        assert (inserted["op"], inserted["key"], inserted["new"]) == (
            "insert",
            {"name": "newest"},
            {"name": "newest", "description": "of newest"},
        )
        assert (updated["op"], updated["new"]["description"], updated["changed"]) == (
            "update",
            "other",
            ["description"],
        )
        assert (deleted["op"], deleted["key"], deleted.get("new")) == ("delete", {"name": "newest"}, None)
        assert inserted["at"].endswith("+00:00")
        assert len({frame["cursor"] for frame in (inserted, updated, deleted)}) == 3


async def test_a_transaction_that_is_rolled_back_is_told_to_nobody(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag")
        write(f"BEGIN; {TAG.format('never')}; ROLLBACK")
        write(TAG.format("ever"))
        assert [frame["key"] for frame in await client.changes(1)] == [{"name": "ever"}]


async def test_a_filter_lets_rows_enter_and_leave(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("book", filter={"price": {"_lt": 10}, "in_print": True}, columns=["id", "price"])
        write("UPDATE book SET price = 500, in_print = true WHERE id = 1")
        write("UPDATE book SET price = 5 WHERE id = 1")
        write("UPDATE book SET price = 6 WHERE id = 1")
        write("UPDATE book SET in_print = false WHERE id = 1")
        write("UPDATE book SET price = 7 WHERE id = 1")
        write("UPDATE book SET in_print = true, price = 8 WHERE id = 1")
        frames = [frame for frame in await client.changes(4) if frame["key"] == {"id": 1}]
        # The book may have been cheap before: then it left first.
        if frames[0]["op"] == "leave":
            frames = [*frames[1:], *await client.changes(1)]
        assert [frame["op"] for frame in frames] == ["enter", "update", "leave", "enter"]
        assert frames[0]["new"] == {"id": 1, "price": 5}
        assert "new" not in frames[2]


async def test_what_changes_nothing_that_is_asked_for_is_not_told(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("book", columns=["id", "title"])
        write("UPDATE book SET price = 12.5 WHERE id < 50")
        write("UPDATE book SET title = 'seen' WHERE id = 7")
        [frame] = await client.changes(1)
        assert (frame["new"], frame["changed"]) == ({"id": 7, "title": "seen"}, ["title"])


async def test_only_the_events_that_are_asked_for_are_told(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag", events=["delete"])
        write(TAG.format("a") + ";" + TAG.format("b"))
        write("UPDATE tag SET description = 'x' WHERE name = 'a'")
        write("DELETE FROM tag WHERE name = 'b'")
        assert [(frame["op"], frame["key"]) for frame in await client.changes(1)] == [("delete", {"name": "b"})]


async def test_a_key_that_changes_leaves_under_the_old_one_and_enters_under_the_new(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag")
        write(TAG.format("old"))
        write("UPDATE tag SET name = 'fresh' WHERE name = 'old'")
        assert [(frame["op"], frame["key"]["name"]) for frame in await client.changes(3)] == [
            ("insert", "old"),
            ("leave", "old"),
            ("enter", "fresh"),
        ]


async def test_many_subscriptions_of_one_socket_are_told_each_by_its_id(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag", "all")
        await client.follow("tag", "some", filter={"name": {"_startswith": "b"}})
        await client.follow("publisher", "others")
        write(TAG.format("a"))
        write(TAG.format("b"))
        assert sorted((frame["id"], frame["key"]["name"]) for frame in await client.changes(3)) == [
            ("all", "a"),
            ("all", "b"),
            ("some", "b"),
        ]
        assert await client.ask(type="unsubscribe", id="all") == {"type": "closed", "id": "all"}
        write(TAG.format("bb"))
        assert [frame["id"] for frame in await client.changes(1)] == ["some"]


async def test_the_first_rows_are_those_of_a_list_and_what_follows_is_told(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag", initial=True)
        initial = await client.next()
        assert initial["items"] == (await api.get("/api/tag?limit=1000")).json["items"]
        assert initial["more"] is False
        write(TAG.format("later"))
        assert [frame["key"] for frame in await client.changes(1)] == [{"name": "later"}]


async def test_a_dropped_socket_goes_on_without_loss(api: Served, write: Write) -> None:
    async with connected(api) as client:
        await client.follow("tag")
        write(TAG.format("one"))
        [last] = await client.changes(1)
    write(TAG.format("two"))
    write("DELETE FROM tag WHERE name = 'one'")
    async with connected(api) as client:
        ready = await client.follow("tag", since=last["cursor"])
        assert ready["cursor"] != last["cursor"], "the same place has another text each time"
        assert [(frame["op"], frame["key"]["name"]) for frame in await client.changes(2)] == [
            ("insert", "two"),
            ("delete", "one"),
        ]
        write(TAG.format("three"))
        assert [frame["key"]["name"] for frame in await client.changes(1)] == ["three"]


async def test_a_cursor_that_was_not_made_here_is_an_error(api: Served) -> None:
    async with connected(api) as client:
        for malformed in ("x", "A" * 43, ""):
            frame = await client.ask(type="subscribe", id="1", table="tag", since=malformed)
            assert (frame["type"], frame["code"]) == ("error", "invalid_cursor")
        await client.follow("tag", since="A" * 54)
        assert (await client.next())["type"] == "resync"


@pytest.mark.parametrize(
    "config", [None, "server: {secret: of a server that restarts and long enough}\ndefaults: {read: true}"]
)
async def test_after_a_restart_of_the_server_subscribers_are_told_to_resync(
    url: str, write: Write, config: str | None
) -> None:
    async with served(url, config) as api, connected(api) as client:
        await client.follow("tag")
        write(TAG.format("one"))
        [last] = await client.changes(1)
    write(TAG.format("missed"))
    async with served(url, config) as api, connected(api) as client:
        await client.follow("tag", since=last["cursor"])
        resync = await client.next()
        assert (resync["type"], resync["id"]) == ("resync", "1")
        write(TAG.format("two"))
        assert [frame["key"]["name"] for frame in await client.changes(1)] == ["two"]


async def test_when_a_table_is_emptied_at_once_its_followers_read_afresh(
    api: Served, write: Write, kind: DatabaseKind
) -> None:
    if kind is DatabaseKind.SQLITE:
        # SQLite knows no TRUNCATE: each row is told.
        async with connected(api) as client:
            await client.follow("reading_survey", events=["delete"])
            write("DELETE FROM reading_survey")
            assert len(await client.changes(60)) == 60
        return
    async with connected(api) as client:
        await client.follow("reading_survey")
        write("TRUNCATE reading_survey")
        assert (await client.next())["type"] == "resync"


async def test_nobody_misses_a_row_who_subscribes_while_others_write(api: Served, write: Write) -> None:
    """Each begins at another moment; what the first rows and the changes tell together is what is there in the end."""

    async def subscriber(number: int) -> Picture:
        picture = Picture()
        await asyncio.sleep(0.01 * number)
        async with connected(api) as client:
            await client.follow("book", initial=True, columns=["id", "title"], filter={"id": {"_lte": 40}})
            while not any(row["title"] == "the end" for row in picture.rows.values()):
                picture.take(await client.next())
        return picture

    async def writing() -> None:
        for round_ in range(40):
            await asyncio.to_thread(write, f"UPDATE book SET title = 'round {round_}' WHERE id <= 20")
        await asyncio.to_thread(write, "UPDATE book SET title = 'the end' WHERE id = 1")

    *pictures, _ = await asyncio.gather(*(subscriber(number) for number in range(12)), writing())
    rows = (await api.get("/api/book?fields=id,title&id__lte=40&limit=100")).json["items"]
    for picture in pictures:
        assert picture is not None
        assert sorted(picture.rows.values(), key=lambda row: row["id"]) == rows


async def test_a_file_without_capture_says_which_command_installs_it(databases: Databases, kind: DatabaseKind) -> None:
    async with served(databases.bookshop(kind)) as api, connected(api) as client:
        frame = await client.ask(type="subscribe", id="1", table="tag")
        assert (frame["type"], frame["id"], frame["code"]) == ("error", "1", "changes_not_captured")
        assert frame["errors"][0]["hint"] == "reflector changes install"
        assert (await client.ask(type="ping"))["type"] == "pong"


async def test_mariadb_is_not_offered_and_says_so(databases: Databases) -> None:
    async with served(databases.bookshop(DatabaseKind.MARIADB)) as api, connected(api) as client:
        frame = await client.ask(type="subscribe", id="1", table="tag")
        assert frame["code"] == "not_supported"
        assert "MariaDB" in frame["errors"][0]["message"]


async def test_a_request_that_is_no_upgrade_is_told_so(quiet_url: str) -> None:
    async with served(quiet_url) as api:
        reply = await api.get("/ws")
        assert (reply.status, reply.headers["Upgrade"]) == (426, "websocket")
