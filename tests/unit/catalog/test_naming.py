"""Singulars, stems, and the rule that names never depend on the order of things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflector.catalog.naming import Clash, Wish, settle, singular, stem

SINGULARS = {
    "orders": "order",
    "order_items": "order_item",
    "orderItems": "orderItem",
    "OrderItems": "OrderItem",
    "ORDER_ITEMS": "ORDER_ITEM",
    "categories": "category",
    "movies": "movie",
    "ties": "tie",
    "boxes": "box",
    "classes": "class",
    "batches": "batch",
    "caches": "cache",
    "dishes": "dish",
    "statuses": "status",
    "buses": "bus",
    "houses": "house",
    "causes": "cause",
    "cases": "case",
    "licenses": "license",
    "databases": "database",
    "heroes": "hero",
    "sizes": "size",
    "people": "person",
    "sales_people": "sales_person",
    "salesPeople": "salesPerson",
    "children": "child",
    "criteria": "criterion",
    "analyses": "analysis",
    "indices": "index",
    "author": "author",
    "status": "status",
    "order_status": "order_status",
    "address": "address",
    "addresses": "address",
    "news": "news",
    "data": "data",
    "metadata": "metadata",
    "series": "series",
    "analysis": "analysis",
    "bus": "bus",
    "ids": "id",
    "is": "is",
    "s": "s",
    "": "",
    "años": "año",
    "items_2": "items_2",
    "my tables": "my table",
}


@pytest.mark.parametrize(("plural", "one"), SINGULARS.items())
def test_the_singular_of_a_table(plural: str, one: str) -> None:
    assert singular(plural) == one


@pytest.mark.parametrize("one", sorted({each for each in SINGULARS.values() if each}))
def test_the_singular_of_a_singular_is_itself(one: str) -> None:
    assert singular(one) == one


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("author_id", "author"),
        ("author_fk", "author"),
        ("authorId", "author"),
        ("AUTHOR_ID", "AUTHOR"),
        ("billing_address_id", "billing_address"),
        ("author", None),
        ("id", None),
        ("_id", None),
        ("Id", None),
        ("paid", None),
        ("author_ids", None),
    ],
)
def test_the_stem_of_a_key_column(column: str, expected: str | None) -> None:
    assert stem(column) == expected


def test_who_clashes_takes_the_long_name_all_alike() -> None:
    billing, shipping = Wish(("orders", "orders_by_billing"), ("a",)), Wish(("orders", "orders_by_shipping"), ("b",))
    names, clashes = settle([billing, shipping], ())
    assert names == {billing: "orders_by_billing", shipping: "orders_by_shipping"}
    assert clashes == (Clash("orders", ("orders_by_billing", "orders_by_shipping")),)


def test_a_name_that_a_column_has_is_not_given() -> None:
    wish = Wish(("author", "author_by_author"), ("a",))
    assert settle([wish], {"author"})[0] == {wish: "author_by_author"}


def test_a_long_name_that_is_anothers_short_one_moves_both_on() -> None:
    first, second = Wish(("x", "y", "x1"), ("a",)), Wish(("x", "z", "x2"), ("b",))
    third = Wish(("y", "yy"), ("c",))
    assert settle([first, second, third], ())[0] == {first: "x1", second: "z", third: "yy"}


def test_at_last_numbers_tell_apart() -> None:
    wishes = [Wish(("x",), (key,)) for key in "cab"]
    names, _ = settle(wishes, {"x_2"})
    assert {wish.key[0]: name for wish, name in names.items()} == {"a": "x_1", "b": "x_3", "c": "x_4"}


NAMES = st.sampled_from(["a", "b", "c", "a_1", "a_by_b", "b_by_a"])
WISHES = st.lists(st.lists(NAMES, min_size=1, max_size=4).map(tuple), max_size=7).map(
    lambda lists: [Wish(names, (str(number),)) for number, names in enumerate(lists)]
)


@given(WISHES, st.sets(NAMES), st.randoms(use_true_random=False))
def test_names_are_distinct_free_and_independent_of_order(wishes: list[Wish], taken: set[str], random: object) -> None:
    names, clashes = settle(wishes, taken)
    shuffled = list(wishes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert settle(shuffled, taken) == (names, clashes)
    assert len(set(names.values())) == len(wishes)
    assert not set(names.values()) & taken


@given(WISHES, st.sets(NAMES))
def test_who_clashes_with_nobody_keeps_the_short_name(wishes: list[Wish], taken: set[str]) -> None:
    names, _ = settle(wishes, taken)
    for wish in wishes:
        rivals = {name for other in wishes if other is not wish for name in other.names} | taken
        if wish.names[0] not in rivals:
            assert names[wish] == wish.names[0]
