"""What a row of the table of attacks says.

Rule: a row names tests that are there; what has none is a `Later`, with what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """`tests` are `file::function` below tests/."""

    attack: str
    rule: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Later:
    """An attack on what this version does not have."""

    attack: str
    missing: str
