"""Programs that carry a key: one of a table of the user's, or one that the file names.

    X-API-Key: rk_…            the header that `auth.api_keys.header` names
    Authorization: ApiKey rk_…

A key is the caller. With `auth.api_keys.with_token: person` one may stand beside a Bearer: it names the program, the token the
person who calls, and the key gives and takes nothing; but both have to hold.

A key has more bits than anybody could try, so its SHA-256 is enough of a hash: it is computed of every key alike, and the row is
found by it through a unique index. Unknown, wrong, ended and revoked keys go one way and get one answer.

Rule: a key is believed for a few seconds without asking again, so that revoking it holds in less than ten, on sockets too.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from aiohttp import web

from reflector.engine import Engine
from server.auth.method import Carrier, InHeader, Method, Proof, in_authorization
from server.auth.own_table import OwnTable, Row
from server.auth.people import People
from server.config import Config
from server.config.authentication import ApiKeys as Settings
from server.config.authentication import FixedKey
from server.context import Credential

SCHEME: Final = "apikey"
BELIEVED_SECONDS: Final = 4.0
LEAST: Final = 22
"""Letters of a key: fewer cannot hold 128 bits."""
LONGEST: Final = 512
REFUSAL: Final = "the API key does not hold"
PREFIX: Final = "rk_"


class ApiKeys(Method):
    """Keys by their hashes. `clock` gives seconds of the wall clock."""

    name = "api_key"
    challenges = ("ApiKey",)

    def __init__(
        self, settings: Settings, config: Config, engine: Engine | None, clock: Callable[[], float] = time.time
    ) -> None:
        known = None if config.decided_by_database else frozenset(config.roles)
        self._people = People(self.name, known, settings.default_role, REFUSAL)
        self._clock = clock
        self._fixed = {each.hash.removeprefix("sha256:"): (name, each) for name, each in settings.keys.items()}
        columns = settings.columns.model_dump()
        self._table = None if settings.table is None else OwnTable(engine, settings.table, "key_hash", columns)
        self.asks = self._table is not None
        self.kinds = (SCHEME, settings.header.lower())
        self.carriers: tuple[Carrier, ...] = (in_authorization, InHeader(settings.header))
        self.beside = self.kinds if settings.with_token == "person" else ()  # noqa: S105

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """Whose key it is; raises InvalidToken, Forbidden and what the database reports."""
        row = await self._row(credential.text)
        if row is None or self._people.is_on(row, "revoked"):
            raise self._people.nobody()
        until = self._people.end(row, "expires")
        if until is not None and until <= self._clock():
            raise self._people.nobody()
        return Proof(self._people.principal(row, until), until, BELIEVED_SECONDS)

    async def _row(self, key: str) -> Row | None:
        if not LEAST <= len(key) <= LONGEST:
            return None
        digest = sha256(key.encode("utf-8", "surrogateescape"))
        fixed = self._fixed.get(digest.hexdigest())
        if fixed is not None:
            return of_file(*fixed)
        if self._table is None:
            return None
        by_bytes = self._table.found_by_bytes
        row = await self._table.find(digest.digest() if by_bytes else digest.hexdigest())
        if row is None or (not by_bytes and not hmac.compare_digest(str(row["key_hash"]), digest.hexdigest())):
            return None
        return row


def of_file(name: str, key: FixedKey) -> Row:
    """A key of the file as a row."""
    expires = None if key.expires is None else key.expires.timestamp()
    subject = name if key.sub is None else key.sub
    return {"role": list(key.role), "subject": subject, "claims": dict(key.claims), "expires": expires}


def new_key() -> tuple[str, str]:
    """A key of 256 bits, and what is kept of it."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, f"sha256:{sha256(key.encode()).hexdigest()}"
