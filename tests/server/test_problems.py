"""The table of statuses is complete, and documented; what it says of 5xx gives nothing away."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import reflector
import server
from reflector.errors import DatabaseUnavailable, Faults, InternalError, InvalidValue, ReflectorError, UnknownTable
from server.problems import HTTP_CODES, TABLE, http_problem, problem, status_of, told

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| \S.* \|$", PAGE, re.MULTILINE))


def every_error() -> Iterator[type[ReflectorError]]:
    for package in (reflector, server):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting: list[type[ReflectorError]] = [ReflectorError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.__module__.partition(".")[0] in {"reflector", "server"}:
            yield error


ERRORS = sorted(every_error(), key=lambda each: each.__qualname__)


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: str(each.__name__))
def test_every_error_has_a_row_of_its_own_and_its_status_is_documented(error: type[ReflectorError]) -> None:
    assert error in TABLE
    if error not in BASES:
        assert ROWS.get(error.code) == str(TABLE[error].status)


BASES = {each for each in ERRORS if each.__name__ in {"RequestError", "AccessError", "DatabaseError", "ReflectorError"}}


def test_the_page_has_no_row_of_a_code_that_is_gone() -> None:
    codes = {error.code for error in ERRORS} | {code for code, _ in HTTP_CODES.values()}
    assert set(ROWS) == codes


@pytest.mark.parametrize(("status", "told_of"), HTTP_CODES.items())
def test_what_http_refuses_is_documented(status: int, told_of: tuple[str, str]) -> None:
    assert ROWS[told_of[0]] == str(status)


def test_a_status_of_5xx_has_words_of_its_own_and_no_other_has() -> None:
    for error, row in TABLE.items():
        assert (row.words is not None) is (row.status >= 500), error


def test_codes_are_words() -> None:
    assert [each.code for each in ERRORS if not re.fullmatch(r"[a-z]+(_[a-z]+)*", each.code)] == []


class Strange(DatabaseUnavailable):
    """An error that nobody put into the table."""


def test_an_error_without_a_row_is_told_as_its_parent() -> None:
    assert told(Strange("hunter2")) == TABLE[DatabaseUnavailable]
    body = problem(Strange("hunter2"), "x").body
    assert isinstance(body, bytes)
    assert b"hunter2" not in body


def test_a_5xx_among_other_faults_keeps_its_words_to_itself() -> None:
    answer = problem(
        Faults((InvalidValue("no date", pointer="/query/a"), InternalError("hunter2", hint="hunter2"))), "x"
    )
    assert answer.status == 422
    assert isinstance(answer.body, bytes)
    assert b"hunter2" not in answer.body


def test_several_faults_have_the_status_of_the_first() -> None:
    assert status_of(Faults((UnknownTable("x"), InvalidValue("y")))) == 404


def test_a_status_nobody_listed_is_told_by_its_name() -> None:
    answer = http_problem(429, None, "x", {})
    assert isinstance(answer.body, bytes)
    assert orjson.loads(answer.body)["code"] == "too_many_requests"
    secret = http_problem(502, "hunter2", "x", {})
    assert isinstance(secret.body, bytes)
    assert b"hunter2" not in secret.body
