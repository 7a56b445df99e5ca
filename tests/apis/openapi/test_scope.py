"""Each caller has a document of their own, and what they may not use leaves no trace in it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from openapi_spec_validator import OpenAPIV31SpecValidator

from reflector.catalog.model import DatabaseKind
from tests.apis.openapi.reading import document_of
from tests.server.harness import served

SECRET = "a-secret-of-at-least-thirty-two-bytes"
CONFIG = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{limits: {{max_rows: 20}}}}, clerk: {{extends: guest}}, courier: {{}}, writer: {{}}}}
tables:
  "*": {{columns: {{"*_secret": hidden}}}}
  book:
    allow:
      guest: {{read: status == 'published', columns: [id, title, publisher_code]}}
      clerk:
        read: true
        columns: [id, price]
        create: {{check: true, columns: [title, price], presets: {{isbn: "'0'", publisher_code: "'ACME'"}}}}
        update: {{filter: true, columns: [price]}}
  publisher: {{allow: {{guest: {{read: country == 'PE'}}}}}}
  customer: {{allow: {{courier: {{read: true}}}}}}
  review: {{allow: {{writer: {{create: {{check: true, columns: [rating]}}}}}}}}
"""
HIDDEN_FROM_GUESTS = [
    "isbn",
    "subtitle",
    "price",
    "weight",
    "attributes",
    "category",
    "author",
    "book_author",
    "tag",
    "customer",
    "review",
    "order_line",
    "shop",
    "staff",
    "stock",
    "reading_survey",
    "note's",
    "login_secret",
    "loyalty_number",
    "published_book",
    "street",
]


def token(*roles: str) -> Mapping[str, str]:
    claims = {"role": list(roles), "sub": "7", "exp": int(time.time()) + 86_400}
    return {"Authorization": "Bearer " + jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))}


@pytest.fixture
def url(shops: Mapping[DatabaseKind, str]) -> str:
    return shops[DatabaseKind.SQLITE]


async def test_what_is_hidden_is_not_in_the_text(url: str) -> None:
    async with served(url, CONFIG) as api:
        reply = await api.get("/openapi.json")
    text = reply.body.decode()
    assert [name for name in HIDDEN_FROM_GUESTS if re.search(rf"\b{re.escape(name)}\b", text)] == []
    assert {"/api/book", "/api/book/{id}", "/api/publisher"} <= reply.json["paths"].keys()
    assert reply.json["components"]["schemas"]["Book"]["properties"].keys() == {
        "id",
        "title",
        "publisher_code",
        "publisher",
    }


async def test_a_secret_is_hidden_from_those_who_read_the_rest(url: str) -> None:
    async with served(url, CONFIG) as api:
        text = (await api.get("/openapi.json", token("courier"))).body.decode()
    assert "loyalty_number" in text
    assert "login_secret" not in text


@pytest.mark.parametrize("roles", [(), ("clerk",), ("courier",), ("writer",), ("clerk", "courier")])
async def test_every_role_has_a_valid_document(url: str, roles: tuple[str, ...]) -> None:
    async with served(url, CONFIG) as api:
        document = await document_of(api, token(*roles) if roles else None)
    assert list(OpenAPIV31SpecValidator(document.whole).iter_errors()) == []


async def test_the_document_says_what_the_role_may_do(url: str) -> None:
    async with served(url, CONFIG) as api:
        guest, clerk = await document_of(api), await document_of(api, token("clerk"))
        writer = await document_of(api, token("writer"))
    assert {operation["operationId"] for _, _, operation in guest.operations() if "book" in operation["tags"]} == {
        "list_book",
        "get_book",
    }
    assert clerk.operation("update_book")[0] == "/api/book/{id}"
    assert clerk.schema("BookUpdate")["properties"].keys() == {"price"}
    assert clerk.schema("BookCreate")["required"] == ["title", "price"]
    assert "delete" not in clerk.whole["paths"]["/api/book/{id}"]
    path, _, operation = writer.operation("create_review")
    assert writer.whole["paths"][path].keys() == {"post"}
    assert "content" not in operation["responses"]["201"]


async def test_what_a_rule_can_hide_can_be_null(url: str) -> None:
    """A clerk sees every row, and the title of those alone that a guest sees; a publisher may be hidden by its rule."""
    async with served(url, CONFIG) as api:
        guest, clerk = await document_of(api), await document_of(api, token("clerk"))
        rows = (await api.get("/api/book?limit=1000&include=publisher", token("clerk"))).json
    assert guest.schema("Book")["properties"]["title"]["type"] == "string"
    assert clerk.schema("Book")["properties"]["title"]["type"] == ["string", "null"]
    assert clerk.schema("Book")["properties"]["publisher"]["anyOf"][-1] == {"type": "null"}
    assert clerk.complaints({"$ref": "#/components/schemas/BookPage"}, rows) == []
    assert any(row["title"] is None for row in rows["items"])
    assert any(row["publisher"] is None for row in rows["items"])


async def test_a_caller_with_a_bad_credential_gets_no_document(url: str) -> None:
    async with served(url, CONFIG) as api:
        bad = await api.get("/openapi.json", {"Authorization": "Bearer x"})
    assert (bad.status, bad.code) == (401, "invalid_token")


async def test_who_may_call_is_said(url: str) -> None:
    async with served(url, CONFIG) as api:
        asked = (await document_of(api)).whole
    async with served(url) as api:
        alone = (await document_of(api)).whole
    async with served(url, environ={"REFLECTOR_TOKEN": "a-token-long-enough-for-anybody"}) as api:
        guarded = (await document_of(api, {"Authorization": "Bearer a-token-long-enough-for-anybody"})).whole
    assert asked["security"] == [{"bearer": []}, {}]
    assert asked["components"]["securitySchemes"]["bearer"]["bearerFormat"] == "JWT"
    assert asked["paths"]["/health/live"]["get"]["security"] == []
    assert "security" not in alone
    assert guarded["security"] == [{"bearer": []}]


async def test_every_way_of_proving_who_calls_is_said(url: str) -> None:
    keys = f'{{header: X-Key, keys: {{a: {{hash: "sha256:{"0" * 64}", role: user}}}}}}'
    config = f"auth: {{api_keys: {keys}, anonymous_role: guest}}\nroles: {{user: {{}}, guest: {{}}}}"
    async with served(url, config) as api:
        said = (await document_of(api)).whole
    assert said["security"] == [{"key": []}, {}]
    assert said["components"]["securitySchemes"] == {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    opaque = f"auth: {{introspection: {{url: 'http://127.0.0.1:9/', client_id: a, client_secret: {'x' * 40}}}, anonymous_role: user}}"
    async with served(url, f"{opaque}\nroles: {{user: {{}}}}") as api:
        said = (await document_of(api)).whole
    assert said["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}


async def test_limits_are_those_of_the_caller(url: str) -> None:
    async with served(url, CONFIG) as api:
        guest, courier = (await document_of(api)).whole, (await document_of(api, token("courier"))).whole
    assert guest["components"]["parameters"]["Limit"]["schema"]["default"] == 20
    assert courier["components"]["parameters"]["Limit"]["schema"]["default"] == 100
