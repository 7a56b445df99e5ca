"""Writes to the workshop, made of tables of shapes: what all three databases can be asked, and all have to answer and to keep alike.

Most are taken back (`Prefer: tx=rollback`), so that each meets the rows that the workshop began with. `KEPT` is a story that
goes on: each of its requests meets what those before it left, and what is there afterwards is asked as well.

Rule: rows are given their numbers, because a number that the database gives is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.differential.shapes import Different, Question

ROWS: Final = "return=representation"
HOW: Final = (
    "", "return=minimal", "return=headers-only", ROWS, f"{ROWS},count=exact", "return=headers-only,count=exact", f"{ROWS},missing=default",
    f"{ROWS},handling=strict,max-affected=1", f"{ROWS},max-affected=1", "handling=strict,nonsense=1", f"return=minimal,{ROWS}",
)  # fmt: skip
UPSERTS: Final = tuple(
    f"{resolution},{how}"
    for resolution, how in product(("resolution=merge-duplicates", "resolution=ignore-duplicates"), (ROWS, "return=minimal", f"{ROWS},count=exact"))
)  # fmt: skip
THINGS: Final[tuple[Any, ...]] = (
    {"id": 10, "code": "d"},
    {"id": 10, "code": "d", "name": "ü 📚 'x' \"y\" \\", "amount": 4, "owner_id": 2},
    {"id": 10, "code": "d", "facts": {"a": [1, None, {"b": "ü"}], "c": 1.5, "d": True}},
    [{"id": 10, "code": "d"}, {"id": 11, "code": "e"}],
    [{"id": 10, "code": "d"}, {"id": 11, "code": "e", "amount": 1}],
    [{"id": 10, "code": "d"}, {"id": 11, "code": "d"}],
    [{"id": 10, "code": "d"}, {"id": 11, "code": "a"}],
    [],
    {"id": 1, "code": "z"},
    {"id": 10, "code": "a"},
    {"id": 10, "code": None},
    {"id": 10},
    {"id": 10, "code": "d", "owner_id": 99},
    {"id": 10, "code": "d", "amount": -1},
    {"id": 10, "code": "d", "amount": "seven"},
    {"id": 10, "code": "d", "amount": 1.5},
    {"id": 10, "code": "d", "amount": None},
    {"id": 10, "code": "d", "amount": 10**12},
    {"id": 10, "code": "d", "amount": "5"},
    {"id": 10, "code": 7},
    {"id": 10, "code": True},
    {"id": 10, "code": "d", "doubled": 1},
    {"id": 10, "code": "d", "nope": 1},
    {"id": 10, "code": "d\x00"},
    {"id": 10, "code": "x" * 41},
)
LINES: Final[tuple[Any, ...]] = (
    {"a": 1, "b": "x", "note": "m"},
    {"a": 1, "b": "x"},
    {"a": 2, "b": "y", "note": "n"},
    [{"a": 1, "b": "x", "note": "m"}, {"a": 2, "b": "y", "note": "n"}],
    [{"a": 2, "b": "y", "note": "n"}, {"a": 1, "b": "x", "note": "m"}],
    [{"a": 3, "b": "y", "note": "n"}, {"a": 3, "b": "y", "note": "m"}],
    [{"a": 1, "b": "x", "note": None}],
    {"a": 1, "b": None},
    {"a": 1},
)
FILTERS: Final = (
    "id=eq.1", "id=gt.1", "id=eq.99", "id=in.(1,3)", "name=is.null", "or=(id.eq.1,name.eq.two)", "code=like.*", "owner_id=eq.1&amount=gt.1", "id=gt.0&limit=1",
    "id=eq.x", "nope=eq.1", "", "owner.name=eq.Ada",
)  # fmt: skip
CHANGES: Final[tuple[Any, ...]] = (
    {"name": "n"}, {"name": None, "amount": "9"}, {}, [], [{"name": "first"}, {"name": "second"}], {"code": "a"}, {"code": "z"}, {"amount": -1}, {"nope": 1},
    {"doubled": 1}, {"facts": {"a": 1}}, {"facts": None}, {"owner_id": 99}, {"id": 50}, 7, "text",
)  # fmt: skip
SELECTS: Final = (
    "id,code", "*", "c:code,n:amount::text", "id,owner(name)", "id,owner!inner(name)", "id,...owner(owner:name)", "facts->a,id", "nope", "id,nope(x)", "count()",
    "id,line(a)",
)  # fmt: skip
PUTS: Final[tuple[tuple[str, Any], ...]] = (
    ("line?a=eq.1&b=eq.x", {"a": 1, "b": "x", "note": "put"}),
    ("line?a=eq.1&b=eq.x", {"a": 1, "b": "x"}),
    ("line?a=eq.5&b=eq.w", {"a": 5, "b": "w", "note": "put"}),
    ("line?a=eq.5&b=eq.w", [{"a": 5, "b": "w"}, {"a": 6, "b": "w"}]),
    ("line?a=eq.5", {"a": 5, "b": "w"}),
    ("line?a=eq.5&b=eq.w&note=eq.x", {"a": 5, "b": "w"}),
    ("line?a=gt.5&b=eq.w", {"a": 5, "b": "w"}),
    ("line?a=eq.5&b=eq.w&limit=1", {"a": 5, "b": "w"}),
    ("line?a=eq.5&b=eq.w", {"a": 5, "b": "v"}),
    ("line?a=eq.5&b=eq.w", {"a": 5}),
    ("line?a=eq.5&b=eq.w", []),
    ("line", {"a": 5, "b": "w"}),
    ("tag?name=eq.red", {"name": "red"}),
    ("tag?name=eq.blue", {"name": "blue"}),
    ("plain?x=eq.1", {"x": 1}),
    ("thing?id=eq.1", {"id": 1, "code": "a", "name": "put"}),
    ("thing?id=eq.1", {"id": 1, "code": "b"}),
)
TEXTS: Final[tuple[tuple[str, bytes], ...]] = (
    ("text/csv", b"id,code,name\n10,d,NULL\n11,e,"),
    ("text/csv", b'id,code,name\n10,"a ""b"", c",x'),
    ("text/csv", b"id,code\n10"),
    ("text/csv", b"id,nope\n10,x"),
    ("text/csv", b"id,code"),
    ("text/csv", b""),
    ("text/csv", "id,code\n10,é".encode()),
    ("application/x-www-form-urlencoded", b"id=10&code=d+e&name=%C3%A9"),
    ("application/x-www-form-urlencoded", b"id=10&nope=d"),
    ("application/x-www-form-urlencoded", b""),
    ("application/json", b'{"id":10'),
    ("application/json", b""),
    ("application/json", b"null"),
    ("application/json", b'"text"'),
    ("application/json", b"[1,2]"),
    ("application/json", b'{"id":10,"code":"d","code":"e"}'),
    ("application/json; charset=utf-8", b'{"id":10,"code":"d"}'),
    ("application/vnd.pgrst.object+json", b'{"id":10,"code":"d"}'),
    ("text/xml", b"<x/>"),
    ("application/octet-stream", b"\x00"),
)
COLUMNS: Final = ("id,code", "id", "id,code,amount", "id,nope", "", 'id,"code"', "id,code,doubled")
ONE: Final = {"Accept": "application/vnd.pgrst.object+json"}
STRIPPED: Final = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}


def preferring(prefer: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers of a write that is taken back."""
    return {"Prefer": ",".join(part for part in ("tx=rollback", prefer) if part), **(more or {})}


def writes() -> list[Question]:
    """All that are taken back."""
    return [*_inserts(), *_upserts(), *_changes(), *_others()]


def _inserts() -> Iterable[Question]:
    for body in THINGS:
        yield Question("thing?select=id,code,name,amount,doubled,facts", preferring(ROWS), "POST", body)
    for body, how in product((THINGS[0], THINGS[3], THINGS[7], {"code": 5, "id": 12}), HOW):
        yield Question("thing?select=id,code", preferring(how), "POST", body)
    for select, body in product(SELECTS, (THINGS[1], THINGS[3])):
        yield Question(f"thing?select={select}&order=id.desc", preferring(ROWS), "POST", body)
    for columns, missing in product(COLUMNS, ("", ",missing=default")):
        body = [{"id": 10, "code": "d", "amount": 5}, {"id": 11, "code": "e", "name": "left out"}]
        yield Question(
            f"thing?select=id,code,name,amount&order=id&columns={columns}", preferring(ROWS + missing), "POST", body
        )
    for type_, text in TEXTS:
        yield Question("thing?select=id,code,name", preferring(ROWS, {"Content-Type": type_}), "POST", text)
    for accept, body in product(
        (ONE, STRIPPED, {"Accept": "text/csv"}, {"Accept": "image/png"}), (THINGS[0], THINGS[3], [])
    ):
        yield Question("thing?select=id,name", preferring(ROWS, accept), "POST", body)


def _upserts() -> Iterable[Question]:
    for body, how in product(LINES, UPSERTS):
        yield Question("line?order=a", preferring(how), "POST", body)
    bodies = (
        {"id": 1, "code": "z"},
        {"id": 10, "code": "a", "amount": 5},
        [{"id": 10, "code": "y"}, {"id": 2, "code": "b", "amount": 9}],
    )
    for conflict, body, how in product(
        ("", "&on_conflict=id", "&on_conflict=code", "&on_conflict=name", "&on_conflict=nope"), bodies, UPSERTS[::3]
    ):
        same = [{**each, "amount": 5} for each in body] if isinstance(body, list) else body
        yield Question(f"thing?select=code,amount&order=code{conflict}", preferring(how), "POST", same)
    for how in UPSERTS:
        yield Question("plain", preferring(how), "POST", {"x": 1})
        yield Question("tag?order=name", preferring(how), "POST", [{"name": "red"}, {"name": "blue"}])


def _changes() -> Iterable[Question]:
    for filter_, how in product(FILTERS, HOW[:9]):
        yield Question(f"thing?select=id,name&order=id&{filter_}", preferring(how), "PATCH", {"name": "n"})
        yield Question(f"thing?select=id,code&order=id.desc&{filter_}", preferring(how), "DELETE")
    for body in CHANGES:
        yield Question("thing?select=code,name,amount,facts,owner_id&id=eq.2", preferring(ROWS), "PATCH", body)
    for select, method in product(SELECTS, ("PATCH", "DELETE")):
        yield Question(
            f"thing?select={select}&order=id&id=gt.1",
            preferring(ROWS),
            method,
            {"amount": 3} if method == "PATCH" else ...,
        )
    for filter_, (method, body) in product(FILTERS[:4], (("PATCH", {"name": None}), ("DELETE", ...))):
        for accept in (ONE, STRIPPED, {"Accept": "text/csv"}):
            yield Question(f"thing?select=id,name&order=id&{filter_}", preferring(ROWS, accept), method, body)


def _others() -> Iterable[Question]:
    for (address, body), how in product(PUTS, ("", ROWS, f"{ROWS},count=exact")):
        yield Question(address, preferring(how), "PUT", body)
    for address, method in product(
        ("owner?id=eq.1", "owner?id=eq.9", "totals?owner_id=eq.1", "nowhere?id=eq.1", "tag?name=eq.red"),
        ("PATCH", "DELETE"),
    ):
        yield Question(address, preferring(ROWS), method, {"name": "x"} if method == "PATCH" else ...)
    for address, body in (
        ("totals", {"owner_id": 1}),
        ("nowhere", {}),
        ("counter?select=name", {}),
        ("counter?select=name", [{}, {}]),
        ("plain", {"x": None, "y": None}),
        ("tag", {"name": ""}),
        ("tag", {"name": " a,b (c) "}),
    ):
        yield Question(address, preferring(ROWS), "POST", body)
    for table in ("thing", "line", "plain", "tag", "totals", "owner"):
        yield Question(table, {}, "OPTIONS")


KEPT: Final = (
    Question("thing", {}, "POST", {"id": 20, "code": "k1", "name": "first", "owner_id": 1}),
    Question("thing?select=id", {"Prefer": f"{ROWS},count=exact"}, "POST", [{"id": 21, "code": "k2", "amount": 1}, {"id": 22, "code": "k3", "amount": 2}]),
    Question("thing", {}, "POST", [{"id": 23, "code": "k4"}, {"id": 24, "code": "k1"}]),
    Question("thing?code=like.k*", {"Prefer": "count=exact"}, "PATCH", {"amount": 40}),
    Question("thing?select=code,amount&id=eq.20", ONE | {"Prefer": ROWS}, "PATCH", {"name": "changed"}),
    Question("thing?id=gt.20", ONE | {"Prefer": ROWS}, "PATCH", {"name": "never"}),
    Question("thing?on_conflict=code&columns=code,name", {"Prefer": f"resolution=merge-duplicates,{ROWS}"}, "POST", [{"code": "k2", "name": "merged"}]),
    Question("line", {"Prefer": "resolution=merge-duplicates"}, "POST", [{"a": 1, "b": "x", "note": "kept"}, {"a": 7, "b": "z", "note": "new"}]),
    Question("line", {"Prefer": "resolution=ignore-duplicates"}, "POST", [{"a": 1, "b": "x", "note": "never"}, {"a": 8, "b": "z", "note": "new"}]),
    Question("line?a=eq.7&b=eq.z", {}, "PUT", {"a": 7, "b": "z"}),
    Question("owner?id=eq.1", {}, "DELETE"),
    Question("thing?id=gt.20&limit=1", {"Prefer": "handling=strict,max-affected=1"}, "DELETE"),
    Question("thing?id=eq.22", {"Prefer": "count=exact"}, "DELETE"),
    Question("thing?id=eq.21", {"Prefer": "tx=rollback"}, "DELETE"),
    Question("tag", {"Content-Type": "text/csv"}, "POST", b"name\none\ntwo"),
    Question("plain?columns=x,y", {"Prefer": "missing=default"}, "POST", [{"x": 1}, {"y": "b"}]),
)  # fmt: skip
AFTERWARDS: Final = tuple(
    Question(address)
    for address in ("thing?order=code&select=code,name,amount,doubled,owner_id,facts", "line?order=a,b", "plain?order=x.nullsfirst", "tag?order=name", "totals?order=owner_id.nullsfirst",
                    "counter")
)  # fmt: skip

MARIADB, SQLITE = DatabaseKind.MARIADB, DatabaseKind.SQLITE
UNNAMED: Final = "its error does not say which foreign key"
LOOSE: Final = "an integer has no bounds of its own there, and a text no length"
DIFFERENT_WRITES: Final = (
    Different(SQLITE, r".* \{.*'owner_id': 99\}|DELETE owner\?id=eq\.1 .*", UNNAMED),
    Different(SQLITE, r".* \{.*('amount': 1000000000000|'code': 'x{41}')\}", LOOSE),
    Different(MARIADB, r".* \{.*'amount': 1000000000000\}", "types have names of the database's own"),
    Different(MARIADB, r".* \{.*'code': 'x{41}'\}", "its error says which column, and PostgreSQL's does not"),
)
DIFFERENT_KEPT: Final = (Different(SQLITE, r"DELETE owner\?id=eq\.1", UNNAMED),)
