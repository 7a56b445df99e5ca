"""The page of the API's document, in a real browser: what it shows, what it asks for, and what it refuses to run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey

from examples.bookshop import load_sqlite
from tests.browser.browser import Tab
from tests.server.harness import served
from tests.servers import PostgreSQLServer

BOOK = "#operations-tag-book"
LIST = "#operations-book-list_book"
ALL_TAGS = "[...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)"
SECRET = "a-signing-key-of-forty-letters-at-least"
A_HAND = 1.0
"""Seconds that somebody needs from one button to the next."""
SHOWN = f"document.querySelector('{BOOK}')"


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("docs") / "bookshop.sqlite"
    load_sqlite(file)
    return f"sqlite:///{file}"


def refused(tab: Tab) -> list[str]:
    """What the policy of the page kept the browser from doing."""
    return [said for said in tab.complained if "Security Policy" in said or "Refused" in said]


async def click(tab: Tab, selector: str) -> None:
    await tab.until(f"document.querySelector({selector!r})")
    await tab.value(f"document.querySelector({selector!r}).click()")


async def try_the_list(tab: Tab) -> None:
    """Open the list of books and send the request that the page offers, until 200 is shown."""
    await click(tab, BOOK)
    await click(tab, f"{LIST} .opblock-summary-control")
    # The button is there before the page has read its parameters, and a click that comes then is lost with all after it.
    await asyncio.sleep(A_HAND)
    await click(tab, f"{LIST} .execute")
    await tab.until(f"document.querySelector('{LIST} .live-responses-table')?.innerText.includes('200')")


async def test_the_page_shows_every_operation_and_tries_one(tab: Tab, shop: str) -> None:
    async with served(shop) as api:
        await tab.open(f"{api.base}/docs")
        await tab.until(SHOWN)
        document = (await api.get("/openapi.json")).json
        assert await tab.value(ALL_TAGS) == [each["name"] for each in document["tags"]]
        await try_the_list(tab)
        answer = await tab.value(f"document.querySelector('{LIST} .live-responses-table').innerText")
        assert '"items"' in answer
        assert {each for each in tab.asked if not each.startswith("data:")} == {
            f"{api.base}{path}"
            for path in (
                "/docs",
                "/openapi.json",
                "/assets/docs/swagger-ui-bundle.js",
                "/assets/docs/swagger-ui.css",
                "/assets/docs/page.js",
                "/assets/docs/page.css",
                "/assets/session/session.js",
                "/assets/session/session.css",
                "/api/book?limit=100&count=none",
            )
        }
        assert set(tab.answered.values()) == {200}
        assert refused(tab) == []


@asynccontextmanager
async def somewhere_else() -> AsyncIterator[tuple[str, list[str]]]:
    """Another server with a document of its own, which says who asked for it."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        document = {"openapi": "3.1.0", "info": {"title": "EVIL", "version": "1"}, "paths": {}, "url": "/x.json"}
        return web.json_response(document, headers={"Access-Control-Allow-Origin": "*"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("name", ["url", "configUrl", "urls", "spec", "oauth2RedirectUrl"])
async def test_no_other_document_is_shown_whatever_the_address_says(tab: Tab, shop: str, name: str) -> None:
    async with somewhere_else() as (evil, asked), served(shop) as api:
        await tab.open(f"{api.base}/docs?{name}={quote(f'{evil}/x.json', safe='')}#/?{name}={evil}/x.json")
        await tab.until(SHOWN)
        assert "EVIL" not in await tab.value("document.body.innerText")
        assert asked == []
        assert [each for each in tab.asked if evil in each.partition("?")[0]] == []
        assert await tab.value("location.search") == ""


MARKUP = """<img src="/nothing" onerror="window.evil = 1"><script>window.evil = 2</script>\
<svg onload="window.evil = 3"></svg> [link](javascript:window.evil=4) stated"""


async def test_markup_in_comments_is_inert(tab: Tab, postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.create_database("docs_markup")
    quoted = MARKUP.replace("'", "''")
    postgresql_server.run(
        "docs_markup",
        f"CREATE TABLE note (id int PRIMARY KEY, body text); COMMENT ON TABLE note IS '{quoted}';"
        f"COMMENT ON COLUMN note.body IS '{quoted}'",
    )
    async with served(url) as api:
        await tab.open(f"{api.base}/docs")
        await tab.until("document.querySelector('#operations-tag-note')")
        await tab.until("document.body.innerText.includes('stated')")
        await click(tab, "#operations-tag-note")
        await click(tab, "#operations-note-get_note .opblock-summary-control")
        for link in range(await tab.value("document.querySelectorAll('a[href^=\"javascript\" i]').length")):
            await tab.value(f"document.querySelectorAll('a[href^=\"javascript\" i]')[{link}].click()")
        assert await tab.value("typeof window.evil") == "undefined"
        assert await tab.value("document.querySelectorAll('#document [onerror], #document [onload]').length") == 0


async def test_an_access_token_opens_the_page_and_goes_with_its_requests(tab: Tab, shop: str) -> None:
    environ = {"REFLECTOR_TOKEN": 'a-token-of-"some"-length&<'}
    async with served(shop, environ=environ) as api:
        assert (await api.get("/docs")).status == 401
        assert (await api.get("/assets/docs/page.js")).status == 200
        await tab.open(f"{api.base}/docs?token={quote(environ['REFLECTOR_TOKEN'], safe='')}")
        await tab.until("document.querySelector('.btn.authorize.locked')")
        await try_the_list(tab)
        assert [each for each in tab.asked if "token=" in each] == [tab.asked[0]]


async def test_a_token_that_is_typed_in_shows_what_its_bearer_may_use(tab: Tab, shop: str) -> None:
    config = f"auth: {{jwt: {{secret: {SECRET}}}}}\nroles: {{user: {{}}}}\ntables: {{book: {{allow: {{user: {{read: true}}}}}}}}"
    token = jwt.encode({"alg": "HS256"}, {"role": "user", "exp": 4_000_000_000}, OctKey.import_key(SECRET))
    async with served(shop, config) as api:
        await tab.open(f"{api.base}/docs")
        await tab.until("document.getElementById('credential')?.hidden === false")
        assert await tab.value(f"Boolean({SHOWN})") is False
        await tab.value(f"document.getElementById('token').value = {token!r}")
        await click(tab, "#credential button")
        await tab.until(SHOWN)
        assert await tab.value(ALL_TAGS) == ["server", "book"]
        assert await tab.value("localStorage.length + sessionStorage.length") == 0


async def test_the_page_says_what_it_may_do_and_its_files_are_kept(shop: str) -> None:
    async with served(shop) as api:
        page = await api.get("/docs")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert b"http:" not in page.body
        script = await api.get("/assets/docs/page.js")
        again = await api.get("/assets/docs/page.js", {"If-None-Match": script.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
        plain = await api.get("/assets/docs/page.js", {"Accept-Encoding": "identity"})
        assert (plain.body, "Content-Encoding" in plain.headers) == (script.body, False)
        assert (await api.get("/assets/docs/page.html")).status == 404
        moved = await api.get("/docs?url=http://evil.example")
        assert (moved.status, moved.headers["Location"]) == (302, "docs")
