"""What is asked of the provider that people sign in with while they do: tokens for a code, and what else it knows of somebody.

    its answer          becomes
    tokens              what they say
    an error            the sign-in did not hold; of what the configuration could mend, the log is told
    anything else       the provider is away

Rule: of what a provider says of an error only the words of the standards are repeated, to anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from reflector.secret import Secret
from server.auth.outbound import Away, Outbound, as_client
from server.config.authentication import Oidc
from server.problems import InvalidToken

LOG: Final = logging.getLogger("reflector.server")
BASIC: Final = "client_secret_basic"
REFUSED: Final = "the sign-in did not hold: begin it again"
OURS: Final = frozenset(
    {
        *("invalid_client", "invalid_request", "invalid_scope", "unauthorized_client"),
        *("unsupported_grant_type", "unsupported_response_type", "request_not_supported"),
    }
)
"""Errors of the standards that are about this server, as it is configured here or there."""
THEIRS: Final = frozenset(
    {
        *("access_denied", "server_error", "temporarily_unavailable", "login_required", "consent_required"),
        *("interaction_required", "account_selection_required", "invalid_grant"),
    }
)
"""Those that are about whoever signs in, or the provider itself."""


class CodeFlow(OAuth2Client):  # type: ignore[misc]
    """Authlib's client, asking through `outbound`. `auth_method`: how it proves itself, by the standard's names."""

    def __init__(self, outbound: Outbound, settings: Oidc, auth_method: str, callback: str) -> None:
        secret = settings.client_secret
        super().__init__(
            None,
            client_id=settings.client_id,
            client_secret=None if secret is None else secret.reveal(),
            token_endpoint_auth_method=_written_as_in_a_form if auth_method == BASIC else auth_method,
            scope=" ".join(settings.scopes),
            redirect_uri=callback,
            code_challenge_method="S256",
        )
        self._outbound = outbound

    async def _fetch_token(
        self, url: str, body: str = "", *, auth: ClientAuth, method: str, **_: Any
    ) -> Mapping[str, Any]:
        asked, proof, content = auth.prepare(method, url, {}, body)
        answer = await self._outbound.ask(method, asked, headers=proof, form=dict(parse_qsl(content)))
        found = answer.json()
        if answer.status >= 500 or not isinstance(found, dict):
            raise Away(f"the answer is {answer.status}")
        if answer.status != 200 or not isinstance(found.get("id_token"), str):
            raise ended(found.get("error"))
        return found


async def told_of(outbound: Outbound, address: str, token: object) -> Mapping[str, Any]:
    """What the provider says of somebody beside their token (OpenID Connect's UserInfo); raises Away."""
    if not isinstance(token, str):
        raise Away("there is no token to ask with")
    answer = await outbound.ask("GET", address, headers={"Authorization": f"Bearer {token}"})
    found = answer.json() if answer.status == 200 else None
    if not isinstance(found, dict):
        raise Away(f"the answer is {answer.status}")
    return found


def ended(error: object) -> InvalidToken:
    """Why there is no sign-in, by a provider's word for it; what the configuration could mend is told to the log."""
    word = error if isinstance(error, str) and error in OURS | THEIRS else None
    if word in OURS:
        LOG.warning("signing in: the provider answers %s", word)
    return InvalidToken(REFUSED if word is None else f"the provider ended the sign-in ({word}): begin it again")


def _written_as_in_a_form(
    client: ClientAuth, _method: str, url: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Authlib's own puts them together as they are: a provider that keeps to the standard reads another secret then."""
    return url, {**headers, "Authorization": as_client(client.client_id, Secret(client.client_secret))}, body
