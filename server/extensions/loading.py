"""From `extensions` of the configuration to modules that are imported, and everything that is wrong with them.

Rule: what cannot be used is told with its place in the configuration, and with the line of the module where one is to
blame; never with a traceback, and never in an exception's own words, which may hold a secret.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from types import ModuleType
from typing import Final

from reflector.access.description import Complaint, Severity
from reflector.extension import DeclaredFunction, DeclaredRoute, Extension, Place
from reflector.signature import Signature, UnfitSignature, signature_of
from server.config import Config, Position
from server.config.extensions import ExtensionSource, Module
from server.extensions.loaded import BROKEN, Extensions, Loaded, Offered

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
PART: Final = r"/(?:[A-Za-z0-9._~-]+|\{[a-z_][a-z0-9_]*\})"
RELATIVE: Final = "; a path that does not begin with / begins at the folder of the configuration"
PATH: Final = re.compile(rf"/|(?:{PART})+")


class Unusable(Exception):
    """Why an extension cannot be used, and what helps where something does."""


def load_extensions(config: Config) -> Extensions:
    """All extensions of the configuration, imported; what is wrong with them is in `faults`."""
    folder = Path(config.source).parent if config.source else Path()
    loading = Loading(config, folder)
    for name, source in config.extensions.items():
        loading.load(name, source)
    return Extensions(tuple(loading.loaded), loading.offered, tuple(loading.faults))


class Loading:
    """Loads one extension after another."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.loaded: list[Loaded] = []
        self.offered: dict[str, Offered] = {}
        self.faults: list[Complaint] = []

    def load(self, name: str, source: ExtensionSource) -> None:
        """Import it, and see what it offers."""
        where = self.config.position("extensions", name, "module") or Position("the configuration")
        try:
            module = imported(name, source.module, self.folder)
            extension = extension_in(module, source.module)
        except Unusable as fault:
            self.complain(where, *fault.args)
            return
        loaded = Loaded(name, source, extension, where)
        self.loaded.append(loaded)
        for function in extension.functions:
            self.offer(loaded, function)
        for message in route_faults(extension):
            self.complain(where, message)
        if not all(map(iscoroutinefunction, (*extension.starting, *extension.ending))):
            self.complain(where, "what is called when it has started and when it stops must be `async def`")
        if any(map(iscoroutinefunction, extension.observers)):
            self.complain(where, "what observes is told and not waited for: it must not be `async def`")
        if extension.routes and not source.allow and not self.config.open:
            hint = "name the roles under allow"
            told = "its addresses are closed: nobody is allowed to ask for them"
            self.faults.append(Complaint(Severity.WARNING, "extension_closed", told, hint, where))

    def offer(self, loaded: Loaded, declared: DeclaredFunction) -> None:
        """Take a function in, or say why not."""
        said = f"the function {declared.name!r} ({at(declared.place)})"
        if not NAME.fullmatch(declared.name):
            self.complain(loaded.where, f"{said} has a name that is not made of letters, digits and _")
            return
        if declared.name in self.offered:
            other = self.offered[declared.name]
            by = "twice" if other.extension == loaded.name else f"by the extension {other.extension!r} too"
            self.complain(loaded.where, f"{said} is offered {by}")
            return
        try:
            signature: Signature = signature_of(declared.action)
        except UnfitSignature as fault:
            self.complain(loaded.where, f"{said} {fault}")
            return
        self.offered[declared.name] = Offered(loaded.name, declared, signature)

    def complain(self, where: Position, message: str, hint: str | None = None) -> None:
        self.faults.append(Complaint(Severity.ERROR, BROKEN, message, hint, where))


# ── modules ──────────────────────────────────────────────────────────────────────────────────


def imported(name: str, module: Module, folder: Path) -> ModuleType:
    """The module, run; raises Unusable."""
    if module.file is not None:
        return _from_file(name, folder / module.file, relative=not module.file.is_absolute())
    try:
        return importlib.import_module(module.dotted)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module.dotted}.".startswith(f"{error.name}."):
            raise Unusable("there is no such module where Python looks for modules") from error
        raise Unusable(*_blamed(error, None)) from error
    except (Exception, SystemExit) as error:
        raise Unusable(*_blamed(error, None)) from error


def _from_file(name: str, path: Path, *, relative: bool) -> ModuleType:
    if path.is_dir():
        raise Unusable("is a folder, not a file")
    if not path.is_file():
        raise Unusable("there is no such file" + (RELATIVE if relative else ""))
    known_as = f"reflector_extension_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(known_as, path)
    if spec is None or spec.loader is None:
        raise Unusable("is no file of Python")
    module = importlib.util.module_from_spec(spec)
    # Annotations and dataclasses look their module up.
    sys.modules[known_as] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[known_as]
        raise Unusable(*_blamed(error, str(path))) from error
    return module


def _blamed(error: BaseException, file: str | None) -> tuple[str, str | None]:
    """What is wrong with a module that cannot be run, and where."""
    if isinstance(error, SyntaxError):
        line = "" if error.lineno is None else f" line {error.lineno}:"
        return f"is not valid Python:{line} {error.msg}", None
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return f"imports {error.name}, which is not installed{_line(error, file)}", None
    return f"cannot be imported: {type(error).__name__}{_line(error, file)}", "run it by itself to see why"


def _line(error: BaseException, file: str | None) -> str:
    """Where in its own file it went wrong, as far as that is known."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f" (line {line})"


def extension_in(module: ModuleType, source: Module) -> Extension:
    """The object that the configuration names; raises Unusable."""
    found = getattr(module, source.object, None)
    if found is None:
        raise Unusable(f"has no object {source.object!r}", "extension = Extension() makes one")
    if not isinstance(found, Extension):
        raise Unusable(f"{source.object!r} is no Extension of reflector.extension")
    return found


# ── routes ───────────────────────────────────────────────────────────────────────────────────


def route_faults(extension: Extension) -> Iterator[str]:
    """What is wrong with its routes."""
    taken: dict[tuple[str, str], Place] = {}
    for route in extension.routes:
        said = f"the route {route.method} {route.path} ({at(route.place)})"
        form = re.sub(r"\{[^}]*\}", "{}", route.path)
        if (fault := _route_fault(route)) is not None:
            yield f"{said} {fault}"
        elif (route.method, form) in taken:
            yield f"{said} is there already ({at(taken[route.method, form])})"
        taken.setdefault((route.method, form), route.place)


def _route_fault(route: DeclaredRoute) -> str | None:
    if route.method not in METHODS:
        return f"has a method that is none of {', '.join(METHODS)}"
    if not PATH.fullmatch(route.path) or {".", ".."} & set(route.path.split("/")):
        return "has a path that is none: it begins with /, and its parts are plain words or {names}"
    names = re.findall(r"\{([^}]*)\}", route.path)
    if len(set(names)) < len(names):
        return "has a part of the same name twice"
    return None if iscoroutinefunction(route.action) else "is no `async def`"


def at(place: Place) -> str:
    """A line of a file, without its folders."""
    if not place.file:
        return "whose code is nowhere"
    return f"{Path(place.file).name}:{place.line}"
