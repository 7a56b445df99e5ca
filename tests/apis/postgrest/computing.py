"""Functions on PostgreSQL that are asked of a row, and who may call them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.apis.postgrest.native import SECRET

SCRIPT = """
CREATE TABLE author (id int PRIMARY KEY, first text, last text, born int, secret text DEFAULT 'hush');
CREATE TABLE book (
    id int PRIMARY KEY, title text, price numeric, author_id int REFERENCES author (id), status text, code text);
CREATE TABLE tick (id int PRIMARY KEY);
INSERT INTO author VALUES (1, 'Ann', 'Ames', 1950, 's1'), (2, 'Bob', 'Bell', 1960, 's2'), (3, 'Cy', 'Cole', NULL, 's3');
INSERT INTO book VALUES
    (1, 'One', 10.5, 1, 'published', '7'), (2, 'Two', 20, 1, 'draft', 'a secret of ours'),
    (3, 'Three', 30, 2, 'published', '9'), (4, 'Four', 5, NULL, 'draft', 'another');
INSERT INTO tick VALUES (1);

CREATE FUNCTION full_name(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.first || ' ' || $1.last $$;
CREATE FUNCTION age(author) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2000 - $1.born';
CREATE FUNCTION facts(a author) RETURNS jsonb LANGUAGE sql STABLE
    AS $$ SELECT jsonb_build_object('first', a.first, 'tags', jsonb_build_array(a.id, 'x')) $$;
CREATE FUNCTION first(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'not the column' $$;
CREATE FUNCTION secret(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'not the column' $$;
CREATE FUNCTION pages(author) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT generate_series(1, 2)';
CREATE FUNCTION either(author, int DEFAULT 1) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION twice(author) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION twice(author, int DEFAULT 1) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION needs(author, int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION more_works(author, int DEFAULT 1) RETURNS SETOF book LANGUAGE sql STABLE AS 'SELECT * FROM book';
CREATE FUNCTION untold(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'closed' $$;
CREATE FUNCTION worth(author) RETURNS numeric LANGUAGE sql STABLE
    AS 'SELECT sum(price) FROM book WHERE author_id = $1.id';
CREATE FUNCTION ticks(author) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM tick';
CREATE FUNCTION ticked(author) RETURNS int LANGUAGE sql VOLATILE
    AS 'INSERT INTO tick SELECT max(id) + 1 FROM tick RETURNING id';
CREATE FUNCTION leaves(author) RETURNS text LANGUAGE sql VOLATILE
    AS $$ SELECT set_config('left.behind', 'something', false) $$;
CREATE FUNCTION behind(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('left.behind', true) $$;
CREATE FUNCTION fails(author) RETURNS int LANGUAGE plpgsql STABLE
    AS $$ BEGIN RAISE EXCEPTION 'a secret of ours'; END $$;
CREATE FUNCTION misses(author) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN not_there(1); END $$;
CREATE FUNCTION number(book) RETURNS int LANGUAGE plpgsql IMMUTABLE COST 0.0001
    AS $$ BEGIN RETURN $1.code::int; END $$;
CREATE FUNCTION number_twice(b book) RETURNS SETOF book LANGUAGE plpgsql STABLE COST 0.0001 ROWS 1
    AS $$ BEGIN PERFORM b.code::int; RETURN NEXT b; END $$;

CREATE FUNCTION works(author) RETURNS SETOF book LANGUAGE sql STABLE
    AS 'SELECT * FROM book WHERE author_id = $1.id';
CREATE FUNCTION book(author) RETURNS SETOF book LANGUAGE sql STABLE
    AS 'SELECT * FROM book WHERE author_id = $1.id AND price > 15';
CREATE FUNCTION latest(author) RETURNS SETOF book ROWS 1 LANGUAGE sql STABLE
    AS 'SELECT * FROM book WHERE author_id = $1.id ORDER BY id DESC LIMIT 1';
CREATE FUNCTION debut(author) RETURNS book LANGUAGE sql STABLE
    AS 'SELECT * FROM book WHERE author_id = $1.id ORDER BY id LIMIT 1';
CREATE FUNCTION writer(book) RETURNS author LANGUAGE sql STABLE AS 'SELECT * FROM author WHERE id = $1.author_id';
CREATE FUNCTION every_book(author) RETURNS SETOF book LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM book';
CREATE FUNCTION invented(author) RETURNS SETOF book LANGUAGE sql STABLE
    AS $$ VALUES (90, 'Seen', 1.0, $1.id, 'published', 'c'), (91, 'Unseen', 1.0, $1.id, 'draft', 'c') $$;
CREATE FUNCTION peers(author) RETURNS SETOF author LANGUAGE sql STABLE
    AS 'SELECT * FROM author WHERE id <> $1.id ORDER BY id';
CREATE FUNCTION clocks(author) RETURNS SETOF tick LANGUAGE sql STABLE AS 'SELECT * FROM tick';
CREATE FUNCTION found() RETURNS SETOF author LANGUAGE sql STABLE AS 'SELECT * FROM author';
CREATE FUNCTION anyone() RETURNS author LANGUAGE sql STABLE AS 'SELECT * FROM author WHERE id = 2';

CREATE VIEW living AS SELECT id, first FROM author;
CREATE FUNCTION shout(living) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1.first)';
CREATE TABLE "we%ird ""t" (id int PRIMARY KEY, "a%b" text, "we%ird ""t" int);
INSERT INTO "we%ird ""t" VALUES (1, 'odd', 5);
CREATE FUNCTION "o%d""d"("we%ird ""t") RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1."a%b")';
CREATE SCHEMA beside;
CREATE FUNCTION beside.nickname(author) RETURNS text LANGUAGE sql STABLE AS 'SELECT lower($1.first)';
CREATE FUNCTION beside.full_name(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'the wrong one' $$;
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.far(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'not on the path' $$;
"""
OPEN = (
    *(
        "full_name",
        "age",
        "facts",
        "first",
        "secret",
        "pages",
        "either",
        "twice",
        "needs",
        "more_works",
        "ticks",
        "ticked",
        "leaves",
        "behind",
        "fails",
    ),
    *("misses", "number", "number_twice", "works", "book", "latest", "debut", "writer", "every_book", "invented"),
    *("peers", "clocks", "found", "anyone", "shout", "'o%d\"d'", "beside.nickname", "beside.full_name"),
)
DEAR = " or ".join(f"status == '{status}'" for status in ("printed", "reprinted", "bound", "published"))
"""A rule that costs more than the cheapest function: PostgreSQL asks the cheapest first of what it may ask in any order."""
TABLES = """
auth: {anonymous_role: guest, jwt: {secret: SECRET, role_claim: role}}
roles: {guest: {}, member: {}}
postgrest: {db_aggregates_enabled: true, db_extra_search_path: [beside]}
tables:
  author:
    allow:
      guest: {read: {filter: true, columns: [id, first, last, born]}, aggregate: true}
      member: {read: true, create: true, update: true, delete: true}
  book:
    allow:
      guest: {read: {filter: DEAR, columns: [id, title, author_id, status]}, aggregate: true}
      member: {read: true}
  living: {allow: {guest: {read: true}}}
  'we%ird "t': {allow: {guest: {read: true}}}
""".replace("SECRET", SECRET).replace("DEAR", f'"{DEAR}"')


def config(names: Sequence[str] = OPEN, more: str = "") -> str:
    """A file in which guests and members may call those functions, and members `worth` besides."""
    functions = "".join(f"  {name}: {{allow: [guest, member]}}\n" for name in names)
    return f"{more}{TABLES}functions:\n  worth: {{allow: member}}\n{functions}"


NATIVE = """
CREATE SCHEMA api;
CREATE SCHEMA beside;
CREATE TABLE api.note (id int PRIMARY KEY, owner text, body text);
CREATE TABLE api.mention (id int PRIMARY KEY, note_id int);
INSERT INTO api.note VALUES (1, 'ann', 'hers'), (2, 'bob', 'his'), (3, 'ann', 'hers too');
INSERT INTO api.mention VALUES (1, 1), (2, 2);
ALTER TABLE api.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api.note USING (owner = current_setting('request.jwt.claims')::json->>'sub');
CREATE FUNCTION api.loud(api.note) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1.body)';
CREATE FUNCTION api.quiet(api.note) RETURNS text LANGUAGE sql STABLE AS 'SELECT lower($1.body)';
CREATE FUNCTION beside.who(api.note) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
CREATE FUNCTION api.note(api.mention) RETURNS SETOF api.note LANGUAGE sql STABLE ROWS 1
    AS 'SELECT * FROM api.note WHERE id = $1.note_id';
CREATE FUNCTION api.raises(api.note) RETURNS text LANGUAGE plpgsql STABLE
    AS $$ BEGIN RAISE EXCEPTION 'for %', $1.body; END $$;
REVOKE EXECUTE ON FUNCTION api.quiet FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.quiet TO reader;
GRANT USAGE ON SCHEMA api, beside TO web_anon, author, reader, careful;
GRANT SELECT ON api.note, api.mention TO author;
GRANT SELECT ON api.note TO reader;
"""
DECIDES = f"""
auth: {{enforce: database}}
postgrest:
  db_schemas: [api]
  db_extra_search_path: [beside]
  db_anon_role: web_anon
  jwt_secret: {SECRET}
  allow_granted_functions: true
"""
