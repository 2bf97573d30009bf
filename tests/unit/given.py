"""Builders of valid values for the unit tests: short to write, and all of one instant."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage, title_of
from pytest_prodstatus.model.criterion_status import RunData, criterion_statuses
from pytest_prodstatus.model.evidence import Entry, entry_of
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import CriterionStatus, Record, Run, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict, because
from pytest_prodstatus.readers.config import Config, read_config
from pytest_prodstatus.writers.exports import Report, report_now

C, B, F = Verdict.CONFIRMED, Verdict.BLOCKED, Verdict.FAILED

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload="alert(1)">',
    "' onmouseover='alert(1)",
    "[link](http://evil.example)",
    "![picture](http://evil.example/x.png)",
    "[ref]: http://evil.example",
    "<http://auto.evil.example>",
    "http://evil.example/path and www.evil.example",
    "**bold** _em_ __strong__ *em* ~~gone~~",
    "`code` ``` ~~~",
    "&lt;b&gt; &#60;i&#62; &amp;",
    "first\n# heading\n- item\n\n> quote\n\n    code",
    "a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h",
    "<!-- comment --> and <!-- open",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "\x1b[31mred\x1b[0m \x9b2J \x07 \x08",
    "nul\x00 lone\ud800 back\udc80",
    "right\u202eto left\u2066 \u200f",
    "family 👩‍👧‍👦 ñ 汉字",
    "ends with a backslash \\",
    "| a | table |",
    "x" * 5_000,
)
"""Texts that have broken some report before."""

each_hostile_text = pytest.mark.parametrize(
    "text", HOSTILE, ids=[f"hostile{number}" for number in range(len(HOSTILE))]
)


def reason(text: str = "it was not", kind: Kind = Kind.OBSERVED, **more: Any) -> Reason:
    """Return a reason."""
    return Reason(text=text, kind=kind, **more)


def entry(name: str = "count", value: object = 3, at: datetime = NOW) -> Entry:
    """Return one entry of evidence."""
    return entry_of(name, at, value)


def status(name: str, verdict: Verdict = C, **more: Any) -> CriterionStatus:
    """Return a status, observed at `NOW`, with a reason if its verdict needs one."""
    given: dict[str, Any] = {
        "id": name,
        "title": name.partition(".")[2].capitalize() or name,
        "nodeid": f"test_{name.partition('.')[0]}.py::test_{name.partition('.')[2]}",
        "verdict": verdict,
        "observed": verdict,
        "observed_at": NOW,
        "attempts": 1,
    }
    why = more.pop("reason", None if verdict is C else reason(f"{name} is {verdict}"))
    return CriterionStatus(**{**given, **more}, **because(why))


def declared(text: str) -> Config:
    """Return the configuration in a pyproject.toml; the defaults if it has no [tool.prodstatus]."""
    return read_config(text, "pyproject.toml") or Config()


def stage(name: str, **more: Any) -> Stage:
    """Return a stage."""
    return Stage(**{"id": name, "title": title_of(name), **more})


def catalogue(*stages: Stage | str) -> Catalogue:
    """Return a catalogue of stages, or of plain ones by their ids."""
    return Catalogue(stages=tuple(stage(s) if isinstance(s, str) else s for s in stages))


def criterion(name: str, **more: Any) -> Criterion:
    """Return a criterion, as its test was collected."""
    own_stage, _, words = name.partition(".")
    function = f"test_{own_stage}.py::test_{words.partition('[')[0]}"
    nodeid = f"test_{own_stage}.py::test_{words}"
    given = {"id": name, "stage": own_stage, "nodeid": nodeid, "title": words.capitalize()}
    return Criterion(**{**given, "function": function, **more})


def observation(verdict: Verdict = C, **more: Any) -> Observation:
    """Return an observation at `NOW`."""
    given = {
        "verdict": verdict,
        "reason": None if verdict is C else reason(f"seen to be {verdict}"),
        "observed_at": NOW,
        "attempts": 1,
    }
    return Observation(**{**given, **more})


def run(**more: Any) -> Run:
    """Return a finished run."""
    given: dict[str, Any] = {
        "id": "run-1",
        "target": "demo",
        "subject": Subject(release="v1", endpoints={"api": "https://api.example"}),
        "started": NOW - HOUR,
        "finished": NOW,
        "commit": "0123456789abcdef",
        "dirty": False,
        "versions": {"pytest": "9.2.0"},
    }
    return Run(**{**given, **more})


def run_data(
    stages: Catalogue, observed: dict[str, Observation] | None = None, /, **more: Any
) -> RunData:
    """Return the data of a run that collected, selected and observed the same criteria."""
    seen = observed or {}
    collected = more.pop("collected", tuple(map(criterion, seen)))
    given: dict[str, Any] = {
        "catalogue": stages,
        "collected": collected,
        "selected": frozenset(c.id for c in collected),
        "observe": lambda criterion: seen.get(criterion.id),
    }
    return RunData(**{**given, **more})


def assembled(known: RunData, of: Run, rule: Rule, status: int = 0, at: datetime = NOW) -> Record:
    """Return the record of a run that ended at an instant."""
    return compose(known, criterion_statuses(known, of, at), of, rule, status)


def record(
    stages: Catalogue,
    verdicts: dict[str, Any],
    /,
    *,
    rule: Rule = Rule.CONFIRMED,
    status: int = 0,
    of: Run | None = None,
    **more: Any,
) -> Record:
    """Return the record of a full run that observed each criterion with the given verdict."""
    seen = {
        name: value if isinstance(value, Observation) else observation(value)
        for name, value in verdicts.items()
    }
    return assembled(run_data(stages, seen, **more), of or run(), rule, status)


def report(made: Record, stages: Catalogue | None = None, **more: Any) -> Report:
    """Return what a format shows of a record that was made with a catalogue.

    Args:
        made: the record.
        stages: the catalogue; None if only the record's own stages matter.
        more: fields of the configuration, and `now`, which is `NOW` by default.
    """
    now = more.pop("now", NOW)
    config = Config(catalogue=stages or Catalogue(), **more)
    of = replace(made.run, catalogue=config.catalogue.digest)
    return report_now(replace(made, run=of), config, now)


def by_id(statuses: Iterable[CriterionStatus]) -> dict[str, CriterionStatus]:
    """Return statuses by their ids."""
    return {status.id: status for status in statuses}


def in_progress(former: Record | None = None) -> Record:
    """Return the record of a run in progress."""
    marker = record(
        catalogue("oauth"),
        {"oauth.token": B},
        of=run(finished=None, incidents=(reason("the run is in progress", Kind.NOT_RUN),)),
    )
    return replace(marker, previous=former)
