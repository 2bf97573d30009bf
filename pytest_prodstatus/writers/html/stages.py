"""The stages on the page: an overview with their graph, and a section for each stage.

A section gives the verdict's beginning and end, its dependencies, its reason and its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import Catalogue, Stage
from pytest_prodstatus.model.criterion_status import valid_until
from pytest_prodstatus.model.record import Record, StageStatus
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.criterion import address
from pytest_prodstatus.writers.html.words import (
    columns,
    optional,
    section,
    shared_causes,
    stage_tag,
    strip_of,
    style_of,
)
from pytest_prodstatus.writers.words import instant, meanings, minute, stage_line

_STRIP_LEGEND = Markup(
    '\n<p class="dim legend">Last runs: a bar for each run, this one at the right. A low bar is '
    "CONFIRMED, a higher one BLOCKED, the highest FAILED; a triangle marks a change.</p>"
)


def overview(record: Record, catalogue: Catalogue, anchors: Mapping[str, str]) -> Markup:
    """Return the section with the graph and the table of all stages.

    Args:
        record: of the run.
        catalogue: the dependencies of the stages.
        anchors: the anchor of each criterion that a link may point to, by its id.
    """
    shared = shared_causes(record)
    names = ["Stage", "Verdict", "What was seen, or why not", "Since"]
    table = Markup(
        '\n{}<table class="stages">\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table>{}'
    ).format(
        _graph(record, catalogue),
        columns(*names, *(["Last runs"] if record.history else [])),
        Markup().join(_row(stage, record, anchors, shared) for stage in record.stages),
        _STRIP_LEGEND if record.history else "",
    )
    return section("stages", "Stages", table)


def stage_top(
    stage: StageStatus, record: Record, config: Config, anchors: Mapping[str, str]
) -> Markup:
    """Return the beginning of a stage's section, up to its criteria; the caller closes it.

    Args:
        stage: a stage of the record.
        record: gives the titles of the other stages.
        config: gives the stage's declaration.
        anchors: the anchor of each criterion that a link may point to, by its id.
    """
    declared = config.catalogue.by_id.get(stage.id)
    meaning = meanings(declared).get(stage.verdict) if declared and stage.applies else ""
    return Markup(
        '<section class="stage {style}" id="stage-{id}" aria-labelledby="title-{id}">\n'
        '<h3 id="title-{id}">{title} {tag}</h3>\n'
        '<p class="dim">Since {since}.\n{needs}</p>\n'
        "{why}{cause}{means}"
    ).format(
        style=style_of(stage),
        id=stage.id,
        title=stage.title,
        tag=stage_tag(stage),
        since=_since(stage, config),
        needs=_dependencies(declared, record) if declared else "",
        why=_reason(stage) if record.run.finished else "",
        cause=optional('<p class="dim">Root cause: {}</p>', cause_link(stage, anchors)),
        # Safe in a template: the text of a verdict is ours.
        means=optional(f'<p class="dim">{stage.verdict} means: {{}}</p>', meaning),
    )


def cause_link(stage: StageStatus, anchors: Mapping[str, str]) -> Markup:
    """Return a link to a stage's root cause, if that is outside the stage and on the page."""
    if stage.cause is None or stage.cause not in anchors or not stage.is_affected:
        return Markup()
    return _link(anchors[stage.cause], stage.cause)


def _link(anchor: str, text: str) -> Markup:
    """Return a link to a part of the page."""
    return Markup('<a href="#{}">{}</a>').format(anchor, text)


def _graph(record: Record, catalogue: Catalogue) -> Markup:
    """Return the picture of what depends on what, if anything does."""
    if not any(stage.requires or stage.rollup for stage in catalogue.stages):
        return Markup()
    # Not above: a project without dependencies shouldn't pay for the import.
    from pytest_prodstatus.writers.html.graph import graph

    return optional(
        '<div class="scroll" tabindex="0" role="region" aria-label="Graph of the stages">{}</div>\n'
        '<p class="dim legend">'
        '<span class="hint">Scroll the graph sideways to see all of it. </span>'
        "From left to right: a stage depends on what leads to it. "
        "A solid line: it requires that. A dashed line: it rolls that up. "
        "Lines that follow from others are left out.</p>\n",
        graph(record, catalogue),
    )


def _row(
    stage: StageStatus, record: Record, anchors: Mapping[str, str], shared: Mapping[str, str]
) -> Markup:
    """Return the row of a stage in the table, as HTML."""
    # A stage that others made worse names the cause, whose own row has the reason.
    own = stage.cause or ""
    cause = shared.get(own.partition(".")[0], own)
    why = Markup()
    if cause in anchors and (stage.is_affected or stage.id in shared):
        relation = "because of" if stage.is_affected else "as in"
        why = Markup("{} {}").format(relation, _link(anchors[cause], cause))
    is_root = stage.is_root and stage.id not in shared
    return Markup(
        '<tr{style}><th scope="row">{title}</th><td>{tag}{root}</td><td>{why}</td>'
        '<td class="since">{since}</td>{strip}</tr>\n'
    ).format(
        style=Markup(' class="affected"') if why else "",
        title=_link(f"stage-{stage.id}", stage.title),
        tag=stage_tag(stage),
        root=Markup(' <span class="note">root cause</span>') if is_root else "",
        # While the run is in progress, the top says so for all.
        why=why or (stage_line(stage) if record.run.finished else ""),
        since=minute(stage.since),
        strip=optional("<td>{}</td>", strip_of(record, stage.id)),
    )


def _since(stage: StageStatus, config: Config) -> str:
    """Return since when a stage has its verdict, in words."""
    text = instant(stage.since)
    if stage.previous:
        text += f", before that {stage.previous}"
    # A stage that FAILED may have a CONFIRMED criterion, whose end isn't the stage's.
    until = valid_until(stage.criteria, config.catalogue)
    if until and stage.verdict is Verdict.CONFIRMED:
        text += f". Valid until {instant(until)}"
    return text


def _dependencies(declared: Stage, record: Record) -> Markup:
    """Return which stages a stage requires or rolls up, as HTML."""
    titles = {stage.id: stage.title for stage in record.stages}

    def links(names: Sequence[str]) -> Markup:
        return Markup(", ").join(_link(f"stage-{id_}", titles.get(id_, id_)) for id_ in names)

    requires = optional("Requires {}.", links(declared.requires))
    return requires + optional("Rolls up {}.", links(declared.rollup))


def _reason(stage: StageStatus) -> Markup:
    """Return the stage's reason and remedy; nothing if a criterion of it shows the same reason."""
    reason = stage.reason
    if reason is None or any(status.reason == reason for status in stage.criteria):
        return Markup()
    # "not applicable" stands in its text already.
    kind = optional("<b>{}:</b> ", str(reason.kind) if stage.applies else "")
    text = Markup('<p class="why">{}{}</p>\n').format(kind, reason.text)
    text += optional('<p class="remedy"><b>What to do:</b> {}</p>', reason.remedy)
    return text + address(reason)
