"""`/ws/{table}`: one subscription, asked for in the address."""

from __future__ import annotations

from urllib.parse import quote

from tests.apis.realtime.following import Client
from tests.changes.capturing import Write
from tests.server.harness import Served, served


async def test_the_address_asks_as_the_frame_does(api: Served, write: Write) -> None:
    asked = quote('{"id":{"_lte":2}}')
    path = f"/ws/book?filter={asked}&columns=id,title&events=update&initial=true"
    async with api.session.ws_connect(api.base + path) as ws:
        client = Client(ws)
        assert ((await client.next())["type"], (await client.next())["items"][0]["id"]) == ("ready", 1)
        write("UPDATE book SET title = 'beyond' WHERE id = 3")
        write("UPDATE book SET title = 'told' WHERE id = 2")
        [frame] = await client.changes(1)
        assert (frame["id"], frame["new"]) == ("1", {"id": 2, "title": "told"})
    async with api.session.ws_connect(f"{api.base}/ws/book?columns=id&since={frame['cursor']}") as ws:
        client = Client(ws)
        assert (await client.next())["type"] == "ready"
        await client.silence()


async def test_what_is_wrong_with_the_address_is_an_error_and_the_socket_stays(quiet_url: str) -> None:
    async with served(quiet_url) as api:
        for query in ("initial=perhaps", "filter=x", "columns=nothing", "events=arrival", "table=author", "colums=id"):
            async with api.session.ws_connect(f"{api.base}/ws/book?{query}") as ws:
                client = Client(ws)
                assert (await client.next())["type"] == "error"
                await client.silence()
                await client.follow("book")
        async with api.session.ws_connect(f"{api.base}/ws/nothing") as ws:
            assert (await Client(ws).next())["code"] == "unknown_table"


async def test_a_parameter_that_is_none_is_told_by_its_name(quiet_url: str) -> None:
    """Also one that a frame has a member for: the address says neither `table` nor `id`."""
    async with (
        served(quiet_url) as api,
        api.session.ws_connect(f"{api.base}/ws/book?id=2&colums=id&table=author") as ws,
    ):
        frame = await Client(ws).next()
        told = {each["pointer"]: (each["message"], each.get("hint")) for each in frame["errors"]}
        assert told == {
            "/id": ("there is no parameter 'id'", None),
            "/colums": ("there is no parameter 'colums'", "did you mean 'columns'?"),
            "/table": ("there is no parameter 'table'", None),
        }


async def test_nothing_of_the_address_is_left_out_where_it_is_repeated(api: Served, write: Write) -> None:
    narrow, wide = quote('{"id":{"_lte":2}}'), quote('{"id":{"_gte":0}}')
    for query in (f"filter={wide}&filter={narrow}", "since=a&since=b", "initial=true&initial=false"):
        async with api.session.ws_connect(f"{api.base}/ws/book?{query}") as ws:
            client = Client(ws)
            frame = await client.next()
            assert (frame["type"], frame["errors"][0]["pointer"]) == ("error", f"/{query.partition('=')[0]}")
            await client.silence()
    async with api.session.ws_connect(f"{api.base}/ws/book?columns=id&columns=title&events=insert&events=update") as ws:
        client = Client(ws)
        assert (await client.next())["type"] == "ready"
        write("UPDATE book SET title = 'told' WHERE id = 2")
        [frame] = await client.changes(1)
        assert frame["new"] == {"id": 2, "title": "told"}
