"""How a database is asked whether one JSON document holds another.

Rule: what it means stands in `query.documents`, for every database the same.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reflector.query.documents import Outline

Sql = sa.ColumnElement[Any]


class DocumentForms:
    """`outline` is the operand's, where it was told beforehand."""

    def holds(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        """The document holds the operand."""
        raise NotImplementedError

    def held(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        """The document is held by the operand."""
        raise NotImplementedError
