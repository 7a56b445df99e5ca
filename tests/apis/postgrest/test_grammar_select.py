"""`select=`, column by column and level by level."""

from __future__ import annotations

import pytest

from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.grammar.limits import LIMITS, Limits
from server.apis.postgrest.grammar.nodes import Arrow, Column, Count, Embed, Field, Join, Level, Selected, Star
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.grammar.selects import select

ID = Column(Field("id"))


def inner(*selected: Selected) -> Level:
    return Level(selected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (Star(),)),
        ("  ", (Star(),)),
        ("*", (Star(),)),
        (" * , id ", (Star(), ID)),
        ("id", (ID,)),
        ("id,name", (ID, Column(Field("name")))),
        ("$a_1", (Column(Field("$a_1")),)),
        ("Unit Price", (Column(Field("Unit Price")),)),
        (" nic-hdl ", (Column(Field("nic-hdl")),)),
        ('"a.b"', (Column(Field("a.b")),)),
        ('"a\\"\\\\b" , id', (Column(Field('a"\\b')), ID)),
        ("Ünïcode,موارد,列", (Column(Field("Ünïcode")), Column(Field("موارد")), Column(Field("列")))),
        ("full:name", (Column(Field("name"), "full"),)),
        ('"ali:as":"na:me"', (Column(Field("na:me"), "ali:as"),)),
        ("price::text", (Column(Field("price"), cast="text"),)),
        ("p:price::double precision", (Column(Field("price"), "p", "double precision"),)),
        ("count", (Column(Field("count")),)),
        ("count()", (Count(),)),
        ("n:count()::text", (Count("n", "text"),)),
        (" count() ,id", (Count(), ID)),
        ("amount.sum()", (Column(Field("amount"), aggregate="sum"),)),
        ("amount.count()", (Column(Field("amount"), aggregate="count"),)),
        ("t:amount::int.sum()::text", (Column(Field("amount"), "t", "int", "sum", "text"),)),
        ("data->a", (Column(Field("data", (Arrow("a", as_text=False),))),)),
        (
            "x:data->a->>-1::int",
            (Column(Field("data", (Arrow("a", as_text=False), Arrow(-1, as_text=True))), "x", "int"),),
        ),
        (
            "data->0->1a->>b c.max()",
            (
                Column(
                    Field(
                        "data",
                        (Arrow(0, as_text=False), Arrow("1a", as_text=False), Arrow("b c", as_text=True)),
                    ),
                    aggregate="max",
                ),
            ),
        ),
        ('data->"a.b"->>c-d', (Column(Field("data", (Arrow("a.b", as_text=False), Arrow("c-d", as_text=True)))),)),
        ("author(*)", (Embed("author", inner(Star())),)),
        ("author()", (Embed("author", inner()),)),
        ("author( ),id", (Embed("author", inner()), ID)),
        ("count(id)", (Embed("count", inner(ID)),)),
        ("w:author!fk(id)", (Embed("author", inner(ID), "w", "fk"),)),
        ("author!inner(id)", (Embed("author", inner(ID), join=Join.INNER),)),
        ("author!left(id)", (Embed("author", inner(ID), join=Join.LEFT),)),
        ("author!fk!inner(id)", (Embed("author", inner(ID), None, "fk", Join.INNER),)),
        ("author!inner!fk(id)", (Embed("author", inner(ID), None, "fk", Join.INNER),)),
        ("author!fk!other(id)", (Embed("author", inner(ID), None, "fk"),)),
        ("author!left!inner(id)", (Embed("author", inner(ID), None, None, Join.LEFT),)),
        ('author!"my fk"(id)', (Embed("author", inner(ID), None, "my fk"),)),
        ("...author(id)", (Embed("author", inner(ID), spread=True),)),
        (" ...a:author!fk(n:id)", (Embed("author", inner(Column(Field("id"), "n")), "a", "fk", spread=True),)),
        ("id, author ( id ) , a(b(c(id)))", None),
    ],
)
def test_what_was_written_is_what_is_read(text: str, expected: tuple[Selected, ...] | None) -> None:
    found = select(text, LIMITS)
    if expected is None:
        deepest = Embed("c", inner(ID))
        expected = (ID, Embed("author", inner(ID)), Embed("a", inner(Embed("b", inner(deepest)))))
    assert found == expected


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("id", "id"),
        ("a:id", "a"),
        ("d->x->>y", "y"),
        ("d->x->0", "x"),
        ("d->0", "d"),
        ("id.max()", "max"),
        ("m:id.max()", "m"),
        ("count()", "count"),
        ("a:author(id)", "a"),
        ("author(id)", "author"),
    ],
)
def test_the_key_of_a_column_is_its_alias_or_its_last_name(text: str, label: str) -> None:
    (found,) = select(text, LIMITS)
    assert not isinstance(found, Star)
    assert found.label == label


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        ("id,", 4, 'unexpected end of input expecting field name (* or [a..z0..9_$]) or "*"'),
        ("bank_name,..x", 11, 'unexpected "." expecting field name (* or [a..z0..9_$]) or "*"'),
        ("id,(name)", 4, 'unexpected "(" expecting field name (* or [a..z0..9_$]) or "*"'),
        ("author(id", 10, 'unexpected end of input expecting "," or ")"'),
        ("author(name[])", 12, 'unexpected "[" expecting "::", ".", "," or end of input'),
        ("id)", 3, 'unexpected ")" expecting "," or end of input'),
        ("amount.total()", 8, 'unexpected "t" expecting "avg()", "count()", "max()", "min()" or "sum()"'),
        ("id::", 5, 'unexpected end of input expecting letter, digit or "_"'),
        ("data->", 7, "unexpected end of input expecting field name (* or [a..z0..9_$]) or digit"),
        ("a!x!y!z(id)", 6, 'unexpected "!" expecting "("'),
        ("a!inner!fk!left(id)", 11, 'unexpected "!" expecting "("'),
        ("...author", 10, 'unexpected end of input expecting "!" or "("'),
        ("a:", 3, "unexpected end of input expecting field name (* or [a..z0..9_$])"),
        ('"open', 1, 'unexpected "\\"" expecting field name (* or [a..z0..9_$]) or "*"'),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, column: int, details: str) -> None:
    with pytest.raises(PostgrestError) as caught:
        select(text, LIMITS)
    assert caught.value.fault.code == "PGRST100"
    assert caught.value.fault.message == f'"failed to parse select parameter ({text})" (line 1, column {column})'
    assert caught.value.fault.details == details


def test_a_place_is_told_by_line() -> None:
    with pytest.raises(PostgrestError, match=r"line 2, column 4"):
        select('"a\nb"(', LIMITS)


def test_depth_and_length_have_limits() -> None:
    deep = "a(" * 9 + "id" + ")" * 9
    with pytest.raises(PostgrestError, match="too many levels"):
        select(deep, LIMITS)
    assert select(deep, Limits(depth=9))
    with pytest.raises(PostgrestError, match="too many selected columns"):
        select("a,a,a", Limits(items=2))
    with pytest.raises(PostgrestError, match="too many steps"):
        select("a" + "->b" * 3, Limits(arrows=2))


def test_the_first_select_holds_and_the_last_limit() -> None:
    found = question("select=id&select=name&limit=1&limit=2&order=a&order=b&offset=1&offset=3")
    assert found.root.selected == (ID,)
    assert (found.root.limit, found.root.offset) == (2, 3)
    assert [term.field.name for term in found.root.order] == ["b"]
