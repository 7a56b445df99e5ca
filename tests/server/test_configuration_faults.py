"""Every kind of mistake in a configuration, made to the running product on every database.

    REFUSED    `check` refuses, `serve` does not start, and a server that reads it again serves on with what it had
    CLOSES     `check` and `serve --strict` refuse; elsewhere the table alone is closed, to everybody, at every API
    LEFT_OUT   the same without a table that would have to be closed
    CHECKED    `check` alone refuses

What is told is the same everywhere: one complaint, where the mistake is, with the nearest name.
"""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.commands.check import check, to_check
from server.config import ConfigError, Flags, load
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.server.configuration_faults import FAULTS, MARK, RIGHT, SCHEMA, Fault
from tests.server.harness import Served, ServedProcess, reflector, reloadable

ADMIN = {"X-Reflector-Admin-Secret": "the-administrators-secret-is-forty-letters"}
BOOKS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("/api/books?fields=id&sort=id", lambda body: body["items"]),
    ("/rest/v1/book?select=id&order=id", lambda body: body),
    ("/graphql?query={books(order_by:{id:asc}){id}}", lambda body: body["data"]["books"]),
)
CLOSED = "table is closed: one of its rules does not fit the database"
TYPE = re.compile(
    r"\b(decimal|numeric|varchar|character varying|integer|int)(\([0-9,]+\))?(?= is compared|, (not|of which))",
    re.IGNORECASE,
)
SEEN = [{"id": 1}, {"id": 3}]


@pytest.fixture(scope="module")
def of_kind(databases: Databases) -> Callable[[DatabaseKind], str]:
    """The URL of a database of a kind, made once."""
    made: dict[DatabaseKind, str] = {}

    def url(kind: DatabaseKind) -> str:
        if kind not in made:
            made[kind] = databases.lasting(databases.database(kind, SCHEMA))
        return made[kind]

    return url


@pytest.fixture
def url(of_kind: Callable[[DatabaseKind], str], kind: DatabaseKind) -> str:
    return of_kind(kind)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    put(path, RIGHT)
    put(tmp_path / "short-secret", "short\n")
    return path


def put(file: Path, text: str) -> None:
    file.write_text(text)


def fill(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def all_of(*headings: str) -> list[Fault]:
    return [fault for heading in headings for fault in FAULTS[heading]]


def alike(told: str) -> str:
    """What is told, whatever the database calls its types."""
    return TYPE.sub("A TYPE", told)


def faulty(fault: Fault, told: list[str], file: Path) -> str | None:
    """What is wrong with what was told of a mistake, None for nothing."""
    expected = alike(f"{file}:{fault.place}: {fault.told}")
    complaints = [alike(each) for each in told if ": warning: " not in each]
    if expected in complaints and (fault.besides or len(complaints) == 1):
        return None
    return f"\nexpected {expected}\n" + "\n".join(f"told     {each}" for each in told)


# ── check ────────────────────────────────────────────────────────────────────────────────────


async def checked(file: Path, url: str) -> list[str]:
    """What `reflector check` says of a file."""
    config, known = to_check(file, {}, Flags(url=url))
    try:
        await check(config, lambda _: None, known)
    except ConfigError as refused:
        return [str(each) for each in refused.complaints]
    return []


async def test_every_mistake_is_told_once_where_it_is(url: str, file: Path, kind: DatabaseKind) -> None:
    assert await checked(file, url) == []
    wrong, every = [], all_of(*FAULTS)
    # What a server tells below of each on each database is not asked everywhere again.
    for fault in every if kind is DatabaseKind.SQLITE else (*every[::4], *all_of("LEFT_OUT", "CHECKED")):
        put(file, fault.text)
        try:
            told = await checked(file, url)
        except ConfigError as refused:
            told = [str(each) for each in refused.complaints]
        wrong.append(faulty(fault, told, file))
    assert "".join(filter(None, wrong)) == ""


def loaded(file: Path, url: str) -> list[str]:
    """What a server would say of a file by itself."""
    with pytest.raises(ConfigError) as refused:
        load(file, {}, Flags(url=url))
    return [str(each) for each in refused.value.complaints]


@pytest.mark.parametrize(
    "tests",
    [
        "[{}]",
        "[{as: guest}]",
        "[{name: x}]",
        "[{tests: [{}]}]",
        "[{tests: []}]",
        "[{given: {review: [{id: 1}]}}]",
        "[{read: book, rows: 1}, {as: guest, rows: 2}]",
        "[{read: book, delete: book}]",
        "[{create: book}]",
        "[{update: book, sets: {id: 1}}]",
        "[{aggregate: book}]",
    ],
)
async def test_a_test_that_says_too_little_is_told_as_a_server_tells_it(url: str, file: Path, tests: str) -> None:
    put(file, f"{RIGHT}tests: {tests}\n")
    assert await checked(file, url) == loaded(file, url) != []


async def test_who_decides_by_a_database_that_cannot_hears_of_everything(
    of_kind: Callable[[DatabaseKind], str], kind: DatabaseKind, file: Path
) -> None:
    text = (
        "version: 1\nauth: {enforce: database, jwt: {secret: short}}\npostgrest: {db_config: true}\n"
        "database: {exclude: [leftovers]}\nroles: {guest: {}}\ntables: {bok: {allow: {gest: {read: true}}}}\n"
    )
    put(file, text)
    known = loaded(file, of_kind(kind))
    assert any("auth.jwt.secret: is too short" in each for each in known)
    assert any("is for PostgreSQL" in each for each in known) is (kind is not DatabaseKind.POSTGRESQL)
    told = await checked(file, of_kind(kind))
    assert set(known) <= set(told)
    assert not any("could not do this" in each for each in told)
    assert any("no table matches 'leftovers'" in each for each in told) is (kind is DatabaseKind.POSTGRESQL)


# ── serving on ───────────────────────────────────────────────────────────────────────────────


async def reloaded(api: Served) -> list[str]:
    """What an administrator's order is answered, if it is refused: every complaint."""
    reply = await api.post("/admin/reload", headers=ADMIN)
    assert reply.status in {200, 422}, reply.body
    errors = reply.json.get("errors", ())
    return [
        f"{each['pointer']}: {each['message']}" + (f"; {each['hint']}" if "hint" in each else "") for each in errors
    ]


async def served(api: Served) -> list[Any]:
    """What a guest is answered of books, by each API: rows, or status and code."""
    found = []
    for path, inside in BOOKS:
        reply = await api.get(path, {"Accept": "application/json"})
        body = reply.json
        refused = reply.status != 200 or "errors" in body
        found.append((reply.status, json.dumps(body)) if refused else inside(body))
    return found


async def test_what_is_refused_leaves_in_force_what_was_served(url: str, file: Path) -> None:
    async with reloadable(url, file) as api:
        assert await served(api) == [SEEN] * 3
        wrong = []
        for fault in all_of("REFUSED"):
            put(file, fault.text)
            told = await reloaded(api)
            wrong.append(faulty(fault, told, file))
            ready = (await api.get("/health/ready", ADMIN)).json
            assert ready["status"] == "degraded", fault
            assert ready["configuration"]["refused"] == told, fault
            assert (await api.get("/health/ready")).json == {"status": "degraded"}
            assert (await api.get("/api/books?fields=id&sort=id")).json["items"] == SEEN, fault
        assert "".join(filter(None, wrong)) == ""
        assert await served(api) == [SEEN] * 3
        put(file, RIGHT)
        assert await reloaded(api) == []
        assert (await api.get("/health/ready")).json == {"status": "ready"}


async def test_what_does_not_fit_closes_its_table_alone_at_every_api(url: str, file: Path) -> None:
    async with reloadable(url, file) as api, connected(api) as socket:
        for fault in all_of("CLOSES"):
            put(file, fault.text)
            assert await reloaded(api) == [], fault
            assert [status for status, _ in await served(api)] == [503, 503, 200], fault
            for _, body in await served(api):
                assert CLOSED in body, (fault, body)
            assert (await api.get("/api/publisher")).status == 200 or "published and" in fault.old, fault
            assert (await api.get("/api/review")).status == 200, fault
            ready = (await api.get("/health/ready", ADMIN)).json
            assert ready["status"] == "degraded", fault
            told = [alike(each) for each in ready["configuration"]["closed"]]
            assert any(each.startswith(alike(f"{file}:{fault.place}: {fault.told}")) for each in told), (fault, told)
        frame = await socket.ask(type="subscribe", id="1", table="books")
        assert (frame["type"], frame["code"]) == ("error", "rule_unbound"), frame
        for fault in all_of("LEFT_OUT", "CHECKED"):
            put(file, fault.text)
            assert await reloaded(api) == [], fault
            assert await served(api) == [SEEN] * 3, fault
            status = "degraded" if fault in FAULTS["LEFT_OUT"] else "ready"
            assert (await api.get("/health/ready")).json == {"status": status}, fault


# ── what a file is made of ───────────────────────────────────────────────────────────────────

OTHER = RIGHT.replace("max_rows: 50", "max_rows: 1")
CONTENTS: dict[str, tuple[bytes, str | None]] = {
    "a mark of its encoding": (b"\xef\xbb\xbf" + OTHER.encode(), None),
    "lines that end as on Windows": (OTHER.replace("\n", "\r\n").encode(), None),
    "an end without a new line": (OTHER.rstrip().encode(), None),
    "an end that is marked": (f"---\n{OTHER}...\n".encode(), None),
    "a number of YAML 1.2": (RIGHT.replace("max_rows: 50", "max_rows: 0x1").encode(), None),
    "a tab": (RIGHT.replace("  admin_role", "\tadmin_role").encode(), "5:1: this is not YAML: found a tab character"),
    "two documents": (
        (RIGHT + "---\n" + RIGHT).encode(),
        "49:1: this is not YAML: the file holds more than one document",
    ),
    "another encoding": (RIGHT.encode("utf-16"), "1:1: the file is not UTF-8"),
    "a letter of another encoding": (RIGHT.encode().replace(b"admin\n", b"\xe9\n", 1), "5:1: the file is not UTF-8"),
    "nothing": (b"", "1:1: the file is empty; the least it may say is: version: 1"),
    "half of it": (RIGHT.encode()[:300], "11:1: this is not YAML: "),
    "a mebibyte": (b"#" * 2**20 + b"\n" + RIGHT.encode(), "1:1: the file is larger than 1024 KiB"),
    "a merge key": (
        RIGHT.replace("roles:\n", "roles:\n  <<: {}\n").encode(),
        '16:3: roles."<<": unknown setting; merge keys',
    ),
    "a tag": (
        RIGHT.replace("max_rows: 50", "max_rows: !!int 50").encode(),
        "16:30: roles.guest.limits.max_rows: has a YAML tag",
    ),
}


async def test_a_file_is_read_as_it_is_meant_or_refused(databases: Databases, file: Path) -> None:
    async with reloadable(databases.database(DatabaseKind.SQLITE, SCHEMA), file) as api:
        for name, (content, said) in CONTENTS.items():
            fill(file, content)
            told = await reloaded(api)
            if said is None:
                assert told == [], name
                assert (await api.get("/api/books?fields=id&sort=id")).json["items"] == SEEN[:1], name
            else:
                assert told[:1] == [each for each in told if each.startswith(f"{file}:{said}")][:1] != [], (name, told)
            put(file, RIGHT)
            assert await reloaded(api) == []
            assert await served(api) == [SEEN] * 3, name


# ── programs ─────────────────────────────────────────────────────────────────────────────────

SOME = [
    *(FAULTS["REFUSED"][number] for number in (1, 11, 33)),
    next(fault for fault in FAULTS["REFUSED"] if fault.new == f"own: owner_id == {MARK}claims.subb"),
]
"""Of the file alone, of roles, of the database, of rules, of claims."""
STRICTLY = [FAULTS["CLOSES"][0]]


@pytest.mark.parametrize("fault", [*SOME, *STRICTLY], ids=lambda fault: fault.new.splitlines()[0].strip())
def test_neither_check_nor_serve_begins(url: str, file: Path, fault: Fault) -> None:
    put(file, fault.text)
    strictly = ("--strict",) if fault in STRICTLY else ()
    for arguments in (("check", url), ("serve", url, "--port", "0", *strictly)):
        status, out, err = reflector(*arguments, "--config", str(file), folder=file.parent)
        assert (status, out) == (2, ""), err
        assert faulty(fault, err.splitlines(), file) is None, err


def test_a_mistake_is_noticed_in_the_file_and_by_a_signal(url: str, file: Path) -> None:
    quick, never = "server: {watch: 50ms}\n", "server: {watch: off}\n"
    put(file, RIGHT + quick)
    with ServedProcess("serve", url, "--port", "0", "--config", str(file), folder=file.parent) as process:
        base = process.wait_until_it_serves()
        for fault in SOME:
            put(file, fault.text + quick)
            refused(process, fault, file)
            assert asked(base) == ("degraded", SEEN)
        put(file, RIGHT + never)
        process.wait_until_it_says("the configuration was read again: server.watch")
        assert asked(base) == ("ready", SEEN)
        for fault in SOME:
            put(file, fault.text + never)
            process.signal(signal.SIGHUP)
            refused(process, fault, file)
            assert asked(base) == ("degraded", SEEN)
        put(file, RIGHT + never)
        process.signal(signal.SIGHUP)
        process.wait_until_it_says("the configuration was read again: nothing has changed")
        assert asked(base) == ("ready", SEEN)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def refused(process: ServedProcess, fault: Fault, file: Path) -> None:
    process.wait_until_it_says(f"the configuration is refused, the one before it serves on: {file}:{fault.place}: ")


def asked(base: str) -> tuple[str, list[Any]]:
    """How ready a server says that it is, and which books it serves."""
    with urllib.request.urlopen(f"{base}/health/ready", timeout=20) as ready:
        status = json.load(ready)["status"]
    with urllib.request.urlopen(f"{base}/api/books?fields=id&sort=id", timeout=20) as books:
        return status, json.load(books)["items"]
