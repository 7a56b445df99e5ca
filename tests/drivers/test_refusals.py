"""A database that cannot be reached is told in one line that names the part at fault."""

from collections.abc import Iterator

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.errors import ConnectionRefused, DatabaseUnavailable
from reflector.reflection import reflect
from tests.drivers.conftest import settings
from tests.drivers.proxy import Proxy
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


@pytest.mark.parametrize(
    ("asked", "read", "why"),
    [
        (b"/*M!", b"/* !", "is MySQL, which is not served; MariaDB is, from 10.6 on"),
        (b"/*M!100600", b"/*M!999999", "is older than MariaDB 10.6, the first that is served"),
    ],
)
async def test_a_server_whose_answers_are_not_known_is_refused(
    mariadb_server: MariaDBServer, asked: bytes, read: bytes, why: str
) -> None:
    """What only MariaDB executes is a comment to MySQL, and what a later version does to an earlier one."""
    async with Proxy(mariadb_server.host, mariadb_server.port) as proxy:
        proxy.reworded = lambda sent: sent.replace(asked, read)
        driver = open_driver(parse_database_url(proxy.url(mariadb_server.url())), settings())
        with pytest.raises(ConnectionRefused) as caught:
            await driver.open()
        assert caught.value.message == f"host: host '127.0.0.1', port {proxy.port} {why}"
        with pytest.raises(DatabaseUnavailable):
            await driver.fetch("SELECT 1")
        await driver.close()


@pytest.fixture(scope="module")
def disguised() -> Iterator[MariaDBServer]:
    """A MariaDB that tells another version, and offers no TLS."""
    with MariaDBServer({"version": "8.0.40", "ssl": "0"}) as server:
        yield server


async def test_mariadb_is_known_by_what_it_does_and_not_by_the_version_it_tells(disguised: MariaDBServer) -> None:
    url = disguised.create_database("disguised")
    disguised.run("disguised", "CREATE TABLE item (id int PRIMARY KEY, price int CHECK (price > 0))")
    driver = open_driver(parse_database_url(url), settings())
    await driver.open()
    catalog = await reflect(driver.kind, driver.fetch)
    await driver.close()
    assert (driver.kind, catalog.kind) == (DatabaseKind.MARIADB, DatabaseKind.MARIADB)
    assert len(catalog.tables["item"].checks) == 1


async def test_tls_that_is_required_is_not_given_up(disguised: MariaDBServer) -> None:
    driver = open_driver(parse_database_url(disguised.url() + "?ssl_mode=required"), settings())
    with pytest.raises(ConnectionRefused, match="TLS: no trusted connection"):
        await driver.open()
    await driver.close()
