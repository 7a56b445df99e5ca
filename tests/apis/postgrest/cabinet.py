"""A small database of documents, texts and numbers, for what may be asked of them; PostgreSQL has more types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind

COMMON: Final = """
CREATE TABLE drawer (id integer NOT NULL PRIMARY KEY, label varchar(20) NOT NULL);
CREATE TABLE thing (
    id integer NOT NULL PRIMARY KEY, drawer_id integer, name varchar(40), size integer, worth decimal(8, 2),
    "kept" {boolean}, facts {json}, FOREIGN KEY (drawer_id) REFERENCES drawer (id)
);
CREATE TABLE "odd names" ("a.b" integer NOT NULL PRIMARY KEY, "c,d" varchar(10), "e f" varchar(10));
INSERT INTO drawer VALUES (1, 'top'), (2, 'middle'), (3, 'empty');
INSERT INTO thing VALUES
    (1, 1, 'Red Ball', 3, 1.50, {true}, '{{"a": {{"b": "x", "n": 5}}, "list": [1, 2, 3], "tag": "one"}}'),
    (2, 1, 'blue ball', 20, 2.25, {false}, '{{"a": {{"b": "y", "n": 20}}, "list": [], "tag": null}}'),
    (3, 2, 'cube', NULL, 10.00, NULL, NULL),
    (4, NULL, 'a,b.c:(d)', 100, NULL, {true}, '{{"a": {{"n": 100}}, "tag": "two"}}');
INSERT INTO "odd names" VALUES (1, 'x', 'y'), (2, 'z', NULL);
"""
POSTGRESQL: Final = """
CREATE TYPE pair AS (first integer, second text);
CREATE TYPE grade AS ENUM ('poor', 'fair', 'best');
CREATE TABLE graded (id integer PRIMARY KEY, grade grade, price money, bits bit(4), lasts interval);
INSERT INTO graded VALUES (1, 'poor', '1.50', B'0001', '1 hour'), (2, 'best', '12.00', B'1000', '2 days'),
    (3, 'fair', '2.25', B'0100', '30 min'), (4, NULL, NULL, NULL, NULL);
CREATE TABLE special (
    id integer PRIMARY KEY, numbers integer[], words text[], span int4range, vector tsvector, body text, whole pair,
    place inet, shape box, plain json
);
INSERT INTO special VALUES
    (1, '{1,2,3}', '{a,b}', '[1,5)', to_tsvector('english', 'The quick brown foxes'), 'The quick brown foxes', '(1,x)',
     '10.0.0.1', '(1,1),(0,0)', '{"a": 1}'),
    (2, '{4}', '{}', '[5,9)', to_tsvector('english', 'A lazy dog sleeps'), 'A lazy dog sleeps', '(2,y)',
     '10.0.0.0/24', '(9,9),(8,8)', '[1]'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""
WORDS: Final[Mapping[DatabaseKind, Mapping[str, str]]] = {
    DatabaseKind.POSTGRESQL: {"json": "jsonb", "boolean": "boolean", "true": "true", "false": "false"},
    DatabaseKind.MARIADB: {"json": "json", "boolean": "boolean", "true": "true", "false": "false"},
    DatabaseKind.SQLITE: {"json": "json", "boolean": "boolean", "true": "1", "false": "0"},
}


def script(kind: DatabaseKind) -> str:
    """What makes the cabinet on that database."""
    said = COMMON.format(**WORDS[kind])
    if kind is DatabaseKind.MARIADB:
        return (
            said.replace('"kept"', "kept")
            .replace('"odd names"', "`odd names`")
            .replace('"a.b"', "`a.b`")
            .replace('"c,d"', "`c,d`")
            .replace('"e f"', "`e f`")
        )
    return said + POSTGRESQL if kind is DatabaseKind.POSTGRESQL else said
