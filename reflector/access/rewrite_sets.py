"""What a set of rows may do: what each of its rows might do alone.

Of several rights to make rows, each new row needs one whose check holds of it. Of several rights to change rows, each row
needs one that found it before and whose check holds of it afterwards. Rights that set columns by themselves (presets) in
different ways would write different rows, so they are kept apart: new rows are all made under one of them, tried in
turn; a changed row is written under the first that finds it.

Rule: a row that one right found is never judged by the check of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reflector.access.fitting import fitting_rights
from reflector.access.permissions import CreateRight, Grants, UpdateRight
from reflector.access.rewrite import Rewriter, rewrite
from reflector.access.row_order import decided_elsewhere, settled
from reflector.access.scoping import tells
from reflector.catalog.model import Table
from reflector.errors import Forbidden
from reflector.query.calls import Call, Gathered
from reflector.query.nodes import TRUE, Assignment, Filter, Read, all_of, any_of
from reflector.query.sets import AnyQuery, Conflict, DeleteMany, InsertMany, Judge, Share, UpdateMany

Presets = tuple[Assignment, ...]


def rewrite_any(query: AnyQuery, grants: Grants) -> tuple[AnyQuery, ...]:
    """`rewrite`, for writes of sets and calls as well. Several queries are alternatives, to be tried in turn, each as a whole."""
    match query:
        case InsertMany():
            return _insert(query, Rewriter(grants))
        case UpdateMany():
            return (_update(query, Rewriter(grants)),)
        case DeleteMany():
            return (_delete(query, Rewriter(grants)),)
        case Call():
            return (Rewriter(grants).call(query),)
        case Gathered():
            return (Rewriter(grants).gathered(query),)
        case _:
            return rewrite(query, grants)


def _insert(query: InsertMany, rewriter: Rewriter) -> tuple[InsertMany, ...]:
    table = query.table
    given = frozenset(column for each in query.rows for column in each.columns)
    rights = fitting_rights(table, given, rewriter.write_grant(table).creates, "insert into")
    own = _visible(query.check, table, rewriter)
    returning = _told(query, rewriter)
    return tuple(
        replace(query, presets=presets, check=all_of(check, own), returning=returning, conflict=conflict)
        for presets, check in _creates(rights)
        for conflict in _conflicts(query, own, presets, rewriter)
    )


def _creates(rights: Iterable[CreateRight]) -> Iterable[tuple[Presets, Filter]]:
    """The rights by what they set, and what any of those demands."""
    checks: dict[Presets, list[Filter]] = {}
    for right in rights:
        checks.setdefault(right.presets, []).append(right.check)
    return [(presets, any_of(*each)) for presets, each in checks.items()]


def _conflicts(query: InsertMany, own: Filter, made: Presets, rewriter: Rewriter) -> Sequence[Conflict | None]:
    """What becomes of rows that exist. To leave them alone needs no right: a plain insert tells of them as well. What is
    reset is what every right that may find the row may write, and what no new row is given by its maker's right."""
    conflict = query.conflict
    if conflict is None or conflict.update is None:
        return [conflict]
    taken = frozenset(conflict.update)
    rights = fitting_rights(query.table, taken, rewriter.write_grant(query.table).updates, "update")
    kept = {each.column for each in made}
    reset = tuple(
        each for each in conflict.reset if each not in kept and all(each in right.columns for right in rights)
    )
    seen = _found(TRUE, query.table, rewriter)
    shares = _shares([replace(right, rows=all_of(right.rows, seen)) for right in rights], own)
    return [replace(conflict, presets=each.presets, judges=each.judges, reset=reset) for each in shares]


def _update(query: UpdateMany, rewriter: Rewriter) -> UpdateMany:
    table = query.table
    given = frozenset(each.column for each in query.changes)
    rights = fitting_rights(table, given, rewriter.write_grant(table).updates, "update")
    own = _visible(query.check, table, rewriter)
    where = _found(query.where, table, rewriter)
    returning = _settled(query, rewriter, where, *(right.rows for right in rights))
    return replace(query, where=where, shares=_shares(rights, own), returning=returning, check=TRUE)


def _shares(rights: Iterable[UpdateRight], own: Filter) -> tuple[Share, ...]:
    """The rights by what they set; those of one check are one judge."""
    found: dict[Presets, dict[Filter, list[Filter]]] = {}
    for right in rights:
        found.setdefault(right.presets, {}).setdefault(all_of(right.check, own), []).append(right.rows)
    return tuple(
        Share(presets, tuple(Judge(any_of(*rows), check) for check, rows in checks.items()))
        for presets, checks in found.items()
    )


def _delete(query: DeleteMany, rewriter: Rewriter) -> DeleteMany:
    grant = rewriter.write_grant(query.table)
    if not grant.deletes:
        raise Forbidden(f"you may not delete from {query.table.label}")
    rows = any_of(*(right.rows for right in grant.deletes))
    where = all_of(rows, _found(query.where, query.table, rewriter))
    return replace(query, where=where, returning=_settled(query, rewriter, where))


def _visible(where: Filter, table: Table, rewriter: Rewriter) -> Filter:
    """A caller's own filter, over what they may read."""
    return TRUE if where == TRUE else rewriter.filter(where, rewriter.grant(table))


def _found(where: Filter, table: Table, rewriter: Rewriter) -> Filter:
    """The rows that a write may find: those that the caller sees, where they see anything of any; who sees nothing asks for all."""
    grant = rewriter.write_grant(table)
    return rewriter.found(where, table) if tells(grant) or where != TRUE else TRUE


def _returning(read: Read | None, rewriter: Rewriter) -> Read | None:
    return rewriter.returning(read)


def _told(query: InsertMany, rewriter: Rewriter) -> Read | None:
    """What is answered of the rows that were given: in the order in which they were, or in the one that is asked for to its end."""
    returning = _returning(query.returning, rewriter)
    if returning is None or not returning.order or query.table.primary_key is None:
        return returning
    return settled(returning, rewriter.grant(query.table))


def _settled(query: UpdateMany | DeleteMany, rewriter: Rewriter, *filters: Filter) -> Read | None:
    """What is answered of the rows that the filters find. Rows without a primary key are not found again: they are
    answered as the write comes upon them."""
    returning = _returning(query.returning, rewriter)
    if returning is None or query.exactly_one or query.table.primary_key is None:
        return returning
    return settled(returning, rewriter.grant(query.table), elsewhere=decided_elsewhere(*filters))
