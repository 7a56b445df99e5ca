"""Which words rules have, as docs/rules.md lists them: each line of its tables finds the promised rows on three databases."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reflector.access.rules_terms import WORDS
from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.access.rule_cases import ARTICLE, CLAIMS, MARIADB, MORE, OWN, PG, POLICIES, SQLITE, Case, Line
from tests.access.rule_table import HASURA, LANGUAGE
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, configured, served
from tests.server.test_jwt import SECRET, token

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
TABLES = {"The rule language": LANGUAGE, "The JSON form, and Hasura's words": HASURA}
LINES = (*LANGUAGE, *HASURA)
TYPES: Mapping[DatabaseKind, tuple[str, str, str, str]] = {
    PG: ("jsonb", "timestamptz", "timestamp", '"from"'),
    MARIADB: ("JSON", "TIMESTAMP(6) NULL DEFAULT NULL", "DATETIME(6)", "`from`"),
    SQLITE: ("JSON", "TIMESTAMPTZ", "TIMESTAMP", '"from"'),
}
"""Of documents, of moments with and without a zone, and how a column is written whose name is a word of SQL."""

PATHS: Mapping[str, str] = {"reader's note": "note"}


# ── the page ─────────────────────────────────────────────────────────────────────────────────


def lines_of(heading: str) -> list[tuple[str, ...]]:
    """The cells of the first table under a heading of the page, without its head."""
    [section] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    rows = re.search(r"^\|.*?\n(?!\|)", section, re.DOTALL | re.MULTILINE)
    assert rows is not None
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows[0].splitlines()[2:]]


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_says_what_is_tested_and_no_more(heading: str) -> None:
    assert lines_of(heading) == [line.cells for line in TABLES[heading]]


def pattern(words: str) -> str:
    """How a rule looks that has these words of the page: `…` and what is between parentheses may be anything."""
    if words.startswith("_"):
        return ".*".join(re.findall(r"\w+", words))
    return re.escape(words).replace("…", ".*").replace(r"\(\ \)", r"\(.*\)")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.cells[0])
def test_each_word_of_a_line_stands_in_a_rule_of_it(line: Line) -> None:
    said = [*(case.rule for case in line.cases), *(write.rule for write in line.writes)]
    rules = [rule if isinstance(rule, str) else json.dumps(rule) for rule in said]
    assert [
        words
        for words in re.findall("`([^`]+)`", line.cells[0])
        if not any(re.search(rf"(?<!\w){pattern(words)}(?!\w)", rule) for rule in rules)
    ] == []


# ── the databases ────────────────────────────────────────────────────────────────────────────


def script(kind: DatabaseKind) -> str:
    """The table of corners: moments an hour from now and days beside this one, as UTC has them."""
    json_, instant, moment, from_ = TYPES[kind]
    now, hour, day = datetime.now(UTC), timedelta(hours=1), timedelta(days=1)
    zone = "" if kind is MARIADB else "+00:00"
    past, future = (f"'{each:%Y-%m-%d %H:%M:%S}{zone}'" for each in (now - hour, now + hour))
    ago, ahead = (f"'{each:%Y-%m-%d %H:%M:%S}'" for each in (now - hour, now + hour))
    yesterday, today, tomorrow = (f"'{each:%Y-%m-%d}'" for each in (now - day, now, now + day))
    # A key and what refers to it have one collation; without a word MariaDB's versions differ in it.
    article = ARTICLE.replace("{alike}", " COLLATE utf8mb4_general_ci" if kind is MARIADB else "")
    for name, value in {
        "json": json_, "instant": instant, "moment": moment, "from": from_, "past": past, "future": future, "ago": ago,
        "ahead": ahead, "yesterday": yesterday, "today": today, "tomorrow": tomorrow,
    }.items():  # fmt: skip
        article = article.replace("{" + name + "}", value)
    return article + MORE[kind]


def run(databases: Databases, kind: DatabaseKind, url: str, sql: str) -> list[Any]:
    """What the SQL gives, without the product."""
    name = url.rpartition("/")[2]
    if kind is PG:
        return databases.postgresql().run(name, sql)
    if kind is MARIADB:
        return databases.mariadb().run(name, sql)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        if sql.startswith("SELECT"):
            return connection.execute(sql).fetchall()
        connection.executescript(sql)
        return []


@pytest.fixture(scope="module")
def articles(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Bookshops with the table of corners. PostgreSQL's clock shows a day that is mostly not UTC's."""
    urls = {kind: databases.bookshop(kind) for kind in KINDS}
    name = urls[PG].rpartition("/")[2]
    run(databases, PG, urls[PG], f"ALTER DATABASE {name} SET timezone TO 'Pacific/Kiritimati'")
    for kind, url in urls.items():
        run(databases, kind, url, script(kind))
    return urls


# ── the rules ────────────────────────────────────────────────────────────────────────────────


def role(case: object) -> str:
    return f"role{id(case)}"


def config(allowed: Mapping[str, Mapping[str, Any]], claims: tuple[str, ...] = OWN) -> str:
    """Tables with the rights that a role has: each rule is a role's of its own."""
    jwt = {"secret": SECRET, "audience": "api", "issuer": "https://id.example", "role_claim": "roles"}
    roles: dict[str, Any] = {name: {} for names in allowed.values() for name in names}
    tables: dict[str, Any] = {table: {"allow": names} for table, names in allowed.items()}
    for table, name in PATHS.items():
        tables.setdefault(table, {})["name"] = name
    said = {
        "auth": {"claims": list(claims), "jwt": {**jwt, "namespace": "https://hasura.io/jwt/claims"}},
        "roles": roles,
        "policies": POLICIES,
        "tables": tables,
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in said.items() if value)


def bearer(name: str) -> dict[str, str]:
    claims: dict[str, Any] = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": name}
    sessions = {key: value for key, value in CLAIMS.items() if key.startswith("x-hasura-")}
    return {"Authorization": f"Bearer {token({**claims, **CLAIMS, 'https://hasura.io/jwt/claims': sessions})}"}


def readers(cases: list[Case]) -> dict[str, dict[str, Any]]:
    allowed: dict[str, dict[str, Any]] = {}
    for case in cases:
        allowed.setdefault(case.table, {})[role(case)] = {"read": {"filter": case.rule}}
    return allowed


async def seen(api: Served, case: Case) -> set[int]:
    reply = await api.get(f"/api/{PATHS.get(case.table, case.table)}?fields=id&limit=1000", bearer(role(case)))
    assert (case.rule, reply.status) == (case.rule, 200), reply.body
    return {row["id"] for row in reply.json["items"]}


def promised(databases: Databases, kind: DatabaseKind, url: str, cases: list[Case]) -> list[set[int]]:
    """The keys each case is to find, of which SQL finds most in one statement; after them those of all rows of its table."""
    wheres = [(case.table, case.promised) for case in cases] + [(case.table, "TRUE") for case in cases]
    selects = [
        f'SELECT {number}, id FROM "{table}" WHERE {where}'
        for number, (table, where) in enumerate(wheres)
        if isinstance(where, str)
    ]
    sql = " UNION ALL ".join(selects)
    found = [set[int](where if isinstance(where, frozenset) else ()) for _, where in wheres]
    for number, key in run(databases, kind, url, sql.replace('"', "`") if kind is MARIADB else sql):
        found[number].add(key)
    return found


async def test_each_line_finds_the_rows_it_promises(
    databases: Databases, articles: Mapping[DatabaseKind, str], kind: DatabaseKind
) -> None:
    cases = [case for line in LINES for case in line.cases if kind in case.on]
    wanted = promised(databases, kind, articles[kind], cases)
    async with served(articles[kind], config(readers(cases)), strict=True) as api:
        found = [await seen(api, case) for case in cases]
    told = [(case.rule, sorted(rows)) for case, rows in zip(cases, found, strict=True)]
    assert told == [(case.rule, sorted(rows)) for case, rows in zip(cases, wanted[: len(cases)], strict=True)]
    # A rule that shows nothing, or everything, would not tell whether it was kept.
    every = wanted[len(cases) :]
    assert [case.rule for case, rows, whole in zip(cases, found, every, strict=True) if not rows or rows == whole] == []


async def test_what_a_line_promises_elsewhere_alone_is_refused(articles: Mapping[DatabaseKind, str]) -> None:
    [line] = [line for line in HASURA if "not on SQLite" in line.cells]
    for case in line.cases:
        assert SQLITE not in case.on
        with pytest.raises(ConfigError, match="SQLite looks for no regular expressions"):
            async with served(articles[SQLITE], config(readers([case])), strict=True):
                pass


async def test_a_check_judges_the_row_as_it_was_written(
    articles: Mapping[DatabaseKind, str], kind: DatabaseKind
) -> None:
    writes = [write for line in LINES for write in line.writes]
    rights = {
        role(each): {
            "read": True,
            "create": {"check": each.rule},
            "update": {"filter": True, "check": each.rule},
            "delete": True,
        }
        for each in writes
    }
    async with served(articles[kind], config({"article": rights, "team": {}}), strict=True) as api:
        for each in writes:
            headers = bearer(role(each))
            for price in each.refused:
                refused = await api.post("/api/article", {"id": 100, "price": price}, headers)
                assert (each.rule, price, refused.status, refused.code) == (each.rule, price, 403, "check_refused")
            for price in each.allowed:
                made = await api.post("/api/article", {"id": 100, "price": price}, headers)
                assert (each.rule, price, made.status) == (each.rule, price, 201), made.body
                for other in each.refused:
                    refused = await api.patch("/api/article/100", {"price": other}, headers)
                    assert (each.rule, other, refused.status, refused.code) == (each.rule, other, 403, "check_refused")
                for other in each.allowed:
                    assert (await api.patch("/api/article/100", {"price": other}, headers)).status == 200
                assert (await api.delete("/api/article/100", headers)).status == 204


# ── what the page says of single lines ───────────────────────────────────────────────────────


def test_claims_of_ones_own_are_named_first(articles: Mapping[DatabaseKind, str]) -> None:
    """Those of the page's example, which `auth.claims` makes known."""
    for claim in ("orgs", "https://x/y"):
        cases = [Case("book", f'publisher_code == claims["{claim}"]', "")]
        configured(articles[SQLITE], config(readers(cases), (claim,)))
        with pytest.raises(ConfigError, match=f"nothing says that callers have a claim '{claim}'"):
            configured(articles[SQLITE], config(readers(cases), ()))


def test_no_policy_is_called_like_a_word_of_the_language(articles: Mapping[DatabaseKind, str]) -> None:
    words = {*WORDS, *map(str.upper, WORDS), *map(str.title, WORDS)}
    said = config({"book": {"reader": {"read": True}}})
    said = said.replace(json.dumps(POLICIES), json.dumps(dict.fromkeys(words, "in_print")))
    with pytest.raises(ConfigError) as refused:
        configured(articles[SQLITE], said)
    told = str(refused.value)
    assert [each for each in sorted(words) if f"'{each}' is a word of the rule language" not in told] == []


async def test_new_stands_in_checks_alone(articles: Mapping[DatabaseKind, str]) -> None:
    for right in ({"read": "new.price < 100"}, {"read": True, "update": {"filter": "new.price < 100"}}):
        with pytest.raises(ConfigError, match="new is the row being written: it stands in checks alone"):
            async with served(articles[SQLITE], config({"article": {"reader": right}}), strict=True):
                pass
