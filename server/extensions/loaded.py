"""What was loaded: which functions there are, and how extensions begin, end and hear of what happens.

    loaded  ─►  joined to each catalog  ─►  started  ─►  called for callers  ─►  stopping

Rule: an extension is loaded once for each process; a catalog has its functions beside the database's own, so that what
may be called is decided for both in one place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from reflector.access.description import Complaint, Severity
from reflector.access.functions import functions_by_name
from reflector.catalog.model import Catalog, Function
from reflector.events import Observation, Observer
from reflector.extension import DeclaredFunction, Extension, place_of
from reflector.signature import Signature
from server.config import Complaint as ConfigComplaint
from server.config import Config, ConfigError, Position
from server.config.extensions import ExtensionSource
from server.config.values import show_duration

LOG: Final = logging.getLogger("reflector.extensions")
STOPPING_SECONDS: Final = 3.0
"""How long all extensions together may take to end."""
BROKEN: Final = "extension_broken"
CLASH: Final = "extension_clash"
Fetch = Callable[..., Awaitable[Sequence[Sequence[Any]]]]


@dataclass(frozen=True, slots=True)
class Offered:
    """A function of an extension, with what it takes."""

    extension: str
    declared: DeclaredFunction
    signature: Signature

    def function(self, schema: str) -> Function:
        """The same as catalogs know functions."""
        gives = self.signature.gives
        return Function(
            schema,
            self.declared.name,
            self.signature.arguments,
            "void" if gives is None else gives.native,
            volatility="stable" if self.declared.read_only else "volatile",
            comment=(self.declared.action.__doc__ or "").strip().partition("\n\n")[0] or None,
            scalar=True,
            value=gives,
            extension=self.extension,
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """One extension. `where` is its place in the file."""

    name: str
    source: ExtensionSource
    extension: Extension
    where: Position


@dataclass(frozen=True, slots=True)
class Here:
    """Where an extension runs, as it is told."""

    name: str
    settings: Mapping[str, Any]
    read: Fetch = field(repr=False)

    async def fetch(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement that only reads, past all rules."""
        return [tuple(row) for row in await self.read(statement, *values)]


@dataclass(slots=True, eq=False)
class Extensions:
    """All extensions of a process, in the order of the file. `faults` are what is wrong with any of them; nothing is served
    where there are some. `offered` are their functions by name."""

    loaded: tuple[Loaded, ...] = ()
    offered: Mapping[str, Offered] = field(default_factory=dict)
    faults: tuple[Complaint, ...] = ()
    _begun: list[tuple[Loaded, Here]] = field(default_factory=list)

    # ── the catalog ──────────────────────────────────────────────────────────────────────────

    def joined(self, catalog: Catalog) -> tuple[Catalog, tuple[Complaint, ...]]:
        """The catalog with the functions beside the database's own, and what names of theirs are the database's too."""
        own = tuple(each for each in catalog.functions if each.extension is None)
        if not self.loaded:
            return catalog, ()
        taken = functions_by_name(replace(catalog, functions=own))
        clashing = [name for name in self.offered if name in taken]
        schema = catalog.schemas[0] if catalog.schemas else ""
        # A name stands for one of the two, and the file names those of its extensions by intent.
        kept = [each for each in own if not any(each in taken[name] for name in clashing)]
        functions = (*kept, *(each.function(schema) for each in self.offered.values()))
        return replace(catalog, functions=functions), tuple(map(self._clash, clashing))

    def _clash(self, name: str) -> Complaint:
        extension = self.offered[name].extension
        where = next(each.where for each in self.loaded if each.name == extension)
        message = f"the database has a function {name!r} too"
        return Complaint(Severity.UNBOUND, CLASH, message, "give one of them another name", where)

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    def observing(self, observe: Observer) -> Observer:
        """Who is told of what happens, and these extensions besides."""
        listeners = [(each.name, one) for each in self.loaded for one in each.extension.observers]
        if not listeners:
            return observe

        def tell(event: Observation) -> None:
            observe(event)
            for name, listener in listeners:
                try:
                    listener(event)
                except (Exception, SystemExit):
                    LOG.exception("extension %s: an observer failed", name)

        return tell

    # ── beginning and end ────────────────────────────────────────────────────────────────────

    async def start(self, fetch: Fetch) -> None:
        """Begin them in the order of the file; raises ConfigError where one cannot, and those before it have ended then."""
        for each in self.loaded:
            here = Here(each.name, each.source.settings, fetch)
            offered = sum(one.extension == each.name for one in self.offered.values())
            LOG.info("extension %s: %d functions, %d addresses", each.name, offered, len(each.extension.routes))
            self._begun.append((each, here))
            limit = asyncio.timeout(each.source.starts_within.total_seconds())
            try:
                async with limit:
                    for action in each.extension.starting:
                        await action(here)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if must_end(error):
                    raise
                LOG.debug("extension %s", each.name, exc_info=error)
                await self.stop()
                raise ConfigError([failed_to_start(each, error, late=limit.expired())]) from error

    async def stop(self) -> None:
        """End those that have begun, the last one first; what goes wrong is told to the log alone."""
        begun, self._begun = self._begun[::-1], []
        try:
            async with asyncio.timeout(STOPPING_SECONDS):
                for each, here in begun:
                    for action in reversed(each.extension.ending):
                        await self._ended(each.name, action(here))
        except TimeoutError:
            LOG.error("extensions did not end in %d seconds", STOPPING_SECONDS)  # noqa: TRY400 - the time is all there is

    async def _ended(self, name: str, ending: Awaitable[Any]) -> None:
        try:
            await ending
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if must_end(error):
                raise
            LOG.exception("extension %s: stopping failed", name)


NO_EXTENSIONS: Final = Extensions()


def must_end(error: BaseException) -> bool:
    """Whether it was asked that what raised this ends: else something that it waited for had been cancelled."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    return cast("asyncio.Task[Any]", asyncio.current_task()).cancelling() > 0


def failed_to_start(loaded: Loaded, error: BaseException, *, late: bool) -> ConfigComplaint:
    """That a `started` raised, or was too `late`. Its words may hold anything, and are for the log at the level debug."""
    line = line_of(error.__cause__ if late else error, loaded)
    at = "" if line is None else f" in line {line}"
    taken = f"it took longer than {show_duration(loaded.source.starts_within)}, and waited"
    why = f"{taken if late else type(error).__name__}{at}"
    hint = "starts_within says how long it may take" if late else None
    return ConfigComplaint(loaded.where, f"extensions.{loaded.name}", f"could not be started: {why}", hint)


def line_of(error: BaseException | None, loaded: Loaded) -> int | None:
    """The last line of the extension's own files in the error's traceback."""
    files = set(files_of(loaded))
    line, trace = None, getattr(error, "__traceback__", None)
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def files_of(loaded: Loaded) -> Iterator[str]:
    """The files where something of an extension is declared."""
    extension = loaded.extension
    for action in (*extension.starting, *extension.ending):
        yield place_of(action).file
    yield from (each.place.file for each in extension.functions)
    yield from (each.place.file for each in extension.routes)


def allowed(loaded: Loaded, config: Config, roles: Sequence[str]) -> bool:
    """Whether callers of these roles may ask for the extension's own addresses. Where nobody is asked for a credential, and
    nothing says who may what, everybody may."""
    return config.open or not set(roles).isdisjoint(loaded.source.allow)
