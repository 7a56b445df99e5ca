"""Which relationship an embedded resource means, over catalogs made for it."""

from __future__ import annotations

import pytest

from reflector.access.permissions import open_grants
from reflector.access.scoping import scope_for
from reflector.catalog.build import build
from reflector.catalog.facts import ForeignKeyFact, TableFact
from reflector.catalog.model import Catalog, Relationship
from server.apis.postgrest.faults import Fault, PostgrestError
from server.apis.postgrest.grammar.limits import LIMITS
from server.apis.postgrest.grammar.nodes import Embed
from server.apis.postgrest.grammar.selects import select
from server.apis.postgrest.lowering.relationships import relationship_of
from tests.unit.catalog.examples import facts, foreign_key, table


def catalog_of(*parts: TableFact | ForeignKeyFact) -> Catalog:
    return build(facts(*parts, schemas=("public", "other")))


def found(catalog: Catalog, source: str, spelled: str) -> Relationship:
    scope = scope_for(catalog, open_grants(catalog, writable=False))
    (embed,) = select(f"{spelled}(*)", LIMITS)
    assert isinstance(embed, Embed)
    return relationship_of(catalog, scope, scope.tables[source], embed)


def refused(catalog: Catalog, source: str, spelled: str) -> Fault:
    with pytest.raises(PostgrestError) as caught:
        found(catalog, source, spelled)
    return caught.value.fault


SHOP = catalog_of(
    table("person", "id"),
    table("message", "id sender? receiver?"),
    foreign_key("message(sender) -> person(id)"),
    foreign_key("message(receiver) -> person(id)"),
    table("profile", "person_id", key="person_id"),
    foreign_key("profile(person_id) -> person(id)"),
)


@pytest.mark.parametrize(
    ("source", "spelled", "target", "many"),
    [
        ("message", "person!sender", "person", False),
        ("message", "person!message_receiver_fkey", "person", False),
        ("message", "sender", "person", False),
        ("message", "message_sender_fkey", "person", False),
        ("message", "x:receiver!inner", "person", False),
        ("person", "message!sender", "message", True),
        ("person", "message!message_receiver_fkey!inner", "message", True),
        ("person", "profile", "profile", False),
        ("profile", "person", "person", False),
        ("profile", "person_id", "person", False),
    ],
)
def test_tables_columns_and_constraints_choose(source: str, spelled: str, target: str, many: bool) -> None:
    relationship = found(SHOP, source, spelled)
    assert (relationship.target.name, relationship.many) == (target, many)
    if "receiver" in spelled:
        assert relationship.foreign_key is not None
        assert relationship.foreign_key.name == "message_receiver_fkey"


def test_several_are_all_told() -> None:
    fault = refused(SHOP, "message", "person")
    assert fault.code == "PGRST201"
    assert fault.message == "Could not embed because more than one relationship was found for 'message' and 'person'"
    told = [each for each in fault.details or () if not isinstance(each, str)]
    assert {(each["cardinality"], each["embedding"], each["relationship"]) for each in told} == {
        ("many-to-one", "message with person", "message_sender_fkey using message(sender) and person(id)"),
        ("many-to-one", "message with person", "message_receiver_fkey using message(receiver) and person(id)"),
    }
    assert "'person!message_sender_fkey'" in str(fault.hint)
    assert "'person!message_receiver_fkey'" in str(fault.hint)
    back = refused(SHOP, "person", "message")
    assert back.details is not None
    assert {each["cardinality"] for each in back.details if not isinstance(each, str)} == {"one-to-many"}


def test_none_is_told_with_the_nearest_name() -> None:
    fault = refused(SHOP, "profile", "persn")
    assert (fault.code, fault.hint) == ("PGRST200", "Perhaps you meant 'person' instead of 'persn'.")
    assert fault.details == (
        "Searched for a foreign key relationship between 'profile' and 'persn' in the schema 'public', "
        "but no matches were found."
    )
    hinted = refused(SHOP, "profile", "person!nope")
    assert (hinted.code, hinted.hint) == ("PGRST200", None)
    assert "using the hint 'nope'" in str(hinted.details)
    assert refused(SHOP, "person", "sender").code == "PGRST200"


TREE = catalog_of(table("staff", "id boss?"), foreign_key("staff(boss) -> staff(id)"))


def test_a_table_that_refers_to_itself() -> None:
    assert found(TREE, "staff", "staff").many
    assert not found(TREE, "staff", "boss").many
    assert not found(TREE, "staff", "staff_boss_fkey").many


TAGGED = catalog_of(
    table("book", "id"),
    table("tag", "id"),
    table("book_tag", "book_id tag_id", key="book_id tag_id"),
    foreign_key("book_tag(book_id) -> book(id)"),
    foreign_key("book_tag(tag_id) -> tag(id)"),
    table("loose", "id book_id tag_id", uniques=["book_id tag_id"]),
    foreign_key("loose(book_id) -> book(id)"),
    foreign_key("loose(tag_id) -> tag(id)"),
)


def test_a_junction_counts_when_its_primary_key_holds_both_ends() -> None:
    relationship = found(TAGGED, "book", "tag")
    assert relationship.junction is not None
    assert relationship.junction.table.name == "book_tag"
    assert found(TAGGED, "book", "tag!book_tag") is relationship
    assert refused(TAGGED, "book", "tag!loose").code == "PGRST200"
    assert found(TAGGED, "book", "book_tag").many


def test_several_junctions_are_told_with_their_constraints() -> None:
    catalog = catalog_of(
        table("book", "id"),
        table("tag", "id"),
        *(table(name, "book_id tag_id", key="book_id tag_id") for name in ("one", "two")),
        *(foreign_key(f"{name}(book_id) -> book(id)") for name in ("one", "two")),
        *(foreign_key(f"{name}(tag_id) -> tag(id)") for name in ("one", "two")),
    )
    fault = refused(catalog, "book", "tag")
    told = {each["relationship"] for each in fault.details or () if not isinstance(each, str)}
    assert told == {
        "one using one_book_id_fkey(book_id) and one_tag_id_fkey(tag_id)",
        "two using two_book_id_fkey(book_id) and two_tag_id_fkey(tag_id)",
    }
    assert "'tag!one', 'tag!two'" in str(fault.hint)
    chosen = found(catalog, "book", "tag!two").junction
    assert chosen is not None
    assert chosen.table.name == "two"


def test_composite_keys_and_nameless_constraints() -> None:
    catalog = catalog_of(
        table("place", "x y", key="x y"),
        table("visit", "id x y"),
        foreign_key("visit(x y) -> place(x y)", name=None),
        table("trip", "id a b"),
        foreign_key("trip(a) -> visit(id)", name=None),
        foreign_key("trip(b) -> visit(id)", name=None),
    )
    assert len(found(catalog, "visit", "place").pairs) == 2
    assert refused(catalog, "visit", "x").code == "PGRST200"
    fault = refused(catalog, "trip", "visit")
    assert "'visit!a', 'visit!b'" in str(fault.hint)
    assert found(catalog, "trip", "visit!b").pairs[0][0].name == "b"


def test_only_the_own_schema_is_embedded() -> None:
    catalog = catalog_of(
        table("book", "id shop_id"),
        table("shop", "id", schema="other"),
        foreign_key("book(shop_id) -> shop(id)", to="other"),
    )
    assert refused(catalog, "book", "shop").code == "PGRST200"
