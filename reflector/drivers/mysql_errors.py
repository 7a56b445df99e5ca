"""MariaDB's and MySQL's errors in our words: a table by number, and what their messages name.

Rule: of a message only names are taken (a key, a constraint, columns), found by the words that stand around them; the
values in it, and its wording, go nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pymysql

from reflector.database_url import DatabaseUrl
from reflector.drivers.refusals import network_refusal, place_of, refused_credentials, refused_database
from reflector.drivers.verdict import GONE, After, Meaning, Verdict, lost, worded
from reflector.errors import (
    AnswerTooLarge,
    CheckViolation,
    ConnectionRefused,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    ForeignKeyViolation,
    InvalidData,
    NotNullViolation,
    ReadOnlyDatabase,
    SchemaChanged,
    SerializationFailure,
    StatementTimeout,
    StorageFull,
    TransactionEnded,
    UniqueViolation,
)

UNIQUE: Final = Meaning(UniqueViolation, "a row with this value exists already")
PARENT: Final = Meaning(ForeignKeyViolation, "a row that is referred to is missing")
CHILD: Final = Meaning(ForeignKeyViolation, "the row is still referred to")
CHECK: Final = Meaning(CheckViolation, "the row breaks a rule of the table")
REFUSED: Final = Meaning(CheckViolation, "the database refuses the row")
SIGNALLED: Final = "P0001"
"""What PostgreSQL calls an error that a function raised, without a state that says more."""
STATUS: Final = re.compile(r"PT[2-5][0-9]{2}")
"""A state that says the status of an answer."""
REQUIRED: Final = Meaning(NotNullViolation, "a value is required")
UNFIT: Final = Meaning(InvalidData, "a value does not fit")
BUSY: Final = Meaning(SerializationFailure, "another change got in the way: nothing was written")
SLOW: Final = Meaning(StatementTimeout, "the statement took too long")
READ_ONLY: Final = Meaning(ReadOnlyDatabase, "the database is read-only at the moment", purge=True)
OWN_READ_ONLY: Final = Meaning(ReadOnlyDatabase, "this transaction only reads")
FULL: Final = Meaning(StorageFull, "the database has no space left")
CROWDED: Final = Meaning(DatabaseUnavailable, "the database is out of resources")
STOPPING: Final = Meaning(DatabaseUnavailable, "the database is shutting down or starting", lost=True, purge=True)
DENIED: Final = Meaning(Forbidden, "the database does not allow this")
CHANGED: Final = Meaning(SchemaChanged, "the database is no longer as it was read")
ENDED: Final = Meaning(
    TransactionEnded, "the procedure ended its transaction by itself: what it did may have been kept"
)
MARK_GONE: Final = re.compile(r"SAVEPOINT .* does not exist\Z", re.DOTALL)
"""1305 is of routines too; a mark that a transaction was given is gone with the transaction."""
CUT: Final = Meaning(AnswerTooLarge, "the answer is larger than the limits allow")
CUT_NUMBERS: Final = (1260, 1301)
OTHERWISE: Final = Meaning(DatabaseError, "the database could not do this")


def _each(meaning: Meaning, numbers: Iterable[int]) -> dict[int, Meaning]:
    return dict.fromkeys(numbers, meaning)


MEANINGS: Final[Mapping[int, Meaning]] = {
    **_each(UNIQUE, (1022, 1062, 1169, 1557, 1586, 1761, 1762)),
    **_each(PARENT, (1216, 1452)),
    **_each(CHILD, (1217, 1451)),
    **_each(CHECK, (1369, 3819, 4025)),
    **_each(REFUSED, (1644,)),
    **_each(REQUIRED, (1048, 1263, 1364)),
    **_each(
        UNFIT, (1118, 1139, 1153, 1264, 1265, 1292, 1366, 1367, 1406, 1411, 1416, 1441, 1525, 1690, 1906, 3105, 3140)
    ),
    **_each(UNFIT, (1916, 1917, 1918)),
    **_each(UNFIT, (3141, 3143, 3144, 3146, 3156, 4038, 4076, 4078)),
    **_each(BUSY, (1020, 1205, 1213, 1637, 3058, 3572)),
    **_each(SLOW, (1317, 1969, 3024)),
    **_each(READ_ONLY, (1290, 1836, 3100)),
    **_each(OWN_READ_ONLY, (1792,)),
    **_each(FULL, (1021, 1114)),
    **_each(CROWDED, (1037, 1038, 1040, 1041, 1135, 1203, 1226)),
    **_each(STOPPING, (1047, 1053, 1077, 1079, 1927, 3169, 4031)),
    **_each(GONE, (1152, 1158, 1159, 1160, 1161, 1184)),
    **_each(DENIED, (1044, 1045, 1142, 1143, 1227, 1370, 1410)),
    **_each(CHANGED, (1049, 1054, 1051, 1146, 1176, 1305, 1356, 1412)),
    **_each(CUT, CUT_NUMBERS),
}

CLIENT_NUMBERS: Final = range(2000, 2100)
"""The library's own complaints: the connection is of no use after them."""
DISK_FULL: Final = re.compile(r"(?i)\b(?:errno: 28\b|error 28\b|no space left)")
"""1030 and its like wrap the system's own error."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a message names."""

    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = field(default=())


NAME: Final = r"`((?:[^`]|``)+)`"
KEY: Final = re.compile(r".* for key '(.*)'\Z", re.DOTALL)
# From 11.8 on, if not before, a backtick in the name of the constraint stands there once.
CONSTRAINT: Final = re.compile(
    rf"\({NAME}\.{NAME}, CONSTRAINT `(.+?)` FOREIGN KEY \(((?:`(?:[^`]|``)+`(?:, ?)?)+)\)", re.DOTALL
)
RULE: Final = re.compile(rf"CONSTRAINT {NAME} failed for {NAME}\.{NAME}\Z|Check constraint '(.*)' is violated\.?\Z")
COLUMN: Final = re.compile(
    rf".*(?: for column {NAME}\.{NAME}\.{NAME} at row [0-9]+| for column '(.*)' at row [0-9]+)\Z"
    r"|Column '(.*)' (?:cannot be null|set to default value; NULL supplied.*)\Z|Field '(.*)' doesn't have a default value\Z",
    re.DOTALL,
)


def named_in(number: int, message: str) -> Named:
    """The names in a message; none where it is worded in a way we do not know."""
    meaning = MEANINGS.get(number)
    if meaning is UNIQUE and (key := KEY.match(message)):
        return Named(constraint=key[1].rpartition(".")[2])
    if meaning in {PARENT, CHILD} and (found := CONSTRAINT.search(message)):
        columns = tuple(_bare(name) for name in re.findall(NAME, found[4]))
        return Named(_bare(found[3]), _bare(found[2]), columns)
    if meaning is CHECK and (rule := RULE.search(message)):
        return Named(constraint=_bare(rule[1]) if rule[1] else rule[4], table=_bare(rule[3]) if rule[3] else None)
    if meaning in {UNFIT, REQUIRED} and (column := COLUMN.match(message)):
        name = _bare(column[3]) if column[3] else column[4] or column[5] or column[6]
        return Named(table=_bare(column[2]) if column[2] else None, columns=(name,))
    return Named()


def _bare(name: str) -> str:
    return name.replace("``", "`")


def reported(number: int, message: str, state: str = "") -> Verdict:
    """The verdict on an error, or a warning, that the server reported; `state` as a SIGNAL gave it."""
    meaning = MEANINGS.get(number, OTHERWISE)
    if meaning is OTHERWISE and DISK_FULL.search(message):
        meaning = FULL
    if meaning is CHANGED and MARK_GONE.match(message):
        meaning = ENDED
    names = named_in(number, message)
    code = str(number)
    if meaning is REFUSED:
        code = state if STATUS.fullmatch(state) else SIGNALLED
    error = worded(meaning, constraint=names.constraint, table=names.table, columns=names.columns, sqlstate=code)
    return Verdict(error, After.LOST if meaning.lost else After.SOUND, again=meaning.lost, purge=meaning.purge)


def judge(error: BaseException, *, under_way: bool) -> Verdict:
    """What an error means. `under_way`: a command was sent whose end was not read."""
    if isinstance(error, pymysql.MySQLError) and ends_command(error):
        return reported(*_parts(error))
    if isinstance(error, TimeoutError) and under_way:
        return Verdict(worded(SLOW), After.LOST)
    if isinstance(error, pymysql.MySQLError | OSError) or (under_way and isinstance(error, Exception)):
        return lost(unsent=not under_way)  # gone, or the library and the server are out of step
    return Verdict(error, After.LOST if under_way else After.SOUND, unsent=not under_way)


def ends_command(error: pymysql.MySQLError) -> bool:
    """Whether the server itself reported the error: its answer ends the command."""
    number, *_ = _parts(error)
    return number != 0 and number not in CLIENT_NUMBERS


def _parts(error: pymysql.MySQLError) -> tuple[int, str, str]:
    """Number, message, and the state where it was read."""
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1]), str(error.args[2]) if len(error.args) > 2 else ""
    return 0, "", ""


def refusal(error: BaseException, url: DatabaseUrl) -> ConnectionRefused | None:
    """Why connecting failed; None for an error that is not about the configuration or the server."""
    if not isinstance(error, pymysql.MySQLError):
        return network_refusal(error, url)
    number, *_ = _parts(error)
    if number in {1045, 1698, 1862, 4151, 1524, 1820}:
        return refused_credentials(url)
    if number in {1044, 1049}:
        return refused_database(url)
    if number in {1040, 1203, 1053, 1129, 1130}:
        return ConnectionRefused(f"host: {place_of(url)} takes no connections from here at the moment")
    if (cause := network_refusal(error.__cause__, url) if error.__cause__ is not None else None) is not None:
        return cause
    return ConnectionRefused(f"host: {place_of(url)} answers, but not as a MariaDB server that can be used")
