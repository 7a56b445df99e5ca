"""`reflector init`: a first config.yaml for a database, with every table in it and examples that fit.

As it is written the file closes everything but what it shows: take the `#` away before what is to be open. Columns that
look like secrets are hidden from the start.

Rule: the file can be used as it is, and with any of its examples; it holds no password, and nothing that stands in the
database can end a line of it.
"""

from __future__ import annotations

import json
import keyword
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reflector.catalog.model import Catalog, Column, Fill, Table
from reflector.database_url import DatabaseUrl
from reflector.datatypes import Kind
from server.access import database_of
from server.commands.endings import say
from server.commands.inspect import catalog_of
from server.config import Config

PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SAYABLE: Final = re.compile(r"(?! )[^\x00-\x1f\x7f]{1,255}(?<! )")
"""Names that a list of the file may hold."""
WORDS_OF_YAML: Final = frozenset({"true", "false", "null"})
GLOB: Final = frozenset("*?[")
SECRET: Final = re.compile(
    r"passw(or)?d|pwd|secret|salt|token|api_?key|private_?key|credential|otp|cvv|cvc", re.IGNORECASE
)
OWNER: Final = (
    "owner_id",
    "user_id",
    "account_id",
    "customer_id",
    "member_id",
    "author_id",
    "created_by",
    "creator_id",
    "owner",
    "sub",
)
"""Columns that name whose row it is, the likeliest first."""
PEOPLE: Final = frozenset({"user", "users", "account", "accounts", "customer", "customers", "member", "members"})
"""Tables whose rows are people: their key says who, and so does a column that refers to them."""
OPEN: Final = ("is_public", "public", "is_published", "published", "visible", "is_visible")
COMPARED: Final = frozenset({Kind.INTEGER, Kind.TEXT, Kind.UUID})
"""Kinds of value that a token's `sub` can be."""
MADE: Final = frozenset({Fill.IDENTITY, Fill.ALWAYS, Fill.COMPUTED})
"""Columns that the database fills, and a caller does not give."""

HEAD: Final = """\
# Reflector's configuration for {what}.
# Everything here can be used as it is: every table is closed until a line below opens it. Take the `#` away before what
# is to hold. `reflector check` tries the file on the database, `reflector explain` shows what becomes of a request.
version: 1

# ── database ─────────────────────────────────────────────────────────────────────────────────
database:
  url: {url}
#  watch: 2s          # how often to look whether the schema has changed
#  pool: {{max: 10}}

# ── server ───────────────────────────────────────────────────────────────────────────────────
# `secret` seals cursors, so that they outlive a restart; at least 32 bytes.
#server:
#  host: 127.0.0.1
#  port: 8000
#  secret: "${{SERVER_SECRET}}"
#  cors: {{origins: ["http://localhost:3000"]}}

# ── who is calling ───────────────────────────────────────────────────────────────────────────
# Whoever brings no token is `guest`. Tokens are signed with a secret of at least 32 bytes (HS256);
# `reflector token --role user --sub 7` makes one to try.
auth:
  anonymous_role: guest
#  jwt: {{secret: "${{JWT_SECRET}}", default_role: user}}
roles:
  guest: {{}}
  user: {{extends: guest}}
  editor: {{extends: user}}

# What holds for tables that say nothing themselves.
defaults: {{read: false, write: false}}

# ── tables ───────────────────────────────────────────────────────────────────────────────────
# What each role may do with which rows. `claims.sub` is who the token is about.
tables:
"""
NEXT: Final = """\
Wrote {file}: {tables} tables, all of them closed. Next:
    export DATABASE_URL='{url}'{password}
    export JWT_SECRET='{secret}'      # for auth.jwt, made for you just now and written nowhere
    reflector check --config {file}
    reflector serve --config {file}
"""


async def init(config: Config, file: Path) -> None:
    """Write the file for the configured database, or show it where the file is `-`.

    Raises FileExistsError rather than replace one, ConnectionRefused and ConfigError.
    """
    catalog, url = await catalog_of(config), database_of(config)
    text = first_config(catalog, url)
    if str(file) == "-":
        sys.stdout.write(text)
    else:
        write(text, file)
        say(next_steps(file, catalog, url).rstrip())


def write(text: str, file: Path) -> None:
    """Make the file; raises FileExistsError."""
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise FileExistsError(f"{file} is there already, and is not replaced") from None


def first_config(catalog: Catalog, url: DatabaseUrl) -> str:
    """The text of the file."""
    version = ".".join(map(str, catalog.version))
    what = f"{named(url)} ({catalog.kind.value} {version}, {len(catalog.tables)} tables and views)"
    head = HEAD.format(what=commented(what), url=reference(url))
    body = "\n".join(line for table in catalog.tables.values() for line in (*_table(table, catalog), ""))
    return head + (body if catalog.tables else "  {}\n")


def next_steps(file: Path, catalog: Catalog, url: DatabaseUrl) -> str:
    """What to do with the file, with a secret made for this occasion."""
    password = "      # with the password" if url.password else ""
    return NEXT.format(
        file=file, tables=len(catalog.tables), url=url, password=password, secret=secrets.token_urlsafe(36)
    )


def named(url: DatabaseUrl) -> str:
    return url.database or "a database"


def reference(url: DatabaseUrl) -> str:
    """How the file names the database: with the URL as the default of the variable, unless it holds a password."""
    text = str(url)
    return quoted("${DATABASE_URL}" if url.password or "}" in text or "$" in text else f"${{DATABASE_URL:-{text}}}")


# ── one table ────────────────────────────────────────────────────────────────────────────────


def _table(table: Table, catalog: Catalog) -> Iterator[str]:
    yield f"  # {commented(_facts(table))}"
    if table.comment:
        yield f"  # {commented(table.comment)}"
    if GLOB & set(table.label):
        yield "  # Its name would be read as a pattern, so nothing can be said of it here."
        return
    hidden = ", ".join(f"{name(column.name)}: hidden" for column in table.columns if looks_secret(column))
    yield f"  {name(table.label)}:"
    yield f"    columns: {{{hidden}}}"
    yield from (f"#{line}" for line in _allow(table, catalog))


def _facts(table: Table) -> str:
    columns = ", ".join(f"{column.name} {column.type.native}" for column in table.columns)
    return f"{table.kind.value.replace('_', ' ')}: {columns}"


def _allow(table: Table, catalog: Catalog) -> Iterator[str]:
    """The examples, all of which fit together: what is somebody's, they read and write; what is nobody's, all read."""
    shown = [column for column in table.columns if not looks_secret(column) and SAYABLE.fullmatch(column.name)]
    owner = owner_of(table, catalog)
    yield "    allow:"
    if (readable := _seen_by_guests(table, owner)) is not None:
        yield f"      guest: {{read: {readable}, columns: {listed(shown)}}}"
    own = "true" if owner is None else quoted(f"{spelled(owner)} == claims.sub")
    writes = list(_writes(table, shown, owner, own))
    if owner is not None:
        yield "      user:"
        yield f"        read: {own}"
    elif writes:
        yield "      editor:"
    yield from writes


def _seen_by_guests(table: Table, owner: Column | None) -> str | None:
    """The rule for callers without a token, None where the rows are somebody's and no column says that they are public."""
    public = (column for column in table.columns if column.name in OPEN and column.type.kind is Kind.BOOLEAN)
    column = next(public, None)
    return quoted(spelled(column)) if column is not None else "true" if owner is None else None


def _writes(table: Table, shown: Iterable[Column], owner: Column | None, own: str) -> Iterator[str]:
    given = [
        each for each in shown if each.fill not in MADE and each is not owner and each.type.kind is not Kind.OPAQUE
    ]
    key = () if table.primary_key is None else table.primary_key.columns
    changed = [column for column in given if column not in key]
    if table.insertable and given and all(each in given or each is owner for each in table.columns if each.required):
        yield f"        create: {{check: {own}, columns: {listed(given)}{_preset(owner)}}}"
    if table.updatable and changed:
        yield f"        update: {{filter: {own}, columns: {listed(changed)}}}"
    if table.deletable:
        yield f"        delete: {own}"


def _preset(owner: Column | None) -> str:
    """Whose row it is, the token says and not the caller."""
    if owner is None or owner.fill in MADE:
        return ""
    return f", presets: {{{name(owner.name)}: claims.sub}}"


def owner_of(table: Table, catalog: Catalog) -> Column | None:
    """The column that says whose row it is, as far as names and foreign keys tell."""
    if table.label in PEOPLE and table.primary_key is not None and len(table.primary_key.columns) == 1:
        return _if_compared(table.primary_key.columns[0])
    referring = [
        key.columns[0]
        for key in catalog.foreign_keys
        if key.table is table and len(key.columns) == 1 and key.target.label in PEOPLE
    ]
    likely = sorted(
        (column for column in table.columns if column.name in OWNER), key=lambda each: OWNER.index(each.name)
    )
    return next(filter(None, map(_if_compared, [*likely, *referring])), None)


def _if_compared(column: Column) -> Column | None:
    return column if column.type.kind in COMPARED else None


def looks_secret(column: Column) -> bool:
    """Whether the column's name says that nobody should see it."""
    return SECRET.search(column.name) is not None


# ── how it is written ────────────────────────────────────────────────────────────────────────


def spelled(column: Column) -> str:
    """A column in the rule language."""
    plain = PLAIN.fullmatch(column.name) and not _is_word_of_rules(column.name)
    return column.name if plain else f"col({json.dumps(column.name, ensure_ascii=False)})"


def _is_word_of_rules(word: str) -> bool:
    return keyword.iskeyword(word) or word in {"claims", "new", "row", "col", "exists", "own"}


def name(text: str) -> str:
    """A name as a key or an item of YAML."""
    return text if PLAIN.fullmatch(text) and text.lower() not in WORDS_OF_YAML else quoted(text)


def quoted(text: str) -> str:
    """Text in the quotes of JSON, which YAML reads as well."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def listed(columns: Iterable[Column]) -> str:
    """A list of YAML; its items, other than keys, may refer to variables, and these do not."""
    return f"[{', '.join(name(column.name).replace('$', '$$') for column in columns)}]"


def commented(text: str) -> str:
    """Text on one line, for a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
