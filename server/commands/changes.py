"""`reflector changes status|install|uninstall`: what capturing changes needs in a database, shown before it is done.

Rule: nothing is done that was not shown, and nothing without a word from whoever runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reflector.capture import source_of
from reflector.changes.setup import DEFAULT, Choices, Setup, Step
from reflector.errors import CatalogError
from server.access import database_of
from server.config import Config

ACTIONS: Final = ("status", "install", "uninstall")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done. `agreed`: without asking; `dry`: shown only."""

    action: str
    agreed: bool = False
    dry: bool = False
    choices: Choices = DEFAULT


async def changes(config: Config, wish: Wish, say: Say, ask: Callable[[], bool]) -> None:
    """Do it, saying line by line what. Raises NotSupported, CatalogError, and what connecting raises."""
    source = source_of(database_of(config))
    setup = await source.setup(wish.choices)
    if wish.action == "status":
        _tell(status(setup), say)
        return
    steps = setup.install if wish.action == "install" else setup.uninstall
    if not steps:
        say(f"nothing to do: {'it is installed' if wish.action == 'install' else 'nothing of ours is there'}")
        return
    _tell(script(setup, steps), say)
    if wish.action == "install" and setup.obstacles:
        raise CatalogError(
            "it cannot be installed as things are:\n" + "\n".join(f"    {each}" for each in setup.obstacles)
        )
    if wish.dry:
        return
    if not wish.agreed and not ask():
        raise CatalogError("nothing was done", hint="--yes does it without asking")
    await source.perform(steps)
    say(f"done: {len(steps)} statements")
    if wish.action == "install":
        _tell((f"not noticed: {each}" for each in (await source.setup(wish.choices)).misses), say)


def _tell(lines: Iterable[str], say: Say) -> None:
    for line in lines:
        say(line)


def status(setup: Setup) -> Iterator[str]:
    """What is installed, for people."""
    yield f"{setup.source}: {'installed' if setup.installed else 'not installed'}"
    yield from (f"    {fact}" for fact in setup.facts)
    yield from (f"    not noticed, or not told: {each}" for each in setup.misses)
    if setup.install:
        yield f"    `reflector changes install` would run {len(setup.install)} statements (--dry-run shows them)"
    yield from (f"    in its way: {each}" for each in setup.obstacles)


def script(setup: Setup, steps: Sequence[Step]) -> Iterator[str]:
    """What would be run, as a script with comments."""
    yield f"-- {setup.source}; needs: {', '.join(setup.privileges)}"
    why = ""
    for step in steps:
        if step.why != why:
            why = step.why
            yield f"-- {why}"
        yield f"{step.sql};"


def asked() -> bool:
    """Whether the person at the terminal agrees; without a terminal nobody does."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Run this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
