"""Lets tests loose on mutants: which of them no test notices.

    python -m tests.mutants.hunt                     all of them, which takes long
    python -m tests.mutants.hunt --sample 30         some, drawn by REFLECTOR_SEED
    python -m tests.mutants.hunt --only rewrite      those of any module whose name holds this

The tests run once as they are, and it is written down which functions each of them calls. Each mutant then lives in a
process of its own, forked from one that has everything loaded, and meets the tests that call its function, the quickest
first, until one fails.

Rule: a mutant that no test notices is told by name; those that change nothing stand in `EQUIVALENT` with the reason.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutator import Make, Mutant, apply, mutants

PACKAGES = ("reflector.", "server.")
RULES = ("tests/unit/access",)
ANSWERS = (
    "tests/unit/access/test_rewrite.py",
    "tests/unit/access/test_row_order.py",
    "tests/core/test_rights.py",
    "tests/core/test_set_rights.py",
    "tests/access/test_masks.py",
)
BOUND = (
    *("bind", "complaints", "database", "description", "disclosure", "entries", "exposure", "functions", "names"),
    *(
        "permissions",
        "policies",
        "principal",
        "reserved",
        "rights",
        "row_order",
        "rule_claims",
        "rule_faults",
        "rule_syntax",
        "rules",
    ),
    *("rules_bind", "rules_hasura", "rules_mapping", "rules_operands", "rules_parse", "rules_scan", "rules_terms"),
    "scoping",
)
SLOTS = ("tests/unit/query/test_slots.py", "tests/unit/query/test_lifting.py")
BINDING = (*SLOTS, "tests/unit/query/test_binding.py")
CALLERS = ("tests/server/test_frame.py", "tests/server/test_callers.py")
CARRIED = ("administrator", "method", "proxy_headers")
MADE = ("credentials", "issuers", "issuing")
KEYS = (
    *("tests/server/test_carried.py", "tests/server/test_methods.py"),
    "tests/server/test_api_keys.py::test_a_key_of_the_table_is_its_owner",
    "tests/server/test_api_keys.py::test_whoever_has_no_key_that_holds_is_nobody",
    "tests/server/test_api_keys.py::test_what_an_index_takes_for_the_hash_of_a_key_is_not_its_hash",
    "tests/server/test_api_keys.py::test_a_table_may_hold_the_bytes_of_the_hash",
)
VOUCHED = (
    "tests/server/test_provider.py::test_who_comes_back_is_whom_the_token_is_about",
    "tests/server/test_provider.py::test_a_token_that_somebody_else_signed_makes_nobody",
)
CALLED = tuple(
    f"tests/extensions/test_functions.py::{name}"
    for name in (
        "test_values_come_as_the_types_of_the_annotations",
        "test_bad_arguments_are_told_all_at_once",
        "test_so_many_faults_are_told_and_no_more",
        "test_null_is_a_value_where_the_annotation_says_so",
        "test_answers_are_json_of_every_form",
        "test_a_refusal_reaches_the_caller_in_its_own_words",
        "test_what_goes_wrong_inside_reaches_nobody",
        "test_what_takes_too_long_is_ended",
        "test_it_ends_when_its_client_leaves",
        "test_half_a_letter_is_no_argument",
        "test_what_an_extension_asks_wrongly_is_its_own_fault",
        "test_a_caller_stays_who_they_are_whatever_code_does_with_what_it_is_told",
    )
)
NAMED = ("attempts", "basic", "password_hashes")
HUNTED: Mapping[str, Sequence[str]] = {
    **dict.fromkeys((f"reflector.access.{name}" for name in BOUND), RULES),
    **dict.fromkeys(
        (f"reflector.access.{name}" for name in ("conditions", "fitting", "rewrite", "rewrite_sets")), ANSWERS
    ),
    **dict.fromkeys((f"reflector.query.{name}" for name in ("calls", "parameterize", "sets", "walk")), SLOTS),
    "reflector.sql.compile": SLOTS,
    **dict.fromkeys((f"reflector.sql.{name}" for name in ("filters", "plan", "statement")), BINDING),
    **dict.fromkeys((f"reflector.drivers.{name}" for name in ("sets", "steps")), ("tests/unit/query/test_filling.py",)),
    "reflector.signature": ("tests/unit/test_signature.py",),
    "server.called": CALLED,
    "server.extensions.loaded": ("tests/unit/test_loaded.py",),
    "server.extensions.loading": ("tests/extensions/test_refused.py",),
    "reflector.drivers.mysql_literals": ("tests/unit/query/test_literals.py",),
    **dict.fromkeys(
        (f"server.config.{name}" for name in ("claim_checks", "known_claims")),
        ("tests/unit/config/test_known_claims.py",),
    ),
    "server.auth.claims": ("tests/server/test_claims.py",),
    **dict.fromkeys((f"server.auth.{name}" for name in ("frame", "role_choice", "verified")), CALLERS),
    "server.auth.jwt": ("tests/server/test_tokens.py", *VOUCHED),
    "server.auth.opened": ("tests/server/test_tokens.py",),
    **dict.fromkeys((f"server.auth.{name}" for name in ("sealed", "sessions")), ("tests/server/test_sessions.py",)),
    **dict.fromkeys((f"server.auth.{name}" for name in CARRIED), ("tests/server/test_carried.py",)),
    **dict.fromkeys(
        (f"server.auth.{name}" for name in ("introspection", "webhook")), ("tests/server/test_asked_elsewhere.py",)
    ),
    **dict.fromkeys((f"server.auth.{name}" for name in MADE), ("tests/server/test_methods.py",)),
    "server.auth.api_keys": KEYS,
    "server.auth.signed": ("tests/server/test_signed.py",),
    "server.auth.token_keys": ("tests/server/test_token_keys.py", "tests/server/test_tokens.py"),
    "server.auth.own_table": ("tests/server/test_own_table.py",),
    "server.auth.people": ("tests/server/test_people.py",),
    "server.auth.asked": ("tests/server/test_asked_elsewhere.py",),
    **dict.fromkeys((f"server.auth.{name}" for name in NAMED), ("tests/server/test_passwords.py",)),
    "server.auth.passwords": ("tests/server/test_right_passwords.py",),
    "server.auth.outbound": ("tests/server/test_outbound.py",),
    "server.auth.doubts": ("tests/server/test_doubts.py",),
    "server.auth.key_sets": ("tests/server/test_key_sets.py",),
    **dict.fromkeys((f"server.auth.{name}" for name in ("code_flow", "provider")), ("tests/server/test_provider.py",)),
}
"""The modules, and the tests that look after each. Those that write questions anew are seen by their answers."""
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "reflector.query.calls": ("lifted_call",),
    "reflector.query.sets": ("lifted", "_rows", "_change", "_bound"),
    "reflector.query.walk": (
        *("with_operands", "read_with", "filter_with"),
        *("_values_with", "_select_with", "_member_with"),
    ),
    "reflector.sql.compile": ("bind_plan", "_sorted", "_bound", "_waiting", "moment"),
    "reflector.sql.filters": ("operand", "bound", "items", "constants"),
    "reflector.sql.plan": ("Plan",),
    "reflector.sql.statement": ("Writer.bind", "Writer._bound"),
}
"""Of some modules only these functions, or methods of these classes: the others decide nothing."""
MODULES = 6
"""A sample is of so many modules, the larger ones more often, so that few tests run before the first mutant."""
SECONDS = 15
"""How long a mutant may take beside twenty times what the tests took without it: then it is going round in circles."""


@dataclass
class Hunt:
    """A plugin of pytest that runs its loop in its own way. `survivors` are found, of `met` mutants."""

    wanted: dict[Mutant, Make]
    processes: int
    called: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    survivors: list[Mutant] = field(default_factory=list)
    met: int = 0
    broken: int = 0
    twice: bool = False
    """Whether all tests run once more at the end, as they were: mutants may spoil what tests share."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        assert not session.testsfailed, "some tests cannot be read"
        self.watch(items)
        running: dict[int, Mutant] = {}
        for mutant, make in self.wanted.items():
            code = make()
            if code is None:
                continue
            self.met += 1
            child = os.fork()
            if not child:
                self.live(mutant, code, self.killers(mutant, items))
            running[child] = mutant
            if len(running) >= self.processes:
                self.wait(running)
        while running:
            self.wait(running)
        if self.twice:
            self.watch(items)
        return True

    def killers(self, mutant: Mutant, items: Sequence[pytest.Item]) -> list[tuple[pytest.Item, float]]:
        """The tests that look after the mutant's module and call its function, and what each took."""
        calling = self.called.get((mutant.module, mutant.function), ())
        own = tuple(HUNTED[mutant.module])
        return [(items[each], self.seconds[each]) for each in calling if items[each].nodeid.startswith(own)]

    def watch(self, items: Sequence[pytest.Item]) -> None:
        """Run every test as it is, and write down what it calls."""
        for number, item in enumerate(items):
            met: set[tuple[str, str]] = set()

            def note(frame: FrameType, event: str, _: Any, met: set[tuple[str, str]] = met) -> None:
                module = frame.f_globals.get("__name__", "") if event == "call" else ""
                if module.startswith(PACKAGES):
                    met.add((module, frame.f_code.co_qualname.partition(".<locals>")[0]))

            began = time.monotonic()
            sys.setprofile(note)
            try:
                following = items[number + 1] if number + 1 < len(items) else None
                reports = runtestprotocol(item, log=False, nextitem=following)
            finally:
                sys.setprofile(None)
            failed = [report for report in reports if report.failed]
            assert not failed, f"{item.nodeid} fails without any mutant: {failed[0].longreprtext}"
            self.seconds[number] = time.monotonic() - began
            for place in met:
                self.called.setdefault(place, []).append(number)
        for numbers in self.called.values():
            numbers.sort(key=lambda each: self.seconds[each])

    def live(self, mutant: Mutant, code: Any, tests: Sequence[tuple[pytest.Item, float]]) -> None:
        """One mutant's whole life: status 0 when nobody noticed it, 2 when it was never born."""
        os.setsid()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        try:
            apply(mutant, code)
        except BaseException as fault:  # noqa: BLE001 - told by the one who waits
            os.write(2, f"{mutant}: {fault!r}\n".encode())
            os._exit(2)
        os.dup2(nothing, 2)
        try:
            for number, (item, seconds) in enumerate(tests):
                signal.alarm(SECONDS + int(20 * seconds))
                following = tests[number + 1][0] if number + 1 < len(tests) else None
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                    os._exit(1)
        except BaseException:  # noqa: BLE001 - whatever it breaks, it was noticed
            os._exit(1)
        os._exit(0)

    def wait(self, running: dict[int, Mutant]) -> None:
        child, status = os.waitpid(-1, 0)
        mutant = running.pop(child, None)
        self.broken += mutant is not None and os.waitstatus_to_exitcode(status) == 2
        if mutant is not None and status == 0:
            self.survivors.append(mutant)
            if str(mutant) not in EQUIVALENT:
                print(f"SURVIVED {mutant}", file=sys.__stdout__, flush=True)


def every() -> dict[Mutant, Make]:
    return {mutant: make for name in HUNTED for mutant, make in mutants(name).items() if decides(mutant)}


def decides(mutant: Mutant) -> bool:
    wanted = FUNCTIONS.get(mutant.module)
    return wanted is None or mutant.function in wanted or mutant.function.partition(".")[0] in wanted


def drawn(sample: int, only: str, seed: str) -> dict[Mutant, Make]:
    known = every()
    fitting = [mutant for mutant in known if only in str(mutant)]
    if sample:
        dice = random.Random(seed)
        modules = dict.fromkeys(each.module for each in dice.sample(fitting, len(fitting)))
        few = set(list(modules)[:MODULES])
        fitting = [mutant for mutant in fitting if mutant.module in few]
        fitting = dice.sample(fitting, min(sample, len(fitting)))
    return {mutant: known[mutant] for mutant in fitting}


def unknown(names: Iterable[str]) -> list[str]:
    """The names that no mutant has."""
    known = {str(mutant) for mutant in every()}
    return [name for name in names if name not in known]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def main() -> int:
    given = arguments()
    seed = os.environ.setdefault("REFLECTOR_SEED", str(random.SystemRandom().randrange(1 << 32)))
    wanted = drawn(given.sample, given.only, seed)
    tests = dict.fromkeys(test for mutant in wanted for test in HUNTED[mutant.module])
    hunt = Hunt(wanted, given.processes, twice=not given.sample)
    options = ["-q", "-p", "no:cacheprovider", "-k", "not postgresql and not mariadb"]
    broken = pytest.main([*options, *tests], plugins=[hunt]) not in {0, 5}
    told = len([each for each in hunt.survivors if str(each) not in EQUIVALENT])
    print(f"REFLECTOR_SEED={seed}: {told} of {hunt.met} mutants survived")  # noqa: T201
    return 1 if told or broken or hunt.broken or not hunt.met else 0


if __name__ == "__main__":
    sys.exit(main())
