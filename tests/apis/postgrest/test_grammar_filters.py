"""Filters, trees of filters, orders, and to which level a parameter belongs."""

from __future__ import annotations

from typing import Any

import pytest

from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.grammar.arrays import array_items
from server.apis.postgrest.grammar.limits import LIMITS, Limits
from server.apis.postgrest.grammar.nodes import (
    Among,
    Arrow,
    Comparison,
    Condition,
    Embed,
    Field,
    Is,
    Junction,
    Operation,
    Quantifier,
    Search,
    Term,
)
from server.apis.postgrest.grammar.orders import order
from server.apis.postgrest.grammar.questions import question


def only(raw: str) -> Any:
    (found,) = question(raw).root.where
    return found


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("eq.1", Comparison("eq", "1")),
        ("eq.", Comparison("eq", "")),
        ("eq.a.b,c(d)", Comparison("eq", "a.b,c(d)")),
        ('eq."q"', Comparison("eq", '"q"')),
        ("neq.x", Comparison("neq", "x")),
        ("isdistinct.x", Comparison("isdistinct", "x")),
        ("like.*a*", Comparison("like", "*a*")),
        ("eq(any).{1,2}", Comparison("eq", "{1,2}", Quantifier.ANY)),
        ("imatch(all).{^a,b$}", Comparison("imatch", "{^a,b$}", Quantifier.ALL)),
        ("in.(1,2)", Among(("1", "2"))),
        ("in.()", Among(())),
        ("in.( )", Among((" ",))),
        ("in.(a,)", Among(("a", ""))),
        ('in.("")', Among(("",))),
        ('in.("a,b","c)d",e)', Among(("a,b", "c)d", "e"))),
        ('in.("say \\"hi\\"","back\\\\slash")', Among(('say "hi"', "back\\slash"))),
        ('in.("a"b,c)', Among(('"a"b', "c"))),
        ("is.null", Is("null")),
        ("is.NOT_Null", Is("not_null")),
        ("is.TRUE", Is("true")),
        ("is.unknown", Is("unknown")),
        ("fts.a & b", Search("fts", "a & b")),
        ("plfts(english).the cats", Search("plfts", "the cats", "english")),
        ("wfts(simple).", Search("wfts", "", "simple")),
        ("cs.{a,b}", Comparison("cs", "{a,b}")),
        ("ov.[1,2)", Comparison("ov", "[1,2)")),
        ("adj.(1,2)", Comparison("adj", "(1,2)")),
    ],
)
def test_each_operator_is_read_also_negated(text: str, operation: Operation) -> None:
    encoded = text.replace("&", "%26")
    assert only(f"c={encoded}") == Condition(Field("c"), operation)
    assert only(f"c=not.{encoded}") == Condition(Field("c"), operation, negated=True)


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        ("1", 1, 'unexpected "1" expecting "not" or operator (eq, gt, ...)'),
        ("", 1, 'unexpected end of input expecting "not" or operator (eq, gt, ...)'),
        ("not.not.eq.1", 5, 'unexpected "n" expecting operator (eq, gt, ...)'),
        ("not.", 5, "unexpected end of input expecting operator (eq, gt, ...)"),
        ("nope.1", 1, 'unexpected "n" expecting "not" or operator (eq, gt, ...)'),
        ("eq", 3, 'unexpected end of input expecting "."'),
        ("eq(some).1", 4, 'unexpected "s" expecting "any" or "all"'),
        ("neq(any).{1}", 4, 'unexpected "(" expecting "."'),
        ("in(any).(1)", 3, 'unexpected "(" expecting "."'),
        ("is.nil", 4, 'unexpected "n" expecting isVal: (null, not_null, true, false, unknown)'),
        ("is.nullx", 4, 'unexpected "n" expecting isVal: (null, not_null, true, false, unknown)'),
        ("in.1,2", 4, 'unexpected "1" expecting "("'),
        ("in.(1,2", 8, 'unexpected end of input expecting "," or ")"'),
        ("in.(1)2", 7, 'unexpected "2" expecting end of input'),
        ("fts(a b).c", 4, 'unexpected "(" expecting "(" or "."'),
    ],
)
def test_a_filter_at_fault_is_told_with_its_place(text: str, column: int, details: str) -> None:
    with pytest.raises(PostgrestError) as caught:
        question(f"c={text}")
    assert caught.value.fault.code == "PGRST100"
    assert caught.value.fault.message == f'"failed to parse filter ({text})" (line 1, column {column})'
    assert caught.value.fault.details == details


def test_names_of_filters() -> None:
    assert only("%22a.b%22=eq.1").field == Field("a.b")
    assert only("Unit%20Price=eq.1").field == Field("Unit Price")
    assert only("Unit+Price=eq.1+2") == Condition(Field("Unit Price"), Comparison("eq", "1 2"))
    assert only("nic-hdl=eq.1").field == Field("nic-hdl")
    assert only("%D9%85=eq.%D9%85") == Condition(Field("م"), Comparison("eq", "م"))
    path = (Arrow("a", as_text=False), Arrow(-2, as_text=False), Arrow("b", as_text=True))
    assert only("data->a->-2->>b=eq.1").field == Field("data", path)
    assert only("data-%3E0=eq.1").field == Field("data", (Arrow(0, as_text=False),))


def test_trees() -> None:
    found = only('or=(a.eq.1,not.and(b.gt.2,c.not.is.null, d.in.(1,"x,y")),"e.f"->>g.like(any).{a*,"b)"},h.eq."1,)")')
    assert found == Junction(
        any=True,
        parts=(
            Condition(Field("a"), Comparison("eq", "1")),
            Junction(
                any=False,
                negated=True,
                parts=(
                    Condition(Field("b"), Comparison("gt", "2")),
                    Condition(Field("c"), Is("null"), negated=True),
                    Condition(Field("d"), Among(("1", "x,y"))),
                ),
            ),
            Condition(Field("e.f", (Arrow("g", as_text=True),)), Comparison("like", '{a*,"b)"}', Quantifier.ANY)),
            Condition(Field("h"), Comparison("eq", "1,)")),
        ),
    )


def test_trees_stand_beside_one_another_and_may_be_negated() -> None:
    where = question("or=(a.eq.1)&and=(b.eq.)&not.or=(c.eq.3)&not.and=(d.fts(en).x)&e=eq.5").root.where
    shapes = [(each.any, each.negated) for each in where if isinstance(each, Junction)]
    assert shapes == [(True, False), (False, False), (True, True), (False, True)]
    assert where[4] == Condition(Field("e"), Comparison("eq", "5"))


@pytest.mark.parametrize(
    ("raw", "shown", "column", "unexpected"),
    [
        ("or=()", "()", 4, '")"'),
        ("or=a.eq.1", "a.eq.1", 3, '"a"'),
        ("and=(a.eq.1", "(a.eq.1", 11, "end of input"),
        ("or=(a.eq.1)x", "(a.eq.1)x", 11, '"x"'),
        ("not.or=(a.eq.1,)", "(a.eq.1,)", 15, '")"'),
        ("or=(a.nope.1)", "(a.nope.1)", 6, '"n"'),
        ("or=(a)", "(a)", 5, '")"'),
        ("or=(and())", "(and())", 8, '")"'),
        ("or=(a.is.nil)", "(a.is.nil)", 9, '"n"'),
    ],
)
def test_a_tree_at_fault_counts_the_word_before_it(raw: str, shown: str, column: int, unexpected: str) -> None:
    with pytest.raises(PostgrestError) as caught:
        question(raw)
    assert caught.value.fault.message == f'"failed to parse logic tree ({shown})" (line 1, column {column})'
    assert str(caught.value.fault.details).startswith(f"unexpected {unexpected} expecting ")


# ── orders ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", [Term(Field("a"))]),
        ("a.asc,b.desc", [Term(Field("a")), Term(Field("b"), descending=True)]),
        ("a.desc.nullslast", [Term(Field("a"), descending=True, nulls_first=False)]),
        ("a.nullsfirst", [Term(Field("a"), nulls_first=True)]),
        ("Unit Price.desc , b", [Term(Field("Unit Price"), descending=True), Term(Field("b"))]),
        ('"a.b".desc', [Term(Field("a.b"), descending=True)]),
        ("data->a->>0.desc", [Term(Field("data", (Arrow("a", as_text=False), Arrow(0, as_text=True))), None, True)]),
        ("author(name).desc.nullsfirst", [Term(Field("name"), "author", descending=True, nulls_first=True)]),
        ("author(data->>x)", [Term(Field("data", (Arrow("x", as_text=True),)), "author")]),
    ],
)
def test_orders(text: str, terms: list[Term]) -> None:
    assert order(text, LIMITS) == tuple(terms)


@pytest.mark.parametrize(
    ("text", "column"),
    [("", 1), ("a,", 3), ("a.up", 3), ("a.desc.asc", 8), ("a.asc.nulls", 7), ("r(a", 4), ("a b(", 5)],
)
def test_an_order_at_fault(text: str, column: int) -> None:
    with pytest.raises(PostgrestError) as caught:
        order(text, LIMITS)
    assert caught.value.fault.message == f'"failed to parse order ({text})" (line 1, column {column})'


# ── levels ───────────────────────────────────────────────────────────────────────────────────


def embedded(raw: str, *labels: str) -> Embed:
    level = question(raw).root
    for label in labels[:-1]:
        level = next(each for each in level.embeds if each.label == label).level
    return next(each for each in level.embeds if each.label == labels[-1])


def test_parameters_reach_the_level_they_name() -> None:
    raw = "select=id,a(*,b(*))&a.x=eq.1&a.b.y=eq.2&a.or=(p.eq.1)&a.b.not.and=(q.eq.1)&a.order=x&a.b.limit=3&a.offset=4"
    a = embedded(raw, "a").level
    b = embedded(raw, "a", "b").level
    assert [type(each) for each in a.where] == [Condition, Junction]
    assert (a.order, a.offset) == ((Term(Field("x")),), 4)
    assert b.limit == 3
    assert [getattr(each, "negated", None) for each in b.where] == [False, True]
    assert question(raw).root.where == ()


def test_a_label_goes_before_a_relation_and_a_relation_may_be_named_as_of_old() -> None:
    raw = "select=x:author(id),author:editor(id)&author.id=eq.1"
    assert embedded(raw, "author").name == "editor"
    assert embedded(raw, "author").level.where
    assert question(raw).legacy == ()
    old = "select=x:author(id)&author.id=eq.1&author.limit=1"
    assert embedded(old, "x").level.where
    assert question(old).legacy == ("author",)
    with pytest.raises(PostgrestError, match="PGRST108"):
        question(old, legacy_targets=False)


@pytest.mark.parametrize(
    "raw", ["a.x=eq.1", "a.or=(x.eq.1)", "a.limit=1", "a.order=x", "select=b(*)&b.a.x=eq.1", "order=a(x)"]
)
def test_a_resource_that_is_not_embedded_cannot_be_spoken_of(raw: str) -> None:
    with pytest.raises(PostgrestError) as caught:
        question(raw)
    assert caught.value.fault.code == "PGRST108"
    assert caught.value.fault.message == "'a' is not an embedded resource in this request"


def test_limits_of_rows() -> None:
    assert question("limit=0").root.limit == 0
    assert question("limit=ten&offset=-3").root.limit is None
    assert question("offset=-3").root.offset == 0
    assert question("offset=00000000000000000000000000007&limit=0" + "0" * 30).root.offset == 7
    assert question("offset=" + "9" * 5_000).root.offset == 10**18
    with pytest.raises(PostgrestError) as caught:
        question("limit=-1")
    assert caught.value.fault.code == "PGRST103"


def test_columns_and_conflicts() -> None:
    found = question('columns=a, "b,c" ,a&on_conflict=x')
    assert (found.columns, found.on_conflict) == (("a", "b,c"), ("x",))
    assert question("").columns is None
    with pytest.raises(PostgrestError, match=r"failed to parse columns parameter \(a,,b\).*column 3"):
        question("columns=a,,b")
    with pytest.raises(PostgrestError, match="failed to parse on_conflict parameter"):
        question("on_conflict=")


def test_arguments_of_a_function_are_what_no_operator_begins() -> None:
    raw = "name=eq.bob&a=1&a=2&b=&select=id&x=eqx.1&y=not.an&z=like(any).{a}&w=fts(en).a&v=fts(en)&c.d=5&limit=3"
    found = question(raw.replace("y=not.an&", ""), function=True)
    assert found.arguments == (("a", "1"), ("a", "2"), ("b", ""), ("x", "eqx.1"), ("v", "fts(en)"), ("c.d", "5"))
    assert [each.field.name for each in found.root.where if isinstance(each, Condition)] == ["name", "z", "w"]
    with pytest.raises(PostgrestError, match="PGRST100"):
        question(raw, function=True)
    with pytest.raises(PostgrestError, match="PGRST100"):
        question("a=1")


def test_limits_hold() -> None:
    for raw, limits in (
        ("a=eq.1&b=eq.1", Limits(parameters=1)),
        ("a=eq.1", Limits(length=5)),
        ("or=(a.eq.1,b.eq.1)&c=eq.1", Limits(terms=2)),
        ("or=(and(or(a.eq.1)))", Limits(logic=2)),
        ("a=in.(1,2,3)", Limits(listed=2)),
        ("order=a,b,c", Limits(items=2)),
        ("columns=a,b,c", Limits(items=2)),
    ):
        with pytest.raises(PostgrestError, match="PGRST100: the query string has too many"):
            question(raw, limits)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PostgrestError, match="UTF-8"):
        question("a=eq.%ff")


# ── arrays ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("{}", ()),
        (" { } ", ()),
        ("{1,2}", ("1", "2")),
        ('{ a b , "c,d" ,NULL,"NULL",null}', ("a b", "c,d", None, "NULL", None)),
        ('{"q\\"\\\\",x\\,y}', ('q"\\', "x,y")),
        ('{""}', ("",)),
    ],
)
def test_arrays(text: str, items: tuple[str | None, ...]) -> None:
    assert array_items(text) == items


@pytest.mark.parametrize("text", ["", "1,2", "{", "{a", "{a,}", "{,a}", "{a}b", '{"a}', "{{1},{2}}", '{a"b"}'])
def test_malformed_arrays(text: str) -> None:
    with pytest.raises(PostgrestError, match="22P02: malformed array literal"):
        array_items(text)
