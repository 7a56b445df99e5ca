"""Reads the configuration once, at the edge: file, then environment, then flags, into one frozen `Config`.

Rule: either all of it is right, or nothing is used and everything that is wrong is told at once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from server.config import checks, faults
from server.config.claim_checks import check_claims
from server.config.complaints import Complaint, ConfigError, Position
from server.config.complaints import Path as SettingPath
from server.config.document import Document, SourceMapping, SourceText
from server.config.environment import CONFIG, CONFIG_TEXT, Flags, override, switched, variable
from server.config.models import RULES, Config, File
from server.config.outline import NAME
from server.config.pruning import without
from server.config.reading import LARGEST_FILE, read_document
from server.config.rule_checks import check_rules
from server.config.trial_checks import check_trials

DEFAULT_FILE: Final = Path("config.yaml")
LARGEST_SECRET: Final = 64 * 1024
FROM_FILE: Final = "file:"
MOST_ROUNDS: Final = 8
"""How often wrong settings are left out: what stands above another is judged only once that is gone."""
# The settings that may be kept in a file of their own.
SECRETS: Final[tuple[SettingPath, ...]] = (
    ("database", "url"),
    ("server", "secret"),
    ("server", "token"),
    ("auth", "jwt", "secret"),
    ("auth", "jwt", "keys"),
    ("auth", "introspection", "client_secret"),
    ("auth", "admin_secret"),
    ("auth", "oidc", "client_secret"),
    ("redis", "url"),
    ("testing", "url"),
    ("postgrest", "jwt_secret"),
    ("webhooks", NAME, "url"),
    ("webhooks", NAME, "secret"),
    ("webhooks", NAME, "headers", NAME),
    ("observability", "traces", "headers", NAME),
)
MISSING: Final = "there is no such file"
RELATIVE: Final = "; a path that does not begin with / begins at the folder of the configuration"
AT: Final = "@"
"""How PostgREST writes that its secret stands in a file."""


def load(
    path: Path | None, environ: Mapping[str, str], flags: Flags, seen: Callable[[Path], None] = lambda _: None
) -> Config:
    """The configuration in force. Raises `ConfigError` with every complaint.

    path: the file of `--config`; without it `REFLECTOR_CONFIG`, or what `REFLECTOR_CONFIG_TEXT` says itself; without
    those, and without a database URL on the command line, `./config.yaml` where it exists; else no file at all. `seen` is told of each file right before it is
    read.
    """
    config, complaints = understood(path, environ, flags, seen)
    if complaints or config is None:
        raise ConfigError(complaints)
    return config


def understood(
    path: Path | None, environ: Mapping[str, str], flags: Flags, seen: Callable[[Path], None] = lambda _: None
) -> tuple[Config | None, tuple[Complaint, ...]]:
    """The configuration as far as it can be understood, and every complaint about it.

    Where there are complaints, what they are about is left out of it: it is for finding out what else is wrong, and
    nothing may be served with it. None where nothing of the file can be judged. `path` and `seen` are as for `load`.
    """
    chosen = chosen_file(path, environ, flags)
    document = _document(chosen, environ, seen)
    override(document, environ, flags)
    switches = switched(document, environ, flags)
    if not document.readable:
        return None, tuple(document.complaints)
    _read_secret_files(document, chosen.parent if chosen else Path(), seen)
    file = _validated(document)
    checks.check(document)
    check_rules(document)
    check_trials(document)
    check_claims(document)
    _check_switches(document, switches)
    return None if file is None else _config(file, document, switches, chosen), tuple(document.complaints)


def _config(file: File, document: Document, switches: Mapping[str, Position], chosen: Path | None) -> Config:
    return Config.model_construct(
        file.model_fields_set | {"writable", "insecure", "source", "places"},
        **{name: getattr(file, name) for name in File.model_fields},
        writable="writable" in switches,
        insecure="insecure" in switches,
        source=str(chosen) if chosen else document.places.source,
        places=document.places,
    )


def chosen_file(path: Path | None, environ: Mapping[str, str], flags: Flags) -> Path | None:
    """Which file is read, None for none."""
    if path is not None:
        return path
    if environ.get(CONFIG):
        return Path(environ[CONFIG])
    if CONFIG_TEXT in environ:
        return None
    return DEFAULT_FILE if flags.url is None and DEFAULT_FILE.exists() else None


def _document(chosen: Path | None, environ: Mapping[str, str], seen: Callable[[Path], None]) -> Document:
    if chosen is None and environ.get(CONFIG_TEXT, "").strip():
        return read_document(os.fsencode(environ[CONFIG_TEXT]), variable(CONFIG_TEXT), environ)
    if chosen is None:
        document = Document(SourceMapping(Position("no file")), readable=True)
        document.data["version"] = 1
        return document
    seen(chosen)
    content = _content(chosen, LARGEST_FILE)
    if isinstance(content, bytes):
        return read_document(content, str(chosen), environ)
    document = Document(SourceMapping(Position(str(chosen))))
    document.complain(Position(str(chosen)), (), content)
    return document


def _content(path: Path, most: int, *, plain: bool = False) -> bytes | str:
    """A file's bytes, one more than allowed at most; or what is wrong with it. `plain`: pipes and devices are no files."""
    try:
        # Whoever opens a pipe waits for somebody to write, and nobody may.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if plain and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return "is no plain file"
            os.set_blocking(file.fileno(), True)
            return file.read(most + 1)
    except FileNotFoundError:
        return MISSING
    except IsADirectoryError:
        return "is a folder, not a file"
    except PermissionError:
        return "may not be read by this user"
    except (OSError, ValueError):
        return "cannot be read"


def _read_secret_files(document: Document, folder: Path, seen: Callable[[Path], None]) -> None:
    for wanted in SECRETS:
        for holder, path in list(_held(document.data, wanted)):
            given = holder[path[-1]]
            for mark in (FROM_FILE, AT) if path[0] == "postgrest" else (FROM_FILE,):
                if given.startswith(mark):
                    written = given.removeprefix(mark)
                    file = folder / written
                    seen(file)
                    holder[path[-1]] = _secret(document, path, file, relative=not Path(written).is_absolute())
                    break


def _held(given: Any, wanted: SettingPath, above: SettingPath = ()) -> Iterator[tuple[Any, SettingPath]]:
    """What holds a text under the path, or under it in each item of a list; with the whole path."""
    if isinstance(given, list):
        steps: Iterable[Any] = range(len(given))
        rest = wanted
    else:
        found = given if isinstance(given, SourceMapping) and wanted else {}
        steps = list(found) if wanted[:1] == (NAME,) else [step for step in wanted[:1] if step in found]
        rest = wanted[1:]
    for step in steps:
        inside = given[step]
        if isinstance(inside, str) and not rest:
            yield given, (*above, step)
        elif not isinstance(inside, str):
            yield from _held(inside, rest, (*above, step))


def _secret(document: Document, path: SettingPath, file: Path, *, relative: bool) -> Any:
    place = document.place(path)
    content = _content(file, LARGEST_SECRET, plain=True)
    if isinstance(content, str):
        problem = content + (RELATIVE if relative and content == MISSING else "")
    elif len(content) > LARGEST_SECRET:
        problem = "is too large for a secret"
    elif b"\0" in content:
        problem = "is not UTF-8 text"
    else:
        try:
            return SourceText(content.decode("utf-8-sig").rstrip("\r\n"), place.value)
        except UnicodeDecodeError:
            problem = "is not UTF-8 text"
    document.give_up(place.value, path, f"the file it names: {problem}")
    return None


def _validated(document: Document) -> File | None:
    """The settings, those left out that are wrong; None where nothing is left."""
    try:
        return File.model_validate(document.data)
    except ValidationError as error:
        faults.complain(document, error)
        return _rest(document, error)


def _rest(document: Document, error: ValidationError) -> File | None:
    data = document.data
    for _ in range(MOST_ROUNDS):
        data = without(data, faults.paths(document, error))
        try:
            return File.model_validate(data)
        except ValidationError as further:
            error = further
    return None


def _check_switches(document: Document, switches: Mapping[str, Position]) -> None:
    configured = [name for name in RULES if name in document.data]
    if "insecure" in switches and "auth" in document.data:
        document.complain(switches["insecure"], (), "is refused beside auth: it is for serving without any")
    if "writable" in switches and configured:
        names = " and ".join(configured)
        document.complain(switches["writable"], (), f"is refused beside {names}: rules say who writes")
