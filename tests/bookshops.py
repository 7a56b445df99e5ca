"""The bookshop on three databases, loaded once a run, and engines over it.

A test that writes takes a copy of its own (`fresh`), so that no test sees what another did.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from examples import bookshop
from reflector.access.permissions import Permissions
from reflector.catalog.model import Catalog, DatabaseKind
from reflector.catalog.overlay import NO_OVERLAY, Overlay
from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.drivers.protocol import Settings
from reflector.engine import Engine
from reflector.snapshot import Snapshot
from tests.servers import MariaDBServer, PostgreSQLServer

KINDS = (DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE)
Bind = Callable[[Catalog], Permissions]
_numbers = itertools.count()


@dataclass(frozen=True)
class Databases:
    """Where each kind of database is to be had; `folder` holds SQLite files."""

    postgresql: Callable[[], PostgreSQLServer]
    mariadb: Callable[[], MariaDBServer]
    folder: Path

    def bookshop(self, kind: DatabaseKind) -> str:
        """The URL of a new bookshop of that kind."""
        name = f"bookshop_{next(_numbers)}"
        if kind is DatabaseKind.SQLITE:
            path = self.folder / f"{name}.sqlite"
            bookshop.load_sqlite(path)
            return f"sqlite:///{path}"
        return self.database(kind, bookshop.script("postgresql" if kind is DatabaseKind.POSTGRESQL else "mariadb"))

    def database(self, kind: DatabaseKind, script: str) -> str:
        """The URL of a new database of that kind, made by the script."""
        name = f"database_{next(_numbers)}"
        if kind is DatabaseKind.SQLITE:
            path = self.folder / f"{name}.sqlite"
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(script)
            return f"sqlite:///{path}"
        server = self.postgresql() if kind is DatabaseKind.POSTGRESQL else self.mariadb()
        url = server.create_database(name)
        server.run(name, script)
        return url


@asynccontextmanager
async def serving(
    url: str, *, bind: Bind | None = None, writable: bool = True, overlay: Overlay = NO_OVERLAY, pool: int = 4
) -> AsyncIterator[Engine]:
    """An engine over the database: open when `bind` is None, else under the permissions it binds."""
    driver = open_driver(parse_database_url(url), Settings(pool_size=pool))
    engine = await Engine.start(
        driver,
        lambda number, catalog: Snapshot(number, catalog, None if bind is None else bind(catalog), writable),
        overlay,
    )
    try:
        yield engine
    finally:
        await engine.close()
