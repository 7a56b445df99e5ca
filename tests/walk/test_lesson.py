"""docs/access.md is true: what its steps add up to can be used after each of them, and its commands answer what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reflector.catalog.model import DatabaseKind
from tests.server.harness import REPOSITORY, reflector
from tests.walk.document import Command, read_document
from tests.walk.terminal import Terminal

PAGE = REPOSITORY / "docs" / "access.md"
SECRETS = {"JWT_SECRET": "a-signing-key-of-forty-letters-at-least"}
WHOLE = REPOSITORY / "examples" / "access" / "config.yaml"
LONGEST = 180
LEAST_STEPS = 6
LEAST_COMMANDS = 6
LEAST_ANSWERS = 4


def added(earlier: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """What was there with the lines of a step in it, section by section."""
    merged = dict(earlier)
    for name, said in step.items():
        there = merged.get(name)
        merged[name] = added(there, said) if isinstance(there, dict) and isinstance(said, dict) else said
    return merged


def stages() -> Iterator[dict[str, Any]]:
    """The configuration after each step of the page."""
    merged: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL):
        merged = added(merged, YAML(typ="safe", pure=True).load(block))
        yield merged


STAGES = list(stages())


def written(folder: Path, stage: Mapping[str, Any]) -> Path:
    file = folder / "config.yaml"
    file.write_text(json.dumps(stage, indent=1))
    return file


@pytest.mark.parametrize("stage", STAGES[:-1], ids=range(1, len(STAGES)))
def test_each_step_can_be_used(stage: Mapping[str, Any], tmp_path: Path) -> None:
    status, out, err = reflector("check", "--config", str(written(tmp_path, stage)), environ=SECRETS)
    assert (status, err, out.partition(":")[0]) == (0, "", "OK")


def test_all_of_it_fits_each_database(kind: DatabaseKind, shops: Mapping[DatabaseKind, str], tmp_path: Path) -> None:
    status, out, err = reflector("check", shops[kind], "--config", str(written(tmp_path, STAGES[-1])), environ=SECRETS)
    assert (status, err) == (0, "")
    passed = len(STAGES[-1]["tests"]) + 1
    assert out.splitlines()[:2] == ["." * passed, f"{passed} permission tests: {passed} passed"]


def test_its_commands_answer_what_it_says(tmp_path: Path) -> None:
    written(tmp_path, STAGES[-1])
    commands = [step for step in read_document(PAGE) if isinstance(step, Command)]
    assert len(commands) >= LEAST_COMMANDS
    with Terminal(tmp_path, SECRETS) as terminal:
        for command in commands:
            outcome = terminal.run(command.text)
            told = f"{PAGE.name}:{command.line}: {command.text}\n{outcome.printed}\n{outcome.said}"
            assert outcome.ended == 0, told
            assert set(outcome.statuses) == ({command.status} if command.status else set()), told
            assert command.misses(outcome.printed) is None, told
        terminal.interrupt()


def test_the_whole_file_is_what_the_steps_add_up_to() -> None:
    assert YAML(typ="safe", pure=True).load(WHOLE.read_text()) == STAGES[-1]


ANSWERS = re.findall(r"^\|[^|]+\|.*?`((?:tables|defaults): \{.*?\})`", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_a_question_is_answered_with_can_be_added_to_the_file(answer: str, tmp_path: Path) -> None:
    stage = added(STAGES[-1], YAML(typ="safe", pure=True).load(answer))
    stage["roles"] = {**stage["roles"], "admin": {}}
    status, out, err = reflector("check", "--no-tests", "--config", str(written(tmp_path, stage)), environ=SECRETS)
    assert (status, err, out.splitlines()[-1].partition(":")[0]) == (0, "", "OK")


def test_it_is_one_page() -> None:
    assert len(PAGE.read_text().splitlines()) <= LONGEST
    assert len(STAGES) >= LEAST_STEPS
    assert len(ANSWERS) >= LEAST_ANSWERS
