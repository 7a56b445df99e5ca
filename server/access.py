"""From the configuration to what the core takes: how to connect, what lies over the catalog, who may do what.

Rule: this is the only place that knows both the config's sections and the core's descriptions; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    CreateRules,
    DeleteRules,
    FunctionRules,
    MaskRules,
    PresetText,
    ReadRules,
    ReservedTable,
    RoleRules,
    RuleText,
    TableRules,
    UpdateRules,
)
from reflector.catalog.overlay import Overlay, RelationshipRule
from reflector.database_url import DatabaseUrl
from reflector.drivers.protocol import Settings
from reflector.events import Listening, Observation
from reflector.secret import Secret
from server import journal, traced
from server.config import Complaint, Config, ConfigError, EffectiveLimits, Position, RuleSource, limits_for
from server.config.authentication import names_of
from server.config.complaints import Path
from server.config.models import Allow, Create, Delete, Read, Section, Update
from server.config.rules import MaskSource

EVERYBODY: Final = "*"
"""The role of every caller where nobody can have a credential. No role of a file can have this name."""


def database_of(config: Config) -> DatabaseUrl:
    """The database that is configured; raises ConfigError where none is."""
    if config.database.url is None:
        raise ConfigError([Complaint(Position("database.url"), "", "no database is named")])
    return config.database.url


def settings_of(config: Config) -> Settings:
    """How the driver keeps its connections."""
    return Settings(
        pool_size=config.database.pool.max,
        acquire_timeout=config.database.pool.wait.total_seconds(),
        lifetime=_seconds(config.database.pool.lifetime),
        idleness=_seconds(config.database.pool.idle),
        statement_timeout=longest_statement(config).total_seconds(),
        writable=may_write(config),
        largest=largest_answer(config),
        roles=config.decided_by_database,
        prepared=config.postgrest.db_prepared_statements,
        listening=LISTENING[config.observability.statements, config.observability.traces is not None],
    )


def observe(event: Observation) -> None:
    """Tell the log and the trace what happened."""
    journal.observe(event)
    traced.observe(event)


LISTENING: Final[Mapping[tuple[bool, bool], Listening | None]] = {
    (False, False): None,
    (True, False): lambda: journal.observe,
    (False, True): traced.listening,
    (True, True): lambda: observe,
}
"""Who is told of statements, by whether they have lines in the log, and requests have traces. The same function each time, so
that a driver that is configured as before is the same driver."""


def _seconds(said: timedelta | None) -> float | None:
    return None if said is None else said.total_seconds()


def longest_statement(config: Config) -> timedelta:
    """What anybody's statement may take: no role's limit reaches beyond what a connection allows."""
    granted = (role.limits.timeout for role in config.roles.values())
    return max(config.database.timeout, *filter(None, granted), timedelta(0))


def largest_answer(config: Config) -> int:
    """How many bytes anybody may be answered."""
    return max(config.limits.bytes, *(role.limits.bytes or 0 for role in config.roles.values()), 0)


def limits_of(config: Config) -> Callable[[Sequence[str]], EffectiveLimits]:
    """The limits of a set of roles, worked out once for each."""

    @lru_cache(maxsize=1024)
    def of_roles(roles: tuple[str, ...]) -> EffectiveLimits:
        return limits_for(config, [role for role in roles if role != EVERYBODY])

    return lambda roles: of_roles(tuple(roles))


def may_write(config: Config) -> bool:
    """Whether anything at all could be written under this configuration; otherwise the database refuses it as well."""
    if config.open:
        return config.writable
    if config.decided_by_database:
        return True
    granted = (allow for table in config.tables.values() for allow in table.allow.values())
    if config.functions:
        return True
    return config.defaults.write or any(allow.create or allow.update or allow.delete for allow in granted)


def overlay_of(config: Config) -> Overlay:
    """What the file says over the reflected database."""
    return Overlay(
        schemas=config.database.schemas or (config.postgrest.db_schemas if config.decided_by_database else None),
        exclude=config.database.exclude,
        names={table: said.name for table, said in config.tables.items() if said.name is not None},
        relationships=tuple(
            RelationshipRule(path, rename=said.rename, to=said.to, join=said.join)
            for path, said in config.relationships.items()
        ),
        roles=config.decided_by_database,
        search_path=config.postgrest.db_extra_search_path,
    )


def anonymous_role(config: Config) -> str | None:
    """The role of callers without a credential; None where they are refused, or where nothing is configured."""
    if config.auth is not None:
        return config.auth.anonymous_role or config.postgrest.db_anon_role
    return None if config.open else EVERYBODY


def describe(config: Config) -> AccessDescription:
    """Everything the file says about access."""
    roles = {
        name: RoleRules(role.extends, config.position("roles", name, "extends")) for name, role in config.roles.items()
    }
    if config.auth is None:
        roles[EVERYBODY] = RoleRules()
    return AccessDescription(
        roles=roles,
        policies={name: _rule(source) for name, source in config.policies.items()},
        tables=tuple(_table(config, name) for name in config.tables),
        anonymous_role=anonymous_role(config),
        default_read=config.defaults.read,
        default_write=config.defaults.write,
        columns_listed=config.defaults.columns == "listed",
        reserved=tuple(_reserved(config)),
        functions=tuple(
            FunctionRules(name, said.allow, config.position("functions", name))
            for name, said in config.functions.items()
        ),
        mask_key=mask_key(config),
    )


def _reserved(config: Config) -> Iterator[ReservedTable]:
    """The tables that the server reads to know who calls."""
    keys = config.auth.api_keys if config.auth else None
    if keys is not None and keys.table is not None:
        path = ("auth", "api_keys")
        columns = _named(config, keys.columns, (*path, "columns"))
        where = config.position(*path, "table")
        yield ReservedTable(keys.table, keys.columns.key_hash, columns, where=where)

    people = config.auth.basic if config.auth else None
    if people is not None:
        path = ("auth", "basic")
        columns = _named(config, people.columns, (*path, "columns"))
        secrets = frozenset([people.columns.password_hash])
        where = config.position(*path, "table")
        perhaps = _unnamed(people.columns)
        yield ReservedTable(people.table, people.columns.name, columns, secrets, perhaps, people.served, where)


def _unnamed(columns: Section) -> frozenset[str]:
    """The names under which columns are looked for that the file does not name."""
    labels = (label for label in type(columns).model_fields if getattr(columns, label) is None)
    return frozenset(name for label in labels for name in names_of(label, None))


def _named(config: Config, columns: Section, path: Path) -> Mapping[str, Position | None]:
    """The columns that the file names, each with its place."""
    named = {label: name for label in type(columns).model_fields if (name := getattr(columns, label)) is not None}
    return {name: config.position(*path, label) for label, name in named.items()}


def mask_key(config: Config) -> Secret | None:
    """What hashes of values are made with, from `server.secret`: the same in every process that is told it."""
    secret = config.server.secret
    if secret is None:
        return None
    return Secret(HKDF(SHA256(), 32, None, b"reflector masks").derive(secret.reveal().encode()).hex())


def _rule(source: RuleSource) -> RuleText:
    return RuleText(source.form, source)


def _right(config: Config, source: RuleSource, path: Path, name: str) -> RuleText:
    """The rule of a right. `true` and `false` do not know where they stand, as texts and mappings do."""
    if source.position is not None:
        return _rule(source)
    written = next((place for place in ((*path, name), path) if place in config.places), None)
    return RuleText(source.form, source if written is None else config.places[written].value)


def _table(config: Config, name: str) -> TableRules:
    said, path = config.tables[name], ("tables", name)
    return TableRules(
        name,
        allow={role: _allow(config, allow, (*path, "allow", role)) for role, allow in said.allow.items()},
        hidden={column: config.position(*path, "columns", column) for column in said.columns},
        where=config.position(*path),
    )


def _allow(config: Config, allow: Allow, path: Path) -> AllowRules:
    return AllowRules(
        read=_read(config, allow.read, path) if allow.read else None,
        create=_create(config, allow.create, (*path, "create")) if allow.create else None,
        update=_update(config, allow.update, (*path, "update")) if allow.update else None,
        delete=_delete(config, allow.delete, (*path, "delete")) if allow.delete else None,
        aggregate=allow.aggregate,
        where=config.position(*path),
    )


def _read(config: Config, read: Read, path: Path) -> ReadRules:
    # `columns` may stand inside read or beside it.
    beside = config.position(*path, "columns")
    inside = config.position(*path, "read", "columns")
    columns = _columns(read.columns, max(filter(None, (beside, inside)), default=None))
    masks = {name: _mask(config, mask, name, path) for name, mask in read.mask.items()}
    return ReadRules(_right(config, read.filter, (*path, "read"), "filter"), columns, masks)


def _mask(config: Config, mask: MaskSource, column: str, path: Path) -> MaskRules:
    places = [(*path, "mask", column), (*path, "read", "mask", column)]
    found = next((place for place in places if place in config.places), path)
    return MaskRules(mask.way, None if mask.rule is None else _rule(mask.rule), config.position(*found))


def _create(config: Config, create: Create, path: Path) -> CreateRules:
    where = config.position(*path, "columns")
    check = _right(config, create.check, path, "check")
    return CreateRules(check, _columns(create.columns, where), _presets(config, create, path))


def _update(config: Config, update: Update, path: Path) -> UpdateRules:
    return UpdateRules(
        _right(config, update.filter, path, "filter"),
        _right(config, update.check, path, "check") if update.check else None,
        _columns(update.columns, config.position(*path, "columns")),
        _presets(config, update, path),
    )


def _delete(config: Config, delete: Delete, path: Path) -> DeleteRules:
    return DeleteRules(_right(config, delete.filter, path, "filter"))


def _columns(names: tuple[str, ...] | None, where: Position | None) -> ColumnList | None:
    return None if names is None else ColumnList(names, where)


def _presets(config: Config, said: Create | Update, path: Path) -> Mapping[str, PresetText]:
    return {
        column: PresetText(preset.form, preset.position or config.position(*path, "presets", column))
        for column, preset in said.presets.items()
    }
