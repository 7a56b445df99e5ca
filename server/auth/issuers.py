"""From `auth.jwt` to the issuers whose tokens are taken, with their keys and what their tokens must say.

Rule: a key that cannot be used refuses the start; where keys are fetched from, the configuration says and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from server.access import anonymous_role
from server.auth.claims import ABSENT, ClaimRules, RoleRules, Terms, claim_at
from server.auth.jwt import Issuer, JwtBearer
from server.auth.key_sets import FetchedKeys, FixedKeys, KeySet
from server.auth.method import Method
from server.auth.outbound import Outbound
from server.auth.signed import SignedBearer, TokenRules
from server.auth.token_keys import SigningKey, keys_of
from server.config import Complaint, Config, ConfigError, Position
from server.config.claim_paths import role_named
from server.config.claim_settings import CallerClaims, RoleClaim, TokenClaims
from server.config.complaints import dotted
from server.config.models import Jwt

USUAL: Final = ("HS256",)


def tokens(config: Config, outbound: Outbound, clock: Callable[[], float]) -> Method | None:
    """Tokens that are held against keys: as the database's roles want them, or as ours do. Raises ConfigError."""
    if config.decided_by_database:
        return SignedBearer(token_rules(config, outbound), clock)
    said = _jwt(config)
    return JwtBearer([_issuer(config, outbound, index) for index in range(len(said))], clock) if said else None


def _issuer(config: Config, outbound: Outbound, index: int) -> Issuer:
    said = _jwt(config)[index]
    terms = Terms(said.audience, said.issuer, said.leeway.total_seconds())
    return Issuer(key_set(config, index, outbound), claim_rules(config, said, terms), algorithms_of(said))


def claim_rules(config: Config, said: RoleClaim, terms: Terms) -> ClaimRules:
    """How claims that came by these settings make a caller."""
    declared = None if config.decided_by_database else frozenset(config.roles)
    usual = said.usual_role_claim if isinstance(said, CallerClaims) else None
    namespace = said.namespace if isinstance(said, TokenClaims) else None
    ignoring = said.undeclared_roles == "ignore"
    return ClaimRules(terms, RoleRules(said.role_claim, said.default_role, declared, usual, ignoring), namespace)


def algorithms_of(said: Jwt) -> frozenset[str]:
    """What an issuer's tokens may be signed by: what is said, else what its keys are for; of a plain secret HS256."""
    return frozenset(said.algorithms or (USUAL if said.secret else ()))


def key_set(config: Config, index: int, outbound: Outbound) -> KeySet:
    """The keys of an issuer; raises ConfigError where one cannot be used."""
    said = _jwt(config)[index]
    if said.jwks is not None:
        return FetchedKeys(said.jwks, outbound)
    held = held_keys(config, index)
    every = tuple(key for each in held for key in each.keys)
    # Each secret is there to be signed with; public keys of an issuer stand together, whatever each is for.
    judged = held if said.secret else [Held(*_place(config, "auth", "jwt", index, "keys"), every)]
    wanted = frozenset(said.algorithms) if config.decided_by_database else algorithms_of(said)
    for each in judged if wanted else ():
        _check_algorithms(wanted, each, "public keys stand under auth.jwt.keys" if said.secret else None)
    return FixedKeys(every)


def _check_algorithms(wanted: frozenset[str], held: Held, hint: str | None) -> None:
    if not any(wanted.intersection(key.algorithms) for key in held.keys):
        why = "holds no key for the algorithms of this issuer"
        raise ConfigError([Complaint(held.place, held.setting, why, hint)])


class Held(NamedTuple):
    """A secret or public keys of the file: where they stand, what the place is called, and the keys."""

    place: Position
    setting: str
    keys: tuple[SigningKey, ...]


def held_keys(config: Config, index: int) -> list[Held]:
    """What an issuer's tokens are held against, as far as it stands in the file, in its order; raises ConfigError where one
    holds no key that can be used."""
    said = _jwt(config)[index]
    shared, found = bool(said.secret), list[Held]()
    for number, each in enumerate(said.secret or said.keys):
        place, setting = _place(config, "auth", "jwt", index, "secret" if shared else "keys", number)
        keys = keys_of(each.reveal(), base64_text=False, place=place, setting=setting, shared=shared)
        found.append(Held(place, setting, keys))
    return found


def token_rules(config: Config, outbound: Outbound) -> TokenRules:
    """What tokens must be where the database decides; raises ConfigError for a key that cannot be used."""
    said, anonymous = config.postgrest, anonymous_role(config)
    if _jwt(config):
        own = _jwt(config)[0]
        return TokenRules(
            key_set(config, 0, outbound),
            lambda claims: _role(claim_at(claims, own.role_claim)),
            anonymous,
            Terms(own.audience, own.issuer, own.leeway.total_seconds()),
            frozenset(own.algorithms),
        )
    (place, _), secret = _place(config, "postgrest", "jwt_secret"), said.jwt_secret
    keys = () if secret is None else keys_of(secret.reveal(), base64_text=said.jwt_secret_is_base64, place=place)
    return TokenRules(
        FixedKeys(keys) if keys else None,
        said.jwt_role_claim_key.role_of,
        anonymous,
        Terms(
            () if said.jwt_aud is None else (said.jwt_aud,),
            absent_aud=said.allow_absent_aud,
            absent_exp=said.allow_absent_exp,
        ),
        entries=said.jwt_cache_max_entries,
    )


def _role(claim: Any) -> str | None:
    return None if claim is ABSENT else role_named(claim)


def _jwt(config: Config) -> tuple[Jwt, ...]:
    return config.auth.jwt if config.auth else ()


def _place(config: Config, *path: str | int) -> tuple[Position, str]:
    """Where a setting stands, and what it is called; one that stands alone has no number."""
    found: tuple[str | int, ...] = ()
    for step in path:
        if (*found, step) in config.places:
            found = (*found, step)
    return config.position(*found) or Position(dotted(found)), dotted(found)
