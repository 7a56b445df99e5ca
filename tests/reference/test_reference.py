"""What every role may read and write is what the reference evaluator says, no more and no less, over every API.

REFLECTOR_REFERENCE=100 asks a hundred configurations instead of a few; REFLECTOR_SEED=… asks the same again. Both are
printed when a test fails.
"""

from __future__ import annotations

import ast
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.properties.asking import Api, asking
from tests.properties.worlds import bearer
from tests.reference.configurations import ROLES, claims, configuration
from tests.reference.deeds import Deed, Doing, lacks_claims, outcomes, shown, spelled_deed, told_rows, with_claims
from tests.reference.evaluator import Reference
from tests.reference.model import COLUMNS, KEYS, SCHEMA, SPELLED, Caller, State, rows
from tests.reference.questions import APIS, Answer, Asking, Question, RefusedError, answer
from tests.reference.spelling import Asked, Told, spelled, told
from tests.reference.store import Store, stored
from tests.server.harness import Reply

SEED = int(os.environ.get("REFLECTOR_SEED", random.SystemRandom().randrange(1 << 32)))
CONFIGURATIONS = int(os.environ.get("REFLECTOR_REFERENCE", "0"))
SMALL = {DatabaseKind.SQLITE: 2, DatabaseKind.POSTGRESQL: 1, DatabaseKind.MARIADB: 1}
WORLDS = [(kind, number) for kind in KINDS for number in range(CONFIGURATIONS or SMALL[kind])]
QUESTIONS = 60
DEEDS = 40
Ask = Callable[[random.Random], None]
VERBS = ("create", "update", "delete", "ignore", "merge", "put")


class World:
    """One configuration and one set of rows, in the product and by the reference."""

    def __init__(self, api: Api, store: Store, text: str, state: State) -> None:
        self.api, self.store, self.state = api, store, state
        self.reference = Reference(text)

    def __repr__(self) -> str:
        return f"World({self.store.kind})"

    def explained(self, what: str, who: Caller, request: Asked, reply: Reply, *tables: str) -> str:
        """All that tells why an answer is wrong."""
        rights = [
            f"{table} {verb}: {right}"
            for table in COLUMNS
            for verb in ("read", "create", "update", "delete")
            for right in self.reference.rights(who, table, verb)
            if verb == "read" or table in tables
        ]
        rows = [f"{table}: {row}" for table in COLUMNS for row in self.state[table]]
        policies = self.reference.config["policies"].items()
        lines = [what, str(self.store.kind), str(who), str(request), f"{reply.status} {reply.body!r}", *rights, *rows]
        return "\n".join([*lines, *(f"{name}: {rule}" for name, rule in policies)])

    def ask(self, caller: Caller, method: str, path: str, body: str | None, headers: Any) -> Reply:
        token = {} if caller.roles == ("guest",) else bearer(roles=list(caller.roles), **caller.claims)
        return self.api.ask(method, path, body, {**token, **(headers or {})})


@contextmanager
def world(databases: Databases, kind: DatabaseKind, number: int) -> Iterator[World]:
    dice = random.Random(f"{SEED} {number}")
    text, state = configuration(dice), rows(dice)
    url = databases.database(kind, SCHEMA.format(**SPELLED[kind]))
    with stored(kind, url) as store, asking(url, text) as api:
        permissions = api.served.running.engine.snapshot.permissions
        assert permissions is not None
        assert not permissions.closed
        store.reset(state)
        yield World(api, store, text, state)


def caller(dice: random.Random) -> Caller:
    if dice.random() < 0.1:
        return Caller(("guest",), {})
    names = ["guest", *(f"role{number}" for number in range(ROLES))]
    return Caller(tuple(dice.sample(names, dice.choice((1, 1, 2, 3)))), claims(dice))


def driven(number: int, examples: int) -> Callable[[Ask], Callable[[], None]]:
    """A hypothesis test of so many examples, the same for the same seed."""

    def decorate(run: Ask) -> Callable[[], None]:
        limited = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            print_blob=False,
        )
        made: Callable[[], None] = seed(SEED + number)(
            limited(given(dice=st.integers(0, 2**40).map(random.Random))(run))
        )
        return made

    return decorate


@pytest.mark.parametrize(("kind", "number"), WORLDS)
def test_a_caller_reads_what_the_reference_reads(databases: Databases, kind: DatabaseKind, number: int) -> None:
    print(f"REFLECTOR_REFERENCE={CONFIGURATIONS} REFLECTOR_SEED={SEED}")  # noqa: T201 - shown when the test fails
    counted: Counter[str] = Counter()
    with world(databases, kind, number) as it:

        @driven(number, QUESTIONS * len(APIS))
        def ask(dice: random.Random) -> None:
            who, api = caller(dice), dice.choice(APIS)
            counted[reads(it, who, api, Asking(dice, it.reference, who, api).question())] += 1

        ask()
    print(counted)  # noqa: T201
    assert counted["rows"] > QUESTIONS // 2


def reads(it: World, who: Caller, api: str, asked: Question) -> str:
    request = spelled(api, asked)
    reply = it.ask(who, request.method, request.path, request.body, request.headers)
    found = told(api, asked, reply)
    try:
        expected = answer(it.reference, it.state, who, asked)
    except RefusedError:
        assert found.rows is None, it.explained("more than may be asked", who, request, reply, asked.table)
        return "refused"
    if found.rows is None and b"claim" in reply.body:
        return "missing claim"
    wrong = "refused" if found.rows is None else differing(expected, asked, found)
    assert not wrong, it.explained(f"{wrong}, but {expected}", who, request, reply, asked.table, *asked.embeds)
    return "rows" if found.rows else "nothing"


def differing(expected: Answer, asked: Question, found: Told) -> str:
    """Each run of rows that no order tells apart holds its part of what was found; what is wrong with it."""
    start, end = asked.offset, expected.total if asked.limit is None else asked.offset + asked.limit
    at, rest = 0, list(found.rows or ())
    for run in expected.runs:
        wanted = max(0, min(end, at + len(run)) - max(start, at))
        part, rest = rest[:wanted], rest[wanted:]
        if len(part) < wanted or Counter(part) - Counter(run):
            return "other rows"
        at += len(run)
    return "more rows" if rest else "another count" if asked.count and found.total != expected.total else ""


@pytest.mark.parametrize(("kind", "number"), WORLDS)
def test_a_caller_writes_what_the_reference_writes(databases: Databases, kind: DatabaseKind, number: int) -> None:
    print(f"REFLECTOR_REFERENCE={CONFIGURATIONS} REFLECTOR_SEED={SEED}")  # noqa: T201 - shown when the test fails
    counted: Counter[str] = Counter()
    with world(databases, kind, number) as it:
        first = it.state

        @driven(number, DEEDS * len(APIS))
        def ask(dice: random.Random) -> None:
            if sum(map(len, it.state.values())) < 12 or dice.random() < 0.05:
                it.store.reset(first)
                it.state = first
            who, api = caller(dice), dice.choice(APIS)
            deed = Doing(dice, it.reference, who, api).deed(it.state)
            try:
                counted[f"{deed.way or deed.verb} {writes(it, who, api, deed)}"] += 1
            except AssertionError:
                it.store.reset(it.state)  # what failed is tried once more, and must find what it found
                raise

        ask()
    print(counted)  # noqa: T201
    assert min(sum(counted[f"{verb} {end}"] for verb in VERBS) for end in ("done", "refused")) > 2


def writes(it: World, who: Caller, api: str, deed: Deed) -> str:
    request, before = spelled_deed(api, deed), ordered(it.state)
    reply = it.ask(who, request.method, request.path, request.body, request.headers)
    found, after = told_rows(api, reply), ordered(it.store.state())
    possible = [each and ordered(each) for each in outcomes(it.reference, it.state, who, deed, api)]
    # A right that needs a claim which is not there grants nothing, and what is told may be of another right.
    lacking = lacks_claims(it.reference, who, deed)
    if lacking:
        others = outcomes(with_claims(it.reference, who), it.state, who, deed, api)
        possible += [each and ordered(each) for each in others]
    if found is None:
        fine = None in possible or before in possible or b"claim" in reply.body or together(it, deed) or lacking
        assert after == before, it.explained(f"refused and yet {after}", who, request, reply, deed.table)
        assert fine, it.explained(f"refused, and not {possible}", who, request, reply, deed.table)
        return "refused"
    assert after in possible, it.explained(f"{after} instead of {possible}", who, request, reply, deed.table)
    seen = shown(it.reference, before if deed.verb == "delete" else after, who, deed)
    more = Counter(found) - Counter(seen) if api != "resource" or deed.verb != "delete" else None
    assert not more, it.explained(f"{more} is told", who, request, reply, deed.table)
    it.state = after
    return "done" if after != before else "nothing"


def together(it: World, deed: Deed) -> bool:
    """MariaDB looks at each row by itself where rows of one table refer to one another and go together."""
    return it.store.kind is DatabaseKind.MARIADB and (deed.verb, deed.table) == ("delete", "person")


def ordered(state: State) -> State:
    return {table: sorted(rows, key=lambda row: [row[name] for name in KEYS[table]]) for table, rows in state.items()}


def test_the_evaluator_is_small_and_shares_nothing_with_the_product() -> None:
    folder = Path(__file__).parent
    assert len(folder.joinpath("evaluator.py").read_text().splitlines()) <= 250
    for name in ("evaluator", "logic"):
        tree = ast.parse(folder.joinpath(f"{name}.py").read_text())
        imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imported += [each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]
        assert not [each for each in imported if each and each.startswith(("reflector", "server"))]
