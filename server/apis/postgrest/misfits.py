"""A value that is not of its type, in PostgreSQL's words: the SQLSTATE and the message that it has for the type's kind.

Rule: the words are PostgreSQL's on every database, so that clients meet the same everywhere; of kinds that are in no row
the error's own are told.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from reflector.datatypes import Kind
from reflector.errors import Unfit
from server.apis.postgrest.faults import Fault

INTEGERS: Final[Mapping[int, str]] = {16: "smallint", 32: "integer", 64: "bigint"}
FLOATS: Final[Mapping[int, str]] = {32: "real", 64: "double precision"}
PLAIN: Final[Mapping[str, str]] = {
    Kind.BOOLEAN: "boolean",
    Kind.DECIMAL: "numeric",
    Kind.UUID: "uuid",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.INSTANT: "timestamp with time zone",
    Kind.INTERVAL: "interval",
}
TIMES: Final = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT})
OF_NUMBERS: Final = re.compile(
    r"(?:[0-9]{4}-?[0-9]{2}-?[0-9]{2})?[T ]?(?:[0-9]{2}:[0-9]{2}[0-9:.]*)?\s?(?:[Zz]|[+-][0-9:]+)?"
)
"""Written as a moment is: what is wrong with it is a number."""


def misfit(unfit: Unfit) -> Fault | None:
    """What PostgreSQL says of the text, None where we say it ourselves."""
    told = TOLD.get(unfit.kind)
    return None if told is None else told(unfit)


def _syntax(code: str, name: str, text: str) -> Fault:
    return Fault(code, f'invalid input syntax for type {name}: "{text}"')


def _plain(unfit: Unfit) -> Fault:
    return _syntax("22P02", PLAIN[unfit.kind], unfit.text)


def _integer(unfit: Unfit) -> Fault:
    name = INTEGERS.get(unfit.bits, "integer")
    if unfit.because:
        return Fault("22003", f'value "{unfit.text}" is out of range for type {name}')
    return _syntax("22P02", name, unfit.text)


def _float(unfit: Unfit) -> Fault:
    name = FLOATS.get(unfit.bits, "double precision")
    if unfit.because:
        return Fault("22003", f'"{unfit.text}" is out of range for type {name}')
    return _syntax("22P02", name, unfit.text)


def _moment(unfit: Unfit) -> Fault:
    if OF_NUMBERS.fullmatch(unfit.text) and unfit.text:
        return Fault("22008", f'date/time field value out of range: "{unfit.text}"')
    return _syntax("22007", PLAIN[unfit.kind], unfit.text)


def _interval(unfit: Unfit) -> Fault:
    return _syntax("22007", "interval", unfit.text)


def _enum(unfit: Unfit) -> Fault:
    name = "enum" if "(" in unfit.native else unfit.native.rpartition(".")[2]
    return Fault("22P02", f'invalid input value for enum {name}: "{unfit.text}"')


def _json(_: Unfit) -> Fault:
    return Fault("22P02", "invalid input syntax for type json")


TOLD: Final[Mapping[str, Callable[[Unfit], Fault]]] = {
    Kind.BOOLEAN: _plain,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _plain,
    Kind.FLOAT: _float,
    Kind.UUID: _plain,
    Kind.INTERVAL: _interval,
    Kind.ENUM: _enum,
    Kind.JSON: _json,
    **dict.fromkeys(TIMES, _moment),
}
