"""One JSON document in another is the same question to every database, and in memory.

PostgreSQL's own `jsonb @>` is the judge. Documents are written as anybody may write them: with blanks, and on MariaDB and
SQLite with texts and keys that are spelled by escapes.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.query.documents import holds
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served

SEED: Final = 20240711
DOCUMENTS: Final = 160
OPERANDS: Final = 45
PLAIN: Final = (
    None, True, False, 0, 1, 2, -1, 100, 9007199254740993, 9007199254740992, Decimal("1.0"), Decimal("1.50"), Decimal("0.1"),
    Decimal("0.10000000000000001"), Decimal("1e2"), "", "a", "A", "a ", "1", "true", "null", '"', "\\", "[", "a]b", "é", "😀",
    "a/b", "line\ntwo", "\\u0041", "'", "%s", "{x}", ":",
)  # fmt: skip
NAMES: Final = ("a", "b", "", "é", '"x', "back\\slash", "a b", "{x}", "%")


def document(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth == 0 or kind < 0.45:
        return chance.choice(PLAIN)
    if kind < 0.75:
        return [document(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(NAMES): document(chance, depth - 1) for _ in range(chance.randint(0, 3))}


def nearly(chance: random.Random, whole: Any) -> Any:
    """Something that a document holds, or nearly does."""
    if chance.random() < 0.12:
        return document(chance, 1)
    if isinstance(whole, dict):
        return {name: nearly(chance, each) for name, each in whole.items() if chance.random() < 0.7}
    if isinstance(whole, list):
        if whole and chance.random() < 0.2:
            return nearly(chance, chance.choice(whole))
        kept = [nearly(chance, each) for each in whole if chance.random() < 0.7]
        return chance.sample(kept, len(kept))
    return whole


def written(value: Any, *, escaped: bool = False, blank: bool = False) -> str:
    match value:
        case Decimal():
            return str(value)
        case list():
            inner = [written(each, escaped=escaped, blank=blank) for each in value]
            return "[" + (" , " if blank else ",").join(inner) + "]"
        case dict():
            members = [
                json.dumps(name, ensure_ascii=False)
                + (" :\n" if blank else ":")
                + written(each, escaped=escaped, blank=blank)
                for name, each in value.items()
            ]
            return "{" + ",".join(members) + "}"
        case _:
            text = json.dumps(value, ensure_ascii=escaped)
            return text.replace("/", "\\/") if escaped else text


def script(kind: DatabaseKind, documents: list[Any]) -> str:
    type_ = "jsonb" if kind is DatabaseKind.POSTGRESQL else "json"
    rows = []
    for number, each in enumerate(documents):
        text = written(each, escaped=number % 3 == 0, blank=number % 2 == 0)
        said = f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"
        if kind is not DatabaseKind.MARIADB:
            said = f"CAST(X'{text.encode().hex()}' AS text)"
        if kind is DatabaseKind.POSTGRESQL:
            said = f"CAST(convert_from('\\x{text.encode().hex()}', 'UTF8') AS jsonb)"
        rows.append(f"({number}, {said})")
    return (
        f"CREATE TABLE paper (id integer NOT NULL PRIMARY KEY, said {type_});"
        f"INSERT INTO paper VALUES {', '.join(rows)}, (9999, NULL);"
    )


async def found(api: Served, condition: str) -> list[int]:
    reply = await api.get(f"/rest/v1/paper?select=id&order=id&{condition}")
    assert reply.status == 200, (condition, reply.body)
    return [row["id"] for row in reply.json]


@pytest.fixture(scope="module")
def papers() -> tuple[list[Any], list[Any]]:
    """The documents that are stored, and those that are looked for or in."""
    chance = random.Random(SEED)
    # SQLite keeps a plain number as one of its own.
    documents = [
        [each] if isinstance(each, Decimal) else each for each in (document(chance, 4) for _ in range(DOCUMENTS))
    ]
    return documents, [nearly(chance, chance.choice(documents)) for _ in range(OPERANDS)]


async def test_every_database_holds_the_same_documents(
    databases: Databases, papers: tuple[list[Any], list[Any]]
) -> None:
    documents, operands = papers
    answers: dict[DatabaseKind, list[Any]] = {}
    for kind in KINDS:
        async with served(databases.database(kind, script(kind, documents))) as api:
            answers[kind] = [
                [await found(api, f"said={operator}.{quote(written(each))}") for operator in ("cs", "cd", "not.cs")]
                for each in operands
            ]
    judged = answers[DatabaseKind.POSTGRESQL]
    assert sum(len(held) > 1 for held, _, _ in judged) > OPERANDS / 3
    assert sum(len(within) > 1 for _, within, _ in judged) > OPERANDS / 3
    for number, each in enumerate(operands):
        for kind in KINDS:
            assert answers[kind][number] == judged[number], (kind, written(each))
        assert judged[number] == [
            [place for place, whole in enumerate(documents) if holds(whole, each)],
            [place for place, part in enumerate(documents) if holds(each, part)],
            [place for place, whole in enumerate(documents) if not holds(whole, each)],
        ], written(each)
