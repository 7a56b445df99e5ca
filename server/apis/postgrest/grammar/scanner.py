"""The text of one parameter, read from left to right; and the words in which PostgREST tells where it ended.

Rule: the message names the text and the place in it, the details what stands there and what could have stood there.
"""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.limits import Limits, exceeded

QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
PLAIN: Final = r"[\w$](?:[\w$ ]|-(?!>))*+"
NAMED: Final = rf" *+(?:{QUOTED} *+|{PLAIN})"
"""A name: in double quotes, or letters, digits and `_ $ -` with blanks inside."""
NAME: Final = re.compile(NAMED, re.DOTALL)
ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

FIELD_NAME: Final = "field name (* or [a..z0..9_$])"
TAB: Final = 8


class Scanner:
    """A place in a text. `subject` says what the text is, for the message; `shift` columns were read before it."""

    __slots__ = ("limits", "position", "shift", "subject", "text")

    def __init__(self, text: str, subject: str, limits: Limits, shift: int = 0) -> None:
        self.text, self.subject, self.limits, self.shift = text, subject, limits, shift
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What the pattern finds here; the place is behind it then."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def skip(self, text: str) -> bool:
        """Whether this text stands here; the place is behind it then."""
        if self.text.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def expect(self, text: str, *others: str) -> None:
        """Go behind this text; raises PostgrestError, naming what else could have stood there."""
        if not self.skip(text):
            raise self.fault(*others, quoted(text))

    def end(self, *others: str) -> None:
        """Raise PostgrestError unless the text ends here."""
        if not self.at_end:
            raise self.fault(*others, "end of input")

    def name(self, *others: str) -> str:
        """A name; raises PostgrestError when none stands here."""
        found = self.take(NAME)
        if found is None:
            raise self.fault(FIELD_NAME, *others)
        return bare(found[0])

    def check(self, number: int, most: int, what: str) -> None:
        """Raise PostgrestError when there are more than the limits allow."""
        if number > most:
            raise exceeded(what, most)

    def fault(self, *expected: str) -> PostgrestError:
        """The error for what stands here."""
        here = "end of input" if self.at_end else quoted(self.text[self.position])
        line, column = self._place()
        message = f'"failed to parse {self.subject}" (line {line}, column {column})'
        return refusal("PGRST100", message, f"unexpected {here}{_expecting(expected)}")

    def _place(self) -> tuple[int, int]:
        line, column = 1, 1 + self.shift
        for letter in self.text[: self.position]:
            if letter == "\n":
                line, column = line + 1, 1
            else:
                column += TAB - (column - 1) % TAB if letter == "\t" else 1
        return line, column


def bare(name: str) -> str:
    """A name without the blanks around it, and without its quotes."""
    name = name.strip(" ")
    return unquoted(name) if name.startswith('"') else name


def unquoted(text: str) -> str:
    """The text between double quotes; a backslash makes the next character plain."""
    inner = text[1:-1]
    return ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def quoted(text: str) -> str:
    """How a piece of text is shown in details."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _expecting(expected: tuple[str, ...]) -> str:
    words = list(dict.fromkeys(expected))
    if not words:
        return ""
    *others, last = words
    return f" expecting {', '.join(others)} or {last}" if others else f" expecting {last}"
