"""Each row of the page's table of issuers: what it says can be configured, and makes callers of tokens as that issuer documents them.

The claims are those that the issuers' own documentation shows; keys are published on this machine, and nobody else is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import pytest

from server.auth.credentials import authenticator
from server.auth.frame import Authenticator
from server.config import Config
from server.problems import InvalidToken
from tests.server.harness import REPOSITORY, configured
from tests.server.issuers import ONE, public, service, signed
from tests.server.test_issuers import told

PAGE: Final = REPOSITORY / "docs" / "authentication.md"
HEAD: Final = "| issuer | `issuer` | `jwks` | `audience` | `role_claim` |"
PLACES: Final = {
    "HOST": "id.example", "REALM": "shop", "CLIENT": "shop-api", "TENANT": "11111111-2222-3333-4444-555555555555",
    "REGION": "eu-central-1", "POOL": "eu-central-1_Abc", "PROJECT": "shop-1", "REF": "abcdefghij",
}  # fmt: skip
ROLES: Final = "roles: {user: {}, editor: {}, authenticated: {}, usual: {}}"


class Token(NamedTuple):
    """A token of an issuer. `settings`: the columns as somebody fills them in who has read the words around; None for what the
    column says itself. `roles` are its bearer's; None where it is refused."""

    issuer: str
    settings: Mapping[str, Any]
    claims: Mapping[str, Any]
    roles: tuple[str, ...] | None


KEYCLOAK: Final = {
    "typ": "Bearer", "azp": "web", "aud": ["shop-api", "account"], "scope": "openid email", "preferred_username": "ann",
    "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-shop", "editor"]},
    "resource_access": {"shop-api": {"roles": ["user"]}, "account": {"roles": ["manage-account"]}},
}  # fmt: skip
AUTH0: Final = {
    "sub": "auth0|1", "aud": ["https://shop.example/api", "https://TENANT.auth0.com/userinfo"], "azp": "web", "scope": "openid",
    "https://shop.example/roles": ["user", "editor"], "permissions": ["user"],
}  # fmt: skip
ENTRA: Final = {
    "aud": "66666666-7777-8888-9999-000000000000", "azp": "web", "oid": "o", "tid": PLACES["TENANT"], "ver": "2.0", "roles": ["editor"],
}  # fmt: skip
OKTA: Final = {
    "ver": 1,
    "jti": "AT.1",
    "aud": "api://default",
    "cid": "web",
    "uid": "u",
    "scp": ["openid"],
    "groups": ["Everyone", "user"],
}
COGNITO: Final = {"token_use": "id", "aud": "client-1", "cognito:groups": ["user", "editor"], "cognito:username": "ann"}
ACCESS: Final = {
    "token_use": "access",
    "client_id": "client-1",
    "cognito:groups": ["user"],
    "scope": "openid",
    "version": 2,
}
GOOGLE: Final = {
    "azp": "client-1",
    "aud": "client-1",
    "email": "ann@shop.example",
    "email_verified": True,
    "hd": "shop.example",
}
FIREBASE: Final = {
    "aud": "shop-1", "user_id": "7", "auth_time": 1, "firebase": {"identities": {}, "sign_in_provider": "password"}, "role": "editor",
}  # fmt: skip
SUPABASE: Final = {
    "aud": "authenticated", "role": "authenticated", "aal": "aal1", "session_id": "s", "is_anonymous": False, "email": "ann@shop.example",
    "app_metadata": {"provider": "email", "role": "editor"}, "user_metadata": {},
}  # fmt: skip
OWN: Final = {"audience": "shop-api"}
IGNORING: Final = {**OWN, "role_claim": "realm_access.roles", "undeclared_roles": "ignore"}
CLIENT: Final = {"audience": "client-1"}
TOKENS: Final = (
    Token("Keycloak", OWN, KEYCLOAK, ("user",)),
    Token("Keycloak", IGNORING, KEYCLOAK, ("editor",)),
    Token("Keycloak", {**IGNORING, "audience": "account", "default_role": "usual"}, {**KEYCLOAK, "aud": "account", "realm_access": {"roles": ["offline_access"]}}, ("usual",)),
    Token("Keycloak", OWN, {**KEYCLOAK, "aud": "account"}, None),
    Token("Auth0", {"audience": "https://shop.example/api"}, AUTH0, ("user", "editor")),
    Token("Auth0", {"audience": "https://shop.example/api", "role_claim": "permissions"}, AUTH0, ("user",)),
    Token("Auth0", {"audience": "https://shop.example/api"}, {**AUTH0, "iss": "https://TENANT.auth0.com"}, None),
    Token("Microsoft Entra ID", {"audience": ENTRA["aud"]}, ENTRA, ("editor",)),
    Token("Microsoft Entra ID", {"audience": ENTRA["aud"]}, {**ENTRA, "ver": "1.0", "iss": f"https://sts.windows.net/{PLACES['TENANT']}/"}, None),
    Token("Okta", {"undeclared_roles": "ignore"}, OKTA, ("user",)),
    Token("Amazon Cognito", CLIENT, COGNITO, ("user", "editor")),
    Token("Amazon Cognito", {"audience": False}, ACCESS, ("user",)),
    Token("Amazon Cognito", {"audience": False}, COGNITO, None),
    Token("Amazon Cognito", {"audience": False, "default_role": "usual"}, {**ACCESS, "cognito:groups": None}, ("usual",)),
    Token("Google", {**CLIENT, "role_claim": "role", "default_role": "usual"}, GOOGLE, ("usual",)),
    Token("Google", {**CLIENT, "role_claim": "role", "default_role": "usual", "issuer": "accounts.google.com"}, {**GOOGLE, "iss": "accounts.google.com"}, ("usual",)),
    Token("Firebase", {"audience": PLACES["PROJECT"]}, FIREBASE, ("editor",)),
    Token("Supabase", {}, SUPABASE, ("authenticated",)),
    Token("Supabase", {"role_claim": "/app_metadata/role"}, SUPABASE, ("editor",)),
)  # fmt: skip


def rows() -> dict[str, dict[str, str]]:
    """The table: of each issuer what its columns say, word for word, its places filled in."""
    text = PAGE.read_text().partition(HEAD)[2].partition("\n\n")[0]
    found: dict[str, dict[str, str]] = {}
    for line in text.strip().splitlines()[1:]:
        issuer, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for place, value in PLACES.items():
            # Auth0 calls by the same word what stands in a host's name.
            cells = [re.sub(rf"\b{place}\b(?!\.auth0)", value, cell) for cell in cells]
        found[issuer] = dict(zip(("issuer", "jwks", "audience", "role_claim"), cells, strict=True))
    return found


ROWS: Final = rows()


def first(cell: str) -> str | None:
    """What stands in a column as it is to be written: the first words of code in it, where it begins so or gives an example."""
    found = re.search(r"(?:^|such as )`([^`]+)`", cell)
    return found[1] if found else None


def settings_of(token: Token) -> dict[str, Any]:
    row = ROWS[token.issuer]
    said = {name: first(cell) for name, cell in row.items()}
    said["jwks"] = (said["jwks"] or "").replace("ISSUER", said["issuer"] or "")
    # Whatever somebody has to choose is offered by the row.
    for name in ("audience", "role_claim", "issuer"):
        chosen = token.settings.get(name)
        if isinstance(chosen, str) and chosen != said[name] and token.issuer != "Google":
            assert name == "audience" or f"`{chosen}`" in row[name], (token.issuer, name, chosen)
    if token.settings.get("audience") is False:
        assert "`false`" in row["audience"]
    return {**{name: value for name, value in said.items() if value is not None}, **token.settings}


def of(jwt: Mapping[str, Any]) -> Config:
    return configured("sqlite:///x.db", f"auth: {json.dumps({'jwt': jwt})}\n{ROLES}")


@asynccontextmanager
async def calling(jwt: Mapping[str, Any]) -> AsyncIterator[Authenticator]:
    """Who tells who calls, where these are the settings of tokens."""
    made = authenticator(of(jwt))
    assert isinstance(made, Authenticator)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def test_every_issuer_of_the_table_has_tokens_here() -> None:
    assert {token.issuer for token in TOKENS} == ROWS.keys()
    assert len(ROWS) == 8


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.issuer)
async def test_a_token_as_its_issuer_documents_it_has_the_roles_that_the_row_says(token: Token) -> None:
    jwt = settings_of(token)
    config = of(jwt)
    assert config.auth is not None
    assert (config.auth.jwt[0].jwks, config.auth.jwt[0].issuer) == (jwt["jwks"], jwt["issuer"])
    claims = {"iss": jwt["issuer"], "role": None, **token.claims}
    async with service(public(ONE)) as issuer, calling({**jwt, "jwks": issuer.url}) as made:
        if token.roles is None:
            with pytest.raises(InvalidToken):
                await told(made, signed(ONE, "RS256", **claims))
        else:
            assert (await told(made, signed(ONE, "RS256", **claims))).roles == token.roles
