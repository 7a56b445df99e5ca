"""The figures that are told, one row each: what is counted elsewhere, read when somebody asks.

Rule: a new figure is one new row. No figure names a table, a role or a caller, and none is worked out beforehand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import accumulate
from typing import Final, Literal, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from reflector.capture import Capture
from reflector.engine import Engine
from reflector.snapshot import swaps
from server.cache.answers import AnswerCache
from server.telemetry.requests import BOUNDS, Requests

Kind = Literal["counter", "gauge"]
Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A counter's name ends without `_total`. `read` gives a value for each set of labels; nothing where there is none."""

    name: str
    kind: Kind
    meaning: str
    read: Callable[[], Values]
    labels: Labels = ()

    def metric(self) -> Metric:
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric = family(f"reflector_{self.name}", self.meaning, labels=self.labels)
        for labels, value in self.read():
            metric.add_metric(labels, value)
        return metric


def one(read: Callable[[], float]) -> Callable[[], Values]:
    """The reader of a figure without labels."""
    return lambda: [((), read())]


@dataclass(eq=False, slots=True)
class Figures(Collector):
    """All figures of this process. Others add theirs to `rows` while the server is put together."""

    requests: Requests
    rows: list[Figure] = field(default_factory=list)

    def collect(self) -> Iterator[Metric]:
        yield from (row.metric() for row in self.rows)
        yield self._requests()
        yield self._durations()

    def _requests(self) -> Metric:
        told = "Requests answered, by API, method and class of status"
        metric = CounterMetricFamily("reflector_requests", told, labels=("api", "method", "status"))
        for kind, series in self.requests.series.items():
            metric.add_metric(kind, series.count)
        return metric

    def _durations(self) -> Metric:
        told = "Seconds from a request's headers to the answer"
        metric = HistogramMetricFamily("reflector_request_duration_seconds", told, labels=("api",))
        for api in sorted({kind[0] for kind in self.requests.series}):
            found = [series for kind, series in self.requests.series.items() if kind[0] == api]
            counts = accumulate(map(sum, zip(*(series.buckets for series in found), strict=True)))
            bounds = [*map(str, BOUNDS), "+Inf"]
            seconds = sum(series.seconds for series in found)
            metric.add_metric([api], list(zip(bounds, counts, strict=True)), seconds)
        return metric


class Bound(Protocol):
    """How the configuration fits the schema."""

    @property
    def unfit(self) -> Sequence[object]: ...

    @property
    def exposed(self) -> Sequence[object]: ...


def engine_figures(present: Callable[[], Engine], bound: Callable[[], Bound], started: float) -> Iterator[Figure]:
    """What is known of the present engine, and how the configuration fits it; `started` in seconds of the wall clock."""
    info = (version("reflector"), present().driver.kind.value)
    yield Figure("info", "gauge", "The version and the database", lambda: [(info, 1)], ("version", "database"))
    yield Figure("start_time_seconds", "gauge", "When the process began to serve", one(lambda: started))
    for name, kind, meaning, read in OF_ENGINE:
        yield Figure(name, kind, meaning, one(_of_present(read, present)))
    yield Figure(
        "tables_closed",
        "gauge",
        "Rules that do not fit the database, each closes its table",
        one(lambda: len(bound().unfit)),
    )
    yield Figure("columns_exposed", "gauge", EXPOSED, one(lambda: len(bound().exposed)))
    for name, meaning in OF_POOL.items():
        yield Figure(
            f"pool_{name}",
            "gauge",
            meaning,
            partial(_of_pools, name, present),
            ("pool",),
        )


class Reading(Protocol):
    """How readings of the configuration went."""

    at: dt.datetime
    taken: int
    refusals: int

    @property
    def refused(self) -> Sequence[object]: ...

    @property
    def waiting(self) -> Sequence[object]: ...


def configuration_figures(reading: Reading, insecure: Callable[[], bool]) -> Iterator[Figure]:
    """What is known of the configuration that serves. `insecure`: whether it serves everybody."""

    def moment() -> float:
        return reading.at.timestamp()

    def readings() -> Values:
        return [(("taken",), reading.taken), (("refused",), reading.refusals)]

    yield Figure("config_reloads", "counter", "Readings of the configuration after the first", readings, ("outcome",))
    yield Figure("config_refused", "gauge", REFUSED, one(lambda: bool(reading.refused)))
    yield Figure("insecure", "gauge", INSECURE, one(insecure))
    yield Figure("config_read_seconds", "gauge", "When the one that serves was read", one(moment))
    yield Figure("config_restart", "gauge", "Settings that need a restart", one(lambda: len(reading.waiting)))


EXPOSED: Final = "Columns that appeared while serving, and that roles read though no list names them"
INSECURE: Final = "Whether everybody is served without a question (--insecure)"
REFUSED: Final = "Whether the configuration as it is written is refused, and an older one serves"


def capture_figures(capture: Capture, sockets: Callable[[], int]) -> Iterator[Figure]:
    """What is known of changes and of those who follow them. `sockets`: how many are open."""

    def subscribers() -> float:
        return 0 if capture.running is None else capture.running.subscriptions

    def lag() -> Values:
        return [] if capture.lag is None else [((), capture.lag)]

    yield Figure("sockets", "gauge", "Sockets that are open", one(sockets))
    yield Figure("subscriptions", "gauge", "Subscriptions to changes", one(subscribers))
    yield Figure("capture_active", "gauge", "Whether changes are captured", one(lambda: capture.active))
    yield Figure("captured_changes", "counter", "Changes that were captured", one(lambda: capture.captured))
    yield Figure("capture_lag_seconds", "gauge", "From the newest change's commit until it was here", lag)


def cache_figures(cache: AnswerCache | None) -> Iterator[Figure]:
    """What is known of kept answers, where any are kept."""
    if cache is None:
        return
    for name, kind, meaning, read in OF_CACHE:
        yield Figure(f"answer_cache_{name}", kind, meaning, one(partial(read, cache)))
    others = cache.others
    if others is not None:
        yield Figure("others_heard", "gauge", "Whether other servers are heard", one(others.heard))
        yield Figure("others_garbled", "counter", GARBLED, one(lambda: others.garbled))


@dataclass(slots=True)
class SpanTally:
    """What became of the spans of this process: `sent` were taken by the collector, `dropped` were not and will not be."""

    sent: int = 0
    dropped: int = 0


def span_figures(tally: SpanTally) -> Iterator[Figure]:
    """What is known of traces; nothing becomes of any where none are configured."""
    yield Figure("spans_sent", "counter", "Spans that the collector took", one(lambda: tally.sent))
    yield Figure("spans_dropped", "counter", "Spans that nobody took", one(lambda: tally.dropped))


GARBLED: Final = "Messages of other servers that could not be read, each of which ended every answer"

OF_CACHE: Final[tuple[tuple[str, Kind, str, Callable[[AnswerCache], float]], ...]] = (
    ("hits", "counter", "Answers that were kept", lambda cache: cache.hits),
    ("misses", "counter", "Answers that the database was asked for", lambda cache: cache.misses),
    ("joined", "counter", "Requests that waited for another one's answer", lambda cache: cache.joined),
    ("late", "counter", "Answers that were shown past their ttl", lambda cache: cache.late),
    ("unrenewed", "counter", "Answers that could not be fetched anew", lambda cache: cache.renewals.failed),
    ("evicted", "counter", "Answers that made room for others", lambda cache: cache.memory.evicted),
    ("entries", "gauge", "Answers that are kept", lambda cache: len(cache.memory)),
    ("bytes", "gauge", "About how much they take", lambda cache: cache.memory.size),
)


def _of_present(read: Callable[[Engine], float], present: Callable[[], Engine]) -> Callable[[], float]:
    return lambda: read(present())


def _of_pools(name: str, present: Callable[[], Engine]) -> Values:
    return [((usage.name,), getattr(usage, name)) for usage in present().driver.usage()]


OF_ENGINE: Final[tuple[tuple[str, Kind, str, Callable[[Engine], float]], ...]] = (
    ("snapshot_number", "gauge", "How often the schema was swapped", lambda engine: swaps(engine.snapshot.number)),
    ("tables", "gauge", "Tables and views of the schema", lambda engine: len(engine.snapshot.catalog.tables)),
    ("plan_cache_hits", "counter", "Plans found, in this schema", lambda engine: engine.snapshot.plans.hits),
    ("plan_cache_misses", "counter", "Plans compiled, in this schema", lambda engine: engine.snapshot.plans.misses),
    ("plan_cache_entries", "gauge", "Plans that are kept", lambda engine: len(engine.snapshot.plans)),
    ("plan_cache_bytes", "gauge", "About how much they take", lambda engine: engine.snapshot.plans.size),
)
OF_POOL: Final[Mapping[str, str]] = {
    "size": "Connections to the database at most",
    "idle": "Connections that nobody uses",
    "busy": "Connections in use or being made",
    "waiting": "Requests that wait for a connection",
}
