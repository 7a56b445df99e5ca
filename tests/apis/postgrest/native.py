"""A database that decides for itself: roles, grants, row rules, functions that raise, and tokens for its roles."""

from __future__ import annotations

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

SECRET = "a-signing-key-of-forty-letters-at-least"
ROLES = ("web_anon", "author", "reader", "careful", "outsider")
SCRIPT = """
CREATE SCHEMA api;
CREATE TABLE api.note (
    id integer PRIMARY KEY, owner text NOT NULL DEFAULT current_setting('request.jwt.claims')::json->>'sub',
    body text NOT NULL, secret text NOT NULL DEFAULT 'hush');
CREATE TABLE api.mention (id integer PRIMARY KEY, note_id integer NOT NULL REFERENCES api.note);
CREATE TABLE api.hidden (id integer PRIMARY KEY);
CREATE TABLE api.visit (id serial PRIMARY KEY, what text);
CREATE TABLE api.parent (id integer PRIMARY KEY);
CREATE TABLE api.child (id integer PRIMARY KEY, parent integer REFERENCES api.parent DEFERRABLE INITIALLY DEFERRED);
INSERT INTO api.note VALUES (1, 'ann', 'hers'), (2, 'bob', 'his'), (3, 'ann', 'hers too');
INSERT INTO api.mention VALUES (1, 1), (2, 2);
ALTER TABLE api.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api.note USING (owner = current_setting('request.jwt.claims')::json->>'sub');
CREATE VIEW api.told AS
    SELECT current_user::text AS role, current_setting('request.method') AS method,
           current_setting('request.path') AS path, current_setting('request.jwt.claims')::json AS claims,
           current_setting('request.headers')::json AS headers, current_setting('request.cookies')::json AS cookies,
           current_setting('search_path') AS search_path, current_setting('app.settings.flavour', true) AS flavour,
           current_setting('transaction_isolation') AS isolation, current_setting('transaction_read_only') AS read_only,
           current_setting('statement_timeout') AS statement_timeout, current_setting('left.behind', true) AS behind,
           current_setting('timezone') AS timezone;
CREATE FUNCTION api.begin_request() RETURNS void LANGUAGE plpgsql AS $$
DECLARE h json := current_setting('request.headers')::json;
BEGIN
    IF h->>'x-raise' = 'plain' THEN RAISE 'not today' USING DETAIL = 'some detail', HINT = 'some hint'; END IF;
    IF h->>'x-raise' = 'status' THEN RAISE 'pay first' USING ERRCODE = 'PT402', HINT = 'a card'; END IF;
    IF h->>'x-raise' = 'full' THEN RAISE SQLSTATE 'PGRST' USING
        MESSAGE = '{"code": "123", "message": "Full", "details": "D", "hint": "H"}',
        DETAIL = '{"status": 418, "status_text": "Teapot", "headers": {"X-Kettle": "on"}}'; END IF;
    IF h->>'x-raise' = 'broken' THEN RAISE SQLSTATE 'PGRST' USING MESSAGE = 'no json', DETAIL = '{}'; END IF;
    IF h->>'x-set' IS NOT NULL THEN PERFORM set_config('response.headers', h->>'x-set', true); END IF;
    IF h->>'x-status' IS NOT NULL THEN PERFORM set_config('response.status', h->>'x-status', true); END IF;
    IF h->>'x-behind' IS NOT NULL THEN
        PERFORM set_config('left.behind', h->>'x-behind', false);
        PERFORM set_config('response.status', '299', false);
    END IF;
    IF h->>'x-become' IS NOT NULL THEN PERFORM set_config('role', h->>'x-become', false); END IF;
    IF h->>'x-sleep' IS NOT NULL THEN PERFORM pg_sleep(5); END IF;
END $$;
CREATE FUNCTION api.add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION api.spread(n integer) RETURNS TABLE (x integer, y text) LANGUAGE sql AS 'SELECT n, n::text';
REVOKE EXECUTE ON FUNCTION api.add FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.add TO author;
GRANT USAGE ON SCHEMA api TO web_anon, author, reader, careful;
GRANT EXECUTE ON FUNCTION api.begin_request() TO PUBLIC;
GRANT SELECT ON api.told TO web_anon, author, reader, careful;
GRANT SELECT, INSERT, UPDATE, DELETE ON api.note, api.mention, api.visit, api.parent, api.child TO author;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA api TO author;
GRANT SELECT (id, body) ON api.note TO reader;
"""
MAKE_ROLES = (
    "DO $$ BEGIN "
    + " ".join(
        f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} {how}; END IF;"
        for name, how in {
            **dict.fromkeys(ROLES, "NOLOGIN"),
            "gatekeeper": "LOGIN NOINHERIT",
            "bypasser": "NOLOGIN BYPASSRLS",
            "almighty": "NOLOGIN SUPERUSER",
            "careless_gatekeeper": "LOGIN NOINHERIT",
            "trusted_gatekeeper": "LOGIN NOINHERIT",
        }.items()
    )
    + " GRANT web_anon, author, reader, careful TO gatekeeper;"
    + " ALTER ROLE careful SET default_transaction_isolation = 'serializable';"
    + " ALTER ROLE careful SET statement_timeout = '3s'; END $$"
)
CONFIG = f"""
auth: {{enforce: database}}
postgrest:
  db_schemas: [api]
  db_extra_search_path: [public]
  db_anon_role: web_anon
  db_pre_request: api.begin_request
  jwt_secret: {SECRET}
  app_settings: {{flavour: vanilla}}
"""


def bearer(role: str | None = "author", sub: str = "ann", key: str = SECRET, **claims: Any) -> dict[str, str]:
    """The header of a caller."""
    said = {"exp": int(time.time()) + 86_400, "sub": sub, **({} if role is None else {"role": role}), **claims}
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'HS256'}, said, OctKey.import_key(key))}"}
