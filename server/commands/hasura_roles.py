"""Roles of a Hasura's metadata, and which of them are told the schema of GraphQL.

Rule: there each role is or is not; here whoever has a role's rights is told what that role is told. Where that is more, it is named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def told_the_schema(
    roles: Mapping[str, Mapping[str, Any]], untold: Collection[str]
) -> tuple[bool | list[str], list[str]]:
    """What `graphql.introspection` says where these roles are not told, and of whom it says more than was said there."""
    told = [role for role in roles if role not in untold]
    more = {role: next((each for each in extended(roles, role) if each in told), None) for role in untold}
    notes = [
        f"role {role}: is told the schema of GraphQL here, because {of} is"
        for role, of in more.items()
        if of is not None
    ]
    return told if untold and told else not untold, notes


def extended(roles: Mapping[str, Mapping[str, Any]], role: str) -> list[str]:
    """The roles whose rights a role has too, in the order in which they are come upon."""
    found = [role]
    for each in found:
        found += [parent for parent in roles.get(each, {}).get("extends", ()) if parent not in found]
    return found[1:]
