"""The servers that the suite asks: each is started when a case first needs it, and serves until the session ends.

Rule: what is read is written by nobody; what is written (`WRITTEN`) is put back before each case, or by the case itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import (
    computing,
    native,
    routines,
    test_geojson,
    test_handlers,
    test_plans,
    test_procedures,
    test_representations,
    workshop,
)
from tests.apis.postgrest.compliance import berths, harbour, lighthouse
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
  openapi_security_active: true
  openapi_server_proxy_uri: https://api.example:8443/v1
  client_error_verbosity: minimal
  server_timing_enabled: true
  server_trace_header: X-Trace
  server_cors_allowed_origins: ["*"]
"""
TRIAL: Final = "postgrest: {allow_unfiltered_writes: true, db_tx_end: commit-allow-override}"
CONFIGS: Final[Mapping[str, str]] = {
    "harbour": f"{RELATED}limits: {{regex: true}}\npostgrest: {{db_aggregates_enabled: true}}",
    "narrow": f"{RELATED}postgrest: {{db_max_rows: 2, openapi_mode: disabled}}",
    "guessed": "postgrest: {allow_estimated_counts: true}",
    "ignoring": GUARDED.replace("ANONYMOUS", "anonymous_role: guest") + "postgrest: {openapi_mode: ignore-privileges}",
    "plans": test_plans.ENABLED,
    "strict": STRICT,
    "guarded": GUARDED.replace("ANONYMOUS", "anonymous_role: guest"),
    "locked": GUARDED.replace("ANONYMOUS", ""),
    "two schemas": "",
    "native": lighthouse.CONFIG,
    "native root": f"{lighthouse.ROOTED}  db_prepared_statements: false\n",
    "keyed": lighthouse.KEYED,
    "keyless": lighthouse.KEYLESS,
    "yard": "",
    "trial": TRIAL,
    "taken back": "postgrest: {db_tx_end: rollback}",
    "berths": "postgrest: {db_aggregates_enabled: true}",
    "computed": computing.config(),
    "handlers": test_handlers.RULES,
    "represented": "",
    "maps": "",
    "mapped functions": test_geojson.RULES.replace("id < 3", "true"),
    "procedures": routines.config(test_procedures.OPEN),
}
DATABASES: Final[Mapping[str, str]] = {
    "yard": "yard",
    "trial": "yard",
    "taken back": "yard",
    "native root": "native",
    "keyed": "native",
    "keyless": "native",
    "mapped functions": "maps",
    "rooted": "functions",
    **{
        name: name
        for name in ("native", "functions", "berths", "computed", "handlers", "represented", "maps", "procedures")
    },
}
"""Which database a server serves, where it is not the harbour."""
WRITABLE: Final = frozenset({"yard", "trial", "taken back", "berths", "represented"})
ONLY: Final[Mapping[str, str]] = {
    "native": lighthouse.SCRIPT,
    "computed": computing.SCRIPT,
    "handlers": test_handlers.SCRIPT,
    "represented": test_representations.SCRIPT,
    "maps": test_geojson.SCRIPT,
    "procedures": test_procedures.SCRIPT,
}
"""What makes the databases that there are of one kind alone."""
WRITTEN: Final = frozenset({"yard", "berths"})
"""Databases whose rows are put back before each case."""
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
        database = DATABASES.get(name)
        if database in WRITTEN:
            self._run(kind, self._url(kind, name), put_back(kind) if database == "yard" else berths.PUT_BACK)
        return self.started[key]

    def _served(self, kind: DatabaseKind, name: str) -> AbstractAsyncContextManager[Served]:
        return served(self._url(kind, name), self._config(kind, name), writable=name in WRITABLE)

    def _url(self, kind: DatabaseKind, name: str) -> str:
        database = DATABASES.get(name, "harbour")
        if (kind, database) not in self.urls:
            self.urls[kind, database] = self._made(kind, database)
        return self.urls[kind, database]

    def _made(self, kind: DatabaseKind, database: str) -> str:
        if database == "native":
            self.databases.postgresql().run("postgres", native.MAKE_ROLES)
            return self.databases.database(kind, ONLY[database]).replace("//postgres@", "//gatekeeper@")
        if database in ONLY:
            return self.databases.database(kind, ONLY[database])
        return self.databases.database(kind, SCRIPTS[database](kind))

    def _config(self, kind: DatabaseKind, name: str) -> str:
        if name in {"functions", "rooted"}:
            return functions_config(kind) + ("postgrest: {db_root_spec: twice}\n" if name == "rooted" else "")
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


SCRIPTS: Final[Mapping[str, Callable[[DatabaseKind], str]]] = {
    "harbour": harbour.script,
    "second": harbour.second,
    "yard": workshop.script,
    "berths": berths.script,
    "functions": functions,
}


def functions_config(kind: DatabaseKind) -> str:
    """All functions but one open to everybody."""
    if kind is POSTGRESQL:
        tables = "  article: {allow: {guest: {read: true}}}\n"
        names = ["shelves", *(name for name in routines.OPEN if "." not in name)]
        return f"database: {{schemas: [public]}}\n{routines.config(names)}".replace("functions:", f"{tables}functions:")
    return routines.config(["twice", "texted", "marked"]) if kind is MARIADB else ""
