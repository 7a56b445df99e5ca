"""What is wrong with rules on every database: whether each is a rule at all, as far as no catalog is needed to tell.

Rule: like the other checks it reads the plain values, so that a rule is judged also where something else of the file is
wrong, and its complaints are the very ones that binding would have: whoever hears both tells them once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reflector.access.description import RuleText
from reflector.access.policies import Policies
from reflector.access.rule_faults import faults_of
from reflector.access.rules_parse import parse_rule, parse_value
from reflector.errors import RuleError
from server.config.checks import allowances, masks
from server.config.complaints import Path
from server.config.document import Document
from server.config.plain import mapping
from server.config.rules import NULL_UNLESS, UNLESS, RuleSource, read_preset, read_rule
from server.config.short_rules import is_filter
from server.config.values import UnfitError

RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "read": ("filter",),
    "create": ("check",),
    "update": ("filter", "check"),
    "delete": ("filter",),
}
"""Under each right, what is a rule; the first of them is also what a text alone stands for."""


def check_rules(document: Document) -> None:
    """Add what is wrong with the rules of the file to its complaints."""
    policies = dict(_policies(document.data))
    for complaint in Policies({name: RuleText(rule.form, rule) for name, rule in policies.items()}).complaints:
        name = next(name for name, rule in policies.items() if rule is complaint.where)
        place = document.place(("policies", name))
        position = place.key if complaint.offset is None else policies[name].at(complaint.offset) or place.value
        document.complain(position, ("policies", name), complaint.message, complaint.hint)
    for path, given in (*_of_tables(document.data), *_of_webhooks(document.data)):
        _check(document, path, given, parse_rule)
    for path, given in written_presets(document.data):
        _check(document, path, given, parse_value)


def written_rules(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every rule as it is written, and where: policies, those of rights, exceptions of masks, and filters of webhooks."""
    yield from ((("policies", name), given) for name, given in mapping(data, "policies").items())
    yield from (*_of_tables(data), *_of_webhooks(data))


def written_presets(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """What columns are set to, and where that is written."""
    for path, allowed in _rights(data):
        for column, given in mapping(allowed, "presets").items():
            yield (*path, "presets", column), given


def _of_tables(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for path, allowed in _rights(data):
        for below, given in _written(path[-1], allowed):
            yield (*path, *below), given
    for path, given in masks(data):
        for name in {NULL_UNLESS, UNLESS} & mapping(given).keys():
            yield (*path, name), given[name]


def _of_webhooks(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for name, said in mapping(data, "webhooks").items():
        yield ("webhooks", name, "filter"), mapping(said).get("filter")


def _policies(data: Mapping[str, Any]) -> Iterator[tuple[str, RuleSource]]:
    for name, given in mapping(data, "policies").items():
        try:
            yield name, read_rule(given)
        except UnfitError:
            continue  # told by the models


def _rights(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for path, _, allowed in allowances(data):
        for right in RULES:
            if right in mapping(allowed):
                yield (*path, right), allowed[right]


def _written(right: Any, allowed: Any) -> Iterator[tuple[Path, Any]]:
    """The rules of a right, each with its path below the right: none where the rule stands for all of it."""
    if not isinstance(allowed, Mapping) or is_filter(allowed):
        yield (), allowed
        return
    for name in RULES[right]:
        if name in mapping(allowed):
            yield (name,), allowed[name]


def _check(document: Document, path: Path, given: Any, parse: Callable[[str], object]) -> None:
    if not isinstance(given, str) or not given.strip():
        return
    try:
        parse(given)
    except RuleError as error:
        preset = parse is parse_value
        source = read_preset(given) if preset else read_rule(given)
        for fault in faults_of(error):
            position = source.at(fault.offset) if isinstance(source, RuleSource) else source.position
            document.complain(position or document.place(path).value, path, fault.message, fault.hint)
