"""How many rows there are in all, where a guess is good enough: `Prefer: count=planned` and `count=estimated`.

    planned      what the planner expects
    estimated    counted up to the most rows of an answer; of more, what the planner expects, if that is more

A guess is made of what the database knows of all rows, so that it tells of those that its reader may not see.

Rule: unless `allow_estimated_counts` says so everything is counted; and even then whatever is not a table that its reader
sees whole, with filters of columns that they see in every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from reflector.access.permissions import TableGrant
from reflector.catalog.model import DatabaseKind, TableKind
from reflector.engine import Prepared
from reflector.query.expressions import grouped
from reflector.query.inside import nodes_of
from reflector.query.nodes import (
    TRUE,
    And,
    Cast,
    Compare,
    Field,
    Filter,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Or,
    Output,
    Read,
)
from reflector.query.scope import TableScope
from reflector.reflection.row_security import hides_rows
from reflector.sql.explaining import Explaining
from reflector.sql.plan import Answer
from server.apis.postgrest.preferences import Preferences
from server.apis.postgrest.ranges import Window
from server.apis.postgrest.roads import Api
from server.callers import Caller

GUESSED: Final = frozenset({"planned", "estimated"})
PLANNERS: Final = frozenset({DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB})
"""Databases that expect a number of rows."""
PLAIN: Final = (And, Or, Not, Compare, IsNull, Field, Literal, JsonPath, Cast, Lowered)
"""What a filter may be made of: it looks at the row itself, and at nothing else."""
PAGE: Final = "CTE page"


@dataclass(frozen=True, eq=False, slots=True)
class Guess:
    """How a number is guessed: `rows` are asked for their plan, `page` is what is answered beside it. Up to `most` rows
    `page` has counted itself; None where it counts nothing. `exact` is asked instead where the database hides rows."""

    rows: Prepared
    page: Prepared
    most: int | None
    exact: Prepared


def guess_of(
    api: Api, caller: Caller, table: TableScope, read: Read, preferred: Preferences, most: int
) -> Guess | None:
    """How the rows of a question that counts are guessed; None where they are counted."""
    if preferred.count not in GUESSED or not api.settings.allow_estimated_counts:
        return None
    rights = caller.rights
    grant = rights.access.grants.on(table.table)
    if rights.snapshot.catalog.kind not in PLANNERS or grant is None or not _may_be_guessed(grant, read):
        return None
    column = next((each for each, rule in grant.columns.items() if rule == TRUE), None)
    if column is None:
        return None

    def prepared(asked: Read) -> Prepared:
        return api.engine.prepare(rights.snapshot, rights.access, asked)

    bound = most if preferred.count == "estimated" else None
    page = replace(read, count=False) if bound is None else replace(read, most_counted=bound + 1)
    plain = Read(read.table, (Output(column.name, Field(column)),), where=read.where)
    return Guess(prepared(plain), prepared(page), bound, prepared(read))


def _may_be_guessed(grant: TableGrant, read: Read) -> bool:
    """Whether what the planner knows of the table is its reader's to know."""
    if grant.table.kind is not TableKind.TABLE or grant.read_rows != TRUE or grouped(read.select):
        return False
    return _looks_at(grant, read.where)


def _looks_at(grant: TableGrant, where: Filter) -> bool:
    """Whether a filter looks at nothing but columns that are seen in every row."""
    nodes = list(nodes_of(where))
    columns = [node.column for node in nodes if isinstance(node, Field)]
    return all(isinstance(node, PLAIN) for node in nodes) and all(grant.columns.get(each) == TRUE for each in columns)


async def answered(api: Api, caller: Caller, table: TableScope, guess: Guess, window: Window) -> Answer:
    """The answer, and how many rows are expected in all: never fewer than those that are shown. Raises ReflectorError."""
    engine, principal, session = api.engine, caller.principal, caller.rights.session
    if await hides_rows(engine.driver.kind, engine.driver.fetch, table.table):
        return await engine.run(guess.exact, principal, session)
    answer = await engine.run(guess.page, principal, session)
    if guess.most is not None and answer.total is not None and answer.total <= guess.most:
        return answer
    seen = answer.seen or 0
    shown = seen if window.limit is None else min(seen, window.limit)
    known = max(answer.total or 0, window.offset + shown if shown else 0)
    return replace(answer, total=max(known, await expected(api, caller, guess.rows)))


async def expected(api: Api, caller: Caller, rows: Prepared) -> int:
    """How many rows the planner expects; raises ReflectorError."""
    # What is called before a request was called before the question itself.
    session = replace(caller.rights.session, first=(), said=None)
    answer = await api.engine.explain(rows, caller.principal, Explaining(as_json=True), session)
    plan = orjson.loads(answer.body or b"[]")
    if caller.rights.snapshot.catalog.kind is DatabaseKind.POSTGRESQL:
        return expected_by_postgresql(plan[0]["Plan"])
    return expected_by_mariadb(plan)


def expected_by_postgresql(plan: Any) -> int:
    """The rows that go into the document: those of the page, or those that the topmost node gathers."""
    page = next((node for node in _objects(plan) if node.get("Subplan Name") == PAGE), None)
    below = plan.get("Plans", [plan])[0]
    return int((below if page is None else page)["Plan Rows"])


def expected_by_mariadb(plan: Any) -> int:
    """The rows of the table that are read, and how many percent of them the filter leaves."""
    tables = [node for node in _objects(plan) if isinstance(node.get("rows"), int)]
    return max((round(node["rows"] * node.get("filtered", 100) / 100) for node in tables), default=0)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document, the outer ones first."""
    waiting = [value]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, dict):
            yield here
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here
