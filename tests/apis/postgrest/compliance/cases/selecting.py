"""What is shown of rows, in which order, and how many of them."""

from __future__ import annotations

from typing import Any, Final

from tests.apis.postgrest.compliance.case import POSTGRESQL, Case, fails, get, gives

AURORA: Final = {"id": 1, "name": "Aurora", "captain_id": 1}
EXACT: Final = "count=exact"


def shows(feature: str, address: str, *rows: Any) -> Case:
    return Case(address, feature, get(address), gives(list(rows)))


def ordered(feature: str, order: str, *numbers: int) -> Case:
    return Case(order, feature, get(f"ship?select=id&order={order}"), gives([{"id": number} for number in numbers]))


def paged(feature: str, address: str, status: int, told: str | None, *numbers: int, **headers: str) -> Case:
    name = " ".join([address, *headers.values()])
    body = [{"id": number} for number in numbers]
    wanted = gives(body, status, Content_Range=told) if status < 400 else fails(status, "PGRST103")
    return Case(name, feature, get(f"port?select=id&order=id&{address}", **headers), wanted)


def wrong(feature: str, address: str, status: int, code: str, message: Any = ...) -> Case:
    return Case(address, feature, get(address), fails(status, code, message))


# fmt: off
CASES: Final = (
    shows("columns", "ship?select=id,name&id=eq.1", {"id": 1, "name": "Aurora"}),
    shows("columns", "heavy?id=eq.1", AURORA),
    shows("columns", "heavy?select=*&id=eq.1", AURORA),
    shows("columns", "heavy?select=&id=eq.1", AURORA),
    shows("columns", "heavy?select= * &id=eq.1", AURORA),
    shows("columns", "heavy?select=*,id&id=eq.1", AURORA),
    shows("columns", "heavy?select=id,id&id=eq.1", {"id": 1}),
    shows("columns", "heavy?select=id&select=name&id=eq.1", {"id": 1}),
    shows("columns", "heavy?select= id , name &id=eq.1", {"id": 1, "name": "Aurora"}),
    wrong("columns", "ship?select=id,", 400, "PGRST100"),
    wrong("columns", "ship?select=,id", 400, "PGRST100"),
    wrong("columns", "ship?select=id name", 400, "42703"),
    wrong("columns", "ship?select=id)", 400, "PGRST100"),
    wrong("columns", "ship?select=(id)", 400, "PGRST100"),
    wrong("columns", "ship?select=id;name", 400, "PGRST100"),
    wrong("columns", "ship?select=nope", 400, "42703", "column ship.nope does not exist"),
    shows("aliases", "ship?select=n:name,number:id&id=eq.1", {"n": "Aurora", "number": 1}),
    shows("aliases", "ship?select=*,n:name&id=eq.9"),
    shows("aliases", 'ship?select="a b":name,"c,d":id&id=eq.1', {"a b": "Aurora", "c,d": 1}),
    shows("aliases", 'ship?select=größe:id,"📚":name&id=eq.1', {"größe": 1, "📚": "Aurora"}),
    shows("aliases", "ship?select=name:id,id:name&id=eq.1", {"name": 1, "id": "Aurora"}),
    wrong("aliases", "ship?select=:name", 400, "PGRST100"),
    wrong("aliases", "ship?select=n:", 400, "PGRST100"),
    shows("casts", "ship?select=id::text,tonnage::text&id=eq.1", {"id": "1", "tonnage": "100"}),
    shows("casts", "ship?select=n:id::text&id=eq.1", {"n": "1"}),
    shows("casts", "ship?select=price::integer&id=eq.2", {"price": 100}),
    shows("casts", "ship?select=active::text&order=id", {"active": "true"}, {"active": "false"}, {"active": None}, {"active": "true"}),
    shows("casts", "ship?select=facts->deck->>guns::integer&id=eq.2", {"guns": 20}),
    shows("casts", "ship?select=g:facts->deck->guns::text&id=eq.2", {"g": "20"}),
    shows("casts", "captain?select=born::text&id=eq.1", {"born": "1960-01-02"}),
    shows("casts", "ship?select=id,captain(id::text)&id=eq.1", {"id": 1, "captain": {"id": "1"}}),
    shows("casts", "captain?select=ship(n:id::text)&ship.order=id&id=eq.1", {"ship": [{"n": "1"}, {"n": "2"}]}),
    shows("casts", "ship?select=...captain(c:id::text)&id=eq.1", {"c": "1"}),
    wrong("casts", "ship?select=id::", 400, "PGRST100"),
    wrong("an unknown cast", "ship?select=id::nope", 400, "42704"),
    wrong("an unknown cast", "ship?select=id,captain(id::nope)", 400, "42704"),
    shows("paths into documents", "ship?select=facts->deck->wood&id=eq.1", {"wood": "oak"}),
    shows("paths into documents", "ship?select=facts->deck&id=eq.1", {"deck": {"guns": 2, "wood": "oak"}}),
    shows("paths into documents", "ship?select=facts->deck->>guns&id=eq.1", {"guns": "2"}),
    shows("paths into documents", "ship?select=facts->deck->guns&id=eq.1", {"guns": 2}),
    shows("paths into documents", "ship?select=facts->masts->0&id=eq.1", {"masts": 1}),
    shows("paths into documents", "ship?select=last:facts->masts->-1&id=eq.1", {"last": 3}),
    shows("paths into documents", "ship?select=facts->masts->>9&id=eq.1", {"masts": None}),
    shows("paths into documents", "ship?select=facts->>masts&id=eq.2", {"masts": "[]"}),
    shows("paths into documents", "ship?select=facts->tag&order=id&id=lt.4", {"tag": "old"}, {"tag": None}, {"tag": None}),
    shows("paths into documents", "ship?select=facts->a b&id=eq.1", {"a b": 1}),
    shows("paths into documents", "ship?select=facts->0&id=eq.1", {"facts": None}),
    shows("paths into documents", "captain?select=ship(facts->deck->>wood)&ship.order=id&id=eq.1", {"ship": [{"wood": "oak"}, {"wood": "elm"}]}),
    wrong("paths into documents", "ship?select=facts->>deck->guns", 404, "42883"),
    wrong("paths into documents", "ship?select=name->x", 404, "42883"),
    wrong("paths into documents", "ship?select=facts->", 400, "PGRST100"),
    Case("arrays", "paths into arrays and composites", get("special?select=numbers->0,w:words->>-1&id=eq.1"),
         gives([{"numbers": 1, "w": "b"}]), on=(POSTGRESQL,)),
    Case("composites", "paths into arrays and composites", get("special?select=whole->first,whole->>second&id=eq.1"),
         gives([{"first": 1, "second": "x"}]), on=(POSTGRESQL,)),
    Case("composites whole", "paths into arrays and composites", get("special?select=id,whole&id=in.(1,3)&order=id"),
         gives([{"id": 1, "whole": {"first": 1, "second": "x"}}, {"id": 3, "whole": None}]), on=(POSTGRESQL,)),
    Case("what is no document", "paths into arrays and composites", get("ship?select=name->first"), fails(404, "42883")),
    ordered("order", "id", 1, 2, 3, 4),
    ordered("order", "id.asc", 1, 2, 3, 4),
    ordered("order", "id.desc", 4, 3, 2, 1),
    ordered("order", "name", 1, 2, 3, 4),
    ordered("order", "captain_id.desc.nullslast,id.desc", 3, 2, 1, 4),
    ordered("order", "facts->>tag.nullsfirst,id", 2, 3, 4, 1),
    ordered("order", "facts->deck->guns.desc.nullslast", 4, 2, 1, 3),
    ordered("order", "active.desc.nullslast,id", 1, 4, 2, 3),
    ordered("order", "price.nullsfirst", 3, 4, 1, 2),
    shows("order", "ship?select=id&order=tonnage&order=id.desc&limit=1", {"id": 4}),
    shows("order", "ship?select=name&order=tonnage.desc.nullslast&limit=1", {"name": "Bella"}),
    shows("order", "phrase?select=id&order=words.desc.nullslast&limit=2", {"id": 14}, {"id": 17}),
    shows("order", "phrase?select=id&order=words&limit=3", {"id": 8}, {"id": 9}, {"id": 5}),
    wrong("order", "ship?order=id.up", 400, "PGRST100"),
    wrong("order", "ship?order=", 400, "PGRST100"),
    wrong("order", "ship?order=id,", 400, "PGRST100"),
    wrong("order", "ship?order=id.nullsfirst.desc", 400, "PGRST100"),
    wrong("order", "ship?order=id.asc.desc", 400, "PGRST100"),
    wrong("order", "ship?order=nope", 400, "42703", "column ship.nope does not exist"),
    ordered("order of nulls", "tonnage", 4, 1, 2, 3),
    ordered("order of nulls", "tonnage.desc", 3, 2, 1, 4),
    ordered("order of nulls", "tonnage.nullsfirst", 3, 4, 1, 2),
    ordered("order of nulls", "tonnage.desc.nullslast", 2, 1, 4, 3),
    ordered("order of nulls", "tonnage.asc.nullslast", 4, 1, 2, 3),
    shows("order by related rows", "ship?select=id,captain(name)&order=captain(name).desc.nullslast,id&limit=1",
          {"id": 3, "captain": {"name": "Bo"}}),
    shows("order by related rows", "ship?select=id,captain()&order=captain(name).desc.nullslast,id", {"id": 3}, {"id": 1}, {"id": 2}, {"id": 4}),
    shows("order by related rows", "ship?select=id,c:captain()&order=c(name).nullsfirst,id.desc", {"id": 4}, {"id": 2}, {"id": 1}, {"id": 3}),
    shows("order by related rows", "ship?select=id,...captain(n:name)&order=captain(born).desc,id&limit=2&id=lt.4",
          {"id": 3, "n": "Bo"}, {"id": 1, "n": "Ana"}),
    shows("order by related rows", "captain?select=id,ship(id,certificate())&ship.order=certificate(grade).desc.nullslast&id=eq.1",
          {"id": 1, "ship": [{"id": 2}, {"id": 1}]}),
    wrong("order by related rows", "captain?select=id,ship(id)&order=ship(id)", 400, "PGRST118",
          "A related order on 'ship' is not possible"),
    wrong("order by related rows", "ship?select=id&order=captain(name)", 400, "PGRST108"),
    paged("limit and offset", "limit=2", 200, "0-1/*", 1, 2),
    paged("limit and offset", "limit=2&offset=1", 200, "1-2/*", 2, 3),
    paged("limit and offset", "offset=2", 200, "2-2/*", 3),
    paged("limit and offset", "limit=0", 200, "*/*"),
    paged("limit and offset", "limit=99", 200, "0-2/*", 1, 2, 3),
    paged("limit and offset", "limit=1&limit=2", 200, "0-1/*", 1, 2),
    paged("limit and offset", "limit=x", 200, "0-2/*", 1, 2, 3),
    paged("limit and offset", "limit=", 200, "0-2/*", 1, 2, 3),
    paged("limit and offset", "offset=-4", 200, "0-2/*", 1, 2, 3),
    paged("limit and offset", "limit=-1", 416, None),
    paged("Range", "", 200, "0-1/*", 1, 2, Range="0-1"),
    paged("Range", "", 200, "1-2/*", 2, 3, Range="1-"),
    paged("Range", "", 200, "1-2/*", 2, 3, Range="1-99", Range_Unit="items"),
    paged("Range", "limit=2", 200, "1-1/*", 2, Range="1-9"),
    paged("Range", "limit=2&offset=1", 200, "1-1/*", 2, Range="0-1"),
    paged("Range", "limit=0", 200, "*/*", Range="0-1"),
    paged("Range", "", 200, "*/*", Range="9-10"),
    paged("Range", "", 416, None, Range="2-1"),
    paged("Range", "", 200, "0-2/*", 1, 2, 3, Range="items 0-1"),
    paged("Range", "", 200, "0-2/*", 1, 2, 3, Range="-1"),
    Case("a table", "the most rows", get("port?select=id&order=id"), gives([{"id": 1}, {"id": 2}], Content_Range="0-1/*"), at="narrow"),
    Case("a higher limit", "the most rows", get("port?select=id&order=id&limit=3"), gives([{"id": 1}, {"id": 2}]), at="narrow"),
    Case("a list of related rows", "the most rows", get("captain?select=id,apprentices(id)&id=eq.1"),
         gives([{"id": 1, "apprentices": [{"id": 2}, {"id": 3}]}]), at="narrow"),
    Case("a list through others", "the most rows", get("ship?select=id,voyage(crate(kind))&voyage.order=id&id=eq.1"),
         gives([{"id": 1, "voyage": [{"crate": [{"kind": "box"}, {"kind": "box"}]}, {"crate": [{"kind": "cask"}]}]}]), at="narrow"),
    Case("a count", "the most rows", get("port?select=id&order=id", Prefer=EXACT),
         gives([{"id": 1}, {"id": 2}], 206, Content_Range="0-1/3"), at="narrow"),
    paged("Content-Range", "id=eq.9", 200, "*/*"),
    paged("Content-Range", "limit=1", 206, "0-0/3", 1, Prefer=EXACT),
    paged("Content-Range", "id=eq.9", 200, "*/0", Prefer=EXACT),
    paged("statuses of pages", "", 200, "0-2/3", 1, 2, 3, Prefer=EXACT),
    paged("statuses of pages", "limit=2", 206, "0-1/3", 1, 2, Prefer=EXACT),
    paged("statuses of pages", "limit=0", 206, "*/3", Prefer=EXACT),
    paged("statuses of pages", "offset=3", 206, "*/3", Prefer=EXACT),
    paged("statuses of pages", "offset=4", 416, None, Prefer=EXACT),
    paged("statuses of pages", "offset=4", 200, "*/*"),
    paged("statuses of pages", "", 206, "1-1/3", 2, Prefer=EXACT, Range="1-1"),
    paged("statuses of pages", "", 416, None, Prefer=EXACT, Range="7-9"),
    paged("count=exact", "id=gt.1&limit=1", 206, "0-0/2", 2, Prefer=EXACT),
    Case("of inner rows", "count=exact", get("captain?select=id,ship!inner(id)&ship.id=eq.1&limit=9", Prefer=EXACT),
         gives([{"id": 1, "ship": [{"id": 1}]}], Content_Range="0-0/1", Preference_Applied=EXACT)),
    Case("of no rows", "count=exact", get("blank", Prefer=EXACT), gives([], Content_Range="*/0")),
    Case("told", "count=planned", get("port?select=id&limit=0", Prefer="count=planned"), gives([], Preference_Applied="count=planned", status=206)),
    Case("guessed where that is said", "count=planned", get("port?select=id&limit=0", Prefer="count=planned"),
         gives([], Preference_Applied="count=planned", status=206, Content_Range=...), at="guessed"),
    Case("counted as far as rows are answered", "count=estimated", get("port?select=id&limit=0", Prefer="count=estimated"),
         gives([], Preference_Applied="count=estimated", status=206, Content_Range="*/3"), at="guessed"),
    Case("told", "count=estimated", get("port?select=id&limit=0", Prefer="count=estimated"),
         gives([], Preference_Applied="count=estimated", status=206, Content_Range=...)),
)
# fmt: on
