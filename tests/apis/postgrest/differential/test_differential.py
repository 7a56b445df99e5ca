"""The same requests give the same answers on PostgreSQL, MariaDB and SQLite, and leave the same rows behind."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest_asyncio

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import workshop
from tests.apis.postgrest.compliance.case import PLAIN
from tests.apis.postgrest.differential.shapes import DIFFERENT, Different, Question, questions
from tests.apis.postgrest.differential.writes import (
    AFTERWARDS,
    DIFFERENT_KEPT,
    DIFFERENT_WRITES,
    KEPT,
    writes,
)
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served

QUESTIONS, WRITES = questions(), writes()
CONFIG = "postgrest: {db_aggregates_enabled: true}"
WRITTEN = "postgrest: {db_aggregates_enabled: true, db_tx_end: commit-allow-override}"
COMPARED = ("Content-Range", "Content-Type", "Content-Location", "Location", "Preference-Applied", "Vary", "Allow")


@pytest_asyncio.fixture
async def three(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Mapping[DatabaseKind, Served]]:
    async with AsyncExitStack() as stack:
        yield {kind: await stack.enter_async_context(served(shops[kind], CONFIG)) for kind in KINDS}


async def answer(api: Served, question: Question) -> tuple[Any, ...]:
    """What is compared of an answer."""
    path = f"/rest/v1/{quote(question.address, safe=PLAIN)}"
    body = question.body
    data = body if isinstance(body, bytes) else None if body is ... else json.dumps(body).encode()
    headers = question.headers if data is None else {"Content-Type": "application/json", **question.headers}
    reply = await api.request(question.method, path, headers, data=data)
    is_json = reply.headers.get("Content-Type", "").partition(";")[0].endswith("json")
    body = json.loads(told(reply.body.decode())) if is_json and reply.body else reply.body.decode()
    return (reply.status, body, *(reply.headers.get(name) for name in COMPARED))


def told(text: str) -> str:
    """An answer without the names that are the database's: of the schema, of enums, of whole numbers' widths."""
    text = re.sub(r"(input value for enum )\w+", r"\1it", re.sub(r"(for type )bigint", r"\1integer", text))
    return re.sub(r"'(?:main|(?:database|bookshop)_\d+)(['.])", r"'public\1", text)


@pytest_asyncio.fixture
async def workshops(databases: Databases) -> AsyncIterator[Mapping[DatabaseKind, Served]]:
    """Three of their own, to write into."""
    async with AsyncExitStack() as stack:
        made = {kind: databases.database(kind, workshop.script(kind)) for kind in KINDS}
        yield {kind: await stack.enter_async_context(served(made[kind], WRITTEN, writable=True)) for kind in KINDS}


async def compare(
    three: Mapping[DatabaseKind, Served], asked: Sequence[Question], different: Sequence[Different]
) -> None:
    """Ask all of them everywhere, one after another. Raises AssertionError for what is not answered alike, and for
    differences that there are not."""
    wrong, needed = [], set()
    for question in asked:
        answers = dict(
            zip(KINDS, await asyncio.gather(*(answer(three[kind], question) for kind in KINDS)), strict=True)
        )
        expected = answers[DatabaseKind.POSTGRESQL]
        for kind, found in answers.items():
            excuses = [row for row in different if row.kind is kind and re.fullmatch(row.which, question.name)]
            if found != expected:
                needed.update(excuses)
                if not excuses:
                    wrong.append((question.name, str(kind), found, expected))
    assert not wrong, "\n\n".join(f"{name}\n  {kind}: {found}\n  {want}" for name, kind, found, want in wrong)
    assert [row for row in different if row not in needed] == []


async def test_every_database_answers_alike(three: Mapping[DatabaseKind, Served]) -> None:
    await compare(three, QUESTIONS, DIFFERENT)


async def test_every_database_writes_alike(workshops: Mapping[DatabaseKind, Served]) -> None:
    before = [await answer(workshops[DatabaseKind.POSTGRESQL], each) for each in AFTERWARDS]
    await compare(workshops, WRITES, DIFFERENT_WRITES)
    for kind in KINDS:
        assert [await answer(workshops[kind], each) for each in AFTERWARDS] == before


async def test_every_database_keeps_what_is_written_alike(workshops: Mapping[DatabaseKind, Served]) -> None:
    await compare(workshops, [each for asked in KEPT for each in (asked, *AFTERWARDS)], DIFFERENT_KEPT)


def test_there_are_enough_of_them_and_none_is_asked_twice() -> None:
    for asked, least in ((QUESTIONS, 600), (WRITES, 500)):
        names = [question.name for question in asked]
        assert len(set(names)) == len(names)
        assert len(names) > least
