"""The head of the page, and of each of its stages.

The page's is what the person who decides on a deployment reads first: FINAL, the gate, why, what to
do next, and the facts of the run. The page and the block in pytest-html's report share it. Below it
is an overview of the stages with their graph. A stage's head gives its verdict's beginning and end,
its dependencies, its reason and its meaning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_prodstatus.model.assemble import broken_off
from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR, Catalogue, Stage
from pytest_prodstatus.model.criterion_status import valid_until
from pytest_prodstatus.model.record import UNSIGNED, Record, Run, StageStatus
from pytest_prodstatus.model.rollup import why_final
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html import (
    CLASS,
    SIGN,
    code,
    columns,
    for_each,
    optional,
    section,
    shared_causes,
    stage_tag,
    strip_of,
    style_of,
)
from pytest_prodstatus.writers.html.criterion import address
from pytest_prodstatus.writers.words import (
    counted,
    instant,
    meanings,
    minute,
    override_line,
    stage_line,
)

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import GateDecision

_SHOWN_ACTIONS = 5
"""Actions that are shown at once; the others are folded."""


def front(record: Record, config: Config, decision: GateDecision | None, level: int) -> Markup:
    """Return the head of a page.

    Args:
        record: of the run.
        config: the project's stages and waivers.
        decision: the gate's at the end of the run (`gate_decision`).
        level: of its heading, 1 to 5; the headings in it are one level lower.
    """
    overrides = map(override_line, record.overrides)
    return Markup('{}{}{}<div class="top">\n{}{}</div>').format(
        _final(record, config, decision, level),
        for_each('<p class="override">{}</p>\n', overrides),
        _waivers(decision) if decision else "",
        _next(record, level + 1),
        facts(record, config, decision),
    )


def gate_decision(record: Record, config: Config) -> GateDecision | None:
    """Return the gate's decision at the end of the run.

    None while the run is in progress, or if the project has no waivers; then the page shows the
    record's own decision.
    """
    now = record.run.finished
    if now is None or not config.waivers.given:
        return None
    # Not above: a project without waivers shouldn't pay for the import.
    from pytest_prodstatus.model.gate import decide
    from pytest_prodstatus.model.violations import GateQuery

    query = GateQuery(target=record.run.target)
    return decide(
        record,
        config.catalogue,
        query,
        now,
        waivers=config.waivers,
        require_evidence=config.require_evidence,
    )


def valid_for(stage_id: str, config: Config) -> timedelta:
    """Return how long a stage's CONFIRMED verdict may be carried over."""
    declared = config.catalogue.by_id.get(stage_id)
    return declared.valid_for if declared else DEFAULT_VALID_FOR


def commit(run: Run, letters: int | None = None) -> Markup:
    """Return the suite's commit and whether it had local changes.

    Args:
        run: the run.
        letters: how many of the commit's letters are shown; None for all.
    """
    changed = " with local changes" if run.dirty else ""
    return Markup("{}{}").format(code((run.commit or "")[:letters]), changed)


def _final(record: Record, config: Config, decision: GateDecision | None, level: int) -> Markup:
    """Return the verdict FINAL and the gate, as HTML."""
    verdict = record.final.verdict
    return Markup(
        '<div class="final {style}">\n'
        '<svg class="seal" aria-hidden="true" width="64" height="64" viewBox="-16 -16 32 32">'
        '<circle r="15"/><path class="sign" d="{sign}"/></svg>\n'
        '<div class="outcome">\n'
        '<h{level}><span class="word">{verdict}</span>\n'
        "{gate}</h{level}>\n"
        "{because}</div>\n"
        "{past}</div>\n"
    ).format(
        style=CLASS[verdict],
        sign=SIGN[verdict],
        level=level,
        verdict=verdict,
        gate=_gate(record, config, decision),
        because=optional('<p class="because">{}</p>\n', _because(record, decision)),
        past=_past(record),
    )


def _is_open(record: Record, decision: GateDecision | None) -> bool:
    """Return whether the gate is open without an override."""
    if decision:
        return decision.confirmed
    # By the rule `not-failed` a record is open if BLOCKED too, but the gate is not (docs/gate.md).
    return record.decision.open and record.final.verdict is Verdict.CONFIRMED


def _gate(record: Record, config: Config, decision: GateDecision | None) -> str:
    """Return whether the gate is open, in one sentence."""
    if not record.run.finished:
        if broken_off(record.run):
            return "The run was broken off: nothing is confirmed"
        return "The run is in progress: nothing is confirmed yet"
    if _is_open(record, decision):
        waived = len(decision.waived) if decision else 0
        # The page is written before the record is signed.
        signed = ", if a trusted key signed this record" if config.signed_by else ""
        return "The gate is open" + (f", {waived} waived" if waived else "") + signed
    if record.decision.unsigned is True and decision is None:
        return f"The gate is {UNSIGNED}, which prodstatus gate verifies"
    if record.overrides:
        return "The gate is open by an override, not by what was seen"
    return "The gate is closed: do not deploy"


def _because(record: Record, decision: GateDecision | None) -> str:
    """Return why FINAL has its verdict, in one sentence; "" while the run is in progress."""
    if not record.run.finished and not broken_off(record.run):
        return ""  # the line about the gate says it
    if record.final.reason:
        return why_final(record)
    if decision and decision.violations:
        return decision.violations[0].text
    return "Everything that FINAL depends on was seen to hold." if record.run.finished else ""


def _past(record: Record) -> Markup:
    """Return the strip of former runs, as HTML; nothing without any."""
    strip = strip_of(record)
    if not strip:
        return Markup()
    runs = counted(len(record.history) + 1, "run")
    return Markup('<div class="past">{}<span>the last {}: higher is worse</span></div>').format(
        strip, runs
    )


def _waivers(decision: GateDecision) -> Markup:
    """Return the violations, which close the gate at any verdict, and the waived criteria."""
    violations = [
        ": ".join(filter(None, (violation.text, violation.remedy)))
        for violation in decision.violations
    ]
    rows = for_each("<li>{}</li>\n", violations) + Markup().join(
        Markup("<li><b>Waived</b> until {} by {}: {}, because {}</li>\n").format(
            minute(waived.waiver.expires),
            waived.waiver.owner,
            waived.status.id,
            waived.waiver.reason,
        )
        for waived in decision.waived
    )
    return optional('<ul class="waivers">\n{}</ul>\n', rows)


def _next(record: Record, level: int) -> Markup:
    """Return the next actions, the most useful first, and the last CONFIRMED run."""
    return Markup(
        '<section class="next" aria-labelledby="next">'
        '<h{level} id="next">What to do next</h{level}>\n'
        "{actions}{last}</section>\n"
    ).format(level=level, actions=_actions(record), last=_last_confirmed(record))


def _actions(record: Record) -> Markup:
    """Return the list of what to do next, as HTML."""
    actions = record.decision.actions
    if not record.run.finished and not broken_off(record.run):
        return Markup("<p>Wait until the run has ended. If it was killed, run again.</p>")
    if not actions:
        # Without a remedy, there is still something to do about a closed gate.
        partial = "Run all criteria: this run looked at some of them only."
        unknown = partial if record.run.selection else "See the reasons below: no remedy is known."
        confirmed = record.final.verdict is Verdict.CONFIRMED
        return Markup("<p>{}</p>").format("Nothing." if confirmed else unknown)
    shown = Markup("<ol>{}</ol>\n").format(for_each("<li>{}</li>", actions[:_SHOWN_ACTIONS]))
    more = actions[_SHOWN_ACTIONS:]
    if not more:
        return shown
    return shown + Markup(
        '<details><summary>{} more</summary><ol start="{}">{}</ol></details>\n'
    ).format(counted(len(more), "thing"), _SHOWN_ACTIONS + 1, for_each("<li>{}</li>", more))


def _last_confirmed(record: Record) -> Markup:
    """Return the last run whose FINAL was CONFIRMED; nothing if this run's is."""
    confirmed_runs = (past for past in reversed(record.history) if past.final is Verdict.CONFIRMED)
    past = next(confirmed_runs, None)
    if past is None or record.final.verdict is Verdict.CONFIRMED:
        return Markup()
    text = Markup("Last CONFIRMED {}, run {}").format(minute(past.started), code(past.run))
    if past.release:
        text += Markup(", release {}").format(code(past.release))
    if past.commit:
        text += Markup(", suite commit {}").format(code(past.commit[:12]))
    return Markup('<p class="dim">{}.</p>').format(text)


def facts(record: Record, config: Config, decision: GateDecision | None) -> Markup:
    """Return the facts of the run as a list of names and values, without those not known."""
    run, until = record.run, valid_until(record.criteria, config.catalogue)
    rows = [_fact("Target", run.target), Markup("\n")]
    if run.subject.release:
        rows.append(_fact("Release", run.subject.release))
    if run.commit:
        rows.append(_fact("Suite", Markup("commit {}").format(commit(run, letters=12))))
    rows += [_fact(*_judged(run)), Markup("\n")]
    # A closed gate with an end of validity would look as if it were open until then.
    if until and _is_open(record, decision):
        rows.append(_fact("Valid until", instant(until)))
    if run.finished:
        rows.append(_counts(record))
    if run.selection:
        rows.append(_fact("Looked at", run.selection))
    if run.finished and not run.complete:
        rows.append(_fact("Complete", "no: not every criterion was observed in this run"))
    return Markup('<dl class="facts">\n{}</dl>\n').format(Markup().join(rows))


def _fact(name: str, value: str) -> Markup:
    """Return a name and a value of the head, as HTML."""
    return Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value)


def _judged(run: Run) -> tuple[str, str]:
    """Return when a run was judged, or started if it goes on: a name and an instant."""
    if not run.finished:
        return "Started", instant(run.started)
    return "Judged", Markup('<time datetime="{}">{}</time>').format(
        run.finished.isoformat(), instant(run.finished)
    )


def _counts(record: Record) -> Markup:
    """Return how many criteria have each verdict, as HTML."""
    counts = Counter(status.verdict for status in record.criteria)
    if not counts:
        return _fact("Criteria", "none")
    numbers = Markup().join(
        Markup('<span class="{}"><b>{}</b> {}</span> ').format(
            CLASS[verdict], f"{counts[verdict]:,}", verdict
        )
        for verdict in Verdict
        if counts[verdict]
    )
    return Markup('<div><dt>Criteria</dt><dd class="counts">{}</dd></div>\n').format(numbers)


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
