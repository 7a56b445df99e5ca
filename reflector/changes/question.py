"""What one or many readers asked to be told of a table, under the rights they have.

Rule: the same rules as for reading. The values of claims stand in them, so that callers with equal claims share one question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from reflector.access.conditions import Conditions
from reflector.access.permissions import Grants, TableGrant, Ways
from reflector.catalog.model import Column, Table
from reflector.datatypes import Value
from reflector.errors import Forbidden
from reflector.query.nodes import (
    FALSE,
    TRUE,
    And,
    Cast,
    Claim,
    Compare,
    Exists,
    Expression,
    Filter,
    Guarded,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Operand,
    Or,
    Related,
)
from reflector.query.walk import tables_inside

EVENTS: Final = ("insert", "update", "delete", "enter", "leave")

AskDatabase = Callable[[Sequence[Value]], Awaitable[bytes | None]]
"""The row with these key values, as the reader sees it now and if their filter finds it: a JSON object, or None."""
BindClaim = Callable[[Claim], Value]
"""A claim's value; raises MissingClaim."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one or many readers asked: equal questions are judged once.

    `rule` says which rows may be read, `where` which are wanted; claims are in them as values. `columns` are those that
    are told, each with the rule under which it is seen as it is; `masked` says how some of them are shown otherwise.
    `sighted`: the reader sees every column of the table on every
    row, so that no update can be hidden. `key_seen`: the row's address may be named.
    """

    table: Table
    roles: tuple[str, ...]
    rule: Filter
    where: Filter
    columns: tuple[tuple[Column, Filter], ...]
    events: frozenset[str]
    sighted: bool
    key_seen: bool
    ask: AskDatabase = field(compare=False, repr=False)
    opaque: Callable[[bytes], str] = field(compare=False, repr=False)
    masked: tuple[tuple[Column, Ways], ...] = ()

    @property
    def depends(self) -> frozenset[Table]:
        """Other tables that decide what is seen."""
        filters = [self.rule, self.where, *(guard for _, guard in self.columns)]
        filters += [rule for _, ways in self.masked for rule, _ in ways]
        return frozenset(table for each in filters for table in tables_inside(each))

    @property
    def remembered(self) -> bool:
        """Whether what each reader was told must be known to tell who saw a row that is gone."""
        return any(True for _ in tables_inside(self.rule)) and self.table.primary_key is not None


def question_of(
    table: Table,
    grants: Grants,
    where: Filter,
    columns: Sequence[Column],
    events: Iterable[str],
    claim: BindClaim,
    ask: AskDatabase,
    opaque: Callable[[bytes], str],
) -> Question:
    """The question under these grants; `where` and `columns` are the reader's. Raises Forbidden and MissingClaim."""
    grant = grants.on(table)
    if grant is None or not grant.may_read:
        raise Forbidden(f"you may not read {table.label}")
    key = () if table.primary_key is None else table.primary_key.columns
    return Question(
        table,
        grants.roles,
        with_claims(grant.read_rows, claim),
        with_claims(Conditions(grants).filter(where, grant), claim),
        tuple((column, with_claims(grant.columns.get(column, FALSE), claim)) for column in columns),
        frozenset(events),
        all(_always(grant, column) for column in table.columns),
        all(_always(grant, column) for column in key),
        ask,
        opaque,
        tuple((column, _ways(grant.masked[column], claim)) for column in columns if column in grant.masked),
    )


def _ways(ways: Ways, claim: BindClaim) -> Ways:
    return tuple((with_claims(rule, claim), mask) for rule, mask in ways)


def _always(grant: TableGrant, column: Column) -> bool:
    return grant.columns.get(column) == TRUE


def with_claims(where: Filter, claim: BindClaim) -> Filter:
    """The filter with every claim's value in its place; raises MissingClaim."""
    match where:
        case Compare(expression=expression, operand=operand):
            return replace(where, expression=_expression(expression, claim), operand=_operand(operand, claim))
        case IsNull(expression=expression):
            return IsNull(_expression(expression, claim))
        case And(parts=parts):
            return And(tuple(with_claims(part, claim) for part in parts))
        case Or(parts=parts):
            return Or(tuple(with_claims(part, claim) for part in parts))
        case Not(part=part):
            return Not(with_claims(part, claim))
        case Exists(via=via, where=inner, through=through, beyond=beyond):
            return Exists(via, with_claims(inner, claim), with_claims(through, claim), beyond)
        case _:
            assert_never(where)


def _operand(operand: Operand, claim: BindClaim) -> Operand:
    return Literal(claim(operand), operand.type, operand.many) if isinstance(operand, Claim) else operand


def _expression(expression: Expression, claim: BindClaim) -> Expression:
    match expression:
        case Guarded(rule=rule, expression=inner):
            return Guarded(with_claims(rule, claim), _expression(inner, claim))
        case JsonPath(expression=inner) | Cast(expression=inner):
            return replace(expression, expression=_expression(inner, claim))
        case Related(relationship=relationship, expression=inner, where=where):
            return Related(relationship, _expression(inner, claim), with_claims(where, claim))
        case Lowered(expression=inner):
            return Lowered(_expression(inner, claim))
        case _:
            return expression
