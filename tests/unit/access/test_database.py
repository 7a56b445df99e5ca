"""Where PostgreSQL decides: its grants as rights, what it would say of the rest, and whom no rule of it binds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reflector.access.database import (
    DatabasePermissions,
    database_permissions,
    denied_column,
    denied_function,
    denied_table,
    quoted,
    unbound_roles,
    views_beyond,
)
from reflector.access.description import Severity
from reflector.catalog.model import Catalog, DatabaseKind, Fill, Function
from reflector.catalog.roles import DatabaseRole, DatabaseRoles, Privileges, UnboundCall, UnboundRule, UnboundView
from reflector.errors import Forbidden, UnknownRole
from reflector.query.nodes import TRUE
from tests.unit.access.blog import INTEGER, TEXT, column, table

BOOK = table(
    "book", column("id", INTEGER), column("title", TEXT), column("words", INTEGER, fill=Fill.COMPUTED), label="books"
)
VIEW = table("shown", column("id", INTEGER), writable=False)
AWAY = table("book", column("id", INTEGER), schema="audit")
ID, TITLE, WORDS = BOOK.columns
COUNT = Function("public", "count_books", (), "bigint")
OTHER = Function("audit", "count_books", (), "bigint")
WRITE = Function("public", "write_book", (), "void", callable=False)
GATHER = Function("public", "gather", (), "bytea", gathers=INTEGER)
CODE = Function("public", "quote", (), "jsonb", extension="shop")
SELF = "authenticator"


def role(name: str = "reader", **tables: Privileges) -> DatabaseRole:
    return DatabaseRole(name, tables={("public", each): granted for each, granted in tables.items()})


def catalog(*roles: DatabaseRole, others: tuple[str, ...] = ()) -> Catalog:
    tables = {each.label: each for each in (BOOK, VIEW, AWAY)}
    found = DatabaseRoles(SELF, {each.name: each for each in roles}, frozenset(others))
    functions = (COUNT, OTHER, WRITE, GATHER)
    return Catalog(DatabaseKind.POSTGRESQL, (15,), ("public", "audit"), tables, {}, functions=functions, roles=found)


def bound(*roles: DatabaseRole, hidden: tuple[object, ...] = (), others: tuple[str, ...] = ()) -> DatabasePermissions:
    kept = {BOOK: frozenset(hidden)} if hidden else {}
    return database_permissions(catalog(*roles, others=others), kept, lambda *_: True)  # type: ignore[arg-type]


# ── grants as rights ─────────────────────────────────────────────────────────────────────────


def test_what_is_granted_is_a_right_to_all_rows() -> None:
    every = Privileges(None, None, None, delete=True)
    found = bound(role(book=every)).rights["reader"][BOOK]
    assert found.read is not None
    assert found.read.rows == TRUE
    assert found.read.columns == {ID, TITLE, WORDS}
    assert found.create is not None
    assert found.create.check == TRUE
    assert found.create.columns == {ID, TITLE}
    assert found.update is not None
    assert found.update.rows == found.update.check == TRUE
    assert found.update.columns == {ID, TITLE}
    assert found.delete is not None
    assert found.delete.rows == TRUE
    assert found.aggregate


@pytest.mark.parametrize(
    ("granted", "rights"),
    [
        (Privileges(select=frozenset({"title"})), "read"),
        (Privileges(insert=frozenset({"title"})), "create"),
        (Privileges(update=frozenset({"title"})), "update"),
        (Privileges(delete=True), "delete"),
    ],
)
def test_each_grant_is_its_own_right_of_its_own_columns(granted: Privileges, rights: str) -> None:
    found = bound(role(book=granted)).rights["reader"][BOOK]
    assert [name for name in ("read", "create", "update", "delete") if getattr(found, name) is not None] == [rights]
    if rights != "delete":
        assert getattr(found, rights).columns == {TITLE}
    assert found.aggregate == (rights == "read")


def test_what_cannot_be_written_is_read_alone() -> None:
    found = bound(role(shown=Privileges(None, None, None, delete=True))).rights["reader"][VIEW]
    assert found.read is not None
    assert (found.create, found.update, found.delete) == (None, None, None)


def test_what_is_not_granted_and_what_is_hidden_is_nobodys() -> None:
    every = Privileges(None, None, None)
    assert bound(role()).rights["reader"] == {}
    assert bound(role(book=Privileges())).rights["reader"] == {}
    assert list(bound(role(book=every)).rights["reader"]) == [BOOK]
    found = bound(role(book=every), hidden=(TITLE,)).rights["reader"][BOOK]
    assert found.read is not None
    assert found.read.columns == {ID, WORDS}
    assert found.create is not None
    assert found.create.columns == {ID}
    assert bound(role(book=replace(every, delete=True)), hidden=(ID, TITLE, WORDS)).rights["reader"] == {}


def test_functions_are_for_whom_the_database_and_the_file_name() -> None:
    reader = replace(role("reader"), functions=frozenset({COUNT.key, WRITE.key}))
    writer = replace(role("writer"), functions=frozenset({OTHER.key}))
    plain = catalog(reader, writer)
    found = database_permissions(plain, {}, lambda name, each: name == "reader")
    assert found.functions == {"reader": {COUNT}, "writer": frozenset()}
    assert found.opened == {COUNT, OTHER, GATHER}
    assert database_permissions(plain, {}, lambda name, each: False).opened == frozenset()
    assert database_permissions(replace(plain, roles=None), {}, lambda *_: True).rights == {}


def test_code_of_an_extension_is_for_whom_the_file_names_and_no_grant() -> None:
    reader, writer = role("reader"), replace(role("writer"), functions=frozenset({CODE.key}))
    plain = replace(catalog(reader, writer), functions=(COUNT, CODE))
    found = database_permissions(plain, {}, lambda name, each: name == "reader")
    assert found.functions == {"reader": {CODE}, "writer": frozenset()}
    assert found.opened == {COUNT, CODE}
    assert denied_function(plain, reader, "public", "quote") is None
    assert denied_function(plain, reader, "public", "count_books") == "function count_books"


def test_everything_that_is_served_is_what_nobody_hides() -> None:
    found = bound(role(), hidden=(TITLE,)).all_grants()
    assert found.roles == ()
    assert found.functions == {COUNT, OTHER, GATHER}
    books = found.on(BOOK)
    assert books is not None
    assert set(books.columns) == {ID, WORDS}
    assert books.creates
    assert BOOK not in bound(role(), hidden=(ID, TITLE, WORDS)).all_grants().rights
    assert set(bound(role(), hidden=(ID, TITLE, WORDS)).all_grants().rights) == {VIEW, AWAY}


def test_what_does_not_fit_is_closed_to_all_that_were_granted_it() -> None:
    every = Privileges(None, None, None, delete=True)
    roles = (role("reader", book=every, shown=every), role("writer", book=every), role("guest", shown=every))
    found = database_permissions(catalog(*roles), {}, lambda *_: True, [BOOK])
    assert found.closed == {BOOK: {"reader", "writer"}}
    assert {name: set(rights) for name, rights in found.rights.items()} == {
        "reader": {VIEW},
        "writer": set(),
        "guest": {VIEW},
    }
    assert found.grants(["reader"]).broken == {BOOK}
    assert found.grants(["guest"]).broken == frozenset()
    assert set(found.all_grants().rights) == {VIEW, AWAY}


# ── whose role it is ─────────────────────────────────────────────────────────────────────────


def test_a_caller_has_one_role_that_can_be_taken() -> None:
    found = bound(role("reader"), role("writer"), others=("postgres",))
    assert found.effective(["reader"]) == ("reader",)
    for several in ([], ["reader", "writer"]):
        with pytest.raises(Forbidden, match="one role"):
            found.effective(several)
    with pytest.raises(Forbidden, match='permission denied to set role "postgres"'):
        found.effective(["postgres"])
    with pytest.raises(UnknownRole, match='role "nobody" does not exist'):
        found.effective(["nobody"])
    with pytest.raises(UnknownRole, match='role "nobody" does not exist'):
        replace(found, roles=None).effective(["nobody"])


# ── what is there and was not granted ────────────────────────────────────────────────────────


def test_a_table_that_is_there_and_was_not_granted() -> None:
    reader = role(shown=Privileges(None))
    plain = catalog(reader)
    assert denied_table(plain, reader, "public", "book") == "table book"
    assert denied_table(plain, reader, "audit", "book") == "table book"
    assert denied_table(plain, reader, "public", "shown") is None
    assert denied_table(plain, reader, "audit", "shown") is None
    assert denied_table(plain, reader, "public", "nosuch") is None


def test_a_function_that_is_there_and_was_not_granted() -> None:
    reader = replace(role(), functions=frozenset({COUNT.key}))
    plain = catalog(reader)
    assert denied_function(plain, reader, "audit", "count_books") == "function count_books"
    assert denied_function(plain, reader, "public", "write_book") == "function write_book"
    assert denied_function(plain, reader, "public", "count_books") is None
    assert denied_function(plain, reader, "public", "gather") is None
    assert denied_function(plain, reader, "audit", "write_book") is None
    assert denied_function(plain, reader, "public", "nosuch") is None


def test_a_column_that_is_there_and_was_not_granted() -> None:
    reader = role(book=Privileges(frozenset({"id"})), shown=Privileges(None))
    plain = catalog(reader)
    assert denied_column(plain, reader, "public", "book", "title") == "table book"
    assert denied_column(plain, reader, "public", "book", "id") is None
    assert denied_column(plain, reader, "public", "book", "nosuch") is None
    assert denied_column(plain, reader, "public", "shown", "id") is None
    assert denied_column(plain, reader, "public", "nosuch", "title") is None
    assert denied_column(plain, reader, "audit", "book", "title") is None
    assert denied_column(plain, reader, "audit", "book", "id") == "table book"


# ── roles that no rule binds ─────────────────────────────────────────────────────────────────

LOGIN = f'the login "{SELF}"'
TAKEN = f'the role "reader", which the login "{SELF}" can take,'
REVOKED = f'; or REVOKE "reader" FROM "{SELF}"'
AWAY_WITH = f"{REVOKED}; or name it in postgrest.allow_unbound_roles"
NEW = "log in as a role made by CREATE ROLE … LOGIN NOINHERIT"
OWNER = "rules of rows do not bind an owner"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (DatabaseRole("reader"), []),
        (DatabaseRole(SELF, superuser=True), [(f"{LOGIN} is a superuser: no rule of the database binds it", NEW)]),
        (
            DatabaseRole("reader", superuser=True, bypasses=True, owns=("book",)),
            [
                (
                    f"{TAKEN} is a superuser: no rule of the database binds it",
                    f'ALTER ROLE "reader" NOSUPERUSER{REVOKED}',
                )
            ],
        ),
        (
            DatabaseRole("reader", bypasses=True),
            [(f"{TAKEN} has BYPASSRLS: rules of rows do not bind it", f'ALTER ROLE "reader" NOBYPASSRLS{AWAY_WITH}')],
        ),
        (
            DatabaseRole(SELF, bypasses=True, owns=("a", "b", "c")),
            [
                (f"{LOGIN} has BYPASSRLS: rules of rows do not bind it", f'ALTER ROLE "{SELF}" NOBYPASSRLS'),
                (f"{LOGIN} owns a, b, c: {OWNER}", "ALTER TABLE a OWNER TO another role, or FORCE ROW LEVEL SECURITY"),
            ],
        ),
        (
            DatabaseRole("reader", owns=("a", "b", "c", "d")),
            [
                (
                    f"{TAKEN} owns a, b, c and others: {OWNER}",
                    f"ALTER TABLE a OWNER TO another role, or FORCE ROW LEVEL SECURITY{AWAY_WITH}",
                )
            ],
        ),
    ],
)
def test_a_role_that_no_rule_binds_is_told_with_what_mends_it(given: DatabaseRole, told: list[tuple[str, str]]) -> None:
    found = list(unbound_roles(DatabaseRoles(SELF, {given.name: given})))
    assert [(each.message, each.hint) for each in found] == told
    assert all((each.severity, each.code) == (Severity.ERROR, "role_unbound") for each in found)


@pytest.mark.parametrize(
    ("role", "let"),
    [
        (DatabaseRole("reader", bypasses=True), True),
        (DatabaseRole("reader", owns=("a",)), True),
        (DatabaseRole("reader", superuser=True, bypasses=True), False),
        (DatabaseRole(SELF, bypasses=True), False),
        (DatabaseRole("another", bypasses=True), False),
    ],
)
def test_a_role_that_the_file_names_may_be_bound_by_no_rule(role: DatabaseRole, let: bool) -> None:
    """Neither a superuser nor the login itself."""
    found = list(unbound_roles(DatabaseRoles(SELF, {role.name: role}), ("reader", SELF)))
    assert bool(found) is not let


PAST = "reads api.note past its row level security"
EVERY = ": whoever may read it sees every row that it shows"
REVOKED = "REVOKE SELECT ON api.shown FROM the roles that are not to see every row, or replace {} by a plain view"


@pytest.mark.parametrize(
    ("given", "told", "mends"),
    [
        (
            UnboundView("api.shown", "api.note", "api.shown"),
            "",
            "ALTER VIEW api.shown SET (security_invoker = true), or ",
        ),
        (
            UnboundView("api.shown", "api.note", "den.open"),
            ", by way of den.open",
            "ALTER VIEW den.open SET (security_invoker = true), or ALTER VIEW den.open OWNER TO",
        ),
        (UnboundView("api.shown", "api.note", "api.shown", True), "", REVOKED.format("api.shown")),
        (UnboundView("api.shown", "api.note", "den.copy", True), ", by way of den.copy", REVOKED.format("den.copy")),
        (
            UnboundView("api.shown", "api.note", "den.open", part="api.part"),
            ", by way of den.open and api.part",
            "ALTER TABLE api.part ENABLE ROW LEVEL SECURITY",
        ),
    ],
)
def test_a_view_beyond_the_rules_is_told_with_what_mends_it(given: UnboundView, told: str, mends: str) -> None:
    (found,) = views_beyond(DatabaseRoles(SELF, {}, beyond=(given,)))
    assert (found.severity, found.code) == (Severity.WARNING, "view_unbound")
    assert found.message == f"api.shown {PAST}{told}{EVERY}"
    assert found.hint is not None
    assert found.hint.startswith(mends)


WRITTEN = f"api.shown {PAST}{EVERY}, and whoever may write it writes past it too"
ASKED = (
    "which runs as its owner: row level security need not bind that, and whoever may read the view sees every row of it"
)
REACHES = "reaches api.note past its row level security"
OWNED = "ALTER VIEW api.shown OWNER TO a role that row level security binds"
INVOKER = "ALTER FUNCTION den.notes SECURITY INVOKER, or let it ask who calls"


@pytest.mark.parametrize(
    ("given", "told", "mends"),
    [
        (
            {"beyond": (UnboundView("api.shown", "api.note", "api.shown", written=True),)},
            WRITTEN,
            f"ALTER VIEW api.shown SET (security_invoker = true), or {OWNED}",
        ),
        (
            {"calls": (UnboundCall("api.shown", "den.notes", "api.shown"),)},
            f"api.shown shows what den.notes gives, {ASKED}",
            INVOKER,
        ),
        (
            {"calls": (UnboundCall("api.shown", "den.notes", "den.open"),)},
            f"api.shown shows what den.notes gives, by way of den.open, {ASKED}",
            INVOKER,
        ),
        (
            {"rules": (UnboundRule("api.shown", "aside", "api.note"),)},
            f"the rule aside of api.shown {REACHES}: what it does, it does as the owner of api.shown",
            f"{OWNED}, or an INSTEAD OF trigger for the rule",
        ),
    ],
)
def test_what_else_gets_past_the_rules_is_told_with_what_mends_it(given: dict[str, Any], told: str, mends: str) -> None:
    (found,) = views_beyond(DatabaseRoles(SELF, {}, **given))
    assert (found.severity, found.code, found.message, found.hint) == (Severity.WARNING, "view_unbound", told, mends)


def test_names_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
