"""Functions on PostgreSQL and MariaDB, and who may call them."""

from __future__ import annotations

from collections.abc import Sequence

from reflector.catalog.model import DatabaseKind

POSTGRESQL = """
CREATE TABLE shelf (id int PRIMARY KEY, label text);
CREATE TABLE article (id int PRIMARY KEY, title text, secret text, shelf_id int REFERENCES shelf (id));
INSERT INTO shelf VALUES (1, 'left'), (2, 'right');
INSERT INTO article VALUES (1, 'one', 's1', 1), (2, 'two', 's2', 1), (3, 'three', 's3', 2), (4, 'four', 's4', NULL);
CREATE TYPE place AS (x int, y numeric);
CREATE DOMAIN "text/html" AS text;
CREATE DOMAIN "image/png" AS bytea;
CREATE DOMAIN "*/*" AS bytea;
CREATE FUNCTION twice(n int, by_what int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * by_what';
CREATE FUNCTION hello() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'hello' $$;
CREATE FUNCTION numbers(a int, b int) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT generate_series(a, b)';
CREATE FUNCTION found(lowest int DEFAULT 1) RETURNS SETOF article LANGUAGE sql STABLE
    AS 'SELECT * FROM article WHERE id >= lowest';
CREATE FUNCTION first_article() RETURNS article LANGUAGE sql STABLE AS 'SELECT * FROM article ORDER BY id LIMIT 1';
CREATE FUNCTION shelves() RETURNS SETOF shelf LANGUAGE sql STABLE AS 'SELECT * FROM shelf';
CREATE FUNCTION pairs() RETURNS TABLE (a int, b text) LANGUAGE sql STABLE
    AS $$ VALUES (1, 'x'), (2, NULL) $$;
CREATE FUNCTION split(whole int, OUT half int, OUT rest int) LANGUAGE sql STABLE AS 'SELECT whole / 2, whole % 2';
CREATE FUNCTION counted(INOUT n int) LANGUAGE sql STABLE AS 'SELECT n + 1';
CREATE FUNCTION somewhere() RETURNS place LANGUAGE sql STABLE AS 'SELECT 1, 2.5';
CREATE FUNCTION joined(VARIADIC parts text[] DEFAULT '{}') RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT array_to_string(parts, '-') $$;
CREATE FUNCTION summed(v int[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT sum(x)::int FROM unnest(v) x';
CREATE FUNCTION said(json) RETURNS json LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION texted(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT '<' || $1 || '>' $$;
CREATE FUNCTION sized(bytea) RETURNS int LANGUAGE sql STABLE AS 'SELECT length($1)';
CREATE FUNCTION rooted(xml) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION told(v jsonb) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT v';
CREATE FUNCTION either(a int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'a' $$;
CREATE FUNCTION either(a int, b int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'ab' $$;
CREATE FUNCTION twofold(a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION twofold(a text) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2';
CREATE FUNCTION added(n int, word text) RETURNS SETOF shelf LANGUAGE sql
    AS 'INSERT INTO shelf SELECT i, word FROM generate_series(10, 9 + n) i RETURNING *';
CREATE FUNCTION cleared() RETURNS void LANGUAGE sql AS $$ DELETE FROM shelf WHERE id >= 10 $$;
CREATE FUNCTION peeks() RETURNS int LANGUAGE sql AS 'SELECT 7';
CREATE FUNCTION page() RETURNS "text/html" LANGUAGE sql STABLE AS $$ SELECT '<b>hi</b>'::"text/html" $$;
CREATE FUNCTION picture() RETURNS "image/png" LANGUAGE sql STABLE AS $$ SELECT '\\x8950'::bytea::"image/png" $$;
CREATE FUNCTION anything() RETURNS "*/*" LANGUAGE sql STABLE AS $$ SELECT '\\x00ff'::bytea::"*/*" $$;
CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE EXCEPTION 'a secret of ours'; END $$;
CREATE FUNCTION misses() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN not_there(1); END $$;
CREATE FUNCTION closed() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE SCHEMA other;
CREATE FUNCTION other.elsewhere() RETURNS int LANGUAGE sql STABLE AS 'SELECT 9';
CREATE PROCEDURE done() LANGUAGE sql AS 'SELECT 1';
"""
MARIADB = """
CREATE TABLE shelf (id int PRIMARY KEY, label varchar(20));
CREATE FUNCTION twice(n int, by_what int) RETURNS int DETERMINISTIC NO SQL RETURN n * by_what;
CREATE FUNCTION texted(word varchar(100)) RETURNS varchar(200) DETERMINISTIC NO SQL RETURN CONCAT('<', word, '>');
CREATE FUNCTION marked(n int) RETURNS int DETERMINISTIC MODIFIES SQL DATA
    BEGIN INSERT INTO shelf VALUES (n, 'marked'); RETURN n; END;
CREATE FUNCTION closed() RETURNS int DETERMINISTIC NO SQL RETURN 1;
"""
WORKSHOP = {
    DatabaseKind.POSTGRESQL: """
CREATE FUNCTION add_up(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION refuse() RETURNS int LANGUAGE plpgsql STABLE AS $$
    BEGIN RAISE EXCEPTION 'a secret of ours' USING ERRCODE = 'PT402'; END $$;
CREATE FUNCTION things_above(lowest int) RETURNS SETOF thing LANGUAGE sql STABLE
    AS 'SELECT * FROM thing WHERE amount > lowest';
CREATE FUNCTION largest(among int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(x) FROM unnest(among) x';
CREATE FUNCTION mark(word text) RETURNS void LANGUAGE sql AS 'INSERT INTO tag VALUES (word)';
""",
    DatabaseKind.MARIADB: """
CREATE FUNCTION add_up(a int, b int) RETURNS int DETERMINISTIC NO SQL RETURN a + b;
CREATE FUNCTION refuse() RETURNS int DETERMINISTIC NO SQL
    BEGIN SIGNAL SQLSTATE 'PT402' SET MESSAGE_TEXT = 'a secret of ours'; RETURN 1; END;
CREATE PROCEDURE things_above(IN lowest int) READS SQL DATA
    SELECT id, code FROM thing WHERE amount > lowest ORDER BY id;
CREATE PROCEDURE halve(IN whole int, OUT half int, OUT rest int)
    BEGIN SET half = whole DIV 2; SET rest = whole % 2; END;
CREATE PROCEDURE mark(IN word varchar(20)) INSERT INTO tag VALUES (word);
""",
}
"""Functions and procedures about the workshop."""
OPENED = {
    DatabaseKind.POSTGRESQL: ("add_up", "refuse", "things_above", "largest", "mark"),
    DatabaseKind.MARIADB: ("add_up", "refuse", "things_above", "halve", "mark"),
}


def opened(kind: DatabaseKind) -> str:
    """A file in which these are open to everybody, and the tables of the workshop to be read."""
    functions = "".join(f"  {name}: {{allow: guest}}\n" for name in OPENED[kind])
    tables = "".join(f"  {name}: {{allow: {{guest: {{read: true}}}}}}\n" for name in ("thing", "owner", "tag"))
    return f"{RULES}tables:\n{tables}functions:\n{functions}"


OPEN = (
    *("twice", "hello", "numbers", "found", "first_article", "pairs", "split", "counted", "somewhere", "joined"),
    *("summed", "said", "texted", "sized", "rooted", "told", "either", "twofold", "added", "cleared", "peeks"),
    *("page", "picture", "anything", "fails", "misses", "other.elsewhere"),
)
RULES = """
auth: {anonymous_role: guest}
roles: {guest: {}}
"""
ARTICLE = "  article: {allow: {guest: {read: id != 4, columns: [id, title, shelf_id]}}}\n"


def config(names: Sequence[str], *, articles: bool = False, shelves: bool = True) -> str:
    """A file in which those functions are open to everybody."""
    tables = f"tables:\n  shelf: {{allow: {{guest: {{read: true}}}}}}\n{ARTICLE if articles else ''}" if shelves else ""
    functions = "".join(f"  {name}: {{allow: guest}}\n" for name in names)
    return f"{RULES}{tables}functions:\n{functions}"
