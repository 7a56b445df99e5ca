"""What the settings of kept answers must have to do with one another.

Rule: as in `checks`: the plain values are read, and what has the wrong shape is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from server.config.complaints import Path
from server.config.plain import Fault, mapping


def caches(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """What each table says of its answers, where it says that they are kept."""
    for table, said in mapping(data, "tables").items():
        given = mapping(said).get("cache", False)
        if given is not False:
            yield ("tables", table, "cache"), given


def kept_for_no_time(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Answers are kept for some time, which the table says or `cache` for all."""
    if "ttl" in mapping(data, "cache"):
        return
    for path, given in caches(data):
        if given is True or (isinstance(given, Mapping) and "ttl" not in given):
            yield path, "needs a ttl", "say it here, or for all tables as cache.ttl"


def nothing_to_show(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Old answers are shown of tables whose answers are kept."""
    said = mapping(data, "cache")
    if "stale" in said and "ttl" not in said and not any(caches(data)):
        yield ("cache", "stale"), "says nothing: no table's answers are kept", "name cache.ttl, or a cache of a table"


CHECKS: Final = (kept_for_no_time, nothing_to_show)
