"""References to the environment inside a value: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, and `$$` for one `$`.

Rule: references are resolved after the document is parsed, in one scalar at a time, and what comes out is not read
again: a value of the environment can change neither the structure of the file nor pull in another variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

BARE: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
TOKEN: Final = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\}|(?P<broken>\$\{)",
)


class UnresolvedReferenceError(Exception):
    """A reference that cannot be resolved; the message says which variable is missing, or what is malformed."""


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """The text with its references replaced. Raises `UnresolvedReferenceError`, naming all of them that have no value."""
    faults: list[str] = []
    if BARE.fullmatch(text):
        # A secret of that spelling would be one that whoever reads the file's pattern can guess.
        raise UnresolvedReferenceError("is no reference: write ${NAME} for the variable, $$NAME for the text")

    def value(found: re.Match[str]) -> str:
        if found["broken"]:
            faults.append(
                "has a '${' that is no reference: ${NAME}, ${NAME:-default} or ${NAME:?message}; write $${ for the text"
            )
            return ""
        return _value(found, environ, faults) if found["name"] else "$"

    resolved = TOKEN.sub(value, text)
    if faults:
        raise UnresolvedReferenceError("; ".join(dict.fromkeys(faults)))
    return resolved


def _value(found: re.Match[str], environ: Mapping[str, str], faults: list[str]) -> str:
    name, how, rest = found["name"], found["how"], found["rest"]
    if "${" in (rest or ""):
        faults.append("has a reference inside another: one variable has one default, and that is text")
        return ""
    given = environ.get(name)
    if how is None:
        if given is None:
            faults.append(f"refers to the environment variable {name}, which is not set")
        return given or ""
    if given:
        return given
    if how == ":?":
        faults.append(f"refers to the environment variable {name}, which is not set: {rest or 'it is required'}")
    return rest
