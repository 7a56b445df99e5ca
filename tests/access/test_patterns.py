"""Patterns of tables and columns: exact names are strongest, and a misspelt pattern is told before anything is served."""

from __future__ import annotations

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.bookshops import Databases
from tests.server.harness import served

SCHEMA = """
CREATE TABLE log_a (id INTEGER PRIMARY KEY, phone VARCHAR(20), note VARCHAR(20));
CREATE TABLE log_b (id INTEGER PRIMARY KEY, phone VARCHAR(20), note VARCHAR(20));
CREATE TABLE person (id INTEGER PRIMARY KEY, phone VARCHAR(20));
INSERT INTO log_a VALUES (1, '0123456789', 'a');
INSERT INTO log_b VALUES (1, '0123456789', 'b');
INSERT INTO person VALUES (1, '0123456789');
"""
HEAD = "auth: {anonymous_role: guest}\nroles: {guest: {}}\ntables:\n"


@pytest.fixture(scope="session")
def logs(databases: Databases) -> str:
    return databases.database(DatabaseKind.SQLITE, SCHEMA)


async def test_the_last_entry_that_names_a_role_counts_and_the_exact_name_counts_most(logs: str) -> None:
    config = f"""{HEAD}
  log_b: {{allow: {{guest: {{read: true, columns: [id, phone]}}}}}}
  "*": {{allow: {{guest: {{read: true, columns: [id]}}}}}}
  "log_*": {{allow: {{guest: {{read: true, mask: {{phone: last4}}}}}}, columns: {{note: hidden}}}}
"""
    async with served(logs, config, strict=True) as api:
        assert (await api.get("/api/person/1")).json == {"id": 1}
        assert (await api.get("/api/log_a/1")).json == {"id": 1, "phone": "****6789"}
        assert (await api.get("/api/log_b/1")).json == {"id": 1, "phone": "0123456789"}


IDLE = {
    '"lgo_*": {allow: {guest: {read: true}}}': "no table matches 'lgo_*'",
    '"lgo_*": {allow: {guest: {read: false}}}': "no table matches 'lgo_*'",
}


@pytest.mark.parametrize(("entry", "said"), IDLE.items())
async def test_a_pattern_that_allows_something_and_matches_nothing_refuses_to_start(
    logs: str, entry: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        async with served(logs, f"{HEAD}  person: {{allow: {{guest: {{read: true}}}}}}\n  {entry}\n"):
            pass
    (complaint,) = refused.value.complaints
    assert said in str(complaint)
    assert complaint.position.line == 6


async def test_on_an_empty_database_it_waits_for_tables(databases: Databases) -> None:
    empty = databases.database(DatabaseKind.SQLITE, "")
    async with served(empty, f'{HEAD}  "*": {{allow: {{guest: {{read: true}}}}}}\n') as api:
        assert (await api.get("/api/log_a")).status == 404


async def test_a_pattern_that_only_hides_and_matches_nothing_is_told(
    logs: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = f'{HEAD}  "lgo_*": {{columns: {{note: hidden}}}}\n  person: {{allow: {{guest: {{read: true}}}}}}\n'
    async with served(logs, config, strict=True) as api:
        assert (await api.get("/api/person")).status == 200
    assert "no table matches 'lgo_*'" in caplog.text


async def test_a_mask_that_no_table_of_a_pattern_has_is_no_small_thing(
    logs: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = f'{HEAD}  "log_*": {{allow: {{guest: {{read: true, mask: {{NAME: last4}}}}}}}}\n'
    with pytest.raises(ConfigError) as refused:
        async with served(logs, config.replace("NAME", "phnoe"), strict=True):
            pass
    assert "no table of log_* has a column 'phnoe'" in str(refused.value.complaints[0])
    async with served(logs, config.replace("NAME", '"phnoe*"'), strict=True):
        assert "no table of log_* has a column 'phnoe*'" in caplog.text


MAPPED = f"""{HEAD}
  person:
    allow:
      guest:
        read:
          filter:
            _or:
              - phone: {{_eq: a}}
              - _and:
                  - id: {{_eq: 1}}
                  - phnoe:
                      _like: a
              - id:
                  _eq: x
              - {{phone: {{_gtt: b}}}}
"""


async def test_faults_of_a_rule_that_is_a_mapping_are_told_at_their_lines(logs: str) -> None:
    with pytest.raises(ConfigError) as refused:
        async with served(logs, MAPPED, strict=True):
            pass
    told = {each.position.line: str(each) for each in refused.value.complaints}
    lines = dict(enumerate(f"version: 1\n{MAPPED}".splitlines(), start=1))
    assert [lines[number].strip() for number in sorted(told)] == ["- phnoe:", "_eq: x", "- {phone: {_gtt: b}}"]
    assert "_or[1]._and[1].phnoe: person has no column or relationship 'phnoe'; did you mean 'phone'?" in told[15]
