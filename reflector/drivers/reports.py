"""What the database itself said of an error, for whoever may be told: where it decides, its words are its answer; and of
MariaDB what was signalled for the sake of being told.

Rule: only what the server reported is here; what a driver thinks of it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import asyncpg
import pymysql

SIGNALLED: Final = 1644
"""The number of every error that a SIGNAL makes."""


@dataclass(frozen=True, slots=True)
class Report:
    """An error as the server reported it."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None


def reported(error: BaseException) -> Report | None:
    """The server's report behind an error of ours, None where there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, asyncpg.PostgresError) and getattr(cause, "severity", None) is not None:
            return Report(
                cause.sqlstate or "XX000",
                getattr(cause, "message", None) or "",
                getattr(cause, "detail", None),
                getattr(cause, "hint", None),
            )
        if isinstance(cause, pymysql.MySQLError) and cause.args[:1] == (SIGNALLED,) and len(cause.args) > 2:
            return Report(str(cause.args[2]), str(cause.args[1]))
        cause = cause.__cause__
    return None
