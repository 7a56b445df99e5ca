"""`/ws/{table}?filter=…&columns=a,b&events=…&since=…&initial=true`: one subscription, asked for in the address.

What is repeated goes on: columns and events are those of all its parts; of the others there can be one, and several are
told to be none.

Rule: the address becomes the frame that says the same, and is judged as that frame is; nothing in it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import orjson
from multidict import MultiMapping

ID: Final = "1"
"""The id of the subscription."""


def _document(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text  # which is no filter, and is told to be none


READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "filter": _document,
    "columns": lambda text: text.split(","),
    "events": lambda text: text.split(","),
    "since": str,
    "initial": lambda text: {"true": True, "false": False}.get(text, text),
}
LISTS: Final = frozenset({"columns", "events"})
CREDENTIAL: Final = "token"
"""The gate has read it."""
UNKNOWN: Final = "?"
"""Stands before what no parameter is called, so that it is never taken for a member of the frame."""


def frame_of(table: str, query: MultiMapping[str]) -> bytes:
    """The frame `subscribe` that an address stands for."""
    said = {
        name if name in READ else UNKNOWN + name: _said(name, query.getall(name))
        for name in query
        if name != CREDENTIAL
    }
    return orjson.dumps({**said, "type": "subscribe", "id": ID, "table": table})


def _said(name: str, texts: Sequence[str]) -> Any:
    values = [READ.get(name, str)(text) for text in texts]
    if len(values) == 1:
        return values[0]
    return list(chain.from_iterable(values)) if name in LISTS else values
