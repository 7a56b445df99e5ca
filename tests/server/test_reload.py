"""The configuration is read again while requests are served: what then holds, for whom, and what is refused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.changes.capturing import Write, with_changes, writer
from tests.server.harness import Served, reloadable
from tests.server.test_jwt import SECRET, token

ADMIN_SECRET = "the-administrators-secret-is-forty-letters"
ADMIN = {"X-Reflector-Admin-Secret": ADMIN_SECRET}
OTHER = "another-signing-key-of-forty-letters-too"
AUTH = f"""version: 1
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
  admin_role: admin
  admin_secret: {ADMIN_SECRET}
roles: {{guest: {{}}, user: {{extends: guest}}, admin: {{}}}}
"""
FIRST = AUTH + "tables: {book: {allow: {guest: {read: id <= 2, columns: [id, title]}}}}\n"
SECOND = AUTH + "tables: {book: {allow: {guest: {read: id == 3, columns: [id, price]}}}}\n"


@pytest.fixture
def shop(each_bookshop: str) -> str:
    """A bookshop into which nobody writes."""
    return each_bookshop


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FIRST)
    return path


def removed(file: Path) -> None:
    file.unlink()


def rewritten(file: Path, text: str) -> None:
    file.write_text(text)


async def ids(api: Served, headers: Mapping[str, str] | None = None) -> list[int]:
    reply = await api.get("/api/book?sort=id", headers)
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.json["items"]]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what the watch of the files brings about."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - nobody tells a client that a file was read
            await asyncio.sleep(0.05)


async def ordered(api: Served) -> tuple[list[str], list[str]]:
    """What an administrator's order has changed, and what waits for a restart."""
    reply = await api.post("/admin/reload", headers=ADMIN)
    assert reply.status == 200, reply.body
    return reply.json["changed"], reply.json["restart"]


async def test_an_order_puts_the_file_into_force(shop: str, file: Path) -> None:
    async with reloadable(shop, file) as api:
        assert await ids(api) == [1, 2]
        assert await ordered(api) == ([], [])
        rewritten(file, SECOND)
        changed = ["tables.book.allow.guest.read.filter", "tables.book.allow.guest.read.columns"]
        assert await ordered(api) == (changed, [])
        assert (await api.get("/api/book")).json["items"][0].keys() == {"id", "price"}
        assert (await api.get("/rest/v1/book?select=id")).json == [{"id": 3}]
        asked = await api.post("/graphql", {"query": "{book {id price}}"})
        assert [row["id"] for row in asked.json["data"]["book"]] == [3]
        assert (await api.post("/graphql", {"query": "{book {title}}"})).json["errors"]


async def test_an_order_names_what_is_closed(kind: DatabaseKind, databases: Databases, file: Path) -> None:
    """Also where the file is as it was: what the rules speak of has gone from the database."""
    url = databases.database(kind, "CREATE TABLE book (id INTEGER PRIMARY KEY, title VARCHAR(40), owner VARCHAR(40));")
    closing = AUTH + "database: {watch: 50ms}\ntables: {book: {allow: {guest: {read: owner == 'x'}}}}\n"
    rewritten(file, closing)
    async with reloadable(url, file) as api:
        assert (await api.post("/admin/reload", headers=ADMIN)).json["closed"] == []
        writer(url, getattr(databases, kind, None))("ALTER TABLE book DROP COLUMN owner")

        async def closed() -> bool:
            return (await api.get("/api/book")).status == 503

        await until(closed)
        for _ in range(2):
            reply = await api.post("/admin/reload", headers=ADMIN)
            assert (reply.status, reply.json["changed"], reply.json["behind"]) == (200, [], [])
            [line] = reply.json["closed"]
            assert "tables.book.allow.guest.read" in line
            assert "no column 'owner'" in line
            assert line.endswith("book is closed")
        rewritten(file, closing.replace("owner == 'x'", "title == 'x'"))
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert (reply.json["closed"], (await api.get("/api/book")).status) == ([], 200)
        rewritten(file, closing)
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert (len(reply.json["closed"]), (await api.get("/api/book")).code) == (1, "rule_unbound")


async def test_nobody_else_may_order_it(shop: str, file: Path) -> None:
    async with reloadable(shop, file) as api:
        rewritten(file, SECOND)
        assert (await api.post("/admin/reload")).status == 401
        user = {"Authorization": f"Bearer {token()}"}
        assert (await api.post("/admin/reload", headers=user)).status == 404
        assert (await api.get("/admin/reload", ADMIN)).status == 405
        assert await ids(api) == [1, 2]


async def test_without_an_administrator_there_is_nothing_to_order(shop: str, file: Path) -> None:
    without = FIRST.replace("  admin_role: admin\n", "").replace(f"  admin_secret: {ADMIN_SECRET}\n", "")
    rewritten(file, without)
    async with reloadable(shop, file) as api:
        assert (await api.post("/admin/reload")).status == 404
        assert "/admin/reload" not in (await api.get("/openapi.json")).json["paths"]
        rewritten(file, FIRST)
        assert api.running.reloading is not None
        await api.running.reloading.reload()
        assert await ordered(api) == ([], [])
        assert "/admin/reload" in (await api.get("/openapi.json")).json["paths"]


async def test_a_file_that_cannot_be_used_changes_nothing_and_is_told(
    shop: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(shop, file) as api:
        rewritten(file, SECOND.replace("allow: {guest", "allow: {gust"))
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert (reply.status, reply.code) == (422, "config_refused")
        [error] = reply.json["errors"]
        assert error["pointer"].startswith(f"{file}:8:")
        assert "'guest'" in error["hint"]
        assert await ids(api) == [1, 2]
        assert (await api.get("/health/ready")).json == {"status": "degraded"}
        told = (await api.get("/health/ready", ADMIN)).json["configuration"]
        assert len(told["refused"]) == 1
        assert "reflector_config_refused 1.0" in (await api.get("/metrics", ADMIN)).body.decode()
        assert "the one before it serves on" in caplog.text
        rewritten(file, FIRST)
        assert await ordered(api) == ([], [])
        assert (await api.get("/health/ready")).json == {"status": "ready"}


async def test_what_cannot_be_understood_is_told_without_values(shop: str, file: Path) -> None:
    async with reloadable(shop, file) as api:
        rewritten(file, FIRST.replace(SECRET, "short-secret-value") + "serverr: {}\n")
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert reply.status == 422
        messages = " ".join(each["message"] for each in reply.json["errors"])
        assert "serverr: unknown setting" in messages
        assert "auth.jwt.secret: is too short" in messages
        assert b"short-secret-value" not in reply.body
        removed(file)
        assert (await api.post("/admin/reload", headers=ADMIN)).status == 422
        assert await ids(api) == [1, 2]


@pytest.mark.parametrize("rest", ["", "roles: {guest: {}}\n", "auth: {anonymous_role: guest}\nroles: {guest: {}}\n"])
async def test_a_file_that_has_lost_its_rules_opens_nothing(shop: str, file: Path, rest: str) -> None:
    async with reloadable(shop, file) as api:
        rewritten(file, f"version: 1\n{rest}")
        reply = await api.post("/admin/reload", headers=ADMIN)
        if rest.startswith("auth"):
            assert reply.status == 200
            assert (await api.get("/api/book")).status == 404
        else:
            assert reply.status == 422
            assert await ids(api) == [1, 2]


async def test_what_needs_a_restart_is_named_and_the_rest_is_taken(shop: str, file: Path) -> None:
    async with reloadable(shop, file) as api:
        rewritten(file, SECOND + "server: {body: 2MiB, workers: 3}\nredis: {url: 'redis://127.0.0.1:1'}\n")
        changed, restart = await ordered(api)
        assert len(changed) == 2
        assert restart == ["server.workers", "server.body", "redis"]
        assert await ids(api) == [3]
        assert (await api.get("/health/ready", ADMIN)).json["configuration"]["restart"] == restart
        assert api.running.config.server.workers == 1
        rewritten(file, SECOND)
        assert await ordered(api) == ([], [])


async def test_tokens_are_verified_anew(shop: str, file: Path) -> None:
    rewritten(file, FIRST.replace("guest: {read", "user: {read"))
    async with reloadable(shop, file) as api:
        old, new = ({"Authorization": f"Bearer {token(key=key)}"} for key in (SECRET, OTHER))
        assert await ids(api, old) == [1, 2]
        assert (await api.get("/api/book", new)).status == 401
        rewritten(file, FIRST.replace("guest: {read", "user: {read").replace(SECRET, OTHER))
        assert await ordered(api) == (["auth.jwt"], [])
        assert (await api.get("/api/book", old)).status == 401
        assert await ids(api, new) == [1, 2]


async def test_limits_writing_and_origins_follow(databases: Databases, kind: DatabaseKind, file: Path) -> None:
    async with reloadable(databases.bookshop(kind), file) as api:
        tag = {"name": "not there before"}
        assert (await api.post("/api/tag", tag)).status == 404
        more = FIRST.replace("guest: {},", "guest: {limits: {max_rows: 1}},")
        more = more.replace("tables: {", "tables: {tag: {allow: {guest: {read: true, create: true}}}, ")
        rewritten(file, more + 'server: {cors: {origins: ["https://app.example"]}}\n')
        await ordered(api)
        assert await ids(api) == [1]
        assert (await api.post("/api/tag", tag)).status == 201
        reply = await api.get("/api/book", {"Origin": "https://app.example"})
        assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
        rewritten(file, FIRST)
        await ordered(api)
        assert (await api.post("/api/tag", tag)).status == 404
        assert await ids(api) == [1, 2]


async def test_names_and_relationships_follow(shop: str, file: Path) -> None:
    rewritten(file, AUTH + "tables: {'*': {allow: {guest: {read: true}}}}\n")
    async with reloadable(shop, file) as api:
        assert (await api.get("/api/category?include=children")).status == 422
        more = "relationships: {category.category: {rename: children}}\n"
        rewritten(file, AUTH + "tables: {'*': {allow: {guest: {read: true}}}, tag: {name: label}}\n" + more)
        await ordered(api)
        assert (await api.get("/api/category?include=children")).status == 200
        assert (await api.get("/api/label")).status == 200
        assert (await api.get("/api/tag")).status == 404


async def test_kept_answers_are_those_of_the_rules_that_hold(shop: str, file: Path) -> None:
    kept = "tables: {book: {cache: {ttl: 1h},"
    async with reloadable(shop, file) as api:
        assert hits(api) is None
        for text, expected in ((FIRST, [1, 2]), (SECOND, [3]), (FIRST, [1, 2])):
            rewritten(file, text.replace("tables: {book: {", kept))
            await ordered(api)
            for _ in range(2):
                assert await ids(api) == expected
        before = hits(api)
        assert before == 3
        rewritten(file, SECOND)
        await ordered(api)
        assert [await ids(api) for _ in range(2)] == [[3], [3]]
        assert hits(api) == before


def hits(api: Served) -> int | None:
    """Answers that were kept; None where none are."""
    keeping = api.running.keeping
    return None if keeping is None else keeping.cache.hits


# ── files ────────────────────────────────────────────────────────────────────────────────────

QUICK = "server: {watch: 50ms}\n"


def replaced(file: Path, text: str) -> None:
    """As editors do."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.rename(file)


def mounted(file: Path, text: str) -> None:
    """As Kubernetes does: a link to a folder is replaced."""
    number = len(list(file.parent.glob("..data_*")))
    folder = file.parent / f"..data_{number}"
    folder.mkdir()
    (folder / file.name).write_text(text)
    link = file.parent / "..link"
    link.symlink_to(folder.name)
    link.rename(file.parent / "..data")
    if not file.is_symlink():
        file.unlink()
        file.symlink_to(Path("..data", file.name))


@pytest.mark.parametrize("put", [rewritten, replaced, mounted])
async def test_a_file_that_changes_is_read(shop: str, file: Path, put: Callable[[Path, str], None]) -> None:
    put(file, FIRST + QUICK)
    async with reloadable(shop, file) as api:
        put(file, SECOND + QUICK)

        async def second() -> bool:
            return await ids(api) == [3]

        await until(second)
        put(file, "version: 1\ntabels: {}\n")

        async def degraded() -> bool:
            return bool((await api.get("/health/ready")).json["status"] == "degraded")

        await until(degraded)
        put(file, FIRST + QUICK)

        async def first() -> bool:
            return await ids(api) == [1, 2]

        await until(first)
        assert not await degraded()


async def test_a_secret_that_is_rotated_in_its_file_is_read(shop: str, file: Path) -> None:
    key = file.with_name("key")
    rewritten(key, SECRET)
    rewritten(
        file, FIRST.replace(f"secret: {SECRET}", "secret: 'file:key'").replace("guest: {read", "user: {read") + QUICK
    )
    async with reloadable(shop, file) as api:
        new = {"Authorization": f"Bearer {token(key=OTHER)}"}
        assert (await api.get("/api/book", new)).status == 401
        replaced(key, OTHER)

        async def rotated() -> bool:
            return (await api.get("/api/book", new)).status == 200

        await until(rotated)
        removed(key)

        async def degraded() -> bool:
            return bool((await api.get("/health/ready")).json["status"] == "degraded")

        await until(degraded)
        assert await rotated()
        rewritten(key, OTHER)

        async def ready() -> bool:
            return not await degraded()

        await until(ready)


SPOILT: dict[str, Callable[[Path], object]] = {
    "there is no such file; a path that does not begin with /": lambda key: key,
    "the file it names: is a folder, not a file": Path.mkdir,
    "the file it names: is no plain file": os.mkfifo,
    "the file it names: is too large for a secret": lambda key: key.write_text(OTHER * 3000),
    "the file it names: is not UTF-8 text": lambda key: key.write_text(OTHER, "utf-16"),
    "is an empty secret": lambda key: key.write_text("\n"),
    "is too short for a secret: at least 32 bytes": lambda key: key.write_text(OTHER[:20]),
}


async def test_a_secret_whose_file_cannot_be_used_leaves_the_old_one_in_force(
    shop: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = file.with_name("key")
    rewritten(key, f"\ufeff{SECRET}\r\n\n")
    rewritten(file, FIRST.replace(f"secret: {SECRET}", "secret: file:key").replace("guest: {read", "user: {read"))
    async with reloadable(shop, file) as api:
        old, new = ({"Authorization": f"Bearer {token(key=each)}"} for each in (SECRET, OTHER))
        for said, spoil in SPOILT.items():
            forgotten(key)
            spoil(key)
            reply = await api.post("/admin/reload", headers=ADMIN)
            [error] = reply.json["errors"]
            assert (reply.status, said in error["message"], error["pointer"]) == (422, True, f"{file}:3:17"), error
            assert await ids(api, old) == [1, 2]
            assert (await api.get("/health/ready")).json == {"status": "degraded"}
        forgotten(key)
        rewritten(key, OTHER)
        assert await ordered(api) == (["auth.jwt"], [])
        assert await ids(api, new) == [1, 2]
        assert (await api.get("/api/book", old)).status == 401
        assert OTHER[:20] not in caplog.text


def forgotten(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


async def test_a_file_is_left_alone_where_it_is_not_watched(shop: str, file: Path) -> None:
    rewritten(file, FIRST + "server: {watch: off}\n")
    async with reloadable(shop, file) as api:
        rewritten(file, SECOND)
        os.utime(file, (1, 1))
        await asyncio.sleep(0.3)
        assert await ids(api) == [1, 2]
        await ordered(api)
        assert await ids(api) == [3]


async def test_strictly_what_does_not_fit_is_refused(shop: str, file: Path) -> None:
    gone = FIRST.replace("tables: {", "tables: {gone: {allow: {guest: {read: true}}}, ")
    async with reloadable(shop, file, strict=True) as api:
        rewritten(file, gone)
        assert api.running.reloading is not None
        with pytest.raises(ConfigError, match="gone"):
            await api.running.reloading.reload()
        assert await ids(api) == [1, 2]


# ── sockets ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_open_sockets_live_under_the_new_rules(databases: Databases, kind: DatabaseKind, file: Path) -> None:
    url = databases.bookshop(kind)
    async with with_changes(url):
        await sockets_move(url, file, writer(url, databases.postgresql))


async def sockets_move(url: str, file: Path, write: Write) -> None:
    open_ = "tables: {tag: {allow: {guest: {read: %s}}}, category: {allow: {guest: {read: true}}}}\n"
    rewritten(file, AUTH + open_ % "true")
    async with reloadable(url, file) as api, connected(api) as socket:
        assert (await socket.follow("tag", "t"))["type"] == "ready"
        assert (await socket.follow("category", "c"))["type"] == "ready"
        rewritten(file, AUTH + open_ % "name != 'x'")
        await ordered(api)
        assert (await socket.next())["type"] == "resync"
        rewritten(file, AUTH + "tables: {category: {allow: {guest: {read: true}}}}\n")
        await ordered(api)
        frame = await socket.next()
        assert (frame["type"], frame["id"]) == ("error", "t")
        write("INSERT INTO tag (name) VALUES ('unheard')")
        write("INSERT INTO category (name) VALUES ('heard')")
        frame = await socket.next()
        assert (frame["type"], frame["id"]) == ("change", "c")
        await socket.silence()


async def test_a_socket_whose_credential_no_longer_holds_is_closed(shop: str, file: Path) -> None:
    async with reloadable(shop, file) as api:
        headers = {"Authorization": f"Bearer {token()}"}
        async with connected(api, headers) as held, connected(api) as guest:
            assert (await guest.ask(type="ping"))["type"] == "pong"
            rewritten(file, FIRST.replace(SECRET, OTHER))
            await ordered(api)
            assert (await held.closed())[0] == 4401
            assert (await guest.ask(type="ping"))["type"] == "pong"
            rewritten(file, FIRST.replace("  anonymous_role: guest\n", ""))
            await ordered(api)
            assert (await guest.closed())[0] == 4401


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_what_was_missed_is_told_by_the_new_rules(databases: Databases, kind: DatabaseKind, file: Path) -> None:
    """What a server remembers for those who come back was said under rules that no longer hold."""
    url = databases.bookshop(kind)
    async with with_changes(url):
        await missed_changes(url, file, writer(url, databases.postgresql))


async def missed_changes(url: str, file: Path, write: Write) -> None:
    tags = 'tables: {tag: {allow: {guest: {read: "%s", columns: %s}}}, category: {allow: {guest: {read: true}}}}\n'
    rewritten(file, AUTH + tags % ("True", "[name, description]"))
    async with reloadable(url, file) as api:
        async with connected(api) as before:
            cursor = (await before.follow("tag"))["cursor"]
            for name in ("seen", "unseen", "gone", "last"):
                write(f"INSERT INTO tag (name, description) VALUES ('{name}', 'told')")
            write("DELETE FROM tag WHERE name = 'gone'")
            assert [frame["key"]["name"] for frame in await before.changes(5)] == [
                "seen",
                "unseen",
                "gone",
                "last",
                "gone",
            ]
        rewritten(file, AUTH + tags % ("name not in ['unseen', 'gone']", "[name]"))
        await ordered(api)
        async with connected(api) as after:
            await after.follow("tag", since=cursor)
            told = await after.changes(2)
            assert [(frame["op"], frame["new"]) for frame in told] == [
                ("insert", {"name": "seen"}),
                ("insert", {"name": "last"}),
            ]
            write("DELETE FROM tag WHERE name = 'unseen'")
            write("DELETE FROM tag WHERE name = 'last'")
            assert [frame["key"] for frame in await after.changes(1)] == [{"name": "last"}]
        rewritten(file, AUTH + "tables: {category: {allow: {guest: {read: true}}}}\n")
        await ordered(api)
        async with connected(api) as closed:
            frame = await closed.ask(type="subscribe", id="1", table="tag", since=cursor)
            assert (frame["type"], frame["code"]) == ("error", "unknown_table")
            await closed.silence()
