"""How each database is asked for the plan of a statement, one row each.

Rule: what a database cannot tell of its plans is an error that names it, never a plan without it; and nothing that could
not be taken back is carried out to tell one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.errors import NotSupported
from reflector.sql.explaining import Explained, Explaining, lines, nested, one_text, steps_of_plan, without_brackets

LASTING: Final = """
SELECT 1 FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
WHERE e.transactions <> 'YES' AND t.table_type = 'BASE TABLE'
  AND t.table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') LIMIT 1
"""
"""Tables of MariaDB whose engine has no transactions: one of them may be written by a trigger or a function of any other."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a database takes of the options, and how it is asked."""

    name: str
    options: frozenset[str]
    explained: Callable[[Explaining], Explained]


def explained(kind: DatabaseKind, wanted: Explaining) -> Explained:
    """How this database is asked for a plan; raises NotSupported for options that it does not have."""
    asking = ASKS[kind]
    for option in wanted.options:
        if option not in asking.options:
            raise NotSupported(f"{asking.name} cannot tell a plan with {option}")
    return asking.explained(wanted)


def _postgresql(wanted: Explaining) -> Explained:
    written = [*(option.upper() for option in wanted.options), "FORMAT JSON" if wanted.as_json else "FORMAT TEXT"]
    told = without_brackets if wanted.as_json else lines
    return Explained(f"EXPLAIN ({', '.join(written)}) ", told, wanted.as_json, wanted.runs)


def _mariadb(wanted: Explaining) -> Explained:
    """Its JSON is the form that people read as well."""
    words = "ANALYZE FORMAT=JSON " if wanted.runs else "EXPLAIN FORMAT=JSON "
    return Explained(words, one_text, wanted.as_json, wanted.runs, lasting=LASTING)


def _mysql(wanted: Explaining) -> Explained:
    return Explained("EXPLAIN FORMAT=JSON ", one_text, wanted.as_json)


def _sqlite(wanted: Explaining) -> Explained:
    return Explained("EXPLAIN QUERY PLAN ", steps_of_plan if wanted.as_json else nested, wanted.as_json)


ASKS: Final[Mapping[DatabaseKind, Asking]] = {
    DatabaseKind.POSTGRESQL: Asking(
        "PostgreSQL", frozenset({"analyze", "verbose", "settings", "buffers", "wal"}), _postgresql
    ),
    DatabaseKind.MARIADB: Asking("MariaDB", frozenset({"analyze"}), _mariadb),
    DatabaseKind.MYSQL: Asking("MySQL", frozenset(), _mysql),
    DatabaseKind.SQLITE: Asking("SQLite", frozenset(), _sqlite),
}
