"""The gate: may this be deployed, by this record, now?

It asks for CONFIRMED whatever rule the run ended by, and judges the record's observations again, as
of now. Waivers change the answer and no verdict; an override opens whatever the answer would be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from pytest_prodstatus.model.answer import Answer, Waived, refused
from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError, base_of
from pytest_prodstatus.model.causes import causes, needed, root_stages
from pytest_prodstatus.model.judge import Judged, judge
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.reason import Reason, because
from pytest_prodstatus.model.record import Record, Standing
from pytest_prodstatus.model.refusal import ANOTHER, Asked, Ground, Refusal, refusals_of, run_again
from pytest_prodstatus.model.rejudge import (
    catalogue_of,
    contradictions,
    own_of,
    standings_now,
)
from pytest_prodstatus.model.verdict import Verdict, rollup
from pytest_prodstatus.model.waiver import Waiver, Waivers


class UnknownStageError(ValueError):
    """A stage that was asked about and doesn't exist; the message lists those that do."""


def ask(
    record: Record,
    catalogue: Catalogue,
    asked: Asked,
    now: datetime,
    *,
    waivers: Waivers | None = None,
    override: Override | None = None,
    found: Sequence[Refusal] = (),
) -> Answer:
    """Return the gate's answer by one record.

    Args:
        record: as it was read; nothing in it is taken at its word.
        catalogue: as it is declared today.
        asked: what the answer is about.
        now: the instant against which ages are measured.
        waivers: the project's.
        override: the one in force for the target.
        found: what else closes the gate, such as a document that was edited by hand.

    Raises:
        UnknownStageError: a stage is required that doesn't exist.
    """
    waivers = waivers or Waivers()
    try:
        stages = catalogue_of(record, catalogue)
    except CatalogueError as error:
        broken = Refusal(ground=Ground.UNREADABLE, text=f"the record's stages are none: {error}")
        return refused((broken,), asked, override)
    roots = asked_stages(stages, asked.require)
    refusals = [*found, *refusals_of(record, stages, asked, now)]
    if not roots:
        refusals.append(Refusal(ground=Ground.UNREADABLE, text="the record has no stage at all"))
    if any(refusal.ground in ANOTHER for refusal in refusals):
        return refused(refusals, asked, override)
    incidents = record.run.incidents
    own = [own_of(standing) for standing in record.criteria]
    within = [standing for standing in own if standing.stage in stages.by_id]
    as_written = judge(stages, within, incidents=incidents)
    same = record.run.catalogue == stages.digest
    refusals += _contradictions(record, own, as_written if same else None, asked)
    # What was seen of another release says nothing of the one that the record is about.
    release = asked.subject or record.run.subject.release
    standings = standings_now(within, stages, release, now)
    refusals += waiver_refusals(waivers, standings, now)
    good = waivers.in_force(_known(standings), now)
    waived = _waived(standings, good, needed(stages, roots))
    # As a rule nothing has aged since.
    truth = as_written if standings == within else judge(stages, standings, incidents=incidents)
    decided = truth
    if waived:
        decided = judge(stages, _accepted(standings, waived), incidents=incidents)
    return Answer(
        asked=asked,
        verdict=_verdict(truth, asked, incidents),
        decided=_verdict(decided, asked, incidents),
        refusals=tuple(refusals),
        causes=causes(stages, decided[0], incidents, roots),
        waived=waived,
        override=override,
    )


def asked_stages(catalogue: Catalogue, require: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the stages that an answer is about.

    Raises:
        UnknownStageError: one of `require` is no stage.
    """
    for name in require:
        if name not in catalogue.by_id:
            known = ", ".join(catalogue.by_id) or "none"
            msg = f"--require {name!r}: there is no such stage; stages are {known}"
            raise UnknownStageError(msg)
    return tuple(require) or root_stages(catalogue)


def waiver_refusals(
    waivers: Waivers, standings: Iterable[Standing], now: datetime
) -> list[Refusal]:
    """Return what waivers that break a rule close the gate with.

    Args:
        waivers: the project's.
        standings: every criterion that there is.
        now: the instant against which they are measured.
    """
    known = _known(standings)
    told = [text for _, text in waivers.broken(known, now)]
    return [
        Refusal(
            ground=Ground.WAIVER,
            text=text,
            remedy="correct the waiver in pyproject.toml, or take it out",
        )
        for text in (*told, *waivers.misplaced(known))
    ]


def _known(standings: Iterable[Standing]) -> set[str]:
    ids = {standing.id for standing in standings}
    return ids | {base_of(name) for name in ids}


def _verdict(judged: Judged, asked: Asked, incidents: Sequence[Reason]) -> Verdict:
    stages, final = judged
    if not asked.require:
        return final.verdict
    required = [stage.verdict for stage in stages if stage.id in asked.require]
    return rollup([*required, *(Verdict.BLOCKED for _ in incidents)])


def _contradictions(
    record: Record, own: Sequence[Standing], as_written: Judged | None, asked: Asked
) -> tuple[Refusal, ...]:
    told = list(contradictions(record, own, as_written))
    if not told:
        return ()
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    text = f"the record contradicts itself: {told[0]}{more}"
    again = run_again(asked)
    return (Refusal(ground=Ground.CONTRADICTION, text=text, remedy=again),)


def _waived(
    standings: Sequence[Standing], good: Sequence[Waiver], bearing: Collection[str]
) -> tuple[Waived, ...]:
    """Return what isn't CONFIRMED, bears on the answer and has a waiver."""
    unmet = [s for s in standings if s.verdict is not Verdict.CONFIRMED and s.stage in bearing]
    covering = ((s, next((w for w in good if w.covers(s.id)), None)) for s in unmet)
    return tuple(Waived(standing=s, waiver=w) for s, w in covering if w)


def _accepted(standings: Sequence[Standing], waived: Sequence[Waived]) -> list[Standing]:
    names = {each.standing.id for each in waived}
    return [
        replace(s, verdict=Verdict.CONFIRMED, **because(None)) if s.id in names else s
        for s in standings
    ]
