"""The pages that `prodstatus serve` shows: the list of targets, and each target as of now.

A target's page is the one that a run writes, with the verdicts of now in the record's place.
Imported only if a page is requested: `/gate` and `/verdict` need no HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import marker_of
from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.record import Decision, Final, Record, StageStatus
from pytest_prodstatus.model.verdict import Reason, Rule, Verdict, because
from pytest_prodstatus.writers.exports import why_closed
from pytest_prodstatus.writers.gate_report import Judged
from pytest_prodstatus.writers.html import columns, for_each, optional, row, tag
from pytest_prodstatus.writers.html.page import inline, page_pieces, policy
from pytest_prodstatus.writers.words import minute


def index(judged: Sequence[Judged]) -> str:
    """Return the HTML of the list of targets: verdict, end, reason, and a link to each page."""
    rows = Markup().join(
        row(
            Markup('<a href="/page/{0}">{0}</a>').format(item.report.decision.query.target),
            tag(item.report.decision.present_verdict),
            item.report.decision.decision,
            minute(item.report.until) if item.report.until else "",
            next(iter(item.report.decision.reasons), ""),
        )
        for item in judged
    )
    table = Markup('<table class="run"><thead><tr>{}</tr></thead><tbody>\n{}</tbody></table>')
    head = columns("Target", "Verdict", "Gate", "Until", "Why not")
    return _document("Targets", table.format(head, rows))


def page(judged: Judged) -> str:
    """Return the HTML of a target's page, as it is judged now; there may be no record."""
    if judged.record is None:
        return _without_record(judged)
    decision = judged.report.decision
    record = as_of(judged.record, judged)
    # The decision has a verdict of its own only if the record is about this target.
    known = decision if decision.stages else None
    # Not linked: the server sends no attachment.
    return "".join(page_pieces(record, judged.config, known, linked=False))


def as_of(record: Record, judged: Judged) -> Record:
    """Return a record with its verdicts as they are judged now instead of at its run's end."""
    decision = judged.report.decision
    overrides = (decision.override,) if decision.override else ()
    # While a run is in progress, its record is BLOCKED already.
    if record.run.finished is None:
        return replace(record, overrides=overrides)
    # A record of another target, for example: nothing that it says is shown as this target's.
    if not decision.stages:
        catalogue = judged.config.catalogue
        nothing = marker_of(record.run, Rule.CONFIRMED, catalogue, why=why_closed(decision))
        return replace(nothing, overrides=overrides)
    verdict = decision.present_verdict
    why = None if verdict is Verdict.CONFIRMED else why_closed(decision)
    cause = next((cause.ids[0] for cause in decision.causes), None)
    return replace(
        record,
        final=Final(verdict=verdict, **because(why), cause=cause if why else None),
        decision=Decision(
            open=decision.confirmed,
            rule=Rule.CONFIRMED,
            exit_code=decision.exit_code,
            causes=decision.causes,
            actions=decision.actions,
            selection=record.decision.selection,
        ),
        stages=tuple(_stage(stage, record, decision, why) for stage in decision.stages),
        overrides=overrides,
    )


def _stage(
    stage: StageStatus, record: Record, decision: GateDecision, why: Reason | None
) -> StageStatus:
    """Return a stage with what the record knows of its past."""
    before = next((known for known in record.stages if known.id == stage.id), None)
    if stage.applies and why and decision.present_verdict_of(stage) is not stage.verdict:
        stage = replace(stage, verdict=decision.present_verdict_of(stage), **because(why))
    if before is None or before.verdict is not stage.verdict:
        return stage
    return replace(stage, since=before.since, previous=before.previous)


def _without_record(judged: Judged) -> str:
    """Return the page of a target that has no record, with reasons and actions."""
    decision = judged.report.decision
    reasons = for_each("<li>{}</li>\n", decision.reasons)
    actions = for_each("<li>{}</li>\n", decision.actions)
    body = Markup("<p>{} {}</p>\n<ul>{}</ul>\n{}").format(
        tag(decision.present_verdict),
        f"The gate is {decision.decision}.",
        reasons,
        optional("<h2>What to do next</h2>\n<ol>{}</ol>", actions),
    )
    return _document(decision.query.target, body)


def _document(title: str, body: Markup) -> str:
    """Return an HTML document with a title and a body."""
    return str(
        Markup(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<meta name="color-scheme" content="light dark">\n'
            "<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
            "<header><h1>{title}</h1></header>\n<main>\n{body}\n</main>\n</body>\n</html>"
        ).format(policy=policy(), title=title, style=inline("status.css"), body=body)
    )
