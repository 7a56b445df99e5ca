"""Binding the configuration to each catalog, and remembering how well it fits.

Rule: what is wrong on every database refuses to start; what does not fit this one closes its table alone, is logged, and
degrades readiness. Rules of one catalog never meet another.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from reflector.access.bind import bind_permissions
from reflector.access.database import database_permissions, unbound_roles, views_beyond
from reflector.access.description import AccessDescription, Complaint, Severity, TableRules
from reflector.access.entries import HIDES_NOTHING, IDLE_PATTERN, Arrived, idle_names, perhaps, read_entries
from reflector.access.exposure import CODE as EXPOSED
from reflector.access.exposure import Place, appeared, exposed
from reflector.access.functions import functions_by_name
from reflector.access.names import database_names, is_pattern
from reflector.access.reserved import hidden_columns, reserved_tables
from reflector.catalog.model import Catalog, Function, Misfit
from reflector.errors import CatalogError
from reflector.snapshot import Snapshot
from server.access import describe
from server.config import Complaint as ConfigComplaint
from server.config import Config, ConfigError, Position, RuleSource
from server.config.complaints import Path, dotted
from server.database_roles import IDLE as IDLE_ROLE
from server.database_roles import unknown_roles
from server.extensions import Extensions
from server.extensions.loaded import CLASH

LOG: Final = logging.getLogger("reflector.access")
STEPS: Final = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
"""What a trail into a mapping is made of."""
NOWHERE: Final = Position("the configuration")
TOLD_WHEN_LOADED: Final = {"unknown_role", "circular_role", "policy_error", "mask_without_key"}
"""What `load` has refused already, with better places."""
MISSPELT: Final = {IDLE_PATTERN, HIDES_NOTHING, IDLE_ROLE}
"""What refuses to start, and may become true of a configuration that is served."""
CANNOT_BE_KNOWN: Final = "unknown_function"
"""What is not told beside extensions that could not be loaded: it may be theirs."""
IDLE_EXCLUSION: Final = "idle_exclusion"
"""A pattern of tables to leave out, of which there is none."""
UNSAID: Final = "which everybody would read"
EXCLUDE: Final = "name it under database.exclude too, or take out the name that is gone"
LEFT_OUT: Final[Mapping[str, str]] = {
    "relationship_unbound": "; the relationship is left out",
    CLASH: "; the database's is left out",
}
ACCESS_SECTIONS: Final = {"auth", "roles", "policies", "defaults", "tables", "relationships", "functions"}


@dataclass(slots=True)
class Binding:
    """Makes snapshots. `strict` refuses whatever does not fit.

    `unfit` is what does not, in the newest snapshot, or in one that was refused while the one before it serves on, `closed` how
    that is told; `exposed` tells of columns that appeared, and that may be read though no list names them. `bound`: the configuration was bound to a catalog with tables before. `appeared` are columns that came while their tables were served, `settled` the tables there were when each that is named was last there.
    `extensions` are loaded, or None where they have yet to be.
    """

    config: Config
    strict: bool = False
    unfit: tuple[Complaint, ...] = ()
    warnings: tuple[Complaint, ...] = ()
    appeared: frozenset[Place] = frozenset()
    extensions: Extensions | None = None
    description: AccessDescription = field(init=False)
    closed: tuple[str, ...] = field(default=(), init=False)
    exposed: tuple[str, ...] = field(default=(), init=False)
    bound: bool = field(default=False, init=False)
    before: Catalog | None = field(default=None, init=False)
    settled: frozenset[str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.description = describe(self.config)

    def snapshot(self, number: int, catalog: Catalog) -> Snapshot:
        """The snapshot of a catalog; raises ConfigError with every complaint where the configuration cannot be used."""
        catalog, beside = self.joined(catalog)
        # That a table is not there is said of its whole entry, and need not be said of its name.
        vain = (each for each in catalog.misfits if each.fatal or each.path[0] != "tables")
        complaints = (*self.at_first(catalog, (misfit(each, self.config) for each in vain)), *beside)
        if self.config.open:
            return self.opened_to_all(number, catalog, complaints)
        if self.config.decided_by_database:
            return self.granted(number, catalog, complaints)
        permissions, found = bind_permissions(self.description, catalog, self.arrived(catalog))
        found = self.at_first(catalog, found)
        if self.extensions is not None and any(each.severity is Severity.ERROR for each in self.extensions.faults):
            found = tuple(each for each in found if each.code != CANNOT_BE_KNOWN)
        new = self.appeared if self.before is None else self.appeared | appeared(self.before, catalog)
        bare = exposed(self.description, catalog, permissions, new)
        self.accept((*complaints, *(each for each in found if each.code not in TOLD_WHEN_LOADED), *bare))
        self.bound, self.before, self.appeared = self.bound or bool(catalog.tables), catalog, new
        self.settle(catalog)
        return Snapshot(number, catalog, permissions, identity=self.identity(catalog))

    def opened_to_all(self, number: int, catalog: Catalog, complaints: Sequence[Complaint]) -> Snapshot:
        """The snapshot of a catalog that is open to everybody, but for what may have been left out under another name."""
        arrived, known = self.arrived(catalog), database_names(catalog)
        suspects = [known[name] for name in known if name in arrived.tables] if arrived.lost else []
        told = (perhaps(arrived.lost[0], table, UNSAID, EXCLUDE) for table in suspects)
        self.accept((*complaints, *told))
        self.bound = self.bound or bool(catalog.tables)
        self.settle(catalog)
        writable, closed = self.config.writable, frozenset(suspects)
        return Snapshot(number, catalog, None, writable=writable, identity=self.identity(catalog), closed=closed)

    def joined(self, catalog: Catalog) -> tuple[Catalog, tuple[Complaint, ...]]:
        """The catalog with the functions of extensions, and what is wrong with these."""
        if self.extensions is None:
            return catalog, ()
        joined, clashes = self.extensions.joined(catalog)
        severity = Severity.UNBOUND if self.bound else Severity.ERROR
        return joined, (*self.extensions.faults, *(replace(each, severity=severity) for each in clashes))

    def granted(self, number: int, catalog: Catalog, complaints: Sequence[Complaint]) -> Snapshot:
        """The snapshot of a catalog whose database decides; raises ConfigError where it could not decide."""
        found = [*complaints]
        arrived = self.arrived(catalog)
        entries = read_entries(self.description, catalog, found.append, granted=True, arrived=arrived)
        hidden = {entry.table: frozenset(entry.hidden) for entry in entries}
        misnamed = {each.table for each in found if each.severity is Severity.UNBOUND}
        unfit = [entry.table for entry in entries if entry.table.label in misnamed]
        for table, reserved in reserved_tables(self.description, catalog, found.append).items():
            hidden[table] = hidden.get(table, frozenset()) | hidden_columns(table, reserved)
        if catalog.roles is not None:
            where = self.config.position("auth", "enforce")
            unbound = unbound_roles(catalog.roles, self.config.postgrest.allow_unbound_roles)
            found += (replace(each, where=where) for each in (*unbound, *views_beyond(catalog.roles)))
            found += unknown_roles(self.config, catalog.roles)
        self.accept(self.at_first(catalog, found))
        self.bound = self.bound or bool(catalog.tables)
        self.settle(catalog)
        permissions = database_permissions(catalog, hidden, self.opened(catalog), unfit)
        return Snapshot(number, catalog, permissions, identity=self.identity(catalog))

    def arrived(self, catalog: Catalog) -> Arrived:
        """The tables that came since each table was there that the file names."""
        came = frozenset() if self.settled is None else frozenset(database_names(catalog)) - self.settled
        return Arrived(came, self.left_out(catalog))

    def left_out(self, catalog: Catalog) -> tuple[TableRules, ...]:
        """The tables that are to be left out and are not there: nobody may see any of them under another name."""
        paths = (each.path for each in catalog.misfits if each.path[:2] == ("database", "exclude"))
        named = ((self.config.database.exclude[int(path[2])], self.config.position(*path)) for path in paths)
        return tuple(TableRules(name, where=where) for name, where in named if not is_pattern(name))

    def settle(self, catalog: Catalog) -> None:
        """Know the tables that are there: nothing of the file is without its table, or nothing was ever different."""
        known = database_names(catalog)
        if self.settled is None or not (idle_names(self.description, known) or self.left_out(catalog)):
            self.settled = frozenset(known)

    def at_first(self, catalog: Catalog, found: Iterable[Complaint]) -> tuple[Complaint, ...]:
        """The complaints, as bad as they are where the configuration meets its database for the first time: nothing went away
        under it, so that a name is misspelt. Afterwards it may be that of something that was dropped."""
        if self.bound or not catalog.tables:
            return tuple(found)
        return tuple(replace(each, severity=Severity.ERROR) if each.code in MISSPELT else each for each in found)

    def opened(self, catalog: Catalog) -> Callable[[str, Function], bool]:
        """Which functions a role may be let at: those that the file names for it, or all."""
        granted = self.config.postgrest.allow_granted_functions
        by_name = functions_by_name(catalog)
        named = {
            (role, function)
            for name, said in self.config.functions.items()
            for role in said.allow
            for function in by_name.get(name, ())
        }
        # What the database knows nothing of it grants nobody.
        return lambda role, function: (granted and function.extension is None) or (role, function) in named

    def accept(self, complaints: Sequence[Complaint]) -> None:
        """Report what can be lived with; raises ConfigError with everything where something cannot."""
        refusing = {Severity.ERROR, Severity.UNBOUND} if self.strict else {Severity.ERROR}
        if any(each.severity in refusing for each in complaints):
            self.keep(complaints, [each for each in complaints if each.severity is not Severity.WARNING])
            raise ConfigError(self.located(self.unfit))
        self.report(complaints)

    def report(self, complaints: Iterable[Complaint]) -> None:
        """Keep what does not fit, and log what is new of it."""
        known = (*self.unfit, *self.warnings)
        self.keep(complaints, [each for each in complaints if each.severity is Severity.UNBOUND])
        new = [each for each in (*self.unfit, *self.warnings) if each not in known]
        for each, line in zip(new, self.told(new), strict=True):
            LOG.log(logging.ERROR if each in self.unfit else logging.WARNING, "%s", line)

    def keep(self, complaints: Iterable[Complaint], unfit: Iterable[Complaint]) -> None:
        """Remember what does not fit and what is merely odd, and how readiness tells of it."""
        self.unfit = tuple(unfit)
        self.warnings = tuple(each for each in complaints if each.severity is Severity.WARNING)
        self.closed = self.told(self.unfit)
        self.exposed = self.told([each for each in self.warnings if each.code == EXPOSED])

    @property
    def known(
        self,
    ) -> tuple[bool, tuple[Complaint, ...], tuple[Complaint, ...], frozenset[Place], Extensions | None]:
        """What a binding of another configuration to the same database begins with, after the configuration."""
        return self.strict, self.unfit, self.warnings, self.appeared, self.extensions

    def located(self, complaints: Collection[Complaint]) -> tuple[ConfigComplaint, ...]:
        """The complaints with their places in the file. What stands where is found anew, because few ever ask."""
        paths = paths_of(self.config) if complaints else {}
        return tuple(located(each, paths) for each in complaints)

    def told(self, complaints: Collection[Complaint]) -> tuple[str, ...]:
        """The complaints in a line each, with what they do."""
        return tuple(
            f"{said}{effect_of(each)}" for each, said in zip(complaints, self.located(complaints), strict=True)
        )

    def identity(self, catalog: Catalog) -> str:
        """A hash of all that answers depend on beside data: the schema, and what is configured of access."""
        said = self.config.model_dump_json(include=ACCESS_SECTIONS)
        content = "\0".join((catalog.fingerprint, said, str(self.config.open), str(self.config.writable)))
        return sha256(content.encode()).hexdigest()


def paths_of(config: Config) -> Mapping[Position, Path]:
    """Which setting stands where: keys and values. A text in quotes begins behind the quote, and a block in the next line."""
    paths = {place.key: path for path, place in config.places.items()}
    # The innermost first: a mapping begins where its first key does.
    for path, place in sorted(config.places.items(), key=lambda each: -len(each[0])):
        for position in (place.value, place.value.moved(1), place.value.below(1)):
            paths.setdefault(position, path)
    return paths


def effect_of(complaint: Complaint) -> str:
    """What becomes of that which does not fit."""
    if complaint.severity is not Severity.UNBOUND:
        return ""
    return f"; {complaint.table} is closed" if complaint.table else LEFT_OUT.get(complaint.code, "")


def located(complaint: Complaint, paths: Mapping[Position, Path]) -> ConfigComplaint:
    """The complaint with its place in the file, and the setting that stands there."""
    where = complaint.where
    begins = where.position if isinstance(where, RuleSource) else where
    if not isinstance(begins, Position):
        return ConfigComplaint(NOWHERE, "", complaint.message, complaint.hint)
    if complaint.trail and not (isinstance(where, RuleSource) and isinstance(where.form, str)):
        begins = inside(begins, complaint.trail, paths)
    position = where.at(complaint.offset) if isinstance(where, RuleSource) and complaint.offset is not None else begins
    return ConfigComplaint(position or begins, dotted(paths.get(begins, ())), complaint.message, complaint.hint)


def inside(begins: Position, trail: str | None, paths: Mapping[Position, Path]) -> Position:
    """Where in a mapping that begins there the trail leads; as far as it does."""
    steps = [int(index) if index else name for name, index in STEPS.findall(trail or "")]
    places = {path: position for position, path in reversed(list(paths.items()))}
    path = paths.get(begins, ())
    # A mapping on several lines begins where its first key does.
    for base in (path, path[:-1]):
        for length in range(len(steps), 0, -1):
            if (*base, *steps[:length]) in places:
                return places[*base, *steps[:length]]
    return begins


def misfit(found: Misfit, config: Config) -> Complaint:
    """What the overlay says in vain, as a complaint with its place."""
    severity = Severity.ERROR if found.fatal else Severity.UNBOUND
    code = "relationship_unbound" if found.path[0] == "relationships" else "name_unbound"
    if "exclude" in found.path[1:2]:
        waits, opens = is_pattern(config.database.exclude[int(found.path[2])]), opens_unnamed(config)
        severity = Severity.WARNING if waits or opens else Severity.UNBOUND
        code = IDLE_EXCLUSION if waits else HIDES_NOTHING if opens else code
    return Complaint(severity, code, found.message, found.hint, config.position(*found.path))


def opens_unnamed(config: Config) -> bool:
    """Whether a table may be open that no entry names, so that one which was to be left out is served instead."""
    by_pattern = any(said.allow and is_pattern(name) for name, said in config.tables.items())
    return by_pattern or config.open or config.decided_by_database or config.defaults.read or config.defaults.write


def in_vain(found: Iterable[Misfit], config: Config) -> ConfigError:
    """All that the overlay says in vain."""
    paths = paths_of(config)
    return ConfigError(located(each, paths) for each in refusing(found, config))


def refusing(found: Iterable[Misfit], config: Config) -> list[Complaint]:
    """What of it is more than a pattern that waits for something to leave out."""
    return [each for each in (misfit(one, config) for one in found) if each.code != IDLE_EXCLUSION]


def misfits(error: CatalogError, config: Config) -> ConfigError:
    """Why the database could not be read, with the place where it is named."""
    return ConfigError([ConfigComplaint(config.position("database", "url") or NOWHERE, "", error.message, error.hint)])
