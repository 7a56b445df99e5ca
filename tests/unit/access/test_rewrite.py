"""What becomes of a caller's question under the rules, node by node: each condition that keeps a row, cell, relationship or
function away is in it, as often as it is asked about.

`some` sees columns on some rows only, at both ends of a relationship; `all` sees everything, and `none` of it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import FunctionRules
from reflector.access.fitting import fitting_rights
from reflector.access.permissions import CreateRight, Grants, TableGrant
from reflector.access.rewrite import Rewriter, rewrite
from reflector.access.rewrite_sets import rewrite_any
from reflector.access.rules import bind_rule
from reflector.catalog.model import Catalog, Function, Relationship, Table
from reflector.errors import Forbidden, InternalError, InvalidRequest, UnknownColumn
from reflector.query.aggregates import AGGREGATES
from reflector.query.calls import Call, Gathered
from reflector.query.comparisons import EQ
from reflector.query.masks import Mask, Masked, MaskKind
from reflector.query.nodes import (
    TRUE,
    Aggregate,
    Apart,
    Cast,
    Compare,
    Computed,
    Counted,
    Delete,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Guarded,
    Insert,
    IsNull,
    JsonPath,
    Lowered,
    Not,
    Order,
    Outer,
    Output,
    Overview,
    Read,
    Related,
    Spread,
    Update,
    all_of,
    any_of,
)
from tests.unit.access.blog import (
    ARTICLE,
    ARTICLE_TAG,
    AUTHOR,
    AUTHOR_OF,
    BLOG,
    COMMENT,
    COMMENTS_OF,
    COUNTRY,
    INTEGER,
    TAG,
    TAGS_OF,
    TEXT,
)
from tests.unit.access.describing import described

SEEN = Function("public", "seen", (), "integer", rows=ARTICLE, of_table=True)
OWN = Function("public", "own", (), "integer", rows=COUNTRY)
GATHERS = Function("public", "gathers", (), "text")
FEATURES = Function("postgis", "features", (), "text", gathers=TEXT, scalar=True)
SECRET = Function("public", "secret", (), "integer", rows=ARTICLE, of_table=True)
LIKED_BY = Relationship("liked_by", ARTICLE, AUTHOR, True, (), function=SEEN)
HIDDEN_BY = Relationship("hidden_by", ARTICLE, AUTHOR, True, (), function=SECRET)

TABLES = {
    "article": {
        "one": {"read": "rank > 1", "columns": ["id", "title"], "aggregate": True, "delete": "rank == 1"},
        "other": {"read": "rank == 3", "columns": ["id", "title", "author_id"], "delete": "rank == 2"},
        "all": {"read": True, "aggregate": True},
        "few": {"read": "rank == 1"},
        "half": {"read": "rank == 7", "columns": ["id"]},
        "writes": {"create": True},
        "edits": {
            "read": True,
            "create": "rank == 5",
            "update": {"filter": "rank == 2", "check": "rank < 3"},
        },
    },
    "author": {
        "one": {"read": "active", "columns": ["name"], "aggregate": True},
        "other": {"read": "name == 'x'", "columns": ["id", "name"]},
        "people": {"read": True, "aggregate": True},
        "all": {"read": True, "aggregate": True},
    },
    "tag": {"one": {"read": True, "aggregate": True}, "all": {"read": True}},
    "article_tag": {
        "one": {"read": "article_id > 1", "columns": ["article_id"]},
        "other": {"read": "tag_id > 1", "columns": ["article_id", "tag_id"]},
        "all": {"read": True},
    },
    "comment": {"all": {"read": True}, "few": {"read": "hidden"}},
}
CATALOG: Catalog = replace(BLOG, functions=(SEEN, OWN, GATHERS, SECRET))


def grants(*roles: str) -> Grants:
    functions = tuple(FunctionRules(name, ("one", "other", "all", "few")) for name in ("seen", "own", "gathers"))
    permissions, complaints = bind_permissions(described(TABLES, functions=functions), CATALOG)
    assert complaints == ()
    return permissions.grants(roles)


SOME = grants("one", "other")
ALL = grants("all")


def of(table: Table, name: str) -> Field:
    return Field(table.by_name[name])


def rule(table: Table, text: str) -> Filter:
    return bind_rule(text, table, CATALOG)


NEAR, FAR = rule(ARTICLE, "rank == 3"), rule(AUTHOR, "name == 'x'")
ROWS = any_of(rule(AUTHOR, "active"), FAR)
ASKED = IsNull(of(AUTHOR, "name"))
ASKED_ARTICLE = IsNull(of(ARTICLE, "body"))
NAMES = Read(AUTHOR, (Output("name", of(AUTHOR, "name")),), ASKED)


def read(select: tuple[Output | Embed | Spread | Group | Apart, ...], given: Grants = SOME) -> Read:
    """What becomes of a read of articles."""
    [found] = rewrite(Read(ARTICLE, select), given)
    assert isinstance(found, Read)
    return found


def grant(given: Grants, table: Table) -> TableGrant:
    found = given.on(table)
    assert found is not None
    return found


# ── relationships ────────────────────────────────────────────────────────────────────────────


def test_related_rows_are_those_whose_ends_are_in_sight_and_that_were_asked_for() -> None:
    [embed] = read((Embed("author", AUTHOR_OF, NAMES),)).select
    assert isinstance(embed, Embed)
    assert (embed.guard, embed.through) == (NEAR, TRUE)
    assert embed.read.where == all_of(FAR, ROWS, ASKED)
    [plain] = read((Embed("author", AUTHOR_OF, NAMES),), ALL).select
    assert plain == Embed("author", AUTHOR_OF, NAMES)


def test_a_junction_s_rows_must_be_in_sight_at_both_of_their_ends() -> None:
    [embed] = read((Embed("tags", TAGS_OF, Read(TAG, (Output("name", of(TAG, "name")),))),)).select
    assert isinstance(embed, Embed)
    low, high = rule(ARTICLE_TAG, "article_id > 1"), rule(ARTICLE_TAG, "tag_id > 1")
    assert embed.through == all_of(any_of(low, high), high)


def test_a_spread_row_is_under_the_same_rules() -> None:
    [output] = read((Spread(AUTHOR_OF, NAMES),)).select
    related = Related(AUTHOR_OF, of(AUTHOR, "name"), all_of(FAR, ROWS, ASKED))
    assert output == Output("name", Guarded(NEAR, related))
    [plain] = read((Spread(AUTHOR_OF, NAMES),), ALL).select
    assert plain == Output("name", Related(AUTHOR_OF, of(AUTHOR, "name"), ASKED))


COUNT = Aggregate(AGGREGATES["count"])


def test_to_aggregate_spread_rows_needs_the_right_to_aggregate_those_in_hand() -> None:
    counted = Spread(AUTHOR_OF, Read(AUTHOR, (Output("count", COUNT),)))
    assert read((counted,), ALL).select
    with pytest.raises(Forbidden):
        read((counted,), grants("other"))
    with pytest.raises(Forbidden):  # who may aggregate the one and not the other
        read((counted,), grants("few", "people"))
    plain = Spread(COMMENTS_OF, Read(COMMENT, (Output("body", of(COMMENT, "body")),)))
    assert read((plain,), grants("few")).select


def test_an_order_by_a_related_row_is_of_one_in_sight() -> None:
    order = Order(Related(AUTHOR_OF, of(AUTHOR, "name"), ASKED))
    for given, meant in (
        (SOME, Guarded(NEAR, Related(AUTHOR_OF, of(AUTHOR, "name"), all_of(ROWS, FAR, ASKED)))),
        (ALL, Related(AUTHOR_OF, of(AUTHOR, "name"), ASKED)),
    ):
        [found] = rewrite(Read(ARTICLE, (), order=(order,)), given)
        assert isinstance(found, Read)
        assert found.order == (Order(meant),)


def where(asked: Filter, given: Grants) -> Filter:
    """What becomes of a condition on articles."""
    return Rewriter(given).filter(asked, grant(given, ARTICLE))


def test_whether_there_is_a_related_row_is_asked_of_rows_in_sight_and_is_yes_or_no() -> None:
    asked = Exists(AUTHOR_OF, ASKED)
    known = Not(IsNull(Guarded(NEAR, of(ARTICLE, "author_id"))))
    assert where(asked, SOME) == all_of(known, Exists(AUTHOR_OF, all_of(ROWS, FAR, ASKED)))
    assert where(asked, ALL) == asked
    assert where(Exists(COMMENTS_OF, TRUE, beyond=2), grants("few")) == Exists(
        COMMENTS_OF, rule(COMMENT, "hidden"), beyond=2
    )


def test_a_function_is_asked_of_rows_in_sight_alone_because_it_may_fail() -> None:
    asked = Exists(LIKED_BY, ASKED)
    given = grants("few", "one", "other")
    sight = grant(given, ARTICLE).read_rows
    found = where(asked, given)
    inner = Related(LIKED_BY, FixedText(""), all_of(ROWS, ASKED))
    assert found == Not(IsNull(Guarded(sight, inner)))
    assert where(asked, ALL) == asked


# ── counts, and members about no row ─────────────────────────────────────────────────────────


def test_what_is_counted_is_in_sight_and_was_asked_for() -> None:
    [output] = read((Output("n", Counted(AUTHOR_OF, ASKED)),)).select
    assert isinstance(output, Output)
    assert output.expression == Counted(AUTHOR_OF, all_of(ROWS, FAR, ASKED), through=TRUE, guard=NEAR)
    [about] = rewrite(Overview(ARTICLE, (Group("g", (Output("n", Counted(AUTHOR, ASKED)),)),)), SOME)
    assert about == Overview(ARTICLE, (Group("g", (Output("n", Counted(AUTHOR, all_of(ROWS, ASKED))),)),))


def test_nothing_is_counted_without_the_right_to() -> None:
    for counted in (Counted(COMMENT, TRUE), Counted(COMMENTS_OF, TRUE)):
        with pytest.raises(InternalError):
            read((Output("n", counted),), grants("few"))


def test_an_overview_holds_what_is_about_no_row_and_nothing_else() -> None:
    typename = Output("__typename", FixedText("query"))
    apart = Apart("a", Read(ARTICLE, (Output("id", of(ARTICLE, "id")),)))
    [found] = rewrite(Overview(ARTICLE, (typename, apart)), grants("few"))
    assert found == Overview(ARTICLE, (typename, Apart("a", replace(apart.read, where=rule(ARTICLE, "rank == 1")))))
    with pytest.raises(InternalError):
        rewrite(Overview(ARTICLE, (Output("id", of(ARTICLE, "id")),)), ALL)


# ── expressions ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "expression",
    [
        JsonPath(of(ARTICLE, "meta"), ("a",), True),
        Lowered(of(ARTICLE, "title")),
        Cast(of(ARTICLE, "title"), INTEGER),
        Computed(SEEN),
        FixedText("x"),
        Aggregate(AGGREGATES["max"], of(ARTICLE, "rank")),
    ],
)
def test_what_is_made_of_a_cell_is_made_of_the_one_in_sight(expression: Expression) -> None:
    assert read((Output("x", expression),), ALL).select == (Output("x", expression),)
    inner = getattr(expression, "expression", None)
    if isinstance(inner, Field):
        seen = grants("half", "few")
        shown = Guarded(grant(seen, ARTICLE).columns[inner.column], inner)
        if not isinstance(expression, Aggregate):
            [output] = read((Output("x", expression),), seen).select
            assert output == Output("x", replace(expression, expression=shown))  # type: ignore[arg-type]


def test_groups_and_what_stands_apart_are_rewritten_where_they_stand() -> None:
    apart = Apart("a", Read(AUTHOR, (Output("name", of(AUTHOR, "name")),)))
    [group] = read((Group("g", (apart, Output("id", of(ARTICLE, "id")))),)).select
    seen = Apart("a", replace(apart.read, where=ROWS))
    assert group == Group("g", (seen, Output("id", of(ARTICLE, "id"))))
    assert read((apart,)).select == (seen,)


def test_nothing_is_aggregated_without_the_right_to() -> None:
    with pytest.raises(Forbidden):
        read((Output("count", COUNT),), grants("few"))


def test_what_may_fail_is_asked_of_rows_in_sight_alone() -> None:
    number = Cast(of(ARTICLE, "title"), INTEGER)
    sight = rule(ARTICLE, "rank == 1")
    assert where(IsNull(number), grants("few")) == IsNull(Guarded(sight, number))
    assert where(IsNull(number), ALL) == IsNull(number)
    plain = IsNull(of(ARTICLE, "title"))
    assert where(plain, grants("few")) == plain


@pytest.mark.parametrize(
    "expression",
    [Guarded(TRUE, of(ARTICLE, "id")), Outer(ARTICLE.by_name["id"], 1), Masked(of(ARTICLE, "id"), TRUE, ())],
)
def test_what_only_rules_may_hold_is_refused_of_a_caller(expression: Expression) -> None:
    with pytest.raises(InternalError):
        read((Output("x", expression),), ALL)


def test_a_field_that_a_function_makes_needs_the_right_to_call_it() -> None:
    with pytest.raises(Forbidden):
        read((Output("x", Computed(SECRET)),), ALL)


@pytest.mark.parametrize(
    "asked",
    [
        IsNull(COUNT),
        Compare(of(ARTICLE, "title"), EQ, of(ARTICLE, "body")),
        Compare(of(ARTICLE, "title"), EQ, Lowered(of(ARTICLE, "body"))),
    ],
)
def test_a_filter_asks_of_one_row_and_of_values(asked: Filter) -> None:
    with pytest.raises(InternalError):
        where(asked, ALL)


# ── writes ───────────────────────────────────────────────────────────────────────────────────

OWN_CHECK = rule(ARTICLE, "id is None")


def test_a_write_finds_what_its_right_finds_and_is_held_against_both_checks() -> None:
    edits = grants("edits")
    right, after = rule(ARTICLE, "rank == 2"), rule(ARTICLE, "rank < 3")
    for own, check in ((TRUE, after), (OWN_CHECK, all_of(after, OWN_CHECK))):
        [found] = rewrite(Update(ARTICLE, ASKED_ARTICLE, (), own), edits)
        assert found == Update(ARTICLE, all_of(right, ASKED_ARTICLE), (), check)
    new = rule(ARTICLE, "rank == 5")
    for own, check in ((TRUE, new), (OWN_CHECK, all_of(new, OWN_CHECK))):
        [made] = rewrite(Insert(ARTICLE, (), own), edits)
        assert made == Insert(ARTICLE, (), check)


def test_written_rows_are_answered_one_by_one() -> None:
    with pytest.raises(InvalidRequest):
        rewrite(Delete(ARTICLE, TRUE, Read(ARTICLE, (Output("count", COUNT),))), SOME)


def test_a_table_that_is_closed_is_not_written() -> None:
    for query in (Insert(COMMENT, ()), Update(COMMENT, TRUE, ()), Delete(COMMENT, TRUE)):
        with pytest.raises(InternalError):
            rewrite(query, grants("edits"))
    with pytest.raises(Forbidden):
        rewrite(Delete(ARTICLE, TRUE), grants("edits"))


# ── what never comes from a caller ───────────────────────────────────────────────────────────


def test_a_table_that_is_closed_or_not_to_be_read_is_not_read() -> None:
    for roles, table in ((("few",), AUTHOR), (("writes",), ARTICLE), (("few",), TAG)):
        with pytest.raises(InternalError):
            rewrite(Read(table, ()), grants(*roles))


def test_a_caller_reaches_tables_by_relationships_alone() -> None:
    with pytest.raises(InternalError):
        where(Exists(COMMENT, TRUE), ALL)


def test_a_row_goes_that_one_of_the_rights_finds() -> None:
    asked = rule(ARTICLE, "id is None")
    [found] = rewrite(Delete(ARTICLE, asked), SOME)
    rights = any_of(rule(ARTICLE, "rank == 1"), rule(ARTICLE, "rank == 2"))
    sight = any_of(rule(ARTICLE, "rank > 1"), NEAR)
    assert found == Delete(ARTICLE, all_of(rights, sight, asked))


# ── functions ────────────────────────────────────────────────────────────────────────────────

TITLES = Read(ARTICLE, (Output("title", of(ARTICLE, "title")),))


def test_a_function_gives_its_rows_with_the_columns_that_may_be_seen() -> None:
    [found] = rewrite_any(Call(SEEN, (), TITLES), grants("few"))
    assert isinstance(found, Call)
    assert found.read is not None
    assert (found.function, found.read.where) == (SEEN, TRUE)  # which rows they are is the function's own matter
    for name in ("author_id", "body"):
        with pytest.raises(InternalError):
            rewrite_any(Call(SEEN, (), Read(ARTICLE, (Output(name, of(ARTICLE, name)),))), grants("one"))
    with pytest.raises(InternalError):
        rewrite_any(Call(SEEN, (), TITLES), Grants((), {}, functions=ALL.functions))


def test_rows_of_a_function_s_own_are_seen_whole_and_never_written() -> None:
    codes = Read(COUNTRY, (Output("code", of(COUNTRY, "code")),))
    assert rewrite_any(Call(OWN, (), codes), grants("few")) == (Call(OWN, (), codes),)
    assert rewrite_any(Call(OWN, ()), grants("few")) == (Call(OWN, ()),)


def test_what_is_not_opened_is_not_called_whatever_it_is_asked_for() -> None:
    for query in (
        Call(SECRET, ()),
        Call(SECRET, (), TITLES),
        Call(SEEN, (), TITLES, handler=SECRET),
        Gathered(SECRET, TITLES),
    ):
        with pytest.raises(Forbidden):
            rewrite_any(query, ALL)
    with pytest.raises(Forbidden):
        where(Exists(HIDDEN_BY, TRUE), ALL)


def test_what_gathers_rows_is_given_those_in_sight() -> None:
    [found] = rewrite_any(Gathered(GATHERS, TITLES), grants("few"))
    assert found == Gathered(GATHERS, replace(TITLES, where=rule(ARTICLE, "rank == 1")))
    [called] = rewrite_any(Call(SEEN, (), TITLES, handler=GATHERS), ALL)
    assert isinstance(called, Call)
    assert called.handler == GATHERS


def test_what_makes_a_feature_of_each_row_is_for_whoever_reads_the_rows() -> None:
    [found] = rewrite_any(Gathered(FEATURES, TITLES), ALL)
    assert found == Gathered(FEATURES, TITLES)
    [called] = rewrite_any(Call(SEEN, (), TITLES, handler=FEATURES), ALL)
    assert isinstance(called, Call)
    assert called.handler == FEATURES


def test_columns_that_no_right_takes_together_are_given_by_nobody() -> None:
    """Each of two rights takes one of them: to take both, somebody would have to lend the other a check."""
    id_, title = (frozenset({ARTICLE.by_name[name]}) for name in ("id", "title"))
    ids, titles = CreateRight(TRUE, id_), CreateRight(TRUE, title)
    assert fitting_rights(ARTICLE, title, [ids, titles], "insert into") == [titles]
    assert fitting_rights(ARTICLE, frozenset(), [ids, titles, ids], "insert into") == [ids, titles]
    with pytest.raises(Forbidden, match="you may not insert into articles with these columns together"):
        fitting_rights(ARTICLE, id_ | title, [ids, titles], "insert into")


def test_groups_of_what_is_masked_are_refused_and_the_column_is_not_suggested() -> None:
    title = ARTICLE.by_name["title"]
    masked = replace(grant(ALL, ARTICLE), masked={title: ((TRUE, Mask(MaskKind.LAST4)),)})
    members = (Output("title", Field(title)), Output("count", COUNT))
    with pytest.raises(UnknownColumn) as fault:
        Rewriter(ALL).members(members, masked)
    assert "title" not in (fault.value.hint or "")
    assert Rewriter(ALL).members(members[:1], masked) == (Output("title", masked.shown(title) or Field(title)),)
