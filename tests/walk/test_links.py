"""Every link of a page leads somewhere: to a file of the repository, and to a heading of it; and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.harness import REPOSITORY

PAGES = sorted(page for folder in (".", "docs") for page in (REPOSITORY / folder).glob("*.md"))
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)#?([^)\s]*)\)")
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files and headings that a page leads to; what looks like a link in code is none."""
    for path, heading in LINK.findall(CODE.sub("", page.read_text())):
        yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    found = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        (str(path), heading)
        for path, heading in links(page)
        if not path.is_relative_to(REPOSITORY) or not path.exists() or (heading and heading not in headings(path))
    ]
    assert broken == []


def test_every_page_can_be_found_from_the_first() -> None:
    found, waiting = set[Path](), [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in found:
            found.add(page)
            waiting += [path for path, _ in links(page) if path.suffix == ".md"]
    assert {page.name for page in PAGES if page.parent.name == "docs"} <= {page.name for page in found}
    assert sum(len(list(links(page))) for page in PAGES) > 100
