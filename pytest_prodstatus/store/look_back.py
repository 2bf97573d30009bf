"""What a person does with the history and no run does: look back, and prune."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, final

from pytest_prodstatus.model.history import (
    Counted,
    Flip,
    History,
    Regression,
    SavedRun,
    StagePast,
    Unconfirmed,
    changes,
)
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.store.history import (
    BEFORE,
    FLIPS,
    NEWEST,
    RUNS,
    Reader,
    Target,
    flip_of,
    newest_of,
    run_of,
)
from pytest_prodstatus.store.statements import Row, among, from_row

_CRITERIA = "SELECT * FROM prodstatus_run_criterion"
_COUNTED = (
    "SELECT criterion, count(*) AS times, max(started) AS newest "
    "FROM prodstatus_run_criterion JOIN prodstatus_run ON run_id = id"
)


@final
class LookBack(Reader):
    """Reads what has become of a target over many runs."""

    __slots__ = ()

    def look_back(self, limit: int) -> History:
        """Return the newest `limit` runs, with each stage's flips and regression."""
        rows = self.rows(f"{RUNS} {NEWEST} LIMIT :limit", limit=limit)
        newest: dict[int, SavedRun] = {row["id"]: run_of(row) for row in rows}
        runs = tuple(newest.values())
        # A partial run may lack stages, and the last full run may be older than a new stage.
        full_run = next((run for run in runs if not run.partial), None)
        named = [*(full_run.stages if full_run else ()), *(runs[0].stages if runs else ())]
        since = self.newest_flips(list(dict.fromkeys(named)))
        flipped = self._flips_from(runs[-1], since) if runs else []
        regressions = self._regressions(
            [stage for stage, flip in since.items() if flip.verdict is not Verdict.CONFIRMED],
            newest,
        )
        return History(
            **self._scope,
            runs=runs,
            stages=tuple(
                StagePast(
                    id=stage,
                    verdict=last.verdict,
                    since=last,
                    flips=tuple(flip for flip in flipped if flip.stage == stage),
                    regression=regressions.get(stage),
                )
                for stage, last in since.items()
            ),
            flaky=self._counted("flaky", newest, by="times DESC, criterion"),
            failed=self._counted(f"verdict = '{Verdict.FAILED.value}'", newest),
        )

    def _flips_from(self, oldest: SavedRun, stages: Iterable[str]) -> list[Flip]:
        """Return the flips of stages since a run, the newest first."""
        names = {f"stage_{number}": stage for number, stage in enumerate(stages)}
        if not names:
            return []
        # A stage's first verdict has nothing before it, and is no change.
        rows = self.rows(
            f"{FLIPS} AND stage IN {among(names)} AND (started, run) >= (:started, :run) "
            f"AND previous IS NOT NULL {NEWEST}",
            started=oldest.started,
            run=oldest.run,
            **names,
        )
        return list(map(flip_of, rows))

    def _regressions(
        self, stages: Sequence[str], newest: Mapping[int, SavedRun]
    ) -> dict[str, Regression]:
        """Return by stage what has changed since it was last CONFIRMED, for stages that aren't."""
        flips = self.newest_flips(stages, away_from=Verdict.CONFIRMED)
        ended = self._runs_named({flip.run for flip in flips.values()})
        confirmed = self._last_confirmed(flips.values())
        unconfirmed = self._unconfirmed(stages, newest)
        return {
            stage: _regression_of(
                flips.get(stage),
                confirmed.get(stage),
                ended.get(flips[stage].run) if stage in flips else None,
                unconfirmed.get(stage, ()),
            )
            for stage in stages
        }

    def _runs_named(self, ids: set[str]) -> dict[str, SavedRun]:
        """Return the saved runs with these ids, by id."""
        names = {f"run_{number}": run for number, run in enumerate(ids)}
        if not names:
            return {}
        found = map(run_of, self.rows(f"{RUNS} AND run IN {among(names)}", **names))
        return {run.run: run for run in found}

    def _last_confirmed(self, flips: Iterable[Flip]) -> dict[str, SavedRun]:
        """Return the last run before each flip that has a verdict of its stage, by stage."""
        instants = sorted({(flip.at, flip.run) for flip in flips})
        values: dict[str, Any] = {}
        for number, (at, run) in enumerate(instants):
            values |= {f"at_{number}": at, f"run_{number}": run}
        conditions = [
            f"(started, run) < (:at_{number}, :run_{number})" for number in range(len(instants))
        ]
        # By one query, the run just before each flip; it nearly always has a verdict of the stage.
        rows = self.newest_of_each(RUNS, conditions, values)
        before = sorted(map(run_of, rows), key=lambda run: (run.started, run.run))
        found = {}
        for flip in flips:
            earlier = [run for run in before if (run.started, run.run) < (flip.at, flip.run)]
            last = earlier[-1] if earlier else None
            if last is not None and last.stages.get(flip.stage) is None:
                last = self._last_with_verdict(flip)
            if last is not None:
                found[flip.stage] = last
        return found

    def _last_with_verdict(self, flip: Flip) -> SavedRun | None:
        """Return the last run before a flip that has a verdict of its stage; None if none has."""
        with closing(self.stream(BEFORE, started=flip.at, run=flip.run)) as rows:
            return next((run for run in map(run_of, rows) if run.stages.get(flip.stage)), None)

    def _unconfirmed(
        self, stages: Iterable[str], newest: Mapping[int, SavedRun]
    ) -> dict[str, tuple[Unconfirmed, ...]]:
        """Return by stage the criteria that keep it from CONFIRMED: its own, and its root cause."""
        # The newest run that has a verdict of the stage: a partial run may have none.
        run_ids = {
            stage: next((n for n, run in newest.items() if run.stages.get(stage)), None)
            for stage in stages
        }
        ids = {f"id_{n}": n for n in run_ids.values() if n is not None}
        if not ids:
            return {}
        rows = self._statements.rows(
            f"{_CRITERIA} WHERE run_id IN {among(ids)} AND verdict <> :confirmed "
            "ORDER BY criterion",
            confirmed=Verdict.CONFIRMED.value,
            **ids,
        )
        return {
            stage: tuple(
                unconfirmed_of(row)
                for row in rows
                if row["run_id"] == n
                and (row["stage"] == stage or row["criterion"] == newest[n].causes.get(stage))
            )
            for stage, n in run_ids.items()
            if n is not None
        }

    def _counted(
        self, condition: str, run_ids: Iterable[int], *, by: str = "criterion"
    ) -> tuple[Counted, ...]:
        """Return the criteria that met a condition in these runs, in an order."""
        ids = {f"id_{n}": n for n in run_ids}
        if not ids:
            return ()
        rows = self._statements.rows(
            f"{_COUNTED} WHERE run_id IN {among(ids)} AND {condition} "
            f"GROUP BY criterion ORDER BY {by}",
            **ids,
        )
        return tuple(
            Counted(criterion=row["criterion"], times=row["times"], newest=newest_of(row))
            for row in rows
        )


def _regression_of(
    flip: Flip | None,
    confirmed: SavedRun | None,
    ended: SavedRun | None,
    unconfirmed: tuple[Unconfirmed, ...],
) -> Regression:
    # A run that was deleted can't be compared; its flip stays.
    differing = changes(confirmed, ended) if confirmed and ended else ()
    return Regression(confirmed=confirmed, turned=flip, changes=differing, unconfirmed=unconfirmed)


@from_row
def unconfirmed_of(row: Row) -> Unconfirmed:
    """Build an unconfirmed criterion from its row."""
    return Unconfirmed(
        criterion=row["criterion"],
        stage=row["stage"],
        verdict=Verdict(row["verdict"]),
        kind=row["kind"],
        reason=row["reason"],
    )


_OLD = (
    "SELECT id FROM prodstatus_run "
    "WHERE project = :project AND target = :target AND started < :before"
)
_OPENED = (
    "(SELECT subject_release FROM seen WHERE gate_open ORDER BY started DESC, run DESC LIMIT 1)"
)
_KEPT_OF = (
    "gate_open",
    "1 = 1",
    f"coalesce(subject_release, '') = coalesce({_OPENED}, '')",
    "final <> :confirmed",
    "final <> :confirmed AND subject_release IS NULL",
)
"""Conditions; of each, the newest run is kept."""
_NEWEST_OF_EACH = " UNION ".join(
    f"SELECT id FROM (SELECT id FROM seen WHERE {of} {NEWEST} LIMIT 1) AS kept"  # noqa: S608
    for of in _KEPT_OF
)
_KEPT = f"WITH seen AS ({RUNS}) {_NEWEST_OF_EACH}"
# A full run is the last full one of its release, or there is a later full one; a partial run is
# followed by any.
_FOLLOWED = (
    "(subject_release IS NULL OR EXISTS (SELECT 1 FROM prodstatus_run AS later "
    "WHERE later.project = prodstatus_run.project AND later.target = prodstatus_run.target "
    "AND later.subject_release = prodstatus_run.subject_release "
    "AND (later.started, later.run) > (prodstatus_run.started, prodstatus_run.run) "
    "AND (prodstatus_run.partial OR NOT later.partial)))"
)


@final
class Pruning(Target):
    """Deletes old runs of one target, in a transaction that keeps other writers out."""

    __slots__ = ()

    def prune(self, before: datetime, last_of_release: bool) -> int:
        """Delete the runs that started before an instant; return how many.

        The last open one is kept, and so are the runs by which the gate sees that it is no longer
        the last: the newest of all, of its release, and of those that weren't CONFIRMED. Without
        them its record could be put back.

        Args:
            before: the aware instant.
            last_of_release: keep the last run of each release, and its last full run.
        """
        self._statements.take_turns(**self._scope)
        query = f"{_OLD} AND {_FOLLOWED}" if last_of_release else _OLD
        kept = {row["id"] for row in self.rows(_KEPT, confirmed=Verdict.CONFIRMED.value)}
        # Rows that refer to a run (criteria, archive) are deleted by the database, by ON DELETE
        # CASCADE. Flips refer to none.
        old = [row for row in self.rows(query, before=before) if row["id"] not in kept]
        if old:
            self._statements.change("DELETE FROM prodstatus_run WHERE id = :id", *map(dict, old))
        return len(old)
