"""What the person who decides sees first: FINAL, the gate, why, what to do next, about what.

The page and the block in pytest-html's report share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR
from pytest_prodstatus.model.record import Past, Record, Run, StageResult
from pytest_prodstatus.model.summary import override_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.strip import final_strip
from pytest_prodstatus.writers.html.words import CLASS, SIGN, code, counted, instant, minute

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import Answer, Waived
    from pytest_prodstatus.model.violations import Refusal


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
    from pytest_prodstatus.model.violations import Asked

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


def facts(head: Head) -> Markup:
    """Return the facts as a list of names and values; what isn't known isn't there."""
    run = head.record.run
    told = [_fact("Target", run.target), Markup("\n")]
    if run.subject.release:
        told.append(_fact("Release", run.subject.release))
    if run.commit:
        told.append(_fact("Suite", Markup("commit {}").format(commit(run, letters=12))))
    told += [_fact("Judged", _judged(run)), Markup("\n")]
    if head.until and head.open:
        told.append(_fact("Valid until", instant(head.until)))
    counts = _counts(head.record)
    told.append(Markup('<div><dt>Criteria</dt><dd class="counts">{}</dd></div>\n').format(counts))
    if run.selection:
        told.append(_fact("Looked at", run.selection))
    if run.finished and not run.complete:
        told.append(_fact("Complete", "no: not every criterion was observed in this run"))
    return Markup('<dl class="facts">\n{}</dl>\n').format(Markup().join(told))


def commit(run: Run, letters: int | None = None) -> Markup:
    """Return the suite's commit, or its first letters, and whether it was changed since."""
    changed = " with local changes" if run.dirty else ""
    return Markup("{}{}").format(code((run.commit or "")[:letters]), changed)


def _fact(name: str, value: str) -> Markup:
    return Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value)


def _judged(run: Run) -> str:
    if not run.finished:
        return f"in progress since {instant(run.started)}"
    return Markup('<time datetime="{}">{}</time>').format(
        run.finished.isoformat(), instant(run.finished)
    )


def _counts(record: Record) -> Markup:
    counts = Counter(standing.verdict for standing in record.criteria)
    if not counts:
        return escape("none" if record.run.finished else "named when the run has ended")
    return Markup().join(
        Markup('<span class="{}"><b>{}</b> {}</span> ').format(
            CLASS[verdict], f"{counts[verdict]:,}", verdict
        )
        for verdict in Verdict
        if counts[verdict]
    )


_FIRST = 5
"""Actions that are seen at once; further ones are folded."""


def actions(head: Head, level: int) -> Markup:
    """Return the section, with a heading of the level."""
    return Markup(
        '<section class="next" aria-labelledby="next">'
        '<h{level} id="next">What to do next</h{level}>\n'
        "{todo}{last}</section>\n"
    ).format(level=level, todo=_todo(head.actions), last=_last(head.last_confirmed))


def _todo(told: Sequence[str]) -> Markup:
    if not told:
        return Markup("<p>Nothing.</p>")
    seen = Markup("<ol>{}</ol>\n").format(_items(told[:_FIRST]))
    more = told[_FIRST:]
    if not more:
        return seen
    return seen + Markup(
        '<details><summary>{} more</summary><ol start="{}">{}</ol></details>\n'
    ).format(counted(len(more), "thing", "things"), _FIRST + 1, _items(more))


def _items(told: Sequence[str]) -> Markup:
    return Markup().join(Markup("<li>{}</li>").format(action) for action in told)


def _last(past: Past | None) -> Markup:
    if past is None:
        return Markup()
    told = Markup("Last CONFIRMED {}, run {}").format(minute(past.started), code(past.run))
    if past.release:
        told += Markup(", release {}").format(code(past.release))
    if past.commit:
        told += Markup(", suite commit {}").format(code(past.commit[:12]))
    return Markup('<p class="dim">{}.</p>').format(told)


def front(head: Head, level: int) -> Markup:
    """Return the head.

    Args:
        head: what it tells.
        level: of its heading, 1 to 5; what stands below it has the next one.
    """
    return Markup('{}{}{}<div class="top">\n{}{}</div>').format(
        _final(head, level), _overrides(head), _waivers(head), actions(head, level + 1), facts(head)
    )


def _final(head: Head, level: int) -> Markup:
    verdict = head.record.final.verdict
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
        gate=_gate(head),
        because=_because(head),
        past=_past(head),
    )


def _gate(head: Head) -> str:
    if not head.record.run.finished:
        return "The run is in progress: nothing is confirmed yet"
    if head.open:
        return "The gate is open" + (f", {len(head.waived)} waived" if head.waived else "")
    if head.overrides:
        return "The gate is open by an override, not by what was seen"
    return "The gate is closed: do not deploy"


def _because(head: Head) -> Markup:
    record = head.record
    if record.final.reason:
        why = record.final.reason.text
    elif head.refusals:
        why = head.refusals[0].text
    elif record.run.finished:
        why = "Everything that FINAL hangs on was seen to hold."
    else:
        return Markup()
    return Markup('<p class="because">{}</p>\n').format(why)


def _past(head: Head) -> Markup:
    if not head.strip:
        return Markup()
    runs = counted(len(head.record.history) + 1, "run", "runs")
    return Markup('<div class="past">{}<span>the last {}</span></div>').format(head.strip, runs)


def _overrides(head: Head) -> Markup:
    return Markup().join(
        Markup('<p class="override">{}</p>\n').format(told) for told in head.overrides
    )


def _waivers(head: Head) -> Markup:
    if not (head.waived or head.refusals):
        return Markup()
    rows = [*map(_refusal, head.refusals), *map(_waived, head.waived)]
    return Markup('<ul class="waivers">\n{}</ul>\n').format(Markup().join(rows))


def _refusal(refusal: Refusal) -> Markup:
    told = f"{refusal.text}: {refusal.remedy}" if refusal.remedy else refusal.text
    return Markup("<li>{}</li>\n").format(told)


def _waived(one: Waived) -> Markup:
    return Markup("<li><b>Waived</b> until {} by {}: {}, because {}</li>\n").format(
        minute(one.waiver.expires), one.waiver.owner, one.standing.id, one.waiver.reason
    )
