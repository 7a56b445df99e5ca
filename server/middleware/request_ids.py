"""The id of a request: in its answer, in each line of the log about it, in whatever its trace is called.

Rule: an id that a caller gives is theirs where it is well formed, so that one id leads through several servers.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
from typing import Final

from aiohttp import web
from multidict import istr

REQUEST_ID: Final = istr("X-Request-Id")
WELL_FORMED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_prefix = secrets.token_hex(5)
_numbers = itertools.count(1)


def _begin_anew() -> None:
    """Processes that were forked have beginnings of their own."""
    global _prefix  # noqa: PLW0603
    _prefix = secrets.token_hex(5)


os.register_at_fork(after_in_child=_begin_anew)


def request_id_of(request: web.BaseRequest) -> str:
    """The id that the caller gave, if it is well formed, else a new one."""
    given = request.headers.get(REQUEST_ID)
    return given if given is not None and WELL_FORMED_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """An id that no other request has: the process's own beginning, and a number. It is no secret."""
    return f"{_prefix}-{next(_numbers):x}"
