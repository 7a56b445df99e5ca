"""The page to try GraphQL with, in a real browser: it runs an operation, and asks nobody but its own server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.bookshop import load_sqlite
from tests.browser.browser import Tab
from tests.server.harness import served

QUERY = "{book(order_by: {id: asc}, limit: 1) {id author {name}}}"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror')"
RESULT = "document.querySelector('.result-window .CodeMirror')"
TOKEN = "a-token-for-tests-of-forty-letters-at-least"


@pytest.fixture
def shop(tmp_path: Path) -> str:
    file = tmp_path / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"


async def run(tab: Tab) -> str:
    """Write the query, press the button, and read what comes of it."""
    await tab.until(f"{EDITOR}?.CodeMirror && document.querySelector('.graphiql-execute-button')")
    await tab.value(f"{EDITOR}.CodeMirror.setValue({json.dumps(QUERY)})")
    await tab.value("document.querySelector('.graphiql-execute-button').click()")
    await tab.until(f"{RESULT}?.CodeMirror.getValue().includes('data')")
    return str(await tab.value(f"{RESULT}.CodeMirror.getValue()"))


async def test_the_page_runs_an_operation_and_asks_nobody_else(tab: Tab, shop: str) -> None:
    async with served(shop) as api:
        await tab.open(f"{api.base}/graphiql")
        shown = json.loads(await run(tab))
        assert shown["data"]["book"][0]["id"] == 1
        assert all(each.startswith(("data:", f"{api.base}/")) for each in tab.asked)
        assert [said for said in tab.complained if "Security Policy" in said or "Refused" in said] == []


async def test_the_token_that_let_the_page_in_goes_with_its_requests(tab: Tab, shop: str) -> None:
    async with served(shop, f"server: {{token: {TOKEN}}}") as api:
        await tab.open(f"{api.base}/graphiql?token={TOKEN}")
        assert json.loads(await run(tab))["data"]["book"][0]["id"] == 1
        assert (await api.get(f"/graphql?query={{__typename}}&token={TOKEN}")).status == 401


async def test_where_nobody_is_told_the_schema_the_page_says_so_and_still_runs_operations(tab: Tab, shop: str) -> None:
    async with served(shop, "graphql: {introspection: false}") as api:
        await tab.open(f"{api.base}/graphiql")
        await tab.until(f"{RESULT}?.CodeMirror?.getValue().includes('introspection is disabled')")
        assert json.loads(await run(tab))["data"]["book"][0]["id"] == 1
