"""MariaDB, through aiomysql. MySQL, which speaks the same protocol, is refused: it knows few of the constructs that are sent.

Rule: every connection is made alike, and nothing in a URL can change it: utf8mb4 from the handshake on, one strict
sql_mode, UTC, one statement per command, no local files. A warning after a read is an error, because a cut answer is
announced by nothing else.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from aiomysql import connection as aiomysql
from pymysql import MySQLError, OperationalError
from pymysql.constants import CLIENT, CR, SERVER_STATUS
from pymysql.protocol import MysqlPacket

from reflector.catalog.model import DatabaseKind
from reflector.database_url import DatabaseUrl
from reflector.drivers import mysql_calls, mysql_errors
from reflector.drivers.mysql_literals import literal
from reflector.drivers.network import GRACE, SETTLE_SECONDS, NetworkDriver
from reflector.drivers.protocol import Session, Settings
from reflector.drivers.refusals import place_of
from reflector.drivers.steps import Rows, Values
from reflector.drivers.verdict import Verdict
from reflector.errors import ConnectionRefused, NotSupported
from reflector.secret import Secret

SQL_MODE: Final = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
"""Strict, and a zero that is written stays a zero. Zero dates are not forbidden, for then those that are there could not
even be compared; no value of ours is one."""
MAXIMUM_GROUP_CONCAT: Final = 1_073_741_824
WHICH: Final = "SELECT 0 /*M! + 1 */, 0 /*M!100600 + 1 */"
"""What only MariaDB reads, and what it reads from 10.6 on: the version that a server tells of itself is a setting there, and
may be that of a proxy before it."""
SNAPSHOTS: Final = "/*M!110602 innodb_snapshot_isolation=0,*/"
"""From 11.6.2 on a write is refused where somebody else wrote the row after the transaction's first read; it is to meet what
is committed by then, as on every other version."""


T = TypeVar("T")
Tls: TypeAlias = tuple[ssl.SSLContext | None, bool]


class Packet(MysqlPacket):
    """The library's packet, whose errors say their SQLSTATE as well: number, message, state."""

    __slots__ = ()

    def raise_for_error(self) -> None:
        try:
            super().raise_for_error()
        except MySQLError as error:
            # A state stands behind a '#' after the kind of packet and the number.
            data = bytes(self.get_all_data())  # type: ignore[no-untyped-call]
            error.args = (*error.args, data[4:9].decode("ascii", "replace") if data[3:4] == b"#" else "")
            raise


class Wire(aiomysql.Connection):  # type: ignore[misc]
    """The library's connection without what it must not do: several statements in one, files sent, TLS given up."""

    def __init__(self, *, tls_required: bool, **options: Any) -> None:
        super().__init__(**options)
        self.client_flag &= ~(CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)
        self._tls_required = tls_required

    async def connect(self) -> None:
        """Connect and log in; the library's own `connect` knows no subclass."""
        await self._connect()

    async def rows(self, text: str) -> tuple[Rows, int]:
        """The rows of a statement, and how many warnings it left."""
        try:
            await self.query(text.encode())
        except RuntimeError as error:  # it asks for a file of ours, and gets none
            raise OperationalError(CR.CR_COMMANDS_OUT_OF_SYNC, "not an answer to what was sent") from error
        result = self._result
        return result.rows or (), result.warning_count

    def _read_packet(self, packet_type: type[MysqlPacket] = Packet) -> Any:
        return super()._read_packet(packet_type)

    @property
    def sent(self) -> Any:
        """What came of the last statement, as far as it has been read."""
        return self._result

    async def ensure_closed(self) -> None:
        """Say good-bye and wait until the link is gone: under TLS the other side has its say."""
        writer = self._writer
        await super().ensure_closed()
        if writer is not None:
            await writer.wait_closed()

    async def following(self) -> None:
        """Read on, to the next of several results."""
        await self._read_query_result(unbuffered=True)

    async def one_row(self, result: Any) -> Any:
        """The next row of a result that is read row by row; None behind the last."""
        return await result._read_rowdata_packet_unbuffered()  # noqa: SLF001 - it has no other name

    def standing(self) -> bool:
        """Whether the server has not hung up, as far as we have heard."""
        return self._reader is not None and not self._reader.eof_received and self._reader.exception() is None

    def escapes_with_backslash(self) -> bool:
        """Whether the server reads a backslash in a text as we write it."""
        return not self.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES

    def cut(self) -> None:
        """Close the socket at once."""
        if self._writer is not None:
            self._writer.transport.abort()
        self.close()

    async def _request_authentication(self) -> None:
        if self._tls_required and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(CR.CR_SSL_CONNECTION_ERROR, "TLS is required") from ssl.SSLError("not offered")
        await super()._request_authentication()


class MySQLConnection:
    """One connection. `deadline`: seconds after which an unanswered statement is given up."""

    __slots__ = ("_deadline", "_driver", "_in_transaction", "_under_way", "generation", "made", "used", "wire")

    def __init__(self, wire: Wire, driver: MySQLDriver, deadline: float) -> None:
        self.generation = self.used = 0
        self.made = 0.0
        self.wire = wire
        self._driver = driver
        self._deadline = deadline
        self._under_way = False
        self._in_transaction = False

    async def rows(self, text: str, values: Values, limit: float | None, largest: int) -> Rows:
        """As the protocol says; the database itself gathers no more than `Settings.largest`. The one row of a procedure
        is what its rows are as JSON, and how many there are."""
        if text.startswith(mysql_calls.CALL):
            return await self._called(text % tuple([literal(value) for value in values]), limit, largest)
        return await self._checked(text % tuple([literal(value) for value in values]), limit)

    async def own_rows(self, text: str, values: Values) -> Rows:
        return await self._checked(text % tuple([literal(value) for value in values]) if values else text, None)

    async def read_rows(self, text: str, values: Values) -> Rows:
        # MariaDB ends the transaction before it alters or empties a table, and asks what holds without one. The connection
        # is let go afterwards. A variable would have to be named: it has another name since 11.1, and the old one warns.
        await self.own_rows("SET SESSION TRANSACTION READ ONLY", ())
        return await self.own_rows(text, values)

    async def begin(self, session: Session, *, read_only: bool) -> None:
        """One moment for all reads; a write meets what is committed by then."""
        if session.role is not None or session.settings:
            raise NotSupported("this database takes no role or settings for one transaction")
        await self._sent("START TRANSACTION READ ONLY" if read_only else "START TRANSACTION READ WRITE")
        self._in_transaction = True

    async def commit(self, session: Session) -> None:
        await self._sent("ROLLBACK" if session.rollback else "COMMIT")
        self._in_transaction = False

    async def settle(self) -> None:
        await self._sent("ROLLBACK")
        self._in_transaction = False

    async def renew(self) -> bool:
        return False  # a new connection is as cheap as all that a reset would have to set again

    def judge(self, error: BaseException) -> Verdict:
        return mysql_errors.judge(error, under_way=self._under_way)

    def alive(self) -> bool:
        return not self._under_way and self.wire.standing()

    def terminate(self) -> None:
        if self._under_way:
            self._driver.end_thread(self.wire.thread_id())
        self.wire.cut()

    async def close(self) -> None:
        if self._under_way:
            self.terminate()
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.wire.ensure_closed()
        except (OSError, TimeoutError):
            self.wire.cut()

    async def _checked(self, text: str, limit: float | None) -> Rows:
        """The rows of a statement. A write outside a transaction is done when it warns: strict mode has refused before
        whatever would have cut a value."""
        if limit is not None:
            text = f"SET STATEMENT max_statement_time={limit:.3f} FOR {text}"
        rows, warnings = await self._sent(text, None if limit is None else limit + GRACE)
        if warnings and (rows or self._in_transaction):
            await self._raise_warning()
        return rows

    async def _called(self, text: str, limit: float | None, largest: int) -> Rows:
        """What a procedure gives. What it warns of is its own matter."""
        body, rows = await self._ended(partial(mysql_calls.given, self.wire, largest), text, limit)
        return [(body, rows, rows)]

    async def _raise_warning(self) -> None:
        rows, _ = await self._sent("SHOW WARNINGS")
        told = [(int(row[1]), str(row[2])) for row in rows if row[0] != "Note"]
        cut = [each for each in told if each[0] in mysql_errors.CUT_NUMBERS]  # what else warns may come of it
        if told:
            raise mysql_errors.reported(*(cut or told)[0]).error

    def _sent(self, text: str, deadline: float | None = None) -> Awaitable[tuple[Rows, int]]:
        return self._ended(self.wire.rows, text, deadline)

    async def _ended(self, send: Callable[[str], Awaitable[T]], text: str, deadline: float | None) -> T:
        """What a command brings; whether it has come to its end is known ever after."""
        if not self.wire.standing():
            raise OperationalError(CR.CR_SERVER_GONE_ERROR, "gone before anything was sent")
        async with asyncio.timeout(self._deadline if deadline is None else deadline):
            self._under_way = True
            try:
                result = await send(text)
            except aiomysql.Error as error:
                # The server's own answer ends the command; the library's complaints say that nothing can be known.
                self._under_way = not mysql_errors.ends_command(error)
                raise
            self._under_way = False
            return result


class MySQLDriver(NetworkDriver[MySQLConnection]):
    """The driver of one MariaDB database."""

    kind = DatabaseKind.MARIADB

    def __init__(self, url: DatabaseUrl, settings: Settings) -> None:
        super().__init__(settings)
        self._url = url
        self._settings = settings
        self._tls: Tls | None = None
        self._doomed: list[int] = []

    async def connect(self) -> MySQLConnection:
        seconds = float(self._url.option("connect_timeout") or self._settings.acquire_timeout)
        async with asyncio.timeout(seconds):
            wire = await self._wire()
        return MySQLConnection(wire, self, self._settings.statement_timeout + GRACE)

    def refusal(self, error: Exception) -> ConnectionRefused | None:
        return mysql_errors.refusal(error, self._url)

    def end_thread(self, thread: int) -> None:
        """Have the server end what a connection that we gave up is still doing."""
        self._doomed.append(thread)
        if len(self._doomed) == 1:
            self._errand(self._end_doomed())

    async def _end_doomed(self) -> None:
        """One connection for all that are to be ended; it may fail, their own time limit ends them too."""
        wire = None
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                wire = await self._wire()
                while self._doomed:
                    await self._end(wire, self._doomed[-1])
                    self._doomed.pop()
        except (aiomysql.Error, OSError, TimeoutError):
            return
        finally:
            self._doomed.clear()
            if wire is not None:
                wire.cut()

    async def _end(self, wire: Wire, thread: int) -> None:
        try:
            await wire.rows(f"KILL {thread:d}")
        except aiomysql.Error as error:
            if error.args[0] != 1094:  # gone by itself
                raise

    async def _wire(self) -> Wire:
        url = self._url
        if self._tls is None:
            self._tls = _tls(url)
        context, required = self._tls
        wire = Wire(
            tls_required=required,
            host=url.host or "localhost",
            port=url.port or 3306,
            unix_socket=url.socket,
            user=url.user,
            password=_as_sent(url.password),
            db=url.database,
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            ssl=context,
            program_name="reflector",
        )
        try:
            await wire.connect()
            await self._recognize(wire)
            await self._set_up(wire)
        except BaseException:
            wire.cut()
            raise
        return wire

    async def _recognize(self, wire: Wire) -> None:
        """Raise ConnectionRefused unless the server is one whose answers are known: rules would not mean the same."""
        rows, _ = await wire.rows(WHICH)
        if rows == ((0, 0),):
            raise ConnectionRefused(
                f"host: {place_of(self._url)} is MySQL, which is not served; MariaDB is, from 10.6 on"
            )
        if rows == ((1, 0),):
            raise ConnectionRefused(f"host: {place_of(self._url)} is older than MariaDB 10.6, the first that is served")
        if rows != ((1, 1),):
            raise OperationalError(CR.CR_UNKNOWN_ERROR, "not an answer to what was asked")

    async def _set_up(self, wire: Wire) -> None:
        gathered = min(self._settings.largest, MAXIMUM_GROUP_CONCAT)
        await wire.rows(
            f"SET {SNAPSHOTS}sql_mode='{SQL_MODE}',time_zone='+00:00',group_concat_max_len={gathered},"
            f"sql_notes=0,lc_messages='en_US',max_statement_time={self._settings.statement_timeout:.3f},"
            "NAMES utf8mb4 COLLATE utf8mb4_general_ci"
        )
        access = "READ WRITE" if self._settings.writable else "READ ONLY"
        await wire.rows(f"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, {access}")
        if not wire.escapes_with_backslash():
            raise OperationalError(CR.CR_UNKNOWN_ERROR, "sql_mode did not take")


def _as_sent(password: Secret | None) -> str:
    """The library writes a password as Latin-1; servers compare its UTF-8."""
    return password.reveal().encode().decode("latin-1") if password is not None else ""


def _tls(url: DatabaseUrl) -> Tls:
    """The context for TLS, and whether there must be TLS. Without an option: where the server offers it, unverified."""
    mode = url.option("ssl_mode") or "preferred"
    if mode == "disabled" or url.socket is not None:
        return None, False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify_identity"
    context.verify_mode = ssl.CERT_REQUIRED if mode in {"verify_ca", "verify_identity"} else ssl.CERT_NONE
    try:
        if (authority := url.option("ssl_ca")) is not None:
            context.load_verify_locations(authority)
        elif context.verify_mode is ssl.CERT_REQUIRED:
            context.load_default_certs()
        if (certificate := url.option("ssl_cert")) is not None:
            context.load_cert_chain(certificate, url.option("ssl_key"))
    except OSError as error:
        raise ConnectionRefused("TLS: a certificate or key file of the database URL cannot be used") from error
    return context, mode != "preferred"
