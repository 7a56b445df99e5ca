"""The end-to-end benchmark: the hand-written baseline and Reflector, asked the same of the same database.

Rule: first both must answer alike; then they are measured in turns, round after round, each beginning every other round.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks import report
from benchmarks.agreement import check
from benchmarks.data import Database, Sizes, default_folder, shop
from benchmarks.load import Measurement, measure, write_requests, wrk
from benchmarks.processes import (
    BenchmarkError,
    Server,
    reflector_command,
    running,
    stop_politely_when_told,
)
from benchmarks.report import Result
from benchmarks.workloads import WORKLOADS, Ask, Workload
from tests.servers import MissingProgram, ServerFailed
from tests.servers.process import free_port

BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked for on the command line."""

    only: tuple[str, ...]
    rounds: int
    seconds: int
    scale: float
    folder: Path
    checks: int
    baseline_only: bool
    ours_config: str | None
    ours_headers: tuple[tuple[str, str], ...]
    output: Path | None


@dataclass(frozen=True, slots=True)
class Bench:
    """The database and the servers beside it, running. `scratch` is a folder for the requests to be replayed."""

    database: Database
    sizes: Sizes
    baseline: Server
    ours: Server | None
    scratch: Path

    def contenders(self, workload: Workload) -> list[tuple[Server, Ask]]:
        """Who takes part in a workload, the baseline first."""
        pairs = [(self.baseline, workload.baseline)]
        if self.ours is not None and workload.ours is not None:
            pairs.append((self.ours, workload.ours))
        return pairs


@contextmanager
def set_up(settings: Settings) -> Iterator[Bench]:
    """Everything started; stopped at the end. Raises BenchmarkError when something does not start."""
    sizes = Sizes.scaled(settings.scale)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        say("starting the database (the first time it is filled, which takes most of a minute)")
        database = stack.enter_context(shop(sizes, settings.folder))
        baseline = stack.enter_context(baseline_server(database.url))
        ours = None if settings.baseline_only else stack.enter_context(our_server(database.url, settings))
        yield Bench(database, sizes, baseline, ours, scratch)


@contextmanager
def baseline_server(url: str) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.baseline", url, "--port", str(port)]
    with running("baseline", command, port) as (server, _):
        yield server


@contextmanager
def our_server(url: str, settings: Settings) -> Iterator[Server]:
    port = free_port()
    command = reflector_command(url, port, config=settings.ours_config)
    with running("ours", command, port, settings.ours_headers) as (server, _):
        yield server


def agree(bench: Bench, workloads: Sequence[Workload], count: int) -> list[Result]:
    """Both servers answer alike, or BenchmarkError."""
    results = []
    for workload in workloads:
        say(f"comparing answers to {workload.name}")
        results.append(Result(workload, check(workload, bench.sizes, bench.baseline, bench.ours, count)))
    return results


def play(bench: Bench, results: Sequence[Result], settings: Settings) -> None:
    """One short round that does not count, for caches and plans, then those that do."""
    for number in range(settings.rounds + 1):
        seconds = settings.seconds if number else 2
        for result in results:
            measured = one_round(bench, result.workload, seconds, reverse=bool(number % 2))
            if number:
                keep(result, bench, measured)
                say(f"round {number}: " + described(result.workload, measured))


def one_round(bench: Bench, workload: Workload, seconds: int, *, reverse: bool) -> dict[str, Measurement]:
    """Every server measured once; in the reverse order every other round."""
    contenders = bench.contenders(workload)
    measured = {}
    for server, how in reversed(contenders) if reverse else contenders:
        asyncio.run(settle(bench.database.url, workload.before))
        requests = prepared_requests(bench, workload, server, how)
        measured[server.name] = measure(server, bench.database.pid, workload.method, requests, seconds)
    return measured


def prepared_requests(bench: Bench, workload: Workload, server: Server, how: Ask) -> Path:
    """A file of the requests, drawn the first time it is wanted."""
    file = bench.scratch / f"{workload.name}-{server.name}"
    if not file.exists():
        drawn = workload.values(bench.sizes, workload.drawn)
        write_requests([how.request(workload.method, values) for values in drawn], file)
    return file


async def settle(url: str, before: str) -> None:
    """Wait until the database has finished what wrk no longer waits for, then run what a workload wants run before it.

    Raises BenchmarkError when it is still busy after a minute.
    """
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(60):
            # Three looks, because between two statements of a queue the sessions seem idle for a moment.
            looks = 0
            while looks < 3:
                looks = 0 if await connection.fetchval(BUSY) else looks + 1
                await asyncio.sleep(0.02)
        if before:
            await connection.execute(before)
    except TimeoutError as error:
        raise BenchmarkError("the database is still busy a minute after the last request") from error
    finally:
        await connection.close()


def keep(result: Result, bench: Bench, measured: dict[str, Measurement]) -> None:
    result.baseline.append(measured[bench.baseline.name])
    if bench.ours is not None and bench.ours.name in measured:
        result.ours.append(measured[bench.ours.name])


def described(workload: Workload, measured: dict[str, Measurement]) -> str:
    rates = (f"{name} {report.number(one.rate)} req/s" for name, one in sorted(measured.items()))
    return f"{workload.name} {', '.join(rates)}"


def chosen(names: Sequence[str]) -> list[Workload]:
    """The workloads of these names, all without any. Raises BenchmarkError for a name that is none."""
    known = {workload.name: workload for workload in WORKLOADS}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise BenchmarkError(f"no workload is called {', '.join(wrong)}; there are {', '.join(known)}")
    return [workload for name, workload in known.items() if not names or name in names]


def run(settings: Settings) -> str:
    """The whole benchmark; the report as Markdown. Raises BenchmarkError."""
    wrk()
    workloads = chosen(settings.only)
    facts = report.machine()
    with set_up(settings) as bench:
        facts["database"] = f"{bench.database.version}, {bench.sizes.orders:,} orders"
        facts["load"] = f"wrk, 32 connections, {settings.rounds} rounds of {settings.seconds} s; medians"
        results = agree(bench, workloads, settings.checks)
        play(bench, results, settings)
    return report.document(facts, results)


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 'Name: value'")
    return name.strip(), value.strip()


def settings_from(words: Sequence[str] | None = None) -> Settings:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", default="", help="workloads to measure, as in W1,W2; all without it")
    add("--rounds", type=int, default=3)
    add("--seconds", type=int, default=5, help="of each measurement")
    add("--scale", type=float, default=1.0, help="1 means 100,000 customers; 0.01 is the least")
    add("--folder", type=Path, default=default_folder(), help="where data are kept between runs (%(default)s)")
    add("--checks", type=int, default=20, help="requests of each workload whose answers are compared first")
    add("--baseline-only", action="store_true", help="do not start Reflector")
    add("--ours-config", metavar="FILE", help="a config.yaml for Reflector, which is served writable without one")
    add("--ours-header", metavar="'NAME: VALUE'", type=header, action="append", default=[], help="sent to Reflector")
    add("--output", type=Path, metavar="FILE", help="write the report there too")
    given = vars(parser.parse_args(words))
    given["only"] = tuple(filter(None, given["only"].upper().split(",")))
    given["ours_headers"] = tuple(given.pop("ours_header"))
    return Settings(**given)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    settings = settings_from()
    stop_politely_when_told()
    try:
        text = run(settings)
    except (BenchmarkError, MissingProgram, ServerFailed) as failure:
        raise SystemExit(f"benchmark: {failure}") from failure
    print(text)
    if settings.output is not None:
        settings.output.write_text(text)


if __name__ == "__main__":
    main()
