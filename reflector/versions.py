"""Which rows may have changed since somebody looked: a number for each table, and what else a write reaches.

    versions.read(tables)  ─►  SQL  ─►  versions.read(tables) again: equal, or what was read may be old

Whoever keeps an answer reads the versions of its tables before asking the database, keeps it only where they are still the
same afterwards, and believes it for as long as they stay so.

Rule: a version moves after the change is there to be read, never before alone; where nobody knows when that is (a write
whose outcome is unknown), the tables are in doubt for a while, and nothing that was read of them meanwhile is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeAlias

from reflector.catalog.model import Catalog, Deed, Reaction, Table, TableKind

TableName: TypeAlias = tuple[str, str]
"""Schema and name, as the database has them: they outlive every catalog."""
Version: TypeAlias = tuple[int, int]
"""Epoch and number. Versions of two epochs have nothing in common."""


REACHING: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})
"""Actions of foreign keys that write the rows that refer."""


class Reach:
    """What a write to one table writes elsewhere, by the foreign keys of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._referring: defaultdict[TableName, list[Reaction]] = defaultdict(list)
        for each in catalog.reactions:
            self._referring[each.target].append(each)
        self._known: dict[tuple[Table, Deed], frozenset[TableName] | None] = {}

    def of(self, table: Table, deed: Deed) -> frozenset[TableName] | None:
        """Every table whose rows may change, as far as foreign keys decide; None for any table at all.

        What a view is made of is not known, so a write to one may reach anything.
        """
        key = (table, deed)
        if key not in self._known:
            whole = table.kind is TableKind.TABLE
            self._known[key] = self._closure((table.schema, table.name), deed) if whole else None
        return self._known[key]

    def _closure(self, start: TableName, deed: Deed) -> frozenset[TableName]:
        seen, waiting = {(start, deed)}, [(start, deed)]
        while waiting:
            for each in self._next(*waiting.pop()):
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return frozenset(name for name, _ in seen)

    def _next(self, table: TableName, deed: Deed) -> Iterable[tuple[TableName, Deed]]:
        if deed is Deed.INSERT:
            return
        for each in self._referring[table]:
            action = each.on_delete if deed is Deed.DELETE else each.on_update
            if action in REACHING:
                gone = deed is Deed.DELETE and action == "CASCADE"
                yield each.table, Deed.DELETE if gone else Deed.UPDATE


class Versions:
    """The versions of all tables, by name; one that nobody changed is at the beginning of the epoch.

    `clock` is monotonic, in seconds. `moved` counts every change of any version: where it is the same, all are.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._epoch = 0
        self._numbers: dict[TableName, int] = {}
        self._doubted: dict[TableName, float] = {}
        self._all_doubted = float("-inf")
        self.moved = 0

    def read(self, tables: Sequence[TableName]) -> tuple[Version, ...]:
        """The versions of the tables, in their order."""
        epoch, numbers = self._epoch, self._numbers
        return tuple([(epoch, numbers.get(table, 0)) for table in tables])

    def bump(self, tables: Collection[TableName] | None) -> None:
        """Rows of these tables have changed; None for any table."""
        self.moved += 1
        if tables is None:
            self._epoch += 1
            self._numbers.clear()
            return
        for table in tables:
            self._numbers[table] = self.moved

    def doubt(self, tables: Collection[TableName] | None, seconds: float) -> None:
        """Rows of these tables may have changed, or may yet within so many seconds; None for any table."""
        self.bump(tables)
        until = self._clock() + seconds
        if tables is None:
            self._all_doubted = max(self._all_doubted, until)
            return
        for table in tables:
            self._doubted[table] = max(until, self._doubted.get(table, until))

    def in_doubt(self, tables: Iterable[TableName]) -> bool:
        """Whether what is read of the tables now may be overtaken without notice."""
        if not self._doubted and self._all_doubted == float("-inf"):
            return False
        now = self._clock()
        self._doubted = {table: until for table, until in self._doubted.items() if until > now}
        if self._all_doubted <= now:
            self._all_doubted = float("-inf")
        return self._all_doubted > now or any(table in self._doubted for table in tables)
