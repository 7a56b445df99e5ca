"""What PostgreSQL itself said of an error, for whoever may be told: where the database decides, its words are its answer.

Rule: only what the server reported is here; what a driver thinks of it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg


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
        cause = cause.__cause__
    return None
