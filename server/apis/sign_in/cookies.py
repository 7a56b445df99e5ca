"""The two cookies of pages: what a sign-in under way must not forget, and whose page it is afterwards.

    https                         __Host-reflector-login, __Host-reflector-session      Secure
    http, on this machine alone   reflector-login, reflector-session

Rule: no script reads them, no other host sets them, and none is sent with a request that another site began; but for the first,
which comes back with the visitor from the provider's page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

LOGIN_SECONDS: Final = 600
Same = Literal["Lax", "Strict"]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of ours."""

    name: str
    same_site: Same

    def of(self, request: web.Request, *, secure: bool) -> str | None:
        """Its value, None where there is none."""
        return request.cookies.get(self._named(secure=secure))

    def put(self, response: web.StreamResponse, value: str, seconds: float, *, secure: bool) -> None:
        """Have it kept for so long; not at all for 0 seconds."""
        response.set_cookie(
            self._named(secure=secure),
            value,
            max_age=int(seconds),
            path="/",
            secure=secure,
            httponly=True,
            samesite=self.same_site,
        )

    def drop(self, response: web.StreamResponse, *, secure: bool) -> None:
        """Have it forgotten."""
        self.put(response, "", 0, secure=secure)

    def _named(self, *, secure: bool) -> str:
        return f"__Host-{self.name}" if secure else self.name


LOGIN: Final = Cookie("reflector-login", "Lax")
SESSION: Final = Cookie("reflector-session", "Strict")
