"""Types that say how they are held, shown and answered; and plans of execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.compliance.case import (
    MARIADB,
    NONE,
    POSTGRESQL,
    SQLITE,
    Ask,
    Case,
    Gives,
    Parts,
    Step,
    ask,
    delete,
    fails,
    get,
    gives,
    ids,
    post,
)
from tests.apis.postgrest.native import bearer

HERE: Final = (POSTGRESQL,)
ELSEWHERE: Final = (MARIADB, SQLITE)
PLAN: Final = "application/vnd.pgrst.plan"
ROWS, BYTES, MAP = "application/vnd.rows", "application/vnd.bytes", "application/geo+json"
SHOWN: Final = "return=representation"
OWN: Final = "media types of the database's own"
ANY: Final = "any media type"
MAPS: Final = "features on a map"
DOMAINS: Final = "domains that present themselves"
HELD: Final = "types of a column's own"
USER: Final = bearer("user")


def here(feature: str, name: str, asked: Ask, wanted: Gives, at: str, *then: Step) -> Case:
    return Case(name, feature, asked, wanted, on=HERE, at=at, then=then)


def plan(name: str, asked: Ask, wanted: Gives, but: Mapping[DatabaseKind, Gives] = NONE) -> Case:
    headers = {**bearer("admin"), **asked.headers}
    return Case(name, "execution plans", Ask(asked.method, asked.address, asked.body, headers), wanted, but, at="plans")


def planned(type_: str) -> Gives:
    return gives(..., Content_Type=f"{PLAN}{type_}; charset=utf-8")


def as_user(address: str, accept: str) -> Ask:
    return Ask("GET", address, headers={**USER, "Accept": accept})


def kept(name: str, given: Mapping[str, Any], found: Mapping[str, Any], on: tuple[DatabaseKind, ...]) -> Case:
    """A row written, and what of it is answered."""
    asked = post(f"berth?select={','.join(found)}", {"id": 1, **given}, Prefer=SHOWN)
    return Case(name, HELD, asked, gives([dict(found)], 201), on=on, at="berths")


def refused_row(name: str, given: Mapping[str, Any], code: str, on: tuple[DatabaseKind, ...]) -> Case:
    after = ((get("berth"), gives([])),)
    return Case(name, HELD, post("berth", {"id": 1, **given}), fails(400, code), on=on, at="berths", then=after)


TWO: Final = (POSTGRESQL, MARIADB)
ALL: Final = (POSTGRESQL, MARIADB, SQLITE)
NO_OPTION: Final = dict.fromkeys(ELSEWHERE, fails(400, "PGRST127"))
# fmt: off
CASES: Final = (
    # ── plans ──
    plan("text", get("ship", Accept=PLAN), planned('+text; for="application/json"')),
    plan("JSON", get("ship?id=gt.1", Accept=f"{PLAN}+json"), planned('+json; for="application/json"')),
    plan("for another type", get("ship", Accept=f'{PLAN}+json; for="text/csv"'), planned('+json; for="text/csv"')),
    plan("options", get("ship", Accept=f"{PLAN}+json; options=verbose|settings"), planned('+json; for="application/json"; options=verbose|settings'), NO_OPTION),
    plan("carried out", get("ship", Accept=f"{PLAN}+json; options=analyze"), planned('+json; for="application/json"; options=analyze'),
         {SQLITE: fails(400, "PGRST127")}),
    plan("of a write that is not done", ask("DELETE", "ship?id=eq.1", Accept=f"{PLAN}+json"), gives(...)),
    Case("not for everybody", "execution plans", get("ship", Accept=PLAN), fails(406, "PGRST107"), at="plans"),
    plan("of a type that nobody makes", get("ship", Accept=f'{PLAN}; for="image/png"'), fails(406, "PGRST107")),
    Case("not enabled", "execution plans", get("ship", Accept=PLAN), fails(406, "PGRST107")),
    # ── media types ──
    here(OWN, "an aggregate over rows", get("place?order=id.desc&limit=2", Accept=ROWS), gives(
        b"(3,three,s3,ann);(2,two,s2,bob);", Content_Type=ROWS, Content_Range="0-1/*"), "handlers"),
    here(OWN, "an aggregate over rows of any", as_user("part?select=id&id=lt.3&order=id", BYTES),
         gives(b'{"id":1}\x00{"id":2}\x00', Content_Type=BYTES), "handlers"),
    here(OWN, "of rows of a function", get("rpc/places?lowest=3", Accept=ROWS), gives(b"(3,three,s3,ann);", Content_Type=ROWS), "handlers"),
    here(OWN, "closed like any function", get("place", Accept=BYTES), fails(406, "PGRST107"), "handlers"),
    here(OWN, "in the place of one of ours", as_user("part?select=id", "text/csv"), gives(b"line;line;line;", Content_Type="text/csv; charset=utf-8"), "handlers"),
    here(OWN, "beside others", get("place?select=id&id=eq.1", Accept="application/unknown, application/json"), gives([{"id": 1}]), "handlers"),
    here(OWN, "a value", get("rpc/page", Accept="text/html"), gives(b"<b>hi</b>", Content_Type="text/html"), "functions"),
    here(OWN, "octets", get("rpc/picture", Accept="image/png"), gives(b"\x89\x50", Content_Type="image/png"), "functions"),
    here(OWN, "a value in another type", get("rpc/page", Accept="image/png"), fails(406, "PGRST107"), "functions"),
    Case("are none", OWN, get("ship", Accept=ROWS), fails(406, "PGRST107"), on=ELSEWHERE),
    here(ANY, "a value", get("rpc/anything", Accept="image/webp"), gives(b"\x00\xff"), "functions"),
    here(ANY, "without a wish", get("rpc/anything"), gives(b"\x00\xff", Content_Type="application/octet-stream"), "functions"),
    here(ANY, "rows", as_user("other", "image/webp"), gives(b"\x00\xff"), "handlers"),
    Case("is had by none", ANY, get("ship", Accept="image/webp"), fails(406, "PGRST107"), on=ELSEWHERE),
    here(MAPS, "rows", get("shop?id=eq.1&select=id,geom", Accept=MAP), gives({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"id": 1}}]},
        Content_Type=f"{MAP}; charset=utf-8", Content_Range="0-0/*"), "maps"),
    *(here("ranges", f"on a map: {condition}", get(f"shop?select=id&order=id&geom={condition}"), ids(*numbers), "maps")
      for condition, numbers in {"ov.SRID=4326;POLYGON((0 0,2 0,2 3,0 3,0 0))": (1,), "ov.POINT(9 9)": (), "sl.SRID=4326;POINT(2 0)": (1,),
                                 "sr.SRID=4326;POINT(2 0)": (2,), "eq.SRID=4326;POINT(3 4)": (2,)}.items()),
    here("ranges", "on a map: no such operator", get("shop?geom=adj.POINT(1 1)"), fails(404, "42883"), "maps"),
    here("ranges", "on a map: no geometry", get("shop?geom=ov.nothing"), fails(400, "22P02"), "maps"),
    here(MAPS, "none", get("shop?id=eq.9", Accept=MAP), gives({"type": "FeatureCollection", "features": []}), "maps"),
    here(MAPS, "related rows", get("shop?id=eq.1&select=geom,visit(id)", Accept=MAP), gives(
        Parts({"features/0/properties": {"visit": [{"id": 1}, {"id": 2}]}})), "maps"),
    here(MAPS, "of a function", get("rpc/shops?lowest=3&select=id,geom", Accept=MAP), gives(Parts({"features/0/properties/id": 3})), "mapped functions"),
    here(MAPS, "no geometry", get("shop?select=id", Accept=MAP), fails(400, "22023"), "maps"),
    here(MAPS, "without the extension", get("ship", Accept=MAP), fails(406, "PGRST107"), "harbour"),
    Case("are none", MAPS, get("ship", Accept=MAP), fails(406, "PGRST107"), on=ELSEWHERE),
    # ── domains ──
    here(DOMAINS, "in documents", get("paint?select=id,shade,place&id=eq.1"), gives([{"id": 1, "shade": "#0000ff", "place": {"x": 1, "y": 2}}]), "represented"),
    here(DOMAINS, "in filters", get("paint?select=id&shade=eq.%230000ff"), ids(1), "represented"),
    here(DOMAINS, "in lists", get("paint?select=id&shade=in.(%230000ff,%23ff0000)&order=id"), ids(1, 2), "represented"),
    here(DOMAINS, "in trees", get("paint?select=id&or=(shade.eq.%230000ff,id.eq.3)&order=id"), ids(1, 3), "represented"),
    here(DOMAINS, "in bodies", post("wall?select=shade", {"id": 9, "shade": "#010203"}, Prefer=SHOWN), gives([{"shade": "#010203"}], 201), "represented",
         (get("wall?select=n:shade::integer&id=eq.9"), gives([{"n": 66051}])), (delete("wall?id=eq.9"), gives(b"", 204))),
    here(DOMAINS, "of related rows", get("wall?select=id,paint(shade)&id=eq.1"), gives([{"id": 1, "paint": {"shade": "#0000ff"}}]), "represented"),
    here(DOMAINS, "casts have the value", get("paint?select=shade::text&id=eq.1"), gives([{"shade": "255"}]), "represented"),
    here(DOMAINS, "what cannot be read", get("paint?shade=eq.blue"), fails(400, "22023"), "represented"),
    here(DOMAINS, "no implicit cast", get("paint?select=other&id=eq.1"), gives([{"other": 9}]), "represented"),
    Case("are none", DOMAINS, get("port?select=country&id=eq.1"), gives([{"country": "PT"}]), on=ELSEWHERE),
    # ── columns ──
    kept("a default", {}, {"id": 1, "grade": "plain"}, ALL),
    kept("a label", {"mood": "calm"}, {"mood": "calm"}, ALL),
    kept("a number of some places", {"depth": 1.5}, {"depth": 1.5}, ALL),
    kept("more places than there are", {"depth": "1.239"}, {"depth": 1.24}, TWO),
    kept("bits", {"flags": "1010"}, {"flags": "1010"}, HERE),
    kept("money", {"fee": "12.5"}, {"fee": "$12.50"}, HERE),
    kept("letters that fill up", {"code": "ab"}, {"code": "ab  "}, HERE),
    kept("letters that do not", {"code": "ab"}, {"code": "ab"}, ELSEWHERE),
    kept("a text that is too long is kept", {"label": "toolong"}, {"label": "toolong"}, (SQLITE,)),
    refused_row("a text that is too long", {"label": "toolong"}, "22001", TWO),
    refused_row("letters that are too many", {"code": "abcde"}, "22001", TWO),
    refused_row("bits that are too few", {"flags": "10"}, "22026", HERE),
    refused_row("no label", {"mood": "wild"}, "22P02", TWO),
    refused_row("what a check refuses", {"mood": "wild"}, "23514", (SQLITE,)),
    refused_row("what a domain refuses", {"grade": ""}, "23514", HERE),
    kept("a composite", {"spot": {"row": 1, "name": "a", "of no field": 2}}, {"spot": {"row": 1, "name": "a", "mood": None}}, HERE),
    kept("a composite as a text", {"spot": "(1,,calm)"}, {"spot": {"row": 1, "name": None, "mood": "calm"}}, HERE),
    kept("an array of composites", {"spots": [{"row": 1}, None]}, {"spots": [{"row": 1, "name": None, "mood": None}, None]}, HERE),
    kept("arrays in an array", {"grid": [[1, 2], [3, 4]]}, {"grid": [[1, 2], [3, 4]]}, HERE),
    kept("numbers that are none", {"depth": "NaN", "since": "infinity"}, {"depth": "NaN", "since": "infinity"}, HERE),
    refused_row("an array for a composite", {"spot": [1]}, "22023", HERE),
    refused_row("a number for a composite", {"spot": 1}, "22023", HERE),
    refused_row("a field of another type", {"spot": {"row": "a"}}, "22P02", HERE),
    refused_row("a field without such a label", {"spot": {"mood": "wild"}}, "22P02", HERE),
    refused_row("an object for an array", {"spots": {"row": 1}}, "22P02", HERE),
    refused_row("numbers that are none elsewhere", {"depth": "NaN"}, "22P02", ELSEWHERE),
    refused_row("a number beyond its places", {"depth": 12345}, "22003", TWO),
)
# fmt: on
