"""MariaDB behind TLS: what each `ssl_mode` asks for, and that a link is gone when its driver is closed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.errors import ConnectionRefused
from tests.drivers.conftest import settings
from tests.servers import MariaDBServer

LOGIN = "CREATE OR REPLACE USER 'walter'@'127.0.0.1' IDENTIFIED BY 'secret' {requires}; GRANT ALL ON test.* TO 'walter'@'127.0.0.1'"


def certificate(key: EllipticCurvePrivateKey, address: str) -> bytes:
    """Of the key, by itself, for a server at the address."""
    name, now = x509.Name([]), datetime.now(UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1))
    return made.add_extension(place, critical=True).sign(key, SHA256()).public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Behind:
    """A server, the certificate it shows, and one that it does not."""

    server: MariaDBServer
    own: Path
    other: Path


class TlsServer(MariaDBServer):
    """Its certificate lies in its own folder, where its user can read it."""

    address = "127.0.0.1"

    def prepare(self) -> None:
        super().prepare()
        key = generate_private_key(SECP256R1())
        (self.folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (self.folder / "own.pem").write_bytes(certificate(key, self.address))
        (self.folder / "other.pem").write_bytes(certificate(generate_private_key(SECP256R1()), self.address))
        self.settings |= {"ssl-cert": str(self.folder / "own.pem"), "ssl-key": str(self.folder / "key.pem")}


class ElsewhereServer(TlsServer):
    address = "192.0.2.1"


@pytest.fixture(scope="module")
def behind() -> Iterator[Behind]:
    with TlsServer() as server:
        yield Behind(server, server.folder / "own.pem", server.folder / "other.pem")


async def cipher(url: str) -> str:
    """The cipher of a driver's connection; nothing where it is plain. Raises what opening the driver does."""
    driver = open_driver(parse_database_url(url), settings())
    try:
        await driver.open()
        [(_, found)] = await driver.fetch("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return str(found)
    finally:
        await driver.close()


@pytest.mark.parametrize(
    ("option", "safe"),
    [
        ("", True),
        ("?ssl_mode=disabled", False),
        ("?ssl_mode=preferred", True),
        ("?ssl_mode=required", True),
        ("?ssl_mode=verify_ca&ssl_ca={own}", True),
        ("?ssl_mode=verify_identity&ssl_ca={own}", True),
    ],
)
async def test_what_is_sent_is_hidden_unless_that_is_given_up(behind: Behind, option: str, safe: bool) -> None:
    assert bool(await cipher(behind.server.url() + option.format(own=behind.own))) is safe


@pytest.mark.parametrize("option", ["?ssl_mode=verify_ca", "?ssl_mode=verify_ca&ssl_ca={other}"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(behind: Behind, option: str) -> None:
    with pytest.raises(ConnectionRefused, match="TLS: no trusted connection"):
        await cipher(behind.server.url() + option.format(other=behind.other))


async def test_a_certificate_for_another_place_is_refused_where_the_place_is_asked_for() -> None:
    with ElsewhereServer() as server:
        own = server.folder / "own.pem"
        assert await cipher(f"{server.url()}?ssl_mode=verify_ca&ssl_ca={own}")
        with pytest.raises(ConnectionRefused, match="TLS: no trusted connection"):
            await cipher(f"{server.url()}?ssl_mode=verify_identity&ssl_ca={own}")


async def test_a_login_that_must_be_hidden_is_let_in_hidden_alone(behind: Behind) -> None:
    behind.server.create_database("test")
    behind.server.run("test", LOGIN.format(requires="REQUIRE SSL"))
    url = behind.server.url("test").replace("root@", "walter:secret@")
    assert await cipher(url)
    with pytest.raises(ConnectionRefused, match="credentials"):
        await cipher(f"{url}?ssl_mode=disabled")
