"""PostgreSQL's errors in our words: a table by SQLSTATE, with what asyncpg itself can raise.

Rule: a code of five characters is looked up before its class of two.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

import asyncpg

from reflector.database_url import DatabaseUrl
from reflector.drivers.refusals import network_refusal, place_of, refused_credentials, refused_database
from reflector.drivers.verdict import GONE, After, Meaning, Verdict, lost, worded
from reflector.errors import (
    CheckViolation,
    ConnectionRefused,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    ForeignKeyViolation,
    InternalError,
    InvalidData,
    NotNullViolation,
    ReadOnlyDatabase,
    SchemaChanged,
    SerializationFailure,
    StatementTimeout,
    StorageFull,
    UniqueViolation,
)

CHANGED: Final = "the database is no longer as it was read"

MEANINGS: Final[Mapping[str, Meaning]] = {
    "23505": Meaning(UniqueViolation, "a row with this value exists already"),
    "23P01": Meaning(UniqueViolation, "the row conflicts with one that exists already"),
    "23503": Meaning(ForeignKeyViolation, "a row that is referred to is missing, or is still referred to"),
    "23001": Meaning(ForeignKeyViolation, "the row is still referred to"),
    "23514": Meaning(CheckViolation, "the row breaks a rule of the table"),
    "44000": Meaning(CheckViolation, "the row would not be part of the view"),
    "P0001": Meaning(CheckViolation, "the database refuses the row"),
    # What a RAISE says for clients of PostgREST: a status, or a whole answer.
    "PT": Meaning(CheckViolation, "the database refuses this"),
    "PGRST": Meaning(CheckViolation, "the database refuses this"),
    "23502": Meaning(NotNullViolation, "a value is required"),
    "23": Meaning(CheckViolation, "the row breaks a rule of the table"),
    "22": Meaning(InvalidData, "a value does not fit"),
    "428C9": Meaning(InvalidData, "the column's value is always made by the database"),
    "42601": Meaning(InvalidData, "a text of the request cannot be read"),
    "42846": Meaning(InvalidData, "values of the type cannot be cast so"),
    "54000": Meaning(InvalidData, "a value is larger than the database allows"),
    "0A000": Meaning(DatabaseError, "the database cannot do this"),
    "40": Meaning(SerializationFailure, "another change got in the way: nothing was written"),
    "55P03": Meaning(SerializationFailure, "another change holds the row: nothing was written"),
    "55006": Meaning(SerializationFailure, "another change holds the table: nothing was written"),
    "57014": Meaning(StatementTimeout, "the statement took too long"),
    "25006": Meaning(ReadOnlyDatabase, "the database is read-only at the moment", purge=True),
    "42501": Meaning(Forbidden, "the database does not allow this"),
    "53100": Meaning(StorageFull, "the database has no space left"),
    "53": Meaning(DatabaseUnavailable, "the database is out of resources"),
    "57P": Meaning(DatabaseUnavailable, "the database is shutting down or starting", lost=True, purge=True),
    "25P03": Meaning(DatabaseUnavailable, "the transaction stood idle for too long", lost=True),
    "08": GONE,
    "42P01": Meaning(SchemaChanged, CHANGED),
    "42703": Meaning(SchemaChanged, CHANGED),
    "42883": Meaning(SchemaChanged, CHANGED),
    "42704": Meaning(SchemaChanged, CHANGED),
    "3F000": Meaning(SchemaChanged, CHANGED),
}
OWN_READ_ONLY: Final = Meaning(ReadOnlyDatabase, "this transaction only reads")
OTHERWISE: Final = Meaning(DatabaseError, "the database could not do this")

TLS_MODES: Final = frozenset({"require", "verify-ca", "verify-full"})
READERS: Final = frozenset({"hstore_io.c", "lwgeom_pg.c"})
"""Sources of extensions that say of a text which they cannot read that it is a fault of the server's."""
UNREADABLE: Final = "22P02"
STALE_STATEMENT: Final = frozenset({"26000", "XX000"})
"""A kept statement that the server forgot, or whose types are gone: it is prepared anew next time."""


def judge(error: BaseException, *, own_read_only: bool) -> Verdict:
    """What an error means. `own_read_only`: the transaction was made read-only by us, so the server is not."""
    if isinstance(error, asyncpg.PostgresError):
        return _reported(error, own_read_only=own_read_only)
    if isinstance(error, TimeoutError):
        return Verdict(StatementTimeout("the statement took too long"), After.UNSETTLED)
    if isinstance(error, asyncpg.OutdatedSchemaCacheError):
        return Verdict(DatabaseError(CHANGED), After.UNSETTLED, again=True)
    if isinstance(error, asyncpg.InterfaceError):
        return _misused(error)
    if isinstance(error, OSError):
        return lost()
    return Verdict(error, After.UNSETTLED)


def meaning_of(sqlstate: str) -> Meaning:
    """The row of a SQLSTATE: its own, or that of the longest beginning of it."""
    for length in (5, 3, 2):
        if (meaning := MEANINGS.get(sqlstate[:length])) is not None:
            return meaning
    return OTHERWISE


def _reported(error: asyncpg.PostgresError, *, own_read_only: bool) -> Verdict:
    sqlstate = _sqlstate(error)
    severity = getattr(error, "severity_en", None) or getattr(error, "severity", None)
    if severity is None:  # asyncpg's own: a value it cannot write, or a connection that closed
        if isinstance(error, asyncpg.DataError):
            return Verdict(InvalidData("a value does not fit"), After.UNSETTLED, unsent=True)
        return lost()
    if isinstance(error, asyncpg.InvalidCachedStatementError) or sqlstate == "26000":
        return Verdict(DatabaseError(CHANGED, sqlstate=sqlstate), After.SOUND, again=True, unsent=True)
    own = own_read_only and sqlstate == "25006"
    meaning = OWN_READ_ONLY if own else meaning_of(sqlstate)
    gone = meaning.lost or severity in {"FATAL", "PANIC"}
    return Verdict(
        worded(meaning, **_named(error)),
        After.LOST if gone else After.SOUND,
        again=gone,
        purge=meaning.purge,
    )


def _sqlstate(error: asyncpg.PostgresError) -> str:
    if error.sqlstate == "XX000" and getattr(error, "server_source_filename", None) in READERS:
        return UNREADABLE
    return error.sqlstate or ""


def _named(error: asyncpg.PostgresError) -> dict[str, object]:
    column = getattr(error, "column_name", None)
    return {
        "constraint": getattr(error, "constraint_name", None),
        "table": getattr(error, "table_name", None),
        "columns": (column,) if column else (),
        "sqlstate": _sqlstate(error) or None,
    }


def _misused(error: asyncpg.InterfaceError) -> Verdict:
    """The library refused before sending: nearly always because the connection had closed."""
    if "closed" in str(error) or "cancelling" in str(error):
        return lost(unsent=True)
    return Verdict(InternalError("the database driver was used wrongly"), After.LOST, unsent=True)


def refusal(error: BaseException, url: DatabaseUrl) -> ConnectionRefused | None:
    """Why connecting failed; None for an error that is not about the configuration or the server."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return refused_credentials(url)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return refused_database(url)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return ConnectionRefused(f"credentials: user {url.user!r} may not connect to database {url.database!r}")
    if isinstance(error, asyncpg.TooManyConnectionsError | asyncpg.CannotConnectNowError):
        return ConnectionRefused(f"host: {place_of(url)} takes no connections at the moment")
    if isinstance(error, asyncpg.ClientConfigurationError):
        return ConnectionRefused(
            "the database URL's options cannot be used: a certificate or key file is missing or bad"
        )
    if isinstance(error, asyncpg.InterfaceError):  # asked for a password, and has none
        return refused_credentials(url)
    if isinstance(error, asyncpg.ProtocolViolationError):  # PgBouncer: "unsupported startup parameter"
        return dropped(url)
    if isinstance(error, asyncpg.PostgresError | asyncpg.InternalClientError):
        return ConnectionRefused(f"host: {place_of(url)} answers, but not as a PostgreSQL server that can be used")
    if type(error) is ConnectionError and url.option("sslmode") in TLS_MODES:  # asyncpg: the server has no TLS
        return network_refusal(ssl.SSLError(), url)
    return network_refusal(error, url)


def dropped(url: DatabaseUrl) -> ConnectionRefused:
    """What stands between here and PostgreSQL does not pass on what a connection begins with."""
    return ConnectionRefused(
        f"host: {place_of(url)} does not take the settings of a connection, as a pooler of transactions does not",
        hint="connect to PostgreSQL itself: connections are pooled here",
    )
