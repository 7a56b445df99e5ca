"""The log: one line an event on stderr, told from what happens inside.

    2024-05-01T10:00:00.123Z INFO reflector.server: serving sqlite:////srv/shop.db on http://127.0.0.1:8000

Rule: logging never fails a request and never makes one wait: lines go through a bounded queue to a thread of their own,
and what does not fit is dropped. A line is one line, whatever a caller put into it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from queue import Queue
from typing import Final, assert_never

from reflector.events import (
    CaptureChanged,
    CatalogLoaded,
    CatalogNotice,
    ChangesLost,
    Observation,
    PlanCompiled,
    WatchFailed,
)

LOG: Final = logging.getLogger("reflector")
FORM: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
WAITING: Final = 10_000
ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127) if code != 9}
ORDINARY: Final = frozenset({"name_clash", "table_without_key"})
"""Notices of what is nothing to put right."""


class LineFormatter(logging.Formatter):
    """One record a line; only the traceback of an unforeseen exception has lines of its own."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return super().formatMessage(record).translate(ESCAPES)


class DroppingHandler(QueueHandler):
    """Hands records over, and drops them where the queue is full: nobody waits for a log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing: what cannot be told is not told."""


@contextmanager
def logging_to_stderr(*, verbose: bool) -> Iterator[None]:
    """Log on stderr until left; `verbose` tells the smaller things as well."""
    sink = logging.StreamHandler()
    sink.setFormatter(LineFormatter(FORM, "%Y-%m-%dT%H:%M:%S"))
    queue: Queue[logging.LogRecord] = Queue(WAITING)
    listener = QueueListener(queue, sink)
    handler = DroppingHandler(queue)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    LOG.setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.raiseExceptions = False
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        listener.stop()


@contextmanager
def silence() -> Iterator[None]:
    """No log until left: for commands that say everything themselves."""
    nothing = logging.NullHandler()
    LOG.addHandler(nothing)
    LOG.propagate = False
    try:
        yield
    finally:
        LOG.removeHandler(nothing)
        LOG.propagate = True


def observe(event: Observation) -> None:
    """Write down what happened inside."""
    match event:
        case CatalogLoaded(snapshot, tables, relationships, seconds, changes):
            LOG.info("schema %d: %d tables, %d relationships, %.0f ms", snapshot, tables, relationships, seconds * 1e3)
            for change in changes:
                LOG.info("schema %d: %s", snapshot, change)
        case CatalogNotice(code, message):
            LOG.log(logging.INFO if code in ORDINARY else logging.WARNING, "%s: %s", code, message)
        case PlanCompiled(table, seconds):
            LOG.debug("compiled a plan for %s in %.1f ms", table, seconds * 1e3)
        case WatchFailed(reason):
            LOG.warning("the schema cannot be looked at, what is known goes on being served: %s", reason)
        case CaptureChanged(source, active, reason, misses):
            if active:
                LOG.info("changes: captured by %s", source)
            else:
                LOG.warning("changes: not captured at the moment by %s: %s", source, reason)
            for each in misses:
                LOG.warning("changes: %s", each)
        case ChangesLost(reason):
            LOG.warning("changes: some were missed, subscribers read afresh: %s", reason)
        case _:
            assert_never(event)
