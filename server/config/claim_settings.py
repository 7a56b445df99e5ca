"""Where the claims about a caller say which roles they have: the same settings wherever claims come from.

Rule: tokens, introspection, a webhook and a sign-in mean the same by the same setting.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from server.config.section import Section
from server.config.values import TEXT, Reads, Text, UnfitError, read_text

POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])+)+")


def read_path(given: Any) -> str:
    """A claim's name, names with dots between them, or a JSON pointer."""
    path = read_text(given)
    if path.startswith("/") and not POINTER.fullmatch(path):
        raise UnfitError("is no JSON pointer: /claims/role, where ~1 is a slash in a name and ~0 a tilde")
    # The name of a claim is often an address, and those may hold anything.
    if "/" not in path and not all(path.split(".")):
        raise UnfitError("has a dot without a name beside it: names have dots between them, as in realm_access.roles")
    return path


def steps_of(path: str) -> list[str]:
    """The names that a path leads through."""
    if not path.startswith("/"):
        return path.split(".")
    return [each.replace("~1", "/").replace("~0", "~") for each in path[1:].split("/")]


ClaimName: TypeAlias = Annotated[str, Reads(read_path, TEXT)]


class RoleClaim(Section):
    """The claim with the role, and the role of whoever has no such claim. Issuers write roles into it that are for others."""

    role_claim: ClaimName = "role"
    default_role: Text | None = None
    undeclared_roles: Literal["refuse", "ignore"] = "refuse"


class CallerClaims(RoleClaim):
    """Claims of a caller who may choose among roles: also the one that counts where none is asked for."""

    usual_role_claim: ClaimName | None = None


class TokenClaims(CallerClaims):
    """Claims of a token: some of them may stand in a claim of their own."""

    namespace: ClaimName | None = None
