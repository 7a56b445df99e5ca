"""A database of PostgreSQL's that decides for itself, with what only such a one can be asked: settings of functions, errors of every class."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import OctKey

from tests.apis.postgrest import native

SCRIPT: Final = f"""
{native.SCRIPT}
CREATE FUNCTION helper() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'from beside' $$;
CREATE FUNCTION api.helped() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN helper(); END $$;
CREATE FUNCTION api.isolated() RETURNS text LANGUAGE sql STABLE SET default_transaction_isolation = 'serializable'
    AS $$ SELECT current_setting('transaction_isolation') $$;
CREATE FUNCTION api.level() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('transaction_read_only') $$;
CREATE FUNCTION api.raised(code text) RETURNS int LANGUAGE plpgsql STABLE
    AS $$ BEGIN RAISE EXCEPTION 'as it was said' USING ERRCODE = code; END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO web_anon, author;
"""
CONFIG: Final = f"{native.CONFIG}  allow_granted_functions: true\n"
FIRST: Final = "the-first-key-of-a-set-of-two-keys-it-is"
SECOND: Final = "the-second-key-of-a-set-of-two-keys-it-is"
KEYS: Final = {
    "keys": [OctKey.import_key(text, {"kid": kid, "alg": "HS256"}).as_dict(private=True)
             for kid, text in (("one", FIRST), ("two", SECOND))],
}  # fmt: skip
KEYED: Final = (
    CONFIG.replace(f"jwt_secret: {native.SECRET}", f"jwt_secret: '{json.dumps(KEYS)}'")
    + "  jwt_role_claim_key: $.realm.roles[0]\n"
)
KEYLESS: Final = CONFIG.replace(f"  jwt_secret: {native.SECRET}\n", "")
ROOTED: Final = f"{CONFIG}  db_root_spec: api.helped\n"


def signed(key: str, kid: str | None = None, **claims: Any) -> dict[str, str]:
    """The header of a caller, signed with one of the keys."""
    said = {"exp": int(time.time()) + 86_400, "sub": "ann", "realm": {"roles": ["author"]}, **claims}
    head = {"alg": "HS256", **({} if kid is None else {"kid": kid})}
    return {"Authorization": f"Bearer {jwt.encode(head, said, OctKey.import_key(key))}"}
