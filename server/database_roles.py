"""The roles of the database that the configuration names, held against those that the server's login can take.

Rule: what is said of a role that there is not holds for nobody, and limits that hold for nobody open what they were to close. So a
misspelt role refuses the start; one that was dropped under a running server does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reflector.access.database import quoted
from reflector.access.description import Complaint, Severity
from reflector.catalog.roles import DatabaseRoles
from reflector.errors import suggestion
from server.access import anonymous_role
from server.config import Config
from server.config.complaints import Path

UNKNOWN: Final = "unknown_role"
IDLE: Final = "idle_role"
"""A role of which something is said, and which nobody can have."""


def unknown_roles(config: Config, roles: DatabaseRoles) -> Iterator[Complaint]:
    """What the configuration says of roles that nobody can have; and if there is none for those without a token, why."""
    anonymous = anonymous_role(config)
    if anonymous is not None and anonymous not in roles.taken:
        own: Path = ("auth", "anonymous_role")
        path: Path = own if own in config.places else ("postgrest", "db_anon_role")
        yield _complaint(config, roles, anonymous, path, Severity.ERROR, UNKNOWN)
    for name, path in _named(config):
        if name not in roles.taken:
            yield _complaint(config, roles, name, path, Severity.WARNING, IDLE)


def _named(config: Config) -> Iterator[tuple[str, Path]]:
    for name in config.roles:
        yield name, ("roles", name)
    for function, said in config.functions.items():
        yield from _listed(("functions", function, "allow"), said.allow)
    for extension, source in config.extensions.items():
        yield from _listed(("extensions", extension, "allow"), source.allow)
    yield from _listed(("postgrest", "allow_unbound_roles"), config.postgrest.allow_unbound_roles)
    if not isinstance(config.graphql.introspection, bool):
        yield from _listed(("graphql", "introspection"), config.graphql.introspection)
    yield from _of_callers(config)


def _of_callers(config: Config) -> Iterator[tuple[str, Path]]:
    keys, proxy = (None, None) if config.auth is None else (config.auth.api_keys, config.auth.proxy)
    if keys is not None:
        for name, key in keys.keys.items():
            yield from _listed(("auth", "api_keys", "keys", name, "role"), key.role)
        if keys.default_role is not None:
            yield keys.default_role, ("auth", "api_keys", "default_role")
    if proxy is not None and proxy.default_role is not None:
        yield proxy.default_role, ("auth", "proxy", "default_role")


def _listed(path: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for index, name in enumerate(names):
        yield name, (*path, index)


def _complaint(config: Config, roles: DatabaseRoles, name: str, path: Path, severity: Severity, code: str) -> Complaint:
    there = name in roles.others
    reason = f"the login {quoted(roles.login)} cannot take the role {name!r}" if there else f"there is no role {name!r}"
    hint = f"GRANT {quoted(name)} TO {quoted(roles.login)}" if there else suggestion(name, roles.taken)
    return Complaint(severity, code, reason, hint, config.position(*path))
