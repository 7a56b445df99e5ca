"""What `auth` says of ways to prove who calls.

Rule: a table that is named here is read by the server alone; what proves somebody stands in it, and in this file, as a hash.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from reflector.secret import Secret
from server.config.claim_settings import CallerClaims, ClaimName, RoleClaim, TokenClaims
from server.config.lists import OneOrMany, TextsOrFalse
from server.config.postgrest import HeaderName
from server.config.section import Section
from server.config.values import (
    TEXT,
    Duration,
    Flag,
    Key,
    Leeway,
    Material,
    Named,
    OutboundUrl,
    Reads,
    Text,
    UnfitError,
    freeze,
    nothing,
    read_duration,
    read_leeway,
    read_text,
    secret,
)

HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
NAMES: Final = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
LARGEST_CLAIM: Final = 1000


def one_or_many(given: Any) -> Any:
    """A name alone is a list of one."""
    return [given] if isinstance(given, str) else given


def read_key_hash(given: Any) -> str:
    """`sha256:` and 64 hexadecimal digits, as `reflector token --api-key` prints it."""
    if not isinstance(given, str) or not HASH.fullmatch(given):
        raise UnfitError("must be sha256: and 64 hexadecimal digits, as reflector token --api-key prints it")
    return str(given)


def read_moment(given: Any) -> dt.datetime:
    """A day, or a moment with its offset; a day ends with its last second in UTC."""
    if isinstance(given, dt.datetime):
        return given
    try:
        text = read_text(given)
        if len(text) == len("2030-01-31"):
            return dt.datetime.combine(dt.date.fromisoformat(text), dt.time.max, dt.UTC)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnfitError("must be a day such as 2030-01-31, or a moment with its offset such as 2030-01-31T12:00:00Z")
    return moment


def read_claim(given: Any) -> Any:
    """Text, a number, true or false, or a list of them."""
    each = given if isinstance(given, list | tuple) else [given]
    if len(each) > LARGEST_CLAIM or not all(isinstance(value, str | int | float | bool) for value in each):
        raise UnfitError("must be text, a number, true or false, or a list of them")
    return freeze(given)


KeyHash: TypeAlias = Annotated[str, Reads(read_key_hash, {"type": "string", "pattern": r"^sha256:[0-9a-f]{64}$|\$\{"})]
Moment: TypeAlias = Annotated[dt.datetime, Reads(read_moment, TEXT, dt.datetime.isoformat)]
ClaimValue: TypeAlias = Annotated[Any, Reads(read_claim, {"type": ["string", "number", "boolean", "array"]})]
Roles: TypeAlias = Annotated[tuple[Text, ...], BeforeValidator(one_or_many), WithJsonSchema(NAMES)]


def names_of(label: str, said: str | None) -> tuple[str, ...]:
    """The names under which a table's column is looked for that says this: the one that the file says, else those of the
    setting's own name."""
    return (label, f"{label}_at") if said is None else (said,)


class KeyColumns(Section):
    """Which column of the table of keys says what; a setting left out is the column of its own name, where there is one."""

    key_hash: Text = "key_hash"
    role: Text | None = None
    subject: Text | None = None
    expires: Text | None = None
    revoked: Text | None = None
    claims: Text | None = None


class FixedKey(Section):
    """A key that stands in this file."""

    hash: KeyHash
    role: Roles
    sub: Text | None = None
    claims: Named[ClaimValue] = Field(default_factory=nothing)
    expires: Moment | None = None


class ApiKeys(Section):
    """Keys that programs carry."""

    table: Text | None = None
    hash: Literal["sha256"] = "sha256"
    header: HeaderName = "X-API-Key"
    with_token: Literal["refused", "person"] = "refused"  # noqa: S105
    columns: KeyColumns = KeyColumns()
    default_role: Text | None = None
    keys: Named[FixedKey] = Field(default_factory=nothing)


class ProxyHeaders(Section):
    """What a trusted proxy says of whom it let through."""

    user_header: HeaderName
    role_header: HeaderName | None = None
    claims: Named[HeaderName] = Field(default_factory=nothing)
    default_role: Text | None = None


class PeopleColumns(Section):
    """Which column of the table of people says what; a setting left out is the column of its own name, where there is one."""

    name: Text = "username"
    password_hash: Text = "password_hash"  # noqa: S105
    role: Text | None = None
    subject: Text | None = None
    claims: Text | None = None
    disabled: Text | None = None


class Basic(Section):
    """People with a password, in a table."""

    table: Text
    columns: PeopleColumns = PeopleColumns()
    default_role: Text | None = None
    served: Flag = False
    token: Duration = read_duration("1h")


Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448",
]  # fmt: skip


class Jwt(TokenClaims):
    """An issuer of tokens: secrets shared with it (the newest first), its public keys, or where it publishes them."""

    secret: Annotated[tuple[Key, ...], OneOrMany()] = ()
    keys: Annotated[tuple[Material, ...], OneOrMany()] = ()
    jwks: OutboundUrl | None = None
    algorithms: Annotated[tuple[Algorithm, ...], OneOrMany()] = ()
    audience: Annotated[tuple[Text, ...] | Literal[False], TextsOrFalse()] = ()
    issuer: Text | None = None
    leeway: Leeway = read_leeway("5s")


class Introspection(TokenClaims):
    """The issuer that says what a token is worth (RFC 7662)."""

    url: OutboundUrl
    client_id: Text
    client_secret: Material
    audience: Annotated[tuple[Text, ...], OneOrMany()] = ()
    issuer: Text | None = None
    cache: Duration = read_duration("1m")


class Webhook(CallerClaims):
    """A server that knows who carries a credential."""

    url: OutboundUrl
    header: HeaderName = "Authorization"
    send: Annotated[tuple[HeaderName, ...], OneOrMany()] = ()
    cache: Duration = read_duration("5m")


class Oidc(RoleClaim):
    """Where people sign in who look at pages of this server."""

    issuer: OutboundUrl
    client_id: Text
    client_secret: Annotated[Secret, secret(8)] | None = None
    scopes: tuple[Text, ...] = ("openid",)
    userinfo: Flag = False
    logout: Literal["here", "provider"] = "here"
    session: Duration = read_duration("8h")


class Auth(Section):
    """Who is calling."""

    enforce: Literal["server", "database"] = "server"
    claims: Annotated[tuple[ClaimName, ...], OneOrMany()] = ()
    jwt: Annotated[tuple[Jwt, ...], OneOrMany()] = ()
    api_keys: ApiKeys | None = None
    basic: Basic | None = None
    introspection: Introspection | None = None
    webhook: Webhook | None = None
    proxy: ProxyHeaders | None = None
    oidc: Oidc | None = None
    anonymous_role: Text | None = None
    admin_role: Text | None = None
    admin_secret: Key | None = None
