"""What a verdict is about: target, release, suite, when, how long it counts, how much was seen."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup, escape

from pytest_prodstatus.model.record import Record, Run
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.html.head import Head
from pytest_prodstatus.writers.html.words import CLASS, code, instant


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
