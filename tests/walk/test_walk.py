"""docs/walk.md is true: its commands are run as they stand there, on each database, and answer what it says."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from tests.server.harness import REPOSITORY
from tests.walk.conftest import Shop
from tests.walk.document import Command, Event, Statements, Step, read_document
from tests.walk.terminal import Terminal

DOCUMENT = REPOSITORY / "docs" / "walk.md"
LEAST_STEPS = 70


def test_the_walk(shop: Shop, folder: Path) -> None:
    steps = [step for step in read_document(DOCUMENT) if shop.kind in step.databases]
    assert len(steps) > LEAST_STEPS
    with Terminal(folder, {"DATABASE_URL": shop.url, **shop.environ}) as terminal:
        for step in steps:
            take(step, terminal, shop)
        terminal.interrupt()


def take(step: Step, terminal: Terminal, shop: Shop) -> None:
    match step:
        case Command():
            follow(step, terminal)
        case Statements(text=statements):
            shop.run(statements)
        case Event(text="server: interrupt"):
            terminal.interrupt()
        case Event(text="database: kill"):
            assert shop.server is not None
            shop.server.kill()
        case Event():
            assert shop.server is not None
            shop.server.start()
        case _:
            assert_never(step)


def follow(command: Command, terminal: Terminal) -> None:
    """Run the command; its statuses, its exit and its answer are as the document says."""
    outcome = terminal.run(command.text)
    told = f"{DOCUMENT.name}:{command.line}: {command.text}\n{outcome.printed}\n{outcome.said}"
    assert outcome.ended == 0, told
    if command.status is not None:
        assert set(outcome.statuses) == {command.status}, told
    assert command.misses(outcome.printed) is None, f"missing {command.misses(outcome.printed)!r}\n{told}"
