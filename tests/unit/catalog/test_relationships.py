"""The names of relationships, a case per rule; and that no order of tables or keys changes one."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflector.catalog.build import build
from reflector.catalog.facts import ForeignKeyFact, TableFact
from reflector.catalog.model import Catalog
from tests.unit.catalog.examples import facts, foreign_key, table, ways

AUTHOR, BOOK = table("author", "id"), table("book", "id author_id")
WROTE = foreign_key("book(author_id) -> author(id)")
ORDERS = (
    table("address", "id"),
    table("orders", "id billing_address_id shipping_address_id?"),
    foreign_key("orders(billing_address_id) -> address(id)"),
    foreign_key("orders(shipping_address_id) -> address(id)"),
)
TAGGED = (
    table("book", "id"),
    table("tags", "id"),
    table("book_tag", "book_id tag_id", key="book_id tag_id"),
    foreign_key("book_tag(book_id) -> book(id)"),
    foreign_key("book_tag(tag_id) -> tags(id)"),
)
FRIENDS = (
    table("person", "id"),
    table("friend", "a_id b_id", key="a_id b_id"),
    foreign_key("friend(a_id) -> person(id)"),
    foreign_key("friend(b_id) -> person(id)"),
)

CASES: dict[str, tuple[tuple[TableFact | ForeignKeyFact, ...], str, dict[str, str]]] = {
    "to one by the stem": ((AUTHOR, BOOK, WROTE), "book", {"author": "one author"}),
    "to many by the table": ((AUTHOR, BOOK, WROTE), "author", {"book": "many book"}),
    "to one by the singular": (
        (table("authors", "id"), table("book", "id written_by"), foreign_key("book(written_by) -> authors(id)")),
        "book",
        {"author": "one authors"},
    ),
    "a singular that is a column": (
        (table("authors", "id"), table("book", "id author"), foreign_key("book(author) -> authors(id)")),
        "book",
        {"author_by_author": "one authors"},
    ),
    "a stem that is a column": (
        (table("people", "id"), table("book", "id author author_id"), foreign_key("book(author_id) -> people(id)")),
        "book",
        {"author_by_author": "one people"},
    ),
    "a to-many that is a column": (
        (table("author", "id book"), BOOK, WROTE),
        "author",
        {"book_by_author": "many book"},
    ),
    "two keys to one table, near": (
        ORDERS,
        "orders",
        {"billing_address": "one address", "shipping_address": "one address"},
    ),
    "two keys to one table, far": (
        ORDERS,
        "address",
        {"orders_by_billing_address": "many orders", "orders_by_shipping_address": "many orders"},
    ),
    "one to one by the primary key": (
        (
            table("users", "id"),
            table("profiles", "user_id", key="user_id"),
            foreign_key("profiles(user_id) -> users(id)"),
        ),
        "users",
        {"profile": "one profiles"},
    ),
    "one to one by a unique key": (
        (
            table("users", "id"),
            table("profiles", "id user_id", uniques=["user_id"]),
            foreign_key("profiles(user_id) -> users(id)"),
        ),
        "users",
        {"profile": "one profiles"},
    ),
    "one to one by a part of the key": (
        (
            table("users", "id tenant", key="id", uniques=["id tenant"]),
            table("profiles", "user_id tenant", key="user_id"),
            foreign_key("profiles(user_id tenant) -> users(id tenant)"),
        ),
        "users",
        {"profile": "one profiles"},
    ),
    "a part of a unique key is to many": (
        (AUTHOR, table("book", "id author_id title", uniques=["author_id title"]), WROTE),
        "author",
        {"book": "many book"},
    ),
    "a composite key, to one": (
        (
            table("order_lines", "order_no line", key="order_no line"),
            table("returns", "id order_no line"),
            foreign_key("returns(order_no line) -> order_lines(order_no line)"),
        ),
        "returns",
        {"order_line": "one order_lines"},
    ),
    "composite keys that clash": (
        (
            table("place", "x y", key="x y"),
            table("road", "id ax ay bx by"),
            foreign_key("road(ax ay) -> place(x y)"),
            foreign_key("road(bx by) -> place(x y)"),
        ),
        "road",
        {"place_by_ax_ay": "one place", "place_by_bx_by": "one place"},
    ),
    "itself": (
        (table("categories", "id parent_id?"), foreign_key("categories(parent_id) -> categories(id)")),
        "categories",
        {"parent": "one categories", "categories": "many categories"},
    ),
    "through a junction": (TAGGED, "book", {"book_tag": "many book_tag", "tags": "many tags via book_tag"}),
    "a junction's own": (TAGGED, "book_tag", {"book": "one book", "tag": "one tags"}),
    "through a junction with payload and a unique pair": (
        (
            table("book", "id"),
            table("tag", "id"),
            table("tagging", "id book_id tag_id weight", uniques=["tag_id book_id"]),
            foreign_key("tagging(book_id) -> book(id)"),
            foreign_key("tagging(tag_id) -> tag(id)"),
        ),
        "tag",
        {"book": "many book via tagging", "tagging": "many tagging"},
    ),
    "no junction without a unique pair": (
        (
            table("book", "id"),
            table("tag", "id"),
            table("tagging", "id book_id tag_id"),
            foreign_key("tagging(book_id) -> book(id)"),
            foreign_key("tagging(tag_id) -> tag(id)"),
        ),
        "tag",
        {"tagging": "many tagging"},
    ),
    "no junction when the key has more columns": (
        (
            table("book", "id"),
            table("tag", "id"),
            table("tagging", "book_id tag_id day", key="book_id tag_id day"),
            foreign_key("tagging(book_id) -> book(id)"),
            foreign_key("tagging(tag_id) -> tag(id)"),
        ),
        "tag",
        {"tagging": "many tagging"},
    ),
    "a junction within a tenant": (
        (
            table("a", "tenant id", key="tenant id"),
            table("b", "tenant id", key="tenant id"),
            table("ab", "tenant a_id b_id", key="tenant a_id b_id"),
            foreign_key("ab(tenant a_id) -> a(tenant id)"),
            foreign_key("ab(tenant b_id) -> b(tenant id)"),
        ),
        "a",
        {"ab": "many ab", "b": "many b via ab"},
    ),
    "a key that contains the other is no junction": (
        (
            table("a", "id"),
            table("line", "a_id number", key="a_id number"),
            table("note", "a_id number", key="a_id number"),
            foreign_key("note(a_id number) -> line(a_id number)"),
            foreign_key("note(a_id) -> a(id)"),
        ),
        "a",
        {"note": "many note"},
    ),
    "two junctions": (
        (
            *TAGGED,
            table("book_topic", "book_id tag_id", key="book_id tag_id"),
            foreign_key("book_topic(book_id) -> book(id)"),
            foreign_key("book_topic(tag_id) -> tags(id)"),
        ),
        "book",
        {
            "book_tag": "many book_tag",
            "book_topic": "many book_topic",
            "tags_via_book_tag": "many tags via book_tag",
            "tags_via_book_topic": "many tags via book_topic",
        },
    ),
    "a direct way and one through a junction": (
        (
            *TAGGED[1:],
            table("book", "id main_tag_id?"),
            foreign_key("book(main_tag_id) -> tags(id)"),
        ),
        "tags",
        {
            "book_by_main_tag": "many book",
            "book_tag": "many book_tag",
            "book_via_book_tag": "many book via book_tag",
        },
    ),
    "through a junction to itself": (
        FRIENDS,
        "person",
        {
            "friend_by_a": "many friend",
            "friend_by_b": "many friend",
            "person_via_friend_a_id_fkey": "many person via friend",
            "person_via_friend_b_id_fkey": "many person via friend",
        },
    ),
    "one column to two tables": (
        (
            table("cat", "id"),
            table("dog", "id"),
            table("toy", "id owner_id"),
            foreign_key("toy(owner_id) -> cat(id)", name="toy_cat"),
            foreign_key("toy(owner_id) -> dog(id)", name="toy_dog"),
        ),
        "toy",
        {"owner_by_toy_cat": "one cat", "owner_by_toy_dog": "one dog"},
    ),
    "one column to two tables without names": (
        (
            table("cat", "id"),
            table("dog", "id"),
            table("toy", "id owner_id"),
            foreign_key("toy(owner_id) -> dog(id)", name=None),
            foreign_key("toy(owner_id) -> cat(id)", name=None),
        ),
        "toy",
        {"owner_by_owner_1": "one cat", "owner_by_owner_2": "one dog"},
    ),
    "the same key twice": (
        (AUTHOR, BOOK, WROTE, foreign_key("book(author_id) -> author(id)", name="again")),
        "author",
        {"book": "many book"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_relationship_is_called(case: str) -> None:
    parts, label, expected = CASES[case]
    assert ways(build(facts(*parts)), label) == expected


@given(st.sampled_from(sorted(CASES)), st.randoms(use_true_random=False))
def test_no_order_changes_a_catalog(case: str, random: Random) -> None:
    parts = list(CASES[case][0])
    before = build(facts(*parts))
    random.shuffle(parts)
    after = build(facts(*parts))
    assert after.fingerprint == before.fingerprint
    assert [ways(after, label) for label in after.tables] == [ways(before, label) for label in before.tables]
    assert after.notices == before.notices


def test_other_schemas_leave_their_name_out_until_it_is_needed() -> None:
    alone = facts(
        AUTHOR,
        table("orders", "id author_id", schema="shop"),
        foreign_key("orders(author_id) -> author(id)", schema="shop"),
        schemas=("public", "shop"),
    )
    assert ways(build(alone), "author") == {"orders": "many shop.orders"}
    rivals = facts(
        *alone.tables,
        *alone.foreign_keys,
        table("orders", "id author_id"),
        foreign_key("orders(author_id) -> author(id)"),
        schemas=("public", "shop"),
    )
    assert ways(build(rivals), "author") == {
        "public_orders_by_author": "many orders",
        "shop_orders_by_author": "many shop.orders",
    }


def test_two_keys_from_another_schema_need_no_schema_in_their_names() -> None:
    there = facts(
        table("address", "id"),
        table("orders", "id billing_address_id shipping_address_id", schema="shop"),
        *(foreign_key(f"orders({part}_address_id) -> address(id)", schema="shop") for part in ("billing", "shipping")),
        schemas=("public", "shop"),
    )
    assert sorted(ways(build(there), "address")) == ["orders_by_billing_address", "orders_by_shipping_address"]


def nullable(catalog: Catalog, label: str, name: str) -> bool:
    return catalog.relationships[catalog.tables[label]][name].nullable


def test_a_way_to_one_finds_nothing_only_where_a_column_may_be_null() -> None:
    catalog = build(facts(*ORDERS))
    assert not nullable(catalog, "orders", "billing_address")
    assert nullable(catalog, "orders", "shipping_address")


def test_the_far_side_of_one_to_one_may_always_find_nothing() -> None:
    catalog = build(facts(*CASES["one to one by the primary key"][0]))
    assert nullable(catalog, "users", "profile")
    assert not nullable(catalog, "profiles", "user")


def test_pairs_lead_from_the_source_to_the_target() -> None:
    catalog = build(facts(*TAGGED))
    book, tags, middle = (catalog.tables[label] for label in ("book", "tags", "book_tag"))
    through = catalog.relationships[book]["tags"]
    assert through.pairs == ()
    assert through.junction is not None
    assert through.junction.near == ((book.by_name["id"], middle.by_name["book_id"]),)
    assert through.junction.far == ((middle.by_name["tag_id"], tags.by_name["id"]),)
    assert catalog.relationships[book]["book_tag"].pairs == ((book.by_name["id"], middle.by_name["book_id"]),)
    assert catalog.relationships[middle]["book"].pairs == ((middle.by_name["book_id"], book.by_name["id"]),)


def test_each_clash_is_told() -> None:
    told = [notice.message for notice in build(facts(*ORDERS)).notices if notice.code == "name_clash"]
    assert told == ["address.orders would be ambiguous: it is orders_by_billing_address and orders_by_shipping_address"]
