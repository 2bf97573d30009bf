"""The page: one self-contained HTML file with everything escaped, complete without its script.

The other modules of this package make its parts as `Markup`, whose `format` escapes every value
that isn't a `Markup` itself. The only style and script are inline. The Content-Security-Policy
names them by their digests, so nothing else can run on the page.

pytest-html's report gets a block with the head, and with the criteria that aren't CONFIRMED.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_prodstatus import __version__
from pytest_prodstatus.model.criterion_status import valid_until
from pytest_prodstatus.model.record import ChangeKind, Decision, Record, Run
from pytest_prodstatus.model.rollup import cause_line
from pytest_prodstatus.model.verdict import Reason, Rule, Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html import (
    code,
    columns,
    for_each,
    optional,
    row,
    section,
    stage_tag,
    tag,
)
from pytest_prodstatus.writers.html.criterion import Page, address, criterion
from pytest_prodstatus.writers.html.head import (
    commit,
    front,
    gate_decision,
    overview,
    stage_top,
    valid_for,
)
from pytest_prodstatus.writers.words import counted, instant, span, stage_line

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import GateDecision

_FOLDER = Path(__file__).parents[1] / "assets"
_STYLE, _SCRIPT = "status.css", "status.js"

_SHOWN_CHANGES = 100
"""Criteria that are shown as changed since the last open run; `prodstatus diff` prints all."""

_MANY = 200
"""Criteria from which on a page is a long one."""


def write_page(record: Record, config: Config) -> str:
    """Return the page for a record; the same record gives the same text."""
    return "".join(page_pieces(record, config))


def page_pieces(
    record: Record, config: Config, decision: GateDecision | None = None, *, linked: bool = True
) -> Iterator[Markup]:
    """Yield the page in pieces, so that the complete page is never in memory.

    Args:
        record: of the run.
        config: the project's configuration.
        decision: the gate's, by which the record was judged again; None for that of the run's end.
        linked: link to attachments; False if the page isn't beside its record.
    """
    decision = decision or gate_decision(record, config)
    anchors = _anchors(record, config)
    yield _opening(record, config, decision)
    yield _incidents(record)
    yield _path(record, config, anchors)
    yield overview(record, config.catalogue, anchors)
    yield _changes(record)
    yield _since_open(record)
    yield Markup(
        '<section aria-labelledby="criteria"><h2 id="criteria">Criteria and evidence</h2>\n'
        # Hidden until the script fills it: without a script it could do nothing.
        '<div id="tools" role="search" aria-label="Criteria" hidden></div>\n'
    )
    # Not the clock: the same record must give the same page on every day.
    now = record.run.finished or record.run.started
    tracebacks = sum(1 for status in record.criteria if status.detail)
    waived = decision.waived if decision else ()
    page = Page.of(now, tracebacks, waived, record.failures, linked=linked)
    # What is out of sight of a long page isn't laid out. On a short one that would save nothing,
    # and its height, which is a guess until it is seen, would jump.
    size = "criteria many" if sum(1 for _ in record.criteria) > _MANY else "criteria"
    # The numbers are the criteria's anchors, as in `_anchors`.
    number = count(1)
    for stage in record.stages:
        yield stage_top(stage, record, config, anchors)
        if stage.criteria:
            lasts = valid_for(stage.id, config)
            yield Markup('<div class="{}">').format(size)
            for status in stage.criteria:
                yield criterion(status, next(number), lasts, page)
            yield Markup("</div>")
        yield Markup("</section>\n")
    yield Markup("</section>\n")
    yield audit(record)
    yield _end(config)


@cache
def inline(name: str) -> Markup:
    """Return the content of a style sheet or script of this package, unescaped.

    Args:
        name: of a file in `assets`.
    """
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  a file of this package, with nothing of a record in it


def _anchors(record: Record, config: Config) -> dict[str, str]:
    """Return the anchors of the criteria that a link may point to, by their ids."""
    causes = {stage.cause for stage in record.stages}
    # Numbered in the page's order. Of thousands of criteria, only a few are linked to.
    numbered = enumerate(record.criteria, 1)
    return {s.id: f"c{n}" for n, s in numbered if config.path or s.id in causes}


def _opening(record: Record, config: Config, decision: GateDecision | None) -> Markup:
    """Return the beginning of the page, up to its first section."""
    until = valid_until(record.criteria, config.catalogue)
    return Markup(
        "<!DOCTYPE html>\n"
        '<html lang="en">\n'
        "<head>\n"
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        # The page's address may name an internal server; a link in it must not tell others.
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<title>{verdict} · {title} · {target}</title>\n"
        "<style>{style}</style>\n"
        "</head>\n"
        "<body>\n"
        "<header>\n"
        '<p class="masthead"><span class="target">{target}</span> {title}</p>\n'
        "{front}"
        # The script shows it as soon as the verdict is no longer valid.
        '<p class="old" id="old" role="status" hidden>{until}</p>\n'
        "</header>\n"
        "<main>\n"
    ).format(
        policy=policy(),
        verdict=record.final.verdict,
        title=config.title,
        target=record.run.target,
        style=inline(_STYLE),
        front=front(record, config, decision, 1),
        until=optional('<time datetime="{}"></time>', until and until.isoformat()),
    )


@cache
def policy() -> Markup:
    """Return the Content-Security-Policy that allows our style, our script and nothing else."""
    style, script = (
        base64.b64encode(hashlib.sha256(inline(name).encode()).digest()).decode()
        for name in (_STYLE, _SCRIPT)
    )
    # The last two don't fall back to default-src, by the specification of the policy.
    return Markup(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; "
        "base-uri 'none'; form-action 'none'"
    ).format(style, script)


def _incidents(record: Record) -> Markup:
    """Return what went wrong outside any criterion, as HTML; nothing without any."""
    if not (record.run.finished and record.run.incidents):
        return Markup()
    items = for_each("<li>{}</li>", (incident.text for incident in record.run.incidents))
    return section(
        "incidents",
        "What went wrong outside the criteria",
        Markup("\n<ul>{}</ul>").format(items),
        style="incidents",
    )


def _path(record: Record, config: Config, anchors: Mapping[str, str]) -> Markup:
    """Return the configured path through the criteria, as HTML; nothing without one."""
    if not config.path or not record.run.finished:
        return Markup()
    # Not above: few projects configure a path, and the others shouldn't pay for the import.
    from pytest_prodstatus.writers.html.path import path

    return section("path", "The path", path(record, config.path, anchors))


def _changes(record: Record) -> Markup:
    """Return the changes since the run before; nothing if there are none, or no such run."""
    if not record.history or not record.run.finished:
        return Markup()  # while a run is in progress, every stage is BLOCKED: that is no change
    then, now = record.history[-1], record.past
    rows = [
        row(stage.title, str(then.stages.get(stage.id, "not there")), stage.word)
        for stage in record.stages
        if then.stages.get(stage.id) is not now.stages.get(stage.id)
    ]
    for what, was, is_now in (
        ("release", then.release, now.release),
        ("suite commit", then.commit, now.commit),
    ):
        if was != is_now:
            rows.append(row(what, was or "unknown", is_now or "unknown"))
    if not rows:
        return Markup()
    table = Markup(
        '\n<table class="changes"><thead><tr>{}</tr></thead><tbody>\n{}</tbody></table>'
    ).format(columns("What", "Was", "Is"), Markup().join(rows))
    return section("changes", "What changed since the run before", table)


def _since_open(record: Record) -> Markup:
    """Return what has changed since the last open gate; nothing if no such run is known."""
    since = record.since_open
    if since is None:
        return Markup()
    shown, more = since.criteria[:_SHOWN_CHANGES], len(since.criteria) - _SHOWN_CHANGES
    rows = [
        row(c.id, str(c.before or "not there"), str(c.after or "not there"), _change_word(c.change))
        for c in shown
    ]
    text = Markup("\n<p>The gate was last open {}, run {}{}.{}{}</p>").format(
        instant(since.run.started),
        code(since.run.run),
        optional(", release {}", since.run.release),
        "" if rows else " No criterion has changed since.",
        f" {counted(more, 'more criterion', 'more criteria')} changed." if more > 0 else "",
    )
    table = Markup(
        '\n<table class="changes"><thead><tr>{}</tr></thead><tbody>\n{}</tbody></table>'
    ).format(columns("Criterion", "Was", "Is", "Change"), Markup().join(rows))
    return section("since-open", "Since the last open run", text + (table if rows else ""))


def _change_word(change: ChangeKind) -> str:
    """Return the word for a change since the last open run."""
    return "newly BLOCKED" if change is ChangeKind.BLOCKED else str(change)


def audit(record: Record) -> Markup:
    """Return the section for an auditor: the run, the decision, and what they were based on."""
    rows = Markup().join(_audited(record))
    table = Markup('\n<table class="run"><tbody>\n{}</tbody></table>').format(rows)
    return section("run", "The run, for an audit", table)


def _audited(record: Record) -> Iterator[Markup]:
    """Yield the rows of the audit: what was judged, when, by what and how."""
    run = record.run
    yield row("Run", code(run.id))
    yield row("Time", _time(run))
    yield row("Decision", _decision(record.decision))
    for cause in record.decision.causes if run.finished else ():
        yield row("Closed by", cause_line(cause))
    for name, url in run.subject.endpoints.items():
        yield row("Endpoint", Markup("{} {}").format(name, code(url)))
    for name, instants in run.subject.snapshots.items():
        yield row("Read as of", f"{name} {', '.join(map(instant, instants))}")
    if run.commit:
        yield row("Suite commit", commit(run), end="")
    if run.catalogue:
        yield row("Catalogue", code(run.catalogue), end="")
    if run.versions:  # none while it is in progress
        versions = ", ".join(f"{name} {number}" for name, number in run.versions.items())
        yield row("Made with", versions)


def _time(run: Run) -> str:
    """Return when a run began and ended, in words."""
    if not run.finished:
        return f"since {instant(run.started)}"
    return f"{instant(run.started)} to {instant(run.finished)}, {span(run.finished - run.started)}"


def _decision(decision: Decision) -> str:
    """Return the decision of the run in words: gate and exit status, and by which option."""
    text = f"{decision.gate}, exit status {decision.exit_code}"
    if decision.rule is not Rule.CONFIRMED:
        text += f" by --prodstatus-gate={decision.rule.value}"
    selection = decision.selection
    if selection.partial:
        criteria = counted(selection.criteria, "criterion", "criteria")
        text += f"; of what was selected ({criteria}) {selection.verdict}"
    return text


def _end(config: Config) -> Markup:
    """Return the foot of the page, as HTML."""
    signed = "Unsigned: anyone who can write these files can change them."
    if config.signed_by:
        signed = "This page is unsigned; the gate wants the record's signature, status.intoto.json."
    return Markup(
        '</main>\n<footer class="dim"><p>Written by pytest-prodstatus {} from the record alone '
        "(status.json beside this page has every number in full). {}</p></footer>\n"
        "<script>{}</script>\n</body>\n</html>"
    ).format(__version__, signed, inline(_SCRIPT))


def write_block(record: Record, config: Config) -> str:
    """Return the block for pytest-html's report: head, stages, and criteria not CONFIRMED.

    pytest-html drops tests that crashed or never ran, so their criteria are listed here.
    """
    stages = [row(stage.title, stage_tag(stage), stage_line(stage)) for stage in record.stages]
    unconfirmed = [
        row(status.id, tag(status.verdict), _reason_and_remedy(status.reason))
        for status in record.criteria
        if status.verdict is not Verdict.CONFIRMED
    ]
    return str(
        Markup('<style>{}</style>\n<div class="prodstatus">\n{}{}{}</div>').format(
            inline("report.css"),
            front(record, config, gate_decision(record, config), 2),
            _table("Stages", columns("Stage", "Verdict", "What was seen, or why not"), stages),
            _table(
                "Criteria that are not CONFIRMED, also those that crashed or were not reached",
                columns("Criterion", "Verdict", "Why"),
                unconfirmed,
            )
            if unconfirmed
            else "",
        )
    )


def _table(caption: str, head: Markup, rows: Iterable[Markup]) -> Markup:
    """Return a table with a caption, as HTML."""
    return Markup(
        "<table><caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table>\n"
    ).format(caption, head, Markup().join(rows))


def _reason_and_remedy(reason: Reason | None) -> Markup:
    """Return a reason with its remedy and owner, as HTML; nothing for None."""
    if reason is None:
        return Markup()
    remedy = optional("<br>→ {}", reason.remedy) + address(reason)
    return Markup("{}: {}{}").format(reason.kind, reason.text, remedy)
