"""Files are read as another reader of YAML reads them, by libyaml and without it: every value, and where it stands."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import ReusedAnchorWarning

from server.config.document import Document, SourceList, SourceMapping, SourceText
from server.config.events import PURE, QUICK
from server.config.reading import LARGEST_FILE, read_document
from tests.unit.config import second_reader
from tests.unit.config.conftest import ENVIRONMENT, SAMPLE
from tests.unit.config.test_complaints import BAD

ROOT = Path(__file__).parents[3]
READERS = [QUICK, PURE]
NAMES = ["libyaml", "python"]


def shape(value: Any) -> Any:
    """A value with its type, and where it and all in it stand."""
    match value:
        case SourceMapping():
            return value.position, {name: shape(each) for name, each in value.items()}
        case SourceList():
            return value.position, [shape(each) for each in value]
        case SourceText():
            return value.position, value.spread, str(value)
        case _:
            return type(value), value


def told(document: Document) -> Any:
    broken = {path: str(complaint) for path, complaint in document.broken.items()}
    return shape(document.data), dict(document.places), broken, sorted(each.position for each in document.complaints)


def meant(document: Document) -> Any:
    """What is told, without its places: where nothing is, the readers see the end of it or the beginning of what follows."""
    return json.dumps(document.data), sorted(map(str, document.broken))


def other(text: str) -> Document | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        return second_reader.read(text, "c.yaml", ENVIRONMENT)


def test_libyaml_is_there() -> None:
    assert QUICK is not PURE, "PyYAML was built without libyaml, which the wheels of all usual platforms hold"


# ── documents that are made ──────────────────────────────────────────────────────────────────

ODD = [
    "", "~", "null", "Null", "nUll", "true", "True", "TRUE", "yes", "no", "on", "off", "y", "n", "false", "tRue", "0", "-1", "+12",
    "007", "0o17", "0x1F", "0b11", "1_000", "1:30", "190:20:30", "1e5", "1.", ".5", "+.5", "1.5e-3", ".inf", "-.INF", ".nan", "-",
    "--", "---a", "2024-01-01", "2024-01-01T10:00:00Z", "=", "a=b", "a:b", "a: b"[:2] + "c", "http://x/y?z#f", "a#b", "x y", "é", "😀",
    "$", "$$", "$x", "${SIGNING}", "${NOPE}", "${NOPE:-x}", "a'b", 'a"b', "own or published", "status == 'x'", "...x", "?x", ":x", "-x",
]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(ODD),
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\u2028\u2029\ufeff"),
        max_size=12,
    ),
)
KEYS = st.one_of(
    st.sampled_from(["a", "b", "roles", "x y", "on", "é", "a.b", "a-b", "*", "same"]), st.text("abcxyz", min_size=1)
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(KEYS, inner), max_size=4).map(tuple)),
    max_leaves=12,
)
INDICATORS = frozenset(",[]{}#&*!|>'\"%@`?")  # `?` ends a plain word of a flow for one of the readers, which refuses it


def plain(word: str) -> bool:
    """Whether a word can stand without quotes everywhere."""
    return not (
        set(word) & (INDICATORS | {"\t", "\n"})
        or word != word.strip()
        or word.startswith(("-", "?", ":", "=", "..."))
        or word.endswith(":")
        or ": " in word
        or not word.isprintable()
    )


class Writer:
    """Writes a tree, each node in a way that the draw decides."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.known: list[str] = []

    def choose(self, *ways: str) -> str:
        return self.draw(st.sampled_from(ways))

    def scalar(self, word: str, inside: bool, indent: int) -> str:
        quoted = "'" + word.replace("'", "''") + "'"
        ways = [quoted, '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"']
        if plain(word):
            ways += [word, word]
        if not inside and word.strip() == word and word and word.isprintable():
            ways += [f"{mark}\n{' ' * (indent + 2)}{word}" for mark in ("|", ">-")]
        return self.choose(*ways)

    def anchored(self, write: Callable[[], str]) -> str:
        if self.known and self.choose("value", "value", "alias") == "alias":
            return f"*{self.choose(*self.known)} "
        named, text = self.choose("bare", "bare", "bare", "anchor") == "anchor", write()
        if not named or not text:
            return text
        self.known.append(f"a{len(self.known)}")
        return f"&{self.known[-1]} {text}"

    def flow(self, tree: Any) -> str:
        if isinstance(tree, str):
            return self.anchored(lambda: self.scalar(tree, True, 0))
        space = self.choose("", " ", "\n      ")
        if isinstance(tree, list):
            return "[" + space + f",{space}".join(map(self.flow, tree)) + "]"
        pairs = (f"{self.scalar(key, True, 0)}: {self.flow(value)}" for key, value in tree)
        return "{" + space + f", {space}".join(pairs) + space + "}"

    def block(self, tree: Any, indent: int) -> str:
        """What follows a key or a dash, with the blank or the line break between them."""
        if isinstance(tree, str):
            return " " + self.anchored(lambda: self.scalar(tree, False, indent))
        if not tree or self.choose("block", "block", "flow") == "flow":
            return " " + self.anchored(lambda: self.flow(tree).replace("\n", "\n" + " " * indent))
        margin = "\n" + self.choose("", "", "# a comment\n", "\n") + " " * indent
        if isinstance(tree, list):
            return "".join(f"{margin}-{self.block(each, indent + 2)}" for each in tree)
        return "".join(f"{margin}{self.scalar(key, True, 0)}:{self.block(value, indent + 2)}" for key, value in tree)


@st.composite
def documents(draw: st.DrawFn) -> str:
    tree = draw(st.lists(st.tuples(KEYS, TREES), min_size=1, max_size=4).map(tuple))
    writer = Writer(draw)
    begin = writer.choose("", "---", "# a comment", "%YAML 1.2\n---", "\ufeff"[:0])
    return begin + writer.block(tree, 0) + writer.choose("", "\n", "\n...\n", "\n# the end")


@pytest.mark.parametrize("loader", READERS, ids=NAMES)
@given(text=documents())
@settings(max_examples=100, deadline=None)
def test_both_readers_agree(loader: Any, text: str) -> None:
    ours, theirs = read_document(text.encode(), "c.yaml", ENVIRONMENT, loader), other(text)
    said = [each.message for each in ours.complaints]
    if any("is given twice" in each for each in said) and any("is an alias" in each for each in said):
        return  # what is given a second time names nothing
    assert ours.readable == (theirs is not None)
    if theirs is not None:
        assert told(ours) == told(theirs)


# ── documents that are there ─────────────────────────────────────────────────────────────────


def written() -> dict[str, str]:
    """Every configuration of this project, good and bad; of pages and tests as well."""
    files = [ROOT / "config.yaml", *sorted((ROOT / "examples").rglob("*.yaml"))]
    found = {str(file.relative_to(ROOT)): file.read_text() for file in files}
    for page in sorted((ROOT / "docs").glob("*.md")):
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
        found |= {f"{page.name} {number}": block for number, block in enumerate(blocks)}
    bad = {f"bad: {name}": content for name, (content, _) in BAD.items() if isinstance(content, str)}
    return {"the sample": SAMPLE, **found, **bad}


STRICTER = ("YAML tag", "is an alias", "an anchor", "unfolds to", "older YAML", "larger than")
"""What we refuse and the other reader does not, or says in another way."""
WRITTEN = {name: text for name, text in written().items() if not set(text) <= {"\n", "["}}


def compared(text: str, loader: Any) -> None:
    ours = read_document(text.encode(), "c.yaml", ENVIRONMENT, loader)
    if any(words in str(each) for each in ours.complaints for words in STRICTER):
        return
    theirs = other(text)
    assert ours.readable == (theirs is not None)
    if theirs is not None:
        assert told(ours) == told(theirs)


@pytest.mark.parametrize("loader", READERS, ids=NAMES)
@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
def test_every_configuration_here_is_read_alike(loader: Any, text: str) -> None:
    compared(text, loader)


MARKS = [
    ": ",
    " ",
    "\n",
    "- ",
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    " #",
    "&a ",
    "*a",
    "|",
    ">",
    "%",
    "!",
    "  ",
    "\\",
    "~",
    ":",
    "${",
]
LINES = SAMPLE.splitlines(keepends=True)


COLON_AT_AN_END = re.compile(r":[]},]")
"""`{check:}` is a key without a value to the reader in Python, a key named `check:` to the other one, and none to libyaml."""


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Some lines of the sample, with letters that are gone or too many."""
    first = draw(st.integers(0, len(LINES) - 1))
    text = "".join(LINES[first : first + 6])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.one_of(st.just(""), st.sampled_from(MARKS))) + text[at + draw(st.integers(0, 1)) :]
    return text


@pytest.mark.parametrize("loader", READERS, ids=NAMES)
@given(text=spoilt().filter(lambda text: not COLON_AT_AN_END.search(text)))
@settings(max_examples=100, deadline=None)
def test_what_was_spoilt_is_read_alike_or_refused(loader: Any, text: str) -> None:
    ours = read_document(text.encode(), "c.yaml", ENVIRONMENT, loader)
    theirs = other(text)
    if theirs is None or not ours.readable or any(words in str(each) for each in ours.complaints for words in STRICTER):
        return  # the three differ a little in where a letter may stand; never in what it means
    assert meant(ours) == meant(theirs)


# ── what an ill-meant file costs ─────────────────────────────────────────────────────────────

ROOM = LARGEST_FILE - 100


@pytest.mark.parametrize(
    "text",
    [
        "[" * ROOM,
        "a: " + "[" * ROOM,
        "a: &a " + "{" * ROOM,
        "? " * (ROOM // 2),
        "a: " + "&a [" * (ROOM // 4),
        "a: !t " + "[" * ROOM,
    ],
    ids=["list", "inside", "named", "keys", "names", "tagged"],
)
def test_depth_ends_before_the_file_does(text: str) -> None:
    """A parser needs the longer for each bracket the more are open: a file of nothing else would take it minutes."""
    taken: list[Any] = []

    class Counting(QUICK):  # type: ignore[misc]
        def get_event(self) -> Any:
            taken.append(None)
            return super().get_event()

    document = read_document(text.encode(), "c.yaml", {}, Counting)
    assert not document.readable
    assert "unfolds to" in str(document.complaints[-1])
    assert len(taken) < 1000


@pytest.mark.parametrize("value", ["*long", '"${LONG}"'], ids=["alias", "variable"])
def test_text_ends_however_often_it_is_said(value: str) -> None:
    """Each place of a text is a text of its own: a file of 1 MiB could hold gigabytes of them."""
    text = f"version: 1\na: &long '{'x' * 100_000}'\nb: [{', '.join([f'{value} '] * 9_000)}]\n"
    document = read_document(text.encode(), "c.yaml", {"LONG": "x" * 100_000})
    assert not document.readable
    assert "MiB of text" in str(document.complaints[-1])
