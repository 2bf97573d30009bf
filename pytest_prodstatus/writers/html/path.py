"""The path through the system: the configured steps, in order, with what was seen of each.

It is a list, which the style sheet draws horizontally in a wide window and vertically in a narrow
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.record import CriterionStatus, Record, StageStatus
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.readers.config import Step
from pytest_prodstatus.writers.html import CLASS, NOT_APPLICABLE, SIGN, optional
from pytest_prodstatus.writers.html.criterion import instants_of

_HELD = "seen to hold"
"""A step whose own criteria held; only what they require makes them BLOCKED."""

_ABOUT_HELD = Markup(
    " “Seen to hold”: the step itself held, but it is not CONFIRMED while what it requires is not."
)
_ABOUT_DATES = Markup(" A date says when the step was taken, in UTC.")


def path(record: Record, steps: Sequence[Step], anchors: Mapping[str, str]) -> Markup:
    """Return the configured path through the criteria as HTML; nothing without a step.

    Args:
        record: gives the verdicts, sentences and instants.
        steps: the steps, in order.
        anchors: the anchor of each criterion on the page, by its id.
    """
    if not steps:
        return Markup()
    items = Markup().join(_item(step, record, anchors) for step in steps)
    return Markup(
        '\n<ol class="path">{}</ol>\n<p class="dim legend">What was seen of each step.{}{}</p>'
    ).format(
        items,
        _ABOUT_DATES if "<time" in items else "",
        _ABOUT_HELD if _HELD in items else "",
    )


def _item(step: Step, record: Record, anchors: Mapping[str, str]) -> Markup:
    """Return one step of the path, as HTML."""
    stage, criteria = _shown(step.shows, record)
    verdict, word = _verdict(step.shows, stage, criteria)
    kind = NOT_APPLICABLE if stage and not stage.applies else CLASS[verdict]
    state = " held" if word == _HELD else ""
    anchor = anchors.get(step.shows) or (f"stage-{stage.id}" if stage else "")
    name = Markup("<b>{}</b>").format(step.name)
    at = _date(step.name, (*criteria, *record.criteria))
    sentence = next((e.value for s in criteria for e in s.evidence if not e.name), None)
    return Markup(
        '<li class="{}{}"><svg aria-hidden="true" width="34" height="34" viewBox="-17 -17 34 34">'
        '<circle r="15.5"/><path class="sign" d="{}" transform="scale(1.2)"/></svg>'
        '<div>{} <span class="word">{}</span>{}{}</div></li>\n'
    ).format(
        kind,
        state,
        "" if kind == NOT_APPLICABLE else SIGN[verdict],
        Markup('<a href="#{}">{}</a>').format(anchor, name) if anchor else name,
        word,
        optional(' <span class="what">{}</span>', sentence),
        _dated(at) if at else "",
    )


def _dated(at: datetime) -> Markup:
    """Return an instant to the minute, as HTML."""
    # To the minute, and without UTC, which the legend names.
    when = f"{at:%Y-%m-%d %H:%M}"
    return Markup(' <time class="dim" datetime="{}">{}</time>').format(at.isoformat(), when)


def _shown(shows: str, record: Record) -> tuple[StageStatus | None, Sequence[CriterionStatus]]:
    """Return the stage that a step shows, or that of its criterion, and the criteria shown."""
    # A stage's id has no dot and a criterion's has one, so they can't be confused.
    for stage in record.stages:
        if stage.id == shows:
            return stage, stage.criteria
        if stage.id == shows.partition(".")[0]:
            found = tuple(status for status in stage.criteria if status.id == shows)
            return (stage if found or not stage.applies else None), found
    return None, ()


def _verdict(
    shows: str, stage: StageStatus | None, criteria: Sequence[CriterionStatus]
) -> tuple[Verdict, str]:
    """Return what was seen of a step, as a verdict and in words.

    A step that merely depends on something that isn't CONFIRMED isn't called BLOCKED.
    """
    if stage is None:
        return Verdict.BLOCKED, Verdict.BLOCKED.value  # the record doesn't have it
    if not stage.applies:
        return stage.verdict, stage.word
    verdict = stage.verdict if stage.id == shows else criteria[0].verdict
    held = criteria and all(
        s.verdict is Verdict.CONFIRMED
        or (s.kind is Kind.UPSTREAM and s.observed is Verdict.CONFIRMED)
        for s in criteria
    )
    # A derived stage may have criteria of its own beside the stages that it rolls up.
    if held and verdict is Verdict.BLOCKED and not stage.derived:
        return Verdict.CONFIRMED, _HELD
    return verdict, verdict.value


def _date(name: str, criteria: Iterable[CriterionStatus]) -> datetime | None:
    """Return the first instant in the criteria's evidence that has a step's name."""
    for status in criteria:
        for entry in status.evidence:
            at = instants_of(entry, least=1).get(name)
            if at:
                return at
    return None
