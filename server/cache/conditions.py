"""Kept answers over HTTP: 200 with an entity tag, or 304 for who has it already.

Rule: whoever is told 304 had, under the same question and the same claims, exactly the bytes that would be sent now.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from reflector.access.principal import Principal
from server.cache.answers import AnswerCache
from server.cache.memory import Entry
from server.whole import Whole

TAGS: Final = re.compile(r'\s*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
BY_CALLER: Final = "Authorization, Accept-Profile, Origin, Accept-Encoding, X-Role, X-Hasura-Role"
"""What an answer of an API that words its own Vary depends on as well, where proxies may keep it."""
LEFT_OUT: Final = (hdrs.CONTENT_TYPE, hdrs.LINK)
"""What a 304 does not repeat."""


def respond(cache: AnswerCache, entry: Entry, request: web.BaseRequest, principal: Principal) -> web.Response:
    """The answer, or that it is the one the client has."""
    told = hdrs.IF_NONE_MATCH in request.headers and had(request.headers.getall(hdrs.IF_NONE_MATCH), entry.tag)
    headers = _bare(entry) if told else entry.headers
    if entry.question.public and principal.anonymous and hdrs.AUTHORIZATION not in request.headers:
        headers = headers.copy()
        headers[hdrs.CACHE_CONTROL] = _lasting(entry)
        headers[hdrs.AGE] = str(cache.age(entry))
        if hdrs.VARY in headers:
            headers[hdrs.VARY] = f"{headers[hdrs.VARY]}, {BY_CALLER}"
    if told:
        return web.Response(status=304, headers=headers)
    return Whole(body=entry.body, status=entry.status, headers=headers)


def _lasting(entry: Entry) -> str:
    """For how long others may keep it, counted as its age is (RFC 9111, 5861)."""
    lasting = f"public, max-age={int(entry.question.ttl)}"
    stale = int(entry.question.stale)
    return f"{lasting}, stale-while-revalidate={stale}" if stale else lasting


def _bare(entry: Entry) -> CIMultiDict[str]:
    """The headers of its 304, made once."""
    if entry.bare is None:
        entry.bare = CIMultiDict({name: value for name, value in entry.headers.items() if name not in LEFT_OUT})
    return entry.bare


def had(given: list[str], tag: str) -> bool:
    """Whether the client has the answer with this tag, as If-None-Match compares (RFC 9110): weakly, `*` is any."""
    for line in given:
        if line == tag or line.strip() == "*":
            return True
        place = 0
        while (found := TAGS.match(line, place)) is not None:
            if found[1] == tag:
                return True
            place = found.end()
    return False
