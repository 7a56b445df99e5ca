"""What callers are told of types.

Rule: the type of a table's rows has the table's name, which may be hidden from whoever asks: it is not told.
"""

from __future__ import annotations

from reflector.datatypes import DataType, Kind


def told(type_: DataType) -> str:
    """The database's name of the type, where it is sure that it is no table's."""
    return "opaque" if type_.kind is Kind.OPAQUE and not type_.cast else type_.native
