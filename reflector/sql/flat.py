"""Pages whose rows hold nothing of other tables: gathered in one pass, one row beyond the limit, and cut afterwards.

Reading the page first and making its documents then costs PostgreSQL a third more where there is nothing to look up for
them. Here the documents come as texts with a separator between them that no JSON holds, so that the row beyond the limit
can be cut off and the last row be found without reading any of the others.

Rule: what is cut is whole rows, and the order values of a cursor are those the last row was answered with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal

from reflector.datatypes import Value
from reflector.query.expressions import grouped
from reflector.query.nodes import TRUE, Output, Parameter, Read, all_of
from reflector.sql.filters import condition
from reflector.sql.json_text import json_text
from reflector.sql.making_documents import FlatPages, Source
from reflector.sql.members import members
from reflector.sql.plan import Answer, Cut, Expect, Part, Step
from reflector.sql.reads import total
from reflector.sql.slices import amount, ordered
from reflector.sql.statement import Writer

SEPARATOR = b"\x1e"
"""A control character: JSON has none, neither between its tokens nor, unescaped, in its strings."""
PLAIN = r'(?:"(?:[^"\\]|\\.)*"|[^",\[\]{}]+)'
"""A JSON value that is neither object nor array, as compact JSON has it."""
MOST_MATCHED = 40
"""Members of a row that is matched; one of more is read as JSON."""
_ROW = json.JSONDecoder(parse_float=Decimal)


def cut_of(read: Read) -> Cut | None:
    """How the page is to be cut, when it can be gathered in one pass; None when it cannot."""
    outputs = [member for member in read.select if isinstance(member, Output)]
    if grouped(read.select) or read.single or not outputs or len(outputs) < len(read.select):
        return None
    labels = {member.expression: member.label for member in reversed(outputs) if member.form is None}
    if read.keyset and any(order.expression not in labels for order in read.order):
        return None
    keys = tuple(labels[order.expression] for order in read.order) if read.keyset else None
    row = None if keys is None else _plain_row([member.label for member in outputs], keys)
    if isinstance(read.limit, Parameter):
        return Cut(read.limit.index, bound=True, keys=keys, row=row)
    return Cut(read.limit, keys=keys, row=row)


def _plain_row(labels: Sequence[str], keys: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """What a row of these members looks like when none of their values is an object or an array."""
    if len(labels) > MOST_MATCHED or len(set(labels)) < len(labels) or len(set(keys)) < len(keys):
        return None
    members = []
    for label in labels:
        value = rf"(?P<k{keys.index(label)}>{PLAIN})" if label in keys else PLAIN
        members.append(re.escape(json.dumps(label, ensure_ascii=False)) + ":" + value)
    return re.compile((r"\{" + ",".join(members) + r"\}").encode())


def flat_step(writer: Writer, pages: FlatPages, read: Read) -> Step:
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
    statement = pages.flat_page(members(writer, read.select, (alias,)), source)
    if not read.count:
        return writer.finish(statement, Expect.ANSWER, (Part.BODY,))
    statement = statement.add_columns(total(writer, read).label("total"))
    return writer.finish(statement, Expect.ANSWER, (Part.BODY, Part.TOTAL))


def cut_page(answer: Answer, cut: Cut, values: Sequence[Value]) -> Answer:
    """The answer with the row beyond the limit cut off, its documents as one array, and the last one's order values."""
    rows, total = answer.body, answer.total
    if rows is None:
        return Answer(b"[]", 0, None, total)
    seen = rows.count(SEPARATOR) + 1
    limit = values[cut.limit] if cut.bound and cut.limit is not None else cut.limit
    last = None
    if limit is not None and seen > limit:
        if limit == 0:
            return Answer(b"[]", seen, None, total)
        rows = rows[: rows.rfind(SEPARATOR)]
        if cut.keys is not None:
            last = _order_values(rows, cut.keys, cut.row)
    return Answer(b"[%b]" % rows.replace(SEPARATOR, b","), seen, last, total)


def _order_values(rows: bytes, keys: tuple[str, ...], plain: re.Pattern[bytes] | None) -> bytes:
    """The values of the last row's keys as a JSON array: cut out of its text where that can be, for it costs a tenth."""
    begin = rows.rfind(SEPARATOR) + 1
    if plain is not None and (matched := plain.fullmatch(rows, begin)) is not None:
        return b"[" + b",".join([matched[f"k{number}"] for number in range(len(keys))]) + b"]"
    row = _ROW.decode(rows[begin:].decode())
    return json_text([row[key] for key in keys]).encode()
