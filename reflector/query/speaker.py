"""What comparisons ask of a dialect: how a database says each of them.

Expressions are the dialect's own, and nothing here knows what they are made of. What some databases cannot say raises
`NotSupported` in their dialects.

Rule: a comparison that is a method of SQL's expressions (`==`, `<`) needs none here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from reflector.query.outlines import Outline


class DocumentSpeaker(ABC):
    """How a database is asked whether one JSON document contains another, which `query.documents` says what it means.

    `outline` is the operand's, where it was told beforehand.
    """

    @abstractmethod
    def contains(self, document: Any, operand: Any, outline: Outline | None) -> Any:
        """The document contains the operand."""

    @abstractmethod
    def contained(self, document: Any, operand: Any, outline: Outline | None) -> Any:
        """The document is contained in the operand."""


class Speaker(ABC):
    documents: ClassVar[DocumentSpeaker]

    @abstractmethod
    def contained(self, left: Any, right: Any) -> Any:
        """`left` is one of the list `right`."""

    @abstractmethod
    def like(self, left: Any, pattern: Any) -> Any:
        """The text matches the pattern, whose letters are those that it has."""

    @abstractmethod
    def ilike(self, left: Any, pattern: Any) -> Any:
        """As `like`, whatever the case."""

    @abstractmethod
    def match(self, left: Any, pattern: Any) -> Any:
        """The regular expression is found in the text."""

    @abstractmethod
    def imatch(self, left: Any, pattern: Any) -> Any:
        """As `match`, whatever the case."""

    @abstractmethod
    def by_operator(self, sign: str, left: Any, right: Any) -> Any:
        """A comparison by one of PostgreSQL's own operators, a row of `query.native`."""

    @abstractmethod
    def member(self, array: Any, item: Any) -> Any:
        """The array has the item."""

    @abstractmethod
    def exact_member(self, array: Any, item: Any) -> Any:
        """The array of texts has this one, byte by byte."""

    @abstractmethod
    def text_member(self, document: Any, text: Any) -> Any:
        """The document is an array that has the text; not known of none, and of JSON's null."""

    @abstractmethod
    def search(self, function: str, language: str | None, left: Any, text: Any, *, vector: bool) -> Any:
        """A full-text search by a function of `query.native.SEARCHES`."""
