"""A record judged again: whether it agrees with itself, and how its criteria stand by now.

A stored verdict is never taken at its word. What was observed is judged anew, so that an edited
verdict opens nothing and a CONFIRMED ages while the record lies there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import (
    Catalogue,
    Stage,
    base_of,
    title_of,
)
from pytest_prodstatus.model.judge import Judged
from pytest_prodstatus.model.reason import Kind, Reason, because
from pytest_prodstatus.model.record import Record, Standing
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.validity import of_another_release, stale
from pytest_prodstatus.model.verdict import Verdict

SKEW = timedelta(minutes=5)
"""How far a record may be dated ahead, since the machine that wrote it has a clock of its own."""


def catalogue_of(record: Record, declared: Catalogue) -> Catalogue:
    """Return the declared catalogue, or, where no stage is declared, the record's own stages.

    Raises:
        CatalogueError: the record's stages make no catalogue.
    """
    if declared.declared:
        return declared
    stages = tuple(Stage(id=stage.id, title=title_of(stage.id)) for stage in record.stages)
    return Catalogue(stages=stages, declared=False)


def own_of(standing: Standing) -> Standing:
    """Return how a criterion stands by itself, whatever its stage requires."""
    observed = standing.observed or Verdict.BLOCKED
    if standing.verdict < observed:
        text = f"the record calls it {standing.verdict}, and it was seen to be {observed}"
        if standing.observed is None:
            text = f"the record calls it {standing.verdict}, and it was never observed"
        why = Reason(text=text, kind=Kind.NOT_RUN)
        return replace(standing, verdict=observed, **because(why))
    blocked_above = standing.reason is not None and standing.reason.kind is Kind.UPSTREAM
    if blocked_above and observed is Verdict.CONFIRMED:
        return replace(standing, verdict=Verdict.CONFIRMED, **because(None))
    return standing


def contradictions(record: Record, own: Sequence[Standing], judged: Judged | None) -> Iterator[str]:
    """Yield a sentence for whatever a finished record says that its own observations don't.

    Args:
        record: as it was read.
        own: its criteria, each by itself (`own_of`).
        judged: what these amount to; None where the catalogue that it was made with isn't known.
    """
    for stored, by_itself in zip(record.criteria, own, strict=True):
        if by_itself.reason and stored.verdict < by_itself.verdict:
            yield f"{stored.id}: {by_itself.reason.text}"
    if judged:
        yield from _other_verdicts(record, judged)
    admitted = record.decision.rule.admits(record.final.verdict)
    if record.decision.open is not (admitted and not record.run.shard):
        told = "open" if record.decision.open else "closed"
        yield f"its decision is called {told} with FINAL {record.final.verdict}"
    seen = all(standing.observed and not standing.carried_over for standing in own)
    if record.run.complete is not (bool(own) and seen and not record.run.incidents):
        told = "complete" if record.run.complete else "not complete"
        yield f"it is called {told}, and its criteria say otherwise"


def _other_verdicts(record: Record, judged: Judged) -> Iterator[str]:
    stages, final = judged
    amounts = {stage.id: stage.verdict for stage in stages}
    said = {stage.id: stage.verdict for stage in record.stages}
    for name in dict.fromkeys([*said, *amounts]):
        if name not in amounts:
            yield f"it has a stage {name!r}"
        elif name not in said:
            yield f"it has no stage {name!r}"
        elif said[name] is not amounts[name]:
            yield f"stage {name!r} is called {said[name]}, and amounts to {amounts[name]}"
    if record.final.verdict is not final.verdict:
        yield f"FINAL is called {record.final.verdict}, and amounts to {final.verdict}"


def standings_now(
    own: Sequence[Standing], catalogue: Catalogue, release: str | None, now: datetime
) -> list[Standing]:
    """Return how every criterion of the catalogue stands now, each by itself.

    Args:
        own: the record's criteria that are in a stage of the catalogue, each by itself.
        catalogue: of today; what it declares and the record doesn't know is BLOCKED.
        release: the release that is asked about; None for any.
        now: the instant against which ages are measured.
    """
    standings = [_aged(standing, catalogue.by_id[standing.stage], release, now) for standing in own]
    known = {s.id for s in own} | {base_of(s.id) for s in own}
    standings += [
        _unknown(name, stage)
        for stage in catalogue.stages
        for name in stage.criteria
        if name not in known
    ]
    return standings


def _aged(standing: Standing, stage: Stage, release: str | None, now: datetime) -> Standing:
    if standing.verdict is not Verdict.CONFIRMED:
        return standing
    reason = stale(standing.observed_at, stage, now, SKEW)
    reason = reason or of_another_release(standing.subject, stage, release)
    return replace(standing, verdict=Verdict.BLOCKED, **because(reason)) if reason else standing


def _unknown(name: str, stage: Stage) -> Standing:
    return Standing(
        id=name,
        title=one_line(name),
        nodeid=None,
        verdict=Verdict.BLOCKED,
        **because(
            Reason(
                text="the record knows nothing of it",
                kind=Kind.NOT_RUN,
                remedy=f"run stage {stage.id} again",
            )
        ),
    )
