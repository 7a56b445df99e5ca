"""Functions that a config opens: those it names, to whom it names, and nothing by a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import Complaint, FunctionRules, Severity
from reflector.access.permissions import Permissions
from reflector.catalog.model import Catalog, Function
from tests.unit.access.blog import BLOG
from tests.unit.access.describing import described

FIRST = Function("public", "totals", (), "bigint")
SECOND = Function("public", "totals", (), "text")
AUDIT = Function("audit", "totals", (), "bigint")
PROCEDURE = Function("public", "tidy", (), "", procedure=True)
BOTH = (Function("public", "twin", (), "bigint"), Function("public", "twin", (), "", procedure=True))
CLOSED = Function("public", "trigger", (), "trigger", callable=False)
HALF = (Function("public", "half", (), "text", callable=False), Function("public", "half", (), "bigint"))
CATALOG = replace(BLOG, functions=(FIRST, SECOND, AUDIT, PROCEDURE, *BOTH, CLOSED, *HALF))
ROLES: dict[str, tuple[str, ...]] = {"user": (), "editor": ("user",), "guest": ()}


def bound(*rules: tuple[str, Sequence[str]], catalog: Catalog = CATALOG) -> tuple[Permissions, tuple[Complaint, ...]]:
    functions = tuple(FunctionRules(name, tuple(roles), f"functions.{name}") for name, roles in rules)
    return bind_permissions(described({}, ROLES, functions=functions), catalog)


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("totals", {FIRST, SECOND}),
        ("audit.totals", {AUDIT}),
        ("tidy", {PROCEDURE}),
        ("twin", {BOTH[0]}),
        ("half", {HALF[1]}),
    ],
)
def test_a_name_opens_all_functions_that_have_it(name: str, opened: set[Function]) -> None:
    permissions, complaints = bound((name, ["user"]))
    assert complaints == ()
    assert permissions.functions == {"user": opened}
    assert permissions.grants(["user"]).functions == opened
    assert permissions.grants(["editor"]).functions == opened
    assert permissions.grants(["guest"]).functions == set()
    assert permissions.all_grants().functions == opened


def test_several_entries_and_roles_add_up() -> None:
    permissions, complaints = bound(("totals", ["user", "guest"]), ("tidy", ["user"]), ("audit.totals", ["editor"]))
    assert complaints == ()
    assert permissions.grants(["user"]).functions == {FIRST, SECOND, PROCEDURE}
    assert permissions.grants(["guest"]).functions == {FIRST, SECOND}
    assert permissions.grants(["guest", "editor"]).functions == {FIRST, SECOND, PROCEDURE, AUDIT}


def test_nothing_is_open_that_is_not_named() -> None:
    assert bound()[0].functions == {}
    assert bound()[0].all_grants().functions == set()


@pytest.mark.parametrize(
    ("name", "code", "message", "hint"),
    [
        ("totls", "unknown_function", "there is no function 'totls'", "did you mean 'totals'?"),
        ("public.totals", "unknown_function", "there is no function 'public.totals'", "did you mean 'audit.totals'?"),
        (
            "trigger",
            "function_unbound",
            "trigger cannot be called: it is a procedure, or its rows have no columns of their own",
            None,
        ),
    ],
)
def test_a_name_that_opens_nothing_is_told(name: str, code: str, message: str, hint: str | None) -> None:
    permissions, [complaint] = bound((name, ["user"]))
    assert complaint == Complaint(Severity.UNBOUND, code, message, hint, f"functions.{name}")
    assert permissions.grants(["user"]).functions == set()


def test_a_role_that_is_not_declared_opens_nothing() -> None:
    permissions, [complaint] = bound(("totals", ["usr", "guest"]))
    assert (complaint.severity, complaint.code, complaint.where) == (Severity.ERROR, "unknown_role", "functions.totals")
    assert permissions.functions == {"guest": {FIRST, SECOND}}


def test_without_schemas_each_name_has_one() -> None:
    permissions, _ = bound(("public.totals", ["user"]), catalog=replace(CATALOG, schemas=()))
    assert permissions.functions == {"user": {FIRST, SECOND}}
