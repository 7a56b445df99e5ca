"""The resource API under `/api`: lists and rows of every table, for people, scripts and generated clients."""

from server.apis.resource.functions import function_routes
from server.apis.resource.routes import resource_routes
from server.apis.resource.within import Within

__all__ = ["Within", "function_routes", "resource_routes"]
