"""How each database speaks: one dialect a file. A new database is one file and one row of this table."""

from collections.abc import Mapping

from reflector.catalog.model import DatabaseKind
from reflector.dialects.mariadb import MariaDB, MySQL
from reflector.dialects.postgresql import PostgreSQL
from reflector.dialects.sqlite import SQLite
from reflector.sql.dialect import Dialect

DIALECTS: Mapping[DatabaseKind, Dialect] = {
    dialect.kind: dialect for dialect in (PostgreSQL(), MariaDB(), MySQL(), SQLite())
}

__all__ = ["DIALECTS"]
