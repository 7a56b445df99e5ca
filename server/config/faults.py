"""From what pydantic found wrong to complaints that people can act on.

Rule: only our own words are told; pydantic's may quote the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final

from pydantic import ValidationError

from reflector.errors import suggestion
from server.config.complaints import Path
from server.config.document import Document
from server.config.models import File
from server.config.outline import names, section_at
from server.config.rules import Allow, Create, Delete, Read, Update
from server.config.short_rules import is_condition
from server.config.values import UnfitError

MAPPING: Final = "must be a mapping of names"
WORDS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "mapping_type": MAPPING,
    "dict_type": MAPPING,
    "tuple_type": "must be a list",
    "string_type": "must be a name",
}
RULED: Final = (Read, Create, Update, Delete)


def complain(document: Document, error: ValidationError) -> None:
    """Add what pydantic found to the document's complaints, but for values that could not be read at all."""
    for fault in error.errors(include_url=False, include_input=False):
        path = _written(document, tuple(step for step in fault["loc"] if step != "[key]"))
        if any(path[: len(broken)] == broken for broken in document.broken):
            continue
        if fault["type"] == "extra_forbidden":
            _unknown(document, path)
        elif fault["type"] == "missing":
            place = document.place(path[:-1])
            document.complain(place.key, path, WORDS["missing"])
        else:
            document.complain(
                document.place(path).value, _shortest(document, path), _words(path, fault, _value(document, path))
            )


def paths(document: Document, error: ValidationError) -> list[Path]:
    """Where what pydantic found is written."""
    found = (tuple(step for step in fault["loc"] if step != "[key]") for fault in error.errors(include_url=False))
    return [_written(document, path) for path in found]


def _written(document: Document, path: Path) -> Path:
    """The path as it was written: columns and masks beside read are read's, and one that stands alone is in no list."""
    for index, step in enumerate(path):
        if isinstance(step, int) and not isinstance(_value(document, path[:index]), list | NoneType):
            return _written(document, (*path[:index], *path[index + 1 :]))
    beside = (*path[:4], *path[5:])
    part = len(path) > 5 and path[4] == "read" and path[5] in Allow.short
    moved = part and path[:1] == ("tables",) and path not in document.places
    return beside if moved and beside[:6] in document.places else path


def _value(document: Document, path: Path) -> Any:
    value: Any = document.data
    for step in path:
        if isinstance(value, list):
            value = value[step] if isinstance(step, int) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _shortest(document: Document, path: Path) -> Path:
    """The path without the steps that a long form has and the written short form has not."""
    while path and path not in document.places:
        path = path[:-1]
    return path


def _unknown(document: Document, path: Path) -> None:
    section, name = section_at(File, path[:-1]) or File, str(path[-1])
    at = document.place(path).key
    if name in section.later:
        kind = "section" if section is File else "setting"
        document.complain(at, path, f"this version has no such {kind}", "leave it out")
    elif name in section.moved:
        document.complain(at, path, "unknown setting", f"it is {section.moved[name]}")
    else:
        known = [*names(section), *section.short]
        hint = suggestion(name, known) or f"known: {', '.join(known)}"
        if section in RULED and is_condition(name, _value(document, path)):
            # A filter alone, or settings: what is both, or nearly, is neither.
            hint += (
                f" (conditions stand under {known[0]} where settings stand beside them, or a column is called like one)"
            )
        document.complain(at, path, "unknown setting", hint)


def _words(path: Path, fault: Any, given: Any) -> str:
    context = fault.get("ctx", {})
    if isinstance(context.get("error"), UnfitError):
        return str(context["error"])
    if fault["type"] == "literal_error":
        shown = "; what is shown in part stands under allow, in mask" if path[::2] == ("tables", "columns") else ""
        return f"must be {context['expected']}{shown}"
    section = section_at(File, path)
    if fault["type"] == "model_type" and path[:-1] == ("roles",) and given is None:
        return "has no value: write {} where there is nothing to say of a role"
    if fault["type"] == "model_type" and section is not None:
        known = ", ".join(names(section))
        return (
            f"must be a rule, true, false or a mapping of: {known}"
            if section in RULED
            else f"must be a mapping of: {known}"
        )
    return WORDS.get(fault["type"], "is not what this setting takes")
