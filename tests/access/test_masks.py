"""What is masked is shown masked, on three databases and by every API, and put to no other use."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from server.access import mask_key
from server.config import ConfigError
from tests.apis.realtime.following import connected, settled
from tests.bookshops import KINDS, Databases
from tests.changes.capturing import with_changes, writer
from tests.server.harness import Served, configured, served
from tests.server.test_jwt import SECRET, token

CONFIG = f"""
postgrest: {{db_aggregates_enabled: true}}
server: {{secret: "the secret of these tests, long enough"}}
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
roles: {{user: {{}}, owner: {{}}, both: {{extends: [user, owner]}}, friend: {{}}}}
tables:
  account:
    allow:
      user:
        read: visible
        mask:
          phone: last4
          email: partial
          card: last4
          seal: hash
          salary: hidden
          note: {{null_unless: owner == claims.sub}}
        create: true
        update: true
        aggregate: true
      owner: {{read: owner == claims.sub, columns: [id, phone, card, seal]}}
      friend:
        read: visible
        mask:
          phone: {{mask: last4, unless: owner == claims.sub}}
          email: {{mask: partial, unless: owner == claims.sub}}
          card: {{mask: last4, unless: owner == claims.sub}}
          seal: {{mask: hash, unless: owner == claims.sub}}
          salary: {{mask: hidden, unless: owner == claims.sub}}
          note: {{null_unless: owner == claims.sub}}
        update: owner == claims.sub
        aggregate: true
  visit:
    allow: {{user: {{read: true, create: true, aggregate: true}}, friend: {{read: true}}}}
"""
SCHEMA = """
CREATE TABLE account (
  id INTEGER PRIMARY KEY, owner VARCHAR(40), visible BOOLEAN NOT NULL, phone VARCHAR(40), email VARCHAR(80), card BIGINT,
  seal VARCHAR(40) UNIQUE, salary INTEGER, note VARCHAR(80)
);
CREATE TABLE visit (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id));
INSERT INTO account VALUES
  (1, '7', TRUE, '+44 20 7946 0958', 'ada@example.com', 4000123412341234, 'grün', 10, 'mine'),
  (2, '8', TRUE, '5551234', 'bob', 12, 'rot', 20, 'theirs'),
  (3, '8', TRUE, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, '7', FALSE, '01234567', 'unseen@example.com', 99, 'blau', 30, 'unseen');
INSERT INTO visit VALUES (1, 1), (2, 2);
"""


def hashed(text: str) -> str:
    key = mask_key(configured("sqlite:///none", CONFIG))
    assert key is not None
    return hmac.new(bytes.fromhex(key.reveal()), text.encode(), hashlib.sha256).hexdigest()[:32]


FIRST = {
    "id": 1, "owner": "7", "visible": True, "phone": "****0958", "email": "a***m", "card": "****1234",
    "seal": hashed("grün"), "note": "mine",
}  # fmt: skip
SECOND = {
    "id": 2, "owner": "8", "visible": True, "phone": "****", "email": "***", "card": "****",
    "seal": hashed("rot"), "note": None,
}  # fmt: skip
THIRD = {**dict.fromkeys(FIRST), "id": 3, "owner": "8", "visible": True}
MASKED = ("phone", "email", "card", "seal")


def bearer(*roles: str, subject: str = "7") -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": roles, "sub": subject}
    return {"Authorization": f"Bearer {token(claims)}"}


MERGES = {**bearer("user"), "Prefer": "resolution=merge-duplicates"}
USER, BOTH, FRIEND = bearer("user"), bearer("user", "owner"), bearer("friend")
MINE = {
    "id": 1, "owner": "7", "visible": True, "phone": "+44 20 7946 0958", "email": "ada@example.com", "card": "4000123412341234",
    "seal": "grün", "salary": 10, "note": "mine",
}  # fmt: skip
THEIRS, NONE = {**SECOND, "salary": None}, {**THIRD, "salary": None}


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> str:
    return databases.database(kind, SCHEMA)


@pytest.fixture(scope="session")
def accounts(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases that nobody writes into."""
    return {kind: databases.database(kind, SCHEMA) for kind in KINDS}


@pytest.fixture
async def api(kind: DatabaseKind, accounts: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(accounts[kind], CONFIG) as running:
        yield running


@pytest.fixture
async def own_api(url: str) -> AsyncIterator[Served]:
    async with served(url, CONFIG) as running:
        yield running


async def test_masks_are_shown_in_lists_rows_and_embedded_rows(api: Served) -> None:
    found = await api.get("/api/account", USER)
    assert found.json["items"] == [FIRST, SECOND, THIRD]
    assert (await api.get("/api/account/1", USER)).json == FIRST
    assert (await api.get("/api/account?fields=phone,id&limit=1", USER)).json["items"] == [
        {"phone": "****0958", "id": 1}
    ]
    assert (await api.get("/api/account?fields=-phone&limit=1", USER)).json["items"] == [
        {name: value for name, value in FIRST.items() if name != "phone"}
    ]
    embedded = await api.get("/api/visit/2?include=account", USER)
    assert embedded.json["account"] == SECOND


async def test_postgrest_shows_them_too_and_as_csv(api: Served) -> None:
    assert (await api.get("/rest/v1/account?order=id", USER)).json == [FIRST, SECOND, THIRD]
    one = await api.get("/rest/v1/account?id=eq.1&select=p:phone,card", USER)
    assert one.json == [{"p": "****0958", "card": "****1234"}]
    text = await api.get("/rest/v1/account?id=lte.2&order=id&select=phone,email", {**USER, "Accept": "text/csv"})
    assert text.body.decode() == "phone,email\n****0958,a***m\n****,***"
    spread = await api.get("/rest/v1/visit?id=eq.1&select=...account(phone)", USER)
    assert spread.json == [{"phone": "****0958"}]


async def test_graphql_shows_them_too_as_texts(api: Served) -> None:
    asked = "{account(order_by: {id: asc}) {id owner visible phone email card seal note}}"
    found = await api.post("/graphql", {"query": asked}, USER)
    assert found.json == {"data": {"account": [FIRST, SECOND, THIRD]}}
    types = await api.post("/graphql", {"query": '{__type(name: "account") {fields {name type {name kind}}}}'}, USER)
    named = {each["name"]: each["type"]["name"] for each in types.json["data"]["__type"]["fields"]}
    assert {name: named[name] for name in MASKED} == dict.fromkeys(MASKED, "String")
    assert "salary" not in named
    inputs = '{__type(name: "account_bool_exp") {inputFields {name}}}'
    known = (await api.post("/graphql", {"query": inputs}, USER)).json["data"]["__type"]["inputFields"]
    assert {each["name"] for each in known}.isdisjoint({*MASKED, "salary"})
    assert "note" in {each["name"] for each in known}


async def test_documents_tell_them_as_texts_or_null(api: Served) -> None:
    document = (await api.get("/openapi.json", USER)).json
    schemas = document["components"]["schemas"]
    assert schemas["Account"]["properties"]["card"] == {"type": ["string", "null"], "readOnly": True}
    assert "salary" not in schemas["Account"]["properties"]
    assert set(MASKED).isdisjoint(schemas["AccountUpdate"]["properties"])
    root = (await api.get("/rest/v1/", USER)).json["definitions"]["account"]
    assert root["properties"]["card"]["type"] == "string"
    assert set(root.get("required", ())).isdisjoint(MASKED)


def blanked(body: bytes, name: str) -> str:
    text = body.decode().replace(quote(name), "…").replace(name, "…")
    return re.sub(r',?"(request_id|hint)":("([^"\\]|\\.)*"|null)', "", text)


USES = (
    "/api/account?{}__gte=1",
    '/api/account?filter={{"{}":{{"_eq":"****0958"}}}}',
    "/api/account?sort={}",
    "/api/visit?account.{}=1",
    "/api/visit?sort=account.{}",
    "/rest/v1/account?{}=eq.1",
    "/rest/v1/account?order={}",
    "/rest/v1/account?select={}::text",
    "/rest/v1/account?select={}.max()",
    "/rest/v1/account?select={}-%3E%3Ea",
    "/rest/v1/visit?select=account(id)&account.{}=eq.1",
    "/rest/v1/visit?select=account(id)&order=account({})",
)


@pytest.mark.parametrize("use", USES)
async def test_a_masked_column_has_no_other_use(api: Served, use: str) -> None:
    for name in (*MASKED, "salary"):
        asked, absent = await api.get(use.format(name), USER), await api.get(use.format("zzzzzzz"), USER)
        assert (asked.status, blanked(asked.body, name)) == (absent.status, blanked(absent.body, "zzzzzzz"))
        assert asked.status in (400, 404, 422)


async def test_nothing_is_grouped_by_it(api: Served) -> None:
    grouped = await api.get("/rest/v1/account?select=phone,count()", USER)
    assert grouped.status == 400, grouped.body
    assert (await api.get("/rest/v1/visit?select=...account(phone),count()", USER)).status == 400


async def test_it_cannot_be_written(own_api: Served) -> None:
    for name in MASKED:
        assert (await own_api.patch("/api/account/1", {name: "1"}, USER)).code == "unknown_column"
        assert (
            await own_api.post("/api/account", {"id": 9, "visible": True, name: "1"}, USER)
        ).code == "unknown_column"
        patched = await own_api.patch("/rest/v1/account?id=eq.1", {name: "1"}, USER)
        assert (patched.status, patched.json["code"]) == (400, "PGRST204")
    upserted = await own_api.post("/rest/v1/account?on_conflict=seal", {"id": 9, "visible": True}, MERGES)
    assert upserted.status == 400
    wrong = 'mutation {update_account_by_pk(pk_columns: {id: 1}, _set: {phone: "1"}) {id}}'
    assert "errors" in (await own_api.post("/graphql", {"query": wrong}, USER)).json


async def test_written_rows_are_answered_masked(own_api: Served) -> None:
    changed = await own_api.patch("/api/account/1", {"owner": "9"}, USER)
    assert changed.json == {**FIRST, "owner": "9", "note": None}
    back = {**USER, "Prefer": "return=representation"}
    assert (await own_api.patch("/rest/v1/account?id=eq.1", {"owner": "7"}, back)).json == [FIRST]
    said = "mutation {update_account_by_pk(pk_columns: {id: 1}, _set: {visible: true}) {phone note}}"
    found = await own_api.post("/graphql", {"query": said}, USER)
    assert found.json["data"]["update_account_by_pk"] == {"phone": "****0958", "note": "mine"}


async def test_null_unless_is_a_condition_in_every_use(api: Served) -> None:
    assert [row["id"] for row in (await api.get("/api/account?note=mine", USER)).json["items"]] == [1]
    assert (await api.get("/api/account?note=theirs", USER)).json["items"] == []
    assert [row["id"] for row in (await api.get("/api/account?sort=note,id", USER)).json["items"]] == [1, 2, 3]


async def test_who_may_see_it_by_another_role_sees_it_on_the_rows_of_that_role(api: Served) -> None:
    rows = {row["id"]: row for row in (await api.get("/api/account", BOTH)).json["items"]}
    assert rows[1]["phone"] == "+44 20 7946 0958"
    assert (rows[1]["card"], rows[1]["seal"]) == ("4000123412341234", "grün")
    assert (rows[2]["phone"], rows[2]["card"], rows[2]["seal"]) == ("****", "****", hashed("rot"))
    assert (rows[4]["phone"], rows[4]["email"]) == ("01234567", None)
    assert rows[3]["phone"] is None
    # What may be asked of it is what is seen plainly.
    assert [row["id"] for row in (await api.get("/api/account?phone__endswith=58", BOTH)).json["items"]] == [1]
    assert (await api.get("/api/account?phone=5551234", BOTH)).json["items"] == []
    assert [row["id"] for row in (await api.get("/api/account?card__gte=1&sort=card", BOTH)).json["items"]] == [4, 1]
    extended = (await api.get("/api/account", bearer("both"))).json["items"]
    assert extended == list(rows.values())


async def test_a_mask_may_have_an_exception(api: Served) -> None:
    """Every mask but for the caller's own rows, in every API."""
    assert (await api.get("/api/account", FRIEND)).json["items"] == [MINE, THEIRS, NONE]
    assert (await api.get("/rest/v1/account?order=id", FRIEND)).json == [MINE, THEIRS, NONE]
    assert (await api.get("/api/visit/2?include=account", FRIEND)).json["account"] == THEIRS
    assert (await api.get("/rest/v1/visit?select=...account(phone,card)&order=id", FRIEND)).json == [
        {"phone": "+44 20 7946 0958", "card": "4000123412341234"},
        {"phone": "****", "card": "****"},
    ]
    asked = "{account(order_by: {id: asc}) {id owner visible phone email card seal salary note}}"
    found = await api.post("/graphql", {"query": asked}, FRIEND)
    assert found.json == {"data": {"account": [MINE, THEIRS, NONE]}}
    other = (await api.get("/api/account", bearer("friend", subject="8"))).json["items"]
    assert [row["phone"] for row in other] == ["****0958", "5551234", None]
    assert [row["salary"] for row in other] == [None, 20, None]


async def test_what_is_asked_of_a_column_with_an_exception_is_asked_of_what_is_seen_plainly(api: Served) -> None:
    async def ids(query: str) -> list[int]:
        reply = await api.get(f"/api/account?{query}", FRIEND)
        assert reply.status == 200, reply.body
        return [row["id"] for row in reply.json["items"]]

    assert await ids("phone__startswith=%2B44") == [1]
    for query in (
        "phone=5551234",
        "phone=****",
        "card=12",
        "seal=rot",
        "salary=20",
        "email=bob",
        f"seal={hashed('rot')}",
    ):
        assert await ids(query) == [], query
    assert await ids("phone__isnull=true&sort=id") == [2, 3]
    assert await ids("card__gte=1") == [1]
    for column in ("phone", "card", "seal", "salary"):
        assert await ids(f"sort={column},id") == [1, 2, 3]
        assert await ids(f"sort=-{column},-id") == [3, 2, 1]
        first = (await api.get(f"/api/account?sort=-{column},id&limit=2", FRIEND)).json
        rest = (await api.get(first["page"]["next"], FRIEND)).json
        assert [row["id"] for row in (*first["items"], *rest["items"])] == [2, 3, 1]
    summed = await api.get("/rest/v1/account?select=salary.sum(),high:salary.max(),last:phone.max()", FRIEND)
    assert summed.json == [{"sum": 10, "high": 10, "last": "+44 20 7946 0958"}]
    assert (await api.get("/rest/v1/account?select=phone,count()", FRIEND)).status == 400
    assert await ids(quote("filter", safe="") + "=" + quote('{"_not":{"phone":{"_eq":"x"}}}')) == [1]
    visits = (await api.get("/api/visit?account.phone=5551234", FRIEND)).json["items"]
    assert visits == []


async def test_who_may_write_one_with_an_exception_changes_own_rows(own_api: Served) -> None:
    changed = await own_api.patch("/api/account/1", {"phone": "+44 1"}, FRIEND)
    assert (changed.status, changed.json) == (200, {**MINE, "phone": "+44 1"})
    assert (await own_api.patch("/api/account/2", {"phone": "1"}, FRIEND)).status in (403, 404)
    lent = await own_api.patch("/rest/v1/account?phone=eq.5551234", {"visible": False}, FRIEND)
    assert lent.status == 204
    assert [row["id"] for row in (await own_api.get("/api/account", FRIEND)).json["items"]] == [1, 2, 3]


async def test_worlds_that_differ_in_masked_letters_alone_answer_alike(
    kind: DatabaseKind, databases: Databases
) -> None:
    other = (
        SCHEMA.replace("+44 20 7946 0958", "+1 555 0000 0958").replace("ada@example.com", "a.n.other.m")
        .replace("4000123412341234", "1111222233331234").replace("5551234", "12").replace("theirs", "others")
        .replace("10, 'mine'", "77, 'mine'")
    )  # fmt: skip
    async with (
        served(databases.database(kind, SCHEMA), CONFIG) as one,
        served(databases.database(kind, other), CONFIG) as two,
    ):
        for path in (
            "/api/account",
            "/api/account/1",
            "/api/account?sort=-id&limit=1",
            "/api/account?count=exact",
            "/api/account?filter={}".format(quote('{"note":{"_eq":"theirs"}}')),
            "/rest/v1/account?select=*,visit(*)",
            "/rest/v1/account?select=id.max(),count()",
        ):
            here, there = await one.get(path, USER), await two.get(path, USER)
            assert (here.status, here.body, here.headers.get("ETag")) == (
                there.status, there.body, there.headers.get("ETag")
            )  # fmt: skip
            assert here.status == 200


async def test_worlds_that_differ_in_what_an_exception_leaves_masked_answer_alike(
    kind: DatabaseKind, databases: Databases
) -> None:
    other = SCHEMA.replace("'5551234', 'bob', 12", "'12', 'x', 99").replace("20, 'theirs'", "7, 'others'")
    async with (
        served(databases.database(kind, SCHEMA), CONFIG) as one,
        served(databases.database(kind, other), CONFIG) as two,
    ):
        for path in (
            "/api/account",
            *(f"/api/account?sort=-{name}&limit=1" for name in ("phone", "card", "salary", "email")),
            *(f"/api/account?sort={name},-id&limit=2" for name in ("phone", "card", "salary", "email")),
            *(f"/api/account?count=exact&{query}" for query in (
                "phone=12", "phone__contains=2", "card__gt=50", "card__isnull=true", "salary__lt=10", "email__in=x,bob",
                "filter=" + quote('{"_not":{"card":{"_eq":12}}}'),
            )),
            "/rest/v1/account?phone=not.is.null&order=card.desc.nullslast",
            "/rest/v1/account?or=(salary.eq.7,salary.eq.20)",
            "/rest/v1/visit?select=*,account!inner(*)&account.phone=eq.12",
            "/rest/v1/visit?select=*,account(*)&order=account(card)",
            "/rest/v1/account?select=salary.sum(),salary.avg(),card.max(),count()",
            "/rest/v1/account?select=salary.count(),phone.min()",
        ):  # fmt: skip
            here, there = await one.get(path, FRIEND), await two.get(path, FRIEND)
            assert (here.status, here.body) == (there.status, there.body), path
            assert here.status == 200, (path, here.body)
        for query in (
            '{account(where: {phone: {_eq: "12"}}) {id}}',
            "{account(order_by: {card: asc}) {id card}}",
        ):
            here, there = [await each.post("/graphql", {"query": query}, FRIEND) for each in (one, two)]
            assert here.json == there.json
            assert "data" in here.json, here.json


async def test_an_answer_that_is_kept_is_not_another_callers(url: str) -> None:
    async with served(url, CONFIG.replace("  account:\n", "  account:\n    cache: {ttl: 1h}\n")) as api:
        plain, masked = await api.get("/api/account/1", bearer("owner")), await api.get("/api/account/1", USER)
        assert plain.json["phone"] == "+44 20 7946 0958"
        assert masked.json["phone"] == "****0958"
        assert plain.headers["ETag"] != masked.headers["ETag"]
        for _ in range(2):
            rows = [(await api.get("/api/account/1", bearer("friend", subject=each))).json for each in ("7", "8")]
            assert [row["phone"] for row in rows] == ["+44 20 7946 0958", "****0958"]


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_changes_are_told_masked_and_not_at_all_where_only_hidden_letters_change(
    url: str, databases: Databases, kind: DatabaseKind
) -> None:
    async with with_changes(url):
        write = writer(url, databases.postgresql)
        async with served(url, CONFIG) as api, connected(api, USER) as client:
            await client.follow("account")
            write("UPDATE account SET phone = '+44 11 1111 0958' WHERE id = 1")
            write("UPDATE account SET salary = 5 WHERE id = 1")
            write("UPDATE account SET phone = '+44 11 1111 7777' WHERE id = 1")
            write("UPDATE account SET note = 'other' WHERE id = 2")
            write("INSERT INTO account VALUES (5, '7', TRUE, '123456789', 'x', 7, 'weiß', 1, 'new')")
            await settled()
            first, second = await client.changes(2)
            assert first["new"] == {**FIRST, "phone": "****7777"}
            assert first["changed"] == ["phone"]
            assert second["new"] == {
                **FIRST, "id": 5, "phone": "****6789", "email": "***", "card": "****", "seal": hashed("weiß"),
                "note": "new",
            }  # fmt: skip
            await client.silence()
            initial: Any = await client.ask(type="subscribe", id="2", table="account", columns=["phone"], initial=True)
            assert initial["type"] == "ready"
            items = (await client.next())["items"]
            assert {"phone": "****7777"} in items


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_changes_are_told_with_the_exception_of_the_row(
    url: str, databases: Databases, kind: DatabaseKind
) -> None:
    async with with_changes(url):
        write = writer(url, databases.postgresql)
        async with served(url, CONFIG) as api, connected(api, FRIEND) as client:
            await client.follow("account", "some", filter={"phone": {"_like": "%5"}})
            await client.follow("account", "all")
            write("UPDATE account SET phone = '77775', salary = 21, note = 'x' WHERE id = 2")
            write("UPDATE account SET phone = '12345' WHERE id = 1")
            write("UPDATE account SET phone = '88885', card = 13 WHERE id = 2")
            write("UPDATE account SET salary = 11 WHERE id = 1")
            write("UPDATE account SET owner = '7' WHERE id = 2")
            await settled()
            told = await client.changes(6)
            await client.silence()
        ours = [{**MINE, "phone": "12345"}, {**MINE, "phone": "12345", "salary": 11}]
        become = {
            "owner": "7",
            "phone": "88885",
            "email": "bob",
            "card": "13",
            "seal": "rot",
            "salary": 21,
            "note": "x",
        }
        rows = [*ours, {**THEIRS, **become}]
        assert [each["new"] for each in told if each["id"] == "all"] == rows
        assert [each["new"] for each in told if each["id"] == "some"] == rows
        assert [each["op"] for each in told if each["id"] == "all"] == ["update"] * 3
        assert [each["op"] for each in told if each["id"] == "some"] == ["enter", "update", "enter"]


MISTAKES = {
    "phone: {null_unless: nosuch == 1}": "account has no column 'nosuch'",
    "visible: last4": "of which nothing can be shown in part; mask it by hidden or null_unless",
    "phnoe: last4": "account has no column 'phnoe'; did you mean 'phone'?",
    "phone: {null_unless: owner == claims.sub}": "claims.sub is used where callers without a credential come",
}


@pytest.mark.parametrize(("mask", "said"), MISTAKES.items())
async def test_a_mask_that_does_not_fit_is_told_with_its_line(
    accounts: Mapping[DatabaseKind, str], mask: str, said: str
) -> None:
    config = f"auth: {{anonymous_role: guest}}\nroles: {{guest: {{}}}}\ntables:\n  account:\n    allow:\n      guest:\n        read: true\n        mask: {{{mask}}}"
    with pytest.raises(ConfigError) as refused:
        async with served(accounts[DatabaseKind.SQLITE], config, strict=True):
            pass
    (complaint,) = refused.value.complaints
    assert said in str(complaint)
    assert complaint.position.line == 9


async def test_a_mask_of_what_is_not_read_is_told_and_changes_nothing(
    accounts: Mapping[DatabaseKind, str], caplog: pytest.LogCaptureFixture
) -> None:
    config = "auth: {anonymous_role: guest}\nroles: {guest: {}}\ntables: {account: {allow: {guest: {read: true, columns: [id], mask: {phone: last4}}}}}"
    async with served(accounts[DatabaseKind.SQLITE], config) as api:
        assert (await api.get("/api/account/1")).json == {"id": 1}
    assert "account.phone is masked, and not read at all" in caplog.text
