"""The page: one self-contained HTML file, right without a script, everything escaped.

Its parts come from the modules beside it, each a `Markup`: what is put into one is escaped unless
it is one itself. Its only style and script are inline and named by their digests in its
Content-Security-Policy, so nothing else can run on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path

from markupsafe import Markup

from pytest_prodstatus.model.causes import cause_line
from pytest_prodstatus.model.record import Decision, Record, Run
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.version import __version__
from pytest_prodstatus.writers.html.criterion import Page, criterion
from pytest_prodstatus.writers.html.head import Head, commit, front, head, valid_for
from pytest_prodstatus.writers.html.stages import overview, stage_top
from pytest_prodstatus.writers.html.words import code, counted, instant, span

_FOLDER = Path(__file__).parents[1] / "assets"


@cache
def inline(name: str) -> Markup:
    """Return a style or a script of this package as it is, for the element of its kind."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  a file of this package: no record has a part in it


@cache
def policy(style: str, script: str) -> Markup:
    """Return the Content-Security-Policy that allows this style, this script and nothing else."""
    return Markup(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; "
        "base-uri 'none'; form-action 'none'"
    ).format(_digest(inline(style)), _digest(inline(script)))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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


def changes(record: Record) -> Markup:
    """Return the section, or nothing where nothing changed or there is no run before."""
    rows = Markup().join(
        Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>\n').format(*change)
        for change in _changes(record)
    )
    if not rows:
        return Markup()
    return Markup(
        '<section aria-labelledby="changes">'
        '<h2 id="changes">What changed since the run before</h2>\n'
        '<table class="changes"><thead><tr><th scope="col">What</th><th scope="col">Was</th>'
        '<th scope="col">Is</th></tr></thead><tbody>\n{}</tbody></table></section>\n'
    ).format(rows)


def _changes(record: Record) -> list[tuple[str, str, str]]:
    """Return what differs: what it is, what it was, what it is now."""
    if not record.history or not record.run.finished:
        return []
    then, now = record.history[-1], record.past
    told = [
        (stage.title, str(then.stages.get(stage.id, "not there")), str(stage.verdict))
        for stage in record.stages
        if then.stages.get(stage.id) is not stage.verdict
    ]
    for what, was, is_now in (
        ("release", then.release, now.release),
        ("suite commit", then.commit, now.commit),
    ):
        if was != is_now:
            told.append((what, was or "unknown", is_now or "unknown"))
    return told


_STYLE, _SCRIPT = "status.css", "status.js"


def write_page(record: Record, config: Config) -> str:
    """Return the page for a record; the same record gives the same text."""
    return "".join(page_pieces(record, config))


def page_pieces(record: Record, config: Config) -> Iterator[Markup]:
    """Yield the page piece by piece, so that it is never in memory as a whole."""
    top = head(record, config)
    anchors = _anchors(record, config)
    yield _opening(top, config)
    yield _incidents(record)
    yield _path(record, config, anchors)
    yield overview(record, config.catalogue, anchors)
    yield changes(record)
    yield Markup(
        '<section aria-labelledby="criteria"><h2 id="criteria">Criteria and evidence</h2>\n'
        '<div id="tools" role="search" aria-label="Criteria" hidden></div>\n'
    )
    now = record.run.finished or record.run.started
    page = Page.of(now, sum(1 for standing in record.criteria if standing.detail), top.waived)
    number = count(1)
    for stage in record.stages:
        yield stage_top(stage, record, config, anchors)
        if stage.criteria:
            lasts = valid_for(stage.id, config)
            yield Markup('<div class="criteria">')
            for standing in stage.criteria:
                yield criterion(standing, next(number), lasts, page)
            yield Markup("</div>")
        yield Markup("</section>\n")
    yield Markup("</section>\n")
    yield audit(record)
    yield _end()


def _anchors(record: Record, config: Config) -> dict[str, str]:
    """Return the anchors of the criteria that a part of the page may point to."""
    causes = {stage.cause for stage in record.stages}
    numbered = enumerate(record.criteria, 1)
    return {s.id: f"c{n}" for n, s in numbered if config.path or s.id in causes}


def _opening(top: Head, config: Config) -> Markup:
    """Return everything as far as the first section."""
    until = Markup('<time datetime="{}"></time>').format(top.until.isoformat()) if top.until else ""
    return Markup(
        "<!DOCTYPE html>\n"
        '<html lang="en">\n'
        "<head>\n"
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<title>{verdict} · {title} · {target}</title>\n"
        "<style>{style}</style>\n"
        "</head>\n"
        "<body>\n"
        "<header>\n"
        '<p class="where"><span class="target">{target}</span> {title}</p>\n'
        "{front}"
        '<p class="old" id="old" role="status" hidden>{until}</p>\n'
        "</header>\n"
        "<main>\n"
    ).format(
        policy=policy(_STYLE, _SCRIPT),
        verdict=top.record.final.verdict,
        title=config.title,
        target=top.record.run.target,
        style=inline(_STYLE),
        front=front(top, 1),
        until=until,
    )


def _incidents(record: Record) -> Markup:
    if not (record.run.finished and record.run.incidents):
        return Markup()
    return Markup(
        '<section class="incidents" aria-labelledby="incidents">'
        '<h2 id="incidents">What went wrong outside the criteria</h2>\n<ul>{}</ul></section>\n'
    ).format(
        Markup().join(Markup("<li>{}</li>").format(told.text) for told in record.run.incidents)
    )


def _path(record: Record, config: Config, anchors: Mapping[str, str]) -> Markup:
    if not config.path:
        return Markup()
    # Not above, since few projects have one to pay for.
    from pytest_prodstatus.writers.html.path import path

    return Markup(
        '<section aria-labelledby="path"><h2 id="path">The path</h2>{}</section>\n'
    ).format(path(record, config.path, anchors))


def _end() -> Markup:
    return Markup(
        '</main>\n<footer class="dim"><p>Written by pytest-prodstatus {} from the record alone '
        "(status.json beside this page has every number in full).</p></footer>\n"
        "<script>{}</script>\n</body>\n</html>"
    ).format(__version__, inline(_SCRIPT))
