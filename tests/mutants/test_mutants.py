"""No line of the code that decides who may do what can be wrong by a word without a test that turns red.

REFLECTOR_MUTANTS=0 tries all of them, another number so many; REFLECTOR_SEED=… draws the same again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.hunt import HUNTED, unknown

SAMPLE = os.environ.get("REFLECTOR_MUTANTS", "25")
ROOT = Path(__file__).parents[2]
DECIDING = ("reflector/access", "server/auth")
"""Whose every module decides who may do what."""


def test_every_module_that_decides_is_hunted() -> None:
    modules = {
        f"{folder.replace('/', '.')}.{each.stem}" for folder in DECIDING for each in (ROOT / folder).glob("*.py")
    }
    assert {each for each in modules if not each.endswith("__init__")} - set(HUNTED) == set()


def test_no_mutant_survives() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants.hunt", "--sample", SAMPLE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_what_changes_nothing_is_still_there() -> None:
    assert unknown(EQUIVALENT) == []
    assert all(EQUIVALENT.values())
