"""The log: one line an event on stderr, told from what happens inside.

    2024-05-01T10:00:00.123Z INFO reflector.server: serving sqlite:////srv/shop.db on http://127.0.0.1:8000
    {"at": "2024-05-01T10:00:00.123Z", "level": "info", "logger": "reflector.server", "event": "serving …"}

Whatever is said while a request is answered carries the request's id, and that of its trace where it has one.

Rule: logging never fails a request and never makes one wait: lines go through a bounded queue to a thread of their own,
and what does not fit is dropped. A line is one line, whatever a caller put into it.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import QueueHandler, QueueListener
from queue import Queue
from typing import Any, Final, TextIO, assert_never

import structlog
from aiohttp import web
from structlog.typing import EventDict, Processor

from reflector.errors import ReflectorError
from reflector.events import (
    CaptureChanged,
    CaptureExpected,
    CatalogLoaded,
    CatalogNotice,
    ChangesLost,
    ConnectionAwaited,
    Observation,
    PlanCompiled,
    StatementsRun,
    WatchFailed,
)
from server.config.models import Observability
from server.problems import status_of
from server.traced import present

LOG: Final = logging.getLogger("reflector")
LOG_OF_SERVER: Final = logging.getLogger("reflector.server")
LOG_OF_STATEMENTS: Final = logging.getLogger("reflector.statements")
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request that is being answered here."""
WAITING: Final = 10_000
LONGEST_STATEMENT: Final = 10_000
"""Letters of a statement that are told."""
CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029) if code != 9}
"""Letters that would end a line or change a terminal."""
ORDINARY: Final = frozenset({"name_clash", "table_without_key"})
"""Notices of what is nothing to put right."""


# ── how a line is written ────────────────────────────────────────────────────────────────────


def stamp(_: object, __: str, event: EventDict) -> EventDict:
    """When, how grave, who says it, for which request, and in which trace."""
    record = event["_record"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    said: EventDict = {
        "at": f"{moment}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        **event,
    }
    if (request := getattr(record, "request", None)) is not None:
        said["request"] = request
    if (trace := getattr(record, "trace", None)) is not None:
        said["trace_id"] = trace
    facts: dict[str, Any] = getattr(record, "facts", {})
    return {**said, **facts}


def as_line(_: object, __: str, event: EventDict) -> str:
    """For people; a traceback stands below, on lines of its own, indented so that nothing in it looks like a line."""
    head = [event.pop(name) for name in ("at", "level", "logger", "event")]
    traceback = event.pop("exception", None)
    facts = "".join(f" {name}={value}" for name, value in event.items())
    line = f"{head[0]} {head[1].upper()} {head[2]}: {head[3]}{facts}".translate(CONTROL)
    if traceback is None:
        return line
    return "\n".join([line, *(f"  {each.translate(CONTROL)}" for each in traceback.split("\n"))])


def formatter(style: str) -> logging.Formatter:
    """`json` or `console`. A traceback never shows the values of variables."""
    last: Processor = structlog.processors.JSONRenderer() if style == "json" else as_line
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        processors=[stamp, remove, structlog.processors.format_exc_info, last], keep_exc_info=False
    )


def style_of(wanted: str, stream: TextIO) -> str:
    """What `auto` means here: lines for people where people look."""
    if wanted != "auto":
        return wanted
    return "console" if stream.isatty() else "json"


# ── how it gets there ────────────────────────────────────────────────────────────────────────


class DroppingHandler(QueueHandler):
    """Hands records over, and drops them where the queue is full: nobody waits for a log."""

    def __init__(self, queue: Queue[logging.LogRecord], worker: int | None) -> None:
        super().__init__(queue)
        self._facts = {} if worker is None else {"worker": worker}

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record with all that only the teller's context knows."""
        kept = copy.copy(record)
        kept.msg, kept.args = record.getMessage(), None
        kept.request = REQUEST.get()
        trace = present()
        kept.trace = None if trace is None else trace.id
        kept.facts = self._facts | getattr(record, "facts", {})
        return kept

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing: what cannot be told is not told."""


@contextmanager
def logging_to_stderr(said: Observability, *, verbose: bool = False, worker: int | None = None) -> Iterator[None]:
    """Log on stderr until left, as `observability` says; `verbose` tells the smaller things as well.

    worker: the number of this process among several, None for the only one.
    """
    sink = logging.StreamHandler()
    sink.setFormatter(formatter(style_of(said.log, sys.stderr)))
    queue: Queue[logging.LogRecord] = Queue(WAITING)
    listener = QueueListener(queue, sink)
    handler = DroppingHandler(queue, worker)
    with _only(handler, said, verbose=verbose):
        listener.start()
        try:
            yield
        finally:
            listener.stop()


@contextmanager
def logging_at_once(said: Observability, *, verbose: bool = False) -> Iterator[None]:
    """The same without a thread, for a process that answers no requests and starts others."""
    sink = logging.StreamHandler()
    sink.setFormatter(formatter(style_of(said.log, sys.stderr)))
    with _only(sink, said, verbose=verbose):
        yield


@contextmanager
def _only(handler: logging.Handler, said: Observability, *, verbose: bool) -> Iterator[None]:
    """Nothing but this handler: a forked process leaves its parent's behind."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    root.setLevel(logging.WARNING)
    LOG.setLevel("DEBUG" if verbose else said.level.upper())
    logging.raiseExceptions = False
    try:
        yield
    finally:
        root.handlers = before


def facts(**said: Any) -> dict[str, dict[str, Any]]:
    """What a line says beside its words, for `extra`: fields of their own in JSON."""
    return {"facts": said}


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


def note(error: ReflectorError, request: web.BaseRequest) -> None:
    """Write down what the caller is not told: the cause of an answer of 5xx."""
    if status_of(error) < 500:
        return
    cause = error.__cause__
    reason = f"{error.code}: {error.message}" + (f" ({type(cause).__name__}: {cause})" if cause else "")
    unforeseen = status_of(error) == 500
    LOG_OF_SERVER.log(
        logging.ERROR if unforeseen else logging.WARNING,
        "%s %s: %s",
        request.method,
        request.path,
        reason,
        exc_info=error if unforeseen else None,
    )


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
        case CaptureChanged() | CaptureExpected():
            _observe_capture(event)
        case ChangesLost(reason):
            LOG.warning("changes: some were missed, subscribers read afresh: %s", reason)
        case ConnectionAwaited(seconds, made):
            LOG.debug("%s took %.1f ms", "a new connection" if made else "the wait for a connection", seconds * 1e3)
        case StatementsRun(statements, seconds):
            _observe_statements(statements, seconds)
        case _:
            assert_never(event)


def _observe_statements(statements: Sequence[str], seconds: float) -> None:
    """A line for each, with what all of them took: values are not in them."""
    for each in statements:
        text = " ".join(each.split())
        said = facts(milliseconds=round(seconds * 1e3, 1))
        LOG_OF_STATEMENTS.info("%s", text[:LONGEST_STATEMENT], extra=said)


def _observe_capture(event: CaptureChanged | CaptureExpected) -> None:
    """Which source changes come from, and what it misses."""
    match event:
        case CaptureChanged(source, True):
            LOG.info("changes: captured by %s", source)
        case CaptureChanged(source, _, reason):
            LOG.warning("changes: not captured at the moment by %s: %s", source, reason)
        case CaptureExpected(None, reason):
            LOG.info("changes: not captured: %s", reason)
        case CaptureExpected(source):
            LOG.info("changes: %s captures from the first subscriber on", source)
    for each in event.misses:
        LOG.warning("changes: %s", each)
