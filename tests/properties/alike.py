"""Requests that are like one another: a form with gaps, and values for the gaps, of which one changes with each request.

    article?id=eq.{n}&"id"=eq.{n}      (1, 1) then (2, 1) then (2, 3)

What was read of one request must not decide what is answered to another. So values are few, that two conditions often say
the same; and conditions meet at one column, which is named in several ways.

Rule: a form is put together out of rows of tables, and every row stands for a way in which a request can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from hypothesis import strategies as st

from tests.properties.two_worlds_requests import Asked

VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "n": ("1", "2", "3"),
    "t": ("published", "draft", "apple", "2"),
    "d": ("2024-01-05", "2024-01-20", "20240105"),
    "f": ("true", "false", "t"),
    "x": ("0", "1", "x", "-1", "30", "2024-01-05", "true"),
}
"""What fits a gap: a number, a text, a day, a flag; or what may be wrong where it stands."""
GAP: Final = re.compile(r"\{([ntdfx])\}")

# ── /rest/v1 ─────────────────────────────────────────────────────────────────────────────────

COLUMNS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "article": (
        ("id", "n"),
        ("score", "n"),
        ("owner_id", "n"),
        ("status", "t"),
        ("title", "t"),
        ("day", "d"),
        ("id", "x"),
    ),
    "comment": (("id", "n"), ("hidden", "f"), ("article_id", "n")),
    "note": (("pinned", "f"), ("id", "n")),
    "tag": (("name", "t"),),
}
"""Of each table what is asked about, and the gap of its values."""
OPERATORS: Final = ("eq", "eq", "gte", "lte", "neq")
PLAIN: Final = "{c}={o}.{v}"
WAYS: Final = (
    *(PLAIN, "%22{c}%22={o}.{v}", "%22{c}%22={o}.{v}", "and=({c}.{o}.{v})", "or=({c}.{o}.{v})"),
    *("{c}=not.{o}.{v}", "{c}=in.({v},{v})", "or=({c}.{o}.{v},{c}.eq.{v})", "not.and=({c}.{o}.{v},{c}.{o}.{v})"),
    *("{c}=isdistinct.{v}", "{c}=eq(any).(b){v},{v}(e)", "{c}=not.is.null"),
)
"""How a column is asked about, by an operator."""
OF_FLAGS: Final = (*WAYS[:5], "%22{c}%22=is.true", "{c}=is.false", "and=({c}.is.true)")
SELECTS: Final = (
    *("", "", "select=id,title,score", "select=*,comment(id,text)", "select=id,id:comment(id)"),
    "select=id,comment!inner(id,author_id)&comment.author_id=gte.{n}&comment.id=gte.{n}",
    "select=id,comment(id)&comment.order=id&comment.limit={n}",
    *("select=status,id.max(),count()", "select=title,...account(name)", "select=id,comment()&comment=not.is.null"),
)
PAGES: Final = ("", "", "order=id", "order=score.desc.nullslast,id", "limit={n}", "order=id&limit=2&offset={n}")
BESIDE: Final[Sequence[Mapping[str, str]]] = (
    *({}, {}, {}, {}, {"Prefer": "count=exact"}, {"Range": "0-1"}, {"Range": "1-2"}, {"Accept": "text/csv"}),
    *(
        {"Accept": "application/vnd.pgrst.object+json"},
        {"Accept-Profile": "elsewhere"},
        {"Prefer": "timezone=Asia/Tokyo"},
    ),
)

# ── /api ─────────────────────────────────────────────────────────────────────────────────────

FILTERS: Final = (
    *("id={n}", "id__gte={n}", "id__lte={n}", "score={n}", "score__in={n},{n}", "status={t}", "title__contains={t}"),
    *("day__gte={d}", "id__between={n},{n}", "owner.id={n}", "id__gt={x}", "filter[id][gte]={n}"),
    'filter={"_or":[{"id":{"_eq":{n}}},{"score":{"_eq":{n}}}]}',
    'filter={"_and":[{"id":{"_gte":{n}}},{"id":{"_gte":{n}}}]}',
)
WORDS: Final = ("fields=id,title", "include=comment", "sort=-score", "sort=id", "limit={n}", "page={n}", "count=exact")
ROWS: Final = ("article/{n}", "article/{n}?include=comment", "article/{x}", "comment/{n}", "article_tag/{n},red")

# ── /graphql ─────────────────────────────────────────────────────────────────────────────────

TERMS: Final = (
    *("{id:{_eq:$a}}", "{id:{_eq:$b}}", "{id:{_gte:$a}}", "{id:{_eq:2}}", "{score:{_eq:$b}}", "{score:{_lte:5}}"),
    *("{_or:[{id:{_eq:$a}},{score:{_eq:$b}}]}", "{id:{_in:[$a,$b]}}", "{title:{_neq:$t}}", "{title:{_lte:$t}}"),
    *("{_not:{id:{_eq:$a}}}", "{comment:{id:{_gte:$a}}}", "{}"),
)
ARGUMENTS: Final = ("", "limit:$l", "limit:$l,order_by:{id:desc}", "offset:$l,order_by:{id:asc}")
VARIABLES: Final[Mapping[str, tuple[object, ...]]] = {
    "a": (*(1, 2, 3, 30) * 3, None, "2", 2.5),
    "b": (*(1, 2, 3, 30) * 3, None),
    "l": (0, 1, 2, 20, -1),
    "t": (*("apple", "pear", "fig") * 3, None),
}

Alike = tuple[Asked, ...]
"""Requests of one form, in the order in which they are asked."""


@st.composite
def rest_alike(draw: st.DrawFn) -> Alike:
    table = draw(st.sampled_from(["article"] * 5 + list(COLUMNS)))
    asked = [_asks(draw, *draw(st.sampled_from(COLUMNS[table])))]
    if draw(st.booleans()):
        asked.append(_asks(draw, *draw(st.sampled_from(COLUMNS[table]))))
    beside = [draw(st.sampled_from(each)) for each in (SELECTS, PAGES)] if table == "article" else []
    form = "&".join(draw(st.permutations([part for part in (*asked, *beside) if part])))
    return draw(several(f"/rest/v1/{table}?{form}", BESIDE))


def _asks(draw: st.DrawFn, column: str, gap: str) -> str:
    """Up to three conditions on one column, one of them plain."""
    ways = draw(st.lists(st.sampled_from(OF_FLAGS if gap == "f" else WAYS), max_size=2))
    written = "&".join(draw(st.permutations([PLAIN, *ways]))).replace(
        "{o}", "eq" if gap == "f" else draw(st.sampled_from(OPERATORS))
    )
    written = written.replace("{c}", column).replace("{v}", "{" + gap + "}")
    return written.replace("(b)", "%7B").replace("(e)", "%7D")


@st.composite
def resource_alike(draw: st.DrawFn) -> Alike:
    if draw(st.integers(0, 4)) == 0:
        return draw(several(f"/api/{draw(st.sampled_from(ROWS))}"))
    filters = draw(st.lists(st.sampled_from(FILTERS), max_size=3))
    words = draw(st.lists(st.sampled_from(WORDS), max_size=2))
    return draw(several("/api/article?" + "&".join(draw(st.permutations([*filters, *words])))))


@st.composite
def several(draw: st.DrawFn, form: str, beside: Sequence[Mapping[str, str]] = ({},)) -> Alike:
    """Four requests, mostly by one caller and with the same headers."""
    callers = st.sampled_from([*["guest", "user", "all"] * 3, "both", "nameless"])
    caller, headers = draw(callers), draw(st.sampled_from(beside))
    gaps = GAP.findall(form)
    same = draw(st.integers(0, 2))
    values = [VALUES[gap][same] for gap in gaps]
    asked = []
    for _ in range(4):
        if draw(st.integers(0, 5)) == 0:
            caller, headers = draw(callers), draw(st.sampled_from(beside))
        method = draw(st.sampled_from(["GET"] * 5 + ["HEAD"]))
        asked.append(Asked(caller, method, _filled(form, values), headers=headers))
        if gaps:
            place = draw(st.integers(0, len(gaps) - 1))
            values[place] = draw(st.sampled_from(VALUES[gaps[place]]))
    return tuple(asked)


def _filled(form: str, values: Sequence[str]) -> str:
    """The form with a value in each gap."""
    waiting = iter(values)
    path, _, query = GAP.sub(lambda _: quote(next(waiting)), form).partition("?")
    return f"{path}?{quote(query, safe='%=&,.:!()*-[]')}"


@st.composite
def graphql_alike(draw: st.DrawFn, number: str) -> Alike:
    """`number` is the scalar of the tables' numbers."""
    terms = ",".join(draw(st.lists(st.sampled_from(TERMS), min_size=1, max_size=3)))
    further = draw(st.sampled_from(ARGUMENTS))
    used = f"where:{{_and:[{terms}]}}" + (f",{further}" if further else "")
    types = {"a": f"{number}!", "b": f"{number}!", "l": "Int", "t": "String"}
    declared = [f"${name}:{type_}" for name, type_ in types.items() if f"${name}" in used]
    head = f"query({','.join(declared)})" if declared else "query"
    text = f"{head} {{article({used}) {{id title comment(limit: 2, order_by: {{id: asc}}) {{id}}}}}}"
    caller = draw(st.sampled_from(["guest", "user", "all"]))
    asked = []
    for _ in range(4):
        variables = {name: draw(st.sampled_from(VARIABLES[name])) for name in types if draw(st.integers(0, 19))}
        asked.append(Asked(caller, "POST", "/graphql", json.dumps({"query": text, "variables": variables})))
    return tuple(asked)
