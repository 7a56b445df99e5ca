"""Two people, a guest and a blog of which each sees a part: the world that attacks by name are tried in.

Article 9 is Bob's draft; `account.salary` and `article.auditors_remark` are hidden, and the table of keys is nobody's.
"""

from __future__ import annotations

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.properties.worlds import KEY, bearer

ALICE, BOB = 7, 8
CONFIG = f"""
server: {{secret: a-secret-that-all-of-the-servers-share-today}}
postgrest: {{db_aggregates_enabled: true, allow_unfiltered_writes: true, allow_estimated_counts: true, db_plan_enabled: true}}
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
    columns: {{auditors_remark: hidden, margin_of_profit: hidden}}
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
  status varchar(20) NOT NULL DEFAULT 'draft', note varchar(40), data {json}, auditors_remark varchar(40) DEFAULT 'hunter3',
  doubled int GENERATED ALWAYS AS (id * 2) STORED,
  margin_of_profit int GENERATED ALWAYS AS (id * 3) STORED, CONSTRAINT no_shouting CHECK (title <> '!' OR auditors_remark = 'allowed'));
CREATE TABLE comment (id int NOT NULL PRIMARY KEY, article_id int NOT NULL REFERENCES article (id), text varchar(40),
  hidden boolean NOT NULL DEFAULT FALSE);
CREATE TABLE api_key (id int NOT NULL PRIMARY KEY, hash varchar(80));
INSERT INTO account VALUES (7, 'Alice', 7000), (8, 'Bob', 8000);
INSERT INTO article (id, owner_id, title, status, note, data) VALUES (1, 7, 'mine', 'draft', '1', '{"n": 1}'),
  (2, 7, 'mine too', 'published', '2', '{"n": 2}'), (8, 8, 'theirs', 'published', '8', '{"n": 8}'),
  (9, 8, 'secret', 'draft', 'hunter2', '{"n": "hunter2"}');
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
    return databases.database(kind, SCHEMA.replace("{json}", "jsonb" if kind is DatabaseKind.POSTGRESQL else "json"))
