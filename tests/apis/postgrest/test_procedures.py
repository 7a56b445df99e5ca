"""MariaDB's procedures at `/rest/v1/rpc`: what they give is answered as a whole, and what they did is taken back or told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import routines
from tests.apis.postgrest.workshop import fault
from tests.bookshops import Databases
from tests.server.harness import Served, served

RPC = "/rest/v1/rpc/"
SCRIPT = """
CREATE TABLE shelf (id int PRIMARY KEY, label varchar(20));
INSERT INTO shelf VALUES (1, 'left'), (2, NULL);
CREATE PROCEDURE shelves(IN lowest int) SELECT * FROM shelf WHERE id >= lowest ORDER BY id;
CREATE PROCEDURE kinds() SELECT CAST(1.50 AS decimal(5,2)) AS exact, 1e0 / 3 AS approximate, TRUE AS truth, NULL AS nothing,
    DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 10:00:00.250' AS moment, CAST('11:30:00' AS time) AS hour, x'00ff' AS bytes,
    b'101' + 0 AS bits, 'ü "quoted" \\\\' AS word, JSON_OBJECT('a', 1) AS document;
CREATE PROCEDURE moments() BEGIN
    CREATE TEMPORARY TABLE seen (at timestamp(3) NULL); INSERT INTO seen VALUES ('2024-02-29 10:00:00.5'), (NULL);
    SELECT at FROM seen; END;
CREATE PROCEDURE split(IN whole int, OUT half int, OUT word varchar(20), OUT day date, INOUT n decimal(10,2))
    BEGIN SET half = whole DIV 2; SET word = 'it''s'; SET day = DATE '2024-01-05'; SET n = n + 0.5; END;
CREATE PROCEDURE add_shelf(IN number int) BEGIN INSERT INTO shelf VALUES (number, 'new'); SELECT * FROM shelf ORDER BY id; END;
CREATE PROCEDURE twofold() BEGIN INSERT INTO shelf VALUES (50, 'x'); SELECT 1 AS a; SELECT 2 AS b; END;
CREATE PROCEDURE fails() BEGIN INSERT INTO shelf VALUES (51, 'x'); SELECT 1 AS a;
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a secret of ours'; END;
CREATE PROCEDURE commits(IN number int) BEGIN INSERT INTO shelf VALUES (number, 'kept'); COMMIT; SELECT 1 AS a; END;
CREATE PROCEDURE commits_and_goes_on(IN number int) BEGIN
    INSERT INTO shelf VALUES (number, 'kept'); COMMIT; START TRANSACTION; SELECT 1 AS a; END;
CREATE PROCEDURE shouts() BEGIN SET @shouted = 'heard'; SET SESSION sql_mode = ''; END;
CREATE FUNCTION heard() RETURNS varchar(20) READS SQL DATA RETURN @shouted;
CREATE PROCEDURE large() SELECT REPEAT('x', 100000) AS a UNION ALL SELECT REPEAT('y', 100000);
CREATE FUNCTION same(n int) RETURNS int DETERMINISTIC NO SQL RETURN n;
CREATE PROCEDURE same(IN n int) SELECT n;
CREATE PROCEDURE many(IN n int) WITH RECURSIVE c AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM c WHERE id < n)
    SELECT id, CAST(id + 0.1 AS decimal(5,2)) AS exact FROM c;
CREATE PROCEDURE closed() SELECT 1 AS a;
"""
OPEN = (
    *("shelves", "kinds", "moments", "split", "add_shelf", "twofold", "fails", "commits", "commits_and_goes_on"),
    *("shouts", "heard", "large", "same", "many"),
)


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.MARIADB, SCRIPT)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, routines.config(OPEN) + "limits: {bytes: 64KiB}\n") as found:
        yield found


async def shelves(api: Served) -> list[int]:
    return [each["id"] for each in (await api.get("/rest/v1/shelf?order=id")).json]


async def test_no_more_rows_are_answered_than_of_a_table(url: str) -> None:
    for bound in ("limits: {rows: 3}\n", "postgrest: {db_max_rows: 3}\n"):
        async with served(url, routines.config(OPEN) + bound) as api:
            counted = await api.post(RPC + "many", {"n": 7}, {"Prefer": "count=exact"})
            assert (counted.status, counted.headers["Content-Range"]) == (206, "0-2/7")
            assert counted.body == b'[{"id":1,"exact":1.10},{"id":2,"exact":2.10},{"id":3,"exact":3.10}]'
            plain = await api.post(RPC + "many", {"n": 7})
            assert (plain.status, plain.headers["Content-Range"], len(plain.json)) == (200, "0-2/*", 3)
            few = await api.post(RPC + "many", {"n": 3}, {"Prefer": "count=exact"})
            assert (few.status, few.headers["Content-Range"]) == (200, "0-2/3")
            text = await api.post(RPC + "many", {"n": 7}, {"Accept": "text/csv"})
            assert text.body == b"id,exact\n1,1.10\n2,2.10\n3,3.10"
            one = await api.post(RPC + "many", {"n": 7}, {"Accept": "application/vnd.pgrst.object+json"})
            assert (one.status, one.code) == (406, "PGRST116")
            assert (await api.post(RPC + "split", {"whole": 7, "n": 1})).json["half"] == 3


async def test_rows_are_answered_as_they_come(api: Served) -> None:
    both = await api.post(RPC + "shelves", {"lowest": 1}, {"Prefer": "count=exact"})
    assert (both.status, both.json) == (200, [{"id": 1, "label": "left"}, {"id": 2, "label": None}])
    assert (both.headers["Content-Range"], both.headers["Content-Type"]) == (
        "0-1/2",
        "application/json; charset=utf-8",
    )
    assert (await api.post(RPC + "shelves", {"lowest": 9})).json == []
    stripped = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
    assert (await api.post(RPC + "shelves", {"lowest": 2}, stripped)).json == [{"id": 2}]
    assert (await api.post(RPC + "shelves", {"lowest": 1}, {"Accept": "text/csv"})).body == b"id,label\n1,left\n2,"
    form = await api.request(
        "POST", RPC + "shelves", {"Content-Type": "application/x-www-form-urlencoded"}, data=b"lowest=2"
    )
    assert form.json == [{"id": 2, "label": None}]
    evil = await api.post(RPC + "shelves", {"lowest": "1); DROP TABLE shelf; --"})
    assert fault(evil) == (400, "22P02")


async def test_every_kind_of_value(api: Served) -> None:
    reply = await api.post(RPC + "kinds", {})
    assert reply.json == [
        {
            "exact": 1.5,
            "approximate": 0.3333333333333333,
            "truth": 1,
            "nothing": None,
            "day": "2024-02-29",
            "moment": "2024-02-29T10:00:00.25",
            "hour": "11:30:00",
            "bytes": "\\x00ff",
            "bits": 5,
            "word": 'ü "quoted" \\',
            "document": '{"a": 1}',
        }
    ]
    assert b'"exact":1.50' in reply.body
    assert (await api.post(RPC + "moments", {})).json == [{"at": "2024-02-29T10:00:00.5+00:00"}, {"at": None}]
    for zone, shown in (
        ("America/Lima", "T05:00:00.5-05:00"),
        ("5.5", "T15:30:00.5+05:30"),
        ("-3", "T07:00:00.5-03:00"),
    ):
        reply = await api.post(RPC + "moments", {}, {"Prefer": f"timezone={zone}"})
        assert reply.json == [{"at": f"2024-02-29{shown}"}, {"at": None}]
        assert reply.headers["Preference-Applied"] == f"timezone={zone}"
    table = await api.post(RPC + "moments", {}, {"Accept": "text/csv", "Prefer": "timezone=America/Lima"})
    assert table.body == b'at\n"2024-02-29 05:00:00.5-05"\n'


async def test_arguments_that_come_back_are_an_object(api: Served) -> None:
    reply = await api.post(RPC + "split", {"whole": 9, "n": "1.25"})
    assert (reply.status, reply.json) == (200, {"half": 4, "word": "it's", "day": "2024-01-05", "n": 1.75})
    assert (await api.post(RPC + "split", {"whole": None, "n": None})).json["half"] is None
    assert fault(await api.post(RPC + "split", {"whole": 9})) == (404, "PGRST202")


async def test_nothing_but_post_calls_one(api: Served) -> None:
    for method in ("GET", "HEAD"):
        reply = await api.request(method, RPC + "add_shelf?number=3")
        assert reply.status == 405
    assert (await api.get(RPC + "shelves?lowest=1")).code == "PGRST101"
    assert (await api.request("OPTIONS", RPC + "shelves")).headers["Allow"] == "OPTIONS,POST"
    assert await shelves(api) == [1, 2]


@pytest.mark.parametrize("query", ["id=gt.1", "select=id", "order=id", "limit=1", "offset=1"])
async def test_nothing_is_asked_of_what_it_gives(api: Served, query: str) -> None:
    assert fault(await api.post(f"{RPC}add_shelf?{query}", {"number": 3})) == (400, "PGRST127")
    assert await shelves(api) == [1, 2]


async def test_what_is_refused_is_taken_back(api: Served) -> None:
    single = await api.post(RPC + "add_shelf", {"number": 3}, {"Accept": "application/vnd.pgrst.object+json"})
    assert fault(single) == (406, "PGRST116")
    many = await api.post(RPC + "add_shelf", {"number": 3}, {"Prefer": "handling=strict, max-affected=2"})
    assert fault(many) == (400, "PGRST124")
    several = await api.post(RPC + "twofold", {})
    assert fault(several) == (400, "PGRST127")
    failed = await api.post(RPC + "fails", {})
    assert fault(failed) == (400, "P0001")
    assert b"secret" not in failed.body
    assert fault(await api.post(RPC + "add_shelf", {"number": 1})) == (409, "23505")
    assert fault(await api.post(RPC + "large", {}))[0] == 400
    assert await shelves(api) == [1, 2]


async def test_one_that_ends_its_transaction_is_told(databases: Databases) -> None:
    """What it did before is kept, and whoever reads is not shown a kept answer of before."""
    url = databases.database(DatabaseKind.MARIADB, SCRIPT)
    config = routines.config(OPEN).replace("tables:\n  shelf: {", "tables:\n  shelf: {cache: {ttl: 1h}, ")
    async with served(url, config) as api:
        for number, name in ((3, "commits"), (4, "commits_and_goes_on")):
            before = await shelves(api)
            ended = await api.post(RPC + name, {"number": number})
            assert fault(ended) == (500, "2D000")
            assert await shelves(api) == [*before, number]
        made = await api.post(RPC + "add_shelf", {"number": 5})
        assert (made.status, len(made.json)) == (200, 5)
        assert await shelves(api) == [1, 2, 3, 4, 5]


async def test_nothing_is_left_behind_for_the_next_caller(api: Served) -> None:
    for _ in range(6):
        assert (await api.post(RPC + "shouts", {})).status == 204
        assert (await api.post(RPC + "heard", {})).json is None


async def test_a_name_opens_the_function_that_has_it(api: Served) -> None:
    assert (await api.get(RPC + "same?n=3")).json == 3
    assert (await api.post(RPC + "same", {"n": 3})).json == 3
    for path in ("closed", "unheard"):
        assert fault(await api.post(RPC + path, {})) == (404, "PGRST202")


async def test_what_it_would_do_is_not_told_before(url: str) -> None:
    config = routines.config(OPEN) + "postgrest: {db_plan_enabled: true, allow_plans: true}\n"
    async with served(url, config) as api:
        for options in ("", "; options=analyze"):
            accept = {"Accept": f"application/vnd.pgrst.plan+json{options}"}
            assert fault(await api.post(RPC + "add_shelf", {"number": 3}, accept)) == (400, "PGRST127")
        assert await shelves(api) == [1, 2]
