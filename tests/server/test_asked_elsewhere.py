"""Credentials that another server is asked about: introspection of tokens, and a webhook that knows its people."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from reflector.access.principal import Principal
from reflector.errors import Forbidden
from server.auth.credentials import authenticator
from server.auth.frame import Authenticator
from server.auth.outbound import Answered
from server.auth.webhook import kept_seconds
from server.config import ConfigError
from server.context import Credential
from server.guard import guard_of
from server.problems import IdentityUnavailable, InvalidToken
from tests.server.harness import configured, eventually, served
from tests.server.issuers import ONE, Service, pem, service, signed

ROLES = "roles: {guest: {}, user: {}, editor: {}}"
TELLS = {"active": True, "role": "user", "sub": "7"}


@asynccontextmanager
async def asking(**auth: Any) -> AsyncIterator[Authenticator]:
    """Who tells who calls, by these settings of `auth`."""
    text = f"auth: {json.dumps({'anonymous_role': 'guest', **auth})}\n{ROLES}"
    made = authenticator(configured("sqlite:///x.db", text))
    assert isinstance(made, Authenticator)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def introspecting(asked: Service, **more: Any) -> Any:
    return {"introspection": {"url": asked.url, "client_id": "we:us", "client_secret": "a b", **more}}


async def told(made: Authenticator, headers: Mapping[str, str] | str) -> Principal:
    """Who sent a request with these headers, or with this token."""
    given = {"Authorization": f"Bearer {headers}"} if isinstance(headers, str) else headers
    request = make_mocked_request("GET", "/", headers=given)
    waiting = made.waiting(request)
    if waiting is not None:
        await waiting
    return made(request)


# ── introspection ────────────────────────────────────────────────────────────────────────────


async def test_an_issuer_is_asked_once_what_a_token_is_worth() -> None:
    async with service(TELLS) as issuer, asking(**introspecting(issuer)) as made:
        assert not made.degraded  # before anybody was asked
        caller = await told(made, "opaque")
        assert (caller.roles, caller.subject, caller.method, caller.until) == (("user",), "7", "introspection", None)
        await told(made, "opaque")
        assert issuer.asked == 1
        [question] = issuer.seen
        assert question.method == "POST"
        assert question.headers["Authorization"] == "Basic d2UlM0F1czphK2I="  # we%3Aus:a+b
        assert issuer.bodies == ["token=opaque&token_type_hint=access_token"]


async def test_many_requests_with_one_token_are_one_question() -> None:
    async with service(TELLS) as issuer, asking(**introspecting(issuer)) as made:
        callers = await asyncio.gather(*(told(made, "opaque") for _ in range(50)))
        assert ({each.subject for each in callers}, issuer.asked) == ({"7"}, 1)


async def test_who_leaves_does_not_end_the_question_of_the_others() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    async with service() as issuer, asking(**introspecting(issuer)) as made:

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            begun.set()
            await go.wait()
            return web.json_response(TELLS)

        issuer.answer = answer
        first, second = (asyncio.create_task(told(made, "opaque")) for _ in range(2))
        await begun.wait()
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert ((await second).subject, issuer.asked) == ("7", 1)


@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"active": False, **{name: each for name, each in TELLS.items() if name != "active"}},
        {**TELLS, "exp": 1},
        {**TELLS, "exp": "soon"},
        {**TELLS, "aud": "elsewhere"},
        {**TELLS, "iss": "https://evil.example"},
        {**TELLS, "nbf": 9e9},
        {**TELLS, "token_type": "DPoP"},
        {**TELLS, "token_type": "refresh_token"},
        {**TELLS, "token_type": "Bearer", "typ": "Refresh"},
        {**TELLS, "token_type": "Bearer", "typ": "ID"},
        {**TELLS, "token_type": "Bearer", "token_use": "refresh_token"},
    ],
)
async def test_a_token_that_does_not_hold_is_nobody_s(said: Any) -> None:
    async with service({"aud": "shop", "iss": "https://id.example", **said}) as issuer:
        settings = introspecting(issuer, audience="shop", issuer="https://id.example")
        async with asking(**settings) as made:
            with pytest.raises(InvalidToken):
                await told(made, "opaque")


@pytest.mark.parametrize(
    "said",
    [
        {"token_type": "Bearer"},
        {"token_type": "bearer", "typ": "Bearer"},
        {"token_type": "access_token", "token_use": "access"},
        {"token_type": None, "typ": "at+jwt"},
    ],
)
async def test_issuers_may_say_what_kind_of_token_it_is(said: Any) -> None:
    async with service({**TELLS, **said}) as issuer, asking(**introspecting(issuer)) as made:
        assert (await told(made, "opaque")).subject == "7"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (TELLS, 401), (TELLS, 500), (TELLS, 201), ({"active": "true"}, 200), ({"active": 1}, 200), ({}, 200), ([TELLS], 200),
        (True, 200), (None, 200),
    ],
)  # fmt: skip
async def test_what_is_no_introspection_makes_nobody_a_guest(said: Any, status: int) -> None:
    async with service(said, status) as issuer, asking(**introspecting(issuer)) as made:
        with pytest.raises(IdentityUnavailable):
            await told(made, "opaque")
        assert made.degraded
        issuer.says(TELLS)
        assert (await told(made, "opaque")).subject == "7"
        assert not made.degraded


async def test_an_issuer_that_is_away_makes_nobody_a_guest() -> None:
    async with service(TELLS) as issuer:
        pass
    async with asking(**introspecting(issuer)) as made:
        with pytest.raises(IdentityUnavailable):
            await told(made, "opaque")


async def test_a_role_of_an_answer_must_be_declared() -> None:
    async with service({**TELLS, "role": "nosuch"}) as issuer, asking(**introspecting(issuer)) as made:
        with pytest.raises(Forbidden):
            await told(made, "opaque")


async def test_a_token_is_asked_about_again_after_its_time() -> None:
    ends = time.time() + 1000
    async with service({**TELLS, "exp": ends}) as issuer, asking(**introspecting(issuer, cache="30s")) as made:
        now = [0.0]
        made.verified._steady = lambda: now[0]
        assert (await told(made, "opaque")).until == ends
        now[0] = 29.9
        await told(made, "opaque")
        assert issuer.asked == 1
        now[0] = 30
        issuer.says({"active": False})
        with pytest.raises(InvalidToken):
            await told(made, "opaque")


async def test_tokens_that_say_something_themselves_are_held_against_keys() -> None:
    async with (
        service(TELLS) as issuer,
        asking(jwt={"keys": pem(ONE)}, **introspecting(issuer)) as made,
    ):
        assert (await told(made, signed(ONE, "RS256"))).method == "jwt"
        assert (await told(made, "opaque")).method == "introspection"
        with pytest.raises(InvalidToken):
            await told(made, "a.b.c")
        assert issuer.asked == 1


@pytest.mark.parametrize("token", ["", "é", "x" * 20_000])
async def test_what_can_be_no_token_is_not_asked_about(token: str) -> None:
    async with service(TELLS) as issuer, asking(**introspecting(issuer)) as made:
        with pytest.raises(InvalidToken):
            await made.proved(Credential("bearer", token), make_mocked_request("GET", "/"))
        assert issuer.asked == 0


# ── a webhook ────────────────────────────────────────────────────────────────────────────────


def hooked(hook: Service, **more: Any) -> Any:
    return {"webhook": {"url": hook.url, **more}}


async def test_a_webhook_is_sent_what_it_asks_for_and_nothing_else() -> None:
    async with service({"role": "user", "sub": "7"}) as hook, asking(**hooked(hook, send=["X-Tenant"])) as made:
        sent = {"Authorization": "Bearer ann", "X-Tenant": "shop", "Cookie": "secret=1", "X-Other": "x"}
        caller = await told(made, sent)
        assert (caller.roles, caller.subject, caller.method) == (("user",), "7", "webhook")
        [question] = hook.seen
        assert (question.method, question.headers["Authorization"]) == ("GET", "Bearer ann")
        assert question.headers["X-Tenant"] == "shop"
        assert not {"Cookie", "X-Other"} & question.headers.keys()


async def test_a_webhook_may_answer_as_hasura_s_do() -> None:
    said = {"X-Hasura-User-Id": "7", "X-Hasura-Role": "editor", "X-Hasura-Is-Owner": "true"}
    async with service(said) as hook, asking(**hooked(hook, role_claim="x-hasura-role")) as made:
        caller = await told(made, "ann")
        assert (caller.roles, caller.subject, caller.claims["x-hasura-is-owner"]) == (("editor",), "7", "true")


async def test_a_subject_of_an_answer_counts_before_a_user_of_hasura_s() -> None:
    async with service({"X-Hasura-User-Id": "7", "sub": "8", "role": "user"}) as hook, asking(**hooked(hook)) as made:
        assert (await told(made, "ann")).subject == "8"


async def test_a_webhook_takes_what_stands_behind_token_as_well() -> None:
    async with service({"role": "user"}) as hook, asking(**hooked(hook)) as made:
        assert (await told(made, {"Authorization": "token ann"})).roles == ("user",)
        assert hook.seen[0].headers["Authorization"] == "Token ann"


@pytest.mark.parametrize("token", ["", "x" * 20_000])
async def test_what_can_be_no_credential_is_not_asked_about(token: str) -> None:
    async with service({"role": "user"}) as hook, asking(**hooked(hook)) as made:
        with pytest.raises(InvalidToken):
            await made.proved(Credential("bearer", token), make_mocked_request("GET", "/"))
        assert hook.asked == 0


async def test_what_a_webhook_does_not_say_to_keep_is_asked_for_again() -> None:
    async with service({"role": "user"}) as hook, asking(**hooked(hook)) as made:
        for asked in (1, 2, 3):
            await told(made, "ann")
            assert hook.asked == asked
        hook.says({"role": "user"}, Cache_Control="max-age=600")
        for _ in range(3):
            await told(made, "ann")
        assert hook.asked == 4


async def test_an_answer_is_kept_for_the_very_headers_that_were_sent() -> None:
    async with service() as hook, asking(**hooked(hook, send=["X-Tenant"])) as made:

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            subject = request.headers["X-Tenant"]
            return web.json_response({"role": "user", "sub": subject}, headers={"Cache-Control": "max-age=600"})

        hook.answer = answer
        for _ in range(2):
            for tenant in ("one", "two"):
                caller = await told(made, {"Authorization": "Bearer ann", "X-Tenant": tenant})
                assert caller.subject == tenant
        assert hook.asked == 2


async def test_an_answer_is_kept_no_longer_than_is_configured() -> None:
    async with (
        service({"role": "user"}, Cache_Control="max-age=86400") as hook,
        asking(**hooked(hook, cache="1m")) as made,
    ):
        now = [0.0]
        made.verified._steady = lambda: now[0]
        await told(made, "ann")
        now[0] = 59
        await told(made, "ann")
        assert hook.asked == 1
        now[0] = 60
        await told(made, "ann")
        assert hook.asked == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": "private, max-age=60"}, 60),
        ({"Cache-Control": "no-store, max-age=60"}, 0),
        ({"Cache-Control": "no-cache"}, 0),
        ({"Expires": formatdate(1_000_090, usegmt=True)}, 90),
        ({"Expires": formatdate(999_000, usegmt=True)}, 0),
        ({"Expires": "0"}, 0),
        ({"Cache-Control": "max-age=5", "Expires": formatdate(1_000_090, usegmt=True)}, 5),
        ({}, 0),
    ],
)
def test_for_how_long_an_answer_is_believed(headers: dict[str, str], seconds: float) -> None:
    request = make_mocked_request("GET", "/", headers=headers)
    assert kept_seconds(Answered(200, request.headers, b""), 1_000_000.0) == seconds


@pytest.mark.parametrize("status", [401, 403])
async def test_a_webhook_that_refuses_makes_nobody_a_guest(status: int) -> None:
    async with service({"role": "user"}, status) as hook, asking(**hooked(hook)) as made:
        with pytest.raises(InvalidToken):
            await told(made, "ann")


@pytest.mark.parametrize(
    ("said", "status"),
    [({"role": "user"}, 500), ({"role": "user"}, 204), ({"role": "user"}, 302), ([], 200), ("x", 200)],
)
async def test_a_webhook_that_fails_makes_nobody_a_guest(said: Any, status: int) -> None:
    async with service(said, status) as hook, asking(**hooked(hook)) as made:
        with pytest.raises(IdentityUnavailable):
            await told(made, "ann")


async def test_a_webhook_may_have_a_header_of_its_own() -> None:
    async with service({"role": "user"}) as hook, asking(**hooked(hook, header="X-Session")) as made:
        assert (await told(made, {"X-Session": "ann"})).roles == ("user",)
        assert hook.seen[0].headers["X-Session"] == "ann"
        assert "Authorization" not in hook.seen[0].headers
        with pytest.raises(InvalidToken):
            await told(made, "ann")
        assert hook.asked == 1


def test_pages_may_send_the_headers_of_a_webhook() -> None:
    hook = "{url: 'https://a.example/', header: X-Session, send: [X-Tenant]}"
    config = configured("sqlite:///x.db", f"auth: {{webhook: {hook}}}\n{ROLES}")
    assert guard_of(config).rules.further[:2] == ("X-Session", "X-Tenant")
    plain = configured("sqlite:///x.db", f"auth: {{webhook: {{url: 'https://a.example/'}}}}\n{ROLES}")
    assert guard_of(plain).rules.further == ()


@pytest.mark.parametrize("header", ["Cookie", "Host", "X-Role"])
def test_a_webhook_s_header_means_nothing_else(header: str) -> None:
    config = f"auth: {{webhook: {{url: 'https://a.example/', header: {header}}}}}\n{ROLES}"
    with pytest.raises(ConfigError, match=r"auth\.webhook\.header: is a header that means something else"):
        configured("sqlite:///x.db", config)


@pytest.mark.parametrize(
    ("header", "send", "said"),
    [
        ("X-Session", "[X-Tenant, x-session]", "names x-session, which carries the credential and is sent anyway"),
        ("Authorization", "[authorization]", "names authorization, which carries the credential and is sent anyway"),
        ("X-Session", "Authorization", "names Authorization, and a request with both would have two credentials"),
    ],
)
def test_what_is_sent_beside_the_credential_is_none(header: str, send: str, said: str) -> None:
    """Its value would be a second credential, or the same one twice."""
    hook = f"{{url: 'https://a.example/', header: {header}, send: {send}}}"
    with pytest.raises(ConfigError, match=rf"auth\.webhook\.send: {said}"):
        configured("sqlite:///x.db", f"auth: {{webhook: {hook}}}\n{ROLES}")


def test_one_server_is_asked_about_a_token() -> None:
    both = "introspection: {url: 'https://a.example/', client_id: a, client_secret: b}, webhook: {url: 'https://a.example/'}"
    with pytest.raises(ConfigError, match="is asked of the same tokens"):
        configured("sqlite:///x.db", f"auth: {{{both}}}\n{ROLES}")


# ── the whole server ─────────────────────────────────────────────────────────────────────────


async def test_what_was_answered_elsewhere_is_what_rules_are_about(each_bookshop: str) -> None:
    rules = "tables: {customer: {allow: {user: {read: id == claims.sub}}}, book: {allow: {user: {read: id in claims.books}}}}"
    said = {"role": "user", "sub": "7", "books": [3, 5]}
    for name, answer in (("introspection", {"active": True, **said}), ("webhook", said)):
        async with service(answer, Cache_Control="max-age=60") as asked:
            way = introspecting(asked) if name == "introspection" else hooked(asked)
            config = f"auth: {json.dumps({'claims': 'books', **way})}\nroles: {{user: {{}}}}\n{rules}"
            async with served(each_bookshop, config) as api:
                ann = {"Authorization": "Bearer ann"}
                assert (await api.get("/api/customer?fields=id", ann)).json["items"] == [{"id": 7}]
                assert (await api.get("/rest/v1/book?select=id&order=id", ann)).json == [{"id": 3}, {"id": 5}]
                graph = await api.post("/graphql", {"query": "{customer {id}}"}, ann)
                assert graph.json == {"data": {"customer": [{"id": 7}]}}
                asked.says({"active": False}, 401 if name == "webhook" else 200)
                assert (await api.get("/api/customer?fields=id", {"Authorization": "Bearer bob"})).status == 401


async def test_a_server_asks_for_its_callers_and_says_so_when_it_cannot(bookshop: str) -> None:
    async with service(TELLS) as issuer:
        auth = json.dumps({"anonymous_role": "guest", **introspecting(issuer)})
        config = f"auth: {auth}\nroles: {{guest: {{}}, user: {{}}}}\ndefaults: {{read: true}}"
        async with served(bookshop, config) as api:
            for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/graphql?query={book(limit:1){id}}"):
                assert (await api.get(path, {"Authorization": "Bearer opaque"})).status == 200, path
            issuer.says({"active": False})
            assert (await api.get("/api/book?limit=1", {"Authorization": "Bearer other"})).status == 401
            issuer.says({}, 500)
            for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/graphql?query={book(limit:1){id}}"):
                assert (await api.get(path, {"Authorization": "Bearer third"})).status == 503, path
                assert (await api.get(path)).status == 200, path
            assert (await api.get("/health/ready")).json == {"status": "degraded"}
            issuer.says(TELLS)

            async def taken() -> bool:
                return (await api.get("/api/book?limit=1", {"Authorization": "Bearer third"})).status == 200

            await eventually(taken)
            assert (await api.get("/health/ready")).json == {"status": "ready"}
