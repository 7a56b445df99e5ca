"""`reflector init --from-postgrest FILE`: the config.yaml that behaves like a configuration of PostgREST's.

Every option of PostgREST's is a row: where it stands here, or why it has no place. Where a safer rule is our default, the
file says PostgREST's way, so that everything that is open can be read in it.

Rule: what is not carried over is named on stderr, each with the reason; nothing is left out silently. An option that
PostgREST does not have may be a misspelt one that closes something, so it is named with its place, in the file as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reflector.errors import suggestion
from server.config import Complaint, ConfigError, Position
from server.config.postgrest import PostgrestSettings

LINE: Final = re.compile(r"""\s*([A-Za-z][A-Za-z0-9_.-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s#"]+)\s*(?:#.*)?""")
BLANK: Final = re.compile(r"\s*(#.*)?")
VARIABLE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
PREFIX: Final = "PGRST_"
APP_SETTINGS: Final = "app.settings."
EVERYWHERE: Final = {"!4": "0.0.0.0", "*4": "0.0.0.0", "*": "0.0.0.0", "!6": "::", "*6": "::"}  # noqa: S104 - PostgREST's own
LEVELS: Final = {"crit": "error", "error": "error", "warn": "warning", "info": "info", "debug": "debug"}
MOST_ROWS: Final = 1_000_000
MOST_OFFSET: Final = 10_000_000


def _text(given: str) -> Any:
    return given


def _flag(given: str) -> Any:
    return given.lower() in {"true", "1", "on", "yes"}


def _number(given: str) -> Any:
    return int(given)


def _seconds(given: str) -> Any:
    return f"{int(given)}s"


def _list(given: str) -> Any:
    return [each.strip().strip('"') for each in given.split(",") if each.strip()]


def _logged(given: str) -> Any:
    return given.lower() == "main-query" or _flag(given)


def _host(given: str) -> Any:
    return EVERYWHERE.get(given, given)


def _level(given: str) -> Any:
    return LEVELS.get(given, "error")


@dataclass(frozen=True, slots=True)
class Option:
    """Where an option stands here, and how its text is read; or in `reason` why it does not. `postgrest` options have the
    same name with underscores. `always`: what holds here whatever is said, so that nothing is told of it. `beside`: the
    option without which it says nothing."""

    read: Callable[[str], Any] = _text
    path: tuple[str, ...] = ()
    reason: str = ""
    always: Any = None
    beside: str = ""


FIGURES: Final = ("observability", "metrics")
POOL: Final = ("database", "pool")
SOCKET: Final = ("server", "socket")
OWN_PORT: Final = Option(reason="figures and health are told on a port: admin-server-port")
OPTIONS: Final[Mapping[str, Option]] = {
    "admin-server-host": Option(_host, (*FIGURES, "host"), beside="admin-server-port"),
    "admin-server-port": Option(_number, (*FIGURES, "port")),
    "admin-server-unix-socket": OWN_PORT,
    "admin-server-unix-socket-mode": OWN_PORT,
    "client-error-verbosity": Option(),
    "db-aggregates-enabled": Option(_flag),
    "db-anon-role": Option(),
    "db-channel": Option(),
    "db-channel-enabled": Option(_flag),
    "db-config": Option(_flag),
    "db-extra-search-path": Option(_list),
    "db-hoisted-tx-settings": Option(_list),
    "db-max-rows": Option(_number),
    "db-plan-enabled": Option(_flag),
    "db-pool": Option(_number, (*POOL, "max")),
    "db-pool-acquisition-timeout": Option(_seconds, (*POOL, "wait")),
    "db-pool-automatic-recovery": Option(
        _flag, reason="the server never ends because its database is away: /health/ready is 503 then", always=True
    ),
    "db-pool-max-idletime": Option(_seconds, (*POOL, "idle")),
    "db-pool-max-lifetime": Option(_seconds, (*POOL, "lifetime")),
    "db-pre-config": Option(),
    "db-pre-request": Option(),
    "db-prepared-statements": Option(_flag),
    "db-root-spec": Option(),
    "db-schemas": Option(_list),
    "db-tx-end": Option(),
    "db-uri": Option(_text, ("database", "url")),
    "jwt-aud": Option(),
    "jwt-cache-max-entries": Option(_number),
    "jwt-cache-max-lifetime": Option(reason="tokens are remembered until they end: jwt-cache-max-entries bounds them"),
    "jwt-role-claim-key": Option(),
    "jwt-secret": Option(),
    "jwt-secret-is-base64": Option(_flag),
    "log-level": Option(_level, ("observability", "level")),
    "log-query": Option(_logged, ("observability", "statements")),
    "openapi-mode": Option(),
    "openapi-security-active": Option(_flag),
    "openapi-server-proxy-uri": Option(),
    "server-cors-allowed-origins": Option(_list),
    "server-host": Option(_host, ("server", "host")),
    "server-port": Option(_number, ("server", "port")),
    "server-reuseport": Option(_flag, ("server", "reuse_port")),
    "server-timing-enabled": Option(_flag),
    "server-trace-header": Option(),
    "server-unix-socket": Option(_text, (*SOCKET, "path")),
    "server-unix-socket-mode": Option(_text, (*SOCKET, "mode"), beside="server-unix-socket"),
    "url-use-legacy-target-names": Option(_flag),
}
OLDER: Final[Mapping[str, str]] = {
    "db-load-guc-config": "db-config",
    "db-pool-timeout": "db-pool-acquisition-timeout",
    "db-schema": "db-schemas",
    "max-rows": "db-max-rows",
    "pre-request": "db-pre-request",
    "role-claim-key": "jwt-role-claim-key",
    "root-spec": "db-root-spec",
    "secret-is-base64": "jwt-secret-is-base64",
}
"""Names that PostgREST still takes."""
THEIR_WAY: Final[Mapping[str, Any]] = {
    "path": "/",
    "allow_absent_aud": True,
    "allow_absent_exp": True,
    "allow_estimated_counts": True,
    "allow_granted_functions": True,
    "allow_plans": True,
    "allow_unfiltered_writes": True,
    "db_channel_enabled": True,
    "db_config": True,
    "server_cors_allowed_origins": ["*"],
}
"""What PostgREST does where it is told nothing, and we do not."""
ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - PostgREST's own
TIMES: Final[Mapping[str, str]] = {"wait": "10s", "idle": "30s", "lifetime": "30m"}
HEAD: Final = """\
# Made from {file}: the same behaviour, PostgREST's way everywhere. What begins with `allow_`, `db_config`,
# `db_channel_enabled` and the `*` of the origins are more open than Reflector is by itself: take them away where nobody
# relies on them.
{unknown}version: 1
"""


@dataclass(frozen=True, slots=True)
class Converted:
    """The text of config.yaml, and what was not carried over. `unknown`: what nobody knows, and may have been meant to close
    something."""

    text: str
    left: tuple[str, ...]
    unknown: tuple[Complaint, ...] = ()


def converted(file: Path, environ: Mapping[str, str]) -> Converted:
    """The configuration of PostgREST's in a file and in PGRST_ variables, as ours.

    Raises ConfigError for lines that are none; OSError.
    """
    said, unknown = options_of(file.read_text(encoding="utf-8"), str(file))
    further, strange = variables(environ)
    given, unknown = {**said, **further}, [*unknown, *strange]
    sections: dict[str, Any] = {
        "database": {"url": "${DATABASE_URL}", "pool": dict(TIMES)},
        "server": {"host": ANYWHERE, "port": 3000},
        "auth": {"enforce": "database"},
        "limits": {"rows": MOST_ROWS, "page": MOST_ROWS, "offset": MOST_OFFSET, "regex": True},
        "postgrest": {name: value for name, value in THEIR_WAY.items() if name in PostgrestSettings.model_fields},
    }
    left = list(_carried(given, sections))
    if given.get("log-level") in {"info", "debug"}:
        sections.setdefault("observability", {})["requests"] = True
    ours = [name for name in THEIR_WAY if name not in PostgrestSettings.model_fields]
    left += [f"{name}: not offered by this version; the safer way holds" for name in ours]
    if "admin-server-port" in given and "admin-server-host" not in given:
        sections["observability"]["metrics"]["host"] = sections["server"]["host"]
    told = "".join(f"# NOT IN FORCE, because nobody knows it: {' '.join(str(each).split())}\n" for each in unknown)
    text = HEAD.format(file=file.name, unknown=told) + "".join(_written(sections))
    return Converted(text, tuple(left), tuple(unknown))


def options_of(text: str, file: str) -> tuple[dict[str, str], list[Complaint]]:
    """The options of a file with their texts, and those that PostgREST does not have; raises ConfigError with every line
    that is none."""
    found: dict[str, str] = {}
    complaints, unknown = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if BLANK.fullmatch(line):
            continue
        match, position = LINE.fullmatch(line), Position(file, number, 1)
        if match is None:
            complaints.append(Complaint(position, "", "is no `option = value`"))
        elif (name := named(match[1])) is None:
            unknown.append(_strange(position, match[1], suggestion(match[1], (*OPTIONS, *OLDER))))
        else:
            found[name] = _unquoted(match[2])
    if complaints:
        raise ConfigError((*complaints, *unknown))
    return found, unknown


def _strange(position: Position, name: str, hint: str | None) -> Complaint:
    return Complaint(position, name, "is no option of PostgREST's", hint)


def named(option: str) -> str | None:
    """The option's newest name, None where there is none."""
    name = OLDER.get(option, option)
    return name if name in OPTIONS or name.startswith(APP_SETTINGS) else None


def variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Complaint]]:
    """What PGRST_ variables say, and those that mean nothing; a secret stays where it is, and is referred to."""
    found: dict[str, str] = {}
    unknown = []
    known = [PREFIX + name.replace("-", "_").upper() for name in (*OPTIONS, *OLDER)]
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        plain = variable.removeprefix(PREFIX).lower()
        setting = f"{APP_SETTINGS}{plain.removeprefix('app_settings_')}" if plain.startswith("app_settings_") else plain
        name = named(setting if setting.startswith(APP_SETTINGS) else setting.replace("_", "-"))
        if name is None:
            unknown.append(_strange(Position("environment"), variable, suggestion(variable, known)))
        else:
            found[name] = f"$({variable})" if name in {"db-uri", "jwt-secret"} else value
    return found, unknown


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])


def _carried(given: Mapping[str, str], sections: dict[str, Any]) -> Iterator[str]:
    """Put the options into their sections; what has no place, with the reason."""
    for name, text in given.items():
        if name.startswith(APP_SETTINGS):
            sections["postgrest"].setdefault("app_settings", {})[name.removeprefix(APP_SETTINGS)] = _referring(text)
            continue
        option, own = OPTIONS[name], name.replace("-", "_")
        if option.always is not None and option.read(text) == option.always:
            continue
        if option.reason:
            yield f"{name}: {option.reason}"
        elif not text.strip():
            continue
        elif option.beside and not given.get(option.beside, "").strip():
            yield f"{name}: says nothing without {option.beside}"
        elif not option.path and own not in PostgrestSettings.model_fields:
            yield f"{name}: not offered by this version"
        else:
            section = sections
            path = option.path or ("postgrest", own)
            for step in path[:-1]:
                section = section.setdefault(step, {})
            section[path[-1]] = _value(option, text)


def _value(option: Option, text: str) -> Any:
    if VARIABLE.search(text) and option.read is not _list:
        return _referring(text)
    try:
        read = option.read(text)
    except ValueError:
        return _referring(text)  # what is wrong with it is told when the file is loaded
    return (
        _referring(read)
        if isinstance(read, str)
        else [_referring(each) for each in read]
        if isinstance(read, list)
        else read
    )


def _referring(text: str) -> str:
    """The text with its variables in our spelling, and every other `$` as it is."""
    parts = VARIABLE.split(text)
    return "".join(f"${{{part}}}" if index % 2 else part.replace("$", "$$") for index, part in enumerate(parts))


def _written(sections: Mapping[str, Any]) -> Iterator[str]:
    for name, said in sections.items():
        yield f"\n{name}:\n"
        for setting, value in said.items():
            yield f"  {setting}: {json.dumps(value, ensure_ascii=False)}\n"
