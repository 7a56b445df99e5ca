"""PostgreSQL's composite types that stand for themselves (`CREATE TYPE … AS (…)`), and arrays of them.

A value of one is shown with the names of its fields, and made of them.

Rule: the type of a table's rows is none of these, nor is one that holds such a row at any depth: the fields would tell
the columns of a table that may be hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reflector.reflection import Fetch

RECORDS: Final = """
SELECT t.oid, t.typarray, pg_catalog.format('%I.%I', n.nspname, t.typname),
       ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A composite type, or an array of it: its name, quoted and qualified, and the types that it is made of."""

    name: str
    fields: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Row:
    """A composite type: its array's oid, its name, quoted and qualified, and its fields' types."""

    array: int
    name: str
    fields: Sequence[int]


async def read_records(fetch: Fetch, made_of: Mapping[int, int]) -> Mapping[int, Record]:
    """The types by oid, their arrays among them. `made_of`: every type that may be told, and is
    no row, with the type that it is a domain or an array of, 0 for none."""
    found = {row[0]: _Row(*row[1:]) for row in await fetch(RECORDS)}
    arrays = {record.array: oid for oid, record in found.items()}
    known: dict[int, bool] = {}

    def stands_alone(oid: int) -> bool:
        oid = arrays.get(oid, oid)
        if oid not in known:
            record = found.get(oid)
            # No type holds itself, so that this ends.
            if record is not None:
                known[oid] = all(map(stands_alone, record.fields))
            else:
                known[oid] = oid in made_of and (not made_of[oid] or stands_alone(made_of[oid]))
        return known[oid]

    alone = {oid: record for oid, record in found.items() if stands_alone(oid)}
    return {oid: Record(record.name, record.fields) for oid, record in alone.items()} | {
        record.array: Record(f"{record.name}[]", (oid,)) for oid, record in alone.items()
    }
