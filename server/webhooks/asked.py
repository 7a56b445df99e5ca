"""What each webhook asks to be told, bound to a catalog, and everything that is wrong with it.

Rule: a webhook is a caller like any other: it asks with the rights of its role and its claims, through the same scope, and is
told what a subscriber with these would be. What does not fit is a complaint with its place, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from reflector.access.names import database_names
from reflector.access.principal import Principal
from reflector.access.rules import bind_rule
from reflector.capture import Capture
from reflector.catalog.model import Catalog, Column, Table
from reflector.changes.question import Question
from reflector.changes.terms import FOLLOWS
from reflector.errors import (
    Forbidden,
    InvalidValue,
    MissingClaim,
    ReflectorError,
    RuleError,
    RuleUnbound,
    UnknownColumn,
    UnknownTable,
)
from reflector.query.nodes import TRUE, Filter
from reflector.query.scope import TableScope
from reflector.query.walk import columns_inside, tables_inside
from reflector.snapshot import Access
from server.access import anonymous_role, describe
from server.config import Complaint, Config, Position
from server.config.complaints import Path, dotted
from server.config.values import thaw
from server.config.webhooks import Webhook

METHOD: Final = "webhook"


class Unfit(Exception):
    """What a webhook asks does not fit. `path`: the setting below it."""

    def __init__(self, path: Path, fault: ReflectorError) -> None:
        super().__init__(fault.message)
        self.path = path
        self.fault = fault


def principal_of(config: Config, said: Webhook) -> Principal:
    """Who a webhook is."""
    role = said.role or anonymous_role(config)
    claims = {name: thaw(value) for name, value in said.claims.items()}
    subject = claims.get("sub")
    roles = () if role is None else (role,)
    return Principal(roles, claims, subject=None if subject is None else str(subject), method=METHOD)


def question_of(config: Config, capture: Capture, name: str, index: int) -> Question:
    """What a webhook asks of one of its tables under the present snapshot; raises Unfit."""
    said, snapshot = config.webhooks[name], capture.engine.snapshot
    principal = principal_of(config, said)
    try:
        access = snapshot.access(principal)
    except ReflectorError as fault:
        raise Unfit(("role",), fault) from fault
    at: Path = ("tables", index)
    table = _table(snapshot.catalog, said.tables[index], at)
    scope = _scope(access, said, table, at)
    columns = None if said.columns is None else [_column(scope, each, i) for i, each in enumerate(said.columns)]
    events = _events(said, capture, table)
    try:
        capture.question(access, principal, table, TRUE, columns, events)
    except MissingClaim as fault:
        raise Unfit(("claims",), fault) from fault
    except ReflectorError as fault:
        raise Unfit(at, fault) from fault
    try:
        where = _filter(config, said, table, snapshot.catalog)
        _check_readable(access, table, where)
        return capture.question(access, principal, table, where, columns, events)
    except ReflectorError as fault:
        raise Unfit(("claims" if isinstance(fault, MissingClaim) else "filter",), fault) from fault


def mark_of(question: Question) -> str:
    """What a question means, in short: the same in every process, and for no two questions."""
    names = None if question.table.primary_key is None else [each.name for each in question.table.primary_key.columns]
    place = question.table.schema, question.table.name, names, question.key_seen, question.sighted
    rows = question.rule, question.where, sorted(question.events)
    return blake2b(repr((place, rows, question.columns, question.masked)).encode(), digest_size=16).hexdigest()


def _table(catalog: Catalog, name: str, path: Path) -> Table:
    known = database_names(catalog)
    found = known.get(name)
    if found is None:
        raise Unfit(path, UnknownTable(name, known))
    return found


def _scope(access: Access, said: Webhook, table: Table, path: Path) -> TableScope:
    if table in access.grants.broken:
        raise Unfit(path, RuleUnbound(f"{table.label} is closed: one of its rules does not fit the database"))
    if table not in access.scope.by_table or not access.scope.on(table).may_read:
        whose = f"the role {said.role!r} may not read it" if said.role else "it is not open to be read"
        raise Unfit(path, Forbidden(whose))
    return access.scope.on(table)


def _check_readable(access: Access, table: Table, where: Filter) -> None:
    """A filter chooses by what its role may read; raises UnknownColumn for anything else."""
    scopes = [access.scope.by_table[each] for each in (table, *tables_inside(where)) if each in access.scope.by_table]
    readable = {column: None for scope in scopes for column in scope.readable.values()}
    for column in columns_inside(where):
        if column not in readable:
            raise UnknownColumn("what its role may read", column.name, [each.name for each in readable])


def _column(scope: TableScope, name: str, index: int) -> Column:
    try:
        return scope.answered_column(name)
    except ReflectorError as fault:
        raise Unfit(("columns", index), fault) from fault


def _events(said: Webhook, capture: Capture, table: Table) -> frozenset[str]:
    """The events of a subscription; what is not told of the table to anybody is not told here either."""
    told = capture.told_of(table).events
    for index, each in enumerate(said.events):
        if not told.intersection(FOLLOWS[each]):
            raise Unfit(
                ("events", index), InvalidValue(f"{each!r} is not told of {table.label}", hint="tables.*.changes")
            )
    return frozenset(event for each in said.events for event in FOLLOWS[each]) & told


def _filter(config: Config, said: Webhook, table: Table, catalog: Catalog) -> Filter:
    if said.filter is None:
        return TRUE
    policies = {name: policy.rule for name, policy in describe(config).policies.items()}
    return bind_rule(said.filter.form, table, catalog, policies)


# ── complaints ───────────────────────────────────────────────────────────────────────────────


def complaints_of(config: Config, capture: Capture) -> Iterator[Complaint]:
    """Everything about the webhooks that does not fit the database, or the rights of their roles."""
    for name, said in config.webhooks.items():
        for index in range(len(said.tables)):
            try:
                question_of(config, capture, name, index)
            except Unfit as unfit:
                # What a rule closes is closed here as everywhere, and opens again with it.
                if not isinstance(unfit.fault, RuleUnbound):
                    yield complaint_of(config, name, unfit)


def complaint_of(config: Config, name: str, unfit: Unfit) -> Complaint:
    """What is wrong, with its place."""
    path, fault = ("webhooks", name, *unfit.path), unfit.fault
    if unfit.path[0] == "tables" and (*path,) not in config.places:
        path = path[:-1]
    position = config.position(*path)
    source = config.webhooks[name].filter
    if unfit.path[0] == "filter" and source is not None:
        offset = fault.offset if isinstance(fault, RuleError) else None
        position = source.at(offset) or position
    elif path in config.places:
        position = config.places[path].value
    message = fault.message.replace("the credential carries", "the webhook has")
    return Complaint(position or Position("webhooks"), dotted(path), message, fault.hint)
