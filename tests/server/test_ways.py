"""The shortest ways lead where the HTTP library would have led, for whatever is asked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler

from server.middleware.ways import Route, Ways

API = [
    ("*", "/api"),
    ("*", "/api/{table:[^/]+}"),
    ("*", "/api/{table:[^/]+}/{key:[^/]*}"),
    ("GET", "/ws"),
    ("GET", "/ws/{table}"),
    ("*", "/graphql"),
    ("GET", "/health/live"),
]
FURTHER = [
    ("GET", "/api/reports"),
    ("*", "/api/sums/{year:[^/]+}"),
    ("GET", "/api/plain/row"),
    ("*", "/files/{name:.*}"),
    ("*", "/files/{name:[^/]+}"),
    ("POST", "/only/{name:[^/]+}"),
    ("*", "/only/{name:[^/]+}"),
    ("*", "/part/x{name:[^/]+}"),
]


def postgrest(root: str) -> list[tuple[str, str]]:
    return [
        ("*", root or "/"),
        ("*", f"{root}/"),
        ("*", root + "/{table:[^/]+}"),
        ("*", root + "/rpc/{function:[^/]+}"),
        ("*", root + "/{path:[^/]*/.*}"),
    ]


def handler_of(place: tuple[str, str]) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{place[0]} {place[1]}")

    return answer


def routed(places: Sequence[tuple[str, str]], strange: Sequence[tuple[str, str]] = ()) -> tuple[web.Application, Ways]:
    app, routes = web.Application(), list[Route]()
    for place in dict.fromkeys(places):
        handler = handler_of(place)
        app.router.add_route(*place, handler)
        routes.append(Route(*place, handler, by_itself=place not in strange))

    async def by_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request)

    async def otherwise(_: web.Request) -> web.StreamResponse:
        return web.Response(text="the library")

    return app, Ways(routes, by_gate, otherwise)


PARTS = ("", "api", "book", "reports", "sums", "plain", "row", "ws", "files", "only", "part", "xa", "rest", "v1", "rpc")
THREE = ("", "api", "book", "reports", "sums", "row", "v1", "rpc")
PATHS = [
    *("/" + "/".join(parts) for count in (1, 2) for parts in itertools.product(PARTS, repeat=count)),
    *("/" + "/".join(parts) for parts in itertools.product(THREE, repeat=3)),
    *("/rest/v1/book", "/rest/v1/rpc/add", "/rest/v1/rpc", "/rest/v1/", "/rest/v1/a/b", "/api/b%6fok", "/api/a%2Fb/7"),
]


@pytest.mark.parametrize("root", ["", "/rest/v1", "/api/v1"])
@pytest.mark.parametrize("further", [[], FURTHER], ids=["alone", "with others"])
async def test_a_way_leads_where_the_library_leads(root: str, further: list[tuple[str, str]]) -> None:
    app, ways = routed([*API, *further, *postgrest(root)], further)
    found = 0
    for path in PATHS:
        way = ways.handler(path)
        if way is None:
            continue
        found += 1
        for method in ("GET", "POST", "FETCH"):
            led = await app.router.resolve(make_mocked_request(method, path))
            assert led.handler is way, (method, path)
    assert found > 30


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/book", "* /api/{table:[^/]+}"),
        ("/api/book/7", "* /api/{table:[^/]+}/{key:[^/]*}"),
        ("/rest/v1/book", "* /rest/v1/{table:[^/]+}"),
        ("/rest/v1/rpc/add", "* /rest/v1/rpc/{function:[^/]+}"),
        ("/api/book/", "the library"),
        ("/api/a%2Fb/7", "the library"),
        ("/api", "the library"),
        ("/api/sums/2026", "the library"),
        ("/graphql", "the library"),
    ],
)
async def test_what_is_certain_goes_the_short_way_and_all_else_the_library_s(path: str, place: str) -> None:
    _, ways = routed([*API, *FURTHER, *postgrest("/rest/v1")], FURTHER)
    response = await ways(make_mocked_request("GET", path))
    assert isinstance(response, web.Response)
    assert response.text == place


async def test_an_expectation_is_answered_by_the_library() -> None:
    _, ways = routed(API)
    response = await ways(make_mocked_request("POST", "/api/book", {"Expect": "100-continue"}))
    assert isinstance(response, web.Response)
    assert response.text == "the library"
