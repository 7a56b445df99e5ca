"""`Prefer: timezone=`: instants of the answer by another clock, on three databases, and nothing but those."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import zoneinfo
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.zones import Zone, periods, written, zone_of
from tests.apis.postgrest.clocks import CLOCK, INSTANT
from tests.bookshops import KINDS, Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

REST: Final = "/rest/v1/"
NOW: Final = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
HOUR: Final = dt.timedelta(hours=1)
CONFIG: Final = """
auth: {anonymous_role: guest}
roles: {guest: {}}
postgrest: {db_aggregates_enabled: true}
tables:
  event: {allow: {guest: {read: true, create: true, update: true, delete: true, aggregate: true}}, cache: {ttl: 60s}}
  place: {allow: {guest: {read: true}}}
  news: {allow: {guest: {read: "day <= today() and local <= now() and at <= now()"}}}
  dated: {allow: {guest: {read: true}}}
"""
COMMON: Final = """
CREATE TABLE place (id integer NOT NULL PRIMARY KEY, name varchar(20));
CREATE TABLE event (
    id integer NOT NULL PRIMARY KEY, place_id integer, at {instant}, local {clock}, ok boolean, raw {bytes},
    FOREIGN KEY (place_id) REFERENCES place (id)
);
INSERT INTO place VALUES (1, 'Lima'), (2, 'none');
INSERT INTO event VALUES
    (1, 1, '2024-07-01 10:00:00.5{utc}', '2024-07-01 10:00:00.5', {true}, {blob}),
    (2, 1, '2024-01-01 23:30:00{utc}', '2024-01-01 23:30:00', {false}, NULL), (3, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE news (id integer NOT NULL PRIMARY KEY, day date, local {clock}, at {instant});
"""
ITS_OWN: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: """
        ALTER TABLE event ADD times timestamptz[], ADD words text[], ADD facts jsonb, ADD gap interval;
        UPDATE event SET times = '{2024-01-01 00:00Z,NULL}', words = '{a,b c}', facts = '{"a": [1]}' WHERE id = 1;
        CREATE VIEW dated AS SELECT id FROM news WHERE day <= current_date;
        CREATE FUNCTION when_is(at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at';
        CREATE FUNCTION events() RETURNS SETOF event LANGUAGE sql STABLE AS 'SELECT * FROM event';
    """,
    DatabaseKind.MARIADB: """
        ALTER TABLE event ADD words set('a', 'b c', 'x"y'), ADD facts json;
        UPDATE event SET words = 'a,b c,x"y', facts = '{"a": [1]}' WHERE id = 1;
        CREATE VIEW dated AS SELECT id FROM news WHERE day <= current_date;
        CREATE FUNCTION when_is(at timestamp) RETURNS timestamp DETERMINISTIC RETURN at;
    """,
    DatabaseKind.SQLITE: "CREATE VIEW dated AS SELECT id FROM news WHERE day <= date();",
}
CALLS: Final = "functions: {when_is: {allow: [guest]}, events: {allow: [guest]}}\n"


def script(kind: DatabaseKind) -> str:
    """What makes the tables: news of before, of now and of later, by every way of telling time."""
    own = kind is DatabaseKind.POSTGRESQL
    said = COMMON.format(
        instant=INSTANT[kind],
        clock=CLOCK[kind],
        bytes={DatabaseKind.POSTGRESQL: "bytea", DatabaseKind.MARIADB: "varbinary(9)"}.get(kind, "blob"),
        blob="'\\x00ff'" if own else "x'00ff'",
        true="true" if own else "1",
        false="false" if own else "0",
        utc="" if kind is DatabaseKind.MARIADB else "+00:00",
    )
    utc = "" if kind is DatabaseKind.MARIADB else "+00:00"
    for number, apart in enumerate((-24 * HOUR, -HOUR, HOUR, 24 * HOUR)):
        moment = NOW + apart
        day = (NOW + (apart if abs(apart) > HOUR else dt.timedelta())).date()
        said += f"INSERT INTO news VALUES ({number}, '{day}', '{moment}', '{moment}{utc}');\n"
    return said + ITS_OWN[kind]


@pytest.fixture(scope="module")
def urls(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {kind: databases.database(kind, script(kind)) for kind in KINDS}


@pytest.fixture
async def api(kind: DatabaseKind, urls: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(urls[kind], CONFIG + (CALLS if kind is not DatabaseKind.SQLITE else "")) as found:
        yield found


async def asked(api: Served, address: str, zone: str | None, **headers: str) -> Reply:
    preferred = {} if zone is None else {"Prefer": f"timezone={zone}"}
    return await api.get(REST + address, {**preferred, **headers})


async def told(api: Served, address: str, zone: str | None) -> Any:
    reply = await asked(api, address, zone)
    assert reply.status == 200, reply.body
    return reply.json


# ── what a zone is ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("UTC", "2024-07-01T10:00:00+00:00"),
        ("america/new_york", "2024-07-01T06:00:00-04:00"),
        ("+05:30", "2024-07-01T04:30:00-05:30"),
        ("-05:30", "2024-07-01T15:30:00+05:30"),
        ("5", "2024-07-01T15:00:00+05:00"),
        ("-7.5", "2024-07-01T02:30:00-07:30"),
        ("UTC+3", "2024-07-01T07:00:00-03:00"),
        ("<+05>-5", "2024-07-01T15:00:00+05:00"),
        ("EST5EDT", "2024-07-01T06:00:00-04:00"),
        *(
            (text, None)
            for text in ("", "Z", "PST", "0530", "+05:60", "+05:30:15", "99", " UTC", "../UTC", "localtime")
        ),
    ],
)
def test_a_zone_is_what_postgresql_takes_for_one(text: str, shown: str | None) -> None:
    zone = zone_of(text)
    moment = dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)
    assert (None if zone is None else written(moment, zone, plain=False)) == shown


def test_an_hour_that_comes_twice_and_one_that_is_left_out() -> None:
    zone = Zone("America/New_York")
    assert zone.instant(dt.datetime.fromisoformat("2024-11-03T01:30")).isoformat() == "2024-11-03T06:30:00+00:00"
    assert zone.instant(dt.datetime.fromisoformat("2024-03-10T02:30")).isoformat() == "2024-03-10T07:30:00+00:00"


def test_periods_are_those_of_the_clock() -> None:
    for name in ("Europe/Berlin", "Africa/Casablanca", "America/Caracas", "Pacific/Apia"):
        rules, found = zoneinfo.ZoneInfo(name), periods(Zone(name))
        assert len(found) > 1
        for before, after in itertools.pairwise(found):
            for second, offset in ((after.since - 1, before.offset), (after.since, after.offset)):
                assert dt.datetime.fromtimestamp(second, rules).utcoffset() == dt.timedelta(seconds=offset)


def test_postgresql_shows_every_zone_alike(postgresql_server: PostgreSQLServer) -> None:
    chosen = random.Random(5)
    names = chosen.sample(sorted(name for name in zoneinfo.available_timezones() if zone_of(name)), 60)
    for name in [*names, "+05:30", "-7.5", "UTC+3"]:
        zone = zone_of(name)
        assert zone is not None
        moments = [dt.datetime.fromtimestamp(chosen.randrange(0, 4_102_444_800), dt.UTC) for _ in range(5)]
        shown = ", ".join(f"timestamptz '{each.isoformat()}'::text" for each in moments)
        [row] = postgresql_server.run("postgres", f"SET TimeZone = '{name}'; SELECT {shown}")
        assert [written(each, zone, plain=True) for each in moments] == row, name


# ── what is shown ────────────────────────────────────────────────────────────────────────────


async def test_instants_are_shown_by_its_clock_and_clocks_without_a_zone_stay(api: Served) -> None:
    reply = await asked(api, "event?select=id,at,local&order=id", "America/New_York")
    assert reply.json == [
        {"id": 1, "at": "2024-07-01T06:00:00.5-04:00", "local": "2024-07-01T10:00:00.5"},
        {"id": 2, "at": "2024-01-01T18:30:00-05:00", "local": "2024-01-01T23:30:00"},
        {"id": 3, "at": None, "local": None},
    ]
    assert reply.headers["Preference-Applied"] == "timezone=America/New_York"


async def test_so_are_those_of_related_rows_groups_and_aggregates(api: Served) -> None:
    zone = "-05:30"
    assert await told(api, "place?select=name,event(at)&event.order=id&order=id", zone) == [
        {"name": "Lima", "event": [{"at": "2024-07-01T15:30:00.5+05:30"}, {"at": "2024-01-02T05:00:00+05:30"}]},
        {"name": "none", "event": []},
    ]
    assert await told(api, "place?select=...event(at)&event.order=id&id=eq.1", zone) == [
        {"at": ["2024-07-01T15:30:00.5+05:30", "2024-01-02T05:00:00+05:30"]}
    ]
    assert await told(api, "event?select=at,count()&order=at&at=gt.2024-03-01", zone) == [
        {"at": "2024-07-01T15:30:00.5+05:30", "count": 1}
    ]
    assert await told(api, "event?select=at.max()", zone) == [{"max": "2024-07-01T15:30:00.5+05:30"}]
    assert await told(api, "place?select=event(at.min())&id=eq.1", zone) == [
        {"event": [{"min": "2024-01-02T05:00:00+05:30"}]}
    ]
    assert await told(api, "event?select=id,...place(name)&id=eq.1", zone) == [{"id": 1, "name": "Lima"}]


async def test_arrays_of_them_and_what_functions_give(kind: DatabaseKind, api: Served) -> None:
    if kind is DatabaseKind.POSTGRESQL:
        times = [{"times": ["2024-01-01T05:30:00+05:30", None]}]
        assert await told(api, "event?select=times&id=eq.1", "Asia/Kolkata") == times
        assert await told(api, "rpc/events?select=at&order=id&limit=1", "Asia/Kolkata") == [
            {"at": "2024-07-01T15:30:00.5+05:30"}
        ]
    if kind is DatabaseKind.SQLITE:
        return
    reply = await asked(api, "rpc/when_is?at=2024-07-01T10:00:00", "Asia/Kolkata")
    assert (reply.status, reply.json) == (200, "2024-07-01T10:00:00+05:30"), reply.body
    assert reply.headers["Preference-Applied"] == "timezone=Asia/Kolkata"
    posted = await api.post(REST + "rpc/when_is", {"at": "2024-07-01T10:00:00Z"}, {"Prefer": "timezone=Asia/Kolkata"})
    assert posted.json == "2024-07-01T15:30:00+05:30"


async def test_what_is_no_zone_is_refused_on_every_road(api: Served) -> None:
    bad = ("Nowhere/Land", "x" * 200, "UTC'; DROP TABLE event; --", "../../etc/passwd")
    roads = ("GET", None), ("POST", {"id": 9}), ("PATCH", {"ok": False}), ("DELETE", None)
    for zone, (method, body) in itertools.product(bad, roads):
        address = "event" if method == "POST" else "event?id=eq.1"
        shown = zone if len(zone) <= 60 else zone[:60] + "…"
        reply = await api.request(method, REST + address, {"Prefer": f"timezone={zone}"}, json=body)
        assert (reply.status, reply.json) == (
            400,
            {
                "code": "22023",
                "message": f'invalid value for parameter "TimeZone": "{shown}"',
                "details": None,
                "hint": None,
            },
        )
        assert "Preference-Applied" not in reply.headers
    assert len(await told(api, "event?select=id", None)) == 3


# ── what is meant ────────────────────────────────────────────────────────────────────────────


async def test_a_moment_without_offset_is_one_of_the_zone(api: Served) -> None:
    async def found(condition: str, zone: str | None) -> list[int]:
        return [row["id"] for row in await told(api, f"event?select=id&order=id&at=not.is.null&{condition}", zone)]

    for zone, ids in ((None, [1]), ("America/New_York", []), ("Asia/Kolkata", [1])):
        assert await found("at=gt.2024-07-01T09:00:00", zone) == ids
        assert await found("at=gt.2024-07-01T09:00:01", zone) == ids  # of the shape of the one before
    assert await found("at=eq.2024-07-01T06:00:00.5", "America/New_York") == [1]
    assert await found("at=in.(2024-07-01T06:00:00.5,2024-01-01T18:30:00)", "America/New_York") == [1, 2]
    assert await found("at=eq(any).{2024-07-01T06:00:00.5}", "America/New_York") == [1]
    assert await found("or=(at.eq.2024-07-01T06:00:00.5,id.eq.99)", "America/New_York") == [1]
    for zone in ("America/New_York", None):
        assert await found("at=eq.2024-07-01T10:00:00.5Z", zone) == [1]
        assert await found("local=eq.2024-07-01T10:00:00.5", zone) == [1]


async def test_so_is_one_of_a_body(api: Served) -> None:
    prefer = {"Prefer": "return=representation, timezone=Asia/Kolkata"}
    made = await api.post(REST + "event?select=at", {"id": 7, "at": "2024-02-01 05:30:00"}, prefer)
    assert (made.status, made.json) == (201, [{"at": "2024-02-01T05:30:00+05:30"}]), made.body
    assert await told(api, "event?select=at&id=eq.7", None) == [{"at": "2024-02-01T00:00:00+00:00"}]
    changed = await api.patch(REST + "event?id=eq.7&select=at", {"at": "2024-02-02T00:00:00+00:00"}, prefer)
    assert changed.json == [{"at": "2024-02-02T05:30:00+05:30"}]
    gone = await api.request("DELETE", REST + "event?at=eq.2024-02-02T05:30:00&select=id", prefer)
    assert gone.json == [{"id": 7}]


# ── what no zone changes ─────────────────────────────────────────────────────────────────────


async def test_no_zone_changes_what_a_rule_lets_through(api: Served) -> None:
    """Two worlds: where it is tomorrow already and where it is still yesterday, the same rows are to be seen."""
    worlds = [
        [row["id"] for row in await told(api, f"{table}?select=id&order=id", zone)]
        for table in ("news", "dated")
        for zone in ("Pacific/Kiritimati", "-14", "14", "UTC", None)
    ]
    assert worlds[:5] == [[0, 1]] * 5
    assert worlds[5:] == [[0, 1, 2]] * 5


async def test_no_answer_is_kept_for_another_zone(api: Served) -> None:
    first = await asked(api, "event?select=at&id=eq.1", "Asia/Kolkata")
    again = await asked(api, "event?select=at&id=eq.1", "Asia/Kolkata", If_None_Match="x")
    other = await asked(api, "event?select=at&id=eq.1", "Asia/Tokyo")
    none = await asked(api, "event?select=at&id=eq.1", None)
    assert [each.json[0]["at"] for each in (first, again, other, none)] == [
        "2024-07-01T15:30:00.5+05:30",
        "2024-07-01T15:30:00.5+05:30",
        "2024-07-01T19:00:00.5+09:00",
        "2024-07-01T10:00:00.5+00:00",
    ]
    assert len({each.headers["ETag"] for each in (first, other, none)}) == 3
    known = {"If-None-Match": first.headers["ETag"]}
    assert (await asked(api, "event?select=at&id=eq.1", "Asia/Kolkata", **known)).status == 304
    assert (await asked(api, "event?select=at&id=eq.1", "Asia/Tokyo", **known)).status == 200


# ── texts ────────────────────────────────────────────────────────────────────────────────────


async def test_csv_is_written_as_postgresql_writes_rows(kind: DatabaseKind, api: Served) -> None:
    columns = "id,at,local,ok,raw" + ("" if kind is DatabaseKind.SQLITE else ",words,facts")
    facts = '"{""a"": [1]}"' if kind is DatabaseKind.POSTGRESQL else '"{""a"":[1]}"'
    words = '"{a,""b c""}"' if kind is DatabaseKind.POSTGRESQL else '"{a,""b c"",""x\\\\""y""}"'
    own = "" if kind is DatabaseKind.SQLITE else f",{words},{facts}"
    none = "" if kind is DatabaseKind.SQLITE else ",,"
    for zone, at, then in (
        (None, '"2024-07-01 10:00:00.5+00"', '"2024-01-01 23:30:00+00"'),
        ("America/New_York", '"2024-07-01 06:00:00.5-04"', '"2024-01-01 18:30:00-05"'),
        ("Asia/Kolkata", '"2024-07-01 15:30:00.5+05:30"', '"2024-01-02 05:00:00+05:30"'),
    ):
        reply = await asked(api, f"event?select={columns}&order=id&limit=3", zone, Accept="text/csv")
        assert reply.body.decode().split("\n") == [
            columns,
            f'1,{at},"2024-07-01 10:00:00.5",t,"\\\\x00ff"{own}',
            f'2,{then},"2024-01-01 23:30:00",f,{none}',
            f"3,,,,{none}",
        ]


async def test_csv_has_spread_rows_as_values_and_related_rows_as_documents(api: Served) -> None:
    reply = await asked(api, "event?select=id,...place(name),place(name)&id=eq.1", None, Accept="text/csv")
    assert reply.body.decode() == 'id,name,place\n1,Lima,"{""name"":""Lima""}"'
    related = await asked(api, "place?select=event(at)&id=eq.1&event.id=eq.1", "Asia/Tokyo", Accept="text/csv")
    assert related.body.decode() == 'event\n"[{""at"":""2024-07-01T19:00:00.5+09:00""}]"'
