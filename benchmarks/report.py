"""The result in words: medians over the rounds as a Markdown table, under the facts about the machine.

Rule: a share of the baseline is the median of the shares of each round, not the ratio of two medians: the two servers
of a round were measured one right after the other, so whatever else the machine did then touched both.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.load import Measurement
from benchmarks.workloads import Workload

LIBRARIES = ("aiohttp", "asyncpg", "uvloop", "sqlalchemy", "orjson")
GIB = 2**30


@dataclass(slots=True)
class Result:
    """What was measured of one workload, one entry a round; no rounds of ours where ours did not take part."""

    workload: Workload
    answer_bytes: int
    baseline: list[Measurement] = field(default_factory=list)
    ours: list[Measurement] = field(default_factory=list)


Quantity = Callable[[Measurement], float]


def rate(measurement: Measurement) -> float:
    return measurement.rate


def server_cpu(measurement: Measurement) -> float:
    return measurement.server_cpu_per_thousand


def database_cpu(measurement: Measurement) -> float:
    return measurement.database_cpu_per_thousand


def latency(rounds: Sequence[Measurement]) -> str:
    p50, p99 = (median(quantiles) for quantiles in zip(*((each.p50, each.p99) for each in rounds), strict=True))
    return f"{p50:.2f} / {p99:.2f}"


def share(result: Result, quantity: Quantity) -> float:
    """Ours divided by the baseline's: of each round, and of these the median."""
    pairs = zip(result.ours, result.baseline, strict=True)
    return median(quantity(ours) / quantity(baseline) for ours, baseline in pairs)


def middle(rounds: Sequence[Measurement], quantity: Quantity) -> float:
    return median(quantity(each) for each in rounds)


HEAD_OF_BOTH = (
    "workload", "answer", "baseline req/s", "ours req/s", "**share**", "baseline p50 / p99 ms", "ours p50 / p99 ms",
    "baseline CPU s/1000", "ours CPU s/1000", "**× CPU**", "database CPU s/1000: baseline, ours",
)  # fmt: skip
HEAD_OF_BASELINE = ("workload", "answer", "req/s", "p50 / p99 ms", "CPU s/1000", "database CPU s/1000")


def row_of_both(result: Result) -> tuple[str, ...]:
    baseline, ours = result.baseline, result.ours
    common = (title(result), size(result.answer_bytes), number(middle(baseline, rate)))
    cpu, theirs = number(middle(baseline, server_cpu)), number(middle(baseline, database_cpu))
    if not ours:
        return (*common, "not offered yet", "–", latency(baseline), "–", cpu, "–", "–", theirs)
    return (
        *common,
        number(middle(ours, rate)),
        f"**{share(result, rate):.2f}**",
        latency(baseline),
        latency(ours),
        cpu,
        number(middle(ours, server_cpu)),
        f"**{share(result, server_cpu):.2f}**",
        f"{theirs}, {number(middle(ours, database_cpu))}",
    )


def row_of_baseline(result: Result) -> tuple[str, ...]:
    rounds = result.baseline
    return (
        title(result),
        size(result.answer_bytes),
        number(middle(rounds, rate)),
        latency(rounds),
        number(middle(rounds, server_cpu)),
        number(middle(rounds, database_cpu)),
    )


def title(result: Result) -> str:
    return f"{result.workload.name} {result.workload.title}"


def size(count: int) -> str:
    return f"{count} B" if count < 10_000 else f"{count / 1000:.0f} kB"


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (head, ["---", *["---:"] * (len(head) - 1)], *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> dict[str, str]:
    """What a reader must know to compare these numbers with others."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return {
        "processor": f"{os.cpu_count()} cores of {processor()}, {memory:.0f} GiB of memory",
        "system": f"{platform.system()} {platform.release()}",
        "load before, over 1, 5 and 15 minutes": load,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def document(facts: Mapping[str, str], results: Sequence[Result]) -> str:
    """The whole report as Markdown."""
    both = any(result.ours for result in results)
    rows = [(row_of_both if both else row_of_baseline)(result) for result in results]
    lines = [f"* {name}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, "", table(HEAD_OF_BOTH if both else HEAD_OF_BASELINE, rows), ""])
