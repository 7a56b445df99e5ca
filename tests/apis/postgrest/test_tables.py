"""Tables by the names of the database, whatever the configuration calls them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reflector.access.permissions import open_grants
from reflector.access.scoping import scope_for
from reflector.catalog.build import build
from reflector.catalog.model import DatabaseKind
from reflector.errors import RuleUnbound
from reflector.query.scope import Scope
from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.lowering.tables import schema_of, table_of
from tests.unit.catalog.examples import facts, table


def scope() -> Scope:
    tables = (table("book", "id"), table("book", "id", schema="other"), table("shop", "id", schema="other"))
    catalog = build(facts(*tables, schemas=("public", "other")))
    return scope_for(catalog, open_grants(catalog, writable=False))


def test_a_table_is_found_in_its_schema_alone() -> None:
    every = scope()
    assert table_of(every, "public", "book").table.schema == "public"
    assert table_of(every, "other", "book").table.schema == "other"
    assert table_of(every, "other", "shop").table.name == "shop"
    for schema, name in (("public", "shop"), ("public", "other.book"), ("nowhere", "book"), ("public", "")):
        with pytest.raises(PostgrestError, match=f"PGRST205: Could not find the table '{schema}.{name}'"):
            table_of(every, schema, name)


def test_a_table_with_another_label_keeps_the_name_of_the_database() -> None:
    every = scope()
    renamed = Scope(
        every.roles, {"volumes": every.tables["book"]}, {each.table: each for each in every.tables.values()}
    )
    assert table_of(renamed, "public", "book") is every.tables["book"]
    with pytest.raises(PostgrestError, match="PGRST205"):
        table_of(renamed, "public", "volumes")


def test_a_closed_table_says_so() -> None:
    lost = build(facts(table("lost", "id", schema="other"), schemas=("public", "other"))).tables["other.lost"]
    for label in ("other.lost", "found"):
        closed = replace(scope(), broken={label: lost})
        with pytest.raises(RuleUnbound):
            table_of(closed, "other", "lost")
        for schema, name in (("public", "lost"), ("other", "found"), ("public", "other.lost")):
            with pytest.raises(PostgrestError, match="PGRST205"):
                table_of(closed, schema, name)


def test_profiles() -> None:
    assert schema_of(("a", "b"), None) == "a"
    assert schema_of(("a", "b"), "b") == "b"
    assert schema_of(("a", "b"), "public", DatabaseKind.SQLITE) == "a"
    assert schema_of(("a", "public"), "public", DatabaseKind.MARIADB) == "public"
    with pytest.raises(PostgrestError) as caught:
        schema_of(("a", "b"), "c")
    with pytest.raises(PostgrestError):
        schema_of(("a", "b"), "public", DatabaseKind.POSTGRESQL)
    assert caught.value.fault.hint == "Only the following schemas are exposed: a, b"
