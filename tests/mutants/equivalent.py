"""Mutants that change nothing anybody could notice, each with the reason.

Rule: whoever adds a line says why no test can tell; a mutant that a test could tell gets that test.
"""

from __future__ import annotations

from collections.abc import Mapping

EQUIVALENT: Mapping[str, str] = {}
