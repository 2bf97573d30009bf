"""The run, for whoever audits it: when, by which rule, whom it asked, and with what."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from pytest_prodstatus.model.causes import cause_line
from pytest_prodstatus.model.record import Decision, Record, Run
from pytest_prodstatus.writers.html.facts import commit
from pytest_prodstatus.writers.html.words import code, counted, instant, span


def audit(record: Record) -> Markup:
    """Return the section."""
    return Markup(
        '<section aria-labelledby="run"><h2 id="run">The run, for whoever audits it</h2>\n'
        '<table class="run"><tbody>\n{}</tbody></table></section>\n'
    ).format(Markup().join(_rows(record)))


def _rows(record: Record) -> Iterator[Markup]:
    run = record.run
    yield _row("Run", code(run.id))
    yield _row("Time", _time(run))
    yield _row("Decision", _decision(record.decision))
    for cause in record.decision.causes:
        yield _row("Closed by", cause_line(cause))
    for name, url in run.subject.endpoints.items():
        yield _row("Asked", Markup("{} {}").format(name, code(url)))
    for name, instants in run.subject.snapshots.items():
        yield _row("Read as of", f"{name} {', '.join(map(instant, instants))}")
    if run.commit:
        yield _row("Suite commit", commit(run), end="")
    if run.catalogue:
        yield _row("Catalogue", code(run.catalogue), end="")
    made_with = (f"{name} {number}" for name, number in run.versions.items())
    yield _row("Made with", ", ".join(made_with))


def _row(name: str, value: str, end: str = "\n") -> Markup:
    return Markup('<tr><th scope="row">{}</th><td>{}</td></tr>{}').format(name, value, end)


def _time(run: Run) -> str:
    started = f"{instant(run.started)} to"
    if not run.finished:
        return f"{started} now"
    return f"{started} {instant(run.finished)}, {span(run.finished - run.started)}"


def _decision(decision: Decision) -> str:
    gate = "open" if decision.open else "closed"
    told = f"{gate} by the rule “{decision.rule.value}”, exit status {decision.exit_code}"
    selection = decision.selection
    if selection.partial:
        criteria = counted(selection.criteria, "criterion", "criteria")
        told += f"; of what was selected ({criteria}) {selection.verdict}"
    return told
