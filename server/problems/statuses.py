"""The only table of HTTP statuses: how each error is answered, and what the HTTP library itself refuses.

Rule: a status of 5xx is told in the words of this table, never in those of an exception; the log has the rest under the
request's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reflector.access.rights import BrokenPolicyError
from reflector.access.rule_faults import RuleFaults, TooLargeRule
from reflector.access.rules import UnfitRule
from reflector.changes.setup import SetupFailed
from reflector.database_url import InvalidDatabaseUrl
from reflector.errors import (
    AccessError,
    AnswerTooLarge,
    CatalogError,
    ChangesNotCaptured,
    CheckRefused,
    CheckViolation,
    ConnectionRefused,
    DatabaseError,
    DatabaseUnavailable,
    Faults,
    Forbidden,
    ForeignKeyViolation,
    InternalError,
    InvalidCursor,
    InvalidData,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    MissingClaim,
    NotNullViolation,
    NotSingular,
    NotSupported,
    OutcomeUnknown,
    PoolExhausted,
    ReadOnlyDatabase,
    ReflectorError,
    RequestError,
    RowNotFound,
    RuleError,
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
    UnknownFunction,
    UnknownOperator,
    UnknownParameter,
    UnknownRelationship,
    UnknownRole,
    UnknownTable,
)
from reflector.extension import ExtensionFailed, FunctionTimeout, Refused
from server.config import ConfigError
from server.problems.errors import (
    AmbiguousCredentials,
    AmbiguousRole,
    ConfigRefused,
    ForwardedRefused,
    IdentityUnavailable,
    InvalidToken,
    MalformedRequest,
    MisdirectedRequest,
    MissingKey,
    OriginRefused,
    RateExceeded,
    RefusedClaims,
    TooManyAttempts,
    TooManySockets,
    UnknownKey,
    UnsuitableKey,
)


@dataclass(frozen=True, slots=True)
class Told:
    """How an error is answered. `words` are all that is said of a 5xx; `retry` is Retry-After in seconds."""

    status: int
    words: str | None = None
    retry: int | None = None


UNAVAILABLE: Final = "the database cannot be reached at the moment"
UNEXPECTED: Final = "something went wrong here; the log has it under this request id"

TABLE: Final[Mapping[type[ReflectorError], Told]] = {
    ReflectorError: Told(500, UNEXPECTED),
    RequestError: Told(422),
    UnknownTable: Told(404),
    UnknownFunction: Told(404),
    UnknownColumn: Told(422),
    UnknownRelationship: Told(422),
    UnknownOperator: Told(422),
    UnknownParameter: Told(422),
    InvalidValue: Told(422),
    InvalidRequest: Told(422),
    InvalidCursor: Told(422),
    LimitExceeded: Told(422),
    TooManyAffected: Told(422),
    AnswerTooLarge: Told(422),
    NotSupported: Told(422),
    ChangesNotCaptured: Told(422),
    RowNotFound: Told(404),
    NotSingular: Told(422),
    Faults: Told(422),
    Refused: Told(422),
    MalformedRequest: Told(400),
    AmbiguousCredentials: Told(400),
    AmbiguousRole: Told(400),
    AccessError: Told(403),
    Unauthenticated: Told(401),
    InvalidToken: Told(401),
    MissingKey: Told(401),
    RefusedClaims: Told(401),
    UnknownKey: Told(401),
    UnsuitableKey: Told(401),
    IdentityUnavailable: Told(503, "whoever knows this credential cannot be asked at the moment", retry=2),
    Forbidden: Told(403),
    UnknownRole: Told(403),
    CheckRefused: Told(403),
    MissingClaim: Told(403),
    RuleUnbound: Told(503, "the table is closed: one of its rules does not fit the database"),
    TooManyAttempts: Told(429, retry=1),
    TooManySockets: Told(429, retry=5),
    MisdirectedRequest: Told(421),
    ForwardedRefused: Told(403),
    OriginRefused: Told(403),
    RateExceeded: Told(429),
    DatabaseError: Told(500, UNEXPECTED),
    UniqueViolation: Told(409),
    ForeignKeyViolation: Told(409),
    CheckViolation: Told(422),
    NotNullViolation: Told(422),
    InvalidData: Told(422),
    SerializationFailure: Told(503, "another change got in the way: nothing was written, try again", retry=1),
    StatementTimeout: Told(504, "the database took longer than this request may take"),
    ReadOnlyDatabase: Told(503, "the database accepts no writes at the moment", retry=2),
    StorageFull: Told(507, "the database has no space left: nothing was written"),
    DatabaseUnavailable: Told(503, UNAVAILABLE, retry=2),
    PoolExhausted: Told(503, "every connection to the database is in use", retry=1),
    SchemaChanged: Told(503, "the database has changed: what it is made of is being read again", retry=1),
    OutcomeUnknown: Told(503, "the connection broke after the write was sent: it may or may not have been done"),
    TransactionEnded: Told(500, "a procedure ended its transaction by itself: what it did before is kept"),
    CatalogError: Told(500, UNEXPECTED),
    ConnectionRefused: Told(503, UNAVAILABLE, retry=2),
    InvalidDatabaseUrl: Told(500, UNEXPECTED),
    SetupFailed: Told(500, UNEXPECTED),
    RuleError: Told(500, UNEXPECTED),
    UnfitRule: Told(500, UNEXPECTED),
    RuleFaults: Told(500, UNEXPECTED),
    TooLargeRule: Told(500, UNEXPECTED),
    BrokenPolicyError: Told(500, UNEXPECTED),
    ConfigError: Told(500, UNEXPECTED),
    ConfigRefused: Told(422),
    InternalError: Told(500, UNEXPECTED),
    ExtensionFailed: Told(500, UNEXPECTED),
    FunctionTimeout: Told(504, "the function took longer than this request may take"),
}

HTTP_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed_request", "the request is not valid HTTP"),
    404: ("not_found", "there is nothing under this path"),
    405: ("method_not_allowed", "this path does not know the method"),
    406: ("not_acceptable", "none of the accepted media types can be had"),
    408: ("request_timeout", "the request took too long to arrive"),
    413: ("body_too_large", "the body is larger than the server takes"),
    414: ("uri_too_long", "the address is longer than the server takes"),
    415: ("unsupported_media_type", "the body's media type or encoding is not accepted here"),
    417: ("expectation_failed", "the expectation cannot be met"),
    431: ("headers_too_large", "the headers are larger than the server takes"),
    500: ("internal_error", UNEXPECTED),
}
"""What the HTTP library itself refuses: status → code and words."""


def told(error: ReflectorError) -> Told:
    """The row of an error: its own class's, else the nearest parent's. Several faults are told as the first of them, and a
    refusal of an extension chose its status itself."""
    if isinstance(error, Refused):
        return Told(error.status)
    if isinstance(error, Faults) and error.faults:
        return told(error.faults[0])
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def status_of(error: ReflectorError) -> int:
    """The HTTP status of an error."""
    return told(error).status


def retry_of(error: ReflectorError) -> int | None:
    """After how many seconds asking again may help, None where nobody can say."""
    return error.retry if isinstance(error, TooManyAttempts) else told(error).retry
