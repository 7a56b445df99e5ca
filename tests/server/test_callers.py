"""Who calls, in the corners: one credential said twice, headers that give it its meaning, roles that are chosen, reloads."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from reflector.access.principal import Principal
from reflector.errors import Forbidden
from server.auth.doubts import Doubts
from server.auth.frame import Authenticator, Open
from server.auth.method import InHeader, Method, Proof, in_authorization
from server.auth.outbound import Outbound
from server.auth.role_choice import chosen
from server.auth.verified import Verified
from server.config.rates import Rate
from server.context import Credential
from server.problems import AmbiguousCredentials, AmbiguousRole, InvalidToken, MalformedRequest, TooManyAttempts
from tests.server.test_frame import GUEST, Keys, Names, asking, told

SIGNED = "a.b.c"


class Bearers(Names):
    """Tokens, as Bearer or in a header of another name, as Supabase's clients say them."""

    name = "bearers"
    kinds = ("bearer", "apikey")
    carriers = (in_authorization, InHeader("apikey"))


class Asked(Names):
    """Means by a credential what it means together with the header `X-Tenant`."""

    name = "asked"
    further = ("X-Tenant",)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        self.asked.append(credential.text)
        tenant = request.headers.get("X-Tenant", "")
        return Proof(Principal(roles=("user",), subject=f"{credential.text} of {tenant}"), None)


class Learned(Method):
    """Knows what it learned, and may be out of order."""

    name = "learned"

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def close(self) -> None:
        self.running = False

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        raise InvalidToken("it proves nobody")

    def follow(self, before: Method) -> None:
        assert isinstance(before, Learned)
        self.known |= before.known

    @property
    def degraded(self) -> bool:
        return "out of order" in self.known


class Other(Learned):
    name = "other"


# ── no credential is anybody's where none is asked for ───────────────────────────────────────


async def test_where_nobody_is_asked_for_a_credential_none_means_anything() -> None:
    nobody = Principal(roles=("anybody",))
    open_ = Open(nobody)
    request = asking({"Authorization": "Bearer x"})
    assert open_(request) is nobody
    assert await open_.proved(Credential("bearer", "x"), request) is nobody
    assert open_.carried(request) is None
    assert not open_.degraded


def test_nobody_is_told_who_calls_before_that_was_found_out() -> None:
    with pytest.raises(RuntimeError):
        Authenticator([Names()], GUEST)(asking({}))


# ── one credential, or several ───────────────────────────────────────────────────────────────


async def test_one_credential_may_be_said_in_two_headers_and_two_may_not() -> None:
    authenticator = Authenticator([Bearers()], GUEST)
    for text in ("ann", SIGNED):
        both = {"Authorization": f"Bearer {text}", "apikey": text}
        assert (await told(authenticator, both)).subject == text
        with pytest.raises(AmbiguousCredentials):
            await told(authenticator, {**both, "apikey": "bob"})
        with pytest.raises(AmbiguousCredentials):
            await told(authenticator, {**both, "Authorization": f"Basic {text}"})
        with pytest.raises(AmbiguousCredentials):
            await told(authenticator, [*both.items(), ("apikey", text)])


@pytest.mark.parametrize(("text", "kind"), [(SIGNED, "bearer"), ("ann", "apikey"), ("a.b", "apikey")])
def test_a_signed_token_is_one_that_is_borne_and_any_other_text_a_key(text: str, kind: str) -> None:
    authenticator = Authenticator([Bearers()], GUEST)
    found = authenticator.carried(asking({"Authorization": f"Bearer {text}", "apikey": text}))
    assert found == Credential(kind, text)


def test_the_ways_to_prove_oneself_are_told_once_each_and_there_is_always_one() -> None:
    assert Authenticator([Names(), Bearers()], None).challenges == ("Bearer",)
    assert Authenticator([Keys()], None).challenges == ("Bearer",)

    class Basic(Names):
        challenges = ('Basic realm="x"',)

    assert Authenticator([Basic(), Names()], None).challenges == ('Basic realm="x"', "Bearer")
    assert Authenticator([Basic()], None).challenges == ('Basic realm="x"',)


# ── what is remembered ───────────────────────────────────────────────────────────────────────


async def test_a_credential_is_remembered_for_the_headers_that_give_it_its_meaning() -> None:
    asked = Asked()
    authenticator = Authenticator([asked], GUEST)

    async def subject(headers: Mapping[str, str]) -> str | None:
        return (await told(authenticator, {"Authorization": "Bearer ann", **headers})).subject

    for _ in range(2):
        assert await subject({"X-Tenant": "1"}) == "ann of 1"
        assert await subject({"X-Tenant": "2"}) == "ann of 2"
        assert await subject({}) == "ann of "
    assert len(asked.asked) == 3


def test_keys_of_memory_differ_wherever_anything_does() -> None:
    verified, credential = Verified(), Credential("bearer", "ann")
    keys = [
        verified.key(credential),
        verified.key(credential, ["X-Tenant: 1"]),
        verified.key(credential, ["X-Tenant: 2"]),
        verified.key(credential, ["X-Tenant: 1", "X-Other: 1"]),
        verified.key(Credential("apikey", "ann")),
        verified.key(Credential("bearer", "bob")),
        Verified().key(credential),
    ]
    assert len(set(keys)) == len(keys)
    assert verified.key(credential, ["X-Tenant: 1"]) == keys[1]


async def test_a_token_in_a_frame_that_is_remembered_has_the_role_that_the_upgrade_asked_for() -> None:
    names = Names()
    authenticator = Authenticator([names], GUEST, roles=("user", "editor"))
    credential = Credential("bearer", "ann")
    for _ in range(2):
        principal = await authenticator.proved(credential, asking({"X-Role": "user"}))
        assert (principal.subject, principal.roles) == ("ann", ("user",))
        with pytest.raises(Forbidden):
            await authenticator.proved(credential, asking({"X-Role": "editor"}))
    assert names.asked == ["ann"]


# ── which role ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", ["X-Role", "X-Hasura-Role"])
def test_of_a_credential_with_a_usual_role_any_other_of_its_roles_may_be_asked_for(header: str) -> None:
    usual = Principal(roles=("user",), subject="7", allowed=("user", "editor"))
    declared = ("user", "editor", "admin")
    assert chosen(usual, asking({}), declared) is usual
    picked = chosen(usual, asking({header: " editor "}), declared)
    assert (picked.roles, picked.chosen, picked.subject) == (("editor",), True, "7")
    assert chosen(usual, asking({header: "user"}), declared) is usual
    for role in ("admin", "nosuch", "", "editor,admin"):
        with pytest.raises(Forbidden):
            chosen(usual, asking({header: role}), declared)
    plain = Principal(roles=("user", "editor"))
    assert chosen(plain, asking({header: "editor"}), declared).roles == ("editor",)
    with pytest.raises(Forbidden):
        chosen(plain, asking({header: "admin"}), declared)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Role", "user"), ("X-Hasura-Role", "editor")],
        [("X-Role", "user"), ("X-Role", "user")],
        [("X-Role", "user"), ("X-Role", "editor")],
        [("X-Hasura-Role", "user"), ("X-Hasura-Role", "user")],
    ],
)
def test_a_request_that_asks_for_roles_is_refused_and_one_role_may_be_asked_for_in_both_ways(
    headers: list[tuple[str, str]],
) -> None:
    both = Principal(roles=("user", "editor"))
    with pytest.raises(AmbiguousRole):
        chosen(both, asking(headers), ("user", "editor"))
    assert chosen(both, asking({"X-Role": "user", "X-Hasura-Role": "user "}), ("user",)).roles == ("user",)


# ── reloads, and the end ─────────────────────────────────────────────────────────────────────


def test_a_method_knows_what_the_one_of_its_kind_knew_before() -> None:
    before = Authenticator([Learned("left", "away"), Other("elsewhere")], GUEST)
    learned, other = Learned("new"), Other()
    after = Authenticator([other, learned], GUEST)
    after.follow(before)
    assert (learned.known, other.known) == ({"left", "away", "new"}, {"elsewhere"})
    after.follow(Open(GUEST))
    assert learned.known == {"left", "away", "new"}


async def test_what_is_known_of_credentials_outlives_the_configuration_and_what_they_proved_does_not() -> None:
    class Outside(Names):
        asks = True

    names = Outside()
    names.gone.add("guess")
    before, after = (Authenticator([each], GUEST, doubts=Doubts(Rate(1, 3600))) for each in (names, Outside()))
    credential = Credential("bearer", "ann")
    assert before.verified.key(credential) != after.verified.key(credential)
    await told(before, {"Authorization": "Bearer ann"})
    with pytest.raises(InvalidToken):
        await told(before, {"Authorization": "Bearer guess"})
    after.follow(before)
    assert before.verified.key(credential) == after.verified.key(credential)
    assert (len(before.verified), len(after.verified)) == (1, 0)
    with pytest.raises(TooManyAttempts):
        await told(after, {"Authorization": "Bearer another guess"})
    assert (await told(after, {"Authorization": "Bearer ann"})).subject == "ann"


async def test_guesses_are_counted_where_somebody_outside_is_asked_and_nowhere_else() -> None:
    class Outside(Names):
        asks = True

    for names, error in ((Outside(), TooManyAttempts), (Names(), InvalidToken)):
        names.gone.update("ab")
        authenticator = Authenticator([names], GUEST, doubts=Doubts(Rate(1, 3600)))
        with pytest.raises(InvalidToken):
            await told(authenticator, {"Authorization": "Bearer a"})
        with pytest.raises(error):
            await told(authenticator, {"Authorization": "Bearer b"})


def test_it_is_told_when_one_of_the_methods_cannot_do_its_work() -> None:
    assert not Authenticator([Learned(), Other()], GUEST).degraded
    assert Authenticator([Learned(), Other("out of order")], GUEST).degraded


async def test_methods_begin_and_end_together() -> None:
    methods = [Learned(), Other()]
    authenticator = Authenticator(methods, GUEST)
    await authenticator.start()
    assert [each.running for each in methods] == [True, True]
    await authenticator.close()
    assert [each.running for each in methods] == [False, False]


async def test_connections_to_others_end_with_the_methods() -> None:
    outbound = Outbound()
    session = outbound._connections.session()
    await Authenticator([Names()], GUEST, outbound=outbound).close()
    assert session.closed
    await Authenticator([Names()], GUEST).close()


async def test_a_credential_of_no_kind_that_is_known_is_refused_even_so() -> None:
    with pytest.raises(InvalidToken):
        await Authenticator([Keys()], GUEST).proved(Credential("bearer", "ann"), asking({}))


# ── the administrator, as somebody ───────────────────────────────────────────────────────────

ADMIN = Principal(roles=("admin",), claims={"was": "there"}, method="administrator", any_role=True)
DECLARED = ("user", "editor", "admin")


def test_the_administrator_is_whom_the_session_variables_name_and_nobody_else_is() -> None:
    headers = {"X-Hasura-User-Id": " 7 ", "X-Hasura-Org": "3", "X-Other": "no", "X-Hasura-Role": "user"}
    found = chosen(ADMIN, asking(headers), DECLARED)
    assert (found.roles, found.chosen, found.subject) == (("user",), True, "7")
    said = {"x-hasura-user-id": "7", "x-hasura-org": "3", "sub": "7", "x-hasura-role": "user"}
    assert found.claims == {"was": "there", **said}
    plain = Principal(roles=("user",), claims={"sub": "8"}, subject="8")
    assert chosen(plain, asking(headers), DECLARED) is plain


def test_variables_without_a_user_are_claims_alone_and_without_any_nothing_changes() -> None:
    found = chosen(ADMIN, asking({"X-Hasura-Org": "3"}), DECLARED)
    assert (found.claims, found.subject) == ({"was": "there", "x-hasura-org": "3"}, None)
    somebody = Principal(roles=("admin",), subject="1", any_role=True)
    assert chosen(somebody, asking({"X-Hasura-Org": "3"}), DECLARED).claims["sub"] == "1"
    assert chosen(ADMIN, asking({}), DECLARED) is ADMIN
    assert chosen(ADMIN, asking({"X-Hasura-Admin-Secret": "x"}), DECLARED) is ADMIN


def test_a_variable_that_is_said_twice_is_refused_of_the_administrator() -> None:
    with pytest.raises(MalformedRequest):
        chosen(ADMIN, asking([("X-Hasura-Org", "3"), ("x-hasura-org", "4")]), DECLARED)
