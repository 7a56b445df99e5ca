from tests.server.conftest import bookshop

__all__ = ["bookshop"]
