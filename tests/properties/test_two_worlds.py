"""Two databases that differ only in what a caller may not see answer that caller in the same bytes.

REFLECTOR_TWO_WORLDS=100000 asks more; REFLECTOR_SEED=… asks the same again. Both are printed when a test fails.

What is known to differ all the same, and is documented as such (docs/security.md): `KNOWN`.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.properties.asking import Api, asking
from tests.properties.two_worlds_graphql import every_field, operations
from tests.properties.two_worlds_postgrest import every_address, rest_requests
from tests.properties.two_worlds_requests import Asked, Names, every_path, requests
from tests.properties.worlds import CACHED, CALLERS, CONFIG, ROLES, script
from tests.server.harness import Reply

REQUESTS = int(os.environ.get("REFLECTOR_TWO_WORLDS", "200"))
MANY = 1000
"""So many requests are a night's: then every path is asked on SQLite, and every third elsewhere."""
SEED = int(os.environ.get("REFLECTOR_SEED", random.SystemRandom().randrange(1 << 32)))
KNOWN = (
    "Unique and foreign keys tell.",
    "Numbers that the database gives tell.",
    "Time.",
    "To read afresh tells.",
    "The order of rows in one statement tells.",
)
"""What tells of the hidden. The requests keep away from it, and nobody compares times."""
SHARE = {DatabaseKind.SQLITE: 1.0, DatabaseKind.POSTGRESQL: 0.6, DatabaseKind.MARIADB: 0.6}
ITS_OWN = re.compile(rb'"request_id":"[^"]*"|(?<![a-z_])database_[0-9]+')
"""What an answer says of this one request, and the name of the world's database."""
UNCOMPARED = frozenset({"date", "x-request-id"})
FOLLOWED = 3
"""Pages that are asked for behind the first."""


class Worlds:
    """Two servers over two worlds. Not a dataclass: a failing example would print it all."""

    def __init__(self, first: Api, second: Api) -> None:
        self.both = (first, second)
        self.names: Names = Names(api.served.running.engine.snapshot for api in self.both)

    def __repr__(self) -> str:
        return "worlds"

    def ask(self, asked: Asked) -> Reply:
        """The one answer of both worlds."""
        headers = {**CALLERS[asked.caller], **asked.headers}
        first, second = (api.ask(asked.method, asked.path, asked.body, headers) for api in self.both)
        assert told(first) == told(second), asked
        assert first.status < 500, (asked, first.body)
        return first


def told(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer without its id, which the body repeats, the time, and the name of the database."""
    body = ITS_OWN.sub(b"", reply.body)
    headers = {name.lower(): value for name, value in reply.headers.items() if name.lower() not in UNCOMPARED}
    if "content-length" in headers:
        headers["content-length"] = str(int(headers["content-length"]) - len(reply.body) + len(body))
    return reply.status, sorted(headers.items()), body


@pytest.fixture(scope="module", params=KINDS, ids=str)
def worlds(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Worlds]:
    kind: DatabaseKind = request.param
    urls = [databases.database(kind, script(kind, world, SEED)) for world in (0, 1)]
    config = CONFIG if kind is DatabaseKind.MARIADB else CACHED  # what is not kept takes another way
    with asking(urls[0], config) as first, asking(urls[1], config) as second:
        yield Worlds(first, second)


DRAWN = {"resource": requests, "graphql": operations, "postgrest": rest_requests}
WANTED: Mapping[str, set[tuple[str, object]]] = {
    "resource": {("GET", 200), ("GET", 404), ("GET", 422)},
    "graphql": {(method, what) for method in ("GET", "POST") for what in ("data", "fault")},
    "postgrest": {("GET", 200), ("GET", 400), ("HEAD", 200), ("write", "done")},
}
"""What has to come up where enough is asked, or else it is not worth asking."""


@pytest.mark.parametrize("api", DRAWN)
def test_what_is_hidden_changes_no_byte_of_any_answer(worlds: Worlds, api: str) -> None:
    kind = worlds.both[0].served.running.engine.driver.kind
    print(f"REFLECTOR_TWO_WORLDS={REQUESTS} REFLECTOR_SEED={SEED}")  # noqa: T201 - shown when the test fails
    statuses: Counter[tuple[str, object]] = Counter()
    drawn = DRAWN[api]

    @seed(SEED)
    @settings(
        max_examples=max(1, int(REQUESTS * SHARE[kind])),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(data=st.data())
    def ask(data: Any) -> None:
        asked = data.draw(drawn(worlds.names))
        if len(ROLES.get(asked.caller, ())) > 1 and data.draw(st.integers(0, 5)) == 0:
            asked = replace(asked, headers={**asked.headers, "X-Role": data.draw(st.sampled_from(ROLES["all"]))})
        reply = worlds.ask(asked)
        statuses[asked.method, reply.status] += 1
        if api == "graphql" and reply.body:
            statuses[asked.method, "data" if reply.json.get("data") else "fault"] += 1
        if asked.method in {"POST", "PUT", "PATCH", "DELETE"} and reply.status < 300:
            statuses["write", "done"] += 1
        follow(worlds, asked, reply)
        had(worlds, asked, reply)
        statuses[without_body(worlds, asked, reply)] += 1

    ask()
    print(statuses)  # noqa: T201
    if REQUESTS * SHARE[kind] >= 200:
        assert WANTED[api] <= set(statuses), statuses


@pytest.mark.parametrize("caller", ROLES)
@pytest.mark.parametrize("every", [every_path, every_field, every_address], ids=["resource", "graphql", "postgrest"])
def test_what_is_hidden_is_found_by_no_path(
    worlds: Worlds, caller: str, every: Callable[[Names, str], Iterator[Asked]]
) -> None:
    asked = list(every(worlds.names, caller))
    assert len(asked) > (2 if every is every_field else 20)
    # What the rules make of a question is the same on every database: each run asks another part of it, a night all of one.
    usual, nightly = (3, 1) if worlds.both[0].served.running.engine.driver.kind is DatabaseKind.SQLITE else (12, 3)
    step = usual if REQUESTS < MANY else nightly
    for each in asked[SEED % min(step, len(asked)) :: step]:
        reply = worlds.ask(each)
        assert reply.status in ({200, 206, 300, 400, 401, 403, 404} if every is every_address else {200, 422}), each
        if every is every_field:
            told = [list(one) for one in reply.json]
            assert told.count(["data"]) > len(told) // 2, (each, reply.body)


def follow(worlds: Worlds, asked: Asked, reply: Reply) -> None:
    """The next pages of a list, by cursor or by number."""
    for _ in range(FOLLOWED):
        listed = asked.method == "GET" and reply.status == 200 and asked.path.startswith("/api/") and reply.body
        page = reply.json.get("page") if listed else None
        if not page or page["next"] is None:
            return
        reply = worlds.ask(Asked(asked.caller, "GET", page["next"], headers=asked.headers))
        assert reply.status == 200, reply.body


def had(worlds: Worlds, asked: Asked, reply: Reply) -> None:
    """Who has the answer of one world is told by both that it is the present one, and by neither that another is."""
    tag = reply.headers.get("ETag")
    if tag is None or asked.method != "GET":
        return
    for sent, status in ((tag, 304), (tag[:-2] + ("A" if tag[-2] != "A" else "B") + '"', reply.status)):
        again = worlds.ask(replace(asked, headers={**asked.headers, "If-None-Match": sent}))
        assert again.status == status, (asked, sent)


def without_body(worlds: Worlds, asked: Asked, reply: Reply) -> tuple[str, object]:
    """What HEAD answers where GET answered: the same, as far as it goes. `Range` is for GET alone (RFC 9110, 14.2)."""
    if asked.method != "GET" or reply.status >= 300 or asked.path.startswith("/graphql") or "Range" in asked.headers:
        return "HEAD", None
    head = worlds.ask(replace(asked, method="HEAD"))
    assert (head.status, head.body) == (reply.status, b""), asked
    return "HEAD", head.status


@pytest.mark.parametrize("caller", CALLERS)
def test_the_document_of_the_api_is_the_same(worlds: Worlds, caller: str) -> None:
    for path in ("/openapi.json", "/api"):
        reply = worlds.ask(Asked(caller, "GET", path))
        assert reply.status == (401 if caller == "forged" else 200)
        for hidden in (b"secret", b"salary", b"vault", b"artikle", b"account_tag", b"hunter2", b"ledger"):
            assert hidden not in reply.body.replace(b'"client_secret"', b"")


def test_the_worlds_do_differ(worlds: Worlds) -> None:
    """What the callers cannot see is there: the comparison above is not one of two equal databases."""
    first, second = (api.served.running.engine for api in worlds.both)
    assert first.snapshot.catalog.fingerprint != second.snapshot.catalog.fingerprint
    assert set(first.snapshot.catalog.tables) ^ set(second.snapshot.catalog.tables) == {
        "artikle",
        "vault",
        "account_tag",
    }
    for question in (
        "SELECT count(*) FROM article",
        "SELECT count(*) FROM comment",
        "SELECT body FROM article WHERE owner_id <> 7 AND id < 25 ORDER BY id",
        "SELECT email FROM account WHERE id < 4 ORDER BY id",
        "SELECT phone FROM account WHERE id < 4 ORDER BY id",
        "SELECT id FROM note WHERE id >= 100 ORDER BY id",
    ):
        found = [
            [tuple(row) for row in api.run(api.served.running.engine.driver.fetch(question))] for api in worlds.both
        ]
        if "count" not in question:
            assert found[0] != found[1], question


def test_what_is_known_to_tell_of_the_hidden_is_documented() -> None:
    residuals = (Path(__file__).parents[2] / "docs" / "security.md").read_text().partition("## Residuals")[2]
    assert [known for known in KNOWN if f"* **{known}**" not in residuals] == []
