"""Driving one server with wrk and reading off how it did.

Rule: a measurement in which anything was refused or failed is no measurement: it ends the benchmark.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError, Server, cpu_seconds
from benchmarks.workloads import Request

REPLAY = Path(__file__).with_name("replay.lua")
CONNECTIONS, THREADS = 32, 2


@dataclass(frozen=True, slots=True)
class Measurement:
    """One round of one workload on one server."""

    requests: int
    seconds: float
    p50: float
    """Milliseconds within which half of the requests were answered."""
    p99: float
    """Milliseconds within which 99 of 100 requests were answered."""
    server_cpu: float
    """Seconds of processor time the server used."""
    database_cpu: float
    """Seconds of processor time the database used for it."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def server_cpu_per_thousand(self) -> float:
        return self.server_cpu * 1000 / self.requests

    @property
    def database_cpu_per_thousand(self) -> float:
        return self.database_cpu * 1000 / self.requests


def wrk() -> str:
    """The path of wrk. Raises BenchmarkError that says how to install it."""
    found = shutil.which("wrk")
    if found is None:
        raise BenchmarkError("wrk, which makes the load, is not installed; as root: apt-get install wrk")
    return found


def write_requests(requests: Sequence[Request], file: Path) -> None:
    """One a line, as replay.lua reads them."""
    file.write_text("".join(f"{request.path}\t{request.body}\n" for request in requests))


def measure(server: Server, database_pid: int, method: str, requests: Path, seconds: int) -> Measurement:
    """Ask for `seconds` with 32 connections. Raises BenchmarkError when any request failed."""
    headers = [part for name, value in server.headers for part in ("-H", f"{name}: {value}")]
    command = [wrk(), f"-c{CONNECTIONS}", f"-t{THREADS}", f"-d{seconds}s", "--timeout", "30s", *headers]
    command += ["-s", str(REPLAY), server.url, "--", method, str(requests)]
    server_before, database_before = cpu_seconds(server.pid), cpu_seconds(database_pid)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    server_cpu = cpu_seconds(server.pid) - server_before
    database_cpu = cpu_seconds(database_pid) - database_before
    report = _report(ended)
    if report["refused"] or report["failed"] or not report["requests"]:
        raise BenchmarkError(f"{server.name} did not answer well: {report}")
    elapsed = report["microseconds"] / 1e6
    return Measurement(report["requests"], elapsed, report["p50"] / 1e3, report["p99"] / 1e3, server_cpu, database_cpu)


def _report(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    for line in ended.stdout.splitlines():
        if line.startswith("report "):
            report: dict[str, int] = json.loads(line.removeprefix("report "))
            return report
    raise BenchmarkError(f"wrk ended with code {ended.returncode} and no report:\n{ended.stdout}{ended.stderr}")
