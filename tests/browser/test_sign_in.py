"""Signing in at a page, in a real browser: to the provider and back, with the cookie that browsers keep, and out again."""

from __future__ import annotations

from pathlib import Path

from joserfc.jwk import RSAKey

from examples.bookshop import load_sqlite
from tests.browser.browser import Tab
from tests.server.harness import served
from tests.server.identity import PLAIN, SECRET, client, identity
from tests.server.provider import CLIENT, PASSWORD, providing

CONFIG = """
server: {{secret: "a-server-secret-of-many-more-letters"}}
auth:
  oidc: {{issuer: "{issuer}", client_id: {client}, client_secret: "{password}"}}
roles: {{user: {{}}}}
tables:
  book: {{allow: {{user: {{read: true}}}}}}
"""
TAGS = "[...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)"


async def test_a_visitor_signs_in_sees_what_they_may_and_signs_out(tab: Tab, tmp_path: Path) -> None:
    load_sqlite(tmp_path / "shop.sqlite")
    async with providing() as provider:
        config = CONFIG.format(issuer=provider.issuer, client=CLIENT, password=PASSWORD)
        async with served(f"sqlite:///{tmp_path / 'shop.sqlite'}", config) as api:
            await tab.open(f"{api.base}/docs")
            await tab.until("document.querySelector('#session a')")
            await tab.value("document.querySelector('#session a').click()")
            await tab.until("document.querySelector('#session button')")
            await tab.until("document.querySelector('.opblock-tag')")
            assert await tab.value("window.location.href") == f"{api.base}/docs"
            assert "book" in await tab.value(TAGS)
            assert await tab.value("document.cookie") == ""
            status = "fetch('api/book', {credentials: 'include'}).then(answer => answer.status)"
            assert await tab.value(status) == 401
            await tab.open(f"{api.base}/graphiql")
            await tab.until("document.querySelector('#session button')")
            await tab.until("typeof ask === 'function'")
            asked = "ask({query: '{book(limit: 1) {id}}'}).then(answer => answer.data.book.length)"
            assert await tab.value(asked) == 1
            await tab.value("document.querySelector('#session button').click()")
            await tab.until("document.querySelector('#session a')")
            assert not [said for said in tab.complained if "Security Policy" in said]


async def test_a_visitor_signs_in_over_the_pages_of_a_provider_that_others_made(tab: Tab, tmp_path: Path) -> None:
    load_sqlite(tmp_path / "shop.sqlite")
    with identity() as provider:
        key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256"})
        provider.become(keys=[key], **PLAIN)
        config = CONFIG.format(issuer=provider.issuer, client="pages", password=SECRET)
        roles = config.replace("oidc: {", "oidc: {logout: provider, role_claim: roles, scopes: [openid, roles], ")
        async with served(f"sqlite:///{tmp_path / 'shop.sqlite'}", roles) as api:
            left = {"post_logout_redirect_uris": [f"{api.base}/docs"]}
            provider.become(clients=[client("pages", f"{api.base}/auth/callback", **left)])
            await tab.open(f"{api.base}/docs")
            await tab.until("document.querySelector('#session a')")
            await tab.value("document.querySelector('#session a').click()")
            await tab.until("document.querySelector('input[name=login]')")
            for name in ("login", "password"):
                await tab.value(f"document.querySelector('input[name={name}]').value = 'ann'")
            await tab.value("document.querySelector('form button').click()")
            await tab.until("document.querySelector('input[name=prompt][value=consent]')")
            await tab.value("document.querySelector('form button').click()")
            await tab.until("document.querySelector('#session button')")
            await tab.until("document.querySelector('.opblock-tag')")
            assert await tab.value("window.location.href") == f"{api.base}/docs"
            assert "book" in await tab.value(TAGS)
            await tab.value("document.querySelector('#session button').click()")
            await tab.until("document.querySelector('button[name=logout][value=yes]')")
            await tab.value("document.querySelector('button[name=logout][value=yes]').click()")
            await tab.until("document.querySelector('#session a')")
            assert await tab.value("window.location.href") == f"{api.base}/docs"
