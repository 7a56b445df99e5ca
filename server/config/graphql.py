"""What `graphql:` says: whether the API is served, who is told its schema, and what one request may hold.

Rule: roles are named, and whoever extends a named one is told too; nobody else learns a name by asking for it wrongly.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from server.config.section import Section
from server.config.values import REFERENCE, TEXT, Flag, Reads, UnfitError, read_size, read_text, show_size, whole

LARGEST_DOCUMENT: Final = 256 * 1024
WRONG: Final = "must be true, false, a role or a list of roles"


def read_told(given: Any) -> bool | tuple[str, ...]:
    """`true`, `false`, or roles: one, or a list of them. A variable has commas between them."""
    if isinstance(given, bool) or given in ("true", "false"):
        return given in (True, "true")
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not listed:
        raise UnfitError(WRONG)
    if "" in listed or (isinstance(given, str) and not all(each.strip() for each in listed)):
        raise UnfitError(WRONG)
    try:
        return tuple(read_text(each.strip() if isinstance(each, str) else each) for each in listed)
    except UnfitError:
        raise UnfitError(WRONG) from None


def read_document_size(given: Any) -> int:
    """A size that a parser can bear."""
    size = read_size(given)
    if size > LARGEST_DOCUMENT:
        raise UnfitError(f"must be at most {show_size(LARGEST_DOCUMENT)}")
    return size


Told: TypeAlias = Annotated[
    bool | tuple[str, ...],
    Reads(read_told, {"anyOf": [{"type": "boolean"}, TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}),
]
DocumentSize: TypeAlias = Annotated[
    int,
    Reads(read_document_size, {"anyOf": [{"type": "string", "pattern": r"^[0-9]+(B|KiB)$"}, REFERENCE]}, show_size),
]


class Graphql(Section):
    """How GraphQL is served."""

    moved: ClassVar = MappingProxyType({"enabled": "graphql.served", "depth": "limits.depth"})

    served: Flag = True
    introspection: Told = True
    document: DocumentSize = 32 * 1024
    tokens: Annotated[int, whole(100, 10_000)] = 2_000
    root_fields: Annotated[int, whole(1, 100)] = 20
    batch: Annotated[int, whole(1, 100)] = 10

    def tells(self, roles: Collection[str]) -> bool:
        """Whether a caller with these roles, those included that they extend, is told the schema."""
        if isinstance(self.introspection, bool):
            return self.introspection
        return not set(self.introspection).isdisjoint(roles)
