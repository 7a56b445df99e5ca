"""What the database refuses and what a caller may not write, told alike on three databases; and who is told of writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.workshop import fault, rows, script, send
from tests.apis.resource.test_roles import bearer
from tests.bookshops import Databases
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET

ROWS = "return=representation"
GOOD = {"code": "good"}
WRITES = (("POST", GOOD), ("PATCH", GOOD), ("DELETE", None))


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        ({"code": "a"}, 409, "23505"),
        ({"code": "n", "owner_id": 99}, 409, "23503"),
        ({"code": None}, 400, "23502"),
        ({"name": "n"}, 400, "23502"),
        ({"code": "n", "amount": None}, 400, "23502"),
        ({"code": "n", "amount": -1}, 400, "23514"),
        ({"code": "n", "amount": "x"}, 400, "22P02"),
        ({"code": "n", "amount": 1.5}, 400, "22P02"),
        ({"code": "n", "amount": {}}, 400, "22P02"),
        ({"code": "n", "amount": 10**20}, 400, "22003"),
        ({"code": "n", "doubled": 4}, 400, "428C9"),
        ({"code": "n", "doubled": None}, 400, "428C9"),
    ],
)
async def test_every_database_refuses_with_the_same_code(
    workshop: Served, bad: dict[str, Any], status: int, code: str
) -> None:
    before = await rows(workshop, "thing?order=id")
    keys = dict.fromkeys((*bad, "code"))
    good = {"code": "good", "amount": 1}
    alone = await send(workshop, "POST", "thing", bad, ROWS)
    assert fault(alone) == (status, code)
    if "doubled" not in bad:
        both = await send(workshop, "POST", "thing?columns=" + ",".join(keys), [{**good}, bad])
        assert fault(both)[1] in {code, "23502"}
    if "code" in bad or code == "22P02":
        changed = await send(workshop, "PATCH", "thing?id=eq.2", bad)
        assert fault(changed) == (status, code)
    assert await rows(workshop, "thing?order=id") == before


async def test_a_row_that_is_referred_to_stays(workshop: Served) -> None:
    reply = await send(workshop, "DELETE", "owner?id=gt.0")
    assert fault(reply) == (409, "23503")
    assert len(await rows(workshop, "owner")) == 2


async def test_a_text_that_is_too_long(workshop: Served, kind: DatabaseKind) -> None:
    reply = await send(workshop, "POST", "thing", {"code": "n" * 41})
    if kind is DatabaseKind.SQLITE:  # has no such bound
        assert reply.status == 201
    else:
        assert fault(reply) == (400, "22001")


async def test_what_only_reads_is_told_so(workshop: Served, kind: DatabaseKind, databases: Databases) -> None:
    for method, sums in (("POST", {"total": 1}), ("PATCH", {"total": 1}), ("DELETE", None)):
        assert fault(await send(workshop, method, "totals?owner_id=eq.1", sums)) == (405, "25006")
    async with served(databases.database(kind, script(kind))) as reading:
        for method, body in WRITES:
            assert fault(await send(reading, method, "thing?id=eq.1", body)) == (405, "25006")


async def test_options_tell_what_is_possible(workshop: Served) -> None:
    for table, methods in (
        ("thing", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("plain", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("totals", "OPTIONS,GET,HEAD"),
    ):
        reply = await send(workshop, "OPTIONS", table)
        assert (reply.status, reply.body, reply.headers["Allow"]) == (200, b"", methods)
    assert fault(await send(workshop, "OPTIONS", "nope")) == (404, "PGRST205")
    assert fault(await send(workshop, "POST", "nope", GOOD)) == (404, "PGRST205")


async def test_no_more_rows_than_can_be_written_at_once(workshop: Served) -> None:
    body = b"[" + b",".join([b'{"x":1}'] * 10_001) + b"]"
    assert fault(await send(workshop, "POST", "plain", body)) == (400, "PGRST100")
    assert await rows(workshop, "plain") == []


async def test_no_more_kinds_of_rows_than_can_be_written_at_once(workshop: Served) -> None:
    """Under `missing=default` rows that give other columns are statements of their own."""
    optional: dict[str, Any] = {"name": "n", "amount": 3, "owner_id": 1, "facts": {}, "id": 0}
    kinds = [chosen for size in range(6) for chosen in combinations(optional, size)]
    given = [
        {
            "code": f"k{number}",
            **{name: optional[name] for name in kind},
            **({"id": 50 + number} if "id" in kind else {}),
        }
        for number, kind in enumerate(kinds[:21])
    ]
    address, prefer = (
        "thing?columns=id,code,name,amount,owner_id,facts&select=code,amount",
        "return=representation,missing=default",
    )
    refused = await send(workshop, "POST", address, given, prefer)
    assert fault(refused) == (400, "PGRST100")
    assert len(await rows(workshop, "thing")) == 3
    written = await send(workshop, "POST", address, given[:20], prefer)
    assert (written.status, [each["code"] for each in written.json]) == (201, [each["code"] for each in given[:20]])
    assert {each["amount"] for each in written.json} == {3, 7}
    assert len((await send(workshop, "POST", address, given[:0], prefer)).json) == 0
    plain = [{"code": f"p{number}"} for number in range(3)]
    assert (await send(workshop, "POST", address, plain, "missing=default")).status == 201


# ── rights ───────────────────────────────────────────────────────────────────────────────────

CONFIG = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{}}, clerk: {{}}, writer: {{}}}}
tables:
  thing:
    allow:
      guest: {{read: true, columns: [id, code]}}
      clerk:
        read: amount < 100
        columns: [id, code, name, doubled]
        create: {{check: amount < 50, columns: [code, name, amount]}}
        update: {{filter: amount < 3, check: amount < 50, columns: [code, name, amount]}}
        delete: amount < 3
      writer: {{create: {{check: true, columns: [code]}}}}
"""
CLERK, WRITER = bearer("clerk"), bearer("writer")


@pytest.fixture
async def guarded(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(kind, script(kind)), CONFIG) as api:
        yield api


async def count(api: Served) -> int:
    return len(await rows(api, "thing"))


async def test_who_has_no_right_writes_nothing(guarded: Served) -> None:
    for method, body in WRITES:
        anonymous = await send(guarded, method, "thing?id=eq.1", body)
        assert fault(anonymous) == (401, "42501")
        assert anonymous.headers["WWW-Authenticate"] == "Bearer"
        assert anonymous.json["message"] == "permission denied for table thing"
    for method, body in (("PATCH", GOOD), ("DELETE", None)):
        assert fault(await send(guarded, method, "thing?id=eq.1", body, **WRITER)) == (403, "42501")
    assert fault(await send(guarded, "PUT", "thing?id=eq.1", {"id": 1, **GOOD}, **WRITER)) in {
        (403, "42501"), (405, "PGRST105"),
    }  # fmt: skip
    assert await count(guarded) == 3


async def test_who_may_not_read_is_answered_nothing(guarded: Served) -> None:
    made = await send(guarded, "POST", "thing", GOOD, "return=headers-only", **WRITER)
    assert (made.status, made.body, "Location" in made.headers) == (201, b"", False)
    wanted = await send(guarded, "POST", "thing", {"code": "more"}, ROWS, **WRITER)
    assert fault(wanted) == (403, "42501")
    assert await count(guarded) == 4


@pytest.mark.parametrize("name", ["owner_id", "facts", "nope"])
async def test_hidden_and_absent_columns_are_told_alike(guarded: Served, name: str) -> None:
    for method, address in (("POST", "thing"), ("PATCH", "thing?id=eq.1")):
        reply = await send(guarded, method, address, {"code": "n", name: 1}, **CLERK)
        assert fault(reply) == (400, "PGRST204")
        assert reply.json["message"] == f"Could not find the '{name}' column of 'thing' in the schema cache"
    for address in (f"thing?{name}=eq.1", f"thing?id=eq.1&select={name}"):
        assert fault(await send(guarded, "PATCH", address, {"name": "n"}, ROWS, **CLERK)) == (400, "42703")
    conflict = await send(
        guarded, "POST", f"thing?on_conflict={name}", {"code": "n"}, "resolution=merge-duplicates", **CLERK
    )
    assert fault(conflict) == (400, "42703")
    assert await count(guarded) == 3


async def test_a_row_that_a_check_refuses_takes_all_back(guarded: Served) -> None:
    given = [{"code": "n", "amount": 1}, {"code": "m", "amount": 60}]
    for prefer in ("", ROWS, "resolution=ignore-duplicates"):
        assert fault(await send(guarded, "POST", "thing", given, prefer, **CLERK)) == (403, "42501")
    assert fault(await send(guarded, "PATCH", "thing?id=gt.0", {"amount": 60}, **CLERK)) == (403, "42501")
    assert await count(guarded) == 3


async def test_a_change_finds_only_rows_that_may_be_changed(guarded: Served) -> None:
    told = await send(
        guarded, "PATCH", "thing?id=gt.0&select=id&order=id", {"name": "x"}, f"{ROWS}, count=exact", **CLERK
    )
    assert (told.status, told.json, told.headers["Content-Range"]) == (200, [{"id": 1}, {"id": 2}], "0-1/2")
    gone = await send(guarded, "DELETE", "thing?id=gt.0&select=code", None, f"{ROWS}, count=exact", **CLERK)
    assert (gone.status, gone.headers["Content-Range"]) == (200, "*/2")
    assert [each["id"] for each in await rows(guarded, "thing")] == [3]


async def test_an_upsert_is_no_way_around_what_may_be_changed(guarded: Served) -> None:
    merge = "resolution=merge-duplicates"
    taken = await send(guarded, "POST", "thing?on_conflict=code", {"code": "c", "name": "mine"}, merge, **CLERK)
    assert fault(taken) == (403, "42501")
    own = await send(
        guarded, "POST", "thing?on_conflict=code&select=name", {"code": "a", "name": "mine"}, f"{merge},{ROWS}", **CLERK
    )
    assert (own.status, own.json) == (200, [{"name": "mine"}])
    assert fault(await send(guarded, "POST", "thing?on_conflict=code", {"code": "a"}, merge, **WRITER)) == (
        403,
        "42501",
    )


async def test_bodies_of_refusals_tell_nothing_of_the_row(guarded: Served) -> None:
    taken = await send(guarded, "POST", "thing", {"code": "a", "name": "secret-value"}, **CLERK)
    broken = await send(guarded, "POST", "thing", {"code": "n", "amount": -5, "name": "secret-value"}, **CLERK)
    for reply, code in ((taken, "23505"), (broken, "23514")):
        assert reply.code == code
        for hidden in ("secret-value", "thing_", "owner_id", "-5", "Key ("):
            assert hidden not in reply.body.decode()


# ── who is told of writes ────────────────────────────────────────────────────────────────────


CACHED = CONFIG.replace("  thing:\n", "  thing:\n    cache: {ttl: 1h}\n").replace("amount < 3", "true")


async def test_kept_answers_go_with_every_kind_of_write(kind: DatabaseKind, databases: Databases) -> None:
    async with served(databases.database(kind, script(kind)), CACHED) as api:
        for method, address, body, status in (
            ("POST", "thing", {"code": "n"}, 201),
            ("PATCH", "thing?code=eq.n", {"name": "m"}, 204),
            ("POST", "thing?on_conflict=code", {"code": "n", "name": "o"}, 200),
            ("DELETE", "thing?code=eq.n", None, 204),
        ):
            before = await api.get("/api/thing?sort=id", CLERK)
            tag = before.headers["ETag"]
            same = await api.get("/api/thing?sort=id", {**CLERK, "If-None-Match": tag})
            assert same.status == 304
            reply = await send(api, method, address, body, "resolution=merge-duplicates", **CLERK)
            assert reply.status == status
            after = await api.get("/api/thing?sort=id", {**CLERK, "If-None-Match": tag})
            assert (after.status, after.json) != (before.status, before.json)
