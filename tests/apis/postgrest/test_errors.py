"""Codes, statuses, words and headers of errors; the names that are suggested."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflector.errors import (
    CheckRefused,
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    Faults,
    Forbidden,
    ForeignKeyViolation,
    InternalError,
    InvalidData,
    InvalidValue,
    LimitExceeded,
    MissingClaim,
    NotNullViolation,
    NotSingular,
    NotSupported,
    PoolExhausted,
    ReadOnlyDatabase,
    ReflectorError,
    RowNotFound,
    RuleUnbound,
    SerializationFailure,
    StatementTimeout,
    TooManyAffected,
    Unauthenticated,
    UniqueViolation,
    UnknownColumn,
    UnknownTable,
)
from server.apis.postgrest.errors import refused, translate, words_of
from server.apis.postgrest.faults import OWN, Fault, PostgrestError, refusal, status_of
from server.apis.postgrest.fuzzy import nearest
from server.apis.postgrest.unknown import (
    ambiguous_relationship,
    unknown_column,
    unknown_relationship,
    unknown_schema,
    unknown_table,
    unknown_written_column,
)
from server.problems import TABLE, InvalidToken, MalformedRequest


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("08006 08P01 53300 57P01 PGRST000 PGRST001 PGRST002", 503),
        ("09000 21000 25001 2D000 38000 39000 3B000 40001 53400 54000 55000 57014 58000 F0000 HV000 P0002 XX000", 500),
        ("42P17 PGRST111 PGRST112 PGRST121 PGRST300 PGRSTX00 PGRST999 PTabc PT999 PT099", 500),
        ("0L000 0P000 28000", 403),
        ("23503 23505", 409),
        ("25006 PGRST101 PGRST105 PGRST117", 405),
        ("42883 42P01 PGRST125 PGRST126 PGRST202 PGRST205", 404),
        ("P0001 23502 23514 23P01 22P02 42703 42704 428C9 42601 ZZ000 PGRST100 PGRST102 PGRST108 PGRST114", 400),
        ("PGRST115 PGRST118 PGRST120 PGRST122 PGRST123 PGRST124 PGRST127 PGRST128 PGRST200 PGRST204", 400),
        ("PGRST103", 416),
        ("PGRST106 PGRST107 PGRST116", 406),
        ("PGRST201 PGRST203", 300),
        ("PGRST301 PGRST302 PGRST303", 401),
        ("PGRST003", 504),
        ("PT418", 418),
    ],
)
def test_the_status_follows_from_the_code(codes: str, status: int) -> None:
    assert {status_of(code, known=known) for code in codes.split() for known in (True, False)} == {status}


def test_a_refusal_asks_the_unknown_for_a_credential() -> None:
    assert (status_of("42501", known=True), status_of("42501", known=False)) == (403, 401)
    assert len(OWN) == 39


@pytest.mark.parametrize(
    ("error", "code", "message", "details"),
    [
        (UnknownTable("boks"), "PGRST205", "there is no table 'boks'", None),
        (UnknownColumn("book", "titel"), "42703", "book has no column 'titel'", None),
        (InvalidValue("no number"), "22P02", "no number", None),
        (MalformedRequest("bad"), "PGRST102", "bad", None),
        (LimitExceeded("long"), "PGRST100", "long", None),
        (NotSupported("SQLite cannot"), "PGRST127", "Feature not implemented", "SQLite cannot"),
        (RowNotFound("none"), "PGRST116", "Cannot coerce the result to a single JSON object", "none"),
        (NotSingular(3), "PGRST116", "Cannot coerce the result to a single JSON object", str(NotSingular(3).message)),
        (
            TooManyAffected("3 rows"),
            "PGRST124",
            "Query result exceeds max-affected preference constraint",
            "3 rows",
        ),
        (Unauthenticated("who?"), "PGRST302", "Anonymous access is disabled", None),
        (InvalidToken("expired"), "PGRST301", "expired", None),
        (Forbidden("no"), "42501", "permission denied for table book", None),
        (CheckRefused("no"), "42501", 'new row violates row-level security policy for table "book"', None),
        (MissingClaim("no claim"), "42501", "no claim", None),
        (
            UniqueViolation("a row with this email exists already", columns=["email"], sqlstate="23505"),
            "23505",
            "duplicate key value violates unique constraint",
            "a row with this email exists already",
        ),
        (UniqueViolation("twice"), "23505", "duplicate key value violates unique constraint", "twice"),
        (UniqueViolation("it conflicts", sqlstate="23P01"), "23P01", "it conflicts", None),
        (
            ForeignKeyViolation("no such author"),
            "23503",
            'insert, update or delete on table "book" violates foreign key constraint',
            "no such author",
        ),
        (CheckViolation("bad"), "23514", 'new row for relation "book" violates check constraint', "bad"),
        (CheckViolation("refused", sqlstate="P0001"), "P0001", "refused", None),
        (
            NotNullViolation("title must not be null", columns=["title"]),
            "23502",
            'null value in column "title" of relation "book" violates not-null constraint',
            "title must not be null",
        ),
        (NotNullViolation("a value is required"), "23502", "a value is required", None),
        (InvalidData("does not fit", sqlstate="22003"), "22003", "does not fit", None),
        (InvalidData("does not fit"), "22000", "does not fit", None),
        (SerializationFailure("again"), "40001", "again", None),
        (ReadOnlyDatabase("read-only"), "25006", "read-only", None),
        (StatementTimeout("slow"), "57014", "canceling statement due to statement timeout", None),
        (PoolExhausted("none"), "PGRST003", "Timed out acquiring connection from connection pool.", None),
        (DatabaseUnavailable("x"), "PGRST001", "Database client error. Retrying the connection.", None),
        (InternalError("secret"), "PGRSTX00", "Something went wrong here; the log has it", None),
        (DatabaseError("secret", sqlstate="XX001"), "PGRSTX00", "The database could not do this", None),
        (Faults([InvalidValue("first"), Forbidden("second")]), "22P02", "first", None),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, ReflectorError) else None,
)
def test_errors_in_postgrests_terms(error: ReflectorError, code: str, message: str, details: str | None) -> None:
    found = translate(error, "book").fault
    assert (found.code, found.message, found.details) == (code, message, details)


def test_without_a_table_our_own_words_are_told() -> None:
    assert translate(Forbidden("not yours")).fault.message == "not yours"


def test_what_is_5xx_tells_nothing_of_the_error() -> None:
    for kind in TABLE:
        if kind.__init__ is ReflectorError.__init__ or issubclass(kind, DatabaseError):
            error = kind("secret words")
            fault = translate(error, "book").fault
            if status_of(fault.code, known=True) >= 500 and words_of(error).code.startswith("PGRST"):
                assert "secret" not in str(fault), kind


def test_hints_and_waiting_times_travel() -> None:
    near = UnknownColumn("book", "titel", ["title"])
    assert translate(near).fault.hint == "did you mean 'title'?"
    assert translate(DatabaseUnavailable("x")).headers == {"Retry-After": "2"}
    assert translate(RuleUnbound("x")).fault.code == "PGRST002"


# ── the answer ───────────────────────────────────────────────────────────────────────────────


def test_an_error_is_sent_with_all_its_members() -> None:
    found = refused(refusal("PGRST100", "m", "d"), known=False)
    assert found.status == 400
    assert json.loads(found.body) == {"code": "PGRST100", "message": "m", "details": "d", "hint": None}
    assert found.headers == {
        "Content-Type": "application/json; charset=utf-8",
        "Proxy-Status": "PostgREST; error=PGRST100",
    }
    terse = refused(refusal("PGRST100", "m", "d"), known=False, terse=True)
    assert json.loads(terse.body) == {"code": "PGRST100", "message": "m"}


def test_challenges() -> None:
    assert refused(refusal("42501", "no"), known=False).headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in refused(refusal("42501", "no"), known=True).headers
    assert refused(refusal("PGRST302", "no"), known=False).headers["WWW-Authenticate"] == "Bearer"
    bad = refused(refusal("PGRST301", 'JWT "x"\r\nSet-Cookie: é'), known=False).headers["WWW-Authenticate"]
    assert bad == 'Bearer error="invalid_token", error_description="JWT \\"x\\"Set-Cookie: "'


def test_half_a_character_is_sent_as_a_question_mark() -> None:
    assert json.loads(refused(refusal("PGRST100", "a\ud800"), known=True).body)["message"] == "a?"


def test_details_may_be_a_list() -> None:
    found = ambiguous_relationship(
        "book",
        "author",
        [
            {
                "cardinality": "many-to-one",
                "embedding": "book with author",
                "relationship": "r using book(a) and author(id)",
            }
        ],
        ["author!a", "author!b"],
    )
    assert found.fault.hint == (
        "Try changing 'author' to one of the following: 'author!a', 'author!b'. "
        "Find the desired relationship in the 'details' key."
    )
    sent = refused(found, known=True)
    assert sent.status == 300
    assert json.loads(sent.body)["details"][0]["cardinality"] == "many-to-one"


# ── names ────────────────────────────────────────────────────────────────────────────────────


def words(error: PostgrestError) -> Fault:
    return error.fault


def test_unknown_names_are_told_with_the_nearest() -> None:
    table = words(unknown_table("public", "boks", ["author", "books"]))
    assert table.message == "Could not find the table 'public.boks' in the schema cache"
    assert table.hint == "Perhaps you meant the table 'public.books'"
    column = words(unknown_column("book", "titel", ["id", "title"]))
    assert (column.code, column.hint) == ("42703", 'Perhaps you meant to reference the column "book.title".')
    assert words(unknown_written_column("book", "x")).code == "PGRST204"
    related = words(unknown_relationship("public", "book", "auhtor", ["author", "review"]))
    assert related.hint == "Perhaps you meant 'author' instead of 'auhtor'."
    assert words(unknown_relationship("public", "book", "author", ["author"], "fk")).hint is None
    assert "using the hint 'fk'" in str(words(unknown_relationship("public", "book", "author", [], "fk")).details)
    assert words(unknown_schema("x", ["a", "b"])).hint == "Only the following schemas are exposed: a, b"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("boks", ["books", "authors"], "books"),
        ("BOOKS", ["books"], "books"),
        ("zzz", ["books", "authors"], None),
        ("", ["books"], None),
        ("a", ["a"], "a"),
        ("ordr", ["orders", "order"], "order"),
        ("x" * 500, ["x" * 499], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], expected: str | None) -> None:
    assert nearest(name, known) == expected


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=6))
def test_only_known_names_are_suggested_whatever_their_order(name: str, known: list[str]) -> None:
    found = nearest(name, known)
    assert found is None or found in known
    assert nearest(name, known[::-1]) == found
