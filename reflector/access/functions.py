"""Which functions of the database a config opens, and to whom.

Rule: what no entry names is closed, and an entry opens all functions of its name that can be called from a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reflector.access.description import AccessDescription, Complaint, FunctionRules, Severity
from reflector.catalog.model import Catalog, Function
from reflector.errors import suggestion

Complain = Callable[[Complaint], None]


def bind_functions(
    description: AccessDescription, catalog: Catalog, complain: Complain
) -> Mapping[str, frozenset[Function]]:
    """The functions that each role may call by itself; complaints for names that are not there."""
    known = functions_by_name(catalog)
    opened: dict[str, set[Function]] = {}
    for rules in description.functions:
        found = known.get(rules.name, ())
        fitting = _meant([each for each in found if each.callable])
        if not fitting:
            complain(_idle(rules, known, found))
        for role in rules.roles:
            if role in description.roles:
                opened.setdefault(role, set()).update(fitting)
    return {role: frozenset(functions) for role, functions in opened.items()}


def _meant(found: Sequence[Function]) -> Sequence[Function]:
    """What a name stands for: where a function has it, no procedure that happens to have it too."""
    functions = [each for each in found if not each.procedure]
    return functions or found


def functions_by_name(catalog: Catalog) -> Mapping[str, tuple[Function, ...]]:
    """Functions under their name in the database: plain in the first schema, `schema.name` in the others."""
    found: dict[str, tuple[Function, ...]] = {}
    for function in catalog.functions:
        first = catalog.schemas and function.schema == catalog.schemas[0]
        name = function.name if first else f"{function.schema}.{function.name}"
        found[name] = (*found.get(name, ()), function)
    return found


def _idle(rules: FunctionRules, known: Mapping[str, object], found: tuple[Function, ...]) -> Complaint:
    """Nothing is opened by the entry: there is no such function, or none that a statement can call."""
    if found:
        message = f"{rules.name} cannot be called: it is a procedure, or its rows have no columns of their own"
        return Complaint(Severity.UNBOUND, "function_unbound", message, None, rules.where)
    near = suggestion(rules.name, known)
    return Complaint(Severity.UNBOUND, "unknown_function", f"there is no function {rules.name!r}", near, rules.where)
