"""People of a table who show their name and password.

Looking at a password takes a thread and tens of milliseconds, by design: two are looked at at once, some wait, and more are told
to come back. Of somebody who is not there a hash is looked at all the same, one of somebody who is, so that both take one
road and one time.

Rule: a password that was right is remembered for some minutes as a keyed hash of it and of the hash that it matched; the row is read
anew all the same, so that whoever is disabled, or has another password, is out within seconds.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

from aiohttp import web

from reflector.access.principal import Principal
from reflector.engine import Engine
from server.auth.attempts import Attempts
from server.auth.own_table import OwnTable, Row
from server.auth.password_hashes import USUAL, UnknownHash, matches
from server.auth.people import People
from server.config import Config
from server.config.authentication import Basic as Settings
from server.peers import peer_of
from server.problems import TooManyAttempts
from server.rates import Buckets

LOOKED_AT: Final = 2
WAITING: Final = 32
LONGEST: Final = 1024
REMEMBERED: Final = 8192
REMEMBERED_SECONDS: Final = 300.0
REFUSAL: Final = "the name or the password is not right"


class Passwords:
    """Tells who somebody is by name and password. `attempts`: where it is counted who was wrong; `steady` gives seconds of a
    clock that does not jump."""

    def __init__(
        self,
        settings: Settings,
        config: Config,
        engine: Engine | None,
        steady: Callable[[], float] = time.monotonic,
        attempts: Buckets | None = None,
    ) -> None:
        known = None if config.decided_by_database else frozenset(config.roles)
        self._people = People("basic", known, settings.default_role, REFUSAL)
        self._table = OwnTable(engine, settings.table, "name", settings.columns.model_dump())
        self._attempts = Attempts(Buckets(steady) if attempts is None else attempts)
        self._steady = steady
        self._threads = ThreadPoolExecutor(LOOKED_AT, thread_name_prefix="reflector-passwords")
        self._waiting = 0
        self._seed = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._somebodys: str | None = None

    async def principal(self, name: str, password: str, request: web.BaseRequest) -> Principal:
        """Who has this name and password. Raises InvalidToken, Forbidden, UnknownRole; TooManyAttempts where somebody was wrong
        too often; and what the database reports."""
        if not name or max(len(name), len(password)) > LONGEST or "\0" in name + password:
            raise self._people.nobody()
        address, claimed = peer_of(request).address, self._key(password, f"\0{name}")
        if not self._was_right(claimed):
            self._attempts.look(address, name)  # before the table is asked
        row = await self._table.find(name)
        # The index may know the name in other letters; the person has exactly one.
        known = row is not None and row.get("name") == name
        written = row.get("password_hash") if known and row is not None else None
        hashed = written if isinstance(written, str) and written else None
        if not await self._holds(name, password, hashed, address) or row is None:
            self._right.pop(claimed, None)
            raise self._people.nobody()
        self._remember(claimed)
        if self._people.is_on(row, "disabled"):
            raise self._people.nobody()
        return self._people.principal(row if row.get("subject") is not None else {**row, "subject": name})

    def close(self) -> None:
        """Look at no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _holds(self, name: str, password: str, hashed: str | None, address: str) -> bool:
        key = None if hashed is None else self._key(password, hashed)
        if key is not None and self._was_right(key):
            return True
        self._attempts.begin(address, name)
        if hashed is None:
            await self._look(password, await self._anybodys())
            return False
        right = await self._look(password, hashed)
        self._somebodys = hashed
        if right and key is not None:
            self._attempts.succeed(address, name)
            self._remember(key)
        return right

    async def _look(self, password: str, hashed: str) -> bool:
        """Whether the password has the hash, found out beside the event loop."""
        if self._waiting >= WAITING:
            raise TooManyAttempts("too many passwords are being looked at: try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, matches, password, hashed)
        except UnknownHash as fault:
            raise self._people.unclear("password_hash") from fault
        finally:
            self._waiting -= 1

    async def _anybodys(self) -> str:
        """A hash like those of the table, to look at for somebody who is not there."""
        if self._somebodys is None:
            row: Row | None = await self._table.any()
            found = None if row is None else row.get("password_hash")
            self._somebodys = found if isinstance(found, str) and found else USUAL
        return self._somebodys

    def _key(self, password: str, hashed: str) -> bytes:
        text = f"{len(hashed)}:{hashed}{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._seed, text, sha256)

    def _was_right(self, key: bytes) -> bool:
        return self._right.get(key, 0.0) > self._steady()

    def _remember(self, key: bytes) -> None:
        self._right.pop(key, None)
        self._right[key] = self._steady() + REMEMBERED_SECONDS
        while len(self._right) > REMEMBERED:
            self._right.popitem(last=False)
