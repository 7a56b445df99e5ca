"""What of the file needs a database that decides by itself who may do what, and what says nothing there.

Rule: as in `checks`: the plain values are read, and what has the wrong shape is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from server.config.auth_checks import issuers
from server.config.complaints import Path
from server.config.plain import Fault, mapping


def decided_by_database(data: Mapping[str, Any]) -> bool:
    """Whether the database itself says who may do what."""
    return bool(mapping(data, "auth").get("enforce") == "database")


def database_decides(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Where PostgreSQL's grants and row rules decide, rules of this file would be believed and not hold."""
    if not decided_by_database(data):
        return
    url = mapping(data, "database").get("url")
    if not str(url).startswith(("postgresql:", "postgres:")):
        yield ("auth", "enforce"), "database is for PostgreSQL: no other database has rules of rows of its own", None
    for path in _idle(data):
        yield path, "says nothing where auth.enforce is database: PostgreSQL's grants and policies decide", None
    if not any(mapping(data, *path[:-1]).get(path[-1]) for path in CALLERS):
        yield ("auth", "enforce"), "nobody can call", "set postgrest.jwt_secret, postgrest.db_anon_role or both"
    if len(list(issuers(data))) > 1:
        yield ("auth", "jwt"), "names several issuers, and where the database decides there is one", None
    for ours, theirs in TWICE:
        if ours[-1] in mapping(data, *ours[:-1]) and theirs[-1] in mapping(data, *theirs[:-1]):
            yield theirs, f"is said by {'.'.join(ours)} already", None


OURS: Final = ("default_role", "namespace", "undeclared_roles", "usual_role_claim")
"""Settings of an issuer that choose among roles of this file."""
CALLERS: Final = (
    ("auth", "jwt"),
    ("auth", "api_keys"),
    ("auth", "proxy"),
    ("auth", "anonymous_role"),
    ("postgrest", "jwt_secret"),
    ("postgrest", "db_anon_role"),
    ("postgrest", "db_config"),
)
TWICE: Final = (
    (("auth", "anonymous_role"), ("postgrest", "db_anon_role")),
    (("auth", "jwt"), ("postgrest", "jwt_secret")),
    (("database", "schemas"), ("postgrest", "db_schemas")),
)
IN_TRANSACTIONS: Final = (
    "allow_absent_aud",
    "allow_absent_exp",
    "allow_granted_functions",
    "allow_unbound_roles",
    "app_settings",
    "db_anon_role",
    "db_config",
    "db_hoisted_tx_settings",
    "db_pre_config",
    "db_pre_request",
    "db_prepared_statements",
    "db_schemas",
    "jwt_aud",
    "jwt_cache_max_entries",
    "jwt_role_claim_key",
    "jwt_secret",
    "jwt_secret_is_base64",
)
"""Settings of PostgREST's whose counterparts elsewhere in the file hold where the server decides."""


def _idle(data: Mapping[str, Any]) -> Iterator[Path]:
    """What only means something where the server decides."""
    yield from ((name,) for name in ("policies", "defaults") if name in data)
    yield from (
        ("roles", role, "extends") for role, said in mapping(data, "roles").items() if "extends" in mapping(said)
    )
    for table, said in mapping(data, "tables").items():
        yield from (("tables", table, name) for name in ("allow", "cache") if name in mapping(said))
    yield from (("cache", name) for name in ("ttl", "stale") if name in mapping(data, "cache"))
    for path, issuer in issuers(data):
        yield from ((*path, name) for name in OURS if name in issuer)
    for method in ("introspection", "webhook", "oidc"):
        if "undeclared_roles" in mapping(data, "auth", method):
            yield ("auth", method, "undeclared_roles")


def server_decides(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What is told to the database for each request needs a database that decides."""
    if decided_by_database(data):
        return
    for name in IN_TRANSACTIONS:
        if name in mapping(data, "postgrest"):
            yield ("postgrest", name), "is for auth.enforce: database", None


def channel_of_postgresql(data: Mapping[str, Any]) -> Iterator[Fault]:
    """No other database notifies."""
    url = mapping(data, "database").get("url")
    on = mapping(data, "postgrest").get("db_channel_enabled", False)
    if str(on).lower() == "true" and not str(url).startswith(("postgresql:", "postgres:")):
        yield ("postgrest", "db_channel_enabled"), "is for PostgreSQL: no other database notifies", None


CHECKS: Final = (database_decides, server_decides, channel_of_postgresql)
