"""Extensions where something else decides or several serve: PostgreSQL's own rules, several processes, a schema that changes, and
the page of the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.extensions.offers import CANARY
from tests.extensions.serving import CONFIG, OFFERS, OTHER, SCHEMA, put
from tests.server.harness import REPOSITORY, Served, ServedProcess, reloadable
from tests.server.test_jwt import SECRET, but, token

PAGE = (REPOSITORY / "docs" / "extensions.md").read_text()
NATIVE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'offers_user') THEN
    CREATE ROLE offers_user NOLOGIN; CREATE ROLE offers_editor NOLOGIN; CREATE ROLE offers_login LOGIN NOINHERIT;
  END IF;
END $$;
GRANT offers_user, offers_editor TO offers_login;
GRANT SELECT ON note TO offers_user, offers_editor, offers_login;
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note TO offers_user USING (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
CREATE POLICY every ON note TO offers_editor USING (true);
"""


async def test_where_postgresql_decides_its_rules_hold_and_functions_names_who_calls(
    databases: Databases, tmp_path: Path
) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCHEMA + NATIVE)
    config = f"""version: 1
auth:
  enforce: database
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
postgrest: {{allow_granted_functions: true, allow_unbound_roles: []}}
extensions: {{offers: {{module: "{OFFERS}:offers", allow: offers_editor}}}}
functions: {{notes: {{allow: [offers_user]}}}}
"""
    as_user, as_editor = (
        {"Authorization": f"Bearer {token(but(roles=role))}"} for role in ("offers_user", "offers_editor")
    )
    async with reloadable(url.replace("//postgres@", "//offers_login@"), put(tmp_path, config)) as api:
        found = await api.post("/api/:functions/notes", {}, as_user)
        assert (found.status, [row["id"] for row in found.json["seen"]]) == (200, [1, 3])
        assert (await api.post("/rest/v1/rpc/notes", {}, as_user)).json == found.json
        assert (await api.post("/graphql", {"query": "mutation {notes}"}, as_user)).json["data"]["notes"] == found.json
        # No grant opens code, whatever every granted function is.
        for name in ("notes", "nobodys"):
            assert (await api.post(f"/api/:functions/{name}", {}, as_editor)).status == 404
            assert (await api.post(f"/rest/v1/rpc/{name}", {}, as_editor)).json["code"] == "PGRST202"
        assert (await api.get("/x/offers/status", as_editor)).json == {"subject": "7", "rows": 3}
        assert (await api.get("/x/offers/status", as_user)).status == 404


async def test_each_of_several_processes_has_its_own(databases: Databases, tmp_path: Path) -> None:
    url = databases.database(DatabaseKind.SQLITE, SCHEMA)
    file = put(tmp_path, CONFIG.replace("server: {", "server: {workers: 2, port: 0, "))
    with ServedProcess("serve", "--config", str(file), environ={"DATABASE_URL": url}) as process:
        base = process.wait_until_it_serves()
        for _ in range(4):
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{base}/api/:functions/notes", headers=OTHER) as reply,
            ):
                assert (reply.status, (await reply.json())["seen"]) == (200, [{"id": 2, "body": "theirs"}])
    assert CANARY not in process.said.replace(f"RuntimeError: {CANARY}", "")


async def test_a_name_that_the_database_takes_later_stays_the_extensions(databases: Databases, tmp_path: Path) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCHEMA)
    config = CONFIG.replace("version: 1", "version: 1\ndatabase: {watch: 100ms}")
    async with reloadable(url, put(tmp_path, config)) as api:
        name = url.rpartition("/")[2]
        databases.postgresql().run(
            name, "CREATE FUNCTION notes() RETURNS text LANGUAGE sql AS $$SELECT 'the database''s'$$"
        )
        await api.running.engine.refresh()
        (told,) = api.running.binding.closed
        assert told.endswith(
            "the database has a function 'notes' too; give one of them another name; the database's is left out"
        )
        for path in ("/api/:functions/notes", "/rest/v1/rpc/notes"):
            assert (await api.post(path, {}, OTHER)).json["seen"] == [{"id": 2, "body": "theirs"}]
        databases.postgresql().run(name, "DROP FUNCTION notes()")
        await api.running.engine.refresh()
        assert api.running.binding.closed == ()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The first example of the page, as files."""
    config, code = (re.findall(rf"```{form}\n(.*?)```", PAGE, re.DOTALL)[0] for form in ("yaml", "python"))
    (tmp_path / "shop.py").write_text(code)
    return put(tmp_path, f"version: 1\ntables: {{book: {{allow: {{guest: {{read: true}}}}}}}}\n{config}")


async def test_the_example_of_the_page_works(databases: Databases, page: Path) -> None:
    url = databases.bookshop(DatabaseKind.SQLITE)
    async with reloadable(url, page, environ={"PAYMENT_KEY": "x"}) as api:
        title = await _title(api)
        for path, body in _asked():
            reply = await api.post(path, body)
            answer = reply.json.get("data", {}).get("quote_price") or reply.json
            assert (reply.status, set(answer), answer["title"]) == (200, {"title", "total"}, title), (path, reply.body)


def _asked() -> list[tuple[str, object]]:
    """The requests of the page."""
    lines = re.findall(r"^curl .*?localhost:8000(\S+) .*-d '(.*)'$", PAGE, re.MULTILINE)
    assert len(lines) == 3
    return [(path, json.loads(body)) for path, body in lines]


async def _title(api: Served) -> str:
    title: str = (await api.get("/api/book/1")).json["title"]
    return title
