"""Which media type is answered where aggregates of the database answer in types of their own.

    Accept, by preference  ─►  the table's own handler of any type  ─►  its own of this type
                           ─►  one of any rows of this type         ─►  what every table is answered in

A handler of a table's own takes whole rows: it is there where no columns are chosen and all of them may be read.

Rule: a handler that the caller may not use, or that would need more than the caller may read, is told like none. The
vendor's own types are nobody's to answer.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, TypeAlias

from reflector.catalog.model import Function, Table
from reflector.query.scope import Scope, TableScope
from server.apis.postgrest.grammar.nodes import Level, Star
from server.apis.postgrest.media import ANY, Kind, Media, accepted, answered, negotiate, unavailable

VENDOR: Final = "application/vnd.pgrst."
Choice: TypeAlias = tuple[Media, Function | None]


def handled(scope: Scope, rows: TableScope, level: Level, accept: str | None, offered: Container[Kind]) -> Choice:
    """The type of the answer, and the aggregate that makes it, None for ours; raises PostgrestError PGRST107."""
    if not scope.handlers:
        return negotiate(accept, offered), None
    whole = rows.table if _whole(rows, level) else None
    wanted = accepted(accept)
    for each in wanted:
        found = None if each.type.startswith(VENDOR) else _handler(scope, whole, each.type)
        media = Media(Kind.JSON) if found is not None else answered(each, offered)
        if media is not None:
            return media, found
    raise unavailable(wanted)


def _handler(scope: Scope, whole: Table | None, type_: str) -> Function | None:
    """Who answers in that type. `whole`: the table of which whole rows are asked for."""
    places: list[tuple[Table | None, str]] = [(None, type_)]
    if whole is not None:
        places[:0] = [(whole, ANY), (whole, type_)]
    return next((found for place in places if (found := scope.handlers.get(place)) is not None), None)


def _whole(rows: TableScope, level: Level) -> bool:
    """Whether every column is asked for, and may be read as it is."""
    return (
        level.selected == (Star(),)
        and not rows.masked
        and all(rows.readable.get(column.name) is column for column in rows.table.columns)
    )
