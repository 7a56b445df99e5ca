"""Composes a document's values out of the events of its text, each with its place.

The events are walked instead of being constructed, because a constructor stops at the first duplicate key and forgets
places, and as they come, because a tree of them weighs many times what the file does.

Rule: only the core schema of YAML 1.2 exists here: no tags, no merge keys, keys are text; every fault of the document is told,
not only the first; and what aliases unfold to has an end.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from server.config.complaints import Path, Position
from server.config.document import Document, SourceList, SourceMapping, SourceText
from server.config.events import Event, Events
from server.config.references import UnresolvedReferenceError, resolve

MOST_VALUES: Final = 100_000
DEEPEST: Final = 64
MOST_LETTERS: Final = 8 * 1024 * 1024
"""Of all texts together, each counted wherever an alias or a variable puts it."""

NULL: Final = re.compile(r"(null|Null|NULL|~)?")
BOOLEAN: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# With any other first letter plain text is text.
NO_TEXT: Final = frozenset("nN~tTfF+-.0123456789")
MERGE: Final = "<<"


class TooLargeError(Exception):
    """A document with more values, levels or text than anybody means, as it stands or by its aliases."""


@dataclass(slots=True)
class Composing:
    """Composes one document. `anchors` holds the events of each node that has a name.

    Whoever is given an event takes the rest of its node from the events behind it.
    """

    document: Document
    source: str
    environ: Mapping[str, str]
    visited: int = 0
    kept: int = 0
    letters: int = 0
    anchors: dict[str, list[Event]] = field(default_factory=dict)

    def root(self, events: Events | None) -> SourceMapping | None:
        """The whole document, None where it is no mapping. Raises TooLargeError, and what the events raise."""
        if events is None:
            start = Position(self.source, 1, 1)
            self.document.complain(start, (), "the file is empty", "the least it may say is: version: 1")
            return None
        first = next(events)
        if isinstance(first, MappingStartEvent):
            data: SourceMapping | None = self._value(first, events, ())
            return data
        _pass(first, events)
        self.document.complain(self._position(first), (), "the file must be a mapping of sections (name: value)")
        return None

    def _position(self, event: Event) -> Position:
        mark = event.start_mark
        return Position(self.source, mark.line + 1, mark.column + 1)

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def _named(self, event: Event, rest: Events, path: Path) -> tuple[Event | None, Events]:
        """A node's first event and what is behind it: where it is an alias those of what it stands for, or None."""
        if type(event) is AliasEvent:
            node = self.anchors.get(event.anchor)
            if node is None:
                message = "is an alias (*name) of nothing that stands above it"
                self.document.give_up(self._position(event), path, message)
                return None, rest
            return node[0], iter(node[1:])
        known = self.anchors.get(event.anchor)
        if known is not None and known[0] is event:
            return event, rest
        node = self._node(event, rest)
        if known is None:
            self.anchors[event.anchor] = node
        else:
            self.document.complain(self._position(event), path, "has an anchor (&name) that is given twice")
        return event, iter(node[1:])

    def _node(self, event: Event, rest: Events) -> list[Event]:
        """All events of a node."""
        node, depth = [event], int(isinstance(event, CollectionStartEvent))
        while depth:
            node.append(next(rest))
            depth += isinstance(node[-1], CollectionStartEvent) - isinstance(node[-1], CollectionEndEvent)
            if depth > DEEPEST or self.kept + len(node) > 2 * MOST_VALUES:
                raise TooLargeError
        self.kept += len(node)
        return node

    # ── values ───────────────────────────────────────────────────────────────────────────────

    def _value(self, event: Event, rest: Events, path: Path) -> Any:
        """What a node says; None, with a complaint, where it cannot be read."""
        self.visited += 1
        # An alias may also stand inside what it names; then the depth has no end.
        if self.visited > MOST_VALUES or len(path) > DEEPEST:
            raise TooLargeError
        if event.anchor is not None:
            event, rest = self._named(event, rest, path)
            if event is None:
                return None
        if event.tag is not None:
            _pass(event, rest)
            self.document.give_up(self._position(event), path, "has a YAML tag, and tags are not accepted")
            return None
        if type(event) is ScalarEvent:
            return self._scalar(event, path)
        return (self._mapping if type(event) is MappingStartEvent else self._list)(event, rest, path)

    def _mapping(self, start: Event, rest: Events, path: Path) -> SourceMapping:
        result = SourceMapping(self._position(start))
        first: dict[str, int] = {}
        for event in rest:
            if type(event) is MappingEndEvent:
                break
            key = self._key(event, rest, path)
            value = next(rest)
            if key in first:
                message = f"is given twice: first on line {first[key]}"
                self.document.complain(self._position(event), (*path, key), message)
            if key is None or key in first:
                _pass(value, rest)
                continue
            at, here = event.start_mark, (*path, key)
            first[key] = at.line + 1
            begins = self._beginning(value) or at
            self.document.places.note(here, at.line + 1, at.column + 1, begins.line + 1, begins.column + 1)
            result[key] = self._value(value, rest, here)
        return result

    def _beginning(self, value: Event) -> Any:
        """The mark of a value; None for the emptiness behind `secret:`, which is seen only where the next thing begins."""
        named = self.anchors.get(value.anchor) if type(value) is AliasEvent else None
        meant = named[0] if named else value
        empty = type(meant) is ScalarEvent and not meant.style and not meant.value
        return None if empty else meant.start_mark

    def _key(self, event: Event, rest: Events, path: Path) -> str | None:
        """The text of a key; None, with a complaint, where it is none."""
        found: Event | None = event
        if event.anchor is not None:
            found, rest = self._named(event, rest, path)
        if found is None:
            return None
        key = _text_of(found)
        if key is not None and key != MERGE and "${" not in key:
            return sys.intern(key)
        _pass(found, rest)
        if found.tag is not None:
            message, hint = "has a key with a YAML tag, and tags are not accepted", "write the name alone"
        elif key is None:
            message, hint = "has a key that is not text", "write a name; put numbers, true and null in quotes"
        elif key == MERGE:
            message, hint = "unknown setting", "merge keys are not accepted: repeat the settings"
        else:
            message, hint = "refers to the environment in a key", "references stand in values only"
        self.document.complain(self._position(event), path if key is None else (*path, key), message, hint)
        return None

    def _list(self, start: Event, rest: Events, path: Path) -> SourceList:
        result = SourceList(self._position(start))
        for index, event in enumerate(rest):
            if type(event) is SequenceEndEvent:
                break
            here, at = (*path, index), self._beginning(event) or event.start_mark
            self.document.places.note(here, at.line + 1, at.column + 1, at.line + 1, at.column + 1)
            result.append(self._value(event, rest, here))
        return result

    def _scalar(self, event: Event, path: Path) -> Any:
        style: str | None = event.style
        written: str = event.value
        if not style:
            value = plain_value(written)
            if not isinstance(value, str):
                return value
        position = self._position(event)
        try:
            resolved = resolve(written, self.environ) if "$" in written else written
        except UnresolvedReferenceError as fault:
            self.document.give_up(position, path, str(fault))
            return None
        self.letters += len(resolved)
        if self.letters > MOST_LETTERS:
            raise TooLargeError
        if style in {"|", ">"}:
            return SourceText(resolved, Position(self.source, position.line + 1, 1), spread=True)
        begins = position.moved(1) if style else position
        return SourceText(resolved, begins, spread=event.start_mark.line != event.end_mark.line)


def _pass(event: Event, rest: Events) -> None:
    """Go past a node that nobody judges; a parser needs the longer for each event, the deeper it is."""
    depth = int(isinstance(event, CollectionStartEvent))
    while depth:
        each = next(rest)
        depth += isinstance(each, CollectionStartEvent) - isinstance(each, CollectionEndEvent)
        if depth > DEEPEST:
            raise TooLargeError


def _text_of(event: Event) -> str | None:
    """A key; None for what is none."""
    if not isinstance(event, ScalarEvent) or event.tag is not None:
        return None
    key: str = event.value
    return key if event.style or isinstance(plain_value(key), str) else None


def plain_value(text: str) -> str | int | float | bool | None:
    """What unquoted text means in the core schema: null, boolean, number, else text."""
    if text and text[0] not in NO_TEXT:
        return text
    if NULL.fullmatch(text):
        return None
    if BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return float(text)
    return text
