"""Clients ask while the configuration changes under them: nobody meets an error of ours, and nobody a mixture.

REFLECTOR_RELOADS and REFLECTOR_RELOAD_CLIENTS make it larger; 200 and 32 are what is promised.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, reloadable
from tests.server.test_jwt import CLAIMS, SECRET, token
from tests.server.test_reload import OTHER, ordered, rewritten

RELOADS = int(os.environ.get("REFLECTOR_RELOADS", "12"))
CLIENTS = int(os.environ.get("REFLECTOR_RELOAD_CLIENTS", "8"))
AUTH = """version: 1
auth:
  jwt: {{secret: {secret}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
  admin_role: admin
  admin_secret: the-administrators-secret-is-forty-letters
roles: {{guest: {{limits: {{max_rows: {rows}}}}}, user: {{extends: guest}}, admin: {{}}}}
tables:
  book: {{allow: {{guest: {{read: "{rule}", columns: [{columns}]}}}}{cache}}}
"""
OLD = AUTH.format(secret=SECRET, rows=2, rule="id <= 9", columns="id, title", cache="")
NEW = AUTH.format(secret=OTHER, rows=4, rule="id > 9", columns="id, price", cache=", cache: {ttl: 1h}")
"""They differ in everything: who is known, how many rows, which rows, which columns, whether answers are kept."""
CREDENTIALS: Mapping[str, dict[str, str]] = {
    "none": {},
    "old": {"Authorization": f"Bearer {token(CLAIMS, key=SECRET)}"},
    "new": {"Authorization": f"Bearer {token(CLAIMS, key=OTHER)}"},
}
WAYS = ("/api/book?sort=id", "/rest/v1/book?order=id", "graphql")
GRAPHQL = {"query": "{book(order_by: {id: asc}) {id}}"}


async def asked(api: Served, way: str, credential: str) -> Reply:
    headers = CREDENTIALS[credential]
    return await (api.post("/graphql", GRAPHQL, headers) if way == "graphql" else api.get(way, headers))


def shown(way: str, reply: Reply) -> Any:
    """What of an answer depends on the rules."""
    if way == "graphql":
        return reply.status, reply.json.get("data") or reply.json["errors"][0]["extensions"]["code"]
    return reply.status, reply.json if reply.status == 200 else reply.json["code"]


async def right(api: Served) -> dict[tuple[str, str], Any]:
    """What everybody is answered while nothing changes."""
    return {(way, who): shown(way, await asked(api, way, who)) for way in WAYS for who in CREDENTIALS}


@dataclass
class Crowd:
    """Clients that ask until told to stop."""

    api: Served
    accepted: Mapping[tuple[str, str], tuple[Any, ...]]
    seen: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    wrong: list[Any] = field(default_factory=list)
    over: bool = False

    async def ask(self, number: int) -> None:
        pairs = list(self.accepted)
        while not self.over:
            number += 1
            way, who = pairs[number % len(pairs)]
            answer = shown(way, await asked(self.api, way, who))
            if answer in self.accepted[way, who]:
                self.seen[way, who, self.accepted[way, who].index(answer)] += 1
            else:
                self.wrong.append((way, who, answer))


async def test_every_answer_is_right_under_the_old_rules_or_under_the_new(
    kind: DatabaseKind, databases: Databases, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    rewritten(file, OLD)
    async with reloadable(databases.bookshop(kind), file) as api:
        before = await right(api)
        rewritten(file, NEW)
        await ordered(api)
        after = await right(api)
        assert {pair[1] for pair in before if before[pair][0] == 401} == {"new"}
        assert not any(
            before[pair] == after[pair] for pair in before if before[pair][0] != 401 or after[pair][0] != 401
        )
        crowd = Crowd(api, {pair: (before[pair], after[pair]) for pair in before})
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(crowd.ask(number))
            for number in range(RELOADS):
                rewritten(file, (OLD, NEW)[number % 2])
                await ordered(api)
                await some_more(crowd)
            crowd.over = True
        assert crowd.wrong == []
        assert {version for _, _, version in crowd.seen} == {0, 1}
        assert await right(api) == (before if RELOADS % 2 else after)


async def some_more(crowd: Crowd) -> None:
    """Let every client have an answer or two."""
    until = crowd.seen.total() + len(crowd.wrong) + 2 * CLIENTS
    while crowd.seen.total() + len(crowd.wrong) < until:  # noqa: ASYNC110 - clients tell nobody that they were answered
        await asyncio.sleep(0.005)
