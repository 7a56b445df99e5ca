"""Pieces of SQL that no compiler has a word for: one written around others, and the keys of documents.

Rule: a template is a text of ours; what is somebody else's goes in as an expression, bound where it is a value.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

Sql: TypeAlias = sa.ColumnElement[Any]
PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
DOUBLED: Final = ("format", "pyformat")
"""Ways of marking parameters (PEP 249) in which `%` is written twice."""


class Shaped(sa.ColumnElement[Any]):
    """SQL around an expression: `{x}` in the template stands for it, as often as needed, other names for `more`.

    A construct that names its operand five times would be written five times by a compiler; here it is written once.
    """

    inherit_cache = False
    type = sa.types.NULLTYPE

    def __init__(self, template: str, inner: Sql, **more: Sql) -> None:
        self.template, self.inner, self.more = template, inner, more


@compiles(Shaped)
def _shaped(element: Shaped, compiler: Any, **more: Any) -> str:
    template = element.template
    if compiler.dialect.paramstyle in DOUBLED:
        template = template.replace("%", "%%")
    for name, operand in element.more.items():
        template = template.replace(f"{{{name}}}", compiler.process(operand, **more))
    text: str = compiler.process(element.inner, **more)
    return template.replace("{x}", text)


def text(label: str) -> Sql:
    """A key of a JSON object: in the statement where it is plain, bound where it is not."""
    return sa.literal_column(f"'{label}'") if PLAIN.match(label) else sa.literal(label)
