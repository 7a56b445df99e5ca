"""The rule language: a small part of Python's expressions that says which rows a role may see or write.

    owner_id == claims.sub                                    columns, claims of the caller
    status in ['draft', 'review'] and publish_at <= now()     constants, the clock
    author.country.code == 'PE'                               through relationships to one row
    exists(team.members, user_id == claims.sub)               through relationships to many rows
    exists(account, id == claims.sub and org == row.org)      any table; row is the row that the rule protects
    own or published                                          policies, by name

Rule: a rule is bound to the `Filter` that an API's filter also becomes, and it compares text bytewise. There is no
second meaning of a condition anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from reflector.access.rule_syntax import ClaimPath, Clock
from reflector.access.rules_bind import Binder, Rule, Unfoldings
from reflector.access.rules_operands import Place, UnfitRule, bind_clock, bind_constant
from reflector.access.rules_parse import parse_value
from reflector.catalog.model import Catalog, Column, Table
from reflector.datatypes import parse_json
from reflector.errors import InvalidValue
from reflector.query.inside import nodes_of
from reflector.query.nodes import Claim, Filter, Literal, Operand
from reflector.query.walk import tables_inside

__all__ = ["Rule", "UnfitRule", "bind_preset", "bind_rule", "claims_of", "tables_of"]


def bind_rule(
    rule: Rule,
    table: Table,
    catalog: Catalog,
    policies: Mapping[str, Rule] | None = None,
    *,
    check: bool = False,
    unfolded: Unfoldings | None = None,
) -> Filter:
    """The rule as a filter of `table`'s rows; `check` allows `new.x`, the row that is being written.

    `unfolded` remembers bound policies for whoever binds many rules to one catalog with the same policies.

    Raises RuleError for what is no rule anywhere, and its subclass UnfitRule for what does not fit this catalog; both
    carry the offset in the rule's text and a hint where there is one.
    """
    place = Place(catalog, table, table, checks=check)
    return Binder(policies or {}, {} if unfolded is None else unfolded).rule(rule, place)


def bind_preset(given: str | float | bool | None, column: Column) -> Operand:
    """What the column is set to: a text is a term (`claims.sub`, `now()`, `'draft'`), anything else a constant.

    Raises RuleError as `bind_rule` does.
    """
    if isinstance(given, str):
        term = parse_value(given)
        match term:
            case ClaimPath(parts=parts):
                return Claim(parts, column.type)
            case Clock():
                return bind_clock(term, column.type)
            case _:
                return Literal(bind_constant(term, column.type), column.type)
    if given is None and not column.nullable:
        raise UnfitRule(f"{column.name!r} cannot be null")
    try:
        return Literal(parse_json(column.type, given), column.type)
    except InvalidValue as fault:
        raise UnfitRule(fault.message, hint=fault.hint) from None


def tables_of(where: Filter) -> frozenset[Table]:
    """The other tables that the filter reads, through exists and paths; junctions included."""
    return frozenset(tables_inside(where))


def claims_of(where: Filter) -> frozenset[tuple[str, ...]]:
    """The paths of the claims that the filter needs."""
    return frozenset(node.path for node in nodes_of(where) if isinstance(node, Claim))
