"""Any question can be spelled and is read back as it was; any text is read or refused, in no third way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from server.apis.postgrest.faults import Fault, PostgrestError, status_of
from server.apis.postgrest.grammar.nodes import (
    Among,
    Arrow,
    Column,
    Comparison,
    Condition,
    Count,
    Embed,
    Field,
    Is,
    Join,
    Junction,
    Level,
    Logic,
    Quantifier,
    Question,
    Search,
    Selected,
    Star,
    Term,
)
from server.apis.postgrest.grammar.operations import OPERATORS, STATES, Form
from server.apis.postgrest.grammar.questions import question
from tests.apis.postgrest.spelling import spelled

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
casts = st.sampled_from(["text", "int4", "double precision"])
arrows = st.builds(Arrow, names | st.integers(-99, 99), st.booleans())
fields = st.builds(Field, names, st.lists(arrows, max_size=2).map(tuple))


def named(*forms: Form) -> st.SearchStrategy[str]:
    return st.sampled_from([row.name for row in OPERATORS.values() if row.form in forms])


operations = st.one_of(
    st.builds(Comparison, named(Form.VALUE, Form.QUANTIFIED), texts),
    st.builds(Comparison, named(Form.QUANTIFIED), texts, st.sampled_from(Quantifier)),
    st.builds(Among, st.lists(texts, max_size=3).map(tuple)),
    st.builds(Is, st.sampled_from(sorted(STATES))),
    st.builds(Search, named(Form.SEARCH), texts, st.none() | st.sampled_from(["english", "pt_BR"])),
)
conditions = st.builds(Condition, fields, operations, st.booleans())


def junctions(parts: st.SearchStrategy[Logic]) -> st.SearchStrategy[Logic]:
    return st.builds(Junction, st.booleans(), st.lists(parts, min_size=1, max_size=3).map(tuple), st.booleans())


logic: st.SearchStrategy[Logic] = st.recursive(conditions, junctions, max_leaves=5)
terms = st.builds(Term, fields, st.none(), st.booleans(), st.none() | st.booleans())
plain: st.SearchStrategy[Selected] = st.one_of(
    st.just(Star()),
    st.builds(Column, fields, st.none() | names, st.none() | casts),
    st.builds(Column, fields, st.none() | names, st.none() | casts, st.just("sum"), st.none() | casts),
    st.builds(Count, st.none() | names, st.none() | casts),
)


def embeds(inner: st.SearchStrategy[Selected]) -> st.SearchStrategy[Selected]:
    hints = st.none() | names.filter(lambda name: name not in {"inner", "left"})
    joins = st.none() | st.sampled_from(Join)
    return st.builds(Embed, names, levels(inner, 0), st.none() | names, hints, joins, st.booleans())


def levels(selected: st.SearchStrategy[Selected], least: int) -> st.SearchStrategy[Level]:
    return st.builds(
        Level,
        st.lists(selected, min_size=least, max_size=3, unique_by=lambda each: getattr(each, "label", "*")).map(tuple),
        st.lists(logic, max_size=2).map(tuple),
        st.lists(terms, max_size=2).map(tuple),
        st.none() | st.integers(0, 999),
        st.integers(0, 999),
    )


selections: st.SearchStrategy[Selected] = st.recursive(plain, embeds, max_leaves=4)


@settings(max_examples=150, deadline=None)
@given(levels(selections, 1))
def test_what_can_be_asked_can_be_spelled(root: Level) -> None:
    assert question(spelled(Question(root))) == Question(root)


pieces = st.sampled_from([
    *'abz0->>:::..,,()()!{}[]"\\ *&==+%$_\t\n',
    *("select=", "order=", "limit=", "offset=", "columns=", "or=(", "not.", "and(", "eq.", "in.(", "is.", "null", "%"),
    *("(any)", "fts(", "count()", ".sum()", "::int", "...", "!inner", "a.b", "%22", "%ff", "ü", ".desc", ".nullslast"),
])  # fmt: skip


def outcome(raw: str, *, function: bool) -> Question | Fault:
    try:
        return question(raw, function=function)
    except PostgrestError as refused:
        return refused.fault


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=24).map("".join) | st.text(max_size=60), st.booleans())
def test_any_text_is_read_or_refused(raw: str, function: bool) -> None:
    found = outcome(raw, function=function)
    if isinstance(found, Fault):
        assert found.code in {"PGRST100", "PGRST103", "PGRST108"}
        assert status_of(found.code, known=False) in {400, 416}
        assert found.message
