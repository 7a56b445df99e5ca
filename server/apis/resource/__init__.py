"""The resource API under `/api`: lists and rows of every table, for people, scripts and generated clients."""

from server.apis.resource.routes import resource_routes

__all__ = ["resource_routes"]
