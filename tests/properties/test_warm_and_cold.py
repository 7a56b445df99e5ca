"""What was read of a request before changes no answer: servers that remember answer as one that has forgotten everything.

REFLECTOR_WARM_AND_COLD=5000 asks more; REFLECTOR_SEED=… asks the same again. Both are printed when a test fails.
"""

from __future__ import annotations

import os
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from reflector.snapshot import PlanCache
from tests.bookshops import KINDS, Databases
from tests.properties.alike import Alike, graphql_alike, resource_alike, rest_alike
from tests.properties.asking import Api, asking
from tests.properties.test_two_worlds import ITS_OWN
from tests.properties.two_worlds_requests import Asked
from tests.properties.worlds import CACHED, CALLERS, CONFIG, script
from tests.server.harness import Reply

FORMS = int(os.environ.get("REFLECTOR_WARM_AND_COLD", "120"))
SEED = int(os.environ.get("REFLECTOR_SEED", random.SystemRandom().randrange(1 << 32)))
OF_ONE_SERVER = frozenset({"date", "x-request-id", "content-length", "etag", "cache-control", "age"})
"""Headers that are of one request, or of a server that keeps answers."""
DRAWN: Mapping[str, Callable[[DatabaseKind], st.SearchStrategy[Alike]]] = {
    "postgrest": lambda _: rest_alike(),
    "resource": lambda _: resource_alike(),
    "graphql": lambda kind: graphql_alike("bigint" if kind is DatabaseKind.SQLITE else "Int"),
}


class Three:
    """Servers of one database: two that remember, of which one keeps answers as well, and one that does not. Not a
    dataclass: a failing example would print it all."""

    def __init__(self, warm: Api, keeping: Api, cold: Api) -> None:
        self.warm, self.keeping, self.cold = warm, keeping, cold

    def __repr__(self) -> str:
        return "three"

    def ask(self, asked: Asked) -> Reply:
        """The one answer of all."""
        forget(self.cold)
        headers = {**CALLERS[asked.caller], **asked.headers}
        first, *others = (
            api.ask(asked.method, asked.path, asked.body, headers) for api in (self.cold, self.warm, self.keeping)
        )
        for each in others:
            assert told(each) == told(first), asked
        assert first.status < 500, (asked, first.body)
        return first


def forget(api: Api) -> None:
    """Whatever is kept of requests is kept with a snapshot: serve the same as another one."""
    engine = api.served.running.engine
    engine.snapshot = replace(engine.snapshot, plans=PlanCache(), _access=OrderedDict())


def told(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = [(name.lower(), value) for name, value in reply.headers.items() if name.lower() not in OF_ONE_SERVER]
    return reply.status, sorted(headers), ITS_OWN.sub(b"", reply.body)


@pytest.fixture(scope="module", params=KINDS, ids=str)
def three(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Three]:
    kind: DatabaseKind = request.param
    url = databases.database(kind, script(kind, 0, SEED))
    with asking(url, CONFIG) as warm, asking(url, CACHED) as keeping, asking(url, CONFIG) as cold:
        yield Three(warm, keeping, cold)


@pytest.mark.parametrize("api", DRAWN)
def test_what_was_asked_before_changes_no_answer(three: Three, api: str) -> None:
    print(f"REFLECTOR_WARM_AND_COLD={FORMS} REFLECTOR_SEED={SEED}")  # noqa: T201 - shown when the test fails
    statuses: Counter[object] = Counter()
    drawn = DRAWN[api](three.cold.served.running.engine.driver.kind)

    @seed(SEED)
    @settings(
        max_examples=FORMS, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(data=st.data())
    def ask(data: Any) -> None:
        alike: Alike = data.draw(drawn)
        for asked in alike:
            reply = three.ask(asked)
            statuses[reply.status] += 1
            statuses["data"] += api == "graphql" and "data" in reply.json

    ask()
    print(statuses)  # noqa: T201
    assert statuses["data" if api == "graphql" else 200] > FORMS, statuses
    plans = three.warm.served.running.engine.snapshot.plans
    assert len(plans) > FORMS // 10


def test_a_server_can_forget(three: Three) -> None:
    """The comparison above is not one of three servers that remember alike."""
    for _ in range(2):
        for api in (three.warm, three.cold):
            assert api.ask("GET", "/rest/v1/article?id=eq.1", headers=CALLERS["guest"]).status == 200
    kept = three.cold.served.running.engine.snapshot.plans
    forget(three.cold)
    assert len(kept) > 0 == len(three.cold.served.running.engine.snapshot.plans)
    three.ask(Asked("guest", "GET", "/rest/v1/article?id=eq.1"))
    assert three.cold.served.running.engine.snapshot.plans.misses == 1
