"""The questions put to information_schema: one statement per kind of fact, for all tables of all schemas at once.

Every row begins with schema, table (or routine) and place in the order of the definition. A question is asked in
two ways: for its rows, which reflection reads, and for a digest of them, which says whether they are still the same.

Rule: the list of schemas is the only value, repeated as often as `schemas_taken` says. Two tables of
information_schema are never joined on names: its collation ignores case, `Item` beside `item` are two tables, and
such a join takes time by the square of the number of tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reflector.catalog.model import DatabaseKind

# What only MariaDB executes tells it apart: the version that a server tells may be any.
SERVER = "SELECT VERSION(), DATABASE(), 0 /*M! + 1 */"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one source; `volatile` is what changes while the schema does not, and stays out of the digest."""

    source: str
    where: str
    columns: tuple[str, ...]
    volatile: tuple[str, ...] = ()

    def rows(self) -> str:
        return f"SELECT {', '.join((*self.columns, *self.volatile))} FROM {self.source} WHERE {self.where}"

    def digest(self) -> str:
        # QUOTE spells NULL, which CONCAT_WS would pass over. Rows are unique by name, so none cancels another.
        row = f"CONCAT_WS(',', {', '.join(f'QUOTE({column})' for column in self.columns)})"
        return (
            f"SELECT COUNT(*), COALESCE(BIT_XOR(CAST(CONV(LEFT(MD5({row}), 16), 16, 10) AS UNSIGNED)), 0) "
            f"FROM {self.source} WHERE {self.where}"
        )


@dataclass(frozen=True, slots=True)
class Question:
    parts: tuple[Part, ...]

    def rows(self, schemas: int) -> str:
        """The statement for the rows, in the order of definition, of that many schemas."""
        return _filled(" UNION ALL ".join(part.rows() for part in self.parts) + " ORDER BY 3", schemas)

    @property
    def schemas_taken(self) -> int:
        """How many times the statement takes the list of schemas."""
        return sum(part.where.count(_SCHEMAS) for part in self.parts)


def digest(questions: Sequence[Question], schemas: int) -> str:
    """One statement for the digests of all questions; it takes the list of schemas as often as all of them do."""
    return _filled(" UNION ALL ".join(part.digest() for question in questions for part in question.parts), schemas)


def quiet(kind: DatabaseKind, statement: str) -> str:
    """The same statement without the warnings that every view over a lost table makes: it is told by its columns."""
    if kind is DatabaseKind.MARIADB:
        return f"SET STATEMENT max_error_count=0 FOR {statement}"
    return statement.replace("SELECT", "SELECT /*+ SET_VAR(max_error_count=0) */", 1)


def _filled(statement: str, schemas: int) -> str:
    return statement.replace(_SCHEMAS, ", ".join(["%s"] * schemas))


_SCHEMAS = "{schemas}"

SCHEMAS = Question((Part("information_schema.schemata", "schema_name IN ({schemas})", ("schema_name", "NULL", "0")),))

TAKES_BACK = "engine IN (SELECT e.engine FROM information_schema.engines e WHERE e.transactions = 'YES')"

TABLES = Question(
    (
        Part(
            "information_schema.tables",
            "table_schema IN ({schemas}) AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')",
            ("table_schema", "table_name", "0", "table_type", "table_comment", "NULL", "NULL", "engine", TAKES_BACK),
            volatile=("table_rows",),
        ),
        Part(
            "information_schema.views",
            "table_schema IN ({schemas})",
            ("table_schema", "table_name", "0", "'VIEW'", "''", "is_updatable", "view_definition", "NULL", "1"),
            volatile=("NULL",),
        ),
    )
)

COLUMNS = Question(
    (
        Part(
            "information_schema.columns",
            "table_schema IN ({schemas})",
            (
                "table_schema",
                "table_name",
                "ordinal_position",
                "column_name",
                "column_type",
                "collation_name",
                "is_nullable",
                "column_default",
                "extra",
                "generation_expression",
                "column_comment",
            ),
        ),
    )
)

# A part of an index over an expression has no column_name; a part over a prefix has a sub_part.
UNIQUE_INDEXES = Question(
    (
        Part(
            "information_schema.statistics",
            "table_schema IN ({schemas}) AND non_unique = 0",
            ("table_schema", "table_name", "seq_in_index", "index_name", "column_name", "sub_part"),
        ),
    )
)

# Who may only SELECT is shown the columns of a foreign key, but not the row with its actions.
FOREIGN_KEYS = Question(
    (
        Part(
            "information_schema.key_column_usage",
            "table_schema IN ({schemas}) AND referenced_table_name IS NOT NULL",
            (
                "table_schema",
                "table_name",
                "ordinal_position",
                "constraint_name",
                "column_name",
                "referenced_table_schema",
                "referenced_table_name",
                "referenced_column_name",
            ),
        ),
        Part(
            "information_schema.referential_constraints",
            "constraint_schema IN ({schemas})",
            (
                "constraint_schema",
                "table_name",
                "0",
                "constraint_name",
                "NULL",
                "update_rule",
                "delete_rule",
                "NULL",
            ),
        ),
    )
)

CHECKS: Mapping[DatabaseKind, Question] = {
    DatabaseKind.MARIADB: Question(
        (
            Part(
                "information_schema.check_constraints",
                "constraint_schema IN ({schemas})",
                ("constraint_schema", "table_name", "0", "constraint_name", "check_clause", "level = 'Column'"),
            ),
        )
    ),
    # MySQL names a check once in a schema, whatever the table, and folds the case of that name: this join is sound.
    DatabaseKind.MYSQL: Question(
        (
            Part(
                "information_schema.check_constraints c JOIN information_schema.table_constraints t "
                "ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name",
                "c.constraint_schema IN ({schemas}) AND t.constraint_type = 'CHECK' AND t.enforced = 'YES'",
                ("c.constraint_schema", "t.table_name", "0", "c.constraint_name", "c.check_clause", "0"),
            ),
        )
    ),
}

# The names of routines ignore case in the database itself: this join is sound, too.
ROUTINES = Question(
    (
        Part(
            "information_schema.routines r LEFT JOIN information_schema.parameters p "
            "ON p.specific_schema = r.routine_schema AND p.specific_name = r.specific_name "
            "AND p.routine_type = r.routine_type AND p.ordinal_position > 0",
            "r.routine_schema IN ({schemas}) AND r.routine_type IN ('FUNCTION', 'PROCEDURE')",
            (
                "r.routine_schema",
                "r.routine_name",
                "COALESCE(p.ordinal_position, 0)",
                "r.routine_type",
                "r.dtd_identifier",
                "r.is_deterministic",
                "r.sql_data_access",
                "r.security_type",
                "r.routine_comment",
                "p.parameter_name",
                "p.parameter_mode",
                "p.dtd_identifier",
                "p.collation_name",
            ),
        ),
    )
)


def questions(kind: DatabaseKind) -> tuple[Question, ...]:
    """All questions about a schema, in the order in which `mysql` reads the answers."""
    return TABLES, COLUMNS, UNIQUE_INDEXES, FOREIGN_KEYS, CHECKS[kind], ROUTINES
