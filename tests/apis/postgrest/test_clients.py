"""PostgREST's JavaScript clients, as they are published, against the real server on three databases."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

from reflector.catalog.model import DatabaseKind
from tests.apis.graphql.test_audit import node
from tests.apis.postgrest.workshop import script
from tests.apis.resource.test_roles import bearer
from tests.bookshops import Databases
from tests.server.harness import served
from tests.server.test_jwt import SECRET

CLIENT = Path(__file__).parent / "clients" / "client.mjs"
TABLES = ("thing", "owner", "line", "plain")
RIGHTS = "{user: {read: true, create: {check: true}, update: {filter: true}, delete: true}}"
CONFIG = f"""
auth: {{jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}}}
roles: {{user: {{}}}}
tables: {{{", ".join(f"{table}: {{allow: {RIGHTS}}}" for table in TABLES)}}}
"""


async def test_the_javascript_clients_cannot_tell(kind: DatabaseKind, databases: Databases) -> None:
    async with served(databases.database(kind, script(kind)), CONFIG) as api:
        key = bearer("user")["Authorization"].removeprefix("Bearer ")
        process = await asyncio.create_subprocess_exec(
            node(), str(CLIENT), api.base, key, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    cases = [json.loads(line) for line in out.decode().splitlines()]
    assert len(cases) == 32, err.decode()
    failures = [f"{case['client']}, {case['name']}: {case['failure']}" for case in cases if case["failure"]]
    assert not failures, "\n".join(failures)
