"""docs/graphql.md names every code, every condition, every order and every limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from reflector.query.cost import TREE_ROWS
from server.apis.graphql import documents, execution, selection
from server.apis.graphql.comparisons import COMPARISONS
from server.apis.graphql.errors import CODES
from server.apis.graphql.inputs import ORDERS
from server.apis.graphql.scalars import ELSEWHERE, POSTGRESQL
from server.config.graphql import Graphql

PAGE = (Path(__file__).parents[3] / "docs" / "graphql.md").read_text()


@pytest.mark.parametrize("code", sorted(set(CODES.values())))
def test_every_code_is_a_row(code: str) -> None:
    assert any(line.startswith("|") and f"`{code}`" in line for line in PAGE.splitlines())


def test_every_word_of_conditions_and_orders_is_named() -> None:
    words = set(PAGE.replace("`", " ").replace(",", " ").split())
    assert set(COMPARISONS) <= words
    assert {"asc", "desc"} | {each.removeprefix("asc").removeprefix("desc") for each in ORDERS if "_" in each} <= words


def test_every_scalar_that_has_another_name_than_its_type_is_named() -> None:
    for scalar in {*POSTGRESQL.values(), *ELSEWHERE.values()} - {"interval"}:
        assert f"`{scalar}`" in PAGE, scalar


def test_every_limit_is_told_with_its_number() -> None:
    usual = Graphql()
    for number in (
        usual.tokens,
        usual.root_fields,
        execution.INTROSPECTIONS,
        selection.EMBEDS,
        selection.MEMBERS,
        TREE_ROWS,
        selection.EMBEDDED_ROWS,
    ):
        assert f"{number:,}" in PAGE
    assert (usual.document, documents.OFF_LOOP, usual.batch) == (32 * 1024, 8 * 1024, 10)
