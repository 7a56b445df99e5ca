"""How a config names tables and columns: as the database does, or with `*` and `?` for many at once.

Rule: a name that is exactly there is that one thing, whatever marks it holds; only then is it a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from reflector.catalog.model import Catalog, Column, Table


def is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


@lru_cache(maxsize=1024)
def _pattern(name: str) -> re.Pattern[str]:
    # A run of stars means what one star means, and would only make the search slow.
    parts = re.split(r"(\*+|\?)", name)
    return re.compile("".join(_piece(part) for part in parts), re.DOTALL)


def _piece(part: str) -> str:
    return ".*" if part.startswith("*") else "." if part == "?" else re.escape(part)


def matching(name: str, known: Iterable[str]) -> list[str]:
    """The known names that the pattern matches, in their order; case counts."""
    pattern = _pattern(name)
    return [each for each in known if pattern.fullmatch(each)]


def database_names(catalog: Catalog) -> Mapping[str, Table]:
    """Each table under its name in the database: plain in the first schema, `schema.name` in the others."""
    first = catalog.schemas[0] if catalog.schemas else None
    return {
        table.name if table.schema == first else f"{table.schema}.{table.name}": table
        for table in catalog.tables.values()
    }


def columns_named(name: str, table: Table) -> list[Column]:
    """The column of that name, else those the pattern matches."""
    if name in table.by_name:
        return [table.by_name[name]]
    return [table.by_name[each] for each in matching(name, table.by_name)] if is_pattern(name) else []
