"""Who a test, or somebody who wants an explanation, asks as.

Rule: a caller is what a token with these roles and claims would make them; nobody is given a role that is not declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reflector.access.principal import Principal
from reflector.errors import Forbidden, suggestion
from server.access import anonymous_role
from server.config import Config
from server.config.trials import Calling
from server.config.values import thaw

ROLE: Final = "role"
"""The claim of the roles where no token says another one."""


def principal_for(config: Config, calling: Calling) -> Principal:
    """The caller; raises Forbidden for a role that is not declared, and where nothing says which role they have."""
    if calling.anonymous:
        role = anonymous_role(config)
        return Principal(roles=() if role is None else (role,), anonymous=True)
    roles = calling.roles or _default(config)
    for role in roles:
        if role not in config.roles and not config.decided_by_database:
            raise Forbidden(f"there is no role {role!r}", hint=suggestion(role, config.roles))
    claims = {**_roles_claimed(config, roles), **thaw(calling.claims)}
    subject = claims.get("sub")
    return Principal(tuple(dict.fromkeys(roles)), claims, subject=None if subject is None else str(subject))


def asked_roles(config: Config, calling: Calling) -> tuple[str, ...]:
    """The roles that the caller has where the database decides: none where nothing says which."""
    role = anonymous_role(config)
    return (calling.roles if not calling.anonymous else None) or (() if role is None else (role,))


def _default(config: Config) -> tuple[str, ...]:
    role = anonymous_role(config) if config.decided_by_database else None
    if role is not None:
        return (role,)
    named = config.auth.jwt[0].default_role if config.auth and config.auth.jwt else None
    if named is None:
        raise Forbidden("no role is named", hint="role=NAME, or auth.jwt.default_role")
    return (named,)


def _roles_claimed(config: Config, roles: Sequence[str]) -> Mapping[str, Any]:
    """The claim that says the roles, where a token has it."""
    named: Any = roles[0] if len(roles) == 1 else [*roles]
    for step in reversed(_steps(config)):
        named = {step: named}
    claims: Mapping[str, Any] = named
    return claims


def _steps(config: Config) -> Sequence[str]:
    """Where the claim stands; at the top where its path leads through a list."""
    if config.auth and config.auth.jwt:
        return config.auth.jwt[0].role_claim.split(".")
    steps = config.postgrest.jwt_role_claim_key.steps if config.decided_by_database else ()
    named = [each for each in steps if isinstance(each, str)]
    return named if named and len(named) == len(steps) else [ROLE]
