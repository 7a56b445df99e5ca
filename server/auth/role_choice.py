"""Which of a caller's roles a request is to be answered under: `X-Role`, or `X-Hasura-Role`.

    none of the two                   all roles of the credential, together; the usual one where its issuer names one
    one of the credential's roles     that one alone, with all that it extends
    any role that there is            that one, for an administrator by secret
    any other                         403
    two that differ, or one twice     400

Rule: what is chosen is never more than what the credential has, and whoever looks further sees roles, not headers: plans,
kept answers and limits are those of the chosen role.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from aiohttp import web
from multidict import istr

from reflector.access.principal import Principal
from reflector.errors import Forbidden
from server.problems import AmbiguousRole

ROLE: Final = istr("X-Role")
HASURA_ROLE: Final = istr("X-Hasura-Role")
ROLE_HEADERS: Final = (ROLE, HASURA_ROLE)


def chosen(principal: Principal, request: web.BaseRequest, declared: Collection[str]) -> Principal:
    """The caller with the role that the request asks for; raises AmbiguousRole and Forbidden."""
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
    if principal.roles == (role,):
        return principal
    return replace(principal, roles=(role,), chosen=True)
