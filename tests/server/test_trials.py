"""Permission tests of the file: each kind passes where it should and fails where it should, and none leaves a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.written import Written
from server.app import engine_of
from server.binding import Binding
from server.commands.check import Wanted, check
from server.config import ConfigError
from server.trials import Outcome, Result, run_trials
from tests.bookshops import KINDS, Databases, serving
from tests.core.questions import ask, whole
from tests.server.harness import ServedProcess, configured, reflector
from tests.servers import MariaDBServer, PostgreSQLServer

RULES = """\
auth: {jwt: {secret: a-signing-key-of-forty-letters-at-least-}, anonymous_role: guest}
roles: {guest: {}, customer: {extends: guest}, editor: {}, auditor: {}}
policies: {own: customer_id == claims.sub}
tables:
  "*": {columns: {"*_secret": hidden}}
  publisher: {allow: {guest: {read: true, columns: [code, name]}}}
  book: {allow: {guest: {read: status == 'published', columns: [id, title, price, publisher_code]}, editor: {read: true, aggregate: true}}}
  customer: {allow: {customer: {read: id == claims.sub}, auditor: {read: true, columns: [id]}, editor: {read: active}}}
  tag: {allow: {editor: {read: true, create: true, update: {filter: true, check: "name != 'kept'"}, delete: name != 'kept'}}}
  review:
    allow:
      guest: {read: status == 'published', columns: [id, book_id, rating]}
      customer:
        read: own
        create: {check: own and rating != 1, columns: [book_id, rating, body], presets: {customer_id: claims.sub, status: "'draft'"}}
        update: {filter: own, check: status == 'draft', columns: [rating, body]}
        delete: own and status == 'draft'
"""
CALLERS = RULES.partition("policies:")[0]
DRAFTS = """
    given:
      review:
        - {id: 900001, book_id: 3, customer_id: 2, status: draft, rating: 3, body: mine}
        - {id: 900002, book_id: 3, customer_id: 1, status: draft, rating: 3, body: not mine}
        - {id: 900003, book_id: 4, customer_id: 2, status: published, rating: 3, body: mine and out}
        - {id: 900004, book_id: 4, customer_id: 1, status: published, rating: 3, body: not mine and out}
"""
PASSING = (
    "{as: {role: guest}, read: book, where: id == 3, rows: 1}",
    "{as: guest, read: book, where: status == 'draft', rows: 0}",
    "{as: anonymous, read: book, where: id == 3, rows: [{price: 25.86, title: Pride and Prejudice}]}",
    "{read: book, where: id == 3, sees: {title: Pride and Prejudice, publisher: {name: 'Back\\Slash Press'}}}",
    "{as: guest, read: book, where: 'id in [3, 4]', keys: [4, 3]}",
    "{as: guest, read: book, columns: [price, id, title, publisher_code], hidden: [status, pages]}",
    "{as: guest, read: book, filter: {title: {_eq: Emma}}, where: id == 4, rows: 1}",
    "{as: guest, read: book, filter: {status: {_eq: draft}}, denied: unknown_column}",
    "{as: guest, read: book, fields: [status], denied: true}",
    "{as: guest, read: customer, denied: unknown_table}",
    "{as: customer, read: customer, denied: missing_claim}",
    "{as: [{role: customer, sub: 2}, {role: auditor}], read: customer, where: id == 2, hidden: [login_secret], rows: 1}",
    "{as: {role: [customer, auditor], sub: 2}, read: customer, where: id == 1, hidden: [email, phone]}",
    "{as: {role: [customer, auditor], sub: '2'}, read: customer, where: id == 2, sees: {email: robertdroptablecustomer2@mail.example}}",
    "{as: editor, aggregate: book, where: id == 3, count: 1}",
    "{as: editor, aggregate: book, allowed: true}",
    "{as: editor, aggregate: book, where: 'id in [3, 4]', count: 2, min: {id: 3}, max: {id: 4, title: Pride and Prejudice}, sum: {id: 7}, avg: {id: 3.5}}",
    "{as: editor, aggregate: book, where: 'id in [3, 4]', by: [id], groups: [{id: 4, count: 1, sum: {id: 4}}, {id: 3, max: {price: 25.86}}]}",
    "{as: guest, aggregate: book, by: [title], denied: true}",
    "{as: guest, aggregate: book, denied: true}",
    "{as: editor, create: tag, values: {name: unheard of, description: null}}",
    "{as: editor, create: tag, values: [{name: a1}, {name: a2}], affected: 2}",
    "{as: editor, create: tag, values: {name: signed}, denied: unique_violation}",
    "{as: editor, update: tag, where: name == 'signed', values: {name: kept}, denied: check_refused}",
    "{as: {role: customer, sub: 2}, create: review, values: {book_id: 3, rating: 5, body: x}, sets: {customer_id: 2, status: draft}}",
    "{as: {role: customer, sub: 2}, create: review, values: {book_id: 3, rating: 1, body: x}, denied: check_refused}",
    "{as: {role: customer, sub: 2}, create: review, values: {book_id: 3, customer_id: 1}, denied: true}",
    "{as: guest, create: review, values: {book_id: 3}, denied: forbidden}",
    "{as: {role: customer, sub: 2}, update: review, where: id == 9, denied: true}",
    "{as: guest, update: review, where: id == 9, denied: true}",
    "{as: editor, delete: tag, where: name == 'signed', allowed: true}",
)
GROUPED = f"""
  - name: drafts
    as: {{role: customer, sub: 2}}{DRAFTS}
    tests:
      - {{read: review, where: id > 900000, keys: [900001, 900003, 900004]}}
      - {{read: review, where: id > 900000 and body == 'not mine', rows: []}}
      - {{update: review, where: id == 900001}}
      - {{update: review, where: id == 900001, values: {{rating: 4}}, sets: {{rating: 4, customer_id: 2}}}}
      - {{update: review, where: id == 900003, denied: check_refused}}
      - {{update: review, where: id == 900002, values: {{rating: 4}}, affected: 0}}
      - {{delete: review, where: id > 900000, affected: 1}}
      - {{name: not another's, delete: review, where: id == 900002, denied: row_not_found}}
      - {{as: guest, read: review, where: id > 900000, keys: [900003, 900004]}}
      - {{update: review, where: id == 900004, denied: row_not_found}}
"""
FAILING = r"""
  - {as: guest, read: book, where: id == 3, rows: 0}
  - {as: guest, read: book, where: id == 999999, rows: 0}
  - {as: guest, read: book, columns: [id, title, status], hidden: [price]}
  - {as: guest, read: book, where: "id in [3, 4]", rows: [{title: Emma}, {title: Em}]}
  - {as: guest, read: book, where: id == 3, sees: {price: 25.87}}
  - {as: guest, read: book, fields: [status], rows: 3}
  - {as: guest, read: book, where: status == 'draft', denied: true}
  - {as: editor, update: tag, where: name == 'signed', denied: true}
  - {as: editor, delete: tag, where: name == 'no such tag', denied: true}
  - {as: {role: customer, sub: 2}, delete: review, where: id == 9}
  - {as: {role: customer, sub: 2}, create: review, values: {book_id: 3, rating: 5, body: x}, sets: {customer_id: 3}}
  - {as: customer, read: review, denied: true}
  - {as: guest, aggregate: book, count: 3}
  - {as: editor, aggregate: book, where: id == 3, count: 2}
  - {name: with a name, as: editor, create: tag, values: {name: gift}, denied: true}
"""
GOLDEN = Path(__file__).parent / "golden" / "check_failures.txt"


@pytest.fixture(scope="module")
def own_shops(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Bookshops that tests of permissions run on: all of them the same one, for nothing stays."""
    return {kind: databases.bookshop(kind) for kind in KINDS}


@pytest.fixture
def url(kind: DatabaseKind, own_shops: Mapping[DatabaseKind, str]) -> str:
    return own_shops[kind]


def listed(*tests: str) -> str:
    return f"{RULES}tests:\n" + "".join(f"  - {each}\n" for each in tests)


async def checked(url: str, config: str, **wanted: Any) -> tuple[int, list[str]]:
    """What `reflector check` says, and its exit status; the file's place left out."""
    lines: list[str] = []
    status = await check(configured(url, config), lines.append, wanted=Wanted(**wanted))
    return status, [re.sub(r"[^\s(]*/config.yaml", "config.yaml", line) for line in lines]


async def results(url: str, config: str) -> Sequence[Result]:
    wanted = configured(url, config)
    engine = await engine_of(wanted, Binding(wanted), writable=True)
    try:
        return await run_trials(engine, wanted)
    finally:
        await engine.close()


# ── each kind of test ────────────────────────────────────────────────────────────────────────


async def test_what_holds_passes(url: str) -> None:
    found = await results(url, listed(*PASSING) + GROUPED)
    assert [(each.bound.trial.name, each.lines) for each in found if each.outcome is not Outcome.PASSED] == []
    assert len(found) == len(PASSING) + 1 + 10


async def test_what_does_not_hold_fails_and_says_why(url: str) -> None:
    status, lines = await checked(url, f"{RULES}tests:{FAILING}")
    told = re.sub(r"(unique_violation: [^(\n]*) \(.*", r"\1", "\n".join(lines)) + "\n"
    assert status == 1
    assert told == GOLDEN.read_text()


UNCOUNTED = "`where` picks no row whoever asks, so nothing was left out: this test cannot fail; make a row with `given`"
OTHERWISE = (
    ("where: 'id in [3, 4]', sum: {id: 8}", ["- sum id: 8", "+ sum id: 7"]),
    ("where: 'id in [3, 4]', avg: {id: 3.4}", ["- avg id: 3.4", "+ avg id: 3.5"]),
    ("where: 'id in [3, 4]', max: {title: Emma}", ['- max title: "Emma"', '+ max title: "Pride and Prejudice"']),
    ("where: id < 0, min: {id: 0}", ["- min id: 0", "+ min id: null"]),
    ("where: id < 0, count: 0", [UNCOUNTED]),
    ("where: id < 0, count: 0, max: {price: null}", [UNCOUNTED]),
    ("where: id < 0, sum: {id: null}", [UNCOUNTED]),
    ("where: id < 0, by: [id], groups: []", [UNCOUNTED]),
    (
        "where: 'id in [3, 4]', by: [id], groups: [{id: 3, count: 2}, {id: 4, count: 1}]",
        ["- {id: 3, count: 2}", "+ {id: 3, count: 1}"],
    ),
    ("where: id == 3, by: [id], groups: []", ["+ {id: 3, count: 1}"]),
)
WRONG = (
    ("{as: editor, aggregate: book, sum: {pric: 1}}", "book has no column 'pric'"),
    ("{as: editor, aggregate: book, by: [nosuch], groups: []}", "book has no column 'nosuch'"),
    (
        "{as: editor, aggregate: book, by: [id], groups: [{id: 3, total: 4}]}",
        "'total' is neither among by nor a mapping of",
    ),
    ("{as: editor, aggregate: book, by: [id], count: 3}", "by and groups go together"),
    ("{as: editor, aggregate: book, groups: [{count: 3}]}", "by and groups go together"),
    ("{as: editor, read: book, sum: {price: 1}}", "has no meaning for read"),
    ("{as: editor, aggregate: book, sum: {}}", "tests[0].sum: is empty and expects nothing"),
)
EMPTY = (
    (
        "{as: editor, update: tag, where: name == 'signed', values: {}, denied: true}",
        "updates nothing: values is empty",
    ),
    ("{as: editor, update: tag, values: {}, denied: row_not_found}", "updates nothing: values is empty"),
    ("{as: editor, update: tag, values: [], affected: 0}", "updates nothing: values is empty"),
    ("{as: editor, update: tag, values: [{}], affected: 0}", "updates nothing: values is empty"),
    ("{as: editor, update: tag, values: [{name: a}, {name: b}], denied: true}", "are one row"),
    ("{as: editor, create: tag, values: [], affected: 0}", "creates nothing: values is empty"),
    ("{as: editor, create: tag, values: {name: x}, sets: {}}", "tests[0].sets: is empty and expects nothing"),
    ("{as: guest, read: book, hidden: []}", "tests[0].hidden: is empty and expects nothing"),
    ("{as: guest, read: book, rows: 3, sees: {}}", "tests[0].sees: is empty and expects nothing"),
)


async def test_what_is_worked_out_otherwise_fails_and_is_shown(url: str) -> None:
    found = await results(url, listed(*(f"{{as: editor, aggregate: book, {said}}}" for said, _ in OTHERWISE)))
    told = [[re.sub(r"(\d\.\d)0+$", r"\1", line) for line in each.lines] for each in found]
    assert told == [lines for _, lines in OTHERWISE]


@pytest.mark.parametrize(("said", "complaint"), [*WRONG, *EMPTY])
async def test_a_test_that_says_nothing_is_told(
    own_shops: Mapping[DatabaseKind, str], said: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        await checked(own_shops[DatabaseKind.SQLITE], listed(said))
    assert complaint in str(refused.value)


VEILED = (
    CALLERS
    + """\
tables:
  book: {allow: {guest: {read: status == 'published', aggregate: true}}}
tests:
"""
)
SHOWN = (
    "{as: guest, aggregate: book, where: status == 'draft', count: 0, max: {price: null}}",
    "{as: guest, aggregate: book, where: status == 'draft', by: [id], groups: []}",
)


async def test_what_is_shown_to_be_hidden_is_there(url: str) -> None:
    found = await results(url, VEILED + "".join(f"  - {each}\n" for each in SHOWN))
    assert [each.lines for each in found] == [()] * len(SHOWN)
    found = await results(
        url, VEILED.replace("status == 'published'", "true") + "".join(f"  - {each}\n" for each in SHOWN)
    )
    assert all(each.lines for each in found)


TURNED = (
    ("check: status == 'draft', columns", "columns"),
    ("update: {filter: own", "update: {filter: true"),
    ("delete: own and status == 'draft'", "delete: own"),
    ("read: own", "read: true"),
    ("guest: {read: status == 'published', columns: [id, book_id", "guest: {read: true, columns: [id, book_id"),
    ("columns: [rating, body]}", "columns: [body]}"),
)


async def test_a_rule_that_is_turned_round_fails_a_test(url: str) -> None:
    config = f"{RULES}tests:{GROUPED}"
    assert all(each.outcome is Outcome.PASSED for each in await results(url, config))
    for said, meant in TURNED:
        assert config.count(said) == 1, said
        found = await results(url, config.replace(said, meant))
        assert any(each.outcome is Outcome.FAILED for each in found), meant


async def test_functions_are_called_and_taken_back(databases: Databases) -> None:
    script = """
        CREATE TABLE hit (id int PRIMARY KEY, who int);
        CREATE FUNCTION strike(who int) RETURNS int LANGUAGE sql AS 'INSERT INTO hit VALUES (1, who) RETURNING who + 1';
        CREATE FUNCTION hits() RETURNS SETOF hit LANGUAGE sql STABLE AS 'SELECT * FROM hit';
    """
    url = databases.database(DatabaseKind.POSTGRESQL, script)
    config = CALLERS + (
        "tables: {hit: {allow: {guest: {read: true}}}}\n"
        "functions: {strike: {allow: [customer]}, hits: {allow: [guest]}}\ntests:\n"
        "  - {as: customer, call: strike, arguments: {who: 6}, returns: 7}\n"
        "  - {as: customer, call: strike, arguments: {who: 6}, allowed: true}\n"
        "  - {as: guest, call: strike, arguments: {who: 6}, denied: forbidden}\n"
        "  - {as: guest, given: {hit: [{id: 5, who: 6}]}, call: hits, rows: [{id: 5, who: 6}]}\n"
        "  - {as: guest, call: hits, rows: 0}\n"
        "  - {as: customer, call: strike, arguments: {who: 6}, returns: 8}\n"
        "  - {as: guest, call: hits, rows: 2}\n"
    )
    found = await results(url, config)
    assert [each.outcome for each in found] == [Outcome.PASSED] * 5 + [Outcome.FAILED] * 2
    assert [each.lines for each in found][5:] == [("- returns: 8", "+ returns: [7]"), ("- 2 rows", "+ 0 rows")]


async def test_a_function_is_held_to_what_it_leaves_out(databases: Databases) -> None:
    """It decides by itself, so whoever asks is given the same; the row that it is to leave out makes a test of it."""
    script = """
        CREATE TABLE hit (id int PRIMARY KEY, who int);
        CREATE FUNCTION hits() RETURNS SETOF hit LANGUAGE sql STABLE AS 'SELECT * FROM hit WHERE who > 0';
    """
    config = CALLERS + (
        "tables: {hit: {allow: {guest: {read: who < 0}}}}\nfunctions: {hits: {allow: [guest]}}\ntests:\n"
        "  - {as: guest, given: {hit: [{id: 5, who: 0}]}, call: hits, rows: 0}\n"
    )
    found = await results(databases.database(DatabaseKind.POSTGRESQL, script), config)
    assert [each.lines for each in found] == [()]
    found = await results(databases.database(DatabaseKind.POSTGRESQL, script.replace("who > 0", "who >= 0")), config)
    assert [each.lines for each in found] == [("- 0 rows", "+ 1 row: {id: 5, who: 0}")]


# ── nothing stays ────────────────────────────────────────────────────────────────────────────


async def test_nothing_stays_and_nobody_is_told(url: str) -> None:
    async def everything() -> Any:
        async with serving(url) as engine:
            tables = engine.snapshot.catalog.tables
            return {
                name: await ask(engine, whole(engine.snapshot.catalog, tables[name]))
                for name in ("review", "tag", "book")
            }

    before = await everything()
    wanted = configured(url, listed(*PASSING) + GROUPED)
    engine = await engine_of(wanted, Binding(wanted), writable=True)
    told: list[Written] = []
    engine.on_write(told.append)
    try:
        assert all(each.outcome is Outcome.PASSED for each in await run_trials(engine, wanted))
    finally:
        await engine.close()
    assert told == []
    assert await everything() == before
    assert "900001" not in str(before)


async def test_a_table_that_takes_nothing_back_is_not_written(databases: Databases) -> None:
    url = databases.database(DatabaseKind.MARIADB, "CREATE TABLE note (id int PRIMARY KEY, body text) ENGINE=MyISAM")
    config = (
        CALLERS
        + "tables: {note: {allow: {guest: {read: true, create: true}}}}\ntests:\n"
        + "  - {create: note, values: {id: 1, body: x}}\n  - {read: note, columns: [id, body]}\n"
    )
    status, lines = await checked(url, config)
    assert (status, lines[:4]) == (
        0,
        [
            "warning: config.yaml:4:53: tables.note.allow.guest.create: note cannot be inserted into",
            "s.",
            "not run: 1 test: note is kept by MyISAM, which takes no write back",
            "2 permission tests: 1 passed, 1 not run",
        ],
    )
    assert (await results(url, config.replace("columns: [id, body]", "rows: 1")))[1].lines == (
        "- 1 row",
        "+ 0 rows, of 0 that there are",
    )
    databases.mariadb().drop_database(url.rpartition("/")[2])


# ── a login that may not write ───────────────────────────────────────────────────────────────


@pytest.fixture
def reading(kind: DatabaseKind, databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database by a login that may only read."""
    url = databases.database(kind, "CREATE TABLE tag (name varchar(40) PRIMARY KEY, description varchar(9))")
    if kind is DatabaseKind.SQLITE:
        yield f"{url}?mode=ro"
        return
    name, login = url.rpartition("/")[2].partition("?")[0], f"reader_{id(url) % 100000}"
    if kind is DatabaseKind.POSTGRESQL:
        server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
        server.run(name, f"CREATE ROLE {login} LOGIN PASSWORD 'reads'; GRANT SELECT ON tag TO {login}")
        yield re.sub(r"//[^@/]*@", f"//{login}:reads@", url)
    else:
        mariadb: MariaDBServer = request.getfixturevalue("mariadb_server")
        mariadb.run(name, f"CREATE USER {login}@'%' IDENTIFIED BY 'reads'; GRANT SELECT ON {name}.* TO {login}@'%'")
        yield re.sub(r"//[^@/]*@", f"//{login}:reads@", url)


async def test_who_may_not_write_runs_the_tests_that_read(reading: str) -> None:
    config = CALLERS + (
        "tables: {tag: {allow: {guest: {read: true, create: true}}}}\ntests:\n"
        "  - {read: tag, columns: [name, description]}\n"
        "  - {create: tag, values: {name: x}}\n"
        "  - {create: tag, values: {name: x}, denied: true}\n"
        "  - {given: {tag: [{name: x}]}, read: tag, rows: 1}\n"
    )
    status, lines = await checked(reading, config)
    assert (status, lines[0], lines[-2]) == (0, ".sss", "4 permission tests: 1 passed, 3 not run")
    assert lines[1].startswith("not run: 3 tests: the database")


# ── what does not fit ────────────────────────────────────────────────────────────────────────


async def test_a_test_that_does_not_fit_the_database_is_a_complaint(url: str) -> None:
    config = listed(
        "{as: guest, read: bok, rows: 1}",
        "{as: guest, read: book, where: titel == 'x', rows: 1}",
        "{as: guest, read: book, rows: [{titel: x}]}",
        "{as: guest, read: book, hidden: [stats]}",
        "{as: editor, create: tag, values: {nam: x}}",
        "{as: guest, given: {book: [{id: many}]}, read: book, rows: 1}",
        "{as: guest, read: book, rows: [{publisher: [{name: x}]}]}",
        "{as: guest, call: no_such_function, allowed: true}",
        "{as: guest, read: book, filter: {titel: {_eq: x}}, denied: unknown_column}",
        "{as: guest, read: book, filter: {_and: [{_not: {publisher: {nam: x}}}]}, denied: true}",
        "{as: guest, read: book, fields: [titel], denied: true}",
        "{as: editor, delete: tag, filter: {_or: [{nosuch: 1}]}, denied: true}",
    )
    with pytest.raises(ConfigError) as refused:
        await checked(url, config)
    told = [re.sub(r"\S*/config.yaml:", "", str(each)) for each in refused.value.complaints]
    assert told == [
        "20:17: tests[0].read: there is no table 'bok'; did you mean 'book'?",
        "21:36: tests[1].where: book has no column 'titel'; did you mean 'title'?",
        "22:29: tests[2].rows: book has no column 'titel'; did you mean 'title'?",
        "23:29: tests[3].hidden: book has no column 'stats'; did you mean 'status'?",
        "24:31: tests[4].values: tag has no column 'nam'; did you mean 'name'?",
        "25:17: tests[5].given: 'id': 'many' is not an integer",
        "26:29: tests[6].rows: 'publisher' is one row",
        "27:17: tests[7].call: there is no function 'no_such_function'",
        "28:29: tests[8].filter: book has no column 'titel'; did you mean 'title'?",
        "29:29: tests[9].filter: publisher has no column 'nam'; did you mean 'name'?",
        "30:29: tests[10].fields: book has no column 'titel'; did you mean 'title'?",
        "31:31: tests[11].filter: tag has no column 'nosuch'",
    ]


# ── the command ──────────────────────────────────────────────────────────────────────────────


async def test_coverage_says_what_no_test_touches(url: str) -> None:
    config = listed(*PASSING) + GROUPED
    status, lines = await checked(url, config, coverage=True, least=80)
    assert (status, lines[-2]) == (0, "coverage 81%: 27 words, 5 that no test touches, 5 seen one way alone")
    missed = [[*re.split(r"  +", line)[:2], line.split()[-1]] for line in lines if "no test   " in line]
    assert missed == [
        ["publisher", "guest read columns", "config.yaml:7:43"],
        ["book", "editor read", "config.yaml:8:110"],
        ["customer", "editor read", "config.yaml:9:111"],
        ["tag", "editor read", "config.yaml:10:26"],
        ["review", "guest read columns", "config.yaml:13:44"],
    ]
    assert (await checked(url, config, least=82))[0] == 1
    assert (await checked(url, RULES, least=1))[0] == 1


async def test_tests_are_picked_and_told_of_one_by_one(url: str, tmp_path: Path) -> None:
    config, file = f"{RULES}tests:{FAILING}{GROUPED}", tmp_path / "results.xml"
    status, lines = await checked(url, config, filter="drafts: customer, sub 2: delete", verbose=True)
    assert (status, lines[:2]) == (
        0,
        [
            "ok      drafts: customer, sub 2: delete review where id > 900000   (config.yaml:52:9)",
            "1 permission test: 1 passed",
        ],
    )
    assert (await checked(url, config, filter="config.yaml:20", junit=file))[0] == 1
    suite = ET.parse(file).getroot()
    (case,) = suite
    assert (suite.get("tests"), suite.get("failures"), case.get("line"), case.get("classname")) == (
        "1",
        "1",
        "20",
        "read.book",
    )
    assert case[0].text == "- 0 rows\n+ 1 row: {id: 3}"
    assert await checked(url, config, filter="nobody") == (1, ["no permission test is about 'nobody'"])
    assert (await checked(url, config, tests=False))[1][0].startswith("OK: config.yaml")


# ── as programs ──────────────────────────────────────────────────────────────────────────────


def test_the_command_ends_with_the_tests(url: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"version: 1\n{RULES}tests:\n  - {{read: book, where: id == 3, rows: 0}}\n")
    status, out, err = reflector("check", url, "--config", "config.yaml", folder=tmp_path)
    assert (status, err, out.splitlines()[-1]) == (1, "", "1 permission test: 1 failed")
    assert reflector("check", url, "--config", "config.yaml", "--no-tests", folder=tmp_path)[0] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_is_served_where_a_test_fails(url: str, tmp_path: Path, workers: str) -> None:
    file = tmp_path / "config.yaml"
    serve = ("serve", url, "--config", "config.yaml", "--port", "0", "--check", "--workers", workers)
    file.write_text(f"version: 1\n{RULES}tests:\n  - {{read: book, where: id == 3, rows: 0}}\n")
    status, _, err = reflector(*serve, folder=tmp_path)
    assert (status, "+ 1 row: {id: 3}" in err, "serving" in err) == (1, True, False)
    file.write_text(f"version: 1\n{RULES}tests:\n  - {{read: bok, rows: 0}}\n")
    status, _, err = reflector(*serve, folder=tmp_path)
    assert (status, "did you mean 'book'?" in err) == (2, True)
    file.write_text(f"version: 1\n{RULES}tests:\n  - {{read: book, where: id == 3, rows: 1}}\n")
    with ServedProcess(*serve, folder=tmp_path) as process:
        process.wait_until_it_serves()
