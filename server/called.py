"""Functions of extensions, called for callers: arguments in, JSON out.

Rule: what an extension refuses reaches the caller in its own words; whatever else it raises is the log's alone. It ends
when the caller's time is over, or when the caller has left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from reflector import extension
from reflector.catalog.model import Argument, Function
from reflector.datatypes import Kind, Value, parse_json
from reflector.errors import Faults, InvalidRequest, InvalidValue, ReflectorError, RequestError, RowNotFound, suggestion
from reflector.extension import ExtensionFailed, FunctionTimeout, Refused
from reflector.signature import written
from server.callers import Caller
from server.extensions import Extensions
from server.extensions.loaded import must_end
from server.traced import part

AskAs = Callable[[Caller, str, str, Any], Awaitable[Any]]
Answered = TypeVar("Answered")
MOST_FAULTS: Final = 100


class Called:
    """Calls what extensions offer. `ask` asks the resource API for a caller."""

    def __init__(self, extensions: Extensions, ask: AskAs) -> None:
        self.extensions = extensions
        self.ask = ask

    async def call(self, caller: Caller, function: Function, values: Mapping[str, Value]) -> bytes | None:
        """What the function answers to canonical values, in JSON; None where it gives nothing.

        Raises Refused, FunctionTimeout, ExtensionFailed, and what the caller's own questions raise.
        """
        offered = self.extensions.offered[function.name]
        told = self.told(caller, writes=not offered.declared.read_only)
        arguments = offered.signature.given(values, told)
        with part(f"call {function.name}"):
            answer = await self.bounded(caller, lambda: offered.declared.action(**arguments))
        return None if offered.signature.gives is None else said(answer)

    def told(self, caller: Caller, *, writes: bool) -> extension.Caller:
        """The caller as extensions know them; who does not write asks only by GET."""
        principal = caller.principal

        def ask(method: str, address: str, body: Any) -> Awaitable[Any]:
            if not writes and method != "GET":
                raise InvalidRequest("a function that is declared as read_only writes nothing")
            return self.ask(caller, method, address, body)

        return extension.Caller(
            caller.rights.access.roles,
            own(principal.claims),
            principal.subject,
            principal.anonymous,
            ask,
        )

    async def bounded(self, caller: Caller, work: Callable[[], Awaitable[Answered]]) -> Answered:
        """What the work gives, within the time that the caller's statements have."""
        limit = asyncio.timeout(caller.rights.limits.timeout.total_seconds())
        try:
            async with limit:
                return await work()
        except TimeoutError as error:
            if limit.expired():
                raise FunctionTimeout("code of an extension took longer than this request may take") from error
            raise failed(error) from error
        except (Refused, RowNotFound):
            raise
        except RequestError as error:
            # The question was the extension's and not the caller's.
            raise failed(error) from error
        except ReflectorError:
            raise
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if must_end(error):
                raise
            raise failed(error) from error


def own(value: Any) -> Any:
    """The same JSON for the extension's own use: what it does with it, nobody else sees."""
    if isinstance(value, Mapping):
        return {name: own(each) for name, each in value.items()}
    return [own(each) for each in value] if isinstance(value, list | tuple) else value


def failed(error: BaseException) -> ExtensionFailed:
    """What is raised where an extension raised something else than a refusal."""
    return ExtensionFailed(f"code of an extension raised {type(error).__name__}")


def said(answer: Any) -> bytes:
    """The answer in JSON; raises ExtensionFailed for what cannot be said."""
    try:
        return written(answer)
    except (TypeError, ValueError, RecursionError) as error:
        raise failed(error) from error


# ── arguments ────────────────────────────────────────────────────────────────────────────────


def values_of(function: Function, given: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Value]:
    """The arguments of a body as canonical values; `place` says where one stands. Raises all that is wrong, as Faults."""
    known = {each.name: each for each in function.takes}
    faults: list[ReflectorError] = []
    values: dict[str, Value] = {}
    for name, value in given.items():
        try:
            values[name] = read_argument(known, function.name, name, value)
        except RequestError as fault:
            fault.pointer = place(name)
            faults.append(fault)
            if len(faults) == MOST_FAULTS:
                break
    missing = [each.name for each in function.takes if not each.has_default and each.name not in given]
    faults += [InvalidValue(f"{name!r} is required", pointer=place(name)) for name in missing]
    if faults:
        raise faults[0] if len(faults) == 1 else Faults(faults)
    return values


def read_argument(known: Mapping[str, Argument], function: str, name: str, value: Any) -> Value:
    """One argument; raises InvalidRequest for one that there is not, InvalidValue for a value that is not of its type."""
    argument = known.get(name)
    if argument is None:
        raise InvalidRequest(f"{function} takes no argument {name!r}", hint=suggestion(name, known))
    check_null(argument, value)
    check_whole(argument, value)
    return parse_json(argument.type, value)


def check_whole(argument: Argument, value: Any) -> None:
    """Raises InvalidValue for JSON with a text that holds half of a letter: nobody could answer it."""
    if argument.type.kind is not Kind.JSON:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise InvalidValue("the text holds half of a surrogate pair") from None


def check_null(argument: Argument, value: Any) -> None:
    """Raises InvalidValue for null where it is no value of the argument."""
    if value is None and not argument.nullable:
        raise InvalidValue(f"{argument.name!r} must not be null")
