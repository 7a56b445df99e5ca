"""Which reads are put in an order that nobody asked for, and in which: those that ask another table, by what their reader sees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.permissions import Grants, TableGrant
from reflector.access.rewrite import rewrite
from reflector.access.rewrite_sets import rewrite_any
from reflector.access.row_order import decided_elsewhere, settled
from reflector.catalog.model import Column, Function, Key, Relationship, Table
from reflector.datatypes import DataType, Kind
from reflector.query.aggregates import AGGREGATES
from reflector.query.calls import Call
from reflector.query.comparisons import EQ
from reflector.query.nodes import (
    TRUE,
    Aggregate,
    Apart,
    Compare,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Guarded,
    IsNull,
    Literal,
    Not,
    Or,
    Order,
    Output,
    Overview,
    Read,
    Related,
    Selected,
    Spread,
    all_of,
)
from reflector.query.sets import Change, DeleteMany, InsertMany, UpdateMany
from tests.unit.access.blog import (
    ARTICLE,
    ARTICLE_OF,
    AUTHOR,
    AUTHOR_OF,
    BLOG,
    COMMENT,
    COMMENTS_OF,
    COUNTRY_OF,
    MEMBER,
    STATS,
    TAG,
    TAGS_OF,
    TEAM,
    TEXT,
)
from tests.unit.access.describing import described

GIVES = Function("public", "gives", (), "articles", rows=ARTICLE, of_table=True)
LIKED_BY = Relationship("liked_by", ARTICLE, AUTHOR, True, (), function=GIVES)
RULES = {
    "article": {
        "all": {"read": True, "aggregate": True, "create": True, "update": True, "delete": True},
        "some": {"read": "exists(comments, hidden == False)", "create": True, "update": True, "delete": True},
        "rows": {"read": "rank == 1"},
    },
    "author": {
        "all": {"read": True, "aggregate": True},
        "some": {"read": True},
        "names": {"read": "active", "columns": ["name"]},
        "keys": {"read": "name == 'x'", "columns": ["id", "name"]},
    },
    "country": {"all": {"read": True}},
    "comment": {"all": {"read": True, "aggregate": True}, "some": {"read": True}, "rows": {"read": "hidden"}},
    "tag": {"all": {"read": True}, "some": {"read": True}, "rows": {"read": True}},
    "article_tag": {"all": {"read": True}, "some": {"read": True}, "rows": {"read": "tag_id > 1"}},
    "team": {"all": {"read": True}},
    "member": {"all": {"read": True, "create": True, "update": True, "delete": True}},
    "stats": {"all": {"read": True}},
}


def grants(*roles: str) -> Grants:
    permissions, complaints = bind_permissions(described(RULES), BLOG)
    assert complaints == ()
    return replace(permissions.grants(roles), functions=frozenset({GIVES}))


ALL = grants("all")
COMMENTED, AT_HOME = Exists(COMMENTS_OF, TRUE), Exists(COUNTRY_OF, TRUE)


def of(table: Table, name: str) -> Field:
    return Field(table.by_name[name])


ID, TITLE = of(ARTICLE, "id"), of(ARTICLE, "title")
LISTED = Read(ARTICLE, (Output("title", TITLE),), COMMENTED)
COUNT = Output("count", Aggregate(AGGREGATES["count"]))


def read(asked: Read, given: Grants = ALL) -> Read:
    [found] = rewrite(asked, given)
    assert isinstance(found, Read)
    return found


def ordered(asked: Read, given: Grants = ALL) -> list[Expression]:
    """What the read is ordered by when the rules are in it."""
    return [each.expression for each in read(asked, given).order]


def member(select: tuple[Selected, ...], given: Grants = ALL) -> Read:
    """The read of the one related list among the members of an article."""
    [found] = read(Read(ARTICLE, select), given).select
    assert isinstance(found, Embed | Spread)
    return found.read


# ── which reads ──────────────────────────────────────────────────────────────────────────────

DEEP: tuple[Filter, ...] = (
    COMMENTED,
    all_of(IsNull(TITLE), COMMENTED),
    Not(Or((IsNull(TITLE), COMMENTED))),
    Exists(AUTHOR_OF, Exists(AUTHOR_OF, TRUE)),
    IsNull(Guarded(COMMENTED, TITLE)),
    Compare(Related(AUTHOR_OF, of(AUTHOR, "name"), AT_HOME), EQ, Literal("x", TEXT)),
)
OWN: tuple[Filter, ...] = (
    TRUE,
    IsNull(TITLE),
    Not(IsNull(Related(AUTHOR_OF, of(AUTHOR, "name"), TRUE))),
)
"""What asks no other table for rows: a value of the one related row is looked up when the row is found."""


@pytest.mark.parametrize("where", DEEP, ids=range(len(DEEP)))
def test_another_table_is_asked_at_whatever_depth(where: Filter) -> None:
    assert decided_elsewhere(TRUE, where)


@pytest.mark.parametrize("where", OWN, ids=range(len(OWN)))
def test_a_read_that_asks_no_other_table_is_left_as_it_is(where: Filter) -> None:
    asked = Read(ARTICLE, (Output("title", TITLE),), where, (Order(TITLE),), limit=3)
    grant = ALL.on(ARTICLE)
    assert grant is not None
    assert settled(asked, grant) is asked
    assert read(asked) == asked


def test_rows_of_a_rule_or_of_a_caller_come_by_their_key() -> None:
    assert ordered(LISTED) == [ID]
    assert ordered(Read(ARTICLE, LISTED.select), grants("some")) == [ID]
    assert ordered(Read(ARTICLE, LISTED.select, after=COMMENTED)) == [ID]
    assert ordered(Read(ARTICLE, LISTED.select), grants("rows")) == []
    [overview] = rewrite(Overview(ARTICLE, (Group("g", (Apart("a", LISTED),)),)), ALL)
    assert overview == Overview(ARTICLE, (Group("g", (Apart("a", replace(LISTED, order=(Order(ID),))),)),))


def test_an_order_that_was_asked_for_is_ended_by_the_key_once() -> None:
    title = Order(TITLE, descending=True, nulls_last=True)
    assert read(replace(LISTED, order=(title,))).order == (title, Order(ID))
    whole = (Order(ID, descending=True), title)
    assert read(replace(LISTED, order=whole)).order == whole


def test_one_row_and_rows_with_cursors_have_their_order() -> None:
    assert ordered(replace(LISTED, single=True)) == []
    assert ordered(replace(LISTED, keyset=True, order=(Order(TITLE), Order(ID)))) == [TITLE, ID]
    assert ordered(replace(LISTED, keyset=True, order=(Order(TITLE),))) == [TITLE]


# ── by what ──────────────────────────────────────────────────────────────────────────────────


def of_grant(table: Table, hidden: str = "", *, uniques: tuple[str, ...] = ()) -> list[str]:
    """The columns that rows of the table are told apart by for whoever does not see `hidden`."""
    keys = (tuple(table.by_name[name] for name in names.split()) for names in uniques)
    keyed = replace(table, uniques=tuple(Key(None, key) for key in keys))
    seen = {column: TRUE for column in table.columns if column.name != hidden}
    found = settled(Read(keyed, (), COMMENTED), TableGrant(keyed, TRUE, seen, (), (), (), False))
    return [each.expression.column.name for each in found.order if isinstance(each.expression, Field)]


def test_a_key_out_of_sight_orders_nothing() -> None:
    assert of_grant(TAG) == ["id"]
    assert of_grant(TAG, hidden="id") == ["name"]
    assert of_grant(STATS) == ["article_id", "views"]


def test_another_key_serves_where_no_part_of_it_may_be_null() -> None:
    assert of_grant(ARTICLE, hidden="id", uniques=("slug", "title")) == ["title"]
    assert of_grant(ARTICLE, uniques=("title",)) == ["id"]
    assert of_grant(ARTICLE, hidden="id", uniques=("title slug",)) == of_grant(ARTICLE, hidden="id")


def test_what_has_no_order_orders_nothing() -> None:
    names = of_grant(ARTICLE, hidden="id")
    assert {"meta", "search", "id"}.isdisjoint(names)
    assert names[:3] == ["title", "body", "slug"]
    assert {"status", "cover", "token"} <= set(names)
    address = Column("address", DataType(Kind.SPECIAL, "inet", ranked=True), True)
    place = Column("place", DataType(Kind.SPECIAL, "xid"), True)
    assert of_grant(replace(STATS, columns=(place, address))) == ["address"]


def test_a_column_that_is_seen_on_some_rows_orders_those_alone() -> None:
    given = grants("names", "keys")
    grant = given.on(AUTHOR)
    assert grant is not None
    rule = grant.columns[AUTHOR.by_name["id"]]
    assert rule != TRUE
    found = settled(Read(AUTHOR, (), COMMENTED), grant)
    assert [each.expression for each in found.order] == [Guarded(rule, of(AUTHOR, "id")), of(AUTHOR, "name")]


# ── related rows ─────────────────────────────────────────────────────────────────────────────


def test_related_rows_that_another_table_decides_about_come_by_their_key() -> None:
    comments = Read(COMMENT, (Output("body", of(COMMENT, "body")),))
    by_article = replace(comments, where=Exists(ARTICLE_OF, TRUE))
    own = replace(comments, where=IsNull(of(COMMENT, "body")))
    for asked, order in ((comments, ()), (own, ()), (by_article, (Order(of(COMMENT, "id")),))):
        assert member((Embed("c", COMMENTS_OF, asked),)).order == order
        assert member((Spread(COMMENTS_OF, asked),)).order == order
    asked = Read(AUTHOR, (Output("name", of(AUTHOR, "name")),), AT_HOME)
    assert member((Embed("author", AUTHOR_OF, asked),)).order == ()  # there is but one


def test_rows_behind_a_junction_are_ordered_where_some_may_be_hidden() -> None:
    tags = Read(TAG, (Output("name", of(TAG, "name")),))
    assert member((Embed("tags", TAGS_OF, tags),)).order == ()
    assert member((Embed("tags", TAGS_OF, tags),), grants("rows")).order == (Order(of(TAG, "id")),)
    unnamed = IsNull(of(TAG, "name"))
    for asked in (replace(tags, where=unnamed), replace(tags, after=unnamed)):
        assert member((Embed("tags", TAGS_OF, asked),)).order == (Order(of(TAG, "id")),)


def test_rows_of_a_function_are_found_one_by_one_in_its_own_order() -> None:
    kept = Not(IsNull(Guarded(COMMENTED, FixedText("found"))))
    [called] = rewrite_any(Call(GIVES, (), LISTED), ALL)
    assert called == Call(GIVES, (), replace(LISTED, where=kept))
    [plain] = rewrite_any(Call(GIVES, (), replace(LISTED, where=IsNull(TITLE))), grants("some"))
    assert plain == Call(GIVES, (), replace(LISTED, where=IsNull(TITLE)))
    asked = Read(AUTHOR, (Output("name", of(AUTHOR, "name")),), AT_HOME)
    inner = member((Embed("liked_by", LIKED_BY, asked),))
    assert inner == replace(asked, where=Not(IsNull(Guarded(AT_HOME, FixedText("found")))))
    assert member((Embed("liked_by", LIKED_BY, replace(asked, where=TRUE)),)).where == TRUE


# ── groups ───────────────────────────────────────────────────────────────────────────────────


def test_groups_come_by_what_they_are_made_of() -> None:
    embed = Embed("author", AUTHOR_OF, Read(AUTHOR, (Output("name", of(AUTHOR, "name")),)))
    meta, rank = Output("meta", of(ARTICLE, "meta")), Output("rank", of(ARTICLE, "rank"))
    grouped = replace(LISTED, select=(Output("title", TITLE), COUNT, meta, embed, Group("more", (rank, rank))))
    by = [TITLE, rank.expression, of(ARTICLE, "author_id")]
    assert ordered(grouped) == by
    assert ordered(replace(grouped, order=(Order(rank.expression),))) == [rank.expression, TITLE, by[2]]
    selected = Output("by", of(ARTICLE, "author_id"))
    assert ordered(replace(LISTED, select=(COUNT, selected, embed))) == [of(ARTICLE, "author_id")]
    assert ordered(replace(LISTED, select=(COUNT,))) == []
    assert ordered(Read(ARTICLE, (embed, COUNT))) == [of(ARTICLE, "author_id")]


def test_groups_by_what_is_lifted_out_of_a_related_row_too() -> None:
    spread = Spread(AUTHOR_OF, Read(AUTHOR, (Output("name", of(AUTHOR, "name")),)))
    assert ordered(replace(LISTED, select=(spread, COUNT))) == [Related(AUTHOR_OF, of(AUTHOR, "name"), TRUE)]


def test_groups_are_ordered_once_by_what_leads_to_several_related_rows() -> None:
    grant = ALL.on(ARTICLE)
    assert grant is not None
    name = Read(AUTHOR, (Output("name", of(AUTHOR, "name")),))
    embed, guarded = Embed("author", AUTHOR_OF, name), Embed("again", AUTHOR_OF, name, IsNull(TITLE))
    led = of(ARTICLE, "author_id")
    for select, by in (
        ((Output("by", led), guarded, COUNT), led),
        ((embed, guarded, COUNT), led),
        ((Group("more", (embed,)), COUNT), led),
        ((embed, Embed("liked", LIKED_BY, name), COUNT), led),
        ((guarded, COUNT), Guarded(IsNull(TITLE), led)),
    ):
        assert settled(replace(LISTED, select=select), grant).order == (Order(by),)


def test_groups_of_rows_that_a_function_gives_come_by_what_they_are_made_of() -> None:
    asked = replace(LISTED, select=(*LISTED.select, COUNT))
    [called] = rewrite_any(Call(GIVES, (), asked), ALL)
    assert called == Call(GIVES, (), replace(asked, order=(Order(TITLE),)))


# ── what was written ─────────────────────────────────────────────────────────────────────────


def returned(query: UpdateMany | DeleteMany | InsertMany, given: Grants) -> tuple[Order, ...]:
    [found] = rewrite_any(query, given)
    assert isinstance(found, UpdateMany | DeleteMany | InsertMany)
    assert found.returning is not None
    return found.returning.order


def test_rows_that_were_written_are_told_in_such_an_order_too() -> None:
    shown = Read(ARTICLE, LISTED.select)
    change = Change(ARTICLE.by_name["title"], Literal("x", TEXT))
    update, delete = UpdateMany(ARTICLE, TRUE, (change,), returning=shown), DeleteMany(ARTICLE, TRUE, shown)
    for query in (update, delete):
        assert returned(query, grants("some")) == (Order(ID),)
        assert returned(query, ALL) == ()
        assert returned(replace(query, where=COMMENTED), ALL) == (Order(ID),)
        assert returned(replace(query, exactly_one=True), grants("some")) == ()


def test_new_rows_are_told_as_they_were_given_or_in_the_order_that_was_asked_for_to_its_end() -> None:
    shown, title = Read(ARTICLE, LISTED.select), Order(TITLE, descending=True)
    query = InsertMany(ARTICLE, (), returning=shown)
    assert returned(query, grants("some")) == ()
    by_title = replace(query, returning=replace(shown, order=(title,)))
    assert returned(by_title, grants("some")) == (title, Order(ID))
    assert returned(by_title, ALL) == (title,)


def test_written_rows_without_a_key_are_told_as_the_write_comes_upon_them() -> None:
    admin = MEMBER.by_name["admin"]
    team = Relationship("team", MEMBER, TEAM, False, ((MEMBER.by_name["team_id"], TEAM.by_name["id"]),))
    shown, where = Read(MEMBER, (Output("admin", Field(admin)),)), Exists(team, TRUE)
    change = Change(admin, Literal(True, admin.type))
    for query in (UpdateMany(MEMBER, where, (change,), returning=shown), DeleteMany(MEMBER, where, shown)):
        assert returned(query, ALL) == ()
    asked = replace(shown, where=where, order=(Order(Field(admin)),))
    assert returned(InsertMany(MEMBER, (), returning=asked), ALL) == asked.order
