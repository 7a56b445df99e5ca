"""What a config says about access, as plain frozen values, before any catalog is known.

Rule: whoever reads config files maps their own models to these; nothing behind this line knows a file. `where` is the
reader's own mark of a place (a line of a file, a path): it is handed back with every complaint and never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from reflector.access.rules import Rule
from reflector.secret import Secret

PresetValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule and where it stands."""

    rule: Rule
    where: Any = None


@dataclass(frozen=True, slots=True)
class PresetText:
    """What a column is set to: a text is a term of the rule language, anything else a constant."""

    value: PresetValue
    where: Any = None


@dataclass(frozen=True, slots=True)
class ColumnList:
    """Names of columns, or patterns with `*` and `?`."""

    names: tuple[str, ...]
    where: Any = None


@dataclass(frozen=True, slots=True)
class MaskRules:
    """How a column is shown where `rule` does not hold, everywhere without one: `way` is a mask's name, HIDDEN for not at
    all."""

    way: str
    rule: RuleText | None = None
    where: Any = None


HIDDEN: Final = "hidden"


@dataclass(frozen=True, slots=True)
class ReadRules:
    """`columns` None: all. `masks`: by names or patterns of columns."""

    rows: RuleText
    columns: ColumnList | None = None
    masks: Mapping[str, MaskRules] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateRules:
    """`columns` None: all that can be written and are not preset."""

    check: RuleText
    columns: ColumnList | None = None
    presets: Mapping[str, PresetText] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateRules:
    """`check` None: the rule of `rows` again, of the row as it was written."""

    rows: RuleText
    check: RuleText | None = None
    columns: ColumnList | None = None
    presets: Mapping[str, PresetText] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeleteRules:
    rows: RuleText


@dataclass(frozen=True, slots=True)
class AllowRules:
    """What one role may do with the tables of an entry. What is None is not allowed."""

    read: ReadRules | None = None
    create: CreateRules | None = None
    update: UpdateRules | None = None
    delete: DeleteRules | None = None
    aggregate: bool = False
    where: Any = None


@dataclass(frozen=True, slots=True)
class TableRules:
    """One entry of the config's `tables`: `name` is a table's name in the database, or a pattern with `*` and `?`.

    `hidden` maps names or patterns of columns to their place. `allow` is keyed by role. For one role and table the
    last entry counts as a whole: patterns in the order of the file, then the exact name.
    """

    name: str
    allow: Mapping[str, AllowRules] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    where: Any = None


@dataclass(frozen=True, slots=True)
class RoleRules:
    extends: tuple[str, ...] = ()
    where: Any = None


@dataclass(frozen=True, slots=True)
class FunctionRules:
    """One entry of the config's `functions`: all functions of that name, and the roles that may call them."""

    name: str
    roles: tuple[str, ...] = ()
    where: Any = None


@dataclass(frozen=True, slots=True)
class ReservedTable:
    """A table that is read to know who calls, found by the column `by`. `columns` are all that are read, with their places;
    `secrets` those of them that prove somebody. `served`: rules may open the rest of it. `perhaps`: columns that are read
    where they are there."""

    name: str
    by: str
    columns: Mapping[str, Any]
    secrets: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    served: bool = False
    where: Any = None


@dataclass(frozen=True, slots=True)
class AccessDescription:
    """Everything a config says about access.

    `anonymous_role` is the role of callers without a credential. `default_read` and `default_write` hold, for every
    role, on tables for which no entry allows anybody anything. `columns_listed`: where columns are omitted, none is
    meant instead of all. A function that no entry names is closed. `mask_key` is what hashes of values are made with.
    """

    roles: Mapping[str, RoleRules] = field(default_factory=dict)
    policies: Mapping[str, RuleText] = field(default_factory=dict)
    tables: tuple[TableRules, ...] = ()
    anonymous_role: str | None = None
    default_read: bool = False
    default_write: bool = False
    columns_listed: bool = False
    functions: tuple[FunctionRules, ...] = ()
    reserved: tuple[ReservedTable, ...] = ()
    mask_key: Secret | None = None


class Severity(StrEnum):
    WARNING = "warning"
    """Told, and nothing changes."""
    UNBOUND = "unbound"
    """Does not fit the database as it is: its table is closed; a strict reader refuses."""
    ERROR = "error"
    """Wrong on every database: nothing may be served with it."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something to put right. `table` is the label of the table it closes; `offset` counts in the rule's text, from 0; `trail`
    leads into a rule that is a mapping, or into a list."""

    severity: Severity
    code: str
    message: str
    hint: str | None = None
    where: Any = None
    offset: int | None = None
    table: str | None = None
    trail: str | None = None
