"""What a case of the suite is: a request, what is answered to it, and what else is true afterwards.

    Case("text in quotes", "in", get('ship?name=in.("a,b")'), gives([{"id": 1}]))
    Case("regular expressions", "match", get("ship?name=match.^A"), gives([…]), {SQLITE: refused("match")})

Rule: a case says what every database answers; where one cannot, its refusal stands in `but` and is asserted too. Where there
is nothing to ask on a database, `on` leaves it out, and the feature's row in `features` says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import EllipsisType, MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS
from tests.server.harness import Reply, Served

POSTGRESQL, MARIADB, SQLITE = DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE
NAMES: Final = {POSTGRESQL: "PostgreSQL", MARIADB: "MariaDB", SQLITE: "SQLite"}
PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != '"')
"""What an address of a case may hold as it is; all else is percent-encoded."""
MEMBERS: Final = {"code", "message", "details", "hint"}
NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ask:
    """A request below `/rest/v1/`. A body that is bytes goes out as it is, anything else as JSON."""

    method: str
    address: str
    body: Any = ...
    headers: Mapping[str, str] = field(default_factory=lambda: NONE)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error: of its words those are compared that are given. A pattern has to match, an ellipsis stands for any, and all
    words of a tuple have to be there, with the database's name."""

    code: str
    message: Any = ...
    details: Any = ...
    hint: Any = ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Some members of a document, by JSON Pointers that begin behind the slash: `paths/~1port/get`. An ellipsis stands for any value, None for no
    such member."""

    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gives:
    """An answer. `body` is JSON, bytes, a Fault, Parts of a document, or an ellipsis for any; of `headers` None means that there is none, an
    ellipsis that there is one."""

    status: int = 200
    body: Any = ...
    headers: Mapping[str, str | EllipsisType | None] = field(default_factory=lambda: NONE)


Step: TypeAlias = tuple[Ask, Gives]


@dataclass(frozen=True, slots=True)
class Case:
    """`feature` names a row of `features`, `at` one of the servers. `then` is asked afterwards."""

    name: str
    feature: str
    ask: Ask
    gives: Gives
    but: Mapping[DatabaseKind, Gives] = field(default_factory=lambda: NONE)
    on: tuple[DatabaseKind, ...] = KINDS
    at: str = "harbour"
    then: tuple[Step, ...] = field(default=())

    def wanted(self, kind: DatabaseKind) -> Gives:
        """What that database answers."""
        return self.but.get(kind, self.gives)


# ── how the tables of cases are written ──────────────────────────────────────────────────────


def ask(method: str, address: str, body: Any = ..., **headers: str) -> Ask:
    """A request; `_` in the name of a header is `-`."""
    return Ask(method, address, body, {name.replace("_", "-"): value for name, value in headers.items()})


def get(address: str, **headers: str) -> Ask:
    return ask("GET", address, **headers)


def post(address: str, body: Any, **headers: str) -> Ask:
    return ask("POST", address, body, **headers)


def patch(address: str, body: Any, **headers: str) -> Ask:
    return ask("PATCH", address, body, **headers)


def delete(address: str, **headers: str) -> Ask:
    return ask("DELETE", address, **headers)


def gives(body: Any = ..., status: int = 200, **headers: str | EllipsisType | None) -> Gives:
    """An answer that is no error."""
    return Gives(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def ids(*numbers: int) -> Gives:
    """Rows that are asked for their key alone."""
    return gives([{"id": number} for number in numbers])


def fails(
    status: int,
    code: str,
    message: Any = ...,
    details: Any = ...,
    hint: Any = ...,
    **headers: str | EllipsisType | None,
) -> Gives:
    """An error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Gives(status, Fault(code, message, details, hint), named)


def refused(*words: str) -> Gives:
    """The refusal of what a database cannot be asked; `words` stand in its details, beside the name of the database."""
    return Gives(400, Fault("PGRST127", "Feature not implemented", words))


def elsewhere(*words: str) -> Mapping[DatabaseKind, Gives]:
    """The refusals of what PostgreSQL alone can be asked."""
    return {MARIADB: refused(*words), SQLITE: refused(*words)}


# ── asking and comparing ─────────────────────────────────────────────────────────────────────


async def send(api: Served, asked: Ask) -> Reply:
    """Send a request."""
    path = f"/rest/v1/{quote(asked.address, safe=PLAIN)}"
    if asked.body is ...:
        return await api.request(asked.method, path, asked.headers)
    if isinstance(asked.body, bytes):
        headers = {"Content-Type": "application/json", **asked.headers}
        return await api.request(asked.method, path, headers, data=asked.body)
    headers = {"Content-Type": "application/json", **asked.headers}
    return await api.request(asked.method, path, headers, data=json.dumps(asked.body).encode())


async def check(api: Served, asked: Ask, wanted: Gives, kind: DatabaseKind) -> None:
    """Raise AssertionError unless that is the answer."""
    reply = await send(api, asked)
    said = f"{asked.method} {asked.address} → {reply.status} {reply.body!r}"
    assert reply.status == wanted.status, said
    if isinstance(wanted.body, Fault):
        _check_fault(reply, wanted.body, kind, said)
    elif isinstance(wanted.body, Parts):
        for way, value in wanted.body.members.items():
            part = _part(reply.json, way)
            assert (part is not None) if value is ... else (part == value), f"{way}: {part!r}"
    elif isinstance(wanted.body, bytes):
        assert reply.body == wanted.body, said
    elif wanted.body is not ...:
        assert reply.json == wanted.body, said
    for name, value in wanted.headers.items():
        found = reply.headers.get(name)
        assert (found is not None) if value is ... else (found == value), f"{name}: {found!r} of {said}"


def _part(document: Any, way: str) -> Any:
    """What a pointer leads to, None where it ends before."""
    found = document
    for name in way.split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict):
            found = found.get(key)
        else:
            return None
    return found


def _check_fault(reply: Reply, wanted: Fault, kind: DatabaseKind, said: str) -> None:
    body = reply.json
    assert set(body) == MEMBERS, said
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8", said
    assert reply.headers["Proxy-Status"] == f"PostgREST; error={wanted.code}", said
    assert "Preference-Applied" not in reply.headers, said
    assert body["code"] == wanted.code, said
    for member in ("message", "details", "hint"):
        value = getattr(wanted, member)
        if isinstance(value, tuple):
            assert all(word in body[member] for word in (*value, NAMES[kind])), said
        elif isinstance(value, re.Pattern):
            assert value.fullmatch(body[member] or ""), said
        else:
            assert value is ... or body[member] == value, said
