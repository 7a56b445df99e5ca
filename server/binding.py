"""Binding the configuration to each catalog, and remembering how well it fits.

Rule: what is wrong on every database refuses to start; what does not fit this one closes its table alone, is logged, and
degrades readiness. Rules of one catalog never meet another.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from reflector.access.bind import bind_permissions
from reflector.access.description import AccessDescription, Complaint, Severity
from reflector.catalog.model import Catalog
from reflector.errors import CatalogError
from reflector.snapshot import Snapshot
from server.access import describe
from server.config import Complaint as ConfigComplaint
from server.config import Config, ConfigError, Position, RuleSource

LOG: Final = logging.getLogger("reflector.access")
NOWHERE: Final = Position("the configuration")
ACCESS_SECTIONS: Final = {"auth", "roles", "policies", "defaults", "tables", "relationships"}


@dataclass(slots=True)
class Binding:
    """Makes snapshots. `strict` refuses whatever does not fit; `unfit` is what does not, in the newest snapshot."""

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
        if self.config.open:
            return Snapshot(number, catalog, None, writable=self.config.writable, identity=identity)
        permissions, complaints = bind_permissions(self.description, catalog)
        refusing = {Severity.ERROR, Severity.UNBOUND} if self.strict else {Severity.ERROR}
        if any(each.severity in refusing for each in complaints):
            told = [each for each in complaints if each.severity is not Severity.WARNING]
            raise ConfigError(located(each) for each in told)
        self.report(complaints)
        return Snapshot(number, catalog, permissions, identity=identity)

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
    closes = f"; {complaint.table} is closed" if complaint.table and complaint.severity is Severity.UNBOUND else ""
    return f"{located(complaint)}{closes}"


def misfits(error: CatalogError, config: Config) -> ConfigError:
    """What the overlay names and the database has not: each line of the error with its place in the file."""
    return ConfigError(_misfit(line, config) for line in error.message.splitlines())


def _misfit(line: str, config: Config) -> ConfigComplaint:
    paths = [("database", "schemas"), *(("tables", name) for name in config.tables)]
    paths += [("relationships", name) for name in config.relationships]
    named = [path for path in paths if line.startswith(".".join(path) + ":")]
    position = config.position(*named[0]) if named else None
    return ConfigComplaint(position or NOWHERE, "", line)
