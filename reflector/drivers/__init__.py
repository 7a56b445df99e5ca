"""Drivers: one way to run plans, three kinds of database."""

from __future__ import annotations

from typing import assert_never

from reflector.database_url import DatabaseKind, DatabaseUrl
from reflector.drivers.protocol import PLAIN, Driver, Session, Settings

__all__ = ["PLAIN", "Driver", "Session", "Settings", "open_driver"]


def open_driver(url: DatabaseUrl, settings: Settings | None = None) -> Driver:
    """The driver for a URL, not connected yet: `await driver.open()` does that."""
    settings = settings or Settings()
    driver = _driver(url, settings)
    if settings.listening is None:
        return driver
    from reflector.drivers.told import ToldDriver

    return ToldDriver(driver, settings.listening)


def _driver(url: DatabaseUrl, settings: Settings) -> Driver:
    match url.kind:
        case DatabaseKind.POSTGRESQL:
            from reflector.drivers.postgresql import PostgreSQLDriver

            return PostgreSQLDriver(url, settings)
        case DatabaseKind.MYSQL:
            from reflector.drivers.mysql import MySQLDriver

            return MySQLDriver(url, settings)
        case DatabaseKind.SQLITE:
            from reflector.drivers.sqlite import SQLiteDriver

            return SQLiteDriver(url, settings)
        case _:
            assert_never(url.kind)
