"""The resource API asked from within: what it answers a caller, for code that works on the caller's behalf.

    /api/book?price__lt=5      the envelope of a list
    /api/book/7                a row

Rule: it is the caller who asks, under their own scope, rules and limits; nothing here knows a way past them, and nothing
that is answered here is kept.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit

from reflector.access.disclosure import disclosed
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, InvalidRequest, SchemaChanged
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.resource.caller import Caller
from server.apis.resource.cursors import Cursors
from server.apis.resource.keys import key_of, read_key
from server.apis.resource.listing import envelope, read_listing
from server.apis.resource.rows import plan_row
from server.context import Context
from server.documents import read_json

ROOT: Final = "/api/"


class Within:
    """Asks for callers."""

    def __init__(self, context: Context) -> None:
        self.engine = context.engine
        self.cursors = Cursors(context.cursor_key)

    async def __call__(self, caller: Caller, address: str) -> Any:
        """What `GET` of the address answers; raises what the API would tell."""
        path, query = _split(address)
        label, _, key = path.removeprefix(ROOT).partition("/")
        table = caller.rights.access.scope.table(unquote(label))
        if not table.may_read:
            raise Forbidden(f"you may not read {table.table.label}")
        body = await (self._row(caller, table, key, query) if key else self._list(caller, table, path, query))
        return read_json(body.decode())

    async def _list(self, caller: Caller, table: TableScope, path: str, query: str) -> bytes:
        rights = caller.rights
        listing = read_listing(rights, table, path, query, self.cursors)
        prepared = self.engine.prepare(rights.snapshot, rights.access, listing.read)
        return envelope(listing, await self._asked(caller, table, prepared), self.cursors)[0]

    async def _row(self, caller: Caller, table: TableScope, key: str, query: str) -> bytes:
        plan = plan_row(self.engine, caller.rights, table, key_of(table), query)
        prepared = plan.template.filled(read_key(plan.key, key))
        return (await self._asked(caller, table, prepared)).body or b"null"

    async def _asked(self, caller: Caller, table: TableScope, prepared: Prepared) -> Answer:
        try:
            return await self.engine.run(prepared, caller.principal, caller.rights.session)
        except SchemaChanged:
            await self.engine.renewed(caller.rights.snapshot)
            raise
        except DatabaseError as error:
            raise disclosed(error, table, caller.rights.snapshot.catalog) from error


def _split(address: str) -> tuple[str, str]:
    """Path and query string of an address of the API; raises InvalidRequest."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path.startswith(ROOT) or parts.path.count("/") > 3:
        raise InvalidRequest("an address is /api/{table}, or /api/{table}/{key}, with a query string")
    return parts.path, parts.query
