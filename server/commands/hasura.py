"""`reflector init --from-hasura DIR`: the config.yaml that behaves like the metadata of a Hasura.

    select, insert, update, delete permissions     tables.*.allow, by role
    inherited roles                                roles.*.extends, or rights of their own where that would be more
    relationships, custom names of tables          relationships, tables.*.name
    functions with permissions                     functions, for roles that read every row of what they give
    session variables                              claims of `auth.jwt.namespace`

What stands in the file is found in the database where one is named: relationships are called there by names of ours, and
renamed to theirs; what does not fit is left out (hasura_fit). Without a database relationships and functions are left out.

Rule: what is not carried over is named on stderr, each with the reason; nothing is left out silently, and nothing that is
left out opens anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from reflector.access.names import database_names
from reflector.catalog.model import Catalog, DatabaseKind, Table
from reflector.catalog.overlay import fitting_names
from server.commands.convert import Converted
from server.commands.hasura_files import Metadata, listed, mapped, metadata_of, parts_of
from server.commands.hasura_functions import Functions
from server.commands.hasura_relationships import Relationships
from server.commands.hasura_roles import RIGHTS, Inheritance, Rights, parents_first, told_the_schema
from server.commands.hasura_rules import Rule, UnsaidError, columns_of, preset_of, rule_of, variables_of
from server.commands.hasura_text import text_of
from server.config.checks import ROLE_LETTERS, is_role_name
from server.config.known_claims import known_claims

Entry = Mapping[str, Any]
ANONYMOUS: Final = ("anonymous", "anon", "web_anon", "unauthorized", "unauthenticated")
"""Roles that cannot be meant for anybody but callers without a credential: Hasura is told which in its environment."""
PERHAPS_ANONYMOUS: Final = ("public", "guest")
"""Roles that may be: who signs in can be a guest as well."""
UNKNOWN: Final = (
    ("event_triggers", "event trigger"),
    ("remote_relationships", "remote relationship"),
    ("computed_fields", "computed field"),
)
KNOWN_OF_A_TABLE: Final = frozenset(
    {"table", "configuration", "is_enum", "object_relationships", "array_relationships"}
    | {f"{action}_permissions" for action in RIGHTS}
    | {key for key, _ in UNKNOWN}
)
KNOWN_OF_A_DATABASE: Final = frozenset({"name", "kind", "configuration", "tables", "functions"})
KNOWN_OF_A_PERMISSION: Final = frozenset(
    {"columns", "filter", "check", "set", "limit", "allow_aggregations", "computed_fields", "query_root_fields"}
    | {"subscription_root_fields", "backend_only", "allow_upsert"}
)
ROOTS: Final = ("query_root_fields", "subscription_root_fields")


def converted(folder: Path, catalog: Catalog | None) -> Converted:
    """The metadata in a directory as a configuration of ours. `catalog`: of the database with `custom_names` in it, None
    where no database is named. Raises ConfigError for what is no metadata; OSError."""
    return conversion_of(metadata_of(folder), catalog).done()


def conversion_of(metadata: Metadata, catalog: Catalog | None) -> Conversion:
    """The same before it is written, so that something can be taken away from it."""
    conversion = Conversion(metadata, catalog)
    conversion.take()
    return conversion


def custom_names(metadata: Metadata, catalog: Catalog) -> dict[str, str]:
    """The tables that have a name of their own there: our names for relationships are made of these. Raises as `converted`."""
    return conversion_of(metadata, catalog).names()


class Permitted(NamedTuple):
    """What a permission is about."""

    table: str
    action: str
    role: str

    def __str__(self) -> str:
        return f"{self.table}: {self.action} of {self.role}"


@dataclass(slots=True)
class Conversion:
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
    rights: Inheritance = field(default_factory=Inheritance)

    def take(self) -> None:
        """Everything that the metadata say."""
        for name in self.metadata.others:
            self.left.append(f"{name}: there is nothing of the kind here")
        first, *further = self.metadata.databases or ({},)
        for each in further:
            self.left.append(f"database {each.get('name')}: one configuration serves one database")
        self.unknown(f"database {first.get('name')}", first, KNOWN_OF_A_DATABASE)
        for entry in listed(first, "tables"):
            self.table(entry)
        self.drop_clashing_names()
        self.relate(listed(first, "tables"))
        self.inherit()
        every = Functions(self.catalog, self.name, self.rights, self.left)
        for entry in listed(first, "functions"):
            every.take(entry, self.metadata.inherited)
        self.functions = every.made
        for role in {role for said in every.made.values() for role in said["allow"]}:
            self.roles.setdefault(role, {})
        self.limit()

    def unknown(self, where: str, given: Entry, known: frozenset[str]) -> None:
        for key in sorted(given.keys() - known):
            if given[key]:
                self.left.append(f"{where}: {key}: there is nothing of the kind here")

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def name(self, given: Any) -> str:
        """A table as our file calls it: plain in the first schema."""
        found = self.found(given)
        if found is not None and self.catalog is not None:
            return next(name for name, table in database_names(self.catalog).items() if table is found)
        schema, name = parts_of(given)
        return name if schema in (None, "public", "dbo") else f"{schema}.{name}"

    def found(self, given: Any) -> Table | None:
        """The table in the database. Where schemas are called otherwise than in PostgreSQL, one of that name will do."""
        if self.catalog is None:
            return None
        schema, name = parts_of(given)
        named = [table for table in self.catalog.tables.values() if table.name == name]
        if self.catalog.kind is DatabaseKind.POSTGRESQL:
            return next((table for table in named if table.schema == (schema or "public")), None)
        return next((table for table in named if table.schema == schema), named[0] if len(named) == 1 else None)

    def names(self) -> dict[str, str]:
        return {table: said["name"] for table, said in self.tables.items() if "name" in said}

    def drop_clashing_names(self) -> None:
        """Names that two tables would have are nobody's; each of them is called as it is in the database."""
        if self.catalog is None:
            return
        fitting, _ = fitting_names(self.names(), list(database_names(self.catalog)))
        for table in self.names().keys() - fitting.keys():
            name = self.tables[table].pop("name")
            self.left.append(f"{table}: custom_name {name}: another table has that name")

    # ── a table ──────────────────────────────────────────────────────────────────────────────

    def table(self, entry: Entry) -> None:
        name = self.name(entry.get("table"))
        if self.catalog is not None and self.found(entry.get("table")) is None:
            self.left.append(f"{name}: the database has no such table, or it is not visible to this login")
            return
        said = self.tables.setdefault(name, {})
        configuration = mapped(entry, "configuration")
        custom = configuration.get("custom_name")
        if custom and custom != name:
            said["name"] = str(custom)
        if configuration.get("custom_column_names") or configuration.get("column_config"):
            self.left.append(f"{name}: columns keep the names that they have in the database")
        if configuration.get("custom_root_fields"):
            self.left.append(f"{name}: root fields are named after the table")
        if entry.get("is_enum"):
            self.left.append(f"{name}: is_enum: its rows are values like any others")
        for key, word in UNKNOWN:
            for each in listed(entry, key):
                self.left.append(f"{name}: {word} {each.get('name')}: there is nothing of the kind here")
        self.unknown(name, entry, KNOWN_OF_A_TABLE)
        for action, make in ACTIONS.items():
            for each in listed(entry, f"{action}_permissions"):
                self.permission(name, action, each, make)

    def permission(self, table: str, action: str, given: Entry, make: Make) -> None:
        role, permission = str(given.get("role")), mapped(given, "permission")
        if not self.fits(role):
            return
        self.roles.setdefault(role, {})
        deed, rights = Permitted(table, action, role), None
        try:
            _refuse_what_opens_more(permission)
            rights = make(self, permission, deed)
        except UnsaidError as fault:
            self.left.append(f"{deed}: {fault}; it is left out")
        self.rights.permit(role, (table, action), rights)
        if rights is not None:
            asked = variables_of(rights)
            self.callers |= {role} if asked else set()
            self.variables |= asked
            self.allow(table, role, rights)

    def fits(self, role: str) -> bool:
        """Whether a role here may be called so; what another may do is left out."""
        note = f"role {role}: a role's name is made of {ROLE_LETTERS} here; it is left out, with all that it may do"
        if not is_role_name(role) and note not in self.left:
            self.left.append(note)
        return is_role_name(role)

    def allow(self, table: str, role: str, rights: Rights) -> None:
        self.tables[table].setdefault("allow", {}).setdefault(role, {}).update(rights)

    # ── permissions ──────────────────────────────────────────────────────────────────────────

    def select(self, permission: Entry, deed: Permitted) -> Rights:
        if permission.get("computed_fields"):
            self.left.append(f"{deed}: computed_fields: open the functions under functions:")
        roots = [each for key in ROOTS if isinstance(each := permission.get(key), list)]
        if roots and not any("select" in each for each in roots):
            raise UnsaidError("query_root_fields: what is read through relationships alone is nobody's here")
        _refuse_without_columns(permission)
        limit = permission.get("limit")
        self.limits.setdefault(deed.role, []).append(limit if type(limit) is int and limit > 0 else None)
        read = _with_columns({"filter": self.rule(permission, "filter")}, columns_of(permission.get("columns"), {}))
        gathers = permission.get("allow_aggregations") and all("select_aggregate" in each for each in roots)
        return {"read": read, **({"aggregate": True} if gathers else {})}

    def insert(self, permission: Entry, deed: Permitted) -> Rights:
        presets = mapped(permission, "set")
        said = {"check": self.rule(permission, "check")}
        return {"create": self.written(said, permission, presets, deed.table)}

    def update(self, permission: Entry, deed: Permitted) -> Rights:
        _refuse_without_columns(permission)
        presets = mapped(permission, "set")
        check = True if permission.get("check") is None else self.rule(permission, "check")
        said = {"filter": self.rule(permission, "filter"), "check": check}
        return {"update": self.written(said, permission, presets, deed.table)}

    def delete(self, permission: Entry, deed: Permitted) -> Rights:
        return {"delete": {"filter": self.rule(permission, "filter")}}

    def written(self, said: dict[str, Any], permission: Entry, presets: Entry, label: str) -> dict[str, Any]:
        made = _with_columns(said, columns_of(permission.get("columns"), presets))
        table = None if self.catalog is None else database_names(self.catalog).get(label)
        known = {} if table is None else table.by_name
        set_ = {name: preset_of(each, known.get(name)) for name, each in presets.items()}
        return {**made, "presets": set_} if presets else made

    def columns(self, table: str) -> list[str] | None:
        """All columns of a table; None where no database is named."""
        found = None if self.catalog is None else database_names(self.catalog).get(table)
        return None if found is None else [column.name for column in found.columns]

    def rule(self, permission: Entry, key: str) -> Rule:
        if key not in permission:
            raise UnsaidError(f"it has no {key}")
        return rule_of(permission[key], self.name)

    # ── relationships ────────────────────────────────────────────────────────────────────────

    def relate(self, tables: tuple[Entry, ...]) -> None:
        """After all tables, whose names those of our relationships are made of."""
        every = None if self.catalog is None else Relationships(self.catalog, self.found, self.name, self.left)
        for entry in tables:
            name = self.name(entry.get("table"))
            for kind in ("object_relationships", "array_relationships"):
                for each in listed(entry, kind) if name in self.tables else ():
                    if every is None:
                        how = "name the database (init --from-hasura DIR URL) to find it"
                        self.left.append(f"{name}: relationship {each.get('name')}: {how}")
                    else:
                        every.take(entry.get("table"), name, each, many=kind.startswith("array"))
        if every is not None:
            self.relationships = every.made()

    # ── roles ────────────────────────────────────────────────────────────────────────────────

    def inherit(self) -> None:
        for role, every in parents_first(self.metadata.inherited):
            if not self.fits(role):
                continue
            parents = [each for each in every if self.fits(each)]
            for each in (*parents, role):
                self.roles.setdefault(each, {})
            alike, inherited, left = self.rights.inherit(role, parents, self.columns)
            self.left += left
            if alike:
                self.roles[role]["extends"] = parents
                continue
            self.left.append(
                f"role {role}: extends none of the roles that it inherits, but has what it has written out"
            )
            if self.callers & set(parents):
                self.callers.add(role)
            for (table, _), rights in inherited.items():
                self.allow(table, role, rights)

    def limit(self) -> None:
        """How many rows a role may read, where all of its permissions say so: here it is one number for a role."""
        for role, said in self.limits.items():
            numbers = [each for each in said if each is not None]
            if numbers and len(numbers) == len(said):
                self.roles[role]["limits"] = {"max_rows": max(numbers)}
            if numbers and (len(set(numbers)) > 1 or len(numbers) < len(said)):
                self.left.append(f"role {role}: limit: it is one number for a role here, and differs by table there")

    # ── the file ─────────────────────────────────────────────────────────────────────────────

    def text(self) -> str:
        guest = next((role for role in ANONYMOUS if role in self.roles), None)
        return text_of(
            roles=self.roles,
            tables=self.tables,
            sections={"relationships": self.relationships, "functions": self.functions},
            anonymous=None if guest in self.callers else guest,
            claims=sorted(name for name in self.variables if not known_claims({}).knows((name,))),
            told=told_the_schema(self.roles, self.metadata.untold)[0],
        )

    def done(self) -> Converted:
        """The file, and everything that is to be told of it."""
        guest = next((role for role in (*ANONYMOUS, *PERHAPS_ANONYMOUS) if role in self.roles), None)
        if guest is not None and guest in self.callers:
            told = "its rules ask for session variables, so callers without a token do not have it"
        elif guest in ANONYMOUS:
            told = "callers without a token have it; take anonymous_role away where HASURA_GRAPHQL_UNAUTHORIZED_ROLE is another"
        else:
            told = f"auth.anonymous_role: {guest} is for you to write, where HASURA_GRAPHQL_UNAUTHORIZED_ROLE is that"
        return Converted(
            self.text(),
            (
                *self.left,
                *(() if guest is None else (f"role {guest}: {told}",)),
                *told_the_schema(self.roles, self.metadata.untold)[1],
                "admin: whoever has the admin secret may do everything there; see auth.admin_secret for what is here",
            ),
        )


Make = Callable[[Conversion, Entry, Permitted], Rights]
ACTIONS: Final[Mapping[str, Make]] = {
    "select": Conversion.select,
    "insert": Conversion.insert,
    "update": Conversion.update,
    "delete": Conversion.delete,
}


def _refuse_what_opens_more(permission: Entry) -> None:
    """What narrows a permission there, and nothing here; raises UnsaidError."""
    if permission.get("backend_only"):
        raise UnsaidError("backend_only: nobody has it here, give it to a role of its own")
    if permission.get("validate_input"):
        raise UnsaidError("validate_input: say it as a check")
    for key in sorted(permission.keys() - KNOWN_OF_A_PERMISSION):
        if permission[key]:
            raise UnsaidError(f"{key}: there is nothing of the kind here")


def _refuse_without_columns(permission: Entry) -> None:
    """Columns must be named there, or `*`: a permission without any is none. Raises UnsaidError."""
    if permission.get("columns") is None:
        raise UnsaidError("it has no columns")


def _with_columns(said: dict[str, Any], columns: list[str] | None) -> dict[str, Any]:
    return said if columns is None else {**said, "columns": columns}
