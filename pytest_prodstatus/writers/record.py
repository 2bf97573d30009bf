"""The record as JSON: `status.json`, by the schema in `pytest_prodstatus/schema/status-v1.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from json.encoder import encode_basestring as quoted
from math import isfinite
from typing import TYPE_CHECKING, Any

from pytest_prodstatus.model.evidence import entry_to_json, to_text
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

if TYPE_CHECKING:
    from pytest_prodstatus.model.override import Override


def write_record(record: Record) -> str:
    """Return the record's JSON text: a criterion is a line, so that two records can be compared.

    It ends in a line end; the same record gives the same text.
    """
    return "".join(record_pieces(record))


def record_pieces(record: Record, former: str = "") -> Iterator[str]:
    """Yield the record's JSON text piece by piece, so that it is never in memory as a whole.

    Args:
        record: what to write.
        former: the JSON text of `record.previous`; where it is "", that is written from its values.
    """
    yield from _record(record, "\n", former)
    yield "\n"


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_text = _ENCODER.encode
_LEVELS = 2
"""How deep the parts of a record are spread over lines; its stages are all but for criteria."""


def _record(record: Record, margin: str, former: str = "") -> Iterator[str]:
    inner = f"{margin} "
    parts = {
        "schema": SCHEMA,
        "run": _run(record.run),
        "final": {
            "verdict": record.final.verdict.value,
            **_reason(record.final.reason),
            "cause": record.final.cause,
        },
        "decision": _decision(record.decision),
    }
    yield f"{{{inner}" + "".join(f"{_named(n, v, inner)},{inner}" for n, v in parts.items())
    yield '"stages": '
    yield from _stages(record.stages, inner)
    parts = {
        "history": [_past(past) for past in record.history],
        "document": record.document,
        "overrides": [_override(override) for override in record.overrides],
    }
    yield "".join(f",{inner}{_named(name, value, inner)}" for name, value in parts.items())
    if record.previous:
        yield f',{inner}"previous": '
        yield from (former.strip(),) if former else _record(record.previous, inner)
    yield f"{margin}}}"


def _stages(stages: Sequence[StageResult], margin: str) -> Iterator[str]:
    lead, stage_margin, inner = "[", f"{margin} ", f"{margin}  "
    for stage in stages:
        yield f"{lead}{stage_margin}{{"
        for name, value in _stage(stage).items():
            yield f"{inner}{_named(name, value, inner)},"
        yield f'{inner}"criteria": '
        before = f"[{inner} "
        for standing in stage.criteria:
            yield f"{before}{_standing(standing)}"
            before = f",{inner} "
        yield f"{inner}]" if stage.criteria else "[]"
        yield f"{stage_margin}}}"
        lead = ","
    yield f"{margin}]" if stages else "[]"


def _named(name: str, value: Any, margin: str) -> str:
    return f"{_text(name)}: {_spread(value, _LEVELS, margin)}"


def _spread(value: Any, levels: int, margin: str) -> str:
    if not levels or not value or not isinstance(value, (dict, list)):
        return _text(value)
    inner = f"{margin} "
    if isinstance(value, dict):
        items = [f"{_text(k)}: {_spread(v, levels - 1, inner)}" for k, v in value.items()]
        return f"{{{inner}{f',{inner}'.join(items)}{margin}}}"
    return f"[{inner}{f',{inner}'.join(_spread(v, levels - 1, inner) for v in value)}{margin}]"


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
        **({"shard": True} if run.shard else {}),
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
    }


_FLAG = {True: "true", False: "false"}
_WORD: dict[Verdict | None, str] = {
    None: "null",
    **{verdict: f'"{verdict.value}"' for verdict in Verdict},
}


def _standing(standing: Standing) -> str:
    """Return a criterion's line; written out, since a record has thousands of them."""
    reason, kind, remedy = "null", "null", "null"
    if standing.reason:
        reason, kind = quoted(standing.reason.text), f'"{standing.reason.kind.value}"'
        remedy = _or_null(standing.reason.remedy)
    evidence = "[]"
    if standing.evidence:
        evidence = _text([entry_to_json(entry) for entry in standing.evidence])
    took = standing.duration
    seen = f'"{to_text(standing.observed_at)}"' if standing.observed_at else "null"
    # Of what is no JSON number the encoder says so.
    duration = f"{took:.6f}" if isfinite(took) else _text(took)
    return (
        f'{{"id": {quoted(standing.id)}, "nodeid": {_or_null(standing.nodeid)}'
        f', "title": {quoted(standing.title)}, "verdict": {_WORD[standing.verdict]}'
        f', "observed": {_WORD[standing.observed]}'
        f', "observed_at": {seen}'
        f', "carried_over": {_FLAG[standing.carried_over]}, "selected": {_FLAG[standing.selected]}'
        f', "reason": {reason}, "kind": {kind}, "remedy": {remedy}, "evidence": {evidence}'
        f', "duration": {duration}, "attempts": {standing.attempts}'
        f', "flaky": {_FLAG[standing.flaky]}, "side_effects": {_FLAG[standing.side_effects]}'
        f', "run": {_or_null(standing.run_id)}, "subject": {_or_null(standing.subject)}'
        f', "detail": {quoted(standing.detail)}}}'
    )


def _or_null(text: str | None) -> str:
    return "null" if text is None else quoted(text)


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
