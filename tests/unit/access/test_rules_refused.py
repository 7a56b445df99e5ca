"""What a rule may not say: each with its message, its place in the text, and a hint where one can be given."""

from __future__ import annotations

from typing import Any

import pytest

from reflector.access.rule_faults import faults_of
from reflector.access.rules import UnfitRule, bind_rule
from reflector.errors import RuleError
from tests.unit.access.blog import ARTICLE, BLOG

POLICIES = {
    "own": "owner_id == claims.sub",
    "title": "rank == 1",
    "round": "rank == 1 and about",
    "about": "exists(comments.article, round)",
    "broken": "rank == = 1",
    "unfit": "rank == 'x'",
    "outer": "rank == 1 or unfit",
}
NOT_THERE = "is not part of the rule language"
DEEP = "the rule is nested too deeply"

# text with the place marked by ‸, message, hint
ALWAYS_WRONG: list[tuple[str, str, str | None]] = [
    # what Python reads in its own way
    ("‸", "the rule is empty", "write a rule, true or false"),
    ("‸   ", "the rule is empty", "write a rule, true or false"),
    ("title == 'a' ‸'b'", "two texts stand side by side", "put a comma between them, or make them one"),
    ("title in ['a'\n ‸'b']", "two texts stand side by side", "put a comma between them, or make them one"),
    ("title == ''‸'abc'''", "two texts stand side by side", "put a comma between them, or make them one"),
    ("title == ‸'abc", "this text is never closed", None),
    ("title == ‸'abc\ndef'", "this text is never closed", None),
    ("rank == 1 ‸# or so\nand published", "a rule holds no comments", "a comment stands outside the rule, in the file"),
    ("title == ‸f'{owner}'", f"an f-string {NOT_THERE}", None),
    ("title == ‸Rb'x'", f"a bytes constant {NOT_THERE}", None),
    ("title == ‸u'x'", f"a prefixed text {NOT_THERE}", None),
    (
        r"like(title, '100‸\%')",
        r"'\\%' is not an escape of the rule language",
        r"write \\ for a backslash, or r'…' for a text without escapes",
    ),
    (
        r"title == '‸\N{DIGIT ONE}'",
        r"'\\N' is not an escape of the rule language",
        r"write \\ for a backslash, or r'…' for a text without escapes",
    ),
    ("title ‸\x00== 'a'", "the rule holds a character that no text can hold", None),
    ("title == ‸'a\x00'", "the text holds a character that no database can hold", None),
    ("title == ‸'\ud800'", "the text holds a character that no database can hold", None),
    # what stands in a place for something else
    ("rank is ‸title", "'is' is for None alone", "== compares"),
    ("rank is ‸author.name", "'is' is for None alone", "== compares"),
    ("like(title, ‸body)", "like() needs a text as its pattern", "% is any run, _ any character"),
    ("like(title, ‸5)", "like() needs a text as its pattern", "% is any run, _ any character"),
    ("ilike(title, ‸author.name)", "ilike() needs a text as its pattern", "% is any run, _ any character"),
    ("has_key(meta, ‸title)", "has_key() needs a text as its key", "has_key(column, 'key')"),
    ("has_key(meta, ‸5)", "has_key() needs a text as its key", "has_key(column, 'key')"),
    ("‸col(5) == 'a'", "col() takes names in quotes", 'col("from"), for example'),
    ("‸col('title', rank) == 'a'", "col() takes names in quotes", 'col("from"), for example'),
    (
        "‸lower(title)['x'] == 'a'",
        "a subscript is not part of the rule language",
        'only claims have one: claims["name"]',
    ),
    # what is written elsewhere
    ("rank is ‸null", "'is' is for None alone", "write 'is None' or 'is not None'"),
    ("rank is not ‸NULL", "'is' is for None alone", "write 'is None' or 'is not None'"),
    ("‸auth.uid() == owner_id", "calls of methods are not part of the rule language", "who calls is claims.sub"),
    (
        "owner_id == ‸X-Hasura-User-Id",
        f"arithmetic {NOT_THERE}",
        'what the caller\'s token says is claims["x-hasura-user-id"]',
    ),
    ("‸own()", "there is no function 'own'", "did you mean 'now'? A policy is written without ( ): own"),
    ("‸mine_alone(id=1)", "there is no function 'mine_alone'", None),
    ("‸mine_alone()", "there is no function 'mine_alone'", "a policy is written without ( ): mine_alone"),
    # what the language does not have
    ("rank == ‸rank + 1", f"arithmetic {NOT_THERE}", None),
    ("‸lambda: True", f"lambda {NOT_THERE}", None),
    ("(‸x := rank) == 1", f"an assignment {NOT_THERE}", "== compares"),
    ("‸rank if published else words", f"'if … else' {NOT_THERE}", "use and, or, not"),
    ("rank in ‸{1, 2}", "'in' needs a list, or a claim that is one", "x in ['a', 'b']; x in claims.groups"),
    ("rank in ‸rank", "'in' needs a list, or a claim that is one", "x in ['a', 'b']; x in claims.groups"),
    ("rank in ‸'abc'", "'in' needs a list, or a claim that is one", "x in ['a', 'b']; x in claims.groups"),
    ("rank in ‸[x for x in y]", f"a comprehension {NOT_THERE}", "use exists(path, condition)"),
    ("rank in ‸[]", "nothing is in an empty list", None),
    ("rank in [1, ‸rank]", "a list holds constants alone", "write x == … or x in […]"),
    ("rank in [1, ‸claims.x]", "a list holds constants alone", "write x == … or x in […]"),
    ("rank in [1, ‸None]", "nothing is equal to None", "use 'is None' or 'is not None'"),
    ("rank in [1, ‸*claims.x]", f"a star {NOT_THERE}", None),
    ("rank == ‸[1]", f"a list by itself {NOT_THERE}", "a list stands after in or not in"),
    ("‸(rank, 1)", f"a list by itself {NOT_THERE}", "a list stands after in or not in"),
    ("rank == ‸meta['a']", f"a subscript {NOT_THERE}", 'only claims have one: claims["name"]'),
    ("‸author['name'] == 'x'", f"a subscript {NOT_THERE}", 'only claims have one: claims["name"]'),
    ("owner_id == ‸claims[0]", f"a subscript {NOT_THERE}", 'only claims have one: claims["name"]'),
    ("owner_id == ‸claims[claims.x]", f"a subscript {NOT_THERE}", 'only claims have one: claims["name"]'),
    ("rank == ‸1j", "1j is not a constant of the rule language", None),
    ("rank == ‸...", "... is not a constant of the rule language", None),
    ("rank == ‸~1", f"Python's UnaryOp {NOT_THERE}", None),
    ("rank == ‸-True", f"Python's UnaryOp {NOT_THERE}", None),
    ("rank == ‸--1", f"Python's UnaryOp {NOT_THERE}", None),
    ("(‸rank == 1) == rank", f"a comparison inside a comparison {NOT_THERE}", None),
    (
        "rank == (‸published or words)",
        f"'and' or 'or' inside a comparison {NOT_THERE}",
        "put each comparison in parentheses",
    ),
    ("1 < rank < ‸5", "comparisons cannot be chained", "join two of them with and"),
    ("rank == ‸None", "nothing is equal to None", "use 'is None' or 'is not None'"),
    ("published is ‸True", "'is' is for None alone", "== compares"),
    ("‸1 is None", "'is None' needs a column on its left", None),
    ("‸claims.x is None", "'is None' needs a column on its left", None),
    ("‸'a' in claims.groups", "'in' needs a column on its left", None),
    ("‸1 == 1", "a comparison needs a column on one side", "for what somebody is there are roles"),
    ("‸claims.role == 'admin'", "a comparison needs a column on one side", "for what somebody is there are roles"),
    ("‸1", "1 is not a condition", "compare it with a column"),
    ("published or ‸'x'", "'x' is not a condition", "compare it with a column"),
    ("published or ‸None", "None is not a condition", "compare it with a column"),
    (
        "‸claims.admin",
        "a claim is not a condition",
        "compare it with a column; for what somebody is there are roles",
    ),
    ("owner_id == ‸claims", "claims needs a name", "claims.sub, for example"),
    ("owner_id == ‸row", "row needs a column", "row.id, for example"),
    ("‸new", "new needs a column", "new.id, for example"),
    ("‸new.rank == 1", "new is the row being written: it stands in checks alone", None),
    ("exists(comments, user_id == ‸new.owner_id)", "new is the row being written: it stands in checks alone", None),
    ("owner_id == ‸claims.a.b.c.d.e.f.g.h", "a path has at most 8 names", None),
    # calls
    ("‸lowr(title) == 'A'", "there is no function 'lowr'", "did you mean 'lower'?"),
    ("‸exist(comments, True)", "there is no function 'exist'", "did you mean 'exists'?"),
    ("‸eval('1')", "there is no function 'eval'", None),
    ("‸title.lower() == 'a'", "calls of methods are not part of the rule language", "write lower(…) around the column"),
    ("‸title.startswith('a')", "calls of methods are not part of the rule language", None),
    (
        "rank == ‸title.lower().x",
        "calls of methods are not part of the rule language",
        "write lower(…) around the column",
    ),
    ("‸(lambda: 1)() == rank", "calls of methods are not part of the rule language", None),
    ("has_key(meta, ‸5)", "has_key() needs a text as its key", "has_key(column, 'key')"),
    ("‸has_key(meta)", "has_key() takes 2 arguments", "has_key(column, 'key')"),
    ("‸lower(title)", "lower() is a value, not a condition", "compare it with something"),
    ("rank == ‸like(title, 'a')", "like() is a condition, not a value", "join conditions with and, or, not"),
    ("publish_at < ‸now(1)", "now() takes no arguments", "now()"),
    ("due < ‸today(zone=1)", "today() takes no named arguments", "today()"),
    ("‸lower(title, body) == 'a'", "lower() takes 1 argument", "lower(column)"),
    (
        "title == lower(‸claims.x)",
        "lower() takes a column",
        "lower(email) == 'a@example.org', for example",
    ),
    ("‸like(title)", "like() takes 2 arguments", "like(column, 'pattern')"),
    ("‸like(title, pattern='a')", "like() takes no named arguments", "like(column, 'pattern')"),
    ("like(‸*title)", f"a star {NOT_THERE}", None),
    ("like(title, ‸claims.x)", "like() needs a text as its pattern", "% is any run, _ any character"),
    (r"like(title, ‸'a\\')", "the pattern ends in an escape that escapes nothing", None),
    ("like(‸'a', 'a')", "like() needs a column on its left", None),
    ("‸exists(comments)", "exists() takes 2 arguments", "exists(path, condition)"),
    ("exists(‸claims.x, True)", "exists() cannot begin with claims", "begin with a relationship or a table"),
    ("exists(‸row.x, True)", "exists() cannot begin with row", "begin with a relationship or a table"),
    ("exists(‸'comments', True)", "exists() begins with a relationship or a table", "exists(path, condition)"),
    ("exists(comments, ‸1)", "1 is not a condition", "compare it with a column"),
    ("‸col(title) == 'a'", "col() takes names in quotes", 'col("from"), for example'),
    ("‸col() == 'a'", "col() takes names in quotes", 'col("from"), for example'),
    ("‸col('a', name='b') == 'a'", "col() takes names in quotes", 'col("from"), for example'),
    # too much
    ("not " * 32 + "‸" + "not published", DEEP, "name parts of it as policies"),
    ("exists(comments.article, " * 32 + "‸published" + ")" * 32, DEEP, "name parts of it as policies"),
    ("‸" + "rank == 1 or " * 350 + "published", "the rule is longer than 4096 bytes", "name parts of it as policies"),
    ("‸title == '" + "ä" * 2050 + "'", "the rule is longer than 4096 bytes", "name parts of it as policies"),
    # policies
    ("rank == 1 and ‸round", "policy 'round': policy 'about': policy 'round' leads back to itself", None),
    ("rank == 1 or ‸broken", "policy 'broken': this is not a rule", "== compares"),
]

# Python's own parser says where; its versions differ by a letter or two.
NOT_PYTHON: list[tuple[str, str | None]] = [
    ("rank = 1", "== compares"),
    ("*", "write true for every row"),
    ("rank between 1 and 5", "write x >= 1 and x <= 5"),
    ("title LIKE 'A%'", "write like(column, 'A%')"),
    ("title ilike 'a%'", "write ilike(column, 'a%')"),
    ("exists(SELECT 1 FROM author)", "write exists(relationship or table, condition)"),
    ("rank == = 1", "== compares"),
    ("rank == 1 && published", "write and"),
    ("rank == 1 || published", "write or"),
    ("rank <> 1", "write !="),
    ("!published", "write not, or !="),
    ("rank == 1 AND published", "write and, or, not in lower case"),
    ("body IS NULL", "write 'is None' or 'is not None'"),
    ("rank IN (1)", "write in, and the list in brackets"),
    ("rank == 1) or (published", None),
    ("rank == 1; published", None),
    ("rank ==", None),
    ("(" * 300 + "published" + ")" * 300, None),
]

DOES_NOT_FIT: list[tuple[str, str, str | None]] = [
    ("‸titel == 'a'", "articles has no column 'titel'", "did you mean 'title'?"),
    ("rank == ‸zzz", "articles has no column 'zzz'", None),
    ("title == 'äöü€𝄞' or rank == ‸zzz", "articles has no column 'zzz'", None),
    ("\n  title == 'a'\n  or ‸zzz == 1", "articles has no column 'zzz'", None),
    ("‸publishd", "there is neither a column of articles nor a policy named 'publishd'", "did you mean 'published'?"),
    ("‸owm", "there is neither a column of articles nor a policy named 'owm'", "did you mean 'own'?"),
    ("‸true", "there is neither a column of articles nor a policy named 'true'", "write True"),
    ("‸NULL", "there is neither a column of articles nor a policy named 'NULL'", "write 'is None'"),
    ("‸yes", "there is neither a column of articles nor a policy named 'yes'", "write true for every row"),
    (
        "published or ‸off",
        "there is neither a column of articles nor a policy named 'off'",
        "write false for no row",
    ),
    ("published == ‸true", "articles has no column 'true'", "write True"),
    ("title == ‸null", "articles has no column 'null'", "write 'is None'"),
    ("owner_id == ‸current_user", "articles has no column 'current_user'", "who calls is claims.sub"),
    ("owner_id == ‸jwt.sub", "articles has no relationship 'jwt'", "who calls is claims.sub"),
    ("‸rank", "'rank' is smallint, not a condition", "compare it"),
    (
        "‸title",
        "'title' is a policy and a column of articles",
        'rename the policy; the column is col("title")',
    ),
    ("‸author.name.x == 1", "'name' is a column of author, nothing lies behind it", None),
    ("‸title.x == 1", "'title' is a column of articles, nothing lies behind it", None),
    ("‸auther.name == 'x'", "articles has no relationship 'auther'", "did you mean 'author'?"),
    ("‸author.nam == 'x'", "author has no column 'nam'", "did you mean 'name'?"),
    ("‸author.country.kode == 'x'", "country has no column 'kode'", "did you mean 'code'?"),
    (
        "‸author == 1",
        "'author' is a relationship of articles, not a column",
        "name a column of it, or use exists(author, …)",
    ),
    ("‸comments.body == 'x'", "'comments' leads to many rows", "say of which: exists(comments, body == …)"),
    (
        "‸team.members.user_id == 1",
        "'members' leads to many rows",
        "say of which: exists(members, user_id == …)",
    ),
    ("author.name == ‸comments.body", "'comments' leads to many rows", "say of which: exists(comments, body == …)"),
    ("rank == ‸'x'", "smallint is compared with a text", "leave the quotes out"),
    ("rank == ‸'1'", "smallint is compared with a text", "leave the quotes out"),
    ("price == ‸'1'", "numeric(10,2) is compared with a text", "leave the quotes out"),
    ("rank == ‸40000", "'40000' is not an integer between -32768 and 32767", None),
    ("rank == ‸1.5", "'1.5' is not an integer", None),
    ("rank == ‸True", "'true' is not an integer", None),
    ("price == ‸True", "'true' is not a decimal number", None),
    ("rating == ‸'x'", "'x' is not a number", None),
    ("rating == ‸1e999", "'1e999' is not a number in range", None),
    ("rank == ‸1e999999999", "'Infinity' is not an integer", None),
    ("price == ‸1e9999", "'1e9999' is not a decimal number", None),
    ("title == ‸1", "'1' is not a text", None),
    ("published == ‸1", "'1' is not a boolean", None),
    ("published == ‸'true'", "'true' is not a boolean", None),
    (
        "status == ‸'drafd'",
        "'drafd' is not one of the allowed values: 'draft', 'review', 'published'",
        "did you mean 'draft'?",
    ),
    ("status in ['draft', ‸'x']", "'x' is not one of the allowed values: 'draft', 'review', 'published'", None),
    ("due == ‸'2024-02-30'", "'2024-02-30' is not a date", None),
    (
        "publish_at == ‸'2024-01-01T00:00Z'",
        "'2024-01-01T00:00Z' is not a timestamp without zone: leave the offset out",
        None,
    ),
    ("token == ‸'x'", "'x' is not a UUID", None),
    ("cover == ‸'*'", "'*' is not base64", None),
    ("publish_at < ‸today()", "today() cannot be compared with timestamp", "use now()"),
    ("due < ‸now()", "now() cannot be compared with date", "use today()"),
    ("rank < ‸now()", "now() cannot be compared with smallint", None),
    ("‸status < 'draft'", "'status' is status, which 'lt' is not for", None),
    ("‸meta == 'x'", "'meta' is jsonb, which 'eq' is not for", None),
    ("‸search in ['x']", "'search' is tsvector, which 'in' is not for", None),
    ("like(‸status, 'd%')", "'status' is status, which 'like' is not for", None),
    ("ilike(‸rank, 'd%')", "'rank' is smallint, which 'ilike' is not for", None),
    ("‸lower(rank) == 'x'", "lower() takes text, and 'rank' is smallint", None),
    ("has_key(‸title, 'x')", "'title' is text, which has no keys", None),
    ("‸col('own')", "articles has no column 'own'", None),  # what is quoted is a column, and never a policy
    (
        "‸rank == title",
        "'rank' is smallint and 'title' is text",
        "columns are compared with columns of the same type",
    ),
    (
        "‸title == rank",
        "'title' is text and 'rank' is smallint",
        "columns are compared with columns of the same type",
    ),
    (
        "‸due == publish_at",
        "'due' is date and 'publish_at' is timestamp",
        "columns are compared with columns of the same type",
    ),
    (
        "‸status == mood",
        "'status' is status and 'mood' is mood",
        "columns are compared with columns of the same type",
    ),
    ("owner_id == ‸meta", "'meta' is jsonb, which 'eq' is not for", None),
    (
        "‸author.name == editor.name",
        "two paths cannot be compared with one another",
        "compare a path with a column of the row itself, or use exists(path, column == row.column)",
    ),
    (
        "exists(‸coments, True)",
        "there is neither a relationship of articles nor a table named 'coments'",
        "did you mean 'comments'?",
    ),
    (
        "exists(‸acount, True)",
        "there is neither a relationship of articles nor a table named 'acount'",
        "did you mean 'account'?",
    ),
    (
        "exists(‸log, True)",  # which stands in the second schema, and is another than a log of the first
        "there is neither a relationship of articles nor a table named 'log'",
        None,
    ),
    ("exists(‸comments.tags, True)", "comment has no relationship 'tags'", None),
    ("exists(comments, ‸title == 'a')", "comment has no column 'title'", None),
    ("exists(comments, user_id == ‸row.ownr_id)", "articles has no column 'ownr_id'", "did you mean 'owner_id'?"),
    ("exists(comments, user_id == ‸row.author.id)", "inside exists, row and new name columns alone", None),
    ("exists(comments, hidden and ‸own)", "policy 'own': comment has no column 'owner_id'", "did you mean 'user_id'?"),
    ("‸unfit", "policy 'unfit': smallint is compared with a text", "leave the quotes out"),
    ("rank == 1 or ‸outer", "policy 'outer': policy 'unfit': smallint is compared with a text", "leave the quotes out"),
]


def refused(marked: str) -> RuleError:
    offset, text = marked.index("‸"), marked.replace("‸", "")
    policies = {name: rule for name, rule in POLICIES.items() if name != "title" or text == "title"}
    with pytest.raises(RuleError) as caught:
        bind_rule(text, ARTICLE, BLOG, policies)
    assert caught.value.offset == offset, caught.value.message
    return caught.value


@pytest.mark.parametrize(("marked", "message", "hint"), ALWAYS_WRONG)
def test_what_is_no_rule_anywhere_is_refused(marked: str, message: str, hint: str | None) -> None:
    fault = refused(marked)
    assert not isinstance(fault, UnfitRule)
    assert (fault.message, fault.hint) == (message, hint)


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("title == abc‸'x'", "this is not a rule"),
        ("title == abc‸'\x00'", "the text holds a character that no database can hold"),
        ("title == abc‸'\udc00'", "the text holds a character that no database can hold"),
        ("‸\ud800 == title", "the rule holds a character that no text can hold"),
        ("title == 'a' or ‸\udfff", "the rule holds a character that no text can hold"),
        ("title == 'a' or x‸\x00", "the rule holds a character that no text can hold"),
    ],
)
def test_letters_that_no_text_has_are_told_with_their_place(marked: str, message: str) -> None:
    assert refused(marked).message == message


@pytest.mark.parametrize(("text", "hint"), NOT_PYTHON)
def test_what_is_no_expression_is_refused_with_our_way_to_say_it(text: str, hint: str | None) -> None:
    with pytest.raises(RuleError) as caught:
        bind_rule(text, ARTICLE, BLOG)
    assert (caught.value.message, caught.value.hint) == ("this is not a rule", hint)
    assert caught.value.offset in range(len(text) + 1)


@pytest.mark.parametrize(("marked", "message", "hint"), DOES_NOT_FIT)
def test_what_does_not_fit_the_catalog_is_refused(marked: str, message: str, hint: str | None) -> None:
    fault = refused(marked)
    assert isinstance(fault, UnfitRule)
    assert (fault.message, fault.hint) == (message, hint)


SEVERAL: list[tuple[str, list[str]]] = [
    ("‸rnk == 1 and (‸titel == 'a' or not ‸owned)", ["rnk", "titel", "owned"]),
    ("‸rnk == ‸rank_ and rank in [‸'a', 2, ‸'b']", ["rnk", "rank_", "smallint", "smallint"]),
    ("‸1 == 2 and owner_id == 1 and (rank < ‸[1] or ‸claims.admin)", ["column", "list", "claim"]),
    ("exists(comments, ‸usr_id == 1 and ‸hiden) or ‸unfit", ["usr_id", "hiden", "policy 'unfit'"]),
]


@pytest.mark.parametrize(("marked", "words"), SEVERAL)
def test_all_faults_of_a_rule_are_told_each_with_its_place(marked: str, words: list[str]) -> None:
    pieces = marked.split("‸")
    places = [sum(map(len, pieces[: index + 1])) for index in range(len(pieces) - 1)]
    with pytest.raises(RuleError) as caught:
        bind_rule("".join(pieces), ARTICLE, BLOG, POLICIES)
    faults = faults_of(caught.value)
    assert [fault.offset for fault in faults] == places
    assert all(word in fault.message for word, fault in zip(words, faults, strict=True))
    assert caught.value.message == "; ".join(fault.message for fault in faults)
    assert caught.value.offset == places[0]


def test_all_faults_of_a_filter_in_json_form_are_told() -> None:
    given = {"rnk": {"_eq": 1}, "rank": {"_eqq": 1, "_gt": "x"}, "_or": [{"titel": {"_eq": 1}}, {}]}
    with pytest.raises(RuleError) as caught:
        bind_rule(given, ARTICLE, BLOG)
    told = [fault.message.partition(":")[0] for fault in faults_of(caught.value)]
    assert told == ["rnk", "rank._eqq", "rank._gt", "_or[0].titel", "_or[1]"]


def test_policies_that_unfold_without_end_are_refused() -> None:
    wide = {"p0": "rank == 1"}
    wide |= {f"p{n}": " or ".join([f"exists(article, p{n - 1})"] * 4) for n in range(1, 20)}
    bind_rule("p3", ARTICLE, BLOG, wide)
    with pytest.raises(RuleError, match="more than 500 conditions, its policies unfolded"):
        bind_rule("p5", ARTICLE, BLOG, wide)
    chain = {"p0": "rank == 1"} | {f"p{n}": f"not not p{n - 1}" for n in range(1, 20)}
    with pytest.raises(RuleError, match="nested too deeply, its policies unfolded"):
        bind_rule("p19", ARTICLE, BLOG, chain)


def test_a_policy_may_not_speak_of_the_incoming_row_in_a_filter() -> None:
    policies = {"own": "new.owner_id == claims.sub"}
    bind_rule("own", ARTICLE, BLOG, policies, check=True)
    with pytest.raises(RuleError, match="stands in checks alone"):
        bind_rule("own", ARTICLE, BLOG, policies)


@pytest.mark.parametrize(
    "given",
    ["x" * 5000, "not " * 1000 + "published", "'" * 4000, "(" * 4000, "-" * 4000 + "1", "a." * 1300 + "b", "[" * 2000],
)
def test_texts_made_to_hurt_end_in_a_refusal(given: Any) -> None:
    with pytest.raises(RuleError):
        bind_rule(given, ARTICLE, BLOG)
