"""Where a database is and how to get in, read from one URL.

    postgresql://user:password@host:5432/shop?sslmode=require      also postgres://
    postgresql:///shop?host=/run/postgresql                        a unix socket (its folder)
    mariadb://user:password@[::1]:3306/shop                        also mysql://; one driver, the server says which it is
    mysql://user@/shop?unix_socket=/run/mysqld/mysqld.sock         a unix socket (its file)
    sqlite:///shop.db   sqlite:////srv/shop.db?mode=ro             a relative path, an absolute path

Rule: a complaint never repeats text that may be part of a password. A password with an unescaped `/`, `?`, `#` spills
into the port, the path and the options, so none of these is quoted unless it is plainly a name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, NoReturn
from urllib.parse import quote, unquote_to_bytes

from reflector.errors import CatalogError, suggestion
from reflector.secret import MASK, Secret


class DatabaseKind(StrEnum):
    """Which driver a URL asks for."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    SQLITE = "sqlite"


class InvalidDatabaseUrl(CatalogError):
    """The URL cannot be read; the message says which part and never shows a password."""

    code: ClassVar[str] = "invalid_database_url"


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """One parsed URL. `str()` and `repr()` leave the password out.

    host: name, address without brackets, or the path of a unix socket (PostgreSQL: its folder, MySQL: its file);
        None where the URL names none. port: always set, except for SQLite. database: name, or SQLite's file; None where
        the URL names none. options: what stood after `?`, percent-decoded, without the socket.
    """

    kind: DatabaseKind
    scheme: str
    host: str | None
    port: int | None
    user: str | None
    password: Secret | None
    database: str | None
    options: tuple[tuple[str, str], ...]

    @property
    def socket(self) -> str | None:
        """The path of the unix socket, where one is meant."""
        return self.host if self.host is not None and self.host.startswith("/") else None

    def option(self, name: str) -> str | None:
        """The value of an option, None where the URL does not set it."""
        return dict(self.options).get(name)

    def redacted(self) -> str:
        """The URL, fit for people to see: `***` stands where the password was."""
        options = [*self._socket_option(), *self.options]
        tail = "?" + "&".join(f"{name}={quote(value, safe='/:')}" for name, value in options) if options else ""
        return f"{self.scheme}://{self._authority()}/{quote(self.database or '', safe='/:')}{tail}"

    def _authority(self) -> str:
        user = quote(self.user or "", safe="") + (f":{MASK}" if self.password is not None else "")
        at = "@" if user else ""
        if self.host is None or self.socket:
            return user + at
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        return f"{user}{at}{host}" + (f":{self.port}" if self.port is not None else "")

    def _socket_option(self) -> Iterator[tuple[str, str]]:
        if self.socket:
            yield FAMILIES[self.kind].socket_option, self.socket

    def __str__(self) -> str:
        return self.redacted()

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.redacted()!r})"


@dataclass(frozen=True, slots=True)
class Family:
    """What URLs of one driver may say: its port and its options, each with the form of its value."""

    port: int | None
    socket_option: str
    options: Mapping[str, str]


PATH: Final = r"/.+"
FILE: Final = r".+"
SECONDS: Final = r"[1-9][0-9]{0,3}"

FAMILIES: Final[Mapping[DatabaseKind, Family]] = {
    DatabaseKind.POSTGRESQL: Family(
        port=5432,
        socket_option="host",
        options={
            "host": PATH,
            "sslmode": "disable|allow|prefer|require|verify-ca|verify-full",
            "sslrootcert": FILE,
            "sslcert": FILE,
            "sslkey": FILE,
            "connect_timeout": SECONDS,
            "application_name": r"[ -~]{1,63}",
        },
    ),
    DatabaseKind.MYSQL: Family(
        port=3306,
        socket_option="unix_socket",
        options={
            "unix_socket": PATH,
            "ssl_mode": "disabled|preferred|required|verify_ca|verify_identity",
            "ssl_ca": FILE,
            "ssl_cert": FILE,
            "ssl_key": FILE,
            "connect_timeout": SECONDS,
        },
    ),
    DatabaseKind.SQLITE: Family(port=None, socket_option="", options={"mode": "ro|rw"}),
}
SCHEMES: Final[Mapping[str, DatabaseKind]] = {
    "postgresql": DatabaseKind.POSTGRESQL,
    "postgres": DatabaseKind.POSTGRESQL,
    "mysql": DatabaseKind.MYSQL,
    "mariadb": DatabaseKind.MYSQL,
    "sqlite": DatabaseKind.SQLITE,
}
FORMS: Final = "a database URL begins with postgresql://, mysql://, mariadb:// or sqlite:///"
ESCAPES: Final = (
    "in a user name or password write '@' as %40, '/' as %2F, '?' as %3F, '#' as %23, ':' as %3A, '%' as %25"
)
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+.\-]{0,31}")
HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.\-]{0,252}[A-Za-z0-9_.])?")
BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def parse_database_url(text: str) -> DatabaseUrl:
    """Read a URL. Raises `InvalidDatabaseUrl`, whose message names the part and shows no password."""
    if CONTROL.search(text) or text != text.strip():
        _refuse("the database URL has a space, line break or control character around or in it")
    scheme, separator, rest = text.partition("://")
    kind = _kind(scheme, separator)
    if kind is DatabaseKind.SQLITE:
        return _sqlite(scheme, rest)
    return _network(kind, scheme, rest)


def _refuse(message: str, hint: str | None = None) -> NoReturn:
    raise InvalidDatabaseUrl(message, hint=hint)


def _kind(scheme: str, separator: str) -> DatabaseKind:
    if not separator:
        _refuse("the database URL has no scheme", FORMS)
    kind = SCHEMES.get(scheme)
    if kind is None:
        shown = f" {scheme!r}" if NAME.fullmatch(scheme) else ""
        _refuse(f"the database URL has an unknown scheme{shown}", _nearest(scheme.lower(), SCHEMES) or FORMS)
    return kind


def _nearest(name: str, known: Mapping[str, object]) -> str | None:
    head = name.partition("+")[0]
    return suggestion(head, known) or suggestion(name, known)


def _network(kind: DatabaseKind, scheme: str, rest: str) -> DatabaseUrl:
    authority, path, query = _split(rest)
    if "@" in path or "@" in query or "#" in rest:
        _refuse("the database URL has an unescaped '/', '?', '#' or '@' in it", ESCAPES)
    login, at, place = authority.rpartition("@")
    user, colon, password = login.partition(":")
    host, port = _place(place)
    options = _options(kind, query)
    socket = options.pop(FAMILIES[kind].socket_option, None)
    if socket is not None and host is not None:
        _refuse(f"the database URL names a host and a unix socket ({FAMILIES[kind].socket_option}=…): give one")
    if at and not user:
        _refuse("the database URL has an '@' but no user name before it", ESCAPES)
    return DatabaseUrl(
        kind=kind,
        scheme=scheme,
        host=socket or host,
        port=port if port is not None else FAMILIES[kind].port,
        user=_decode(user, "user name") or None,
        password=Secret(_decode(password, "password")) if colon else None,
        database=_decode(path, "database name") or None,
        options=tuple(options.items()),
    )


def _sqlite(scheme: str, rest: str) -> DatabaseUrl:
    authority, path, query = _split(rest)
    if "#" in rest:
        _refuse("the database URL has an unescaped '#' in it", "write it as %23")
    if authority and authority != "localhost":
        _refuse(
            "an sqlite URL has no host", "write sqlite:///file.db (relative) or sqlite:////folder/file.db (absolute)"
        )
    name = _decode(path, "file name")
    if name in {"", ":memory:"}:
        _refuse("the sqlite URL names no file", "a database in memory has nothing to serve: sqlite:///file.db")
    return DatabaseUrl(
        kind=DatabaseKind.SQLITE,
        scheme=scheme,
        host=None,
        port=None,
        user=None,
        password=None,
        database=name,
        options=tuple(_options(DatabaseKind.SQLITE, query).items()),
    )


def _split(rest: str) -> tuple[str, str, str]:
    """What stands before the path, the path without its first slash, and what stands after the first `?`."""
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    return authority, path, query


def _place(place: str) -> tuple[str | None, int | None]:
    if place.startswith("["):
        address, bracket, after = place[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            _refuse("the database URL's IPv6 address is not closed", "write it as [::1]:5432")
        return _ipv6(_decode(address, "host")), _port(after.removeprefix(":")) if after else None
    if "," in place:
        _refuse("the database URL names several hosts: give one")
    host, colon, port = place.partition(":")
    return _host(host), _port(port) if colon else None


def _ipv6(address: str) -> str:
    try:
        return str(ipaddress.IPv6Address(address))
    except ValueError:
        _refuse("the database URL's host is not an IPv6 address", "brackets are for IPv6 addresses only: [::1]")


def _host(text: str) -> str | None:
    host = _decode(text, "host")
    if host and not host.startswith("/") and not HOST.fullmatch(host):
        _refuse("the database URL's host is not a host name or address", ESCAPES)
    return host or None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        _refuse("the database URL's port is not a number from 1 to 65535", ESCAPES)
    return int(text)


def _options(kind: DatabaseKind, query: str) -> dict[str, str]:
    known = FAMILIES[kind].options
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, raw = part.partition("=")
        if name not in known:
            shown = f" {name!r}" if NAME.fullmatch(name) else ""
            _refuse(
                f"the database URL has an unknown option{shown}", _nearest(name, known) or f"known: {', '.join(known)}"
            )
        if name in options:
            _refuse(f"the database URL has the option {name!r} twice")
        options[name] = _option_value(name, _decode(raw, f"option {name!r}"), known[name])
    return options


def _option_value(name: str, value: str, form: str) -> str:
    if not re.fullmatch(form, value):
        wanted = {PATH: "an absolute path", FILE: "a path", SECONDS: "seconds, a whole number"}
        _refuse(f"the database URL's option {name!r} must be {wanted.get(form, form.replace('|', ', '))}")
    return value


def _decode(text: str, part: str) -> str:
    if BROKEN_ESCAPE.search(text):
        _refuse(f"the database URL's {part} has a '%' that begins no escape", ESCAPES)
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError:
        _refuse(f"the database URL's {part} is not UTF-8 when decoded")
    if CONTROL.search(decoded):
        _refuse(f"the database URL's {part} has a control character in it")
    return decoded
