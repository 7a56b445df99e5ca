"""Served at a socket in the file system: who may connect, what is believed, and what is left behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from reflector.catalog.model import DatabaseKind
from server.app import start
from server.commands.convert import converted
from server.config import ConfigError, Flags, address, load
from server.config.models import Socket
from server.peers import peer_of
from server.probe import ready
from server.unix_socket import listening
from tests.bookshops import Databases
from tests.server.harness import ServedProcess, configured


@pytest.fixture
def path() -> Iterator[Path]:
    """On a short path: names of sockets are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder, "own.sock")


@pytest.fixture(scope="module")
def shop(databases: Databases) -> str:
    return databases.bookshop(DatabaseKind.SQLITE)


async def who(request: web.Request) -> web.Response:
    peer = peer_of(request)
    return web.json_response([peer.address, peer.scheme, peer.host])


def at_path(path: Path) -> Socket:
    """What the configuration says of a socket there."""
    return Socket.model_validate({"path": str(path)})


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_there(path: Path) -> bool:
    return path.exists()


@asynccontextmanager
async def at(url: str, path: Path, further: str = "") -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server that listens there."""
    config = configured(url, f"server: {{socket: {{path: {path}{further}}}}}", insecure=bool(further))
    running = await start(config, routes=[web.get("/who", who)])
    try:
        assert address(running.config, running.port) == f"unix:{path}"
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            yield session
    finally:
        await running.stop()


async def test_it_answers_there_for_those_who_may_and_leaves_nothing_behind(shop: str, path: Path) -> None:
    async with at(shop, path) as client:
        assert mode_of(path) == 0o660
        async with client.get("http://localhost/api/book?limit=1") as reply:
            assert (reply.status, len((await reply.json())["items"])) == (200, 1)
        async with client.get("http://evil.example/api/book") as reply:
            assert reply.status == 421
        config = configured(shop, f"server: {{socket: {{path: {path}}}}}")
        assert "ready" in await asyncio.to_thread(ready, config)
    assert not is_there(path)


async def test_permissions_are_those_that_were_said(shop: str, path: Path) -> None:
    async with at(shop, path, ", mode: 600"):
        assert mode_of(path) == 0o600


async def test_what_is_forwarded_is_believed_of_a_proxy_alone(shop: str, path: Path) -> None:
    told = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
    for said, expected in (("false", ["", "http", "localhost"]), ("true", ["203.0.113.7", "https", "shop.example"])):
        async with (
            at(shop, path, f", proxy: {said}") as client,
            client.get("http://localhost/who", headers=told) as reply,
        ):
            assert await reply.json() == expected


def test_what_a_killed_server_left_is_replaced_and_nothing_else(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(path))
    first = listening(at_path(path))
    with pytest.raises(OSError, match="another server listens there"):
        listening(at_path(path))
    first.close()
    path.write_text("something of somebody's")
    with pytest.raises(OSError, match="there is something that is no socket"):
        listening(at_path(path))
    assert path.read_text() == "something of somebody's"


def test_a_name_that_became_another_servers_stays(path: Path) -> None:
    first = listening(at_path(path))
    path.unlink()
    second = listening(at_path(path))
    first.close()
    assert path.is_socket()
    second.close()
    assert not path.exists()


@pytest.mark.parametrize("mode", ["60", "888", "066", "true", "'rw'"])
def test_permissions_that_are_none_are_refused(mode: str) -> None:
    with pytest.raises(ConfigError, match="must be the permissions of a file"):
        configured("sqlite:///x.db", f"server: {{socket: {{path: /x, mode: {mode}}}}}")


async def test_several_processes_take_connections_from_one_socket(shop: str, path: Path) -> None:
    variables = {"REFLECTOR_SERVER_SOCKET_PATH": str(path)}
    with ServedProcess("serve", shop, "--workers", "2", environ=variables) as process:
        assert await asyncio.to_thread(process.wait_until_it_serves) == f"unix:{path}"
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client:
            for _ in range(4):
                async with client.get("http://localhost/api/book?limit=1") as reply:
                    assert reply.status == 200
        process.signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait) == 0
    assert not is_there(path)


def test_a_socket_of_postgrest_becomes_one_of_ours(path: Path) -> None:
    conf, file = path.parent / "postgrest.conf", path.parent / "config.yaml"
    conf.write_text(f'db-uri = "postgresql://a@b/c"\ndb-anon-role = web_anon\nserver-unix-socket = "{path}"\n')
    file.write_text(converted(conf, {}).text)
    assert address(load(file, {}, Flags()), 0) == f"unix:{path}"
