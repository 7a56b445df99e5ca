"""What a YAML text is made of, one event after the other, each with its place.

libyaml reads it where PyYAML was built with it, as its wheels are; elsewhere PyYAML's own parser does, which is ten times
slower and differs in tabs and question marks where YAML has none. Neither resolves anything: what a scalar means is said in `composing`.

Rule: whoever takes the events holds no more of the file than they keep, and no message repeats what the file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import DocumentStartEvent, StreamEndEvent
from yaml.reader import Reader, ReaderError

Event: TypeAlias = Any
"""One of `yaml.events`; which attributes it has depends on which it is."""
Events: TypeAlias = Iterator[Event]

PURE: Final[Any] = yaml.SafeLoader
QUICK: Final[Any] = getattr(yaml, "CSafeLoader", PURE)
"""Of these only the parser is used; they construct nothing here."""
# Line breaks to YAML 1.1, and so to both parsers; letters to YAML 1.2, and to whoever counts lines.
OLD_BREAK: Final = re.compile("[\x85\u2028\u2029]")
# A parser's message may quote the file, where secrets stand; marks such as ',' and '<block end>' are told.
QUOTED: Final = re.compile(r"'(?P<mark>[^\w']{1,2}|<[a-z ]+>)'|'[^']*'|\"[^\"]*\"")


class NotYamlError(Exception):
    """The text cannot be read: why, and the line and column from 1."""

    def __init__(self, why: str, line: int, column: int = 1) -> None:
        super().__init__(why)
        self.line = line
        self.column = column


def events_of(text: str, loader: Any = QUICK) -> Events | None:
    """The events of the first document, for `ended` to be asked at its end; None of a text that says nothing.

    Raises NotYamlError, and so it does that `YAMLError` of which `told` makes one, as do the events where they come to it.
    """
    old = OLD_BREAK.search(text)
    if old is not None:
        why = "the file holds a letter that older YAML takes for a line break; write it as \\N, \\L or \\P in double quotes"
        raise NotYamlError(why, text.count("\n", 0, old.start()) + 1)
    events = iter(loader(text).get_event, None)
    next(events)
    return None if isinstance(next(events), StreamEndEvent) else events


def ended(events: Events) -> None:
    """Nothing follows the first document; raises NotYamlError, YAMLError."""
    for event in events:
        if isinstance(event, DocumentStartEvent):
            mark = event.start_mark
            raise NotYamlError(_not_yaml("the file holds more than one document"), mark.line + 1, mark.column + 1)


def told(fault: YAMLError, text: str) -> NotYamlError:
    """What the parser found, with its place."""
    if isinstance(fault, ReaderError):
        # The two count differently to the letter.
        odd = Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, odd.start() if odd else 0) + 1
        return NotYamlError("the file holds a character that YAML does not allow", line)
    problem, mark = None, None
    if isinstance(fault, MarkedYAMLError):
        problem, mark = fault.problem, fault.problem_mark or fault.context_mark
    why = _not_yaml(_masked(problem or "it cannot be read").replace("did not find expected", "expected"))
    if mark is None:
        return NotYamlError(why, 1)
    written = "".join(text.split("\n")[mark.line : mark.line + 1])
    return NotYamlError(why + _advice(why, written, mark.column), mark.line + 1, mark.column + 1)


def _advice(why: str, line: str, column: int) -> str:
    """What is most often meant where the parser stops."""
    if line[column:].startswith(":"):
        return "; put a text that begins with a colon in quotes"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "; lines are indented by spaces, not by tabs"
    if "expected ',' or" in why and line[column : column + 1] in ("[", "{") and "${" not in line:
        return "; inside {…} and […] a text with a comma or a bracket stands in quotes"
    return ""


def _not_yaml(why: str) -> str:
    return f"this is not YAML: {why}"


def _masked(problem: str) -> str:
    return QUOTED.sub(lambda found: found[0] if found["mark"] else "…", problem)
