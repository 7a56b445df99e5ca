"""Reading what a database is made of: one module per database, each a handful of set queries → `Facts` → `Catalog`.

Rule: a reflection only asks, through the `fetch` it is handed; it opens no connection, keeps nothing, changes
nothing. What it found is named and linked by `catalog.build` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final, Protocol

from reflector.catalog.build import NO_OVERLAY, Overlay, build
from reflector.catalog.facts import Facts
from reflector.catalog.model import Catalog, DatabaseKind

OF_THE_LOGIN: Final = frozenset({"row_security", "not_granted"})
"""Notices about the role that we connect as."""

Fetch = Callable[..., Awaitable[Sequence[Sequence[Any]]]]
"""`await fetch(text, *values)`: all rows of one statement, placeholders in the driver's own style."""


class Reflection(Protocol):
    """What the module of each database offers."""

    async def read_facts(self, fetch: Fetch, schemas: Sequence[str] | None, path: Sequence[str] = (), /) -> Facts:
        """Everything in the given schemas, the first being the main one; None means all that are not the system's. Of
        the schemas `path` the functions of their rows, where a database has such."""

    async def fingerprint(self, fetch: Fetch, schemas: Sequence[str] | None, /) -> str:
        """Text that changes whenever what `read_facts` reads does. Cheap: it is asked every other second."""


@cache
def reflections() -> Mapping[DatabaseKind, Reflection]:
    """The table of databases. The modules need `Fetch` from here, so they are imported when first asked for."""
    from reflector.reflection import mysql, postgresql, sqlite

    return {
        DatabaseKind.POSTGRESQL: postgresql,
        DatabaseKind.MARIADB: mysql,
        DatabaseKind.MYSQL: mysql,
        DatabaseKind.SQLITE: sqlite,
    }


async def reflect(kind: DatabaseKind, fetch: Fetch, overlay: Overlay = NO_OVERLAY) -> Catalog:
    """The catalog of the database behind `fetch`; raises CatalogError naming everything in `overlay` that does not fit."""
    facts = await reflections()[kind].read_facts(fetch, overlay.schemas, overlay.search_path)
    catalog = await asyncio.to_thread(build, facts, overlay)  # a tenth of a second for 1,000 tables: not on the loop
    if not overlay.roles:
        return catalog
    from reflector.reflection.postgresql_roles import read_roles

    # Whether a role may read is each role's own matter, and not that of the login.
    notices = tuple(each for each in catalog.notices if each.code not in OF_THE_LOGIN)
    roles = await read_roles(fetch, catalog.schemas, catalog.version, overlay.search_path)
    return replace(catalog, notices=notices, roles=roles)


async def fingerprint(kind: DatabaseKind, fetch: Fetch, overlay: Overlay = NO_OVERLAY) -> str:
    """Text that changes whenever the schema behind `fetch` does, or the roles that the overlay asks for; equal texts mean
    the same of both. Where a server has many databases, only the overlay's are watched."""
    seen = await reflections()[kind].fingerprint(fetch, overlay.schemas)
    if not overlay.roles:
        return seen
    from reflector.reflection.postgresql_roles import roles_fingerprint

    return f"{seen}|{await roles_fingerprint(fetch)}"
