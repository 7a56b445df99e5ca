"""What capturing needs in a database: shown before it is done, and undone without a trace.

Rule: nothing is put into a database but by the statements of a `Setup`, in their order; what an owner must decide is
told as an obstacle, never decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from reflector.catalog.overlay import OWN_PREFIX
from reflector.errors import CatalogError

PREFIX: Final = OWN_PREFIX
"""How the names of our tables and triggers begin. Nothing of that name is ever served."""
NAME: Final = "reflector"
"""What our publication is called, and how the name of our slot begins."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and what it is for."""

    sql: str
    why: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What is installed, and what would be.

    installed: whether changes can be captured now. install, uninstall: what is to be done, empty when there is nothing.
    privileges: what whoever does it must be allowed. obstacles: why it cannot be done as things are. misses: what will
    not be noticed, or not be told, and what would help. noticed: the tables (schema and name) of which every change of a
    row is noticed once it is installed, whatever can be told of it.
    """

    source: str
    installed: bool
    install: tuple[Step, ...] = ()
    uninstall: tuple[Step, ...] = ()
    privileges: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    noticed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever installs decides. keep_identity: leave REPLICA IDENTITY as it is, so that old images tell the key
    alone. unbounded: let what is kept for us fill the disk."""

    keep_identity: bool = False
    unbounded: bool = False


DEFAULT: Final = Choices()
NOT_OFFERED: Final = "capturing changes of MariaDB is not offered by this version"
KEYLESS: Final = (
    "{table}: has no primary key, so its changes have no key, and a rule that reads other tables hides them"
)
HINT: Final = "reflector changes install"
"""The command that a caller is pointed to."""


class SetupFailed(CatalogError):
    """A step that the database refused. The message is for whoever runs the command, and quotes the database."""

    code: ClassVar[str] = "setup_failed"
