"""One statement being written: aliases, placeholders, and where each placeholder's value comes from.

Rule: a value never enters the text. `bind` is the only way to put one in, and what it remembers becomes the plan's
binds in the order in which the finished text names them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Table
from reflector.sql.dialect import Dialect
from reflector.sql.plan import Bind, Constant, Encode, Expect, Part, Source, Step


class Writer:
    """The writer of one statement for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.binds: dict[str, Bind] = {}
        self.aliases = 0
        self.made: set[str] = set()
        """Aliases whose rows are made by the statement: they have the columns of a table, and not its row type."""
        self.calls = False
        """Whether the statement calls a function of the database."""

    def alias(self, table: Table | None = None) -> str:
        """A table alias that no other row of this statement has. `table`: whose rows it is to stand for."""
        alias = f"t{self.aliases}"
        self.aliases += 1
        if table is not None and not table.schema:
            self.made.add(alias)
        return alias

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
        return Step(text, binds, expect, parts, about, repeat, self.calls)

    def _bound(self, name: str, own: dict[str, Any]) -> Bind:
        """Ours, or one that the compiler made of a constant of the statement."""
        return self.binds[name] if name in self.binds else Bind(Constant(own[name]))
