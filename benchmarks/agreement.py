"""Do both servers give the same answers? Asked before anything is measured: a fast wrong answer is worth nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from benchmarks.data import Sizes
from benchmarks.processes import BenchmarkError, Server, ask
from benchmarks.workloads import Ask, Values, Workload

SALT = "agreement"


def check(workload: Workload, sizes: Sizes, baseline: Server, ours: Server | None, count: int) -> int:
    """Ask both for `count` random requests; the mean bytes of the baseline's answers.

    Raises BenchmarkError with the first place where they differ, or where an answer is empty or refused.
    """
    drawn = list(workload.values(sizes, min(count, workload.drawn), SALT))
    length = 0
    for values in drawn:
        expected, size = _rows(workload, baseline, workload.baseline, values)
        length += size
        if not expected:
            raise BenchmarkError(f"{workload.name}: the baseline's answer to {dict(values)} is empty")
        if ours is not None and workload.ours is not None:
            given, _ = _rows(workload, ours, workload.ours, values)
            _compare(workload, values, expected, given)
    return length // len(drawn)


def _rows(workload: Workload, server: Server, how: Ask, values: Values) -> tuple[Any, int]:
    request = how.request(workload.method, values)
    reply = ask(server, request.method, request.path, request.body)
    if reply.status != workload.status:
        said = reply.body[:500].decode(errors="replace")
        raise BenchmarkError(f"{workload.name}: {server.name} answered {request.path} with {reply.status}: {said}")
    try:
        # Decimals, because floats would call two different prices the same.
        return how.rows(json.loads(reply.body, parse_float=Decimal)), len(reply.body)
    except (ValueError, LookupError, TypeError) as error:
        raise BenchmarkError(
            f"{workload.name}: {server.name} answered {request.path} in another form: {error!r}"
        ) from error


def _compare(workload: Workload, values: Values, expected: Any, given: Any) -> None:
    difference = first_difference(expected, given)
    if difference is not None:
        raise BenchmarkError(f"{workload.name}: the answers to {dict(values)} differ at {difference}")


def first_difference(expected: Any, given: Any, place: str = "answer") -> str | None:
    """Where two JSON values part, in words; None where they do not. The order of names counts as no difference."""
    if isinstance(expected, dict) and isinstance(given, dict) and expected.keys() == given.keys():
        return _first(tuple((f"{place}.{name}", expected[name], given[name]) for name in expected))
    sequences = (list, tuple)
    if isinstance(expected, sequences) and isinstance(given, sequences) and len(expected) == len(given):
        pairs = enumerate(zip(expected, given, strict=True))
        return _first(tuple((f"{place}[{index}]", left, right) for index, (left, right) in pairs))
    if type(expected) is type(given) and expected == given:
        return None
    return f"{place}: the baseline says {_short(expected)}, ours {_short(given)}"


def _first(parts: Sequence[tuple[str, Any, Any]]) -> str | None:
    differences = (first_difference(left, right, place) for place, left, right in parts)
    return next((difference for difference in differences if difference is not None), None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
