"""What `webhooks` says: which other servers are told of which changes, with whose rights, and how long that is tried.

Rule: an address and all that is sent with it stand in the configuration alone, and what proves who we are is never shown.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from reflector.secret import MASK, Secret
from server.config.changes import EVENTS, Happens, each_once
from server.config.complaints import Path
from server.config.database_checks import decided_by_database
from server.config.lists import OneOrMany
from server.config.plain import Fault, mapping
from server.config.rules import Columns, Rule
from server.config.section import Section
from server.config.values import (
    LEAST_SECRET,
    Duration,
    Named,
    Reads,
    Text,
    UnfitError,
    freeze,
    nothing,
    read_duration,
    read_outbound_url,
    secret,
    thaw,
    whole,
)

WHSEC: Final = "whsec_"
"""How Standard Webhooks writes a key: behind this in base64."""
LEAST_KEY: Final = 24
LONGEST_KEY: Final = 64
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
OURS: Final = (
    "webhook-",
    "reflector-",
    "content-",
    "host",
    "connection",
    "transfer-encoding",
    "te",
    "upgrade",
    "expect",
    "accept-",
)
"""How the names of headers begin that are not for the file to set."""


def read_signing_secret(given: Any) -> Secret:
    """`whsec_` and 24 to 64 bytes in base64, or a text of at least 32 bytes."""
    found = secret(LEAST_SECRET).read(given)
    if found.reveal().startswith(WHSEC):
        try:
            length = len(base64.b64decode(found.reveal().removeprefix(WHSEC), validate=True))
        except binascii.Error:
            length = 0
        if not LEAST_KEY <= length <= LONGEST_KEY:
            raise UnfitError(f"must be {WHSEC} and {LEAST_KEY} to {LONGEST_KEY} bytes in base64")
    return found


def read_address(given: Any) -> Secret:
    """An address as elsewhere; it is often all that a receiver asks for, so it is kept like a secret."""
    return Secret(read_outbound_url(given.reveal() if isinstance(given, Secret) else given))


def shown_address(address: Secret) -> str:
    """Where it leads, without what may be secret of it."""
    parts = urlsplit(address.reveal())
    rest = "" if parts.path in ("", "/") and not parts.query else MASK
    return f"{parts.scheme}://{parts.netloc}/{rest}"


def read_header(given: Any) -> Secret:
    """One line of printable letters."""
    found = secret(1).read(given)
    if not found.reveal().isascii() or not found.reveal().isprintable():
        raise UnfitError("must be one line of ASCII letters")
    return found


def read_claim(given: Any) -> Any:
    """Any value that a credential can carry."""
    if given is None:
        raise UnfitError("has no value: give one, or leave the claim out")
    return freeze(given)


Address: TypeAlias = Annotated[Secret, Reads(read_address, {"type": "string", "minLength": 1}, shown_address)]
Signing: TypeAlias = Annotated[Secret, Reads(read_signing_secret, {"type": "string", "minLength": 1}, lambda _: MASK)]
Header: TypeAlias = Annotated[Secret, Reads(read_header, {"type": "string", "minLength": 1}, lambda _: MASK)]
Claim: TypeAlias = Annotated[Any, Reads(read_claim, {}, thaw)]


class Webhook(Section):
    """One receiver: what it is told, with whose rights, and how. `retry`: for how long a delivery is tried."""

    url: Address
    tables: Annotated[tuple[Text, ...], OneOrMany()]
    events: Annotated[tuple[Happens, ...], AfterValidator(each_once)] = EVENTS
    columns: Columns | None = None
    filter: Rule | None = None
    role: Text | None = None
    claims: Named[Claim] = Field(default_factory=nothing)
    headers: Named[Header] = Field(default_factory=nothing)
    secret: Signing | None = None
    timeout: Duration = read_duration("5s")
    retry: Duration = read_duration("24h")
    batch: Annotated[int, whole(1, 1000)] = 100


# ── what must hold without a database ────────────────────────────────────────────────────────


def whole_section(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Changes are captured by one process, which judges them by the rules of this file."""
    if not mapping(data, "webhooks"):
        return
    if mapping(data, "changes").get("source") == "off":
        yield ("webhooks",), "need changes to be captured", "changes.source: auto"
    if decided_by_database(data):
        message = "say nothing where auth.enforce is database: nobody could say which rows of a change a role may see"
        yield ("webhooks",), message, "auth.enforce: server"


def each_webhook(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Each has a name that fits in a header, and the rights of a role where there are roles."""
    for name, said in mapping(data, "webhooks").items():
        path: Path = ("webhooks", name)
        if not NAME.fullmatch(str(name)):
            yield path, "a webhook's name is made of letters, digits and _ - . and at most 64 of them", None
        if not isinstance(said, Mapping):
            continue
        if "auth" in data and "role" not in said:
            yield path, "needs a role, whose rights it has", "declare one under roles that may read what it is told"
        if "auth" not in data and "role" in said:
            yield (*path, "role"), "says nothing where auth is not configured", None
        yield from _of_one_table(path, said)
        for header in mapping(said, "headers"):
            if not HEADER.fullmatch(str(header)):
                yield (*path, "headers", header), "is no name of a header", None
            elif str(header).lower().startswith(OURS):
                yield (*path, "headers", header), "is a header that is not for you to set", None


def named_roles(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The roles that webhooks name, with their places."""
    for name, said in mapping(data, "webhooks").items():
        role = mapping(said).get("role")
        if isinstance(role, str):
            yield ("webhooks", name, "role"), role


def written_claims(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The claims that webhooks have, with their places."""
    for name, said in mapping(data, "webhooks").items():
        yield ("webhooks", name, "claims"), mapping(said, "claims")


def _of_one_table(path: Path, said: Mapping[str, Any]) -> Iterator[Fault]:
    tables = said.get("tables")
    names = tables if isinstance(tables, list) else []
    for index, name in enumerate(names):
        if isinstance(name, str) and name in names[:index]:
            yield (*path, "tables", index), "names a table a second time", None
    for name in ("columns", "filter"):
        if name in said and len(names) > 1:
            yield (*path, name), "is for a webhook of one table", "make a webhook of each"
    columns = said.get("columns")
    listed = columns if isinstance(columns, list) else []
    for index, name in enumerate(listed):
        if isinstance(name, str) and name in listed[:index]:
            yield (*path, "columns", index), "names a column a second time", None


CHECKS: Final = (whole_section, each_webhook)
