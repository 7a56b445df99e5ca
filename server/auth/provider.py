"""The provider that people sign in with: OpenID Connect's code flow, with PKCE, in two questions.

    where do people go?     the address of the provider's own page, with a state, a nonce and a challenge
    who came back?          the code for a token, and whom that token is about

Rule: what the provider says of itself is believed of the issuer that the configuration names and of no other; every address
in it is https or this machine's. A token is believed when one of the provider's keys signed it, for this client and this very
sign-in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError
from yarl import URL

from reflector.access.principal import Principal
from server.auth.claims import ABSENT, Terms, claim_at
from server.auth.code_flow import BASIC, REFUSED, CodeFlow, told_of
from server.auth.issuers import claim_rules
from server.auth.issuing import put
from server.auth.jwt import Issuer, JwtBearer
from server.auth.key_sets import FetchedKeys
from server.auth.opened import Opened
from server.auth.outbound import Away, Outbound, may_be_asked
from server.config import Config
from server.config.authentication import Oidc
from server.problems import IdentityUnavailable, InvalidToken

DISCOVERY: Final = "/.well-known/openid-configuration"
KNOWN_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 5.0
LEEWAY: Final = 30
UNAVAILABLE: Final = "the provider that people sign in with cannot be asked at the moment"
METHODS: Final = (BASIC, "client_secret_post")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself. `named`: whether it says who it is when it sends somebody back; `userinfo_endpoint` and
    `end_session_endpoint` are empty where nobody is asked or sent there."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    auth_method: str
    named: bool
    tokens: JwtBearer


class Provider:
    """The provider of `settings`. `clock` gives seconds of the wall clock, `steady` of one that does not jump."""

    def __init__(
        self,
        settings: Oidc,
        config: Config,
        outbound: Outbound,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._outbound, self._clock, self._steady = settings, outbound, clock, steady
        self._rules = claim_rules(config, settings, Terms((settings.client_id,), settings.issuer, LEEWAY))
        self._metadata: Metadata | None = None
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    @property
    def issuer(self) -> str:
        """Who vouches for whoever signs in."""
        return self._settings.issuer

    async def page(self, callback: str, state: str, nonce: str, verifier: str) -> str:
        """The address to send somebody to; raises IdentityUnavailable."""
        metadata = await self._known()
        flow = CodeFlow(self._outbound, self._settings, metadata.auth_method, callback)
        address: str = flow.create_authorization_url(
            metadata.authorization_endpoint, state=state, code_verifier=verifier, nonce=nonce
        )[0]
        return address

    async def way_out(self, back: str) -> str | None:
        """The address at which whoever left here leaves the provider too, which sends them back; None where nobody is sent there,
        or the provider cannot be asked where it is."""
        try:
            address = (await self._known()).end_session_endpoint
        except IdentityUnavailable:
            return None
        asked = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back}
        return str(URL(address, encoded=True).update_query(asked)) if address else None

    async def check_origin(self, named: str | None) -> None:
        """Raise InvalidToken for whoever was sent back by another, who calls itself so (RFC 9207); IdentityUnavailable."""
        metadata = await self._known()
        if named != self.issuer and (named is not None or metadata.named):
            raise InvalidToken(REFUSED)

    async def visitor(self, callback: str, code: str, nonce: str, verifier: str) -> Principal:
        """Who came back with the code. Raises InvalidToken, Forbidden and UnknownRole, IdentityUnavailable."""
        metadata = await self._known()
        flow = CodeFlow(self._outbound, self._settings, metadata.auth_method, callback)
        try:
            found = await flow.fetch_token(
                metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
            )
            token = await metadata.tokens.vouched(found["id_token"])
            self._judge(token, nonce, found.get("access_token"))
            claims = await self._claims(metadata, token, found.get("access_token"))
        except Away as away:
            raise IdentityUnavailable(UNAVAILABLE) from away
        return self._rules.principal(claims, "oidc", self._clock())

    def _judge(self, token: Opened, nonce: str, access_token: object) -> None:
        """Raise InvalidToken where a token that was signed does not hold here and now, or is not of this sign-in."""
        self._rules.terms.judge(token.claims, self._clock())
        params = {"client_id": self._settings.client_id, "nonce": nonce, "access_token": access_token}
        try:
            CodeIDToken(dict(token.claims), dict(token.header), {}, params).validate(int(self._clock()), LEEWAY)
        except (JoseError, ValueError, TypeError) as fault:
            raise InvalidToken(REFUSED) from fault

    async def _claims(self, metadata: Metadata, token: Opened, access_token: object) -> Mapping[str, Any]:
        """What the token says, and beside it what else the provider knows, where that is asked. Raises Away, InvalidToken."""
        if not metadata.userinfo_endpoint:
            return token.claims
        more = await told_of(self._outbound, metadata.userinfo_endpoint, access_token)
        if more.get("sub") != token.claims["sub"]:
            raise InvalidToken(REFUSED)  # of somebody else
        said, role = {**more, **token.claims}, claim_at(token.claims, self._rules.roles.path)
        if role is not ABSENT:
            put(said, self._rules.roles.path, role)  # which leads elsewhere, perhaps, where there is more
        return said

    # ── what the provider says of itself ─────────────────────────────────────────────────────

    async def _known(self) -> Metadata:
        async with self._asking:
            now = self._steady()
            fresh = KNOWN_SECONDS if self._metadata is not None else AGAIN_SECONDS
            why: Away | None = None
            if now - self._asked >= fresh:
                self._asked = now
                try:
                    self._metadata = await self._fetched()
                except Away as away:
                    why = away
            if self._metadata is None:
                raise IdentityUnavailable(UNAVAILABLE) from why
            return self._metadata

    async def _fetched(self) -> Metadata:
        issuer = self._settings.issuer
        answer = await self._outbound.ask("GET", issuer.rstrip("/") + DISCOVERY)
        said = answer.json() if answer.status == 200 else None
        if not isinstance(said, dict) or said.get("issuer") != issuer:
            raise Away("it says nothing of this issuer")
        pages, tokens, keys = (
            _address(said, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
        more = _address(said, "userinfo_endpoint") if self._settings.userinfo else ""
        leave = _address(said, "end_session_endpoint") if self._settings.logout == "provider" else ""
        named = said.get("authorization_response_iss_parameter_supported") is True
        bearer = JwtBearer([Issuer(FetchedKeys(keys, self._outbound), self._rules)], self._clock)
        return Metadata(pages, tokens, more, leave, self._auth_method(said), named, bearer)

    def _auth_method(self, said: Mapping[str, Any]) -> str:
        if self._settings.client_secret is None:
            return "none"
        offered = said.get("token_endpoint_auth_methods_supported", METHODS)
        return next((each for each in METHODS if isinstance(offered, list | tuple) and each in offered), METHODS[0])


def _address(said: Mapping[str, Any], name: str) -> str:
    address = said.get(name)
    if not isinstance(address, str) or not may_be_asked(address):
        raise Away(f"its {name} is neither https nor this machine's own")
    return address
