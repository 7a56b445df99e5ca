"""Which of PostgreSQL's own policies and grants no test touches, where the database decides.

    policy     a test did its command to its table, as one of the roles that it is for
    grant      a test used it: select, insert, update or delete of a table, or the call of a function

Rule: a policy is touched by its table, command and role, and no more is claimed: PostgreSQL joins all policies that a role
has for a command, and tells of no row which of them let it through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reflector.access.permissions import Permission
from reflector.catalog.model import Column, Table
from reflector.engine import Engine
from reflector.errors import Forbidden, UnknownColumn
from reflector.reflection.policies import RowPolicy, row_policies
from server.config import Config
from server.trials.coverage import Coverage, Touched, Word, embedded
from server.trials.judging import Outcome, Result

COMMANDS: Final[Mapping[str, str]] = {
    "read": "SELECT",
    "aggregate": "SELECT",
    "create": "INSERT",
    "update": "UPDATE",
    "delete": "DELETE",
}
LACKING: Final = "aclchk.c"
"""PostgreSQL's source of what is refused for want of a grant; what else is refused, a policy or a function refuses."""


async def granted_coverage(engine: Engine, config: Config, results: Iterable[Result]) -> Coverage:
    """What the results touch of the policies and grants of all that is served."""
    catalog = engine.snapshot.catalog
    tables = {(table.schema, table.name): table for table in catalog.tables.values()}
    policies = [
        (tables[each.schema, each.table], each)
        for each in await row_policies(engine.driver.fetch, catalog.schemas)
        if (each.schema, each.table) in tables
    ]
    words = [Touched(_worded(table, each)) for table, each in policies]
    grants = [Touched(each) for each in _grants(engine, config)]
    for result in results:
        if result.outcome is Outcome.NOT_RUN or result.seen.broken is not None:
            continue
        below = embedded(result, catalog)
        for touched, (table, policy) in zip(words, policies, strict=True):
            if policy.active and policy.roles & {*result.seen.roles}:
                _judge(touched, _of_policy(policy, table, result, below))
        for touched in grants:
            _judge(touched, _of_grant(touched.word, result, below))
    return Coverage([*words, *grants])


def _judge(touched: Touched, found: tuple[bool, bool]) -> None:
    touched.passed += found[0]
    touched.refused += found[1]


# ── the words ────────────────────────────────────────────────────────────────────────────────


def _worded(table: Table, policy: RowPolicy) -> Word:
    rules = " check ".join(each for each in (policy.using, policy.check) if each is not None)
    off = "" if policy.active else " (row security is off)"
    name = policy.name if policy.permissive else f"{policy.name} (restrictive)"
    always = {policy.using, policy.check} <= {None, "true"}
    text = f"{name}{off}: {' '.join(rules.split())}"
    return Word(
        table.label,
        ", ".join(policy.written),
        policy.command.lower(),
        "policy",
        text,
        None,
        frozenset([table]),
        always=always,
    )


def _grants(engine: Engine, config: Config) -> Iterator[Word]:
    """What each role may do that a caller can have."""
    permissions, roles = engine.snapshot.permissions, engine.snapshot.catalog.roles
    if permissions is None or roles is None:
        return
    for role in sorted(permissions.rights):
        if role in (roles.login, config.testing.by):
            continue
        for table, permission in permissions.rights[role].items():
            for command, columns in _commands(permission):
                every = columns is None or columns.issuperset(table.columns)
                listed = (
                    ""
                    if every or columns is None
                    else ", ".join(each.name for each in table.columns if each in columns)
                )
                yield Word(table.label, role, command, "grant", listed, None, frozenset([table]), always=every)
        functions = [each for each in permissions.functions.get(role, ()) if each.extension is None]
        for function in sorted(functions, key=lambda each: each.name):
            yield Word(function.name, role, "call", "grant", "", None, always=True)


def _commands(permission: Permission) -> Iterator[tuple[str, frozenset[Column] | None]]:
    if permission.read is not None:
        yield "select", frozenset(permission.read.columns)
    if permission.create is not None:
        yield "insert", permission.create.columns
    if permission.update is not None:
        yield "update", permission.update.columns
    if permission.delete is not None:
        yield "delete", None


# ── what a result touches ────────────────────────────────────────────────────────────────────


def _of_policy(policy: RowPolicy, table: Table, result: Result, below: frozenset[Table]) -> tuple[bool, bool]:
    """Whether rows came through the policy's command to its table, and whether others were held back."""
    if policy.command in ("ALL", "SELECT") and table in below:
        return True, False
    trial, seen = result.bound.trial, result.seen
    if result.bound.table is not table or policy.command not in ("ALL", COMMANDS[trial.verb]):
        return False, False
    if seen.refused is not None:
        return False, isinstance(seen.refused, Forbidden) and not _lacking(result)
    if trial.verb in ("read", "aggregate"):
        through = len(seen.rows) if seen.total is None else seen.total
    else:
        through = seen.affected
    return through > 0, seen.candidates is not None and seen.candidates > through


def _of_grant(word: Word, result: Result, below: Sequence[Table] | frozenset[Table]) -> tuple[bool, bool]:
    """Whether the grant was used, and whether a column that it leaves out was refused or seen to be hidden."""
    trial, seen = result.bound.trial, result.seen
    if word.role not in seen.roles:
        return False, False
    if word.verb == "call":
        return trial.verb == "call" and trial.target == word.name and not _lacking(result), False
    if word.verb == "select" and word.tables.intersection(below):
        return True, False
    if result.bound.table not in word.tables or COMMANDS.get(trial.verb) != word.verb.upper():
        return False, False
    left_out = isinstance(seen.refused, UnknownColumn) or bool(trial.said.hidden) or trial.said.columns is not None
    return not _lacking(result), left_out and not word.always


def _lacking(result: Result) -> bool:
    """Whether the caller was refused for want of a grant: before the database was asked, or by it."""
    refused = result.seen.refused
    if result.seen.ungranted:
        return True
    source = getattr(refused.__cause__, "server_source_filename", None) if refused is not None else None
    return isinstance(refused, Forbidden) and source in (None, LACKING)
