"""How an answer of a road leaves, and what becomes of its error: in PostgREST's form, or in the database's own words.

    the database decides     its errors are told as it reports them; its settings change status and headers of an answer
    the server decides       errors are told in words of ours, but what a function said to its caller

Rule: what is decided here is how something looks; whether it was done was decided before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from reflector.drivers.reports import reported
from reflector.errors import ReflectorError, UnknownRole
from server.apis.postgrest.denials import as_denied
from server.apis.postgrest.errors import Refused, refused, translate
from server.apis.postgrest.faults import Fault, PostgrestError, refusal
from server.apis.postgrest.raised import Raised, SpokenError, in_our_words, obey, raised
from server.apis.postgrest.timing import begin
from server.callers import Caller
from server.config.postgrest import PostgrestSettings
from server.journal import note
from server.problems import InvalidToken, MissingKey, RefusedClaims
from server.transactions import SAID

VARY: Final = "Accept, Prefer, Range"
"""What PostgREST says that its answers depend on."""
SERVER: Final = "postgrest/16.1 (reflector)"
"""Whose API this is, for who looks at its version, and who serves it."""
USUAL: Final = CIMultiDict({hdrs.VARY: VARY, hdrs.SERVER: SERVER})
"""What every answer says, unless its handler said otherwise."""
TOKENS: Final[tuple[tuple[type[InvalidToken], str], ...]] = (
    (MissingKey, "PGRST300"),
    (RefusedClaims, "PGRST303"),
    (InvalidToken, "PGRST301"),
)


@dataclass(frozen=True, slots=True)
class Telling:
    """`settings` are the API's. `decides`: the database decides."""

    settings: PostgrestSettings
    decides: bool

    async def told(
        self,
        request: web.Request,
        find: Callable[[web.Request], Caller],
        handle: Callable[[web.Request, Caller], Awaitable[web.Response]],
    ) -> web.Response:
        """The answer, or the error. `find` says who calls."""
        caller: Caller | None = None
        clock = begin() if self.settings.server_timing_enabled else None
        try:
            caller = find(request)
            if clock is not None:
                clock.ended("jwt")
            response = await handle(request, caller)
            said = request.get(SAID) if self.decides else None
            if said is not None:
                obey(said, response)
        except (PostgrestError, ReflectorError) as error:
            met = error if isinstance(error, ReflectorError) else error.__cause__
            if isinstance(met, ReflectorError):
                note(met, request)
            response = self._response(self._refused(error, request, caller), request)
        traced(self.settings, request, response)
        if clock is not None:
            clock.ended("response")
            response.headers["Server-Timing"] = clock.header
        return response

    def _refused(self, error: PostgrestError | ReflectorError, request: web.Request, caller: Caller | None) -> Raised:
        known = hdrs.AUTHORIZATION in request.headers if caller is None else not caller.principal.anonymous
        terse = self._terse
        if isinstance(error, SpokenError):
            return raised(error.report, known=known, terse=terse)
        report = reported(error)
        if self.decides and report is not None:
            return raised(report, known=known, terse=terse)
        if isinstance(error, UnknownRole):
            return Raised(_unknown_role(error, terse=terse))
        own = error if isinstance(error, PostgrestError) else told_error(error)
        if not self.decides:
            own = in_our_words(own, report)
        elif caller is not None:
            own = as_denied(own, request, caller)
        return Raised(refused(own, known=known, terse=terse))

    @property
    def _terse(self) -> bool:
        return self.settings.client_error_verbosity == "minimal"

    def _response(self, told: Raised, request: web.BaseRequest) -> web.Response:
        answer = told.refused
        body = None if request.method == "HEAD" else answer.body  # whose length is not told either
        return web.Response(status=answer.status, reason=told.reason, body=body, headers=answer.headers)


def traced(settings: PostgrestSettings, request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Say whose API it is and what the answer depends on, and send the header that requests are followed by back, where there is one."""
    response.headers.merge(USUAL)
    name = settings.server_trace_header
    if name is not None and name in request.headers:
        response.headers[name] = request.headers[name]


def told_error(error: ReflectorError) -> PostgrestError:
    """An error of ours in PostgREST's terms; of tokens each kind has a code of its own."""
    for kind, code in TOKENS:
        if isinstance(error, kind):
            return refusal(code, error.message, error.details)
    return translate(error)


def _unknown_role(error: UnknownRole, *, terse: bool) -> Refused:
    told = refused(PostgrestError(Fault("22023", error.message)), known=True, terse=terse)
    return Refused(401, told.body, {**told.headers, "WWW-Authenticate": "Bearer"})
