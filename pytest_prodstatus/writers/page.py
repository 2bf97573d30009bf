"""The page: one self-contained HTML file, right without a script, everything escaped.

Its parts come from `writers.html`; the template puts them in order. Its only style and script are
inline and named by their digests in its Content-Security-Policy, so nothing else can run on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count, islice
from typing import Any

from markupsafe import Markup

from pytest_prodstatus.model.answer import Waived
from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.record import Record, StageResult
from pytest_prodstatus.model.summary import stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.criterion import Page, criterion
from pytest_prodstatus.writers.html.graph import graph, hangs, is_root
from pytest_prodstatus.writers.html.head import head, valid_for, valid_until
from pytest_prodstatus.writers.html.path import path
from pytest_prodstatus.writers.html.strip import stage_strip
from pytest_prodstatus.writers.html.template import source, template

_INLINE = {"style": "status.css", "script": "status.js"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A stage as the page shows it.

    Attributes:
        meaning: what its verdict means, in the project's words.
        until: when the first of its CONFIRMED criteria is too old to be carried over.
    """

    stage: StageResult
    declared: Stage | None
    meaning: str
    until: datetime | None
    strip: Markup


def write_page(record: Record, config: Config) -> str:
    """Return the page for a record; the same record gives the same text."""
    return "".join(page_pieces(record, config))


_HERE = "\0"
"""Where the criteria of a stage go; no text on a page holds it (`model.text`)."""


def page_pieces(record: Record, config: Config) -> Iterator[str]:
    """Yield the page piece by piece, so that it is never in memory as a whole."""
    top = head(record, config)
    around = _around(record, config, top).split(_HERE)
    rows = _criteria(record, config, top["waived"])
    for stage, before in zip((s for s in record.stages if s.criteria), around, strict=False):
        yield before
        yield from islice(rows, len(stage.criteria))
    yield around[-1]


def _around(record: Record, config: Config, top: Mapping[str, Any]) -> str:
    """Return the page with a mark where each stage's criteria go."""
    anchors = _anchors(record, config)
    return template("status.html.j2").render(
        title=config.title,
        parts=_parts(record, config),
        here=_HERE,
        path=path(record, config.path, anchors),
        graph=graph(record, config.catalogue),
        changes=_changes(record),
        titles={stage.id: stage.title for stage in record.stages},
        anchors=anchors,
        line=stage_line,
        is_root=is_root,
        hangs=hangs,
        **top,
        **_inline(),
    )


def _anchors(record: Record, config: Config) -> dict[str, str]:
    """Return the anchors of the criteria that a part of the page may point to."""
    causes = {stage.cause for stage in record.stages}
    numbered = enumerate(record.criteria, 1)
    return {s.id: f"c{n}" for n, s in numbered if config.path or s.id in causes}


def _criteria(record: Record, config: Config, waived: Iterable[Waived]) -> Iterator[str]:
    """Yield each criterion's HTML."""
    now = record.run.finished or record.run.started
    page = Page.of(now, sum(1 for standing in record.criteria if standing.detail), waived)
    number = count(1)
    for stage in record.stages:
        lasts = valid_for(stage.id, config)
        for standing in stage.criteria:
            yield criterion(standing, next(number), lasts, page)


def _parts(record: Record, config: Config) -> list[_Part]:
    parts = []
    for stage in record.stages:
        declared = config.catalogue.by_id.get(stage.id)
        parts.append(
            _Part(
                stage=stage,
                declared=declared,
                meaning=_meaning(declared, stage.verdict),
                until=valid_until(stage, config),
                strip=stage_strip(record, stage.id),
            )
        )
    return parts


def _meaning(stage: Stage | None, verdict: Verdict) -> str:
    if stage is None:
        return ""
    return {
        Verdict.CONFIRMED: stage.confirmed,
        Verdict.BLOCKED: stage.blocked,
        Verdict.FAILED: stage.failed,
    }[verdict]


def _changes(record: Record) -> list[tuple[str, str, str]]:
    """Return what differs from the run before: what it is, what it was, what it is now."""
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


@cache
def _inline() -> Mapping[str, Markup]:
    """Return style and script, and the policy that allows these two and nothing else."""
    texts = {kind: source(name) for kind, name in _INLINE.items()}
    digests = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in texts.items()
    }
    rules = "; ".join(f"{kind}-src 'sha256-{digest}'" for kind, digest in digests.items())
    policy = f"default-src 'none'; {rules}; base-uri 'none'; form-action 'none'"
    return {**texts, "policy": Markup(policy)}  # noqa: S704  base64 and words of our own
