"""What docs/caching.md shows can be written so, and does what it says of `Cache-Control`."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.cache.rules import takes_part
from server.config import Flags, load

PAGE = (Path(__file__).parents[2] / "docs" / "caching.md").read_text()
EXAMPLES = [block.split("```")[0] for block in PAGE.split("```yaml\n")[1:]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_configuration_that_keeps_answers(example: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(example)
    assert takes_part(load(file, {}, Flags()))


def test_there_are_examples_and_every_setting_is_named() -> None:
    assert len(EXAMPLES) == 3
    for setting in (
        "ttl",
        "stale",
        "public",
        "cache.memory",
        "cache.ttl",
        "redis:",
        "server.secret",
        "reflector changes install",
    ):
        assert setting in PAGE
