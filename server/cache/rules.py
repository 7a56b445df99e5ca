"""What the configuration says of keeping answers, table by table.

Rule: patterns first, exact names last and strongest, as everywhere under `tables`; a table of which nothing is said takes
no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reflector.access.names import database_names, is_pattern, matching
from reflector.catalog.model import Catalog, Table
from server.config import Config


@dataclass(frozen=True, slots=True)
class CacheRule:
    """`ttl` in seconds. `public`: what everybody may read may be kept by others on the way."""

    ttl: float
    public: bool = False


def cache_rules(config: Config, catalog: Catalog) -> Mapping[Table, CacheRule]:
    """The rule of every table that takes part."""
    known = database_names(catalog)
    rules: dict[Table, CacheRule] = {}
    exact = [name for name in config.tables if name in known]
    patterns = [name for name in config.tables if name not in known and is_pattern(name)]
    for name in (*patterns, *exact):
        said = config.tables[name].cache
        if said is not None:
            rule = CacheRule(said.ttl.total_seconds(), said.public)
            found = [name] if name in known else matching(name, known)
            rules.update((known[each], rule) for each in found)
    return rules


def takes_part(config: Config) -> bool:
    """Whether anything at all is to be kept."""
    return any(table.cache is not None for table in config.tables.values())
