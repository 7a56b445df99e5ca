"""One JSON document in another, where a database can say it by itself; MariaDB's way stands in `mariadb_documents`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reflector.query.outlines import Outline
from reflector.query.speaker import DocumentSpeaker
from reflector.sql.shaped import Sql

ONE: Sql = sa.literal_column("1")


class PostgreSQLDocuments(DocumentSpeaker):
    def contains(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return document.op("@>", is_comparison=True)(operand)

    def contained(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return document.op("<@", is_comparison=True)(operand)


class SQLiteDocuments(DocumentSpeaker):
    def contains(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return sa.func.reflector_holds(document, operand) == ONE

    def contained(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return sa.func.reflector_holds(operand, document) == ONE


class MySQLDocuments(DocumentSpeaker):
    """MySQL's own containment, which unwraps arrays at any depth."""

    def contains(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return sa.func.json_contains(document, operand) == ONE

    def contained(self, document: Sql, operand: Any, outline: Outline | None) -> Sql:
        return sa.func.json_contains(operand, document) == ONE
