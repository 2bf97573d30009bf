"""The stages: all at a glance with their graph, and a section for each.

A section says since when, until when, what it depends on, why, and what its verdict means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import Catalogue, Stage
from pytest_prodstatus.model.record import Record, StageResult
from pytest_prodstatus.model.summary import stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import valid_until
from pytest_prodstatus.writers.html.strip import stage_strip
from pytest_prodstatus.writers.html.words import CLASS, instant, minute, tag


def overview(record: Record, catalogue: Catalogue, anchors: Mapping[str, str]) -> Markup:
    """Return the section.

    Args:
        record: whose stages are shown.
        catalogue: what they hang on.
        anchors: where each criterion that something points to stands on the page, by its id.
    """
    return Markup(
        '<section aria-labelledby="stages"><h2 id="stages">Stages</h2>\n'
        '{}<table class="stages">\n'
        '<thead><tr><th scope="col">Stage</th><th scope="col">Verdict</th>'
        '<th scope="col">What was seen, or why not</th><th scope="col">Since</th>{}</tr></thead>\n'
        "<tbody>\n{}</tbody></table></section>\n"
    ).format(
        _drawn(record, catalogue),
        Markup('<th scope="col">Last runs</th>') if record.history else "",
        Markup().join(_row(stage, record, anchors) for stage in record.stages),
    )


def _drawn(record: Record, catalogue: Catalogue) -> Markup:
    if not any(stage.requires or stage.rollup for stage in catalogue.stages):
        return Markup()
    # Not above, since a project that only marks its tests has no graph to pay for.
    from pytest_prodstatus.writers.html.graph import graph

    picture = graph(record, catalogue)
    if not picture:
        return Markup()
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="Graph of the stages">{}</div>\n'
        '<p class="dim legend">From left to right: a stage hangs on what leads to it. '
        "A solid line: it requires that. A dashed line: it rolls that up. "
        "Lines that follow from others are left out.</p>\n"
    ).format(picture)


def _row(stage: StageResult, record: Record, anchors: Mapping[str, str]) -> Markup:
    root = Markup(' <span class="note">root cause</span>') if stage.is_root else ""
    strip = Markup("<td>{}</td>").format(stage_strip(record, stage.id)) if record.history else ""
    cause = cause_link(stage, anchors)
    return Markup(
        '<tr{}><th scope="row"><a href="#stage-{}">{}</a></th><td>{}{}</td><td>{}</td>'
        '<td class="since">{}</td>{}</tr>\n'
    ).format(
        Markup(' class="hangs"') if stage.hangs else "",
        stage.id,
        stage.title,
        tag(stage.verdict),
        root,
        Markup("because of {}").format(cause) if cause else stage_line(stage),
        minute(stage.since),
        strip,
    )


def cause_link(stage: StageResult, anchors: Mapping[str, str]) -> Markup:
    """Return a link to the cause outside a stage; nothing where it has none on the page."""
    if stage.cause is None or stage.cause not in anchors or not stage.hangs:
        return Markup()
    return Markup('<a href="#{}">{}</a>').format(anchors[stage.cause], stage.cause)


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
