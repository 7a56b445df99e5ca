"""A permission test that could not fail does not pass: rows that its own filter leaves out, and values that nobody has."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.server.test_trials import CALLERS, checked, results

NOTES = """
CREATE TABLE person (id int PRIMARY KEY, name varchar(20));
CREATE TABLE note (id int PRIMARY KEY, owner int REFERENCES person (id), secret varchar(20));
INSERT INTO person VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO note VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 1, NULL), (4, 2, NULL);
"""
RULES = (
    CALLERS
    + """\
tables:
  note: {allow: {guest: {read: owner == 1, mask: {secret: {null_unless: owner == 2}}, update: owner == 1, delete: owner == 1, aggregate: true}}}
tests:
"""
)
OPEN = RULES.replace("owner == 1", "true").replace("null_unless: owner == 2", "null_unless: true")
HOLDING = (
    "read: note, where: id == 2, filter: {id: {_eq: 2}}, rows: 0",
    "read: note, filter: {owner: {_eq: 2}}, keys: []",
    "update: note, where: owner == 2, filter: {id: {_eq: 2}}, values: {secret: x}, affected: 0",
    "delete: note, filter: {id: {_in: [2, 4]}}, denied: true",
    "delete: note, where: id == 4, filter: {owner: {_eq: 2}}, denied: row_not_found",
    "aggregate: note, filter: {id: {_eq: 2}}, count: 0",
    "read: note, where: id == 1, hidden: [secret]",
    "read: note, hidden: [secret]",
    "read: note, filter: {id: {_eq: 1}}, hidden: [secret]",
)
ALLOWED = (
    "update: note, where: id < 4, filter: {owner: {_eq: 1}}, values: {owner: 1}",
    "delete: note, where: owner == 1, filter: {id: {_eq: 3}}",
    "read: note, filter: {person: {name: Ann}}, denied: true",
)
BOTH = (
    "`where` and `filter` pick no row whoever asks, so nothing was {}: this test cannot fail; make a row with `given`"
)
ALONE = "`filter` picks no row whoever asks, so nothing was {}: this test cannot fail; make a row with `given`"
NULL = "secret may be read by this caller, and holds nothing in the rows that they see, whoever asks: this test cannot fail; make a row with `given`"
VAIN = (
    ("delete: note, where: id == 4, filter: {id: {_eq: 999}}, denied: true", BOTH.format("denied")),
    ("update: note, where: id == 2, filter: {id: {_eq: 999}}, values: {secret: x}, denied: true", BOTH.format("denied")),
    ("update: note, where: id == 2, filter: {id: {_eq: 999}}, values: {secret: x}, affected: 0", BOTH.format("left alone")),
    ("update: note, where: id == 2, filter: {id: {_eq: 999}}, denied: true", BOTH.format("denied")),
    ("read: note, where: id == 2, filter: {id: {_eq: 999}}, rows: 0", BOTH.format("hidden")),
    ("read: note, filter: {id: {_eq: 999}}, rows: 0", ALONE.format("hidden")),
    ("aggregate: note, filter: {id: {_eq: 999}}, count: 0", ALONE.format("left out")),
    ("read: note, where: id == 3, hidden: [secret]", NULL),
    ("read: note, where: id > 1, hidden: [secret]", NULL),
    ("read: note, filter: {id: {_eq: 3}}, hidden: [secret]", NULL),
)  # fmt: skip


@pytest.fixture(scope="module")
def noted(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases of each kind with notes; nothing that is done to them here stays."""
    return {kind: databases.database(kind, NOTES) for kind in KINDS}


@pytest.fixture
def url(kind: DatabaseKind, noted: Mapping[DatabaseKind, str]) -> str:
    return noted[kind]


def listed(rules: str, tests: tuple[str, ...]) -> str:
    return rules + "".join(f"  - {{as: guest, {each}}}\n" for each in tests)


async def test_what_there_is_to_refuse_is_refused(url: str) -> None:
    tests = (*HOLDING, *ALLOWED)
    found = await results(url, listed(RULES, tests))
    assert {test: each.lines for test, each in zip(tests, found, strict=True) if each.lines} == {}


async def test_the_same_fails_where_nothing_is_refused(url: str) -> None:
    found = await results(url, listed(OPEN, HOLDING))
    assert [test for test, each in zip(HOLDING, found, strict=True) if not each.lines] == []


async def test_what_there_is_nothing_of_is_not_refused(url: str) -> None:
    tests = tuple(test for test, _ in VAIN)
    found = await results(url, listed(RULES, tests))
    assert {test: each.lines for test, each in zip(tests, found, strict=True)} == {test: (line,) for test, line in VAIN}
    assert all(each.lines for each in await results(url, listed(OPEN, tests)))


async def test_a_filter_that_the_database_refuses_is_refused_to_the_caller(databases: Databases) -> None:
    script = (
        "CREATE TABLE host (id int PRIMARY KEY, ip inet, span int4range); INSERT INTO host VALUES (1, '::1', '[1,2)')"
    )
    url = databases.database(DatabaseKind.POSTGRESQL, script)
    tests = (
        "read: host, where: id == 1, filter: {ip: {_eq: nowhere}}, denied: invalid_data",
        "read: host, where: id == 1, filter: {span: {_eq: '[2,1)'}}, denied: invalid_data",
    )
    found = await results(url, listed(CALLERS + "tables: {host: {allow: {guest: {read: true}}}}\ntests:\n", tests))
    assert [each.lines for each in found] == [(), ()]


async def test_coverage_takes_no_row_for_refused_that_the_filter_leaves_out(url: str) -> None:
    rows = {
        "read: note, filter: {id: {_eq: 1}}, keys: [1]": ["1", "0"],
        "read: note, filter: {id: {_in: [1, 2]}}, keys: [1]": ["1", "1"],
        "read: note, filter: {id: {_eq: 2}}, keys: []": ["0", "1"],
    }
    for test, told in rows.items():
        _, lines = await checked(url, listed(RULES, (test,)), coverage=True)
        (line,) = (each for each in lines if "guest read  " in each)
        assert re.split(r"  +", line)[3:5] == told, line
