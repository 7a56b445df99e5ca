"""The OpenAPI 3.1 document of the resource API, made from the catalog for the roles of whoever asks."""

from server.openapi.document import Setting, document, setting, written
from server.openapi.page import docs_routes
from server.openapi.routes import openapi_routes

__all__ = ["Setting", "docs_routes", "document", "openapi_routes", "setting", "written"]
