"""The page about the command line names every command and every flag, and no other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from server.cli import COMMANDS, parser

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
USAGE = PAGE.split("```text")[1].split("```")[0]


def commands() -> dict[str, argparse.ArgumentParser]:
    action = next(each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(action.choices)


def test_every_command_is_documented_and_runs_something() -> None:
    assert set(commands()) == set(COMMANDS) == set(re.findall(r"^reflector (\w+)", USAGE, re.MULTILINE))


def test_the_flags_of_each_command_are_those_of_the_page() -> None:
    for name, command in commands().items():
        line = next(line for line in USAGE.splitlines() if line.startswith(f"reflector {name}"))
        flags = {flag for action in command._actions for flag in action.option_strings if flag.startswith("--")}
        assert set(re.findall(r"--[a-z-]+", line)) == flags - {"--help"}, name


def test_every_flag_and_command_has_a_word_of_help() -> None:
    for name, command in commands().items():
        assert name in parser().format_help()
        assert [action.dest for action in command._actions if not action.help] == []
