"""What a kept answer costs: memory hits and 304s beside the hand-written baseline, which asks the database every time.

`python -m benchmarks.cached` prints a Markdown table. All requests are W1's, one row by its key, drawn from so few rows that
after one round every one of them is kept; W2's list of 100 rows is there for the size.

Rule: what is measured is checked first: the rows are the baseline's, and a 304 is one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.agreement import check
from benchmarks.data import Sizes, default_folder, shop
from benchmarks.load import Measurement, measure, write_requests, wrk
from benchmarks.processes import BenchmarkError, Server, reflector_command, running, stop_politely_when_told
from benchmarks.run import baseline_server, say
from benchmarks.workloads import WORKLOADS, Ask, Request, Workload
from tests.servers.process import free_port

CONFIG = """\
version: 1
defaults: {read: true}
tables: {"*": {cache: {ttl: 1h}}}
"""
ROWS = 1000


@dataclass
class Line:
    """One row of the report."""

    title: str
    server: Server
    requests: Path
    rounds: list[Measurement] = field(default_factory=list)

    def middle(self, figure: Callable[[Measurement], float]) -> float:
        return statistics.median(map(figure, self.rounds))


@contextmanager
def keeping_server(url: str, scratch: Path) -> Iterator[Server]:
    file = scratch / "config.yaml"
    file.write_text(CONFIG)
    port = free_port()
    with running("ours", reflector_command(url, port, config=str(file)), port) as (server, _):
        yield server


def tag_of(server: Server, path: str) -> str:
    """The entity tag of an answer, which is then a 304. Raises BenchmarkError where it is none."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        tag = response.getheader("ETag") or ""
        connection.request("GET", path, headers={"If-None-Match": tag})
        again = connection.getresponse()
        if again.status != 304 or again.read():
            raise BenchmarkError(f"{path} is no 304 but {again.status}")
    finally:
        connection.close()
    return tag


def workload(name: str) -> Workload:
    return next(each for each in WORKLOADS if each.name == name)


def lines(sizes: Sizes, baseline: Server, ours: Server, scratch: Path) -> list[Line]:
    """What is measured; both servers have been held against one another."""
    found: list[Line] = []

    def add(title: str, server: Server, requests: Sequence[Request]) -> None:
        file = scratch / str(len(found))
        write_requests(requests, file)
        found.append(Line(title, server, file))

    def drawn(asked: Workload, how: Ask | None, count: int) -> list[Request]:
        if how is None:
            raise BenchmarkError(f"{asked.name} is not offered")
        return [how.request(asked.method, values) for values in asked.values(sizes, count)]

    for name, count in (("W1", ROWS), ("W2", 4)):
        asked = workload(name)
        check(asked, sizes, baseline, ours, 4)
        add(f"{name}, baseline: asks the database", baseline, drawn(asked, asked.baseline, count))
        add(f"{name}, ours: memory hit", ours, drawn(asked, asked.ours, count))
        one = drawn(asked, asked.ours, 1)
        told = replace(ours, headers=(("If-None-Match", tag_of(ours, one[0].path)),))
        add(f"{name}, ours: 304", told, one)
    return found


def report(found: Sequence[Line]) -> str:
    rows = ["| | requests/s | p50, ms | p99, ms | server CPU, ms per 1,000 |", "| --- | ---: | ---: | ---: | ---: |"]
    for line in found:
        cpu = line.middle(lambda one: one.server_cpu_per_thousand) * 1000
        rows.append(
            f"| {line.title} | {line.middle(lambda one: one.rate):,.0f} | {line.middle(lambda one: one.p50):.2f}"
            f" | {line.middle(lambda one: one.p99):.2f} | {cpu:.0f} |"
        )
    return "\n".join(rows)


def run(rounds: int, seconds: int, scale: float, folder: Path) -> str:
    wrk()
    sizes = Sizes.scaled(scale)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(shop(sizes, folder))
        baseline = stack.enter_context(baseline_server(database.url))
        ours = stack.enter_context(keeping_server(database.url, scratch))
        found = lines(sizes, baseline, ours, scratch)
        for number in range(rounds + 1):
            for line in found:
                measured = measure(line.server, database.pid, "GET", line.requests, seconds if number else 1)
                if number:
                    line.rounds.append(measured)
                    say(f"round {number}: {line.title}: {measured.rate:,.0f} requests/s")
    return report(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cached", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--scale", type=float, default=0.1, help="1 means 100,000 customers; 0.01 is the least")
    parser.add_argument("--folder", type=Path, default=default_folder())
    given = parser.parse_args()
    stop_politely_when_told()
    try:
        print(run(given.rounds, given.seconds, given.scale, given.folder))
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
