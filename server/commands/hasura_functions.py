"""Functions of a Hasura's metadata: for roles that read every row of what they give.

There a function's rows are sieved as those of its table are, by what the role may select of it. Here they are not, so that a
function that a role may call there would show it more here, unless there is nothing to sieve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reflector.access.functions import functions_by_name
from reflector.catalog.model import Catalog
from server.commands.hasura_files import listed, mapped, parts_of
from server.commands.hasura_roles import Inheritance, parents_first

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Functions:
    """`label` tells how our file calls a table, `left` gathers what is not carried over, `made` are the entries of our file."""

    catalog: Catalog | None
    label: Callable[[Any], str]
    rights: Inheritance
    left: list[str]
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, entry: Entry, inherited: Sequence[Entry]) -> None:
        """One function."""
        name, configuration = self._name(entry.get("function")), mapped(entry, "configuration")
        allowed = [str(each.get("role")) for each in listed(entry, "permissions")]
        where = f"function {name}"
        if not allowed:
            self.left.append(f"{where}: it names no role, and is closed here unless it does")
        elif configuration.get("session_argument"):
            self.left.append(f"{where}: session_argument: here a caller would say who they are; it is left out")
        elif (table := self._gives(name)) is None:
            self.left.append(f"{where}: no database that is named says of what table its rows are; it is left out")
        else:
            self._open(name, table, _heirs(allowed, inherited))

    def _open(self, name: str, table: str, allowed: Sequence[str]) -> None:
        every = [role for role in allowed if self._reads_all(role, table)]
        for role in allowed:
            if role not in every:
                why = f"its rows are not sieved here, and the role does not read every row of {table}"
                self.left.append(f"function {name} of {role}: {why}; it is left out")
        if every:
            self.made[name] = {"allow": every}
            self.left.append(f"function {name}: it is no field of GraphQL here; /rest/v1/rpc/{name} calls it")

    def _reads_all(self, role: str, table: str) -> bool:
        read = self.rights.had.get(role, {}).get((table, "select"), {}).get("read")
        return isinstance(read, Mapping) and read.get("filter") is True

    def _name(self, given: Any) -> str:
        schema, name = parts_of(given)
        first = self.catalog.schemas[0] if self.catalog is not None and self.catalog.schemas else "public"
        return name if schema in (None, first) else f"{schema}.{name}"

    def _gives(self, name: str) -> str | None:
        """The table whose rows a function gives; None where that is not known."""
        found = () if self.catalog is None else functions_by_name(self.catalog).get(name, ())
        types = {each.row_type for each in found}
        if len(types) != 1 or None in types:
            return None
        schema, table = next(each for each in types if each is not None)
        return self.label({"schema": schema, "name": table})


def _heirs(allowed: list[str], inherited: Sequence[Entry]) -> list[str]:
    """The roles, and those that inherit from them."""
    for role, parents in parents_first(inherited):
        if role not in allowed and set(parents) & set(allowed):
            allowed = [*allowed, role]
    return allowed
