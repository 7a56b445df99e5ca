"""Rights that are of use on rows alone that can be read, given to a role that reads none: it is told, and nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import reflector, served

CONFIG = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  tag:
    allow:
      guest: {create: true, update: true, delete: true, aggregate: true}
  category: {allow: {guest: {read: true, columns: [name], update: true}}}
"""
TOLD = (
    "7:37: tables.tag.allow.guest.update: no update",
    "7:51: tables.tag.allow.guest.delete: no delete",
    "7:7: tables.tag.allow.guest: no aggregate",
)


def test_check_tells_of_rights_that_nobody_can_use(
    kind: DatabaseKind, shops: Mapping[DatabaseKind, str], tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"version: 1{CONFIG}")
    status, out, err = reflector("check", shops[kind], "--config", str(file))
    assert (status, err) == (0, "")
    assert out.splitlines()[:-1] == [f"warning: {file}:{told} can succeed: guest reads no row of tag" for told in TOLD]


async def test_a_row_that_cannot_be_read_is_neither_changed_nor_deleted(
    kind: DatabaseKind, databases: Databases
) -> None:
    url = databases.bookshop(kind)
    async with served(url, config=CONFIG) as shop:
        assert (await shop.post("/api/tag", {"name": "sea story"})).status == 201
        for reply in (
            await shop.patch("/api/tag/unused", {"description": "x"}),
            await shop.request("DELETE", "/api/tag/unused"),
            await shop.patch("/api/category/1", {"name": "x"}),
        ):
            assert (reply.status, reply.code) == (404, "row_not_found")
            assert "no key that you may read" in reply.json["detail"]
        assert (await shop.get("/api/tag")).status == 403
    async with served(url) as shop:
        assert (await shop.get("/api/tag/unused")).json["description"] != "x"
        assert (await shop.get("/api/category/1")).json["name"] != "x"
