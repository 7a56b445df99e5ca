"""Servers with an extension, and callers of each role."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.server.test_jwt import SECRET, token

OFFERS = Path(__file__).with_name("offers.py")
SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, owner VARCHAR(10) NOT NULL, body VARCHAR(40) NOT NULL, secret VARCHAR(40));
INSERT INTO note VALUES (1, '7', 'mine', 's1'), (2, '8', 'theirs', 's2'), (3, '7', 'mine too', 's3');
"""
CONFIG = f"""version: 1
server: {{body: 2KiB}}
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{limits: {{timeout: 500ms}}}}, user: {{extends: guest}}, editor: {{}}, idle: {{}}}}
tables:
  note:
    allow:
      user:
        read: owner == claims.sub
        create: {{check: body != 'forbidden', columns: [id, body], presets: {{owner: claims.sub}}}}
        update: {{filter: owner == claims.sub, columns: [body]}}
        delete: owner == claims.sub and id > 3
        columns: [id, owner, body]
      editor: {{read: true}}
extensions:
  offers:
    module: "{OFFERS}:offers"
    settings: {{key: "${{OFFERS_KEY:-a-secret-of-the-extension}}", limits: {{most: 3}}}}
    allow: [user, editor]
functions:
  notes: {{allow: [user, editor, idle]}}
  note_of: {{allow: [user, editor]}}
  prices_of: {{allow: [user, editor]}}
  written: {{allow: [user, editor]}}
  claimed: {{allow: user}}
  promised: {{allow: user}}
  told: {{allow: user}}
  total: {{allow: [guest, editor]}}
  list_of: {{allow: user}}
  offer: {{allow: user}}
  nothing: {{allow: user}}
  sold_out: {{allow: user}}
  broken: {{allow: user}}
  forever: {{allow: [user, editor]}}
"""


def bearer(*roles: str, subject: str = "7") -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": roles, "sub": subject}
    return {"Authorization": f"Bearer {token(claims)}"}


USER, OTHER, EDITOR, IDLE = bearer("user"), bearer("user", subject="8"), bearer("editor"), bearer("idle")


def module() -> Any:
    """The module as the newest server imported it."""
    return sys.modules["reflector_extension_offers"]


def put(folder: Path, config: str = CONFIG) -> Path:
    """The configuration as a file."""
    file = folder / "config.yaml"
    file.write_text(config)
    return file
