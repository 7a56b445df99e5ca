"""What functions of a row add on PostgreSQL, and what is told where there are none."""

from __future__ import annotations

from typing import Final

from tests.apis.postgrest.compliance.case import (
    MARIADB,
    POSTGRESQL,
    SQLITE,
    Ask,
    Case,
    Gives,
    fails,
    get,
    gives,
)

HERE: Final = (POSTGRESQL,)
ELSEWHERE: Final = (MARIADB, SQLITE)


def here(feature: str, name: str, asked: Ask, wanted: Gives, at: str) -> Case:
    return Case(name, feature, asked, wanted, on=HERE, at=at)


def computed(feature: str, address: str, *rows: object) -> Case:
    return here(feature, address, get(address), gives(list(rows)), "computed")


# fmt: off
CASES: Final = (
    computed("computed fields", "author?select=id,full_name&id=eq.1", {"id": 1, "full_name": "Ann Ames"}),
    computed("computed fields", "author?id=eq.1", {"id": 1, "first": "Ann", "last": "Ames", "born": 1950}),
    computed("computed fields", "author?full_name=eq.Bob Bell&select=id", {"id": 2}),
    computed("computed fields", "author?or=(full_name.like.Ann*,age.is.null)&select=id&order=id", {"id": 1}, {"id": 3}),
    computed("computed fields", "author?select=id&order=full_name.desc", {"id": 3}, {"id": 2}, {"id": 1}),
    computed("computed fields", "author?select=years:age::text&id=eq.1", {"years": "50"}),
    computed("computed fields", "author?select=age.sum()", {"sum": 90}),
    Case("are none", "computed fields", get("captain?select=full_name"), fails(400, "42703"), on=ELSEWHERE),
    computed("computed relationships", "author?select=id,works(id)&works.order=id&id=eq.2", {"id": 2, "works": [{"id": 3}]}),
    computed("computed relationships", "author?select=id,latest(id)&id=eq.2", {"id": 2, "latest": {"id": 3}}),
    computed("computed relationships", "author?select=id,works!inner()&works.status=eq.published&order=id", {"id": 1}, {"id": 2}),
    computed("computed relationships", "author?select=id,works()&works=is.null", {"id": 3}),
    computed("computed relationships", "author?select=...latest(id)&id=eq.2", {"id": 3}),
    Case("are none", "computed relationships", get("captain?select=id,works(id)"), fails(400, "PGRST200"), on=ELSEWHERE),
)
# fmt: on
