"""Who sent a request: its one credential, held against the method that knows its kind.

    no credential                      the anonymous role, or 401 where there is none
    one, remembered                    whom it proved before, at once
    one, not remembered                whom its method says that it proves: this may be waited for
    one that was refused a moment ago, or comes from where many were refused                                  401, 429: nobody is asked about it
    one that does not hold, or of a kind that nobody here knows       401, wherever guests may read
    nothing but a header in which others carry theirs (`FOREIGN`)     401: whoever sends it believes to be somebody
    several, whatever their kinds      400; but the same text as `apikey` and as Bearer is one credential
    a key, and a Bearer of another text            400; or, where `auth.api_keys.with_token` says so, whom the Bearer proves, and
                                                   nothing of the key's: 401 unless both hold, and no longer than both do

The gate asks `waiting` before any handler runs, so that handlers ask who calls without waiting; the outcome, an error too, is
remembered on the request and raised where somebody asks, so that each API refuses in its own form. A socket has no such
moment when a token comes in a frame: it asks `proved`, and asks again for as long as it lasts.

Which of the proved roles count is `role_choice`'s matter: the memory holds what was proved, and each request chooses anew.

Rule: without `auth` nobody has a credential, and headers mean nothing here: the gate has judged them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from aiohttp import web
from multidict import istr

from reflector.access.principal import Principal
from reflector.errors import ReflectorError, Unauthenticated
from server.auth.administrator import HEADERS as ADMINISTRATORS
from server.auth.doubts import Doubts
from server.auth.method import Carrier, Method, in_authorization
from server.auth.outbound import Outbound
from server.auth.role_choice import chosen
from server.auth.verified import Verified
from server.config.rates import Rate
from server.context import Credential
from server.peers import peer_of
from server.problems import AmbiguousCredentials, InvalidToken
from server.rates import network_of

OUTCOME: Final = web.RequestKey("outcome", object)
"""Under which a request remembers who sent it, a Principal, or why that is not told, a ReflectorError."""
FOREIGN: Final = tuple(map(istr, ("X-API-Key", "apikey", *ADMINISTRATORS, "X-Hasura-Access-Key")))
"""Headers that hold a credential wherever they have a meaning. Where they have none they do not disturb one that is taken:
gateways pass theirs on, and Supabase's clients write `apikey` beside each Bearer."""
HINT: Final = "send it as Authorization: Bearer, or name the header in auth.api_keys.header"
FORM: Final = "a token has three parts, with dots between them"
USUAL: Final = Rate(120, 60)
"""How many credentials that do not hold may come from one address."""


class Open:
    """Who calls where `auth` is not configured: nobody in particular."""

    challenges: tuple[str, ...] = ("Bearer",)

    def __init__(self, nobody: Principal) -> None:
        self._nobody = nobody

    def __call__(self, request: web.BaseRequest) -> Principal:
        return self._nobody

    def waiting(self, request: web.BaseRequest) -> None:
        return None

    def carried(self, request: web.BaseRequest) -> Credential | None:
        return None

    async def proved(self, credential: Credential, request: web.BaseRequest) -> Principal:
        return self._nobody

    def joined(self, token: str, held: Credential | None) -> Credential:
        return Credential("bearer", token)

    @property
    def degraded(self) -> bool:
        return False

    def follow(self, before: Authenticator | Open) -> None:
        """Nothing was learned."""

    async def start(self) -> None:
        """There is nothing to begin."""

    async def close(self) -> None:
        """There is nothing to end."""


def _is_token(text: str) -> bool:
    """Whether it has the form of a signed token, so that it is none that a header of its own is for."""
    return text.count(".") == 2


class Authenticator:
    """Tells who calls, by these methods. `guest` is who calls without a credential, None where nobody may. `roles` are all
    that there are. `outbound` is what methods ask other servers by; it ends with them. `doubts`: what is known of credentials that do not
    hold, and how many one address may show before nobody outside is asked about further ones."""

    def __init__(
        self,
        methods: Sequence[Method],
        guest: Principal | None,
        clock: Callable[[], float] = time.time,
        roles: Collection[str] = (),
        outbound: Outbound | None = None,
        doubts: Doubts | None = None,
    ) -> None:
        self._outbound = outbound
        self.methods = tuple(methods)
        self._roles = frozenset(roles)
        self.challenges = tuple(dict.fromkeys(each for method in methods for each in method.challenges)) or ("Bearer",)
        self.verified = Verified(clock)
        self.doubts = doubts or Doubts(USUAL)
        self._guest = guest
        # A credential that nobody here knows is refused, and so it is looked for in any case.
        self._carriers: tuple[Carrier, ...] = tuple(
            dict.fromkeys((in_authorization, *(each for method in methods for each in method.carriers)))
        )
        self._further = tuple(dict.fromkeys(each for method in methods for each in method.further))
        sent = {name.lower() for name in self._further}
        self._foreign = tuple(name for name in FOREIGN if name.lower() not in sent)
        self._beside = frozenset(kind for method in methods for kind in method.beside)
        self._by_kind: dict[str, tuple[Method, ...]] = {}
        for method in methods:
            for kind in method.kinds:
                self._by_kind[kind] = (*self._by_kind.get(kind, ()), method)

    def __call__(self, request: web.BaseRequest) -> Principal:
        outcome = request.get(OUTCOME)
        if isinstance(outcome, Principal):
            return chosen(outcome, request, self._roles)
        if isinstance(outcome, ReflectorError):
            raise outcome
        raise RuntimeError("who calls is asked before it was waited for")

    def waiting(self, request: web.BaseRequest) -> Awaitable[None] | None:
        try:
            credential = self.carried(request)
        except AmbiguousCredentials as error:
            request[OUTCOME] = error
            return None
        if credential is None:
            request[OUTCOME] = self._guest or Unauthenticated("a credential is required")
            return None
        known = self.verified.find(self._key(credential, request)) if credential.beside is None else None
        if known is None:
            return self._waited(credential, request)
        request[OUTCOME] = known
        return None

    def carried(self, request: web.BaseRequest) -> Credential | None:
        found = None
        for carrier in self._carriers:
            for credential in carrier(request):
                found = credential if found is None else self._together(found, credential, request)
        return found or self._of_others(request)

    def _together(self, found: Credential, other: Credential, request: web.BaseRequest) -> Credential:
        """What two credentials are: one, which Supabase's clients say in a header of that name and as Bearer as well; a person's,
        with the key of a program; or too many, AmbiguousCredentials."""
        once = len(request.headers.getall(other.kind, ())) == 1
        if once and found.kind == "bearer" and found.beside is None:
            if other.kind == "apikey" and found.text == other.text:
                return found if _is_token(found.text) else other
            if other.kind in self._beside:
                return found._replace(beside=other)
        raise AmbiguousCredentials("the request carries several credentials: send one")

    def joined(self, token: str, held: Credential | None) -> Credential:
        key = held if held is None or held.kind in self._beside else held.beside
        return Credential("bearer", token, key)

    def _of_others(self, request: web.BaseRequest) -> Credential | None:
        """A credential where no method looks for one: its bearer is not to be taken for a guest."""
        headers = request.headers
        for name in self._foreign:
            if name in headers:
                return Credential(name.lower(), headers[name])
        return None

    async def proved(self, credential: Credential, request: web.BaseRequest) -> Principal:
        if credential.beside is None:
            return chosen(await self._holding(credential, request), request, self._roles)
        if credential.beside.kind not in self._beside:
            raise AmbiguousCredentials("a token and a key are several credentials: send one")
        program = await self._holding(credential.beside, request)
        person = await self._holding(credential._replace(beside=None), request)
        ends = [until for until in (program.until, person.until) if until is not None]
        return chosen(replace(person, until=min(ends, default=None)), request, self._roles)

    # ── one request ──────────────────────────────────────────────────────────────────────────

    async def _holding(self, credential: Credential, request: web.BaseRequest) -> Principal:
        """Whom one credential proves, by memory or by its method."""
        key = self._key(credential, request)
        known = self.verified.find(key)
        if known is not None:
            return known
        method = self._method(credential, request)
        generation = method.generation
        if method.asks:
            address = network_of(peer_of(request).address)
            proof = await self.doubts.asked(key, address, lambda: method.prove(credential, request))
        else:
            proof = await method.prove(credential, request)
        self.verified.put(key, proof, method, generation)
        return proof.principal

    async def _waited(self, credential: Credential, request: web.BaseRequest) -> None:
        try:
            request[OUTCOME] = await self.proved(credential, request)
        except ReflectorError as error:
            request[OUTCOME] = error

    def _key(self, credential: Credential, request: web.BaseRequest) -> bytes:
        if not self._further:
            return self.verified.key(credential)
        return self.verified.key(credential, [f"{name}: {request.headers.getall(name, ())}" for name in self._further])

    def _method(self, credential: Credential, request: web.BaseRequest) -> Method:
        for method in self._by_kind.get(credential.kind, ()):
            if method.takes(credential, request):
                return method
        if credential.kind in self._by_kind:
            raise InvalidToken("this server takes no credential of that form", hint=FORM)
        where = next((f" in the header {name}" for name in FOREIGN if name.lower() == credential.kind), " of that kind")
        raise InvalidToken(f"this server takes no credential{where}", hint=HINT if where.endswith("apikey") else None)

    # ── beginning and end ────────────────────────────────────────────────────────────────────

    @property
    def degraded(self) -> bool:
        """Whether a method cannot do at the moment what it is there for."""
        return any(method.degraded for method in self.methods)

    def follow(self, before: Authenticator | Open) -> None:
        """Take over what methods learned under the configuration before: sessions that were left stay left."""
        if isinstance(before, Authenticator):
            self.verified.follow(before.verified)
            self.doubts.follow(before.doubts)
        for method in self.methods:
            for old in () if isinstance(before, Open) else before.methods:
                if type(old) is type(method):
                    method.follow(old)

    async def start(self) -> None:
        """Begin what methods do beside requests."""
        for method in self.methods:
            await method.start()

    async def close(self) -> None:
        """End it."""
        for method in self.methods:
            await method.close()
        if self._outbound is not None:
            await self._outbound.close()
