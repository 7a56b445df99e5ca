"""Every way in which a line of some modules might be wrong by one word: conditions inverted, parts left out, guards gone.

A mutant is one such change of one function. Its name is the function, the text of what is changed and what becomes of it,
so that it stays the same when lines move.

Rule: the change is made in the running process, by exchanging the code of the function; whoever holds the function
holds the mutant.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SWAPPED = {"all_of": "any_of", "any_of": "all_of", "all": "any", "any": "all"}
SWAPPED |= {"union": "intersection", "intersection": "union", "issuperset": "issubset", "isdisjoint": "issuperset"}
JOINING = ("all_of", "any_of")
OURS = ("reflector.", "server.", "tests.")
DOING = ast.Raise | ast.AugAssign | ast.Continue | ast.Break | ast.Assert | ast.Delete
CALLING = ast.Call | ast.Yield | ast.YieldFrom | ast.Await
PLACES = ast.Attribute | ast.Subscript


@dataclass(frozen=True)
class Mutant:
    module: str
    function: str
    what: str
    number: int
    """Which of several alike in one function."""

    def __str__(self) -> str:
        return f"{self.module}:{self.function}: {self.what}" + (f" #{self.number}" if self.number else "")


Function = ast.FunctionDef | ast.AsyncFunctionDef
Change = tuple[str, Callable[[], Function]]
"""What is changed, in words, and what makes the function's tree after it."""


Make = Callable[[], CodeType | None]
"""Makes the code of the changed function; None where Python does not take it, or it is the code that was."""


def mutants(module: str) -> dict[Mutant, Make]:
    """All mutants of the module's functions."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    found: dict[Mutant, Make] = {}
    for names, function in functions(tree, ()):
        seen: dict[str, int] = {}
        for what, change in changes(function):
            number = seen[what] = seen.get(what, -1) + 1
            found[Mutant(module, ".".join(names), what, number)] = partial(made, tree, function, change, module, names)
    return found


def functions(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield (*names, child.name), child
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, (*names, child.name))


# ── what is changed ──────────────────────────────────────────────────────────────────────────


def changes(function: Function) -> Iterator[Change]:
    """Each change, to be made in a copy of the function."""
    again = named_again(function)
    for number, node in enumerate(places(function)):
        for nth, (words, _) in enumerate(alternatives(node, again)):
            yield words, partial(changed, function, number, nth)


def changed(function: Function, number: int, nth: int) -> Function:
    made = copy.deepcopy(function)
    list(alternatives(places(made)[number], named_again(made)))[nth][1]()
    return made


def places(function: Function) -> list[ast.AST]:
    return [function, *(place for statement in function.body for place in walked(statement))]


def walked(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr_context | ast.operator | ast.cmpop | ast.boolop | ast.unaryop):
            yield from walked(child)


def alternatives(node: Any, again: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """What may become of the node: words for it, and what makes it so."""
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            text = ast.unparse(node.test)
            yield f"if {text} → if not", lambda: put(node, "test", inverted(node.test))
        case ast.comprehension(ifs=tests):
            for place, test in enumerate(tests):
                yield f"for … if {ast.unparse(test)} → gone", lambda place=place: node.ifs.pop(place)
        case ast.match_case(guard=ast.expr() as guard):
            yield f"case … if {ast.unparse(guard)} → if not", lambda: put(node, "guard", inverted(guard))
            yield f"case … if {ast.unparse(guard)} → gone", lambda: put(node, "guard", None)
        case _:
            yield from values(node)
    for name in ("body", "orelse", "finalbody"):
        statements = getattr(node, name, None)
        if isinstance(statements, list):
            yield from removals(statements, again)


def values(node: Any) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.BoolOp(op=op, values=values):
            other: ast.boolop = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{ast.unparse(node)} → {'or' if isinstance(op, ast.And) else 'and'}", lambda: put(node, "op", other)
            for place, value in enumerate(values):
                yield f"{ast.unparse(node)} → without {ast.unparse(value)}", lambda place=place: leave_out(node, place)
        case ast.Compare(ops=[op]):
            turned = TURNED[type(op)]()
            yield f"{ast.unparse(node)} → {type(turned).__name__}", lambda: put(node, "ops", [turned])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"{ast.unparse(node)} → without not", lambda: put(node, "operand", inverted(operand))
        case ast.Constant(value=bool(value)):
            yield f"{value} → {not value}", lambda: put(node, "value", not value)
        case ast.Call():
            yield from calls(node)
        case ast.Name(id="TRUE", ctx=ast.Load()):
            yield "TRUE → FALSE", lambda: put(node, "id", "FALSE")
        case ast.Name(id="FALSE", ctx=ast.Load()):
            yield "FALSE → TRUE", lambda: put(node, "id", "TRUE")
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant | ast.Compare | ast.BoolOp):
            yield f"return {shortened(value)} → None", lambda: put(node, "value", ast.Constant(None))


def calls(node: ast.Call) -> Iterator[tuple[str, Any]]:
    named = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if named in SWAPPED:
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        yield f"{shortened(node)} → {SWAPPED[named]}", lambda: put(node.func, field, SWAPPED[named])
    if named in JOINING and len(node.args) > 1:
        for place, argument in enumerate(node.args):
            yield f"{shortened(node)} → without {shortened(argument)}", lambda place=place: node.args.pop(place)


def removals(statements: list[Any], again: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Statements that do something by themselves. Without the first value of a name nothing goes on; a later one, and what is
    put into something that is there already, might be missed by nobody."""
    for place, statement in enumerate(statements):
        doing = isinstance(statement, DOING) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, CALLING)
        )
        if doing or any(isinstance(each, PLACES) or each.id in again for each in assigned(statement)):
            yield f"{shortened(statement)} → gone", lambda place=place: never(statements, place)


def never(statements: list[Any], place: int) -> None:
    """The statement is not carried out, and what Python tells by its being there stays: that a function yields, whose names
    are its own."""
    statements[place] = ast.If(ast.Constant(False), [statements[place]], [])


def assigned(statement: ast.stmt) -> Iterator[ast.Name | ast.Attribute | ast.Subscript]:
    """What a statement gives a value to."""
    targets: list[Any] = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    for target in targets:
        yield from (node for node in ast.walk(target) if isinstance(node, ast.Name | PLACES) and is_stored(node))


def is_stored(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store)


def named_again(function: Function) -> frozenset[str]:
    """The names that are given a value more than once."""
    names = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
    names += [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return frozenset(name for name, times in Counter(names).items() if times > 1)


def put(node: Any, name: str, value: Any) -> None:
    setattr(node, name, value)


def leave_out(node: ast.BoolOp, place: int) -> None:
    rest = [each for number, each in enumerate(node.values) if number != place]
    node.values = rest if len(rest) > 1 else rest * 2  # which is the one by itself


def inverted(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def shortened(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 120 else text[:119] + "…"


# ── the running process ──────────────────────────────────────────────────────────────────────


def made(
    tree: ast.Module, function: Function, change: Callable[[], Function], module: str, names: tuple[str, ...]
) -> CodeType | None:
    """The code of the changed function; None where Python does not take it, or it is the code that was."""
    try:
        code, plain = (_code(tree, function, each, module, names) for each in (change(), function))
    except SyntaxError:
        return None
    return None if code.co_code == plain.co_code and code.co_consts == plain.co_consts else code


def _code(tree: ast.Module, function: Function, changed: Function, module: str, names: tuple[str, ...]) -> CodeType:
    holder = replaced(tree, function, changed)
    code = compile(ast.fix_missing_locations(holder), f"<{module}>", "exec")
    for name in names:
        inner = [each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name]
        code = next((each for each in inner if each.co_firstlineno == first_line(changed)), inner[0])
    return code


def first_line(function: Function) -> int:
    return min([function.lineno, *(each.lineno for each in function.decorator_list)])


def replaced(tree: ast.Module, function: Function, changed: Function) -> ast.Module:
    """The statement of the module that holds the function, with the other body in it."""
    future = [each for each in tree.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    [holder] = [each for each in tree.body if any(node is function for node in ast.walk(each))]
    made = copy.deepcopy(holder)
    place = (function.lineno, function.col_offset)
    [found] = [n for n in ast.walk(made) if isinstance(n, Function) and (n.lineno, n.col_offset) == place]
    found.body = changed.body
    return ast.Module([*future, made], [])


def function_named(module: ModuleType, names: str) -> FunctionType:
    """The function of that name, out of what is wrapped around it."""
    found: Any = module
    for name in names.split("."):
        found = inspect.getattr_static(found, name)
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        if isinstance(found, property):
            found = found.fget
        found = inspect.unwrap(found) if callable(found) and not isinstance(found, type) else found
    assert isinstance(found, FunctionType), names
    return found


def apply(mutant: Mutant, code: CodeType) -> None:
    """Make the running process one with the mutant in it, and with no memory of what was. Nothing takes it back."""
    function_named(importlib.import_module(mutant.module), mutant.function).__code__ = code
    for module in [each for name, each in sys.modules.items() if name.startswith(OURS)]:
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()
