"""Functions of the database. MariaDB has those that give values; SQLite has none, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.compliance.case import (
    MARIADB,
    POSTGRESQL,
    SQLITE,
    Ask,
    Case,
    Gives,
    ask,
    fails,
    get,
    gives,
    post,
    refused,
)

UNKNOWN: Final = fails(404, "PGRST202")


def calls(feature: str, name: str, asked: Ask, wanted: Gives) -> Case:
    """What PostgreSQL's functions alone can be, with SQLite's refusal beside it."""
    return Case(name, feature, asked, wanted, _none(asked), on=(POSTGRESQL, SQLITE), at="functions")


def both(feature: str, name: str, asked: Ask, wanted: Gives) -> Case:
    return Case(name, feature, asked, wanted, _none(asked), at="functions")


def _none(asked: Ask) -> Mapping[DatabaseKind, Gives]:
    return {SQLITE: gives(b"", 400, Proxy_Status="PostgREST; error=PGRST127") if asked.method == "HEAD" else refused()}


def not_there(feature: str, name: str, asked: Ask, wanted: Gives = UNKNOWN) -> Case:
    """What MariaDB has nothing like."""
    return Case(name, feature, asked, wanted, on=(MARIADB,), at="functions")


def value(address: str, given: Any) -> Case:
    return calls("what is returned", address, get(f"rpc/{address}"), gives(given))


TWICE: Final = {"n": 4, "by_what": 3}
# fmt: off
CASES: Final = (
    both("arguments by name", "numbers", post("rpc/twice", TWICE), gives(12)),
    both("arguments by name", "texts", post("rpc/twice", {"n": "4", "by_what": "2"}), gives(8)),
    both("arguments by name", "a form", post("rpc/twice", b"n=4&by_what=3", Content_Type="application/x-www-form-urlencoded"), gives(12)),
    both("arguments by name", "null", post("rpc/twice", {"n": None, "by_what": 2}), gives(None)),
    both("arguments by name", "a bad value", post("rpc/twice", {"n": "x", "by_what": 2}), fails(400, "22P02")),
    both("arguments by name", "a bad body", post("rpc/twice", b"{"), fails(400, "PGRST102")),
    both("arguments by name", "CSV", post("rpc/twice", b"n\n1", Content_Type="text/csv"), fails(400, "PGRST102")),
    calls("arguments by name", "documents", post("rpc/told", {"v": {"a": [1, "ü"]}}), gives({"a": [1, "ü"]})),
    calls("arguments by name", "arrays", post("rpc/summed", {"v": [1, 2]}), gives(3)),
    both("arguments in the address", "values", get("rpc/twice?n=4&by_what=3"), gives(12, Content_Location="/rpc/twice?by_what=3&n=4")),
    both("arguments in the address", "the last of several", get("rpc/twice?n=1&n=4&by_what=3"), gives(12)),
    both("arguments in the address", "a bad value", get("rpc/twice?n=x&by_what=3"), fails(400, "22P02")),
    calls("arguments in the address", "beside filters", get("rpc/numbers?a=1&b=5&numbers=gt.3"), gives([4, 5])),
    calls("arguments in the address", "what has an operator is a filter", get("rpc/twice?n=eq.4"), UNKNOWN),
    calls("arguments in the address", "arrays", get("rpc/summed?v={1,2,3}"), gives(6)),
    both("arguments in the address", "no body", ask("HEAD", "rpc/twice?n=4&by_what=3"), gives(b"", Content_Length=None)),
    calls("what reads and what writes", "GET", get("rpc/added?n=1&word=x"), fails(405, "25006")),
    calls("what reads and what writes", "HEAD", ask("HEAD", "rpc/added?n=1&word=x"), gives(b"", 405, Proxy_Status="PostgREST; error=25006")),
    calls("what reads and what writes", "OPTIONS of one that reads", ask("OPTIONS", "rpc/twice"), gives(b"", Allow="OPTIONS,GET,HEAD,POST")),
    calls("what reads and what writes", "OPTIONS of one that writes", ask("OPTIONS", "rpc/cleared"), gives(b"", Allow="OPTIONS,POST")),
    not_there("what reads and what writes", "GET of one that writes", get("rpc/marked?n=1"), fails(405, "25006")),
    both("no function", "of that name", post("rpc/nothing_like_it", {}), UNKNOWN),
    both("no function", "of those arguments", post("rpc/twice", {"m": 1}), UNKNOWN),
    both("no function", "a closed one", post("rpc/closed", {}), UNKNOWN),
    calls("no function", "the nearest", get("rpc/twise?n=1"), fails(404, "PGRST202", hint="Perhaps you meant to call the function public.twice",
          message="Could not find the function public.twise(n) in the schema cache")),
    calls("several functions", "the one that has all arguments", post("rpc/either", {"a": 1, "b": 1}), gives("ab")),
    calls("several functions", "the one that needs no more", post("rpc/either", {"a": 1}), gives("a")),
    calls("several functions", "that fit", post("rpc/twofold", {"a": 1}), fails(300, "PGRST203")),
    not_there("several functions", "a name is one function", post("rpc/either", {"a": 1})),
    calls("defaults and variadics", "a default", post("rpc/twice", {"n": 4}), gives(8)),
    calls("defaults and variadics", "all of them", get("rpc/found?select=id&order=id.desc&limit=1"), gives([{"id": 4}])),
    calls("defaults and variadics", "repeated", get("rpc/joined?parts=a&parts=b,c"), gives("a-b,c")),
    calls("defaults and variadics", "an array", post("rpc/joined", {"parts": ["a", "b"]}), gives("a-b")),
    calls("defaults and variadics", "none", post("rpc/joined", {}), gives("")),
    not_there("defaults and variadics", "an argument is missing", post("rpc/twice", {"n": 4})),
    both("arguments by name", "the first of an array", post("rpc/twice", [{"n": 4, "by_what": 2}, {"n": 5, "by_what": 2}]), gives(8)),
    both("arguments by name", "an array of several kinds", post("rpc/twice", [{"n": 4}, 5]), fails(400, "PGRST102", "All object keys must match")),
    both("arguments by name", "an array of no objects", post("rpc/twice", [4]), fails(400, "PGRST102", "All object keys must match")),
    calls("one unnamed argument", "an array of objects", post("rpc/said", [{"a": 2}]), gives([{"a": 2}])),
    calls("one unnamed argument", "an empty array", post("rpc/said", []), gives([])),
    calls("one unnamed argument", "JSON", post("rpc/said", [1, {"a": 2}]), gives([1, {"a": 2}])),
    calls("one unnamed argument", "text", post("rpc/texted", "ü'".encode(), Content_Type="text/plain"), gives("<ü'>")),
    calls("one unnamed argument", "bytes", post("rpc/sized", b"\x00\xff", Content_Type="application/octet-stream"), gives(2)),
    calls("one unnamed argument", "XML", post("rpc/rooted", b"<a>1</a>", Content_Type="text/xml"), gives("<a>1</a>")),
    not_there("one unnamed argument", "is not had", post("rpc/texted", b"x", Content_Type="text/plain")),
    value("hello", "hello"),
    value("numbers?a=1&b=3", [1, 2, 3]),
    value("numbers?a=3&b=1", []),
    value("first_article?select=id,title", {"id": 1, "title": "one"}),
    value("somewhere", {"x": 1, "y": 2.5}),
    value("split?whole=5", {"half": 2, "rest": 1}),
    value("counted?n=5", {"n": 6}),
    value("pairs", [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    calls("what is returned", "blank", post("rpc/cleared", {}), gives(b"", 204)),
    both("what is returned", "CSV", get("rpc/twice?n=4&by_what=3", Accept="text/csv"), gives(b"twice\n12")),
    calls("what is returned", "a type of its own", get("rpc/page", Accept="text/html"), gives(b"<b>hi</b>")),
    not_there("what is returned", "a value", get("rpc/texted?word=ü"), gives("<ü>")),
    calls("rows of a function", "selected, filtered, ordered", get("rpc/found?lowest=2&id=lt.4&select=n:title&order=id.desc"), gives([{"n": "three"}, {"n": "two"}])),
    calls("rows of a function", "pages", get("rpc/found?limit=2&offset=1&select=id&order=id", Prefer="count=exact"),
          gives([{"id": 2}, {"id": 3}], 206, Content_Range="1-2/4", Preference_Applied="count=exact")),
    calls("rows of a function", "Range", get("rpc/found?select=id&order=id", Range="0-0"), gives([{"id": 1}], Content_Range="0-0/*")),
    calls("rows of a function", "one object", get("rpc/found?id=eq.2&select=id", Accept="application/vnd.pgrst.object+json"), gives({"id": 2})),
    calls("rows of a function", "a tree", get("rpc/found?or=(id.eq.1,title.like.t*)&select=id&order=id"), gives([{"id": 1}, {"id": 2}, {"id": 3}])),
    not_there("rows of a function", "values have none", get("rpc/twice?n=4&by_what=3&twice=gt.1"), refused()),
    Case("rows", "procedures", post("rpc/shelves", {"lowest": 2}), gives([{"id": 2, "label": None}], Content_Range="0-0/*"), on=(MARIADB,), at="procedures"),
    Case("arguments that come back", "procedures", post("rpc/split", {"whole": 9, "n": "1.25"}),
         gives({"half": 4, "word": "it's", "day": "2024-01-05", "n": 1.75}), on=(MARIADB,), at="procedures"),
    Case("POST alone", "procedures", get("rpc/shelves?lowest=1"), fails(405, "PGRST101"), on=(MARIADB,), at="procedures"),
    Case("nothing is asked of their rows", "procedures", post("rpc/shelves?id=gt.1", {"lowest": 1}), fails(400, "PGRST127"), on=(MARIADB,), at="procedures"),
    Case("several sets of rows", "procedures", post("rpc/twofold", {}), fails(400, "PGRST127"), on=(MARIADB,), at="procedures"),
    Case("a closed one", "procedures", post("rpc/closed", {}), UNKNOWN, on=(MARIADB,), at="procedures"),
    Case("are not called", "procedures", post("rpc/done", {}), UNKNOWN, on=(POSTGRESQL,), at="functions"),
    Case("are none", "procedures", post("rpc/done", {}), refused(), on=(SQLITE,), at="functions"),
    both("max-affected", "of a value", post("rpc/twice", TWICE, Prefer="handling=strict, max-affected=1"), fails(400, "PGRST128")),
    calls("max-affected", "of rows", post("rpc/added", {"n": 2, "word": "x"}, Prefer="handling=strict, max-affected=1"), fails(400, "PGRST124")),
    both("a body of GET", "is not looked at", ask("GET", "rpc/twice?n=4&by_what=3", b"{"), gives(12)),
    both("a body of GET", "has no arguments", ask("GET", "rpc/twice?by_what=3", {"n": 4}), UNKNOWN),
    calls("related rows of a function", "to one", get("rpc/found?select=id,shelf(label)&id=eq.3"), gives([{"id": 3, "shelf": {"label": "right"}}])),
    calls("related rows of a function", "to many", get("rpc/shelves?select=label,article(id)&article.order=id&id=eq.1"),
          gives([{"label": "left", "article": [{"id": 1}, {"id": 2}]}])),
    calls("related rows of a function", "inner", get("rpc/shelves?select=label,article!inner(id)&article.id=eq.3"), gives([{"label": "right", "article": [{"id": 3}]}])),
    not_there("related rows of a function", "nothing gives rows", get("rpc/found?select=id,shelf(label)")),
)
# fmt: on
