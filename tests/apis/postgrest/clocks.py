"""What each database calls a moment with a zone, and one by a clock of no zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind

INSTANT: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: "timestamptz",
    DatabaseKind.MARIADB: "timestamp(6) NULL",
    DatabaseKind.SQLITE: "timestamptz",
}
CLOCK: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: "timestamp",
    DatabaseKind.MARIADB: "datetime(6)",
    DatabaseKind.SQLITE: "timestamp",
}
