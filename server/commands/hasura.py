"""`reflector init --from-hasura DIR`: the config.yaml that behaves like the metadata of a Hasura.

    select, insert, update, delete permissions     tables.*.allow, by role
    inherited_roles.yaml                           roles.*.extends
    relationships, custom names of tables          relationships, tables.*.name
    functions with permissions                     functions
    session variables                              claims of `auth.jwt.namespace`

What stands in the file is found in the database where one is named: relationships are called there by names of ours, and
renamed to theirs. Without a database they are left out, each with its name.

Rule: what is not carried over is named on stderr, each with the reason; nothing is left out silently, and nothing that is
left out opens anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reflector.access.names import database_names
from reflector.catalog.model import Catalog, Column, Relationship, Table
from reflector.query.walk import source_columns
from server.commands.convert import Converted
from server.commands.hasura_files import Metadata, metadata_of
from server.commands.hasura_roles import told_the_schema
from server.commands.hasura_rules import Rule, UnsaidError, columns_of, preset_of, rule_of, variables_of
from server.commands.inspect import catalog_of
from server.config import Config
from server.config.known_claims import known_claims

Entry = Mapping[str, Any]
ANONYMOUS: Final = ("anonymous", "public", "guest", "unauthorized")
"""Roles that callers without a credential usually have: Hasura is told which in its environment."""
UNKNOWN: Final = (
    ("event_triggers", "event trigger"),
    ("remote_relationships", "remote relationship"),
    ("computed_fields", "computed field"),
)
REFERENCE: Final = re.compile(r"\$(?=[${])|(?<=\")\$(?=\w+\")")
"""A `$` that would begin a reference to the environment."""
HEAD: Final = """\
# Made from the metadata of a Hasura: the same tables, rows and columns for the same roles. Tokens are those that Hasura
# takes: their claims stand under `namespace`, and X-Hasura-Role asks for one of the allowed roles.
version: 1

database:
  url: "${DATABASE_URL}"

auth:
  jwt:
    secret: "${JWT_SECRET}"          # the `key` of HASURA_GRAPHQL_JWT_SECRET
    namespace: "https://hasura.io/jwt/claims"
    role_claim: x-hasura-allowed-roles
    usual_role_claim: x-hasura-default-role
"""


def converted(folder: Path, catalog: Catalog | None) -> Converted:
    """The metadata in a directory as a configuration of ours. `catalog`: of the database with `custom_names` in it, None
    where no database is named. Raises ConfigError for what is no metadata; OSError."""
    return _Conversion(metadata_of(folder), catalog).made()


async def converted_for(config: Config, folder: Path) -> Converted:
    """The same, with the configured database where there is one. Raises ConnectionRefused as well."""
    if config.database.url is None:
        return converted(folder, None)
    names = custom_names(folder, await catalog_of(config))
    return converted(folder, await catalog_of(config, names))


def custom_names(folder: Path, catalog: Catalog) -> dict[str, str]:
    """The tables that have a name of their own there: our names for relationships are made of these. Raises as `converted`."""
    conversion = _Conversion(metadata_of(folder), catalog)
    conversion.made()
    return {table: said["name"] for table, said in conversion.tables.items() if "name" in said}


@dataclass(slots=True)
class _Conversion:
    """One conversion; `left` gathers what is not carried over."""

    metadata: Metadata
    catalog: Catalog | None
    left: list[str] = field(default_factory=list)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    relationships: dict[str, dict[str, Any]] = field(default_factory=dict)
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: dict[str, list[int | None]] = field(default_factory=dict)
    callers: set[str] = field(default_factory=set)
    """Roles with a rule that asks for a session variable."""
    variables: set[str] = field(default_factory=set)
    """The session variables that rules ask for."""

    def made(self) -> Converted:
        for name in self.metadata.others:
            self.left.append(f"{name}: there is nothing of the kind here")
        first, *further = self.metadata.databases or ({},)
        for each in further:
            self.left.append(f"database {each.get('name')}: one configuration serves one database")
        for entry in first.get("tables") or ():
            self.table(entry)
        for entry in first.get("functions") or ():
            self.function(entry)
        self.inherit()
        self.limit()
        return Converted(self.text(), tuple(self.left))

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def name(self, given: Any) -> str:
        """A table as our file calls it: plain in the first schema."""
        found = self.found(given)
        if found is not None and self.catalog is not None:
            return next(name for name, table in database_names(self.catalog).items() if table is found)
        schema, name = _parts(given)
        return name if schema in (None, "public", "dbo") else f"{schema}.{name}"

    def found(self, given: Any) -> Table | None:
        """The table in the database; one of another schema only where no table of that schema has the name."""
        if self.catalog is None:
            return None
        schema, name = _parts(given)
        named = [table for table in self.catalog.tables.values() if table.name == name]
        return next((table for table in named if table.schema == schema), named[0] if len(named) == 1 else None)

    # ── a table ──────────────────────────────────────────────────────────────────────────────

    def table(self, entry: Entry) -> None:
        name = self.name(entry.get("table"))
        said = self.tables.setdefault(name, {})
        configuration = entry.get("configuration") or {}
        custom = configuration.get("custom_name")
        if custom and custom != name:
            said["name"] = custom
        if configuration.get("custom_column_names") or configuration.get("column_config"):
            self.left.append(f"{name}: columns keep the names that they have in the database")
        if configuration.get("custom_root_fields"):
            self.left.append(f"{name}: root fields are named after the table")
        if entry.get("is_enum"):
            self.left.append(f"{name}: is_enum: its rows are values like any others")
        for key, word in UNKNOWN:
            for each in entry.get(key) or ():
                self.left.append(f"{name}: {word} {each.get('name')}: there is nothing of the kind here")
        for kind in ("object_relationships", "array_relationships"):
            for each in entry.get(kind) or ():
                self.relationship(entry.get("table"), name, each, many=kind.startswith("array"))
        allow: dict[str, dict[str, Any]] = {}
        for action, make in ACTIONS.items():
            for each in entry.get(f"{action}_permissions") or ():
                self.permission(name, action, each, make, allow)
        if allow:
            said["allow"] = allow

    def permission(self, table: str, action: str, given: Entry, make: Any, allow: dict[str, dict[str, Any]]) -> None:
        role, permission = str(given.get("role")), given.get("permission") or {}
        self.roles.setdefault(role, {})
        where = f"{table}: {action} of {role}"
        if permission.get("backend_only"):
            self.left.append(f"{where}: backend_only: nobody has it here, give it to a role of its own")
            return
        if permission.get("validate_input"):
            self.left.append(f"{where}: validate_input: say it as a check; it is left out, and so is the permission")
            return
        try:
            made = make(self, permission, where)
        except UnsaidError as fault:
            self.left.append(f"{where}: {fault}; it is left out")
            return
        asked = variables_of(made)
        if asked:
            self.callers.add(role)
        self.variables |= asked
        allow.setdefault(role, {}).update(made)

    # ── permissions ──────────────────────────────────────────────────────────────────────────

    def select(self, permission: Entry, where: str) -> Entry:
        self.limits.setdefault(where.rpartition(" ")[2], []).append(permission.get("limit"))
        if permission.get("computed_fields"):
            self.left.append(f"{where}: computed_fields: open the functions under functions:")
        read = _with_columns({"filter": self.rule(permission.get("filter"))}, columns_of(permission.get("columns"), {}))
        return {"read": read, **({"aggregate": True} if permission.get("allow_aggregations") else {})}

    def insert(self, permission: Entry, where: str) -> Entry:
        presets = permission.get("set") or {}
        said = {"check": self.rule(permission.get("check"))}
        return {"create": _written(said, columns_of(permission.get("columns"), presets), presets)}

    def update(self, permission: Entry, where: str) -> Entry:
        presets = permission.get("set") or {}
        said = {"filter": self.rule(permission.get("filter")), "check": self.rule(permission.get("check"))}
        return {"update": _written(said, columns_of(permission.get("columns"), presets), presets)}

    def delete(self, permission: Entry, where: str) -> Entry:
        return {"delete": {"filter": self.rule(permission.get("filter"))}}

    def rule(self, given: Any) -> Rule:
        return rule_of(given, self.name)

    # ── relationships ────────────────────────────────────────────────────────────────────────

    def relationship(self, given: Any, table: str, entry: Entry, *, many: bool) -> None:
        name, using, source = str(entry.get("name")), entry.get("using") or {}, self.found(given)
        if source is None or self.catalog is None:
            self.left.append(f"{table}: relationship {name}: name the database (init --from-hasura DIR URL) to find it")
            return
        manual = using.get("manual_configuration")
        found = (
            self.manual(source, manual, many=many)
            if manual
            else self.by_key(source, using.get("foreign_key_constraint_on"), many=many)
        )
        if isinstance(found, Relationship):
            if found.name != name:
                self.relationships[f"{table}.{found.name}"] = {"rename": name}
        elif found is not None:
            self.relationships[f"{table}.{name}"] = found
        else:
            self.left.append(f"{table}: relationship {name}: the database has nothing that it could be")

    def by_key(self, source: Table, given: Any, *, many: bool) -> Relationship | None:
        """The relationship that a foreign key makes: of the table's own columns, or of another table's."""
        if isinstance(given, Mapping):
            other, names = self.found(given.get("table")), _columns(given)
            return self.one(
                source,
                lambda each: (
                    each.many == many
                    and each.target is other
                    and each.foreign_key is not None
                    and each.foreign_key.table is other
                    and _named(each.foreign_key.columns) == names
                ),
            )
        names = given if isinstance(given, list) else [given]
        return self.one(
            source,
            lambda each: (
                not each.many
                and each.foreign_key is not None
                and each.foreign_key.table is source
                and _named(source_columns(each)) == names
            ),
        )

    def manual(self, source: Table, given: Entry, *, many: bool) -> Relationship | dict[str, Any] | None:
        """One that exists and joins alike, or what makes it."""
        target, join = self.found(given.get("remote_table")), dict(given.get("column_mapping") or {})
        if target is None or not join:
            return None
        pairs = set(join.items())
        found = self.one(
            source,
            lambda each: (
                each.target is target
                and each.many == many
                and {(near.name, far.name) for near, far in each.pairs} == pairs
            ),
        )
        return found or {"to": self.name(given.get("remote_table")), "join": join}

    def one(self, source: Table, fits: Any) -> Relationship | None:
        known = self.catalog.relationships.get(source, {}) if self.catalog is not None else {}
        return next((each for each in known.values() if fits(each)), None)

    # ── roles and functions ──────────────────────────────────────────────────────────────────

    def function(self, entry: Entry) -> None:
        name = self.name(entry.get("function"))
        allowed = [str(each.get("role")) for each in entry.get("permissions") or ()]
        if not allowed:
            self.left.append(f"function {name}: it names no role, and is closed here unless it does")
            return
        for role in allowed:
            self.roles.setdefault(role, {})
        self.functions[name] = {"allow": allowed}

    def inherit(self) -> None:
        for entry in self.metadata.inherited:
            parents = [str(each) for each in entry.get("role_set") or ()]
            for parent in parents:
                self.roles.setdefault(parent, {})
            self.roles.setdefault(str(entry.get("role_name")), {})["extends"] = parents

    def limit(self) -> None:
        """How many rows a role may read, where all of its permissions say so: here it is one number for a role."""
        for role, said in self.limits.items():
            numbers = [each for each in said if each is not None]
            if numbers and len(numbers) == len(said):
                self.roles[role]["limits"] = {"max_rows": max(numbers)}
            if numbers and (len(set(numbers)) > 1 or len(numbers) < len(said)):
                self.left.append(f"role {role}: limit: it is one number for a role here, and differs by table there")

    # ── the text ─────────────────────────────────────────────────────────────────────────────

    def text(self) -> str:
        guest = next((role for role in ANONYMOUS if role in self.roles), None)
        lines = [HEAD.rstrip("\n")]
        named = sorted(name for name in self.variables if not known_claims({}).knows((name,)))
        if named:
            lines.append(f"  claims: {_flow(named)}")
        if guest is not None and guest in self.callers:
            self.left.append(
                f"role {guest}: its rules ask for session variables, so callers without a token do not have it"
            )
        elif guest is not None:
            lines.append(f"  anonymous_role: {_flow(guest)}")
        self.left.append(
            "admin: whoever has the admin secret may do everything there; see auth.admin_secret for what is here"
        )
        self.left.append(
            "a token with several roles: without X-Hasura-Role they count together here, not the default role alone"
        )
        lines += ["", "roles:", *(f"  {_flow(name)}: {_flow(said)}" for name, said in self.roles.items())]
        lines += ["", "tables:", *(line for name, said in self.tables.items() for line in _table(name, said))]
        told, notes = told_the_schema(self.roles, self.metadata.untold)
        self.left += notes
        if told is not True:
            lines += ["", f"graphql: {{introspection: {_flow(told)}}}"]
        for section, entries in (("relationships", self.relationships), ("functions", self.functions)):
            if entries:
                lines += ["", f"{section}:", *(f"  {_flow(name)}: {_flow(said)}" for name, said in entries.items())]
        return "\n".join(lines) + "\n"


ACTIONS: Final = {
    "select": _Conversion.select,
    "insert": _Conversion.insert,
    "update": _Conversion.update,
    "delete": _Conversion.delete,
}


def _parts(given: Any) -> tuple[str | None, str]:
    """Schema and name of a table or function; the schema None where it is not said."""
    if isinstance(given, Mapping):
        schema = given.get("schema", given.get("dataset"))
        return None if schema is None else str(schema), str(given.get("name"))
    return None, str(given)


def _columns(given: Entry) -> list[str]:
    columns = given.get("columns", given.get("column"))
    return [str(each) for each in columns] if isinstance(columns, list) else [str(columns)]


def _named(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]


def _with_columns(said: dict[str, Any], columns: list[str] | None) -> dict[str, Any]:
    return said if columns is None else {**said, "columns": columns}


def _written(said: dict[str, Any], columns: list[str] | None, presets: Entry) -> dict[str, Any]:
    made = _with_columns(said, columns)
    return {**made, "presets": {name: preset_of(each) for name, each in presets.items()}} if presets else made


def _table(name: str, said: Mapping[str, Any]) -> Iterator[str]:
    allow = said.get("allow") or {}
    if not said:
        yield f"  {_flow(name)}: {{}}"
        return
    yield f"  {_flow(name)}:"
    if "name" in said:
        yield f"    name: {_flow(said['name'])}"
    if allow:
        yield "    allow:"
    for role, rights in allow.items():
        yield f"      {_flow(role)}:"
        yield from (f"        {right}: {_flow(value)}" for right, value in rights.items())


def _flow(value: Any) -> str:
    """A value on one line, in the JSON that is YAML as well; what would be a reference to the environment is none."""
    return REFERENCE.sub("$$", json.dumps(value, ensure_ascii=False))
