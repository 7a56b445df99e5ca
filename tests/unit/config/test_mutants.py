"""A letter changed in the name of a setting never goes unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from server.config import ConfigError, Flags, load
from tests.unit.config.conftest import ENVIRONMENT, SAMPLE

# Below these, keys are names of the user's tables and columns, which only a database can judge.
FREE = ("tables", "policies", "relationships", "presets", "join")


def keys(node: Node, above: tuple[str, ...] = ()) -> Iterator[tuple[int, str]]:
    """Where each key begins that must be right without a database, and the key."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            assert isinstance(key, ScalarNode)
            hidden = above[-1:] == ("columns",)
            if not (above and above[-1] in FREE) and not hidden:
                yield key.start_mark.index, key.value
            yield from keys(value, (*above, key.value))
    elif not isinstance(node, ScalarNode):
        for item in node.value:
            yield from keys(item, above)


def without_json_filters() -> str:
    return SAMPLE.replace("{status: {_eq: published}}", "status == 'published'")


TEXT = without_json_filters()
KEYS = [each for each in keys(YAML(typ="safe", pure=True).compose(TEXT)) if TEXT[each[0] :].startswith(each[1])]


def refused(content: str) -> bool:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(content)
        try:
            load(path, ENVIRONMENT, Flags())
        except ConfigError:
            return True
    return False


def test_the_sample_itself_is_accepted() -> None:
    assert not refused(TEXT)
    assert {"version", "anonymous_role", "guest", "user", "filter", "columns"} <= {name for _, name in KEYS}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_letter_changed_in_any_key_is_refused(data: st.DataObject) -> None:
    start, key = data.draw(st.sampled_from(KEYS))
    at = start + data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyzABC_019").filter(lambda each: each != TEXT[at]))
    mutant = TEXT[:at] + letter + TEXT[at + 1 :]
    if key == "editor" and "editor" not in mutant:
        return  # a role that nobody names may have any name
    assert refused(mutant)


@pytest.mark.parametrize(("start", "key"), KEYS)
def test_any_key_with_a_letter_missing_is_refused(start: int, key: str) -> None:
    if key != "editor":
        assert refused(TEXT[: start + len(key) - 1] + TEXT[start + len(key) :])
