"""Permission tests where PostgreSQL decides: each policy and grant is held to its examples, and none of them leaves a trace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from reflector.catalog.model import DatabaseKind
from server.app import engine_of
from server.binding import Binding
from server.commands.check import check
from server.config import Config, ConfigError
from server.trials import Outcome, Result, run_trials
from tests.bookshops import Databases
from tests.server.harness import REPOSITORY, configured
from tests.servers import PostgreSQLServer

EXAMPLE = REPOSITORY / "examples" / "row_security"
SCHEMA = (EXAMPLE / "schema.sql").read_text()
RULES, _, TESTS = (EXAMPLE / "config.yaml").read_text().partition("tests:\n")
GROUP = TESTS.partition("    tests:\n")[0]
"""The rows that the example's tests begin with."""
ANN, BOB, CID = (f"{{role: notes_author, sub: {name}}}" for name in ("ann", "bob", "cid"))


@pytest.fixture(scope="module")
def notes(databases: Databases) -> str:
    """The URL of the example's database, as its owner; nothing that is done to it here stays."""
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA)


@pytest.fixture
def own_notes(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA)


def as_login(url: str, name: str = "notes_login") -> str:
    return url.replace("//postgres@", f"//{name}@")


def written(tests: str, testing: str | None = None, rules: str = "") -> str:
    """The example's file, without its version, with these tests and another way of making rows."""
    said = re.sub(r"version: 1\n", "", RULES)
    if testing is not None:
        said = re.sub(r"testing:.*\n", testing, said)
    return f"{said}{rules}tests:\n{tests}"


def grouped(*tests: str) -> str:
    """Tests that begin with the example's rows."""
    return f"{GROUP}    tests:\n" + "".join(f"      - {each}\n" for each in tests)


def listed(*tests: str) -> str:
    return "".join(f"  - {each}\n" for each in tests)


def config_of(url: str, config: str) -> Config:
    return configured(as_login(url), config, environ={"DATABASE_URL": as_login(url), "TESTING_URL": url})


async def results(url: str, config: str) -> Sequence[Result]:
    wanted = config_of(url, config)
    engine = await engine_of(wanted, Binding(wanted))
    try:
        return await run_trials(engine, wanted)
    finally:
        await engine.close()


async def lines(url: str, config: str) -> list[list[str]]:
    """What is told of each test; nothing of those that pass."""
    return [[*each.lines] for each in await results(url, config)]


async def passing(url: str, config: str) -> int:
    found = await results(url, config)
    assert [(each.bound.trial.name, each.lines) for each in found if each.outcome is not Outcome.PASSED] == []
    return len(found)


async def complaints(url: str, config: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        await check(config_of(url, config), lambda _: None)
    return [f"{each.path}: {each.message}; {each.hint}" for each in refused.value.complaints]


def whole(server: PostgreSQLServer, url: str) -> list[list[object]]:
    """Every row that a test could have left something in."""
    asked = "SELECT n::text FROM api.note n UNION ALL SELECT t::text FROM api.team t UNION ALL SELECT m::text FROM api.member m"
    return server.run(url.rpartition("/")[2], asked)


# ── what holds, and what does not ────────────────────────────────────────────────────────────


async def test_the_example_holds_and_leaves_nothing(notes: str, postgresql_server: PostgreSQLServer) -> None:
    assert await passing(notes, written(TESTS)) == 22
    assert whole(postgresql_server, notes) == []


LEAKS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("ALTER POLICY published ON api.note USING (true)", {"anonymous: read note where id > 9000": "+ {id: 9001}"}),
    ("ALTER TABLE api.note DISABLE ROW LEVEL SECURITY", {"anonymous: read note where flagged_by == 'eve'": "+ 1 row: {id: 9003}"}),
    ("ALTER POLICY own_teams ON api.member USING (true)", {"notes_author, sub 'ann': read member where team_id > 9000": '+ {team_id: 9001, user_id: "cid"}'}),
    ("ALTER POLICY in_my_name ON api.note WITH CHECK (true)", {"notes_author, sub 'ann': create note": "+ 1 row written"}),
    ("ALTER POLICY my_own ON api.note USING (true)", {"notes_author, sub 'cid': update note where id == 9001": "+ 1 row written"}),
    ("ALTER POLICY my_drafts ON api.note USING (owner = api.uid())", {"notes_author, sub 'ann': delete note where id == 9002": "+ 1 row written"}),
    ("GRANT SELECT (owner) ON api.note TO notes_guest", {"anonymous: read note": "+ columns: owner"}),
    ("GRANT SELECT ON api.team TO notes_guest", {"anonymous: read team": "+ 2 rows"}),
    ("GRANT INSERT (flagged_by) ON api.note TO notes_author", {"notes_author, sub 'ann': create note": "+ 1 row written"}),
    ("ALTER VIEW api.shelf SET (security_invoker = false)", {}),
    ("DROP POLICY of_my_teams ON api.note", {"notes_author, sub 'ann': read note where id > 9000": "- {id: 9001}"}),
    ("REVOKE DELETE ON api.note FROM notes_author", {"notes_author, sub 'ann': delete note where id == 9001": "- allowed"}),
)  # fmt: skip


@pytest.mark.parametrize(("change", "told"), LEAKS, ids=[change for change, _ in LEAKS])
async def test_a_policy_or_grant_that_is_changed_fails_the_tests_of_it(
    own_notes: str, postgresql_server: PostgreSQLServer, change: str, told: Mapping[str, str]
) -> None:
    postgresql_server.run(own_notes.rpartition("/")[2], change)
    found = {each.bound.trial.name.partition(": ")[2]: each.lines for each in await results(own_notes, written(TESTS)) if each.lines}  # fmt: skip
    assert {name: line for name, line in told.items() if line not in found.get(name, ())} == {}, found
