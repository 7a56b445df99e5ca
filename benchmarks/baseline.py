"""What a patient programmer would write by hand for exactly these requests: the yardstick for Reflector.

Rule: nothing here is general. The SQL is fixed, the database builds the JSON, this process passes the bytes on, every
statement stays prepared on ten held connections, and a connection that falls free goes straight to the request that
has waited longest. One process, uvloop, no access log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg
import uvloop
from aiohttp import web

CONNECTIONS = 10

ORDER_BY_KEY = """
SELECT row_to_json(found) FROM (
  SELECT id, customer_id, status, total, created_at FROM orders WHERE id = $1
) AS found
"""

NEWEST_ORDERS = """
SELECT coalesce(json_agg(listed), '[]') FROM (
  SELECT id, customer_id, status, total, created_at FROM orders
  WHERE status = $1 ORDER BY created_at DESC LIMIT 100
) AS listed
"""

CUSTOMERS_WITH_ALL = """
SELECT coalesce(json_agg(customer), '[]') FROM (
  SELECT c.id, c.name, c.email, c.country, c.created_at, (
    SELECT coalesce(json_agg(placed), '[]') FROM (
      SELECT o.id, o.customer_id, o.status, o.total, o.created_at, (
        SELECT coalesce(json_agg(line), '[]') FROM (
          SELECT i.id, i.order_id, i.product_id, i.quantity, i.unit_price
          FROM order_items AS i WHERE i.order_id = o.id ORDER BY i.id
        ) AS line
      ) AS items
      FROM orders AS o WHERE o.customer_id = c.id ORDER BY o.id
    ) AS placed
  ) AS orders
  FROM customers AS c WHERE c.id > $1 ORDER BY c.id LIMIT 20
) AS customer
"""

PLACE_ORDER = """
INSERT INTO new_orders AS placed (customer_id, status, total, created_at)
VALUES ($1, $2, $3::text::numeric, $4::text::timestamptz)
RETURNING row_to_json(placed)
"""

PRODUCTS_PAGE = """
SELECT json_build_object(
  'total', (SELECT count(*) FROM products),
  'rows', (
    SELECT coalesce(json_agg(listed), '[]') FROM (
      SELECT id, sku, name, price FROM products ORDER BY id LIMIT $1 OFFSET $2
    ) AS listed
  )
)
"""

ORDERS_BY_STATUS = """
SELECT json_agg(counted) FROM (
  SELECT status, count(*) AS count, sum(total) AS sum FROM orders GROUP BY status ORDER BY status
) AS counted
"""

STATEMENTS = (ORDER_BY_KEY, NEWEST_ORDERS, CUSTOMERS_WITH_ALL, PLACE_ORDER, PRODUCTS_PAGE, ORDERS_BY_STATUS)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One connection to the database with every statement prepared on it."""

    connection: asyncpg.Connection[Any]
    prepared: dict[str, Any]


@dataclass(slots=True)
class Lanes:
    """The held connections. A queue of asyncio lets newcomers overtake; here whoever waited longest is served next."""

    idle: list[Lane] = field(default_factory=list)
    waiting: deque[asyncio.Future[Lane]] = field(default_factory=deque)

    async def value(self, statement: str, *values: object) -> bytes | None:
        """The only value of the only row, as the database wrote it; None where there is no row."""
        lane = self.idle.pop() if self.idle else await self._turn()
        try:
            body: bytes | None = await lane.prepared[statement].fetchval(*values)
        finally:
            self._hand_on(lane)
        return body

    async def _turn(self) -> Lane:
        turn: asyncio.Future[Lane] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on(turn.result())
            raise

    def _hand_on(self, lane: Lane) -> None:
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(lane)
                return
        self.idle.append(lane)


async def open_lane(url: str) -> Lane:
    """One connection that hands JSON over as bytes. Raises what asyncpg raises when the database is not there."""
    settings = {"application_name": "baseline", "timezone": "UTC"}
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url, server_settings=settings)
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    lane = Lane(connection, {text: await connection.prepare(text) for text in STATEMENTS})
    # Preparing ends without a Sync, so its table locks would be held until the next query of this connection.
    await connection.execute("SELECT 1")
    return lane


def answer(body: bytes | None, status: int = 200) -> web.Response:
    if body is None:
        return web.Response(status=404)
    return web.Response(body=body, status=status, content_type="application/json")


def handlers(lanes: Lanes) -> dict[tuple[str, str], Handler]:
    """Every route and the few lines by hand that answer it."""

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="ready")

    async def order(request: web.Request) -> web.Response:
        return answer(await lanes.value(ORDER_BY_KEY, int(request.match_info["id"])))

    async def newest_orders(request: web.Request) -> web.Response:
        return answer(await lanes.value(NEWEST_ORDERS, request.query["status"]))

    async def customers(request: web.Request) -> web.Response:
        return answer(await lanes.value(CUSTOMERS_WITH_ALL, int(request.query["after"])))

    async def place_order(request: web.Request) -> web.Response:
        row = json.loads(await request.read())
        values = (row["customer_id"], row["status"], str(row["total"]), row["created_at"])
        return answer(await lanes.value(PLACE_ORDER, *values), 201)

    async def graphql(request: web.Request) -> web.Response:
        # What a GraphQL server would do that recognises the document at once and parses nothing.
        asked = json.loads(await request.read())
        rows = await lanes.value(CUSTOMERS_WITH_ALL, asked["variables"]["after"]) or b"[]"
        return answer(b'{"data":{"customers":' + rows + b"}}")

    async def products(request: web.Request) -> web.Response:
        limit = int(request.query["limit"])
        return answer(await lanes.value(PRODUCTS_PAGE, limit, (int(request.query["page"]) - 1) * limit))

    async def orders_by_status(_request: web.Request) -> web.Response:
        return answer(await lanes.value(ORDERS_BY_STATUS))

    return {
        ("GET", "/health/ready"): ready,
        ("GET", "/orders/{id}"): order,
        ("GET", "/orders"): newest_orders,
        ("GET", "/customers"): customers,
        ("POST", "/new_orders"): place_order,
        ("POST", "/graphql"): graphql,
        ("GET", "/products"): products,
        ("GET", "/orders_by_status"): orders_by_status,
    }


def application(url: str) -> web.Application:
    lanes = Lanes()
    app = web.Application()
    for (method, path), handler in handlers(lanes).items():
        app.router.add_route(method, path, handler)

    async def open_lanes(_app: web.Application) -> None:
        lanes.idle.extend([await open_lane(url) for _ in range(CONNECTIONS)])

    async def close_lanes(_app: web.Application) -> None:
        for lane in lanes.idle:
            await lane.connection.close()

    app.on_startup.append(open_lanes)
    app.on_cleanup.append(close_lanes)
    return app


def main() -> None:
    arguments = argparse.ArgumentParser(description="The hand-written server that benchmarks compare with.")
    arguments.add_argument("url", help="of the benchmark database: postgresql://...")
    arguments.add_argument("--port", type=int, required=True)
    given = arguments.parse_args()
    app = application(given.url)
    web.run_app(app, host="127.0.0.1", port=given.port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
