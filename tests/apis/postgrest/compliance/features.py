"""What the API can do, feature by feature, in the order of its documentation.

Rule: every feature has a case for every database. Where a database has nothing to ask for or to refuse, `absent` says why: that
is a declared refusal, and no case may contradict it. What is no request at all, such as a command or the death of a database, is
`shown` by a test of its own that is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.compliance.case import MARIADB, NONE, SQLITE


@dataclass(frozen=True, slots=True)
class Feature:
    section: str
    name: str
    absent: Mapping[DatabaseKind, str] = field(default_factory=lambda: NONE)
    shown: str = ""


def only_postgresql(why: str) -> Mapping[DatabaseKind, str]:
    return {MARIADB: why, SQLITE: why}


NO_PARTS: Final = "partitions are hidden parts of a table there, or are not had"
ITS_ROLES: Final = (
    "roles, grants and settings of a session are PostgreSQL's: auth.enforce: database is refused at the start"
)
NO_PATH: Final = "names of a statement are looked for in one place there"
NO_CALLS: Final = "nothing that a request could call raises in words of its own"

ROUTING: Final = (
    "tables by their names", "names of any letters", "deeper paths", "methods of a table", "methods of a function",
    "HEAD", "OPTIONS", "Server", "Content-Location", "Content-Length", "Vary", "JSON unless said otherwise", "a table that is not there",
)  # fmt: skip
FILTERS: Final = (
    "comparisons", "a bad value", "like and ilike", "match and imatch", "in", "is", "isdistinct", "text search",
    "contains and is contained", "ranges", "not", "any and all", "or and and", "values in quotes", "several filters", "names in quotes",
    "paths into documents in filters", "columns that are not selected", "no cast in a filter", "a filter without operator", "an unknown column",
    "filters of related rows", "related rows by an older name",
)  # fmt: skip
SELECTING: Final = (
    "columns", "aliases", "casts", "an unknown cast", "paths into documents", "paths into arrays and composites", "order",
    "order of nulls", "order by related rows", "limit and offset", "Range", "the most rows", "limits of a write",
    "Content-Range", "statuses of pages", "count=exact", "count=planned", "count=estimated",
)  # fmt: skip
EMBEDDING: Final = (
    "many to one", "one to many", "one to one", "many to many", "nested, aliased, repeated", "by column or constraint", "hints",
    "ambiguity", "no relationship", "a table of itself", "composite keys", "views", "declared relationships", "partitioned tables", "inner",
    "null of related rows", "related rows that are not shown", "spread of one", "spread of many", "pages of related rows",
    "related rows of a write", "related rows of a function", "computed fields", "computed relationships",
)  # fmt: skip
AGGREGATES: Final = (
    "aggregates are switched on", "sum, avg, min, max and count", "groups", "casts of aggregates", "count without parentheses",
    "aggregates of related rows", "aggregates of a spread", "no order by aggregates",
)  # fmt: skip
PREFERENCES: Final = (
    "several Prefer headers", "Preference-Applied", "return", "Location", "count of writes", "resolution", "missing", "handling",
    "max-affected", "tx", "timezone", "ends that take back", "what was a preference once",
)  # fmt: skip
WRITES: Final = (
    "one row", "several rows", "rows of defaults", "a bad body", "columns of a body", "CSV bodies", "form bodies", "other bodies",
    "generated columns", "merged duplicates", "ignored duplicates", "on_conflict", "PUT", "PATCH", "DELETE",
    "what a write answers", "one object of a write", "writes through views", "types of a column's own",
)  # fmt: skip
MEDIA: Final = (
    "negotiation", "JSON", "CSV", "one object", "without nulls", "charset", "execution plans", "features on a map", "any media type",
    "media types of the database's own", "domains that present themselves",
)  # fmt: skip
FUNCTIONS: Final = (
    "arguments by name", "arguments in the address", "what reads and what writes", "no function", "several functions", "defaults and variadics",
    "one unnamed argument", "what is returned", "rows of a function", "procedures", "a body of GET",
)  # fmt: skip
SCHEMAS: Final = (
    "several schemas", "Content-Profile", "an unknown schema", "the document at the root", "what the document tells",
    "where the document says that the API is", "a function at the root",
)  # fmt: skip
ACCESS: Final = (
    "a token", "an empty token", "claims of time", "a role", "no token", "WWW-Authenticate", "privileges",
)  # fmt: skip
ERRORS: Final = (
    "the body of an error", "few words", "statuses of the database's codes", "the nearest name",
)  # fmt: skip
OPERATION: Final = (
    "pages of other origins",
    "Server-Timing",
    "a header to trace by",
    "unicode",
    "changes of every row",
)

EVERYWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "routing": ROUTING,
    "filters": FILTERS,
    "selecting": SELECTING,
    "embedding": EMBEDDING,
    "aggregates": AGGREGATES,
    "preferences": PREFERENCES,
    "writes": WRITES,
    "media": MEDIA,
    "functions": FUNCTIONS,
    "schemas": SCHEMAS,
    "access": ACCESS,
    "errors": ERRORS,
    "operation": OPERATION,
}
SHOWN: Final[Mapping[str, str]] = {
    "a database that is away": "server/test_faults.py::test_a_database_that_dies_is_503_and_comes_back",
    "no connection in time": "drivers/test_faults.py::test_an_exhausted_pool_says_so_in_time_and_recovers",
    "tokens that are remembered": "server/test_signed.py::test_tokens_are_not_remembered_where_that_is_said",
    "a configuration of PostgREST's": "server/test_convert.py::test_every_option_has_a_place_or_a_reason",
    "a schema that changes": "server/test_faults.py::test_a_column_that_is_added_appears",
    "health": "server/test_faults.py::test_a_rule_whose_column_goes_closes_its_table_and_comes_back",
    "figures": "server/test_telemetry.py::test_figures_tell_of_plans_pools_and_schema",
    "commands": "server/test_cli_documented.py::test_every_command_is_documented_and_runs_something",
    "an orderly end": "server/test_faults.py::test_requests_under_way_are_finished_before_the_end",
}
"""What a request alone cannot ask, and the test that does: `file::test` under tests/."""
FEATURES: Final = (
    *(
        Feature(section, name)
        for section, names in EVERYWHERE.items()
        for name in names
        if name != "partitioned tables"
    ),
    Feature("embedding", "partitioned tables", only_postgresql(NO_PARTS)),
    Feature("schemas", "the search path", only_postgresql(NO_PATH)),
    Feature("access", "keys", only_postgresql(ITS_ROLES)),
    Feature("access", "no key", only_postgresql(ITS_ROLES)),
    Feature("access", "the database decides", only_postgresql(ITS_ROLES)),
    Feature("access", "a function before the request", only_postgresql(ITS_ROLES)),
    Feature("transactions", "a transaction for each request", only_postgresql(ITS_ROLES)),
    Feature("transactions", "prepared statements", only_postgresql(ITS_ROLES)),
    Feature("transactions", "settings of a function", only_postgresql(ITS_ROLES)),
    Feature("transactions", "settings of a request", only_postgresql(ITS_ROLES)),
    Feature("transactions", "settings of an answer", only_postgresql(ITS_ROLES)),
    Feature("transactions", "settings of a role", only_postgresql(ITS_ROLES)),
    Feature("transactions", "constraints at the end", only_postgresql("constraints are checked with the statement")),
    Feature("errors", "errors with a status of their own", only_postgresql(NO_CALLS)),
    Feature("errors", "errors that are whole answers", only_postgresql(NO_CALLS)),
    *(Feature("operation", name, shown=f"tests/{test}") for name, test in SHOWN.items()),
)
