"""Notes, of which guests see one and users all, served to whoever an issuer's tokens name.

Rule: what a test asks is asked of the running server by each API.
"""

from __future__ import annotations

import json
from typing import Any

from tests.server.issuers import Service

SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, text VARCHAR(40));
INSERT INTO note VALUES (1, 'of all'), (2, 'of users');
"""
RULES = """
roles: {guest: {}, user: {extends: guest}, admin: {}}
tables: {note: {allow: {guest: {read: id == 1}, user: {read: true}}}}
"""
READS = ("/api/note", "/rest/v1/note", "/graphql?query=%7Bnote%7Bid%7D%7D")


def config(issuer: Service, **more: Any) -> str:
    jwt = {"jwks": issuer.url, "audience": "shop", "default_role": "user"}
    auth = {"jwt": jwt, "anonymous_role": "guest", "admin_role": "admin", **more}
    return f"auth: {json.dumps({name: each for name, each in auth.items() if each is not None})}\n{RULES}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def told(reply: Any) -> list[int] | None:
    """The keys of the notes that are answered, None where nothing is."""
    if reply.status != 200 or (isinstance(reply.json, dict) and "errors" in reply.json):
        return None
    found = reply.json
    rows = found if isinstance(found, list) else found["items"] if "items" in found else found["data"]["note"]
    return [row["id"] for row in rows]
