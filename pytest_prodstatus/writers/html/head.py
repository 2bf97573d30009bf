"""What the person who decides sees first: FINAL, the gate, why, what to do next, about what.

The page and the block in pytest-html's report share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR
from pytest_prodstatus.model.record import Record, Run, StageStatus
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.words import CLASS, SIGN, code, each, optional, strip_of
from pytest_prodstatus.writers.words import counted, instant, minute, override_line

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import GateDecision

_FIRST = 5
"""Actions that are seen at once; further ones are folded."""


def front(record: Record, config: Config, answer: GateDecision | None, level: int) -> Markup:
    """Return the head.

    Args:
        record: what it is about.
        config: what the project declares.
        answer: the gate's (`gate_answer`).
        level: of its heading, 1 to 5; what stands below it has the next one.
    """
    overrides = map(override_line, record.overrides)
    return Markup('{}{}{}<div class="top">\n{}{}</div>').format(
        _final(record, answer, level),
        each('<p class="override">{}</p>\n', overrides),
        _waivers(answer) if answer else "",
        _next(record, level + 1),
        facts(record, config, answer),
    )


def gate_answer(record: Record, config: Config) -> GateDecision | None:
    """Return what the gate says at the end of the run; None if no waiver bears on that."""
    now = record.run.finished
    if now is None or not config.waivers.given:
        return None
    # Not above, since a project without waivers has no gate's answer to pay for.
    from pytest_prodstatus.model.gate import decide
    from pytest_prodstatus.model.violations import GateQuery

    about = GateQuery(target=record.run.target)
    return decide(record, config.catalogue, about, now, waivers=config.waivers)


def valid_for(stage_id: str, config: Config) -> timedelta:
    """Return how long a CONFIRMED of a stage may be carried over."""
    declared = config.catalogue.by_id.get(stage_id)
    return declared.valid_for if declared else DEFAULT_VALID_FOR


def valid_until(stages: Sequence[StageStatus], config: Config) -> datetime | None:
    """Return when the first CONFIRMED criterion of some stages is too old; None if none is."""
    ends = [
        status.observed_at + valid_for(stage.id, config)
        for stage in stages
        for status in stage.criteria
        if status.verdict is Verdict.CONFIRMED and status.observed_at
    ]
    return min(ends, default=None)


def commit(run: Run, letters: int | None = None) -> Markup:
    """Return the suite's commit, or its first letters, and whether it was changed since."""
    changed = " with local changes" if run.dirty else ""
    return Markup("{}{}").format(code((run.commit or "")[:letters]), changed)


def _final(record: Record, answer: GateDecision | None, level: int) -> Markup:
    verdict = record.final.verdict
    return Markup(
        '<div class="final {style}">\n'
        '<svg class="seal" aria-hidden="true" width="64" height="64" viewBox="-16 -16 32 32">'
        '<circle r="15"/><path class="sign" d="{sign}"/></svg>\n'
        '<div class="told">\n'
        '<h{level}><span class="word">{verdict}</span>\n'
        "{gate}</h{level}>\n"
        "{because}</div>\n"
        "{past}</div>\n"
    ).format(
        style=CLASS[verdict],
        sign=SIGN[verdict],
        level=level,
        verdict=verdict,
        gate=_gate(record, answer),
        because=optional('<p class="because">{}</p>\n', _because(record, answer)),
        past=_past(record),
    )


def _is_open(record: Record, answer: GateDecision | None) -> bool:
    """Return whether the gate is open by what was seen and waived alone."""
    if answer:
        return answer.confirmed
    return record.decision.open and record.final.verdict is Verdict.CONFIRMED


def _gate(record: Record, answer: GateDecision | None) -> str:
    if not record.run.finished:
        return "The run is in progress: nothing is confirmed yet"
    if _is_open(record, answer):
        waived = len(answer.waived) if answer else 0
        return "The gate is open" + (f", {waived} waived" if waived else "")
    if record.overrides:
        return "The gate is open by an override, not by what was seen"
    return "The gate is closed: do not deploy"


def _because(record: Record, answer: GateDecision | None) -> str:
    if record.final.reason:
        return record.final.reason.text
    if answer and answer.violations:
        return answer.violations[0].text
    return "Everything that FINAL hangs on was seen to hold." if record.run.finished else ""


def _past(record: Record) -> Markup:
    strip = strip_of(record)
    if not strip:
        return Markup()
    runs = counted(len(record.history) + 1, "run")
    return Markup('<div class="past">{}<span>the last {}</span></div>').format(strip, runs)


def _waivers(answer: GateDecision) -> Markup:
    """Return what closes the gate whatever the verdicts are, and what is waived."""
    violations = [": ".join(filter(None, (one.text, one.remedy))) for one in answer.violations]
    rows = each("<li>{}</li>\n", violations) + Markup().join(
        Markup("<li><b>Waived</b> until {} by {}: {}, because {}</li>\n").format(
            minute(one.waiver.expires), one.waiver.owner, one.status.id, one.waiver.reason
        )
        for one in answer.waived
    )
    return optional('<ul class="waivers">\n{}</ul>\n', rows)


def _next(record: Record, level: int) -> Markup:
    """Return what to do, the most useful first, and when all was well last."""
    return Markup(
        '<section class="next" aria-labelledby="next">'
        '<h{level} id="next">What to do next</h{level}>\n'
        "{actions}{last}</section>\n"
    ).format(level=level, actions=_actions(record.decision.actions), last=_last_confirmed(record))


def _actions(actions: Sequence[str]) -> Markup:
    if not actions:
        return Markup("<p>Nothing.</p>")
    seen = Markup("<ol>{}</ol>\n").format(each("<li>{}</li>", actions[:_FIRST]))
    more = actions[_FIRST:]
    if not more:
        return seen
    return seen + Markup(
        '<details><summary>{} more</summary><ol start="{}">{}</ol></details>\n'
    ).format(counted(len(more), "thing"), _FIRST + 1, each("<li>{}</li>", more))


def _last_confirmed(record: Record) -> Markup:
    """Return the newest former run whose FINAL was CONFIRMED, if this one's isn't."""
    held = (past for past in reversed(record.history) if past.final is Verdict.CONFIRMED)
    past = next(held, None)
    if past is None or record.final.verdict is Verdict.CONFIRMED:
        return Markup()
    text = Markup("Last CONFIRMED {}, run {}").format(minute(past.started), code(past.run))
    if past.release:
        text += Markup(", release {}").format(code(past.release))
    if past.commit:
        text += Markup(", suite commit {}").format(code(past.commit[:12]))
    return Markup('<p class="dim">{}.</p>').format(text)


def facts(record: Record, config: Config, answer: GateDecision | None) -> Markup:
    """Return the facts as a list of names and values; what isn't known isn't there."""
    run, until = record.run, valid_until(record.stages, config)
    rows = [_fact("Target", run.target), Markup("\n")]
    if run.subject.release:
        rows.append(_fact("Release", run.subject.release))
    if run.commit:
        rows.append(_fact("Suite", Markup("commit {}").format(commit(run, letters=12))))
    rows += [_fact("Judged", _judged(run)), Markup("\n")]
    if until and _is_open(record, answer):
        rows.append(_fact("Valid until", instant(until)))
    counts = _counts(record)
    rows.append(Markup('<div><dt>Criteria</dt><dd class="counts">{}</dd></div>\n').format(counts))
    if run.selection:
        rows.append(_fact("Looked at", run.selection))
    if run.finished and not run.complete:
        rows.append(_fact("Complete", "no: not every criterion was observed in this run"))
    return Markup('<dl class="facts">\n{}</dl>\n').format(Markup().join(rows))


def _fact(name: str, value: str) -> Markup:
    return Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value)


def _judged(run: Run) -> str:
    if not run.finished:
        return f"in progress since {instant(run.started)}"
    return Markup('<time datetime="{}">{}</time>').format(
        run.finished.isoformat(), instant(run.finished)
    )


def _counts(record: Record) -> Markup:
    counts = Counter(status.verdict for status in record.criteria)
    if not counts:
        return escape("none" if record.run.finished else "named when the run has ended")
    return Markup().join(
        Markup('<span class="{}"><b>{}</b> {}</span> ').format(
            CLASS[verdict], f"{counts[verdict]:,}", verdict
        )
        for verdict in Verdict
        if counts[verdict]
    )
