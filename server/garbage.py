"""When CPython looks for garbage in cycles.

A server holds a few hundred thousand objects for as long as it lives (modules, the catalog, plans), and each request
makes some thousand that reference counting frees at once. With the interpreter's defaults those requests make it go
through all of the former again and again, for tens of milliseconds each time, in which nobody is answered.

Rule: what is there when the server begins to serve is never looked through again; what comes later is, but seldom.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 20, 50)
"""Objects made beyond those freed before the youngest are looked at; and how many looks at one generation there are
before one at the next. Cycles that wait for it hold a few MiB at most."""


def look_seldom() -> None:
    """From now on. Called as the process begins: starting makes many objects, and all of them stay."""
    gc.set_threshold(*THRESHOLDS)


def keep_what_is_here() -> None:
    """What lives now is taken to live for good. Called once everything is loaded."""
    gc.collect()
    gc.freeze()
