"""README.md is true: each curl line of "Try it" is run against the sample that `make run` serves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.server.harness import REPOSITORY
from tests.walk.terminal import SERVE, Terminal

# What each line of a block is answered with, and what its answer holds.
READING = (
    (200, ('"name":"book"',)),
    (200, ('"items":[{"id":', '"next":"/api/book?')),
    (200, ('"publisher":{', '"author":[{', '"price":')),
    (200, ('"items":[{"id":', '"total":5,')),
    (200, ('{"id":3,', '"author":[{', '"review":[{')),
    (422, ("/query/pric__gte", "did you mean 'price'?", "did you mean 'title'?")),
    (200, ('"openapi":"3.1', '"/api/book/{id}"')),
    (200, ('{"data":{"book":[{"title":', '"publisher":{"name":')),
)
WRITING = (
    (None, ()),
    (201, ("Location: /api/tag/sea%20story", '"description":null')),
    (200, ('"description":"Salt."',)),
    (204, ()),
    (403, ('"code":"forbidden"',)),
    (200, ('{"items":[{"id":3,"status":"draft"}]',)),
)
CHECKING = (
    (None, (" passed\n", "coverage ", "OK: config.yaml, sqlite:///")),
    (None, ("customer reads where own", "claims.sub", "config.yaml:")),
)
COMMANDS = ("curl", "editor=", ".venv/bin/reflector")


def blocks() -> list[list[str]]:
    """The commands of the section, block by block."""
    section = (REPOSITORY / "README.md").read_text().partition("## Try it")[2].partition("\n## ")[0]
    found = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [[line for line in block.splitlines() if line.startswith(COMMANDS)] for block in found]


@pytest.mark.parametrize(("block", "answers"), [(0, READING), (1, WRITING), (2, CHECKING)])
def test_try_it(block: int, answers: tuple[tuple[int | None, tuple[str, ...]], ...], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes((REPOSITORY / "config.yaml").read_bytes())
    commands = blocks()[block]
    with Terminal(tmp_path, {}) as terminal:
        terminal.run(SERVE)
        for command, (status, parts) in zip(commands, answers, strict=True):
            outcome = terminal.run(command)
            assert (outcome.statuses, outcome.ended) == ([] if status is None else [status], 0), (
                command + outcome.printed
            )
            assert [part for part in parts if part not in outcome.printed] == [], command + outcome.printed
        terminal.interrupt()
