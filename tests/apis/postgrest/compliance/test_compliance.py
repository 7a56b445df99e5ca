"""Every case of the suite on every database that it is about; and no feature without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from reflector.catalog.model import DatabaseKind
from server.apis.postgrest.faults import OWN
from tests.apis.postgrest.compliance.case import Case, Fault, check
from tests.apis.postgrest.compliance.cases import CASES
from tests.apis.postgrest.compliance.features import FEATURES, Feature
from tests.apis.postgrest.compliance.servers import Servers
from tests.bookshops import KINDS
from tests.server.harness import REPOSITORY

AWAY = {"PGRST000", "PGRST001", "PGRST002", "PGRST003", "PGRSTX00"}


def each() -> Iterable[object]:
    for case in CASES:
        for kind in KINDS:
            if kind in case.on:
                yield pytest.param(case, kind, id=f"{case.feature}: {case.name} [{kind}]")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("case", "kind"), list(each()))
async def test_a_request_is_answered_as_it_is_to_be(servers: Servers, case: Case, kind: DatabaseKind) -> None:
    api = await servers.at(kind, case.at)
    await check(api, servers.meant(case.ask, kind), case.wanted(kind), kind)
    for asked, wanted in case.then:
        await check(api, asked, wanted, kind)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: f"{feature.section}: {feature.name}")
def test_every_feature_has_a_case_on_every_database_or_a_declared_refusal(feature: Feature) -> None:
    asked = {kind for case in CASES if case.feature == feature.name for kind in case.on}
    if feature.shown:
        file, _, name = feature.shown.partition("::")
        assert f"def {name}(" in (REPOSITORY / file).read_text()
        assert not asked
    else:
        assert asked | set(feature.absent) == set(KINDS)
        assert not asked & set(feature.absent)


def test_every_code_of_its_errors_has_a_case() -> None:
    """What each of PostgREST's own codes is told for; those of a database that is away are no request's."""
    wanted = [each for case in CASES for each in (case.gives, *case.but.values())]
    told = {each.body.code for each in wanted if isinstance(each.body, Fault)}
    assert sorted(code for code in OWN if code.startswith("PGRST") and code not in told | AWAY) == []


def test_every_case_is_of_one_feature_and_has_a_name_of_its_own() -> None:
    assert {case.feature for case in CASES} <= {feature.name for feature in FEATURES}
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    times = Counter((case.feature, case.name) for case in CASES)
    assert [name for name, number in times.items() if number > 1] == []
