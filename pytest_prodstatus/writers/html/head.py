"""What whoever decides sees first: FINAL, the gate, why, what to do next, and about what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR
from pytest_prodstatus.model.record import Past, Record, StageResult
from pytest_prodstatus.model.summary import override_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.strip import final_strip

if TYPE_CHECKING:
    from pytest_prodstatus.model.answer import Answer, Waived
    from pytest_prodstatus.model.refusal import Refusal


class Head(NamedTuple):
    """What the head of a page tells, found out once.

    Attributes:
        open: the gate is, by what was seen and waived alone.
        refusals: what closes it whatever the verdicts are.
        overrides: who opened it over the verdict, one sentence each.
        actions: what to do next, the most useful first.
        last_confirmed: the newest former run whose FINAL was CONFIRMED, where this one's isn't.
        until: when the first CONFIRMED criterion is too old to be carried over.
        strip: FINAL's last runs.
    """

    record: Record
    open: bool
    waived: Sequence[Waived]
    refusals: Sequence[Refusal]
    overrides: Sequence[str]
    actions: Sequence[str]
    last_confirmed: Past | None
    until: datetime | None
    strip: Markup


def head(record: Record, config: Config) -> Head:
    """Return what the head of the record's page tells."""
    answer = gate_answer(record, config)
    held = record.decision.open and record.final.verdict is Verdict.CONFIRMED
    ends = filter(None, (valid_until(stage, config) for stage in record.stages))
    return Head(
        record=record,
        open=answer.held if answer else held,
        waived=answer.waived if answer else (),
        refusals=answer.refusals if answer else (),
        overrides=[override_line(override) for override in record.overrides],
        actions=record.decision.actions,
        last_confirmed=_last_confirmed(record),
        until=min(ends, default=None),
        strip=final_strip(record),
    )


def gate_answer(record: Record, config: Config) -> Answer | None:
    """Return what the gate says at the end of the run; None where no waiver bears on that."""
    now = record.run.finished
    if now is None or not config.waivers.given:
        return None
    # Not above, since a project without waivers has no gate's answer to pay for.
    from pytest_prodstatus.model.gate import ask
    from pytest_prodstatus.model.refusal import Asked

    about = Asked(target=record.run.target)
    return ask(record, config.catalogue, about, now, waivers=config.waivers)


def valid_for(stage_id: str, config: Config) -> timedelta:
    """Return how long a CONFIRMED of a stage may be carried over."""
    declared = config.catalogue.by_id.get(stage_id)
    return declared.valid_for if declared else DEFAULT_VALID_FOR


def valid_until(stage: StageResult, config: Config) -> datetime | None:
    """Return when the first of a stage's CONFIRMED criteria is too old; None where it has none."""
    seen = [
        standing.observed_at
        for standing in stage.criteria
        if standing.verdict is Verdict.CONFIRMED and standing.observed_at
    ]
    return min(seen) + valid_for(stage.id, config) if seen else None


def _last_confirmed(record: Record) -> Past | None:
    """Return the newest former run whose FINAL was CONFIRMED, where this one's isn't."""
    if record.final.verdict is Verdict.CONFIRMED:
        return None
    held = (past for past in reversed(record.history) if past.final is Verdict.CONFIRMED)
    return next(held, None)
