"""What a reflection reads from a database, before names become objects.

Rule: facts are plain values spelled as the database spells them; `build` alone turns them into a `Catalog`, so that
three databases share one way of naming, linking and warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from reflector.catalog.model import DatabaseKind, Fill, Function, Notice, TableKind
from reflector.datatypes import DataType


@dataclass(frozen=True, slots=True)
class ColumnFact:
    name: str
    type: DataType
    nullable: bool
    fill: Fill = Fill.NONE
    default: str | None = None
    comment: str | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class KeyFact:
    name: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckFact:
    name: str | None
    expression: str


@dataclass(frozen=True, slots=True)
class TableFact:
    """`uniques` holds unique constraints and unique indexes over plain columns without a condition."""

    schema: str
    name: str
    kind: TableKind
    columns: tuple[ColumnFact, ...]
    primary_key: KeyFact | None = None
    uniques: tuple[KeyFact, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    comment: str | None = None
    row_estimate: int | None = None
    insertable: bool = True
    updatable: bool = True
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKeyFact:
    name: str | None
    schema: str
    table: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"


@dataclass(frozen=True, slots=True)
class InheritedKeyFact:
    """A foreign key of the table `base` as a view has it, at either end. `single`: its columns are a key of the base;
    `keyed`: they are part of its primary key. `plain`: no end is a view, and it leads through a junction alone."""

    key: ForeignKeyFact
    base: tuple[str, str]
    single: bool
    keyed: bool
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one reflection saw. `schemas` begins with the connection's current schema. `reads`: what each view reads by
    itself, each by schema and name, as far as the database tells."""

    kind: DatabaseKind
    version: tuple[int, ...]
    schemas: tuple[str, ...]
    tables: tuple[TableFact, ...]
    foreign_keys: tuple[ForeignKeyFact, ...]
    functions: tuple[Function, ...] = ()
    notices: tuple[Notice, ...] = ()
    inherited: tuple[InheritedKeyFact, ...] = ()
    handlers: tuple[Function, ...] = ()
    reads: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()
