"""Whom a row of a table of people or keys is about: what cannot be understood makes nobody, and is never guessed at."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

import pytest

from reflector.errors import Forbidden, UnknownRole
from server.auth.people import People, moment_of, names_of, text_of
from server.problems import InvalidToken

PEOPLE = People("basic", {"user", "editor"}, None, "that is nobody")
USUALLY = People("basic", {"user", "editor"}, "user", "that is nobody")
ANYBODY = People("basic", None, None, "that is nobody")
INSTANT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def test_a_row_is_somebody_with_claims_of_whom_and_as_what_alone_it_says() -> None:
    row = {"subject": 7, "role": "user", "claims": {"org": 3, "sub": "another", "role": "editor"}}
    found = PEOPLE.principal(row, 60.0)
    assert (found.roles, found.subject, found.method, found.until) == (("user",), "7", "basic", 60.0)
    assert found.claims == {"org": 3, "sub": "7", "role": "user"}
    several = PEOPLE.principal({"role": "editor, user"})
    assert (several.roles, several.subject, several.until) == (("editor", "user"), None, None)
    assert several.claims == {"role": ["editor", "user"]}


# ── roles ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("user", ["user"]),
        (" user , editor ", ["user", "editor"]),
        ('["user", "editor"]', ["user", "editor"]),
        (' [" user "]', ["user"]),
        (["user", "editor"], ["user", "editor"]),
        (("user",), ["user"]),
        ("[user", ["[user"]),
        ("", []),
        (" , ", []),
        ("[]", []),
        ([], []),
        (["", " "], []),
        ([1, None, True, ["user"], "user"], ["user"]),
        ('[1, "user"]', ["user"]),
        (None, []),
        (1, []),
        (True, []),
        ({"user": True}, []),
    ],
)
def test_names_stand_alone_in_a_list_or_between_commas(said: Any, names: list[str]) -> None:
    assert names_of(said) == names


@pytest.mark.parametrize("said", [None, "", [], "[]", 1, {"user": True}, [1]])
def test_the_default_role_is_for_who_has_none(said: Any) -> None:
    assert USUALLY.principal({"role": said}).roles == ("user",)
    with pytest.raises(Forbidden, match="the credential names no role"):
        PEOPLE.principal({"role": said})


def test_who_has_a_role_has_not_the_default_one_as_well_and_each_once() -> None:
    assert USUALLY.principal({"role": "editor"}).roles == ("editor",)
    assert USUALLY.principal({"role": "editor,user,editor"}).roles == ("editor", "user")


def test_a_role_that_is_not_declared_is_nobodys_unless_the_database_knows_roles() -> None:
    for people in (PEOPLE, USUALLY):
        with pytest.raises(UnknownRole, match='role "boss" does not exist'):
            people.principal({"role": "user, boss"})
    assert ANYBODY.principal({"role": "user, boss"}).roles == ("user", "boss")


# ── claims ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [{"org": 3}, json.dumps({"org": 3})])
def test_claims_are_an_object_or_the_text_of_one(said: Any) -> None:
    given = {"role": "user", "claims": said}
    assert PEOPLE.principal(given).claims == {"org": 3, "role": "user"}
    assert given == {"role": "user", "claims": said}


@pytest.mark.parametrize("said", [None, "null"])
def test_no_claims_are_none(said: Any) -> None:
    assert PEOPLE.principal({"role": "user", "claims": said}).claims == {"role": "user"}


@pytest.mark.parametrize("said", ["", "{", "org", "[]", "1", '"x"', 1, True, [], ["org"], "[" * 100_000])
def test_claims_of_an_odd_form_make_nobody_and_the_log_says_where(said: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidToken, match="that is nobody"), caplog.at_level(logging.ERROR, "reflector.auth"):
        PEOPLE.principal({"role": "user", "claims": said})
    assert [record.getMessage() for record in caplog.records] == [
        "a row of a table of auth cannot be understood: its claims"
    ]


@pytest.mark.parametrize(
    ("said", "text"),
    [("7", "7"), (7, "7"), (0, "0"), ("", ""), (True, None), (False, None), (1.5, None), ([7], None), (None, None)],
)
def test_a_subject_is_a_text_or_a_whole_number(said: Any, text: str | None) -> None:
    assert text_of(said) == text
    assert PEOPLE.principal({"role": "user", "subject": said}).subject == text


# ── flags and ends ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [None, False, 0, "0", "f", "False", "NO", "n", ""])
def test_a_flag_that_is_not_set(said: Any) -> None:
    assert PEOPLE.is_on({"disabled": said}, "disabled") is False
    assert PEOPLE.is_on({}, "disabled") is False


@pytest.mark.parametrize("said", [True, 1, "1", "t", "TRUE", "Yes", "y", "2024-05-01", INSTANT.isoformat(), 1.7e9, 2])
def test_a_flag_that_is_set_or_a_moment_at_which_it_was(said: Any) -> None:
    assert PEOPLE.is_on({"disabled": said}, "disabled") is True


@pytest.mark.parametrize("said", ["maybe", "nope", "2", [], {}, [True]])
def test_a_flag_that_is_neither_makes_nobody(said: Any) -> None:
    with pytest.raises(InvalidToken, match="that is nobody"):
        PEOPLE.is_on({"disabled": said}, "disabled")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (INSTANT.isoformat(), INSTANT.timestamp()),
        ("2024-05-01T14:00:00+02:00", INSTANT.timestamp()),
        ("2024-05-01 12:00:00", INSTANT.timestamp()),
        ("2024-05-01", INSTANT.timestamp() - 12 * 3600),
        (60, 60.0),
        (1.5, 1.5),
    ],
)
def test_an_end_is_a_date_in_utc_where_it_does_not_say_or_a_number_of_seconds(said: Any, seconds: float) -> None:
    assert moment_of(said) == seconds
    assert PEOPLE.end({"expires": said}, "expires") == seconds


@pytest.mark.parametrize("said", ["", "soon", "60", True, False, [], {}])
def test_an_end_that_is_no_moment_makes_nobody_and_no_end_is_none(said: Any) -> None:
    assert moment_of(said) is None
    with pytest.raises(InvalidToken, match="that is nobody"):
        PEOPLE.end({"expires": said}, "expires")
    assert PEOPLE.end({"expires": None}, "expires") is PEOPLE.end({}, "expires") is None
