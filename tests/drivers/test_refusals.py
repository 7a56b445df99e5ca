"""A database that cannot be reached is told in one line that names the part at fault."""

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.errors import ConnectionRefused, DatabaseUnavailable
from tests.drivers.conftest import settings
from tests.servers import MariaDBServer, PostgreSQLServer


async def test_the_line_names_the_part_at_fault(
    postgresql_server: PostgreSQLServer, mariadb_server: MariaDBServer
) -> None:
    postgresql, mariadb = postgresql_server, mariadb_server
    postgresql.run("postgres", "DROP ROLE IF EXISTS locked; CREATE ROLE locked NOLOGIN")
    mariadb.run("mysql", "CREATE OR REPLACE USER 'walter'@'127.0.0.1' IDENTIFIED BY 'pässwört €'")
    faults = {
        "postgresql://postgres@127.0.0.1:1/x": "host: nothing accepts connections at host '127.0.0.1', port 1",
        "postgresql://postgres@no-such-host.invalid/x": "host: the name 'no-such-host.invalid' cannot be resolved",
        "postgresql:///x?host=/no/such/folder": "host: the socket '/no/such/folder'",
        postgresql.url("nowhere"): "database name: there is no database 'nowhere'",
        postgresql.url().replace("postgres@", "nobody@"): "credentials: host '127.0.0.1'",
        postgresql.url().replace("postgres@", "locked:secret@"): "credentials: host '127.0.0.1'",
        postgresql.url() + "?sslmode=require": "TLS: no trusted connection",
        postgresql.url() + "?sslmode=verify-full&sslrootcert=/no/such/file": "TLS: a certificate or key file",
        "mysql://root@127.0.0.1:1/x": "host: nothing accepts connections at host '127.0.0.1', port 1",
        "mysql://root@no-such-host.invalid/x": "host: the name 'no-such-host.invalid' cannot be resolved",
        "mysql://root@/x?unix_socket=/no/such/file": "host: the socket '/no/such/file' does not exist",
        mariadb.url("nowhere"): "database name: there is no database 'nowhere'",
        mariadb.url("mysql").replace("root@", "root:secret@"): "credentials: host '127.0.0.1'",
        mariadb.url("mysql").replace("root@", "nobody@"): "credentials: host '127.0.0.1'",
        mariadb.url("mysql") + "?ssl_mode=required": "TLS: no trusted connection",
        mariadb.url("mysql") + "?ssl_mode=verify_ca&ssl_ca=/no/such/file": "TLS: a certificate or key file",
        f"postgresql://root@127.0.0.1:{mariadb.port}/x?connect_timeout=1": "host: ",
        f"mysql://root@127.0.0.1:{postgresql.port}/x?connect_timeout=1": "host: ",
    }
    for url, line in faults.items():
        driver = open_driver(parse_database_url(url), settings())
        with pytest.raises(ConnectionRefused) as caught:
            await driver.open()
        assert caught.value.message.startswith(line), (url, caught.value.message)
        assert "\n" not in caught.value.message
        assert "secret" not in caught.value.message
        with pytest.raises(DatabaseUnavailable):
            await driver.fetch("SELECT 1")
        await driver.close()
    password = "p%C3%A4ssw%C3%B6rt%20%E2%82%AC"
    driver = open_driver(parse_database_url(f"mysql://walter:{password}@127.0.0.1:{mariadb.port}/"), settings())
    await driver.open()
    await driver.close()
