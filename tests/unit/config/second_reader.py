"""A reader of configuration files that shares nothing with the product's but the shapes it makes: ruamel.yaml composes all nodes
at once, and they are walked afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from server.config.complaints import Path, Position
from server.config.document import Document, SourceList, SourceMapping, SourceText
from server.config.places import Places
from server.config.references import UnresolvedReferenceError, resolve

CORE: Final = "tag:yaml.org,2002:"
TEXT_TAGS: Final = frozenset(CORE + name for name in ("str", "timestamp", "merge", "value"))
MEANINGS: Final[Mapping[str, Any]] = {
    r"(null|Null|NULL|~)?": lambda text: None,
    r"true|True|TRUE|false|False|FALSE": lambda text: text.lower() == "true",
    r"[-+]?[0-9]{1,40}": int,
    r"0o[0-7]{1,40}": lambda text: int(text, 0),
    r"0x[0-9a-fA-F]{1,40}": lambda text: int(text, 0),
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?": float,
}


def read(content: str, source: str, environ: Mapping[str, str]) -> Document | None:
    """The document; None of what is no YAML, or no mapping."""
    try:
        root = YAML(typ="safe", pure=True).compose(content)
    except (YAMLError, RecursionError):
        return None
    if not isinstance(root, MappingNode):
        return None
    document = Document(SourceMapping(Position(source, 1, 1)), Places(source))
    document.data = Walk(document, source, environ).mapping(root, ())
    document.readable = True
    return document


def _position(node: Node, source: str) -> Position:
    return Position(source, node.start_mark.line + 1, node.start_mark.column + 1)


@dataclass
class Walk:
    document: Document
    source: str
    environ: Mapping[str, str]

    def value(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        result = SourceList(_position(node, self.source))
        for index, item in enumerate(node.value):
            self.note((*path, index), item, item)
            result.append(self.value(item, (*path, index)))
        return result

    def mapping(self, node: MappingNode, path: Path) -> SourceMapping:
        result = SourceMapping(_position(node, self.source))
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            at = _position(key_node, self.source)
            if not isinstance(key_node, ScalarNode) or key_node.tag not in TEXT_TAGS:
                self.document.complain(at, path, "key")
                continue
            key: str = key_node.value
            here = (*path, key)
            if key == "<<" or "${" in key or key in first:
                self.document.complain(at, here, "key")
                continue
            first[key] = at.line
            empty = isinstance(value_node, ScalarNode) and value_node.style is None and not value_node.value
            self.note(here, key_node, key_node if empty else value_node)
            result[key] = self.value(value_node, here)
        return result

    def note(self, path: Path, key: Node, value: Node) -> None:
        places = [(each.start_mark.line + 1, each.start_mark.column + 1) for each in (key, value)]
        self.document.places.note(path, *places[0], *places[1])

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        text, position = node.value, _position(node, self.source)
        if node.style is None:
            meaning = next((MEANINGS[each] for each in MEANINGS if re.fullmatch(each, text)), None)
            if meaning is not None:
                return meaning(text)
        try:
            resolved = resolve(text, self.environ)
        except UnresolvedReferenceError as fault:
            self.document.give_up(position, path, str(fault))
            return None
        if node.style in {"|", ">"}:
            return SourceText(resolved, Position(position.source, position.line + 1, 1), spread=True)
        begins = position.moved(1) if node.style in {"'", '"'} else position
        return SourceText(resolved, begins, spread=node.start_mark.line != node.end_mark.line)
