"""What stands inside a condition: every expression, operand, relationship and table of it, at any depth.

Rule: the parts of each kind of node are listed here alone; who looks for columns, tables or claims takes what it seeks
from `nodes_of`, and a kind of node that is not listed fails the type checker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, assert_never

from reflector.catalog.model import Relationship, Table
from reflector.query.masks import Masked
from reflector.query.nodes import (
    Aggregate,
    And,
    Cast,
    Claim,
    Compare,
    Computed,
    Counted,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Guarded,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Now,
    Operand,
    Or,
    Outer,
    Parameter,
    Related,
)

Node: TypeAlias = Filter | Expression | Operand | Relationship | Table


def nodes_of(start: Filter | Expression | Operand) -> Iterator[Node]:
    """The node itself and everything inside it, each whole before its parts, in the order in which they are written."""
    waiting: list[Node] = [start]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(parts_of(node)))


def parts_of(node: Node) -> tuple[Node, ...]:
    """What stands directly inside a node."""
    match node:
        case Compare(expression=expression, operand=operand):
            return (expression, operand)
        case And(parts=parts) | Or(parts=parts):
            return parts
        case Not(part=part):
            return (part,)
        case Exists(via=via, where=where, through=through):
            return (via, through, where)
        case Related(relationship=relationship, expression=expression, where=where):
            return (relationship, expression, where)
        case Guarded(rule=rule, expression=expression):
            return (rule, expression)
        case Counted(via=via, where=where, through=through, guard=guard):
            return (via, *(each for each in (where, through, guard) if each is not None))
        case Masked(expression=expression, plain=plain, ways=ways):
            return (expression, plain, *(rule for rule, _ in ways))
        case IsNull() | Lowered() | JsonPath() | Cast() | Aggregate():
            return () if node.expression is None else (node.expression,)
        case Field() | Outer() | Computed() | FixedText() | Literal() | Claim() | Parameter() | Now():
            return ()
        case Relationship() | Table():
            return ()
        case _:
            assert_never(node)
