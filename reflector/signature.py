"""From a function's annotations to the arguments that callers give, and from what it answers to JSON.

    int str bool float Decimal bytes UUID date time datetime      as columns of these types
    list[int], list[UUID], …                                      arrays
    Literal["small", "large"]                                     one of these texts
    dict, list, Any, and what these hold                          JSON
    X | None                                                      null too

Rule: an annotation is one row of `FORMS`, read once when the extension is loaded; what has no row refuses the start.
"""

from __future__ import annotations

import inspect
import types
import typing
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import orjson

from reflector.catalog.model import Argument
from reflector.datatypes import DataType, Kind, Value
from reflector.extension import Caller

JSON: Final = DataType(Kind.JSON, "jsonb")
NOTHING: Final = type(None)
COUNTED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UnfitSignature(ValueError):
    """A function that cannot be offered; the message says why."""


@dataclass(frozen=True, slots=True)
class Form:
    """`made` is what the function gets of a canonical value."""

    type: DataType
    made: Callable[[Value], Any]


@dataclass(frozen=True, slots=True)
class Signature:
    """`arguments` are what callers give, each made into what the function takes by `made`; `caller` is the name of the
    argument that is told who calls, None where none is. `gives` None: it answers nothing."""

    arguments: tuple[Argument, ...]
    made: Mapping[str, Callable[[Value], Any]]
    caller: str | None
    gives: DataType | None

    def given(self, values: Mapping[str, Value], caller: Caller) -> dict[str, Any]:
        """The arguments to call the function with."""
        found = {name: None if value is None else self.made[name](value) for name, value in values.items()}
        return found if self.caller is None else {**found, self.caller: caller}


def _same(value: Value) -> Any:
    return value


FORMS: Final[Mapping[Any, Form]] = {
    bool: Form(DataType(Kind.BOOLEAN, "boolean"), _same),
    int: Form(DataType(Kind.INTEGER, "bigint"), _same),
    float: Form(DataType(Kind.FLOAT, "double precision"), _same),
    Decimal: Form(DataType(Kind.DECIMAL, "numeric"), _same),
    str: Form(DataType(Kind.TEXT, "text"), _same),
    bytes: Form(DataType(Kind.BYTES, "bytea"), _same),
    UUID: Form(DataType(Kind.UUID, "uuid"), UUID),
    date: Form(DataType(Kind.DATE, "date"), _same),
    time: Form(DataType(Kind.TIME, "time"), _same),
    datetime: Form(DataType(Kind.INSTANT, "timestamp with time zone"), _same),
    Any: Form(JSON, _same),
    dict: Form(JSON, _same),
    list: Form(JSON, _same),
}


def signature_of(action: Callable[..., Any]) -> Signature:
    """What an extension's function takes and gives; raises UnfitSignature."""
    if not inspect.iscoroutinefunction(action):
        raise UnfitSignature("is no `async def`")
    try:
        hints = typing.get_type_hints(action)
    except Exception as error:  # an annotation may be any expression
        raise UnfitSignature(f"has an annotation that cannot be read: {type(error).__name__}") from error
    taken: list[Argument] = []
    made: dict[str, Callable[[Value], Any]] = {}
    caller = None
    for name, parameter in inspect.signature(action).parameters.items():
        if parameter.kind not in COUNTED:
            raise UnfitSignature(f"takes {name!r} in a way that no caller can give: by position alone, or any number")
        if name not in hints:
            raise UnfitSignature(f"has no annotation for {name!r}")
        if hints[name] is Caller:
            if caller is not None:
                raise UnfitSignature("takes two callers")
            caller = name
            continue
        form, nullable = form_of(hints[name], f"{name!r}")
        optional = parameter.default is not inspect.Parameter.empty
        taken.append(Argument(name, form.type, has_default=optional, nullable=nullable))
        made[name] = form.made
    return Signature(tuple(taken), made, caller, _given(hints.get("return", Any)))


def form_of(annotation: Any, what: str) -> tuple[Form, bool]:
    """How values of an annotation travel, and whether null is one; raises UnfitSignature."""
    if get_origin(annotation) in (Union, types.UnionType):
        others = [each for each in get_args(annotation) if each is not NOTHING]
        if len(others) == 1:
            return form_of(others[0], what)[0], True
        raise UnfitSignature(f"has an annotation for {what} that is several types at once")
    form = FORMS.get(annotation) or _composed(annotation, what)
    return form, annotation is Any


def _composed(annotation: Any, what: str) -> Form:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is list:
        return _listed(form_of(inside[0], what)[0])
    if origin is dict:
        return FORMS[dict]
    if origin is Literal and all(isinstance(each, str) for each in inside):
        return Form(DataType(Kind.ENUM, "text", labels=inside), _same)
    raise UnfitSignature(f"has an annotation for {what} that is no type of value")


def _listed(item: Form) -> Form:
    if item.type.kind in (Kind.JSON, Kind.ARRAY):
        return FORMS[list]

    def made(values: Value) -> list[Any]:
        return [None if each is None else item.made(each) for each in values]

    return Form(DataType(Kind.ARRAY, f"{item.type.native}[]", element=item.type), made)


def _given(annotation: Any) -> DataType | None:
    """What an answer is, as far as its annotation says something that documents can tell; else JSON."""
    if annotation is NOTHING:
        return None
    try:
        form, nullable = form_of(annotation, "what it gives")
    except UnfitSignature:
        return JSON
    return JSON if nullable else form.type


# ── what it answers ──────────────────────────────────────────────────────────────────────────


def written(value: Any) -> bytes:
    """The answer in JSON: decimals exact, bytes in base64, moments as ISO 8601 has them, dataclasses as objects.

    Raises TypeError, ValueError and RecursionError for what cannot be said.
    """
    try:
        return orjson.dumps(value, default=_written)
    except TypeError:
        # Numbers beyond 64 bits are JSON as well, and what is asked for most holds none.
        return orjson.dumps(_whole(value), default=_written)


def _whole(value: Any) -> Any:
    """The same with numbers of any size, as far as lists and objects hold some."""
    match value:
        case bool():
            return value
        case int():
            return orjson.Fragment(str(value).encode())
        case dict():
            return {name: _whole(each) for name, each in value.items()}
        case list() | tuple():
            return [_whole(each) for each in value]
        case _:
            return value


def _written(value: Any) -> Any:
    match value:
        case Decimal() if value.is_finite():
            return orjson.Fragment(f"{value:f}".encode())
        case Decimal():
            return str(value)
        case bytes():
            return b64encode(value).decode()
        case set() | frozenset():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")
