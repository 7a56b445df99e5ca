"""Whatever a table, a column or a constraint is called, and whatever a text holds: the whole API, held against plain SQL.

For each name there is a table of that name with a column of that name, unique, checked, and referring to one table
that has a column of every name.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import asyncpg
import pymysql
import pytest
from yarl import URL

from reflector.catalog.model import DatabaseKind
from server.apis.resource.parameters import RESERVED
from tests.bookshops import KINDS, Databases
from tests.properties.asking import Api, asking

COMMON = (
    "quote's",
    'double"quote',
    "back`tick",
    "brack]et",
    "[x]",
    "%s",
    "%(p0)s",
    "100%",
    ":x",
    "?",
    "$1",
    "back\\slash",
    "\\",
    "a b",
    " led by a space",
    "ünïcode",
    "日本",
    "é" * 31,
    "x" * 63,
    "select",
    "order",
    "r",
    "page",
    "body",
    "t0",
    "key 0",
    "_and",
    "limit",
    "filter",
    "sort",
    "document",
    "listed",
    "a__eq",
    "a.b",
    "a,b",
    "a/b",
    "a&b=c",
    "a+b",
    "#",
    "-minus",
    "*",
    "{x}",
    "{0}",
    "\ue000",
    "; DROP TABLE hub; --",
    "/* ",
    "'",
    '"',
    "''",
)
NAMES: Mapping[DatabaseKind, tuple[str, ...]] = {
    DatabaseKind.POSTGRESQL: (*COMMON, "Case", "case", "ends in a space ", "🙂", "ctid2", "oid2"),
    # MariaDB itself takes the spaces that begin a name off wherever it derives one table from another.
    DatabaseKind.MARIADB: (*[name.strip() for name in COMMON], "y" * 64),
    DatabaseKind.SQLITE: (*COMMON, "Case", "ends in a space ", "🙂", "z" * 300, "rowid"),
}
COMBINING = frozenset({"_and", "_or", "_not"})
"""Columns of these names are not reached in the JSON form, as those of reserved words are not reached but in it."""
MARKS = ("plain", 'it\'s "x" `y` \\ %s %(p0)s :x ? $1 {x} 日本 100%', "")
"""Texts that every table gets."""


# ── plain SQL ────────────────────────────────────────────────────────────────────────────────


class Plain(Protocol):
    """The same database, without any of our code."""

    def rows(self, statement: str) -> list[tuple[Any, ...]]: ...


class PlainSQLite:
    def __init__(self, url: str) -> None:
        self.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(statement))


class PlainPostgreSQL:
    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return asyncio.run(self._rows(statement))

    async def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()


class PlainMariaDB:
    def __init__(self, url: str) -> None:
        parts = URL(url)
        self.connection = pymysql.connect(
            host=parts.host or "", port=parts.port or 0, user=parts.user, database=parts.path[1:], autocommit=True
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


PLAIN: Mapping[DatabaseKind, Any] = {
    DatabaseKind.POSTGRESQL: PlainPostgreSQL,
    DatabaseKind.MARIADB: PlainMariaDB,
    DatabaseKind.SQLITE: PlainSQLite,
}


def quoted(kind: DatabaseKind, name: str) -> str:
    mark = "`" if kind is DatabaseKind.MARIADB else '"'
    return mark + name.replace(mark, mark * 2) + mark


def literal(kind: DatabaseKind, text: str) -> str:
    escaped = text.replace("\\", "\\\\") if kind is DatabaseKind.MARIADB else text
    return "'" + escaped.replace("'", "''") + "'"


def cut(prefix: str, name: str, kind: DatabaseKind) -> str:
    """A constraint's name with the marks of the table's, as long as the database takes."""
    most = {DatabaseKind.POSTGRESQL: 63, DatabaseKind.MARIADB: 64}.get(kind, 1000)
    return (prefix + name).encode()[:most].decode(errors="ignore").rstrip()


def statements(kind: DatabaseKind) -> Iterator[str]:
    text = "varchar(200) COLLATE utf8mb4_bin" if kind is DatabaseKind.MARIADB else "varchar(200)"
    collated = text + (' COLLATE "C"' if kind is DatabaseKind.POSTGRESQL else "")
    columns = "".join(f", {quoted(kind, name)} {text}" for name in NAMES[kind])
    yield f"CREATE TABLE hub (id integer NOT NULL PRIMARY KEY{columns})"
    values = "".join(f", {literal(kind, name)}" for name in NAMES[kind])
    yield f"INSERT INTO hub VALUES (1{values})"
    for name in NAMES[kind]:
        own = quoted(kind, name)
        marks = ("u'\"`%s ", "c'\"`%s ", "f'\"`%s ")
        unique, check, refers = (quoted(kind, cut(mark, name, kind)) for mark in marks)
        yield (
            f"CREATE TABLE {own} (id integer NOT NULL PRIMARY KEY, {own} {collated} NOT NULL, hub_id integer,"
            f" CONSTRAINT {unique} UNIQUE ({own}), CONSTRAINT {check} CHECK ({own} <> 'forbidden'),"
            f" CONSTRAINT {refers} FOREIGN KEY (hub_id) REFERENCES hub (id))"
        )


# ── one server each ──────────────────────────────────────────────────────────────────────────


class Evil:
    """A database full of such names, served, and the same in plain SQL."""

    def __init__(self, kind: DatabaseKind, api: Api, plain: Plain) -> None:
        self.kind, self.api, self.plain = kind, api, plain

    def kept(self, name: str) -> list[tuple[Any, ...]]:
        own = quoted(self.kind, name)
        return [tuple(row) for row in self.plain.rows(f"SELECT id, {own}, hub_id FROM {own} ORDER BY id")]

    def relationship(self, source: str, target: str) -> str:
        """The name of the relationship between two tables."""
        catalog = self.api.served.running.engine.snapshot.catalog
        related = catalog.relationships[catalog.tables[source]]
        return next(name for name, each in related.items() if each.target.name == target)


@pytest.fixture(scope="module", params=KINDS, ids=str)
def evil(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Evil]:
    kind: DatabaseKind = request.param
    url = databases.database(kind, "CREATE TABLE made_first (id integer PRIMARY KEY);")
    plain = PLAIN[kind](url)
    for statement in statements(kind):
        plain.rows(statement)
    with asking(url, writable=True) as api:
        yield Evil(kind, api, plain)


def test_every_name_is_there(evil: Evil) -> None:
    tables = {each["name"]: each for each in evil.api.told("GET", "/api")["items"]}
    assert {"hub", *NAMES[evil.kind]} <= set(tables)
    hub = evil.api.told("GET", "/api/hub/1")
    assert hub == {"id": 1, **{name: name for name in NAMES[evil.kind]}}
    document = evil.api.told("GET", "/openapi.json")
    assert all(
        f"/api/{quote(name, safe='')}" in json.dumps(document, ensure_ascii=False) for name in ("r", "a%20b")[:1]
    )
    for name in NAMES[evil.kind]:
        assert evil.api.told("GET", tables[name]["url"])["items"] == []


@pytest.mark.parametrize("place", range(max(map(len, NAMES.values()))))
def test_a_table_of_any_name_is_written_read_and_paged(evil: Evil, place: int) -> None:
    names: Sequence[str] = NAMES[evil.kind]
    if place < len(names):
        whole_life(evil, names[place])


def whole_life(evil: Evil, name: str) -> None:
    api, path = evil.api, f"/api/{quote(name, safe='')}"
    rows = {number: text for number, text in enumerate((*MARKS, name), start=1) if name != text or number > len(MARKS)}
    for number, text in rows.items():
        made = api.ask("POST", path, json.dumps({"id": number, name: text, "hub_id": 1}))
        assert (made.status, made.json) == (201, {"id": number, name: text, "hub_id": 1}), made.body
        assert api.told("GET", made.headers["Location"]) == made.json
    assert evil.kept(name) == [(number, text, 1) for number, text in rows.items()]
    together = [{"id": number + 100, name: f"{text}\\'%s", "hub_id": 1} for number, text in rows.items()]
    several = api.ask("POST", path, json.dumps(together[::-1]))
    assert (several.status, several.json) == (201, {"items": together[::-1]}), several.body
    for row in together:
        assert api.ask("DELETE", f"{path}/{row['id']}").status == 204
    found_and_paged(evil, name, path, rows)
    related(evil, name, path, rows)
    refused(evil, name, path, rows)
    for number, text in rows.items():
        changed = api.told("PATCH", f"{path}/{number}", json.dumps({name: f"{text}%'"}))
        assert changed == {"id": number, name: f"{text}%'", "hub_id": 1}
    assert evil.kept(name) == [(number, f"{text}%'", 1) for number, text in rows.items()]
    for number in rows:
        assert api.ask("DELETE", f"{path}/{number}").status == 204
    assert evil.kept(name) == []


def found_and_paged(evil: Evil, name: str, path: str, rows: Mapping[int, str]) -> None:
    api = evil.api
    for number, text in rows.items():
        for where in (
            ()
            if name in COMBINING
            else (
                {name: {"_eq": text}},
                {name: text},
                {name: {"_in": [text, "nothing"]}},
                {"_and": [{name: {"_startswith": text}}, {name: {"_lte": text}}]},
            )
        ):
            found = api.told("GET", f"{path}?filter={quote(json.dumps(where))}")["items"]
            assert [row["id"] for row in found] == [number], where
    if name not in RESERVED and not name.endswith("]"):
        text = rows[2]
        assert [row["id"] for row in api.told("GET", f"{path}?{quote(name, safe='')}={quote(text)}")["items"]] == [2]
        contains = f"{path}?{quote(name, safe='')}__contains={quote(text[3:9])}"
        assert 2 in [row["id"] for row in api.told("GET", contains)["items"]]
    if "," not in name and name != "*":  # a comma ends an entry, and a star is every column
        asked = quote(name, safe="")
        assert api.told("GET", f'{path}?fields={asked}&filter={{"id":2}}')["items"] == [{name: rows[2]}]
        for sort in (asked, f"-{asked}"):
            wanted = sorted(
                rows, key=lambda number: rows[number].encode(), reverse=sort.startswith("-") and sort != asked
            )
            assert paged(api, f"{path}?sort={sort}&limit=2&fields=id") == wanted
            assert paged(api, f"{path}?sort=hub.id,{sort}&limit=2&fields=id") == wanted


def paged(api: Api, path: str) -> list[int]:
    found: list[int] = []
    following: str | None = path
    while following is not None:
        answer = api.told("GET", following)
        found += [row["id"] for row in answer["items"]]
        following = answer["page"]["next"]
    return found


def related(evil: Evil, name: str, path: str, rows: Mapping[int, str]) -> None:
    api = evil.api
    hub = api.told("GET", "/api/hub/1")
    assert api.told("GET", f"{path}/1?include=hub") == {"id": 1, name: rows[1], "hub_id": 1, "hub": hub}
    if name not in COMBINING:
        found = api.told("GET", f"{path}?filter={quote(json.dumps({'hub': {name: name}}))}")["items"]
        assert len(found) == len(rows)
    back = evil.relationship("hub", name)
    if not {".", ","} & set(back):
        items = api.told("GET", f"/api/hub/1?fields=id&include={quote(back, safe='')}")[back]
        assert items == [{"id": number, name: text, "hub_id": 1} for number, text in rows.items()]
    where = quote(json.dumps({back: {"hub_id": 1}}))
    assert [row["id"] for row in api.told("GET", f"/api/hub?fields=id&filter={where}")["items"]] == [1]


def refused(evil: Evil, name: str, path: str, rows: Mapping[int, str]) -> None:
    """What the database refuses is told in our words, whatever the constraint is called."""
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    for body, status, code, where in (
        ({"id": 90, name: rows[1]}, 409, "unique_violation", pointer),
        ({"id": 1, name: "other"}, 409, "unique_violation", "/id"),
        ({"id": 90, name: "forbidden"}, 422, "check_violation", None),
        ({"id": 90, name: "other", "hub_id": 9}, 409, "foreign_key_violation", "/hub_id"),
        ({"id": 90, name: None}, 422, "invalid_value", pointer),
        ({"id": 90}, 422, "invalid_value", pointer),
        ({"id": 90, name: "x" * 201}, 422, "invalid_value", pointer),
        ({"id": 90, name: "x", name + "?": "x"}, 422, "unknown_column", None),
    ):
        if evil.kind is DatabaseKind.SQLITE and (len(str(body.get(name))) > 200 or code == "foreign_key_violation"):
            continue  # it keeps longer texts, and does not say which foreign key was broken
        reply = evil.api.ask("POST", path, json.dumps(body))
        assert (reply.status, reply.code) == (status, code), (body, reply.body)
        if where is not None and not (code == "unique_violation" and "." in name):  # databases say `table.column`
            assert reply.json["errors"][0].get("pointer") == where, reply.body
    assert len(evil.kept(name)) == len(rows)
