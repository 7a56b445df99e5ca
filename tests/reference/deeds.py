"""Writes in no API's spelling, what may come of them by the reference evaluator, and how each API spells them.

Rule: whatever the answer says, what counts is what the database holds afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import quote

from tests.properties.asking import exact, written
from tests.reference.evaluator import Reference, Right, Sight
from tests.reference.model import COLUMNS, KEYS, REFERENCES, REQUIRED, Caller, Row, State, cell, key, value
from tests.reference.questions import Asking, RefusedError, Where, canonical, check_where
from tests.reference.spelling import Asked, conditions
from tests.server.harness import Reply

UPSERTS = {"postgrest": ("upsert",) * 4}
"""The API that has them."""
TYPES = {"int": "bigint", "text": "String"}


@dataclass(frozen=True)
class Deed:
    """New rows, or changes to the rows that `where` finds, or their removal. `told` are the columns to answer with; `way` says
    what becomes of rows that exist already."""

    verb: str
    table: str
    rows: tuple[Row, ...] = ()
    where: Where = field(default_factory=dict)
    changes: Row = field(default_factory=dict)
    told: tuple[str, ...] = ()
    way: str = ""

    @property
    def key(self) -> Row:
        """The one row that is meant, where it is one by its key."""
        return {name: self.where[name]["_eq"] for name in KEYS[self.table]}


def outcomes(reference: Reference, state: State, caller: Caller, deed: Deed, api: str) -> Sequence[State | None]:
    """The states that may come of it; None stands for a refusal."""
    table = deed.table
    if api == "graphql" and not reference.scope(caller, table).issuperset(() if deed.verb == "create" else KEYS[table]):
        return [None]  # its fields answer with rows, and find them by keys that are told
    silent = api == "resource" and deed.verb == "delete"
    seen = reference.scope(caller, table, masked=True)
    if not silent and not seen.issuperset(deed.told):
        return [None]
    if api == "resource" and deed.verb == "update" and not seen and reference.rights(caller, table, "read"):
        return [None]  # rows are read, and nothing of them could be told
    try:
        check_where(reference, caller, table, deed.where)
    except RefusedError:
        return [None]
    match deed.verb:
        case "create":
            return Sight(reference, state, caller).insert(table, deed.rows, deed.way)
        case "update":
            return Sight(reference, state, caller).update(table, deed.where, deed.changes)
        case _:
            return Sight(reference, state, caller).delete(table, deed.where)


def lacks_claims(reference: Reference, caller: Caller, deed: Deed) -> bool:
    """Whether a rule of the caller's rights, or a policy in it, needs a claim that they do not carry."""
    verbs = {"create", "update"} if deed.way else {deed.verb}
    return any(
        _lacks(reference, caller, right) for verb in verbs for right in reference.rights(caller, deed.table, verb)
    )


def with_claims(reference: Reference, caller: Caller) -> Reference:
    """The same without the rights to write that need a claim which the caller does not carry: such a one grants nothing."""
    found = copy(reference)

    def rights(who: Caller, table: str, verb: str) -> list[Right]:
        granted = reference.rights(who, table, verb)
        reading = verb in {"read", "aggregate"}
        return [each for each in granted if reading or not _lacks(reference, caller, each)]

    found.rights = cache(rights)
    return found


def _lacks(reference: Reference, caller: Caller, right: Right) -> bool:
    words, policies = {str(right.rows), str(right.check)}, reference.config["policies"]
    while more := {str(policies[name]) for name in policies for text in words if name in text} - words:
        words |= more
    needed = {tuple(path.split(".")) for text in words for path in re.findall(r"claims(?:\.\w+)+", text)}
    return any(caller.claim(path) is None for path in needed)


class Doing(Asking):
    """Draws what one caller writes, mostly of what they may."""

    def deed(self, state: State) -> Deed:
        verb = self.dice.choice(("create", "create", "update", "update", "delete", *UPSERTS.get(self.api, ())))
        wanted = ("create", "update") if verb == "upsert" else (verb,)
        writable = [each for each in COLUMNS if all(self.reference.rights(self.caller, each, it) for it in wanted)]
        table = self.dice.choice(writable if writable and self.chance(0.95) else list(COLUMNS))
        if verb == "update" and table == "article_tag":
            verb = "delete"  # all of it is its key
        told = self.some(table) if self.reference.scope(self.caller, table) or self.api == "graphql" else ()
        if verb == "create":
            names = self.given(table, verb)
            count = 1 if self.api == "graphql" else self.dice.choice((1, 1, 2, 3))
            return Deed(verb, table, tuple(self.row(state, table, names) for _ in range(count)), told=told)
        if verb == "upsert":
            return self.upsert(state, table, told)
        where = self.where(table, 1) if self.api == "postgrest" else self.one(state, table)
        if verb == "delete":
            return Deed(verb, table, where=where, told=told)
        names = [name for name in self.given(table, verb) if name not in KEYS[table]]
        names = names or [name for name in COLUMNS[table] if name not in KEYS[table]][:1]
        row = self.row(state, table, names)
        return Deed(verb, table, where=where, changes={name: row[name] for name in names}, told=told)

    def upsert(self, state: State, table: str, told: tuple[str, ...]) -> Deed:
        """New rows, most of them with keys that are there already, each key once."""
        way, rows = self.dice.choice(("ignore", "merge", "merge", "put", "put")), dict[tuple[Any, ...], Row]()
        changing = {*self.given(table, "update"), *KEYS[table]}
        given = [name for name in self.given(table, "create") if name in changing or self.chance(0.1)]
        names = list(dict.fromkeys([*KEYS[table], *given]))
        for _ in range(1 if way == "put" else self.dice.choice((1, 1, 2, 3))):
            row = self.row(state, table, names)
            if state[table] and self.chance(0.7):
                there = self.dice.choice(state[table])
                row |= {name: there[name] for name in KEYS[table]}
            if None not in key(table, row):
                rows[key(table, row)] = row
        if not rows:
            return self.deed(state)
        (first, *_) = rows.values()
        where = {name: {"_eq": first[name]} for name in KEYS[table]} if way == "put" else {}
        return Deed("create", table, tuple(rows.values()), where, told=told, way=way)

    def one(self, state: State, table: str) -> dict[str, Any]:
        row = (
            self.dice.choice(state[table]) if state[table] and self.chance(0.9) else self.row(state, table, KEYS[table])
        )
        key = {name: row[name] or ("none" if COLUMNS[table][name] == "text" else 0) for name in KEYS[table]}
        return {name: {"_eq": each} for name, each in key.items()}

    def given(self, table: str, verb: str) -> list[str]:
        rights = self.reference.rights(self.caller, table, verb)
        if not rights or self.chance(0.1):
            return self.dice.sample(list(COLUMNS[table]), self.dice.randint(1, 3) if len(COLUMNS[table]) > 2 else 1)
        right = self.dice.choice(rights)
        needed = [name for name in REQUIRED[table] if name in right.columns and (verb == "create" or self.chance(0.4))]
        more = [name for name in sorted(right.columns) if name not in needed and self.chance(0.5)]
        return [*needed, *more] or list(KEYS[table])

    def row(self, state: State, table: str, names: Sequence[str]) -> Row:
        found = {}
        for name in names:
            kind = COLUMNS[table][name]
            found[name] = value(self.dice, kind, nullable=name not in REQUIRED[table] or self.chance(0.05))
            for source, near, target, far in REFERENCES:
                if (source, near) == (table, name) and found[name] is not None and self.chance(0.95):
                    found[name] = self.dice.choice([each[far] for each in state[target]] or [found[name]])
        if "id" in found:
            found["id"] = self.dice.randrange(100, 10_000) if self.chance(0.95) else 1
        if table == "tag" and "name" in found and self.chance(0.9):
            found["name"] = f"tag {self.dice.randrange(10_000)}"
        return found


# ── spelling ─────────────────────────────────────────────────────────────────────────────────


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each.isoformat() if isinstance(each, date) else each for name, each in row.items()}


def spelled_deed(api: str, deed: Deed) -> Asked:
    rows = [plain(row) for row in deed.rows]
    fields, silent = ",".join(deed.told), not deed.told
    if api == "graphql":
        return graphql(deed)
    if api == "postgrest":
        path = f"/rest/v1/{deed.table}?" + "&".join(
            [*conditions(deed.where), *([] if silent else [f"select={fields}"])]
        )
        method = {"create": "POST", "update": "PATCH", "delete": "DELETE"}[deed.verb]
        body = {"create": written(rows), "update": written(plain(deed.changes)), "delete": None}[deed.verb]
        prefer = f"return={'minimal' if silent else 'representation'}"
        if deed.way == "put":
            return Asked("PUT", path, written(rows[0]), {"Prefer": prefer})
        prefer += f", resolution={deed.way}-duplicates" if deed.way else ""
        return Asked(method, path, body, {"Prefer": prefer})
    more = "" if silent else f"?fields={fields}"
    if deed.verb == "create":
        return Asked("POST", f"/api/{deed.table}{more}", written(rows if len(rows) > 1 else rows[0]))
    path = f"/api/{deed.table}/{','.join(quote(str(each), safe='') for each in deed.key.values())}"
    if deed.verb == "delete":
        return Asked("DELETE", path)
    return Asked("PATCH", f"{path}{more}", written(plain(deed.changes)))


def graphql(deed: Deed) -> Asked:
    fields, key = " ".join(deed.told), written_key(deed)
    match deed.verb:
        case "create":
            variables, type_ = plain(deed.rows[0]), f"{deed.table}_insert_input"
            text = f"insert_{deed.table}_one(object: $v) {{{fields}}}"
        case "update":
            variables, type_ = plain(deed.changes), f"{deed.table}_set_input"
            text = f"update_{deed.table}_by_pk(pk_columns: {{{key}}}, _set: $v) {{{fields}}}"
        case _:
            text = f"delete_{deed.table}_by_pk({key}) {{{fields}}}"
            return Asked("POST", "/graphql", written({"query": f"mutation {{it: {text}}}"}))
    query = f"mutation ($v: {type_}!) {{it: {text}}}"
    return Asked("POST", "/graphql", written({"query": query, "variables": {"v": variables}}))


def written_key(deed: Deed) -> str:
    return ", ".join(f"{name}: {written(each)}" for name, each in deed.key.items()) if deed.where else ""


def told_rows(api: str, reply: Reply) -> list[Any] | None:
    """The rows that were answered; None for a refusal."""
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        return None
    given: Any = exact(reply.body) if reply.body else []
    if api == "graphql":
        given = None if "errors" in given else [given["data"]["it"]] if given["data"]["it"] else []
    elif api == "resource" and isinstance(given, dict):
        given = given["items"] if list(given) == ["items"] else [given]
    return None if given is None else [canonical(row) for row in given]


def shown(reference: Reference, state: State, caller: Caller, deed: Deed) -> list[Any]:
    """The rows of the table as the caller sees them, in the columns they want to be told."""
    rows = [seen for seen, _ in Sight(reference, state, caller).rows(deed.table)]
    return [canonical({name: cell(row, name) for name in deed.told}) for row in rows]
