"""Binding the configuration to each catalog, and remembering how well it fits.

Rule: what is wrong on every database refuses to start; what does not fit this one closes its table alone, is logged, and
degrades readiness. Rules of one catalog never meet another.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from reflector.access.bind import bind_permissions
from reflector.access.description import AccessDescription, Complaint, Severity
from reflector.catalog.model import Catalog, Misfit
from reflector.errors import CatalogError
from reflector.snapshot import Snapshot
from server.access import describe
from server.config import Complaint as ConfigComplaint
from server.config import Config, ConfigError, Position, RuleSource
from server.config.complaints import dotted

LOG: Final = logging.getLogger("reflector.access")
NOWHERE: Final = Position("the configuration")
TOLD_WHEN_LOADED: Final = {"unknown_role", "circular_role", "policy_error"}
"""What `load` has refused already, with better places."""
LEFT_OUT: Final[Mapping[str, str]] = {"relationship_unbound": "; the relationship is left out"}
ACCESS_SECTIONS: Final = {"auth", "roles", "policies", "defaults", "tables", "relationships"}


@dataclass(slots=True)
class Binding:
    """Makes snapshots. `strict` refuses whatever does not fit.

    `unfit` is what does not, in the newest snapshot, or in one that was refused while the one before it serves on.
    """

    config: Config
    strict: bool = False
    unfit: tuple[Complaint, ...] = ()
    warnings: tuple[Complaint, ...] = ()
    description: AccessDescription = field(init=False)

    def __post_init__(self) -> None:
        self.description = describe(self.config)

    def snapshot(self, number: int, catalog: Catalog) -> Snapshot:
        """The snapshot of a catalog; raises ConfigError with every complaint where the configuration cannot be used."""
        identity = self.identity(catalog)
        # That a table is not there is said of its whole entry, and need not be said of its name.
        vain = (each for each in catalog.misfits if each.fatal or each.path[0] != "tables")
        complaints = tuple(misfit(each, self.config) for each in vain)
        if self.config.open:
            self.accept(complaints)
            return Snapshot(number, catalog, None, writable=self.config.writable, identity=identity)
        permissions, found = bind_permissions(self.description, catalog)
        self.accept((*complaints, *(each for each in found if each.code not in TOLD_WHEN_LOADED)))
        return Snapshot(number, catalog, permissions, identity=identity)

    def accept(self, complaints: Sequence[Complaint]) -> None:
        """Report what can be lived with; raises ConfigError with everything where something cannot."""
        refusing = {Severity.ERROR, Severity.UNBOUND} if self.strict else {Severity.ERROR}
        if any(each.severity in refusing for each in complaints):
            self.unfit = tuple(each for each in complaints if each.severity is not Severity.WARNING)
            self.warnings = tuple(each for each in complaints if each.severity is Severity.WARNING)
            raise ConfigError(located(each) for each in self.unfit)
        self.report(complaints)

    def report(self, complaints: Iterable[Complaint]) -> None:
        """Keep what does not fit, and log what is new of it."""
        known = (*self.unfit, *self.warnings)
        self.unfit = tuple(each for each in complaints if each.severity is Severity.UNBOUND)
        self.warnings = tuple(each for each in complaints if each.severity is Severity.WARNING)
        for each in (*self.unfit, *self.warnings):
            if each not in known:
                LOG.log(logging.ERROR if each in self.unfit else logging.WARNING, "%s", told(each))

    def identity(self, catalog: Catalog) -> str:
        """A hash of all that answers depend on beside data: the schema, and what is configured of access."""
        said = self.config.model_dump_json(include=ACCESS_SECTIONS)
        content = "\0".join((catalog.fingerprint, said, str(self.config.open), str(self.config.writable)))
        return sha256(content.encode()).hexdigest()


def located(complaint: Complaint) -> ConfigComplaint:
    """The complaint with its place in the file."""
    where = complaint.where
    position = where.at(complaint.offset) if isinstance(where, RuleSource) else where
    return ConfigComplaint(
        position if isinstance(position, Position) else NOWHERE, "", complaint.message, complaint.hint
    )


def told(complaint: Complaint) -> str:
    """The complaint in one line, with what it does."""
    effect = ""
    if complaint.severity is Severity.UNBOUND:
        effect = f"; {complaint.table} is closed" if complaint.table else LEFT_OUT.get(complaint.code, "")
    return f"{located(complaint)}{effect}"


def misfit(found: Misfit, config: Config) -> Complaint:
    """What the overlay says in vain, as a complaint with its place."""
    severity = Severity.ERROR if found.fatal else Severity.UNBOUND
    code = "relationship_unbound" if found.path[0] == "relationships" else "name_unbound"
    return Complaint(severity, code, f"{dotted(found.path)}: {found.message}", found.hint, config.position(*found.path))


def in_vain(found: Iterable[Misfit], config: Config) -> ConfigError:
    """All that the overlay says in vain."""
    return ConfigError(located(misfit(each, config)) for each in found)


def misfits(error: CatalogError, config: Config) -> ConfigError:
    """Why the database could not be read, with the place where it is named."""
    return ConfigError([ConfigComplaint(config.position("database", "url") or NOWHERE, "", error.message, error.hint)])
