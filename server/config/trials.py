"""Permission tests as the file writes them: who, what, and what is expected; not yet understood.

    - {as: {role: user, sub: 7}, read: article, where: owner_id == 7, rows: 1}
    - name: a reader's own reviews                 several that share a caller and the rows they begin with
      as: {role: user, sub: 7}
      given: {review: [{id: 9001, owner_id: 7}]}
      tests:
        - {update: review, where: id == 9001, values: {stars: 5}}

Rule: a test says one thing to do and at least one thing to see, and a word that its deed has no use for is a complaint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from server.config.postgrest import read_header
from server.config.rules import Rule
from server.config.section import Section
from server.config.values import TEXT, Reads, Text, UnfitError, Url, freeze, read_text, thaw, whole

ANONYMOUS: Final = "anonymous"
"""Who brings no credential."""
ROLES: Final = ("role", "roles")
MOST: Final = 1_000_000
COOKIE: Final = "cookie"


@dataclass(frozen=True, slots=True)
class Verb:
    """A deed: the words that belong to it, and those of them that say what is expected."""

    takes: tuple[str, ...]
    expects: tuple[str, ...]
    writes: bool = False


AGGREGATED: Final = ("sum", "avg", "min", "max")
VERBS: Final[Mapping[str, Verb]] = {
    "read": Verb(("where", "filter", "fields"), ("rows", "keys", "columns", "hidden", "sees")),
    "create": Verb(("values",), ("affected", "sets"), writes=True),
    "update": Verb(("where", "filter", "values"), ("affected", "sets"), writes=True),
    "delete": Verb(("where", "filter"), ("affected",), writes=True),
    "aggregate": Verb(("where", "filter", "by"), ("count", *AGGREGATED, "groups")),
    "call": Verb(("arguments",), ("rows", "returns"), writes=True),
}
VERDICTS: Final = ("allowed", "denied")
"""What can be expected of every deed, and then alone."""


@dataclass(frozen=True, slots=True)
class Calling:
    """Somebody who asks: their roles (None: as a credential that names none) and claims; or nobody in particular."""

    roles: tuple[str, ...] | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)
    anonymous: bool = False

    def __str__(self) -> str:
        roles = [] if self.roles is None else [", ".join(self.roles)]
        return ", ".join([ANONYMOUS] if self.anonymous else [*roles, *(f"{n} {v!r}" for n, v in self.claims.items())])


def read_calling(given: Any) -> Calling:
    """`anonymous`, a role, or roles and claims: `{role: user, sub: 7}`."""
    if isinstance(given, Calling):
        return given
    if given == ANONYMOUS:
        return Calling(anonymous=True)
    if isinstance(given, str):
        return Calling((read_text(given),))
    if not isinstance(given, Mapping) or not given:
        raise UnfitError("must be anonymous, a role, or roles and claims such as {role: user, sub: 7}")
    said = [name for name in ROLES if name in given]
    if len(said) == len(ROLES):
        raise UnfitError("has role and roles: keep one")
    named = given[said[0]] if said else None
    roles = [named] if isinstance(named, str) else named
    if said and (not isinstance(roles, list | tuple) or not roles):
        raise UnfitError("must name a role, or a list of roles")
    claims = {name: freeze(value) for name, value in given.items() if name not in ROLES}
    return Calling(None if roles is None else tuple(map(read_text, roles)), MappingProxyType(claims))


def read_callers(given: Any) -> tuple[Calling, ...]:
    """One caller, or several that a test is made with one after the other."""
    if isinstance(given, list | tuple):
        if not given:
            raise UnfitError("must name somebody")
        return tuple(map(read_calling, given))
    return (read_calling(given),)


def show_callers(callers: tuple[Calling, ...]) -> Any:
    shown = [
        ANONYMOUS if each.anonymous else {**({"role": [*each.roles]} if each.roles else {}), **thaw(each.claims)}
        for each in callers
    ]
    return shown[0] if len(shown) == 1 else shown


def read_row(given: Any) -> Mapping[str, Any]:
    """Values by the names of columns."""
    if not isinstance(given, Mapping):
        raise UnfitError("must be a mapping of columns and values")
    return MappingProxyType({str(name): freeze(value) for name, value in given.items()})


def read_rows(given: Any) -> tuple[Mapping[str, Any], ...]:
    """A list of rows."""
    if not isinstance(given, list | tuple):
        raise UnfitError("must be a list of rows, each a mapping of columns and values")
    return tuple(map(read_row, given))


def read_one_or_rows(given: Any) -> Mapping[str, Any] | tuple[Mapping[str, Any], ...]:
    """A row, or several."""
    return read_rows(given) if isinstance(given, list | tuple) else read_row(given)


def read_given(given: Any) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """Rows by table, in the order in which they are to be made."""
    if not isinstance(given, Mapping) or not given:
        raise UnfitError("must be a mapping of tables and their rows")
    rows = {
        read_text(name): read_rows(each if isinstance(each, list | tuple) else [each]) for name, each in given.items()
    }
    return MappingProxyType(rows)


def read_headers(given: Any) -> Mapping[str, str]:
    """Headers of a request, by names in small letters, as functions of the database are told them."""
    if not isinstance(given, Mapping) or not given:
        raise UnfitError("must be a mapping of headers and their texts, such as {X-Tenant: north}")
    named = {read_header(name).lower(): read_text(value) for name, value in given.items()}
    if len(named) < len(given):
        raise UnfitError("names a header twice, in large and small letters")
    if COOKIE in named:
        raise UnfitError("has cookies, which no function finds among headers")
    return MappingProxyType(named)


def read_expected_rows(given: Any) -> int | tuple[Mapping[str, Any], ...]:
    """How many rows, or which."""
    if isinstance(given, list | tuple):
        return read_rows(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= MOST:
        raise UnfitError("must be how many rows, or a list of them")
    return given


def read_keys(given: Any) -> tuple[Any, ...]:
    """The values of keys; those of a key of several columns are lists."""
    if not isinstance(given, list | tuple):
        raise UnfitError("must be a list of keys")
    keys: tuple[Any, ...] = freeze(given)
    return keys


def read_denied(given: Any) -> bool | str:
    """`true`, or the code of the error."""
    if given is True:
        return True
    if given is False or not isinstance(given, str):
        raise UnfitError("must be true or the code of an error, such as check_refused")
    return read_text(given)


def read_allowed(given: Any) -> bool:
    """`true`."""
    if given is not True:
        raise UnfitError("must be true; what is not allowed is denied: true")
    return True


def read_filter(given: Any) -> Mapping[str, Any]:
    """A filter in its JSON form, as a caller would send it."""
    if not isinstance(given, Mapping):
        raise UnfitError("must be a filter as callers write it: {status: {_eq: draft}}")
    frozen: Mapping[str, Any] = freeze(given)
    return frozen


ROW: Final = {"type": "object"}
SOME_ROWS: Final = {"type": "array", "items": ROW}
CALLER: Final = {"anyOf": [TEXT, {"type": "object", "minProperties": 1}]}
CALLERS: Final = {"anyOf": [*CALLER["anyOf"], {"type": "array", "items": CALLER, "minItems": 1}]}
GIVEN: Final = {"type": "object", "additionalProperties": {"anyOf": [ROW, SOME_ROWS]}}
NUMBER: Final = {"type": "integer", "minimum": 0}

Callers: TypeAlias = Annotated[tuple[Calling, ...], Reads(read_callers, CALLERS, show_callers)]
Row: TypeAlias = Annotated[Mapping[str, Any], Reads(read_row, ROW, thaw)]
Given: TypeAlias = Annotated[Mapping[str, Any], Reads(read_given, GIVEN, thaw)]
Headers: TypeAlias = Annotated[
    Mapping[str, str], Reads(read_headers, {"type": "object", "additionalProperties": TEXT}, thaw)
]
Values: TypeAlias = Annotated[Any, Reads(read_one_or_rows, {"anyOf": [ROW, SOME_ROWS]}, thaw)]
Rows: TypeAlias = Annotated[tuple[Mapping[str, Any], ...], Reads(read_rows, SOME_ROWS, thaw)]
ExpectedRows: TypeAlias = Annotated[Any, Reads(read_expected_rows, {"anyOf": [NUMBER, SOME_ROWS]}, thaw)]
Keys: TypeAlias = Annotated[tuple[Any, ...], Reads(read_keys, {"type": "array"}, thaw)]
Denied: TypeAlias = Annotated[bool | str, Reads(read_denied, {"anyOf": [{"const": True}, TEXT]})]
Allowed: TypeAlias = Annotated[bool, Reads(read_allowed, {"const": True})]
Asked: TypeAlias = Annotated[Mapping[str, Any], Reads(read_filter, ROW, thaw)]
Anything: TypeAlias = Annotated[Any, Reads(freeze, {}, thaw)]
Number: TypeAlias = Annotated[int, whole(0, MOST)]


class Testing(Section):
    """Where the database decides: as whom rows of tests are made and picked, and by which login."""

    by: Text | None = None
    url: Url | None = None


class Trial(Section):
    """One test. Which of the settings go together `VERBS` says; `trial_checks` holds them to it."""

    listed: ClassVar = True

    name: Text | None = None
    callers: Callers = Field(default=(), alias="as")
    given: Given = Field(default_factory=lambda: MappingProxyType({}))
    headers: Headers = Field(default_factory=lambda: MappingProxyType({}))

    read: Text | None = None
    create: Text | None = None
    update: Text | None = None
    delete: Text | None = None
    aggregate: Text | None = None
    call: Text | None = None

    where: Rule | None = None
    filter: Asked | None = None
    fields: tuple[Text, ...] | None = None
    values: Values | None = None
    arguments: Row | None = None

    rows: ExpectedRows | None = None
    keys: Keys | None = None
    columns: tuple[Text, ...] | None = None
    hidden: tuple[Text, ...] | None = None
    sees: Row | None = None
    sets: Row | None = None
    affected: Number | None = None
    count: Number | None = None
    by: tuple[Text, ...] | None = None
    sum: Row | None = None
    avg: Row | None = None
    min: Row | None = None
    max: Row | None = None
    groups: Rows | None = None
    returns: Anything | None = None
    denied: Denied | None = None
    allowed: Allowed | None = None

    @property
    def does_something(self) -> bool:
        """Whether a verb is said; where none is, that is told."""
        return any(getattr(self, verb) is not None for verb in VERBS)

    @property
    def verb(self) -> str:
        """What is done."""
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @property
    def target(self) -> str:
        """What it is done with: the name of a table, or of a function."""
        return str(getattr(self, self.verb))

    def veils(self, readable: Collection[str]) -> tuple[str, ...]:
        """The columns that are to be hidden although they are among those that may be read: null on every row."""
        return tuple(dict.fromkeys(each for each in self.hidden or () if each in readable))


class TrialOrGroup(Trial):
    """A test; or with `tests`, several that share what stands beside them."""

    tests: tuple[Trial, ...] = ()

    def flat(self) -> Iterator[tuple[tuple[int, ...], Trial]]:
        """The tests that it is and that do something, each with its place below it."""
        if not self.tests and self.does_something:
            yield (), self
        for number, trial in enumerate(self.tests):
            if not trial.does_something:
                continue
            shared = {
                "callers": trial.callers or self.callers,
                "given": MappingProxyType(merged(self.given, trial.given)),
                "headers": MappingProxyType({**self.headers, **trial.headers}),
            }
            yield (number,), trial.model_copy(update=shared)


def merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rows of both, table by table."""
    return {name: (*first.get(name, ()), *then.get(name, ())) for name in (*first, *then)}
