"""Who is asking: the roles and claims of a caller, and what a claim is worth as a value of a column.

Rule: a claim takes the type of the column it is compared with, in one canonical spelling, or it is refused. What a
credential does not carry is an error, never NULL and never true.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from reflector.datatypes import DataType, Kind, Value, parse_json, parse_text
from reflector.errors import InvalidValue, MissingClaim

_NOTHING: Final = object()
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,39})\Z")
ARRAY: Final = re.compile(r'\{((?:[^{},"\\]*|"[^",\\]*")(?:,(?:[^{},"\\]*|"[^",\\]*"))*)\}')
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,399})(?:\.[0-9]{1,400})?\Z")


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `roles` are in the order of the credential; `subject` is whom it is about, None for an anonymous caller.

    `issuer`: who vouches for the subject, None where nobody says. `method`: by which way of proving it was proved, "" for none.
    `until`: when the credential ends, in seconds of the wall clock, None for one without end. `chosen`: the roles are those
    that the request asked for, out of those of the credential. `allowed`: those it may ask for, () for `roles` alone. `any_role`: it may ask for any role that there is, whatever
    those of the credential: an administrator's.
    """

    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)
    anonymous: bool = False
    subject: str | None = None
    issuer: str | None = None
    method: str = ""
    until: float | None = None
    chosen: bool = False
    allowed: tuple[str, ...] = ()
    any_role: bool = False

    def claim(self, path: tuple[str, ...]) -> Any:
        """The claim at the end of the path, never None; raises MissingClaim."""
        found: Any = self.claims
        for name in path:
            found = found.get(name, _NOTHING) if isinstance(found, Mapping) else _NOTHING
        if found is _NOTHING or found is None:
            raise MissingClaim(f"the credential carries no claim {spelled(path)!r}")
        return found


def spelled(path: tuple[str, ...]) -> str:
    """A claim's path as people write it."""
    return ".".join(path)


def bind_claim(principal: Principal, path: tuple[str, ...], type_: DataType, many: bool = False) -> Value:
    """The claim as a canonical value of the type, a tuple of them when `many`; raises MissingClaim.

    A number may stand for the text of its digits and the other way round, because each number has one canonical text;
    nothing else changes its type. An empty list is a list that holds nothing; `{1,2}` is how Hasura's tokens write a list.
    """
    given = principal.claim(path)
    if not many:
        return _canonical(path, type_, given)
    if isinstance(given, str) and (items := ARRAY.fullmatch(given)) is not None:
        given = [each.strip().strip('"') for each in items[1].split(",")] if items[1].strip() else []
    if not isinstance(given, list | tuple):
        raise MissingClaim(f"the claim {spelled(path)!r} is not a list")
    return tuple(_canonical(path, type_, each) for each in given)


def _canonical(path: tuple[str, ...], type_: DataType, given: Any) -> Value:
    read = _READERS.get(type_.kind, parse_json)
    try:
        value = read(type_, given)
    except InvalidValue:
        value = None
    # The claim's own value stays out of the message: it may be a secret of the caller, told to a log.
    if value is None:
        raise MissingClaim(f"the claim {spelled(path)!r} is not a value of type {type_.native}")
    return value


def _boolean(_: DataType, given: Any) -> bool | None:
    if isinstance(given, str):
        return {"true": True, "false": False}.get(given)
    return given if isinstance(given, bool) else None


def _integer(type_: DataType, given: Any) -> Value:
    if isinstance(given, str):
        return parse_text(type_, given) if _INTEGER.match(given) else None
    return parse_json(type_, given) if type(given) is int else None


def _number(type_: DataType, given: Any) -> Value:
    if isinstance(given, str):
        return parse_text(type_, given) if _DECIMAL.match(given) else None
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        return None
    if not isinstance(given, int) and not math.isfinite(given):
        return None
    return parse_json(type_, given)


def _text(type_: DataType, given: Any) -> Value:
    if type(given) is int and abs(given) < 10**40:
        return str(given)
    return parse_json(type_, given)


_READERS: Mapping[Kind, Callable[[DataType, Any], Value]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _number,
    Kind.FLOAT: _number,
    Kind.TEXT: _text,
}
