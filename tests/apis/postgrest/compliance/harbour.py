"""A small harbour to read from, on three databases: every kind of relationship, awkward names and awkward values, few rows."""

from __future__ import annotations

from reflector.catalog.model import DatabaseKind

SCRIPT = """
CREATE TABLE captain (
    id integer NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, born date, mentor_id integer,
    CONSTRAINT captain_mentor FOREIGN KEY (mentor_id) REFERENCES captain (id));
CREATE TABLE ship (
    id integer NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, tonnage integer, price decimal(10, 2), captain_id integer,
    active {boolean}, facts {json}, CONSTRAINT ship_captain FOREIGN KEY (captain_id) REFERENCES captain (id));
CREATE TABLE certificate (
    ship_id integer NOT NULL PRIMARY KEY, grade varchar(10) NOT NULL,
    CONSTRAINT certificate_ship FOREIGN KEY (ship_id) REFERENCES ship (id));
CREATE TABLE pennant (
    id integer NOT NULL PRIMARY KEY, ship_id integer NOT NULL, colour varchar(10) NOT NULL,
    CONSTRAINT pennant_once UNIQUE (ship_id), CONSTRAINT pennant_ship FOREIGN KEY (ship_id) REFERENCES ship (id));
CREATE TABLE port (id integer NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, country varchar(2));
CREATE TABLE voyage (
    id integer NOT NULL PRIMARY KEY, ship_id integer NOT NULL, from_port integer NOT NULL, to_port integer NOT NULL,
    nights integer, CONSTRAINT voyage_ship FOREIGN KEY (ship_id) REFERENCES ship (id),
    CONSTRAINT voyage_from FOREIGN KEY (from_port) REFERENCES port (id),
    CONSTRAINT voyage_to FOREIGN KEY (to_port) REFERENCES port (id));
CREATE TABLE good (id integer NOT NULL PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE ship_good (
    ship_id integer NOT NULL, good_id integer NOT NULL, amount integer NOT NULL, PRIMARY KEY (ship_id, good_id),
    CONSTRAINT ship_good_ship FOREIGN KEY (ship_id) REFERENCES ship (id),
    CONSTRAINT ship_good_good FOREIGN KEY (good_id) REFERENCES good (id));
CREATE TABLE crate (
    kind varchar(10) NOT NULL, number integer NOT NULL, weight integer NOT NULL, voyage_id integer,
    PRIMARY KEY (kind, number), CONSTRAINT crate_voyage FOREIGN KEY (voyage_id) REFERENCES voyage (id));
CREATE TABLE seal (
    id integer NOT NULL PRIMARY KEY, crate_kind varchar(10) NOT NULL, crate_number integer NOT NULL, mark varchar(5),
    CONSTRAINT seal_crate FOREIGN KEY (crate_kind, crate_number) REFERENCES crate (kind, number));
CREATE TABLE "odd things" (
    "a.b" integer NOT NULL PRIMARY KEY, "c,d" varchar(10), "e f" varchar(10), "größe" varchar(10), "x:y" varchar(10),
    "(p)" varchar(10));
CREATE TABLE "Ümläute-1" (id integer NOT NULL PRIMARY KEY, "select" varchar(10));
CREATE TABLE blank (id integer NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE phrase (id integer NOT NULL PRIMARY KEY, words varchar(80));
CREATE VIEW heavy AS SELECT id, name, captain_id FROM ship WHERE tonnage >= 100;
INSERT INTO captain VALUES (1, 'Ana', '1960-01-02', NULL), (2, 'Bo', '1975-05-05', 1), (3, 'Cyd', NULL, 1);
INSERT INTO ship VALUES
    (1, 'Aurora', 100, 10.50, 1, {true}, '{{"deck": {{"guns": 2, "wood": "oak"}}, "masts": [1, 2, 3], "tag": "old", "a b": 1}}'),
    (2, 'Bella', 250, 99.99, 1, {false}, '{{"deck": {{"guns": 20, "wood": "elm"}}, "masts": [], "tag": null}}'),
    (3, 'Cato, the (old)', NULL, NULL, 2, NULL, NULL),
    (4, 'Ärger', 40, 0.05, NULL, {true}, '{{"deck": {{"guns": 100}}, "tag": "new"}}');
INSERT INTO certificate VALUES (1, 'A'), (2, 'B');
INSERT INTO pennant VALUES (1, 1, 'red'), (2, 3, 'blue');
INSERT INTO port VALUES (1, 'Lisbon', 'PT'), (2, 'Oslo', 'NO'), (3, 'Piraeus', NULL);
INSERT INTO voyage VALUES (1, 1, 1, 2, 5), (2, 1, 2, 3, 9), (3, 2, 1, 3, NULL), (4, 3, 3, 1, 2);
INSERT INTO good VALUES (1, 'salt'), (2, 'tea'), (3, 'iron');
INSERT INTO ship_good VALUES (1, 1, 10), (1, 2, 20), (2, 2, 5);
INSERT INTO crate VALUES ('box', 1, 30, 1), ('box', 2, 50, 1), ('cask', 1, 70, 2);
INSERT INTO seal VALUES (1, 'box', 1, 'x'), (2, 'box', 1, 'y'), (3, 'cask', 1, 'z');
INSERT INTO "odd things" VALUES (1, 'p', 'q', 'r', 's', 't'), (2, 'u', NULL, 'v', 'w', NULL);
INSERT INTO "Ümläute-1" VALUES (1, 'yes');
INSERT INTO phrase VALUES
    (1, 'plain'), (2, 'a,b'), (3, 'say "hi"'), (4, 'back{slash}slash'), (5, '100%'), (6, '1000'), (7, 'a.b:c(d)'), (8, ''),
    (9, ' '), (10, 'null'), (11, 'star*'), (12, 'starry'), (13, '[a]?'), (14, 'ÉCLAIR'), (15, 'under_score'),
    (16, 'underXscore'), (17, '{{x,y}}'), (18, 'PLAIN'), (19, NULL), (20, 'snow ☃ 📚'), (21, 'it''s'), (22, 'line{line}two');
"""
POSTGRESQL = """
CREATE SCHEMA second;
CREATE TABLE second.ship (id integer PRIMARY KEY, second_only text);
INSERT INTO second.ship VALUES (1, 'here');
CREATE TYPE pair AS (first integer, second text);
CREATE TYPE mood AS ENUM ('calm', 'rough');
CREATE TABLE special (
    id integer PRIMARY KEY, numbers integer[], words text[], span int4range, vector tsvector, body text, whole pair,
    place inet, shape box, mood mood, plain json);
INSERT INTO special VALUES
    (1, '{1,2,3}', '{a,b}', '[1,5)', to_tsvector('english', 'Fast brown foxes'), 'Fast brown foxes', '(1,x)', '10.0.0.1',
     '(1,1),(0,0)', 'calm', '{"a": 1}'),
    (2, '{4}', '{}', '[5,9)', to_tsvector('english', 'One lazy dog'), 'One lazy dog', '(2,y)', '10.0.0.0/24', '(9,9),(8,8)',
     'rough', '[1]'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE log (id integer NOT NULL, day date NOT NULL, ship_id integer REFERENCES ship (id), note text, PRIMARY KEY (id, day))
    PARTITION BY RANGE (day);
CREATE TABLE log_2001 PARTITION OF log FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE log_2002 PARTITION OF log FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
INSERT INTO log VALUES (1, '2001-05-05', 1, 'calm'), (2, '2002-06-06', 1, 'storm'), (3, '2002-07-07', 2, 'fog');
CREATE MATERIALIZED VIEW lightest AS SELECT id, name, captain_id FROM ship WHERE tonnage < 100;
CREATE FUNCTION big_ships(lowest integer DEFAULT 0) RETURNS SETOF ship LANGUAGE sql STABLE
    AS 'SELECT * FROM ship WHERE tonnage >= lowest';
COMMENT ON TABLE good IS E'What is carried\\nin ships';
COMMENT ON COLUMN good.name IS 'As it is called';
"""
MARIADB = """
CREATE TABLE labelled (id integer NOT NULL PRIMARY KEY, labels set('a', 'b', 'c d'));
INSERT INTO labelled VALUES (1, 'a,b'), (2, ''), (3, 'b,c d'), (4, NULL);
ALTER TABLE good COMMENT 'What is carried\\nin ships', MODIFY name varchar(20) NOT NULL COMMENT 'As it is called';
"""
WORDS = {
    DatabaseKind.POSTGRESQL: {"json": "jsonb", "boolean": "boolean", "true": "true", "false": "false"},
    DatabaseKind.MARIADB: {"json": "json", "boolean": "boolean", "true": "true", "false": "false"},
    DatabaseKind.SQLITE: {"json": "json", "boolean": "boolean", "true": "1", "false": "0"},
}
COMPARED_BY_BYTES = """
SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES');
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
"""
"""MariaDB compares texts as its tables say: here as the others do."""


def script(kind: DatabaseKind) -> str:
    """What makes the harbour on that database."""
    mariadb = kind is DatabaseKind.MARIADB
    words = {**WORDS[kind], "slash": "\\\\" if mariadb else "\\", "line": "\n"}
    said = SCRIPT.format(**words)
    if mariadb:
        return f"{COMPARED_BY_BYTES}{said}{MARIADB}"
    return said + POSTGRESQL if kind is DatabaseKind.POSTGRESQL else said


def second(kind: DatabaseKind) -> str:
    """What makes the second schema, where that is a database of its own."""
    return "CREATE TABLE ship (id integer PRIMARY KEY, second_only varchar(10)); INSERT INTO ship VALUES (1, 'here');"
