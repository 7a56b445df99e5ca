"""Hasura's words for what a document, an array or a path holds: which comparison each becomes, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from reflector.access.rules import UnfitRule, bind_rule
from reflector.access.rules_hasura import is_containment
from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind
from reflector.query.comparisons import LIKE, Comparison
from reflector.query.documents import contained_in, containing
from reflector.query.native import CONTAINED, CONTAINS
from reflector.query.nodes import Compare, Field, Filter, IsNull, JsonPath, Literal, Not, all_of, any_of
from reflector.query.outlines import Items, Members
from tests.unit.access.blog import BLOG, INTEGER, JSON, OPAQUE, TEXT, column, table

PLAIN_JSON = DataType(Kind.JSON, "json")
TEXTS = DataType(Kind.ARRAY, "text[]", element=TEXT)
INTEGERS = DataType(Kind.ARRAY, "bigint[]", element=INTEGER)
PATH = DataType(Kind.SPECIAL, "ltree")
TYPES = {
    "document": JSON,
    "plain": PLAIN_JSON,
    "texts": TEXTS,
    "numbers": INTEGERS,
    "path": PATH,
    "path_elsewhere": DataType(Kind.SPECIAL, "trees.ltree"),
    "paths": DataType(Kind.ARRAY, "ltree[]", element=PATH),
    "nearly": DataType(Kind.SPECIAL, "ltree.other"),
    "title": TEXT,
    "number": INTEGER,
    "search": OPAQUE,
}
POST = table("post", *(column(name, type_) for name, type_ in TYPES.items()))
MARIADB, POSTGRESQL, SQLITE = DatabaseKind.MARIADB, DatabaseKind.POSTGRESQL, DatabaseKind.SQLITE
STANDS = "takes what stands in the rule"
ONE_ITEM = "claims.x in column asks for one item"
EITHER = "'x' in column asks for one text of an array, has_key(column, 'x') for a key"


def bound(name: str, word: str, given: Any, database: DatabaseKind = POSTGRESQL) -> Filter:
    return bind_rule({name: {word: given}}, POST, replace(BLOG, kind=database))


def key_of(name: str, key: str) -> Filter:
    return Not(IsNull(JsonPath(Field(POST.by_name[name]), (key,))))


# ── what a document, an array or a path holds ────────────────────────────────────────────────


@pytest.mark.parametrize("database", [POSTGRESQL, SQLITE])
@pytest.mark.parametrize(
    ("word", "comparison"), [("_contains", containing(None)), ("_contained_in", contained_in(None))]
)
@pytest.mark.parametrize("given", [{"a": [1, {"b": None}]}, ["a"], [], {}, "a", 7, True])
def test_a_document_contains_another_or_is_contained(
    database: DatabaseKind, word: str, comparison: Comparison, given: Any
) -> None:
    document = POST.by_name["document"]
    assert bound("document", word, given, database) == Compare(Field(document), comparison, Literal(given, JSON))


def test_mariadb_is_told_what_the_other_document_is_made_of() -> None:
    document, given = POST.by_name["document"], {"a": ["x", 1]}
    outline = Members((("a", Items(("STRING", "NUMBER"))),))
    for word, comparison in (("_contains", containing(outline)), ("$contained_in", contained_in(outline))):
        where = Compare(Field(document), comparison, Literal(given, JSON))
        assert bound("document", word, given, MARIADB) == where


def test_what_a_file_holds_frozen_is_json_again() -> None:
    """A configuration gives tuples and views of mappings; a document is made of lists and dicts alone."""
    given = MappingProxyType({"a": (1, MappingProxyType({"b": ("c", None)})), "d": [True, (), MappingProxyType({})]})
    where = bound("document", "_contains", given)
    assert isinstance(where, Compare)
    assert isinstance(where.operand, Literal)
    assert json.dumps(where.operand.value) == '{"a": [1, {"b": ["c", null]}], "d": [true, [], {}]}'


@pytest.mark.parametrize(("word", "comparison"), [("_contains", CONTAINS), ("_contained_in", CONTAINED)])
@pytest.mark.parametrize(
    ("name", "given"), [("texts", ["a", "b"]), ("texts", ("a", "b")), ("texts", []), ("numbers", [7])]
)
def test_an_array_contains_another_or_is_contained(word: str, comparison: Comparison, name: str, given: Any) -> None:
    array = POST.by_name[name]
    assert bound(name, word, given) == Compare(Field(array), comparison, Literal(tuple(given), array.type), exact=True)


@pytest.mark.parametrize(("word", "comparison"), [("_ancestor", CONTAINS), ("_descendant", CONTAINED)])
@pytest.mark.parametrize("name", ["path", "path_elsewhere"])
def test_a_path_is_above_another_or_below(word: str, comparison: Comparison, name: str) -> None:
    path = POST.by_name[name]
    assert bound(name, word, "a.b") == Compare(Field(path), comparison, Literal("a.b", path.type), exact=True)


def test_of_a_text_it_is_asked_whether_another_is_in_it() -> None:
    title = POST.by_name["title"]
    where = Compare(Field(title), LIKE, Literal("%an X-Hasura-A%", TEXT), exact=True)
    assert bound("title", "_contains", "an X-Hasura-A") == where


def test_what_is_held_is_asked_by_four_words_and_not_of_a_text_by_the_first() -> None:
    words = ("_contains", "_contained_in", "_ancestor", "_descendant", "_eq", "_has_key", "_none", 5)
    asked = {name: [is_containment(POST.by_name[name], each) for each in words] for name in ("document", "title")}
    assert asked["document"] == [True] * 4 + [False] * 4
    assert asked["title"] == [False] + [True] * 3 + [False] * 4


CLAIMS = ("X-Hasura-Tag", "claims.tag", 'claims["tag"]')
REFUSED: list[tuple[str, str, Any, str, str | None]] = [
    *[("title", word, "a", "cannot be asked of text", None) for word in ("_contained_in", "_ancestor", "_descendant")],
    ("number", "_contains", 7, "cannot be asked of bigint", None),
    ("search", "_contains", "a", "cannot be asked of tsvector", None),
    ("path", "_contains", "a", "cannot be asked of ltree", None),
    ("path", "_contained_in", "a", "cannot be asked of ltree", None),
    ("nearly", "_ancestor", "a", "cannot be asked of ltree.other", None),
    ("paths", "_ancestor", "a", "cannot be asked of ltree[]", None),
    ("document", "_ancestor", "a", "cannot be asked of jsonb", None),
    ("texts", "_descendant", ["a"], "cannot be asked of text[]", None),
    ("plain", "_contains", {}, "cannot be asked of json on this database", EITHER),
    ("plain", "_contained_in", {}, "cannot be asked of json on this database", EITHER),
    *[("document", "_contains", each, STANDS, ONE_ITEM) for each in CLAIMS],
    *[(name, "_contained_in", ["a", each], STANDS, ONE_ITEM) for each in CLAIMS for name in ("document", "texts")],
    *[("texts", "_contained_in", each, STANDS, ONE_ITEM) for each in CLAIMS],
    *[("path", "_ancestor", each, STANDS, ONE_ITEM) for each in CLAIMS],
    ("document", "_contains", None, "takes a value", None),
    ("texts", "_contained_in", None, "takes a value", None),
    ("path", "_descendant", None, "takes a value", None),
    ("document", "_has_keys_any", "a", "takes a list of texts that is not empty", None),
    ("document", "_has_keys_any", {"a": 1}, "takes a list of texts that is not empty", None),
    ("document", "_has_keys_any", None, "takes a list of texts that is not empty", None),
    ("document", "_has_keys_all", [], "takes a list of texts that is not empty", None),
    ("document", "_has_keys_all", (), "takes a list of texts that is not empty", None),
]


@pytest.mark.parametrize(("name", "word", "given", "message", "hint"), REFUSED)
def test_what_cannot_be_asked_is_told(name: str, word: str, given: Any, message: str, hint: str | None) -> None:
    with pytest.raises(UnfitRule) as caught:
        bound(name, word, given)
    assert (caught.value.message, caught.value.hint) == (f"{name}.{word}: {word!r} {message}", hint)


@pytest.mark.parametrize("database", [MARIADB, SQLITE])
def test_arrays_and_paths_are_asked_of_postgresql_alone(database: DatabaseKind) -> None:
    for name, word, given in (("texts", "_contains", ["a"]), ("path", "_ancestor", "a")):
        with pytest.raises(UnfitRule) as caught:
            bound(name, word, given, database)
        native = POST.by_name[name].type.native
        assert caught.value.message == f"{name}.{word}: {word!r} cannot be asked of {native} on this database"
        assert caught.value.hint == EITHER


def test_what_an_array_cannot_hold_is_refused() -> None:
    with pytest.raises(UnfitRule, match=r"^numbers\._contains: .* is not an integer"):
        bound("numbers", "_contains", ["a"])


@pytest.mark.parametrize("given", ["claims", "a claims.b", "x-hasura", "my x-hasura-a"])
def test_a_text_that_only_looks_like_a_claim_is_a_text(given: str) -> None:
    where = Compare(Field(POST.by_name["document"]), containing(None), Literal(given, JSON))
    assert bound("document", "_contains", given) == where
    inside = Compare(Field(POST.by_name["texts"]), CONTAINS, Literal((given,), TEXTS), exact=True)
    assert bound("texts", "_contains", [given]) == inside


# ── keys ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("database", list(DatabaseKind))
@pytest.mark.parametrize("name", ["document", "plain"])
def test_a_document_has_a_key_or_some_or_all(database: DatabaseKind, name: str) -> None:
    one, other = key_of(name, "a"), key_of(name, "b.c")
    assert bound(name, "_has_key", "a", database) == one
    assert bound(name, "_has_keys_any", ["a", "b.c"], database) == any_of(one, other)
    assert bound(name, "$has_keys_all", ("a", "b.c"), database) == all_of(one, other)
    assert bound(name, "_has_keys_any", ("a",), database) == bound(name, "_has_keys_all", ["a"], database) == one


@pytest.mark.parametrize(
    ("name", "word", "given", "message"),
    [
        ("texts", "_has_key", "a", "text[] has no keys"),
        ("title", "_has_keys_any", ["a"], "text has no keys"),
        ("document", "_has_key", ["a"], "'_has_key' takes a text that stands in the rule"),
        ("document", "_has_keys_any", ["a", 5], "'_has_key' takes a text that stands in the rule"),
        ("document", "_has_keys_all", [None, "a"], "'_has_key' takes a text that stands in the rule"),
    ],
)
def test_what_has_no_keys_and_what_is_none_is_told(name: str, word: str, given: Any, message: str) -> None:
    with pytest.raises(UnfitRule) as caught:
        bound(name, word, given)
    assert caught.value.message == f"{name}.{word}: {message}"
