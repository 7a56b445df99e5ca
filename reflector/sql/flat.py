"""Pages whose rows hold nothing of other tables: gathered in one pass, one row beyond the limit, and cut afterwards.

Reading the page first and making its documents then costs PostgreSQL a third more where there is nothing to look up for
them. Here the documents come as texts with a separator between them that no JSON holds, so that the row beyond the limit
can be cut off and the last row be found without reading any of the others.

Rule: what is cut is whole rows, and the order values of a cursor are those the last row was answered with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from reflector.datatypes import Value
from reflector.query.nodes import TRUE, Output, Parameter, Read, all_of
from reflector.sql.dialect import Dialect, Source
from reflector.sql.filters import condition
from reflector.sql.json_text import json_text
from reflector.sql.plan import Answer, Cut, Expect, Part, Step
from reflector.sql.reads import amount, members, ordered, total
from reflector.sql.statement import Writer

SEPARATOR = b"\x1e"
"""A control character: JSON has none, neither between its tokens nor, unescaped, in its strings."""


def cut_of(dialect: Dialect, read: Read) -> Cut | None:
    """How the page is to be cut, when it can be gathered in one pass; None when it cannot."""
    outputs = [member for member in read.select if isinstance(member, Output)]
    if not dialect.flat_pages or read.single or not outputs or len(outputs) < len(read.select):
        return None
    labels = {member.expression: member.label for member in reversed(outputs)}
    if read.keyset and any(order.expression not in labels for order in read.order):
        return None
    keys = tuple(labels[order.expression] for order in read.order) if read.keyset else None
    if isinstance(read.limit, Parameter):
        return Cut(read.limit.index, bound=True, keys=keys)
    return Cut(read.limit, keys=keys)


def flat_step(writer: Writer, read: Read) -> Step:
    """The whole page as one step: its documents, one row beyond the limit, straight from their table."""
    alias = writer.alias()
    where = all_of(read.where, read.after)
    source = Source(
        writer.dialect.table(read.table).alias(alias),
        [] if where == TRUE else [condition(writer, where, (alias,))],
        [each for order in read.order for each in ordered(writer, order, (alias,))],
        amount(writer, read.limit, 1),
        amount(writer, read.offset),
    )
    statement = writer.dialect.flat_page(members(writer, read.select, (alias,)), source)
    if not read.count:
        return writer.finish(statement, Expect.ANSWER, (Part.BODY, Part.SEEN))
    statement = statement.add_columns(total(writer, read).label("total"))
    return writer.finish(statement, Expect.ANSWER, (Part.BODY, Part.SEEN, Part.TOTAL))


def cut_page(answer: Answer, cut: Cut, values: Sequence[Value]) -> Answer:
    """The answer with the row beyond the limit cut off, its documents as one array, and the last one's order values."""
    rows = answer.body
    if rows is None:
        return replace(answer, body=b"[]")
    limit = values[cut.limit] if cut.bound and cut.limit is not None else cut.limit
    more = limit is not None and (answer.seen or 0) > limit
    if more and limit == 0:
        return replace(answer, body=b"[]")
    if more:
        rows = rows[: rows.rfind(SEPARATOR)]
    last = _order_values(rows, cut.keys) if more and cut.keys is not None else None
    return replace(answer, body=b"[" + rows.replace(SEPARATOR, b",") + b"]", last=last)


def _order_values(rows: bytes, keys: tuple[str, ...]) -> bytes:
    row = json.loads(rows[rows.rfind(SEPARATOR) + 1 :], parse_float=Decimal)
    return json_text([row[key] for key in keys]).encode()
