"""Comparisons that a database alone can answer: regular expressions, containment, ranges, full-text search.

They are what an API may ask where its dialect can say it; nothing in memory knows their answer.

Rule: a row here is one method or template of each dialect that has it; who builds a tree asks `offered` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind, Value
from reflector.errors import NotSupported
from reflector.query.comparisons import Comparison
from reflector.query.speaker import Speaker


def _asked(_left: Value, _right: Value) -> NoReturn:
    raise NotSupported("only the database can answer this comparison")


MATCH = Comparison("match", lambda d, left, right: d.match(left, right), _asked)
IMATCH = Comparison("imatch", lambda d, left, right: d.imatch(left, right), _asked)


MEMBER = Comparison("member", lambda d, left, right: d.member(left, right), _asked)
"""An array has the value as an item."""
EXACT_MEMBER = Comparison("exact_member", lambda d, left, right: d.exact_member(left, right), _asked)
"""An array of texts has this one, byte by byte, whatever its collation."""
TEXT_MEMBER = Comparison("text_member", lambda d, left, right: d.text_member(left, right), _asked)
"""A document is an array and has the text as an item."""


def _operator(name: str, sign: str) -> Comparison:
    return Comparison(name, lambda d, left, right: d.by_operator(sign, left, right), _asked)


CONTAINS = _operator("cs", "@>")
CONTAINED = _operator("cd", "<@")
OVERLAPS = _operator("ov", "&&")
LEFT_OF = _operator("sl", "<<")
RIGHT_OF = _operator("sr", ">>")
NOT_RIGHT = _operator("nxr", "&<")
NOT_LEFT = _operator("nxl", "&>")
ADJACENT = _operator("adj", "-|-")

SETS = (CONTAINS, CONTAINED, OVERLAPS)
BESIDE = (LEFT_OF, RIGHT_OF, NOT_RIGHT, NOT_LEFT)
NATIVE: Mapping[str, Comparison] = {each.name: each for each in (*SETS, *BESIDE, ADJACENT)}
ORDERS: Mapping[str, Comparison] = {
    name: _operator(name, sign)
    for name, sign in {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}.items()
}
"""By PostgreSQL's own order of a type that is ordered nowhere else; its equality too, of what is compared nowhere else."""
REGULAR: Mapping[str, Comparison] = {each.name: each for each in (MATCH, IMATCH)}

TYPES: Mapping[str, tuple[Comparison, ...]] = {
    "range": (*SETS, *BESIDE, ADJACENT),
    "box": (*SETS, *BESIDE),
    "circle": (*SETS, *BESIDE),
    "polygon": (*SETS, *BESIDE),
    "inet": (OVERLAPS, LEFT_OF, RIGHT_OF),
    "cidr": (OVERLAPS, LEFT_OF, RIGHT_OF),
    "ltree": (CONTAINS, CONTAINED),
    "geometry": (OVERLAPS, *BESIDE),
    "geography": (OVERLAPS,),
    "hstore": (CONTAINS, CONTAINED),
    "tsquery": (CONTAINS, CONTAINED),
    "cube": SETS,
}
"""What PostgreSQL can be asked of its own types, by how their name ends."""


SIZES: Mapping[str, frozenset[str]] = {
    "pg_catalog.box": frozenset(ORDERS) - {"neq"},
    "pg_catalog.path": frozenset(ORDERS) - {"neq"},
    "pg_catalog.circle": frozenset(ORDERS),
    "pg_catalog.lseg": frozenset(ORDERS),
    "pg_catalog.line": frozenset({"eq"}),
}
"""What PostgreSQL compares by size, of types that it has no order for: rows of ORDERS by the type's name."""


def is_ordered(name: str, type_: DataType, database: DatabaseKind) -> bool:
    """Whether the row of ORDERS can be asked of a type that is not ordered everywhere."""
    if database is not DatabaseKind.POSTGRESQL or not type_.writable:
        return False
    return type_.kind in {Kind.ENUM, Kind.ARRAY} or type_.ranked or name in SIZES.get(type_.cast, ())


def is_sortable(type_: DataType, database: DatabaseKind) -> bool:
    """Whether rows can be sorted by values of the type, and told apart by them; a document is sorted by its own dialect."""
    if database is not DatabaseKind.POSTGRESQL or type_.read_here:
        return True
    return type_.ranked


def offered(comparison: Comparison, type_: DataType, database: DatabaseKind) -> bool:
    """Whether the database can compare values of the type so; for rows of NATIVE."""
    if type_.kind is Kind.JSON:
        return comparison in (CONTAINS, CONTAINED) and (
            database is not DatabaseKind.POSTGRESQL or type_.native != "json"
        )
    if type_.kind is Kind.SET:
        return comparison in SETS
    if database is not DatabaseKind.POSTGRESQL:
        return False
    if type_.kind is Kind.ARRAY or (type_.ranked and type_.by_json.endswith("[]")):
        return comparison in SETS
    bare = type_.native.partition("(")[0]
    name = bare.removesuffix("multirange") + "range" if bare.endswith("multirange") else bare
    return any(name.endswith(ending) and comparison in allowed for ending, allowed in TYPES.items())


# ── full-text search, PostgreSQL's ───────────────────────────────────────────────────────────

SEARCHES: Mapping[str, str] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
LANGUAGES = frozenset(
    {
        "simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "estonian", "finnish", "french",
        "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian",
        "portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
    }
)  # fmt: skip
"""The configurations that PostgreSQL has by itself."""


@lru_cache(maxsize=1024)
def search(function: str, language: str | None, vector: bool) -> Comparison:
    """The search by a row of SEARCHES, in one of LANGUAGES or the database's own. `vector`: what is searched is a
    tsvector already. Equal arguments give the same comparison, so that a plan is found again."""
    if language is not None and language not in LANGUAGES:
        raise NotSupported(f"no text search configuration {language!r}")
    called = SEARCHES[function]

    def said(dialect: Speaker, left: Any, right: Any) -> Any:
        return dialect.search(called, language, left, right, vector=vector)

    return Comparison(f"{function}({language or ''}){'v' if vector else ''}", said, _asked)
