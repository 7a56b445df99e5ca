"""What the configuration says of keeping answers, table by table.

Rule: patterns first, exact names last and strongest, as everywhere under `tables`; a table of which nothing is said takes
part where `cache` says a `ttl` for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reflector.access.names import database_names, is_pattern, matching
from reflector.catalog.model import Catalog, Table
from server.config import Config
from server.config.caching import Cache, TableCache

SILENT = TableCache()


@dataclass(frozen=True, slots=True)
class CacheRule:
    """`ttl` in seconds, `stale` in further ones. `public`: what everybody may read may be kept by others on the way."""

    ttl: float
    public: bool = False
    stale: float = 0.0


def together(rules: Sequence[CacheRule | None]) -> tuple[float, float]:
    """`ttl` and `stale` of an answer that is made of these tables: of none it is shown older than the table says. A table without
    a rule bears nothing old."""
    ttl = min(0.0 if rule is None else rule.ttl for rule in rules)
    return ttl, min(0.0 if rule is None else rule.ttl + rule.stale for rule in rules) - ttl


def cache_rules(config: Config, catalog: Catalog) -> Mapping[Table, CacheRule]:
    """The rule of every table that takes part."""
    known = database_names(catalog)
    said = dict.fromkeys(known.values(), SILENT)
    exact = [name for name in config.tables if name in known]
    patterns = [name for name in config.tables if name not in known and is_pattern(name)]
    for name in (*patterns, *exact):
        own = config.tables[name].cache
        found = [name] if name in known else matching(name, known)
        said.update((known[each], own) for each in found if own is not None)
    rules = {table: _rule(own, config.cache) for table, own in said.items()}
    return {table: rule for table, rule in rules.items() if rule.ttl}


def _rule(own: TableCache, all_: Cache) -> CacheRule:
    ttl, stale = own.ttl if own.ttl is not None else all_.ttl, own.stale if own.stale is not None else all_.stale
    return CacheRule(_seconds(ttl), own.public, _seconds(stale))


def _seconds(said: timedelta | None) -> float:
    return 0.0 if said is None else said.total_seconds()


def takes_part(config: Config) -> bool:
    """Whether anything at all is to be kept."""
    kept = (_rule(table.cache, config.cache).ttl for table in config.tables.values() if table.cache is not None)
    return config.cache.ttl is not None or any(kept)
