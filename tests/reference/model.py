"""Six small tables that the reference evaluator and the product are both asked about, and the rows that they may hold.

Rule: what the tables are made of stands here in the tests' own words; nothing is read from the product's catalog.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from reflector.catalog.model import DatabaseKind

Row = dict[str, Any]
State = dict[str, list[Row]]
Here = tuple[str, Row]
"""A table, and the row of it that is in hand."""


@dataclass(frozen=True)
class Way:
    """From one table to another: pairs of columns that are equal, directly or through the rows of a junction."""

    target: str
    many: bool
    pairs: tuple[tuple[str, str], ...]
    junction: str | None = None
    far: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Caller:
    roles: tuple[str, ...]
    claims: Mapping[str, Any] = field(compare=False)

    def claim(self, path: Sequence[str]) -> Any:
        """What `claims.a.b` is for them, None where their token does not say."""
        found: Any = self.claims
        for name in path[1:]:
            found = found.get(name) if isinstance(found, dict) else None
        return found


SCHEMA = """
CREATE TABLE team (id int NOT NULL PRIMARY KEY, name {text}, open boolean NOT NULL);
CREATE TABLE person (id int NOT NULL PRIMARY KEY, name {text} NOT NULL, nick {loose},
  team_id int REFERENCES team (id), boss_id int REFERENCES person (id), active boolean, born date);
CREATE TABLE article (id int NOT NULL PRIMARY KEY, owner_id int REFERENCES person (id),
  editor_id int REFERENCES person (id), title {text}, status {text} NOT NULL, score int, price decimal(6,2),
  publish_at {timestamp});
CREATE TABLE comment (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id),
  author_id int REFERENCES person (id), text {text}, hidden boolean NOT NULL DEFAULT FALSE);
CREATE TABLE tag (name {text} NOT NULL PRIMARY KEY, label {text});
CREATE TABLE article_tag (article_id int NOT NULL REFERENCES article (id), tag_name {text} NOT NULL REFERENCES tag (name),
  PRIMARY KEY (article_id, tag_name));
"""
SPELLED = {
    DatabaseKind.POSTGRESQL: {"text": 'varchar(20) COLLATE "C"', "loose": "varchar(20)", "timestamp": "timestamp"},
    DatabaseKind.MARIADB: {
        "text": "varchar(20) COLLATE utf8mb4_nopad_bin",
        "loose": "varchar(20) COLLATE utf8mb4_general_ci",
        "timestamp": "datetime",
    },
    DatabaseKind.SQLITE: {"text": "varchar(20)", "loose": "varchar(20) COLLATE NOCASE", "timestamp": "timestamp"},
}
"""Callers' filters follow a column's collation, rules compare bytewise: `nick` is for rules alone, and is loose."""

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "team": {"id": "int", "name": "text", "open": "truth"},
    "person": {
        "id": "int",
        "name": "text",
        "nick": "loose",
        "team_id": "int",
        "boss_id": "int",
        "active": "truth",
        "born": "date",
    },
    "article": {
        "id": "int",
        "owner_id": "int",
        "editor_id": "int",
        "title": "text",
        "status": "text",
        "score": "int",
        "price": "decimal",
        "publish_at": "moment",
    },
    "comment": {"id": "int", "article_id": "int", "author_id": "int", "text": "text", "hidden": "truth"},
    "tag": {"name": "text", "label": "text"},
    "article_tag": {"article_id": "int", "tag_name": "text"},
}
"""Each column, and what kind of value it has."""
KEYS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("team", "person", "article", "comment"), ("id",)),
    "tag": ("name",),
    "article_tag": ("article_id", "tag_name"),
}
REQUIRED: Mapping[str, Sequence[str]] = {
    "team": ("id", "open"),
    "person": ("id", "name"),
    "article": ("id", "status"),
    "comment": ("id", "article_id", "hidden"),
    "tag": ("name",),
    "article_tag": ("article_id", "tag_name"),
}
DEFAULTS: Mapping[str, Row] = {"comment": {"hidden": False}}
REFERENCES: Sequence[tuple[str, str, str, str]] = (
    ("person", "team_id", "team", "id"),
    ("person", "boss_id", "person", "id"),
    ("article", "owner_id", "person", "id"),
    ("article", "editor_id", "person", "id"),
    ("comment", "article_id", "article", "id"),
    ("comment", "author_id", "person", "id"),
    ("article_tag", "article_id", "article", "id"),
    ("article_tag", "tag_name", "tag", "name"),
)


def one(target: str, near: str, far: str = "id") -> Way:
    return Way(target, many=False, pairs=((near, far),))


def many(target: str, far: str, near: str = "id") -> Way:
    return Way(target, many=True, pairs=((near, far),))


WAYS: Mapping[str, Mapping[str, Way]] = {
    "team": {"person": many("person", "team_id")},
    "person": {
        "team": one("team", "team_id"),
        "boss": one("person", "boss_id"),
        "person": many("person", "boss_id"),
        "article_by_owner": many("article", "owner_id"),
        "article_by_editor": many("article", "editor_id"),
        "comment": many("comment", "author_id"),
    },
    "article": {
        "owner": one("person", "owner_id"),
        "editor": one("person", "editor_id"),
        "comment": many("comment", "article_id"),
        "article_tag": many("article_tag", "article_id"),
        "tag": Way("tag", True, (("id", "article_id"),), "article_tag", (("tag_name", "name"),)),
    },
    "comment": {"article": one("article", "article_id"), "author": one("person", "author_id")},
    "tag": {
        "article_tag": many("article_tag", "tag_name", "name"),
        "article": Way("article", True, (("name", "tag_name"),), "article_tag", (("article_id", "id"),)),
    },
    "article_tag": {"article": one("article", "article_id"), "tag": one("tag", "tag_name", "name")},
}

ME = 3
VALUES: Mapping[str, Sequence[Any]] = {
    "int": (0, 1, 2, ME, 4, 5),
    "text": ("ann", "Ann", "bob", "", "100%", "a_b", "it's", "é"),
    "loose": ("ann", "Ann", "bob"),
    "truth": (True, False),
    "date": (date(1990, 5, 5), date(2001, 1, 31), date(2120, 1, 1)),
    "moment": tuple(map(datetime.fromisoformat, ("2024-03-01T10:00:00", "2001-01-01T00:00:01", "2120-06-01T00:00:00"))),
    "decimal": (Decimal("0.00"), Decimal("2.50"), Decimal("19.99"), Decimal("-1.00")),
}


def typed(kind: str, given: Any) -> Any:
    """A constant or a claim as a value of that kind."""
    read: Mapping[str, Callable[[str], Any]] = {
        "int": int,
        "decimal": Decimal,
        "date": date.fromisoformat,
        "moment": datetime.fromisoformat,
    }
    return given if given is None or kind == "truth" else read.get(kind, str)(str(given))


def value(dice: random.Random, kind: str, *, nullable: bool) -> Any:
    return None if nullable and dice.random() < 0.25 else dice.choice(VALUES[kind])


def rows(dice: random.Random) -> State:
    """Tables of a few rows each, whose references are kept."""
    state: State = {table: [] for table in COLUMNS}
    for table, columns in COLUMNS.items():
        for number in range(1, dice.choice((3, 5, 6)) + 1):
            row = {name: value(dice, kind, nullable=name not in REQUIRED[table]) for name, kind in columns.items()}
            for source, name, target, far in REFERENCES:
                known = [each[far] for each in state[target]] or [None]
                if source == table and (row[name] is not None or name in REQUIRED[table]):
                    row[name] = dice.choice(known)
            if KEYS[table] == ("id",):
                row["id"] = number
            key = [row[name] for name in KEYS[table]]
            if key not in [[each[name] for name in KEYS[table]] for each in state[table]]:
                state[table].append(row)
    return state


def sound(state: State) -> bool:
    """Whether the database would keep these rows: keys are unique, what has to be there is, references lead to rows."""
    for table, columns in COLUMNS.items():
        keys = [key(table, row) for row in state[table]]
        if len(set(keys)) < len(keys) or any(row[name] is None for row in state[table] for name in REQUIRED[table]):
            return False
        assert all(set(row) == set(columns) for row in state[table])
    return all(
        row[name] is None or row[name] in [each[far] for each in state[target]]
        for source, name, target, far in REFERENCES
        for row in state[source]
    )


def joined(near: Row, far: Row, pairs: Sequence[tuple[str, str]]) -> bool:
    return all(near[one] is not None and near[one] == far[other] for one, other in pairs)


def follow(state: State, here: Here, name: str) -> list[Row]:
    """The rows at the end of a way."""
    way = WAYS[here[0]][name]
    if way.junction is None:
        return [each for each in state[way.target] if joined(here[1], each, way.pairs)]
    lines = [line for line in state[way.junction] if joined(here[1], line, way.pairs)]
    return [each for each in state[way.target] if any(joined(line, each, way.far) for line in lines)]


def along(state: State, here: Here, path: Sequence[str], *, way: bool = True) -> list[Here]:
    """The rows at the end of a path of ways; `way` may say that its first name is a table's in any case."""
    found = [here]
    for number, name in enumerate(path):
        if not number and (not way or name not in WAYS[here[0]]):
            found = [(name, row) for row in state[name]]
        else:
            found = [(WAYS[each[0]][name].target, row) for each in found for row in follow(state, each, name)]
    return found


def empty(table: str) -> Row:
    """A new row of which nothing was said."""
    return {**dict.fromkeys(COLUMNS[table]), **DEFAULTS.get(table, {})}


def key(table: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEYS[table])


def cell(seen: Row, name: str) -> Any:
    """What is answered of a column of a row as it is seen."""
    return seen.get(f"shown {name}", seen.get(name))


def ends(table: str, name: str) -> Mapping[str, set[str]]:
    """The columns that a way goes by, of both tables and of the junction between them."""
    way = WAYS[table][name]
    found: dict[str, set[str]] = {table: {near for near, _ in way.pairs}}
    found[way.target] = found.get(way.target, set()) | {far for _, far in way.far or way.pairs}
    if way.junction is not None:
        found[way.junction] = {far for _, far in way.pairs} | {near for near, _ in way.far}
    return found
