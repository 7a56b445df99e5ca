"""A question spelled as a query string: the grammar's other direction, for tests alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from server.apis.postgrest.grammar.nodes import (
    Among,
    Column,
    Comparison,
    Condition,
    Count,
    Embed,
    Field,
    Is,
    Junction,
    Level,
    Logic,
    Operation,
    Question,
    Selected,
    Star,
    Term,
)


def spelled(question: Question) -> str:
    """The raw query string."""
    pairs = [("select", ",".join(item(each) for each in question.root.selected))]
    pairs += [(name, value) for name, value in of_level(question.root, ())]
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def field(found: Field) -> str:
    steps = (
        ("->>" if each.as_text else "->") + (str(each.key) if isinstance(each.key, int) else in_quotes(each.key))
        for each in found.path
    )
    return in_quotes(found.name) + "".join(steps)


def item(selected: Selected) -> str:
    match selected:
        case Star():
            return "*"
        case Count(alias, cast):
            return f"{prefix(alias)}count(){casting(cast)}"
        case Column(found, alias, cast, aggregate, aggregate_cast):
            summed = f".{aggregate}(){casting(aggregate_cast)}" if aggregate else ""
            return f"{prefix(alias)}{field(found)}{casting(cast)}{summed}"
        case Embed(name, level, alias, hint, join, spread):
            marks = (f"!{in_quotes(hint)}" if hint else "") + (f"!{join.value}" if join else "")
            inner = ",".join(item(each) for each in level.selected)
            return f"{'...' if spread else ''}{prefix(alias)}{in_quotes(name)}{marks}({inner})"


def prefix(alias: str | None) -> str:
    return "" if alias is None else f"{in_quotes(alias)}:"


def casting(cast: str | None) -> str:
    return "" if cast is None else f"::{cast}"


def of_level(level: Level, way: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    dotted = "".join(f"{in_quotes(name)}." for name in way)
    for logic in level.where:
        match logic:
            case Condition(found, what, negated):
                yield dotted + field(found), ("not." if negated else "") + operation(what, inside=False)
            case Junction(any_of, parts, negated):
                word = ("not." if negated else "") + ("or" if any_of else "and")
                yield dotted + word, f"({','.join(tree(each) for each in parts)})"
    if level.order:
        yield f"{dotted}order", ",".join(term(each) for each in level.order)
    if level.limit is not None:
        yield f"{dotted}limit", str(level.limit)
    if level.offset:
        yield f"{dotted}offset", str(level.offset)
    for embed in level.embeds:
        yield from of_level(embed.level, (*way, embed.label))


def tree(logic: Logic) -> str:
    match logic:
        case Condition(found, what, negated):
            return f"{field(found)}.{'not.' if negated else ''}{operation(what, inside=True)}"
        case Junction(any_of, parts, negated):
            word = ("not." if negated else "") + ("or" if any_of else "and")
            return f"{word}({','.join(tree(each) for each in parts)})"


def operation(what: Operation, *, inside: bool) -> str:
    match what:
        case Comparison(operator, value, quantifier):
            mode = f"({quantifier.value})" if quantifier else ""
            return f"{operator}{mode}.{in_quotes(value) if inside else value}"
        case Among(values):
            return f"in.({','.join(in_quotes(each) for each in values)})"
        case Is(state):
            return f"is.{state}"
        case _:
            mode = f"({what.language})" if what.language else ""
            return f"{what.operator}{mode}.{in_quotes(what.text) if inside else what.text}"


def term(found: Term) -> str:
    subject = field(found.field) if found.relation is None else f"{in_quotes(found.relation)}({field(found.field)})"
    nulls = "" if found.nulls_first is None else ".nullsfirst" if found.nulls_first else ".nullslast"
    return subject + (".desc" if found.descending else "") + nulls
