"""Roles of a Hasura's metadata: whose rights an inherited one has, and which of them are told the schema of GraphQL.

There an inherited role has what its parents have, but for what it is permitted itself: that counts alone. Rows are those of
all parents; what writes is had from one parent, or from several that agree, and where they differ nobody has it. Here a role
that extends others has all that they have, so one that would have more by that is written out, right by right.

Rule: nobody has more here than there. Where that cannot be said, it is left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Deed: TypeAlias = tuple[str, str]
"""A table, and what is done with it: `select`, `insert`, `update`, `delete`."""
Rights: TypeAlias = Mapping[str, Any]
RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "select": ("read", "aggregate"),
    "insert": ("create",),
    "update": ("update",),
    "delete": ("delete",),
}
"""Rights of ours that a permission becomes."""
UNSAID: Final[Rights] = {}
"""Stands for what several roles read where it cannot be said."""


@dataclass(slots=True)
class Inheritance:
    """`had`: what each role has; `explicit`: what the metadata permit a role itself, whether it could be carried over or not."""

    had: dict[str, dict[Deed, Rights]] = field(default_factory=dict)
    explicit: dict[str, set[Deed]] = field(default_factory=dict)

    def permit(self, role: str, deed: Deed, rights: Rights | None) -> None:
        """`rights` None: the permission is there, and is not carried over."""
        self.explicit.setdefault(role, set()).add(deed)
        if rights is not None:
            self.had.setdefault(role, {})[deed] = rights

    def inherit(
        self, role: str, parents: Sequence[str], columns: Callable[[str], list[str] | None]
    ) -> tuple[bool, dict[Deed, Rights], list[str]]:
        """Whether extending its parents says the same; if not, what the role has from them, and what of it cannot be said.
        `columns` tells all columns of a table, None where they are not known."""
        own, inherited = self.explicit.get(role, set()), dict[Deed, Rights]()
        left, alike = list[str](), True
        for deed in sorted({deed for parent in parents for deed in self.had.get(parent, ())}):
            several = _distinct(self.had[parent][deed] for parent in parents if deed in self.had.get(parent, ()))
            if deed in own:
                alike = False
            elif len(several) == 1:
                inherited[deed] = several[0]
            elif deed[1] == "select":
                inherited[deed] = joined(several, columns(deed[0]))
            else:
                alike = False
                left.append(
                    f"{deed[0]}: {deed[1]} of {role}: the roles that it inherits differ: nobody has it there either"
                )
        self.had[role] = {**inherited, **self.had.get(role, {})}
        if alike:
            return True, {}, []
        unsaid = [deed for deed, rights in inherited.items() if rights is UNSAID]
        left += [
            f"{table}: select of {role}: name the database, whose columns it needs; it is left out"
            for table, _ in unsaid
        ]
        return False, {deed: rights for deed, rights in inherited.items() if deed not in unsaid}, left


def joined(several: Sequence[Rights], columns: list[str] | None) -> Rights:
    """What roles read together: the rows of each, and a column is null on rows that none shows who lists it."""
    reads = [each.get("read") for each in several]
    parts = [each for each in reads if isinstance(each, Mapping) and "mask" not in each]
    if len(parts) < len(several) or (columns is None and any("columns" not in each for each in parts)):
        return UNSAID
    shown = list(dict.fromkeys(name for each in parts for name in each.get("columns", columns)))
    masks = {
        name: {"null_unless": rule}
        for name in shown
        if (rule := any_rule([each["filter"] for each in parts if name in each.get("columns", columns)])) is not True
        and any(name not in each.get("columns", columns) for each in parts)
    }
    read = {"filter": any_rule([each["filter"] for each in parts]), "columns": shown}
    gathers = {"aggregate": True} if any(each.get("aggregate") for each in several) else {}
    return {"read": {**read, **({"mask": masks} if masks else {})}, **gathers}


def any_rule(rules: Sequence[Any]) -> Any:
    """A rule that holds where one of these does."""
    if any(each is True for each in rules):
        return True
    said = [each for each in rules if each is not False]
    return {"_or": said} if len(said) > 1 else said[0] if said else False


def _distinct(given: Iterator[Rights]) -> list[Rights]:
    found: list[Rights] = []
    for each in given:
        if each not in found:
            found.append(each)
    return found


def parents_first(inherited: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The inherited roles with their parents, none before one that it inherits; circles stay as they are."""
    known = {str(each.get("role_name")): [str(role) for role in each.get("role_set") or ()] for each in inherited}
    ordered: dict[str, list[str]] = {}

    def visit(role: str, way: tuple[str, ...]) -> None:
        for parent in known[role]:
            if parent in known and parent not in ordered and parent not in way:
                visit(parent, (*way, role))
        ordered.setdefault(role, known[role])

    for role in known:
        visit(role, ())
    return list(ordered.items())


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
