"""Settings given by variables and flags: `REFLECTOR_SERVER_PORT=8080`, `--port 8080`.

Every setting that is one value or a list of values has a variable: its path in capitals after `REFLECTOR_`. Lists are
separated by commas. A flag wins over a variable, a variable over the file.

Rule: a variable of ours that means nothing is a complaint, because a misspelt setting is a protection that is not on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from reflector.errors import suggestion
from reflector.secret import Secret
from server.config.complaints import Path, Position
from server.config.document import Document, SourceList, SourceMapping, SourceText
from server.config.models import File
from server.config.outline import NAME, of_sections, settings, stripped

PREFIX: Final = "REFLECTOR_"
LINK: Final = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
LINKED: Final = re.compile(r"(tcp|udp|sctp)://\S+")
"""What Kubernetes tells every process of a Service that is called `reflector`, or begins so: none of it is a setting."""
CONFIG: Final = "REFLECTOR_CONFIG"
CONFIG_TEXT: Final = "REFLECTOR_CONFIG_TEXT"
"""Holds what the file would say, where there is none."""
SWITCHES: Final = {"REFLECTOR_WRITABLE": "writable", "REFLECTOR_INSECURE": "insecure"}
SHORT: Final[Mapping[str, Path]] = {
    "REFLECTOR_HOST": ("server", "host"),
    "REFLECTOR_PORT": ("server", "port"),
    "REFLECTOR_TOKEN": ("server", "token"),
}
SETTABLE: Final[Mapping[Path, Any]] = {
    path: kind for path, kind in settings(File) if NAME not in path and path != ("version",) and not of_sections(kind)
}
LONG: Final[Mapping[str, Path]] = {PREFIX + "_".join(map(str, path)).upper(): path for path in SETTABLE}
# The last of several for one setting wins, so what is plainly ours stands behind what other programs read too.
VARIABLES: Final[Mapping[str, Path]] = {
    "DATABASE_URL": ("database", "url"),
    "REDIS_URL": ("redis", "url"),
    **LONG,
    **SHORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line said; None and False where it said nothing."""

    url: str | None = None
    host: str | None = None
    port: int | None = None
    workers: int | None = None
    writable: bool = False
    insecure: bool = False


FLAGS: Final[Mapping[str, tuple[str, Path]]] = {
    "url": ("the database URL of the command line", ("database", "url")),
    "host": ("--host", ("server", "host")),
    "port": ("--port", ("server", "port")),
    "workers": ("--workers", ("server", "workers")),
}


def override(document: Document, environ: Mapping[str, str], flags: Flags) -> None:
    """Put what variables and flags say into the document, in place of what the file says; complain of unknown ones."""
    environ = {name: value for name, value in environ.items() if not _of_a_service(name, value)}
    _complain_of_unknown(document, environ)
    if CONFIG in environ and CONFIG_TEXT in environ:
        document.complain(Position(variable(CONFIG_TEXT)), (), f"is refused beside {CONFIG}", "keep one of them")
    for name in (CONFIG, CONFIG_TEXT):
        if name in environ and not environ[name].strip():
            document.complain(Position(variable(name)), (), "is set, but empty", "unset it, or give it a value")
    for source, path, value in _given(document, environ, flags):
        _put(document, path, value, Position(source))


def switched(document: Document, environ: Mapping[str, str], flags: Flags) -> dict[str, Position]:
    """Which of `writable` and `insecure` are on, and what turned them on."""
    on = {name: Position(f"--{name}") for name in SWITCHES.values() if getattr(flags, name)}
    for switch, name in SWITCHES.items():
        position = Position(variable(switch))
        if environ.get(switch, "false") not in {"true", "false"}:
            document.complain(position, (), "must be true or false")
        elif environ.get(switch) == "true":
            on.setdefault(name, position)
    return on


def variable(name: str) -> str:
    """How complaints name a variable."""
    return f"environment variable {name}"


def _complain_of_unknown(document: Document, environ: Mapping[str, str]) -> None:
    known = [*VARIABLES, *SWITCHES, CONFIG, CONFIG_TEXT]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            document.complain(Position(variable(name)), (), "is unknown", suggestion(name, known))
        elif not name.startswith(PREFIX) and (meant := _meant(name)) in known:
            document.complain(Position(variable(name)), (), "is unknown", f"did you mean {meant!r}?")


def _of_a_service(name: str, value: str) -> bool:
    return bool(LINK.fullmatch(name)) or (name.endswith("_PORT") and bool(LINKED.fullmatch(value)))


def _meant(name: str) -> str | None:
    """What would be ours but for the size of its letters, or one letter of what all begin with."""
    head, separator, rest = name.upper().partition("_")
    ours = PREFIX.removesuffix("_")
    return PREFIX + rest if separator and _nearly(head, ours) else None


def _nearly(word: str, other: str) -> bool:
    """Whether the words are the same but for one letter that is another, too many or missing."""
    alike = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    ends = [(word[alike + drop :], other[alike + skip :]) for drop, skip in ((1, 1), (1, 0), (0, 1), (0, 0))]
    return any(a == b for a, b in ends)


def _given(document: Document, environ: Mapping[str, str], flags: Flags) -> Iterator[tuple[str, Path, Any]]:
    for name, path in VARIABLES.items():
        if name not in environ:
            continue
        if environ[name]:
            yield variable(name), path, environ[name]
        else:
            document.complain(Position(variable(name)), path, "is set, but empty", "unset it, or give it a value")
    for field, (source, path) in FLAGS.items():
        value = getattr(flags, field)
        if value is not None:
            yield source, path, value


def _put(document: Document, path: Path, value: Any, position: Position) -> None:
    section = document.data
    for depth, step in enumerate(path[:-1], start=1):
        if step not in section:
            document.places.put(path[:depth], position)
        section = section.setdefault(str(step), SourceMapping(position))
        if isinstance(section, list):
            document.complain(position, path, "the file has a list there", "write the setting into the file")
            return
        if not isinstance(section, SourceMapping):
            return  # the file gives no mapping there, which is a complaint of its own
    name = str(path[-1])
    section[name] = _read(path, value, position)
    document.places.put(path, position)
    forgiven = document.broken.pop(path, None)
    if forgiven is not None:
        document.complaints.remove(forgiven)


def _read(path: Path, value: Any, position: Position) -> Any:
    if not isinstance(value, str):
        return value
    if get_origin(SETTABLE[path]) is not tuple or stripped(get_args(SETTABLE[path])[0]) is Secret:
        return SourceText(value, position)
    items = SourceList(position)
    items.extend(SourceText(item.strip(), position) for item in value.split(","))
    return items
