"""Who reads for the webhooks: a reader for each table that one asks for, from its joining the hub until nobody asks for it.

    read_all   whoever is asked for and not there yet; told to resync where what it was told before cannot be relied upon
    leave      whoever is not asked for any more goes
    mend       a table that was closed is looked at again, and told of as soon as that can be done

Rule: a reader begins with a resync wherever it might have missed something, and with nothing where it has not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from reflector.capture import Capture
from reflector.changes.question import Question
from reflector.errors import ReflectorError
from server.apis.realtime.frames import ChangeCursors
from server.config import Config
from server.webhooks.asked import Unfit, question_of
from server.webhooks.delivery import Standing
from server.webhooks.keeping import Keeping, Reader

LOG: Final = logging.getLogger("reflector.webhooks")
LOOK_SECONDS: Final = 1.0
"""How often to look whether a table that was closed can be told of again."""
FORGOTTEN: Final = "what you were told before is not known any more"
CHANGED: Final = "what you are told was changed while nobody told you"
MISSED: Final = "what was committed since you were told is not known"
CLOSED: Final = "it was not told for a while"

Marks: TypeAlias = Mapping[tuple[str, str], str]
"""By webhook and table, what stands for the question that is asked."""
Why: TypeAlias = Callable[[Reader, Question], str | None]
"""The reason for which a reader has to begin with a resync, None where there is none."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the file knows of the time before: which webhooks there were and what they asked. `missed`: what was committed since
    then is not known. Nothing of it concerns who comes later."""

    known: frozenset[str] = frozenset()
    marks: Marks = field(default_factory=dict)
    missed: bool = False

    def reason(self, reader: Reader, question: Question) -> str | None:
        """Why this reader has to begin with a resync; `remembered`: what it was told decides what it is told."""
        if reader.webhook not in self.known:
            return None
        if self.missed:
            return MISSED
        if question.remembered:
            return FORGOTTEN
        mark = self.marks.get((reader.webhook, reader.table))
        return CHANGED if mark not in (None, reader.mark) else None


class Readers:
    """Nobody at first. What they are told goes to `keeping`, how they do stands in `standings`."""

    def __init__(
        self, config: Config, capture: Capture, keeping: Keeping, cursors: ChangeCursors, standings: dict[str, Standing]
    ) -> None:
        self.keeping = keeping
        self._config = config
        self._capture = capture
        self._cursors = cursors
        self._standings = standings
        self._each: dict[tuple[str, str], Reader] = {}

    def read_all(self, before: Before) -> Marks:
        """Have everything read that the configuration asks for and nobody reads; the marks that no resync writes down."""
        marks: dict[tuple[str, str], str] = {}
        for name, said in self._config.webhooks.items():
            standing = self._standings.setdefault(name, Standing())
            for table in said.tables:
                if (name, table) not in self._each and table not in standing.closed:
                    marks |= self._read(name, table, before.reason)
        return marks

    def leave(self, config: Config) -> None:
        """Another configuration is taken: nothing is read any more that it does not ask for."""
        self._config = config
        self.keeping.size = config.changes.spool.size
        asked = {(name, table) for name, said in config.webhooks.items() for table in said.tables}
        for key in self._each.keys() - asked:
            self._withdraw(self._each.pop(key))
        for name, standing in self._standings.items():
            standing.closed = {table: why for table, why in standing.closed.items() if (name, table) in asked}

    def resync(self, reason: str) -> None:
        """Nobody knows what any of them has missed."""
        for reader in self.keeping.readers:
            reader.resync(self._capture.prepared().head, reason)

    async def mend(self) -> None:
        """Have tables read again that could not be, once they can."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for key, reader in list(self._each.items()):
                if reader.subscription is None:
                    self._withdraw(self._each.pop(key))
            for name, standing in self._standings.items():
                for table in list(standing.closed):
                    self._try_again(name, table)

    def _try_again(self, name: str, table: str) -> None:
        try:
            self._question(name, table)
        except (ReflectorError, KeyError, ValueError):
            return
        LOG.info("webhook %s: %s is told of again", name, table)
        self._read(name, table, lambda _, __: CLOSED)

    def _read(self, name: str, table: str, why: Why) -> Marks:
        """Have a table read for a webhook from now on. The mark of what is told, where it is not written with a resync."""
        standing = self._standings[name]
        asks = partial(self._question, name, table)
        reader = Reader(name, table, asks, self.keeping.put, self._cursors, standing)
        hub = self._capture.prepared()
        try:
            question = reader.ask()
        except ReflectorError as fault:
            reader.end(fault)
            return {}
        standing.closed.pop(table, None)
        reader.subscription = hub.join(question, reader)
        self._each[name, table] = reader
        self.keeping.readers[reader] = None
        hub.release(reader.subscription)
        reason = why(reader, question)
        if reason is None:
            return {(name, table): reader.mark}
        reader.resync(hub.head, reason)
        return {}

    def _question(self, name: str, table: str) -> Question:
        try:
            return question_of(self._config, self._capture, name, self._config.webhooks[name].tables.index(table))
        except Unfit as unfit:
            raise unfit.fault from unfit

    def _withdraw(self, reader: Reader) -> None:
        hub = self._capture.running
        if reader.subscription is not None and hub is not None:
            hub.leave(reader.subscription)
        self.keeping.readers.pop(reader, None)
