"""Short words for operations: what is asked, and what comes back."""

from __future__ import annotations

from typing import Any

from tests.server.harness import Reply, Served


async def post(
    api: Served, query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **more: Any
) -> Reply:
    body = {"query": query, **({} if variables is None else {"variables": variables}), **more}
    return await api.post("/graphql", body, headers)


async def data(
    api: Served, query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> Any:
    """The data; there must be no errors. Asked twice: what was read once answers the same again."""
    first = await post(api, query, variables, headers)
    assert first.status == 200, first.body
    assert "errors" not in first.json, first.json
    if not query.lstrip().startswith("mutation"):
        again = await post(api, query, variables, headers)
        assert again.body == first.body
    return first.json["data"]


async def refused(
    api: Served, query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> tuple[str, str, str]:
    """Code, path and message of the one error; there must be no data."""
    reply = await post(api, query, variables, headers)
    assert reply.status == 200, reply.body
    assert reply.json.get("data") is None
    (error,) = reply.json["errors"]
    return error["extensions"]["code"], error["extensions"]["path"], error["message"]
