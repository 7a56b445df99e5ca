"""What a curious caller may send to the resource API: names that are there, that are hidden and that are misspelt.

Most requests are made of what their caller sees, so that there are answers to compare; the others of all that either
world has.

Rule: the names come from the catalogs of both worlds, so that whatever is hidden is asked for; the keys that only one
world may have are never written to, because unique and foreign keys tell them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from reflector.access.principal import Principal
from reflector.datatypes import DataType, Kind
from reflector.query.operators import OPERATORS, Operator, Takes
from reflector.query.scope import Scope
from reflector.snapshot import Snapshot
from tests.properties.worlds import CALLERS, ME, ONE_WORLD, ROLES, TAGS, UNSEEN_BY_ALL, WORDS

MISSPELT = (
    *("salarx", "titl", "ownr", "articl", "emial", "x_secret", "articles.id", "comment.", "", "t0", "id "),
    *("bodi_secre", "titel_secre", "vaul", "artikl", "account_tg"),
)
"""Some of them are near to what one world alone has, and is hidden."""
NUMBERS = (*range(1, 42), *UNSEEN_BY_ALL, 100, 150, 250, 1000, 1010, 999999, -1, 0)
BY_KIND: Mapping[Kind, tuple[Any, ...]] = {
    Kind.INTEGER: (*NUMBERS, *(1, 2, 3, ME) * 10),
    Kind.DECIMAL: (1, 50),
    Kind.TEXT: (*WORDS, *TAGS, "draft", "locked", "published", "a%", "p"),
    Kind.BOOLEAN: (True, False),
    Kind.DATE: ("2024-01-05", "2024-01-20", "1990-05-05", "1950-01-01"),
    Kind.TIMESTAMP: ("2024-03-07T10:00:00", "2024-04-05", "2024-05-01"),
    Kind.JSON: ({}, {"n": 1}),
}
ANYTHING = tuple(value for values in BY_KIND.values() for value in values)
SORTS = ("{}", "-{}", "{}.nullslast", "-{}.nullsfirst")
ASIDE = ("/health/ready", "/metrics", "/admin/reload", "/graphql", "/docs", "/rest/v1/")
"""What is about no table."""
WRITES = {"article": ("user", "all"), "comment": ("user", "all"), "note": ("both", "all")}
"""Which callers may write what."""
NULLED = {"guest": (), "user": ("account",), "both": ("note",), "all": ("account", "note", "note", "note")}
"""Tables of which a caller sees some cells as null: asked for more often."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    caller: str
    method: str
    path: str
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """A column of a type, or a relationship to a table, of `many` rows or one."""

    name: str
    type: DataType | None = None
    target: str | None = None
    many: bool = False


Tables = Mapping[str, list[Member]]


class Names:
    """All that either world has, and what each caller sees of it."""

    def __init__(self, snapshots: Iterable[Snapshot]) -> None:
        self.all: dict[str, list[Member]] = {}
        self.seen: dict[str, Tables] = {}
        for snapshot in snapshots:
            for table in snapshot.catalog.tables.values():
                related = snapshot.catalog.relationships.get(table, {})
                members = [Member(name, each.type) for name, each in table.by_name.items()]
                members += [Member(name, target=each.target.label, many=each.many) for name, each in related.items()]
                known = self.all.setdefault(table.label, [])
                known += [each for each in members if each.name not in {other.name for other in known}]
            for caller, roles in ROLES.items():
                self.seen[caller] = _seen(snapshot.access(Principal(roles)).scope)

    def __repr__(self) -> str:
        return "names"


def _seen(scope: Scope) -> Tables:
    return {
        label: [Member(name, column.type) for name, column in table.readable.items()]
        + [Member(name, target=each.target.label, many=each.many) for name, each in table.relationships.items()]
        for label, table in scope.tables.items()
        if table.may_read
    }


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks of which table, and from what: `wild` names anything."""

    caller: str
    table: str
    tables: Tables
    wild: bool

    def at(self, table: str) -> Asking:
        return Asking(self.caller, table, self.tables, self.wild)

    @property
    def columns(self) -> list[Member]:
        return [each for each in self.tables.get(self.table, []) if each.target is None]

    @property
    def related(self) -> list[Member]:
        return [each for each in self.tables.get(self.table, []) if each.target is not None]


@st.composite
def requests(draw: st.DrawFn, names: Names) -> Asked:
    kind = draw(
        st.sampled_from(["list"] * 9 + ["row"] * 3 + ["create", "create", "change", "change", "remove", "other"])
    )
    wild = draw(st.integers(0, 2)) == 0
    caller = draw(
        st.sampled_from(["user", "user", "all", "all", "guest", "both", *CALLERS])
        if wild
        else st.sampled_from(["user", "all", "guest", "both"])
    )
    tables = names.all if wild else names.seen[caller]
    table = draw(st.sampled_from([*tables, "artcle", "no"] if wild else [*tables, *NULLED[caller]]))
    if kind in ("create", "change", "remove") and not wild:
        table = draw(st.sampled_from(list(WRITES)))
        caller = draw(st.sampled_from(WRITES[table]))
        tables = names.seen[caller]
    return draw(request(Asking(caller, table, tables, wild), kind))


@st.composite
def request(draw: st.DrawFn, asking: Asking, kind: str) -> Asked:
    caller, path = asking.caller, f"/api/{asking.table}"
    words = "" if kind in ("remove", "other") else draw(queries(asking, row=kind != "list"))
    match kind:
        case "list":
            return Asked(caller, "GET", path + words)
        case "row":
            return Asked(caller, "GET", f"{path}/{draw(keys(asking.table))}{words}")
        case "create":
            body = {"id": draw(st.integers(5000, 5300)), **draw(bodies(asking))}
            return Asked(caller, "POST", path + words, json.dumps(body))
        case "change":
            return Asked(
                caller,
                "PATCH",
                f"{path}/{draw(keys(asking.table, near=not asking.wild))}{words}",
                json.dumps(draw(bodies(asking))),
            )
        case "remove":
            return Asked(caller, "DELETE", f"{path}/{draw(keys(asking.table, near=not asking.wild))}")
        case _:
            method = draw(st.sampled_from(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST"]))
            where = draw(st.sampled_from(["/api", path, f"{path}/1", "/openapi.json", f"/{asking.table}", *ASIDE]))
            return Asked(caller, method, where, "{}" if method in ("PUT", "POST") else None)


def keys(table: str, *, near: bool = False) -> st.SearchStrategy[str]:
    """Keys of rows; `near`: mostly of those that may be written."""
    if near and table in WRITES:
        return st.sampled_from([*range(1, 25), *range(1, 13), *range(5000, 5010)]).map(str)
    numbers = st.sampled_from([*NUMBERS, *ONE_WORLD, *range(5000, 5010)]).map(str)
    tags = st.sampled_from(TAGS).map(lambda tag: quote(tag, safe=""))
    if table == "article_tag":
        return st.tuples(numbers, tags).map(",".join)
    return tags if table == "tag" else st.one_of(numbers, numbers, numbers, st.sampled_from(["x", "1,2", "%00", "1e3"]))


# ── every path, once ─────────────────────────────────────────────────────────────────────────


def every_path(names: Names, caller: str) -> Iterator[Asked]:
    """Conditions on, and orders by, every column that the caller reaches over up to one relationship."""
    for table, members in names.seen[caller].items():
        for member in members:
            inner = [] if member.target is None else names.seen[caller][member.target]
            reached = [(f"{member.name}.{each.name}", each.type) for each in inner]
            for path, type_ in reached or [(member.name, member.type)]:
                if type_ is not None:
                    yield from _about(caller, table, path, type_)
            if member.target is not None:
                yield Asked(caller, "GET", f"/api/{table}?include={member.name}")


def _about(caller: str, table: str, path: str, type_: DataType) -> Iterator[Asked]:
    values = [] if not type_.facts.comparable else dict.fromkeys(BY_KIND[type_.kind][-4:])
    asked = [f"{path}__isnull=true", f"sort={path}&limit=5"]
    for query in (*asked, *(f"{path}={quote(_text(value))}" for value in values)):
        yield Asked(caller, "GET", f"/api/{table}?{query}&count=exact")


# ── what is asked of rows ────────────────────────────────────────────────────────────────────


@st.composite
def paths(draw: st.DrawFn, asking: Asking) -> tuple[str, DataType | None]:
    """A column, or one at the end of a path, with its type."""
    found: list[str] = []
    for _ in range(3):
        if asking.wild and draw(st.integers(0, 4)) == 0:
            return ".".join([*found, draw(st.sampled_from(MISSPELT))]), None
        chosen = asking.columns if len(found) == 2 else [*asking.columns, *asking.related, *asking.related]
        member = draw(st.sampled_from(chosen or [Member("nothing")]))
        found.append(member.name)
        if member.target is None:
            return ".".join(found), member.type
        asking = asking.at(member.target)
    return ".".join(found), None


@st.composite
def includes(draw: st.DrawFn, asking: Asking) -> str:
    found: list[str] = []
    while asking.related and len(found) < 2 and (not found or draw(st.booleans())):
        member = draw(st.sampled_from(asking.related))
        found.append(member.name)
        asking = asking.at(member.target or "")
    if asking.wild and draw(st.booleans()):
        found.append(draw(st.sampled_from(MISSPELT)))
    return ".".join(found)


@st.composite
def queries(draw: st.DrawFn, asking: Asking, *, row: bool = False) -> str:
    kinds = (
        ["fields", "include"]
        if row
        else ["where", "where", "filter", "sort", "sort", "fields", "include", "count", "page"]
    )
    asked = draw(st.lists(st.sampled_from(kinds), max_size=2 if row else 3, unique=not asking.wild))
    parts = [draw(parameter(asking, kind)) for kind in asked]
    if not row and draw(st.booleans()):
        parts.append("limit=" + draw(st.sampled_from(["1", "2", "3", *(["0", "x"] if asking.wild else [])])))
    return "?" + "&".join(part for part in parts if not part.endswith("=")) if parts else ""


@st.composite
def parameter(draw: st.DrawFn, asking: Asking, kind: str) -> str:
    match kind:
        case "where":
            return draw(conditions(asking))
        case "filter":
            return "filter=" + quote(json.dumps(draw(documents(asking))))
        case "sort":
            chosen = draw(st.lists(paths(asking), min_size=1, max_size=2))
            return "sort=" + ",".join(quote(draw(st.sampled_from(SORTS)).format(name)) for name, _ in chosen)
        case "fields":
            minus = draw(st.sampled_from(["", "", "-"]))
            chosen = draw(st.lists(paths(asking), min_size=1, max_size=3))
            return "fields=" + ",".join(quote(minus + name) for name, _ in chosen)
        case "include":
            return "include=" + quote(draw(includes(asking)))
        case "count":
            return "count=" + draw(st.sampled_from(["exact", "exact", "none", *(["estimated"] if asking.wild else [])]))
        case _:
            return "page=" + draw(st.sampled_from(["1", "2", *(["0"] if asking.wild else [])]))


@st.composite
def conditions(draw: st.DrawFn, asking: Asking) -> str:
    name, type_ = draw(paths(asking))
    operator, operand = draw(operations(type_, wild=asking.wild))
    text = ",".join(map(_text, operand)) if isinstance(operand, list) else _text(operand)
    return f"{quote(name)}__{operator}={quote(text)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@st.composite
def operations(draw: st.DrawFn, type_: DataType | None, *, wild: bool) -> tuple[str, Any]:
    """An operator and its operand, which fit the type unless anything goes."""
    fitting = [each for each in OPERATORS.values() if wild or type_ is None or each.allowed(type_.facts)]
    operator: Operator = draw(st.sampled_from(fitting))
    pool = ANYTHING if wild or type_ is None else BY_KIND[type_.kind]
    value = st.sampled_from(pool)
    match operator.takes:
        case Takes.FLAG:
            return operator.name, draw(st.booleans())
        case Takes.MANY | Takes.TWO:
            return operator.name, draw(st.lists(value, min_size=2, max_size=2))
        case _:
            return operator.name, draw(value)


@st.composite
def documents(draw: st.DrawFn, asking: Asking, depth: int = 2) -> dict[str, Any]:
    """A filter as JSON."""
    word = draw(st.sampled_from(["", "", "_and", "_or", "_not"])) if depth else ""
    if word == "_not":
        return {"_not": draw(documents(asking, depth - 1))}
    if word:
        return {word: draw(st.lists(documents(asking, depth - 1), min_size=1, max_size=2))}
    path, type_ = draw(paths(asking))
    operator, operand = draw(operations(type_, wild=asking.wild))
    document: Any = {"_" + operator: operand}
    for name in reversed(path.split(".")):
        document = {name: document}
    found: dict[str, Any] = document
    return found


# ── what is written ──────────────────────────────────────────────────────────────────────────


@st.composite
def bodies(draw: st.DrawFn, asking: Asking) -> dict[str, Any]:
    """New values: mostly what may be written, sometimes what may not."""
    texts = st.sampled_from([*WORDS, *WORDS, "x" * 41])
    usual: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "article": {
            "title": texts,
            "body": texts,
            "status": st.sampled_from(["draft", "draft", "published", "locked"]),
            "score": st.sampled_from([0, 5, None, -1]),
        },
        "comment": {"text": texts},
        "note": {"text": texts, "pinned": st.booleans()},
    }
    body = {name: draw(each) for name, each in usual.get(asking.table, {}).items() if draw(st.integers(0, 5)) > 0}
    if asking.table == "comment" and draw(st.booleans()):
        body["article_id"] = draw(st.sampled_from([*range(1, 25), *UNSEEN_BY_ALL, 999999]))
    if asking.wild:
        # No key and no foreign key: those of rows that are in one world alone tell of them.
        known = [each.name for each in asking.columns if not each.name.endswith("_id") and each.name != "id"]
        name = draw(st.sampled_from([*known, *MISSPELT, "owner_id", "author_id"]))
        body[name] = draw(st.one_of(st.none(), texts, st.sampled_from([1, 8])))
    return body
