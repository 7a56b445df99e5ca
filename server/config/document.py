"""A YAML 1.2 document as plain values that know where they were written.

The nodes are walked instead of being constructed, because a constructor stops at the first duplicate key and forgets
places. What comes out is made of `SourceMapping`, `SourceList`, `SourceText`, numbers, booleans and None.

Rule: only the core schema of YAML 1.2 exists here: no other tags, no merge keys, one document, keys are text; and
every fault of the document is told, not only the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError

from server.config.complaints import Complaint, Path, Position, dotted
from server.config.references import UnresolvedReferenceError, resolve

LARGEST_FILE: Final = 1024 * 1024
MOST_NODES: Final = 100_000
DEEPEST: Final = 64

CORE: Final = "tag:yaml.org,2002:"
OWN_TAGS: Final = frozenset(CORE + name for name in ("map", "seq", "str", "null", "bool", "int", "float"))
# The parser gives these to plain text that merely looks like a date, a merge key or `=`; to us it is text.
TEXT_TAGS: Final = frozenset(CORE + name for name in ("str", "timestamp", "merge", "value"))
NULL: Final = re.compile(r"(null|Null|NULL|~)?")
BOOLEAN: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# A parser's message may quote the file, where secrets stand; marks such as ',' and '<block end>' are told.
QUOTED: Final = re.compile(r"'(?P<mark>[^\w']{1,2}|<[a-z ]+>)'|'[^']*'|\"[^\"]*\"")


class SourceText(str):
    """Text, and the place of its first letter. `spread`: it is written on several lines."""

    __slots__ = ("position", "spread")
    position: Position
    spread: bool

    def __new__(cls, text: str, position: Position, *, spread: bool = False) -> Self:
        made = super().__new__(cls, text)
        made.position = position
        made.spread = spread
        return made


class SourceMapping(dict[str, Any]):
    """A mapping, and the place where it begins."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


class SourceList(list[Any]):
    """A list, and the place where it begins."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting's key stands, and where its value."""

    key: Position
    value: Position


@dataclass(slots=True)
class Document:
    """What was read: the plain values, where each stands, and what was wrong.

    broken: paths whose value could not be read, each with its complaint. readable: False where nothing of the content can be judged.
    """

    data: SourceMapping
    places: dict[Path, Place] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    broken: dict[Path, Complaint] = field(default_factory=dict)
    readable: bool = False

    def place(self, path: Path) -> Place:
        """Where a path stands, or the nearest of its parents that was written."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path) or Place(self.data.position, self.data.position)

    def complain(self, position: Position, path: Path, message: str, hint: str | None = None) -> None:
        """Note one thing to put right."""
        self.complaints.append(Complaint(position, dotted(path), message, hint))

    def give_up(self, position: Position, path: Path, message: str) -> None:
        """Complain of a value that cannot be read at all, so that nobody judges it further."""
        self.complain(position, path, message)
        self.broken[path] = self.complaints[-1]


def read_document(content: bytes, source: str, environ: Mapping[str, str]) -> Document:
    """Read a file's bytes. `source` is the name that complaints show. Never raises for what the file holds."""
    start = Position(source, 1, 1)
    document = Document(SourceMapping(start))
    root = _compose(content, document, start)
    if root is None:
        return document
    if not isinstance(root, MappingNode):
        document.complain(_position(root, source), (), "the file must be a mapping of sections (name: value)")
        return document
    document.readable = True
    document.data = _Walk(document, source, environ).mapping(root, ())
    return document


def _compose(content: bytes, document: Document, start: Position) -> Node | None:
    if len(content) > LARGEST_FILE:
        document.complain(start, (), f"the file is larger than {LARGEST_FILE // 1024} KiB")
        return None
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(content.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        document.complain(Position(start.source, line, 1), (), "the file is not UTF-8")
    except RecursionError:
        document.complain(start, (), "the file is nested too deeply")
    except YAMLError as fault:
        _complain_of_syntax(fault, content.decode("utf-8-sig"), document, start)
    else:
        if node is None:
            document.complain(start, (), "the file is empty", "the least it may say is: version: 1")
        return node
    return None


def _complain_of_syntax(fault: YAMLError, text: str, document: Document, start: Position) -> None:
    if isinstance(fault, ReaderError):
        line = text.count("\n", 0, fault.position) + 1
        document.complain(Position(start.source, line, 1), (), "the file holds a character that YAML does not allow")
        return
    problem, mark = None, None
    if isinstance(fault, MarkedYAMLError):
        problem, mark = fault.problem, fault.problem_mark or fault.context_mark
    if problem and "another document" in problem:
        problem = "the file holds more than one document"
    position = Position(start.source, mark.line + 1, mark.column + 1) if mark else start
    written = text.splitlines()[mark.line : mark.line + 1] if mark else []
    inside = any("${" in line and "{" in line.replace("${", "") for line in written)
    hint = 'inside {…} and […] write a reference in quotes: "${NAME}"' if inside else None
    document.complain(position, (), f"this is not YAML: {_masked(problem or 'it cannot be read')}", hint)


def _masked(problem: str) -> str:
    return QUOTED.sub(lambda found: found[0] if found["mark"] else "…", problem)


def _position(node: Node, source: str) -> Position:
    return Position(source, node.start_mark.line + 1, node.start_mark.column + 1)


class _TooLargeError(Exception):
    """The aliases of a small file unfold to more than anybody means."""


@dataclass(slots=True)
class _Walk:
    document: Document
    source: str
    environ: Mapping[str, str]
    visited: int = 0

    def mapping(self, node: MappingNode, path: Path) -> SourceMapping:
        """The whole document, from its root."""
        try:
            return self._mapping(node, path)
        except _TooLargeError:
            place = _position(node, self.source)
            self.document.readable = False
            self.document.complain(place, (), f"the file unfolds to more than {MOST_NODES} values or {DEEPEST} levels")
            return SourceMapping(place)

    def _value(self, node: Node, path: Path) -> Any:
        self.visited += 1
        # An alias may also stand inside what it names; then the depth has no end.
        if self.visited > MOST_NODES or len(path) > DEEPEST:
            raise _TooLargeError
        position = _position(node, self.source)
        if node.tag not in OWN_TAGS | TEXT_TAGS:
            return self._broken(position, path, "has a YAML tag, and tags are not accepted")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, position, path)
        return self._list(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> SourceMapping:
        result = SourceMapping(_position(node, self.source))
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            at = _position(key_node, self.source)
            key = self._key(key_node, at, path)
            if key is None:
                continue
            here = (*path, key)
            if key in first:
                self.document.complain(at, here, f"is given twice: first on line {first[key]}")
                continue
            first[key] = at.line
            # The parser sees the emptiness behind `secret:` only where the next thing begins.
            empty = isinstance(value_node, ScalarNode) and value_node.style is None and not value_node.value
            self.document.places[here] = Place(at, at if empty else _position(value_node, self.source))
            result[key] = self._value(value_node, here)
        return result

    def _key(self, node: Node, at: Position, path: Path) -> str | None:
        if not isinstance(node, ScalarNode) or node.tag not in TEXT_TAGS:
            self.document.complain(
                at, path, "has a key that is not text", "write a name; put numbers, true and null in quotes"
            )
            return None
        key: str = node.value
        if node.tag == CORE + "merge" or key == "<<":
            self.document.complain(
                at, (*path, key), "unknown setting", "merge keys are not accepted: repeat the settings"
            )
            return None
        if "${" in key:
            self.document.complain(
                at, (*path, key), "refers to the environment in a key", "references stand in values only"
            )
            return None
        return key

    def _list(self, node: Node, path: Path) -> SourceList:
        result = SourceList(_position(node, self.source))
        for index, item in enumerate(node.value):
            here = (*path, index)
            at = _position(item, self.source)
            self.document.places[here] = Place(at, at)
            result.append(self._value(item, here))
        return result

    def _scalar(self, node: ScalarNode, position: Position, path: Path) -> Any:
        text: str = node.value
        if node.style is None and node.tag not in TEXT_TAGS:
            return plain_value(text, position)
        try:
            resolved = resolve(text, self.environ)
        except UnresolvedReferenceError as fault:
            return self._broken(position, path, str(fault))
        if node.style in {"|", ">"}:
            return SourceText(resolved, Position(position.source, position.line + 1, 1), spread=True)
        begins = position.moved(1) if node.style in {"'", '"'} else position
        return SourceText(resolved, begins, spread=node.start_mark.line != node.end_mark.line)

    def _broken(self, position: Position, path: Path, message: str) -> None:
        self.document.give_up(position, path, message)


def plain_value(text: str, position: Position) -> Any:
    """What unquoted text means in the core schema: null, boolean, number, else text."""
    if NULL.fullmatch(text):
        return None
    if BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return float(text)
    return SourceText(text, position)
