"""The page: one self-contained HTML file, right without a script, everything escaped.

Its parts come from `writers.html`; the template puts them in order. Its only style and script are
inline and named by their digests in its Content-Security-Policy, so nothing else can run on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR, Stage
from pytest_prodstatus.model.record import Past, Record, StageResult
from pytest_prodstatus.model.summary import next_actions, stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.version import __version__
from pytest_prodstatus.writers.html.criterion import Page, criterion
from pytest_prodstatus.writers.html.graph import graph, hangs, is_root
from pytest_prodstatus.writers.html.path import path
from pytest_prodstatus.writers.html.strip import final_strip, stage_strip
from pytest_prodstatus.writers.html.words import CLASS, SIGN, counted, instant, minute, span, tag

if TYPE_CHECKING:
    from jinja2 import Template

_HASHED = {"style": "status.css", "script": "status.js"}


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
    now = record.run.finished or record.run.started
    page = Page.of(now, sum(1 for standing in record.criteria if standing.detail))
    anchors = {standing.id: f"c{n}" for n, standing in enumerate(record.criteria, 1)}
    parts = _parts(record, config, page)
    return _template().render(
        record=record,
        run=record.run,
        title=config.title,
        parts=parts,
        path=path(record, config.path, anchors),
        graph=graph(record, config.catalogue) if config.catalogue.stages else "",
        actions=next_actions(record),
        changes=_changes(record),
        last_confirmed=_last_confirmed(record),
        until=min((part.until for part in parts if part.until), default=None),
        counts=_counts(record),
        titles={stage.id: stage.title for stage in record.stages},
        anchors=anchors,
        strip=final_strip(record),
        version=__version__,
        line=stage_line,
        is_root=is_root,
        hangs=hangs,
        instant=instant,
        minute=minute,
        span=span,
        counted=counted,
        tag=tag,
        confirmed=Verdict.CONFIRMED,
        style_of=CLASS,
        signs=SIGN,
        **_inline(),
    )


def _parts(record: Record, config: Config, page: Page) -> list[_Part]:
    number = 0
    parts = []
    for stage in record.stages:
        declared = config.catalogue.by_id.get(stage.id)
        valid_for = declared.valid_for if declared else DEFAULT_VALID_FOR
        told = []
        for standing in stage.criteria:
            number += 1
            told.append(criterion(standing, number, valid_for, page))
        parts.append(
            _Part(
                stage=stage,
                declared=declared,
                meaning=_meaning(declared, stage.verdict),
                until=_until(stage, valid_for),
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


def _until(stage: StageResult, valid_for: timedelta) -> datetime | None:
    seen = [
        standing.observed_at
        for standing in stage.criteria
        if standing.verdict is Verdict.CONFIRMED and standing.observed_at
    ]
    return min(seen) + valid_for if seen else None


def _counts(record: Record) -> Mapping[Verdict, int]:
    verdicts = [standing.verdict for standing in record.criteria]
    return {verdict: verdicts.count(verdict) for verdict in Verdict}


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
            told.append((what, (was or "unknown")[:40], (is_now or "unknown")[:40]))
    return told


def _last_confirmed(record: Record) -> Past | None:
    """Return the newest former run whose FINAL was CONFIRMED, where this one's isn't."""
    if record.final.verdict is Verdict.CONFIRMED:
        return None
    held = (past for past in reversed(record.history) if past.final is Verdict.CONFIRMED)
    return next(held, None)


@cache
def _inline() -> Mapping[str, Markup]:
    """Return style and script, and the policy that allows these two and nothing else."""
    environment = _template().environment
    loader = environment.loader
    texts = {
        kind: loader.get_source(environment, name)[0] if loader else ""
        for kind, name in _HASHED.items()
    }
    digests = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in texts.items()
    }
    rules = "; ".join(f"{kind}-src 'sha256-{digest}'" for kind, digest in digests.items())
    policy = f"default-src 'none'; {rules}; base-uri 'none'; form-action 'none'"
    # The package's own files, which no record has a part in.
    inline = {kind: Markup(text) for kind, text in texts.items()}  # noqa: S704
    return {**inline, "policy": Markup(policy)}  # noqa: S704


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pytest_prodstatus.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("status.html.j2")
