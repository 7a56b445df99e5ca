"""The same requests give the same answers on PostgreSQL, MariaDB and SQLite."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest_asyncio

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.compliance.case import PLAIN
from tests.apis.postgrest.differential.shapes import DIFFERENT, Question, questions
from tests.bookshops import KINDS
from tests.server.harness import Served, served

QUESTIONS = questions()
CONFIG = "postgrest: {db_aggregates_enabled: true}"
COMPARED = ("Content-Range", "Content-Type", "Content-Location", "Preference-Applied", "Vary")


@pytest_asyncio.fixture
async def three(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Mapping[DatabaseKind, Served]]:
    async with AsyncExitStack() as stack:
        yield {kind: await stack.enter_async_context(served(shops[kind], CONFIG)) for kind in KINDS}


async def answer(api: Served, question: Question) -> tuple[Any, ...]:
    """What is compared of an answer."""
    path = f"/rest/v1/{quote(question.address, safe=PLAIN)}"
    reply = await api.request(question.method, path, question.headers)
    is_json = reply.headers["Content-Type"].partition(";")[0].endswith("json")
    body = json.loads(told(reply.body.decode())) if is_json and reply.body else reply.body.decode()
    return (reply.status, body, *(reply.headers.get(name) for name in COMPARED))


def told(text: str) -> str:
    """An answer without the name of the schema, which is the database's."""
    return re.sub(r"'(?:main|(?:database|bookshop)_\d+)(['.])", r"'public\1", text)


async def test_every_database_answers_alike(three: Mapping[DatabaseKind, Served]) -> None:
    wrong, needed = [], set()
    for question in QUESTIONS:
        answers = dict(
            zip(KINDS, await asyncio.gather(*(answer(three[kind], question) for kind in KINDS)), strict=True)
        )
        expected = answers[DatabaseKind.POSTGRESQL]
        for kind, found in answers.items():
            excuses = [row for row in DIFFERENT if row.kind is kind and re.fullmatch(row.which, question.name)]
            if found != expected:
                needed.update(excuses)
                if not excuses:
                    wrong.append((question.name, str(kind), found, expected))
    assert not wrong, "\n\n".join(f"{name}\n  {kind}: {found}\n  {want}" for name, kind, found, want in wrong)
    assert [row for row in DIFFERENT if row not in needed] == []


def test_there_are_enough_of_them_and_none_is_asked_twice() -> None:
    names = [question.name for question in QUESTIONS]
    assert len(set(names)) == len(names)
    assert len(names) > 200
