"""`/ws/{table}?filter=…&columns=a,b&events=…&since=…&initial=true`: one subscription, asked for in the address.

Rule: the address becomes the frame that says the same, and is judged as that frame is; nothing in it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

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
CREDENTIAL: Final = "token"
"""The gate has read it."""


def frame_of(table: str, query: Mapping[str, str]) -> bytes:
    """The frame `subscribe` that an address stands for."""
    said = {
        name if name in READ else f"?{name}": READ.get(name, str)(query[name]) for name in query if name != CREDENTIAL
    }
    return orjson.dumps({**said, "type": "subscribe", "id": ID, "table": table})
