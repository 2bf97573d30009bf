"""What stands above the table of another HTML report, as pytest-html's: the page's head in short.

It is a piece of HTML for a page that isn't ours, with a style that touches nothing else there.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from pytest_prodstatus.model.reason import Reason
from pytest_prodstatus.model.record import Record, StageResult, Standing
from pytest_prodstatus.model.summary import stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.front import front
from pytest_prodstatus.writers.html.head import head
from pytest_prodstatus.writers.html.inline import inline
from pytest_prodstatus.writers.html.words import tag


def write_block(record: Record, config: Config) -> str:
    """Return the head, the stages, and every criterion that isn't CONFIRMED, ran or not."""
    unmet = [s for s in record.criteria if s.verdict is not Verdict.CONFIRMED]
    return str(
        Markup('<style>{}</style>\n<div class="prodstatus">\n{}{}{}</div>').format(
            inline("report.css"), front(head(record, config), 2), _stages(record), _unmet(unmet)
        )
    )


def _stages(record: Record) -> Markup:
    return Markup(
        "<table><caption>Stages</caption>\n"
        '<thead><tr><th scope="col">Stage</th><th scope="col">Verdict</th>'
        '<th scope="col">What was seen, or why not</th></tr></thead>\n'
        "<tbody>\n{}</tbody></table>\n"
    ).format(Markup().join(map(_stage, record.stages)))


def _stage(stage: StageResult) -> Markup:
    return _row(stage.title, stage.verdict, stage_line(stage))


def _unmet(unmet: Sequence[Standing]) -> Markup:
    if not unmet:
        return Markup()
    return Markup(
        "<table><caption>Criteria that are not CONFIRMED, also those that crashed or were not "
        "reached</caption>\n"
        '<thead><tr><th scope="col">Criterion</th><th scope="col">Verdict</th>'
        '<th scope="col">Why</th></tr></thead>\n'
        "<tbody>\n{}</tbody></table>\n"
    ).format(Markup().join(_row(s.id, s.verdict, _why(s.reason)) for s in unmet))


def _row(name: str, verdict: Verdict, told: str) -> Markup:
    return Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>\n').format(
        name, tag(verdict), told
    )


def _why(reason: Reason | None) -> Markup:
    if reason is None:
        return Markup()
    remedy = Markup("<br>→ {}").format(reason.remedy) if reason.remedy else ""
    return Markup("{}: {}{}").format(reason.kind, reason.text, remedy)
