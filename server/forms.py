"""How an API tells errors that it did not raise itself.

Rule: whoever refuses before, or beside, an API's handlers asks its form, and knows nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from reflector.errors import ReflectorError


class Form(Protocol):
    """How an API with a form of errors of its own tells what was refused before, or beside, its handlers."""

    def concerns(self, path: str) -> bool:
        """Whether requests to this path are the API's."""

    def error(self, error: ReflectorError, request: web.BaseRequest) -> web.Response:
        """The answer to a request that ended with this error."""

    def http(
        self, status: int, detail: str | None, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> web.Response:
        """The answer where the HTTP library refused; `detail` None for the words of HTTP_CODES."""
