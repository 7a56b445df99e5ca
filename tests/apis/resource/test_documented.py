"""docs/api.md names every operator, every reserved word and every limit as it is."""

from __future__ import annotations

import re
from pathlib import Path

from reflector.query.operators import OPERATORS
from server import documents
from server.apis.resource import parameters, selection, sorting

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", TEXT))


def test_every_operator_and_no_other() -> None:
    table = TEXT[TEXT.index("| operator |") : TEXT.index("Text is compared by")]
    listed = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert listed == set(OPERATORS)


def test_every_reserved_word() -> None:
    for word in parameters.RESERVED.values():
        assert any(re.match(rf"{word.name}\b", each) for each in WORDS), word.name
    later = TEXT[TEXT.index("## Not yet") :]
    for word in parameters.RESERVED.values():
        assert (f"`{word.name}`" in later) is not word.offered, word.name


def test_the_limits() -> None:
    table = dict(re.findall(r"^\| ([^|`]+?) \| ([\d,]+) \|$", TEXT[TEXT.index("## Limits") :], re.MULTILINE))
    assert table == {
        "parameters of a request": str(parameters.PARAMETERS),
        "relationships of an answer": str(selection.EMBEDS),
        "columns of an order": str(sorting.KEYS),
        "levels of JSON": str(documents.DEEPEST),
        "digits of a number": f"{documents.DIGITS:,}",
    }
    assert f"of at most {selection.EMBEDDED_ROWS} rows" in TEXT
