"""Several documents in one statement: each member of an overview is a column of its own, computed by itself.

A list is read in two strides, as in `reads`: first its rows, in order and limited, then the documents of those rows,
so that related rows are looked up for what is answered and for nothing else.

Rule: members share a statement and nothing more; one that finds nothing leaves the others as they are.
"""

from __future__ import annotations

import sqlalchemy as sa

from reflector.query.nodes import Apart, Group, Overview, Read, Selected
from reflector.sql.making_documents import Member, Source
from reflector.sql.members import member_value
from reflector.sql.plan import Expect, Part, Step
from reflector.sql.reads import PAGE, page_members, page_rows, reordered, single
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer


def overview_step(writer: Writer, overview: Overview) -> Step:
    """The whole overview as one step: one row, with one column for each member."""
    columns = [document(writer, member).label(f"m{index}") for index, member in enumerate(overview.select)]
    return writer.finish(sa.select(*columns), Expect.ANSWER, (Part.MEMBER,) * len(columns))


def document(writer: Writer, member: Selected) -> Sql:
    """The member as an expression that refers to no row."""
    match member:
        case Apart(read=read):
            return rows_apart(writer, read)
        case Group(select=select):
            inside = [Member(each.label, document(writer, each)) for each in select]
            return writer.dialect.grouped(inside)
        case _:
            return member_value(writer, member, ())


def rows_apart(writer: Writer, read: Read) -> Sql:
    """A list as an array, or one row as an object; null where there is none."""
    dialect = writer.dialect
    if read.single:
        return dialect.nested(single(writer, read))
    page = page_rows(writer, read, 0).subquery(PAGE)
    order = [each for index in range(len(read.order)) for each in reordered(writer, read, index)]
    return dialect.nested(dialect.many(page_members(writer, read), Source(page, (), order)))
