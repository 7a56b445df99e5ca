"""What came of the trials, for people on a terminal and for machines that read JUnit's XML.

Rule: what failed is told with its place, what was expected and what was seen; what was not run says why, and never
counts as passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from server.trials.coverage import Coverage, Touched
from server.trials.judging import Outcome, Result

MARKS: Final = {Outcome.PASSED: ".", Outcome.FAILED: "F", Outcome.NOT_RUN: "s"}
WORDS: Final = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.NOT_RUN: "not run"}
WIDE: Final = 78
HEADINGS: Final = ("passed", "refused")


def line_of(result: Result) -> str:
    """One line of a list: what became of a test."""
    trial = result.bound.trial
    return f"{WORDS[result.outcome]:<7} {trial.name}   ({trial.position})"


def dots(results: Sequence[Result]) -> Iterator[str]:
    """A mark for each test."""
    marks = "".join(MARKS[each.outcome] for each in results)
    yield from (marks[begin : begin + WIDE] for begin in range(0, len(marks), WIDE))


def failures(results: Iterable[Result]) -> Iterator[str]:
    """Each test that failed, with what was expected and what was seen."""
    for each in results:
        if each.outcome is Outcome.FAILED:
            trial = each.bound.trial
            yield ""
            yield f"FAILED {trial.position}: {trial.name}"
            if trial.said.name:
                yield f"    {trial.caller}: {trial.deed}"
            yield from (f"    {line}" for line in each.lines)


def not_run(results: Iterable[Result]) -> Iterator[str]:
    """Why tests were not run, those of one reason together."""
    why = Counter(each.lines[0] for each in results if each.outcome is Outcome.NOT_RUN)
    for reason, count in why.items():
        yield f"not run: {count} test{'' if count == 1 else 's'}: {reason}"


def summary(results: Sequence[Result]) -> str:
    """How many passed, failed and were not run."""
    found = Counter(each.outcome for each in results)
    parts = [f"{found[each]} {each}" for each in Outcome if found[each]]
    return f"{len(results)} permission test{'' if len(results) == 1 else 's'}: {', '.join(parts)}"


# ── coverage ─────────────────────────────────────────────────────────────────────────────────


def untouched(coverage: Coverage) -> Iterator[str]:
    """The table of `--coverage`: every word of the file about access, and how often a test met it."""
    rows = [_row(each) for each in coverage.words]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    yield f"{'':<{widths[0] + widths[1] + widths[2] + 6}}{HEADINGS[0]:>7}  {HEADINGS[1]:>7}"
    for row, each in zip(rows, coverage.words, strict=True):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"{cells}  {each.passed:>7}  {_refused(each):>7}  {_remark(each)}".rstrip()
    missed = sum(not each.touched for each in coverage.words)
    half = sum(each.touched and not each.both for each in coverage.words)
    yield f"coverage {coverage.percent}%: {len(rows)} words, {missed} that no test touches, {half} seen one way alone"


def _row(touched: Touched) -> tuple[str, str, str]:
    word = touched.word
    kind = word.verb if word.kind == "right" else word.kind if word.kind == "hidden" else f"{word.verb} {word.kind}"
    text = word.text if len(word.text) <= WIDE // 2 else f"{word.text[: WIDE // 2 - 1]}…"
    return word.name, f"{word.role} {kind}", text


def _refused(touched: Touched) -> str:
    return "-" if touched.word.always or touched.word.kind == "hidden" else str(touched.refused)


def _remark(touched: Touched) -> str:
    return "" if touched.touched else f"no test   {touched.word.position or ''}"


# ── for machines ─────────────────────────────────────────────────────────────────────────────


def junit(results: Sequence[Result]) -> str:
    """The results as JUnit's XML, which build servers read."""
    found = Counter(each.outcome for each in results)
    suite = ET.Element(
        "testsuite",
        name="permissions",
        tests=str(len(results)),
        failures=str(found[Outcome.FAILED]),
        skipped=str(found[Outcome.NOT_RUN]),
        time=f"{sum(each.seen.seconds for each in results):.3f}",
    )
    for each in results:
        _case(suite, each)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, result: Result) -> None:
    trial = result.bound.trial
    place = trial.position
    case = ET.SubElement(
        suite,
        "testcase",
        name=printable(trial.name),
        classname=f"{trial.verb}.{printable(trial.target)}",
        file=place.source,
        line=str(place.line),
        time=f"{result.seen.seconds:.3f}",
    )
    if result.outcome is Outcome.FAILED:
        ET.SubElement(case, "failure", message=printable(result.lines[0])).text = printable("\n".join(result.lines))
    elif result.outcome is Outcome.NOT_RUN:
        ET.SubElement(case, "skipped", message=printable(result.lines[0]))


def printable(text: str) -> str:
    """The text without what XML has no letter for."""
    return "".join(each if each in "\n\t" or each >= " " else "\N{REPLACEMENT CHARACTER}" for each in text)
