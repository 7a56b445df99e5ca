"""Bookshops on three databases, and the documents of the servers in front of them."""

from __future__ import annotations

from tests.core.conftest import databases, kind, shops

__all__ = ["databases", "kind", "shops"]
