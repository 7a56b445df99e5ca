"""PostgreSQL's types in our words.

A type is told by its row of pg_type: built-in types by name in the table `BUILT_IN`, all others by what they are made
of (enum, domain, array, range) or, for types of extensions, by whether the database can compare them.

Rule: a domain is its base type (its own checks stay with the database), and a type that the database cannot compare
for equality is opaque, so that no filter of a caller ends in an error of the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reflector.datatypes import DataType, Kind
from reflector.reflection.postgresql_records import Record
from reflector.representations import Representation

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A row of pg_type.

    `form` is its typtype: b base, c composite, d domain, e enum, r range, m multirange. `element` is the oid of an
    array's element, `base` and `modifier` are a domain's, `not_null` and `default` are of the domain itself.
    `comparable` says that it has a default operator class for equality, and an `=` that the search path finds. Then
    comes whether it has one for an order, and then the functions by which a domain presents its values, quoted and
    qualified, and whether all of them are immutable.
    """

    schema: str
    name: str
    form: str
    element: int | None
    base: int
    modifier: int
    not_null: bool
    default: str | None
    labels: Sequence[str] | None
    comparable: bool
    ranked: bool = False
    shown: str | None = None
    from_json: str | None = None
    from_text: str | None = None
    steady: bool = True

    @property
    def represented(self) -> Representation | None:
        """The functions of a domain's own, None where there are none."""
        if (self.shown, self.from_json, self.from_text) == (None, None, None):
            return None
        return Representation(self.shown, self.from_json, self.from_text, self.steady)

    @property
    def cast(self) -> str:
        """The name that a text is cast to, quoted and qualified."""
        if self.schema == "pg_catalog":
            return f"pg_catalog.{self.name if _PLAIN.fullmatch(self.name) else _quoted(self.name)}"
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# ── built-in types ───────────────────────────────────────────────────────────────────────────

Reader = Callable[[int], DataType]
"""From a type modifier (-1 for none) to the type; `native` and `cast` are filled in afterwards."""


def _of(kind: Kind, *, bits: int = 64) -> Reader:
    return lambda _: DataType(kind, "", bits=bits)


def _measured(kind: Kind, header: int, *, padded: bool = False) -> Reader:
    """Types whose modifier is a length; those with a header count its four bytes."""
    return lambda modifier: DataType(kind, "", length=modifier - header if modifier >= header else None, padded=padded)


def _numeric(modifier: int) -> DataType:
    if modifier < 4:
        return DataType(Kind.DECIMAL, "")
    packed = modifier - 4
    # Eleven bits with a sign: the scale may be negative since PostgreSQL 15.
    scale = ((packed & 0x7FF) ^ 0x400) - 0x400
    return DataType(Kind.DECIMAL, "", precision=packed >> 16, scale=scale)


def _fractional(kind: Kind) -> Reader:
    return lambda modifier: DataType(kind, "", precision=modifier if modifier >= 0 else None)


BUILT_IN: Mapping[str, Reader] = {
    "bool": _of(Kind.BOOLEAN),
    "int2": _of(Kind.INTEGER, bits=16),
    "int4": _of(Kind.INTEGER, bits=32),
    "int8": _of(Kind.INTEGER, bits=64),
    "numeric": _numeric,
    "float4": _of(Kind.FLOAT, bits=32),
    "float8": _of(Kind.FLOAT, bits=64),
    "text": _of(Kind.TEXT),
    "varchar": _measured(Kind.TEXT, header=4),
    "bpchar": _measured(Kind.TEXT, header=4, padded=True),
    "name": lambda _: DataType(Kind.TEXT, "", length=63),
    "uuid": _of(Kind.UUID),
    "bytea": _of(Kind.BYTES),
    "date": _of(Kind.DATE),
    "time": _fractional(Kind.TIME),
    "timestamp": _fractional(Kind.TIMESTAMP),
    "timestamptz": _fractional(Kind.INSTANT),
    "interval": _of(Kind.INTERVAL),
    "json": _of(Kind.JSON),
    "jsonb": _of(Kind.JSON),
    "bit": _measured(Kind.SPECIAL, header=0),
    "varbit": _measured(Kind.SPECIAL, header=0),
    # No operator class of its own: it is compared as inet.
    "cidr": _of(Kind.SPECIAL),
}
# A cast to `name` cuts what is too long, and would find the wrong row.
_CAST: Mapping[str, str] = {"name": "pg_catalog.text"}
_RANGES = frozenset("rm")
# Without operators of their own, or with such as the search path may not find.
_LIKE_OTHERS = frozenset(("varchar", "cidr", "citext"))
# Names of the catalog: what there is would be told by whether it can be written.
NAMES = re.compile(r"reg(class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type)")
# Compared by bounding box, which is not what equality says.
_SPATIAL = frozenset(("geometry", "geography", "raster"))


# ── any type ─────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Types:
    """All types of a database by oid, and how a column's type reads. `records` are the composite types that stand for
    themselves. Answers are kept: columns repeat types."""

    rows: Mapping[int, TypeRow]
    records: Mapping[int, Record] = field(default_factory=dict)
    _known: dict[tuple[int, int, str, bool], DataType] = field(default_factory=dict)

    def of(self, oid: int, modifier: int, native: str, *, case_insensitive: bool = False) -> DataType:
        """The type of a column; `native` is the database's spelling of it with its modifier."""
        key = (oid, modifier, native, case_insensitive)
        known = self._known.get(key)
        if known is None:
            known = replace(self._resolve(oid, modifier), native=native)
            if case_insensitive:
                known = _folded(known)
            self._known[key] = known
        return known

    def not_null(self, oid: int) -> bool:
        """Whether a domain, or one that it is made of, refuses NULL."""
        return any(row.not_null for row in self._domains(oid))

    def default(self, oid: int) -> str | None:
        """What a domain, or the nearest that it is made of, takes when no value is given."""
        return next((row.default for row in self._domains(oid) if row.default is not None), None)

    def _domains(self, oid: int) -> list[TypeRow]:
        found = []
        row = self.rows.get(oid)
        while row is not None and row.form == "d":
            found.append(row)
            row = self.rows.get(row.base)
        return found

    def _resolve(self, oid: int, modifier: int) -> DataType:
        row = self.rows.get(oid)
        if row is None:
            return self._record(oid)
        if row.form == "d":
            return replace(self._resolve(row.base, row.modifier), represented=row.represented)
        if row.element is not None:
            return self._array(row.element, modifier)
        type_ = _plain(row, modifier)
        by_json = row.cast if type_.kind is Kind.OPAQUE and not NAMES.fullmatch(row.name) else ""
        own = type_.kind in {Kind.SPECIAL, Kind.OPAQUE} and (not by_json or self._comparable(oid))
        ranked = own and self._ranked(oid)
        return replace(type_, native=row.name, cast=_CAST.get(row.name, row.cast), by_json=by_json, ranked=ranked)

    def _record(self, oid: int) -> DataType:
        record = self.records.get(oid)
        if record is None:
            return DataType(Kind.OPAQUE, "")
        return DataType(Kind.OPAQUE, "", cast=record.name, by_json=record.name, ranked=self._ranked(oid))

    def _array(self, element: int, modifier: int) -> DataType:
        of = self._resolve(element, modifier)
        row = self.rows.get(element)
        if row is None or not of.writable:
            return DataType(Kind.OPAQUE, "")
        name = f"{row.cast}[]"
        if of.kind is Kind.OPAQUE or not self._comparable(element):
            return DataType(Kind.OPAQUE, "", cast=name, by_json=name, ranked=self._ranked(element))
        return DataType(Kind.ARRAY, "", cast=name, element=of)

    def _ranked(self, oid: int) -> bool:
        """Whether the database has an order for the type, whatever the search path: of a composite, for all of its fields."""
        if (record := self.records.get(oid)) is not None:
            return all(map(self._ranked, record.fields))
        row = self.rows.get(oid)
        if row is None:
            return False
        made_of = row.element or (row.base if row.form == "d" else 0)
        if made_of:
            return self._ranked(made_of)
        known = row.name in _LIKE_OTHERS or NAMES.fullmatch(row.name) is not None
        return row.ranked or row.form in "erm" or known

    def _comparable(self, oid: int) -> bool:
        row = self.rows.get(oid)
        if row is None:
            return False
        if row.form == "d":
            return self._comparable(row.base)
        return row.comparable or row.form in "erm" or row.name in _LIKE_OTHERS or row.element is not None


def _folded(type_: DataType) -> DataType:
    """The type of text, or of arrays of it, under a collation that does not tell all texts apart."""
    if type_.element is not None:
        return replace(type_, element=_folded(type_.element))
    return replace(type_, case_insensitive=True) if type_.kind is Kind.TEXT else type_


def _plain(row: TypeRow, modifier: int) -> DataType:
    """A type that is neither domain nor array."""
    if row.schema == "pg_catalog" and row.name in BUILT_IN:
        return BUILT_IN[row.name](modifier)
    if row.form == "e":
        return DataType(Kind.ENUM, "", labels=tuple(row.labels or ()))
    if row.form in _RANGES:
        return DataType(Kind.SPECIAL, "")
    if row.form == "b" and row.name == "citext":
        return DataType(Kind.TEXT, "", case_insensitive=row.comparable)
    special = row.form == "b" and row.comparable and row.name not in _SPATIAL
    return DataType(Kind.SPECIAL if special else Kind.OPAQUE, "")
