"""Which of a caller's roles a request is to be answered under: `X-Role`, or `X-Hasura-Role`.

    none of the two                   all roles of the credential, together; the usual one where its issuer names one
    one of the credential's roles     that one alone, with all that it extends
    any role that there is            that one, for an administrator by secret
    any other                         403
    two that differ, or one twice     400

Whoever proved to know the administrator's secret may say session variables as well, as Hasura's users do to try what
somebody sees: `X-Hasura-User-Id: 7` is `claims["x-hasura-user-id"]`, and the subject.

Rule: what is chosen is never more than what the credential has, and whoever looks further sees roles, not headers: plans,
kept answers and limits are those of the chosen role. From anybody else a session variable means nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from aiohttp import web
from multidict import istr

from reflector.access.principal import Principal
from reflector.errors import Forbidden
from server.problems import AmbiguousRole, MalformedRequest

ROLE: Final = istr("X-Role")
HASURA_ROLE: Final = istr("X-Hasura-Role")
ROLE_HEADERS: Final = (ROLE, HASURA_ROLE)
VARIABLE: Final = "x-hasura-"
USER: Final = "x-hasura-user-id"
NO_VARIABLES: Final = frozenset({"x-hasura-role", "x-hasura-admin-secret"})


def chosen(principal: Principal, request: web.BaseRequest, declared: Collection[str]) -> Principal:
    """The caller with the role that the request asks for; raises AmbiguousRole, MalformedRequest and Forbidden."""
    if principal.any_role:
        principal = _told(principal, request)
    headers = request.headers
    if ROLE not in headers and HASURA_ROLE not in headers:
        return principal
    named = {value.strip() for name in ROLE_HEADERS for value in headers.getall(name, ())}
    if len(named) > 1 or any(len(headers.getall(name, ())) > 1 for name in ROLE_HEADERS):
        raise AmbiguousRole("the request asks for several roles: send one X-Role")
    role = next(iter(named))
    if role not in (declared if principal.any_role else principal.allowed or principal.roles):
        # Which roles there are is not told to those who have them not.
        raise Forbidden("the credential does not have the role that the request asks for")
    if principal.any_role:
        principal = replace(principal, claims={**principal.claims, HASURA_ROLE.lower(): role})
    if principal.roles == (role,):
        return principal
    return replace(principal, roles=(role,), chosen=True)


def _told(principal: Principal, request: web.BaseRequest) -> Principal:
    """The administrator with the session variables of the request; raises MalformedRequest for one that is said twice."""
    said: dict[str, str] = {}
    for name, value in request.headers.items():
        variable = name.lower()
        if not variable.startswith(VARIABLE) or variable in NO_VARIABLES:
            continue
        if variable in said:
            raise MalformedRequest(f"the request says {name} several times")
        said[variable] = value.strip()
    if not said:
        return principal
    subject = said.get(USER, principal.subject)
    claims = {**principal.claims, **said} if subject is None else {**principal.claims, **said, "sub": subject}
    return replace(principal, claims=claims, subject=subject)
