"""`GET /docs`: the document of whoever asks, shown by a packaged Swagger UI.

Rule: the page shows `/openapi.json` of this server and no other document, whatever its address says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from server.pages import page_routes

FOLDER: Final = Path(__file__).parent / "assets"
FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "page.js", "page.css")


def docs_routes(*, guarded: bool) -> list[web.RouteDef]:
    """The page and its files. `guarded`: whether an access token is asked for."""
    return page_routes("/docs", FOLDER, FILES, guarded=guarded)
