"""What `extensions` says: modules of the user's own, what they are told, and who may ask for their addresses.

Rule: an extension is code that runs as the server does, so that only the file names one, and never a variable or a flag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from reflector.secret import MASK
from server.config.section import Section
from server.config.values import TEXT, Duration, Reads, Text, UnfitError, freeze, nothing, read_duration, read_text

DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
OBJECT: Final = re.compile(r"[A-Za-z_]\w*")
USUAL: Final = "extension"
ENDING: Final = ".py"


class Module(NamedTuple):
    """A file, or None and a dotted name that Python finds; and the object in it. `text` is how it was written."""

    text: str
    file: Path | None
    dotted: str
    object: str

    def __str__(self) -> str:
        return self.text


def read_module(given: Any) -> Module:
    """`./shop.py`, `./shop.py:name`, `package.module`, `package.module:name`."""
    if isinstance(given, Module):
        return given
    text = read_text(given)
    name, separator, wanted = text.rpartition(":")
    where, attribute = (name, wanted) if separator else (text, USUAL)
    if not OBJECT.fullmatch(attribute):
        raise UnfitError("must end with the name of an object behind the colon, such as ./shop.py:extension")
    if where.endswith(ENDING):
        return Module(text, Path(where), "", attribute)
    if DOTTED.fullmatch(where):
        return Module(text, None, where, attribute)
    raise UnfitError("must be a Python file such as ./shop.py, or a module such as package.module")


def hide(settings: Mapping[str, Any]) -> Mapping[str, str]:
    """The settings' names: their values are nobody's but the extension's."""
    return dict.fromkeys(settings, MASK)


def read_settings(given: Any) -> Mapping[str, Any]:
    """Any mapping, whatever is in it."""
    if not isinstance(given, Mapping):
        raise UnfitError("must be a mapping")
    frozen: Mapping[str, Any] = freeze(given)
    return frozen


def _one_or_many(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


NAMES: Final = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
ModuleName: TypeAlias = Annotated[Module, Reads(read_module, TEXT, str)]
Settings: TypeAlias = Annotated[Mapping[str, Any], Reads(read_settings, {"type": "object"}, hide)]


class ExtensionSource(Section):
    """One extension: where its code is, what it is told, how long it may take to begin, and which roles may ask for its
    addresses."""

    module: ModuleName
    settings: Settings = Field(default_factory=nothing, repr=False)
    starts_within: Duration = read_duration("1m")
    allow: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), WithJsonSchema(NAMES)] = ()
