"""The document is valid, says what is served, and is true of what is answered."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from reflector.catalog.model import DatabaseKind
from tests.apis.openapi.reading import Document, document_of, filled
from tests.server.harness import Served, served

GOLDEN = Path(__file__).parents[2] / "golden" / "openapi.json"
KEY = re.compile(r"[a-zA-Z0-9._-]+\Z")


@pytest.fixture
async def shop(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """Open for reading and writing; no test here writes."""
    async with served(shops[kind], writable=True) as api:
        yield api


@pytest.fixture
async def sqlite_shop(shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(shops[DatabaseKind.SQLITE], writable=True) as api:
        yield api


async def test_the_document_is_valid_openapi(shop: Served) -> None:
    document = (await document_of(shop)).whole
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


async def test_names_can_be_those_of_generated_code(shop: Served) -> None:
    document = await document_of(shop)
    names = [operation["operationId"] for _, _, operation in document.operations()]
    assert len({name.casefold() for name in names}) == len(names)
    assert {"list_book", "get_book", "create_book", "update_book", "delete_book", "list_readers_note"} <= set(names)
    for section in document.whole["components"].values():
        assert all(KEY.match(key) for key in section)
        assert len({key.casefold() for key in section}) == len(section)


async def test_every_get_answers_what_the_document_says(shop: Served) -> None:
    document = await document_of(shop)
    asked = 0
    for path, method, operation in list(document.operations()):
        if method != "get" or "{" in path:
            continue
        reply = await shop.get(f"{path}?limit=100" if path.startswith("/api/") else path)
        assert reply.status == 200, (path, reply.body)
        assert document.complaints(document.answer(operation, 200), reply.json) == [], path
        asked += 1 + await every_row_of(shop, document, path, reply.json)
    assert asked > 1000


async def every_row_of(shop: Served, document: Document, path: str, page: Any) -> int:
    """Ask for each row of the page by its key, where the document gives rows an address."""
    template = next((each for each in document.whole["paths"] if each.startswith(f"{path}/{{")), None)
    if template is None:
        return 0
    operation = document.whole["paths"][template]["get"]
    parameters = document.parameters(template, operation)
    for row in page["items"]:
        one = await shop.get(filled(template, row, parameters))
        assert (one.status, one.json) == (200, row), (template, row)
    return len(page["items"])


async def test_related_rows_are_what_the_document_says(shop: Served) -> None:
    document = await document_of(shop)
    for path, method, operation in document.operations():
        include = [each for each in document.parameters(path, operation) if each["name"] == "include"]
        if method != "get" or "{" in path or not include:
            continue
        names = listed(document.follow(include[0]["schema"]["items"]))
        reply = await shop.get(f"{path}?limit=3&include={quote(','.join(names))}")
        assert reply.status == 200, (path, reply.body)
        assert document.complaints(document.answer(operation, 200), reply.json) == [], path
        assert all(name in row for row in reply.json["items"] for name in names)


async def test_the_methods_of_the_document_are_those_of_the_server(shop: Served) -> None:
    document = await document_of(shop)
    for path, item in document.whole["paths"].items():
        if path.startswith("/api/"):
            allowed = (await shop.request("OPTIONS", path.replace("{", "").replace("}", ""))).headers["Allow"]
            offered = {method.lower() for method in allowed.split(", ")} - {"head", "options"}
            assert {each for each in item if each != "parameters"} == offered, path


async def test_a_server_that_is_not_writable_offers_only_reading(shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[DatabaseKind.SQLITE]) as api:
        document = await document_of(api)
    assert {method for _, method, _ in document.operations()} == {"get"}
    assert not [name for name in document.whole["components"]["schemas"] if name.endswith(("Create", "Update"))]


def listed(schema: Mapping[str, Any]) -> list[str]:
    """The names that a schema lists, without those that patterns tell."""
    names: list[str] = schema["enum"] if "enum" in schema else schema["anyOf"][0]["enum"]
    return names


async def test_every_name_that_is_listed_is_accepted(sqlite_shop: Served) -> None:
    document = await document_of(sqlite_shop)
    for path, method, operation in document.operations():
        if "reading_survey" in path:  # 70 columns, as plain as those of the others
            continue
        for parameter in document.parameters(path, operation):
            if method != "get" or "{" in path or parameter["name"] not in {"fields", "include", "sort"}:
                continue
            for name in listed(document.follow(parameter["schema"]["items"])):
                reply = await sqlite_shop.get(f"{path}?limit=0&{parameter['name']}={quote(name)}")
                assert reply.status == 200, (path, name, reply.body)


async def test_every_column_that_is_a_parameter_filters(sqlite_shop: Served) -> None:
    document = await document_of(sqlite_shop)
    fixed = {"fields", "include", "sort", "filter", "limit", "page", "cursor", "count", "conditions"}
    for path, method, operation in document.operations():
        for parameter in document.parameters(path, operation):
            if method == "get" and "{" not in path and parameter["name"] not in fixed:
                reply = await sqlite_shop.get(f"{path}?{quote(parameter['name'])}=no%20value%20of%20it")
                pointers = {each["pointer"] for each in reply.json.get("errors", ())}
                assert reply.status == 200 or pointers == {f"/query/{parameter['name']}"}, (path, reply.body)


SPELLINGS = ("{}", "-{}", "{}.nullslast", "-{}.nullsfirst", "{}.id", "-{}.id", "{}.name", "{}__eq", "*", "--{}", "{}.")
WORDS = ("id", "title", "price", "attributes", "weight", "author", "publisher", "category", "reader's note", "nothing")


@pytest.mark.parametrize(
    ("parameter", "schema"), [("fields", "BookField"), ("include", "BookInclude"), ("sort", "BookSort")]
)
async def test_what_the_server_takes_the_document_allows(sqlite_shop: Served, parameter: str, schema: str) -> None:
    document = await document_of(sqlite_shop)
    for spelling in SPELLINGS:
        for word in WORDS:
            text = spelling.format(word)
            reply = await sqlite_shop.get(f"/api/book?limit=0&{parameter}={quote(text)}")
            allowed = document.accepts(schema, text)
            # What stands behind the first name of a path is not in the document: there is no end to it.
            assert reply.status == 200 or not allowed or re.match(r"-?[a-z' ]+\.", text), text
            assert allowed or reply.status != 200 or unlisted(parameter, text), text


def unlisted(parameter: str, text: str) -> bool:
    """`-author.id` is refused only because nothing of an author is answered; that needs the other parameter."""
    return parameter == "fields" and text.startswith("-") and "." in text


@pytest.mark.parametrize("column", ["title", "price", "attributes", "nothing"])
async def test_conditions_are_allowed_as_the_server_takes_them(sqlite_shop: Served, column: str) -> None:
    document = await document_of(sqlite_shop)
    operators = "eq ne gt gte lt lte in nin between isnull like ilike contains icontains startswith endswith near"
    for operator in operators.split():
        name = f"{column}__{operator}"
        value = {"isnull": "true", "between": "1,2"}.get(operator, "1")
        reply = await sqlite_shop.get(f"/api/book?limit=0&{name}={value}")
        assert document.accepts("BookConditions", {name: value}) == (reply.status == 200), name


async def test_a_problem_is_what_the_document_says(sqlite_shop: Served) -> None:
    document = await document_of(sqlite_shop)
    path, _, operation = document.operation("list_book")
    reply = await sqlite_shop.get(f"{path}?titel=x&price=dear&limit=-1")
    assert reply.status == 422
    assert len(reply.json["errors"]) == 3
    assert document.complaints(document.answer(operation, 422), reply.json) == []


async def test_a_row_to_create_names_what_must_be_given(sqlite_shop: Served) -> None:
    document = await document_of(sqlite_shop)
    assert document.schema("BookCreate")["required"] == ["isbn", "title", "publisher_code", "price"]
    row = {"isbn": "1", "title": "x", "publisher_code": "P", "price": 1}
    assert document.accepts("BookCreate", row)
    assert not document.accepts("BookCreate", {**row, "titel": "x"})
    assert not document.accepts("BookCreate", {"title": "x"})
    assert document.accepts("BookUpdate", {"title": "x"})
    assert not document.accepts("BookUpdate", {"title": None})


async def test_a_client_that_takes_the_first_form_that_fits_reads_one_new_row_and_several(
    own_sqlite_shop: Served,
) -> None:
    document = await document_of(own_sqlite_shop)
    path, _, operation = document.operation("create_tag")
    forms = document.answer(operation, 201)["anyOf"]
    rows = [{"name": "sea"}, {"name": "sky"}, {"name": "one"}]
    several = (await own_sqlite_shop.post(path, rows[:2])).json
    one = (await own_sqlite_shop.post(path, rows[2])).json
    assert [tag["name"] for tag in several["items"]] == ["sea", "sky"]
    assert one["name"] == "one"
    fitting = [next(form for form in forms if not document.complaints(form, answer)) for answer in (several, one)]
    assert ["items" in form.get("properties", ()) for form in fitting] == [True, False]


async def test_the_document_is_the_one_that_was_agreed(sqlite_shop: Served) -> None:
    """UPDATE_GOLDEN=1 writes what is made now; the change is then for people to judge."""
    whole = dict((await document_of(sqlite_shop)).whole)
    whole["info"] = {**whole["info"], "title": "bookshop", "version": "0"}
    made = lines(whole)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()


def lines(document: Mapping[str, Any]) -> str:
    """JSON with a line for each path and each component, so that a difference shows where it is."""
    spread = {"paths": 1, "components": 2}
    return (
        "{\n"
        + ",\n".join(f'"{name}": {_spread(each, spread.get(name, 0))}' for name, each in document.items())
        + "\n}\n"
    )


def _spread(value: Any, levels: int) -> str:
    if not levels:
        return json.dumps(value, ensure_ascii=False)
    members = [f"{json.dumps(name, ensure_ascii=False)}: {_spread(each, levels - 1)}" for name, each in value.items()]
    return "{\n" + ",\n".join(members) + "\n}"
