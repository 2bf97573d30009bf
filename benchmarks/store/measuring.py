"""Time every query through the suite and through psql in turn, and get the plan of each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from benchmarks.store.psql import Psql
from benchmarks.store.questions import RUN
from benchmarks.store.recording import RecordedStatement, Recorder
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.transaction import bound
from tests.acceptance.support.probes.questions import Scope
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The cost of one statement.

    Attributes:
        name: the query, as a key of `RUN`.
        suite: seconds through the suite's own connection, the median of the rounds.
        psql: seconds that psql reports, the median of the rounds.
        plan: the output of EXPLAIN (ANALYZE, BUFFERS).
    """

    name: str
    suite: float
    psql: float
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The costs of all statements of one run.

    Attributes:
        statements: as they ran, by name.
        measured: the cost of each.
        before: seconds of earlier statements through the suite, the medians of the same rounds.
    """

    statements: Mapping[str, RecordedStatement]
    measured: tuple[Measured, ...]
    before: Mapping[str, float]


def measure(
    url: str,
    *,
    now: datetime,
    psql: Psql,
    rounds: int,
    against: Mapping[str, tuple[str, dict[str, object]]],
) -> Measurement:
    """Run the queries of a whole run through the suite and through psql, in rounds.

    A first round warms both and isn't counted. The second of the two finds warmer caches, so they
    take turns in being first.

    Args:
        url: DATABASE_URL.
        now: the instant of judging (aware), on which the window depends.
        psql: the session to compare with.
        rounds: how often, at least once.
        against: earlier statements by name, each with its values, which take their turn too.
    """
    # Of no environment: settings of this machine would change the window.
    settings = Settings.from_environment({}, target="production", dotenv={})
    bounds = Scope(now=now, settings=settings).parameters()
    with _recorder(url, settings) as recorder:
        ask = bound(recorder, **bounds)
        statements: dict[str, RecordedStatement] = {}
        for name, question in RUN.items():
            question(ask, settings)
            statements[name] = recorder.only()
        literals = {name: psql.literal(statement) for name, statement in statements.items()}
        for literal in literals.values():
            psql.seconds(literal)
        for statement, values in against.values():
            ask(statement, **values)
            recorder.only()
        by_suite: dict[str, list[float]] = {name: [] for name in RUN}
        by_psql: dict[str, list[float]] = {name: [] for name in RUN}
        before: dict[str, list[float]] = {name: [] for name in against}
        for number in range(rounds):
            for name, question in RUN.items():
                # Odd rounds begin with psql, even ones with the suite.
                if number % 2:
                    by_psql[name].append(psql.seconds(literals[name]))
                question(ask, settings)
                by_suite[name].append(recorder.only().seconds)
                if not number % 2:
                    by_psql[name].append(psql.seconds(literals[name]))
            for name, (statement, values) in against.items():
                ask(statement, **values)
                before[name].append(recorder.only().seconds)
    measured = tuple(
        Measured(
            name=name,
            suite=statistics.median(by_suite[name]),
            psql=statistics.median(by_psql[name]),
            plan=psql.plan(literals[name]),
        )
        for name in statements
    )
    medians = {name: statistics.median(seconds) for name, seconds in before.items()}
    return Measurement(statements=statements, measured=measured, before=medians)


@contextmanager
def _recorder(url: str, settings: Settings) -> Iterator[Recorder]:
    # A statement that is too slow is measured too.
    patience = 10 * settings.snapshot_budget
    database = Database(
        Secret(url), run_id="benchmark", statement_timeout=patience, budget=patience
    )
    try:
        yield Recorder(database.ask)
    finally:
        database.close()
