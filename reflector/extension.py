"""Code of your own beside requests: what a module that is named under `extensions` is made of.

    from reflector.extension import Caller, Extension, Refused

    extension = Extension()

    @extension.function
    async def quote_price(caller: Caller, book: int, copies: int = 1) -> dict: ...

    @extension.route("GET", "/status")
    async def status(caller: Caller, request) -> dict: ...

    @extension.started
    async def begin(server: Server) -> None: ...

Rule: an extension only says what there is; whoever serves it decides who may ask for what, and for how long.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar, overload

from reflector.errors import InternalError, ReflectorError, RequestError
from reflector.events import Observation, Observer

__all__ = ["Caller", "Extension", "Observation", "Refused", "Server"]

CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""How a code is written."""


class Refused(RequestError):
    """What code of the user's own raises to refuse: its words, and its status from 400 to 499, reach the caller.

    `code` is a snake_case word for programs. Raises ValueError for a status or a code that is none.
    """

    code = "refused"

    def __init__(self, message: str, *, status: int = 422, code: str = "refused", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        if not 400 <= status <= 499:
            raise ValueError("a refusal has a status from 400 to 499")
        if not CODE.fullmatch(code):
            raise ValueError("a code is a word of small letters, digits and _")
        self.status = status
        self.code = code  # type: ignore[misc] # every other error has the code of its class


class ExtensionFailed(InternalError):
    """An extension did something else than to answer. What it raised is the cause, for the log alone."""


class FunctionTimeout(ReflectorError):
    """An extension took longer than the caller's statements may."""

    code = "function_timeout"


Ask: TypeAlias = Callable[[str, str, Any], Awaitable[Any]]
"""Method, address, body."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks. `roles` are theirs with all that these extend, `subject` is whom the credential is about, None for callers without one."""

    roles: tuple[str, ...]
    claims: Mapping[str, Any] = field(repr=False)
    subject: str | None
    anonymous: bool
    ask: Ask = field(repr=False)

    async def get(self, address: str) -> Any:
        """What the resource API answers this caller to `GET` of an address such as `/api/book?price__lt=5`, under the
        caller's own rules and limits; numbers with a fraction are Decimal.

        Raises the errors of `reflector.errors`: RowNotFound, UnknownTable, Forbidden, InvalidValue and others.
        """
        return await self.ask("GET", address, None)

    async def post(self, address: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """Make the row, or the rows of a list, all or none, at an address such as `/api/review`: what the caller may see of a
        row that was made, None where that is nothing, and of several. Values may be what JSON can say, and dates, UUIDs and the like.

        Raises as `get` does, and UniqueViolation, ForeignKeyViolation, CheckViolation, CheckRefused and others.
        """
        return await self.ask("POST", address, body)

    async def patch(self, address: str, body: Mapping[str, Any]) -> Any:
        """Change the row at an address such as `/api/review/7`; what the caller may see of it. Raises as `post` does."""
        return await self.ask("PATCH", address, body)

    async def delete(self, address: str) -> None:
        """Remove the row at an address such as `/api/review/7`. Raises as `post` does."""
        await self.ask("DELETE", address, None)


class Server(Protocol):
    """What is told to `started` and `stopping`: where the extension runs."""

    @property
    def name(self) -> str:
        """What the configuration calls the extension."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the configuration says under `settings`, secrets included."""

    async def fetch(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement that only reads, past all rules: whose they are, nobody asks."""


class Place(NamedTuple):
    """Where something is declared: a file and a line."""

    file: str
    line: int


Action: TypeAlias = Callable[..., Awaitable[Any]]
AnyAction = TypeVar("AnyAction", bound=Action)
Listener = TypeVar("Listener", bound=Observer)


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """`read_only`: it changes nothing, so that it may be asked by GET and is a query of GraphQL."""

    name: str
    action: Action
    read_only: bool
    place: Place


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """`path` begins below the extension's own."""

    method: str
    path: str
    action: Action
    place: Place


NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Extension:
    """What a module adds. Each of its methods is a decorator, and gives back what it decorates."""

    def __init__(self) -> None:
        self.functions: list[DeclaredFunction] = []
        self.routes: list[DeclaredRoute] = []
        self.starting: list[Action] = []
        self.ending: list[Action] = []
        self.observers: list[Observer] = []

    @overload
    def function(self, action: AnyAction, /) -> AnyAction: ...

    @overload
    def function(self, /, *, name: str | None = None, read_only: bool = False) -> Callable[[AnyAction], AnyAction]: ...

    def function(
        self, action: AnyAction | None = None, /, *, name: str | None = None, read_only: bool = False
    ) -> AnyAction | Callable[[AnyAction], AnyAction]:
        """A function that callers may call for whom `functions` of the configuration names it, with arguments of the types
        of its annotations. One of the annotation `Caller` is told who calls.

        `name`: what it is called, where that is not its own name. `read_only`: it changes nothing.
        """

        def declare(declared: AnyAction) -> AnyAction:
            said = name if name is not None else getattr(declared, "__name__", "")
            self.functions.append(DeclaredFunction(said, declared, read_only, place_of(declared)))
            return declared

        return declare if action is None else declare(action)

    def route(self, method: str, path: str) -> Callable[[AnyAction], AnyAction]:
        """An address of its own, `/x/{extension}{path}`, for callers whose role the configuration allows. The handler gets
        the caller and the request, and answers a response, or what can be said in JSON."""

        def declare(declared: AnyAction) -> AnyAction:
            self.routes.append(DeclaredRoute(method, path, declared, place_of(declared)))
            return declared

        return declare

    def started(self, action: AnyAction) -> AnyAction:
        """Called with the server before anybody is served. What it raises refuses the start."""
        self.starting.append(action)
        return action

    def stopping(self, action: AnyAction) -> AnyAction:
        """Called with the server once nobody is served any more, the last one first."""
        self.ending.append(action)
        return action

    def observes(self, observer: Listener) -> Listener:
        """Told each fact of `reflector.events`. It must not wait: everything else does meanwhile."""
        self.observers.append(observer)
        return observer


def place_of(declared: Any) -> Place:
    """Where it stands; nowhere, where it has no code of its own."""
    code = getattr(getattr(declared, "func", declared), "__code__", None)
    return Place("", 0) if code is None else Place(code.co_filename, code.co_firstlineno)
