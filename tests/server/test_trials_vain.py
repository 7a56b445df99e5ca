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
CREATE TABLE pet (id int PRIMARY KEY, owner int, born int, mother_id int REFERENCES pet (id));
CREATE TABLE note (id int PRIMARY KEY, owner int REFERENCES person (id), secret varchar(20));
INSERT INTO person VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO pet VALUES (1, 2, NULL, NULL), (2, 1, NULL, NULL), (3, 1, NULL, 1);
INSERT INTO note VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 1, NULL), (4, 2, NULL), (5, NULL, NULL);
"""
RULES = (
    CALLERS
    + """\
tables:
  pet: {allow: {guest: {read: owner == 1, aggregate: true}}}
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
    "read: note, where: id == 1, sees: {secret: null}",
    "read: note, where: 'id in [1, 3]', filter: {owner: {_eq: 1}}, sees: {secret: null}",
    "read: note, where: id > 1, sees: {secret: null}",
    "read: pet, where: id == 3, sees: {mother: null, born: null}",
    "aggregate: note, max: {secret: null}",
    "aggregate: note, where: id == 2, min: {secret: null}, count: 0",
    "aggregate: note, where: 'id in [2, 3]', max: {secret: null, owner: 1}",
    "aggregate: note, where: id == 2, sum: {id: null}, max: {secret: null}",
)
ALLOWED = (
    "update: note, where: id < 4, filter: {owner: {_eq: 1}}, values: {owner: 1}",
    "delete: note, where: owner == 1, filter: {id: {_eq: 3}}",
    "read: note, filter: {person: {name: Ann}}, denied: true",
    "read: note, where: id == 3, sees: {id: 3, secret: null}",
    "read: note, where: id == 3, sees: {secret: null}, rows: 1",
    "read: note, where: id == 3, rows: [{secret: null}]",
    "aggregate: note, where: id == 3, count: 1, max: {secret: null}",
    "aggregate: note, where: id == 3, by: [owner], groups: [{owner: 1, max: {secret: null}}]",
)
BOTH = (
    "`where` and `filter` pick no row whoever asks, so nothing was {}: this test cannot fail; make a row with `given`"
)
ALONE = "`filter` picks no row whoever asks, so nothing was {}: this test cannot fail; make a row with `given`"
NULL = "secret may be read by this caller, and holds nothing in the rows that they see, whoever asks: this test cannot fail; make a row with `given`"
VOID = "there is nothing in {} of {}, whoever asks: this test cannot fail; make a row with `given`"
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
    ("read: note, where: id == 3, sees: {secret: null}", VOID.format("secret", "the rows that `where` picks")),
    ("read: note, filter: {id: {_eq: 3}}, sees: {secret: null}", VOID.format("secret", "the rows that `filter` picks")),
    ("read: note, where: id > 2, filter: {id: {_lt: 4}}, sees: {secret: null}", VOID.format("secret", "the rows that `where` and `filter` pick")),
    ("read: pet, sees: {born: null}", VOID.format("born", "the rows of the table")),
    ("read: pet, where: id == 2, sees: {born: null, mother: null}", VOID.format("born, mother", "the rows that `where` picks")),
    ("aggregate: note, where: 'id in [3, 4]', max: {secret: null}", VOID.format("secret", "the rows that `where` picks")),
    ("aggregate: pet, min: {born: null}, max: {born: null}", VOID.format("born", "the rows of the table")),
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
        (line,) = (each for each in lines if each.startswith("note") and "guest read  " in each)
        assert re.split(r"  +", line)[3:5] == told, line
