"""A stage's section: since when, until when, what it hangs on, why, and what its verdict means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.record import Record, StageResult
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import valid_until
from pytest_prodstatus.writers.html.overview import cause_link
from pytest_prodstatus.writers.html.words import CLASS, instant, tag


def stage_top(
    stage: StageResult, record: Record, config: Config, anchors: Mapping[str, str]
) -> Markup:
    """Return the section as far as its criteria.

    Args:
        stage: one of the record's.
        record: which knows the other stages' titles.
        config: what the stage was declared to be.
        anchors: where each criterion that something points to stands on the page, by its id.
    """
    declared = config.catalogue.by_id.get(stage.id)
    cause = cause_link(stage, anchors)
    return Markup(
        '<section class="stage {style}" id="stage-{id}" aria-labelledby="title-{id}">\n'
        '<h3 id="title-{id}">{title} {tag}</h3>\n'
        '<p class="dim">Since {since}.\n{hangs}</p>\n'
        "{why}{cause}{means}"
    ).format(
        style=CLASS[stage.verdict],
        id=stage.id,
        title=stage.title,
        tag=tag(stage.verdict),
        since=_since(stage, valid_until(stage, config)),
        hangs=_hangs_on(declared, record) if declared else "",
        why=_why(stage),
        cause=Markup('<p class="dim">Root cause: {}</p>').format(cause) if cause else "",
        means=_means(declared, stage.verdict) if declared else "",
    )


def _since(stage: StageResult, until: datetime | None) -> str:
    told = instant(stage.since)
    if stage.previous:
        told += f", before that {stage.previous}"
    if until and stage.verdict is Verdict.CONFIRMED:
        told += f". Valid until {instant(until)}"
    return told


def _hangs_on(declared: Stage, record: Record) -> Markup:
    titles = {stage.id: stage.title for stage in record.stages}
    told = Markup()
    if declared.requires:
        told += Markup("Requires {}.").format(_links(declared.requires, titles))
    if declared.rollup:
        told += Markup("Rolls up {}.").format(_links(declared.rollup, titles))
    return told


def _links(names: Sequence[str], titles: Mapping[str, str]) -> Markup:
    return Markup(", ").join(
        Markup('<a href="#stage-{}">{}</a>').format(name, titles.get(name, name)) for name in names
    )


def _why(stage: StageResult) -> Markup:
    """Return the reason, where none of the stage's criteria says it."""
    reason = stage.reason
    if reason is None or any(standing.reason == reason for standing in stage.criteria):
        return Markup()
    why = Markup('<p class="why"><b>{}:</b> {}</p>\n').format(reason.kind, reason.text)
    if reason.remedy:
        why += Markup('<p class="remedy"><b>What to do:</b> {}</p>').format(reason.remedy)
    return why


def _means(declared: Stage, verdict: Verdict) -> Markup:
    meaning = {
        Verdict.CONFIRMED: declared.confirmed,
        Verdict.BLOCKED: declared.blocked,
        Verdict.FAILED: declared.failed,
    }[verdict]
    if not meaning:
        return Markup()
    return Markup('<p class="dim">{} means: {}</p>').format(verdict, meaning)
