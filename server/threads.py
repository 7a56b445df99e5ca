"""How the threads of a server take turns at the interpreter.

One thread runs the event loop; the others ask SQLite, and read what its triggers wrote. With the interpreter's defaults
a busy loop keeps each of them waiting for 5 ms, and that again for every row and every statement, because the
interpreter is let go while SQLite works.

Rule: nobody who has work waits for longer than what the work takes.
"""

from __future__ import annotations

import sys
from typing import Final

TURN_SECONDS: Final = 0.001


def take_short_turns() -> None:
    """From now on, in this process."""
    sys.setswitchinterval(TURN_SECONDS)
