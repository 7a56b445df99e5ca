"""A private PostgreSQL with logical replication, trusting everybody on loopback and on the socket in its folder.

`fsync` is off and commits are still written before they are answered, so data outlive a killed server though not a
power cut: tests of crashes stay honest, and everything is fast.
"""

import signal
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import pg8000.native

from tests.servers.process import ServerProcess
from tests.servers.programs import POSTGRESQL, find_server

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "20",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
    # Tests that need statistics call ANALYZE; nothing else may change underneath them.
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}

FILE_COPY_SINCE = 150_000
"""The version from which it can be said how a database is copied; before, files were."""


class PostgreSQLServer(ServerProcess):
    name: ClassVar[str] = "PostgreSQL"
    user: ClassVar[str] = "postgres"
    # A "fast" shutdown: sessions are ended, not waited for.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    # At once, but not without giving its shared memory back.
    discard_signal: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        self._maintenance: pg8000.native.Connection | None = None

    def prepare(self) -> None:
        self.run_as_server(
            [
                str(find_server(("initdb",), POSTGRESQL)),
                f"--pgdata={self.folder / 'data'}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        )

    def command(self) -> list[str]:
        settings = {
            **SETTINGS,
            **self.settings,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(find_server(("postgres",), POSTGRESQL)), "-D", str(self.folder / "data"), *options]

    def ping(self) -> None:
        self._connection().run("SELECT 1")

    def disconnect(self) -> None:
        connection, self._maintenance = self._maintenance, None
        close_quietly(connection)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@{self.host}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a fresh database, in place of any of that name, as a copy of `template`; return its URL."""
        self.drop_database(name)
        # Without fsync copying files costs half of what writing every page of them into the log does.
        strategy = "STRATEGY file_copy" if self.version() >= FILE_COPY_SINCE else ""
        self._connection().run(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(template)} {strategy}")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, ending the sessions in it."""
        self._connection().run(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")

    def run(self, database: str, script: str) -> list[list[Any]]:
        """Run statements separated by semicolons and return the rows of the last; each run commits by itself."""
        connection = self._connect(database)
        try:
            return list(connection.run(script) or [])
        finally:
            connection.close()

    def version(self) -> int:
        """As the server counts them: 180004 is 18.4."""
        return int(self._connection().run("SHOW server_version_num")[0][0])

    def _connect(self, database: str) -> pg8000.native.Connection:
        # Without a word about TLS it reads all certificates of the machine first, for each connection.
        return pg8000.native.Connection(
            "postgres", host=self.host, port=self.port, database=database, timeout=30, ssl_context=False
        )

    def _connection(self) -> pg8000.native.Connection:
        if self._maintenance is None:
            self._maintenance = self._connect("postgres")
        return self._maintenance


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def close_quietly(connection: pg8000.native.Connection | None) -> None:
    try:
        if connection is not None:
            connection.close()
    except (OSError, pg8000.exceptions.Error):
        return  # the server was killed under it: nothing is left to close
