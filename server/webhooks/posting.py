"""One attempt to hand a message to its receiver.

Rule: the address is that of the configuration and no other: no redirect is followed, and nothing of the environment leads
elsewhere. Only a 2xx in time is taken for an answer, and its body is not read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from server.auth.outbound import Connections, may_be_asked

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it went. `fault`: why it was not taken, None where it was; `after`: for how many seconds the receiver wants to be
    left alone; `gone`: it wants to be told nothing any more."""

    fault: str | None = None
    after: float | None = None
    gone: bool = False


class Posting:
    """Makes requests; connections are made when first needed and are this object's own until `close`."""

    def __init__(self) -> None:
        self._connections = Connections(0)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Attempt:
        """Hand over a body of JSON."""
        if not may_be_asked(url):
            return Attempt("the address is neither https nor this machine's own")
        said = CIMultiDict({**headers, hdrs.CONTENT_TYPE: "application/json"})
        try:
            async with (
                asyncio.timeout(seconds),
                self._connections.session().post(
                    URL(url, encoded=True), data=body, headers=said, allow_redirects=False
                ) as answer,
            ):
                return _attempt(answer)
        except TimeoutError:
            return Attempt(f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            # The message of the library would tell the address, which may hold a secret.
            return Attempt(f"it cannot be reached ({type(fault).__name__})")

    async def close(self) -> None:
        """End every connection."""
        await self._connections.close()


def _attempt(answer: aiohttp.ClientResponse) -> Attempt:
    if 200 <= answer.status < 300:
        return Attempt()
    return Attempt(
        f"the answer was {answer.status}",
        retry_after(answer.headers.get(hdrs.RETRY_AFTER, ""), time.time()),
        answer.status == GONE,
    )


def retry_after(said: str, now: float) -> float | None:
    """Seconds of a Retry-After, which are a number or a moment; None where it is neither."""
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return max(parsedate_to_datetime(said).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
