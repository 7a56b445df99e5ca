"""Where figures are told beside the APIs: a port of its own, and the socket on which fellow processes ask.

Rule: nothing but figures is told there, and on the port whether the server lives and is ready, in one word. Whoever reaches the port may ask; on loopback only under this machine's names.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.config.models import Metrics
from server.telemetry.exposition import Exposition, answer

PATH = "/metrics"


class FigureListener:
    """The listeners of one process: `wanted` is the port, `gate` stands before it, `words` are further routes there. `port`
    is the one it got."""

    def __init__(
        self, exposition: Exposition, gate: Middleware, wanted: Metrics | None, words: Sequence[web.RouteDef]
    ) -> None:
        self._exposition = exposition
        self._gate = gate
        self._wanted = wanted
        self._words = words
        self._runners: list[web.AppRunner] = []
        self.port: int | None = None

    async def start(self, _: web.Application) -> None:
        """Listen where it is wanted, for `on_startup`; raises OSError where that cannot be."""
        worker, wanted = self._exposition.worker, self._wanted
        if worker is not None:
            runner = await self._runner(web.Application(), self._own)
            await web.UnixSite(runner, worker.door(worker.number)).start()
        if wanted is not None:
            app = web.Application(middlewares=[self._gate])
            app.add_routes(self._words)
            runner = await self._runner(app, self._all)
            await web.TCPSite(runner, wanted.host, wanted.port, reuse_port=worker is not None or None).start()
            self.port = runner.addresses[0][1]

    async def close(self, _: web.Application) -> None:
        """Listen no more; for `on_cleanup`."""
        for runner in self._runners:
            await runner.cleanup()

    async def _runner(self, app: web.Application, handler: Handler) -> web.AppRunner:
        app.router.add_get(PATH, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._runners.append(runner)
        await runner.setup()
        return runner

    async def _own(self, _: web.Request) -> web.StreamResponse:
        return answer(self._exposition.own())

    async def _all(self, request: web.Request) -> web.StreamResponse:
        return answer(await self._exposition.text(request.query.getall("name[]", ())))
