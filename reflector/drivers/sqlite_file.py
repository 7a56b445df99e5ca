"""How a SQLite file is opened, and what a connection to it may never do.

Rule: opening creates nothing. What is said of a file is said of the file, not of SQLite. The schema is not trusted: it
may come from anybody. Its views and triggers cannot call our functions, and our functions are pure: they read their
arguments and nothing else, but for what the machine knows of time zones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from reflector import moments
from reflector.database_url import DatabaseUrl
from reflector.drivers.protocol import Settings
from reflector.errors import ConnectionRefused
from reflector.query import documents
from reflector.query.masks import HASH_LETTERS
from reflector.sql.members import RELATED
from reflector.sql.reads import PAGE
from reflector.zones import Zone, written

KEPT_STATEMENTS: Final = 256


@dataclass(frozen=True, slots=True)
class Function:
    """A function for SQL. `says` is never given NULL: NULL in is NULL out."""

    arguments: int
    says: Callable[..., Any]


def _base64(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _cell(marked: int | str) -> int | float | str | bytes:
    """A value of given rows, out of the form in which they are sent."""
    if isinstance(marked, int):
        return marked
    rest = marked[1:]
    match marked[0]:
        case "f":
            return float(rest)
        case "b":
            return bytes.fromhex(rest)
        case "x":
            return bytes.fromhex(rest).decode()
        case _:
            return rest


def _hash(text: str | bytes, inner: str, outer: str) -> str:
    within = hashlib.sha256(bytes.fromhex(inner) + (text.encode() if isinstance(text, str) else text)).digest()
    return hashlib.sha256(bytes.fromhex(outer) + within).hexdigest()[:HASH_LETTERS]


def _holds(whole: str | bytes | float, part: str | bytes | float) -> bool | None:
    """Whether one JSON document holds another; None where one of them cannot be read."""
    try:
        return documents.holds(_document(whole), _document(part))
    except (ValueError, RecursionError):
        return None


def _document(text: str | bytes | float) -> Any:
    """What is stored, parsed. A column that is declared as JSON keeps a plain number as a number."""
    return text if isinstance(text, int | float) else json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(word: str) -> None:
    raise ValueError(f"JSON has no {word}")


def _zoned(stored: str, zone: str | int, plain: int) -> str:
    """A stored instant as the clock of a zone shows it; what is no instant stays as it is."""
    moment = moments.instant_of(stored)
    if moment is None:
        return stored
    return written(moment, Zone(zone) if isinstance(zone, str) else Zone("", zone), plain=bool(plain))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "reflector_base64": Function(1, _base64),
    "reflector_cell": Function(1, _cell),
    "reflector_double": Function(1, repr),
    "reflector_hash": Function(3, _hash),
    "reflector_holds": Function(2, _holds),
    "reflector_lower": Function(1, lambda value: str(value).lower()),
    "reflector_unhex": Function(1, bytes.fromhex),
    "reflector_zoned": Function(3, _zoned),
}

READ_PRAGMAS: Final = frozenset(
    {
        "collation_list",
        "compile_options",
        "data_version",
        "database_list",
        "encoding",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "schema_version",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
    }
)
WITH_ARGUMENT: Final = frozenset(
    {"foreign_key_list", "index_info", "index_list", "index_xinfo", "table_info", "table_list", "table_xinfo"}
)
"""Pragmas whose argument is a question, not a new setting."""
LEAST_LENGTH: Final = 1024**2
"""Bytes of a text that every reader may make: the schema's own statements are read by them too."""
FORBIDDEN_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


def connect(url: DatabaseUrl, settings: Settings, *, writer: bool) -> sqlite3.Connection:
    """A new connection, used by one thread at a time. Raises ConnectionRefused, sqlite3.Error."""
    path = usable_file(url)
    mode = "rw" if os.access(path, os.W_OK) and url.option("mode") != "ro" else "ro"
    raw = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=KEPT_STATEMENTS,
        timeout=min(settings.acquire_timeout, settings.statement_timeout),
    )
    try:
        _set_up(raw, writable=writer and mode == "rw" and settings.writable)
        if not writer:
            raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(settings.largest, LEAST_LENGTH))
    except BaseException:
        raw.close()
        raise
    return raw


def usable_file(url: DatabaseUrl) -> Path:
    """The absolute path of the file. Raises ConnectionRefused where there is none that can be read."""
    path = Path(url.database or "").absolute()
    try:
        if not path.exists():
            raise ConnectionRefused(f"file: there is no database file {str(path)!r}", hint="it is never created")
        if not path.is_file():
            raise ConnectionRefused(f"file: {str(path)!r} is not a file")
    except OSError as error:
        raise ConnectionRefused(f"file: {str(path)!r} cannot be reached") from error
    if not os.access(path, os.R_OK):
        raise ConnectionRefused(f"file: {str(path)!r} may not be read by this user")
    return path


def _set_up(raw: sqlite3.Connection, *, writable: bool) -> None:
    raw.execute("PRAGMA schema_version").fetchall()  # the first look at the file: is it a database?
    raw.execute("PRAGMA foreign_keys = ON")
    if may_distrust_schemas():
        raw.execute("PRAGMA trusted_schema = OFF")
    raw.execute("PRAGMA cell_size_check = ON")
    raw.execute("PRAGMA recursive_triggers = OFF")
    if not writable:
        raw.execute("PRAGMA query_only = ON")
    raw.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for name, function in FUNCTIONS.items():
        raw.create_function(name, function.arguments, _passing_null(function.says), deterministic=True)
    raw.set_authorizer(authorize)


@cache
def may_distrust_schemas() -> bool:
    """Whether this SQLite lets a schema that is not trusted use JSON functions.

    Older ones do not: a table with `CHECK (json_valid(x))`, as many files have, could not even be opened. There the
    authorizer alone keeps our functions out of views and triggers, and in a CHECK they do no harm.
    """
    with closing(sqlite3.connect(":memory:")) as probe:
        probe.execute("PRAGMA trusted_schema = OFF")
        try:
            probe.execute("CREATE TABLE probe (x CHECK (json_valid(x)))")
            probe.execute("INSERT INTO probe VALUES ('[]')")
        except sqlite3.Error:
            return False
        return True


def _passing_null(says: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if None in values else says(*values)


def authorize(action: int, first: str | None, second: str | None, _schema: str | None, within: str | None) -> int:
    """What SQLite asks while it prepares a statement. `within` names the view, trigger or WITH query that wants it."""
    if action in {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = first in READ_PRAGMAS and (second is None or first in WITH_ARGUMENT)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if _denied((second or "").lower(), within) else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK


def _denied(function: str, within: str | None) -> bool:
    # Our own lists stand in a WITH query as well, and SQLite tells it from a view by nothing but the name. A view of that
    # name gains no more than the others lack: our functions only turn their argument into another form.
    return function in FORBIDDEN_FUNCTIONS or (function in FUNCTIONS and not _ours(within))


def _ours(within: str | None) -> bool:
    return within is None or within == PAGE or within.startswith(RELATED)


def refusal(error: BaseException, url: DatabaseUrl) -> ConnectionRefused | None:
    """Why opening failed; None for an error that is not about the file."""
    if isinstance(error, ConnectionRefused):
        return error
    if not isinstance(error, sqlite3.Error):
        return None
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    words = {
        sqlite3.SQLITE_NOTADB: "is not a SQLite database",
        sqlite3.SQLITE_CORRUPT: "is damaged",
        sqlite3.SQLITE_BUSY: "is locked by another program",
        sqlite3.SQLITE_READONLY: "needs its folder to be writable by this user",
    }.get(code, "cannot be opened, or its folder does not let its journal be read")
    return ConnectionRefused(f"file: {str(Path(url.database or '').absolute())!r} {words}")
