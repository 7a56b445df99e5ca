"""Kinds of mistakes in a configuration: a row of `configuration_faults.txt` each.

    what of RIGHT becomes what | is replaced | what is told of it; `¦` where the complaint is to point

`\n` is a new line, ` …` at the end: other complaints follow from it.

Rule: a row for each kind of place where something can be wrong, under what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MARK = "¦"
BESIDES = " …"


@dataclass(frozen=True)
class Fault:
    """The first `old` of `RIGHT` becomes `new`."""

    old: str
    new: str
    told: str
    besides: bool = False

    @property
    def text(self) -> str:
        """The file."""
        return self._marked.replace(MARK, "")

    @property
    def place(self) -> str:
        """Line and column of the mark."""
        before = self._marked.partition(MARK)[0]
        return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"

    @property
    def _marked(self) -> str:
        assert self.old in RIGHT, self.old
        assert self.new.count(MARK) == 1, self.new
        return RIGHT.replace(self.old, self.new, 1)


SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE, password VARCHAR(200) NOT NULL, kind VARCHAR(20));
CREATE TABLE api_key (key_hash VARCHAR(64) PRIMARY KEY, role VARCHAR(20), owner_id INTEGER NOT NULL);
CREATE TABLE publisher (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, country VARCHAR(2));
CREATE TABLE book (id INTEGER PRIMARY KEY, title VARCHAR(80) NOT NULL, price DECIMAL(10,2) NOT NULL, status VARCHAR(10) NOT NULL,
  owner_id INTEGER NOT NULL, due DATE, publisher_id INTEGER REFERENCES publisher (id), price_secret INTEGER);
CREATE TABLE review (id INTEGER PRIMARY KEY, book_id INTEGER NOT NULL REFERENCES book (id), rating INTEGER, body VARCHAR(80));
CREATE TABLE ranking (place INTEGER PRIMARY KEY, book_id INTEGER NOT NULL);
CREATE TABLE leftover (id INTEGER PRIMARY KEY);
INSERT INTO account VALUES (1, 'ann@example.com', 'x', 'user');
INSERT INTO publisher VALUES (1, 'Harbour', 'GB');
INSERT INTO book VALUES (1, 'One', 10, 'published', 1, NULL, 1, 7), (2, 'Two', 10, 'draft', 1, NULL, 1, 7), (3, 'Three', 10, 'published', 2, NULL, NULL, 7);
"""
DIGITS = "0" * 64
RIGHT = f"""version: 1
database: {{exclude: [leftover]}}
auth:
  anonymous_role: guest
  admin_role: admin
  admin_secret: the-administrators-secret-is-forty-letters
  jwt: {{secret: a-signing-key-of-forty-letters-at-least, audience: api, role_claim: role, default_role: user}}
  api_keys:
    table: api_key
    default_role: user
    columns: {{subject: owner_id}}
    keys: {{deploy: {{hash: "sha256:{DIGITS}", role: user, expires: 2030-12-31}}}}
  basic: {{table: account, columns: {{name: email, password_hash: password, role: kind}}, default_role: user}}
  claims: [tenant, org.id]
roles:
  guest: {{limits: {{max_rows: 50, timeout: 5s, rate: 6000/min}}}}
  user: {{extends: guest}}
  admin: {{extends: [user]}}
policies:
  own: owner_id == claims.sub
  published: status == 'published'
  shown: published and price > 0
defaults: {{columns: all}}
limits: {{rows: 1000}}
tables:
  "*": {{columns: {{"*_secret": hidden}}}}
  "re*": {{allow: {{guest: {{read: true}}}}}}
  book:
    name: books
    cache: {{ttl: 1h}}
    changes: {{events: [insert]}}
    allow:
      guest:
        read: shown
        columns: [id, title, price]
      user:
        read: {{filter: own, columns: [id, title, price, status], mask: {{title: {{null_unless: price < 100}}}}}}
        create: {{check: own, columns: [id, title, price], presets: {{owner_id: claims.sub, status: "'draft'"}}}}
        update: {{filter: own, check: price > 0, columns: [title]}}
        delete: own and not published
        aggregate: true
  publisher: {{allow: {{guest: {{read: "exists(book, shown)"}}}}}}
relationships:
  book.publisher: {{rename: house}}
  ranking.book: {{to: book, join: {{book_id: id}}}}
tests:
  - {{as: guest, read: book, where: status == 'draft', rows: 0}}
  - {{as: {{role: user, sub: 1}}, read: book, keys: [1, 2, 3]}}
"""
"""A right one, with something in every place where a name can stand."""


def read() -> Mapping[str, tuple[Fault, ...]]:
    """The rows, by the word of their heading."""
    found: dict[str, list[Fault]] = {}
    rows: list[Fault] = []
    for line in Path(__file__).with_suffix(".txt").read_text().splitlines():
        if line.startswith("# "):
            rows = found.setdefault(line.split()[1], [])
        elif line:
            old, new, told = line.replace("\\n", "\n").split(" | ")
            rows.append(Fault(old, new, told.removesuffix(BESIDES), told.endswith(BESIDES)))
    return {heading: tuple(rows) for heading, rows in found.items()}


FAULTS = read()
