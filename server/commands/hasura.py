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

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reflector.access.names import database_names
from reflector.catalog.model import Catalog
from reflector.catalog.overlay import fitting_names
from server.commands.convert import Converted
from server.commands.hasura_files import Metadata, listed, mapped, metadata_of
from server.commands.hasura_functions import Functions
from server.commands.hasura_names import Names
from server.commands.hasura_permissions import ACTIONS, Permissions, Permitted
from server.commands.hasura_relationships import Relationships
from server.commands.hasura_roles import RIGHTS, Inheritance, Rights, parents_first, told_the_schema
from server.commands.hasura_rules import UnsaidError, variables_of
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
    callers: set[str] = field(default_factory=set)
    """Roles with a rule that asks for a session variable."""
    variables: set[str] = field(default_factory=set)
    """The session variables that rules ask for."""
    rights: Inheritance = field(default_factory=Inheritance)
    called: Names = field(init=False)
    permissions: Permissions = field(init=False)

    def __post_init__(self) -> None:
        self.called = Names(self.catalog)
        self.permissions = Permissions(self.called, self.left)

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
        every = Functions(self.catalog, self.called.label, self.rights, self.left)
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
        name = self.called.label(entry.get("table"))
        if self.catalog is not None and self.called.found(entry.get("table")) is None:
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
        for action in ACTIONS:
            for each in listed(entry, f"{action}_permissions"):
                self.permission(name, action, each)

    def permission(self, table: str, action: str, given: Entry) -> None:
        role, permission = str(given.get("role")), mapped(given, "permission")
        if not self.fits(role):
            return
        self.roles.setdefault(role, {})
        deed, rights = Permitted(table, action, role), None
        try:
            rights = self.permissions.rights(permission, deed)
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

    # ── relationships ────────────────────────────────────────────────────────────────────────

    def relate(self, tables: tuple[Entry, ...]) -> None:
        """After all tables, whose names those of our relationships are made of."""
        every = (
            None
            if self.catalog is None
            else Relationships(self.catalog, self.called.found, self.called.label, self.left)
        )
        for entry in tables:
            name = self.called.label(entry.get("table"))
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
            alike, inherited, left = self.rights.inherit(role, parents, self.called.columns)
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
        for role, said in self.permissions.limits.items():
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
