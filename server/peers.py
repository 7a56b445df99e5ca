"""Whom a request came from, and what they asked for, where proxies may stand between.

    the connection is of nobody listed      its own address, scheme and Host; whatever is forwarded is not read
    of one of `server.trusted_proxies`      X-Forwarded-For, or Forwarded: from the right, the first address that is no
                                            proxy of ours; scheme and host as that proxy was asked for them

Rule: a forwarded header is believed from those alone who are listed; to anybody else it means nothing, neither an address nor
a person. `peer_of` is the one place that tells an address.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from multidict import istr

from server.problems import MalformedRequest

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

FOR: Final = istr("X-Forwarded-For")
PROTO: Final = istr("X-Forwarded-Proto")
HOST: Final = istr("X-Forwarded-Host")
SCHEMES: Final = frozenset({"http", "https"})
LONGEST_HOST: Final = 255


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks, at which scheme and Host. `trusted`: the connection is that of a proxy whose word counts."""

    address: str
    scheme: str
    host: str
    trusted: bool = False


PEER: Final = web.RequestKey("peer", Peer)
"""Where the gate leaves whom a request came from, when there are proxies to be believed."""


def peer_of(request: web.BaseRequest) -> Peer:
    """Whom the request came from, as far as anybody who is trusted tells."""
    found: Peer | None = request.get(PEER)
    return plain(request) if found is None else found


def plain(request: web.BaseRequest, *, trusted: bool = False) -> Peer:
    """Whoever holds the connection."""
    return Peer(request.remote or "", request.scheme, request.headers.get(hdrs.HOST, ""), trusted)


class Proxies:
    """The proxies whose word counts. `by_socket`: so does that of whoever connects by a socket in the file system."""

    def __init__(self, networks: Iterable[Network], *, by_socket: bool = False) -> None:
        self._networks = tuple(networks)
        self._by_socket = by_socket

    def peer(self, request: web.BaseRequest) -> Peer:
        """Whom the request came from; raises MalformedRequest where a trusted proxy tells two stories."""
        if not self.believes(request):
            return plain(request)
        told = _told(request)
        chain = [read_address(each) for each in told.addresses]
        address, hops = request.remote or "", 0
        for each in reversed(chain):
            if each is None:
                break  # a name, or nothing that is understood: who told so is the last that is known
            address = str(each)
            if not self.trusts(each):
                break
            hops += 1
        own = plain(request, trusted=True)
        scheme = (_at(told.schemes, hops) or own.scheme).lower()
        host = _at(told.hosts, hops) or own.host
        if scheme not in SCHEMES or len(host) > LONGEST_HOST:
            raise MalformedRequest("the proxy tells of a scheme or host that is none")
        return Peer(address, scheme, host, trusted=True)

    def believes(self, request: web.BaseRequest) -> bool:
        """Whether the connection that a request came by is that of a proxy whose word counts."""
        return self.trusts(read_address(request.remote or "")) or (self._by_socket and came_by_socket(request))

    def trusts(self, address: Address | None) -> bool:
        """Whether it is a listed proxy's."""
        return address is not None and any(address in network for network in self._networks)


def came_by_socket(request: web.BaseRequest) -> bool:
    """Whether the connection has no address, because it is one of a socket in the file system."""
    transport = request.transport
    own = None if transport is None else transport.get_extra_info("socket")
    return own is not None and own.family == socket.AF_UNIX


@dataclass(frozen=True, slots=True)
class _Told:
    """What proxies told, the nearest last."""

    addresses: Sequence[str]
    schemes: Sequence[str]
    hosts: Sequence[str]


def _told(request: web.BaseRequest) -> _Told:
    """X-Forwarded-*, else Forwarded. A proxy that writes one of them lets through what its client wrote of the other."""
    addresses = _listed(request, FOR)
    forwarded = request.forwarded
    told = _Told(
        [each.get("for", "") for each in forwarded],
        [each["proto"] for each in forwarded if "proto" in each],
        [each["host"] for each in forwarded if "host" in each],
    )
    if not addresses:
        return told if forwarded else _Told((), _listed(request, PROTO), _listed(request, HOST))
    if forwarded and [*map(read_address, told.addresses)] != [*map(read_address, addresses)]:
        raise MalformedRequest(
            "X-Forwarded-For and Forwarded tell two stories", hint="have the proxy remove one of them"
        )
    return _Told(addresses, _listed(request, PROTO), _listed(request, HOST))


def _listed(request: web.BaseRequest, name: istr) -> list[str]:
    """The values of a header that is a list, also where it came in several lines."""
    lines = request.headers.getall(name, ())
    return [each.strip() for line in lines for each in line.split(",") if each.strip()]


def _at(values: Sequence[str], hops: int) -> str | None:
    """What was told by the proxy so many hops before the nearest one; by the furthest where not all of them tell."""
    return values[max(len(values) - 1 - hops, 0)] if values else None


def read_address(text: str) -> Address | None:
    """An address as headers write it, with a port or without; None for what is none."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
