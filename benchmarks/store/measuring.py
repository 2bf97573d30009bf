"""Asking every question by the suite and by psql in turn, and explaining each once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from benchmarks.store.psql import Psql
from benchmarks.store.questions import QUESTIONS
from benchmarks.store.recording import Asked, Recorder
from tests.acceptance.support.database import Database, bound
from tests.acceptance.support.scope import Scope
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one statement cost.

    Attributes:
        name: the question.
        suite: seconds through the suite's own connection, the median of the rounds.
        psql: seconds that psql says, the median of the rounds.
        plan: EXPLAIN (ANALYZE, BUFFERS), as text.
    """

    name: str
    suite: float
    psql: float
    plan: str


def measure(url: str, *, now: datetime, psql: Psql, rounds: int) -> tuple[Measured, ...]:
    """Ask every question in rounds, by the suite and then by psql, after one that warms both.

    Args:
        url: DATABASE_URL.
        now: the instant of judging (aware), on which the window depends.
        psql: the other way to ask.
        rounds: how often, at least once.
    """
    settings = Settings.from_environment({}, target="production", dotenv={})
    by_suite: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    by_psql: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    with _recorder(url, settings) as recorder:
        bounds = Scope(now=now, settings=settings).parameters()
        statements = {}
        for _ in range(1 + rounds):
            for name, asked in _ask_all(recorder, bounds, settings):
                by_suite[name].append(asked.seconds)
                statements[name] = psql.literal(asked)
            for name, seconds in zip(
                statements, psql.seconds(list(statements.values())), strict=True
            ):
                by_psql[name].append(seconds)
    return tuple(
        Measured(
            name=name,
            suite=statistics.median(by_suite[name][1:]),
            psql=statistics.median(by_psql[name][1:]),
            plan=psql.plan(statement),
        )
        for name, statement in statements.items()
    )


def _ask_all(
    recorder: Recorder, bounds: dict[str, object], settings: Settings
) -> Iterator[tuple[str, Asked]]:
    for name, question in QUESTIONS.items():
        question(bound(recorder, **bounds), settings)
        yield name, recorder.only()


@contextmanager
def _recorder(url: str, settings: Settings) -> Iterator[Recorder]:
    database = Database(
        Secret(url), run_id="benchmark", statement_timeout=settings.statement_timeout
    )
    try:
        yield Recorder(database.ask)
    finally:
        database.close()
