"""What each role may read, write and be told, said a second time and as plainly as can be, from the text of the file.

What a caller sees is a world of its own, `seen`: the rows that a right shows, with the cells that such a right lists
and None in the place of others. Whatever they ask is asked of that world, so nothing can depend on what is not in it.

Rule: at most 250 lines, and not one of them from the product: a mistake would have to be made twice to go unnoticed.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.reference.logic import TURNED, Truth, compared, dotted, either, every, glob, masked, negated, parsed, unique
from tests.reference.model import COLUMNS, KEYS, Caller, Here, Row, State, along, cell, empty, ends, key, sound, typed


@dataclass(frozen=True)
class Right:
    """The rules of the row before and after, columns, what they are set to, how they are masked, on which rows seen."""

    rows: Any
    check: Any
    columns: frozenset[str] = frozenset()
    presets: Mapping[str, Any] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)


class Reference:
    """One configuration: the rights of its roles. `rights` is `found_rights`, found once."""

    def __init__(self, text: str) -> None:
        self.config = YAML(typ="safe", pure=True).load(text)
        self.rights = cache(self.found_rights)

    def roles(self, named: Iterable[str]) -> set[str]:
        extended = {role: (self.config["roles"][role] or {}).get("extends", []) for role in named}
        return {*extended}.union(*(self.roles([e] if isinstance(e, str) else e) for e in extended.values()))

    def entries(self, table: str) -> list[Any]:
        """What the file says of a table: patterns first, its own name last."""
        said = self.config.get("tables", {})
        names = [name for name in said if name != table and table in glob(name, COLUMNS)]
        return [said[name] or {} for name in [*names, table] if name in said]

    def allowed(self, caller: Caller, table: str) -> list[Any]:
        """What each role of the caller is allowed: the last entry that names it. None is named: what is by default."""
        entries, defaults = self.entries(table), self.config.get("defaults", {})
        if not any(entry.get("allow") for entry in entries):
            read, write = defaults.get("read", False), defaults.get("write", False)
            return [{"read": read, "aggregate": read, "create": write, "update": write, "delete": write}]
        said = [[e["allow"][r] for e in entries if r in e.get("allow", {})] for r in sorted(self.roles(caller.roles))]
        return [each[-1] for each in said if each]

    def found_rights(self, caller: Caller, table: str, verb: str) -> list[Right]:
        """Rights to read, aggregate, create, update or delete; to aggregate is a right to read that says so."""
        hidden = {c for e in self.entries(table) for name in e.get("columns", {}) for c in glob(name, COLUMNS[table])}
        found = []
        for entry in self.allowed(caller, table):
            given = entry.get("read" if verb == "aggregate" and entry.get(verb) else verb, False)
            given = given if isinstance(given, dict) and set(given) & {"filter", "check"} else {"filter": given}
            rows = given.get("filter", given.get("check"))
            check = rows if given.get("check") is None else given["check"]
            listed = given.get("columns", entry.get("columns") if verb == "read" else None)
            columns = {c for name in (["*"] if listed is None else listed) for c in glob(name, COLUMNS[table])} - hidden
            presets, masks = given.get("presets", {}), entry.get("mask", {})
            ways = {name: way if isinstance(way, str) else way.get("mask", "hidden") for name, way in masks.items()}
            unless = {name: [*way.values()][-1] for name, way in masks.items() if isinstance(way, dict)}
            shown = {name: way for name, way in ways.items() if name in columns and way != "hidden"}
            columns -= {*presets, *(ways.keys() - unless.keys())}  # what is masked everywhere is not written either
            if rows is not False and check is not False:
                found.append(Right(rows, check, frozenset(columns), presets, shown, unless))
        return found

    def scope(self, caller: Caller, table: str, *, masked: bool = False) -> set[str]:
        """The columns that may be asked about, and with those that are masked all that may be answered."""
        rights = self.rights(caller, table, "read")
        return set().union(*(right.columns for right in rights), *(right.masks for right in rights if masked))

    def reaches(self, caller: Caller, table: str, name: str) -> bool:
        """Whether the caller may go this way: both of its ends must be theirs to read, and the junction between."""
        needed = ends(table, name).items()
        return all(self.rights(caller, it, "read") and self.scope(caller, it).issuperset(c) for it, c in needed)


class Sight:
    """One state as a caller meets it: what rules say, what is seen, what states may come of a write (None: refused)."""

    def __init__(self, reference: Reference, state: State, caller: Caller) -> None:
        self.reference, self.state, self.caller = reference, state, caller
        self.policies, self.now = reference.config["policies"], datetime.now(UTC).replace(tzinfo=None)

    def rights(self, table: str, verb: str, names: Iterable[str] = ()) -> list[Right]:
        return [each for each in self.reference.rights(self.caller, table, verb) if each.columns.issuperset(names)]

    def holds(self, rule: Any, here: Here) -> Truth:
        if isinstance(rule, str):
            return self.condition(parsed(rule), here, here)
        return rule if isinstance(rule, bool) else self.mapping(rule, here)

    def condition(self, node: Any, here: Here, home: Here) -> Truth:
        match node:
            case ast.BoolOp(op=op, values=parts):
                return (every if isinstance(op, ast.And) else either)([self.condition(p, here, home) for p in parts])
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return negated(self.condition(part, here, home))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                one, other, name = *(self.value(each, here, home) for each in (left, right)), type(op).__name__.lower()
                turned = isinstance(left, ast.Constant | ast.UnaryOp) or ast.unparse(left).startswith("claims.")
                return compared(TURNED[name], other, one) if turned and name in TURNED else compared(name, one, other)
            case ast.Call(func=ast.Name(id="exists"), args=[path, inner]):
                return any(self.condition(inner, far, home) is True for far in along(self.state, here, dotted(path)))
            case ast.Call(func=ast.Name(id="like" | "ilike" as name), args=[term, pattern]):
                return compared(name, self.value(term, here, home), self.value(pattern, here, home))
            case ast.Name(id=name) if name in self.policies:
                return self.holds(self.policies[name], here)
        found: Truth = self.value(node, here, home)
        return found

    def value(self, node: Any, here: Here, home: Here) -> Any:
        match node:
            case ast.Constant() | ast.List() | ast.UnaryOp():
                return ast.literal_eval(node)
            case ast.Call(func=ast.Name(id="now" | "today" as name)):
                return self.now if name == "now" else self.now.date()
            case ast.Call(func=ast.Name(id="lower"), args=[term]):
                found = self.value(term, here, home)
                return found if found is None else found.lower()
        path = dotted(node)
        if path[0] == "claims":
            return self.caller.claim(path)
        here, path = (home, path[1:]) if path[0] in {"row", "new"} else (here, path)
        rows = along(self.state, here, path[:-1])
        return rows[0][1][path[-1]] if rows else None

    def mapping(self, where: Mapping[str, Any], here: Here) -> Truth:
        """A filter in JSON form, of a rule or a caller."""
        return every([self.member(name, given, here) for name, given in where.items()])

    def member(self, name: str, given: Any, here: Here) -> Truth:
        if name in {"_and", "_or"}:
            return (every if name == "_and" else either)([self.mapping(each, here) for each in given])
        if name == "_not":
            return negated(self.mapping(given, here))
        if name in here[1]:
            dynamic = {op: isinstance(each, str) and each.startswith("claims.") for op, each in given.items()}
            meant = {op: self.caller.claim(each.split(".")) if dynamic[op] else each for op, each in given.items()}
            return every([compared(op.strip("_"), here[1][name], each) for op, each in meant.items()])
        path, inner = (given["_table"], given["_where"]) if name == "_exists" else (name, given)
        return any(self.mapping(inner, far) is True for far in along(self.state, here, [path], way=path == name))

    def rows(self, table: str) -> Iterator[tuple[Row, Row]]:
        """Each row as the caller sees it, and as it is. What is answered of a masked column is called `shown …`."""
        rights, scope = self.rights(table, "read"), self.reference.scope(self.caller, table)
        for row in self.state[table]:
            showing = [right for right in rights if self.holds(right.rows, (table, row)) is True]
            cells = {c for r in showing for c in r.columns if self.holds(r.unless.get(c, True), (table, row)) is True}
            seen = {name: row[name] if name in cells else None for name in COLUMNS[table] if name in scope}
            for name in {name for right in showing for name in right.masks} - cells:
                ways = [right.masks[name] for right in showing if name in right.masks]
                seen[f"shown {name}"] = masked(ways, row[name], self.reference.config["server"]["secret"])
            if showing:
                yield seen, row

    def seen(self) -> Sight:
        return Sight(self.reference, {table: [row for row, _ in self.rows(table)] for table in COLUMNS}, self.caller)

    def found(self, table: str, where: Any, rights: Sequence[Right] = ()) -> Iterator[tuple[Row, Row, list[Right]]]:
        """The rows that the caller sees and means, as seen and as they are, with the rights that find them."""
        asked = self.seen()
        for seen, row in self.rows(table):
            if asked.mapping(where, (table, seen)) is True:
                yield seen, row, [right for right in rights if self.holds(right.rows, (table, row)) is True]

    def told(self, later: Sight, table: str, where: Any, names: Iterable[str]) -> list[Any]:
        """What is told where this state became another: what happened, to which row, and what is seen of it now."""
        images = [
            {key(table, row): {name: cell(seen, name) for name in names} for seen, row, _ in each.found(table, where)}
            for each in (self, later)
        ]
        (was, now), (before, after) = images, ([key(table, row) for row in each.state[table]] for each in (self, later))
        found = [("update", each, now[each]) for each in now if each in was and now[each] != was[each]]
        found += [("enter" if each in before else "insert", each, now[each]) for each in now if each not in was]
        return found + [("leave" if each in after else "delete", each, None) for each in was if each not in now]

    def insert(self, table: str, given: Sequence[Row], way: str = "") -> list[State | None]:
        """New rows. Those that exist are left alone (`ignore`), changed (`merge`) or replaced (`put`) where it is said."""
        names, new = set(itertools.chain(*given)), empty(table)
        taken, makers, found = names.difference(KEYS[table]), self.rights(table, "create", names), list[State | None]()
        changers = self.rights(table, "update", taken) if way in {"merge", "put"} else [Right(False, False)]
        sight = [row for _, row in self.rows(table)] if self.rights(table, "read") else self.state[table]
        old = {}
        for row in self.state[table] if way else ():
            finding = [right for right in changers if row in sight and self.holds(right.rows, (table, row)) is True]
            old[key(table, row)] = row, finding
        for made, own in itertools.product(self.presets(makers), self.presets(changers)):
            rows = [{**new, **row, **self.preset(table, made)} for row in given]
            lost = new.keys() - names - {*KEYS[table], *made} if way == "put" else set()
            reset = {name: new[name] for name in lost if all(name in right.columns for right in changers)}
            met = [(*old[key(table, row)], row) for row in rows if way != "ignore" and key(table, row) in old]
            news = [(each, {**reset, **{n: row[n] for n in taken}}, finding) for each, finding, row in met]
            changes = [(each, now, [right for right in finding if right.presets == own]) for each, now, finding in news]
            fresh = [row for row in rows if key(table, row) not in old]
            found += self.written(table, changes, fresh, [right for right in makers if right.presets == made])
        return found or [None]

    def update(self, table: str, where: Any, given: Row) -> list[State | None]:
        """Each row is changed by a right that found it before and whose check holds of it after; what none found, stays."""
        rights, changes = self.rights(table, "update", given), []
        for _, row, finding in self.found(table, where, rights):
            each_way = [(row, given, [r for r in finding if r.presets == it]) for it in self.presets(finding)]
            changes += [each_way] if each_way else []
        makes = [self.written(table, each) or [None] for each in itertools.product(*changes)]
        return [*itertools.chain(*makes)] if rights and self.rights(table, "read") else [None]

    def delete(self, table: str, where: Any) -> list[State | None]:
        rights = self.rights(table, "delete")
        gone = [id(row) for _, row, finding in self.found(table, where, rights) if finding]
        new = {**self.state, table: [row for row in self.state[table] if id(row) not in gone]}
        return [new if rights and self.rights(table, "read") and sound(new) else None]

    def written(self, table: str, changes: Any, fresh: Sequence[Row] = (), makers: Any = ()) -> list[State | None]:
        """The state with rows changed, each by its rights, and others made; None where the database refuses, nothing
        where no right finds a row, or none of those that do has a check which holds of it afterwards."""
        by = {id(row): {**row, **given, **self.preset(table, r[0].presets)} for row, given, r in changes if r}
        new = {**self.state, table: [*(by.get(id(row), row) for row in self.state[table]), *fresh]}
        judged = [(by.get(id(row)), rights) for row, _, rights in changes] + [(row, makers) for row in fresh]
        later = Sight(self.reference, new, self.caller)
        fine = [any(later.holds(r.check, (table, row)) is True for r in rights) for row, rights in judged if sound(new)]
        return [None] if not sound(new) else [new] if all(fine) else []

    def presets(self, rights: Iterable[Right]) -> list[Mapping[str, Any]]:
        """What rights set, in each way that they do; one that needs a claim that the caller lacks sets nothing."""
        return [each for each in unique(r.presets for r in rights) if not any(map(self.lacks, each.values()))]

    def lacks(self, said: Any) -> bool:
        return str(said).startswith("claims.") and self.caller.claim(said.split(".")) is None

    def preset(self, table: str, presets: Mapping[str, Any]) -> Row:
        nothing: Here = ("", {})
        plain = {n: self.value(parsed(v), nothing, nothing) if isinstance(v, str) else v for n, v in presets.items()}
        return {name: typed(COLUMNS[table][name], each) for name, each in plain.items()}
