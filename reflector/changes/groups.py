"""The groups of readers, found by their question, by the table they asked about and by the tables that their rules read.

Rule: a group is here for as long as somebody reads in it; whoever forgets it ends what it was waiting for.
"""

from __future__ import annotations

from collections.abc import Iterator

from reflector.catalog.model import Table
from reflector.changes.index import Index
from reflector.changes.question import Question
from reflector.changes.subscription import Group, Subscription


class Groups:
    """None at first."""

    def __init__(self) -> None:
        self._by_question: dict[Question, Group] = {}
        self._by_table: dict[Table, Index[Group]] = {}
        self._by_dependency: dict[Table, dict[Group, None]] = {}

    def __iter__(self) -> Iterator[Group]:
        """Those that there are now; more may come and go meanwhile."""
        return iter(list(self._by_question.values()))

    def asking(self, table: Table) -> Index[Group] | None:
        """Those that asked about this table; None where nobody ever did."""
        return self._by_table.get(table)

    def depending(self, table: Table) -> list[Group]:
        """Those whose rules read this table."""
        return list(self._by_dependency.get(table, ()))

    def of(self, question: Question) -> Group:
        """The group of this question, a new one where there is none."""
        group = self._by_question.get(question)
        if group is None:
            group = self._by_question[question] = Group(question)
            self._by_table.setdefault(question.table, Index()).add(group)
            for table in question.depends:
                self._by_dependency.setdefault(table, {})[group] = None
        return group

    def leave(self, subscription: Subscription) -> None:
        """One reader less."""
        group = subscription.group
        group.subscriptions.pop(subscription, None)
        if not group.subscriptions:
            self._forget(group)

    def clear(self) -> None:
        """Nobody reads any more."""
        for group in self:
            self._forget(group)
        self._by_table.clear()
        self._by_dependency.clear()

    def _forget(self, group: Group) -> None:
        if self._by_question.get(group.question) is group:
            del self._by_question[group.question]
        index = self._by_table.get(group.question.table)
        if index is not None:
            index.remove(group)
        for table in group.question.depends:
            self._by_dependency.get(table, {}).pop(group, None)
        if group.asking is not None:
            group.asking.cancel()
        if group.calm is not None:
            group.calm.cancel()
