"""Everything that can go wrong, as one tree. The server alone maps it to statuses.

    ReflectorError
    ├── RequestError                     the caller asked for something that cannot be
    │   ├── UnknownTable · UnknownColumn · UnknownRelationship · UnknownOperator · UnknownParameter
    │   ├── UnknownFunction              not there, or not to be called
    │   ├── Refused                      code of the user's own said no (extension)
    │   ├── InvalidValue                 a value that is not of its column's type
    │   ├── InvalidRequest               a request that cannot be understood
    │   │   └── InvalidCursor            a cursor that was not given for this list, or no longer fits it
    │   ├── LimitExceeded                more than the limits allow
    │   │   ├── TooManyAffected          a write of more rows than it may be
    │   │   └── AnswerTooLarge           the answer would be: nothing of it is given
    │   ├── NotSupported                 this database cannot do that
    │   │   └── ChangesNotCaptured       it could, but what that needs is not installed
    │   ├── RowNotFound                  not there, or not to be seen
    │   ├── NotSingular                  none or several rows, where a write was to be of exactly one
    │   └── Faults                       several of these at once
    ├── AccessError
    │   ├── Unauthenticated              no credential, or a bad one
    │   ├── Forbidden                    a right the caller does not have
    │   │   └── UnknownRole              a role that nobody made
    │   ├── CheckRefused                 a row that a rule's check refuses
    │   ├── MissingClaim                 a rule needs a claim that the caller does not carry
    │   └── RuleUnbound                  a rule no longer fits the database: the table is closed
    ├── DatabaseError
    │   ├── UniqueViolation · ForeignKeyViolation · CheckViolation · NotNullViolation · InvalidData
    │   ├── SerializationFailure · StatementTimeout · ReadOnlyDatabase · StorageFull
    │   ├── SchemaChanged                the catalog is no longer true
    │   └── DatabaseUnavailable · PoolExhausted · OutcomeUnknown
    │       └── TransactionEnded         by what was called in it
    ├── CatalogError
    │   ├── ConnectionRefused            start: wrong host, credentials, database, file
    │   └── RuleError                    a rule that does not fit the catalog
    ├── FunctionTimeout                  it took longer than the caller has (extension)
    └── InternalError
        └── ExtensionFailed              it did something else than to answer (extension)

Rule: a `code` outlives its wording, and a message never holds what a database said of a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near."""
    names = list(known)
    folded = {each.lower(): each for each in reversed(names)}
    near = get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """The hint that names the nearest known name, or None."""
    near = nearest(name, known)
    return None if near is None else f"did you mean {near!r}?"


class ReflectorError(Exception):
    """Root of the tree. `pointer` says where in the request the fault is, when one place can be named."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, hint: str | None = None, pointer: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.pointer = pointer


# ── what the caller asked ────────────────────────────────────────────────────────────────────


class RequestError(ReflectorError):
    code = "invalid_request"


class UnknownTable(RequestError):
    code = "unknown_table"

    def __init__(self, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"there is no table {name!r}", hint=suggestion(name, known), pointer=pointer)


class UnknownFunction(RequestError):
    code = "unknown_function"

    def __init__(self, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"there is no function {name!r}", hint=suggestion(name, known), pointer=pointer)


class UnknownColumn(RequestError):
    code = "unknown_column"

    def __init__(self, table: str, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"{table} has no column {name!r}", hint=suggestion(name, known), pointer=pointer)


class UnknownRelationship(RequestError):
    code = "unknown_relationship"

    def __init__(self, table: str, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"{table} has no relationship {name!r}", hint=suggestion(name, known), pointer=pointer)


class UnknownOperator(RequestError):
    code = "unknown_operator"

    def __init__(self, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"there is no operator {name!r}", hint=suggestion(name, known), pointer=pointer)


class UnknownParameter(RequestError):
    code = "unknown_parameter"

    def __init__(self, name: str, known: Iterable[str] = (), *, pointer: str | None = None) -> None:
        super().__init__(f"there is no parameter {name!r}", hint=suggestion(name, known), pointer=pointer)


class InvalidValue(RequestError):
    """A value that is not of its type. `unfit` says so in parts, where it is known."""

    code = "invalid_value"
    unfit: Unfit | None = None


@dataclass(frozen=True, slots=True)
class Unfit:
    """A text of at most 60 characters that is no value of the type. `because`: what is wrong with one of the right kind."""

    kind: str
    native: str
    bits: int
    text: str
    because: str


class InvalidRequest(RequestError):
    code = "invalid_request"


class InvalidCursor(InvalidRequest):
    code = "invalid_cursor"


class LimitExceeded(RequestError):
    code = "limit_exceeded"


class TooManyAffected(LimitExceeded):
    """A write of a set found more rows than it may change; nothing was written."""

    code = "too_many_affected"


class AnswerTooLarge(LimitExceeded):
    """The answer has more bytes than the limits allow. Nothing was written."""

    code = "answer_too_large"

    def __init__(self) -> None:
        super().__init__(
            "the answer is larger than the limits allow",
            hint="ask for fewer fields, fewer related rows, or a smaller limit",
        )


class NotSupported(RequestError):
    """A capability that this database does not have; the message names the database."""

    code = "not_supported"


class ChangesNotCaptured(NotSupported):
    """Nobody writes the changes of this database down; the hint names the command that installs it."""

    code = "changes_not_captured"


class RowNotFound(RequestError):
    code = "row_not_found"


class NotSingular(RequestError):
    """A write that was to be of exactly one row was of `found`; nothing was written."""

    code = "not_singular"

    def __init__(self, found: int) -> None:
        super().__init__(f"exactly one row was to be written, and there are {found}")
        self.found = found


class Faults(RequestError):
    """Several faults of one request, in the order of the request."""

    code = "invalid_request"

    def __init__(self, faults: Sequence[ReflectorError]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


# ── what the caller may ──────────────────────────────────────────────────────────────────────


class AccessError(ReflectorError):
    code = "forbidden"


class Unauthenticated(AccessError):
    code = "unauthenticated"


class Forbidden(AccessError):
    code = "forbidden"


class UnknownRole(Forbidden):
    """The credential names a role that does not exist in the database."""

    code = "forbidden"


class CheckRefused(AccessError):
    code = "check_refused"


class MissingClaim(AccessError):
    code = "missing_claim"


class RuleUnbound(AccessError):
    code = "rule_unbound"


# ── what the database said ───────────────────────────────────────────────────────────────────


class DatabaseError(ReflectorError):
    """A fault that the database reported, in our words.

    `columns` and `constraint` are as the database names them; `table` is (schema, name) or None. Whoever
    answers a caller shows those the caller may read, and no others.
    """

    code = "database_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        pointer: str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        columns: Sequence[str] = (),
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, pointer=pointer)
        self.constraint = constraint
        self.table = table
        self.columns = tuple(columns)
        self.sqlstate = sqlstate


class UniqueViolation(DatabaseError):
    code = "unique_violation"


class ForeignKeyViolation(DatabaseError):
    code = "foreign_key_violation"


class CheckViolation(DatabaseError):
    code = "check_violation"


class NotNullViolation(DatabaseError):
    code = "not_null_violation"


class InvalidData(DatabaseError):
    """A value the database cannot keep in its column: too long, out of range, not of its type."""

    code = "invalid_data"


class SerializationFailure(DatabaseError):
    """Deadlock or serialization conflict: nothing was written, the request may be sent again."""

    code = "serialization_failure"


class StatementTimeout(DatabaseError):
    code = "statement_timeout"


class ReadOnlyDatabase(DatabaseError):
    code = "read_only"


class StorageFull(DatabaseError):
    code = "storage_full"


class DatabaseUnavailable(DatabaseError):
    """No connection could be had, or it broke before anything was written."""

    code = "database_unavailable"


class PoolExhausted(DatabaseError):
    code = "pool_exhausted"


class SchemaChanged(DatabaseError):
    """A table or column that a statement names is gone, or is another now: nothing was read or written."""

    code = "schema_changed"


class OutcomeUnknown(DatabaseError):
    """The connection broke after a write was sent: it may or may not have been committed."""

    code = "outcome_unknown"


class TransactionEnded(OutcomeUnknown):
    """A procedure ended the transaction that it was called in: what it did before is kept."""

    code = "transaction_ended"


# ── what was found at start or reload ────────────────────────────────────────────────────────


class CatalogError(ReflectorError):
    code = "catalog_error"


class ConnectionRefused(CatalogError):
    """The database cannot be reached as configured; the message says which part is at fault."""

    code = "connection_refused"


class RuleError(CatalogError):
    """A rule of the config that does not fit the catalog. `offset` is the column in the rule's text, from 0; of a rule in the
    form of a mapping `trail` leads to the place: `_or[0].status._eq`."""

    code = "rule_error"

    def __init__(
        self, message: str, *, hint: str | None = None, offset: int | None = None, trail: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset
        self.trail = trail


class InternalError(ReflectorError):
    code = "internal_error"
