"""The page: one self-contained HTML file, right without a script, everything escaped."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from pytest_prodstatus.model.duration import age
from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.summary import next_actions, stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template


def write_page(record: Record, config: Config) -> str:
    """Return the page for a record; the same record gives the same text."""
    now = record.run.finished or record.run.started
    return _template().render(
        record=record,
        run=record.run,
        title=config.title,
        stages=[(stage, config.catalogue.by_id.get(stage.id)) for stage in record.stages],
        actions=next_actions(record),
        counts=_counts(record),
        version=__version__,
        line=stage_line,
        value=shown,
        instant=_instant,
        ago=lambda at: age(now - at),
        seconds=lambda duration: f"{duration:.2f} s",
        until=lambda standing, stage: _until(standing.observed_at, stage.valid_for),
        confirmed=Verdict.CONFIRMED,
    )


def _counts(record: Record) -> dict[str, int]:
    verdicts = [standing.verdict for standing in record.criteria]
    return {verdict.value: verdicts.count(verdict) for verdict in Verdict}


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "unknown"


def _until(seen: datetime | None, valid_for: timedelta) -> str:
    return _instant(seen + valid_for) if seen else ""


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
