"""`reflector check`: whether a configuration can be used with its database, and everything that stands in the way; then
its permission tests, run.

    0    it can be used, and every test that could be run passed
    1    a test failed, or fewer words of the file are tested than `--coverage-min` wants
    2    it cannot be used

Rule: stricter than starting: a rule that would only close its table is refused here, because whoever checks wants to
hear of it; and all that can be known is told at once: what is wrong with the file by itself does not keep the database
from being asked about the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reflector.catalog.model import Catalog
from reflector.database_url import DatabaseKind
from reflector.engine import Engine
from reflector.errors import ReflectorError
from reflector.snapshot import Snapshot
from server.access import database_of, describe
from server.app import engine_of, tls_context
from server.auth.credentials import authenticator
from server.binding import Binding
from server.commands.sample import with_sample
from server.config import Complaint, Config, ConfigError, Flags, Position, advice, understood
from server.database_settings import informed
from server.tracing import maker_of
from server.trials import Outcome, Result, Trial, bind_trials, bound_trials, run_each, trials_of
from server.trials.coverage import coverage_of
from server.trials.granted_coverage import granted_coverage
from server.trials.report import dots, failures, junit, line_of, not_run, summary, untouched
from server.webhooks.fitness import misfits_of

FAILED: Final = 1
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tests are run, and what is told of them. `least` is the coverage in percent that there must be."""

    tests: bool = True
    filter: str | None = None
    verbose: bool = False
    coverage: bool = False
    least: int | None = None
    junit: Path | None = None

    def picks(self, trial: Trial) -> bool:
        """Whether the filter is part of what the test is called, says or stands at."""
        text = f"{trial.name}\n{trial.caller}: {trial.deed}\n{trial.position}".lower()
        return self.filter is None or self.filter.lower() in text


ALL: Final = Wanted()


@dataclass(slots=True)
class Attentive(Binding):
    """A binding that remembers the catalog also where nothing can be bound to it."""

    catalog: Catalog | None = field(default=None, init=False)

    def snapshot(self, number: int, catalog: Catalog) -> Snapshot:
        self.catalog = self.joined(catalog)[0]
        return Binding.snapshot(self, number, catalog)


def to_check(path: Path | None, environ: Mapping[str, str], flags: Flags) -> tuple[Config, Sequence[Complaint]]:
    """What could be understood of the configuration, over the sample where nothing names a database, and what is wrong
    with it; raises ConfigError where that is all there is to know."""
    config, complaints = understood(path, environ, flags)
    if config is not None and config.database.url is None and not complaints:
        config, complaints = understood(path, with_sample(environ)[0], flags)
    if config is None or (complaints and config.database.url is None):
        raise ConfigError(complaints)
    return config, complaints


async def check(config: Config, say: Say, known: Sequence[Complaint] = (), wanted: Wanted = ALL) -> int:
    """Say what is good to know of a configuration that can be used, line by line; the exit status.

    `known` are the complaints there are already, where `config` is what could be understood of a file that has faults.
    Raises ConfigError with every complaint, these included, and any other ReflectorError where there are none.
    """
    binding, complaints, engine = Attentive(config, strict=True), [*known], None
    try:
        complaints += [*_of_certificate(config), *_of_traces(config), *_of_credentials(config)]
        _hold_back(config)
        config = await informed(config)
        binding = Attentive(config, strict=True)
        engine = await _started(config, binding, wanted)
    except ConfigError as error:
        complaints += error.complaints
    except ReflectorError as error:
        if not complaints:
            raise
        complaints.append(_unasked(config, error))
    try:
        complaints += _of_trials(config, binding.catalog) if wanted.tests else ()
        if engine is not None and not any(each.path.startswith("webhooks") for each in complaints):
            complaints += await misfits_of(config, engine, bytes(64))
        if complaints or engine is None:
            warnings = binding.located(binding.warnings)
            told = (replace(each, message=f"warning: {each.message}") for each in warnings)
            raise ConfigError([*complaints, *told])
        return await _checked(engine, binding, wanted, say)
    finally:
        if engine is not None:
            await engine.close()


async def _started(config: Config, binding: Binding, wanted: Wanted) -> Engine:
    """The engine. Tests write, where the configuration itself may open nothing to be written."""
    writes = wanted.tests and any(trial.writes for trial in trials_of(config))
    return await engine_of(config, binding, writable=True if writes else None)


def _hold_back(config: Config) -> None:
    """Ask nothing of a database that is to decide and cannot, which is told already: its answers would be noise."""
    if config.decided_by_database and database_of(config).kind is not DatabaseKind.POSTGRESQL:
        raise ConfigError(())


def _of_traces(config: Config) -> Sequence[Complaint]:
    try:
        maker_of(config)
    except ConfigError as error:
        return error.complaints
    return ()


def _of_certificate(config: Config) -> Sequence[Complaint]:
    try:
        tls_context(config)
    except ConfigError as error:
        return error.complaints
    return ()


def _of_credentials(config: Config) -> Sequence[Complaint]:
    try:
        authenticator(config)
    except ConfigError as error:
        return error.complaints
    return ()


def _of_trials(config: Config, catalog: Catalog | None) -> Sequence[Complaint]:
    """What of the tests does not fit the database."""
    if catalog is None:
        return ()
    policies = {name: policy.rule for name, policy in describe(config).policies.items()}
    return bind_trials(trials_of(config), config, catalog, policies)[1]


def _unasked(config: Config, error: ReflectorError) -> Complaint:
    position = config.position("database", "url") or Position("the database")
    return Complaint(position, "database.url", f"the rest cannot be checked: {error.message}", error.hint)


async def _checked(engine: Engine, binding: Binding, wanted: Wanted, say: Say) -> int:
    config, tables = binding.config, len(engine.snapshot.catalog.tables)
    for line in (*advice(config), *binding.told(binding.warnings)):
        say(f"warning: {line}")
    results = await _tested(engine, config, wanted, say) if wanted.tests else ()
    if not results and wanted.filter is not None:
        return FAILED  # nothing was tried, and that is not what was asked for
    enough = await _covered(engine, config, results, wanted, say)
    if any(each.outcome is Outcome.FAILED for each in results) or not enough:
        return FAILED
    who = "everybody on this machine reads" if config.open else _roles(engine, config)
    say(f"OK: {config.source or 'no file'}, {config.database.url}, {tables} tables, {who}")
    return 0


def _roles(engine: Engine, config: Config) -> str:
    known = engine.snapshot.catalog.roles
    if not config.decided_by_database or known is None:
        return f"{len(config.roles)} role{'s' * (len(config.roles) != 1)}"
    return f"{len(known.taken.keys() - {known.login})} roles of the database"


# ── tests ────────────────────────────────────────────────────────────────────────────────────


async def _tested(engine: Engine, config: Config, wanted: Wanted, say: Say) -> Sequence[Result]:
    """Run the tests that are wanted, and tell of them."""
    bound = [each for each in bound_trials(engine, config) if wanted.picks(each.trial)]
    results: list[Result] = []
    async for result in run_each(engine, config, bound):
        results.append(result)
        if wanted.verbose:
            say(line_of(result))
    for line in _told(results, wanted):
        say(line)
    if wanted.junit is not None:
        wanted.junit.write_text(junit(results))
    return results


def _told(results: Sequence[Result], wanted: Wanted) -> Iterator[str]:
    if not results:
        if wanted.filter is not None:
            yield f"no permission test is about {wanted.filter!r}"
        return
    if not wanted.verbose:
        yield from dots(results)
    yield from failures(results)
    yield from not_run(results)
    yield summary(results)


async def _covered(engine: Engine, config: Config, results: Sequence[Result], wanted: Wanted, say: Say) -> bool:
    """Whether as much is tested as was wanted."""
    if not wanted.coverage and wanted.least is None:
        return True
    if config.decided_by_database:
        coverage = await granted_coverage(engine, config, results)
    else:
        coverage = coverage_of(config, engine.snapshot.catalog, results)
    if wanted.coverage:
        for line in untouched(coverage):
            say(line)
    if wanted.least is None or coverage.percent >= wanted.least:
        return True
    say(f"coverage is {coverage.percent}%, and --coverage-min wants {wanted.least}%")
    return False
