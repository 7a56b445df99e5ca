"""Calls of the database's functions, and what is read of the rows they give.

Rule: as with every query a tree is born resolved, an argument is the function's own and its value is bound, never written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reflector.catalog.model import Argument, Function, Table
from reflector.query.forms import Form
from reflector.query.nodes import Operand, Parameter, Read
from reflector.query.walk import read_with


@dataclass(frozen=True, slots=True)
class Given:
    """A value for one argument of a function; of a variadic one, all its values as an array."""

    argument: Argument
    operand: Operand


@dataclass(frozen=True, slots=True)
class Call:
    """What a function of the database gives for these arguments; those left out have their defaults.

    `read` is asked of its rows (`function.rows` is its table), None where it gives nothing; of a `scalar` function the
    values alone are answered. `read_only`: whatever the function is, it must change nothing. More than `most` rows, or
    with `exactly_one` any other number than that, take back what it did. `bare`: the one value is answered as its own
    bytes or text, not as JSON. `handler` makes one document of a page of its rows, as that of a `Gathered`.
    `form`: how a procedure's values are written, where that is not the core's own way.
    """

    function: Function
    arguments: tuple[Given, ...]
    read: Read | None = None
    read_only: bool = False
    exactly_one: bool = False
    bare: bool = False
    most: int | Parameter | None = None
    handler: Function | None = None
    form: Form | None = None

    @property
    def writes(self) -> bool:
        """Whether anything may be changed by it."""
        return self.function.changes and not self.read_only


@dataclass(frozen=True, slots=True)
class Gathered:
    """What an aggregate of the database makes of the rows of a page: one document of a media type.

    Where it takes rows of the table's own type, `read` selects every column of the table.
    """

    function: Function
    read: Read

    @property
    def table(self) -> Table:
        return self.read.table


def lifted_call(call: Call, change: Callable[[Operand], Operand]) -> Call:
    """The call with every operand replaced, those of its arguments first."""
    given = tuple([Given(each.argument, change(each.operand)) for each in call.arguments])
    return replace(call, arguments=given, read=None if call.read is None else read_with(call.read, change))
