"""The history of runs is the same on both databases."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine, text

from pytest_prodstatus.model.history import Flip, StagePast
from pytest_prodstatus.model.record import Failures, Record
from pytest_prodstatus.store import StateUnavailable
from pytest_prodstatus.store.database import DatabaseStatements, parse_address
from pytest_prodstatus.store.history import HistoryStore
from pytest_prodstatus.store.statements import FileStatements
from tests.integration.store.runs import ran, with_flaky
from tests.unit.given import HOUR, NOW, B, C, F, in_progress

PROJECT, TARGET = "store", "production"


@pytest.fixture
def history(url: str) -> Iterator[HistoryStore]:
    """A new history."""
    with HistoryStore.open(url, PROJECT) as opened:
        yield opened


def stage_of(history: HistoryStore, name: str, limit: int = 30) -> StagePast:
    """Return a stage's past."""
    return {s.id: s for s in history.look_back(TARGET, limit=limit).stages}[name]


def turns(past: StagePast) -> list[tuple[str, str, str]]:
    """Return a stage's flips as run, former and new verdict, the oldest first."""
    return [
        (flip.run, flip.previous.value[0], flip.verdict.value[0])
        for flip in reversed(past.flips)
        if flip.previous
    ]


def test_a_run_is_kept_as_it_was(history: HistoryStore) -> None:
    """A run keeps its times, verdicts, versions and subject; the newest run comes first."""
    history.save(ran(1, release="v41", commit="a" * 40, dirty=True))
    history.save(ran(2, "F", release="v42"))
    newest, first = history.look_back(TARGET).runs
    assert (first.run, first.started, first.finished - first.started) == (
        "run-1", NOW + HOUR, ran(1).run.finished - ran(1).run.started,  # type: ignore[operator]
    )  # fmt: skip
    assert (first.final, first.open, first.partial, first.complete) == (C, True, False, True)
    assert (first.release, first.commit, first.dirty) == ("v41", "a" * 40, True)
    assert first.versions == {"pytest": "9.2.0"}
    assert first.stages == {"api": C, "shop": C, "final": C}
    assert (newest.run, newest.final, newest.open) == ("run-2", F, False)
    assert newest.causes == {"api": "api.up", "final": "api.up"}


@pytest.mark.parametrize(
    "change",
    [
        "prodstatus_run SET final = 'GREEN'",
        "prodstatus_run SET stages = '['",
        "prodstatus_run SET stages = '[]'",
        "prodstatus_run SET causes = '5'",
        "prodstatus_run SET versions = '5'",
        "prodstatus_flip SET verdict = 'GREEN'",
        "prodstatus_run_criterion SET verdict = 'GREEN'",
    ],
)
def test_a_row_that_was_edited_is_named(history: HistoryStore, url: str, change: str) -> None:
    """What reads it says so in a sentence, as of any store that can't be read."""
    for number, verdict in enumerate("CF"):
        history.save(ran(number, verdict))
    engine = create_engine(parse_address(url))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {change}"))
    engine.dispose()
    with pytest.raises(StateUnavailable, match=r"^A row of the history can't be read \("):
        history.look_back(TARGET)


def test_since_when_a_stage_is_what_it_is(history: HistoryStore) -> None:
    """A stage has its verdict since the first of the runs in a row that gave it."""
    for number, verdict in enumerate("CCFFF"):
        history.save(ran(number, verdict))
    api, shop = stage_of(history, "api"), stage_of(history, "shop")
    assert (api.verdict, api.since.run, api.since.previous) == (F, "run-2", C)
    assert (shop.verdict, shop.since.run, shop.since.previous) == (C, "run-0", None)
    assert turns(api) == [("run-2", "C", "F")]
    assert turns(shop) == []


def test_what_turned_since_it_was_last_confirmed(history: HistoryStore) -> None:
    """A regression names the last run that confirmed, the run that ended it, and what differed."""
    history.save(ran(1, commit="a1", release="v41", versions={"pytest": "9.1", "python": "3.11"}))
    history.save(ran(2, "B", commit="b2", release="v42", versions={"pytest": "9.2"}))
    history.save(ran(3, "F", commit="c3", release="v43"))
    regression = stage_of(history, "api").regression
    assert regression is not None
    assert regression.confirmed is not None
    assert regression.confirmed.run == "run-1"
    assert regression.turned == Flip(
        stage="api", at=NOW + 2 * HOUR, run="run-2", verdict=B, previous=C
    )
    assert {c.name: (c.before, c.after) for c in regression.changes} == {
        "commit": ("a1", "b2"),
        "release": ("v41", "v42"),
        "pytest": ("9.1", "9.2"),
        "python": ("3.11", None),
    }
    assert [(u.criterion, u.verdict, u.kind) for u in regression.unconfirmed] == [
        ("api.up", F, "observed")
    ]
    assert stage_of(history, "shop").regression is None


def test_a_derived_stage_names_the_root(history: HistoryStore) -> None:
    """FINAL has no criterion of its own, so the criterion that turned it is named."""
    history.save(ran(1))
    history.save(ran(2, "C", "B"))
    regression = stage_of(history, "final").regression
    assert regression is not None
    assert [u.criterion for u in regression.unconfirmed] == ["shop.open"]


def test_never_confirmed_is_said_so(history: HistoryStore) -> None:
    """A stage that no run confirmed has no last CONFIRMED run."""
    history.save(ran(1, "B"))
    history.save(ran(2, "F"))
    regression = stage_of(history, "api").regression
    assert regression is not None
    assert (regression.confirmed, regression.turned, regression.changes) == (None, None, ())


def test_a_partial_run_tells_of_what_it_looked_at(history: HistoryStore) -> None:
    """A stage that a run didn't select, and that was never observed, doesn't flip to BLOCKED."""
    history.save(ran(1, "C", "C"))
    history.save(ran(2, "F", "-"))
    newest = history.look_back(TARGET).runs[0]
    assert (newest.partial, newest.stages["shop"]) == (True, None)
    shop = stage_of(history, "shop")
    assert (shop.verdict, shop.since.run) == (C, "run-1")
    assert stage_of(history, "api").verdict is F


def test_the_last_confirmed_run_may_lie_before_runs_that_tell_nothing(
    history: HistoryStore,
) -> None:
    """A partial run that says nothing about a stage isn't its last CONFIRMED run."""
    history.save(ran(1, "C", "C"))
    history.save(ran(2, "C", "-"))
    history.save(ran(3, "C", "F"))
    regression = stage_of(history, "shop").regression
    assert regression is not None
    assert regression.confirmed is not None
    assert regression.confirmed.run == "run-1"


def test_flaky_criteria_are_counted(history: HistoryStore) -> None:
    """The history counts how often a criterion passed only after a rerun, and when last."""
    for number in (1, 2, 3):
        history.save(with_flaky(ran(number), "api.up" if number != 2 else "shop.open"))
    flaky = history.look_back(TARGET).flaky
    assert [(f.criterion, f.times, f.newest) for f in flaky] == [
        ("api.up", 2, NOW + 3 * HOUR),
        ("shop.open", 1, NOW + 2 * HOUR),
    ]


def test_a_failure_is_remembered(history: HistoryStore) -> None:
    """How often a criterion FAILED, and when last; a BLOCKED one was not seen to fail."""
    for number, (api, shop) in enumerate((("F", "C"), ("C", "C"), ("F", "B"))):
        history.save(ran(number, api, shop))
    failed = history.look_back(TARGET).failed
    assert [(f.criterion, f.times, f.newest) for f in failed] == [("api.up", 2, NOW + 2 * HOUR)]
    assert [f.times for f in history.look_back(TARGET, limit=2).failed] == [1]


def test_the_window_bounds_what_is_shown_and_not_what_is_known(history: HistoryStore) -> None:
    """Flips and flaky criteria are those of the newest runs; `since` goes back as far as needed."""
    for number, verdict in enumerate("CFFFFF"):
        history.save(with_flaky(ran(number, verdict), "shop.open" if number < 2 else ""))
    seen = history.look_back(TARGET, limit=3)
    assert [run.run for run in seen.runs] == ["run-5", "run-4", "run-3"]
    assert seen.flaky == ()
    api = stage_of(history, "api", 3)
    assert (api.flips, api.since.run) == ((), "run-1")
    assert api.regression is not None
    assert api.regression.confirmed is not None
    assert api.regression.confirmed.run == "run-0"


def test_projects_and_targets_are_kept_apart(history: HistoryStore, url: str) -> None:
    """A run of another target, or of another project with the same target, counts for nothing."""
    history.save(ran(1))
    history.save(ran(2, "F", target="staging"))
    with HistoryStore.open(url, "other") as other:
        other.save(ran(3, "F"))
        assert [run.run for run in other.look_back(TARGET).runs] == ["run-3"]
    assert [run.run for run in history.look_back(TARGET).runs] == ["run-1"]
    assert stage_of(history, "api").verdict is C
    assert history.look_back("nowhere").runs == ()


def test_saving_again_replaces(history: HistoryStore) -> None:
    """The same run saved twice is one run; with another verdict, the newer one counts."""
    for kept in (ran(1), ran(2), ran(2), ran(2, "F")):
        history.save(kept)
    assert [run.run for run in history.look_back(TARGET).runs] == ["run-2", "run-1"]
    assert turns(stage_of(history, "api")) == [("run-2", "C", "F")]
    history.save(ran(2))
    assert turns(stage_of(history, "api")) == []
    assert stage_of(history, "api").since.run == "run-1"
    # Read back from its file a record's instants are rounded: it is the same run all the same.
    earlier = ran(2, "B", started=ran(2).run.started - HOUR / 2)
    history.save(earlier)
    assert [run.run for run in history.look_back(TARGET).runs] == ["run-2", "run-1"]
    assert turns(stage_of(history, "api")) == [("run-2", "C", "B")]


def test_runs_are_ordered_by_the_instant(history: HistoryStore) -> None:
    """A start in another time zone is the same instant, and counts as that."""
    for number, verdict in enumerate("CFC"):
        kept = ran(number, verdict)
        zone = timezone(number * timedelta(hours=-5))
        run = replace(kept.run, started=kept.run.started.astimezone(zone))
        history.save(replace(kept, run=run))
    assert [run.run for run in history.look_back(TARGET).runs] == ["run-2", "run-1", "run-0"]
    assert turns(stage_of(history, "api")) == [("run-1", "C", "F"), ("run-2", "F", "C")]


def test_a_run_in_progress_is_no_history(history: HistoryStore) -> None:
    """A run in progress isn't saved in the history."""
    with pytest.raises(ValueError, match="in progress"):
        history.save(in_progress())
    assert history.look_back("demo").runs == ()


def expected(records: list[Record], name: str) -> list[tuple[str, str, str]]:
    """Return a stage's flips as they follow from the runs in their order."""
    lines = [
        (record.run.id, stage.verdict.value[0])
        for record in sorted(records, key=lambda r: (r.run.started, r.run.id))
        for stage in record.stages
        if stage.id == name and (name == "api" or record.run.selection is None)
    ]
    return [
        (run, before, after)
        for (_, before), (run, after) in itertools.pairwise(lines)
        if before != after
    ]


@pytest.mark.parametrize("seed", range(4))
def test_flips_are_right_in_whatever_order_runs_are_saved(history: HistoryStore, seed: int) -> None:
    """Flips follow the runs' own order, also if runs are saved late, twice or changed."""
    chance = random.Random(seed)
    kept: dict[str, Record] = {}
    for _ in range(30):
        number, shop = chance.randrange(12), chance.choice("CBF-")
        words = "-k api" if shop == "-" else None
        record = ran(number, chance.choice("CBF"), shop, selection=words)
        kept[record.run.id] = record
        history.save(record)
    for name in ("api", "shop"):
        assert turns(stage_of(history, name)) == expected(list(kept.values()), name)


def test_jobs_that_save_at_once_all_succeed(url: str) -> None:
    """Eight jobs that save at one instant are all kept, and the flips are right."""
    records = [ran(number, "CF"[number % 2]) for number in range(8)]

    def save(record: Record) -> None:
        with HistoryStore.open(url, PROJECT) as history:
            history.save(record)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(save, records))
    with HistoryStore.open(url, PROJECT) as history:
        assert len(history.look_back(TARGET).runs) == 8
        assert turns(stage_of(history, "api")) == expected(records, "api")


@contextmanager
def heard(hear: Callable[[str, dict[str, object]], None]) -> Iterator[None]:
    """Call `hear` with each statement before it runs, on either database."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (FileStatements, DatabaseStatements):
            stream, change = kind.stream, kind.change

            def streamed(self: Any, statement: str, *, _run: Any = stream, **values: Any) -> Any:
                hear(statement, values)
                return _run(self, statement, **values)

            def rows(self: Any, statement: str, **values: Any) -> Any:
                return list(self.stream(statement, **values))

            def changed(self: Any, statement: str, *rows: Any, _run: Any = change) -> None:
                hear(statement, dict(rows[0]))
                _run(self, statement, *rows)

            patch.setattr(kind, "stream", streamed)
            patch.setattr(kind, "rows", rows)
            patch.setattr(kind, "change", changed)
        yield


def test_a_save_that_fails_leaves_what_was_there(history: HistoryStore) -> None:
    """A save is one transaction: if it fails, the run that it replaces stays."""
    history.save(ran(1))

    def cut(statement: str, _values: object) -> None:
        if statement.startswith("INSERT INTO prodstatus_flip"):
            msg = "the process ends here"
            raise KeyboardInterrupt(msg)

    with heard(cut), pytest.raises(KeyboardInterrupt):
        history.save(ran(1, "F"))
    assert [run.final for run in history.look_back(TARGET).runs] == [C]
    assert stage_of(history, "api").verdict is C


def test_old_runs_can_be_deleted(history: HistoryStore, url: str) -> None:
    """One DELETE on runs takes their criteria along, and `since` is still known."""
    for number, verdict in enumerate("CFF"):
        history.save(ran(number, verdict))
    engine = create_engine(parse_address(url))
    with engine.begin() as connection:
        if url.startswith("sqlite"):
            connection.execute(text("PRAGMA foreign_keys = ON"))
        connection.execute(text("DELETE FROM prodstatus_run WHERE run <> 'run-2'"))
        left = connection.execute(text("SELECT count(*) FROM prodstatus_run_criterion")).scalar()
    engine.dispose()
    assert left == 1
    api = stage_of(history, "api")
    assert api.since.run == "run-1"
    assert api.regression is not None
    assert api.regression.turned is not None
    assert api.regression.confirmed is None


def test_a_record_learns_its_past_from_the_history(history: HistoryStore) -> None:
    """On a fresh machine, a record knows nothing; the history gives it runs and dates."""
    for number, verdict in enumerate("CFF"):
        history.save(ran(number, verdict))
    fresh = ran(2, "F")
    assert (fresh.history, fresh.stages[0].since) == ((), fresh.run.started)
    dated = history.dated(fresh)
    assert [past.run for past in dated.history] == ["run-0", "run-1"]
    assert [(s.since, s.previous) for s in dated.stages] == [
        (NOW + HOUR, C), (NOW, None), (NOW + HOUR, C),
    ]  # fmt: skip


def test_a_record_knows_what_was_seen_to_fail(history: HistoryStore) -> None:
    """It names the last failure of each criterion, in as many runs as were looked at."""
    for number, (api, shop) in enumerate((("F", "C"), ("F", "B"), ("C", "C"), ("C", "F"))):
        history.save(ran(number, api, shop))
    failures = history.dated(ran(2)).failures
    assert failures is not None
    assert (failures.runs, dict(failures.last)) == (3, {"api.up": NOW + HOUR})
    assert history.dated(ran(2, target="staging")).failures == Failures(runs=1, last={})


def plans(history: HistoryStore, url: str, ask: Callable[[], object]) -> list[str]:
    """Return the database's plan of each statement that reads the history's tables."""
    queries: list[tuple[str, dict[str, object]]] = []

    def hear(statement: str, values: dict[str, object]) -> None:
        if "FROM prodstatus_" in statement:
            queries.append((statement, values))

    with heard(hear):
        ask()
    engine = create_engine(parse_address(url))
    lines = []
    with engine.connect() as connection:
        prefix = "EXPLAIN QUERY PLAN" if url.startswith("sqlite") else "EXPLAIN"
        if prefix == "EXPLAIN":  # so few rows are scanned, unless that is out of the question
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, given in queries:
            # SQLite has no type for an instant.
            dated = {k: str(v) for k, v in given.items() if isinstance(v, datetime)}
            values = {**given, **dated} if url.startswith("sqlite") else given
            rows = connection.execute(text(f"{prefix} {statement}"), values)
            lines.append("\n".join(str(row[-1]) for row in rows))
    engine.dispose()
    return lines


def test_every_question_goes_by_an_index(history: HistoryStore, url: str) -> None:
    """No statement reads a whole table, however many runs there are."""
    for number, (api, shop) in enumerate(zip("CCFFBB", "CFCFCF", strict=True)):
        history.save(ran(number, api, shop))
    newest = ran(5, "B", "F")

    def ask() -> None:
        history.look_back(TARGET)
        history.save(newest)
        history.dated(newest)

    query_plans = plans(history, url, ask)
    assert len(query_plans) > 15
    for plan in query_plans:
        assert not re.search(r"\bSCAN prodstatus_|Seq Scan on prodstatus_", plan), plan
        assert "prodstatus_flip" not in plan or re.search(r"\bstage *=", plan), plan
