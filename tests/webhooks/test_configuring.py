"""What of `webhooks` refuses the start, and where; and webhooks that come, change and go while requests are served."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.bookshops import Databases
from tests.changes.capturing import Write, writer
from tests.server.harness import Served, eventually, reflector, reloadable, served
from tests.webhooks.conftest import RULES, Configure
from tests.webhooks.receiving import SCHEMA, Receiver, brief, receiving

ADMIN = {"X-Reflector-Admin-Secret": "the-administrators-secret-is-forty-letters"}
OWN = "role: own, claims: {sub: 7}"
FAULTS = {
    f"tables: note, {OWN}, ¦colums: [id]": "webhooks.search.colums: unknown setting; did you mean 'columns'?",
    f"tables: ¦nots, {OWN}": "webhooks.search.tables: there is no table 'nots'; did you mean 'note'?",
    f"tables: [tag, ¦nots], {OWN}": "webhooks.search.tables[1]: there is no table 'nots'; did you mean 'note'?",
    f"tables: [tag, ¦tag], {OWN}": "webhooks.search.tables[1]: names a table a second time",
    f"tables: ¦member, {OWN}": "webhooks.search.tables: the role 'own' may not read it",
    f"tables: ¦[], {OWN}": "webhooks.search.tables: must name at least one",
    "tables: note, ¦role: owm, claims: {sub: 7}": "webhooks.search.role: there is no role 'owm'; did you mean 'own'?",
    "tables: note, claims: {sub: 7}": "webhooks.search: needs a role, whose rights it has; declare one under roles that may read what it is told",
    "tables: note, role: own": "webhooks.search.claims: the webhook has no claim 'sub'",
    "tables: note, role: own, claims: ¦{sub: many}": "webhooks.search.claims: the claim 'sub' is not a value of type",
    f"tables: note, {OWN}, columns: [id, ¦titel]": "webhooks.search.columns[1]: note has no column 'titel'; did you mean 'title'?",
    f"tables: note, {OWN}, columns: [id, ¦pin]": "webhooks.search.columns[1]: note has no column 'pin'",
    f"tables: note, {OWN}, columns: [id, ¦id]": "webhooks.search.columns[1]: names a column a second time",
    f"tables: [note, tag], {OWN}, ¦columns: [id]": "webhooks.search.columns: is for a webhook of one table; make a webhook of each",
    f"tables: note, {OWN}, events: [¦inserted]": "webhooks.search.events[0]: must be 'insert', 'update' or 'delete'",
    f"tables: note, {OWN}, events: ¦[insert, insert]": "webhooks.search.events: names an event a second time",
    f"tables: note, {OWN}, filter: ¦titel == 'x'": "webhooks.search.filter: note has no column 'titel'; did you mean 'title'?",
    f"tables: note, {OWN}, filter: title ¦= 'x'": "webhooks.search.filter: this is not a rule; == compares",
    f"tables: note, {OWN}, filter: ¦nammed": "webhooks.search.filter: there is neither a column of note nor a policy named 'nammed'; did you mean 'named'?",
    f"tables: note, {OWN}, filter: ¦pin == 1": "webhooks.search.filter: what its role may read has no column 'pin'",
    f"tables: note, {OWN}, headers: {{¦Content-Type: x}}": "webhooks.search.headers.Content-Type: is a header that is not for you to set",
    f'tables: note, {OWN}, headers: {{X: ¦"a\\nb"}}': "webhooks.search.headers.X: must be one line of ASCII letters",
    f"tables: note, {OWN}, headers: {{¦a b: x}}": 'webhooks.search.headers."a b": is no name of a header',
    f"tables: note, {OWN}, batch: ¦0": "webhooks.search.batch: must be a whole number from 1 to 1000",
    f"tables: note, {OWN}, retry: ¦25h": "webhooks.search.retry: must be longer than nothing and at most 24h",
}


def placed(config: str) -> tuple[str, str]:
    """The file without its mark, and line and column of the mark; one line is put before it."""
    before = config.partition("¦" if "¦" in config else "search:")[0]
    return config.replace("¦", ""), f"{before.count(chr(10)) + 2}:{len(before) - before.rfind(chr(10))}"


async def refused(url: str, config: str) -> list[str]:
    """What is said of a configuration that refuses the start, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        async with served(url, config):
            pass
    return [str(each).rpartition("config.yaml:")[2] for each in caught.value.complaints]


async def test_a_mistake_refuses_the_start_and_is_told_with_its_place(small: str, configure: Configure) -> None:
    wrong = []
    for settings, told in FAULTS.items():
        config, place = placed(configure(settings, RULES))
        found = await refused(small, config)
        if not any(each.startswith(f"{place}: {told}") for each in found):
            wrong.append((f"{place}: {told}", found))
    assert wrong == []


SECTIONS = {
    "changes: {source: off}\n": "webhooks: need changes to be captured; changes.source: auto",
}


@pytest.mark.parametrize(("section", "told"), SECTIONS.items(), ids=list(SECTIONS))
async def test_what_keeps_changes_from_being_told_refuses_the_start(small: str, section: str, told: str) -> None:
    config = f"{section}webhooks: {{a: {{url: 'https://a.example/', tables: note}}}}"
    assert [each.partition(": ")[2] for each in await refused(small, config)] == [told]


async def test_a_database_that_decides_by_itself_refuses_the_start(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCHEMA)
    config = "auth: {enforce: database, anonymous_role: postgres}\nwebhooks: {a: {url: 'https://a.example/', tables: note, role: postgres}}"
    assert any("say nothing where auth.enforce is database" in each for each in await refused(url, config))


@pytest.mark.parametrize(
    "address",
    ["http://a.example/", "https://user:secret@a.example/", "ftp://a.example/", "https://a.example/#x", "a.example"],
)
async def test_an_address_elsewhere_is_https_and_holds_no_password(small: str, address: str) -> None:
    [told] = await refused(small, f"webhooks: {{a: {{url: '{address}', tables: note}}}}")
    assert "webhooks.a.url: must be an address such as https://" in told
    assert "secret" not in told


async def test_mariadb_refuses_the_start(databases: Databases, configure: Configure) -> None:
    url = databases.database(DatabaseKind.MARIADB, SCHEMA)
    [told] = await refused(url, configure())
    assert told == "4:1: webhooks: capturing changes of MariaDB is not offered by this version"


async def test_what_is_not_installed_refuses_the_start(
    databases: Databases, configure: Configure, kind: DatabaseKind
) -> None:
    [told] = await refused(databases.database(kind, SCHEMA), configure())
    assert told.endswith("what they need is not installed; reflector changes install")


async def test_a_spool_that_cannot_be_used_refuses_the_start(small: str, configure: Configure, tmp_path: Path) -> None:
    said = {
        tmp_path / "nowhere" / "x": "is to stand in a folder that is not there",
        tmp_path: "cannot be written",
        Path(small.removeprefix("sqlite:///")): "is no file of ours, or a newer version's",
    }
    for path, told in said.items():
        [found] = await refused(small, configure(path=path))
        assert f"changes.spool.path: the file of webhooks {told}" in found
    async with served(small, configure()):
        [found] = await refused(small, configure())
        assert "the file of webhooks is in use by another process" in found


@pytest.mark.parametrize(("said", "name"), [("", "webhooks.spool"), ("changes: {spool: {path: kept/it}}", "kept/it")])
async def test_the_spool_stands_beside_the_configuration(
    small: str, receiver: Receiver, tmp_path: Path, said: str, name: str
) -> None:
    (tmp_path / "kept").mkdir()
    shop = Shop(tmp_path / "config.yaml", f"webhooks: {{a: {{url: '{receiver.url}', tables: note}}}}\n{said}")
    async with reloadable(small, shop.file):
        pass
    assert (tmp_path / name).is_file()


async def test_the_spool_is_nobody_elses_to_read(small: str, configure: Configure, tmp_path: Path) -> None:
    async with served(small, configure()):
        assert modes_in(tmp_path)["hooks.spool"] == 0o600
        assert set(modes_in(tmp_path).values()) == {0o600}


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.glob("hooks.spool*")}


def test_check_tells_what_would_refuse_the_start(small: str, configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\n" + configure("tables: nots", ""))
    status, out, said = reflector("check", small, "--config", str(file))
    assert (status, "webhooks.search.tables: there is no table 'nots'; did you mean 'note'?" in out + said) == (2, True)
    file.write_text("version: 1\n" + configure())
    assert reflector("check", small, "--config", str(file))[0] == 0
    assert not (tmp_path / "hooks.spool").exists()


# ── while requests are served ────────────────────────────────────────────────────────────────


class Shop:
    """A server whose file is written anew, and read again."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.write(text)

    def write(self, text: str) -> None:
        self.file.write_text(f"version: 1\n{text}")


async def reload(api: Served, shop: Shop, text: str, status: int = 200) -> Any:
    shop.write(text)
    reply = await api.post("/admin/reload", headers=ADMIN)
    assert reply.status == status, reply.body
    return reply.json


async def test_webhooks_come_change_and_go_while_what_waits_for_others_goes_on_waiting(
    url: str, write: Write, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    seen = f"tables: note, {OWN}"
    async with receiving() as other:
        more = f"  other: {{url: '{other.url}', tables: tag, role: own, claims: {{sub: 7}}}}\n"
        shop = Shop(tmp_path / "config.yaml", RULES + "changes: {memory: 1MiB}\n")
        async with reloadable(url, shop.file) as api:
            write("INSERT INTO note VALUES (10, 'before', 7, NULL, 1)")
            receiver.says(*[500] * 3)
            await reload(api, shop, configure(seen, RULES))
            write("INSERT INTO note VALUES (11, 'a', 7, NULL, 1)")
            await receiver.until(lambda each: each.messages)
            await reload(api, shop, configure(seen, RULES) + more)
            write("INSERT INTO tag VALUES (1, 't'); INSERT INTO note VALUES (12, 'b', 7, NULL, 1)")
            assert brief(await other.events(1)) == [("insert", 1)]
            refused = await reload(api, shop, configure(f"{seen}, columns: [titel]", RULES), 422)
            assert "did you mean 'title'?" in str(refused)
            await receiver.until(lambda each: len(each.taken) >= 2)
            assert brief(await receiver.events(2)) == [("insert", 11), ("insert", 12)]
            await reload(api, shop, configure(f"{seen}, columns: [id]", RULES))
            assert brief(await receiver.events(1)) == [("resync", None)]
            write("INSERT INTO tag VALUES (2, 't'); INSERT INTO note VALUES (13, 'c', 7, NULL, 1)")
            [event] = await receiver.events(1)
            assert event["new"] == {"id": 13}
            assert other.messages == []
            await reload(api, shop, RULES)
            capture = api.running.parts.grounds.capture
            before = capture.captured
            write("INSERT INTO note VALUES (14, 'd', 7, NULL, 1)")

            async def passed() -> bool:
                return capture.captured > before

            await eventually(passed)  # while there is no webhook: what comes later is for the next one
            await reload(api, shop, configure(seen, RULES))
            write("INSERT INTO note VALUES (15, 'e', 7, NULL, 1)")
            assert brief(await receiver.events(1)) == [("insert", 15)]


async def test_a_right_that_is_withdrawn_by_a_reload_ends_what_is_told(
    small: str, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    """What is read under the old rules and waits was rightly told; nothing is judged by them afterwards."""
    write = writer(small)
    shop = Shop(tmp_path / "config.yaml", configure(f"tables: note, {OWN}", RULES))
    async with reloadable(small, shop.file) as api:
        closer = RULES.replace("owner_id == claims.sub", "owner_id == claims.sub and id < 100")
        await reload(api, shop, configure(f"tables: note, {OWN}", closer))
        assert brief(await receiver.events(1)) == [("resync", None)]
        write("INSERT INTO note VALUES (100, 'hidden', 7, NULL, 1), (11, 'seen', 7, NULL, 1)")
        assert brief(await receiver.events(1)) == [("insert", 11)]


async def test_a_table_that_is_gone_closes_its_webhook_alone_until_it_is_back(
    url: str, write: Write, receiver: Receiver, configure: Configure, kind: DatabaseKind
) -> None:
    config = RULES.replace("auth:", "database: {watch: 100ms}\nauth:", 1)
    async with receiving() as other:
        more = f"  other: {{url: '{other.url}', tables: tag, {OWN}}}\n"
        async with served(url, configure(f"tables: note, {OWN}", config) + more) as api:
            write("ALTER TABLE note RENAME TO gone")

            async def closed() -> bool:
                reply = await api.get("/health/ready", ADMIN)
                return bool(reply.json["status"] == "degraded" and reply.json["webhooks"][0]["closed"] == ["note"])

            await eventually(closed)
            write("INSERT INTO tag VALUES (1, 't')")
            await other.until(lambda each: ("insert", 1) in brief(each.taken))
            write("ALTER TABLE gone RENAME TO note")
            await receiver.until(lambda each: each.taken)
            assert {event["type"] for event in receiver.taken} == {"resync"}

            async def told() -> bool:
                write("UPDATE note SET title = title || 'x' WHERE id = 1")
                await asyncio.sleep(0.1)
                return ("update", 1) in brief(receiver.taken)

            await eventually(told)


async def test_what_waited_for_a_webhook_that_is_no_more_is_forgotten_aloud(
    small: str, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    receiver.says(*[500] * 9)
    async with served(small, configure()):
        writer(small)("INSERT INTO note VALUES (11, 'a', 7, NULL, 1)")
        await receiver.until(lambda each: each.messages)
    async with served(small, configure().replace("search:", "another:")):
        pass
    assert "webhook search is no more: 1 events that waited for it are forgotten" in caplog.text
    with closing(sqlite3.connect(tmp_path / "hooks.spool")) as spool:
        assert spool.execute("SELECT count(*) FROM event").fetchone() == (0,)
