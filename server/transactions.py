"""What the transaction of a request is told where the database decides: as whom, for whom, and how it ends.

    role                     the caller's
    settings of the role     ALTER ROLE … SET, the isolation level too
    search_path              the schema asked for, and `db_extra_search_path`
    request.jwt.claims       the token's claims, `role` filled in
    request.method, .path, .headers, .cookies
    app.settings.*           those of the file
    TimeZone                 Prefer: timezone=

Rule: whatever is set is set for one transaction, as values; and the role is set for every one of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from reflector.access.database import DatabasePermissions, quoted
from reflector.access.principal import Principal
from reflector.catalog.model import Function
from reflector.drivers.protocol import Said, Session
from reflector.snapshot import Snapshot
from server.config import Config

READING: Final = frozenset({"GET", "HEAD"})
SAID: Final = web.RequestKey("said", Said)
"""Under which a request remembers what its transaction says."""
USUAL_LEVEL: Final = "read committed"
LEVEL: Final = "default_transaction_isolation"
"""A setting that says how a transaction begins."""


@dataclass(slots=True)  # not frozen: one is made for every request, and a frozen one takes three times as long to make
class Sent:
    """What somebody sends. `inside`: to PostgREST's API, where `profile` is the schema that is asked for."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    inside: bool = False
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Transactions:
    """`decides`: the database decides; elsewhere only the end of a transaction is the caller's to choose."""

    decides: bool
    extra: tuple[str, ...]
    first: tuple[str, ...]
    constants: Mapping[str, str]
    end: str

    def of(
        self, request: web.BaseRequest, principal: Principal, snapshot: Snapshot, limits: Session, root: str | None
    ) -> Session:
        """The session of one request; `limits` is what its roles have in any case. `root` is where PostgREST's API begins,
        None for a request to another."""
        inside = root is not None
        preferred = dict(preferences(request)) if inside else {}
        rollback = inside and self._rolls_back(preferred.get("tx"))
        if not self.decides:
            return replace(limits, rollback=True) if rollback else limits
        said = None
        if inside:
            said = request[SAID] = Said()
        zone = {"TimeZone": preferred["timezone"]} if "timezone" in preferred else {}
        return self.asking(sent(request, root), principal, snapshot, limits, zone, said, rollback=rollback)

    def asking(
        self,
        sent: Sent,
        principal: Principal,
        snapshot: Snapshot,
        limits: Session,
        beside: Mapping[str, str] = MappingProxyType({}),
        said: Said | None = None,
        *,
        rollback: bool = False,
    ) -> Session:
        """The session of whoever sends that, where the database decides, with the settings `beside` its own."""
        role = principal.roles[0]
        known = snapshot.permissions
        roles = known.roles if isinstance(known, DatabasePermissions) else None
        own = None if roles is None else roles.taken.get(role)
        return replace(
            limits,
            role=role,
            settings={**({} if own is None else own.settings), **self._settings(sent, principal, snapshot), **beside},
            read_only=sent.method in READING,
            isolation=(own.isolation if own else None) or USUAL_LEVEL,
            first=self.first,
            said=said,
            rollback=rollback,
        )

    def _rolls_back(self, wish: str | None) -> bool:
        if wish in {"commit", "rollback"} and self.end.endswith("-allow-override"):
            return wish == "rollback"
        return self.end.startswith("rollback")

    def _settings(self, sent: Sent, principal: Principal, snapshot: Snapshot) -> dict[str, str]:
        schemas = snapshot.catalog.schemas
        if sent.inside:
            schemas = (sent.profile if sent.profile in schemas else schemas[0],) if schemas else ()
        return {
            "search_path": ", ".join(map(quoted, dict.fromkeys((*schemas, *self.extra)))),
            "request.jwt.claims": _json({**principal.claims, "role": principal.roles[0]}),
            "request.method": sent.method,
            "request.path": sent.path,
            "request.headers": _json(sent.headers),
            "request.cookies": _json(sent.cookies),
            **self.constants,
        }


def sent(request: web.BaseRequest, root: str | None) -> Sent:
    """What a transaction is told of a request. `root` is where PostgREST's API begins, None for a request to another."""
    path = request.rel_url.raw_path
    header = "Accept-Profile" if request.method in READING else "Content-Profile"
    return Sent(
        request.method,
        path if root is None else path.removeprefix(root),
        headers_of(request),
        dict(request.cookies),
        root is not None,
        None if root is None else request.headers.get(header),
    )


def transactions_of(config: Config) -> Transactions | None:
    """What requests' transactions are told under this configuration; None for nothing."""
    said, decides = config.postgrest, config.decided_by_database
    if not decides and said.db_tx_end == "commit":
        return None
    first = tuple(said.db_pre_request.split(".")) if said.db_pre_request and decides else ()
    constants = {f"app.settings.{name}": value for name, value in said.app_settings.items()}
    return Transactions(decides, said.db_extra_search_path, first, constants, said.db_tx_end)


def hoisted(session: Session, function: Function, names: Collection[str]) -> Session:
    """The session of a function that is run with settings of its own: those of these names hold for all of its
    transaction. Only the database's own roles have such sessions."""
    if session.role is None:
        return session
    own = {name: value for name, value in function.settings if name in names}
    level = own.pop(LEVEL, None)
    if not own and level is None:
        return session
    return replace(
        session, settings={**session.settings, **own}, isolation=level.lower() if level else session.isolation
    )


def headers_of(request: web.BaseRequest) -> dict[str, str]:
    """The headers by their names in small letters, without cookies."""
    return {
        name.lower(): value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for name, value in request.headers.items()
        if name.lower() != "cookie"
    }


def preferences(request: web.BaseRequest) -> Iterator[tuple[str, str]]:
    """What the Prefer headers say, so that the first of a kind is the last to come."""
    given = request.headers.getall("Prefer", ())
    parts = [part.strip() for header in given for part in header.split(",")]
    for part in reversed(parts):
        name, _, value = part.partition("=")
        if value:
            yield name, value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
