"""Which function a request calls, and with what: its arguments out of a query string or a body.

Of the functions of one name that one is called which has every argument that was given, and of which all that have no
default were given. A function of one unnamed argument takes the body as a whole: JSON where nothing else fits, text, XML or
bytes where the body is that.

Rule: a function is looked up among those of the caller's scope, so that a closed one and an absent one are told alike; a
value is of its argument's type or the request ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson

from reflector.catalog.model import Argument, Function
from reflector.datatypes import DataType, Kind, Value, parse_json
from reflector.errors import InvalidValue
from reflector.query.calls import Given
from reflector.query.nodes import Literal
from reflector.query.represented import given_type
from reflector.query.scope import Scope
from reflector.query.told import told
from reflector.readings import clean_text
from reflector.sql.json_text import json_text
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.fuzzy import nearest
from server.apis.postgrest.grammar.limits import LIMITS
from server.apis.postgrest.lowering.operands import array_value
from server.apis.postgrest.lowering.values import given_list
from server.apis.postgrest.lowering.zoned import UTC, Clock
from server.apis.postgrest.media import Body

WHOLE_TYPES: Final[Mapping[Body, tuple[str, ...]]] = {
    Body.JSON: ("json", "jsonb"),
    Body.TEXT: ("text",),
    Body.XML: ("xml",),
    Body.OCTETS: ("bytea",),
}
"""Types of one unnamed argument by the bodies that are such a value as a whole."""
VARIADIC: Final = "variadic"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to a function: arguments by name, or the body as a whole.

    `texts`: values are lists of texts, one for each time a name was given. `written_in` is None without a body. `mixed`:
    it is an array of what could not be one row, or another, so that its first item tells no names.
    """

    named: Mapping[str, Any]
    texts: bool
    written_in: Body | None = None
    whole: Any = None
    mixed: bool = False

    @property
    def only_whole(self) -> bool:
        return self.mixed or self.written_in in {Body.TEXT, Body.XML, Body.OCTETS}


def given_texts(pairs: Sequence[tuple[str, str]]) -> Mapping[str, list[str]]:
    """The texts of each name, in their order."""
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


# ── which function ───────────────────────────────────────────────────────────────────────────


def function_of(scope: Scope, schema: str, name: str, sent: Sent) -> Function:
    """The function; raises PostgrestError PGRST202 for none, PGRST203 for several, PGRST102 for a mixed array."""
    known = scope.functions.get((schema, name), ())
    fitting = [] if sent.only_whole else [each for each in known if _fits(each, sent.named)]
    if not fitting:
        fitting = [each for each in known if _takes_whole(each, sent.written_in)]
    if len(fitting) > 1:
        raise _ambiguous(fitting)
    if not fitting and sent.mixed:
        raise refusal("PGRST102", "All object keys must match")
    if not fitting:
        raise _unknown(scope, schema, name, sent)
    return fitting[0]


def _fits(function: Function, named: Mapping[str, Any]) -> bool:
    by_name = {each.name: each for each in function.takes}
    needed = (each.name for each in function.takes if not each.has_default)
    return "" not in by_name and by_name.keys() >= named.keys() and all(name in named for name in needed)


def _takes_whole(function: Function, written_in: Body | None) -> bool:
    if written_in is None or len(function.takes) != 1 or function.takes[0].name:
        return False
    return function.takes[0].type.native in WHOLE_TYPES.get(written_in, ())


def _ambiguous(found: Sequence[Function]) -> PostgrestError:
    listed = ", ".join(f"{each.schema}.{each.name}({_signature(each)})" for each in found)
    return refusal(
        "PGRST203",
        f"Could not choose the best candidate function between: {listed}",
        hint="Try renaming the parameters or the function itself in the database so function overloading can be "
        "resolved",
    )


def _signature(function: Function) -> str:
    return ", ".join(f"{each.name} => {told(each.type)}" for each in function.takes)


def _unknown(scope: Scope, schema: str, name: str, sent: Sent) -> PostgrestError:
    names = sorted(sent.named)
    listed = ", ".join(names)
    called = "" if sent.only_whole else f"({listed})" if names else " without parameters"
    return refusal(
        "PGRST202",
        f"Could not find the function {schema}.{name}{called} in the schema cache",
        f"Searched for the function {schema}.{name}{_searched(sent, names)}, but no matches were found in the schema "
        "cache.",
        _hint(scope, schema, name, listed),
    )


def _searched(sent: Sent, names: Sequence[str]) -> str:
    if sent.only_whole and sent.written_in is not None:
        return f" with a single unnamed {WHOLE_TYPES[sent.written_in][0]} parameter"
    several = "s" if len(names) > 1 else ""
    found = f" with parameter{several} {', '.join(names)}" if names else " without parameters"
    return f"{found} or with a single unnamed json/jsonb parameter" if sent.written_in is Body.JSON else found


def _hint(scope: Scope, schema: str, name: str, listed: str) -> str | None:
    """The function of that name with the nearest arguments, or that of the nearest name."""
    overloads = scope.functions.get((schema, name))
    if overloads is None:
        near = nearest(name, [each for place, each in scope.functions if place == schema])
        return None if near is None else f"Perhaps you meant to call the function {schema}.{near}"
    spelled = [", ".join(each.name for each in function.takes) for function in overloads]
    near = nearest(listed, spelled) if listed else None
    found = near if near is not None else spelled[0]
    return f"Perhaps you meant to call the function {schema}.{name}" + (f"({found})" if found else "")


# ── its arguments ────────────────────────────────────────────────────────────────────────────


def arguments_of(function: Function, sent: Sent, clock: Clock = UTC) -> tuple[Given, ...]:
    """What is given, in the function's order; raises PostgrestError, InvalidValue."""
    if not _fits(function, sent.named) or sent.only_whole:
        argument = function.takes[0]
        return (Given(argument, Literal(_whole(argument.type, sent, clock), argument.type)),)
    read = _from_texts if sent.texts else _from_json
    return tuple(
        Given(each, Literal(read(each, sent.named[each.name], clock), given_type(each.type)))
        for each in function.takes
        if each.name in sent.named
    )


def _whole(type_: DataType, sent: Sent, clock: Clock) -> Value:
    if sent.written_in is Body.JSON or isinstance(sent.whole, bytes):
        return sent.whole
    return from_text(type_, sent.whole, clock)


def _from_texts(argument: Argument, texts: Sequence[str], clock: Clock) -> Value:
    """Of several values of one name the last one counts, unless the argument takes them all."""
    type_ = argument.type
    if type_.by_json:
        return _as_json(list(texts) if argument.mode == VARIADIC else texts[-1])
    if argument.mode == VARIADIC and type_.element is not None:
        return tuple(clock.value(type_.element, text) for text in texts)
    return from_text(type_, texts[-1], clock)


def from_text(type_: DataType, text: str, clock: Clock = UTC) -> Value:
    """A value as PostgreSQL writes it: an array in braces; raises PostgrestError, InvalidValue."""
    if type_.kind is Kind.OPAQUE and type_.cast:
        return clean_text(type_, text)  # cannot be compared, and can be read by the database
    if type_.kind is not Kind.ARRAY or type_.element is None:
        return clock.value(type_, text)
    return array_value(type_, text, LIMITS, clock)


def _from_json(argument: Argument, value: Any, clock: Clock) -> Value:
    return _as_json(value) if argument.type.by_json else from_json(argument.type, value, clock)


def _as_json(value: Any) -> Value:
    """JSON of which PostgreSQL makes the value; raises InvalidValue for what cannot be written."""
    if value is not None:
        json_text(value)
    return value


def from_json(type_: DataType, value: Any, clock: Clock = UTC) -> Value:
    """A value out of JSON, as PostgreSQL would take it: a text stands for any type, and anything for a text."""
    if value is None or type_.kind is Kind.JSON:
        return value
    if type_.kind is Kind.ARRAY and type_.element is not None and isinstance(value, list):
        if any(isinstance(each, list) for each in value):
            return parse_json(type_, given_list(type_, value, clock))
        return tuple(from_json(type_.element, each, clock) for each in value)
    if isinstance(value, str):
        return from_text(type_, value, clock)
    if type_.kind in {Kind.TEXT, Kind.SPECIAL, Kind.OPAQUE}:
        return from_text(type_, _written(value))
    return parse_json(type_, value)


def _written(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        raise InvalidValue("the value cannot be written as a text") from None
