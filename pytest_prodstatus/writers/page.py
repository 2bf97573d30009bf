"""The page: one self-contained HTML file, right without a script, everything escaped.

Its parts come from `writers.html`; the template puts them in order. Its only style and script are
inline and named by their digests in its Content-Security-Policy, so nothing else can run on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

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
        criteria: their HTML.
    """

    stage: StageResult
    declared: Stage | None
    meaning: str
    until: datetime | None
    strip: Markup
    criteria: Markup


def write_page(record: Record, config: Config) -> str:
    """Return the page for a record; the same record gives the same text."""
    anchors = {standing.id: f"c{n}" for n, standing in enumerate(record.criteria, 1)}
    top = head(record, config)
    return template("status.html.j2").render(
        title=config.title,
        parts=_parts(record, config, top["waived"]),
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


def _parts(record: Record, config: Config, waived: Iterable[Waived]) -> list[_Part]:
    now = record.run.finished or record.run.started
    page = Page.of(now, sum(1 for standing in record.criteria if standing.detail), waived)
    number = 0
    parts = []
    for stage in record.stages:
        declared = config.catalogue.by_id.get(stage.id)
        lasts = valid_for(stage.id, config)
        told = []
        for standing in stage.criteria:
            number += 1
            told.append(criterion(standing, number, lasts, page))
        parts.append(
            _Part(
                stage=stage,
                declared=declared,
                meaning=_meaning(declared, stage.verdict),
                until=valid_until(stage, config),
                strip=stage_strip(record, stage.id),
                criteria=Markup("".join(told)),  # noqa: S704  every text in it was escaped there
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
