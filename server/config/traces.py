"""What `observability.traces` says: which requests are told to a collector, and where it is.

Rule: what is sent are names, times and outcomes, so a collector in the same network may be reached without TLS; what it is
sent with (`headers`) is secret, and is not sent so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field

from reflector.secret import MASK, Secret
from server.config.plain import Fault, mapping
from server.config.section import Section
from server.config.values import TEXT, Flag, Named, Reads, Text, UnfitError, is_loopback, nothing, read_text

HERE: Final = ("observability", "traces")
HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8000}[\x21-\x7e])?")
OURS: Final = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to how a message is sent."""
SHARE: Final = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,12})?")


def read_collector(given: Any) -> str:
    """The address that takes traces, with its path."""
    text = read_text(given)
    try:
        parts = urlsplit(text)
        plain = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not parts.username
    except ValueError:
        parts, plain = None, False
    if parts is None or not plain or "?" in text or "#" in text:
        raise UnfitError("must be an address such as http://collector:4318/v1/traces, without user, query and fragment")
    if parts.path in {"", "/"}:
        raise UnfitError("has no path: collectors take traces at /v1/traces")
    return text


def read_header_value(given: Any) -> Secret:
    """What a header says, kept as a secret."""
    text = given.reveal() if isinstance(given, Secret) else given
    if not isinstance(text, str):
        raise UnfitError("must be text: put it in quotes")
    if not text.strip():
        raise UnfitError("is an empty secret")
    if not VALUE.fullmatch(text):
        raise UnfitError("must be what a header can say: plain letters and signs on one line, no spaces around them")
    return Secret(str(text))


def read_share(given: Any) -> float:
    """0 to 1, also as the text that a variable holds."""
    if isinstance(given, str) and NUMBER.fullmatch(given):
        given = float(given)
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= 1:
        raise UnfitError("must be a number from 0 to 1: the share of requests that are traced")
    return float(given)


Collector: TypeAlias = Annotated[str, Reads(read_collector, TEXT)]
HeaderValue: TypeAlias = Annotated[Secret, Reads(read_header_value, TEXT, lambda _: MASK)]
Share: TypeAlias = Annotated[
    float, Reads(read_share, {"anyOf": [SHARE, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$|\$\{"}]})
]


class Traces(Section):
    """Which requests are told to a collector, how, and as whom."""

    url: Collector
    headers: Named[HeaderValue] = Field(default_factory=nothing)
    sample: Share = 1.0
    follow: Flag = False
    service: Text = "reflector"
    attributes: Named[Text] = Field(default_factory=nothing)
    statements: Flag = False


def header_names(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What stands before a colon, and is not ours to say already."""
    for name in mapping(data, *HERE, "headers"):
        if not HEADER.fullmatch(name):
            yield (*HERE, "headers", name), "is no name of a header", None
        elif name.lower() in OURS:
            yield (*HERE, "headers", name), "is a header that says how a message is sent: leave it out", None


def headers_in_clear(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Secrets are not sent through a network for everybody to read."""
    said = mapping(data, *HERE)
    url = said.get("url")
    if not said.get("headers") or not isinstance(url, str):
        return
    try:
        parts = urlsplit(url)
        clear = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    except ValueError:
        return
    if clear:
        yield (*HERE, "headers"), "are secrets, and would be sent through the network unencrypted", "use https"


def nobody_to_follow(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Only those are followed who are trusted."""
    server = mapping(data, "server")
    if mapping(data, *HERE).get("follow") not in (True, "true"):
        return
    if not server.get("trusted_proxies") and mapping(server, "socket").get("proxy") not in (True, "true"):
        yield (*HERE, "follow"), "follows nobody: no proxy is trusted", "list it under server.trusted_proxies"


CHECKS: Final = (header_names, headers_in_clear, nobody_to_follow)
