"""What a test expects to be null and expects nothing besides: where nobody holds anything there, it could not fail.

    {read: note, sees: {secret: null}}          of the rows that `where` and `filter` pick, none has a secret, whoever asks
    {aggregate: note, max: {secret: null}}      the same

What a function gives is the function's own matter, rules of rows have no part in it, and what it would have given to others
nobody can tell: so `rows: 0` of a call is taken for what the function is to be held to.

Rule: a word beside it that could fail (`rows`, `keys`, `count`, another value of `sees`) makes it a test of that.
"""

from __future__ import annotations

from reflector.catalog.model import Catalog
from reflector.query.nodes import TRUE, Exists, Field, Filter, IsNull, Not, Or
from server.config.trials import VERBS, Trial
from server.trials.aggregates import asked, expects_nothing
from server.trials.trial import Bound


def expected_null(said: Trial) -> tuple[str, ...]:
    """The columns, and relationships, in which there is to be nothing, where nothing else is expected."""
    if said.verb == "aggregate":
        alone = said.count is None and said.groups is None and expects_nothing(said)
        return tuple(dict.fromkeys(column for _, column in asked(said))) if alone else ()
    others = (word for word in VERBS[said.verb].expects if word != "sees")
    if said.verb != "read" or said.sees is None or any(getattr(said, word) is not None for word in others):
        return ()
    return tuple(said.sees) if all(value in (None, ()) for value in said.sees.values()) else ()


def holding(bound: Bound, catalog: Catalog) -> Filter | None:
    """Which rows hold something where there is to be nothing; None where something else is expected."""
    table, names = bound.table, expected_null(bound.trial.said)
    if table is None or not names:
        return None
    related = catalog.relationships.get(table, {})
    return Or(
        tuple(
            Not(IsNull(Field(table.by_name[name]))) if name in table.by_name else Exists(related[name], TRUE)
            for name in names
        )
    )
