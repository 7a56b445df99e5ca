"""Sums and counts, of what they are made, and where they may not stand."""

from __future__ import annotations

from typing import Any, Final

from tests.apis.postgrest.compliance.case import Case, fails, get, gives


def shows(feature: str, address: str, *rows: Any) -> Case:
    return Case(address, feature, get(address), gives(list(rows)))


def wrong(feature: str, address: str, status: int, code: str, message: Any = ...) -> Case:
    return Case(address, feature, get(address), fails(status, code, message))


def off(address: str) -> Case:
    message = "Use of aggregate functions is not allowed"
    return Case(address, "aggregates are switched on", get(address), fails(400, "PGRST123", message), at="narrow")


SUMS: Final = "sum, avg, min, max and count"
# fmt: off
CASES: Final = (
    off("ship?select=count()"),
    off("ship?select=tonnage.sum()"),
    off("ship?select=count"),
    off("captain?select=id,ship(count())"),
    off("captain?select=id,...ship(n:id.max())"),
    shows("aggregates are switched on", "good?select=count()", {"count": 3}),
    shows(SUMS, "ship?select=count()", {"count": 4}),
    shows(SUMS, "ship?select=n:count()", {"n": 4}),
    shows(SUMS, "ship?select=tonnage.count()", {"count": 3}),
    shows(SUMS, "ship?select=tonnage.sum(),tonnage.avg(),tonnage.min(),tonnage.max()", {"sum": 390, "avg": 130, "min": 40, "max": 250}),
    shows(SUMS, "ship?select=name.min(),last:name.max()", {"min": "Aurora", "last": "Ärger"}),
    shows(SUMS, "ship?select=price.sum()&id=lt.3", {"sum": 110.49}),
    shows(SUMS, "captain?select=born.min(),b:born.max()", {"min": "1960-01-02", "b": "1975-05-05"}),
    shows(SUMS, "blank?select=count(),id.sum()", {"count": 0, "sum": None}),
    shows(SUMS, "ship?select=count()&id=gt.2", {"count": 2}),
    shows(SUMS, "ship?select=most:tonnage.max()&or=(id.eq.1,id.eq.4)", {"most": 100}),
    shows(SUMS, "ship?select=facts->deck->>guns::integer.sum()", {"sum": 122}),
    wrong(SUMS, "ship?select=name.sum()", 404, "42883"),
    wrong(SUMS, "ship?select=id.median()", 400, "PGRST100"),
    wrong(SUMS, "ship?select=id.sum", 400, "PGRST100"),
    wrong(SUMS, "ship?select=nope.sum()", 400, "42703"),
    shows("groups", "ship?select=captain_id,count()&order=captain_id.nullsfirst", {"captain_id": None, "count": 1}, {"captain_id": 1, "count": 2},
          {"captain_id": 2, "count": 1}),
    shows("groups", "ship?select=count(),captain_id,active&captain_id=eq.1&order=active", {"count": 1, "captain_id": 1, "active": False},
          {"count": 1, "captain_id": 1, "active": True}),
    shows("groups", "ship?select=tag:facts->>tag,count()&order=facts->>tag.nullsfirst&id=in.(1,2,3)", {"tag": None, "count": 2}, {"tag": "old", "count": 1}),
    shows("groups", "ship?select=captain(name),tonnage.sum()&captain_id=eq.1", {"captain": {"name": "Ana"}, "sum": 350}),
    shows("groups", "ship?select=c:captain_id,t:tonnage.max()&order=captain_id.desc.nullslast&limit=1&offset=1", {"c": 1, "t": 250}),
    shows("groups", "ship?select=captain_id,count()&id=gt.99"),
    shows("groups", "ship?select=count(),captain!inner()", {"count": 3}),
    shows("groups", "ship?select=count(),captain!inner()&captain.name=eq.Ana", {"count": 2}),
    shows("groups", "ship?select=count(),captain!inner()&captain.limit=0", {"count": 0}),
    shows("groups", "ship?select=a:tonnage.sum(),b:tonnage.sum(),price.sum()", {"a": 390, "b": 390, "sum": 110.54}),
    shows("groups", "ship?select=tonnage.sum(),price.sum()", {"sum": 110.54}),
    shows("casts of aggregates", "ship?select=tonnage.sum()::text", {"sum": "390"}),
    shows("casts of aggregates", "ship?select=s:tonnage::text.max()", {"s": "40"}),
    shows("casts of aggregates", "ship?select=price::integer.sum()::text&id=eq.2", {"sum": "100"}),
    shows("casts of aggregates", "ship?select=n:count()::text", {"n": "4"}),
    shows("count without parentheses", "ship?select=count", {"count": 4}),
    shows("count without parentheses", "ship?select=captain_id,count&captain_id=eq.1", {"captain_id": 1, "count": 2}),
    shows("aggregates of related rows", "captain?select=id,ship(count())&order=id", {"id": 1, "ship": [{"count": 2}]}, {"id": 2, "ship": [{"count": 1}]},
          {"id": 3, "ship": [{"count": 0}]}),
    shows("aggregates of related rows", "captain?select=id,ship(tonnage.sum(),active)&ship.order=active.desc&id=eq.1",
          {"id": 1, "ship": [{"sum": 100, "active": True}, {"sum": 250, "active": False}]}),
    shows("aggregates of related rows", "captain?select=id,ship(n:count())&ship.tonnage=gt.100&id=eq.1", {"id": 1, "ship": [{"n": 1}]}),
    shows("aggregates of related rows", "ship?select=id,good(count())&id=eq.1", {"id": 1, "good": [{"count": 2}]}),
    shows("aggregates of related rows", "ship?select=id,captain(name,n:id.max())&id=eq.1", {"id": 1, "captain": {"name": "Ana", "n": 1}}),
    shows("aggregates of a spread", "voyage?select=...ship(name),nights.sum()&ship_id=eq.1", {"name": "Aurora", "sum": 14}),
    shows("aggregates of a spread", "ship?select=captain_id,...captain(n:name.max())&captain_id=eq.1", {"captain_id": 1, "n": "Ana"}),
    shows("aggregates of a spread", "voyage?select=from_port,...ship(t:tonnage.sum())&order=from_port&limit=1", {"from_port": 1, "t": 350}),
    wrong("aggregates of a spread", "captain?select=id,...ship(count())", 400, "PGRST127"),
    wrong("aggregates of a spread", "ship?select=id,...good(name.max())", 400, "PGRST127"),
    wrong("no order by aggregates", "ship?select=captain_id,count()&order=count", 400, "42703"),
    wrong("no order by aggregates", "ship?select=captain_id,count()&order=count()", 400, "PGRST100"),
    wrong("no order by aggregates", "ship?select=captain_id,count()&order=id", 400, "42803"),
    wrong("no order by aggregates", "ship?select=captain_id,count()&count=gt.1", 400, "42703"),
)
# fmt: on
