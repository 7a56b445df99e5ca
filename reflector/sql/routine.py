"""A function of the database in a statement, by its own name.

Rule: the name and the words are the catalog's, quoted; what is given is a bound value or another expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from reflector.sql.shaped import Sql


class Routine(FunctionElement[Any]):
    """A function by its own name; `words` stand before each argument, such as `x => `."""

    inherit_cache = False

    def __init__(self, name: str, words: Sequence[str], given: Sequence[Sql]) -> None:
        super().__init__(*given)
        self.called, self.words = name, tuple(words)


@compiles(Routine)
def _routine(element: Routine, compiler: Any, **more: Any) -> str:
    given = [compiler.process(each, **more) for each in element.clauses]
    return f"{element.called}({', '.join(word + each for word, each in zip(element.words, given, strict=True))})"
