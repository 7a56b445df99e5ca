"""PostgREST's JavaScript clients, as they are published, against the real server on three databases."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.graphql.test_audit import node
from tests.apis.postgrest.routines import OPENED, WORKSHOP
from tests.apis.postgrest.workshop import script
from tests.apis.resource.test_roles import bearer
from tests.bookshops import Databases
from tests.server.harness import served
from tests.server.test_jwt import SECRET

CLIENTS = Path(__file__).parent / "clients"
TABLES = ("thing", "owner", "line", "plain", "tag")
RIGHTS = "{user: {read: true, create: {check: true}, update: {filter: true}, delete: true}}"
CONFIG = f"""
auth: {{jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}}}
roles: {{user: {{}}}}
tables: {{{", ".join(f"{table}: {{allow: {RIGHTS}}}" for table in TABLES)}}}
"""


async def cases(program: str, url: str, config: str, *more: str) -> list[dict[str, Any]]:
    """What became of each case of a program."""
    async with served(url, config) as api:
        key = bearer("user")["Authorization"].removeprefix("Bearer ")
        process = await asyncio.create_subprocess_exec(
            node(), str(CLIENTS / program), api.base, key, *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


def failures(found: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each['client']}, {each['name']}: {each['failure']}" for each in found if each["failure"])


async def test_the_javascript_clients_cannot_tell(kind: DatabaseKind, databases: Databases) -> None:
    found = await cases("client.mjs", databases.database(kind, script(kind)), CONFIG)
    assert (len(found), failures(found)) == (32, "")


@pytest.mark.parametrize("kind", WORKSHOP, ids=str)
async def test_the_javascript_clients_call_functions(kind: DatabaseKind, databases: Databases) -> None:
    functions = "".join(f"\n  {name}: {{allow: user}}" for name in OPENED[kind])
    url = databases.database(kind, script(kind) + WORKSHOP[kind])
    found = await cases("rpc.mjs", url, f"{CONFIG}\nfunctions:{functions}", str(kind))
    assert (len(found), failures(found)) == (16 if kind is DatabaseKind.POSTGRESQL else 14, "")
