"""The configurations of the checkout can be used: the example on each database, and every line that one may uncomment."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest

from examples import bookshop
from server.config import Flags, load
from tests.server.harness import REPOSITORY, ServedProcess, reflector
from tests.servers import MariaDBServer, PostgreSQLServer
from tests.walk.conftest import shop_in_a_file
from tests.walk.terminal import Terminal

EXAMPLE = REPOSITORY / "examples" / "bookshop" / "config.yaml"
FILE = REPOSITORY / "config.yaml"
SECRETS = {
    "JWT_SECRET": "a-signing-key-of-forty-letters-at-least",
    "CURSOR_SECRET": "a-cursor-key-of-forty-letters-or-so",
}
SECTION = re.compile(r"#(\w+):")


def uncommented(lines: list[str]) -> str:
    """The file with every section in force: `#` goes where a name or an indented line follows, explanations stay."""
    return "\n".join(re.sub(r"^#(?=\w|  )", "", line) for line in lines) + "\n"


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a bookshop of each kind."""
    if request.param == "sqlite":
        return shop_in_a_file(tmp_path / "bookshop.sqlite").url
    server: PostgreSQLServer | MariaDBServer = request.getfixturevalue(f"{request.param}_server")
    made = server.create_database("bookshop_with_rules")
    server.run("bookshop_with_rules", bookshop.script(request.param))
    return made


def test_the_example_fits_each_database(url: str) -> None:
    status, out, err = reflector("check", url, "--config", str(EXAMPLE), environ=SECRETS)
    assert (status, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["OK"]


def test_the_rules_of_the_readme_fit(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    (shown,) = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (tmp_path / "readme.yaml").write_text(shown)
    environ = {**SECRETS, "DATABASE_URL": shop.url}
    status, out, err = reflector("check", "--config", "readme.yaml", environ=environ, folder=tmp_path)
    assert (status, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["OK"]


def test_the_example_asks_for_its_secret(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    status, _, err = reflector("check", shop.url, "--config", str(EXAMPLE))
    assert (status, "JWT_SECRET" in err, len(err.splitlines())) == (2, True, 1)


def test_the_file_of_the_checkout_leads_to_the_sample_and_opens_reading_here_alone(tmp_path: Path) -> None:
    config = load(FILE, {}, Flags())
    assert (config.open, config.writable, config.database.url, config.server.host) == (True, False, None, "127.0.0.1")
    (tmp_path / "config.yaml").write_bytes(FILE.read_bytes())
    with Terminal(tmp_path, {}) as terminal:
        terminal.run(".venv/bin/reflector serve")
        assert terminal.run("curl 'http://127.0.0.1:8000/api/book?limit=1'").statuses == [200]
        assert terminal.run("curl -X DELETE 'http://127.0.0.1:8000/api/tag/unused'").statuses == [403]


def test_each_section_that_is_commented_out_can_be_used(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    lines = FILE.read_text().splitlines()
    sections = [match[1] for line in lines if (match := SECTION.match(line))]
    assert set(sections) == {
        "database", "server", "auth", "roles", "policies", "defaults", "tables", "relationships", "limits",
    }  # fmt: skip
    (tmp_path / "all.yaml").write_text(uncommented(lines))
    environ = {**SECRETS, "DATABASE_URL": shop.url}
    config = load(tmp_path / "all.yaml", environ, Flags())
    assert set(sections) | {"version"} <= config.model_fields_set
    status, out, err = reflector("check", "--config", "all.yaml", environ=environ, folder=tmp_path)
    assert (status, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["OK"]


def test_what_the_file_of_the_checkout_says_of_a_guest_holds(tmp_path: Path) -> None:
    shop = shop_in_a_file(tmp_path / "bookshop.sqlite")
    (tmp_path / "all.yaml").write_text(uncommented(FILE.read_text().splitlines()))
    environ = {**SECRETS, "DATABASE_URL": shop.url, "XDG_CACHE_HOME": str(tmp_path)}
    with ServedProcess("serve", "--config", "all.yaml", "--port", "0", environ=environ, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        with urllib.request.urlopen(f"{base}/api/book?include=publisher&limit=1", timeout=20) as reply:
            item = json.loads(reply.read())["items"][0]
    assert set(item) == {"id", "title", "price", "publisher_code", "publisher"}
