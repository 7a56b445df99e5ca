"""The tables of cases, one for each part of the API."""

from __future__ import annotations

from typing import Final

from tests.apis.postgrest.compliance.case import Case
from tests.apis.postgrest.compliance.cases import (
    aggregates,
    around,
    embedding,
    filters,
    functions,
    media,
    natively,
    of_postgresql,
    root,
    routing,
    selecting,
    types,
    writing,
)

CASES: Final[tuple[Case, ...]] = (
    *routing.CASES,
    *filters.CASES,
    *selecting.CASES,
    *embedding.CASES,
    *aggregates.CASES,
    *writing.CASES,
    *media.CASES,
    *functions.CASES,
    *of_postgresql.CASES,
    *root.CASES,
    *types.CASES,
    *around.CASES,
    *natively.CASES,
)
