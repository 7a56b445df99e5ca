"""Names that are not there, and what was most likely meant.

Rule: a name that its caller may not see is told like one that does not exist; what is suggested comes from the names
that are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from server.apis.postgrest.faults import Fault, PostgrestError, refusal
from server.apis.postgrest.fuzzy import nearest


def unknown_table(schema: str, name: str, known: Iterable[str]) -> PostgrestError:
    """404: no table of that name is served in the schema."""
    near = nearest(name, known)
    return refusal(
        "PGRST205",
        f"Could not find the table '{schema}.{name}' in the schema cache",
        hint=None if near is None else f"Perhaps you meant the table '{schema}.{near}'",
    )


def unknown_column(table: str, name: str, known: Iterable[str]) -> PostgrestError:
    """400: a column that is read, compared or ordered by is not there."""
    near = nearest(name, known)
    hint = None if near is None else f'Perhaps you meant to reference the column "{table}.{near}".'
    return refusal("42703", f"column {table}.{name} does not exist", hint=hint)


def unknown_written_column(table: str, name: str) -> PostgrestError:
    """400: a column that `columns=` or a body names is not there."""
    return refusal("PGRST204", f"Could not find the '{name}' column of '{table}' in the schema cache")


def unknown_relationship(
    schema: str, parent: str, child: str, known: Iterable[str], hint: str | None = None
) -> PostgrestError:
    """400: nothing of that name is related to the parent; `hint` is the one that the request gave."""
    near = None if hint is not None else nearest(child, known)
    by = "" if hint is None else f" using the hint '{hint}'"
    return refusal(
        "PGRST200",
        f"Could not find a relationship between '{parent}' and '{child}' in the schema cache",
        f"Searched for a foreign key relationship between '{parent}' and '{child}'{by} in the schema '{schema}', "
        "but no matches were found.",
        None if near in {None, child} else f"Perhaps you meant '{near}' instead of '{child}'.",
    )


def ambiguous_relationship(
    parent: str, child: str, found: Sequence[Mapping[str, str]], hints: Sequence[str]
) -> PostgrestError:
    """300: several relationships fit. `found` are objects of cardinality, embedding, relationship; `hints` are the
    spellings that choose each, such as `author!book_author_fkey`."""
    listed = ", ".join(f"'{each}'" for each in hints)
    return PostgrestError(
        Fault(
            "PGRST201",
            f"Could not embed because more than one relationship was found for '{parent}' and '{child}'",
            tuple(found),
            f"Try changing '{child}' to one of the following: {listed}. "
            "Find the desired relationship in the 'details' key.",
        )
    )


def unknown_schema(name: str, schemas: Iterable[str]) -> PostgrestError:
    """406: the schema is not served."""
    listed = ", ".join(schemas)
    return refusal("PGRST106", f"Invalid schema: {name}", hint=f"Only the following schemas are exposed: {listed}")
