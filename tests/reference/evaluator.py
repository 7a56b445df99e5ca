"""What each role may read and write, said a second time and as plainly as can be, from the text of the configuration.

What a caller sees is a world of its own, `seen`: the rows that a right shows, with the cells that such a right lists
and None in the place of others. Whatever they ask is asked of that world, so nothing can depend on what is not in it.

Rule: at most 250 lines, and not one of them from the product: a mistake would have to be made twice to go unnoticed.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.reference.logic import Truth, compared, either, every, glob, negated, unique
from tests.reference.model import COLUMNS, DEFAULTS, WAYS, Caller, Here, Row, State, follow, sound, typed

TURNED = str.maketrans("lg", "gl")


@dataclass(frozen=True)
class Right:
    """What one role may do in one way: the rule of the row before, that of the row after, columns and presets."""

    rows: Any
    check: Any
    columns: frozenset[str]
    presets: Mapping[str, Any]


@cache
def parsed(rule: str) -> ast.expr:
    return ast.parse(rule.strip(), mode="eval").body


class Rules:
    """The rules of one file, asked of the rows of one state for one caller. `missed` are claims that were not there."""

    def __init__(self, policies: Mapping[str, Any], state: State, caller: Caller) -> None:
        self.policies, self.state, self.caller = policies, state, caller
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.missed: set[str] = set()

    def holds(self, rule: Any, here: Here) -> Truth:
        if isinstance(rule, str):
            return self.condition(parsed(rule), here, here)
        return rule if isinstance(rule, bool) else self.mapping(rule, here)

    def claim(self, path: Sequence[str]) -> Any:
        found: Any = self.caller.claims
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            self.missed.add(".".join(path))
        return found

    # ── the rule language ────────────────────────────────────────────────────────────────────

    def condition(self, node: Any, here: Here, home: Here) -> Truth:
        match node:
            case ast.Constant(value=value):
                return bool(value)
            case ast.BoolOp(op=op, values=parts):
                return (every if isinstance(op, ast.And) else either)([self.condition(p, here, home) for p in parts])
            case ast.UnaryOp(operand=part):
                return negated(self.condition(part, here, home))
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[right]):
                value, among = self.value(left, here, home), self.value(right, here, home)
                found = None if among is None else either([compared("eq", value, each) for each in among])
                return found if isinstance(op, ast.In) else negated(found)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op]):
                return (self.value(left, here, home) is None) == isinstance(op, ast.Is)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                one, other = self.value(left, here, home), self.value(right, here, home)
                name = type(op).__name__.lower().replace("noteq", "ne")
                if isinstance(left, ast.Constant | ast.UnaryOp) or ast.unparse(left).startswith("claims."):  # 5 < price
                    one, other, name = other, one, name.translate(TURNED) if name not in {"eq", "ne"} else name
                return compared(name, one, other)
            case ast.Call(func=ast.Name(id="exists"), args=[path, inner]):
                return any(self.condition(inner, each, home) is True for each in self.reached(dotted(path), here))
            case ast.Call(func=ast.Name(id="like" | "ilike" as name), args=[term, pattern]):
                return compared(name, self.value(term, here, home), self.value(pattern, here, home))
            case ast.Name(id=name) if name in self.policies:
                return self.holds(self.policies[name], here)
            case _:
                found = self.value(node, here, home)
                return found if found is None else bool(found)

    def reached(self, path: list[str], here: Here) -> list[Here]:
        if path[0] not in WAYS[here[0]]:
            rows, path = [(path[0], row) for row in self.state[path[0]]], path[1:]
        else:
            rows = [here]
        for name in path:
            rows = [
                (WAYS[table][name].target, each)
                for table, row in rows
                for each in follow(self.state, (table, row), name)
            ]
        return rows

    def value(self, node: Any, here: Here, home: Here) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List(elts=parts):
                return [self.value(part, here, home) for part in parts]
            case ast.UnaryOp():
                return ast.literal_eval(node)
            case ast.Call(func=ast.Name(id="now")):
                return self.now
            case ast.Call(func=ast.Name(id="today")):
                return self.now.date()
            case ast.Call(func=ast.Name(id="lower"), args=[term]):
                found = self.value(term, here, home)
                return found if found is None else found.lower()
        path = dotted(node)
        if path[0] == "claims":
            return self.claim(path[1:])
        if path[0] in {"row", "new"}:
            here, path = home, path[1:]
        for name in path[:-1]:
            found = follow(self.state, here, name)
            if not found:
                return None
            here = (WAYS[here[0]][name].target, found[0])
        return here[1][path[-1]]

    # ── filters in JSON form, of rules and of callers ────────────────────────────────────────

    def mapping(self, where: Mapping[str, Any], here: Here) -> Truth:
        return every([self.member(name, given, here) for name, given in where.items()])

    def member(self, name: str, given: Any, here: Here) -> Truth:
        if name in {"_and", "_or"}:
            return (every if name == "_and" else either)([self.mapping(each, here) for each in given])
        if name == "_not":
            return negated(self.mapping(given, here))
        if name in here[1]:
            return every([self.operation(op.strip("_"), here[1][name], operand) for op, operand in given.items()])
        rows = (
            self.reached([name], here)
            if name != "_exists"
            else [(given["_table"], r) for r in self.state[given["_table"]]]
        )
        inner = given["_where"] if name == "_exists" else given
        return any(self.mapping(inner, each) is True for each in rows)

    def operation(self, op: str, value: Any, given: Any) -> Truth:
        if isinstance(given, str) and given.startswith("claims."):
            given = self.claim(given.split(".")[1:])
        if op == "isnull":
            return (value is None) is given
        if op in {"in", "nin"}:
            found = None if given is None else either([compared("eq", value, each) for each in given])
            return found if op == "in" else negated(found)
        return compared(op, value, given)


def dotted(node: Any) -> list[str]:
    if isinstance(node, ast.Call):
        return [str(ast.literal_eval(each)) for each in node.args]
    return [node.id] if isinstance(node, ast.Name) else [*dotted(node.value), node.attr]


class Reference:
    """One configuration."""

    def __init__(self, text: str) -> None:
        self.config = YAML(typ="safe", pure=True).load(text)
        self.defaults = self.config.get("defaults", {})

    def rules(self, state: State, caller: Caller) -> Rules:
        return Rules(self.config.get("policies", {}), state, caller)

    # ── rights ───────────────────────────────────────────────────────────────────────────────

    def roles(self, named: Iterable[str]) -> list[str]:
        found: list[str] = []
        for role in named:
            extended = (self.config["roles"][role] or {}).get("extends", [])
            found += [role, *self.roles([extended] if isinstance(extended, str) else extended)]
        return sorted(set(found))

    def entries(self, table: str) -> list[Any]:
        """What the file says of a table: patterns first, its own name last."""
        said = self.config.get("tables", {})
        names = [name for name in said if name != table and table in glob(name, COLUMNS)]
        return [said[name] or {} for name in [*names, table] if name in said]

    def allowed(self, caller: Caller, table: str) -> list[Any]:
        """What each role of the caller is allowed: the last entry that names it. None is named: what is by default."""
        entries = self.entries(table)
        if not any(entry.get("allow") for entry in entries):
            read, write = self.defaults.get("read", False), self.defaults.get("write", False)
            return [{"read": read, "aggregate": read, "create": write, "update": write, "delete": write}]
        said = [[e["allow"][role] for e in entries if role in e.get("allow", {})] for role in self.roles(caller.roles)]
        return [each[-1] for each in said if each]

    @cache  # noqa: B019 - lives as long as the test
    def rights(self, caller: Caller, table: str, verb: str) -> list[Right]:
        """Rights to read, aggregate, create, update or delete; to aggregate is a right to read that says so."""
        hidden = {c for e in self.entries(table) for name in e.get("columns", {}) for c in glob(name, COLUMNS[table])}
        found = []
        for entry in self.allowed(caller, table):
            given = entry.get("read" if verb == "aggregate" and entry.get(verb) else verb, False)
            given = given if isinstance(given, dict) and set(given) & {"filter", "check"} else {"filter": given}
            rows = given.get("filter", given.get("check"))
            check = rows if given.get("check") is None else given["check"]
            listed = given.get("columns", entry.get("columns") if verb == "read" else None)
            names = ["*"] if listed is None else listed
            presets = given.get("presets", {})
            columns = {each for name in names for each in glob(name, COLUMNS[table])} - hidden - set(presets)
            if rows is not False and check is not False:
                found.append(Right(rows, check, frozenset(columns), presets))
        return found

    # ── what a caller sees ───────────────────────────────────────────────────────────────────

    def scope(self, caller: Caller, table: str) -> set[str]:
        return set().union(*(right.columns for right in self.rights(caller, table, "read")))

    def reaches(self, caller: Caller, table: str, name: str) -> bool:
        """Whether the caller may go this way: both of its ends must be theirs to read, and the junction between."""
        way = WAYS[table][name]
        ends = [(table, [near for near, _ in way.pairs]), (way.target, [far for _, far in way.far or way.pairs])]
        if way.junction is not None:
            ends.append((way.junction, [far for _, far in way.pairs] + [near for near, _ in way.far]))
        return all(self.rights(caller, each, "read") and self.scope(caller, each).issuperset(n) for each, n in ends)

    def seen(self, state: State, caller: Caller) -> State:
        return {table: [row for row, _ in self.seen_rows(state, caller, table)] for table in COLUMNS}

    def seen_rows(self, state: State, caller: Caller, table: str) -> Iterator[tuple[Row, Row]]:
        """Each row as the caller sees it, and as it is."""
        rights, scope, rules = self.rights(caller, table, "read"), self.scope(caller, table), self.rules(state, caller)
        for row in state[table]:
            showing = [right.columns for right in rights if rules.holds(right.rows, (table, row)) is True]
            cells = frozenset().union(*showing)
            if showing:
                yield {name: row[name] if name in cells else None for name in COLUMNS[table] if name in scope}, row

    # ── what a caller may write: every state that may come of it, None for a refusal ─────────

    def insert(self, state: State, caller: Caller, table: str, given: Sequence[Row]) -> list[State | None]:
        names = set(itertools.chain(*given))
        rights = [each for each in self.rights(caller, table, "create") if each.columns.issuperset(names)]
        found: list[State | None] = []
        for presets in unique(right.presets for right in rights):
            empty = {**dict.fromkeys(COLUMNS[table]), **DEFAULTS.get(table, {})}
            made = [{**empty, **row, **self.preset(table, presets, caller)} for row in given]
            new = {**state, table: [*state[table], *made]}
            judges = [right for right in rights if right.presets == presets]
            if not sound(new):
                found.append(None)  # the database has its say before another right is tried
            elif all(self.judged(judges, new, caller, (table, row)) for row in made):
                found.append(new)
        return found or [None]

    def update(self, state: State, caller: Caller, table: str, where: Any, given: Row) -> list[State | None]:
        """Each row is changed by a right that found it before and whose check holds of it after; what none found, stays."""
        rights = [each for each in self.rights(caller, table, "update") if each.columns.issuperset(given)]
        found: list[list[tuple[Row, list[Right]]]] = []
        for row, finding in self.found(state, caller, table, where, rights):
            sets = unique(right.presets for right in finding)
            found.append([(row, [right for right in finding if right.presets == each]) for each in sets])
        makes = [self.changed(state, caller, table, given, each) for each in itertools.product(*found)]
        return makes if rights and self.rights(caller, table, "read") else [None]

    def found(self, state: State, caller: Caller, table: str, where: Any, rights: Any) -> Iterator[tuple[Row, Any]]:
        """The rows that the caller sees and means, with the rights that find them."""
        asked, rules = self.rules(self.seen(state, caller), caller), self.rules(state, caller)
        for seen, row in self.seen_rows(state, caller, table):
            finding = [right for right in rights if rules.holds(right.rows, (table, row)) is True]
            if finding and asked.mapping(where, (table, seen)) is True:
                yield row, finding

    def changed(self, state: State, caller: Caller, table: str, given: Row, by: Any) -> State | None:
        news = {id(row): {**row, **given, **self.preset(table, rights[0].presets, caller)} for row, rights in by}
        new = {**state, table: [news.get(id(row), row) for row in state[table]]}
        fine = sound(new) and all(self.judged(rights, new, caller, (table, news[id(row)])) for row, rights in by)
        return new if fine else None

    def delete(self, state: State, caller: Caller, table: str, where: Any) -> list[State | None]:
        rights = self.rights(caller, table, "delete")
        gone = [id(row) for row, _ in self.found(state, caller, table, where, rights)]
        new = {**state, table: [row for row in state[table] if id(row) not in gone]}
        return [new if rights and self.rights(caller, table, "read") and sound(new) else None]

    def judged(self, rights: Iterable[Right], state: State, caller: Caller, here: Here) -> bool:
        rules = self.rules(state, caller)
        return any(rules.holds(right.check, here) is True for right in rights)

    def preset(self, table: str, presets: Mapping[str, Any], caller: Caller) -> Row:
        rules, found = self.rules({}, caller), {}
        for name, given in presets.items():
            plain = rules.value(parsed(given), ("", {}), ("", {})) if isinstance(given, str) else given
            found[name] = typed(COLUMNS[table][name], plain)
        return found
