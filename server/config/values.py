"""The kinds of value a setting takes: how each is read, shown and described to editors.

Rule: a reader takes what the file or the environment holds and returns one frozen value, or raises `UnfitError` with
words that end the sentence "the setting …" and never repeat the value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WrapSerializer
from pydantic_core import CoreSchema, core_schema

from reflector.database_url import DatabaseUrl, InvalidDatabaseUrl, parse_database_url
from reflector.secret import MASK, Secret

Value = TypeVar("Value")

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
SIZE: Final = re.compile(r"([0-9]{1,9})(B|KiB|MiB|GiB)")
NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
ORIGIN: Final = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?")
HOST: Final = re.compile(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
REFERENCE: Final = {"type": "string", "pattern": r"\$\{"}
LEAST_SECRET: Final = 32
LEAST_TOKEN: Final = 16
LONGEST_DURATION: Final = timedelta(hours=24)
LONGEST_LEEWAY: Final = timedelta(seconds=30)


class UnfitError(ValueError):
    """A value that its setting does not take; the message ends the sentence "the setting …"."""


@dataclass(frozen=True, eq=False, slots=True)
class Reads(Generic[Value]):
    """Tells pydantic that a field is read by `read`, dumped as JSON by `show`, and described by `described`."""

    read: Callable[[Any], Value]
    described: Mapping[str, Any]
    show: Callable[[Value], Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(self.show, when_used="json") if self.show else None
        return core_schema.no_info_plain_validator_function(self.read, serialization=shown)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.described)


def read_text(given: Any) -> str:
    """Any text that says something."""
    if not isinstance(given, str):
        raise UnfitError("must be text: put it in quotes")
    if not NAME.fullmatch(given) or given != given.strip():
        raise UnfitError("must be text of 1 to 255 letters, without line breaks and spaces around it")
    return str(given)


def read_flag(given: Any) -> bool:
    """True or false, also as the text that a variable holds."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given in {"true", "false"}:
        return bool(given == "true")
    raise UnfitError("must be true or false")


def whole(least: int, most: int) -> Reads[int]:
    """A reader of whole numbers in a range, also as the text that a variable holds."""

    def read(given: Any) -> int:
        if isinstance(given, str) and re.fullmatch(r"[0-9]{1,18}", given):
            given = int(given)
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise UnfitError(f"must be a whole number from {least} to {most}")
        return given

    described = {"type": "integer", "minimum": least, "maximum": most}
    return Reads(read, {"anyOf": [described, {"type": "string", "pattern": r"^[0-9]+$|\$\{"}]})


def only(number: int, why: str) -> Reads[int]:
    """A reader that takes one number, and says why."""

    def read(given: Any) -> int:
        if isinstance(given, bool) or given not in (number, str(number)):
            raise UnfitError(f"must be {number}: {why}")
        return number

    return Reads(read, {"const": number})


def read_duration(given: Any) -> timedelta:
    """`500ms`, `2s`, `5m`, `1h`: more than nothing, at most a day."""
    if isinstance(given, timedelta):
        return given
    found = DURATION.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise UnfitError("must be a duration with its unit, such as 500ms, 2s, 5m or 1h")
    duration = timedelta(seconds=float(found[1]) * SECONDS[found[2]])
    if not timedelta(0) < duration <= LONGEST_DURATION:
        raise UnfitError("must be longer than nothing and at most 24h")
    return duration


def read_leeway(given: Any) -> timedelta:
    """`0s` to `30s`."""
    leeway = timedelta(0) if isinstance(given, str) and given in {"0s", "0ms"} else read_duration(given)
    if leeway > LONGEST_LEEWAY:
        raise UnfitError("must be at most 30s")
    return leeway


def read_interval(given: Any) -> timedelta | None:
    """A duration, or `off`."""
    if given == "off":
        return None
    try:
        return read_duration(given)
    except UnfitError as fault:
        raise UnfitError(f"{fault}, or off") from None


def show_duration(duration: timedelta | None) -> str:
    """A duration as the file writes it."""
    if duration is None:
        return "off"
    milliseconds = duration // timedelta(milliseconds=1)
    if milliseconds == 0:
        return "0s"
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def read_size(given: Any) -> int:
    """`64KiB`, `1MiB`: bytes."""
    found = SIZE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise UnfitError("must be a size with its unit, such as 512B, 64KiB or 1MiB")
    size = int(found[1]) * BYTES[found[2]]
    if not 1024 <= size <= 1024**3:
        raise UnfitError("must be from 1KiB to 1GiB")
    return size


def show_size(size: int) -> str:
    """A size as the file writes it."""
    unit = next(unit for unit in ("GiB", "MiB", "KiB", "B") if size % BYTES[unit] == 0)
    return f"{size // BYTES[unit]}{unit}"


def secret(least: int) -> Reads[Secret]:
    """A reader of secrets that are at least so many bytes."""

    def read(given: Any) -> Secret:
        if isinstance(given, Secret):
            given = given.reveal()
        if not isinstance(given, str):
            raise UnfitError("must be text: put it in quotes")
        if not given.strip():
            raise UnfitError("is an empty secret")
        if len(given.encode(errors="surrogatepass")) < least:
            raise UnfitError(f"is too short for a secret: at least {least} bytes")
        return Secret(str(given))

    return Reads(read, {"type": "string", "minLength": 1}, lambda _: MASK)


def read_database_url(given: Any) -> DatabaseUrl:
    """One of the forms of `reflector.database_url`."""
    if isinstance(given, DatabaseUrl):
        return given
    if not isinstance(given, str):
        raise UnfitError("must be a database URL")
    try:
        return parse_database_url(given)
    except InvalidDatabaseUrl as fault:
        raise UnfitError(f"cannot be read: {fault.message}" + (f" ({fault.hint})" if fault.hint else "")) from None


def read_redis_url(given: Any) -> Secret:
    """`redis://[user:password@]host[:port][/number]`, with `rediss` for TLS; or `unix:///path`."""
    text = given.reveal() if isinstance(given, Secret) else given
    if not isinstance(text, str):
        raise UnfitError("must be a Redis URL")
    try:
        parts = urlsplit(text)
        socket = parts.scheme == "unix" and not parts.hostname and len(parts.path) > 1
        number = re.fullmatch(r"(/[0-9]{0,5})?", parts.path)
        network = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0 and number
        plain = (socket or network) and not parts.query and not parts.fragment
    except ValueError:
        plain = False
    if not plain:
        raise UnfitError("must be redis://host:6379/0, rediss://… for TLS, or unix:///path, without anything behind it")
    return Secret(str(text))


def read_mode(given: Any) -> int:
    """The permissions of a file, as three octal digits: `660`, with or without quotes."""
    if not isinstance(given, str | int) or isinstance(given, bool) or not re.fullmatch(r"[67][0-7][0-7]", str(given)):
        raise UnfitError("must be the permissions of a file, from 600 to 777")
    return int(str(given), 8)


def read_origin(given: Any) -> str:
    """`https://app.example.com`: exactly what a browser sends as Origin."""
    if not isinstance(given, str) or not ORIGIN.fullmatch(given):
        raise UnfitError("must be an exact origin such as https://app.example.com: scheme, host in small letters, port")
    return str(given)


def read_host(given: Any) -> str:
    """A host name or address as it stands in a Host header, without port."""
    if not isinstance(given, str) or not HOST.fullmatch(given):
        raise UnfitError("must be a host name or address without port; IPv6 in brackets")
    return given.lower()


def read_bind(given: Any) -> str:
    """A host name or address to listen on; IPv6 with or without brackets."""
    text = read_text(given)
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return read_host(text)


def read_public_url(given: Any) -> str:
    """The address people use: http or https, no query; returned without a slash at the end."""
    text = read_text(given)
    try:
        parts = urlsplit(text)
        plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        plain = False
    if not plain or "?" in text or "#" in text:
        raise UnfitError("must be an address such as https://api.example.com, without user, query and fragment")
    return text.rstrip("/")


def read_network(given: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address, or a network in CIDR form; never all addresses there are."""
    if isinstance(given, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return given
    try:
        network = ipaddress.ip_network(read_text(given))
    except ValueError:
        raise UnfitError("must be an address such as 10.0.0.7, or a network such as 10.0.0.0/24") from None
    if not network.prefixlen:
        raise UnfitError("must not be every address there is: anybody could claim to be anybody")
    return network


def read_outbound_url(given: Any) -> str:
    """The address of a server that is asked on callers' account: https, or http of this machine."""
    text = read_text(given)
    try:
        parts = urlsplit(text)
        plain = parts.hostname and not parts.username and parts.port != 0 and not parts.fragment
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except ValueError:
        plain = safe = False
    if not plain or not safe:
        raise UnfitError("must be an address such as https://id.example.com/keys; http is for this machine alone")
    return text


def is_loopback(host: str) -> bool:
    """Whether only this machine can be reached there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def freeze(value: Any) -> Any:
    """The same value with mappings and lists that cannot be changed."""
    if isinstance(value, Mapping):
        return MappingProxyType({str(key): freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    return str(value) if isinstance(value, str) else value


def thaw(value: Any) -> Any:
    """The same value in what JSON can write."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return [thaw(item) for item in value] if isinstance(value, tuple) else value


def nothing() -> Mapping[str, Any]:
    """The default of a mapping of names."""
    return MappingProxyType({})


Named: TypeAlias = Annotated[
    Mapping[str, Value],
    AfterValidator(lambda given: MappingProxyType(dict(given))),
    WrapSerializer(lambda given, write: write(dict(given))),
]
DURATIONS: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$|\$\{"}
TEXT: Final = {"type": "string", "minLength": 1}

Text: TypeAlias = Annotated[str, Reads(read_text, TEXT)]
Flag: TypeAlias = Annotated[bool, Reads(read_flag, {"anyOf": [{"type": "boolean"}, REFERENCE]})]
Duration: TypeAlias = Annotated[timedelta, Reads(read_duration, DURATIONS, show_duration)]
Leeway: TypeAlias = Annotated[timedelta, Reads(read_leeway, DURATIONS, show_duration)]
Interval: TypeAlias = Annotated[
    timedelta | None, Reads(read_interval, {"anyOf": [DURATIONS, {"const": "off"}]}, show_duration)
]
Size: TypeAlias = Annotated[
    int, Reads(read_size, {"type": "string", "pattern": r"^[0-9]+(B|KiB|MiB|GiB)$|\$\{"}, show_size)
]
Key: TypeAlias = Annotated[Secret, secret(LEAST_SECRET)]
Token: TypeAlias = Annotated[Secret, secret(LEAST_TOKEN)]
Material: TypeAlias = Annotated[Secret, secret(1)]
Url: TypeAlias = Annotated[DatabaseUrl, Reads(read_database_url, TEXT, str)]
RedisUrl: TypeAlias = Annotated[Secret, Reads(read_redis_url, TEXT, lambda _: MASK)]
Origin: TypeAlias = Annotated[str, Reads(read_origin, TEXT)]
Mode: TypeAlias = Annotated[
    int,
    Reads(
        read_mode,
        {
            "anyOf": [
                {"type": "integer", "minimum": 600, "maximum": 777},
                {"type": "string", "pattern": r"^[67][0-7]{2}$|\$\{"},
            ]
        },
        lambda mode: format(mode, "o"),
    ),
]
Host: TypeAlias = Annotated[str, Reads(read_host, TEXT)]
Bind: TypeAlias = Annotated[str, Reads(read_bind, TEXT)]
OutboundUrl: TypeAlias = Annotated[str, Reads(read_outbound_url, TEXT)]
PublicUrl: TypeAlias = Annotated[str, Reads(read_public_url, TEXT)]
Network: TypeAlias = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, Reads(read_network, TEXT, str)]
FilePath: TypeAlias = Annotated[Path, Reads(lambda given: Path(read_text(given)), TEXT, str)]
