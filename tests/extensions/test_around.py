"""What stands around the functions of an extension: its own addresses behind the gate, beginning and end, what it hears, and a
reload that leaves it as it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.extensions import shop
from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.bookshops import Databases
from tests.extensions.offers import CANARY
from tests.extensions.serving import CONFIG, EDITOR, IDLE, OTHER, SCHEMA, USER, module, put
from tests.server.harness import REPOSITORY, Served, reflector, reloadable
from tests.server.test_jwt import SECRET


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.SQLITE, SCHEMA)


@pytest.fixture
async def api(url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with reloadable(url, put(tmp_path)) as running:
        yield running


@pytest.fixture
async def everywhere(databases: Databases, kind: DatabaseKind, tmp_path: Path) -> AsyncIterator[Served]:
    async with reloadable(databases.database(kind, SCHEMA), put(tmp_path)) as running:
        yield running


# ── addresses of its own ─────────────────────────────────────────────────────────────────────


async def test_addresses_are_for_the_roles_that_are_allowed(everywhere: Served) -> None:
    api = everywhere
    assert (await api.get("/x/offers/status", USER)).json == {"subject": "7", "rows": 2}
    assert (await api.get("/x/offers/status", OTHER)).json == {"subject": "8", "rows": 1}
    for headers in ({}, IDLE):
        shut, absent = await api.get("/x/offers/status", headers), await api.get("/x/offers/nowhere", headers)
        assert (shut.status, shut.code, shut.json["detail"]) == (404, "not_found", absent.json["detail"])
    assert (await api.get("/x/offers/status", {"Authorization": "Bearer no"})).status == 401
    assert (await api.post("/x/offers/status", {}, USER)).status == 405


async def test_no_method_tells_of_an_address_whoever_may_not_ask_for_it(api: Served) -> None:
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    for path in ("/x/offers/status", "/x/offers/echo/word", "/x/offers/refused"):
        for headers in ({}, IDLE):
            for method in methods:
                shut = await api.request(method, path, headers)
                absent = await api.request(method, "/x/offers/nowhere", headers)
                assert (shut.status, shut.headers.get("Allow")) == (absent.status, None) == (404, None)
    wrong, offered = [await api.request(method, "/x/offers/status", USER) for method in ("POST", "OPTIONS")]
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET,HEAD")
    assert (offered.status, offered.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_an_answer_that_was_begun_is_the_only_one(api: Served) -> None:
    assert (await api.get("/x/offers/begun/ends", USER)).body == b"begun"
    for how in ("fails", "answers"):
        request = (
            f"GET /x/offers/begun/{how} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {USER['Authorization']}\r\n\r\n"
        )
        try:
            came = await api.raw(request.encode())
        except ConnectionResetError:
            came = b""
        assert came.count(b"HTTP/1.1") <= 1
        assert b"0\r\n\r\n" not in came, "it looks whole"
    assert (await api.get("/x/offers/status", USER)).status == 200


async def test_addresses_stand_behind_the_gate(api: Served) -> None:
    echoed = await api.request("POST", "/x/offers/echo/word-1", USER, data=b"12")
    assert (echoed.status, echoed.body, echoed.headers["X-Word"]) == (202, b"12", "word-1")
    assert echoed.headers["X-Request-Id"]
    page = {"Origin": "https://elsewhere.example"}
    assert (await api.request("POST", "/x/offers/echo/a", page, data=b"")).code == "origin_refused"
    asked = {**page, "Access-Control-Request-Method": "POST"}
    assert (await api.request("OPTIONS", "/x/offers/echo/a", asked)).code == "origin_refused"
    assert (await api.request("POST", "/x/offers/echo/a", USER, data=b"x" * 3000)).status == 413


async def test_addresses_answer_and_fail_as_functions_do(everywhere: Served) -> None:
    api = everywhere
    broken = await api.get("/x/offers/broken", USER)
    assert (broken.status, broken.code, CANARY.encode() in broken.body) == (500, "internal_error", False)
    refused = await api.delete("/x/offers/refused", USER)
    assert (refused.status, refused.code, refused.json["detail"]) == (403, "not_today", "no")
    assert (await api.request("PUT", "/x/offers/nothing", USER)).status == 204


async def test_rates_count_addresses_and_functions(url: str, tmp_path: Path) -> None:
    config = CONFIG.replace("user: {extends: guest}", "user: {extends: guest, limits: {rate: 3/min}}")
    config = config.replace("guest: {limits: {timeout: 500ms}}", "guest: {limits: {timeout: 500ms, rate: 3/min}}")
    async with reloadable(url, put(tmp_path, config)) as api:
        for path in ("/x/offers/status", "/rest/v1/rpc/list_of?most=1", "/x/offers/status"):
            assert (await api.get(path, USER)).status == 200
        assert (await api.get("/x/offers/status", USER)).code == "rate_exceeded"
        assert (await api.post("/api/:functions/nothing", {}, USER)).code == "rate_exceeded"


async def test_without_rules_addresses_are_for_whoever_is_let_in_and_functions_for_nobody(
    url: str, tmp_path: Path
) -> None:
    config = CONFIG[CONFIG.index("extensions:") : CONFIG.index("functions:")].replace("    allow: [user, editor]\n", "")
    async with reloadable(url, put(tmp_path, f"version: 1\n{config}")) as api:
        assert (await api.get("/x/offers/status")).json == {"subject": None, "rows": 3}
        assert (await api.post("/api/:functions/notes", {})).status == 404
        assert (await api.get("/x/offers/status", {"Host": "elsewhere.example"})).code == "misdirected_request"


# ── beginning, end, what happens ─────────────────────────────────────────────────────────────


async def test_it_begins_before_anybody_is_served_and_ends_afterwards(url: str, tmp_path: Path) -> None:
    async with reloadable(url, put(tmp_path), environ={"OFFERS_KEY": "told-to-nobody-else"}):
        happened = module().happened
        settings = {"key": "told-to-nobody-else", "limits": {"most": 3}}
        assert [each for each in happened if each[0] != "heard"] == [
            ("started", "offers", settings, [(3,)]),
            ("started again",),
        ]
        # What its second observer raises keeps nobody from hearing.
        assert ("heard", "CatalogLoaded") in happened
    assert happened[-2:] == [("stopping first",), ("stopping", "offers", True)]


READING = """
from reflector.errors import ReadOnlyDatabase
from reflector.extension import Extension
extension = Extension()
refused = []

@extension.started
async def writes(server):
    for statement in server.settings["statements"]:
        try:
            await server.fetch(statement)
        except ReadOnlyDatabase:
            refused.append(statement)
    assert await server.fetch("SELECT id FROM note ORDER BY id") == [(1,), (2,), (3,)]
    await server.fetch(server.settings["statements"][0])
"""
WRITES = (
    "INSERT INTO note VALUES (9, '7', 'x', 'y')",
    "UPDATE note SET body = 'x'",
    "DELETE FROM note",
    "CREATE TABLE other (id INTEGER)",
    "ALTER TABLE note ADD COLUMN more INTEGER",
)
RETURNING = "INSERT INTO note VALUES (9, '7', 'x', 'y') RETURNING id"
EMPTYING = "TRUNCATE TABLE note"
INSIDE = "WITH gone AS (DELETE FROM note RETURNING id) SELECT id FROM gone"
BESIDES = {
    DatabaseKind.SQLITE: [RETURNING],
    DatabaseKind.MARIADB: [RETURNING, EMPTYING],
    DatabaseKind.POSTGRESQL: [RETURNING, EMPTYING, INSIDE],
}


async def test_what_is_asked_past_all_rules_writes_nothing(
    databases: Databases, tmp_path: Path, kind: DatabaseKind
) -> None:
    url = databases.database(kind, SCHEMA)
    writes = [*WRITES, *BESIDES.get(kind, [EMPTYING])]
    (tmp_path / "reading.py").write_text(READING)
    told = f"  reading: {{module: ./reading.py, settings: {{statements: {json.dumps(writes)}}}}}\nfunctions:\n"
    with pytest.raises(ConfigError, match=r"extensions\.reading: could not be started: ReadOnlyDatabase in line 15"):
        async with reloadable(url, put(tmp_path, CONFIG.replace("functions:\n", told))):
            pass
    assert sys.modules["reflector_extension_reading"].refused == writes
    async with reloadable(url, put(tmp_path)) as api:
        seen = (await api.get("/api/note?fields=id,body&sort=id", EDITOR)).json["items"]
        assert [each["body"] for each in seen] == ["mine", "theirs", "mine too"]


ENDING = """
import asyncio, sys
from reflector.extension import Extension
extension = Extension()
ended = []

@extension.stopping
async def last(_):
    ended.append("last")

@extension.stopping
async def exits(_):
    sys.exit("{canary}")

@extension.stopping
async def waits(_):
    task = asyncio.ensure_future(asyncio.sleep(3600))
    task.cancel()
    await task

@extension.observes
def hear(_):
    sys.exit("{canary}")
"""


async def test_whatever_ends_badly_the_rest_ends_too(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ending.py").write_text(ENDING.replace("{canary}", CANARY))
    file = put(tmp_path, CONFIG.replace("functions:\n", "  ending: {module: ./ending.py}\nfunctions:\n"))
    async with reloadable(url, file) as api:
        assert (await api.get("/health/live")).status == 200
        ended = sys.modules["reflector_extension_ending"].ended
    assert ended == ["last"]
    assert [each[0] for each in module().happened if each[0].startswith("stopping")] == ["stopping first", "stopping"]
    told = [record.message for record in caplog.records if record.name == "reflector.extensions"]
    assert told.count("extension ending: stopping failed") == 2
    assert "extension ending: an observer failed" in told


async def test_it_hears_what_happens_while_it_serves(api: Served) -> None:
    del module().happened[:]
    await api.get("/api/note?fields=id&limit=7", USER)
    assert ("heard", "PlanCompiled") in module().happened


async def test_settings_are_nobodys_to_see(url: str, tmp_path: Path) -> None:
    file = put(tmp_path)
    status, shown, _ = reflector("config", "show", "--config", str(file), environ={"DATABASE_URL": url})
    assert (status, "a-secret-of-the-extension" in shown) == (0, False)
    assert re.search(r"settings:\n\s+key: \"\*\*\*\".*\n\s+limits: \"\*\*\*\"", shown), shown
    explained = reflector("config", "show", "--as", "role=user", "--config", str(file), environ={"DATABASE_URL": url})
    assert "notes" in explained[1], explained


async def test_a_reload_opens_functions_and_leaves_extensions_as_they_are(url: str, tmp_path: Path) -> None:
    file = put(tmp_path)
    async with reloadable(url, file) as api:
        code, reloading = module(), api.running.reloading
        assert reloading is not None
        file.write_text(CONFIG.replace("offer: {allow: user}", "nobodys: {allow: user}").replace("most: 3", "most: 4"))
        outcome = await reloading.reload()
        assert (outcome.changed, outcome.waiting) == (
            ("functions.offer", "functions.nobodys"),
            ("extensions.offers.settings.limits.most",),
        )
        assert (await api.post("/api/:functions/nobodys", {}, USER)).json == CANARY
        assert (await api.post("/api/:functions/offer", {"book": 1}, USER)).status == 404
        assert (await api.get("/x/offers/status", USER)).status == 200
        assert module() is code
        assert sum(each[0] == "started" for each in code.happened) == 1
        # A name that is not there keeps what was read before.
        file.write_text(CONFIG.replace("offer: {allow: user}", "offr: {allow: user}"))
        await reloading.reload()
        assert "there is no function 'offr'" in api.running.binding.closed[0]
        file.write_text(CONFIG.replace("offer: {allow: user}", "offer: {allow: usr}"))
        with pytest.raises(ConfigError):
            await reloading.reload()


async def test_an_extension_stays_where_the_schema_changes(
    databases: Databases, tmp_path: Path, kind: DatabaseKind
) -> None:
    url = databases.database(kind, SCHEMA)
    async with reloadable(
        url, put(tmp_path, CONFIG.replace("version: 1", "version: 1\ndatabase: {watch: off}"))
    ) as api:
        engine = api.running.engine
        old = engine.snapshot
        await engine._load(old.number + 1, old.catalog)
        assert engine.snapshot is not old
        assert (await api.post("/api/:functions/notes", {}, EDITOR)).json["seen"][0] == {"id": 1, "body": "mine"}
        assert (await api.post("/graphql", {"query": "{total(copies: 1)}"}, EDITOR)).json == {"data": {"total": 2.5}}
        assert api.running.binding.closed == ()


# ── commands ─────────────────────────────────────────────────────────────────────────────────


def test_tests_and_explain_do_not_run_code(url: str, tmp_path: Path) -> None:
    file, environ = (
        put(tmp_path, CONFIG + "tests:\n  - {as: {role: user, sub: 7}, call: notes}\n"),
        {"DATABASE_URL": url},
    )
    status, _, told = reflector("check", "--config", str(file), environ=environ)
    assert (status, "is code of an extension, which tests do not run" in told) == (2, True), told
    file = put(tmp_path, CONFIG + "tests:\n  - {as: {role: user, sub: 7}, read: note, keys: [1, 3]}\n")
    status, out, told = reflector("check", "--coverage", "--config", str(file), environ=environ)
    assert (status, "notes" in out + told) == (0, False), out + told
    for asked in ("POST /api/:functions/notes {}", "POST /rest/v1/rpc/notes {}", "POST /graphql mutation {notes}"):
        status, out, told = reflector(
            "explain", asked, "--as", "role=user,sub=7", "--config", str(file), environ=environ
        )
        assert (status != 0, "notes is code of an extension" in told) == (True, True), (asked, out, told)


# ── the example ──────────────────────────────────────────────────────────────────────────────


async def test_the_example_does_what_its_page_says(databases: Databases, kind: DatabaseKind) -> None:
    file = REPOSITORY / "examples" / "extensions" / "config.yaml"
    environ = {"JWT_SECRET": SECRET, "PAYMENT_KEY": "the-key-of-the-provider"}
    async with reloadable(databases.bookshop(kind), file, environ=environ) as api:
        (book,) = (await api.get("/api/book?limit=1")).json["items"]
        reply = await api.post("/api/:functions/quote_price", {"book": book["id"], "copies": 2, "shipping": "post"})
        total = round(book["price"] * 2 + 3.9, 2)
        assert (reply.status, reply.json) == (200, {"title": book["title"], "total": total})
        rest = await api.post("/rest/v1/rpc/quote_price", {"book": book["id"], "copies": 2, "shipping": "post"})
        assert rest.json == reply.json
        mutation = f'mutation {{quote_price(book: {book["id"]}, copies: 2, shipping: "post")}}'
        assert (await api.post("/graphql", {"query": mutation})).json == {"data": {"quote_price": reply.json}}
        assert (await api.post("/api/:functions/quote_price", {"book": 1, "copies": 51})).code == "too_many_copies"
        assert (await api.get("/rest/v1/rpc/shipping_price?shipping=courier")).body == b"9.50"
        body = json.dumps({"order": 1}).encode()
        signature = hmac.new(b"the-key-of-the-provider", body, hashlib.sha256).hexdigest()
        paid = await api.request("POST", "/x/shop/payments", {"X-Signature": signature}, data=body)
        assert (paid.status, paid.json) == (200, {"received": len(body)})
        forged = await api.request("POST", "/x/shop/payments", {"X-Signature": "0" * 64}, data=body)
        assert (forged.status, forged.code) == (403, "bad_signature")
    assert shop.SHIPPING["post"] > 0
