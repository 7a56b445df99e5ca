"""The documentation and the schema name every setting, and nothing else is needed to write a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from reflector.database_url import FAMILIES, SCHEMES, DatabaseUrl
from reflector.secret import Secret
from server.config import Config, config_schema
from server.config.complaints import Path as SettingPath
from server.config.environment import LONG, SHORT, SWITCHES
from server.config.load import SECRETS
from server.config.models import File
from server.config.outline import NAME, of_sections, section_at, settings, stripped
from tests.unit.config.conftest import SAMPLE

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
PATHS = [path for path, _ in settings(File)]


def written(path: SettingPath) -> str:
    return ".".join(map(str, path))


@pytest.mark.parametrize("path", PATHS, ids=written)
def test_every_setting_has_a_row(path: SettingPath) -> None:
    assert f"| `{written(path)}` |" in PAGE


def test_the_page_has_no_row_of_a_setting_that_is_gone() -> None:
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `") and "." in line.split("`")[1]]
    sections = (
        "database",
        "server",
        "auth",
        "roles",
        "policies",
        "defaults",
        "tables",
        "relationships",
        "extensions",
        "limits",
        "cache",
        "changes",
        "webhooks",
        "redis",
        "graphql",
        "postgrest",
        "observability",
    )
    assert [row for row in rows if row.startswith(sections) and row not in map(written, PATHS)] == []


def test_what_is_not_there_yet_is_listed() -> None:
    page = PAGE.partition("## Not yet")[2].partition("## ")[0]
    later = {
        name for kind in {section_at(File, path[:-1]) for path in PATHS} if kind is not None for name in kind.later
    }
    assert later == {"etag"}
    assert [name for name in later if name not in page] == []


def defaults() -> list[tuple[SettingPath, Any]]:
    shown = json.loads(Config.model_validate({"version": 1}).model_dump_json(exclude={"places"}))
    found = []
    for path in PATHS:
        value: Any = shown
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if NAME not in path and value not in (None, [], {}):
            found.append((path, value))
    return found


@pytest.mark.parametrize(("path", "value"), defaults())
def test_the_default_stands_in_the_row(path: SettingPath, value: Any) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{written(path)}` |"))
    default = json.dumps(value).strip('"')
    assert path == ("version",) or f"| `{default}` |" in row


@pytest.mark.parametrize("variable", [*SHORT, *SWITCHES, "DATABASE_URL", "REFLECTOR_CONFIG", "REFLECTOR_DATABASE_URL"])
def test_short_variables_are_documented(variable: str) -> None:
    assert f"`{variable}`" in PAGE


def test_every_option_of_a_url_is_documented() -> None:
    options = {option for family in FAMILIES.values() for option in family.options}
    assert [each for each in (*options, *(f"{scheme}://" for scheme in SCHEMES)) if f"`{each}`" not in PAGE] == []


def test_no_two_settings_share_a_variable() -> None:
    paths = [
        path for path, kind in settings(File) if NAME not in path and path != ("version",) and not of_sections(kind)
    ]
    assert sorted(LONG.values()) == sorted(paths)
    assert not set(SHORT) & set(LONG)


def test_whatever_is_secret_may_stand_in_a_file() -> None:
    lists = {
        path for path, kind in settings(File) if get_origin(kind) is tuple and stripped(get_args(kind)[0]) is Secret
    }
    assert lists | {path for path, kind in settings(File) if kind in (Secret, DatabaseUrl)} == set(SECRETS)


def test_the_examples_of_the_page_are_accepted(loaded: Any) -> None:
    examples = [block.split("```")[0] for block in PAGE.split("```yaml\n")[1:]]
    assert examples
    for example in examples:
        environ = {"DATABASE_URL": "sqlite:///shop.db", "JWT_SECRET": "x" * 32, "SERVER_SECRET": "y" * 32}
        assert loaded(example, environ).version == 1


SCHEMA = Draft202012Validator(config_schema())


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_is_one_and_accepts_the_sample() -> None:
    Draft202012Validator.check_schema(config_schema())
    assert [error.message for error in SCHEMA.iter_errors(plain(SAMPLE))] == []


ROOT = Path(__file__).parents[3]
FILES = [ROOT / "config.yaml", *sorted((ROOT / "examples").rglob("config*.yaml"))]
SNIPPETS = {
    f"{page.name} {number}": block
    for page in sorted((ROOT / "docs").glob("*.md"))
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
}


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_the_schema_accepts_every_configuration_here(file: Path) -> None:
    assert [error.message for error in SCHEMA.iter_errors(plain(file.read_text()))] == []


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS.keys())
def test_the_schema_accepts_what_pages_show(text: str) -> None:
    said = plain(text)
    if "…" in text or not isinstance(said, dict) or not set(said) <= set(File.model_fields):
        return  # abridged, part of a section, or no configuration
    assert [error.message for error in SCHEMA.iter_errors({"version": 1, **said})] == []


@pytest.mark.parametrize(
    "text",
    [
        "server: {}",
        "version: 2",
        "version: 1\nserver: {prot: 1}",
        "version: 1\nserver: {port: 99999}",
        "version: 1\nserver: {secret: null}",
        "version: 1\ndatabase: {timeout: 10}",
        "version: 1\nroles: {a: {extends: 5}}",
        "version: 1\ntables: {t: {allow: {a: {read: {filtr: x}}}}}",
        "version: 1\ntables: {t: {allow: {a: {read: {filter: true, owner: {_eq: 1}}}}}}",
        "version: 1\ntables: {t: {allow: {a: {read: {owner: 1}}}}}",
        "version: 1\ntables: {t: {columns: {a: shown}}}",
        "version: 1\ntables: {t: {cache: 5}}",
        "version: 1\ncache: {ttl: 5}",
        "version: 1\ngraphql: {introspection: []}",
        "version: 1\ngraphql: {root_fields: 1000}",
        "version: 1\ngraphql: {document: 1MiB}",
    ],
)
def test_the_schema_refuses_what_load_refuses(text: str) -> None:
    assert not SCHEMA.is_valid(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nroles: {a: {extends: b}, b: {}}",
        "version: 1\nserver: {port: '${P}'}",
        "version: 1\ncache: {ttl: 1s}\ntables: {a: {cache: false}, b: {cache: true}, c: {cache: {ttl: 0s, stale: 0s}}}",
        "version: 1\ntables: {t: {allow: {a: {read: {owner: {_eq: X-Hasura-User-Id}}, create: {_or: []}}}}}",
        "version: 1\ngraphql: {introspection: false}",
        "version: 1\ngraphql: {introspection: user, document: '${D}'}",
        "version: 1\ngraphql: {introspection: [user, editor], document: 2048B}",
    ],
)
def test_the_schema_accepts_short_forms_and_references(text: str) -> None:
    assert SCHEMA.is_valid(plain(text))
