"""A first look at a rule's letters: its texts in quotes, comments, and everything that makes Python read two as one.

Python joins texts that stand side by side, drops what follows a `#`, and only warns of a backslash it does not know.
In a rule each of these would silently change who may see what, so each is refused before Python reads the text.

Rule: what is scanned here is one line afterwards, letter for letter as long as before, so that offsets stay true.
"""

from __future__ import annotations

import re
from typing import Final

from reflector.errors import RuleError

LONGEST_TEXT: Final = 4096
"""Bytes of UTF-8."""

_QUOTED = re.compile(
    r"""(?<!\w)(?P<prefix>[rubftRUBFT]{0,2})(?P<body>'(?:[^'\\\n\r]|\\.)*'|"(?:[^"\\\n\r]|\\.)*")"""
    r"""|(?P<joined>'(?:[^'\\\n\r]|\\.)*'|"(?:[^"\\\n\r]|\\.)*")""",
)
_ESCAPE = re.compile(r"\\(.)")
_KNOWN_ESCAPES = frozenset("\\'\"nrtxuU")
_PREFIXES: Final = {"f": "an f-string", "t": "a template string", "b": "a bytes constant", "u": "a prefixed text"}
_LINE_ENDS = str.maketrans("\n\r\t\f\v", "     ")


def scan(text: str) -> str:
    """The text as one line; raises RuleError for what Python would misread."""
    if len(text) > LONGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT:
        raise RuleError(f"the rule is longer than {LONGEST_TEXT} bytes", hint="name parts of it as policies", offset=0)
    if not text.strip():
        raise RuleError("the rule is empty", hint="write a rule, true or false", offset=0)
    end, quoted_before = 0, False
    for matched in _QUOTED.finditer(text):
        between = text[end : matched.start()]
        _check_unquoted(between, end)
        if quoted_before and not between.strip():
            raise RuleError(
                "two texts stand side by side",
                hint="put a comma between them, or make them one",
                offset=matched.start(),
            )
        _check_quoted(matched)
        end, quoted_before = matched.end(), True
    _check_unquoted(text[end:], end)
    return text.translate(_LINE_ENDS)


def _check_unquoted(text: str, start: int) -> None:
    for at, letter in enumerate(text, start):
        if letter in "'\"":
            raise RuleError("this text is never closed", offset=at)
        if letter == "#":
            raise RuleError(
                "a rule holds no comments", hint="a comment stands outside the rule, in the file", offset=at
            )
        if letter == "\x00" or "\ud800" <= letter <= "\udfff":
            raise RuleError("the rule holds a character that no text can hold", offset=at)


def _check_quoted(matched: re.Match[str]) -> None:
    prefix = (matched["prefix"] or "").lower()
    for letter in prefix:
        if letter in _PREFIXES:
            raise RuleError(f"{_PREFIXES[letter]} is not part of the rule language", offset=matched.start())
    body = matched["body"] or matched["joined"]
    if "\x00" in body or any("\ud800" <= letter <= "\udfff" for letter in body):
        raise RuleError("the text holds a character that no database can hold", offset=matched.start())
    if prefix:
        return
    for escape in _ESCAPE.finditer(body):
        if escape[1] not in _KNOWN_ESCAPES:
            raise RuleError(
                f"{escape[0]!r} is not an escape of the rule language",
                hint=r"write \\ for a backslash, or r'…' for a text without escapes",
                offset=matched.end() - len(body) + escape.start(),
            )
