"""`reflector config show`: what is in force, whence it comes, and what roles may do; and never a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.configuration_faults import RIGHT, SCHEMA
from tests.server.harness import reflector

CANARY = "a-canary-that-must-not-be-seen-anywhere-at-all"
FILE = f"""version: 1
database: {{pool: {{max: 20}}}}
server: {{secret: {CANARY}}}
auth:
  jwt: {{secret: {CANARY}, audience: api}}
  anonymous_role: guest
  admin_role: admin
  admin_secret: {CANARY}
roles: {{guest: {{}}, admin: {{}}, user: {{extends: guest, limits: {{max_rows: 5}}}}}}
policies: {{own: customer_id == claims.sub}}
tables:
  book: {{allow: {{guest: {{read: id < 3, columns: [id, title]}}, user: {{read: true}}}}}}
  review:
    allow:
      user: {{read: own, create: {{check: own, columns: [book_id, rating], presets: {{customer_id: claims.sub}}}}, delete: own}}
redis: {{url: "redis://:{CANARY}@127.0.0.1:6379/0"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return path


def line_of(out: str, setting: str) -> str:
    [line] = [each for each in out.splitlines() if each.strip().startswith(f"{setting}:")]
    return " ".join(line.split())


def test_every_setting_has_a_value_and_a_source(file: Path) -> None:
    environ = {"DATABASE_URL": f"postgresql://u:{CANARY}@h/d", "REFLECTOR_LIMITS_OFFSET": "7"}
    status, out, said = reflector("config", "show", "--config", str(file), environ=environ)
    assert (status, said) == (0, "")
    assert line_of(out, "max") == f"max: 20 # {file}:2:24"
    assert line_of(out, "offset") == "offset: 7 # environment variable REFLECTOR_LIMITS_OFFSET"
    assert line_of(out, "page") == "page: 100 # default"
    assert "***" in line_of(out, "admin_secret")
    assert "postgresql://u:***@h:5432/d" in out
    assert CANARY not in out
    read = YAML(typ="safe").load(out)
    assert read["tables"]["book"]["allow"]["guest"]["read"] == {
        "filter": "id < 3",
        "columns": ["id", "title"],
        "mask": {},
    }
    assert read["auth"]["jwt"][0]["audience"] == ["api"]


def test_without_a_file_all_of_it_is_default_or_a_variable(tmp_path: Path) -> None:
    environ = {"REFLECTOR_AUTH_ANONYMOUS_ROLE": "guest"}
    status, _, said = reflector("config", "show", environ=environ, folder=tmp_path)
    assert status != 0  # the role has to be declared, which takes a file
    assert "guest" in said
    status, out, _ = reflector("config", "show", "sqlite:///x.db", environ={}, folder=tmp_path)
    assert status == 0
    assert line_of(out, "url") == 'url: "sqlite:///x.db" # the database URL of the command line'


GOLDEN = Path(__file__).parent / "golden" / "rights.txt"
"""UPDATE_GOLDEN=1 writes it anew."""


def test_what_a_role_may_do_is_told_as_people_read_it(databases: Databases, kind: DatabaseKind, tmp_path: Path) -> None:
    url, path = databases.database(kind, SCHEMA), tmp_path / "config.yaml"
    a_filter = "{filter: {_or: [{country: {_eq: GB}}, {name: {_like: H%}}]}}"
    path.write_text(RIGHT.replace('"exists(book, shown)"', a_filter).replace("defaults: {", "defaults: {write: true, "))
    status, out, said = reflector("config", "show", url, "--config", str(path), "--as", "role=user,sub=7")
    assert (status, said) == (0, "")
    told = out.replace(str(path), "config.yaml")
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(told)
    assert told == GOLDEN.read_text()


def test_without_rules_it_is_what_everybody_may(each_bookshop: str, tmp_path: Path) -> None:
    status, out, _ = reflector("config", "show", each_bookshop, "--as", "anonymous", folder=tmp_path)
    assert (status, "policies:" in out) == (0, False)
    assert "  tag\n    reads all rows\n      columns: name, description\n    counts and sums\n" in out


def test_a_closed_table_and_a_role_that_is_none_are_told(file: Path, each_bookshop: str) -> None:
    file.write_text(FILE.replace("id < 3", "idd < 3"))
    status, out, said = reflector("config", "show", each_bookshop, "--config", str(file), "--as", "role=user,sub=7")
    assert (status, CANARY in out + said) == (0, False)
    assert "  book: closed, because a rule of it does not fit the database\n" in out
    status, _, said = reflector("config", "show", each_bookshop, "--config", str(file), "--as", "role=usr")
    assert status != 0
    assert "'user'" in said


@pytest.mark.parametrize("command", ["config show", "openapi"])
def test_a_claim_that_nothing_knows_is_refused_with_the_nearest_name(
    file: Path, each_bookshop: str, command: str
) -> None:
    def told(caller: str) -> tuple[int, str]:
        arguments = (*command.split(), each_bookshop, "--config", str(file), "--as", caller)
        status, _, said = reflector(*arguments)
        return status, said

    for caller in ("role=user,subb=7", "role=user,tenant=7"):
        status, said = told(caller)
        assert (status, "nothing says that callers have a claim" in said) == (2, True), said
    assert "did you mean 'sub'? A claim of your own is named under auth.claims" in told("role=user,subb=7")[1]
    file.write_text(FILE.replace("auth:\n", "auth:\n  claims: [tenant]\n"))
    assert told("role=user,tenant=7")[0] == 0
    assert told("role=user,tenan=7")[0] == 2
