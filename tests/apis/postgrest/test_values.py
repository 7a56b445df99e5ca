"""JSON paths, casts, spreads, aggregates and every operator, on three databases."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.test_reads import fault, get
from tests.server.harness import Served, served

POSTGRESQL, MARIADB, SQLITE = DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE

ANSWERS: list[tuple[str, Any]] = [
    # JSON paths in select: the key is the last name of the path
    ("thing?select=facts->a->b&id=eq.1", [{"b": "x"}]),
    ("thing?select=facts->a->>n&id=eq.1", [{"n": "5"}]),
    ("thing?select=facts->a->n&id=eq.1", [{"n": 5}]),
    ("thing?select=facts->list->0,last:facts->list->-1&id=eq.1", [{"list": 1, "last": 3}]),
    ("thing?select=facts->list->>9,facts->nope->x&id=eq.1", [{"list": None, "x": None}]),
    ("thing?select=facts->>tag&order=id", [{"tag": "one"}, {"tag": None}, {"tag": None}, {"tag": "two"}]),
    ("thing?select=facts->a->>b::text,n:facts->a->>n::integer&id=eq.2", [{"b": "y", "n": 20}]),
    # JSON paths in filters and order: -> compares as JSON, ->> as text
    ("thing?select=id&facts->a->n=gt.10&order=id", [{"id": 2}, {"id": 4}]),
    ("thing?select=id&facts->a->n=eq.5", [{"id": 1}]),
    ('thing?select=id&facts->a->b=eq."x"', [{"id": 1}]),
    ("thing?select=id&facts->a->>b=eq.y", [{"id": 2}]),
    ("thing?select=id&facts->>tag=like.*o*&order=id", [{"id": 1}, {"id": 4}]),
    ("thing?select=id&facts->>tag=in.(one,two)&order=id", [{"id": 1}, {"id": 4}]),
    ("thing?select=id&facts->a->b=is.null&order=id", [{"id": 3}, {"id": 4}]),
    ("thing?select=id&or=(facts->a->n.eq.5,facts->>tag.eq.two)&order=id", [{"id": 1}, {"id": 4}]),
    ("thing?select=id&order=facts->>tag.desc.nullslast,id", [{"id": 4}, {"id": 1}, {"id": 2}, {"id": 3}]),
    ("thing?select=id&facts->a->n=not.is.null&order=facts->a->n.desc", [{"id": 4}, {"id": 2}, {"id": 1}]),
    # casts
    ("thing?select=size::text,worth::integer,label:id::text&id=eq.2", [{"size": "20", "worth": 2, "label": "2"}]),
    ("thing?select=kept::text&order=id&limit=2", [{"kept": "true"}, {"kept": "false"}]),
    # names in quotes
    ('odd%20names?select="a.b",e f&"c,d"=eq.x', [{"a.b": 1, "e f": "y"}]),
    ('odd%20names?select=x:"c,d"&order="a.b".desc', [{"x": "z"}, {"x": "x"}]),
    ('odd%20names?select="a.b"&or=("c,d".eq.z,e f.eq.y)&order="a.b"', [{"a.b": 1}, {"a.b": 2}]),
    # operators
    ("thing?select=id&size=isdistinct.3&order=id", [{"id": 2}, {"id": 3}, {"id": 4}]),
    ("thing?select=id&size=not.isdistinct.3", [{"id": 1}]),
    ("thing?select=id&kept=is.unknown", [{"id": 3}]),
    ("thing?select=id&kept=is.NOT_NULL&order=id", [{"id": 1}, {"id": 2}, {"id": 4}]),
    ("thing?select=id&kept=not.is.TRUE&order=id", [{"id": 2}, {"id": 3}]),
    ('thing?select=id&name=in.(cube,"a,b.c:(d)")&order=id', [{"id": 3}, {"id": 4}]),
    ('thing?select=id&or=(name.eq."a,b.c:(d)",id.eq.1)&order=id', [{"id": 1}, {"id": 4}]),
    ("thing?select=id&name=like(all).{*b*,*ll}", [{"id": 2}]),
    ("thing?select=id&name=ilike(any).{*RED*,CUBE}&order=id", [{"id": 1}, {"id": 3}]),
    ("thing?select=id&size=gte(any).{20,100}&order=id", [{"id": 2}, {"id": 4}]),
    ("thing?select=id&size=not.lte(all).{20,3}&order=id", [{"id": 2}, {"id": 4}]),
    # spreads
    ("thing?select=id,...drawer(label)&order=id&limit=1&id=lt.3", [{"id": 1, "label": "top"}]),
    ("thing?select=id,...drawer(where:label)&id=eq.4", [{"id": 4, "where": None}]),
    ("thing?select=id,...drawer(*)&id=eq.3", None),
    (
        "drawer?select=label,...thing(name,size)&thing.order=size.desc&order=id",
        [
            {"label": "top", "name": ["blue ball", "Red Ball"], "size": [20, 3]},
            {"label": "middle", "name": ["cube"], "size": [None]},
            {"label": "empty", "name": [], "size": []},
        ],
    ),
    ("drawer?select=...thing(names:name)&thing.order=id&thing.limit=1&id=eq.1", [{"names": ["Red Ball"]}]),
    ("drawer?select=id,...thing(name)&thing.size=gt.5&order=id&limit=2", [{"id": 1, "name": ["blue ball"]}, {"id": 2, "name": []}]),
    ("drawer?select=id,...thing!inner(name)&thing.size=gt.5", [{"id": 1, "name": ["blue ball"]}]),
    # embedded resources: empty ones, and questions to them
    ("drawer?select=thing()", [{}, {}, {}]),
    ("drawer?select=id,...thing()&thing=is.null", [{"id": 3}]),
    ("thing?select=id,drawer()&drawer=is.null", [{"id": 4}]),
    ("thing?select=id,drawer!inner()&drawer.label=eq.top&order=id", [{"id": 1}, {"id": 2}]),
    ("thing?select=id,...drawer(label)&order=drawer(label).desc.nullslast,id&limit=3", [{"id": 1, "label": "top"}, {"id": 2, "label": "top"}, {"id": 3, "label": "middle"}]),
    ("thing?select=id,d:drawer(label)&d.label=eq.top&d=not.is.null&or=(d.is.null,id.gt.1)", [{"id": 2, "d": {"label": "top"}}]),
    ("drawer?select=id,thing(id,drawer(id,thing(id)))&thing.order=id&thing.drawer.thing.order=id.desc&thing.limit=1&id=eq.1", [{"id": 1, "thing": [{"id": 1, "drawer": {"id": 1, "thing": [{"id": 2}, {"id": 1}]}}]}]),
    # aggregates
    ("drawer?select=label,thing(kept,count())&thing.order=kept&id=eq.1", [{"label": "top", "thing": [{"kept": False, "count": 1}, {"kept": True, "count": 1}]}]),
    ("thing?select=drawer(label),count()&drawer_id=eq.1", [{"drawer": {"label": "top"}, "count": 2}]),
    ("thing?select=facts->>tag,count()&order=facts->>tag.nullsfirst&id=lt.4", [{"tag": None, "count": 2}, {"tag": "one", "count": 1}]),
    ("thing?select=count()&limit=0", []),
    ("thing?select=count()", [{"count": 4}]),
    ("thing?select=count", [{"count": 4}]),
    ("thing?select=total:count(),size.sum(),most:size.max(),size.min()&drawer_id=eq.1", [{"total": 2, "sum": 23, "most": 20, "min": 3}]),
    ("thing?select=size.count()", [{"count": 3}]),
    ("thing?select=drawer_id,count()&order=drawer_id.nullsfirst", [{"drawer_id": None, "count": 1}, {"drawer_id": 1, "count": 2}, {"drawer_id": 2, "count": 1}]),
    ("thing?select=size.sum()::text,facts->a->>n::integer.sum()&id=lt.3", None),
    ("drawer?select=label,thing(count(),size.sum())&order=id", [
        {"label": "top", "thing": [{"count": 2, "sum": 23}]},
        {"label": "middle", "thing": [{"count": 1, "sum": None}]},
        {"label": "empty", "thing": [{"count": 0, "sum": None}]},
    ]),
    ("thing?select=...drawer(label),count()&drawer_id=eq.1", [{"label": "top", "count": 2}]),
    ("thing?select=drawer_id,...drawer(n:label.max())&order=drawer_id&drawer_id=lt.9", [{"drawer_id": 1, "n": "top"}, {"drawer_id": 2, "n": "middle"}]),
]  # fmt: skip


async def test_answers_are_the_same_everywhere(things: Served) -> None:
    wrong = []
    for address, expected in ANSWERS:
        reply = await get(things, encoded(address))
        if reply.status != 200 or (expected is not None and reply.json != expected):
            wrong.append((address, reply.status, reply.body))
    assert not wrong


NATIVE: dict[DatabaseKind, list[tuple[str, list[int] | None]]] = {
    POSTGRESQL: [
        ("thing?name=match.^[Rb]", [1, 2]),
        ("thing?name=imatch.^BLUE", [2]),
        ("thing?name=match(any).{^Red,^cube}", [1, 3]),
        ("thing?name=not.match(all).{b,e}", [1, 4]),
        ("special?numbers=eq.{1,2,3}", [1]),
        ("special?numbers=gt.{1,2,3}", [2]),
        ("special?words=lt.{a}", [2]),
        ("special?span=gte.[5,9)", [2]),
        ("special?place=not.lte.10.0.0.0/24", [1]),
        ("graded?grade=gt.poor", [2, 3]),
        ("graded?grade=lt(any).{fair,poor}", [1]),
        ("graded?grade=not.gte.fair", [1]),
        ("graded?price=lt.3", [1, 3]),
        ("graded?price=gte.$12.00", [2]),
        ("graded?bits=gt.0100", [2]),
        ("special?numbers=in.({4},{5})", None),
        ("special?numbers=cs.{1,2}", [1]),
        ("special?words=cd.{a,b,c}", [1, 2]),
        ("special?numbers=ov.{4,9}", [2]),
        ("special?numbers->0=eq.4", [2]),
        ("special?whole->>second=eq.x", [1]),
        ("special?span=cs.[2,3)", [1]),
        ("special?span=cd.[0,10)", [1, 2]),
        ("special?span=ov.[4,6)", [1, 2]),
        ("special?span=sl.[5,6)", [1]),
        ("special?span=sr.[1,5)", [2]),
        ("special?span=nxr.[1,5)", [1]),
        ("special?span=nxl.[5,6)", [2]),
        ("special?span=adj.[5,6)", [1]),
        ("special?span=not.adj.[5,6)", [2]),
        ("special?place=sl.10.0.0.0/24", [1]),
        ("special?vector=fts.fox", None),
        ("special?vector=fts(english).foxes", [1]),
        ("special?vector=plfts(english).lazy dog", [2]),
        ("special?body=phfts(english).brown foxes", [1]),
        ("special?body=wfts(english).dog or fox", [1, 2]),
        ("special?body=not.fts(english).dog", [1]),
        ('special?or=(body.fts(english).fox,span.eq."[5,9)")', [1, 2]),
        ('thing?facts=cs.{"a":{"n":5}}', [1]),
        ("thing?facts->list=cs.[2]", [1]),
        ("thing?facts->list=cd.[1,2,3,4]", [1, 2]),
        ('thing?facts->a=eq.{"n":100}', [4]),
    ],
    MARIADB: [
        ("thing?name=match.^[Rb]", [1, 2]),
        ("thing?name=match.^red", []),
        ("thing?name=imatch.^BLUE", [2]),
        ("thing?name=match(any).{^Red,^cube}", [1, 3]),
        ('thing?facts=cs.{"a":{"n":5}}', [1]),
        ("thing?facts->list=cs.[2]", [1]),
        ("thing?facts->list=cd.[1,2,3,4]", [1, 2]),
    ],
    SQLITE: [
        ('thing?facts=cs.{"a":{"n":5}}', [1]),
        ("thing?facts->list=cs.[2]", [1]),
        ("thing?facts->list=cd.[1,2,3,4]", [1, 2]),
    ],
}


async def test_what_a_database_alone_can_be_asked(things: Served, kind: DatabaseKind) -> None:
    wrong = []
    for address, expected in NATIVE[kind]:
        reply = await get(things, encoded(f"{address}&select=id&order=id"))
        if reply.status != 200 or (expected is not None and [row["id"] for row in reply.json] != expected):
            wrong.append((address, reply.status, reply.body))
    assert not wrong


AGGREGATED = {
    "best:grade.max(),worst:grade.min()": {"best": "best", "worst": "poor"},
    "price.sum(),most:price.max()": {"sum": "$15.75", "most": "$12.00"},
    "sum:lasts.sum(),avg:lasts.avg(),least:lasts.min()": {
        "sum": "2 days 01:30:00", "avg": "16:30:00", "least": "00:30:00",
    },
}  # fmt: skip


async def test_postgresql_works_out_what_it_can_of_its_own_types(things: Served, kind: DatabaseKind) -> None:
    for select, expected in AGGREGATED.items() if kind is POSTGRESQL else ():
        assert (await get(things, f"graded?select={select}")).json == [expected]
    if kind is POSTGRESQL:
        assert (await get(things, "special?select=numbers.max(),place.min()")).json == [
            {"max": [4], "min": "10.0.0.0/24"}
        ]
        assert (await get(things, "graded?select=bits.max()")).status == 404


REFUSED: dict[DatabaseKind, list[tuple[str, int, str]]] = {
    POSTGRESQL: [
        ("thing?name=match.(", 400, "2201B"),
        ("thing?name=cs.x", 404, "42883"),
        ("special?plain=cs.{}", 404, "42883"),
        ("special?plain=eq.{}", 404, "42883"),
        ("special?body=fts(nope).x", 400, "42704"),
        ("special?body=fts.a b", 400, "42601"),
        ("special?numbers=cs.1", 400, "22P02"),
        ("special?numbers=cs.{x}", 400, "22P02"),
        ("special?span=cs.x", 400, "22P02"),
        ("special?select=id::regclass", 400, "42704"),
        ("thing?select=name::integer", 400, "22P02"),
        ("thing?select=drawer_id::uuid", 400, "42846"),
    ],
    MARIADB: [
        ("thing?name=match.(", 400, "22000"),
        ("thing?name=fts.x", 400, "PGRST127"),
        ("thing?name=ov.x", 400, "PGRST127"),
        ("thing?facts=cd.[" + ",".join("1" * 200) + "]", 400, "PGRST100"),
        ('thing?facts->a=eq.{"n":1}', 400, "PGRST127"),
    ],
    SQLITE: [
        ("thing?name=match.x", 400, "PGRST127"),
        ("thing?name=imatch.x", 400, "PGRST127"),
        ("thing?name=wfts.x", 400, "PGRST127"),
        ("thing?name=cs.{}", 400, "PGRST127"),
        ("thing?facts=cs.[" + ",".join("1" * 200) + "]", 400, "PGRST100"),
        ("thing?size=adj.x", 400, "PGRST127"),
    ],
}
EVERYWHERE = [
    ("thing?select=id::nosuch", 400, "42704"),
    ("thing?select=name->x", 404, "42883"),
    ("thing?select=facts->>a->b", 404, "42883"),
    ("thing?select=name.sum()", 404, "42883"),
    ("thing?facts->>tag=is.true", 400, "42804"),
    ("thing?facts->tag=eq.x", 400, "22P02"),
    ("drawer?select=...thing(count())", 400, "PGRST127"),
    ("drawer?select=...thing(name)&thing.nope=eq.1", 400, "42703"),
    ("thing?size=is.maybe", 400, "PGRST100"),
    ("thing?select=count()&order=id", 400, "42803"),
    ("drawer?select=id,thing(count())&thing.order=id", 400, "42803"),
    ("thing?select=id&order=drawer(label)", 400, "PGRST108"),
    ("thing?select=id&drawer=is.null", 400, "42703"),
    ("thing?size=neq(any).{1}", 400, "PGRST100"),
    ("thing?size=cs(any).{1}", 400, "PGRST100"),
]


async def test_what_cannot_be_asked_is_told_in_words(things: Served, kind: DatabaseKind) -> None:
    wrong = []
    for address, status, code in [*REFUSED[kind], *EVERYWHERE]:
        reply = await get(things, encoded(address))
        if (reply.status, reply.code) != (status, code):
            wrong.append((address, reply.status, reply.body))
        if code == "PGRST127" and "spread" not in reply.json["details"]:
            assert str(kind) in reply.json["details"].lower()
    assert not wrong


async def test_aggregates_are_off_by_default(kind: DatabaseKind, cabinets: Mapping[DatabaseKind, str]) -> None:
    async with served(cabinets[kind]) as api:
        for address in ("thing?select=count()", "thing?select=size.sum()", "drawer?select=thing(count())"):
            assert await fault(api, address) == (400, "PGRST123")


def encoded(address: str) -> str:
    return address.replace(" ", "%20").replace('"', "%22")


# ── regular expressions ──────────────────────────────────────────────────────────────────────

EXPRESSIONS = (
    "name=match.^Red",
    "name=imatch.x",
    "name=not.match.x",
    "name=match(any).{a,b}",
    "or=(name.match.a,size.eq.1)",
)
SOME = """
auth: {jwt: {secret: a-secret-of-at-least-thirty-two-bytes}, anonymous_role: guest}
roles: {guest: {}, analyst: {extends: guest, limits: {regex: true, timeout: 500ms}}}
defaults: {read: true}
"""


async def test_expressions_are_off_unless_a_limit_allows_them(
    kind: DatabaseKind, cabinets: Mapping[DatabaseKind, str]
) -> None:
    async with served(cabinets[kind], SOME) as api:
        plans = api.running.engine.snapshot.plans
        for expression in EXPRESSIONS:
            misses = plans.misses
            reply = await get(api, encoded(f"thing?select=id&{expression}"))
            assert (reply.status, reply.code) == (400, "PGRST127")
            assert plans.misses == misses
        claims = {"role": "analyst", "exp": int(time.time()) + 86_400}
        key = OctKey.import_key("a-secret-of-at-least-thirty-two-bytes")
        analyst = {"Authorization": "Bearer " + jwt.encode({"alg": "HS256"}, claims, key)}
        allowed = await get(api, encoded("thing?select=id&name=match.^Red"), **analyst)
        assert allowed.status == (400 if kind is SQLITE else 200)
        bomb = await get(api, encoded(f"thing?select=id&name=match.{'(a%2B)%2B' * 20}$"), **analyst)
        assert bomb.status in {200, 400, 500}
        assert (await get(api, "thing?select=id&limit=1")).status == 200
