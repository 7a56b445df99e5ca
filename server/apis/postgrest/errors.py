"""Errors as PostgREST answers them: Reflector's own tree in its codes, and the answer with its headers.

Rule: nothing that a database said goes out: words are ours or PostgreSQL's own wording with names that the caller may
know, which `reflector.access.disclosure` has decided before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from reflector.errors import (
    AccessError,
    CatalogError,
    CheckRefused,
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    Faults,
    Forbidden,
    ForeignKeyViolation,
    InvalidData,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    NotNullViolation,
    NotSingular,
    NotSupported,
    OutcomeUnknown,
    PoolExhausted,
    ReadOnlyDatabase,
    ReflectorError,
    RequestError,
    RowNotFound,
    RuleUnbound,
    SchemaChanged,
    SerializationFailure,
    StatementTimeout,
    StorageFull,
    TooManyAffected,
    TransactionEnded,
    Unauthenticated,
    UniqueViolation,
    UnknownColumn,
    UnknownOperator,
    UnknownParameter,
    UnknownRelationship,
    UnknownTable,
)
from reflector.extension import FunctionTimeout
from reflector.extension import Refused as RefusedByExtension
from server.apis.postgrest.faults import RAISED, Fault, PostgrestError, status_of
from server.apis.postgrest.misfits import misfit
from server.apis.postgrest.ranges import NOT_ONE
from server.problems import (
    ForwardedRefused,
    IdentityUnavailable,
    InvalidToken,
    MalformedRequest,
    MisdirectedRequest,
    OriginRefused,
    RateExceeded,
    TooManyAttempts,
    TooManySockets,
    retry_of,
)

CONTENT_TYPE: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Words:
    """How an error is told: its code, and PostgREST's message. Without a message the error's own is told; with one, it
    becomes the details where `explains`. `{table}` and `{column}` are filled in."""

    code: str
    message: str | None = None
    explains: bool = False


UNAVAILABLE: Final = "Database client error. Retrying the connection."

TABLE: Final[Mapping[type[ReflectorError], Words]] = {
    ReflectorError: Words("PGRSTX00", "Something went wrong here; the log has it"),
    RequestError: Words("PGRST100"),
    UnknownTable: Words("PGRST205"),
    UnknownColumn: Words("42703"),
    UnknownRelationship: Words("PGRST200"),
    UnknownOperator: Words("PGRST100"),
    UnknownParameter: Words("PGRST100"),
    InvalidValue: Words("22P02"),
    InvalidRequest: Words("PGRST100"),
    MalformedRequest: Words("PGRST102"),
    LimitExceeded: Words("PGRST100"),
    TooManyAffected: Words("PGRST124", "Query result exceeds max-affected preference constraint", explains=True),
    NotSupported: Words("PGRST127", "Feature not implemented", explains=True),
    RowNotFound: Words("PGRST116", NOT_ONE, explains=True),
    NotSingular: Words("PGRST116", NOT_ONE, explains=True),
    AccessError: Words("42501"),
    Unauthenticated: Words("PGRST302", "Anonymous access is disabled"),
    InvalidToken: Words("PGRST301"),
    IdentityUnavailable: Words(IdentityUnavailable.code, "Whoever knows this credential cannot be asked at the moment"),
    Forbidden: Words("42501", "permission denied for table {table}"),
    CheckRefused: Words("42501", 'new row violates row-level security policy for table "{table}"'),
    MisdirectedRequest: Words(MisdirectedRequest.code),
    ForwardedRefused: Words(ForwardedRefused.code),
    OriginRefused: Words(OriginRefused.code),
    TooManyAttempts: Words(TooManyAttempts.code),
    TooManySockets: Words(TooManySockets.code),
    RateExceeded: Words(RateExceeded.code),
    RuleUnbound: Words("PGRST002", "The table is closed: one of its rules does not fit the database"),
    DatabaseError: Words("PGRSTX00", "The database could not do this"),
    UniqueViolation: Words("23505", "duplicate key value violates unique constraint", explains=True),
    ForeignKeyViolation: Words(
        "23503", 'insert, update or delete on table "{table}" violates foreign key constraint', explains=True
    ),
    CheckViolation: Words("23514", 'new row for relation "{table}" violates check constraint', explains=True),
    NotNullViolation: Words(
        "23502", 'null value in column "{column}" of relation "{table}" violates not-null constraint', explains=True
    ),
    InvalidData: Words("22000"),
    SerializationFailure: Words("40001"),
    StatementTimeout: Words("57014", "canceling statement due to statement timeout"),
    ReadOnlyDatabase: Words("25006"),
    StorageFull: Words("53100"),
    DatabaseUnavailable: Words("PGRST001", UNAVAILABLE),
    OutcomeUnknown: Words("PGRST001", "The connection broke: the change may or may not have been made"),
    TransactionEnded: Words("2D000", "The procedure ended its transaction by itself: what it did before is kept"),
    PoolExhausted: Words("PGRST003", "Timed out acquiring connection from connection pool."),
    SchemaChanged: Words("PGRST002", "Could not query the database for the schema cache. Retrying."),
    CatalogError: Words("PGRST000", UNAVAILABLE),
    FunctionTimeout: Words("57014", "canceling function due to statement timeout"),
}
KEEPS_SQLSTATE: Final = (
    UniqueViolation,
    ForeignKeyViolation,
    CheckViolation,
    NotNullViolation,
    InvalidData,
    SerializationFailure,
    StatementTimeout,
    ReadOnlyDatabase,
    StorageFull,
)
"""Errors whose own SQLSTATE, where the database has them, is the code that is told."""
NUMBERS: Final[Mapping[str, str]] = {
    "1264": "22003",
    "1292": "22007",
    "1366": "22P02",
    "1406": "22001",
    "1690": "22003",
}
"""MariaDB's numbers of values that do not fit, as SQLSTATEs; other errors have the code of their row."""
CLASSES: Final = re.compile("0[0-389ABFLPZ]|10|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|XX")
"""What PostgreSQL itself says; of any other class are the states that people make up."""
RIGHTS: Final = frozenset({"0L", "0P", "28"})
"""Classes that no statement of ours meets and functions like to raise."""
SPECIAL: Final = frozenset({"P0001", "23P01", "44000", "PGRST"})
"""Refusals that no constraint's wording fits: the words are ours alone."""


def translate(error: ReflectorError, table: str | None = None) -> PostgrestError:
    """The error in PostgREST's terms. One of a database has been through `disclosed` before; `table` is the table that
    the request is about."""
    if isinstance(error, Faults) and error.faults:
        return translate(error.faults[0], table)
    if isinstance(error, RefusedByExtension):
        details = None if error.code == RefusedByExtension.code else error.code
        return PostgrestError(Fault(f"{RAISED}{error.status}", error.message, details, error.hint))
    if isinstance(error, InvalidValue) and error.unfit is not None and (fault := misfit(error.unfit)) is not None:
        return PostgrestError(fault)
    words = words_of(error)
    code = _code(error, words)
    message = None if code in SPECIAL or code.startswith(RAISED) else _message(error, words, table)
    details = error.message if message is not None and words.explains else None
    fault = Fault(code, message or error.message, details, error.hint if words.message is None else None)
    return PostgrestError(fault, dict(_retry(error)))


def words_of(error: ReflectorError) -> Words:
    """The row of an error: its own class's, else the nearest parent's."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def _code(error: ReflectorError, words: Words) -> str:
    if type(error) is DatabaseError and _is_own(error.sqlstate or ""):
        return error.sqlstate or words.code
    if not isinstance(error, KEEPS_SQLSTATE) or not error.sqlstate:
        return words.code
    # MariaDB tells its own numbers.
    return error.sqlstate if len(error.sqlstate) == 5 else NUMBERS.get(error.sqlstate, words.code)


def _is_own(state: str) -> bool:
    """Whether a state is one that a function of the database chose, and not what became of a statement of ours."""
    return len(state) == 5 and (state[:2] in RIGHTS or not CLASSES.match(state))


def _message(error: ReflectorError, words: Words, table: str | None) -> str | None:
    """The message with its names; None where one of them may not be told."""
    if words.message is None:
        return None
    columns = error.columns if isinstance(error, DatabaseError) else ()
    if ("{table}" in words.message and table is None) or ("{column}" in words.message and not columns):
        return None
    return words.message.replace("{column}", ", ".join(columns)).replace("{table}", table or "")


def _retry(error: ReflectorError) -> Iterable[tuple[str, str]]:
    if (seconds := retry_of(error)) is not None:
        yield "Retry-After", str(seconds)


# ── the answer ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Refused:
    """An error as it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(error: PostgrestError, *, known: bool, terse: bool = False) -> Refused:
    """The answer. `known`: the caller sent a credential that holds; `terse`: code and message alone."""
    fault = error.fault
    status = status_of(fault.code, known=known, message=fault.message)
    headers = {"Content-Type": CONTENT_TYPE, "Proxy-Status": f"PostgREST; error={fault.code}", **error.headers}
    if status == 401:
        headers["WWW-Authenticate"] = challenge(fault)
    # A caller's own text comes back in it, and that may hold half of a surrogate pair.
    body = orjson.dumps({name: _writable(value) for name, value in fault.body(terse=terse).items()})
    return Refused(status, body, headers)


BAD_TOKEN: Final = frozenset({"PGRST301", "PGRST303"})


def challenge(fault: Fault) -> str:
    """WWW-Authenticate: what is wrong with a token, or that one is wanted."""
    if fault.code not in BAD_TOKEN:
        return "Bearer"
    words = "".join(letter for letter in fault.message if letter.isascii() and letter.isprintable())
    words = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'Bearer error="invalid_token", error_description="{words}"'


def _writable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
