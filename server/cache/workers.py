"""The other workers of this machine, heard and told through the channel between them, with the messages of `messages`.

A worker is told before the writer is answered, and listens before it shows anything that it keeps: so who was answered
by one worker is never shown by another what was before.

Rule: where a message was lost, or a worker has died with one untold, anything may have changed, and may yet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from reflector.versions import TableName
from server.cache.answers import AnswerCache
from server.cache.messages import message, read_message
from server.siblings import Siblings

TOPIC: Final = b"written"


class OtherWorkers:
    """The other workers. `doubt` is for how many seconds a write that was not told of may yet come true."""

    def __init__(self, siblings: Siblings, cache: AnswerCache, doubt: float) -> None:
        self.catch_up = siblings.catch_up
        self._topic = siblings.topic(TOPIC)
        self._cache = cache
        self._doubt = doubt
        self._topic.hear(self._heard, self._missed)

    def tell(self, tables: Collection[TableName] | None, doubt: float) -> None:
        """See `Nearby`."""
        self._topic.tell(message("", tables, doubt))

    def _heard(self, data: bytes) -> None:
        told = read_message(data)
        self._cache.changed(told.tables, told.doubt)

    def _missed(self) -> None:
        self._cache.changed(None, self._doubt)
