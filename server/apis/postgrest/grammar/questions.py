"""The whole query string: every parameter brought to the level of the select that it is about.

Of `select`, `columns` and `on_conflict` the first holds, of an order, a limit or an offset the last; filters all hold.

Rule: a parameter about an embedded resource that was not selected ends the request; it is never without effect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.conditions import Terms
from server.apis.postgrest.grammar.fields import names, target, way
from server.apis.postgrest.grammar.limits import LIMITS, Limits
from server.apis.postgrest.grammar.nodes import Embed, Level, Logic, Question, Selected, Star, Term
from server.apis.postgrest.grammar.operations import begins_operation
from server.apis.postgrest.grammar.orders import order
from server.apis.postgrest.grammar.parameters import LOGIC, PAGING, WHOLE, last_word, negated, split_query
from server.apis.postgrest.grammar.selects import select
from server.apis.postgrest.ranges import count_of

NUMBER: Final = re.compile(r" *(-?)([0-9]+) *\Z")
STAR: Final = (Star(),)


@dataclass(slots=True)
class _Part:
    """What was said about one level, while the parameters are read."""

    where: list[Logic] = field(default_factory=list)
    order: tuple[Term, ...] = ()
    limit: int | None = None
    offset: int = 0
    inner: dict[int, _Part] = field(default_factory=dict)


def question(raw: str, limits: Limits = LIMITS, *, function: bool = False, legacy_targets: bool = True) -> Question:
    """The question of a raw query string.

    `function`: a function is read, so parameters without operator are its arguments. `legacy_targets`: an embedded
    resource with an alias may be named by its relation too. Raises PostgrestError.
    """
    return _Reader(split_query(raw, limits), limits, legacy_targets=legacy_targets).read(function=function)


class _Reader:
    def __init__(self, pairs: list[tuple[str, str]], limits: Limits, *, legacy_targets: bool) -> None:
        self.pairs, self.limits, self.legacy_targets = pairs, limits, legacy_targets
        self.whole: dict[str, str] = {}
        self.arguments: list[tuple[str, str]] = []
        self.legacy: list[str] = []
        self.terms = Terms(limits)
        self.root = _Part()
        self.selected: tuple[Selected, ...] = STAR

    def read(self, *, function: bool) -> Question:
        for name, value in self.pairs:
            if name in WHOLE:
                self.whole.setdefault(name, value)
        if "select" in self.whole:
            self.selected = select(self.whole["select"], self.limits)
        for name, value in self.pairs:
            if name not in WHOLE:
                self._parameter(name, value, function=function)
        root = _level(self.selected, self.root, legacy_targets=self.legacy_targets)
        return Question(
            root, self._names("columns"), self._names("on_conflict"), tuple(self.arguments), tuple(self.legacy)
        )

    def _names(self, name: str) -> tuple[str, ...] | None:
        text = self.whole.get(name)
        return None if text is None else names(text, name, self.limits)

    def _parameter(self, name: str, value: str, *, function: bool) -> None:
        before, word = last_word(name)
        if word in PAGING:
            self._page(self._part(before), word, value)
        elif word in LOGIC:
            turned, way_there = negated(before)
            self._part(way_there).where.append(self.terms.tree(word, value, negated=turned))
        elif function and not begins_operation(value):
            self.arguments.append((name, value))
        else:
            path, found = target(name, self.limits)
            self._reach(path).where.append(self.terms.condition(found, value))

    def _page(self, part: _Part, word: str, value: str) -> None:
        if word == "order":
            part.order = order(value, self.limits)
        elif word == "limit":
            part.limit = _limit(value)
        else:
            part.offset = _offset(value)

    # ── the level a parameter is about ───────────────────────────────────────────────────────

    def _part(self, dotted: str) -> _Part:
        return self._reach(way(dotted, self.limits)) if dotted else self.root

    def _reach(self, path: tuple[str, ...]) -> _Part:
        part, selected = self.root, self.selected
        for name in path:
            index, embed = self._embed(selected, name)
            part, selected = part.inner.setdefault(index, _Part()), embed.level.selected
        return part

    def _embed(self, selected: tuple[Selected, ...], name: str) -> tuple[int, Embed]:
        """The embedded resource of that label, else the first of that relation."""
        embeds = [(index, each) for index, each in enumerate(selected) if isinstance(each, Embed)]
        for index, each in embeds:
            if each.label == name:
                return index, each
        for index, each in embeds:
            if each.name == name and self.legacy_targets:
                if name not in self.legacy:
                    self.legacy.append(name)
                return index, each
        raise not_embedded(name)


def _level(selected: tuple[Selected, ...], part: _Part, *, legacy_targets: bool) -> Level:
    """The level with what was said about it; what nothing was said about stays as it is."""
    if part.inner:
        items = list(selected)
        for index, inner in part.inner.items():
            embed = items[index]
            if isinstance(embed, Embed):
                items[index] = replace(embed, level=_level(embed.level.selected, inner, legacy_targets=legacy_targets))
        selected = tuple(items)
    if part.order:
        _check_order(part.order, selected, legacy_targets=legacy_targets)
    return Level(selected, tuple(part.where), part.order, part.limit, part.offset)


def _check_order(terms: tuple[Term, ...], selected: tuple[Selected, ...], *, legacy_targets: bool) -> None:
    """Raise PostgrestError for an order by a field of related rows that are not embedded at that level."""
    for term in terms:
        if term.relation is None:
            continue
        embeds = [each for each in selected if isinstance(each, Embed)]
        if not any(term.relation == each.label or (legacy_targets and term.relation == each.name) for each in embeds):
            raise not_embedded(term.relation)


def not_embedded(name: str) -> PostgrestError:
    """The error for a parameter about an embedded resource that is not in `select`."""
    return refusal(
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


# ── numbers ──────────────────────────────────────────────────────────────────────────────────


def _limit(text: str) -> int | None:
    """A limit; what is no number limits nothing, as in PostgREST. Raises PostgrestError for a negative one."""
    found = NUMBER.match(text)
    if found is None:
        return None
    if found[1] and found[2].strip("0"):
        raise refusal("PGRST103", "Requested range not satisfiable", "Limit should be greater than or equal to zero.")
    return count_of(found[2])


def _offset(text: str) -> int:
    found = NUMBER.match(text)
    return 0 if found is None or found[1] else count_of(found[2])
