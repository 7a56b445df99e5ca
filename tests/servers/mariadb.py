"""A private MariaDB with a full row-based binary log; root needs no password on loopback.

Commits are written to the log file but not flushed to the disk, so data outlive a killed server though not a power
cut: tests of crashes stay honest, and everything is fast.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import quote

import pymysql
from pymysql.constants import CLIENT

from tests.servers.process import ServerProcess
from tests.servers.programs import MARIADB, find_server

SETTINGS: Mapping[str, str] = {
    "bind-address": "127.0.0.1",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-metadata": "FULL",
    "binlog-row-image": "FULL",
    "sync-binlog": "0",
    # 2 hands each commit to the operating system; 0 would lose the last second when the server is killed.
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "16M",
    "innodb-buffer-pool-size": "64M",
    "innodb-use-native-aio": "0",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "max-connections": "200",
    "performance-schema": "OFF",
    "skip-name-resolve": "ON",
}
INSTALL_OPTIONS = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-log-bin",
    "--innodb-log-file-size=16M",
    "--innodb-use-native-aio=0",
    "--innodb-flush-method=nosync",
)
# Names are not resolved, so that 127.0.0.1 is not localhost.
GRANTS = """
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
"""


class MariaDBServer(ServerProcess):
    name: ClassVar[str] = "MariaDB"
    user: ClassVar[str] = "mysql"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        self._maintenance: pymysql.Connection[pymysql.cursors.Cursor] | None = None

    def prepare(self) -> None:
        (self.folder / "grants.sql").write_text(GRANTS)
        program = find_server(("mariadb-install-db", "mysql_install_db"), MARIADB)
        # It starts servers too, which would delete one another's temporary tables in a folder that they share.
        folders = (f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder}")
        self.run_as_server([str(program), *INSTALL_OPTIONS, *folders])

    def command(self) -> list[str]:
        settings = {
            **SETTINGS,
            **self.settings,
            "port": str(self.port),
            "datadir": str(self.folder / "data"),
            # A server that starts deletes the temporary tables it finds here, also those that another one is using.
            "tmpdir": str(self.folder),
            "socket": str(self.folder / "mariadb.sock"),
            "pid-file": str(self.folder / "mariadb.pid"),
            "init-file": str(self.folder / "grants.sql"),
        }
        program = find_server(("mariadbd", "mysqld"), MARIADB)
        return [str(program), "--no-defaults", *(f"--{name}={value}" for name, value in settings.items())]

    def ping(self) -> None:
        self._execute("SELECT 1")

    def disconnect(self) -> None:
        connection, self._maintenance = self._maintenance, None
        if connection is not None:
            with suppress(OSError, pymysql.Error):  # the server was killed under it: nothing is left to close
                connection.close()

    def url(self, database: str = "mysql") -> str:
        return f"mysql://root@{self.host}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str) -> str:
        """Make a fresh database, in place of any of that name; return its URL."""
        self._execute(f"CREATE OR REPLACE DATABASE {quoted(name)}")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {quoted(name)}")

    def run(self, database: str, script: str) -> list[tuple[Any, ...]]:
        """Run statements separated by semicolons, each committing by itself, and return the rows of the last."""
        connection = self._connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(script)
                rows = cursor.fetchall()
                while cursor.nextset():
                    rows = cursor.fetchall()
                return list(rows)
        finally:
            connection.close()

    def _connect(self, database: str | None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
            connect_timeout=5,
        )

    def _execute(self, statement: str) -> None:
        if self._maintenance is None:
            self._maintenance = self._connect(None)
        with self._maintenance.cursor() as cursor:
            cursor.execute(statement)


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
