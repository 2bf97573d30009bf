"""The record as JSON: `status.json`, by the schema in `pytest_prodstatus/schema/status-v1.json`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pytest_prodstatus.model.evidence import Entry, to_text
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.reason import Reason
from pytest_prodstatus.model.record import (
    SCHEMA,
    Decision,
    Past,
    Record,
    Run,
    StageResult,
    Standing,
)
from pytest_prodstatus.model.verdict import Verdict


def write_record(record: Record) -> str:
    """Return the record's JSON text: a criterion is a line, so that two records can be compared.

    It ends in a line end; the same record gives the same text.
    """
    return _spread(record_to_json(record), _LEVELS) + "\n"


_LEVELS = 4
"""How deep a record is spread over lines: record, stages, stage, criteria."""


def _spread(value: Any, levels: int, margin: str = "\n") -> str:
    if not levels or not value or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = margin + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(k)}: {_spread(v, levels - 1, inner)}" for k, v in value.items()]
        return f"{{{inner}{f',{inner}'.join(items)}{margin}}}"
    return f"[{inner}{f',{inner}'.join(_spread(v, levels - 1, inner) for v in value)}{margin}]"


def record_to_json(record: Record) -> dict[str, Any]:
    """Return the record as JSON values."""
    data = {
        "schema": SCHEMA,
        "run": _run(record.run),
        "final": {
            "verdict": record.final.verdict.value,
            **_reason(record.final.reason),
            "cause": record.final.cause,
        },
        "decision": _decision(record.decision),
        "stages": [_stage(stage) for stage in record.stages],
        "history": [_past(past) for past in record.history],
        "document": record.document,
        "overrides": [_override(override) for override in record.overrides],
    }
    if record.previous:
        data["previous"] = record_to_json(record.previous)
    return data


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """Return one evidence entry: its name, its instant and its typed value, flat."""
    return {"name": entry.name, "at": to_text(entry.at), **entry.value}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "target": run.target,
        "subject": {
            "release": run.subject.release,
            "endpoints": dict(run.subject.endpoints),
            "snapshots": {
                name: list(map(to_text, at)) for name, at in run.subject.snapshots.items()
            },
        },
        "started": to_text(run.started),
        "finished": _time(run.finished),
        "commit": run.commit,
        "dirty": run.dirty,
        "catalogue": run.catalogue,
        "selection": run.selection,
        "complete": run.complete,
        "versions": dict(run.versions),
        "incidents": [_reason(incident) for incident in run.incidents],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "open": decision.open,
        "rule": decision.rule.value,
        "exit_code": decision.exit_code,
        "reasons": list(decision.reasons),
        "selection": {
            "partial": decision.selection.partial,
            "verdict": decision.selection.verdict.value,
            "criteria": decision.selection.criteria,
        },
    }


def _stage(stage: StageResult) -> dict[str, Any]:
    return {
        "id": stage.id,
        "title": stage.title,
        "verdict": stage.verdict.value,
        **_reason(stage.reason),
        "derived": stage.derived,
        "cause": stage.cause,
        "since": _time(stage.since),
        "previous": _verdict(stage.previous),
        "criteria": [_standing(standing) for standing in stage.criteria],
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "id": standing.id,
        "nodeid": standing.nodeid,
        "title": standing.title,
        "verdict": standing.verdict.value,
        "observed": _verdict(standing.observed),
        "observed_at": _time(standing.observed_at),
        "carried_over": standing.carried_over,
        "selected": standing.selected,
        **_reason(standing.reason),
        "evidence": [entry_to_json(entry) for entry in standing.evidence],
        "duration": round(standing.duration, 6),
        "attempts": standing.attempts,
        "flaky": standing.flaky,
        "side_effects": standing.side_effects,
        "run": standing.run_id,
        "subject": standing.subject,
        "detail": standing.detail,
    }


def _past(past: Past) -> dict[str, Any]:
    return {
        "run": past.run,
        "started": to_text(past.started),
        "commit": past.commit,
        "release": past.release,
        "final": past.final.value,
        "stages": {name: verdict.value for name, verdict in past.stages.items()},
    }


def _override(override: Override) -> dict[str, str]:
    return {
        "target": override.target,
        "reason": override.reason,
        "who": override.who,
        "since": to_text(override.since),
        "until": to_text(override.until),
    }


def _reason(reason: Reason | None) -> dict[str, str | None]:
    if reason is None:
        return {"reason": None, "kind": None, "remedy": None}
    return {"reason": reason.text, "kind": reason.kind.value, "remedy": reason.remedy}


def _time(instant: datetime | None) -> str | None:
    return to_text(instant) if instant else None


def _verdict(verdict: Verdict | None) -> str | None:
    return verdict.value if verdict else None
