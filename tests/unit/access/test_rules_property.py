"""Random rules over random rows: bound and matched, they answer as Python's own reading of the same text does.

The other meaning is written here on its own: it walks Python's syntax tree over plain names and values, with the three
truth values of SQL, and shares nothing with the rule language but the text.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reflector.access.principal import Principal, bind_claim
from reflector.access.rules import bind_rule
from reflector.query.match import Ask, matches
from reflector.query.nodes import Claim, Now, Parameter
from tests.unit.access.blog import ARTICLE, BLOG

TODAY = date(2024, 6, 1)
CLAIMS: Mapping[str, Any] = {"sub": 2, "name": "b", "nums": [1, 3], "names": ["a", "b c"], "none": []}
POLICIES = {"own": "owner_id == claims.sub", "cheap": "price < 2 or not own"}

NUMBERS, NAMES, STATES, DAYS = (
    (0, 1, 2, 3),
    ("", "a", "b", "B", "b c", "z%"),
    ("draft", "review", "published"),
    (
        date(2024, 5, 31),
        TODAY,
        date(2024, 6, 2),
    ),
)
ROWS = st.fixed_dictionaries(
    {
        "rank": st.none() | st.sampled_from(NUMBERS),
        "owner_id": st.none() | st.sampled_from(NUMBERS),
        "price": st.none() | st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(2), Decimal("2.25")]),
        "title": st.none() | st.sampled_from(NAMES),
        "body": st.none() | st.sampled_from(NAMES),
        "published": st.none() | st.booleans(),
        "status": st.none() | st.sampled_from(STATES),
        "due": st.none() | st.sampled_from(DAYS),
    }
)

# ── texts of rules ───────────────────────────────────────────────────────────────────────────

SYMBOLS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
SAMENESS = st.sampled_from(["==", "!="])
NUMERIC = st.sampled_from(["rank", "owner_id", "price", "row.rank", 'col("rank")'])
TEXTUAL = st.sampled_from(["title", "body", "lower(title)", "lower(body)"])
A_NUMBER = st.sampled_from(NUMBERS).map(str) | st.just("claims.sub")
A_NAME = st.sampled_from(NAMES).map(repr) | st.just("claims.name")
IN = st.sampled_from(["in", "not in"])


def spaced(*parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map(" ".join)


def listed(items: tuple[Any, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(items), min_size=1, max_size=3).map(repr)


ATOMS = st.one_of(
    st.sampled_from(["True", "False", "published", "own", "cheap", "not own", "published == False"]),
    spaced(NUMERIC, SYMBOLS, A_NUMBER),
    spaced(A_NUMBER, SYMBOLS, NUMERIC),
    spaced(NUMERIC, SYMBOLS, NUMERIC),
    spaced(NUMERIC, IN, listed(NUMBERS)),
    spaced("rank", IN, "claims.nums"),
    spaced("rank", IN, "claims.none"),
    spaced(TEXTUAL, SYMBOLS, A_NAME),
    spaced(TEXTUAL, SYMBOLS, TEXTUAL),
    spaced(TEXTUAL, IN, listed(NAMES)),
    spaced("title", IN, "claims.names"),
    spaced("status", SAMENESS, st.sampled_from(STATES).map(repr)),
    spaced("due", SYMBOLS, st.sampled_from(["today()", "'2024-06-02'"])),
    spaced(NUMERIC | TEXTUAL, st.sampled_from(["is None", "is not None"])),
    st.tuples(st.sampled_from(["like", "ilike"]), TEXTUAL, st.sampled_from(["b%", "%B", "_", "", "z\\\\%"])).map(
        lambda each: f"{each[0]}({each[1]}, '{each[2]}')"
    ),
)
RULES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda part: f"not ({part})"),
        inner.map(lambda part: f"not {part}"),
        st.lists(inner, min_size=2, max_size=3).map(" and ".join),
        st.lists(inner, min_size=2, max_size=3).map(" or ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + ") or (".join(parts) + ")"),
    ),
    max_leaves=8,
)

# ── the other meaning ────────────────────────────────────────────────────────────────────────

OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def truth(node: ast.expr, row: Mapping[str, Any]) -> bool | None:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            answers = [truth(part, row) for part in parts]
            return False if False in answers else None if None in answers else True
        case ast.BoolOp(values=parts):
            answers = [truth(part, row) for part in parts]
            return True if True in answers else None if None in answers else False
        case ast.UnaryOp(op=ast.Not(), operand=part):
            answer = truth(part, row)
            return None if answer is None else not answer
        case ast.Compare(left=left, ops=[symbol], comparators=[right]):
            return compared(symbol, value(left, row), value(right, row))
        case ast.Call(func=ast.Name(id="like" | "ilike" as name), args=[subject, ast.Constant(value=str(pattern))]):
            return like(value(subject, row), pattern, re.IGNORECASE if name == "ilike" else re.NOFLAG)
        case ast.Name(id="own" | "cheap" as name):
            return truth(ast.parse(POLICIES[name], mode="eval").body, row)
        case _:
            answer = value(node, row)
            assert answer is None or isinstance(answer, bool)
            return answer


def compared(symbol: ast.cmpop, one: Any, other: Any) -> bool | None:
    match symbol:
        case ast.Is():
            return one is None
        case ast.IsNot():
            return one is not None
        case ast.In() | ast.NotIn():
            found = contained(one, other)
            return found if found is None or isinstance(symbol, ast.In) else not found
    if one is None or other is None:
        return None
    if isinstance(one, date) or isinstance(other, date):
        one, other = (date.fromisoformat(each) if isinstance(each, str) else each for each in (one, other))
    if isinstance(one, str):
        one, other = one.encode(), other.encode()
    return OPERATORS[type(symbol)](one, other)


def value(node: ast.expr, row: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.List(elts=items):
            return [value(each, row) for each in items]
        case ast.Name(id=name):
            return row[name]
        case ast.Attribute(value=ast.Name(id="claims"), attr=name):
            return CLAIMS[name]
        case ast.Attribute(value=ast.Name(id="row"), attr=name):
            return row[name]
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))]):
            return row[name]
        case ast.Call(func=ast.Name(id="lower"), args=[inner]):
            text = value(inner, row)
            return None if text is None else text.lower()
        case ast.Call(func=ast.Name(id="today")):
            return TODAY
        case _:
            raise AssertionError(ast.dump(node))


def contained(one: Any, choices: list[Any]) -> bool | None:
    """Nothing is in an empty list, not even NULL."""
    return False if not choices else None if one is None else one in choices


def like(text: str | None, pattern: str, flags: re.RegexFlag) -> bool | None:
    if text is None:
        return None
    parts = re.findall(r"\\.|%|_|.", pattern)
    written = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(written, text, flags | re.DOTALL) is not None


# ── both ─────────────────────────────────────────────────────────────────────────────────────

CALLER = Principal(claims=CLAIMS)


def bound(operand: Claim | Parameter | Now) -> Any:
    if isinstance(operand, Now):
        return TODAY
    assert isinstance(operand, Claim)
    return bind_claim(CALLER, operand.path, operand.type, operand.many)


@settings(max_examples=600, deadline=None)
@given(RULES, ROWS)
@example("not (rank == 1 and title == 'a')", dict.fromkeys(["rank", "title"], None) | {"owner_id": 1})
@example("rank not in claims.none", {"rank": None})
def test_a_rule_answers_as_python_reads_it(text: str, values: Mapping[str, Any]) -> None:
    row: dict[str, Any] = dict.fromkeys(("rank", "owner_id", "price", "title", "body", "published", "status", "due"))
    row |= values
    answer = matches(
        bind_rule(text, ARTICLE, BLOG, POLICIES), {ARTICLE.by_name[each]: row[each] for each in row}, bound
    )
    assert not isinstance(answer, Ask)
    assert answer == truth(ast.parse(text, mode="eval").body, row)
