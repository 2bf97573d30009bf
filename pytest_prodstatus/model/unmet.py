"""Which criteria a run with `--unmet` runs again: those that would not be CONFIRMED without that.

The rules of the record answer it. If a run selected nothing, its record would carry every criterion
over; what isn't CONFIRMED in that record is unmet. So it includes what is new, too old, of another
release, or held up by a stage that it requires, and no rule is stated twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.criterion_status import (
    KilledRun,
    RunData,
    criterion_statuses,
    of_unnamed,
)
from pytest_prodstatus.model.record import CriterionStatus, Record, Run
from pytest_prodstatus.model.rollup import judge, name_release
from pytest_prodstatus.model.text import printable
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict

ALL, BLOCKED = "all", "blocked"
"""What `--unmet` takes: everything that isn't CONFIRMED, or without what FAILED."""

_SHOWN = 10
"""Criteria that `turned` names; of the others it says the number."""


class Basis(Struct, frozen=True, kw_only=True):
    """What the judging process knows before the collection, and sends to all that collect.

    Attributes:
        run: the run that begins; its start is the instant against which ages are measured.
        former: the last record, without its texts; None if none counts.
        untrusted: why no CONFIRMED of it counts; None if they do.
        killed: the run after it that was killed, and may have started any criterion; None if there
            was none.
        starts_unknown: why it isn't known what earlier runs have started; "" if it is.
    """

    run: Run
    former: Record | None = None
    untrusted: Reason | None = None
    killed: KilledRun | None = None
    starts_unknown: str = ""

    def to_json(self) -> str:
        """Return it as JSON text, without what decides nothing; lone surrogates are escaped."""
        made = replace(self, former=_bare(self.former))
        try:
            return msgspec.json.encode(made).decode()
        except UnicodeEncodeError:
            return msgspec.json.encode(printable(made)).decode()

    @classmethod
    def from_json(cls, text: str) -> Basis:
        """Build the value that `to_json` wrote."""
        return msgspec.json.decode(text, type=Basis)

    @property
    def whole(self) -> str:
        """Why everything is unmet; "" if the last record decides."""
        if self.former is None:
            return f"no last record of target {self.run.target} counts"
        if self.untrusted:
            return self.untrusted.text
        incidents = self.former.run.incidents
        # That more criteria may exist says nothing about the known ones.
        about_known = (one for one in incidents if one.kind is not Kind.NOT_COLLECTED)
        incident = next(about_known, None)
        return f"the last run had an incident: {incident.text}" if incident else ""


class Chosen(NamedTuple):
    """The criteria that are unmet, by their ids.

    Attributes:
        again: those to run.
        held: those that act on the world and may have started. They aren't started again, but
            count as selected.
    """

    again: frozenset[str]
    held: frozenset[str]


def choose(basis: Basis, data: RunData, what: str) -> Chosen:
    """Choose the collected criteria to run again.

    A criterion with side effects that an earlier run may have started is never chosen. If it was
    CONFIRMED by itself, it needn't be; else only a person can decide that it may act once more.

    Args:
        basis: what is known of earlier runs.
        data: what was collected; what it says is selected and observed doesn't matter.
        what: `ALL` or `BLOCKED`.
    """
    # The run as it would be if it selected nothing: all that isn't CONFIRMED in it is unmet.
    nothing = data._replace(
        selected=frozenset(),
        observe=lambda _: None,
        former=basis.former,
        untrusted=basis.untrusted,
        killed=basis.killed,
    )
    statuses = criterion_statuses(nothing, basis.run, basis.run.started)
    stages, _ = judge(data.catalogue, statuses)
    own = {status.id: status for status in statuses}
    blocked = {status.stage for status in statuses if status.verdict is Verdict.BLOCKED}
    # A stage without any criterion is BLOCKED, though no status says so.
    blocked |= {stage.id for stage in stages if not stage.criteria and not stage.derived}
    started = {s.id for s in basis.former.criteria if _has_started(s)} if basis.former else set()
    judged = {s.id: s for stage in stages for s in stage.criteria}
    again: set[str] = set()
    held: set[str] = set()
    for criterion in data.collected:
        status = judged.get(criterion.id)
        if status is None:
            continue  # its stage doesn't apply
        if basis.whole and not criterion.side_effects:
            # Also after an incident: a run of nothing must not clear what no criterion explains.
            again.add(criterion.id)
            continue
        if status.verdict is Verdict.CONFIRMED:
            continue
        verdict = own[criterion.id].verdict
        if what == BLOCKED and verdict is not Verdict.BLOCKED:
            # Held up by stages that FAILED, as long as these stay out, it would show nothing new.
            required = data.catalogue.needs[criterion.stage]
            if verdict is Verdict.FAILED or blocked.isdisjoint(required):
                continue
        if not criterion.side_effects:
            again.add(criterion.id)
        elif verdict is not Verdict.CONFIRMED:
            doubtful = basis.killed or basis.starts_unknown or criterion.id in started
            (held if doubtful else again).add(criterion.id)
    return Chosen(frozenset(again), frozenset(held))


def forgotten(former: Record | None, release: str | None, catalogue: Catalogue) -> str:
    """Return why a run that names no release runs again what was CONFIRMED; "" if it doesn't."""
    given = former.criteria if former and release is None else ()
    stages = catalogue.by_id
    old = [
        status.subject
        for status in given
        if status.subject and status.observed is Verdict.CONFIRMED
        if status.stage in stages and of_unnamed(status, stages[status.stage])
    ]
    if not old:
        return ""
    those = "1 criterion that was" if len(old) == 1 else f"{len(old):,} criteria that were"
    are = "is" if len(old) == 1 else "are"
    why = f"CONFIRMED of a release {are} unmet, since this run names none"
    return f"{those} {why}: {name_release(old[0])}"


def turned(former: Record | None, record: Record) -> Iterator[str]:
    """Yield a line for each criterion that FAILED before and that a run observed as CONFIRMED.

    Args:
        former: the record before; None if there was none.
        record: the run's.
    """
    before = {s.id: s for s in former.criteria if s.observed is Verdict.FAILED} if former else {}
    found = [
        (before[status.id], status)
        for status in record.criteria
        if status.id in before and status.observed_now and status.verdict is Verdict.CONFIRMED
    ]
    for old, new in found[:_SHOWN]:
        yield f"{new.id}: FAILED{_at(old)}, CONFIRMED{_at(new)}"
    if found[_SHOWN:]:
        yield f"and {len(found) - _SHOWN} more that FAILED are CONFIRMED"


def _at(status: CriterionStatus) -> str:
    return f" at {status.observed_at:%Y-%m-%d %H:%M:%S} UTC" if status.observed_at else ""


def _has_started(status: CriterionStatus) -> bool:
    return status.attempts > 0 or status.observed is not None


def _bare(record: Record | None) -> Record | None:
    """Return a record with only what decides a carry-over, for the workers.

    Of evidence, one entry is left: it decides only whether there is any.
    """
    if record is None:
        return None
    stages = tuple(
        replace(
            stage,
            criteria=tuple(
                replace(status, evidence=status.evidence[:1], detail="", attachments=UNSET)
                for status in stage.criteria
            ),
        )
        for stage in record.stages
    )
    return replace(record, stages=stages, history=(), overrides=(), previous=None)
