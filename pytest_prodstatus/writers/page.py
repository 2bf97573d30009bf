"""The page: one self-contained HTML file, right without a script, everything escaped.

Its parts come from `writers.html`, each a `Markup`: what is put into one is escaped unless it is
one itself. Its only style and script are inline and named by their digests in its
Content-Security-Policy, so nothing else can run on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from markupsafe import Markup

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.version import __version__
from pytest_prodstatus.writers.html.audit import audit
from pytest_prodstatus.writers.html.changes import changes
from pytest_prodstatus.writers.html.criterion import Page, criterion
from pytest_prodstatus.writers.html.front import front
from pytest_prodstatus.writers.html.head import Head, head, valid_for
from pytest_prodstatus.writers.html.inline import inline, policy
from pytest_prodstatus.writers.html.overview import overview
from pytest_prodstatus.writers.html.stage import stage_top

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
