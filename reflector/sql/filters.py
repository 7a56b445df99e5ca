"""Expressions and filters of the tree as SQL conditions over aliased rows.

Rule: the meaning stands in `query.comparisons` and in the dialect; this module only walks. `rows` names the alias of
each enclosing row, the row in hand last, so that a rule's `Outer` finds the row it means.
"""

from __future__ import annotations

from typing import Any, assert_never

import sqlalchemy as sa

from reflector.catalog.model import Column, Relationship
from reflector.datatypes import DataType
from reflector.errors import InternalError
from reflector.query.bytewise import as_bytes, bytewise, looks_for_letters, sides_of
from reflector.query.comparisons import Comparison
from reflector.query.expressions import type_of
from reflector.query.masks import Mask, Masked, pads
from reflector.query.nodes import (
    FALSE,
    TEXT,
    TRUE,
    Aggregate,
    And,
    Cast,
    Claim,
    Compare,
    Computed,
    Counted,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Guarded,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Now,
    Operand,
    Or,
    Outer,
    Parameter,
    Related,
)
from reflector.secret import Secret
from reflector.sql.computed import of_row, rows_of_row
from reflector.sql.plan import Constant, Encode, FromClaim, FromRequest, Moment
from reflector.sql.plan import Source as Origin
from reflector.sql.shaped import Shaped, Sql
from reflector.sql.statement import Writer

Rows = tuple[str, ...]
Derived = Guarded | Lowered | JsonPath | Cast | Aggregate
ONE: Sql = sa.literal_column("1")


def condition(writer: Writer, where: Filter, rows: Rows) -> Sql:
    """The filter as a boolean SQL expression."""
    match where:
        case Compare():
            return comparison(writer, where, rows)
        case IsNull(expression=expression):
            return null(writer, expression, rows)
        case And(parts=parts):
            return sa.and_(*(condition(writer, part, rows) for part in parts)) if parts else sa.true()
        case Or(parts=parts):
            return sa.or_(*(condition(writer, part, rows) for part in parts)) if parts else sa.false()
        case Not(part=part):
            return sa.not_(condition(writer, part, rows).self_group())
        case Exists():
            return exists(writer, where, rows)
        case _:
            assert_never(where)


def null(writer: Writer, expression: Expression, rows: Rows) -> Sql:
    """Whether there is no value. A composite value may be neither NULL nor NOT NULL: then it is something."""
    value = raw(writer, expression, rows)
    if type_of(expression).read_here:
        return value.is_(sa.null())
    return sa.type_coerce(Shaped("({x} IS NULL)", value), sa.Boolean())


def comparison(writer: Writer, where: Compare, rows: Rows) -> Sql:
    """One comparison; text of a rule is compared bytewise."""
    dialect = writer.dialect
    type_ = type_of(where.expression)
    left = dialect.compared(raw(writer, where.expression, rows), type_)
    if where.exact and bytewise(type_) is not None and not looks_for_letters(where.comparison):
        right = operand(writer, as_bytes(where.operand), rows, where.comparison)
        return dialect.exact(where.comparison, left, right, sides_of(where, type_))
    if type_.case_insensitive and looks_for_letters(where.comparison):
        left = Shaped(dialect.letters, left)
    right = operand(writer, where.operand, rows, where.comparison)
    result: Sql = where.comparison.sql(dialect, left, right)
    return result


def exists(writer: Writer, where: Exists, rows: Rows) -> Sql:
    alias = writer.alias()
    inner = (*rows, alias)
    if not isinstance(where.via, Relationship):
        table = writer.dialect.table(where.via).alias(alias)
        return _any(sa.select(ONE).select_from(table).where(condition(writer, where.where, inner)), where.beyond)
    source, joined = related_rows(writer, where.via, rows[-1], alias, where.through)
    found = sa.select(ONE).select_from(source).where(*joined)
    if where.where != And(()):
        found = found.where(condition(writer, where.where, inner))
    return _any(found, where.beyond)


def _any(rows: sa.Select[Any], beyond: int) -> Sql:
    """Whether there are more of the rows than that."""
    return (rows.limit(ONE).offset(sa.literal_column(str(beyond))) if beyond else rows).exists()


def related_rows(
    writer: Writer, relationship: Relationship, near: str, far: str, through: Filter
) -> tuple[sa.FromClause, list[Sql]]:
    """FROM and the conditions that lead from the row `near` to the related rows `far`."""
    rows, ends, conditions = joined_rows(writer, relationship, near, far, through)
    return rows, [*(here == there for here, there in ends), *conditions]


def joined_rows(
    writer: Writer, relationship: Relationship, near: str, far: str, through: Filter
) -> tuple[sa.FromClause, list[tuple[Sql, Sql]], list[Sql]]:
    """FROM of the related rows `far`, what of the row `near` equals what of theirs, and the conditions besides."""
    dialect = writer.dialect
    if relationship.function is not None:
        rows, there = rows_of_row(writer, relationship.function, near, far)
        return rows, [], there
    target = dialect.table(relationship.target).alias(far)
    junction = relationship.junction
    if junction is None:
        return target, [(dialect.column(near, a), dialect.column(far, b)) for a, b in relationship.pairs], []
    middle = writer.alias()
    between = dialect.table(junction.table).alias(middle)
    onto = sa.and_(*(dialect.column(middle, a) == dialect.column(far, b) for a, b in junction.far))
    ends = [(dialect.column(near, a), dialect.column(middle, b)) for a, b in junction.near]
    return between.join(target, onto), ends, [] if through == And(()) else [condition(writer, through, (middle,))]


def raw(writer: Writer, expression: Expression, rows: Rows) -> Sql:
    """The expression's own value, to be compared or ordered by."""
    dialect = writer.dialect
    match expression:
        case Field(column=column):
            return dialect.column(rows[-1], column)
        case Outer(column=column, levels=levels):
            if levels >= len(rows):
                raise InternalError("a rule refers to a row outside of it")
            return dialect.column(rows[-1 - levels], column)
        case Related(relationship=relationship, expression=inner, where=where):
            alias = writer.alias()
            source, joined = related_rows(writer, relationship, rows[-1], alias, And(()))
            found = sa.select(raw(writer, inner, (alias,))).select_from(source).where(*joined)
            if where != And(()):
                found = found.where(condition(writer, where, (alias,)))
            return found.limit(ONE).scalar_subquery()
        case Computed(function=function):
            return of_row(writer, function, rows[-1])
        case FixedText(text=said):
            return writer.dialect.fixed(said)
        case Counted():
            return counted(writer, expression, rows)
        case Masked():
            return masked(writer, expression, rows)
        case Guarded() | Lowered() | JsonPath() | Cast() | Aggregate():
            return derived(writer, expression, rows)
        case _:
            assert_never(expression)


def derived(writer: Writer, expression: Derived, rows: Rows) -> Sql:
    """What is made of another expression."""
    dialect = writer.dialect
    if expression.expression is None:
        return dialect.aggregate(expression.function, None, None)
    inner = raw(writer, expression.expression, rows)
    match expression:
        case Guarded(rule=rule):
            return sa.case((condition(writer, rule, rows), inner))
        case Lowered():
            return dialect.lower(inner)
        case JsonPath(expression=whole, path=path, text=text):
            return dialect.path(inner, type_of(whole), path, text)
        case Cast(expression=source, type=type_):
            writer.calls |= type_.busy
            return dialect.cast(inner, type_of(source), type_)
        case Aggregate(function=function, expression=source):
            return dialect.aggregate(function, inner, type_of(source) if source else None)
        case _:
            assert_never(expression)


def masked(writer: Writer, expression: Masked, rows: Rows) -> Sql:
    """The text, whole or as its masks show it."""
    inner = raw(writer, expression.expression, rows)
    text = writer.dialect.cast(inner, type_of(expression.expression), TEXT)
    ways = [(rule, hidden(writer, mask, text)) for rule, mask in expression.ways]
    if expression.plain != FALSE:
        ways.insert(0, (expression.plain, text))
    if ways[0][0] == TRUE:
        return ways[0][1]
    return sa.case(*((condition(writer, rule, rows), value) for rule, value in ways))


def hidden(writer: Writer, mask: Mask, text: Sql) -> Sql:
    """The text as one mask shows it."""
    if mask.key is None:
        return writer.dialect.masked(mask.kind, text)
    inner, outer = (writer.bind(Constant(pad), Secret.reveal) for pad in pads(mask.key))
    return writer.dialect.masked(mask.kind, text, inner, outer)


def counted(writer: Writer, count: Counted, rows: Rows) -> Sql:
    """How many rows there are, as a page of the list would have them."""
    alias = writer.alias()
    joined: list[Sql] = []
    if isinstance(count.via, Relationship):
        source, joined = related_rows(writer, count.via, rows[-1], alias, count.through or And(()))
    else:
        source = writer.dialect.table(count.via).alias(alias)
    if count.where != And(()):
        joined.append(condition(writer, count.where, (alias,)))
    number: Sql = sa.select(sa.func.count()).select_from(source).where(*joined).scalar_subquery()
    number = writer.dialect.clamped(number, count.offset or 0, count.limit)
    if count.guard is None or count.guard == And(()):
        return number
    return sa.case((condition(writer, count.guard, rows), number), else_=sa.literal_column("0"))


def operand(writer: Writer, value: Operand, rows: Rows, by: Comparison) -> Sql:
    """What an expression is compared with."""
    match value:
        case Parameter(index=index, type=type_, many=many, size=size):
            if size is not None:
                return items(writer, index, size, type_)
            return bound(writer, FromRequest(index), type_, many, by)
        case Claim(path=path, type=type_, many=many):
            return bound(writer, FromClaim(path, type_, many), type_, many, by)
        case Literal(value=literal, type=type_, many=many):
            if many and writer.dialect.buckets:
                return constants(writer, literal, type_)
            return bound(writer, Constant(literal), type_, many, by)
        case Now(type=type_):
            return bound(writer, Moment(type_), type_, False, by)
        case Field() | Outer() | Lowered():
            return raw(writer, value, rows)
        case _:
            assert_never(value)


def bound(writer: Writer, source: Origin, type_: DataType, many: bool, by: Comparison) -> Sql:
    dialect = writer.dialect
    encode: Encode | None = dialect.pattern_encoder(by) if by.pattern else dialect.encoder(type_, many)
    typed = TEXT if by.pattern else type_
    writer.calls |= typed.busy
    value: Sql = dialect.operand(writer.bind(source, encode), typed, many)
    return value


def items(writer: Writer, index: int, size: int, type_: DataType) -> Sql:
    """A list of the caller's, one placeholder an item."""
    dialect = writer.dialect
    encode = dialect.encoder(type_)
    placeholders = [dialect.operand(writer.bind(FromRequest(index, item), encode), type_) for item in range(size)]
    return sa.tuple_(*placeholders)


def constants(writer: Writer, values: tuple[object, ...], type_: DataType) -> Sql:
    """A list of a rule's, one placeholder an item."""
    dialect = writer.dialect
    encode = dialect.encoder(type_)
    return sa.tuple_(*(dialect.operand(writer.bind(Constant(value), encode), type_) for value in values))


def nullable(expression: Expression) -> bool:
    """Whether the expression can be NULL."""
    match expression:
        case Field(column=column) | Outer(column=column):
            return column.nullable
        case Lowered(expression=inner):
            return nullable(inner)
        case FixedText() | Counted():
            return False
        case Guarded() | Related() | JsonPath() | Cast() | Aggregate() | Computed() | Masked():
            return True
        case _:
            assert_never(expression)


def column_of(expression: Expression) -> Column | None:
    """The plain column an expression is, if it is one."""
    return expression.column if isinstance(expression, Field) else None
