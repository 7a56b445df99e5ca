"""The servers that the suite asks: each is started when a case first needs it, and serves until the session ends.

Rule: what is read is written by nobody; what is written (`WRITTEN`) is put back before each case.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Final

from reflector.catalog.model import DatabaseKind
from server.config.models import Limits
from tests.apis.postgrest import computing, native, routines, workshop
from tests.apis.postgrest.compliance import harbour
from tests.apis.postgrest.compliance.case import MARIADB, POSTGRESQL, SQLITE, Ask
from tests.bookshops import Databases
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET

__all__ = ["SECRET", "Servers"]

GUARDED: Final = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, role_claim: role}}
  ANONYMOUS
roles: {{guest: {{}}, sailor: {{extends: guest}}, cook: {{}}}}
tables:
  good: {{allow: {{guest: {{read: true}}}}}}
  voyage: {{allow: {{cook: {{read: true}}}}}}
  blank: {{allow: {{guest: {{create: {{check: true, columns: [id]}}}}, cook: {{create: {{check: true, columns: [id]}}}}}}}}
  port: {{allow: {{sailor: {{read: {{filter: id < 3, columns: [id, name]}}}}}}}}
"""
RELATED: Final = """
relationships:
  captain.apprentices: {to: captain, join: {id: mentor_id}}
  heavy.skipper: {to: captain, join: {captain_id: id}}
"""
STRICT: Final = """
postgrest:
  url_use_legacy_target_names: false
  client_error_verbosity: minimal
  server_timing_enabled: true
  server_trace_header: X-Trace
  server_cors_allowed_origins: ["*"]
"""
TRIAL: Final = "postgrest: {allow_unfiltered_writes: true, db_tx_end: commit-allow-override}"
EXPRESSIONS: Final = "limits: {regex: true}\n" if "regex" in Limits.model_fields else ""
CONFIGS: Final[Mapping[str, str]] = {
    "harbour": f"{RELATED}{EXPRESSIONS}postgrest: {{db_aggregates_enabled: true}}",
    "narrow": f"{RELATED}postgrest: {{db_max_rows: 2}}",
    "strict": STRICT,
    "guarded": GUARDED.replace("ANONYMOUS", "anonymous_role: guest"),
    "locked": GUARDED.replace("ANONYMOUS", ""),
    "two schemas": "",
    "native": native.CONFIG,
    "yard": "",
    "trial": TRIAL,
    "computed": computing.config(),
}
DATABASES: Final[Mapping[str, str]] = {
    "yard": "yard",
    "trial": "yard",
    "native": "native",
    "functions": "functions",
    "computed": "computed",
}
"""Which database a server serves, where it is not the harbour."""
WRITTEN: Final = frozenset({"yard", "trial"})
TABLES: Final = ("thing", "owner", "line", "plain", "counter", "tag")
RENUMBER: Final[Mapping[DatabaseKind, str]] = {
    POSTGRESQL: "".join(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last}, {called});"
                        for name, last, called in (("thing", 3, "true"), ("counter", 1, "false"))),
    MARIADB: "ALTER TABLE thing AUTO_INCREMENT = 4; ALTER TABLE counter AUTO_INCREMENT = 1;",
    SQLITE: "",
}  # fmt: skip


def put_back(kind: DatabaseKind) -> str:
    """What makes the rows of a written database those it began with."""
    made = [line for line in workshop.script(kind).split(";") if line.strip().startswith("INSERT")]
    return "".join(f"DELETE FROM {name};" for name in TABLES) + ";".join([*made, RENUMBER[kind]])


@dataclass(frozen=True)
class Servers:
    """Servers by database and name; `stack` ends them."""

    databases: Databases
    stack: AsyncExitStack
    urls: dict[tuple[DatabaseKind, str], str] = field(default_factory=dict)
    started: dict[tuple[DatabaseKind, str], Served] = field(default_factory=dict)

    def meant(self, asked: Ask, kind: DatabaseKind) -> Ask:
        """The request in the names that this database has."""
        if "second" not in asked.headers.values() or kind is SQLITE:
            return asked
        headers = {name: self.second_schema(kind) if text == "second" else text for name, text in asked.headers.items()}
        return replace(asked, headers=headers)

    async def at(self, kind: DatabaseKind, name: str) -> Served:
        """The server of that name, over its database as it is meant to be."""
        key = (kind, name)
        if key not in self.started:
            self.started[key] = await self.stack.enter_async_context(self._served(kind, name))
        if name in WRITTEN:
            self._run(kind, self._url(kind, name), put_back(kind))
        return self.started[key]

    def _served(self, kind: DatabaseKind, name: str) -> AbstractAsyncContextManager[Served]:
        return served(self._url(kind, name), self._config(kind, name), writable=name in WRITTEN)

    def _url(self, kind: DatabaseKind, name: str) -> str:
        database = DATABASES.get(name, "harbour")
        if (kind, database) not in self.urls:
            self.urls[kind, database] = self._made(kind, database)
        return self.urls[kind, database]

    def _made(self, kind: DatabaseKind, database: str) -> str:
        if database == "native":
            self.databases.postgresql().run("postgres", native.MAKE_ROLES)
            return self.databases.database(kind, native.SCRIPT).replace("//postgres@", "//gatekeeper@")
        if database == "computed":
            return self.databases.database(kind, computing.SCRIPT)
        scripts = {"harbour": harbour.script, "yard": workshop.script, "second": harbour.second, "functions": functions}
        return self.databases.database(kind, scripts[database](kind))

    def _config(self, kind: DatabaseKind, name: str) -> str:
        if name == "functions":
            return functions_config(kind)
        if DATABASES.get(name, "harbour") != "harbour":
            return CONFIGS[name]
        return f"database: {{schemas: [{self._schemas(kind, name)}]}}\n{CONFIGS[name]}"

    def _schemas(self, kind: DatabaseKind, name: str) -> str:
        if kind is SQLITE:
            return "main"
        if kind is POSTGRESQL:
            return "public, second" if name == "two schemas" else "public"
        first = _database_of(self._url(kind, name))
        return f"{first}, {self.second_schema(kind)}" if name == "two schemas" else first

    def second_schema(self, kind: DatabaseKind) -> str:
        """What the second of two schemas is called: of MariaDB that is a database."""
        if kind is POSTGRESQL:
            return "second"
        if (kind, "second") not in self.urls:
            self.urls[kind, "second"] = self._made(kind, "second")
        return _database_of(self.urls[kind, "second"])

    def _run(self, kind: DatabaseKind, url: str, script: str) -> None:
        if kind is SQLITE:
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                connection.executescript(script)
            return
        server = self.databases.postgresql() if kind is POSTGRESQL else self.databases.mariadb()
        server.run(_database_of(url), script)


def _database_of(url: str) -> str:
    return url.rpartition("/")[2]


def functions(kind: DatabaseKind) -> str:
    """What makes functions, where there are any."""
    return {
        POSTGRESQL: routines.POSTGRESQL,
        MARIADB: routines.MARIADB,
        SQLITE: "CREATE TABLE shelf (id integer PRIMARY KEY)",
    }[kind]


def functions_config(kind: DatabaseKind) -> str:
    """All functions but one open to everybody."""
    if kind is POSTGRESQL:
        tables = "  article: {allow: {guest: {read: true}}}\n"
        names = ["shelves", *(name for name in routines.OPEN if "." not in name)]
        return f"database: {{schemas: [public]}}\n{routines.config(names)}".replace("functions:", f"{tables}functions:")
    return routines.config(["twice", "texted", "marked"]) if kind is MARIADB else ""
