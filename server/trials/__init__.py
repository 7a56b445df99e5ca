"""Permission tests of the file, run on the database it is for, and what they leave untested.

    results = await run_trials(engine, config)

Rule: what is tested is what is served: the same scope, the same rules, the same statements; only nothing of it stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from reflector.engine import Engine
from server.access import describe
from server.config import Config, ConfigError
from server.trials.callers import asked_roles
from server.trials.judging import Outcome, Result, judged
from server.trials.rehearsing import Rehearsing
from server.trials.running import Runner
from server.trials.stage import staged
from server.trials.trial import Bound, Trial, bind_trials, trials_of

__all__ = ["Bound", "Outcome", "Result", "Trial", "bind_trials", "bound_trials", "run_each", "run_trials", "trials_of"]


def bound_trials(engine: Engine, config: Config) -> Sequence[Bound]:
    """The tests, bound to the catalog that is served; raises ConfigError with everything that does not fit it."""
    policies = {name: policy.rule for name, policy in describe(config).policies.items()}
    bound, complaints = bind_trials(trials_of(config), config, engine.snapshot.catalog, policies)
    if complaints:
        raise ConfigError(complaints)
    return bound


async def run_each(engine: Engine, config: Config, bound: Sequence[Bound]) -> AsyncIterator[Result]:
    """The results, one after the other, under the snapshot of this moment. Each test leaves nothing behind."""
    async with _runner(engine, config, bound) as runner:
        for each in bound:
            yield judged(each, await runner.run(each), runner.snapshot.catalog)


@asynccontextmanager
async def _runner(engine: Engine, config: Config, bound: Sequence[Bound]) -> AsyncIterator[Runner]:
    """Who runs them; raises ConfigError for what the tests are to be run with and cannot."""
    if not config.decided_by_database or not bound:
        yield Runner(engine, config)
        return
    roles = (role for each in bound for role in asked_roles(config, each.trial.caller))
    async with staged(engine, config, roles) as stage:
        yield Rehearsing(engine, config, stage)


async def run_trials(engine: Engine, config: Config) -> Sequence[Result]:
    """Every test of the configuration, run; raises ConfigError for tests that do not fit the database."""
    return [result async for result in run_each(engine, config, bound_trials(engine, config))]
