"""Responses, made with as little as they need: the hot path spends more on headers than on anything else of ours.

Rule: what is answered is JSON, and says so; headers that every answer has are the gate's.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from server.whole import Whole

JSON: Final = "application/json"
_JSON: Final = CIMultiDict({"Content-Type": JSON})


def answered(body: bytes, status: int = 200, **headers: str) -> web.Response:
    """A response with a JSON body. Names of headers have `_` for `-`; empty ones are left out."""
    said = _JSON.copy()
    for name, value in headers.items():
        if value:
            said[name.replace("_", "-")] = value
    return Whole.over(body, status, said)


def empty(status: int = 204, **headers: str) -> web.Response:
    """A response without a body."""
    return web.Response(status=status, headers=_named(headers))


def _named(headers: dict[str, str]) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in headers.items() if value})


def refuse_method(method: str, allowed: list[str], because: str | None = None) -> web.HTTPMethodNotAllowed:
    """405 with what is allowed instead."""
    allow = sorted({*allowed, "OPTIONS"})
    return web.HTTPMethodNotAllowed(method, allow, text=because or f"{method} is not offered here")
