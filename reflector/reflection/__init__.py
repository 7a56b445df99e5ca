"""Reading what a database is made of: one module per database, each a handful of set queries → `Facts` → `Catalog`.

Rule: a reflection only asks, through the `fetch` it is handed; it opens no connection, keeps nothing, changes
nothing. What it found is named and linked by `catalog.build` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from reflector.catalog.build import NO_OVERLAY, Overlay, build
from reflector.catalog.facts import Facts
from reflector.catalog.model import Catalog, DatabaseKind

Fetch = Callable[..., Awaitable[Sequence[Sequence[Any]]]]
"""`await fetch(text, *values)`: all rows of one statement, placeholders in the driver's own style."""


class Reflection(Protocol):
    """What the module of each database offers."""

    async def read_facts(self, fetch: Fetch, schemas: Sequence[str] | None) -> Facts:
        """Everything in the given schemas, the first being the main one; None means all that are not the system's."""

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
    facts = await reflections()[kind].read_facts(fetch, overlay.schemas)
    return await asyncio.to_thread(build, facts, overlay)  # a tenth of a second for 1,000 tables: not on the loop


async def fingerprint(kind: DatabaseKind, fetch: Fetch, schemas: Sequence[str] | None = None) -> str:
    """Text that changes whenever the schema behind `fetch` does; equal texts mean the same schema.

    `schemas` are those of the overlay: where a server has many databases, only those reflected are watched.
    """
    return await reflections()[kind].fingerprint(fetch, schemas)
