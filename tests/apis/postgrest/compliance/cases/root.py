"""The document at the root, and what stands in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.apis.postgrest.compliance.case import (
    MARIADB,
    POSTGRESQL,
    SQLITE,
    Ask,
    Case,
    Parts,
    ask,
    fails,
    get,
    gives,
    post,
)
from tests.apis.postgrest.compliance.cases.around import known

SWAGGER: Final = "application/openapi+json; charset=utf-8"
NEWER: Final = "application/openapi+json;version=3.1"
DOCUMENT: Final = "the document at the root"
TOLD: Final = "what the document tells"
WHERE: Final = "where the document says that the API is"
CALLED: Final = "a function at the root"


def tells(
    name: str,
    members: Mapping[str, object],
    at: str = "harbour",
    feature: str = TOLD,
    headers: Mapping[str, str] | None = None,
) -> Case:
    """Members of the document."""
    return Case(name, feature, Ask("GET", "", headers=headers or {}), gives(Parts(members)), at=at)


KEY: Final = "Note:\nThis is a Primary Key.<pk/>"
CAPTAIN: Final = "Note:\nThis is a Foreign Key to `captain.id`.<fk table='captain' column='id'/>"
# fmt: off
CASES: Final = (
    Case("Swagger", DOCUMENT, get(""), gives(Parts({"swagger": "2.0", "info/title": ...}), Content_Type=SWAGGER)),
    Case("as JSON", DOCUMENT, get("", Accept="application/json"), gives(Parts({"swagger": "2.0"}), Content_Type=SWAGGER)),
    Case("OpenAPI", DOCUMENT, get("", Accept=NEWER), gives(Parts({"openapi": "3.1.0", "swagger": None}), Content_Type=f"{NEWER}; charset=utf-8")),
    Case("another type", DOCUMENT, get("", Accept="text/csv"), fails(406, "PGRST107")),
    Case("HEAD", DOCUMENT, ask("HEAD", ""), gives(b"", Content_Type=SWAGGER, Content_Length=None)),
    Case("OPTIONS", DOCUMENT, ask("OPTIONS", ""), gives(b"", Allow="OPTIONS,GET,HEAD")),
    Case("no writing", DOCUMENT, post("", {}), fails(405, "PGRST117")),
    Case("switched off", DOCUMENT, get(""), fails(404, "PGRST126", "Root endpoint metadata is disabled"), at="narrow"),
    tells("tables", {"paths/~1port/get/tags": ["port"], "paths/~1heavy/get": ..., "definitions/port/type": "object"}),
    tells("methods of who may only read", {"paths/~1port/get": ..., "paths/~1port/post": None}),
    tells("methods of who may write", {"paths/~1thing/post": ..., "paths/~1thing/patch": ..., "paths/~1thing/delete": ...}, at="yard"),
    tells("keys", {"definitions/port/properties/id/description": KEY, "definitions/ship/properties/captain_id/description": CAPTAIN}),
    tells("types", {"definitions/port/properties/id/type": "integer", "definitions/port/properties/name/maxLength": 40,
                      "definitions/port/properties/country/maxLength": 2}),
    tells("what is required", {"definitions/port/required": ["id", "name"]}),
    tells("parameters", {"parameters/rowFilter.port.name/in": "query", "parameters/preferCount/enum": ...,
                           "parameters/select/in": "query", "parameters/range/in": "header"}),
    tells("bodies", {"parameters/body.thing/in": "body", "parameters/body.thing/schema/$ref": "#/definitions/thing"}, at="yard"),
    tells("of a reader", {"paths/~1good/get": ..., "paths/~1port": None, "definitions/captain": None}, at="guarded"),
    tells("of one who may more", {"paths/~1port/get": ..., "definitions/port/properties/country": None}, at="guarded", headers=known()),
    tells("of anybody", {"paths/~1port/get": ..., "paths/~1good/get": ..., "paths/~1captain": None}, at="ignoring"),
    Case("functions", TOLD, get(""), gives(Parts({"paths/~1rpc~1twice/get": ..., "paths/~1rpc~1twice/post": ..., "paths/~1rpc~1closed": None})),
         on=(POSTGRESQL, MARIADB), at="functions"),
    Case("functions that write", TOLD, get(""), gives(Parts({"paths/~1rpc~1cleared/post": ..., "paths/~1rpc~1cleared/get": None})), on=(POSTGRESQL,), at="functions"),
    Case("comments", TOLD, get(""), gives(Parts({"paths/~1good/get/summary": "What is carried", "paths/~1good/get/description": "in ships",
                                                 "definitions/good/properties/name/description": "As it is called"})), on=(POSTGRESQL, MARIADB)),
    tells("a token", {"securityDefinitions/JWT/in": "header", "securityDefinitions/JWT/type": "apiKey", "security": ...}, at="strict", feature=WHERE),
    tells("no token", {"securityDefinitions": None, "security": None}, feature=WHERE),
    tells("behind another", {"host": "api.example:8443", "basePath": "/v1", "schemes": ["https"]}, at="strict", feature=WHERE),
    tells("here", {"basePath": "/rest/v1", "host": None}, feature=WHERE),
    Case("a value", CALLED, get("?n=4&by_what=3"), gives(12), on=(POSTGRESQL, MARIADB), at="rooted"),
    Case("its arguments", CALLED, get("?m=4"), fails(404, "PGRST202"), on=(POSTGRESQL, MARIADB), at="rooted"),
    Case("where the database decides", CALLED, get(""), gives("from beside"), on=(POSTGRESQL,), at="native root"),
    Case("is not had", CALLED, get("rpc/twice"), fails(400, "PGRST127"), on=(SQLITE,), at="functions"),
)
# fmt: on
