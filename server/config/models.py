"""The sections of `config.yaml`, frozen, with every default at its field.

Rule: a setting stands in one place, is documented in docs/configuration.md, and does what it says in this version;
what is designed but not built yet is in `later` and is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from server.config.authentication import Auth, Jwt
from server.config.caching import Cache, KeptOf, TableCache
from server.config.changes import Changes, ToldOf
from server.config.complaints import Position
from server.config.extensions import ExtensionSource
from server.config.graphql import Graphql
from server.config.places import Places
from server.config.postgrest import PostgrestSettings
from server.config.rates import Rate, RateSetting
from server.config.rules import Allow, Columns, Create, Delete, Preset, Read, Rule, Update
from server.config.section import Section
from server.config.traces import Traces
from server.config.trials import Testing, TrialOrGroup
from server.config.values import (
    TEXT,
    Bind,
    Duration,
    FilePath,
    Flag,
    Host,
    Interval,
    Key,
    Mode,
    Named,
    Network,
    Origin,
    PublicUrl,
    RedisUrl,
    Size,
    Text,
    Token,
    Url,
    is_loopback,
    nothing,
    only,
    read_duration,
    whole,
)
from server.config.webhooks import Webhook

__all__ = [
    "Allow",
    "Auth",
    "Cache",
    "Columns",
    "Config",
    "Cors",
    "Create",
    "Database",
    "Defaults",
    "Delete",
    "File",
    "Function",
    "Jwt",
    "Limits",
    "Metrics",
    "Observability",
    "Pool",
    "Preset",
    "Read",
    "Redis",
    "Relationship",
    "Role",
    "RoleLimits",
    "Rule",
    "Section",
    "Server",
    "Socket",
    "Table",
    "TableCache",
    "Tls",
    "Update",
]

Rows = Annotated[int, whole(1, 1_000_000)]
Depth = Annotated[int, whole(1, 32)]
Terms = Annotated[int, whole(1, 10_000)]
Cost = Annotated[int, whole(1, 1 << 40)]
ListLength = Annotated[int, whole(1, 1_000_000)]


class Pool(Section):
    """How many connections to the database are kept, and for how long."""

    max: Annotated[int, whole(1, 1000)] = 10
    wait: Duration = read_duration("5s")
    lifetime: Interval = read_duration("30m")
    idle: Interval = read_duration("10m")


class Database(Section):
    """Which database, and what of it."""

    url: Url | None = None
    schemas: tuple[Text, ...] = ()
    exclude: tuple[Text, ...] = ()
    pool: Pool = Pool()
    watch: Interval = read_duration("2s")
    timeout: Duration = read_duration("10s")


class Cors(Section):
    """Which other origins' pages may call."""

    origins: tuple[Origin, ...] = ()


class Tls(Section):
    """PEM files to serve HTTPS with."""

    certificate: FilePath
    key: FilePath


class Socket(Section):
    """A socket in the file system, instead of host and port. `proxy`: whoever connects there is a proxy whose word counts."""

    path: FilePath
    mode: Mode = 0o660
    proxy: Flag = False


class Server(Section):
    """Where to listen, and what to believe of a request."""

    host: Bind = "127.0.0.1"
    port: Annotated[int, whole(0, 65535)] = 8000
    reuse_port: Flag = False
    socket: Socket | None = None
    workers: Annotated[int, whole(1, 64)] = 1
    cors: Cors = Cors()
    body: Size = 1024**2
    url: PublicUrl | None = None
    hosts: tuple[Host, ...] = ()
    secret: Key | None = None
    token: Token | None = None
    tls: Tls | None = None
    watch: Interval = read_duration("2s")
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether only this machine reaches it."""
        return self.socket is not None or is_loopback(self.host)


class RoleLimits(Section):
    """A role's own limits; what is None is inherited, in the end from `limits`."""

    moved: ClassVar = MappingProxyType({"rows": "max_rows"})

    max_rows: Rows | None = None
    depth: Depth | None = None
    terms: Terms | None = None
    list: ListLength | None = None
    bytes: Size | None = None
    timeout: Duration | None = None
    regex: Flag | None = None
    rate: RateSetting | None = None
    max_affected: Rows | None = None
    cost: Cost | None = None


def _one_or_many(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


NAMES = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}


class Role(Section):
    """A role, and the roles whose rights it has too."""

    extends: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), WithJsonSchema(NAMES)] = ()
    limits: RoleLimits = RoleLimits()


class Defaults(Section):
    """What holds for tables that say nothing themselves."""

    read: Flag = False
    write: Flag = False
    columns: Literal["all", "listed"] = "all"


class Table(Section):
    """What is open of the tables whose name matches."""

    name: Text | None = None
    columns: Named[Literal["hidden"]] = Field(default_factory=nothing)
    allow: Named[Allow] = Field(default_factory=nothing)
    cache: KeptOf | None = None
    changes: ToldOf | None = None


class Relationship(Section):
    """A relationship the foreign keys do not tell (`to` and `join`), or a new name for one they do (`rename`)."""

    to: Text | None = None
    join: Named[Text] = Field(default_factory=nothing)
    rename: Text | None = None


class Function(Section):
    """Who may call the functions of that name."""

    allow: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), WithJsonSchema(NAMES)]


class Limits(Section):
    """What holds for roles that say nothing themselves."""

    moved: ClassVar = MappingProxyType(
        {"body": "server.body", "timeout": "database.timeout", "max_rows": "limits.rows"}
    )

    rows: Rows = 1000
    page: Rows = 100
    depth: Depth = 7
    terms: Terms = 200
    filter_depth: Annotated[int, whole(1, 64)] = 16
    list: ListLength = 10_000
    bytes: Size = 32 * 1024**2
    offset: Annotated[int, whole(0, 10_000_000)] = 100_000
    regex: Flag = False
    rate: RateSetting | None = None
    refusals: RateSetting = Rate(120, 60)
    sockets: Annotated[int, whole(1, 100_000)] = 32
    address_sockets: Annotated[int, whole(1, 1_000_000)] = 512
    max_affected: Rows | None = None
    cost: Cost | None = None


class Redis(Section):
    """Through which servers of one database hear of one another's writes."""

    url: RedisUrl


class Metrics(Section):
    """Where figures, and whether the server is ready, are told to whoever asks; nothing else is served there."""

    host: Bind = "127.0.0.1"
    port: Annotated[int, whole(0, 65535)]


class Observability(Section):
    """What the server says of itself."""

    log: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: Flag = False
    statements: Flag = False
    metrics: Metrics | None = None
    traces: Traces | None = None


class File(Section):
    """Everything config.yaml may say."""

    moved: ClassVar = MappingProxyType({"writable": "the flag --writable", "insecure": "the flag --insecure"})

    version: Annotated[int, only(1, "this release reads version 1 of the file")]
    database: Database = Database()
    server: Server = Server()
    auth: Auth | None = None
    roles: Named[Role] = Field(default_factory=nothing)
    policies: Named[Rule] = Field(default_factory=nothing)
    defaults: Defaults = Defaults()
    tables: Named[Table] = Field(default_factory=nothing)
    relationships: Named[Relationship] = Field(default_factory=nothing)
    functions: Named[Function] = Field(default_factory=nothing)
    extensions: Named[ExtensionSource] = Field(default_factory=nothing)
    limits: Limits = Limits()
    observability: Observability = Observability()
    cache: Cache = Cache()
    changes: Changes = Changes()
    webhooks: Named[Webhook] = Field(default_factory=nothing)
    redis: Redis | None = None
    testing: Testing = Testing()
    tests: tuple[TrialOrGroup, ...] = ()
    graphql: Graphql = Graphql()
    postgrest: PostgrestSettings = Field(default_factory=PostgrestSettings)


RULES: Final = ("auth", "tables", "functions", "defaults")
"""Sections that say who may do what. Where one of them stands, nothing is open but what they open."""


class Config(File):
    """The file, the environment and the flags, put together and checked. Made by `load` alone.

    writable, insecure: the two flags for serving without rules. source: the file read, None without one.
    said: a hash of what the database said of its settings, where it was asked.
    """

    writable: bool = False
    insecure: bool = False
    source: str | None = None
    places: Places = Field(default_factory=Places, repr=False, exclude=True)
    said: str | None = Field(default=None, repr=False, exclude=True)

    @property
    def decided_by_database(self) -> bool:
        """Whether the database's own roles, grants and row rules say who may do what."""
        return self.auth is not None and self.auth.enforce == "database"

    @property
    def open(self) -> bool:
        """Whether nothing says who may do what."""
        return self.model_fields_set.isdisjoint(RULES)

    def position(self, *path: str | int) -> Position | None:
        """Where a setting's key is written, or the nearest of its parents; None where no file says anything of it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path].key if path else None
