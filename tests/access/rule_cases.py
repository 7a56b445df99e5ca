"""What holds a line of a table of docs/rules.md: rules, the rows they promise, and the tables they are asked of.

A case asks a table of the bookshop, and SQL of its own says which rows are promised; or it asks `article`, a table of corners
(NULLs, letters of another size, documents that look like others), and the rows are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from reflector.catalog.model import DatabaseKind

PG, MARIADB, SQLITE = DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB, DatabaseKind.SQLITE
EVERYWHERE = frozenset({PG, MARIADB, SQLITE})

ARTICLE = """
CREATE TABLE team (id INTEGER PRIMARY KEY, least INTEGER);
CREATE TABLE member (id INTEGER PRIMARY KEY, user_id INTEGER, team_id INTEGER);
CREATE TABLE article (
  id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES team (id), spent INTEGER, budget INTEGER, status VARCHAR(9), published BOOLEAN, deleted_at {instant},
  org VARCHAR(20), publisher_code VARCHAR(16){alike} REFERENCES publisher (code), publish_at {instant}, held_at {moment}, day DATE,
  email VARCHAR(40), title VARCHAR(40), tags {json}, editors {json}, meta {json}, {from} VARCHAR(20), price DECIMAL(10, 2));
INSERT INTO team VALUES (1, 10), (2, 20), (3, 0);
INSERT INTO member VALUES (1, 7, 1), (2, 8, 2), (3, 7, NULL), (4, 7, 9);
INSERT INTO article VALUES
  (1, 1, 10, 10, 'a', TRUE, NULL, 'A', '50/50', {past}, {ago}, {today}, 'Ada@x.example', 'Atlas',
   '["sale", "new"]', '["7"]', '{"size": null}', 'here', 9.99),
  (2, 2, 20, 10, 'A', FALSE, {past}, 'b', 'A/B', {future}, {ahead}, {tomorrow}, 'ada@x.example', 'atlas',
   '["Sale", 7]', '["8"]', '{"sizes": 1}', 'Here', 10),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 1, 7, 30, 'b', TRUE, {past}, 'a', NULL, {past}, {ahead}, {yesterday}, 'bob@x.example', 'The Atlas',
   '{"sale": 1}', '"7"', '["size"]', 'there', 99.99),
  (5, 3, 0, 0, 'a ', FALSE, NULL, 'B ', 'A/B', {future}, {ago}, {today}, 'ADA@x.example ', 'Alas_%',
   '"sale"', '["17", "7"]', '{"a": {"size": 1}}', '', 100),
  (6, 2, 9, 8, 'c', TRUE, NULL, 'B', '50/50', {past}, {ago}, {tomorrow}, '', '',
   '[["sale"]]', '[7]', '"size"', 'here ', 0);
"""
MORE: Mapping[DatabaseKind, str] = {
    PG: """
        CREATE EXTENSION ltree;
        ALTER TABLE article ADD labels text[], ADD numbers integer[], ADD path ltree;
        UPDATE article SET labels = '{sale,new}', numbers = '{1,7}', path = 'a.b' WHERE id = 1;
        UPDATE article SET labels = '{Sale,NULL}', numbers = '{17}', path = 'a.b.c' WHERE id = 2;
        UPDATE article SET labels = '{}', numbers = '{NULL,7}', path = 'a' WHERE id = 4;
    """,
    MARIADB: """
        ALTER TABLE article ADD labels SET ('new', 'sale', 'sales');
        UPDATE article SET labels = 'sale,new' WHERE id = 1;
        UPDATE article SET labels = 'sales' WHERE id = 2;
        UPDATE article SET labels = '' WHERE id = 4;
    """,
    SQLITE: "",
}

SUB = 7
CLAIMS: Mapping[str, Any] = {
    "sub": str(SUB),
    "email": "ada@x.example",
    "orgs": ["A", "B"],
    "https://x/y": "50/50",
    "x-hasura-user-id": "7",
    "x-hasura-teams": "{1,3}",
}
OWN = ("orgs", "https://x/y", "X-Hasura-Teams")
"""Those of them that nothing but `auth.claims` makes known."""
POLICIES: Mapping[str, str] = {"own": "customer_id == claims.sub"}

Promised: TypeAlias = str | frozenset[int]


@dataclass(frozen=True, slots=True)
class Case:
    """A rule that lets read, and the rows it promises: what SQL finds after WHERE, or the keys themselves."""

    table: str
    rule: Any
    promised: Promised
    on: frozenset[DatabaseKind] = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Write:
    """A rule that judges what is written to an article, and prices: those it lets through, and those it refuses."""

    rule: str
    allowed: tuple[str | None, ...]
    refused: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the page, cell by cell as it is written, and what holds it."""

    cells: tuple[str, ...]
    cases: tuple[Case, ...] = ()
    writes: tuple[Write, ...] = ()


def books(rule: Any, sql: str) -> Case:
    return Case("book", rule, sql)


def reviews(rule: Any, sql: str) -> Case:
    return Case("review", rule, sql)


def articles(rule: Any, *keys: int, on: frozenset[DatabaseKind] = EVERYWHERE) -> Case:
    return Case("article", rule, frozenset(keys), on)
