"""A server that synchronous tests can ask: hypothesis calls plain functions, and the server lives in a loop of its own.

    with asking(url, config) as api:
        reply = api.ask("GET", "/api/thing")

Rule: requests go through a socket to the real server; nothing here knows what they mean.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from reflector.drivers.protocol import Driver
from tests.server.harness import Reply, Served, served

Given = TypeVar("Given")


class Counted:
    """A driver that counts the plans it is given to run; everything is the real one's."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.runs = driver, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    async def run(self, *arguments: Any) -> Any:
        self.runs += 1
        return await self.driver.run(*arguments)

    async def run_all(self, *arguments: Any) -> Any:
        self.runs += 1
        return await self.driver.run_all(*arguments)


class Api:
    """One server. Not a dataclass: a failing example would print all of it."""

    def __init__(self, runner: asyncio.Runner, server: Served) -> None:
        self.runner, self.served = runner, server

    def __repr__(self) -> str:
        return f"Api({self.served.running.engine.driver.kind})"

    def run(self, coroutine: Coroutine[Any, Any, Given]) -> Given:
        return self.runner.run(coroutine)

    def ask(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request; the body is JSON text, so that a number keeps the digits it is written with."""
        typed = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else body.encode()
        return self.run(self.served.request(method, path, {**typed, **(headers or {})}, data=data))

    def told(self, method: str, path: str, body: str | None = None, status: int = 200) -> Any:
        """The JSON of an answer with that status, numbers exact."""
        reply = self.ask(method, path, body)
        assert reply.status == status, (method, path, body, reply.status, reply.body.decode())
        return exact(reply.body) if reply.body else None


@contextmanager
def asking(url: str, config: str | None = None, **more: Any) -> Iterator[Api]:
    """A server over the database for as long as the context lasts."""
    with asyncio.Runner() as runner:
        context = served(url, config, **more)
        server = runner.run(context.__aenter__())
        try:
            yield Api(runner, server)
        finally:
            runner.run(context.__aexit__(None, None, None))


def exact(body: bytes | str) -> Any:
    """JSON with decimals as Decimal."""
    return json.loads(body, parse_float=Decimal)


def written(value: Any) -> str:
    """JSON text of a value, decimals digit by digit."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(str(key))}:{written(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value)
