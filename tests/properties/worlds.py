"""Two databases that differ only in what some callers may not see, and the rules that say so.

Every caller of `CALLERS` sees the same in both worlds. What differs: rows that a rule hides, cells of hidden columns,
cells that the union of several roles shows as null, digits that a mask covers, hidden columns and hidden tables that one
world alone has.

Rule: `Secrets` draws whatever differs, and nothing else does; what refers to a row of one world alone is hidden as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from reflector.catalog.model import DatabaseKind

KEY = "a-signing-key-of-forty-letters-at-least"
ME = 7
"""Whom the tokens name."""

CONFIG = f"""
server: {{secret: a-secret-that-both-of-the-servers-share-today}}
postgrest: {{db_aggregates_enabled: true}}
auth:
  jwt: {{secret: {KEY}, audience: api, role_claim: roles}}
  anonymous_role: guest
roles:
  guest: {{}}
  user: {{extends: guest}}
  staff: {{}}
  auditor: {{}}
policies:
  own: owner_id == claims.sub
  published: status == 'published'
tables:
  "*": {{columns: {{"*_secret": hidden}}}}
  team:
    allow:
      guest: {{read: open == True, columns: [id, name], aggregate: true}}
  account:
    columns: {{salary: hidden}}
    allow:
      guest: {{read: listed == True, columns: [id, name, team_id, phone], aggregate: true, mask: {{phone: last4}}}}
      user: {{read: id == claims.sub, aggregate: true}}
  article:
    allow:
      guest: {{read: published, columns: [id, title, owner_id, score, day], aggregate: true}}
      user:
        read: own
        aggregate: true
        create: {{check: own, columns: [id, title, body, status, score, day], presets: {{owner_id: claims.sub}}}}
        update: {{filter: own, check: status != 'locked', columns: [title, body, status, score, day]}}
        delete: own and status == 'draft'
  comment:
    allow:
      guest: {{read: "hidden == False and article.status == 'published'", columns: [id, article_id, author_id, text], aggregate: true}}
      user:
        read: {{filter: author_id == claims.sub}}
        aggregate: true
        create:
          check: article.status == 'published'
          columns: [id, article_id, text]
          presets: {{author_id: claims.sub, hidden: false}}
        update: {{filter: author_id == claims.sub, columns: [text]}}
  tag: {{allow: {{guest: {{read: true, aggregate: true}}}}}}
  article_tag:
    allow:
      guest: {{read: "article.status == 'published' and hidden == False", columns: [article_id, tag_name], aggregate: true}}
      user: {{read: article.owner_id == claims.sub and hidden == False, aggregate: true}}
  note:
    allow:
      auditor: {{read: pinned == True, columns: [text, at], aggregate: true}}
      staff:
        read: own
        aggregate: true
        update: {{filter: own, columns: [text, pinned]}}
        create: {{check: own, columns: [id, text, pinned, at], presets: {{owner_id: claims.sub}}}}
"""

SCHEMA = """
CREATE TABLE team (id int NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, open boolean NOT NULL, key_secret varchar(40));
CREATE TABLE account (id int NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, email varchar(40), phone varchar(40),
  salary decimal(8,2), team_id int REFERENCES team (id), listed boolean NOT NULL, born date, seen {timestamp}, data {json});
CREATE TABLE article (id int NOT NULL PRIMARY KEY, owner_id int NOT NULL REFERENCES account (id), title varchar(40) NOT NULL,
  body varchar(80), status varchar(20) NOT NULL, score int, day date, draft_secret varchar(40) {columns},
  CONSTRAINT score_is_no_debt CHECK (score >= 0));
CREATE TABLE comment (id int NOT NULL PRIMARY KEY, article_id int NOT NULL, author_id int NOT NULL REFERENCES account (id),
  text varchar(40), hidden boolean NOT NULL, FOREIGN KEY (article_id) REFERENCES article (id) ON DELETE CASCADE);
CREATE TABLE tag (name varchar(40) NOT NULL PRIMARY KEY, label varchar(40));
CREATE TABLE article_tag (article_id int NOT NULL, tag_name varchar(40) NOT NULL REFERENCES tag (name), note varchar(40),
  hidden boolean NOT NULL, PRIMARY KEY (article_id, tag_name), FOREIGN KEY (article_id) REFERENCES article (id) ON DELETE CASCADE);
CREATE TABLE note (id int NOT NULL PRIMARY KEY, owner_id int NOT NULL REFERENCES account (id), text varchar(40), pinned boolean NOT NULL,
  at {timestamp}, remark_secret varchar(40));
{tables}
"""
TABLES = (
    (
        "CREATE TABLE artikle (id int NOT NULL PRIMARY KEY, article_id int, amount int,"
        " FOREIGN KEY (article_id) REFERENCES article (id) ON DELETE CASCADE);"
    ),
    (
        "CREATE TABLE vault (id int NOT NULL PRIMARY KEY, account_id int REFERENCES account (id), gold int);"
        "CREATE TABLE account_tag (account_id int NOT NULL REFERENCES account (id), tag_name varchar(40) NOT NULL"
        " REFERENCES tag (name), PRIMARY KEY (account_id, tag_name));"
    ),
)
COLUMNS = (", bodi_secret varchar(40)", ", titel_secret varchar(40) DEFAULT 'hunter2'")
"""What the first world alone has, and the second."""
TYPES = {
    DatabaseKind.POSTGRESQL: {"timestamp": "timestamp", "json": "jsonb"},
    DatabaseKind.MARIADB: {"timestamp": "datetime(6)", "json": "json"},
    DatabaseKind.SQLITE: {"timestamp": "timestamp", "json": "json"},
}
COUNTED = {
    DatabaseKind.POSTGRESQL: "ANALYZE;",
    DatabaseKind.MARIADB: "ANALYZE TABLE team, account, article, comment, tag, article_tag, note;",
    DatabaseKind.SQLITE: "ANALYZE;",
}
"""The second world alone: a database that has counted its rows plans otherwise, and may do so at any moment by itself."""
WORDS = ("apple", "pear", "Plum", "fig", "it's", "100%", "a_b", "é", "", "hunter2")
TAGS = ("red", "green", "a,b", "x/y")
UNSEEN_BY_ALL = (61, 62)
"""Articles that nobody sees, in both worlds, and with which nothing else is the same."""
ONE_WORLD = range(31, 61)
"""Numbers of rows that one world alone may have."""


CACHED = CONFIG.replace(
    'tables:\n  "*": {columns: {"*_secret": hidden}}',
    'tables:\n  "*": {columns: {"*_secret": hidden}, cache: {ttl: 1h}}',
)
"""The same, and answers are kept."""
assert CACHED != CONFIG


def bearer(**claims: Any) -> Mapping[str, str]:
    """The header of a token with these claims."""
    parts = [{"alg": "HS256"}, {"exp": time.time() + 3600, "aud": "api", **claims}]
    signed = ".".join(_packed(json.dumps(part).encode()) for part in parts)
    mac = hmac.new(KEY.encode(), signed.encode(), hashlib.sha256).digest()
    return {"Authorization": f"Bearer {signed}.{_packed(mac)}"}


def _packed(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


ROLES: Mapping[str, tuple[str, ...]] = {
    "guest": ("guest",),
    "user": ("user",),
    "both": ("staff", "auditor"),
    "all": ("user", "staff", "auditor"),
}
CALLERS: Mapping[str, Mapping[str, str]] = {
    "guest": {},
    "user": bearer(sub=ME, roles="user"),
    "both": bearer(sub=str(ME), roles=ROLES["both"]),
    "all": bearer(sub=ME, roles=ROLES["all"]),
    "nameless": bearer(roles="user"),
    "forged": {"Authorization": "Bearer x.y.z"},
}


def script(kind: DatabaseKind, world: int, seed: int) -> str:
    """World 0 or 1: its tables and rows. The seed draws what both have; with the world's number, what differs."""
    schema = SCHEMA.format(**TYPES[kind], columns=COLUMNS[world], tables=TABLES[world])
    rows = _rows(random.Random(seed), Secrets(random.Random(f"{seed} {world}")), world)
    return "\n".join([schema, *rows, *([COUNTED[kind]] if world else [])])


class Secrets:
    """What differs between the worlds."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def word(self) -> str | None:
        return self.chance.choice([*WORDS, None])

    def number(self) -> int:
        return self.chance.randrange(100)

    def truth(self) -> bool:
        return self.chance.random() < 0.5

    def some(self, numbers: Any) -> list[int]:
        return [number for number in numbers if self.truth()]


def _rows(shared: random.Random, secret: Secrets, world: int) -> Iterator[str]:
    def word() -> str:
        return shared.choice(WORDS)

    yield from _people(shared, secret)
    for number in range(1, 25):
        mine = shared.random() < 0.4
        status = shared.choice(["draft", "locked", "published", "published"]) if mine else "published"
        owner = ME if mine else shared.choice([1, 2, 3, 11, 12])
        body = word() if mine else secret.word()
        day = f"2024-01-{number:02}"
        yield article(number, owner, word(), body, status, shared.choice([None, 0, 1, 5, 5]), day, secret)
    for number in (*UNSEEN_BY_ALL, *secret.some(ONE_WORLD)):
        owner = secret.chance.choice([1, 2, 3, 11])
        status = secret.chance.choice(["draft", "locked"])
        yield article(number, owner, secret.word() or "", secret.word(), status, secret.number(), "2024-02-01", secret)
    for tag in TAGS:
        yield insert("tag", tag, word())
    yield from _comments(shared, secret)
    yield from _notes(shared, secret)
    for number in range(1, 20):
        hidden = ("artikle", number, number, secret.number()) if world == 0 else ("vault", number, 1, secret.number())
        yield insert(*hidden)
    if world == 1:
        yield insert("account_tag", 1, "red")


def _people(shared: random.Random, secret: Secrets) -> Iterator[str]:
    for number in (1, 2):
        yield insert("team", number, shared.choice(WORDS), True, secret.word())
    for number in (3, 4, *secret.some(range(5, 10))):
        yield insert("team", number, secret.word() or "", False, secret.word())
    for number in (1, 2, 3, ME):
        mine = number == ME
        cell = (lambda: shared.choice(WORDS)) if mine else secret.word
        seen = f"2024-03-0{number if mine else secret.number() % 9 + 1} 10:00:00"
        data = json.dumps({"n": number if mine else secret.number()})
        team = shared.choice([1, 2, 3, None])
        born = "1990-05-05" if mine else f"19{secret.number():02}-01-01"
        listed = True if not mine else shared.random() < 0.5
        name, hidden = shared.choice(WORDS), 1234 if mine else 1000 + secret.number()
        phone = f"{hidden} {number:04}"  # of which the last four are shown to all
        yield insert("account", number, name, cell(), phone, secret.number(), team, listed, born, seen, data)
    for number in (11, 12, *secret.some(range(13, 20))):
        name, team = secret.word() or "", secret.chance.choice([1, 3, 4])
        yield insert("account", number, name, secret.word(), secret.word(), 1, team, False, None, None, None)


def article(
    number: int, owner: int, title: str, body: str | None, status: str, score: int | None, day: str, secret: Secrets
) -> str:
    return insert("article", number, owner, title, body, status, score, day, secret.word(), secret.word())


def _comments(shared: random.Random, secret: Secrets) -> Iterator[str]:
    """Rows 1 to 40 are of both worlds, on articles of both; who sees which is the rules' to say, and told alike: those
    that only some see have the same cells in both worlds."""
    for number in range(1, 41):
        author = shared.choice([1, 2, 11, ME])
        yield insert("comment", number, shared.randrange(1, 25), author, shared.choice(WORDS), False)
    yield insert("comment", 41, UNSEEN_BY_ALL[0], ME, "on what I may not see", False)
    for number in secret.some(range(1000, 1030)):
        where = secret.chance.choice([*range(1, 25), *UNSEEN_BY_ALL])
        yield insert("comment", number, where, secret.chance.choice([1, 2, 12]), secret.word(), True)
    for number in range(1, 25):
        for tag in TAGS:
            if shared.random() < 0.4:
                yield insert("article_tag", number, tag, None, False)
            elif secret.truth():
                yield insert("article_tag", number, tag, secret.word(), True)
    for tag in TAGS:
        if secret.truth():
            yield insert("article_tag", UNSEEN_BY_ALL[0], tag, secret.word(), secret.truth())


def _notes(shared: random.Random, secret: Secrets) -> Iterator[str]:
    """Of a pinned note of somebody else's, an auditor sees the text and neither number nor owner."""
    numbers = {True: range(1, 13), False: secret.chance.sample(range(100, 200), 6)}
    others = secret.chance.sample(range(200, 300), 6)
    for place, number in enumerate(numbers[True]):
        yield insert("note", number, ME, shared.choice(WORDS), place % 3 == 0, f"2024-04-{place + 1:02}", secret.word())
    for place, number in enumerate(sorted(numbers[False])):
        yield insert(
            "note", number, secret.chance.choice([1, 2, 3]), f"pinned {place}", True, "2024-05-01", secret.word()
        )
    for number in others:
        yield insert("note", number, 1, secret.word(), False, "2024-06-01", secret.word())


def insert(table: str, *values: Any) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join(map(_literal, values))});"


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case _:
            return "'" + str(value).replace("'", "''") + "'"
