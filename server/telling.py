"""What the configuration says of changes, as capturing takes it.

Rule: patterns first, exact names last and strongest, as everywhere under `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from reflector.access.names import database_names, is_pattern, matching
from reflector.catalog.model import Catalog, Table
from reflector.changes.terms import FOLLOWS, TableTerms, Terms
from server.config import Config


def terms_of(config: Config) -> Terms:
    """What holds for all tables, and how to find what holds for some."""
    said = config.changes
    return Terms(
        captured=said.source == "auto",
        memory=said.memory,
        replay=_seconds(said.replay),
        max_lag=_seconds(said.max_lag),
        tables=partial(table_terms, config),
    )


def table_terms(config: Config, catalog: Catalog) -> Mapping[Table, TableTerms]:
    """The terms of every table that says something of its changes."""
    known = database_names(catalog)
    terms: dict[Table, TableTerms] = {}
    exact = [name for name in config.tables if name in known]
    patterns = [name for name in config.tables if name not in known and is_pattern(name)]
    for name in (*patterns, *exact):
        said = config.tables[name].changes
        if said is not None:
            events = frozenset(event for each in said.events for event in FOLLOWS[each])
            found = [name] if name in known else matching(name, known)
            each_term = TableTerms(events, _seconds(said.replay or config.changes.replay))
            terms.update((known[each], each_term) for each in found)
    return terms


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
