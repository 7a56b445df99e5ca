"""The resource API asked from within: what it answers a caller, for code that works on the caller's behalf.

    GET /api/book?price__lt=5      the envelope of a list
    GET /api/book/7                a row; with PATCH and DELETE changed, or removed
    POST /api/book                 a new row, or several

Rule: it is the caller who asks, under their own scope, rules and limits; nothing here knows a way past them, and nothing
that is answered here is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Column, DatabaseKind
from reflector.datatypes import Value
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, InvalidRequest, SchemaChanged
from reflector.query.nodes import Selected
from reflector.query.scope import TableScope
from reflector.signature import written
from reflector.sql.plan import Answer
from server.apis.resource.bodies import RowReader
from server.apis.resource.caller import Caller
from server.apis.resource.cursors import Cursors
from server.apis.resource.faults import FaultList
from server.apis.resource.keys import key_of, read_key
from server.apis.resource.listing import envelope, read_listing
from server.apis.resource.rows import Writing, check_amount, plan_row, read_members
from server.context import Context
from server.documents import read_json

ROOT: Final = "/api/"
CUT: Final = re.compile(r"[#\x00-\x1f\x7f]")
"""What reading an address would leave out, so that another row would be meant."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a caller about a table, or the row with this key where it is not empty."""

    caller: Caller
    table: TableScope
    path: str
    key: str
    query: str


class Within:
    """Asks for callers."""

    def __init__(self, context: Context) -> None:
        self.engine = context.engine
        self.cursors = Cursors(context.cursor_key)

    async def __call__(self, caller: Caller, method: str, address: str, body: Any) -> Any:
        """What the method of the address answers; raises what the API would tell."""
        asked = _asked(caller, address)
        table = asked.table
        match method, bool(asked.key):
            case "GET", of_row:
                _check(table.may_read, "read", table)
                return _read(await (self._row(asked) if of_row else self._list(asked)))
            case "POST", False:
                _check(table.may_create and table.table.insertable, "create rows in", table)
                return _read(await self._create(asked, body))
            case "PATCH", True:
                _check(table.may_update and table.table.updatable, "change rows of", table)
                return _read(await self._update(asked, body))
            case "DELETE", True:
                _check(table.may_delete and table.table.deletable, "delete rows of", table)
                return await Writing(self.engine, caller, table).delete(_key(asked))
            case _:
                raise InvalidRequest(f"{method} is not for this address")

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def _list(self, asked: Asked) -> bytes:
        rights = asked.caller.rights
        listing = read_listing(rights, asked.table, asked.path, asked.query, self.cursors)
        prepared = self.engine.prepare(rights.snapshot, rights.access, listing.read)
        return envelope(listing, await self._run(asked, prepared), self.cursors)[0]

    async def _row(self, asked: Asked) -> bytes:
        plan = plan_row(self.engine, asked.caller.rights, asked.table, key_of(asked.table), asked.query)
        prepared = plan.template.filled(read_key(plan.key, asked.key))
        return (await self._run(asked, prepared)).body or b"null"

    async def _run(self, asked: Asked, prepared: Prepared) -> Answer:
        caller = asked.caller
        try:
            return await self.engine.run(prepared, caller.principal, caller.rights.session)
        except SchemaChanged:
            await self.engine.renewed(caller.rights.snapshot)
            raise
        except DatabaseError as error:
            raise disclosed(error, asked.table, caller.rights.snapshot.catalog) from error

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    async def _create(self, asked: Asked, body: Any) -> bytes | None:
        rights, table, faults = asked.caller.rights, asked.table, FaultList()
        shown = _shown(asked, faults)
        grant = rights.access.grants.on(table.table)
        creates, reader = () if grant is None else grant.creates, _reader(asked, faults)
        given, writing = read_json(written(body).decode()), Writing(self.engine, asked.caller, table)
        if isinstance(given, list):
            check_amount(len(given), shown or (), rights.limits, faults)
            faults.check()
            rows = reader.created_many(given, creates)
            faults.check()
            return (await writing.insert_many(rows, shown)).body
        values = reader.created(_object(given), creates)
        faults.check()
        return (await writing.insert(values, shown)).body

    async def _update(self, asked: Asked, body: Any) -> bytes | None:
        faults = FaultList()
        shown = _shown(asked, faults)
        values = _reader(asked, faults).updated(_object(read_json(written(body).decode())))
        faults.check()
        return (await Writing(self.engine, asked.caller, asked.table).update(_key(asked), values, shown)).body


def _asked(caller: Caller, address: str) -> Asked:
    """What an address of the API is about; raises InvalidRequest, and UnknownTable for what the caller may not use."""
    if CUT.search(address):
        raise InvalidRequest("an address has # and letters that end a line only where they are quoted: %23")
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path.startswith(ROOT) or parts.path.count("/") > 3:
        raise InvalidRequest("an address is /api/{table}, or /api/{table}/{key}, with a query string")
    label, _, key = parts.path.removeprefix(ROOT).partition("/")
    return Asked(caller, caller.rights.access.scope.table(unquote(label)), parts.path, key, parts.query)


def _check(right: bool, what: str, table: TableScope) -> None:
    if not right:
        raise Forbidden(f"you may not {what} {table.table.label}")


def _read(body: bytes | None) -> Any:
    return None if body is None else read_json(body.decode())


def _key(asked: Asked) -> dict[Column, Value]:
    key = key_of(asked.table)
    return dict(zip(key, read_key(key, asked.key), strict=True))


def _shown(asked: Asked, faults: FaultList) -> tuple[Selected, ...] | None:
    """What is answered of a written row; None where the caller may see nothing of it."""
    if not asked.table.may_read:
        return None
    return read_members(asked.caller.rights, asked.table, asked.query, faults)


def _reader(asked: Asked, faults: FaultList) -> RowReader:
    return RowReader(asked.table, faults, sized=asked.caller.rights.snapshot.catalog.kind is not DatabaseKind.SQLITE)


def _object(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InvalidRequest("a row is an object")
    return given
