"""How an answer writes a value where it is not as the type's one JSON form says: as PostgreSQL itself would, by the clock of
another zone, or as a text.

Rule: a form is about what is shown and nothing else. What rows there are, which of them a rule lets through, how they are
grouped and ordered was decided before, by the values themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reflector.datatypes import DataType, Kind
from reflector.zones import Zone

IN_WORDS: Final = frozenset({Kind.TIMESTAMP, Kind.INSTANT, Kind.BYTES, Kind.ARRAY, Kind.SET, Kind.JSON})
"""Kinds whose text, as PostgreSQL writes it, is another than what stands in a document."""
ITS_OWN: Final = frozenset({Kind.BYTES, Kind.INTERVAL})
"""Kinds that PostgreSQL writes otherwise in its JSON: `"\\x00ff"`, `"1 day 02:00:00"`."""


@dataclass(frozen=True, slots=True)
class Form:
    """As PostgreSQL writes values: as texts where `plain`, in JSON where not. Instants as clocks in `zone` show them, None
    for UTC."""

    zone: Zone | None = None
    plain: bool = False

    def of(self, type_: DataType) -> Form | None:
        """How values of the type are written in this form; None where that is their usual one. What a domain's own function
        shows is written as it says."""
        if self.plain and type_.kind in IN_WORDS and not type_.by:
            return Form(self.zone if is_moment(type_) else None, plain=True)
        if self.zone is not None and is_moment(type_):
            return Form(self.zone)
        own = type_.kind in ITS_OWN or (type_.element is not None and type_.element.kind in ITS_OWN)
        own = own or ((bool(type_.by_json) or is_map(type_)) and not self.plain)
        return Form() if own and not type_.by else None


USUAL: Final = Form()


def is_map(type_: DataType) -> bool:
    """Whether PostgreSQL shows values of a type that is a text to us as objects: hstore."""
    return type_.kind is Kind.SPECIAL and type_.cast.endswith('."hstore"')


def is_moment(type_: DataType) -> bool:
    """Whether values of the type are instants, or arrays of them."""
    return type_.kind is Kind.INSTANT or (type_.element is not None and type_.element.kind is Kind.INSTANT)
