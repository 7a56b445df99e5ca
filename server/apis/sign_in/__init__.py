"""Signing in at pages, and out again."""

from server.apis.sign_in.routes import sign_in_routes, with_visits

__all__ = ["sign_in_routes", "with_visits"]
