"""What a database is made of: tables, columns, keys, foreign keys, relationships, functions.

Rule: a catalog is immutable and knows nothing of who asks. Objects are themselves, not their spelling
(`eq=False`): a column found through a scope is the very column the compiler names, so no string travels twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reflector.catalog.roles import DatabaseRoles, FunctionKey
from reflector.datatypes import DataType


class DatabaseKind(StrEnum):
    """The databases we speak. MySQL is refused when it is met; its name stands for MariaDB in a URL."""

    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"
    MYSQL = "mysql"
    SQLITE = "sqlite"


class TableKind(StrEnum):
    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized_view"
    FOREIGN = "foreign"
    VIRTUAL = "virtual"


class Deed(StrEnum):
    """What a write does to rows of its table."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class Fill(StrEnum):
    """Where a column's value comes from when a writer gives none."""

    NONE = "none"
    DEFAULT = "default"
    IDENTITY = "identity"
    """The database numbers it unless a value is given (BY DEFAULT, serial, AUTO_INCREMENT, rowid alias)."""
    ALWAYS = "always"
    """The database numbers it and accepts no value (GENERATED ALWAYS AS IDENTITY)."""
    COMPUTED = "computed"
    """A generated column: no value is accepted."""


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """One column. `default` is the database's own text, for documents only."""

    name: str
    type: DataType
    nullable: bool
    fill: Fill = Fill.NONE
    default: str | None = None
    comment: str | None = None
    collation: str | None = None

    @property
    def writable(self) -> bool:
        """Whether any writer may give it a value."""
        return self.fill not in (Fill.ALWAYS, Fill.COMPUTED) and self.type.writable

    @property
    def required(self) -> bool:
        """Whether an insert must give it a value."""
        return self.writable and not self.nullable and self.fill is Fill.NONE

    def __repr__(self) -> str:
        return f"Column({self.name!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Key:
    """A primary key or unique constraint, in the order of its definition. `name` is None where the database has none."""

    name: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Check:
    """A CHECK constraint; `expression` is the database's own text."""

    name: str | None
    expression: str


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table, view, or what behaves like one.

    `label` is its one public name: the database's name in the first schema, `schema.name` elsewhere, or the
    config's `name:`. `row_estimate` is the database's statistic, None when there is none.
    """

    schema: str
    name: str
    label: str
    kind: TableKind
    columns: tuple[Column, ...]
    primary_key: Key | None = None
    uniques: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    row_estimate: int | None = None
    insertable: bool = True
    updatable: bool = True
    deletable: bool = True
    by_name: Mapping[str, Column] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    def __repr__(self) -> str:
        return f"Table({self.label!r})"


@dataclass(frozen=True, eq=False, slots=True)
class ForeignKey:
    """`columns[i]` of `table` refers to `target_columns[i]` of `target`. Actions are upper case SQL words."""

    name: str | None
    table: Table
    columns: tuple[Column, ...]
    target: Table
    target_columns: tuple[Column, ...]
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the database does to rows of `table` when the row of `target` that they refer to is changed or removed.

    Both are schema and name: what is not served reacts as well, and passes on what it hears.
    """

    table: tuple[str, str]
    target: tuple[str, str]
    on_update: str
    on_delete: str


Pairs = tuple[tuple[Column, Column], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Junction:
    """The table in the middle of a many-to-many relationship.

    `near` pairs (source column, junction column); `far` pairs (junction column, target column).
    """

    table: Table
    near: Pairs
    far: Pairs


@dataclass(frozen=True, eq=False, slots=True)
class Relationship:
    """A way from a row of `source` to rows of `target`.

    Without a junction, `pairs` are (source column, target column). With one, `pairs` is empty and the junction
    holds both halves. `nullable` says whether a to-one relationship may find nothing. A computed one has neither: its rows
    are what `function` gives for the row of `source`.
    """

    name: str
    source: Table
    target: Table
    many: bool
    pairs: Pairs
    junction: Junction | None = None
    nullable: bool = True
    foreign_key: ForeignKey | None = None
    one: bool = False
    """Whether a view's way is to one and from one, which the view itself has no key to tell."""
    function: Function | None = None

    def __repr__(self) -> str:
        return f"Relationship({self.source.label}.{self.name})"


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function takes. `nullable`: NULL is a value of it; a database's functions take it for anything."""

    name: str
    type: DataType
    mode: str = "in"
    has_default: bool = False
    nullable: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A routine of the database; recorded, and served only where a config names it.

    `rows` is what it gives: the table whose rows it returns, or one of its own; None where it gives nothing. A `scalar`
    gives values, which are the only column of `rows`. `row_type` is schema and name of the relation that its rows have the
    type of; `of_table`: of a table that is served. `media` is the media type that its value is, where the database says so. What is not `callable` cannot be
    asked from within a statement: a procedure, or a function whose rows are told by its caller.

    A `procedure` of MariaDB is called for what it does: its rows, if it gives any, have no known columns, and `rows` are its OUT
    arguments.

    `row_argument` is schema and name of the relation whose row is the one argument that it needs, and `of_row` that table where it
    is served. `at_most_one`: it never gives several rows. `settings` are those that it is run with, in small letters.
    `extension`: it is code of the extension of that name, beside the database, and no statement ever calls it.
    """

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    returns: str
    volatility: str = "volatile"
    returns_set: bool = False
    security_definer: bool = False
    gathers: DataType | None = None
    """Of an aggregate that answers in a media type: the type of what it makes of rows, those of the table `rows`, or any
    where that is None."""
    comment: str | None = None
    rows: Table | None = None
    scalar: bool = False
    value: DataType | None = None
    """The type of what it gives for one row, as a field of it; None where that is no value, but rows of a table."""
    row_type: tuple[str, str] | None = None
    of_table: bool = False
    media: str | None = None
    callable: bool = True
    procedure: bool = False
    row_argument: tuple[str, str] | None = None
    of_row: Table | None = None
    at_most_one: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    extension: str | None = None

    @property
    def takes(self) -> tuple[Argument, ...]:
        """The arguments that a caller gives."""
        return tuple(each for each in self.arguments if each.mode in {"in", "inout", "variadic"})

    @property
    def features(self) -> bool:
        """Whether it makes a feature of each row by itself: PostGIS' own, for whoever may read the row."""
        return self.gathers is not None and self.scalar

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.volatility == "volatile"

    def __repr__(self) -> str:
        return f"Function({self.schema}.{self.name})"

    @property
    def key(self) -> FunctionKey:
        """What tells the function from all others, those of its name included."""
        return self.schema, self.name, tuple(argument.type.native for argument in self.arguments)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of the start-up log should know: an opaque type, a clash of names."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """What an overlay says and the database does not bear out. `path`: the setting, `("relationships", "book.author")`.

    What it would have made is left out of the catalog. `fatal`: it would not be right on another day either, so that
    nothing should be served with it.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    fatal: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Catalog:
    """One database as it was at one moment.

    `tables` is keyed by label, in the order of schemas and names; `relationships` by source table, then by name.
    `fingerprint` is a hash of the content, equal in every process that reflected the same schema. `reactions` are those
    of all foreign keys that were seen, also of tables that are not served. `misfits` is what the overlay says in vain.
    `roles` are those that our login can take, where the overlay asks for them.
    """

    kind: DatabaseKind
    version: tuple[int, ...]
    schemas: tuple[str, ...]
    tables: Mapping[str, Table]
    relationships: Mapping[Table, Mapping[str, Relationship]]
    foreign_keys: tuple[ForeignKey, ...] = ()
    functions: tuple[Function, ...] = ()
    notices: tuple[Notice, ...] = ()
    fingerprint: str = ""
    reactions: tuple[Reaction, ...] = ()
    misfits: tuple[Misfit, ...] = ()
    roles: DatabaseRoles | None = None
    inherited: Mapping[Table, tuple[Relationship, ...]] = field(default_factory=dict)
    """Ways from views and to views, by the keys of the tables they show; they have no public names."""
    computed_fields: Mapping[Table, tuple[Function, ...]] = field(default_factory=dict)
    """Functions that give one value for a row of the table; of one name, the first is meant."""
    computed_relationships: Mapping[Table, tuple[Relationship, ...]] = field(default_factory=dict)
    """Ways that functions make; of one name, the first is meant."""
    stands_on: Mapping[Table, frozenset[Table]] = field(default_factory=dict)
    """By view: the tables and views that it reads, itself or by way of others, as far as the database tells."""
