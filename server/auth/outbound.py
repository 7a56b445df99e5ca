"""Every request of ours to another server: on a caller's account (keys of issuers, introspection, webhooks, sign-in), and to the
collector of traces.

Rule: an address comes from the configuration and from nowhere else, and is https unless it is this very machine's, or nothing
secret is sent there; nobody is followed elsewhere (no redirect is); what comes back is bounded in size, and all of it in time. Who does not answer so is
away, and that is never an answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from reflector.secret import Secret
from server.config.values import is_loopback
from server.traced import part

TIMEOUT_SECONDS: Final = 5.0
MOST_BYTES: Final = 1024 * 1024
MOST_CONNECTIONS: Final = 32
USER_AGENT: Final = "reflector"


class Away(Exception):
    """Whoever was asked did not answer in a way that can be used; the message says how, and names no secret."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises Away."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as fault:
            raise Away("the answer is no JSON") from fault


class Connections:
    """Connections to other servers, so many at once (0: as many as are wanted), made when first needed. No answer leaves a
    cookie behind, none is unfolded, and nothing of the environment leads elsewhere."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """What asks by them."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._most, ttl_dns_cache=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """End every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class Outbound:
    """Asks others. Connections are made when first needed and are this object's own until `close`. `anywhere`: also other
    machines by http."""

    def __init__(self, seconds: float = TIMEOUT_SECONDS, most: int = MOST_BYTES, *, anywhere: bool = False) -> None:
        self._seconds, self._most, self._anywhere = seconds, most, anywhere
        self._connections = Connections(MOST_CONNECTIONS)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        content: bytes | None = None,
    ) -> Answered:
        """The answer, whatever its status; raises Away for a redirect, and for none in time or of the size."""
        if not self._anywhere and not may_be_asked(url):
            raise Away("the address is neither https nor this machine's own")
        with part(method, (method, url)) as asking:
            sent = {"Accept": "application/json", **(headers or {}), **(asking.carried if asking else {})}
            answered = await self._asked(method, url, CIMultiDict(sent), form or content, document)
            if asking is not None:
                asking.answered(answered.status)
            return answered

    async def _asked(
        self, method: str, url: str, headers: CIMultiDict[str], data: Mapping[str, str] | bytes | None, document: Any
    ) -> Answered:
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._connections.session().request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=data,
                    json=document,
                    allow_redirects=False,
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise Away(f"the answer leads elsewhere ({response.status})")
                return Answered(response.status, response.headers, await self._read(response))
        except TimeoutError as fault:
            raise Away(f"there is no answer within {self._seconds:g} s") from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise Away(f"it cannot be asked ({type(fault).__name__})") from fault

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Away("the answer is compressed")  # it was asked for as it is: no bomb unfolds here
        read = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            read += chunk
            if len(read) > self._most:
                raise Away(f"the answer is larger than {self._most} bytes")
        return bytes(read)

    async def close(self) -> None:
        """End every connection."""
        await self._connections.close()


def may_be_asked(url: str) -> bool:
    """Whether an address is https, or http of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        whole = bool(host) and parts.port != 0
    except ValueError:
        return False
    return whole and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def as_client(name: str, secret: Secret) -> str:
    """The `Authorization` of a client that its issuer knows: RFC 6749 §2.3.1 has both written as in a form before they are
    put together, so that any text may be either."""
    pair = f"{quote_plus(name)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
