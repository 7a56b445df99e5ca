"""What a request to read was understood as; and that the same request, or one like it, is understood once.

What a request is read as is kept under all of its text that has a say in it, while a snapshot lasts; and one that differs
in plain values alone takes its plan from there.

Rule: what was kept is of the very roles that ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from reflector.catalog.model import Function
from reflector.engine import Prepared
from reflector.errors import Forbidden
from reflector.query.calls import Gathered
from reflector.query.forms import USUAL
from reflector.query.scope import TableScope
from server.apis.postgrest.counting import Guess, guess_of
from server.apis.postgrest.errors import translate
from server.apis.postgrest.grammar.nodes import fields_in
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.handlers import handled
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.zoned import UTC, Clock, Endless
from server.apis.postgrest.media import Kind, Media, own_type
from server.apis.postgrest.plans import offered
from server.apis.postgrest.preferences import preferences
from server.apis.postgrest.ranges import Window, window
from server.apis.postgrest.roads import Api, table_asked, warning_header
from server.apis.postgrest.shapes import Shape, Template, shape_of
from server.apis.postgrest.telling import VARY
from server.apis.postgrest.terms import Terms, limits_of, terms_of
from server.apis.postgrest.timing import ended
from server.cache.question import Question as Kept
from server.callers import LONGEST_KEPT, Caller

PREFER: Final = istr("Prefer")
PROFILE: Final = istr("Accept-Profile")


class Asked(NamedTuple):
    """All of a request's text that decides what is answered. `ranged` is None but for GET."""

    method: str
    path: str
    query: str
    accept: str | None
    prefer: tuple[str, ...]
    profile: str | None
    ranged: str | None

    @property
    def size(self) -> int:
        return len(self.path) + len(self.query) + sum(map(len, self.rest))

    @property
    def rest(self) -> tuple[str, ...]:
        """What stands beside the address."""
        return (self.accept or "", *self.prefer, self.profile or "", self.ranged or "")

    def key(self, caller: Caller, query: str | tuple[str, ...]) -> tuple[object, ...]:
        """Under which something is kept for these roles: the whole query, or the form of it.

        The roles are those of the credential: two sets that may see the same may have different limits.
        """
        beside = (self.accept, self.prefer, self.profile, self.ranged)
        return ("postgrest", caller.principal.roles, self.method, self.path, query, *beside)


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What requests were understood as that differ in plain values at most. `window` holds the limits of the server too,
    `headers` what every answer to them has. `handler` answers in a media type of its own, `guess` tells how many rows
    there are where they are not counted one by one. `clock` is the one that moments without an offset are read by,
    `named` the fields of all conditions on the table's rows."""

    table: TableScope
    window: Window
    media: Media
    headers: CIMultiDict[str]
    handler: Function | None = None
    guess: Guess | None = None
    clock: Clock = UTC
    named: tuple[str, ...] = ()


class Asking(NamedTuple):
    """One request, understood. `location` is the address that is told, `kept` what its answer is kept as, None where it
    is not."""

    reading: Reading
    prepared: Prepared
    location: str
    kept: Kept | None

    @property
    def headers(self) -> CIMultiDict[str]:
        """Those of its answer, which may be added to."""
        headers = self.reading.headers.copy()
        headers[hdrs.CONTENT_LOCATION] = self.location
        return headers


class Understanding:
    """Reads requests, each text once."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, request: web.Request, caller: Caller, asked: Asked) -> Asking:
        """The question that a request asks; raises PostgrestError, ReflectorError."""
        rights = caller.rights
        shape = shape_of(asked.query) if len(asked.query) <= LONGEST_KEPT else None
        if shape is not None:
            template: Template[Asking] | None = rights.recent.get(asked.key(caller, shape.form))
            if template is not None:
                return self._alike(caller, template, shape, asked)
        known: Asking | None = rights.recent.get(asked.key(caller, asked.query))
        if known is not None:
            ended("parse")
            return known
        asking = self._understood(request, caller, asked)
        if asked.size <= LONGEST_KEPT:
            self._keep(caller, asked, shape, asking)
        return asking

    def _keep(self, caller: Caller, asked: Asked, shape: Shape | None, asking: Asking) -> None:
        rights, prepared, table = caller.rights, asking.prepared, asking.reading.table
        text = asked.query + "".join(asked.rest)
        if shape is not None and asking.reading.guess is None:
            reading, limits = asking.reading, limits_of(rights)
            template = Template.of(shape, asking, table, prepared.values, limits, reading.clock, named=reading.named)
            if template is not None:
                rights.keep(asked.key(caller, shape.form), text, template, prepared)
                return
        rights.keep(asked.key(caller, asked.query), text, asking, prepared)

    def _alike(self, caller: Caller, template: Template[Asking], shape: Shape, asked: Asked) -> Asking:
        """The question of a request that differs from a known one in plain values alone."""
        reading, first, _, kept = template.made
        values, location = template.filled(shape.values)
        prepared = Prepared(first.plans, values, first.snapshot)
        ended("parse")
        if kept is not None:
            kept = self._kept(caller, prepared, reading.headers, location, asked)
        return Asking(reading, prepared, location, kept)

    def _understood(self, request: web.Request, caller: Caller, asked: Asked) -> Asking:
        table, profile = table_asked(request, caller, asked.profile)
        if not table.may_read:
            raise translate(Forbidden(f"you may not read {table.table.name}"), table.table.name)
        terms, rights, preferred = terms_of(self.api, caller), caller.rights, preferences(asked.prefer)
        read = terms.question(asked.query)
        media, handler = handled(rights.access.scope, table, read.root, asked.accept, offered(self.api, caller))
        wanted = terms.within(window(asked.ranged, read.root.limit, read.root.offset))
        plain, clock = handler is not None, terms.clock(preferred)
        form = USUAL if plain else clock.form(media.planned if media.kind is Kind.PLAN else media.kind)
        lowering = terms.lowering(clock, form, represents=not plain)
        lowered = lowering.read(table, read.root, wanted, count=preferred.count is not None)
        ended("parse")
        guess = None if plain else guess_of(self.api, caller, table, lowered, preferred, terms.rows)
        asks = lowered if handler is None else Gathered(handler, lowered)
        prepared = self.api.engine.prepare(rights.snapshot, rights.access, asks)
        applied = terms.applied(preferred, asked.method, zoned=not plain)
        told = media.content_type if handler is None else own_type(handler.media)
        headers = CIMultiDict({"Content-Type": told, "Vary": VARY, **profile, **applied, **warning_header(read.legacy)})
        named = tuple(field.name for field in fields_in(read.root.where))
        return self._asking(
            terms, asked, Reading(table, wanted, media, headers, handler, guess, clock, named), prepared
        )

    def _asking(self, terms: Terms, asked: Asked, reading: Reading, prepared: Prepared) -> Asking:
        """The request itself: the address that is told, and what its answer is kept as."""
        location = content_location(f"/{reading.table.table.name}", split_query(asked.query, terms.limits))
        # What the planner expects changes without a change of the rows.
        may_keep = reading.handler is None and reading.media.kind is not Kind.PLAN and reading.guess is None
        kept = self._kept(terms.caller, prepared, reading.headers, location, asked) if may_keep else None
        return Asking(reading, prepared, location, kept)

    def _kept(
        self, caller: Caller, prepared: Prepared, headers: CIMultiDict[str], location: str, asked: Asked
    ) -> Kept | None:
        """What is asked, where its answers are kept: all that is told of the request beside its rows is part of it."""
        if self.api.cache is None or any(isinstance(value, Endless) and value.passes for value in prepared.values):
            return None
        roles = (*caller.principal.roles, "", *caller.rights.access.roles)
        told = (part for pair in headers.items() for part in pair)
        return self.api.cache.question(prepared, roles, "postgrest", asked.path, asked.ranged or "", location, *told)


def asked_by(request: web.Request) -> Asked:
    """The text of a request."""
    headers, method, url = request.headers, request.method, request.rel_url
    return Asked(
        method,
        url.raw_path,
        url.raw_query_string,
        headers.get(hdrs.ACCEPT),
        tuple(headers.getall(PREFER)) if PREFER in headers else (),
        headers.get(PROFILE),
        headers.get(hdrs.RANGE) if method == "GET" else None,
    )
