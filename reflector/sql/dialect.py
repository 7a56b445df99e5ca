"""How a database speaks, as whole constructs: gather these rows as JSON, be in this list, show this value.

The constructs stand in a module each: `names`, `operands`, `comparing`, `ordering`, `making_documents`, and, as an object
of its own, `set_forms`; what comparisons ask for is declared in `query.speaker`. What SQL says everywhere is said there;
what every database says in its own way is abstract, so that a dialect without it is found by the type checker.
`reflector/dialects` has one subclass a database.

Rule: pure. A dialect sees expressions and types, never values or connections.
"""

from __future__ import annotations

from typing import Any, ClassVar

from reflector.catalog.model import DatabaseKind
from reflector.sql.comparing import Comparing
from reflector.sql.making_documents import MakingDocuments
from reflector.sql.operands import Operands
from reflector.sql.set_forms import SetForms


class Dialect(Comparing, Operands, MakingDocuments):
    """All constructs, and what a database can do at all. `engine` is SQLAlchemy's dialect, used for its compiler alone."""

    kind: ClassVar[DatabaseKind]
    engine: ClassVar[Any]
    sets: ClassVar[SetForms]
    """How it takes many rows at once."""
    update_returning: ClassVar[bool] = True
    fused_writes: ClassVar[bool] = False
    """Whether a write and the document of the written row are one statement."""
    deepest: ClassVar[int] = 24
    """How many levels of related rows one statement answers."""
    lateral: ClassVar[bool] = True
    """Whether a subquery that rows are taken from sees the rows further out."""
    function_rows: ClassVar[bool] = False
    """Whether rows can be taken from a function; otherwise it gives one value."""
