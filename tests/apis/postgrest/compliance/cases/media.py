"""The forms of an answer: JSON, CSV, one object, without nulls."""

from __future__ import annotations

from typing import Any, Final

from tests.apis.postgrest.compliance.case import Case, ask, fails, get, gives, post

OBJECT: Final = "application/vnd.pgrst.object+json"
STRIPPED: Final = "application/vnd.pgrst.array+json;nulls=stripped"
JSON: Final = "application/json; charset=utf-8"
CSV: Final = "text/csv; charset=utf-8"


def negotiated(accept: str, type_: str) -> Case:
    return Case(accept, "negotiation", get("port?select=id&id=eq.1", Accept=accept), gives(..., Content_Type=type_))


def not_had(accept: str) -> Case:
    return Case(accept, "negotiation", get("port?select=id&id=eq.1", Accept=accept), fails(406, "PGRST107"))


def csv(address: str, body: str) -> Case:
    return Case(address, "CSV", get(address, Accept="text/csv"), gives(body.encode(), Content_Type=CSV))


def one(address: str, row: Any) -> Case:
    return Case(address, "one object", get(address, Accept=OBJECT), gives(row, Content_Type=f"{OBJECT}; charset=utf-8"))


# fmt: off
CASES: Final = (
    negotiated("*/*", JSON),
    negotiated("application/json", JSON),
    negotiated("application/*", JSON),
    negotiated("application/json;q=0.1, text/csv;q=0.9", CSV),
    negotiated("text/csv;q=0.1, application/json;q=0.9", JSON),
    negotiated("image/png, text/csv", CSV),
    negotiated("text/csv, application/json", CSV),
    negotiated("text/html, application/xhtml+xml, */*;q=0.1", JSON),
    negotiated(OBJECT, f"{OBJECT}; charset=utf-8"),
    negotiated("application/vnd.pgrst.object", f"{OBJECT}; charset=utf-8"),
    negotiated("application/vnd.pgrst.array+json", JSON),
    negotiated(STRIPPED, "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"),
    not_had("image/png"),
    not_had("text/html"),
    not_had("application/unknown"),
    Case("named", "negotiation", get("port", Accept="image/png"), fails(
        406, "PGRST107", "None of these media types are available: image/png")),
    Case("of a write", "negotiation", post("blank", {"id": 1}, Accept="image/png"), fails(406, "PGRST107")),
    Case("rows", "JSON", get("port?select=id,name,country&order=id&limit=1"),
         gives([{"id": 1, "name": "Lisbon", "country": "PT"}], Content_Type=JSON)),
    Case("letters", "JSON", get("ship?select=name&id=eq.4"), gives([{"name": "Ärger"}])),
    Case("numbers", "JSON", get("ship?select=id,tonnage,price,active,facts->masts&id=eq.1"),
         gives([{"id": 1, "tonnage": 100, "price": 10.5, "active": True, "masts": [1, 2, 3]}])),
    csv("port?select=id,name,country&order=id", "id,name,country\n1,Lisbon,PT\n2,Oslo,NO\n3,Piraeus,"),
    csv("ship?select=id,name&id=eq.3", 'id,name\n3,"Cato, the (old)"'),
    csv("phrase?select=words&id=eq.3", 'words\n"say ""hi"""'),
    csv("phrase?select=words&id=eq.4", 'words\n"back\\\\slash"'),
    csv("phrase?select=words&id=eq.8", 'words\n""'),
    csv("phrase?select=words&id=eq.9", 'words\n" "'),
    csv("phrase?select=words&id=eq.19", "words\n"),
    csv("phrase?select=words&id=eq.22", 'words\n"line\ntwo"'),
    csv("ship?select=id,active&order=id", "id,active\n1,t\n2,f\n3,\n4,t"),
    csv("ship?select=w:facts->deck->>wood&order=id&limit=2", "w\noak\nelm"),
    csv("ship?select=id,n:captain_id&id=eq.4", "id,n\n4,"),
    csv('odd things?select="c,d"&"a.b"=eq.1', '"c,d"\np'),
    csv("blank", "\n"),
    csv("port?id=eq.99", "\n"),
    csv("ship?select=count()", "count\n4"),
    one("port?select=id,name&id=eq.1", {"id": 1, "name": "Lisbon"}),
    one("ship?select=id,captain(name)&id=eq.4", {"id": 4, "captain": None}),
    one("port?select=id&order=id&limit=1", {"id": 1}),
    Case("none", "one object", get("port?id=eq.99", Accept=OBJECT),
         fails(406, "PGRST116", "Cannot coerce the result to a single JSON object", "The result contains 0 rows")),
    Case("several", "one object", get("port?id=lt.3", Accept=OBJECT),
         fails(406, "PGRST116", details="The result contains 2 rows")),
    Case("HEAD of several", "one object", ask("HEAD", "port", Accept=OBJECT), gives(b"", 406, Proxy_Status="PostgREST; error=PGRST116")),
    Case("with a count", "one object", get("port?id=eq.1&select=id", Accept=OBJECT, Prefer="count=exact"), gives({"id": 1}, Content_Range="0-0/1")),
    Case("rows", "without nulls", get("port?select=id,country&id=gt.1&order=id", Accept=STRIPPED), gives([{"id": 2, "country": "NO"}, {"id": 3}])),
    Case("related rows", "without nulls", get("ship?select=id,tonnage,captain(id)&id=gte.3&order=id", Accept=STRIPPED),
         gives([{"id": 3, "captain": {"id": 2}}, {"id": 4, "tonnage": 40}])),
    Case("one object", "without nulls", get("port?select=id,country&id=eq.3", Accept=f"{OBJECT};nulls=stripped"),
         gives({"id": 3}, Content_Type=f"{OBJECT};nulls=stripped; charset=utf-8")),
    Case("of JSON", "charset", get("port"), gives(..., Content_Type=JSON)),
    Case("of CSV", "charset", get("port", Accept="text/csv"), gives(..., Content_Type=CSV)),
    Case("of an error", "charset", get("ports"), fails(404, "PGRST205", Content_Type=JSON)),
)
# fmt: on
