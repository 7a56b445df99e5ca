"""The bundled sample: a believable bookshop with everything awkward a database can hold.

Rule: the same logical rows on every database. Schemas are written by hand, one file a database;
rows are made here, without a clock, a network or a database driver.

`rows()` gives the rows, `statements(dialect)` and `script(dialect)` the SQL that makes the whole bookshop in an
empty database, `load_sqlite(path)` a new SQLite file, `ensure_sample(folder)` the file that `reflector serve`
opens when it is given no URL.
"""

from __future__ import annotations

from examples.bookshop.rows import GENERATED, TABLES, VIEWS, rows
from examples.bookshop.script import DIALECTS, schema, script, statements
from examples.bookshop.sqlite import ensure_sample, load_sqlite
from examples.bookshop.values import Json, Row, Rows, Value

__all__ = [
    "DIALECTS",
    "GENERATED",
    "TABLES",
    "VIEWS",
    "Json",
    "Row",
    "Rows",
    "Value",
    "ensure_sample",
    "load_sqlite",
    "rows",
    "schema",
    "script",
    "statements",
]
