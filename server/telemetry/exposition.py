"""The figures as Prometheus reads them: of this process, and of those that share its work.

Of several processes any may be asked. Each listens on a socket in a folder that only they can enter; whoever is asked
asks the others, and tells all under the label `worker`.

Rule: who does not answer within a second is left out, and the figure `workers` tells how many did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Final

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from server.siblings import Siblings
from server.telemetry.figures import Figures

LOG: Final = logging.getLogger("reflector.server")
CONTENT_TYPE: Final = "text/plain"
PARAMETERS: Final = {"version": "0.0.4", "charset": "utf-8"}
PATIENCE_SECONDS: Final = 1.0
WORKERS: Final = ("reflector_workers", "Processes that answered")


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several processes: its number from 1, how many there are, the folder where they meet, and how it tells
    the others something. `listens`: the socket that all of them take connections from, None where each has its own."""

    number: int
    count: int
    folder: Path
    siblings: Siblings
    listens: socket | None = None

    def door(self, number: int) -> str:
        """Where the worker of that number tells its own figures."""
        return str(self.folder / f"{number}.sock")

    @property
    def others(self) -> list[int]:
        return [number for number in range(1, self.count + 1) if number != self.number]


class Exposition:
    """Tells the figures of this process, and with `worker` those of its fellows."""

    def __init__(self, figures: Figures, worker: Worker | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(figures)
        ProcessCollector(registry=self.registry)
        self.worker = worker

    async def text(self, names: Iterable[str] = ()) -> bytes:
        """All figures, or those that are named."""
        metrics = list(self.registry.collect())
        if self.worker is not None:
            metrics = [*_joined(await self._all(self.worker, metrics))]
        wanted = frozenset(names)
        return rendered(metric for metric in metrics if not wanted or _is_named(metric, wanted))

    def own(self) -> bytes:
        """The figures of this process alone."""
        return rendered(self.registry.collect())

    async def _all(self, worker: Worker, own: Sequence[Metric]) -> list[tuple[int, Sequence[Metric]]]:
        others = await asyncio.gather(*(self._of(worker.door(number)) for number in worker.others))
        answered = [(number, metrics) for number, metrics in zip(worker.others, others, strict=True) if metrics]
        return sorted([(worker.number, own), *answered], key=lambda each: each[0])

    async def _of(self, door: str) -> Sequence[Metric]:
        patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(door), timeout=patience) as session,
                session.get("http://worker/metrics") as reply,
            ):
                return list(text_string_to_metric_families(await reply.text()))
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            LOG.warning("a worker does not tell its figures: %s", type(fault).__name__)
            return ()


class _Told(Collector):
    """Metrics that have been collected."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def rendered(metrics: Iterable[Metric]) -> bytes:
    """The text format."""
    return generate_latest(_Told(metrics))


def answer(text: bytes) -> web.Response:
    """The text as an HTTP answer."""
    version = "; ".join(f"{name}={value}" for name, value in PARAMETERS.items())
    return web.Response(body=text, headers={"Content-Type": f"{CONTENT_TYPE}; {version}"})


def _is_named(metric: Metric, names: frozenset[str]) -> bool:
    return metric.name in names or any(sample.name in names for sample in metric.samples)


def _joined(told: Sequence[tuple[int, Sequence[Metric]]]) -> Iterator[Metric]:
    """The metrics of all workers, each family once."""
    families: dict[str, Metric] = {}
    for number, metrics in told:
        for metric in metrics:
            family = families.get(metric.name)
            if family is None:
                family = families[metric.name] = Metric(metric.name, metric.documentation, metric.type)
            family.samples += [
                sample._replace(labels={**sample.labels, "worker": str(number)}) for sample in metric.samples
            ]
    yield from families.values()
    yield GaugeMetricFamily(*WORKERS, value=len(told))
