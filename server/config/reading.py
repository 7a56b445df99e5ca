"""From a file's bytes to a `Document`.

Rule: bytes, lines and levels have an end, and nothing that a file holds raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yaml.error import YAMLError

from server.config.complaints import Position
from server.config.composing import DEEPEST, MOST_LETTERS, MOST_VALUES, Composing, TooLargeError
from server.config.document import Document, SourceMapping
from server.config.events import QUICK, NotYamlError, ended, events_of, told
from server.config.places import Places

LARGEST_FILE: Final = 1024 * 1024


def read_document(content: bytes, source: str, environ: Mapping[str, str], loader: Any = QUICK) -> Document:
    """Read a file's bytes. `source` is the name that complaints show. Never raises for what the file holds."""
    start = Position(source, 1, 1)
    document = Document(SourceMapping(start), Places(source))
    text = _text(content, document, start)
    if text is None:
        return document
    composing = Composing(document, source, environ)
    try:
        data = _composed(composing, text, loader)
    except TooLargeError:
        most = f"{MOST_VALUES} values, {DEEPEST} levels or {MOST_LETTERS // 1024**2} MiB of text"
        document.complain(start, (), f"the file unfolds to more than {most}")
    except NotYamlError as fault:
        # What stands before the fault may mean something else once that is put right.
        document = Document(SourceMapping(start), Places(source))
        document.complain(Position(source, fault.line, fault.column), (), str(fault), _hint(text, fault.line))
    else:
        document.readable = data is not None
        document.data = data if data is not None else document.data
    return document


def _composed(composing: Composing, text: str, loader: Any) -> SourceMapping | None:
    try:
        events = events_of(text, loader)
        data = composing.root(events)
        ended(events or iter(()))
    except YAMLError as fault:
        raise told(fault, text) from None
    return data


def _text(content: bytes, document: Document, start: Position) -> str | None:
    if len(content) > LARGEST_FILE:
        document.complain(start, (), f"the file is larger than {LARGEST_FILE // 1024} KiB")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        document.complain(Position(start.source, line, 1), (), "the file is not UTF-8")
        return None


def _hint(text: str, line: int) -> str | None:
    written = text.split("\n")[line - 1 : line]
    inside = any("${" in each and "{" in each.replace("${", "") for each in written)
    return 'inside {…} and […] write a reference in quotes: "${NAME}"' if inside else None
