"""One browser for all tests here, and a tab of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.browser.browser import Browser, Tab


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    async with browser.tab() as tab:
        yield tab
