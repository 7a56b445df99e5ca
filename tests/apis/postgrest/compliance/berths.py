"""A table whose types say what they hold: lengths, labels, defaults of their own. It is written to."""

from __future__ import annotations

from typing import Final

from reflector.catalog.model import DatabaseKind

POSTGRESQL: Final = """
CREATE DOMAIN grade AS text DEFAULT 'plain' CHECK (VALUE <> '');
CREATE TYPE mood AS ENUM ('calm', 'rough');
CREATE TYPE spot AS (row integer, name text, mood mood);
CREATE TABLE berth (
    id integer PRIMARY KEY, grade grade, code char(4), flags bit(4), fee money, mood mood, depth numeric(5, 2), label varchar(5), spot spot,
    spots spot[], grid integer[], since timestamptz);
"""
MARIADB: Final = """
CREATE TABLE berth (
    id integer PRIMARY KEY, grade varchar(9) DEFAULT 'plain', code char(4), flags bit(4), mood enum('calm', 'rough'), depth decimal(5, 2),
    label varchar(5));
"""
SQLITE: Final = """
CREATE TABLE berth (
    id integer PRIMARY KEY, grade text DEFAULT 'plain', code char(4), mood text CHECK (mood IN ('calm', 'rough')), depth decimal(5, 2),
    label varchar(5));
"""
PUT_BACK: Final = "DELETE FROM berth;"


def script(kind: DatabaseKind) -> str:
    """What makes the table on that database."""
    made = {DatabaseKind.POSTGRESQL: POSTGRESQL, DatabaseKind.MARIADB: MARIADB, DatabaseKind.SQLITE: SQLITE}
    return made[kind]
