"""What a curious caller may send to PostgREST's API: rows selected, cast, embedded, spread, filtered, ordered, counted and cut,
in every form that an answer has; rows made, merged, replaced, changed and removed by filters; and all of it misspelt.

Rule: as in `two_worlds_requests`: names come from the catalogs of both worlds, and keys that only one world may have are
never written to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from reflector.datatypes import DataType, Kind
from tests.properties.two_worlds_requests import (
    ANYTHING,
    BY_KIND,
    MISSPELT,
    NULLED,
    WRITES,
    Asked,
    Asking,
    Member,
    Names,
    bodies,
)
from tests.properties.worlds import CALLERS

ROOT = "/rest/v1"
COMPARISONS = ("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct")
PATTERNS = ("like", "ilike", "like(any)", "ilike(all)")
OTHERS = ("match", "cs", "cd", "ov", "fts", "adj", "nope")
TRUTHS = ("null", "not_null", "true", "false")
CASTS = ("text", "integer", "numeric", "date", "boolean", "json", "nosuch")
INSIDE = ("", "::text", "::integer", "::integer.sum()", "::numeric.max()", "::date.min()", ".count()")
"""What is made of a member of a document."""
AGGREGATES = ("count()", "sum()", "avg()", "min()", "max()")
ORDERS = ("", ".asc", ".desc", ".desc.nullsfirst", ".nullslast")
ACCEPTED = (
    *("application/json",) * 6,
    "text/csv",
    "application/vnd.pgrst.object+json",
    "application/vnd.pgrst.array+json;nulls=stripped",
    "application/vnd.pgrst.plan",
    "application/geo+json",
    "image/png",
)
PREFERRED = (
    "count=exact",
    "count=exact",
    "count=planned",
    "count=estimated",
    "handling=strict",
    "handling=strict, wrong=1",
)
WRITTEN = ("return=representation", "return=representation", "return=headers-only", "return=minimal", "missing=default")
HINTS = ("inner", "left", "owner_id", "article_id", "author_id", "team_id", "article_tag", "account_tag", "vaul")


@st.composite
def rest_requests(draw: st.DrawFn, names: Names) -> Asked:
    """One request to /rest/v1."""
    kind = draw(st.sampled_from(["read"] * 10 + ["insert", "merge", "put", "change", "change", "remove", "other"]))
    wild = draw(st.integers(0, 3)) == 0
    caller = draw(st.sampled_from([*CALLERS] if wild else ["user", "user", "all", "guest", "both"]))
    tables = names.all if wild else names.seen[caller]
    pool = [*tables, "artcle", "vaul", "rpc/any"] if wild else [*tables, *NULLED[caller]]
    if kind not in {"read", "other"} and not wild:
        pool = list(WRITES)
        table = draw(st.sampled_from(pool))
        caller = draw(st.sampled_from(WRITES[table]))
        return draw(request(Asking(caller, table, names.seen[caller], wild), kind))
    return draw(request(Asking(caller, draw(st.sampled_from(pool)), tables, wild), kind))


@st.composite
def request(draw: st.DrawFn, asking: Asking, kind: str) -> Asked:
    words, path = Words(draw), f"{ROOT}/{asking.table}"
    match kind:
        case "read":
            method = words.one("GET", "HEAD", "GET", "GET")
            query = words.query(asking)
            return Asked(asking.caller, method, path + query, headers=words.headers(PREFERRED))
        case "other":
            method = words.one("OPTIONS", "GET", "PUT", "DELETE", "MERGE")
            where = words.one(path, f"{path}/1", f"{ROOT}/", ROOT, f"{ROOT}/rpc/{asking.table}")
            return Asked(asking.caller, method, where, "{}" if method == "PUT" else None)
        case _:
            return words.write(asking, kind, path)


@dataclass
class Words:
    """Draws the parts of one request."""

    draw: st.DrawFn
    filters: list[str] = field(default_factory=list)

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(1, of)) == 1

    def headers(self, preferred: tuple[str, ...]) -> dict[str, str]:
        found = {"Accept": self.one(*ACCEPTED)} if self.chance(3) else {}
        if self.chance(2):
            found["Prefer"] = self.one(*preferred)
        if self.chance(5):
            found["Range"] = self.one("0-1", "1-3", "5-2", "900-")
        return found

    # ── what is read ─────────────────────────────────────────────────────────────────────────

    def query(self, asking: Asking) -> str:
        parts = []
        if not self.chance(4):
            parts.append("select=" + quote(",".join(self.selected(asking)), safe="(),.:!>-*"))
        parts += self.filters
        parts += [self.filter(asking) for _ in range(self.one(0, 1, 1, 2))]
        if self.chance(2):
            parts.append("order=" + ",".join(self.order(asking) for _ in range(self.one(1, 2))))
        if self.chance(3):
            parts.append(f"limit={self.one(0, 1, 2, 3)}")
        if self.chance(5):
            parts.append(f"offset={self.one(0, 1, 2, 50)}")
        return "?" + "&".join(parts) if parts else ""

    def selected(self, asking: Asking, depth: int = 2, prefix: str = "") -> list[str]:
        """Columns, aggregates and related rows; filters of these are kept aside for the address."""
        found = [self.column(asking) for _ in range(self.one(0, 1, 2, 3))]
        if self.chance(8):
            found.append("count()" if self.chance(2) else f"{self.name(asking).name}.{self.one(*AGGREGATES)}")
        inside = [each for each in asking.columns if is_document(each.type)]
        if inside and self.chance(4):
            found.append(f"{self.one(*inside).name}->>n{self.one(*INSIDE)}")
        times = self.one(0, 0, 1, 1, 2) if depth and asking.related else 0
        found += [self.embedded(asking, depth, prefix) for _ in range(times)]
        return found or ["*"]

    def column(self, asking: Asking) -> str:
        if self.chance(4):
            return "*"
        name = self.name(asking).name
        alias = "other:" if self.chance(8) else ""
        return alias + name + (f"::{self.one(*CASTS)}" if self.chance(8) else "->>n" if self.chance(15) else "")

    def name(self, asking: Asking) -> Member:
        """A column; of anything where it is wild."""
        if (asking.wild and self.chance(4)) or not asking.columns:
            return Member(self.one(*(each for each in MISSPELT if each.isidentifier())))
        found: Member = self.one(*asking.columns)
        return found

    def embedded(self, asking: Asking, depth: int, prefix: str) -> str:
        member: Member = self.one(*asking.related)
        target = self.one("vault", "artikle", "account_tag", "comment") if self.chance(15) else str(member.target)
        hint = f"!{self.one(*HINTS)}" if self.chance(3) else ""
        spread = "..." if self.chance(6) else ""
        inner = asking.at(target)
        selected = ",".join(self.selected(inner, depth - 1, f"{prefix}{target}."))
        if self.chance(4):
            self.filters.append(f"{prefix}{target}.{self.filter(inner, simple=True)}")
        if self.chance(6):
            self.filters.append(f"{prefix}{target}.order={self.order(inner)}")
        if self.chance(6):
            self.filters.append(f"{prefix}{target}.limit=1")
        if self.chance(8) and not prefix:
            self.filters.append(f"{target}={self.one('is.null', 'not.is.null')}")
        return f"{spread}{target}{hint}({'' if self.chance(8) else selected})"

    def order(self, asking: Asking) -> str:
        member = self.name(asking)
        name = f"{member.name}-%3E{self.one('', '%3E')}n" if is_document(member.type) else member.name
        if asking.related and self.chance(5):
            related: Member = self.one(*asking.related)
            name = f"{related.target}({self.name(asking.at(str(related.target))).name})"
        return f"{name}{self.one(*ORDERS)}"

    def filter(self, asking: Asking, *, simple: bool = False) -> str:
        if not simple and self.chance(5):
            parts = [self.condition(asking).replace("=", ".", 1) for _ in range(2)]
            return f"{self.one('or', 'and', 'not.or')}=({','.join(parts)})"
        return self.condition(asking)

    def condition(self, asking: Asking) -> str:
        member = self.name(asking)
        if is_document(member.type) and self.chance(2):
            said = self.one("is.null", "not.is.null", *(f"{each}.{self.one(1, 5, 7, 50)}" for each in COMPARISONS))
            return f"{quote(member.name)}{self.one('-%3E', '-%3E%3E')}n={said}"
        operation = self.operation(member.type, wild=asking.wild)
        return f"{quote(member.name)}={'not.' if self.chance(6) else ''}{operation}"

    def operation(self, type_: DataType | None, *, wild: bool) -> str:
        pool = ANYTHING if wild or type_ is None else BY_KIND[type_.kind]
        text = type_ is not None and type_.kind is Kind.TEXT
        operator = self.one(
            *COMPARISONS, "eq", "in", "is", *(PATTERNS if text or wild else ()), *(OTHERS if wild else ())
        )
        if operator == "is":
            return f"is.{self.one(*TRUTHS)}"
        if operator == "in":
            return f"in.({','.join(quoted(self.one(*pool)) for _ in range(2))})"
        value = written(self.one(*pool))
        if operator.endswith(("(any)", "(all)")):
            return f"{operator}.{{{quoted(value)}}}"
        shown = value.replace("%", "*") if operator in PATTERNS else value
        return f"{operator}.{quote(shown, safe='')}"

    # ── what is written ──────────────────────────────────────────────────────────────────────

    def write(self, asking: Asking, kind: str, path: str) -> Asked:
        shown = "select=" + quote(",".join(self.selected(asking, 1)), safe="(),.:!>-*")
        headers = {"Prefer": self.one(*WRITTEN)} | ({"Accept": self.one(*ACCEPTED)} if self.chance(4) else {})
        near = self.one(*range(1, 25), *range(1, 13), *range(5000, 5010))
        match kind:
            case "insert" | "merge":
                rows = [{"id": self.draw(st.integers(5000, 5300)), **row} for row in self.rows(asking)]
                if kind == "merge":
                    headers["Prefer"] += f", resolution={self.one('merge', 'ignore')}-duplicates"
                    rows = [{**row, "id": near} for row in rows[:1]]
                return Asked(asking.caller, "POST", f"{path}?{shown}", json.dumps(rows), headers)
            case "put":
                body = {"id": near, **self.rows(asking)[0]}
                return Asked(asking.caller, "PUT", f"{path}?id=eq.{near}&{shown}", json.dumps(body), headers)
            case "change":
                where = f"id=eq.{near}" if self.chance(2) else self.filter(asking)
                body = self.rows(asking)[0]
                most = {"Prefer": f"{headers['Prefer']}, handling=strict, max-affected=2"} if self.chance(3) else {}
                return Asked(asking.caller, "PATCH", f"{path}?{where}&{shown}", json.dumps(body), {**headers, **most})
            case _:
                where = f"id=eq.{near}" if self.chance(2) else f"id=in.({near},{near + 1})&{self.filter(asking)}"
                return Asked(asking.caller, "DELETE", f"{path}?{where}&{shown}", None, headers)

    def rows(self, asking: Asking) -> list[dict[str, Any]]:
        """New values, of rows that speak of the same columns."""
        first = self.draw(bodies(asking))
        return [first, dict(first)] if self.chance(3) else [first]


def is_document(type_: DataType | None) -> bool:
    """Whether there is something inside to ask for: `n` is in every document."""
    return type_ is not None and type_.kind is Kind.JSON


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def quoted(value: Any) -> str:
    """As a member of a list."""
    text = written(value).replace("\\", "\\\\").replace('"', '\\"')
    return quote(f'"{text}"', safe="")


# ── every path, once ─────────────────────────────────────────────────────────────────────────


def every_address(names: Names, caller: str) -> Iterator[Asked]:
    """Conditions on, orders by and embeddings of every column that the caller reaches over up to one relationship."""
    seen = names.seen[caller]
    for table, members in seen.items():
        for member in members:
            if member.target is None and member.type is not None:
                yield from _about(caller, table, "", member.name, member.type)
            for inner in [] if member.target is None else seen[member.target]:
                if inner.type is not None:
                    yield from _about(caller, table, f"{member.target}!inner", inner.name, inner.type)
    for hidden in ("vault", "artikle", "account_tag"):
        for path in (hidden, f"article?select=*,{hidden}(*)", f"tag?select={hidden}!inner(id)", f"{hidden}?select=id"):
            yield Asked(caller, "GET", f"{ROOT}/{path}")
        for method, body in (("POST", "{}"), ("PATCH", "{}"), ("DELETE", None), ("OPTIONS", None)):
            yield Asked(caller, method, f"{ROOT}/{hidden}?id=eq.1", body)


def _about(caller: str, table: str, related: str, name: str, type_: DataType) -> Iterator[Asked]:
    select = f"*,{related}({name})" if related else name
    path = f"{related.partition('!')[0]}.{name}" if related else name
    values = dict.fromkeys(BY_KIND[type_.kind][-3:]) if type_.facts.comparable else ()
    conditions = [f"{path}=is.null", *(f"{path}=eq.{quote(written(value), safe='')}" for value in values)]
    if is_document(type_):
        conditions += [f"{path}-%3E%3En={each}" for each in ("eq.7", "gt.5", "not.is.null")]
    for each in conditions:
        yield Asked(caller, "GET", f"{ROOT}/{table}?select={select}&{each}", headers={"Prefer": "count=exact"})
    if is_document(type_) and not related:
        for made in (f"{name}-%3E%3En,count()", f"{name}-%3E%3En::integer.sum()", f"*&order={name}-%3En.desc"):
            yield Asked(caller, "GET", f"{ROOT}/{table}?select={made}")
    if not related and type_.facts.comparable:
        yield Asked(caller, "GET", f"{ROOT}/{table}?select={name},count()&order={name}.desc&limit=5")
