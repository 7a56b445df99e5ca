"""What a reader asked to be told, and what one change means to them.

    image before ↓  after →   seen              not seen       only the database knows
    seen                      update            leave          ask, then as one of the others
    not seen                  enter             –
    rule holds, filter ?      update            leave, by key
    rule ?                    update or enter   withheld, or as the reader was told

Rule: the same rules as for reading, asked of both images. What cannot be decided is asked of the database for the row as
it is now. For the row as it was, what was told to the reader decides where the rule reads other tables (`Depends`), and
otherwise it is withheld: nobody hears of a row that they may never have seen. What changed nothing that the reader sees
is not told at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from reflector.access.permissions import Grants, TableGrant, Ways
from reflector.access.rewrite import Rewriter
from reflector.catalog.model import Column, Fill, Table
from reflector.changes.change import NULL, Change, Cursor, Op, Row
from reflector.changes.masked import masked_value
from reflector.datatypes import Value
from reflector.errors import Forbidden
from reflector.query.match import ASK, Ask, Bind, matches
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
    all_of,
)
from reflector.query.walk import columns_inside, tables_inside
from reflector.sql.json_text import json_text

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
        with_claims(Rewriter(grants).filter(where, grant), claim),
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


# ── claims become values, so that callers with equal claims share one question ───────────────


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


# ── what is told ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False, slots=True)
class Notice:
    """One thing to tell. `key`, `new` and `changed` are JSON; `rendered` keeps what was made of it, by whoever made it."""

    op: str
    table: str
    key: bytes
    new: bytes | None
    changed: bytes | None
    cursor: Cursor
    at: float
    rendered: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Depends:
    """One of two things to tell of the row with this key, None for nothing: `told` where the reader was told that the row
    is there, else `untold`."""

    key: bytes
    told: Notice | None
    untold: Notice | None


Telling: TypeAlias = Notice | Depends


class Sight(Enum):
    """Whether a reader sees an image of a row."""

    SEEN = "seen"
    UNSEEN = "not seen"
    MAYBE = "the rule holds, the filter cannot be decided"
    UNKNOWN = "the rule cannot be decided"


def judge(question: Question, change: Change, bind: Bind) -> tuple[Telling, ...] | Ask:
    """What the change means to the readers; ASK when only the database knows what they see of the row now.

    For a question whose readers are remembered, also events that nobody asked for: they change what is told later.
    """
    if change.op is Op.DELETE or change.new is None:
        return _told(question, change, Sight.UNSEEN, None, bind)
    seen = matches(all_of(question.rule, question.where), change.new, bind)
    if seen is ASK:
        return ASK
    if seen is not True:
        return _told(question, change, Sight.UNSEEN, None, bind)
    shown = _shown(question, change.new, bind)
    return ASK if shown is None else _told(question, change, Sight.SEEN, _object(shown), bind)


def judge_asked(question: Question, change: Change, now: bytes | None, bind: Bind) -> tuple[Telling, ...]:
    """The same, with what the database says of the row: as the readers see it, None where they do not."""
    return _told(question, change, Sight.UNSEEN if now is None else Sight.SEEN, now, bind)


def key_values(change: Change) -> Sequence[Value] | None:
    """The key of the row as it is now; None where it has none, or the image does not tell."""
    row = change.new
    if row is None or not change.key or not all(column in row for column in change.key):
        return None
    return [row[column] for column in change.key]


def _told(question: Question, change: Change, after: Sight, body: bytes | None, bind: Bind) -> tuple[Telling, ...]:
    found: list[Telling]
    if change.op is Op.INSERT:
        found = [_notice(question, change, "insert", change.new, body)] if after is Sight.SEEN else []
    elif change.op is Op.DELETE:
        found = _gone(question, change, "delete", change.old, before(question, change.old, bind))
    else:
        found = _updated(question, change, after, body, bind)
    if question.remembered:
        return tuple(found)
    return tuple(each for each in found if isinstance(each, Depends) or each.op in question.events)


def _updated(question: Question, change: Change, after: Sight, body: bytes | None, bind: Bind) -> list[Telling]:
    was = before(question, change.old, bind)
    if after is Sight.UNSEEN:
        return _gone(question, change, "leave", change.old or change.new, was)
    enter = _notice(question, change, "enter", change.new, body)
    if change.moved:
        return [*_gone(question, change, "leave", change.old, was), enter]
    if was is Sight.UNSEEN:
        return [enter]
    update = _update(question, change, body, bind)
    if was is Sight.UNKNOWN and _decides(question, change):
        return [Depends(enter.key, update, enter)] if question.remembered else [enter]
    return [] if update is None else [update]


def _gone(question: Question, change: Change, op: str, row: Row | None, was: Sight) -> list[Telling]:
    """The row is no longer there for the readers, if it ever was."""
    if was is Sight.UNSEEN or (was is Sight.UNKNOWN and not question.remembered):
        return []
    notice = _notice(question, change, op, row, None)
    return [Depends(notice.key, notice, None)] if was is Sight.UNKNOWN else [notice]


def _update(question: Question, change: Change, body: bytes | None, bind: Bind) -> Notice | None:
    """The row is still there; None where nothing changed that the readers see."""
    changed = _visibly_changed(question, change, bind)
    if changed is None:
        # Whether anything changed that may be seen cannot be told: those hear of it to whom nothing is hidden.
        return _notice(question, change, "update", change.new, body) if question.sighted else None
    return _notice(question, change, "update", change.new, body, changed) if changed else None


def before(question: Question, row: Row | None, bind: Bind) -> Sight:
    """Whether the readers saw the row as it was."""
    image: Mapping[Column, Value] = {} if row is None else row
    allowed = matches(question.rule, image, bind)
    if allowed is ASK:
        return Sight.UNKNOWN
    if allowed is not True:
        return Sight.UNSEEN
    wanted = matches(question.where, image, bind)
    return Sight.MAYBE if wanted is ASK else Sight.SEEN if wanted is True else Sight.UNSEEN


def _decides(question: Question, change: Change) -> bool:
    """Whether the change touched what decides whether the row is seen."""
    if change.changed is None:
        return False
    return not change.changed.isdisjoint([*columns_inside(question.rule), *columns_inside(question.where)])


def _visibly_changed(question: Question, change: Change, bind: Bind) -> list[Column] | None:
    """The columns that look different to the readers; None where that cannot be told."""
    if change.changed is None or change.new is None or change.old is None:
        return None
    if all(guard == TRUE for _, guard in question.columns):
        if any(_untold(column, change.new) for column, _ in question.columns) and not question.sighted:
            return None
        return [column for column, _ in question.columns if column in change.changed]
    new, old = _shown(question, change.new, bind), _shown(question, change.old, bind)
    if new is None or old is None:
        return None
    return [column for column, shown in new.items() if old.get(column) != shown]


def _shown(question: Question, row: Row, bind: Bind) -> dict[Column, bytes] | None:
    """The row as the readers see it; a large value that was left alone is left out. None: only the database knows."""
    shown: dict[Column, bytes] = {}
    masked = dict(question.masked)
    for column, guard in question.columns:
        if _untold(column, row):
            return None
        if column not in row:
            continue
        if guard == TRUE:
            shown[column] = row.shown(column)
            continue
        value = _cell(column, guard, masked.get(column), row, bind)
        if value is None:
            return None
        shown[column] = value
    return shown


def _cell(column: Column, guard: Filter, ways: Ways | None, row: Row, bind: Bind) -> bytes | None:
    """One value that is seen on some rows, or masked, as the readers see it. None: only the database knows."""
    seen = matches(guard, row, bind)
    if seen is ASK:
        return None
    if seen is True:
        return row.shown(column) if ways is None else masked_value(column, row.shown(column), None)
    for rule, mask in ways or ():
        holds = matches(rule, row, bind)
        if holds is ASK:
            return None
        if holds is True:
            return masked_value(column, row.shown(column), mask)
    return NULL


def _untold(column: Column, row: Row) -> bool:
    """Whether the column is computed and the source does not tell it: PostgreSQL's stream has no generated columns."""
    return column.fill is Fill.COMPUTED and column not in row


def _notice(
    question: Question,
    change: Change,
    op: str,
    row: Row | None,
    body: bytes | None,
    changed: Sequence[Column] | None = None,
) -> Notice:
    names = None if changed is None else json_text([column.name for column in changed]).encode()
    return Notice(op, question.table.label, _key(question, change, row), body, names, change.cursor, change.at)


def _key(question: Question, change: Change, row: Row | None) -> bytes:
    """The row's address as an object; opaque to those who may not name it, null where there is none."""
    if row is None or not change.key or not all(column in row for column in change.key):
        return NULL
    plain = _object({column: row.shown(column) for column in change.key})
    return plain if question.key_seen else json_text(question.opaque(plain)).encode()


def _object(shown: dict[Column, bytes]) -> bytes:
    return b"{" + b",".join([_label(column.name) + value for column, value in shown.items()]) + b"}"


@lru_cache(maxsize=20_000)
def _label(name: str) -> bytes:
    return json_text(name).encode() + b":"
