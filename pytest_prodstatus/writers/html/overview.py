"""All stages at a glance: their graph, and a row for each with what was seen or why not."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record, StageResult
from pytest_prodstatus.model.summary import stage_line
from pytest_prodstatus.writers.html.strip import stage_strip
from pytest_prodstatus.writers.html.words import minute, tag


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
