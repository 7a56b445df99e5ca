"""What a document says in words: summaries, descriptions, and the notes that name keys.

Rule: a note about a foreign key names a table and a column that the reader may read, or it is not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reflector.catalog.model import Catalog, Column, Table
from reflector.query.scope import Scope

Json = dict[str, Any]
Way = tuple[Table, Column]
"""The table that a column refers to, and the column there."""
Ways = Mapping[tuple[Table, Column], Sequence[Way]]

PRIMARY: Final = "This is a Primary Key.<pk/>"


def ways(catalog: Catalog) -> Ways:
    """Where each column leads that is a foreign key by itself; tables before views."""
    found: defaultdict[tuple[Table, Column], list[Way]] = defaultdict(list)
    for key in catalog.foreign_keys:
        if len(key.columns) == 1:
            found[key.table, key.columns[0]].append((key.target, key.target_columns[0]))
    for source, related in catalog.inherited.items():
        for each in related:
            if len(each.pairs) == 1 and each.foreign_key is not None and each.foreign_key.table is source:
                found[source, each.pairs[0][0]].append((each.target, each.pairs[0][1]))
    return found


def described(table: Table, column: Column, scope: Scope, known: Ways) -> Json:
    """The member `description` of a column: its comment, and which keys it is part of."""
    notes = list(_notes(table, column, scope, known))
    if not notes:
        return {"description": column.comment} if column.comment else {}
    before = f"{column.comment}\n\n" if column.comment else ""
    return {"description": before + "\n".join(("Note:", *notes))}


def _notes(table: Table, column: Column, scope: Scope, known: Ways) -> Iterator[str]:
    if table.primary_key is not None and column in table.primary_key.columns:
        yield PRIMARY
    for target, there in known.get((table, column), ()):
        seen = scope.by_table.get(target)
        if seen is not None and seen.may_read and there.name in seen.readable and target.schema == table.schema:
            table_name, name = target.name, there.name
            yield f"This is a Foreign Key to `{table_name}.{name}`.<fk table='{table_name}' column='{name}'/>"
            return


def told(comment: str | None) -> Json:
    """`summary`, the first line of a comment, and `description`, what follows it."""
    if not comment:
        return {}
    first, _, rest = comment.partition("\n")
    rest = rest.lstrip("\n")
    return {"summary": first, "description": rest} if rest else {"summary": first}
