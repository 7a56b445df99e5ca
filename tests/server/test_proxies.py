"""Whom a request came from where proxies stand between: trusted ones are believed, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from server.config import ConfigError
from server.peers import peer_of
from tests.server.harness import Served, configured, served

AUTH = """
auth: {jwt: {secret: "a-signing-key-of-forty-letters-at-least"}, anonymous_role: guest}
roles: {guest: {}}
defaults: {read: true, write: true}
"""
BEHIND = AUTH + "server: {trusted_proxies: [127.0.0.1, 10.0.0.0/24, '2001:db8::/64']}\n"


async def tell(request: web.Request) -> web.Response:
    """Who the server believes asked."""
    peer = peer_of(request)
    return web.json_response([peer.address, peer.scheme, peer.host, peer.trusted])


TELL = [web.get("/peer", tell)]


async def seen(api: Served, headers: Mapping[str, str]) -> list[object]:
    reply = await api.get("/peer", {"Host": "own.example", **headers})
    assert reply.status == 200, reply.body
    found: list[object] = reply.json
    return found


CHAINS = {
    "one proxy": ({"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7"),
    "what the client wrote itself stands further left": ({"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}, "192.0.2.7"),
    "a second proxy of ours": ({"X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.0.0.9"}, "192.0.2.7"),
    "proxies alone": ({"X-Forwarded-For": "10.0.0.8, 10.0.0.9"}, "10.0.0.8"),
    "a port": ({"X-Forwarded-For": "192.0.2.7:4711"}, "192.0.2.7"),
    "a port of IPv6": ({"X-Forwarded-For": "[2001:db8:1::7]:4711"}, "2001:db8:1::7"),
    "IPv4 as IPv6": ({"X-Forwarded-For": "::ffff:192.0.2.7, ::ffff:10.0.0.9"}, "192.0.2.7"),
    "what is no address": ({"X-Forwarded-For": "6.6.6.6, unknown"}, "127.0.0.1"),
    "no address behind our own": ({"X-Forwarded-For": "unknown, 10.0.0.9"}, "10.0.0.9"),
    "Forwarded": ({"Forwarded": 'for=6.6.6.6, for="[2001:db8:1::7]:4711"'}, "2001:db8:1::7"),
    "both, the same": ({"Forwarded": "for=192.0.2.7", "X-Forwarded-For": "192.0.2.7"}, "192.0.2.7"),
    "nothing": ({}, "127.0.0.1"),
}


@pytest.mark.parametrize("case", CHAINS)
async def test_a_trusted_proxy_tells_whom_a_request_came_from(bookshop: str, case: str) -> None:
    headers, address = CHAINS[case]
    async with served(bookshop, BEHIND, routes=TELL) as api:
        assert await seen(api, headers) == [address, "http", "own.example", True]


async def test_it_tells_the_scheme_and_the_host_as_well(bookshop: str) -> None:
    async with served(bookshop, BEHIND, routes=TELL) as api:
        told = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "api.example"}
        assert await seen(api, told) == ["192.0.2.7", "https", "api.example", True]
        standard = {"Forwarded": "for=192.0.2.7;proto=https;host=api.example"}
        assert await seen(api, standard) == ["192.0.2.7", "https", "api.example", True]
        both = {"X-Forwarded-For": "192.0.2.7, 10.0.0.9", "X-Forwarded-Proto": "https, http"}
        assert await seen(api, both) == ["192.0.2.7", "https", "own.example", True]
        reply = await api.get("/peer", {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "gopher"})
        assert (reply.status, reply.code) == (400, "malformed_request")


async def test_two_stories_are_refused(bookshop: str) -> None:
    """A proxy that writes one of the headers lets through what its client wrote into the other."""
    async with served(bookshop, BEHIND, routes=TELL) as api:
        reply = await api.get("/peer", {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=10.0.0.1"})
        assert (reply.status, reply.code) == (400, "malformed_request")


@pytest.mark.parametrize("config", [AUTH, AUTH + "server: {trusted_proxies: [10.0.0.0/24]}"])
async def test_nobody_else_is_believed(bookshop: str, config: str) -> None:
    async with served(bookshop, config, routes=TELL) as api:
        for number in range(3):
            told = {
                "X-Forwarded-For": f"192.0.2.{number}",
                "Forwarded": f"for=192.0.2.{number};proto=https;host=api.example",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "api.example",
                "X-Real-IP": f"192.0.2.{number}",
            }
            assert await seen(api, told) == ["127.0.0.1", "http", "own.example", False]


async def test_the_host_a_trusted_proxy_was_asked_for_is_held_against_the_list(bookshop: str) -> None:
    config = AUTH + "server: {trusted_proxies: [127.0.0.1], hosts: [api.example]}"
    async with served(bookshop, config) as api:
        inside = {"Host": "10.1.2.3", "X-Forwarded-For": "192.0.2.7"}
        assert (await api.get("/health/live", {**inside, "X-Forwarded-Host": "api.example"})).status == 200
        assert (await api.get("/health/live", {**inside, "X-Forwarded-Host": "evil.example"})).status == 421
        assert (await api.get("/health/live", inside)).status == 421


async def test_a_page_is_our_own_under_the_address_that_the_proxy_was_asked_for(own_bookshop: str) -> None:
    """The write meets the database, and not the gate, where the page was served from where people see this server."""
    page = {"Origin": "https://api.example", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.example"}
    async with served(own_bookshop, BEHIND) as api:
        assert (await api.post("/api/nothing", {}, page)).status == 404
        assert (await api.post("/api/nothing", {}, {**page, "Origin": "https://evil.example"})).status == 403
    async with served(own_bookshop, AUTH) as api:
        assert (await api.post("/api/nothing", {}, page)).status == 403


@pytest.mark.parametrize("listed", ["0.0.0.0/0", "'::/0'", "10.0.0.1/24", "proxy.example", "''"])
def test_what_is_no_proxy_is_a_complaint(listed: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.trusted_proxies"):
        configured("sqlite:///x.db", AUTH + f"server: {{trusted_proxies: [{listed}]}}")


async def test_trusted_or_not_nothing_forwarded_reaches_a_server_that_asks_nobody(bookshop: str) -> None:
    async with served(bookshop, "server: {trusted_proxies: [127.0.0.1]}") as api:
        reply = await api.get("/health/live", {"X-Forwarded-For": "127.0.0.1"})
        assert (reply.status, reply.code) == (403, "forwarded_refused")
