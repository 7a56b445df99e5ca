"""JSON compared with JSON, and looked for in JSON.

They are compared by PostgreSQL's own order of documents, or by numbers and texts where a database has none.

Rule: elsewhere than on PostgreSQL a number is compared with numbers, everything else by its text; a document that is
an object or an array has more than one text there, and is not compared.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind, Value, parse_text
from reflector.query.casts import CASTS
from reflector.query.comparisons import COMPARISONS
from reflector.query.documents import contained_in, containing
from reflector.query.nodes import TEXT, Cast, Compare, Expression, Filter, Literal
from reflector.query.outlines import outline_of, parts_of
from reflector.sql.json_text import json_text
from server.apis.postgrest.grammar.limits import Limits, exceeded
from server.apis.postgrest.lowering.expressions import no_operator
from server.apis.postgrest.lowering.operands import not_on

NUMERIC: Final = CASTS["numeric"]


def compared_documents(
    expression: Expression, type_: DataType, operator: str, text: str, database: DatabaseKind
) -> Filter:
    """The filter of `document operator text`; raises InvalidValue where the text is no JSON."""
    comparison = COMPARISONS[operator]
    if database is DatabaseKind.POSTGRESQL:
        if type_.native == "json":
            raise no_operator("json", operator)
        return Compare(expression, comparison, as_document(parse_text(type_, text), type_))
    value: Value = parse_text(type_, text)
    if isinstance(value, dict | list | tuple):
        raise not_on(database, f"{operator} of a JSON object or array")
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Compare(Cast(expression, NUMERIC), comparison, Literal(Decimal(str(value)), NUMERIC))
    return Compare(Cast(expression, CASTS["text"]), comparison, Literal(json_text(value), TEXT), exact=True)


def holding_document(
    expression: Expression, type_: DataType, operator: str, text: str, database: DatabaseKind, limits: Limits
) -> Filter:
    """The filter of `document cs text`, or `cd`; raises InvalidValue, PostgrestError for more than a limit allows."""
    value = parse_text(type_, text)
    if database is not DatabaseKind.POSTGRESQL and parts_of(value) > limits.terms:
        # Each part is compared with each of a document's.
        raise exceeded("values in a document", limits.terms)
    outline = outline_of(value) if database is DatabaseKind.MARIADB else None
    comparison = containing(outline) if operator == "cs" else contained_in(outline)
    return Compare(expression, comparison, as_document(value, type_))


def as_document(value: Value, type_: DataType) -> Literal:
    """A document in the text that a database reads: null is one, and no value at all would be another."""
    return Literal(json_text(value), replace(type_, kind=Kind.SPECIAL))
