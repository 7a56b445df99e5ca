"""A letter changed anywhere in a configuration never opens anything: it is refused, or grants no more than before.

REFLECTOR_MUTANTS says how many of each file are tried, `all` for all of them; REFLECTOR_SEED chooses them.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from reflector.access.permissions import Grants, Permissions, TableGrant
from reflector.catalog.build import build
from reflector.catalog.facts import Facts
from reflector.catalog.model import DatabaseKind
from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.reflection import reflections
from server.access import overlay_of
from server.binding import Binding
from server.commands.tree import inline
from server.config import Config, ConfigError, Flags, load
from tests.bookshops import Databases

ROOT = Path(__file__).parents[2]
FILES = {"tour": ROOT / "config.yaml", "example": ROOT / "examples" / "bookshop" / "config.yaml"}
HOW_MANY = os.environ.get("REFLECTOR_MUTANTS", "40")
SEED = int(os.environ.get("REFLECTOR_SEED", random.SystemRandom().randrange(1 << 32)))
ENVIRONMENT = {"JWT_SECRET": "a-signing-key-of-forty-letters-at-least"}
NAMES = {"extends", "anonymous_role", "admin_role", "default_role", "columns", "to", "join", "allow"}
"""Settings whose values are names of something that is elsewhere."""
RULES = {"read", "create", "update", "delete", "filter", "check", "null_unless", "unless"}
WORD = re.compile(r"'[^']*'|[A-Za-z_]+")


@dataclass(frozen=True)
class Word:
    """A word of a file: where it begins, and under which settings it stands."""

    at: int
    text: str
    path: tuple[str, ...]
    key: bool

    def changed(self, content: str) -> str:
        """The file with another letter in the middle of the word."""
        middle = self.at + len(self.text) // 2
        letter = "x" if content[middle] != "x" else "q"
        return content[:middle] + letter + content[middle + 1 :]


def words(node: Node, path: tuple[str, ...] = ()) -> Iterator[Word]:
    """Every key, every name of something, and every word of a rule."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            inside = (*path, key.value)
            yield from found(key, inside, key=True)
            yield from words(value, inside)
    elif not isinstance(node, ScalarNode):
        for item in node.value:
            yield from words(item, path)
    elif NAMES & set(path[-2:]) or RULES & set(path[-1:]) or path[:1] == ("policies",) or "presets" in path[-2:]:
        yield from found(node, path, key=False)


def found(node: ScalarNode, path: tuple[str, ...], *, key: bool) -> Iterator[Word]:
    begins = node.start_mark.index + (node.style in {"'", '"'})
    for word in WORD.finditer(node.value):
        if not word[0].startswith("'"):
            yield Word(begins + word.start(), word[0], path, key)


def without_tests(content: str) -> str:
    """Permission tests open nothing."""
    return content.partition("\ntests:")[0] + "\n"


class Bookshop:
    """What the configurations are bound to; read once."""

    def __init__(self, url: str, facts: Facts, folder: Path) -> None:
        self._url, self._facts, self._file = url, facts, folder / "config.yaml"

    def config(self, content: str) -> Config:
        """Raises ConfigError."""
        self._file.write_text(content)
        return load(self._file, ENVIRONMENT, Flags(url=self._url))

    def bound(self, content: str) -> tuple[Binding, Permissions]:
        """Raises ConfigError."""
        config = self.config(content)
        binding = Binding(config)
        permissions = binding.snapshot(0, build(self._facts, overlay_of(config))).permissions
        assert isinstance(permissions, Permissions)
        return binding, permissions


async def facts_of(url: str) -> Facts:
    driver = open_driver(parse_database_url(url))
    await driver.open()
    try:
        return await reflections()[driver.kind].read_facts(driver.fetch, None)
    finally:
        await driver.close()


@pytest.fixture(scope="module")
def bookshop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Bookshop:
    url = databases.bookshop(DatabaseKind.SQLITE)
    return Bookshop(url, asyncio.run(facts_of(url)), tmp_path_factory.mktemp("mutants"))


def rights(grant: TableGrant | None) -> dict[str, set[Any]]:
    """What a grant allows, piece by piece."""
    if grant is None:
        return {}
    seen = {(column.name, inline(rule)) for column, rule in grant.columns.items()} if grant.may_read else set()
    seen |= {(column.name, inline(ways)) for column, ways in grant.masked.items()}
    return {
        "rows": {inline(grant.read_rows)} if grant.may_read else set(),
        "columns": seen,
        "create": {inline((each.check, sorted(c.name for c in each.columns), each.presets)) for each in grant.creates},
        "update": {
            inline((each.rows, each.check, sorted(c.name for c in each.columns), each.presets))
            for each in grant.updates
        },
        "delete": {inline(each.rows) for each in grant.deletes},
        "aggregate": {grant.aggregate} - {False},
    }


def everything(permissions: Permissions) -> dict[tuple[str, ...], set[Any]]:
    """What each role may do with each table, and which functions it may call."""
    all_: dict[tuple[str, ...], set[Any]] = {}
    for role in permissions.ancestors:
        grants: Grants = permissions.grants([role])
        for table in grants.tables:
            for kind, allowed in rights(grants.on(table)).items():
                all_[role, f"{table.schema}.{table.name}", kind] = allowed
        all_[role, "functions"] = {each.name for each in grants.functions}
    return all_


def more(before: dict[tuple[str, ...], set[Any]], after: dict[tuple[str, ...], set[Any]], word: Word) -> list[Any]:
    """What is allowed after and was not before. A claim of another name is one that nobody carries."""
    claim = re.compile(r"Claim\(path=\['[a-z]+'\]")
    known = {place: {claim.sub("Claim", str(each)) for each in allowed} for place, allowed in before.items()}
    return [
        (word, place, each)
        for place, allowed in after.items()
        for each in allowed
        if claim.sub("Claim", str(each)) not in known.get(place, set())
    ]


def chosen(content: str) -> list[Word]:
    whole = [
        each for each in words(YAML(typ="safe", pure=True).compose(content)) if content.startswith(each.text, each.at)
    ]
    return whole if HOW_MANY == "all" else random.Random(SEED).sample(whole, int(HOW_MANY))


@pytest.mark.parametrize("name", FILES)
def test_a_letter_changed_opens_nothing(name: str, bookshop: Bookshop) -> None:
    content = without_tests(FILES[name].read_text())
    binding, permissions = bookshop.bound(content)
    assert binding.unfit == binding.warnings == ()
    before, opened = everything(permissions), list[Any]()
    for word in chosen(content):
        try:
            changed, bound = bookshop.bound(word.changed(content))
        except ConfigError:
            continue
        found_more = more(before, everything(bound), word)
        if word.path[0] == "tables" and "*" in word.path[1] and word.path[2:3] == ("columns",):
            # What hides by a pattern may hide nothing, and that is told.
            assert changed.warnings, word
            continue
        opened += found_more
    assert opened == [], f"REFLECTOR_SEED={SEED}"
