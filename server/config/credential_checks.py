"""What the ways of proving who calls must have to do with one another and with the rest of the file.

Rule: as in `checks`: the plain values are read, and what has the wrong shape is ignored, because it is a complaint already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from server.config.complaints import Path
from server.config.plain import Check, Fault, mapping
from server.config.values import is_loopback

TAKEN: Final = frozenset(
    {
        *("authorization", "cookie", "host", "origin", "content-type", "content-length", "accept", "prefer", "range"),
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip"),
        *("x-reflector-admin-secret", "x-hasura-admin-secret", "x-role", "x-hasura-role", "x-request-id"),
        *("traceparent", "tracestate", "baggage"),
        *("bearer", "basic"),
    }
)
"""Headers that mean something else, and schemes of `Authorization`, whose names tell kinds of credentials apart."""
WEBHOOKS: Final[Path] = ("auth", "webhook", "header")
HEADERS: Final[tuple[Path, ...]] = (
    ("auth", "api_keys", "header"),
    ("auth", "proxy", "user_header"),
    ("auth", "proxy", "role_header"),
    WEBHOOKS,
)
DEFAULT_ROLES: Final[tuple[Path, ...]] = tuple(
    ("auth", name, "default_role") for name in ("api_keys", "basic", "oidc", "proxy", "introspection", "webhook")
)


def named_roles(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every role that a way of proving gives somebody, with its place."""
    for path in DEFAULT_ROLES:
        name = mapping(data, *map(str, path[:-1])).get(str(path[-1]))
        if isinstance(name, str):
            yield path, name
    for key, said in mapping(data, "auth", "api_keys", "keys").items():
        given = mapping(said).get("role")
        where: Path = ("auth", "api_keys", "keys", key, "role")
        if isinstance(given, str):
            yield where, given
        for index, role in enumerate(given if isinstance(given, list) else ()):
            if isinstance(role, str):
                yield (*where, index), role


def keys_of_nobody(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys stand somewhere."""
    path, said = ("auth", "api_keys"), mapping(data, "auth", "api_keys")
    if isinstance(mapping(data, "auth").get("api_keys"), Mapping) and "table" not in said and not said.get("keys", {}):
        yield path, "says nothing: name table, keys or both", None
    if "columns" in said and "table" not in said:
        yield (*path, "columns"), "says nothing without table", None


def keys_beside_nothing(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Whom a token proves beside a key is told by something that takes tokens."""
    auth, webhook = mapping(data, "auth"), mapping(data, "auth", "webhook")
    borne = webhook and str(webhook.get("header", "Authorization")).lower() == "authorization"
    if mapping(data, "auth", "api_keys").get("with_token") == "person" and not (
        borne or "jwt" in auth or "introspection" in auth
    ):
        yield ("auth", "api_keys", "with_token"), "is about tokens, and nothing here takes any", "configure auth.jwt"


def equal_keys(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Each key of the file is one caller's."""
    seen: dict[str, str] = {}
    for key, said in mapping(data, "auth", "api_keys", "keys").items():
        hashed = mapping(said).get("hash")
        if isinstance(hashed, str) and seen.setdefault(hashed, key) != key:
            yield ("auth", "api_keys", "keys", key, "hash"), f"is the key of {seen[hashed]!r} already", None


def headers_taken(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A header that proves who calls means nothing else, and one thing only."""
    seen: set[str] = set()
    for path in HEADERS:
        header = mapping(data, *map(str, path[:-1])).get(str(path[-1]))
        if not isinstance(header, str):
            continue
        if header.lower() == "authorization" and path == WEBHOOKS:
            continue
        if header.lower() in TAKEN or header.lower() in seen:
            yield path, "is a header that means something else", None
        seen.add(header.lower())


def sent_twice(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What a webhook is sent beside the credential is no credential: with another one a request would have two."""
    webhook = mapping(data, "auth", "webhook")
    own, sent = str(webhook.get("header", "Authorization")).lower(), webhook.get("send", ())
    for name in [sent] if isinstance(sent, str) else sent if isinstance(sent, list) else ():
        path: Path = ("auth", "webhook", "send")
        if isinstance(name, str) and name.lower() == own:
            yield path, f"names {name}, which carries the credential and is sent anyway", None
        elif isinstance(name, str) and name.lower() == "authorization":
            yield path, "names Authorization, and a request with both would have two credentials", "auth.webhook.header"


def words_of_strangers(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What a proxy says of people is believed from those alone who are listed."""
    by_socket = mapping(data, "server", "socket").get("proxy", False)
    believed = mapping(data, "server").get("trusted_proxies") or str(by_socket).lower() == "true"
    if mapping(data, "auth", "proxy") and not believed:
        yield ("auth", "proxy"), "believes nobody: list the proxy under server.trusted_proxies", None


def administrator_without_role(data: Mapping[str, Any]) -> Iterator[Fault]:
    """The administrator's secret is somebody's."""
    auth = mapping(data, "auth")
    if "admin_secret" in auth and "admin_role" not in auth:
        yield ("auth", "admin_secret"), "makes nobody an administrator without auth.admin_role", None


def nothing_to_sign_with(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Whoever has shown a password is given a token, which this server signs and takes."""
    issuers = mapping(data, "auth").get("jwt")
    each = issuers if isinstance(issuers, list) else [issuers]
    if mapping(data, "auth", "basic") and not any("secret" in mapping(issuer) for issuer in each):
        yield ("auth", "basic"), "needs auth.jwt.secret: POST /auth/token signs with it", None


def tokens_of_two(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Of a token that says nothing by itself, one server is asked."""
    webhook = mapping(data, "auth", "webhook")
    same = str(webhook.get("header", "Authorization")).lower() == "authorization"
    if "introspection" in mapping(data, "auth") and webhook and same:
        yield ("auth", "webhook"), "is asked of the same tokens as auth.introspection", "give it a header of its own"


def sign_in(data: Mapping[str, Any]) -> Iterator[Fault]:
    """People are sent back to one address, with cookies that nobody else can read or make."""
    path, said, server = ("auth", "oidc"), mapping(data, "auth", "oidc"), mapping(data, "server")
    if not said:
        return
    if "secret" not in server:
        yield path, "needs server.secret: it seals the cookies of whoever signs in", None
    url = server.get("url")
    if url is None and not is_loopback(str(server.get("host", "127.0.0.1"))):
        yield path, "needs server.url: the provider sends people back there", None
    if isinstance(url, str) and not url.startswith("https:") and not is_loopback(_host(url)):
        yield path, "needs https, but on this machine alone: give server.url as https://…", None
    if isinstance(said.get("scopes"), list) and "openid" not in said["scopes"]:
        yield (*path, "scopes"), "must name openid", None
    if mapping(data, "auth").get("enforce") == "database":
        yield path, "is for auth.enforce: server", None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


CHECKS: Final[tuple[Check, ...]] = (
    keys_of_nobody,
    keys_beside_nothing,
    equal_keys,
    headers_taken,
    sent_twice,
    words_of_strangers,
    administrator_without_role,
    nothing_to_sign_with,
    tokens_of_two,
    sign_in,
)
