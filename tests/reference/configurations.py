"""Random configurations: many roles in one file, so that one server answers for hundreds of rules.

Rule: whatever is drawn here is accepted by the product, or a test fails; every construct of the rule language, every part
of a right and both forms of a filter come up.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML

from tests.reference.model import COLUMNS, ME, REQUIRED, VALUES, WAYS

SECRET = "what-hashes-of-these-tables-are-made-with"
KEY = "a-signing-key-of-forty-letters-at-least"
ROLES = 24
CLAIMS: Mapping[str, Sequence[str]] = {"int": ("sub", "org.number"), "text": ("name", "org.name"), "loose": ("name",)}
LISTS: Mapping[str, str] = {"int": "teams", "text": "names"}
ORDERED = ("int", "decimal", "date", "moment")
TEXTUAL = ("text", "loose")
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
JSON_OPERATORS = ("_eq", "_ne", "_lt", "_lte", "_gt", "_gte")


def configuration(dice: random.Random) -> str:
    """The text of a file, without its version."""
    config = {
        "auth": {
            "claims": sorted({*LISTS.values(), *(name for names in CLAIMS.values() for name in names)}),
            "jwt": {"secret": KEY, "audience": "api", "role_claim": "roles"},
            "anonymous_role": "guest",
        },
        "server": {"secret": SECRET},
        "postgrest": {"db_aggregates_enabled": True, "allow_unfiltered_writes": True},
        **Drawing(dice).file(),
    }
    told = io.StringIO()
    YAML(typ="safe", pure=True).dump(config, told)
    return told.getvalue()


class Drawing:
    """One file. `claims` says whether a rule may ask for claims: those of guests may not."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.claims = True
        self.policies: dict[str, dict[str, Any]] = {table: {} for table in COLUMNS}

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def some(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if self.chance(0.7)] or [self.dice.choice(names)]

    def file(self) -> dict[str, Any]:
        for table in COLUMNS:
            for number in range(2):
                self.policies[table][f"{table}_policy_{number}"] = self.rule(table, 2)
        names = [f"role{number}" for number in range(ROLES)]
        roles: dict[str, Any] = {"guest": {}}
        for number, name in enumerate(names):
            extended = self.dice.sample(["guest", *names[:number]], min(number + 1, self.dice.choice((0, 0, 1, 2))))
            roles[name] = {"extends": extended[0] if len(extended) == 1 else extended} if extended else {}
        tables: dict[str, Any] = {}
        if self.chance(0.5):
            tables["*"] = {"columns": {self.dice.choice(("*price", "nick", "sc?re", "l*l")): "hidden"}}
        if self.chance(0.5):
            tables["*_tag"] = {"allow": {name: self.allow("article_tag") for name in self.dice.sample(names, 4)}}
        left_out = self.dice.choice([*COLUMNS, None, None])
        for table in COLUMNS:
            if table != left_out:
                tables[table] = self.entry(table, names)
        found: dict[str, Any] = {"roles": roles, "tables": tables}
        found["policies"] = {name: rule for each in self.policies.values() for name, rule in each.items()}
        if self.chance(0.5):
            found["defaults"] = {"read": self.chance(0.7), "write": self.chance(0.5)}
        return found

    def entry(self, table: str, names: Sequence[str]) -> dict[str, Any]:
        self.claims = False
        allow = {"guest": self.allow(table)} if self.chance(0.6) else {}
        self.claims = True
        allow |= {name: self.allow(table) for name in names if self.chance(0.6)}
        entry: dict[str, Any] = {"allow": allow}
        if self.chance(0.3):
            entry["columns"] = {self.dice.choice(list(COLUMNS[table])): "hidden"}
        return entry

    # ── rights ───────────────────────────────────────────────────────────────────────────────

    def allow(self, table: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.85):
            rule = self.whole(table)
            listed = {"columns": self.listed(table)} if self.chance(0.5) else {}
            short = not isinstance(rule, dict) and self.chance(0.5)
            found |= {"read": rule, **listed} if short else {"read": {"filter": rule, **listed}}
            found |= self.masks(table, listed.get("columns", COLUMNS[table]))
        if self.chance(0.6):
            found["aggregate"] = True
        if self.chance(0.5):
            found["create"] = {"check": self.whole(table, check=True), **self.given(table, whole=True)}
        if self.chance(0.5):
            check = {"check": self.whole(table, check=True)} if self.chance(0.5) else {}
            found["update"] = {"filter": self.whole(table), **check, **self.given(table, whole=False)}
        if self.chance(0.4):
            rule = self.whole(table)
            found["delete"] = {"filter": rule} if isinstance(rule, dict) else rule
        return found

    def masks(self, table: str, listed: Iterable[str]) -> dict[str, Any]:
        """How some of the columns are shown. Of texts alone in part: a number that is masked for one role is a text for all."""
        found: dict[str, Any] = {}
        for name in [name for name in listed if name in COLUMNS[table] and self.chance(0.1)]:
            ways: list[Any] = ["hidden", {"null_unless": self.rule(table, 1)}]
            if COLUMNS[table][name] in TEXTUAL:
                ways += ["last4", "partial", "hash"]
                ways += [{"mask": way, "unless": self.rule(table, 1)} for way in ("last4", "partial", "hash", "hidden")]
            found[name] = self.dice.choice(ways)
        return {"mask": found} if found else {}

    def given(self, table: str, *, whole: bool) -> dict[str, Any]:
        """Columns that may be given, and presets."""
        found: dict[str, Any] = {}
        if self.chance(0.4):
            free = [name for name in COLUMNS[table] if name not in REQUIRED[table]]
            required = REQUIRED[table] if whole else ()
            found["columns"] = [*required, *self.some(free)] if free else list(COLUMNS[table])
        if self.chance(0.4):
            name = self.dice.choice([each for each in COLUMNS[table] if each != "id"])
            if "columns" in found:
                found["columns"] = [each for each in found["columns"] if each != name]
            found["presets"] = {name: self.preset(COLUMNS[table][name], nullable=name not in REQUIRED[table])}
        return found

    def preset(self, kind: str, *, nullable: bool) -> Any:
        if nullable and self.chance(0.2):
            return None
        if self.claims and kind in CLAIMS and self.chance(0.5):
            return f"claims.{self.dice.choice(CLAIMS[kind])}"
        value = self.dice.choice(VALUES[kind])
        return repr(value) if isinstance(value, str) else value if isinstance(value, int) else str(self.constant(value))

    def listed(self, table: str) -> list[str]:
        names = self.some(list(COLUMNS[table]))
        return list(dict.fromkeys(name if self.chance(0.85) else name[:2] + "*" for name in names))

    # ── rules ────────────────────────────────────────────────────────────────────────────────

    def whole(self, table: str, *, check: bool = False) -> Any:
        """A rule as it stands at a right."""
        if self.chance(0.25):
            return self.chance(0.85)
        if self.chance(0.2):
            return self.mapping(table, 2)
        return self.rule(table, 2, check=check)

    def rule(self, table: str, depth: int, *, check: bool = False, outer: str | None = None) -> str:
        draws = [self.comparison] * 5 + [self.absent, self.among, self.path, self.pattern, self.columns_compared]
        form = self.dice.choice(("plain", "plain", "joined", "negated", "exists", "policy", "new", "outer"))
        if form == "joined" and depth:
            word = self.dice.choice((" and ", " or "))
            return "(" + word.join(self.rule(table, depth - 1, check=check, outer=outer) for _ in range(2)) + ")"
        if form == "negated" and depth:
            return f"not {self.rule(table, depth - 1, check=check, outer=outer)}"
        if form == "exists" and depth:
            return self.exists(table, depth, outer or table)
        if form == "policy" and self.claims and self.policies[table] and not outer:
            return self.dice.choice(list(self.policies[table]))
        if form == "new" and check:
            return self.comparison(table, "new.")
        if form == "outer" and outer:
            return self.outer(table, outer)
        return self.dice.choice(draws)(table)

    def column(self, table: str, *kinds: str) -> str | None:
        fitting = [name for name, kind in COLUMNS[table].items() if not kinds or kind in kinds]
        return self.dice.choice(fitting) if fitting else None

    def comparison(self, table: str, before: str = "") -> str:
        name = self.column(table)
        assert name is not None
        kind, term = COLUMNS[table][name], before + name
        if kind == "truth":
            return self.dice.choice((term, f"not {term}", f"{term} == True", f"{term} != True"))
        if kind in {"date", "moment"} and self.chance(0.4):
            return f"{term} {self.dice.choice(OPERATORS[2:])} {'today()' if kind == 'date' else 'now()'}"
        if kind in TEXTUAL and self.chance(0.2):
            return f"lower({term}) == {self.term(kind).lower() if not self.claims else repr('ann')}"
        operator = self.dice.choice(OPERATORS[:2] if kind in TEXTUAL and self.chance(0.7) else OPERATORS)
        pair = [term, self.term(kind)]
        if (self.chance(0.2) and operator in OPERATORS[:2]) or self.chance(0.2):
            pair.reverse()
        return f" {operator} ".join(pair)

    def term(self, kind: str) -> str:
        if self.claims and kind in CLAIMS and self.chance(0.5):
            return f"claims.{self.dice.choice(CLAIMS[kind])}"
        return str(self.constant(self.dice.choice(VALUES[kind])))

    def constant(self, value: Any) -> Any:
        """As the rule language writes it."""
        if isinstance(value, date | datetime):
            return repr(value.isoformat())
        return str(value) if isinstance(value, Decimal) else repr(value)

    def absent(self, table: str) -> str:
        return f"{self.column(table)} {self.dice.choice(('is None', 'is not None'))}"

    def among(self, table: str) -> str:
        name = self.column(table, "int", "text")
        assert name is not None
        kind = COLUMNS[table][name]
        word = self.dice.choice(("in", "not in"))
        if self.claims and self.chance(0.4):
            return f"{name} {word} claims.{LISTS[kind]}"
        return f"{name} {word} [{', '.join(repr(self.dice.choice(VALUES[kind])) for _ in range(2))}]"

    def path(self, table: str) -> str:
        steps = []
        for _ in range(self.dice.choice((1, 1, 2))):
            ways = [name for name, way in WAYS[table].items() if not way.many]
            if not ways:
                break
            steps.append(self.dice.choice(ways))
            table = WAYS[table][steps[-1]].target
        before = "".join(f"{step}." for step in steps)
        return self.comparison(table, before) if self.chance(0.8) else f"{before}{self.absent(table)}"

    def pattern(self, table: str) -> str:
        name = self.column(table, *TEXTUAL)
        pattern = self.dice.choice(("a%", "%n%", "ANN", "a_n", "%", "b__"))
        return self.comparison(table) if name is None else f"{self.dice.choice(('like', 'ilike'))}({name}, {pattern!r})"

    def columns_compared(self, table: str) -> str:
        kind = self.dice.choice(("int", "text"))
        left, right = self.column(table, kind), self.column(table, kind)
        if left is None or right is None:
            return self.comparison(table)
        ways = [name for name, way in WAYS[table].items() if not way.many]
        if ways and self.chance(0.4):
            way = self.dice.choice(ways)
            far = self.column(WAYS[table][way].target, kind)
            right = right if far is None else f"{way}.{far}"
        return f"{left} {self.dice.choice(OPERATORS)} {right}"

    def exists(self, table: str, depth: int, home: str) -> str:
        if self.chance(0.3):
            target = self.dice.choice(list(COLUMNS))
            if target not in WAYS[table]:
                return f"exists({target}, {self.rule(target, depth - 1, outer=home)})"
        steps = [self.dice.choice(list(WAYS[table]))]
        target = WAYS[table][steps[0]].target
        if self.chance(0.3):
            steps.append(self.dice.choice(list(WAYS[target])))
            target = WAYS[target][steps[1]].target
        return f"exists({'.'.join(steps)}, {self.rule(target, depth - 1, outer=home)})"

    def outer(self, table: str, outer: str) -> str:
        """A column of this row, and one of the row that the rule protects."""
        kind = self.dice.choice(("int", "text"))
        here, there = self.column(table, kind), self.column(outer, kind)
        if here is None or there is None:
            return self.comparison(table)
        return f"{here} {self.dice.choice(('==', '==', '!=', '<'))} row.{there}"

    # ── the JSON form ────────────────────────────────────────────────────────────────────────

    def mapping(self, table: str, depth: int) -> dict[str, Any]:
        form = self.dice.choice(("plain", "plain", "_and", "_or", "_not", "related", "_exists")) if depth else "plain"
        match form:
            case "_and" | "_or":
                return {form: [self.mapping(table, depth - 1) for _ in range(2)]}
            case "_not":
                return {"_not": self.mapping(table, depth - 1)}
            case "related":
                way = self.dice.choice(list(WAYS[table]))
                return {way: self.mapping(WAYS[table][way].target, depth - 1)}
            case "_exists":
                target = self.dice.choice(list(COLUMNS))
                return {"_exists": {"_table": target, "_where": self.mapping(target, depth - 1)}}
        name = self.column(table)
        assert name is not None
        return {name: self.operation(COLUMNS[table][name], self.claims)}

    def operation(self, kind: str, claims: bool) -> dict[str, Any]:
        dice = self.dice
        if self.chance(0.2):
            return {"_isnull": self.chance(0.5)}
        if kind == "truth":
            return {dice.choice(("_eq", "_ne")): self.chance(0.5)}
        if kind in TEXTUAL and self.chance(0.2):
            return {dice.choice(("_like", "_ilike")): dice.choice(("a%", "%n%", "a_n"))}
        if kind in {"int", "text"} and self.chance(0.3):
            chosen = [dice.choice(VALUES[kind]) for _ in range(2)]
            return {dice.choice(("_in", "_nin")): f"claims.{LISTS[kind]}" if claims and self.chance(0.3) else chosen}
        if claims and kind in CLAIMS and self.chance(0.3):
            return {dice.choice(JSON_OPERATORS): f"claims.{dice.choice(CLAIMS[kind])}"}
        value = dice.choice(VALUES[kind])
        plain = value.isoformat() if isinstance(value, date) else float(value) if isinstance(value, Decimal) else value
        return {dice.choice(JSON_OPERATORS): plain}


def claims(dice: random.Random) -> dict[str, Any]:
    """What a token says of its bearer; now and then something is missing."""
    found: dict[str, Any] = {
        "sub": dice.choice((ME, str(ME), 1)),
        "name": dice.choice(("ann", "Ann", "bob")),
        "teams": dice.choice(([1, 2], [], ["3"], [ME])),
        "names": dice.choice((["ann"], ["Ann", "bob"], [])),
        "org": {"number": dice.choice((1, 2)), "name": dice.choice(("ann", "bob"))},
    }
    for name in [name for name in found if dice.random() < 0.04]:
        del found[name]
    return found
