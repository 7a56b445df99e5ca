"""Functions of an extension, called through every API on every database: under their caller's rules, by whom they are open."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.extensions.offers import CANARY
from tests.extensions.serving import CONFIG, EDITOR, IDLE, OTHER, SCHEMA, USER, module, put
from tests.server.harness import Reply, Served, eventually, reloadable

GIVEN = {
    "whole": 9007199254740993, "text": "t", "yes": True, "day": "2024-02-29", "hour": "10:00:00", "moment": "2024-01-01T10:00:00.5+02:00",
    "id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "raw": "AAE=", "size": "small", "numbers": [1, 2],
    "ids": ["6f9619ff-8b86-d011-b42d-00cf4fc964ff"], "json": {"a": [1.5, None]},
}  # fmt: skip
CAME = {
    "whole": ["int", 9007199254740993], "exact": ["Decimal", 0.1], "text": ["str", "t"], "yes": ["bool", True],
    "day": ["date", "2024-02-29"], "hour": ["time", "10:00:00"], "moment": ["datetime", "2024-01-01T08:00:00.500000+00:00"],
    "id": ["UUID", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"], "raw": ["bytes", "AAE="], "size": ["str", "small"],
    "numbers": ["list", [1, 2]], "ids": ["list", ["6f9619ff-8b86-d011-b42d-00cf4fc964ff"]],
    "rough": ["float", 0.5], "json": ["dict", {"a": [1.5, None]}],
}  # fmt: skip


@pytest.fixture(scope="session")
def noted(databases: Databases) -> Mapping[DatabaseKind, str]:
    """Databases that nobody writes into."""
    return {kind: databases.database(kind, SCHEMA) for kind in KINDS}


@pytest.fixture
async def api(kind: DatabaseKind, noted: Mapping[DatabaseKind, str], tmp_path: Path) -> AsyncIterator[Served]:
    async with reloadable(noted[kind], put(tmp_path)) as running:
        yield running


@pytest.fixture
async def one(noted: Mapping[DatabaseKind, str], tmp_path: Path) -> AsyncIterator[Served]:
    """On SQLite alone: for what has nothing to do with a database."""
    async with reloadable(noted[DatabaseKind.SQLITE], put(tmp_path)) as running:
        yield running


async def by_resource(api: Served, name: str, given: Any, headers: Mapping[str, str]) -> Reply:
    return await api.post(f"/api/:functions/{name}", given, headers)


async def by_postgrest(api: Served, name: str, given: Any, headers: Mapping[str, str]) -> Reply:
    return await api.post(f"/rest/v1/rpc/{name}", given, headers)


async def graphql(api: Served, query: str, headers: Mapping[str, str], **variables: Any) -> Any:
    return (await api.post("/graphql", {"query": query, "variables": variables}, headers)).json


async def answers(api: Served, name: str, headers: Mapping[str, str]) -> list[Any]:
    """What a function without arguments answers by each API."""
    graph = await graphql(api, f"mutation {{f: {name}}}", headers)
    first, second = await by_resource(api, name, {}, headers), await by_postgrest(api, name, {}, headers)
    return [first.json, second.json, graph["data"]["f"]]


async def test_a_function_sees_what_its_caller_may_see(api: Served) -> None:
    mine: dict[str, Any] = {
        "seen": [{"id": 1, "body": "mine"}, {"id": 3, "body": "mine too"}],
        "roles": ["guest", "user"],
        "subject": "7",
    }
    theirs = {**mine, "seen": [{"id": 2, "body": "theirs"}], "subject": "8"}
    bodies = ["mine", "theirs", "mine too"]
    every = {
        "seen": [{"id": number, "body": body} for number, body in enumerate(bodies, 1)],
        "roles": ["editor"],
        "subject": "7",
    }
    assert await answers(api, "notes", USER) == [mine] * 3
    assert await answers(api, "notes", OTHER) == [theirs] * 3
    assert await answers(api, "notes", EDITOR) == [every] * 3
    least = await by_resource(api, "notes", {"most": 1}, USER)
    assert least.json["seen"] == mine["seen"][:1]


async def test_what_its_caller_may_not_see_is_told_as_to_the_caller(api: Served) -> None:
    assert (await by_resource(api, "note_of", {"id": 1}, USER)).json == {"id": 1, "owner": "7", "body": "mine"}
    hidden, absent = [await by_resource(api, "note_of", {"id": number}, USER) for number in (2, 99)]
    assert (hidden.status, hidden.code) == (absent.status, absent.code) == (404, "row_not_found")
    assert (await by_postgrest(api, "note_of", {"id": 2}, USER)).status == 406
    graph = await graphql(api, "mutation {note_of(id: 2)}", USER)
    assert (graph["data"], graph["errors"][0]["extensions"]["code"]) == (None, "not-found")
    # A question that is wrong for this caller is the function's fault, and tells nothing of the column.
    assert (await by_resource(api, "prices_of", {}, EDITOR)).json["items"][0] == {"secret": "s1"}
    wrong = await by_resource(api, "prices_of", {}, USER)
    assert (wrong.status, wrong.code, b"secret" in wrong.body) == (500, "internal_error", False)


async def test_a_function_writes_what_its_caller_may_write(
    databases: Databases, kind: DatabaseKind, tmp_path: Path
) -> None:
    async with reloadable(databases.database(kind, SCHEMA), put(tmp_path)) as api:

        async def write(headers: Mapping[str, str], method: str, address: str, body: Any = None) -> Reply:
            given = {"method": method, "address": address} | ({} if body is None else {"body": body})
            return await by_resource(api, "written", given, headers)

        made = await write(USER, "POST", "/api/note", {"id": 9, "body": "new"})
        assert (made.status, made.json) == (200, {"id": 9, "owner": "7", "body": "new"})
        assert (
            await write(OTHER, "POST", "/api/note?fields=id", [{"id": 10, "body": "a"}, {"id": 11, "body": "b"}])
        ).json == [
            {"id": 10},
            {"id": 11},
        ]
        assert (await write(USER, "PATCH", "/api/note/9", {"body": "newer"})).json["body"] == "newer"
        refusals = (
            (USER, "PATCH", "/api/note/10", {"body": "x"}, 404, "row_not_found"),
            (USER, "DELETE", "/api/note/1", None, 403, "forbidden"),
            (USER, "DELETE", "/api/note/10", None, 404, "row_not_found"),
            (USER, "POST", "/api/note", {"id": 1, "body": "x"}, 409, "unique_violation"),
            (USER, "POST", "/api/note", {"id": 12, "body": "forbidden"}, 403, "check_refused"),
            (EDITOR, "POST", "/api/note", {"id": 12, "body": "x"}, 403, "forbidden"),
            (EDITOR, "PATCH", "/api/note/9", {"body": "x"}, 403, "forbidden"),
            (EDITOR, "DELETE", "/api/note/9", None, 403, "forbidden"),
            # What no caller could ask is the function's own fault.
            (USER, "POST", "/api/note", {"id": 12, "owner": "8"}, 500, "internal_error"),
            (USER, "POST", "/api/note", {"id": 12, "secret": "x"}, 500, "internal_error"),
            (USER, "POST", "/api/note/9", {"body": "x"}, 500, "internal_error"),
            (USER, "PATCH", "/api/note", {"body": "x"}, 500, "internal_error"),
            (USER, "PATCH", "/api/note/9", [1], 500, "internal_error"),
            (USER, "DELETE", "/api/note", None, 500, "internal_error"),
            (USER, "DELETE", "https://elsewhere.example/api/note/9", None, 500, "internal_error"),
            (USER, "DELETE", "/rest/v1/note/9", None, 500, "internal_error"),
            # What would be read as another row's address is none.
            (USER, "DELETE", "/api/note/9#1", None, 500, "internal_error"),
            (USER, "DELETE", "/api/note/\n9", None, 500, "internal_error"),
            (USER, "DELETE", "/api/note/9/owner", None, 500, "internal_error"),
            (USER, "DELETE", "/api/accounts/9", None, 500, "internal_error"),
        )
        for headers, method, address, body, status, code in refusals:
            reply = await write(headers, method, address, body)
            assert (reply.status, reply.code) == (status, code), (method, address, body)
        assert (await write(USER, "DELETE", "/api/note/9")).body == b"null"
        assert (await api.get("/rest/v1/rpc/promised", USER)).status == 500
        seen = await api.get("/api/note?fields=id&sort=id", EDITOR)
        assert [row["id"] for row in seen.json["items"]] == [1, 2, 3, 10, 11]


async def test_a_caller_stays_who_they_are_whatever_code_does_with_what_it_is_told(one: Served) -> None:
    told = {"sub": "7", "roles": ["user"], "given": {"a": 1}}
    for _ in range(2):
        for by in (by_resource, by_postgrest):
            assert (await by(one, "claimed", {"given": {"a": 1}}, USER)).json == told
        for query in ("mutation {claimed(given: {a: 1})}", "mutation ($g: jsonb! = {a: 1}) {claimed(given: $g)}"):
            assert (await graphql(one, query, USER))["data"] == {"claimed": told}
        twice = "mutation ($g: jsonb!) {a: claimed(given: $g) b: claimed(given: $g)}"
        assert (await graphql(one, twice, USER, g={"a": 1}))["data"] == {"a": told, "b": told}
        seen = await one.get("/api/note?fields=id", USER)
        assert [row["id"] for row in seen.json["items"]] == [1, 3]


async def test_what_an_extension_asks_wrongly_is_its_own_fault(one: Served) -> None:
    absent = await by_resource(one, "note_of", {"id": 99}, USER)
    assert (absent.status, absent.code) == (404, "row_not_found")
    wrong = await by_resource(one, "prices_of", {}, USER)
    assert (wrong.status, wrong.code, b"secret" in wrong.body) == (500, "internal_error", False)
    shut = await by_resource(one, "written", {"method": "POST", "address": "/api/note", "body": {"id": 50}}, EDITOR)
    assert (shut.status, shut.code) == (403, "forbidden")
    promised = await by_postgrest(one, "promised", {}, USER)
    assert promised.status == 500
    assert (await one.get("/rest/v1/rpc/promised?keeps=true", USER)).json == {"id": 1}
    seen = (await by_resource(one, "notes", {}, OTHER)).json
    assert (seen["roles"], seen["subject"], len(seen["seen"])) == (["guest", "user"], "8", 1)


async def test_whoever_may_not_call_a_function_is_told_that_there_is_none(api: Served) -> None:
    for name, headers in (("nobodys", USER), ("offer", EDITOR), ("offer", IDLE), ("notes", {})):
        other = await by_resource(api, "qqq", {}, headers)
        shut = await by_resource(api, name, {}, headers)
        assert (shut.status, shut.code) == (other.status, other.code) == (404, "unknown_function")
        rest, unknown = (
            await by_postgrest(api, name, {}, headers),
            await by_postgrest(api, "qqq", {}, headers),
        )
        assert rest.status == unknown.status == (400 if api.running.engine.driver.kind == "sqlite" else 404)
        graph, absent = [await graphql(api, f"mutation {{{each}}}", headers) for each in (name, "qqq")]
        assert str(graph).replace(name, "") == str(absent).replace("qqq", "")
    assert ("offer", 5) not in module().happened


async def test_documents_name_what_may_be_called(api: Served) -> None:
    document = (await api.get("/openapi.json", EDITOR)).json
    OpenAPIV31SpecValidator(document).validate()
    named = {path.rpartition("/")[2] for path in document["paths"] if ":functions" in path}
    assert named == {"notes", "note_of", "prices_of", "written", "total", "forever"}
    total = document["paths"]["/api/:functions/total"]["post"]
    members = total["requestBody"]["content"]["application/json"]["schema"]
    assert (members["required"], members["properties"]["price"]) == (["copies"], {"type": "number"})
    assert total["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "number"}
    assert document["paths"]["/api/:functions/notes"]["post"]["description"] == "What the caller may see of the notes."
    swagger = (await api.get("/rest/v1/", EDITOR)).json["paths"]
    assert {path for path in swagger if path.startswith("/rpc/")} == {f"/rpc/{name}" for name in named}
    assert set(swagger["/rpc/total"]) == {"get", "post"}
    assert set(swagger["/rpc/notes"]) == {"post"}
    fields = "{__schema {queryType {fields {name}} mutationType {fields {name}}}}"
    schema = (await graphql(api, fields, EDITOR))["data"]["__schema"]
    assert "total" in {each["name"] for each in schema["queryType"]["fields"]}
    assert {each["name"] for each in schema["mutationType"]["fields"]} == named - {"total"}


async def test_fields_of_a_function_and_of_tables_stand_in_one_query(api: Served) -> None:
    query = "query ($n: bigint!) {first: total(copies: $n) note(order_by: {id: asc}) {id} __typename total(copies: 2, price: 1.10)}"
    for number, told in ((2, "5.00"), (4, "10.00"), (2, "5.00")):
        reply = await api.post("/graphql", {"query": query, "variables": {"n": number}}, EDITOR)
        expected = f'{{"data":{{"first":{told},"note":[{{"id":1}},{{"id":2}},{{"id":3}}],"__typename":"query_root","total":2.20}}}}'
        assert reply.body.replace(b" ", b"").replace(b"\n", b"").decode() == expected
    alone = await api.get("/graphql?query={total(copies:3)}", EDITOR)
    assert alone.body == b'{"data":{"total":7.50}}'


async def test_values_come_as_the_types_of_the_annotations(one: Served) -> None:
    body = json.dumps(GIVEN)[:-1] + ', "exact": 0.1}'
    # Bytes have PostgreSQL's form in PostgREST's API.
    for path, raw in (("/api/:functions/told", "AAE="), ("/rest/v1/rpc/told", "\\\\x0001")):
        body = body.replace("AAE=", raw)
        reply = await one.request("POST", path, {**USER, "Content-Type": "application/json"}, data=body.encode())
        assert (reply.status, reply.json) == (200, CAME), path
    arguments = ", ".join(f"{name}: {_graph(value)}" for name, value in {**GIVEN, "exact": 0.1}.items())
    assert (await graphql(one, f"{{told({arguments})}}", USER))["data"]["told"] == CAME
    texts = "&".join(f"{name}={_text(value)}" for name, value in {**GIVEN, "exact": 0.1}.items())
    assert (await one.get(f"/rest/v1/rpc/told?{texts}", USER)).json == {**CAME, "raw": ["bytes", "AAE="]}


def _graph(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_graph(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ",".join(map(str, value)) + "}"
    if isinstance(value, dict):
        return json.dumps(value).replace(" ", "").replace('"', "%22")
    if value == GIVEN["raw"]:
        return "%5Cx0001"
    return str(value).replace("+", "%2B") if not isinstance(value, bool) else str(value).lower()


WRONG: tuple[tuple[Any, list[tuple[str, str]]], ...] = (
    ({}, [("/copies", "'copies' is required")]),
    ({"copies": None}, [("/copies", "'copies' must not be null")]),
    ({"copies": "x"}, [("/copies", "'x' is not an integer")]),
    ({"copies": 1.5}, [("/copies", "'1.5' is not an integer")]),
    ({"copies": 1, "prize": 2}, [("/prize", "total takes no argument 'prize'")]),
    (
        {"copies": True, "price": [1], "x": 0},
        [("/copies", "'true' is not an integer"), ("/price", "'[1]' is not a decimal number"), ("/x", "total takes no argument 'x'")],
    ),
)  # fmt: skip


@pytest.mark.parametrize(("given", "faults"), WRONG)
async def test_bad_arguments_are_told_all_at_once(one: Served, given: Any, faults: list[tuple[str, str]]) -> None:
    reply = await by_resource(one, "total", given, USER)
    assert reply.status == 422
    assert [(each["pointer"], each["message"]) for each in reply.json["errors"]] == faults
    rest = await by_postgrest(one, "total", given, USER)
    assert (rest.status, rest.json["code"]) in {(400, "22P02"), (404, "PGRST202")}
    arguments = ", ".join(f"{name}: {_graph(value)}" for name, value in given.items()) or "price: 1"
    graph = await graphql(one, f"{{total({arguments})}}", USER)
    assert {each["extensions"]["code"] for each in graph["errors"]} == {"validation-failed"}


async def test_half_a_letter_is_no_argument(one: Served) -> None:
    for given in ('"\\ud800"', '{"a": ["\\udc00"]}', '{"\\ud800": 1}'):
        body = b'{"method": "POST", "address": "/api/note", "body": %s}' % given.encode()
        json_body = {**USER, "Content-Type": "application/json"}
        reply = await one.request("POST", "/api/:functions/written", json_body, data=body)
        assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/body")
        query = b'{"query": "mutation ($b: jsonb) {written(method: \\"\\", address: \\"\\", body: $b)}", "variables": {"b": %s}}'
        graph = await one.request("POST", "/graphql", json_body, data=query % given.encode())
        assert graph.json["errors"][0]["extensions"]["code"] == "validation-failed"
        form = {**USER, "Content-Type": "application/x-www-form-urlencoded"}
        sent = urlencode({"method": "POST", "address": "/api/note", "body": given}).encode()
        assert (await one.request("POST", "/rest/v1/rpc/written", form, data=sent)).status == 400


async def test_so_many_faults_are_told_and_no_more(one: Served) -> None:
    reply = await by_resource(one, "total", {"copies": 1, **{f"x{number}": 0 for number in range(120)}}, USER)
    assert (reply.status, len(reply.json["errors"])) == (422, 100)


async def test_null_is_a_value_where_the_annotation_says_so(one: Served) -> None:
    given = {**GIVEN, "exact": "0.1", "ids": None, "json": None}
    reply = await by_resource(one, "told", given, USER)
    assert (reply.json["ids"], reply.json["json"]) == (["NoneType", None], ["NoneType", None])
    assert (await by_postgrest(one, "total", {"copies": 2, "price": None}, USER)).json[
        "message"
    ] == "'price' must not be null"


async def test_what_is_no_call_is_told(one: Served) -> None:
    address = "/api/:functions/total"
    assert (await one.post(address, [1], USER)).status == 422
    assert (await one.request("POST", address, {**USER, "Content-Type": "text/plain"}, data=b"{}")).status == 415
    wrong = await one.get(address, USER)
    assert (wrong.status, wrong.headers["Allow"]) == (405, "OPTIONS,POST")
    assert (await one.request("OPTIONS", address, USER)).headers["Allow"] == "POST, OPTIONS"
    near = await one.post("/api/:functions/totl", {}, USER)
    assert near.json["errors"][0]["hint"] == "did you mean 'total'?"
    rest = "/rest/v1/rpc/total"
    assert (await one.request("HEAD", f"{rest}?copies=2", USER)).status == 200
    assert (await one.request("OPTIONS", rest, USER)).headers["Allow"] == "OPTIONS,GET,HEAD,POST"
    assert (await one.get("/rest/v1/rpc/offer?book=1", USER)).json["code"] == "PGRST101"
    assert (await one.post(f"{rest}?select=x", {"copies": 1}, USER)).json["code"] == "PGRST127"
    assert (await one.get(f"{rest}?copies=1", {**USER, "Accept": "text/csv"})).status == 406
    form = {**USER, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await one.request("POST", rest, form, data=b"copies=2&price=1.5")).body == b"3.0"
    assert (await one.get("/graphql?query=mutation{nothing}", USER)).status == 405


async def test_answers_are_json_of_every_form(one: Served) -> None:
    assert (await by_resource(one, "offer", {"book": 5}, USER)).body == b'{"book":5,"price":12.30}'
    assert (await by_resource(one, "list_of", {"most": 2}, USER)).json == ["0", "1"]
    assert (await graphql(one, "{list_of(most: 2)}", USER))["data"] == {"list_of": ["0", "1"]}
    for empty in (await by_resource(one, "nothing", {}, USER), await by_postgrest(one, "nothing", {}, USER)):
        assert (empty.status, empty.body) == (204, b"")
    assert (await graphql(one, "mutation {nothing}", USER))["data"] == {"nothing": None}
    bare = await one.request("POST", "/api/:functions/nothing", USER)
    assert bare.status == 204


async def test_whole_numbers_of_any_size_are_answered_and_written(one: Served) -> None:
    big = 10**30
    spoken = (await by_resource(one, "claimed", {"given": {"big": big, "in": [{"it": [-big, True]}]}}, USER)).json
    assert spoken["given"] == {"big": big, "in": [{"it": [-big, True]}]}
    # A column of 32 bits has no room for it: a question that is wrong by itself, and no failure to write it.
    given = {"method": "POST", "address": "/api/note", "body": {"id": big, "body": "x"}}
    assert (await by_resource(one, "written", given, USER)).status == 500


async def test_a_refusal_reaches_the_caller_in_its_own_words(one: Served) -> None:
    reply = await by_resource(one, "sold_out", {}, USER)
    told = {"code": "sold_out", "message": "there is none left", "hint": "come again"}
    assert (reply.status, reply.code, reply.json["errors"]) == (409, "sold_out", [told])
    rest = await by_postgrest(one, "sold_out", {"status": 404}, USER)
    said = {"code": "PT404", "message": "there is none left", "details": "sold_out", "hint": "come again"}
    assert (rest.status, rest.json) == (404, said)
    graph = await graphql(one, "mutation {sold_out}", USER)
    assert graph["errors"][0]["extensions"] == {"code": "sold_out", "path": "$.selectionSet.sold_out"}
    assert graph["errors"][0]["message"] == "there is none left (come again)"
    # A status that no refusal can have is a fault of the extension.
    assert (await by_resource(one, "sold_out", {"status": 200}, USER)).status == 500


@pytest.mark.parametrize("how", ["raise", "exit", "answer", "endless", "timeout", "cancelled", "unforeseen"])
async def test_what_goes_wrong_inside_reaches_nobody(one: Served, how: str, caplog: pytest.LogCaptureFixture) -> None:
    given = {"how": how}
    replies = [await by_resource(one, "broken", given, USER), await by_postgrest(one, "broken", given, USER)]
    graph = {"query": "mutation ($how: String!) {broken(how: $how)}", "variables": given}
    replies.append(await one.post("/graphql", graph, USER))
    assert [each.status for each in replies] == [500, 500, 200]
    for each in replies:
        assert CANARY.encode() not in each.body
        assert CANARY not in str(each.headers)
    assert replies[2].json["errors"][0]["extensions"]["code"] == "unexpected"
    # The log has it, under the id that the caller was told.
    failures = [record for record in caplog.records if record.name == "reflector.server"]
    assert len(failures) == 3
    if how not in {"answer", "endless"}:
        assert all(record.exc_info is not None and CANARY in str(record.exc_info[1].__cause__) for record in failures)  # type: ignore[union-attr]
    # And it serves on.
    assert (await by_resource(one, "total", {"copies": 1}, USER)).status == 200


async def test_what_takes_too_long_is_ended(one: Served) -> None:
    reply = await by_resource(one, "forever", {}, USER)
    assert (reply.status, reply.code) == (504, "function_timeout")
    assert module().left.is_set()
    assert (await by_postgrest(one, "forever", {}, USER)).json["code"] == "57014"
    graph = await graphql(one, "mutation {forever}", USER)
    assert graph["errors"][0]["extensions"]["code"] == "time-limit-exceeded"


async def test_it_ends_when_its_client_leaves(one: Served) -> None:
    code = module()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.post(f"{one.base}/api/:functions/forever", headers=EDITOR))
        await asyncio.wait_for(code.waiting.wait(), 10)
        assert not code.left.is_set()
        asking.cancel()
    await asyncio.wait_for(code.left.wait(), 10)
    counted = one.running.parts.grounds.requests.series

    async def ended() -> bool:
        return any(kind[:2] == ("resource", "POST") for kind in counted)

    await eventually(ended)
    # Nobody was answered.
    assert [kind for kind in counted if kind[0] == "resource"] == [("resource", "POST", "4xx")]


async def test_a_mutation_calls_functions_in_their_order_and_writes_no_rows(one: Served) -> None:
    found = await graphql(one, "mutation {b: offer(book: 1) a: offer(book: 2) __typename}", USER)
    assert found["data"] == {
        "b": {"book": 1, "price": 12.3},
        "a": {"book": 2, "price": 12.3},
        "__typename": "mutation_root",
    }
    assert [each for each in module().happened if each[0] == "offer"] == [("offer", 1), ("offer", 2)]
    failing = await graphql(one, "mutation {offer(book: 3) sold_out last: offer(book: 4)}", USER)
    assert failing["data"] is None
    assert [each[1] for each in module().happened if each[0] == "offer"] == [1, 2, 3]
    many = await graphql(one, "{" + " ".join(f"f{n}: total(copies: {n})" for n in range(51)) + "}", USER)
    assert many["errors"][0]["extensions"]["code"] == "limit-exceeded"


async def test_functions_and_writes_are_two_mutations(databases: Databases, tmp_path: Path) -> None:
    config = CONFIG.replace("editor: {read: true}", "editor: {read: true, create: true}")
    async with reloadable(databases.database(DatabaseKind.SQLITE, SCHEMA), put(tmp_path, config)) as api:
        insert = 'insert_note_one(object: {id: 9, owner: "7", body: "new"}) {id}'
        mixed = await graphql(api, f"mutation {{{insert} notes}}", EDITOR)
        assert "send two of them" in mixed["errors"][0]["message"]
        assert (await graphql(api, f"mutation {{{insert}}}", EDITOR))["data"] == {"insert_note_one": {"id": 9}}


async def test_a_basic_credential_that_does_not_hold_calls_nothing(one: Served) -> None:
    bad = {"Authorization": "Bearer " + base64.urlsafe_b64encode(b"no").decode()}
    for reply in (
        await by_resource(one, "total", {"copies": 1}, bad),
        await by_postgrest(one, "total", {"copies": 1}, bad),
    ):
        assert reply.status == 401
