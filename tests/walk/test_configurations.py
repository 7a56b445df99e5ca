"""The configurations of the checkout can be used on each database, and the tests that stand in them pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import Flags, load
from server.config.checks import PUBLISHED
from tests.server.harness import REPOSITORY, ServedProcess, reflector
from tests.walk.conftest import shop_in_a_file
from tests.walk.terminal import Terminal

EXAMPLE = REPOSITORY / "examples" / "bookshop" / "config.yaml"
FILE = REPOSITORY / "config.yaml"
SECRETS = {
    "JWT_SECRET": "a-signing-key-of-forty-letters-at-least",
    "CURSOR_SECRET": "a-cursor-key-of-forty-letters-or-so",
}
LEAST_TESTS = 20


@pytest.fixture
def url(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> str:
    """The URL of a bookshop of each kind: what tests write is taken back."""
    return shops[kind]


def test_the_example_fits_each_database(url: str) -> None:
    status, out, err = reflector("check", url, "--config", str(EXAMPLE), environ=SECRETS)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].startswith("OK: ")
    assert "FAILED" not in out


def test_the_rules_of_the_readme_fit(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    (shown,) = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (tmp_path / "readme.yaml").write_text(shown)
    environ = {**SECRETS, "DATABASE_URL": shop.url}
    status, out, err = reflector("check", "--config", "readme.yaml", environ=environ, folder=tmp_path)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].startswith("OK: ")
    assert "FAILED" not in out


def test_the_example_asks_for_its_secret(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    status, _, err = reflector("check", shop.url, "--config", str(EXAMPLE))
    assert (status, "JWT_SECRET" in err, len(err.splitlines())) == (2, True, 1)


def test_the_tour_fits_each_database_and_all_of_its_tests_pass(url: str) -> None:
    status, out, err = reflector("check", url, "--config", str(FILE), "--coverage-min", "90", environ=SECRETS)
    passed, summary, last = out.splitlines()
    assert (status, err, last.partition(":")[0]) == (0, "", "OK")
    assert (set(passed), summary) == ({"."}, f"{len(passed)} permission tests: {len(passed)} passed")
    assert len(passed) >= LEAST_TESTS


def test_the_tour_is_of_these_sections_and_roles() -> None:
    config = load(FILE, {}, Flags())
    assert {"server", "auth", "roles", "policies", "defaults", "tables", "relationships", "limits", "tests"} <= (
        config.model_fields_set
    )
    assert set(config.roles) == {"guest", "customer", "editor", "manager", "support"}
    assert (config.open, config.writable, config.database.url, config.server.host) == (False, False, None, "127.0.0.1")


def test_the_tour_leads_to_the_sample_where_guests_read(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(FILE.read_bytes())
    with Terminal(tmp_path, {}) as terminal:
        terminal.run(".venv/bin/reflector serve --check")
        assert terminal.run("curl 'http://127.0.0.1:8000/api/book?limit=1'").statuses == [200]
        assert terminal.run("curl -X DELETE 'http://127.0.0.1:8000/api/tag/unused'").statuses == [403]


@pytest.mark.parametrize("flags", [("--host", "0.0.0.0"), ("--host", "::")])
def test_other_machines_are_not_served_with_the_key_that_everybody_knows(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "config.yaml").write_bytes(FILE.read_bytes())
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    status, _, err = reflector("serve", "--port", "0", *flags, folder=tmp_path, environ=environ)
    assert (status, "auth.jwt.secret: is the published key" in err) == (2, True)
    assert "everybody-knows" not in err
    own = {**environ, "JWT_SECRET": SECRETS["JWT_SECRET"]}
    with ServedProcess("serve", "--port", "0", *flags, folder=tmp_path, environ=own) as process:
        process.wait_until_it_serves()


def test_the_published_key_is_the_one_of_the_file() -> None:
    assert f'secret: "${{JWT_SECRET:-{PUBLISHED}}}"' in FILE.read_text()
