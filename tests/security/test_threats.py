"""Every attack has a test that is there, and what has none is told to whoever reads about security."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.security.threat import Threat
from tests.security.threats import LATER, THREATS

TESTS = Path(__file__).parents[1]
SECURITY = TESTS.parent / "docs" / "security.md"


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in tree.body if isinstance(each, functions) and each.name.startswith("test_"))


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.attack)
def test_each_attack_has_its_tests(threat: Threat) -> None:
    assert threat.tests
    for name in threat.tests:
        file, _, function = name.partition("::")
        assert function in functions_of(TESTS / file), name


def test_no_attack_stands_here_twice() -> None:
    attacks = Counter([*(each.attack for each in THREATS), *(each.attack for each in LATER)])
    assert [attack for attack, count in attacks.items() if count > 1] == []


def test_what_has_no_test_yet_is_told() -> None:
    told = SECURITY.read_text().partition("## Not applicable yet")[2].partition("\n## ")[0]
    assert [later.attack for later in LATER if f"| {later.attack} | {later.missing} |" not in told] == []
    assert told.count("\n| ") == len(LATER) + 1
