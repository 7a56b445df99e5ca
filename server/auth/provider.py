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
from urllib.parse import parse_qsl

from aiohttp import web
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from reflector.access.principal import Principal
from server.auth.claims import Terms
from server.auth.issuers import claim_rules
from server.auth.jwt import Issuer, JwtBearer
from server.auth.key_sets import FetchedKeys
from server.auth.opened import opened
from server.auth.outbound import Away, Outbound, may_be_asked
from server.config import Config
from server.config.authentication import Oidc
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken

DISCOVERY: Final = "/.well-known/openid-configuration"
KNOWN_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 5.0
LEEWAY: Final = 30
UNAVAILABLE: Final = "the provider that people sign in with cannot be asked at the moment"
REFUSED: Final = "the sign-in did not hold: begin it again"
METHODS: Final = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    auth_method: str
    tokens: JwtBearer


class CodeFlow(OAuth2Client):  # type: ignore[misc]
    """Authlib's client, asking through `outbound`."""

    def __init__(self, outbound: Outbound, settings: Oidc, auth_method: str, callback: str) -> None:
        secret = settings.client_secret
        super().__init__(
            None,
            client_id=settings.client_id,
            client_secret=None if secret is None else secret.reveal(),
            token_endpoint_auth_method=auth_method,
            scope=" ".join(settings.scopes),
            redirect_uri=callback,
            code_challenge_method="S256",
        )
        self._outbound = outbound

    async def _fetch_token(
        self, url: str, body: str = "", headers: Mapping[str, str] | None = None, *, auth: ClientAuth, method: str
    ) -> Mapping[str, Any]:
        asked, sent, content = auth.prepare(method, url, dict(headers or {}), body)
        wanted = {name: value for name, value in sent.items() if name.lower() in {"authorization", "accept"}}
        answer = await self._outbound.ask(method, asked, headers=wanted, form=dict(parse_qsl(content)))
        found = answer.json()
        if answer.status >= 500 or not isinstance(found, dict):
            raise Away(f"the answer is {answer.status}")
        if answer.status != 200 or not isinstance(found.get("id_token"), str):
            raise InvalidToken(REFUSED)
        return found


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

    async def visitor(self, callback: str, code: str, nonce: str, verifier: str, request: web.BaseRequest) -> Principal:
        """Who came back with the code. Raises InvalidToken, Forbidden and UnknownRole, IdentityUnavailable."""
        metadata = await self._known()
        flow = CodeFlow(self._outbound, self._settings, metadata.auth_method, callback)
        try:
            found = await flow.fetch_token(
                metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except Away as away:
            raise IdentityUnavailable(UNAVAILABLE) from away
        proof = await metadata.tokens.prove(Credential("bearer", found["id_token"]), request)
        self._judge(found, nonce)
        return proof.principal

    def _judge(self, found: Mapping[str, Any], nonce: str) -> None:
        """Raise InvalidToken where a token that holds is not of this sign-in."""
        token = opened(found["id_token"])
        params = {"client_id": self._settings.client_id, "nonce": nonce, "access_token": found.get("access_token")}
        try:
            CodeIDToken(dict(token.claims), dict(token.header), {}, params).validate(int(self._clock()), LEEWAY)
        except (JoseError, ValueError, TypeError) as fault:
            raise InvalidToken(REFUSED) from fault

    # ── what the provider says of itself ─────────────────────────────────────────────────────

    async def _known(self) -> Metadata:
        async with self._asking:
            now = self._steady()
            fresh = KNOWN_SECONDS if self._metadata is not None else AGAIN_SECONDS
            if now - self._asked >= fresh:
                self._asked = now
                try:
                    self._metadata = await self._fetched()
                except Away as away:
                    if self._metadata is None:
                        raise IdentityUnavailable(UNAVAILABLE) from away
            if self._metadata is None:
                raise IdentityUnavailable(UNAVAILABLE)
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
        bearer = JwtBearer([Issuer(FetchedKeys(keys, self._outbound), self._rules)], self._clock)
        return Metadata(pages, tokens, self._auth_method(said), bearer)

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
