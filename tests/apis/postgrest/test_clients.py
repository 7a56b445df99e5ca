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


SPECIAL = """
CREATE EXTENSION postgis;
CREATE TABLE special (id integer PRIMARY KEY, numbers integer[], span int4range, facts jsonb, body text);
INSERT INTO special VALUES (1, '{1,2,3}', '[1,5)', '{"a": 1}', 'Fast brown foxes'), (2, '{4}', '[5,9)', '[]', 'One lazy dog');
CREATE TABLE place (id integer PRIMARY KEY, geom geometry(Point, 4326));
INSERT INTO place VALUES (1, 'SRID=4326;POINT(1 2)');
"""
"""What PostgreSQL alone has types for."""
ALLOWED = """limits: {regex: true}
postgrest: {db_plan_enabled: true, allow_plans: true, db_tx_end: commit-allow-override}
"""
"""What some of the clients' methods are for."""


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


async def test_every_method_of_the_javascript_clients_is_used(kind: DatabaseKind, databases: Databases) -> None:
    here = kind is DatabaseKind.POSTGRESQL
    url = databases.database(kind, script(kind) + (SPECIAL if here else ""))
    more = "".join(f"  {table}: {{allow: {RIGHTS}}}\n" for table in (*TABLES, *(("special", "place") if here else ())))
    config = f"{CONFIG[: CONFIG.index('tables:')]}tables:\n{more}{ALLOWED}"
    found = await cases("modifiers.mjs", url, config, str(kind))
    assert (len(found), failures(found)) == (44, "")


async def test_the_provider_of_react_admin_cannot_tell(kind: DatabaseKind, databases: Databases) -> None:
    found = await cases("admin.mjs", databases.database(kind, script(kind)), CONFIG)
    assert (len(found), failures(found)) == (12, "")
