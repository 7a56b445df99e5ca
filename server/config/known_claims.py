"""Which claims a caller can be expected to carry: those that everybody knows, and those that the file names.

    auth.claims: [tenant, org.id, /https:~1~1x.example/plan]     each of them, and everything below it
    auth.proxy.claims, auth.api_keys.keys.*.claims               what is made of headers, and of keys of the file
    role_claim, usual_role_claim, wherever they stand            where the roles are

Rule: a name is known because a source says so, a standard or the file; nothing is known by being likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from reflector.access.principal import spelled
from reflector.access.rules_hasura import variable
from reflector.errors import nearest
from server.config.auth_checks import issuers
from server.config.claim_settings import steps_of
from server.config.plain import mapping

Path: TypeAlias = tuple[str, ...]
"""The names that lead to a claim, as a rule says them: `claims.a.b` and `claims["a"]["b"]` are ("a", "b")."""

WELL_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "RFC 7519, JSON Web Token": ("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),
    "RFC 8693, OAuth 2.0 Token Exchange": ("scope", "client_id", "act.sub", "act.iss", "may_act.sub", "may_act.iss"),
    "RFC 9068, JWT access tokens": ("auth_time", "acr", "amr", "roles", "groups", "entitlements"),
    "RFC 7662, OAuth 2.0 Token Introspection": ("active", "username", "token_type"),
    "OpenID Connect Core 1.0": (
        *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
        *("website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number"),
        *("phone_number_verified", "address.formatted", "address.street_address", "address.locality"),
        *("address.region", "address.postal_code", "address.country", "updated_at", "azp", "nonce", "at_hash", "c_hash"),
    ),
    "OpenID Connect Front-Channel Logout 1.0": ("sid",),
    "Hasura's session variables": ("x-hasura-user-id", "x-hasura-role", "x-hasura-default-role", "x-hasura-allowed-roles"),
    "Supabase's tokens": (
        *("aal", "session_id", "phone", "is_anonymous", "ref", "app_metadata.provider", "app_metadata.providers"),
    ),
    "Reflector, of keys, passwords and proxies": ("role",),
}  # fmt: skip
"""Names by who gives them; a dot leads into a claim that is a document. What people may write into their own tokens, as Supabase's
`user_metadata`, is not among them: a rule that trusts it says so in `auth.claims`."""
OWN: Final = "a claim of your own is named under auth.claims"


@dataclass(frozen=True, slots=True)
class KnownClaims:
    """`exactly` these, and `wholly` those with all that is below them."""

    exactly: frozenset[Path]
    wholly: frozenset[Path]

    def knows(self, path: Path) -> bool:
        """Whether callers can be expected to carry the claim at the end of the path."""
        return path in self.exactly or self.holds(path)

    def holds(self, path: Path) -> bool:
        """Whether whatever is below the path is known too."""
        return any(path[:length] in self.wholly for length in range(1, len(path) + 1))

    def leads(self, path: Path) -> bool:
        """Whether the path is one of those known, or a document that such a claim is in."""
        return self.knows(path) or any(each[: len(path)] == path for each in (*self.exactly, *self.wholly))

    def unknown(self, path: Path) -> tuple[str, str]:
        """What to say of a claim that is not known: a message and a hint."""
        name = spelled(path)
        near = nearest(name, sorted({spelled(each) for each in (*self.exactly, *self.wholly)} - {name}))
        hint = OWN if near is None else f"did you mean {near!r}? {OWN.capitalize()}"
        return f"nothing says that callers have a claim {name!r}", hint


def known_claims(data: Mapping[str, Any]) -> KnownClaims:
    """The claims that a file knows, from its plain values; what has the wrong shape names none."""
    well_known = (each for named in WELL_KNOWN.values() for each in named)
    made = (name for each in _made(data) for name in each)
    named = (*_texts(mapping(data, "auth").get("claims")), *_role_claims(data))
    return KnownClaims(
        frozenset((*(tuple(each.split(".")) for each in well_known), *((name,) for name in made))),
        frozenset(reading for each in named for reading in readings(each)),
    )


def readings(name: str) -> frozenset[Path]:
    """The paths that a name of the file stands for: dots lead into documents, and may be part of a name as well; of Hasura's
    session variables rules know the small letters."""
    if name.startswith("/"):
        return frozenset({tuple(steps_of(name))})
    inside = set() if "/" in name else {tuple(steps_of(name))}
    return frozenset({(name,), variable(name) or (name,), *inside})


def _made(data: Mapping[str, Any]) -> Iterator[Iterable[str]]:
    """What is made of headers and of keys."""
    yield mapping(data, "auth", "proxy", "claims")
    for name in mapping(data, "auth", "api_keys", "keys"):
        yield mapping(data, "auth", "api_keys", "keys", name, "claims")


def _role_claims(data: Mapping[str, Any]) -> Iterator[str]:
    places = [said for _, said in issuers(data)]
    places += [mapping(data, "auth", method) for method in ("introspection", "webhook", "oidc")]
    for said in places:
        yield from _texts([said.get("role_claim"), said.get("usual_role_claim")])


def _texts(given: Any) -> Iterator[str]:
    """A text, or those of a list."""
    yield from (each for each in (given if isinstance(given, list) else [given]) if isinstance(each, str))
