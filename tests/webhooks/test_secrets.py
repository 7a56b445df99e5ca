"""What a webhook proves itself by, and the address it is sent to, are told to its receiver and to nobody else."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from tests.changes.capturing import writer
from tests.server.harness import eventually, reflector, reloadable
from tests.webhooks.conftest import RULES, Configure
from tests.webhooks.receiving import SECRET, Receiver
from tests.webhooks.test_configuring import ADMIN

CANARY = "canary"
SIGNING = f"{CANARY}-of-signing-with-forty-letters-at-least"
HEADER = f"{CANARY}-of-a-header"
CALLED = f"{CANARY}-in-the-address"
ROW = f"{CANARY}-in-a-row"
HOOK = f"tables: note, role: own, claims: {{sub: 7}}, headers: {{X-Team: {HEADER}, Authorization: 'file:token'}}"


@pytest.fixture
def file(tmp_path: Path, configure: Configure, receiver: Receiver) -> Path:
    (tmp_path / "token").write_text(f"Bearer {CANARY}-of-a-file\n")
    path = tmp_path / "config.yaml"
    said = configure(HOOK, RULES).replace(SECRET, SIGNING).replace(receiver.url, f"{receiver.url}?key={CALLED}")
    path.write_text(f"version: 1\n{said}")
    return path


def spoil(file: Path) -> None:
    file.write_text(file.read_text().replace("tables: note", "tables: nots"))


async def test_nothing_that_is_told_holds_what_a_webhook_proves_itself_by(
    small: str, file: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.says(500)
    async with reloadable(small, file) as api:
        writer(small)(f"INSERT INTO note VALUES (11, '{ROW}', 7, NULL, 1)")
        await receiver.until(lambda each: each.taken)
        await receiver.close()
        writer(small)(f"INSERT INTO note VALUES (12, '{ROW}', 7, NULL, 1)")

        async def failing() -> bool:
            return "cannot be reached" in (await api.get("/health/ready", ADMIN)).body.decode()

        await eventually(failing)
        replies = [
            await api.get(path, ADMIN) for path in ("/health/ready", "/metrics", "/openapi.json", "/api/note?x=1")
        ]
        said = [reply.body.decode() for reply in replies]
        spoil(file)
        reply = await api.post("/admin/reload", headers=ADMIN)
        assert reply.status == 422
        said += [reply.body.decode(), repr(api.running), repr(api.running.parts.grounds.courier.standings)]
    said += [f"{record.getMessage()} {record.exc_text} {record.__dict__}" for record in caplog.records]
    assert any("not delivered" in each for each in said)
    assert [each[:400] for each in said if CANARY in each] == []
    taken = receiver.messages[-1]
    assert (taken.headers["x-team"], taken.headers["authorization"]) == (HEADER, f"Bearer {CANARY}-of-a-file")
    assert CANARY not in taken.headers["webhook-signature"]


@pytest.mark.parametrize("command", [("config", "show"), ("check",), ("inspect",), ("openapi",)], ids=" ".join)
def test_no_command_prints_it(small: str, file: Path, command: tuple[str, ...]) -> None:
    of = () if command[0] == "config" else (small,)
    status, out, said = reflector(
        *command, *of, "--config", str(file), environ={"DATABASE_URL": small} if not of else {}
    )
    assert status == 0, said
    assert CANARY not in out + said
    if not of:
        assert re.search(r"url: .http://127.0.0.1:\d+/\*\*\*.", out)
