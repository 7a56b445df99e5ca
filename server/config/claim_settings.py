"""Where the claims about a caller say which roles they have: the same settings wherever claims come from.

Rule: tokens, introspection, a webhook and a sign-in mean the same by the same setting.
"""

from __future__ import annotations

from server.config.section import Section
from server.config.values import Text


class RoleClaim(Section):
    """The claim with the role, and the role of whoever has no such claim."""

    role_claim: Text = "role"
    default_role: Text | None = None


class CallerClaims(RoleClaim):
    """Claims of a caller who may choose among roles: also the one that counts where none is asked for."""

    usual_role_claim: Text | None = None


class TokenClaims(CallerClaims):
    """Claims of a token: some of them may stand in a claim of their own."""

    namespace: Text | None = None
