"""One statement being written: aliases, placeholders, and where each placeholder's value comes from.

Rule: a value never enters the text. `bind` is the only way to put one in, and what it remembers becomes the plan's
binds in the order in which the finished text names them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reflector.sql.dialect import Dialect
from reflector.sql.plan import Bind, Constant, Encode, Expect, Part, Source, Step


class Writer:
    """The writer of one statement for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.binds: dict[str, Bind] = {}
        self.aliases = 0

    def alias(self) -> str:
        """A table alias that no other row of this statement has."""
        self.aliases += 1
        return f"t{self.aliases - 1}"

    def bind(self, source: Source, encode: Encode | None = None) -> sa.BindParameter[Any]:
        """A placeholder for a value of that source; equal binds share one."""
        bind = Bind(source, encode)
        name = f"p{len(self.binds)}"
        self.binds[name] = bind
        return sa.bindparam(name)

    def finish(
        self,
        statement: sa.sql.ClauseElement,
        expect: Expect,
        parts: tuple[Part | None, ...] = (),
        *,
        about: tuple[int, ...] = (),
        repeat: int | None = None,
    ) -> Step:
        """The statement as a step of a plan."""
        compiled: Any = statement.compile(dialect=self.dialect.engine)
        text = self.dialect.finished(str(compiled))
        names = compiled.positiontup or ()
        binds = tuple(self._bound(name, compiled.params) for name in names)
        return Step(text, binds, expect, parts, about, repeat)

    def _bound(self, name: str, own: dict[str, Any]) -> Bind:
        """Ours, or one that the compiler made of a constant of the statement."""
        return self.binds[name] if name in self.binds else Bind(Constant(own[name]))
