"""Two people, a guest and a blog of which each sees a part: the world that attacks by name are tried in.

Article 9 is Bob's draft; `account.salary` is hidden, and the table of keys is nobody's.
"""

from __future__ import annotations

from typing import Any

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.properties.worlds import KEY, bearer

ALICE, BOB = 7, 8
CONFIG = f"""
server: {{secret: a-secret-that-all-of-the-servers-share-today}}
postgrest: {{db_aggregates_enabled: true, allow_unfiltered_writes: true}}
auth:
  jwt: {{secret: {KEY}, audience: api, role_claim: roles, default_role: user}}
  anonymous_role: guest
  admin_role: admin
roles:
  guest: {{}}
  user: {{extends: guest}}
  editor: {{}}
  cleaner: {{}}
  maker: {{}}
  reviser: {{}}
  admin: {{}}
policies:
  own: owner_id == claims.sub
  published: status == 'published'
tables:
  account:
    columns: {{salary: hidden}}
    allow:
      guest: {{read: true, columns: [id, name], aggregate: true}}
      user: {{read: id == claims.sub, aggregate: true}}
  article:
    allow:
      guest: {{read: published, aggregate: true}}
      user:
        read: own
        aggregate: true
        create: {{check: own, columns: [id, title, status, note], presets: {{owner_id: claims.sub}}}}
        update: {{filter: own, columns: [title, status, note, owner_id]}}
        delete: own
      editor:
        read: published
        update: {{filter: true, columns: [title, note]}}
        delete: true
      cleaner: {{delete: true}}
      maker: {{create: {{check: true}}}}
      reviser: {{read: true, update: {{filter: true, columns: [id, title, status, note, owner_id]}}}}
  comment:
    allow:
      guest: {{read: hidden == False, columns: [id, article_id, text], aggregate: true}}
      user: {{create: {{check: "exists(article, published or own)", columns: [id, article_id, text], presets: {{hidden: false}}}}}}
"""
SCHEMA = """
CREATE TABLE account (id int NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, salary int);
CREATE TABLE article (id int NOT NULL PRIMARY KEY, owner_id int NOT NULL REFERENCES account (id), title varchar(40),
  status varchar(20) NOT NULL DEFAULT 'draft', note varchar(40));
CREATE TABLE comment (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id), text varchar(40),
  hidden boolean NOT NULL DEFAULT FALSE);
CREATE TABLE api_key (id int NOT NULL PRIMARY KEY, hash varchar(80));
INSERT INTO account VALUES (7, 'Alice', 7000), (8, 'Bob', 8000);
INSERT INTO article VALUES (1, 7, 'mine', 'draft', 'n1'), (2, 7, 'mine too', 'published', 'n2'),
  (8, 8, 'theirs', 'published', 'n8'), (9, 8, 'secret', 'draft', 'hunter2');
INSERT INTO comment VALUES (1, 9, 'on a draft', TRUE), (2, 8, 'seen', FALSE), (3, 2, 'hidden', TRUE);
INSERT INTO api_key VALUES (1, 'abc');
"""
TOKENS: dict[str, dict[str, str]] = {
    "guest": {},
    "alice": dict(bearer(sub=ALICE, roles="user")),
    "bob": dict(bearer(sub=BOB, roles="user")),
    **{role: dict(bearer(sub=ALICE, roles=role)) for role in ("editor", "cleaner", "maker", "reviser", "admin")},
}


def blog(databases: Databases, kind: DatabaseKind) -> str:
    """The URL of a new one."""
    return databases.database(kind, SCHEMA)


def article(number: int, title: str, owner: int, status: str, note: str | None) -> dict[str, Any]:
    return {"id": number, "owner_id": owner, "title": title, "status": status, "note": note}
