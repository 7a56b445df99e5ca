"""The bookshop on three databases, and engines over it.

A test that writes takes a bookshop of its own, so that no test sees what another did. It is loaded once on PostgreSQL and
SQLite and then copied, which costs a tenth; MariaDB cannot copy a database. What was made for one test goes with it, because
all of it may stand in memory.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pg8000.exceptions

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
    """Where each kind of database is to be had; `folder` holds SQLite files. `passing` tells whether what is made now is for
    one test alone."""

    postgresql: Callable[[], PostgreSQLServer]
    mariadb: Callable[[], MariaDBServer]
    folder: Path
    passing: Callable[[], bool] = lambda: False
    _passing: list[str] = field(default_factory=list)
    _loaded: dict[DatabaseKind, str] = field(default_factory=dict)

    def bookshop(self, kind: DatabaseKind) -> str:
        """The URL of a new bookshop of that kind."""
        name = f"bookshop_{next(_numbers)}"
        if kind is DatabaseKind.MARIADB:
            return self.database(kind, bookshop.script("mariadb"))
        if kind not in self._loaded:
            self._loaded[kind] = self._load(kind, name)
            name = f"{name}_copy"
        if kind is DatabaseKind.POSTGRESQL:
            return self._made(self.postgresql().create_database(name, self._loaded[kind]))
        return self._made(f"sqlite:///{shutil.copyfile(self._loaded[kind], self.folder / f'{name}.sqlite')}")

    def _load(self, kind: DatabaseKind, name: str) -> str:
        """The bookshop that is copied: the name of the database, or the path of the file."""
        if kind is DatabaseKind.SQLITE:
            bookshop.load_sqlite(self.folder / f"{name}.sqlite")
            return str(self.folder / f"{name}.sqlite")
        self.postgresql().create_database(name)
        self.postgresql().run(name, bookshop.script("postgresql"))
        return name

    def database(self, kind: DatabaseKind, script: str) -> str:
        """The URL of a new database of that kind, made by the script."""
        name = f"database_{next(_numbers):04}"  # of one length: it is in documents that are compared
        if kind is DatabaseKind.SQLITE:
            path = self.folder / f"{name}.sqlite"
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(script)
            return self._made(f"sqlite:///{path}")
        server = self.postgresql() if kind is DatabaseKind.POSTGRESQL else self.mariadb()
        url = server.create_database(name)
        self._made(url)
        server.run(name, script)
        return url

    def _made(self, url: str) -> str:
        if self.passing():
            self._passing.append(url)
        return url

    def lasting(self, url: str) -> str:
        """Keep what was made while a test ran until all have ended: others use it too."""
        if url in self._passing:
            self._passing.remove(url)
        return url

    def forget(self) -> None:
        """Remove what was made for the test that has ended."""
        urls, self._passing[:] = self._passing.copy(), ()
        for url in urls:
            kind, _, rest = url.partition("://")
            if kind == "sqlite":
                for path in (rest[1:], f"{rest[1:]}-wal", f"{rest[1:]}-shm"):
                    Path(path).unlink(missing_ok=True)
            elif kind == "postgresql":
                # A slot that a test left behind holds its database.
                with suppress(pg8000.exceptions.DatabaseError):
                    self.postgresql().drop_database(rest.rpartition("/")[2])
            else:
                self.mariadb().drop_database(rest.rpartition("/")[2])


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
