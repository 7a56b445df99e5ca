"""What a receiver is sent: the changes that its role may see, as a subscriber is told of them, and who sent it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.changes.capturing import Write, with_changes, writer
from tests.server.harness import served
from tests.webhooks.conftest import RULES, Configure
from tests.webhooks.receiving import SCHEMA, SECRET, Receiver, brief, receiving

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
AS_SEVEN = "tables: note, role: own, claims: {sub: 7}"


async def test_a_receiver_is_told_what_a_subscriber_is(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    async with served(url, configure()) as api, connected(api) as client:
        await client.follow("note")
        write("INSERT INTO note VALUES (3, 'three', 7, NULL, 3)")
        write("UPDATE note SET title = 'drei' WHERE id = 3; DELETE FROM note WHERE id = 1")
        events, frames = await receiver.events(3), await client.changes(3)
        assert brief(events) == [("insert", 3), ("update", 3), ("delete", 1)]
        assert [without_cursor(event) for event in events] == [without_cursor(frame) for frame in frames]
        ready = await client.follow("note", "2", since=events[1]["cursor"])
        [missed] = await client.changes(1)
        assert (ready["table"], missed["id"], missed["op"]) == ("note", "2", "delete")


def without_cursor(told: dict[str, Any]) -> dict[str, Any]:
    """The same place has another text each time, and an id is a subscription's own."""
    return {name: value for name, value in told.items() if name not in {"id", "cursor"}}


async def test_rows_and_values_beyond_the_rules_of_its_role_are_not_sent(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    async with served(url, configure(AS_SEVEN, RULES)):
        write("INSERT INTO note VALUES (3, 'mine', 7, '0445551234', 33), (4, 'theirs', 8, '0445554321', 44)")
        write("UPDATE note SET pin = 34 WHERE id = 3")
        write("UPDATE note SET title = 'theirs still' WHERE id = 4")
        write("UPDATE note SET owner_id = 7, title = 'four' WHERE id = 4; UPDATE note SET owner_id = 8 WHERE id = 3")
        write("DELETE FROM note WHERE id = 3; DELETE FROM note WHERE id = 4")
        await receiver.until(lambda each: len(each.taken) >= 4)
        sent = b"".join(message.body for message in receiver.messages)
        events = await receiver.events(4)
        assert brief(events) == [("insert", 3), ("enter", 4), ("leave", 3), ("delete", 4)]
        assert events[0]["new"] == {"id": 3, "title": "mine", "owner_id": 7, "phone": "****1234"}
        assert [word for word in (b"theirs still", b"5551234", b"5554321", b'"pin"') if word in sent] == []


async def test_what_is_hidden_from_its_role_changes_nothing_of_what_is_sent(
    databases: Databases, configure: Configure, tmp_path: Path
) -> None:
    """Two worlds in which different things happen out of sight: the same is sent."""
    sent = []
    hidden = (
        "INSERT INTO note VALUES (50, 'x', 8, NULL, 1); UPDATE note SET pin = 5",
        "UPDATE note SET phone = '0' WHERE id = 2; INSERT INTO member VALUES (5, 5); UPDATE note SET pin = 6; DELETE FROM note WHERE id = 2",
    )
    for number, deeds in enumerate(hidden):
        async with (
            receiving() as receiver,
            with_changes(databases.database(DatabaseKind.SQLITE, SCHEMA)) as url,
            served(url, configure(AS_SEVEN, RULES, path=tmp_path / f"{number}.spool", to=receiver)),
        ):
            write = writer(url)
            for step in range(3, 8):
                write(deeds.replace("(50,", f"({50 + step},").replace("(5, 5)", f"({50 + step}, 5)"))
                write(
                    f"INSERT INTO note VALUES ({step}, 'n', 7, '0445551234', {number}); DELETE FROM note WHERE id = {step - 2}"
                )
                write(f"UPDATE note SET title = 'm', phone = '{number}445551234' WHERE id = {step}")
            await receiver.until(lambda each: ("update", 7) in brief(each.taken))
            sent.append([{**without_cursor(event), "at": None} for event in receiver.taken])
    assert sent[0] == sent[1]
    assert len(sent[0]) == 14


async def test_filter_columns_and_events_choose_among_what_may_be_seen(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    chosen = f"{AS_SEVEN}, columns: [id, title], filter: named and id > claims.least, events: [insert, update]"
    async with served(url, configure(chosen.replace("sub: 7", "sub: 7, least: 2"), RULES)):
        write("INSERT INTO note VALUES (0, 'small', 7, NULL, 0), (3, 'draft', 7, NULL, 3), (4, 'four', 7, NULL, 4)")
        write("UPDATE note SET phone = '1' WHERE id = 4; UPDATE note SET title = 'three' WHERE id = 3")
        write("DELETE FROM note WHERE id = 4; UPDATE note SET title = 'draft' WHERE id = 3")
        events = await receiver.events(3)
        assert brief(events) == [("insert", 4), ("enter", 3), ("leave", 3)]
        assert events[0]["new"] == {"id": 4, "title": "four"}


async def test_several_tables_are_told_of_in_one_order(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    async with served(url, configure("tables: [note, tag]")):
        for number in range(10, 20):
            write(f"INSERT INTO tag VALUES ({number}, 't'); INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1)")
        events = await receiver.events(20)
        expected = [(table, number) for number in range(10, 20) for table in ("tag", "note")]
        assert [(event["table"], event["key"]["id"]) for event in events] == expected


async def test_a_rule_that_reads_another_table_holds_and_its_changes_are_told_as_resync(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    write("INSERT INTO member VALUES (1, 7)")
    async with served(url, configure("tables: note, role: joined", RULES)):
        write("INSERT INTO note VALUES (3, 'mine', 7, NULL, 3); INSERT INTO note VALUES (4, 'theirs', 8, NULL, 4)")
        assert brief(await receiver.events(1)) == [("insert", 3)]
        write("DELETE FROM note WHERE id = 4; DELETE FROM note WHERE id = 3")
        assert brief(await receiver.events(1)) == [("delete", 3)]
        write("INSERT INTO member VALUES (2, 8)")
        assert brief(await receiver.events(1)) == [("resync", None)]


async def test_what_only_the_database_knows_waits_and_keeps_its_place(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    """Each change of `note` is asked of the database, those of `tag` are not, and the order is that of their commits."""
    write("INSERT INTO member VALUES (1, 7)")
    rules = RULES.replace("tag: {allow: {own: {read: true}}}", "tag: {allow: {joined: {read: true}}}")
    async with served(url, configure("tables: [note, tag], role: joined", rules)):
        for number in range(10, 25):
            write(f"INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1); INSERT INTO tag VALUES ({number}, 't')")
        events = await receiver.events(30)
        expected = [(table, number) for number in range(10, 25) for table in ("note", "tag")]
        assert [(event["table"], event["key"]["id"]) for event in events] == expected


async def test_an_emptied_table_is_told_as_resync(
    url: str, write: Write, receiver: Receiver, configure: Configure, kind: str
) -> None:
    statement = "TRUNCATE note" if kind == "postgresql" else "ALTER TABLE note ADD COLUMN extra INTEGER"
    async with served(url, configure()):
        write(statement)
        await receiver.until(lambda each: each.taken)
        assert {(event["type"], event["table"]) for event in receiver.taken} == {("resync", "note")}


# ── who sent it ──────────────────────────────────────────────────────────────────────────────


def documented(name: str) -> Any:
    """The function of the page, run as it stands there."""
    page: dict[str, Any] = {}
    exec(DOCS.read_text().partition("```python\n")[2].partition("```")[0], page)
    return page[name]


@pytest.mark.parametrize(
    "each_secret", [SECRET, f"whsec_{base64.b64encode(bytes(range(32))).decode()}"], ids=["text", "whsec"]
)
async def test_a_receiver_can_tell_who_sent_a_message_as_the_page_says(
    small: str, receiver: Receiver, configure: Configure, each_secret: str
) -> None:
    is_ours = documented("is_ours")
    async with served(small, configure().replace(SECRET, each_secret)) as api:
        assert (await api.get("/health/ready")).status == 200
        writer(small)("INSERT INTO note VALUES (3, 'three', 7, NULL, 3)")
        await receiver.until(lambda each: each.messages)
    [message] = receiver.messages
    assert message.headers["reflector-webhook"] == "search"
    assert is_ours(each_secret, message.headers, message.body)
    forged: list[tuple[str, dict[str, str], bytes]] = [
        (f"{each_secret[:10]}B{each_secret[11:]}", {}, message.body),
        (each_secret, {}, message.body + b" "),
        (each_secret, {"webhook-id": "msg_1"}, message.body),
        (each_secret, {"webhook-timestamp": str(int(message.headers["webhook-timestamp"]) - 301)}, message.body),
    ]
    assert [is_ours(secret, {**message.headers, **other}, body) for secret, other, body in forged] == [False] * 4
